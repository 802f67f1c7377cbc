"""Addresses and facts of the client connection.

Source and destination are learnt on first use and kept on the session as packed bytes; unix sockets have none.
`src`/`dst` are what rules see (`set-src`, `set-dst` change them); `fc_*` is what the connection is: only
`tcp-request connection` rules change that, a PROXY header does not (manual 7.3.3).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import Any

from pylb.fetches.head import octets
from pylb.records import handshakes
from pylb.records.addresses import destination, local_address, pack, source, unpack
from pylb.registry import Status, fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch

_MAPPED = b"\0" * 10 + b"\xff\xff"


@fetch("src", out="addr", scope=Scope.CLIENT)
def src() -> Fetch:
    """Source address of the client as rules see it: a PROXY header, an address header of the load balancer in front or
    a `set-src` action may have replaced the one of the socket."""

    def read(ctx: Any) -> Any:
        session = ctx.session
        return session.src or source(session) or MISS

    return read


@fetch("src_port", out="int", scope=Scope.CLIENT)
def src_port() -> Fetch:
    """TCP source port of the client, changed by `set-src-port`."""

    def read(ctx: Any) -> Any:
        session = ctx.session
        if session.src is None and source(session) is None:
            return MISS
        port: int = session.src_port
        return port

    return read


@fetch("dst", out="addr", scope=Scope.CLIENT)
def dst() -> Fetch:
    """Address that the client connected to, changed by a PROXY header or `set-dst`."""

    def read(ctx: Any) -> Any:
        session = ctx.session
        return session.dst or destination(session) or MISS

    return read


@fetch("dst_port", out="int", scope=Scope.CLIENT)
def dst_port() -> Fetch:
    """TCP port that the client connected to, changed by `set-dst-port`."""

    def read(ctx: Any) -> Any:
        session = ctx.session
        if session.dst is None and destination(session) is None:
            return MISS
        port: int = session.dst_port
        return port

    return read


def is_local(packed: bytes) -> bool:
    """Whether an address belongs to this machine: loopback, or one that a socket can be bound to."""
    if len(packed) == 16 and packed.startswith(_MAPPED):
        packed = packed[12:]
    if len(packed) == 4 and packed[0] == 127:
        return True
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(unpack(packed, 0))
        except OSError:
            return False
    return True


@fetch("src_is_local", "fc_src_is_local", out="bool", scope=Scope.CLIENT)
def src_is_local() -> Fetch:
    """True when the client's address is one of this machine (a socket is bound to it to find out)."""

    def read(ctx: Any) -> Any:
        packed = source(ctx.session)
        return MISS if packed is None else is_local(packed)

    return read


@fetch("dst_is_local", "fc_dst_is_local", out="bool", scope=Scope.CLIENT)
def dst_is_local() -> Fetch:
    """True when the destination address is one of this machine; false with transparent proxying to elsewhere."""

    def read(ctx: Any) -> Any:
        packed = destination(ctx.session)
        return MISS if packed is None else is_local(packed)

    return read


def _caller(session: Any) -> Any:
    """Source address tuple of the connection itself."""
    original = session.original
    return session.address if original is None else original[0]


def _arrival(session: Any) -> Any:
    """Destination address tuple of the connection itself."""
    original = session.original
    if original is None:
        return local_address(session)
    return original[1] or session.connection.getsockname()


@fetch("fc_src", out="addr", scope=Scope.CLIENT)
def fc_src() -> Fetch:
    """Source address of the client connection, whatever a PROXY header or later rules say."""
    return lambda ctx: pack(_caller(ctx.session)) or MISS


@fetch("fc_src_port", out="int", scope=Scope.CLIENT)
def fc_src_port() -> Fetch:
    """Source port of the client connection, whatever a PROXY header or later rules say."""

    def read(ctx: Any) -> Any:
        address = _caller(ctx.session)
        return address[1] if isinstance(address, tuple) else MISS

    return read


@fetch("fc_dst", out="addr", scope=Scope.CLIENT)
def fc_dst() -> Fetch:
    """Destination address of the client connection, whatever a PROXY header or later rules say."""
    return lambda ctx: pack(_arrival(ctx.session)) or MISS


@fetch("fc_dst_port", out="int", scope=Scope.CLIENT)
def fc_dst_port() -> Fetch:
    """Destination port of the client connection, whatever a PROXY header or later rules say."""

    def read(ctx: Any) -> Any:
        address = _arrival(ctx.session)
        return address[1] if isinstance(address, tuple) else MISS

    return read


@fetch("fc_http_major", out="int", scope=Scope.CLIENT, status=Status.PARTIAL, note="1 until HTTP/2 exists")
def fc_http_major() -> Fetch:
    """Major HTTP version of the client's connection encoding: 1 for HTTP/1 and plain TCP, 2, or 3."""
    return lambda ctx: getattr(ctx.session.connection, "major", 1)


@fetch("bc_http_major", out="int", scope=Scope.RESPONSE_INFO, status=Status.PARTIAL, note="1 until HTTP/2 exists")
def bc_http_major() -> Fetch:
    """Major HTTP version of the connection to the server: 1, 2 or 3."""
    return lambda ctx: 1 if ctx.server is not None else MISS


@fetch("fc_glitches", out="int", scope=Scope.CLIENT)
def fc_glitches() -> Fetch:
    """Oddities of the client: requests that only `option accept-unsafe-violations-in-http-request` has let through."""
    return lambda ctx: getattr(getattr(ctx, "front", None), "glitches", 0)


@fetch("bc_glitches", out="int", scope=Scope.RESPONSE_INFO)
def bc_glitches() -> Fetch:
    """Oddities of the connection to the server: responses that only `option accept-unsafe-violations-in-http-response`
    took."""
    return lambda ctx: MISS if ctx.back is None else getattr(ctx.back, "glitches", 0)


@fetch("fc_rcvd_proxy", out="bool", scope=Scope.CLIENT)
def fc_rcvd_proxy() -> Fetch:
    """True when the client connection began with a PROXY protocol header."""
    return lambda ctx: ctx.session.proxy_header is not None


def _pp_field(name: str) -> Fetch:
    def read(ctx: Any) -> Any:
        header = ctx.session.proxy_header
        return getattr(header, name, None) or MISS

    return read


@fetch("fc_pp_authority", out="str", scope=Scope.CLIENT)
def fc_pp_authority() -> Fetch:
    """Authority (host name) that the PROXY v2 header carried in its TLV 0x02."""
    return _pp_field("authority")


@fetch("fc_pp_unique_id", out="str", scope=Scope.CLIENT)
def fc_pp_unique_id() -> Fetch:
    """Unique ID that the PROXY v2 header carried in its TLV 0x05."""
    return _pp_field("unique_id")


@fetch("fc_pp_tlv", out="str", scope=Scope.CLIENT, args=("str",), usage="(<type>)")
def fc_pp_tlv(text: Any) -> Fetch:
    """Value of the first TLV of <type> (0 to 255, `0x` for hexadecimal) that the PROXY v2 header carried."""
    try:
        kind = int(octets(text), 0)
    except ValueError:
        kind = -1
    if not 0 <= kind <= 255:
        raise ValueError("expects a TLV type between 0 and 255")

    def read(ctx: Any) -> Any:
        header = ctx.session.proxy_header
        value = None if header is None else header.tlv(kind)
        return MISS if value is None else value

    return read


_HANDSHAKES = "failures of PROXY and NetScaler headers; those of TLS come with it"


@fetch("fc_err", out="int", scope=Scope.CLIENT, status=Status.PARTIAL, note=_HANDSHAKES)
def fc_err() -> Fetch:
    """Number of the error that the client's connection failed with before its first request, 0 when there is none. For
    `error-log-format`: no rule sees such a connection."""
    return lambda ctx: handshakes.failure(ctx.session)


@fetch("fc_err_str", out="str", scope=Scope.CLIENT, status=Status.PARTIAL, note=_HANDSHAKES)
def fc_err_str() -> Fetch:
    """Description of that error, Success when there is none."""
    return lambda ctx: handshakes.MESSAGES[handshakes.failure(ctx.session)]


fetch(
    "bc_err",
    out="int",
    scope=Scope.RESPONSE_INFO,
    status=Status.PARTIAL,
    note="always 0: a failed connection ends before rules run",
    doc="Error code of the connection, 0 when there is none.",
)(lambda: lambda ctx: 0)
fetch(
    "bc_err_str",
    out="str",
    scope=Scope.RESPONSE_INFO,
    status=Status.PARTIAL,
    note="always Success: a failed connection ends before rules run",
    doc="Description of the connection's error.",
)(lambda: lambda ctx: b"Success")


# Linux struct tcp_info: eight bytes of state and options, then 32-bit words (tcp(7), linux/tcp.h).
_TCP_INFO = struct.Struct("=8B24I")
_WORDS = {
    "unacked": 4,
    "sacked": 5,
    "lost": 6,
    "retrans": 7,
    "fackets": 8,
    "rtt": 15,
    "rttvar": 16,
    "reordering": 20,
}


def _client_socket(ctx: Any) -> Any:
    return getattr(ctx.session.connection, "sock", None)


def _server_socket(ctx: Any) -> Any:
    """The socket of the connection to the server; None before and after it."""
    back = ctx.stream.back if ctx.stream is not None else None
    return getattr(getattr(back, "conn", back), "sock", None)


def _tcp_info(sock: Any, word: int) -> int | Absent:
    if sock is None:
        return MISS
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
    except OSError:  # a unix socket, or a closed one
        return MISS
    if len(raw) < _TCP_INFO.size:
        return MISS
    value: int = _TCP_INFO.unpack(raw)[8 + word]
    return value


def _timing(socket_of: Callable[[Any], Any], word: int) -> Callable[..., Fetch]:
    def factory(unit: Any = None) -> Fetch:
        name = unit.decode(errors="replace") if isinstance(unit, bytes) else unit or "ms"
        if name not in ("ms", "us"):
            raise ValueError(f"expects 'us' or 'ms', got '{name}'")
        if name == "us":
            return lambda ctx: _tcp_info(socket_of(ctx), word)

        def read(ctx: Any) -> Any:
            value = _tcp_info(socket_of(ctx), word)
            return value if isinstance(value, Absent) else value // 1000

        return read

    return factory


def _counting(word: int) -> Callable[..., Fetch]:
    """HAProxy takes a unit here too, which means nothing."""
    return lambda unit=b"": lambda ctx: _tcp_info(_client_socket(ctx), word)


_MEANING = {
    "rtt": "Smoothed round trip time of the connection, in milliseconds or as `us` says in microseconds.",
    "rttvar": "Variation of the round trip time, in milliseconds or as `us` says in microseconds.",
    "unacked": "Segments sent to the client and not acknowledged yet.",
    "sacked": "Segments acknowledged selectively.",
    "lost": "Segments considered lost.",
    "retrans": "Segments retransmitted.",
    "fackets": "Segments of forward acknowledgement.",
    "reordering": "Reordering degree of the client connection.",
}
_SOURCE = "From the kernel's TCP_INFO; nothing on other sockets."
for _name, _word in _WORDS.items():
    _timed = _name.startswith("rtt")
    fetch(
        f"fc_{_name}",
        out="int",
        scope=Scope.CLIENT,
        args=("unit?",) if _timed else ("str?",),
        usage="([<unit>])" if _timed else "",
        doc=f"{_MEANING[_name]} {_SOURCE}",
    )(_timing(_client_socket, _word) if _timed else _counting(_word))
    if _timed:
        fetch(
            f"bc_{_name}",
            out="int",
            scope=Scope.RESPONSE_INFO,
            args=("unit?",),
            usage="([<unit>])",
            doc=f"{_MEANING[_name]} Of the connection to the server. {_SOURCE}",
        )(_timing(_server_socket, _word))


@fetch("so_id", out="int", scope=Scope.CLIENT_STREAM)
def so_id() -> Fetch:
    """Number of the listening socket within its frontend (`id` of the bind line)."""

    def read(ctx: Any) -> Any:
        listener = ctx.session.listener
        number = getattr(listener, "id", None)
        return MISS if number is None else number

    return read


@fetch("so_name", out="str", scope=Scope.CLIENT_STREAM)
def so_name() -> Fetch:
    """Name of the listening socket: `name` of the bind line, else `sock-<n>` under `option socket-stats`, else none."""

    def read(ctx: Any) -> Any:
        listener = ctx.session.listener
        if "name" not in listener.options and "socket-stats" not in listener.frontend.options:
            return MISS
        return str(listener.name).encode("utf-8", "surrogateescape")

    return read


@fetch("dst_conn", out="int", scope=Scope.CLIENT_STREAM)
def dst_conn() -> Fetch:
    """Connections now established on the listening socket that the client used."""

    def read(ctx: Any) -> Any:
        counters = getattr(ctx.session.listener, "counters", None)
        return MISS if counters is None else counters.conn_cur

    return read


def _server_side(peer: bool) -> Callable[[Any], Any]:
    """Socket address of the connection to the server: its peer, or our own end."""

    def address(ctx: Any) -> Any:
        sock = _server_socket(ctx)
        if sock is None:
            return None
        try:
            return sock.getpeername() if peer else sock.getsockname()
        except OSError:
            return None

    return address


def _backward(peer: bool, port: bool) -> Callable[[], Fetch]:
    address = _server_side(peer)

    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            found = address(ctx)
            if not isinstance(found, tuple):
                return MISS
            return found[1] if port else pack(found)

        return read

    return factory


for _name, _peer, _port, _doc in (
    ("bc_dst", True, False, "Address of the server's end of the server connection."),
    ("bc_dst_port", True, True, "Port of the server's end of the server connection."),
    ("bc_src", False, False, "Local address of the connection to the server."),
    ("bc_src_port", False, True, "Local port of the connection to the server."),
):
    fetch(_name, out="int" if _port else "addr", scope=Scope.RESPONSE_INFO, doc=_doc)(_backward(_peer, _port))


TCP_SAVED_SYN = 28


@fetch("fc_saved_syn", out="bin", scope=Scope.CLIENT)
def fc_saved_syn() -> Fetch:
    """The client's SYN packet, as the bind option `tcp-ss` has the kernel save it: from the IP header on with 1, from
    the Ethernet header on with 2. The kernel gives it once; nothing where it was not saved. Newer than HAProxy 3.2."""

    def read(ctx: Any) -> Any:
        sock = _client_socket(ctx)
        if sock is None:
            return MISS
        try:
            return sock.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 512) or MISS
        except OSError:
            return MISS

    return read
