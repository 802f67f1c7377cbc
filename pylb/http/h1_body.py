"""Chunked bodies (RFC 9112 7.1): read strictly, and passed on as they came where they came in canonical form.

A ChunkedReader is fed with what arrives. `feed` answers the payload, `relay` checked wire bytes to send on: where chunk
headers are canonical (hexadecimal size, CRLF) they are the input itself or a slice of it, else the framing is written
anew. Extensions are dropped, trailers are rewritten. One reader is used one way only.

Strict means: a size below 2^52 as in HAProxy, no sign, prefix, underscore or leading space, CRLF everywhere,
extensions without control characters and with closed quotes, a header of at most LINE bytes, trailers with legal names
and values within the limits of a head. Trailers that frame or route (RFC 9110 6.5.1) are left out.
Each byte is looked at once: time is linear however the body is cut.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.http.h1_fast import BadLine, fields_of
from pylb.http.message import CONNECTION, CONTENT_LENGTH, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, Field
from pylb.http.semantics import DEFAULT_LIMITS, Limits

LINE: Final = 1024  # longest chunk header, leading zeros and extensions included
LAST: Final = b"0\r\n\r\n"

_SIZE: Final = rb"([1-9A-Fa-f][0-9A-Fa-f]{0,12}+)"
_QUOTED: Final = rb"\"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+\""
_EXTENSION: Final = rb"[\t ]*+(?:;(?:[\t !#-~\x80-\xff]|" + _QUOTED + rb")*+)?+"
# A header with the line end of the chunk before it, and the first one, which has none.
_next = re.compile(rb"\r\n" + _SIZE + rb"\r\n").match
_first = re.compile(_SIZE + rb"\r\n").match
_any_next = re.compile(rb"\r\n(?:(0++(?![0-9A-Fa-f]))|0*+" + _SIZE + rb")" + _EXTENSION + rb"\r\n").match
_any_first = re.compile(rb"(?:(0++(?![0-9A-Fa-f]))|0*+" + _SIZE + rb")" + _EXTENSION + rb"\r\n").match
_bare_line_feed = re.compile(rb"[^\r]\n").search
_dropped: Final = frozenset((CONTENT_LENGTH, TRANSFER_ENCODING, HOST, CONNECTION, TE, TRAILER, UPGRADE))


class ChunkedReader:
    """Reads one chunked body. Lives as long as the body.

    `done` after its last byte: `rest` then holds what came behind it and `trailers` its trailers. `error` says what the
    sender did wrong (400 for a request, 502 or a cut for a response); what was read before stays valid.
    """

    __slots__ = ("_begun", "_left", "_limits", "_pending", "_searched", "_tail", "done", "error", "rest", "trailers")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._left = 0  # payload bytes that the open chunk still wants
        self._begun = False  # a chunk was opened before, so a header begins with its line end
        self._pending = b""  # an incomplete header
        self._tail: bytearray | None = None  # what came behind the last chunk's header
        self._searched = 0
        self.done = False
        self.error = ""
        self.rest = b""
        self.trailers: list[Field] | None = None

    def feed(self, data: bytes) -> bytes:
        """The payload in `data`; the same object where nothing stands in between."""
        left = self._left
        if left > len(data):
            self._left = left - len(data)
            return data
        pieces: list[bytes] = []
        self._read(data, pieces, False)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def relay(self, data: bytes) -> bytes:
        """What to send on for `data`, framing, last chunk and trailers included; mostly the same object."""
        left = self._left
        if left > len(data):
            self._left = left - len(data)
            return data
        pieces: list[bytes] = []
        self._read(data, pieces, True)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read(self, data: bytes, pieces: list[bytes], wire: bool) -> None:
        """Walks over chunks. In wire mode data[start:at] has been checked and goes out as it came."""
        if self.done or self.error:
            self.rest += data
            return
        if self._tail is not None:
            self._read_trailers(data, pieces, wire)
            return
        if self._pending:  # at most LINE bytes: joining costs no more than the receive did
            data = self._pending + data
            self._pending = b""
        size = len(data)
        at = start = 0
        left = self._left
        self._left = 0
        while True:
            if left:
                take = min(left, size - at)
                if take and not wire:
                    pieces.append(data if take == size else data[at : at + take])
                at += take
                left -= take
            if at == size:
                break
            match = _next(data, at) if self._begun else _first(data, at)
            if match is not None:
                left = int(match[1], 16)
                at = match.end()
                self._begun = True
                continue
            match = _any_next(data, at) if self._begun else _any_first(data, at)
            if match is None:
                self._keep_pending(data[at : at + LINE + 1], size - at)
                break
            if match.end() - at > LINE:
                self.error = "chunk header too long"
                return
            if wire and at > start:
                pieces.append(data[start:at])
            if match[1] is not None:
                if wire:
                    pieces.append(b"\r\n0\r\n" if self._begun else b"0\r\n")
                self._tail = bytearray()
                self._read_trailers(data[match.end() :], pieces, wire)
                return
            left = int(match[2], 16)
            if wire:
                pieces.append((b"\r\n" if self._begun else b"") + chunk_header(left))
            at = start = match.end()
            self._begun = True
        self._left = left
        if wire and at > start:
            pieces.append(data if at - start == size else data[start:at])

    def _keep_pending(self, header: bytes, size: int) -> None:
        """A header that does not match: not complete yet, or bad."""
        skip = 2 if self._begun else 0
        line = header[skip:].removesuffix(b"\r")
        if size > LINE or b"\n" in line or b"\r" in line or not b"\r\n".startswith(header[:skip]):
            self.error = "bad chunk header"
        else:
            self._pending = header

    def _read_trailers(self, data: bytes, pieces: list[bytes], wire: bool) -> None:
        """Collects the trailer section, which is small and mostly just its line end."""
        tail = self._tail
        assert tail is not None
        tail += data
        if tail.startswith(b"\r\n"):
            self._end(bytes(tail[2:]), [], pieces, wire)
            return
        limits = self._limits
        end = tail.find(b"\r\n\r\n", self._searched)
        if end < 0:
            fresh = tail[self._searched :]
            self._searched = max(0, len(tail) - 3)
            if _bare_line_feed(fresh):
                self.error = "bad trailer"
            elif len(tail) > limits.head:
                self.error = "trailers too big"
            return
        block = bytes(tail[:end]).split(b"\r\n")
        if end > limits.head or len(block) > limits.fields:
            self.error = "trailers too big"
            return
        try:
            fields, _ = fields_of(block)
        except BadLine:
            self.error = "bad trailer"
            return
        self._end(bytes(tail[end + 4 :]), [one for one in fields if one[3] not in _dropped], pieces, wire)

    def _end(self, rest: bytes, fields: list[Field], pieces: list[bytes], wire: bool) -> None:
        self.done = True
        self.rest = rest
        self.trailers = fields
        if wire:
            pieces.append(b"".join([one[2] for one in fields]) + b"\r\n")


def chunk_header(size: int) -> bytes:
    """What stands before a chunk of `size` bytes, which b"\\r\\n" must follow."""
    return b"%X\r\n" % size


def chunk(data: bytes) -> bytes:
    """`data` as one chunk; empty data would be the end of the body and gives nothing."""
    return b"%X\r\n%b\r\n" % (len(data), data) if data else b""


def last_chunk(trailers: list[Field] | None = None) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n%b\r\n" % b"".join([one[2] for one in trailers]) if trailers else LAST
