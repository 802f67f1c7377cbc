"""TLS ClientHello read from raw bytes, without any TLS library: what switching on SNI in TCP mode needs.

Everything here is a pure function of the bytes that have arrived. `read` returns WAIT while the message is incomplete
and MISS when the bytes are not a hello. Layout: RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2; SSLv2-compatible
hellos: RFC 5246 appendix E.2.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from pylb.sample.values import MISS, WAIT, Absent

HANDSHAKE: Final = 0x16
CLIENT_HELLO: Final = 1
SERVER_HELLO: Final = 2

SERVER_NAME: Final = 0
SUPPORTED_GROUPS: Final = 10
POINT_FORMATS: Final = 11
SIGNATURE_ALGORITHMS: Final = 13
ALPN: Final = 16
SESSION_TICKET: Final = 35
KEY_SHARE: Final = 51

_RECORD_MAX: Final = 16384 + 2048
_HELLO_MAX: Final = 65536


class ClientHello(NamedTuple):
    """The parts of a hello; `extensions` maps type to raw content, the first one of a type counts."""

    version: tuple[int, int]
    random: bytes
    session_id: bytes
    ciphers: bytes
    extensions: dict[int, bytes]


def hello_type(data: bytes) -> int | Absent:
    """Type of the first handshake message (1 client hello, 2 server hello) of a TLS record."""
    if not data:
        return WAIT
    if data[0] != HANDSHAKE:
        return MISS
    if len(data) >= 2 and data[1] < 3:
        return MISS
    if len(data) < 6 or len(data) < 5 + (data[3] << 8 | data[4]):
        return WAIT  # the whole record, as HAProxy: half a hello is none
    return data[5]


def hello_version(data: bytes) -> int | Absent:
    """Protocol version that the client announces: major * 65536 + minor. Takes SSLv2 hellos too."""
    if not data:
        return WAIT
    if data[0] == HANDSHAKE:
        if len(data) >= 2 and data[1] < 3:
            return MISS
        if len(data) < 11:
            return WAIT
        if data[5] != CLIENT_HELLO:
            return MISS
        return data[9] << 16 | data[10]
    if len(data) < 5:
        return WAIT if data[0] & 0x80 else MISS
    if data[0] & 0x80 and data[2] == CLIENT_HELLO and data[3] <= 3:
        return data[3] << 16 | data[4]
    return MISS


def message(data: bytes) -> bytes | Absent:
    """Body of the first handshake message, put together from as many records as it spans."""
    body = b""
    at = 0
    wanted = -1
    while True:
        head = data[at : at + 5]
        if (head and head[0] != HANDSHAKE) or (len(head) >= 2 and head[1] < 3):
            return MISS
        if len(head) < 5:
            return WAIT
        size = head[3] << 8 | head[4]
        if not 0 < size <= _RECORD_MAX:
            return MISS
        part = data[at + 5 : at + 5 + size]
        body += part
        if wanted < 0 and len(body) >= 4:
            if body[0] != CLIENT_HELLO:
                return MISS
            wanted = int.from_bytes(body[1:4], "big") + 4
            if wanted > _HELLO_MAX:
                return MISS
        if 0 <= wanted <= len(body):
            return body[4:wanted]
        if len(part) < size:
            return WAIT
        at += 5 + size


def read(data: bytes) -> ClientHello | Absent:
    """The whole hello."""
    body = message(data)
    if isinstance(body, Absent):
        return body
    if len(body) < 35:
        return MISS
    at = 35 + body[34]
    session_id = body[35:at]
    ciphers, at = _block(body, at, 2)
    _, at = _block(body, at, 1)
    if at < 0:
        return MISS
    found: dict[int, bytes] = {}
    if at < len(body):
        block, end = _block(body, at, 2)
        if end < 0:
            return MISS
        at = 0
        while at + 4 <= len(block):
            kind = block[at] << 8 | block[at + 1]
            content, at = _block(block, at + 2, 2)
            if at < 0:
                return MISS
            found.setdefault(kind, content)
    return ClientHello((body[0], body[1]), body[2:34], session_id, ciphers, found)


def _block(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """A length-prefixed block and the place behind it, -1 when it does not fit (also for at < 0)."""
    if at < 0 or at + width > len(data):
        return b"", -1
    start = at + width
    end = start + int.from_bytes(data[at:start], "big")
    return (data[start:end], end) if end <= len(data) else (b"", -1)


def server_name(hello: ClientHello) -> bytes | Absent:
    """First host name of the server_name extension (RFC 6066 section 3)."""
    content = hello.extensions.get(SERVER_NAME)
    if content is None or len(content) < 5:
        return MISS
    names, _ = _block(content, 0, 2)
    if not names or names[0] != 0:
        return MISS
    name, end = _block(names, 1, 2)
    return name if end > 0 else MISS


def alpn(hello: ClientHello) -> bytes | Absent:
    """Protocols that the client offers, in its order, joined by commas (RFC 7301)."""
    content = hello.extensions.get(ALPN)
    if content is None:
        return MISS
    block, _ = _block(content, 0, 2)
    offered = []
    at = 0
    while at < len(block):
        name, at = _block(block, at, 1)
        if at < 0:
            return MISS
        offered.append(name)
    return b",".join(offered) if offered else MISS
