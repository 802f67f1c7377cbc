"""Actions that decide: allow, deny, tarpit, return, auth, reject, silent-drop, accept, close, switch-mode, use-service.

Each rule has a verdict of its own, made when it is compiled, so that logs can name the rule that spoke.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb import registry
from pylb.config import units
from pylb.config.words import Words, to_bytes
from pylb.errors import ConfigError, did_you_mean
from pylb.http.message import Field, field
from pylb.records.handshakes import NETSCALER, PROXY
from pylb.registry import Kind, action
from pylb.rules import replies, reply_lines
from pylb.rules.actions.parts import HTTP, REQUEST, TCP, scripted
from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample.site import Site

Act = Callable[[Any], "Verdict | None"]
Build = Callable[[Any], Act]
_ANSWERING: Final = ("http-request", "http-response")


def saying(outcome: Outcome, reply: Any = None) -> Act:
    """An action that always gives the same verdict."""
    verdict = Verdict(outcome, reply)
    return lambda ctx: verdict


@action("allow", places=HTTP, final=True)
def allow(words: Words, site: Site) -> Build:
    """Ends this ruleset: what it has not refused so far passes. `redirect` lines are still looked at. Manual 4.2."""
    return lambda program: saying(Outcome.STOP)


@action("accept", places=TCP, final=True)
def accept(words: Words, site: Site) -> Build:
    """Ends this ruleset: the connection or its data pass. Manual 4.2."""
    return lambda program: saying(Outcome.STOP)


@action("reject", places=(*TCP, "http-request"), final=True)
def reject(words: Words, site: Site) -> Build:
    """Closes the connection without an answer. Manual 4.2."""
    return lambda program: saying(Outcome.CLOSE)


@action("close", places="tcp-response content", final=True)
def close(words: Words, site: Site) -> Build:
    """Closes the connection to the server; what it has sent already goes to the client. Manual 4.2."""

    def build(program: Any) -> Act:
        ended = Verdict(Outcome.HANG_UP)
        passed = Verdict(Outcome.STOP)

        def act(ctx: Any) -> Verdict:
            response = ctx.response
            if response is None:
                return ended
            response.close = True  # an HTTP response is passed on; its connection serves no other request
            return passed

        return act

    return build


@action("silent-drop", places=(*TCP, *_ANSWERING), usage="[rst-ttl <hops>]", final=True)
def silent_drop(words: Words, site: Site) -> Build:
    """Forgets the connection without telling the client, who keeps waiting (TCP_REPAIR, which needs CAP_NET_ADMIN;
    without it a reset leaves that reaches the next hop only). With `rst-ttl` a reset is sent in any case, that goes so
    many hops, 1 to 255: firewalls in front forget the connection, too. Manual 4.4."""
    hops = 0
    if words.accept("rst-ttl"):
        wanted = "'rst-ttl' expects a number of hops from 1 to 255"
        hops = units.parse_integer(words.next(wanted))
        if not 1 <= hops <= 255:
            words.fail(wanted)

    def build(program: Any) -> Act:
        verdict = Verdict(Outcome.DROP, at=hops)
        return lambda ctx: verdict

    return build


def _answer(words: Words, site: Site, outcome: Outcome, status: int) -> Build:
    line = reply_lines.take(words, site, status, error=outcome is not Outcome.REPLY)
    return lambda program: saying(outcome, replies.compile_line(line, program))


_REPLY_USAGE = (
    "[status <code>] [content-type <type>] [default-errorfiles | errorfile <file> | errorfiles <name> | file <file> | "
    "lf-file <file> | string <text> | lf-string <format>] [hdr <name> <format>]*"
)


@action(
    "deny", places=_ANSWERING, usage=_REPLY_USAGE.replace("status <code>", "{status | deny_status} <code>"), final=True
)
def deny(words: Words, site: Site) -> Build:
    """Refuses: a request is answered with an error page (403 unless told otherwise), a response is replaced by one
    (502). Counts as denied, and as an error of the client for requests. Manual 4.2."""
    return _answer(words, site, Outcome.DENY, 403 if site.place in REQUEST else 502)


@action("tarpit", places="http-request", usage=_REPLY_USAGE, final=True)
def tarpit(words: Words, site: Site) -> Build:
    """Keeps the client waiting for `timeout tarpit`, then answers with an error page (500 unless told otherwise).
    Manual 4.2."""
    return _answer(words, site, Outcome.TARPIT, 500)


@action("return", places=_ANSWERING, usage=_REPLY_USAGE, final=True)
def reply(words: Words, site: Site) -> Build:
    """Answers at once: an empty 200 unless told otherwise. Not an error. Manual 4.2."""
    return _answer(words, site, Outcome.REPLY, 200)


@action("auth", places="http-request", usage="[realm <text>]", final=True)
def auth(words: Words, site: Site) -> Build:
    """Asks the client for a user and password (Basic): 401, or 407 where the client takes us for a proxy and `option
    http-use-proxy-header` is set. The realm is the proxy's name unless given. Manual 4.2."""
    realm: bytes | None = None
    if words.accept("realm"):
        realm = to_bytes(words.next("missing realm value"))

    def header(name: bytes) -> Callable[[Any], Field]:
        def make(stream: Any) -> Field:
            proxy = stream.backend or stream.frontend
            text = proxy.label if realm is None else realm
            return field(name, b'Basic realm="%b"' % text)

        return make

    def build(program: Any) -> Act:
        ours = Verdict(Outcome.REPLY, replies.WithField(replies.Standard(401), header(b"www-authenticate")))
        proxied = Verdict(Outcome.REPLY, replies.WithField(replies.Standard(407), header(b"proxy-authenticate")))

        def act(ctx: Any) -> Verdict:
            if ctx.request.target.startswith(b"/") or "http-use-proxy-header" not in ctx.frontend.options:
                return ours
            return proxied

        return act

    return build


@action("switch-mode", places="tcp-request content", usage="http [proto {h1 | h2}]", final=True)
def switch_mode(words: Words, site: Site) -> Build:
    """Takes the rest of a TCP connection as HTTP; only in frontends in TCP mode. Manual 4.2."""
    proxy = site.proxy
    if proxy is not None and proxy.kind == "backend":
        words.fail(f"'tcp-request switch-mode' not allowed because backend '{proxy.name}' has no frontend capability")
    mode = words.next("'tcp-request switch-mode' expects a mode as argument.")
    if mode != "http":
        words.fail(f"'tcp-request switch-mode' expects a valid mode (got '{mode}').")
    if words.accept("proto"):
        name = words.next("'tcp-request switch-mode': 'proto' expects a protocol as argument.")
        if name not in ("h1", "h2"):
            words.fail(f"'tcp-request switch-mode': 'proto' expects a valid MUX protocol, if specified (got '{name}')")
    return lambda program: saying(Outcome.UPGRADE)


@action("use-service", places=("http-request", "tcp-request content"), usage="<name>", final=True)
def use_service(words: Words, site: Site) -> Build:
    """Lets a service inside the proxy answer. Manual 4.2."""
    what, end = ("'use-service'", "..") if site.place in REQUEST else ("'tcp-request'", ".")
    name = words.next(f"{what} expects a service name{end}")
    word = registry.find(Kind.SERVICE, name)
    if word is None and name.startswith("lua.") and scripted(site.config):
        word = registry.find(Kind.SERVICE, "lua.")
    if word is None:
        raise ConfigError(
            f"'{name}' unknown service name{end}", words.last_span, did_you_mean(name, registry.names(Kind.SERVICE))[2:]
        )
    words.use(word)
    make = word.factory(words, site)

    if word.status.inert:
        return lambda program: lambda ctx: None

    def build(program: Any) -> Act:
        verdict = Verdict(Outcome.SERVICE, service=make(program))
        return lambda ctx: verdict

    return build


def _layer4(words: Words, site: Site, name: str, *, last: bool) -> None:
    layer = words.peek()
    if words.accept("layer4") is None:
        proxy = site.proxy
        kind = "" if proxy is None else "proxy" if proxy.kind == "listen" else proxy.kind
        where = f"in {kind} '{proxy.name}'" if proxy is not None else ""
        text = f"'tcp-request connection {name}' only supports 'layer4' {where} (got '{layer or ''}')"
        words.fail(text, last=last)


def _expecting(header: int) -> Build:
    def expect(ctx: Any) -> None:
        ctx.handshakes |= header

    return lambda program: expect


@action("expect-proxy", places="tcp-request connection", usage="layer4")
def expect_proxy(words: Words, site: Site) -> Build:
    """Demands a PROXY header of the connections that match; `accept-proxy` on the bind line demands it of all."""
    _layer4(words, site, "expect-proxy", last=True)
    return _expecting(PROXY)


@action("expect-netscaler-cip", places="tcp-request connection", usage="layer4")
def expect_netscaler_cip(words: Words, site: Site) -> Build:
    """Demands a NetScaler client IP header of the connections that match, in front of a PROXY header if that is asked
    for too. Its magic number is that of `accept-netscaler-cip` on the bind line, 0 without it. Manual 4.4."""
    _layer4(words, site, "expect-netscaler-cip", last=False)
    return _expecting(NETSCALER)
