"""Raw bytes of a stream and protocols recognised in them (manual 7.3.5).

In TCP mode `stream.data` is what has arrived and waits to be forwarded. Whatever needs more bytes than there are
answers WAIT until `tcp-request inspect-delay` is over. In HTTP mode there is no raw data, these fetches find nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.fetches import client_hello
from pylb.fetches.head import octets
from pylb.registry import Status, fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, WAIT, Absent, Fetch

BUFFER: int = 16384
"""What a payload fetch may ask for at most (tune.bufsize)."""

Data = Callable[[Any], "bytes | Absent"]


def request_data(ctx: Any) -> bytes | Absent:
    """Raw bytes from the client, or MISS where there can be none."""
    stream = ctx.stream
    if stream is None or stream.frontend.http:
        return MISS
    data: bytes = stream.data
    return data


def response_data(ctx: Any) -> bytes | Absent:
    """Raw bytes from the server, as the stream shows them while its response rules run."""
    stream = ctx.stream
    if stream is None or stream.frontend.http:
        return MISS
    data: bytes | None = getattr(stream, "data_back", None)
    return WAIT if data is None else data


def either_data(ctx: Any) -> bytes | Absent:
    """Raw bytes of the direction whose rules run."""
    stream = ctx.stream
    if stream is not None and getattr(stream, "data_back", None) is not None:
        return response_data(ctx)
    return request_data(ctx)


def short(ctx: Any) -> Absent:
    """What to say when bytes are lacking: they may still come, or not."""
    return MISS if ctx.final else WAIT


def _length(source: Data) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            data = source(ctx)
            if isinstance(data, Absent):
                return data
            return len(data) if data or ctx.final else WAIT

        return read

    return factory


def _payload(source: Data) -> Callable[..., Fetch]:
    def factory(offset: int, length: int) -> Fetch:
        if offset < 0 or length < 0 or offset + length > BUFFER:
            return lambda ctx: MISS

        def rest(ctx: Any) -> Any:
            data = source(ctx)
            if isinstance(data, Absent):
                return data
            return data[offset:] if len(data) > offset else short(ctx)

        def exact(ctx: Any) -> Any:
            data = source(ctx)
            if isinstance(data, Absent):
                return data
            return data[offset : offset + length] if len(data) >= offset + length else short(ctx)

        return exact if length else rest

    return factory


def _payload_lv(source: Data) -> Callable[..., Fetch]:
    def factory(offset: int, width: int, start: Any = None) -> Fetch:
        if offset < 0:
            raise ValueError("payload offset1 must be positive")
        if not width:
            raise ValueError("payload length must be > 0")
        text = octets(start) if start is not None else b""
        if text and not text.lstrip(b"+-").isdigit():
            raise ValueError("payload offset2 is not a number")
        relative = not text or text[:1] in b"+-"
        begin = offset + width + int(text or b"0") if relative else int(text)
        if begin < 0:
            raise ValueError("payload offset2 too negative")
        if width < 0:  # as large as no buffer is, for HAProxy
            return lambda ctx: MISS

        def read(ctx: Any) -> Any:
            data = source(ctx)
            if isinstance(data, Absent):
                return data
            if len(data) < offset + width:
                return short(ctx)
            size = int.from_bytes(data[offset : offset + width], "big")
            if not size or begin + size > BUFFER:
                return MISS
            return data[begin : begin + size] if len(data) >= begin + size else short(ctx)

        return read

    return factory


for _names, _source, _scope, _what in (
    (("req.",), request_data, Scope.REQUEST_DATA, "of the request"),
    (("res.",), response_data, Scope.RESPONSE_DATA, "of the response"),
    (("",), either_data, Scope.REQUEST_VARS, "of the direction whose rules run"),
):
    _prefix = _names[0]
    if _prefix:
        fetch(
            f"{_prefix}len",
            *(("req_len",) if _prefix == "req." else ()),
            out="int",
            scope=_scope,
            changes=True,
            doc=f"Raw bytes {_what} in the buffer.",
        )(_length(_source))
    fetch(
        f"{_prefix}payload",
        out="bin",
        scope=_scope,
        args=("int", "int"),
        changes=lambda offset, length: not length,
        doc=f"<length> raw bytes {_what} from <offset> on; a length of 0 takes all there are.",
    )(_payload(_source))
    fetch(
        f"{_prefix}payload_lv",
        out="bin",
        scope=_scope,
        args=("int", "int", "str?"),
        doc=f"Raw bytes {_what} preceded by their length: <width> bytes at <offset> hold it, big-endian; the data "
        "begins behind them, or at <offset2>, which is relative to there when it has a sign.",
    )(_payload_lv(_source))


def _hello(get: Callable[[bytes], Any]) -> Callable[[], Fetch]:
    """A fetch over the client's first bytes."""

    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            data = request_data(ctx)
            if isinstance(data, Absent):
                return data
            found = get(data)
            return short(ctx) if found is WAIT else found

        return read

    return factory


def _part(get: Callable[[client_hello.ClientHello], Any]) -> Callable[[bytes], Any]:
    def read(data: bytes) -> Any:
        hello = client_hello.read(data)
        return hello if isinstance(hello, Absent) else get(hello)

    return read


def _extension(kind: int) -> Callable[[bytes], Any]:
    """Content of a list extension behind its two length bytes."""
    return _part(lambda hello: hello.extensions.get(kind, b"")[2:] or MISS)


def _ticket(hello: client_hello.ClientHello) -> int:
    content = hello.extensions.get(client_hello.SESSION_TICKET)
    return 0 if content is None else 2 if content else 1


def _key_shares(hello: client_hello.ClientHello) -> bytes | Absent:
    content = hello.extensions.get(client_hello.KEY_SHARE, b"")[2:]
    groups = b""
    at = 0
    while at + 4 <= len(content):
        groups += content[at : at + 2]
        at += 4 + int.from_bytes(content[at + 2 : at + 4], "big")
    return groups or MISS


_HELLO: tuple[tuple[tuple[str, ...], str, Scope, Callable[[bytes], Any], str], ...] = (
    (
        ("req.ssl_hello_type", "req_ssl_hello_type"),
        "int",
        Scope.REQUEST_DATA,
        client_hello.hello_type,
        "Type of the TLS handshake message that the client sent first: 1 is a ClientHello.",
    ),
    (
        ("req.ssl_ver", "req_ssl_ver"),
        "int",
        Scope.REQUEST_DATA,
        client_hello.hello_version,
        "Protocol version in the client's hello: major * 65536 + minor, matched as `3.1` for TLS 1.0.",
    ),
    (
        ("req.ssl_sni", "req_ssl_sni"),
        "str",
        Scope.REQUEST_DATA,
        _part(client_hello.server_name),
        "Host name that the client's TLS hello asks for (RFC 6066), for switching without terminating TLS.",
    ),
    (
        ("req.ssl_alpn",),
        "str",
        Scope.REQUEST_DATA,
        _part(client_hello.alpn),
        "Protocols that the client's hello offers (RFC 7301), joined by commas.",
    ),
    (
        ("req.ssl_ec_ext",),
        "bool",
        Scope.REQUEST_DATA,
        _part(lambda hello: client_hello.SUPPORTED_GROUPS in hello.extensions),
        "True when the client's hello announces elliptic curves.",
    ),
    (
        ("req.ssl_st_ext",),
        "int",
        Scope.REQUEST_DATA,
        _part(_ticket),
        "Session ticket extension of the client's hello: 0 absent, 1 supported, 2 a ticket is presented.",
    ),
    (
        ("req.ssl_cipherlist",),
        "bin",
        Scope.CLIENT,
        _part(lambda hello: hello.ciphers or MISS),
        "Cipher suites that the client's hello offers, two bytes each.",
    ),
    (
        ("req.ssl_sigalgs",),
        "bin",
        Scope.CLIENT,
        _extension(client_hello.SIGNATURE_ALGORITHMS),
        "Signature algorithms that the client's hello offers, two bytes each.",
    ),
    (
        ("req.ssl_supported_groups",),
        "bin",
        Scope.CLIENT,
        _extension(client_hello.SUPPORTED_GROUPS),
        "Key exchange groups that the client's hello offers, two bytes each.",
    ),
    (
        ("req.ssl_keyshare_groups",),
        "bin",
        Scope.CLIENT,
        _part(_key_shares),
        "Groups for which the client's hello brings a key share, two bytes each.",
    ),
)
for _spoken, _out, _where, _get, _doc in _HELLO:
    fetch(*_spoken, out=_out, scope=_where, doc=_doc)(_hello(_get))


@fetch("res.ssl_hello_type", "rep_ssl_hello_type", out="int", scope=Scope.RESPONSE_DATA)
def res_ssl_hello_type() -> Fetch:
    """Type of the TLS handshake message that the server sent first: 2 is a ServerHello."""

    def read(ctx: Any) -> Any:
        data = response_data(ctx)
        if isinstance(data, Absent):
            return data
        found = client_hello.hello_type(data)
        return short(ctx) if found is WAIT else found

    return read


def rdp_cookies(data: bytes) -> tuple[bytes, bytes] | Absent:
    """Name and value of the cookie in an RDP connection request (TPKT, X.224, MS-RDPBCGR 2.2.1.1)."""
    if len(data) <= 13:
        return WAIT if data[:1] in (b"", b"\x03") else MISS
    if data[0] != 3 or data[5] != 0xE0:
        return MISS
    total = int.from_bytes(data[2:4], "big")
    if total < 13 or data[4] + 5 > total:
        return MISS
    if len(data) < total:
        return WAIT
    body = data[11:total]
    if not body.startswith(b"Cookie:"):
        return MISS
    line, end, _ = body[7:].partition(b"\r\n")
    name, equal, value = line.strip(b" ").partition(b"=")
    return (name, value) if end and equal else MISS


def _rdp(name: Any) -> Callable[[Any], bytes | Absent]:
    wanted = b"" if name is None else octets(name).lower()

    def read(ctx: Any) -> Any:
        data = request_data(ctx)
        if isinstance(data, Absent):
            return data
        found = rdp_cookies(data)
        if isinstance(found, Absent):
            return short(ctx) if found is WAIT else found
        return found[1] if not wanted or found[0].lower() == wanted else MISS

    return read


@fetch("req.rdp_cookie", "rdp_cookie", out="str", scope=Scope.REQUEST_DATA, args=("str?",))
def req_rdp_cookie(name: Any = None) -> Fetch:
    """Value of the RDP cookie <name> (`mstshash` and `msts` are usual), or of any, in the client's first packet."""
    return _rdp(name)


@fetch("req.rdp_cookie_cnt", "rdp_cookie_cnt", out="int", scope=Scope.REQUEST_DATA, args=("str?",))
def req_rdp_cookie_cnt(name: Any = None) -> Fetch:
    """1 when there is an RDP cookie <name>, else 0; waits for the client's first packet."""
    cookie = _rdp(name)

    def read(ctx: Any) -> Any:
        found = cookie(ctx)
        return found if found is WAIT else int(found is not MISS)

    return read


@fetch("wait_end", out="bool", scope=Scope.INTERNAL)
def wait_end() -> Fetch:
    """True once the inspection delay is over or nothing more can come; before that it waits."""

    def read(ctx: Any) -> Any:
        return True if ctx.final else WAIT

    return read


def distcc_tokens(data: bytes, token: bytes, occurrence: int) -> tuple[int, int] | Absent:
    """Value of a distcc token and the place behind it: 4 letters, 8 hexadecimal digits, for some that many bytes."""
    at = 0
    while True:
        part = data[at : at + 12]
        if len(part) < 12:
            return WAIT
        try:
            value = int(part[4:], 16)
        except ValueError:
            return MISS
        at += 12
        if part[:4] == token:
            occurrence -= 1
            if occurrence <= 0:
                return value, at
        if part[:4] in (b"ARGV", b"DOTI", b"SERR", b"SOUT", b"DOTO"):
            at += value
            if at > len(data):
                return WAIT


def _distcc(body: bool) -> Callable[..., Fetch]:
    def factory(token: Any, occurrence: int | None = None) -> Fetch:
        name = octets(token)
        if len(name) != 4:
            raise ValueError("token name must be exactly 4 characters")
        nth = occurrence or 1

        def read(ctx: Any) -> Any:
            data = either_data(ctx)
            if isinstance(data, Absent):
                return data
            found = distcc_tokens(data, name, nth)
            if isinstance(found, Absent):
                return short(ctx) if found is WAIT else found
            value, at = found
            if not body:
                return value
            return data[at : at + value] if len(data) >= at + value else short(ctx)

        return read

    return factory


_DISTCC = "token <token> (its <occurrence>th, the first when omitted) in a distcc request or answer"
fetch(
    "distcc_param",
    out="int",
    scope=Scope.REQUEST_VARS,
    args=("str", "int?"),
    status=Status.FULL,
    doc=f"Number of the {_DISTCC}.",
)(_distcc(False))
fetch(
    "distcc_body",
    out="bin",
    scope=Scope.REQUEST_VARS,
    args=("str", "int?"),
    doc=f"Bytes that follow the {_DISTCC}.",
)(_distcc(True))
