"""Protocol upgrades (RFC 9110 7.8, RFC 6455): what may be asked for, and whether an answer of 101 is what was asked.

`h2c` and `h2` are never passed on: a tunnel opened that way would carry requests past every rule.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from typing import Final

from pylb.http.message import CONNECTION, UPGRADE, Field, Refusal, Request, Response, field

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FORBIDDEN: Final = (b"h2c", b"h2")
_legal_key = re.compile(rb"[A-Za-z0-9+/]{22}==").fullmatch


def names_of(fields: list[Field], kind: int) -> list[bytes]:
    """The comma-separated names of all fields of a kind, lower case."""
    return [
        name.strip(b" \t").lower()
        for one in fields
        if one[3] == kind
        for name in one[1].split(b",")
        if name.strip(b" \t")
    ]


def upgrade_names(fields: list[Field]) -> list[bytes]:
    """The protocols a request asks for, after h2c and h2 were taken out of its fields."""
    for at in range(len(fields) - 1, -1, -1):
        one = fields[at]
        if one[3] != UPGRADE:
            continue
        parts = [part.strip(b" \t") for part in one[1].split(b",")]
        kept = [part for part in parts if part.lower() not in _FORBIDDEN]
        if len(kept) != len(parts):
            if any(kept):
                fields[at] = field(b"upgrade", b", ".join(kept))
            else:
                del fields[at]
    return names_of(fields, UPGRADE)


def _value(fields: list[Field], name: bytes) -> bytes | None:
    for one in fields:
        if one[0] == name:
            return one[1]
    return None


def bad_websocket_key(fields: list[Field]) -> bool:
    """True when Sec-WebSocket-Key is missing or no 16 bytes in base64 (RFC 6455 4.1)."""
    key = _value(fields, b"sec-websocket-key")
    return key is None or _legal_key(key) is None


def websocket_accept(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers a key."""
    return b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def judge_switch(request: Request, response: Response, lax: bool = False) -> Refusal | None:
    """Whether a 101 may turn the connections into a tunnel. What it refuses, the client sees as 502. `lax`: with any
    answer to a WebSocket key."""
    if not request.upgrade:
        return Refusal(502, "101 without an upgrade request")
    wanted = names_of(request.fields, UPGRADE)
    chosen = names_of(response.fields, UPGRADE)
    if not chosen or b"upgrade" not in names_of(response.fields, CONNECTION):
        return Refusal(502, "101 without Upgrade")
    if any(name not in wanted for name in chosen):
        return Refusal(502, "101 to a protocol nobody asked for")
    if b"websocket" in chosen and not lax:
        key = _value(request.fields, b"sec-websocket-key") or b""
        if _value(response.fields, b"sec-websocket-accept") != websocket_accept(key):
            return Refusal(502, "wrong Sec-WebSocket-Accept")
    return None
