"""Actions on the client connection's addresses and socket: set-src, set-dst and their ports, set-mark, set-tos.

In `tcp-request connection` rules an address is changed for good, `fc_src` included; in `session` rules for the session,
and `fc_src` stays. Later rules change it for their stream alone: what the session had is kept in
`stream.addresses_before`, and put back when the stream ends.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable
from typing import Any, Final

from pylb.config.words import Words
from pylb.records.addresses import destination, local_address, source, unpack
from pylb.registry import action
from pylb.rules.actions.parts import TCP_EARLY
from pylb.sample import casts, expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import Absent

Act = Callable[[Any], None]
Build = Callable[[Any], Act]
_PLACES: Final = (*TCP_EARLY, "tcp-request content", "http-request")
_SOCKET: Final = (*_PLACES, "tcp-response content", "http-response")
_ANY: Final = b"\0\0\0\0"


def _keep(ctx: Any) -> None:
    """Notes the session's addresses before the first change that a stream makes."""
    stream = ctx.stream
    if stream is not None and stream.addresses_before is None:
        session = ctx.session
        stream.addresses_before = (session.src, session.src_port, session.dst, session.dst_port)


def restore_addresses(stream: Any) -> None:
    """Gives the session back the addresses it had before this stream's rules; for the end of a stream."""
    before = stream.addresses_before
    if before is not None:
        session = stream.session
        session.src, session.src_port, session.dst, session.dst_port = before
        stream.addresses_before = None


def _settle_source(session: Any) -> None:
    session.address = unpack(session.src, session.src_port)


def _settle_destination(session: Any) -> None:
    session.local = unpack(session.dst, session.dst_port)


def _changing(
    site: Site, change: Callable[[Any, Any], None], settle: Callable[[Any], None]
) -> Callable[[Any, Any], None]:
    """`change(session, value)` for the connection or for the stream, as the place of the rule says."""
    if site.place == "tcp-request connection":

        def for_good(ctx: Any, value: Any) -> None:
            change(ctx.session, value)
            settle(ctx.session)

        return for_good

    def for_stream(ctx: Any, value: Any) -> None:
        _keep(ctx)  # a session has no stream yet: what its rules change lasts as long as it does
        change(ctx.session, value)

    return for_stream


def _declared(
    words: Words,
    site: Site,
    kind: str,
    change: Callable[[Any, Any], None],
    settle: Callable[[Any], None],
) -> Build:
    # HAProxy looks neither at the place nor at the type: what cannot be read or used changes nothing.
    early = Point.FE_REQUEST | Point.BE_REQUEST if site.place in TCP_EARLY else site.points
    parsed = expression.parse(words, dataclasses.replace(site, points=early))
    fits = casts.find(parsed.type, kind) is not None

    def build(program: Any) -> Act:
        if not fits or not parsed.scope.allows(site.points):
            return lambda ctx: None
        read = parsed.compile_as(kind, program)
        apply = _changing(site, change, settle)

        def act(ctx: Any) -> None:
            value = read(ctx)
            if not isinstance(value, Absent):
                apply(ctx, value)

        return act

    return build


def _source_address(session: Any, value: bytes) -> None:
    source(session)  # learns the port, which stays
    session.src = value


def _source_port(session: Any, value: int) -> None:
    if source(session) is None:
        session.src = _ANY
    session.src_port = value & 0xFFFF


def _destination_address(session: Any, value: bytes) -> None:
    destination(session)
    session.dst = value


def _destination_port(session: Any, value: int) -> None:
    if destination(session) is None:
        session.dst = _ANY
    session.dst_port = value & 0xFFFF


@action("set-src", places=_PLACES, usage="<expression>")
def set_src(words: Words, site: Site) -> Build:
    """Replaces the source address that rules, logs and headers see; the port stays. Manual 4.2."""
    return _declared(words, site, "addr", _source_address, _settle_source)


@action("set-src-port", places=_PLACES, usage="<expression>")
def set_src_port(words: Words, site: Site) -> Build:
    """Replaces the source port that rules and logs see. Manual 4.2."""
    return _declared(words, site, "int", _source_port, _settle_source)


@action("set-dst", places=_PLACES, usage="<expression>")
def set_dst(words: Words, site: Site) -> Build:
    """Replaces the destination address: what `dst` says, and where a server of address 0.0.0.0 is. Manual 4.2."""
    return _declared(words, site, "addr", _destination_address, _settle_destination)


@action("set-dst-port", places=_PLACES, usage="<expression>")
def set_dst_port(words: Words, site: Site) -> Build:
    """Replaces the destination port: what `dst_port` says, and the one of servers that have none. Manual 4.2."""
    return _declared(words, site, "int", _destination_port, _settle_destination)


def _number(words: Words) -> int:
    text = words.next("expects exactly 1 argument (integer/hex value)")
    try:
        return int(text, 0)
    except ValueError:
        words.fail(f"invalid character starting at '{text.lstrip('0123456789')}' (integer/hex value expected)")


def _set_option(ctx: Any, level: int, option: int, value: int) -> None:
    sock = getattr(ctx.session.connection, "sock", None)
    if sock is None:
        return
    try:
        sock.setsockopt(level, option, value)
    except OSError:
        return  # no privilege (SO_MARK) or another family: HAProxy goes on too


@action("set-mark", "set-fc-mark", places=_SOCKET, usage="<number>")
def set_mark(words: Words, site: Site) -> Build:
    """Sets the netfilter mark of packets to the client; needs CAP_NET_ADMIN. Decimal or 0x hexadecimal. Manual 4.2."""
    mark = _number(words)
    return lambda program: lambda ctx: _set_option(ctx, socket.SOL_SOCKET, socket.SO_MARK, mark)


@action("set-tos", "set-fc-tos", places=_SOCKET, usage="<number>")
def set_tos(words: Words, site: Site) -> Build:
    """Sets the TOS (DSCP) byte of packets to the client. Decimal or 0x hexadecimal. Manual 4.2."""
    tos = _number(words) & 0xFF

    def act(ctx: Any) -> None:
        address = local_address(ctx.session)
        if isinstance(address, tuple) and len(address) == 4:
            _set_option(ctx, socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        else:
            _set_option(ctx, socket.IPPROTO_IP, socket.IP_TOS, tos)

    return lambda program: act
