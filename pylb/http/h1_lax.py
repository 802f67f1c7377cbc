"""Heads that violate the RFCs, for proxies with `option accept-unsafe-violations-in-http-request` or `-response`.

A codec around another one: what that takes stays as it is, what that refuses is read again by this grammar. Against the
strict ones it takes

    in targets      bytes above 127, fragments, authorities that say nothing or differ from Host, any form
    versions        none at all (GET of HTTP/0.9), other names than HTTP, any digits
    in values       every byte but line ends, NUL among them, also in Host and in reason phrases
    field names     with illegal bytes: the field is dropped
    statuses        up to 65535
    codings         of a response: empty, or chunked repeated
    WebSocket       handshakes without a valid key or answer

These are the rules of HAProxy 3.x: 2.6 also forwards fields with illegal names, as they came. Stricter than both: a
name that frames a message once its illegal bytes are gone or dashes is refused, because what stands behind us may read
it that way. What is received of a version is sent on, except that whatever counts as 1.1 is sent as HTTP/1.1.

`violation` is the last head that only this grammar took, which endpoints count and show.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.http.codec import Codec, find_end
from pylb.http.h1_strict import Broken, canonical, odd
from pylb.http.message import KINDS, ORDINARY, Field, Protocol, Refusal, Request, Response
from pylb.http.semantics import TOKEN, Limits, admit_request, admit_response

_blank = re.compile(rb"(?:\r?\n)*+").match
_opening = re.compile(TOKEN + rb"++(?:[\t ]|\Z)").match
_request_line = re.compile(rb"(" + TOKEN + rb"++)[ \t]++([!-~\x80-\xff]++)(?:[ \t]++([A-Z0-9./]++)|[ \t]*+)").fullmatch
_status_line = re.compile(rb"([A-Z0-9./]++)[ \t]++([1-9][0-9]{2,4})(?:[ \t]++([^\r\n]*+))?+").fullmatch
_counts_as_11 = re.compile(rb"[A-Z0-9./]{5}(?:1\.[1-9]|[2-9]\.[0-9])").fullmatch
_legal_name = re.compile(TOKEN + rb"{1,255}+").fullmatch
_illegal = re.compile(rb"[^!#$%&'*+.^_`|~0-9A-Za-z-]++").sub
_legal_value = re.compile(rb"[^\r\n]*+").fullmatch
_FRAMING: Final = frozenset((b"content-length", b"transfer-encoding"))
_MOST: Final = 65535


def version_of(text: bytes) -> int:
    """The number a version counts as: eight bytes that end in 1.1 or more are 1.1, the rest is 1.0, as in HAProxy."""
    if text == b"HTTP/1.1":
        return 11
    if text == b"HTTP/1.0":
        return 10
    return Protocol.written(11 if _counts_as_11(text) else 10, text)


class Lax:
    """A Codec around another one, with which it shares everything but the limits."""

    def __init__(self, inner: Codec, limits: Limits) -> None:
        self.inner = inner
        self.name = inner.name
        self.limits = limits.laxer()
        self.violation = b""

    def parse_request(self, data: bytes, end: int, limits: Limits) -> Request | Refusal:
        request = self.inner.parse_request(data, end, limits)
        return self._read_request(data, end) if isinstance(request, Refusal) else request

    def parse_response(self, data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal:
        response = self.inner.parse_response(data, end, method, limits)
        return self._read_response(data, end, method) if isinstance(response, Refusal) else response

    def take_request(self, data: bytes, start: int, limits: Limits) -> Request | Refusal | None:
        request = self.inner.take_request(data, start, limits)
        if not isinstance(request, Refusal):
            return request
        blank = _blank(data)
        begin = blank.end() if blank is not None else 0
        feed = data.find(b"\n", begin)
        if len(data) <= limits.raw:
            if feed < 0:
                return None if begin == len(data) or _opening(data, begin) is not None else request
            parts = _request_line(data[begin:feed].removesuffix(b"\r"))
            if parts is None:
                return request
            if parts[3] is None:
                return self._oldest(data, parts, feed + 1)
        end = find_end(data, start)
        if end < 0:
            return request if len(data) > limits.raw else None
        return self._read_request(data, end)

    def take_response(self, data: bytes, start: int, method: bytes, limits: Limits) -> Response | Refusal | None:
        response = self.inner.take_response(data, start, method, limits)
        if not isinstance(response, Refusal):
            return response
        end = find_end(data, start)
        return response if end < 0 else self._read_response(data, end, method)

    def _oldest(self, data: bytes, parts: re.Match[bytes], size: int) -> Request | Refusal:
        """HTTP/0.9: the line is the request, and nothing can follow it."""
        method, target = parts[1], parts[2]
        if method != b"GET":
            return Refusal(400, "no version")
        request = Request(method, target, 10, [])
        request.line = b"GET %b HTTP/1.0" % target
        request.head_size = size
        request.dropped = odd(size, request.line, [])
        self.violation = data[:size]
        return admit_request(request, self.limits) or request

    def _read_request(self, data: bytes, end: int) -> Request | Refusal:
        limits = self.limits
        if end > limits.raw:
            return Refusal(400, "head too big")
        try:
            lines, size = canonical(data, end, limits)
            parts = _request_line(lines[0])
            if parts is None:
                return Refusal(400, "bad request line")
            method, target, version = parts.groups()
            if version is None:
                return self._oldest(data, parts, size)
            if method == b"PRI":
                return Refusal(400, "HTTP/2 (RFC 9113 3.4)")
            fields = _fields(lines)
        except Broken as error:
            return Refusal(400, str(error))
        request = Request(method, target, version_of(version), fields)
        request.line = b"%b %b %b" % (method, target, version)
        request.head_size = size
        request.dropped = odd(size, request.line, fields)
        self.violation = data[:size]
        return admit_request(request, limits) or request

    def _read_response(self, data: bytes, end: int, method: bytes) -> Response | Refusal:
        limits = self.limits
        if end > limits.raw:
            return Refusal(502, "head too big")
        try:
            lines, size = canonical(data, end, limits)
            parts = _status_line(lines[0])
            if parts is None or int(parts[2]) > _MOST:
                return Refusal(502, "bad status line")
            fields = _fields(lines)
        except Broken as error:
            return Refusal(502, str(error))
        response = Response(int(parts[2]), parts[3] or b"", fields, version_of(parts[1]))
        response.head_size = size
        response.dropped = odd(size, b"%b %b %b" % (parts[1], parts[2], response.reason), fields)
        self.violation = data[:size]
        return admit_response(response, method, limits) or response


def _fields(lines: list[bytes]) -> list[Field]:
    """The fields with legal names."""
    fields: list[Field] = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or _legal_value(value) is None:
            raise Broken("no field")
        if _legal_name(name) is None:
            lowered = name.lower()
            if len(name) > 255 or not _FRAMING.isdisjoint((_illegal(b"", lowered), _illegal(b"-", lowered))):
                raise Broken("illegal bytes in a name that frames")
            continue
        name, value = name.lower(), value.strip(b" \t")
        fields.append((name, value, b"%b: %b\r\n" % (name, value), KINDS.get(name, ORDINARY)))
    return fields
