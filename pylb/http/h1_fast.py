"""The fast codec: HTTP/1 heads that are written the way everybody writes them, in a few microseconds.

What this grammar takes: CRLF line ends, single spaces in the start line, version 1.0 or 1.1, no folded lines, legal
bytes only. For anything else `read_request` and `read_response` return None, and h1_strict is asked.

Cost: one split, one regex for the start line, and for each line one look-up in `Lines`, which remembers lines that
came before. Every quantifier is possessive, each byte is looked at a bounded number of times: time is linear.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.http.message import KINDS, ORDINARY, Field, Refusal, Request, Response
from pylb.http.semantics import TOKEN, VALUE, Limits, admit_request, admit_response

_start = re.compile(rb"(" + TOKEN + rb"++) ([!\"$-~][!\"$-~]*+) HTTP/1\.([01])\Z").match
_status = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (" + VALUE + rb"*+))?+\Z").match
_line = re.compile(rb"(" + TOKEN + rb"{1,255}+):[\t ]*+(" + VALUE + rb"*+)\Z").match

LONGEST_SHARED: Final = 256
SHARED_LINES: Final = 4096
_PRIVATE: Final = frozenset((b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"))


class BadLine(Exception):
    """A line that the fast grammar does not take. Never leaves this module's two functions."""


class Lines(dict[bytes, Field]):
    """From a line of a head to its field: at most SHARED_LINES short lines that carry no credentials.

    When full it is emptied: that costs each line a seventh of its own parsing on average, and what is in use is back
    with the next request. A client that never repeats a line therefore pays for the insertion and for nothing else.
    """

    __slots__ = ()

    def __missing__(self, line: bytes) -> Field:
        match = _line(line)
        if match is None:
            raise BadLine
        raw, value = match.groups()
        name = raw.lower()
        if value[-1:] in b" \t":  # also true of an empty value
            value = value.rstrip(b" \t")
        one = (name, value, b"%b: %b\r\n" % (name, value), KINDS.get(name, ORDINARY))
        if len(line) <= LONGEST_SHARED and name not in _PRIVATE:
            if len(self) >= SHARED_LINES:
                self.clear()
            self[line] = one
        return one


lines: Final = Lines()
_field_of = lines.__getitem__


def read_request(data: bytes, end: int, limits: Limits) -> Request | Refusal | None:
    """The request whose head is data[:end], blank line included. None: not of this grammar."""
    if end > limits.raw:
        return Refusal(400, "head too big")
    if data[end - 4 : end] != b"\r\n\r\n":  # a head that ends with bare line feeds
        return None
    block = data[: end - 4].split(b"\r\n")
    start = block.pop(0)
    match = _start(start)
    if match is None:
        return None
    try:
        fields = list(map(_field_of, block))
    except BadLine:
        return None
    method, target, minor = match.groups()
    request = Request(method, target, 11 if minor == b"1" else 10, fields)
    request.line = start
    request.head_size = end
    refusal = admit_request(request, [one for one in fields if one[3]], limits)
    return request if refusal is None else refusal


def read_response(data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal | None:
    """The response whose head is data[:end], to a request with `method`. None: not of this grammar."""
    if end > limits.raw:
        return Refusal(502, "head too big")
    if data[end - 4 : end] != b"\r\n\r\n":
        return None
    block = data[: end - 4].split(b"\r\n")
    match = _status(block.pop(0))
    if match is None:
        return None
    try:
        fields = list(map(_field_of, block))
    except BadLine:
        return None
    minor, status, reason = match.groups(b"")
    response = Response(int(status), reason, fields, 11 if minor == b"1" else 10)
    response.head_size = end
    refusal = admit_response(response, [one for one in fields if one[3]], method, limits)
    return response if refusal is None else refusal
