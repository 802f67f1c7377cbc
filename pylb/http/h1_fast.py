"""The fast codec: HTTP/1 heads that are written the way everybody writes them, in a few microseconds.

What this grammar takes: CRLF line ends, single spaces in the start line, version 1.0 or 1.1, no folded lines, legal
bytes only. For anything else `read_request` and `read_response` return None, and h1_strict is asked.

Cost: one split, one regex for the start line, and for each line one look-up in `Lines`, which remembers lines that
came before. Every quantifier is possessive, each byte is looked at a bounded number of times: time is linear.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.http.message import HOST, KINDS, ORDINARY, Field, Refusal, Request, Response
from pylb.http.semantics import TOKEN, VALUE, Limits, admit_request, admit_response, legal_host

_start = re.compile(rb"(" + TOKEN + rb"++) ([!\"$-~][!\"$-~]*+) HTTP/1\.([01])\Z").match
_status = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9][0-9])(?: (?![\t ])(" + VALUE + rb"*+))?+\Z").match
_token = re.compile(TOKEN + rb"{1,255}+").fullmatch
_value = re.compile(VALUE + rb"*+").fullmatch

LONGEST_SHARED: Final = 256
SHARED_LINES: Final = 4096
SHARED_NAMES: Final = 1024
ROOM: Final = 512
PROBABLY_ALONE: Final = 2048
SHARED_HEADS: Final = 1024
LONGEST_HEAD: Final = 1024
_PRIVATE: Final = frozenset((b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"))
_END: Final = b"\r\n\r\n"
_METHOD_MATTERS: Final = (b"HEAD", b"CONNECT")


class BadLine(Exception):
    """A line that the fast grammar does not take."""


class Name:
    """What is known of a field name as received."""

    __slots__ = ("kind", "name", "prefix", "room")

    def __init__(self, raw: bytes) -> None:
        self.name = raw.lower()
        self.kind = KINDS.get(self.name, ORDINARY)
        self.prefix = self.name + b": "
        self.room = 0 if self.name in _PRIVATE else ROOM  # lines of this name that may still be remembered


class Names(dict[bytes, Name]):
    """From a name as received to what is known of it."""

    __slots__ = ()

    def __missing__(self, raw: bytes) -> Name:
        if _token(raw) is None:
            raise BadLine
        known = Name(raw)
        if len(raw) <= 64:
            if len(self) >= SHARED_NAMES:
                self.clear()
            self[raw] = known
        return known


class Lines(dict[bytes, Field]):
    """From a line of a head to its field: at most SHARED_LINES short lines that carry no credentials.

    A name whose lines never repeat (an id, a date) fills its ROOM and is not remembered any more, so that the table
    stays small and in the processor's caches; `renew` gives everybody new room now and then. When full the table is
    emptied, and what is in use is back with the next request.
    """

    __slots__ = ("crowded",)

    def __init__(self) -> None:
        self.crowded = False  # some name has used up its room

    def __missing__(self, line: bytes) -> Field:
        at = line.find(b":")
        if at < 1:
            raise BadLine
        known = names[line[:at]]
        value = line[at + 1 :].strip(b" \t")
        kind = known.kind
        if _value(value) is None or (kind == HOST and legal_host(value) is None):
            raise BadLine
        one = (known.name, value, b"%b%b\r\n" % (known.prefix, value), kind)
        if known.room and len(line) <= LONGEST_SHARED:
            known.room -= 1
            if not known.room:
                self.crowded = True
            if len(self) >= SHARED_LINES:
                self.clear()
            self[line] = one
        return one


names: Final = Names()


class StatusLines(dict[bytes, tuple[int, int, bytes]]):
    """From a status line to its version, status and reason. Servers know few of them."""

    __slots__ = ()

    def __missing__(self, line: bytes) -> tuple[int, int, bytes]:
        match = _status(line)
        if match is None:
            raise BadLine
        known = (11 if match[1] == b"1" else 10, int(match[2]), match[3] or b"")
        if len(line) <= 64:
            if len(self) >= SHARED_NAMES:
                self.clear()
            self[line] = known
        return known


class Heads(dict[bytes, Response]):
    """From a whole response head to its message: servers that are asked often repeat themselves, within a second to
    the letter. Only short final heads without Set-Cookie, never answers to HEAD and CONNECT.

    Where heads do not repeat, remembering them would be wasted: a table that fills with few hits is left alone for a
    while.
    """

    __slots__ = ("hits", "resting")

    def __init__(self) -> None:
        self.hits = 0
        self.resting = 0

    def remember(self, head: bytes, response: Response) -> None:
        if self.resting:
            self.resting -= 1
            return
        if len(self) >= SHARED_HEADS:
            self.clear()
            if self.hits < SHARED_HEADS:
                self.resting = 16 * SHARED_HEADS
            self.hits = 0
        if response.status >= 200 and response.version > 10 and len(head) <= LONGEST_HEAD:
            for one in response.fields:
                if one[0] in _PRIVATE:
                    return
            response.shared = True
            self[head] = response


heads: Final = Heads()
lines: Final = Lines()
status_lines: Final = StatusLines()
_field_of = lines.__getitem__


def renew() -> None:
    """Forgets all lines when some name has used up its room: what repeats today may be other lines. To be called every
    few seconds."""
    if lines.crowded:
        lines.crowded = False
        lines.clear()
        names.clear()


def read_request(data: bytes, end: int, limits: Limits) -> Request | Refusal | None:
    """The request whose head is data[:end], blank line included. None: not of this grammar."""
    head = data[:end]
    if not head.endswith(_END):  # it ends with bare line feeds
        return None
    return _request(head.split(b"\r\n"), end, limits)


def read_response(data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal | None:
    """The response whose head is data[:end], to a request with `method`. None: not of this grammar."""
    head = data[:end]
    if method in _METHOD_MATTERS:
        return _response(head.split(b"\r\n"), end, method, limits) if head.endswith(_END) else None
    known = heads.get(head)
    if known is not None:
        heads.hits += 1
        return known
    if not head.endswith(_END):
        return None
    response = _response(head.split(b"\r\n"), end, method, limits)
    if response.__class__ is Response:
        heads.remember(head, response)
    return response


def read_lone_request(data: bytes, limits: Limits) -> Request | Refusal | None:
    """The request that `data` looks like from its two ends. None also when it is not one whole head.

    Saves the search for the end: an empty line in between is no line of this grammar. Only for short data, because
    splitting a long pipeline at each of its requests would take quadratic time.
    """
    if len(data) > PROBABLY_ALONE or not data.endswith(_END):
        return None
    return _request(data.split(b"\r\n"), len(data), limits)


def read_lone_response(data: bytes, method: bytes, limits: Limits) -> Response | Refusal | None:
    """Likewise for a response."""
    if len(data) > PROBABLY_ALONE or not data.endswith(_END):
        return None
    return _response(data.split(b"\r\n"), len(data), method, limits)


def _request(block: list[bytes], size: int, limits: Limits) -> Request | Refusal | None:
    """`block` are the lines of a head and the two empty pieces behind its last line."""
    start = block[0]
    match = _start(start)
    if match is None:
        return None
    try:
        fields = list(map(_field_of, block[1:-2]))
    except BadLine:
        return None
    method, target, minor = match.groups()
    request = Request(method, target, 11 if minor == b"1" else 10, fields)
    request.line = start
    request.head_size = size
    refusal = admit_request(request, limits)
    return request if refusal is None else refusal


def _response(block: list[bytes], size: int, method: bytes, limits: Limits) -> Response | Refusal | None:
    try:
        version, status, reason = status_lines[block[0]]
        fields = list(map(_field_of, block[1:-2]))
    except BadLine:
        return None
    response = Response(status, reason, fields, version)
    response.head_size = size
    refusal = admit_response(response, method, limits)
    return response if refusal is None else refusal
