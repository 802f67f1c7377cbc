"""Bytes to messages: the interface of the HTTP/1 codecs and the choice between them.

`fast` reads heads with h1_fast and offers what that grammar does not take to h1_strict; `strict` reads every head
with h11. Both end in the gate of http/semantics. A head is read once, when it is complete:

    end = codec.find_end(data, searched)          # -1: read more, searched = len(data)
    refusal = codec.refuse_early(data, limits)    # while incomplete: can it still become a request?
    request = codec.parse_request(data, end, limits)

Messages from `parse_*` are the caller's own; a response from `take_response` may be shared (h1_fast.Heads).
The next message starts at `request.head_size`, which is `end` or, where bare line feeds end a head earlier, before it.
`take_request` and `take_response` do all of that in one call. No function here raises.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from pylb.http import h1_strict
from pylb.http.h1_fast import HEAD_MATTERS, heads, read_request, read_response, request_of
from pylb.http.message import Refusal, Request, Response
from pylb.http.semantics import DEFAULT_LIMITS, Limits

__all__ = ["DEFAULT_LIMITS", "Codec", "Limits", "choose", "fast", "find_end", "refuse_early", "strict"]

_blank = re.compile(rb"(?:\r?\n)*+").match
_bare_end = re.compile(rb"\n\r?\n").search
# As much of a request line as there is: a method and a target in legal bytes, then a version.
_opening = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++(?:[ \t]++(?:[!-~]++(?:[ \t]++(?:[!-~]++)?+)?+)?+)?+\Z").match
_opening_line = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++[ \t]++[!-~]++[ \t]++HTTP/1\.[0-9]\r?\Z").match
_PREFACE: Final = b"PRI * HTTP/2.0\r\n"
_GLANCE: Final = 64
_PROBABLY_ALONE: Final = 2048


def find_end(data: bytes, start: int = 0) -> int:
    """Index behind the blank line that ends the head at the beginning of `data`, or -1.

    `start` is the length of `data` when it was searched last: every byte is searched once, however it drips in.
    """
    if data[:1] in (b"\r", b"\n"):
        return _find_late_end(data, start)
    at = start - 3 if start > 3 else 0
    end = data.find(b"\r\n\r\n", at)
    if end >= 0:
        return end + 4
    found = _bare_end(data, at)
    return found.end() if found is not None else -1


def _find_late_end(data: bytes, start: int) -> int:
    """find_end behind empty lines, which are ignored before a start line (RFC 9112 2.2)."""
    blank = _blank(data)
    begin = blank.end() if blank is not None else 0
    found = _bare_end(data, max(begin, start - 3))
    return found.end() if found is not None else -1


def is_preface(data: bytes) -> bool:
    """True when `data` begins as an HTTP/2 connection does (RFC 9113 3.4)."""
    return data.startswith(_PREFACE)


def refuse_early(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Refusal | None:
    """A request head that is not complete yet: the refusal it will get anyway, or None when it may still be good.

    Only the first bytes are looked at, so that calling it at each new byte costs little.
    """
    if len(data) > limits.raw:
        return Refusal(400, "head too big")
    glance = data[:_GLANCE].lstrip(b"\r\n") if data[:1] in (b"\r", b"\n") else data[:_GLANCE]
    if not glance:
        return None
    line, feed, _ = glance.partition(b"\n")
    if feed:
        return None if _opening_line(line) is not None else Refusal(400, "bad request line")
    return None if _opening(line.removesuffix(b"\r")) is not None else Refusal(400, "bad request line")


class Codec(Protocol):
    """What endpoints use. Modules would do; a class keeps the choice in one variable."""

    name: str

    def parse_request(self, data: bytes, end: int, limits: Limits) -> Request | Refusal:
        """data[:end] holds a whole head, blank line included."""
        ...

    def parse_response(self, data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal:
        """Likewise; `method` is that of the request it answers."""
        ...

    def take_request(self, data: bytes, start: int, limits: Limits) -> Request | Refusal | None:
        """The request at the beginning of `data`, None while its head is incomplete and may still become good."""
        ...

    def take_response(self, data: bytes, start: int, method: bytes, limits: Limits) -> Response | Refusal | None:
        """Likewise for a response."""
        ...


class _Fast:
    name = "fast"

    def parse_request(self, data: bytes, end: int, limits: Limits) -> Request | Refusal:
        return read_request(data, end, limits) or h1_strict.read_request(data, end, limits)

    def parse_response(self, data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal:
        return read_response(data, end, method, limits) or h1_strict.read_response(data, end, method, limits)

    def take_request(self, data: bytes, start: int, limits: Limits) -> Request | Refusal | None:
        size = len(data)
        if size <= _PROBABLY_ALONE and data.endswith(b"\r\n\r\n"):
            # Mostly one whole head: saves the search for its end. Only for short data, because splitting a long
            # pipeline at each of its requests would take quadratic time.
            request = request_of(data.split(b"\r\n"), size, limits)
            if request is not None:
                return request
        end = find_end(data, start)
        if end < 0:
            return refuse_early(data, limits)
        return read_request(data, end, limits) or h1_strict.read_request(data, end, limits)

    def take_response(self, data: bytes, start: int, method: bytes, limits: Limits) -> Response | Refusal | None:
        end = 0 if start else data.find(b"\r\n\r\n") + 4  # the usual end, found without asking about unusual ones
        if end < 16 or data[:4] != b"HTTP":
            end = find_end(data, start)
            if end < 0:
                return Refusal(502, "head too big") if len(data) > limits.raw else None
        if method in HEAD_MATTERS:
            return read_response(data, end, method, limits) or h1_strict.read_response(data, end, method, limits)
        head = data[:end]
        known = heads.get(head)
        if known is not None:
            heads.hits += 1
            return known
        response = read_response(data, end, method, limits)
        if response is None:
            return h1_strict.read_response(data, end, method, limits)
        if response.__class__ is Response:
            heads.remember(head, response)
        return response


class _Strict:
    name = "strict"

    def parse_request(self, data: bytes, end: int, limits: Limits) -> Request | Refusal:
        return h1_strict.read_request(data, end, limits)

    def parse_response(self, data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal:
        return h1_strict.read_response(data, end, method, limits)

    def take_request(self, data: bytes, start: int, limits: Limits) -> Request | Refusal | None:
        end = find_end(data, start)
        return refuse_early(data, limits) if end < 0 else h1_strict.read_request(data, end, limits)

    def take_response(self, data: bytes, start: int, method: bytes, limits: Limits) -> Response | Refusal | None:
        end = find_end(data, start)
        if end < 0:
            return Refusal(502, "head too big") if len(data) > limits.raw else None
        return h1_strict.read_response(data, end, method, limits)


fast: Final[Codec] = _Fast()
strict: Final[Codec] = _Strict()
_codecs: Final = {codec.name: codec for codec in (fast, strict)}


def choose(name: str) -> Codec:
    """The codec for a whole run: "fast" or "strict". KeyError for any other name."""
    return _codecs[name]
