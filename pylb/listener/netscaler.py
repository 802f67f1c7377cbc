"""The client IP header of NetScaler switches (Citrix CTX205670): the addresses of the client's own TCP handshake.

    parse(data, magic) -> ClientHeader | Malformed | None (more is needed)

Two layouts, told apart by what follows the first eight bytes: an IP header starts with its version, 4 or 6.

    legacy    magic (4), length of the rest (4), IP header, TCP header
    standard  magic (4), length of the whole (4), type, which is 1 (2), length of the rest (2), IP header, TCP header

Reading is incremental, so that a header may come in pieces (HAProxy takes it only in one), and bounded: what cannot
become a header is refused at its first wrong byte. Strict: both headers must fit into the length that is told and the
type must be 1 (HAProxy looks at neither). The whole length of the standard layout is not used, because senders differ
in what they count. The room does no I/O.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from pylb.records.handshakes import CIP_CUT, CIP_MAGIC, CIP_UNHANDLED

TCP: Final = 6
TCP_HEADER: Final = 20
MOST: Final = 16384  # bytes of a header; HAProxy's buffer
TYPE: Final = 1


class ClientHeader:
    """One header that was read. `src` and `dst` are address tuples as the socket module makes them."""

    __slots__ = ("dst", "size", "src")

    def __init__(self, size: int, src: Any, dst: Any) -> None:
        self.size = size  # bytes it took from the connection
        self.src = src
        self.dst = dst


class Malformed:
    """What was sent is no such header; `failure` says why, one of records/handshakes.py."""

    __slots__ = ("failure",)

    def __init__(self, failure: int) -> None:
        self.failure = failure


def parse(data: bytes, magic: int) -> ClientHeader | Malformed | None:
    """Reads a header at the start of `data`; `header.size` bytes belong to it. None: it is not complete yet."""
    expected = magic.to_bytes(4, "big")
    if data[:4] != expected[: len(data)]:
        return Malformed(CIP_MAGIC)
    if len(data) < 9:
        return None
    version = data[8] >> 4
    if version in (4, 6):
        return _packet(data, 8, int.from_bytes(data[4:8], "big"))
    if data[8:10] != TYPE.to_bytes(2, "big")[: len(data) - 8]:
        return Malformed(CIP_UNHANDLED)
    if len(data) < 12:
        return None
    return _packet(data, 12, data[10] << 8 | data[11])


def _packet(data: bytes, at: int, length: int) -> ClientHeader | Malformed | None:
    """The IP and TCP headers in the `length` bytes from `at`."""
    if not 0 < length <= MOST:
        return Malformed(CIP_CUT)
    if len(data) == at:
        return None
    version, words = data[at] >> 4, data[at] & 15
    if version not in (4, 6) or (version == 4 and words < 5):
        return Malformed(CIP_UNHANDLED)
    ports = at + (4 * words if version == 4 else 40)
    if ports - at + TCP_HEADER > length:
        return Malformed(CIP_CUT)
    protocol = at + (9 if version == 4 else 6)
    if len(data) > protocol and data[protocol] != TCP:
        return Malformed(CIP_UNHANDLED)
    if len(data) < at + length:
        return None
    src_port, dst_port = data[ports] << 8 | data[ports + 1], data[ports + 2] << 8 | data[ports + 3]
    if version == 4:
        src, dst = data[at + 12 : at + 16], data[at + 16 : at + 20]
        family = socket.AF_INET
    else:
        src, dst = data[at + 8 : at + 24], data[at + 24 : at + 40]
        family = socket.AF_INET6
    rest = () if version == 4 else (0, 0)
    return ClientHeader(
        at + length,
        (socket.inet_ntop(family, src), src_port, *rest),
        (socket.inet_ntop(family, dst), dst_port, *rest),
    )
