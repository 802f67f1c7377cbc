"""The gate: what a head may mean. Both codecs feed it; nothing reaches rules or servers around it.

A codec delivers a start line and fields of legal bytes, Host among them (`legal_host`). The gate decides what they say
together: the form of the target, Host against authority, the lengths and codings that frame the body, the options of
Connection, Upgrade and Expect. It fills the facts of the message, drops what may not be forwarded (Connection's
keep-alive and close, repeated lengths, a length beside a coding) and returns a Refusal, or None.

The answers are those of HAProxy 2.6 as measured (tests/differential/test_malformed.py keeps the table); where 2.6 is
laxer than later releases or RFC 9110 and 9112, the stricter reading counts. Sources are given by section.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.http.message import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HOST,
    TRANSFER_ENCODING,
    UPGRADE,
    Field,
    Refusal,
    Request,
    Response,
    field,
)
from pylb.http.upgrade import bad_websocket_key, upgrade_names

MAX_LENGTH: Final = (1 << 63) - 1
HTX_FIELD: Final = 4  # HAProxy stores a field with 8 bytes of its own in place of ": " and the line end
HTX_START: Final = 79  # and a head with this much

# RFC 9110 5.6.2 token and RFC 9112 3.2.4 authority; userinfo is never legal in Host.
TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]"
VALUE: Final = rb"[\t -~\x80-\xff]"
_NAME: Final = rb"(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._~!$&'()*+,;=%-]*+)"
legal_host = re.compile(_NAME + rb"(?::[0-9A-Za-z._~-]*+)?+").fullmatch  # rules are to judge odd ports, as in HAProxy
legal_value = re.compile(VALUE + rb"*+").fullmatch
_digits = re.compile(rb"[0-9]++").fullmatch
_connect = re.compile(rb"(" + _NAME + rb"):([0-9]{1,5}+)").fullmatch
_absolute = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*+)://(?:([^/?@]*+)@)?([^/?]*+)(.*+)").fullmatch

_SIMPLE: Final = {  # the values of Connection that clients and servers really send
    b"keep-alive": (b"keep-alive",),
    b"Keep-Alive": (b"keep-alive",),
    b"Keep-alive": (b"keep-alive",),
    b"close": (b"close",),
    b"Close": (b"close",),
}
_DEFAULT_PORTS: Final = {b"http": b"80", b"https": b"443"}
_BODYLESS_IN_10: Final = frozenset((b"GET", b"HEAD", b"DELETE"))


class Limits:
    """How big a head may be: HAProxy's tune.bufsize, tune.maxrewrite and tune.http.maxhdr.

    `head` is the room a head has once stored, where each field costs four bytes more than on the wire; `raw` what may
    be read before its end is seen. Both are refused with 400, as 2.6 does.

    What configurations may allow besides, never asked on the ordinary way: `lax`, what h1_lax takes
    (`option accept-unsafe-violations-in-http-*`); `any_payload`, content of GET, HEAD and DELETE in HTTP/1.0
    (`h1-accept-payload-with-any-method`); `insecure`, a connection that goes on behind a message with a coding beside
    a length (`h1-do-not-close-on-insecure-transfer-encoding`).
    """

    __slots__ = ("any_payload", "fields", "head", "insecure", "lax", "name", "raw")

    def __init__(
        self,
        bufsize: int = 16384,
        maxrewrite: int = 1024,
        maxhdr: int = 101,
        *,
        lax: bool = False,
        any_payload: bool = False,
        insecure: bool = False,
    ) -> None:
        self.raw = bufsize
        self.head = bufsize - maxrewrite - HTX_START
        self.fields = maxhdr - 1
        self.name = 255
        self.lax = lax
        self.any_payload = any_payload
        self.insecure = insecure

    def laxer(self) -> Limits:
        """The same for a proxy that takes violations."""
        other = Limits(lax=True, any_payload=self.any_payload, insecure=self.insecure)
        other.raw, other.head, other.fields = self.raw, self.head, self.fields
        return other


DEFAULT_LIMITS: Final = Limits()


def admit_request(request: Request, limits: Limits) -> Refusal | None:
    """Judges a request. `request.fields` is a list of its own, which may be changed."""
    fields = request.fields
    count = len(fields)
    if count > limits.fields or request.head_size + HTX_FIELD * count > limits.head:
        return Refusal(400, "head too big")
    host: bytes | None = None
    options: list[Field] | None = None
    lengths: list[Field] | None = None
    codings: list[Field] | None = None
    hosts = 0
    upgrades = False
    for one in fields:
        kind = one[3]
        if kind:
            if kind == HOST:
                hosts += 1
                if host is None:
                    host = one[1]
                elif host.lower() != one[1].lower():
                    return Refusal(400, "different Host fields")  # RFC 9112 3.2
            elif kind == CONNECTION:
                options = [one] if options is None else [*options, one]
            elif kind == CONTENT_LENGTH:
                lengths = [one] if lengths is None else [*lengths, one]
            elif kind == TRANSFER_ENCODING:
                codings = [one] if codings is None else [*codings, one]
            elif kind == EXPECT:
                request.expect = request.version > 10 and one[1].lower() == b"100-continue"
            elif kind == UPGRADE:
                upgrades = True
    request.host = host
    if hosts > 1 and host is not None:
        request.dropped += (hosts - 1) * (len(host) + 8)
        _keep_first(fields, HOST)
    if request.target[0] != 47 or request.method == b"CONNECT":
        refusal = _judge_target(request, request.target)
        if refusal is not None and not limits.lax:
            return refusal
        fields = request.fields
    if options is not None:
        names, dropped = _strip_options(fields, options)
        request.dropped += dropped
        if b"close" in names:
            request.close = True
        elif b"keep-alive" in names:
            request.close = False
        upgrades = upgrades and b"upgrade" in names
    else:
        upgrades = False
    if lengths is not None or codings is not None:
        refusal = _frame_request(request, lengths, codings, limits)
        if refusal is not None:
            return refusal
    return _judge_upgrade(request, limits) if upgrades else None


def admit_response(response: Response, method: bytes, limits: Limits) -> Refusal | None:
    """Judges a response to a request with `method`. What it refuses, the client sees as 502."""
    fields = response.fields
    count = len(fields)
    if count > limits.fields or response.head_size + HTX_FIELD * count > limits.head:
        return Refusal(502, "head too big")
    status = response.status
    bodyless = status < 200 or status == 204
    options: list[Field] | None = None
    lengths: list[Field] | None = None
    codings: list[Field] | None = None
    for one in fields:
        kind = one[3]
        if kind:
            if kind == CONTENT_LENGTH:
                lengths = [one] if lengths is None else [*lengths, one]
            elif kind == TRANSFER_ENCODING:
                codings = [one] if codings is None else [*codings, one]
            elif kind == CONNECTION:
                options = [one] if options is None else [*options, one]
    close = response.version < 11
    if options is not None:
        names, dropped = _strip_options(fields, options)
        response.dropped += dropped
        close = b"close" in names or (close and b"keep-alive" not in names)
    if lengths is not None or codings is not None:
        if limits.lax and codings is not None:
            codings = _sane_codings(response, codings)
            if codings is None:
                response.fields = fields = [one for one in response.fields if one[3] != CONTENT_LENGTH]
                lengths = None
        refusal = _frame_response(response, lengths, codings, bodyless)
        if refusal is not None:
            return refusal
        close = close or (lengths is not None and codings is not None and not limits.insecure)
    if bodyless or status == 304 or method == b"HEAD":
        response.bodyless = True
    elif response.framing is None:
        close = True
    response.close = close
    if status == 101 or method == b"CONNECT":
        response.upgrade = status == 101 or 200 <= status < 300
    return None


def _judge_target(request: Request, target: bytes) -> Refusal | None:
    """The four forms of RFC 9112 3.2, and Host against the authority of the two that have one."""
    host = request.host
    if request.method == b"CONNECT":
        return _judge_connect(request, target)
    if target == b"*":
        return None if request.method == b"OPTIONS" else Refusal(400, "bad request target")
    parts = _absolute(target)
    if parts is None:
        return Refusal(400, "bad request target")
    scheme, user, authority, rest = parts.groups()
    if legal_host(authority) is None:
        return Refusal(400, "bad authority in the request target")
    port = _DEFAULT_PORTS.get(scheme.lower(), b"")
    bare = _without_port(authority, port)
    if host is None:
        request.host = bare
    elif _without_port(host, port).lower() != bare.lower():
        return Refusal(400, "Host differs from the request target")
    pathless = not rest and request.method != b"OPTIONS"  # which speaks of the server then (RFC 9112 3.2.4)
    if pathless or bare is not authority:
        _retarget(
            request, b"%b://%b%b%b" % (scheme, b"" if user is None else user + b"@", bare, b"/" if pathless else rest)
        )
        if bare is not authority and host is not None:
            _rehost(request, bare)
    return None


def _retarget(request: Request, target: bytes) -> None:
    """Another target, as if it had been received so: logs and captures show it too."""
    request.dropped += len(request.target) - len(target)
    request.line = b"%b %b %b" % (request.method, target, request.line.rpartition(b" ")[2])
    request.target = target


def _rehost(request: Request, host: bytes) -> None:
    """Another value of Host."""
    assert request.host is not None
    request.dropped += len(request.host) - len(host)
    request.host = host
    request.fields = [field(b"host", host) if one[3] == HOST else one for one in request.fields]


def _judge_connect(request: Request, target: bytes) -> Refusal | None:
    """RFC 9112 3.2.3. A default port disappears from Host, as HAProxy does; an empty one stays."""
    parts = _connect(target)
    if parts is None or not parts[1]:
        return Refusal(400, "bad authority in CONNECT")
    host = request.host
    if host is None:
        request.host = target
        return None
    port = parts[2] if parts[2] in (b"80", b"443") else b""
    bare = _without_port(host, port)
    if bare.lower() != _without_port(target, port).lower():
        return Refusal(400, "Host differs from the request target")
    if port and len(host) - len(bare) > 1:
        _rehost(request, bare)
    return None


def _without_port(authority: bytes, default: bytes) -> bytes:
    """The authority without an empty or default port; the same object when there is nothing to drop."""
    name, colon, port = authority.rpartition(b":")
    if colon and not port.endswith(b"]") and (not port or port == default):
        return name
    return authority


def _frame_request(
    request: Request, lengths: list[Field] | None, codings: list[Field] | None, limits: Limits
) -> Refusal | None:
    """RFC 9112 6.3 for requests. A coding beside a length wins and ends the connection (6.1)."""
    fields = request.fields
    if codings is not None:
        status = judge_codings(codings)
        if status:
            return Refusal(status, "bad Transfer-Encoding")
        request.chunked = True
        request.framing = codings[0]
        if lengths is not None or request.version < 11:
            if lengths is not None and single_length(lengths) is None:
                return Refusal(400, "bad Content-Length")
            if request.version < 11 or not limits.insecure:
                request.close = True
            if lengths is not None:
                request.dropped += _written(lengths)
            request.fields = fields = [one for one in fields if one[3] != CONTENT_LENGTH]
    elif lengths is not None:
        framing = single_length(lengths)
        if framing is None:
            return Refusal(400, "bad Content-Length")
        request.framing = framing
        request.length = int(framing[1])
        if framing is not lengths[0] or len(lengths) > 1:
            request.dropped += _written(lengths) - len(framing[2])
            _keep_first(fields, CONTENT_LENGTH, framing)
    old = request.version < 11 and not limits.any_payload
    if old and (request.chunked or request.length) and request.method in _BODYLESS_IN_10:
        return Refusal(413, "body in an HTTP/1.0 request that has none")
    if request.method == b"CONNECT":  # content has no meaning there (RFC 9110 9.3.6): what follows is the tunnel's
        if request.chunked:
            return Refusal(400, "Transfer-Encoding in CONNECT")
        request.fields = [one for one in request.fields if one[3] != CONTENT_LENGTH]
        request.length = None
        request.framing = None
    return None


def _frame_response(
    response: Response, lengths: list[Field] | None, codings: list[Field] | None, bodyless: bool
) -> Refusal | None:
    """RFC 9112 6.3 for responses. 1xx and 204 lose the fields that they may not have (RFC 9110 8.6)."""
    framing: Field | None = None
    if lengths is not None:
        framing = single_length(lengths)
        if framing is None:
            return Refusal(502, "bad Content-Length")
        if len(lengths) > 1 or framing is not lengths[0]:
            response.dropped += _written(lengths) - len(framing[2])
            _keep_first(response.fields, CONTENT_LENGTH, framing)
        response.length = int(framing[1])
    if codings is not None:
        if judge_codings(codings):
            return Refusal(502, "bad Transfer-Encoding")
        if lengths is not None:
            response.dropped += len(framing[2]) if framing is not None else 0
            response.fields = [one for one in response.fields if one[3] != CONTENT_LENGTH]
            response.length = None
        framing = codings[0]
        response.chunked = True
    if bodyless:
        count = len(response.fields)
        response.fields = [one for one in response.fields if one[3] not in (CONTENT_LENGTH, TRANSFER_ENCODING)]
        response.dropped += HTX_FIELD * (count - len(response.fields))  # HAProxy counts what it does not send on
        response.length = framing = None
        response.chunked = False
    response.framing = framing
    return None


def single_length(lengths: list[Field]) -> Field | None:
    """The one Content-Length that all agree on (RFC 9110 8.6 allows equal repetitions), None when there is none."""
    first = lengths[0]
    if len(lengths) == 1 and _digits(first[1]) is not None:
        if len(first[1]) >= 40 or int(first[1]) > MAX_LENGTH:
            return None
        return first if first[1][0] != 48 or len(first[1]) == 1 else field(b"content-length", b"%d" % int(first[1]))
    seen = -1
    for one in lengths:
        for item in one[1].split(b","):
            text = item.strip(b" \t")
            if _digits(text) is None or len(text) >= 40:
                return None
            number = int(text)
            if number > MAX_LENGTH or number != seen != -1:
                return None
            seen = number
    kept = b"%d" % seen  # without leading zeros, which some take for octal
    return first if kept == first[1] else field(b"content-length", kept)


def _sane_codings(response: Response, codings: list[Field]) -> list[Field] | None:
    """What is meant by codings without a name, or chunked repeated; those fields are written anew or dropped.

    Without any name the body ends with the connection, whatever a length says.
    """
    names = [name.strip(b" \t").lower() for one in codings for name in one[1].split(b",")]
    if not {*names} <= {b"", b"chunked"}:
        return codings
    first, *others = codings
    wanted = [field(b"transfer-encoding", b"chunked")] if b"chunked" in names else []
    fields = [one for one in response.fields if not any(one is other for other in others)]
    at = next(index for index, one in enumerate(fields) if one is first)
    fields[at : at + 1] = wanted
    response.fields = fields
    return wanted or None


def judge_codings(codings: list[Field]) -> int:
    """0 when the only coding is chunked; else HAProxy's status: 422 for one it does not know below chunked."""
    names = [name.strip(b" \t").lower() for one in codings for name in one[1].split(b",")]
    if names == [b"chunked"]:
        return 0
    return 422 if names[-1] == b"chunked" and b"chunked" not in names[:-1] else 400


def _judge_upgrade(request: Request, limits: Limits) -> Refusal | None:
    """Upgrade with Connection: upgrade (RFC 9110 7.8). A request with a body loses it, as in HAProxy."""
    if request.chunked or request.length:
        request.dropped += _written([one for one in request.fields if one[3] == UPGRADE])
        request.fields = [one for one in request.fields if one[3] != UPGRADE]
        return None
    protocols = upgrade_names(request.fields)
    if b"websocket" in protocols and bad_websocket_key(request.fields) and not limits.lax:
        return Refusal(400, "WebSocket handshake without a key")
    request.upgrade = bool(protocols) and request.version > 10
    return None


def _strip_options(fields: list[Field], options: list[Field]) -> tuple[tuple[bytes, ...], int]:
    """Takes keep-alive and close out of Connection; what else it says stays as written.

    All options, lower case, and how many bytes the lines have lost.
    """
    names: tuple[bytes, ...] = ()
    dropped = 0
    for one in options:
        value = one[1]
        simple = _SIMPLE.get(value)
        if simple is not None:
            names = names + simple if names else simple
            fields.remove(one)
            dropped += len(one[2])
            continue
        parts = value.split(b",")
        lowered = [part.strip(b" \t").lower() for part in parts]
        names = (*names, *lowered)
        kept = [part for part, name in zip(parts, lowered, strict=True) if name not in (b"keep-alive", b"close")]
        if len(kept) == len(parts) and any(lowered):
            continue
        value = b",".join(kept).strip(b" \t")
        at = fields.index(one)
        dropped += len(one[2])
        if value.strip(b", \t"):
            fields[at] = field(b"connection", value)
            dropped -= len(fields[at][2])
        else:
            del fields[at]
    return names, dropped


def _written(fields: list[Field]) -> int:
    """Bytes of fields as they are sent."""
    return sum([len(one[2]) for one in fields])


def _keep_first(fields: list[Field], kind: int, instead: Field | None = None) -> None:
    """Leaves one field of a kind, the first, or `instead` in its place."""
    found = False
    kept: list[Field] = []
    for one in fields:
        if one[3] != kind:
            kept.append(one)
        elif not found:
            found = True
            kept.append(one if instead is None else instead)
    fields[:] = kept
