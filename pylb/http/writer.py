"""Messages to bytes: heads as HAProxy writes them, towards servers and clients.

Names are lower case, fields keep their order, reason phrase and version are the peer's. `connection:` is ours: it is
appended where the version's default is not what is wanted, and not at all when the message opens a tunnel.

    towards a server    1.1 and not kept: close      1.0 and kept: keep-alive
    towards a client    1.1 and not kept: close      1.0 on either side and kept: keep-alive

Invariant: a head says once how its body is framed, and says what the message was read by, whatever rules did to
Content-Length and Transfer-Encoding. Only a response made here (head_size 0) is trusted to know its own length.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pylb.http.message import (
    CONNECTION,
    CONTENT_LENGTH,
    HOST,
    TE,
    TRANSFER_ENCODING,
    Field,
    Request,
    Response,
    field,
    version_text,
)

_CLOSE: Final = b"connection: close\r\n\r\n"
_KEEP: Final = b"connection: keep-alive\r\n\r\n"
_END: Final = b"\r\n"
_TRAILERS: Final = field(b"te", b"trailers")
_FRAMING: Final = (CONTENT_LENGTH, TRANSFER_ENCODING)


class Modes(NamedTuple):
    """What the options of a frontend and its backend make of connections; computed once per pair.

    `client`, `server`: the connection may be kept. `told`: what request_head is to tell the server, which differs from
    `server` under http-pretend-keepalive.
    """

    client: bool
    server: bool
    told: bool


def modes(front: str, back: str, pretend_keepalive: bool = False) -> Modes:
    """`front` and `back` are "close" (httpclose), "server-close" or anything else.

    A backend's httpclose ends the server's connection only.
    """
    server = front not in ("close", "server-close") and back not in ("close", "server-close")
    return Modes(front != "close", server, server or pretend_keepalive)


def client_may_stay(request: Request, response: Response) -> bool:
    """Whether the client's connection can carry another request after this exchange."""
    if request.close or response.upgrade:
        return False
    if response.chunked:  # a 1.0 server that sends chunks frames by luck (RFC 9112 6.1)
        return response.bodyless or (request.version > 10 and response.version > 10)
    return response.bodyless or response.length is not None


def server_may_stay(request: Request, response: Response) -> bool:
    """Whether the server's connection can carry another request after this exchange."""
    return not (response.close or response.upgrade or (request.chunked and request.version < 11))


def request_head(request: Request, keep_alive: bool) -> bytes:
    """The head to send to a server. `keep_alive`: it is told that the connection will be kept."""
    fields = request.fields
    framing = request.framing
    old = request.version < 11
    if old:
        tail = _KEEP if keep_alive and not request.chunked else _END
    else:
        tail = _END if keep_alive else _CLOSE
    wires = [one[2] for one in fields if one[3] <= HOST]
    if len(wires) != len(fields) or framing is not None:
        fields, names = _settle(fields, framing)
        wires = [one[2] for one in fields]
        if request.upgrade or b"upgrade" in names:
            tail = _END
        elif b"close" in names:
            tail = _END if old else _CLOSE
        elif b"keep-alive" in names:
            tail = _KEEP if old else _END
    version = b" %b\r\n" % version_text(request.version) if old else b" HTTP/1.1\r\n"
    return b"".join((request.method, b" ", request.target, version, b"".join(wires), tail))


def response_head(response: Response, request: Request, keep_alive: bool) -> bytes:
    """The head to send to a client. `keep_alive`: the connection will be kept after this response.

    Sets request.close when rules put `close` into Connection: ask it before keeping the connection. A 1.0 client must
    not see chunks (RFC 9112 6.1; HAProxy 2.6 sends them all the same): its body is to be sent bare, up to the close.
    """
    fields = response.fields
    framing = response.framing
    status = response.status
    if response.chunked and request.version < 11:
        framing = None
        keep_alive = keep_alive and response.bodyless
    if keep_alive:
        tail = _END if response.version > 10 and request.version > 10 else _KEEP
    else:
        tail = _CLOSE if response.version > 10 else _END
    special = [one for one in fields if one[3] > HOST]
    if (len(special) > 1 or special[0] is not framing) if special else framing is not None:
        if response.head_size == 0 and framing is None and not response.chunked:
            framing = _own_framing(special)
        if status < 200 or status == 204:
            framing = None
        fields, names = _settle(fields, framing)
        if b"close" in names and status >= 200:
            request.close = True
            tail = _CLOSE if response.version > 10 else _END
        elif b"upgrade" in names:
            tail = _END
    if status < 200 or response.upgrade:
        tail = _END
    return b"%b %d %b\r\n%b%b" % (
        b"HTTP/1.1" if response.version > 10 else version_text(response.version),
        status,
        response.reason,
        b"".join([one[2] for one in fields]),
        tail,
    )


def _own_framing(special: list[Field]) -> Field | None:
    """The framing field of a response made here."""
    for one in special:
        if one[3] in _FRAMING:
            return one
    return None


def _settle(fields: list[Field], framing: Field | None) -> tuple[list[Field], list[bytes]]:
    """The fields to send: one framing field, TE cut to trailers, Connection without keep-alive and close.

    Also all options of Connection, lower case.
    """
    kept: list[Field] = []
    names: list[bytes] = []
    for one in fields:
        kind = one[3]
        if kind in _FRAMING:
            if framing is not None:
                kept.append(framing)
                framing = None
        elif kind == TE:
            if b"trailers" in [name.strip(b" \t").lower() for name in one[1].split(b",")]:
                kept.append(_TRAILERS)
        elif kind == CONNECTION:
            parts = one[1].split(b",")
            lowered = [part.strip(b" \t").lower() for part in parts]
            names += lowered
            rest = [part for part, name in zip(parts, lowered, strict=True) if name not in (b"keep-alive", b"close")]
            if len(rest) == len(parts):
                kept.append(one)
            elif any(rest):
                kept.append(field(b"connection", b",".join(rest).strip(b" \t")))
        else:
            kept.append(one)
    if framing is not None:
        kept.append(framing)
    return kept, names
