"""The fast codec: HTTP/1 heads that are written the way everybody writes them, in a few microseconds.

What this grammar takes: CRLF line ends, single spaces in the start line, version 1.0 or 1.1, no folded lines, legal
bytes only. For anything else `read_request` and `read_response` return None, and h1_strict is asked.

Cost: one split, and for each line one look-up in a table that remembers lines that came before (`StartLines`, `Lines`).
Every quantifier is possessive, each byte is looked at a bounded number of times: time is linear.
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
SHARED_HEADS: Final = 1024
LONGEST_HEAD: Final = 1024
_PRIVATE: Final = frozenset((b"authorization", b"cookie", b"set-cookie", b"proxy-authorization"))
_END: Final = b"\r\n\r\n"
_LINE_END: Final = b"\r\n"
HEAD_MATTERS: Final = (b"HEAD", b"CONNECT")  # the methods whose responses mean something else by the same head


class BadLine(Exception):
    """A line that the fast grammar does not take."""


class OddLine(BadLine):
    """One that it takes, but not with other lines: what is written for it is not as long as what came."""


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
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadLine
        known = names[name]
        value = value.strip(b" \t")
        kind = known.kind
        if _value(value) is None or (kind == HOST and legal_host(value) is None):
            raise BadLine
        one = (known.name, value, known.prefix + value + _LINE_END, kind)
        if len(one[2]) != len(line) + 2:
            raise OddLine(one)
        if known.room and len(line) <= LONGEST_SHARED:
            known.room -= 1
            if not known.room:
                self.crowded = True
            if len(self) >= SHARED_LINES:
                self.clear()
            self[line] = one
        return one


names: Final = Names()


class StartLines(dict[bytes, tuple[bytes, bytes, int]]):
    """From a request line to its method, target and version: short ones without a query, because those repeat.

    Not remembered any more once its room is used up, as with a name in `Lines`.
    """

    __slots__ = ("room",)

    def __init__(self) -> None:
        self.room = SHARED_LINES

    def __missing__(self, line: bytes) -> tuple[bytes, bytes, int]:
        match = _start(line)
        if match is None:
            raise BadLine
        method, target, minor = match.groups()
        known = (method, target, 11 if minor == b"1" else 10)
        if self.room and len(line) <= LONGEST_SHARED and b"?" not in line:
            self.room -= 1
            self[line] = known
        return known


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
start_lines: Final = StartLines()
status_lines: Final = StatusLines()
_field_of = lines.__getitem__


def renew() -> None:
    """Forgets all lines when some name has used up its room: what repeats today may be other lines. To be called every
    few seconds."""
    if not start_lines.room:
        start_lines.clear()
        start_lines.room = SHARED_LINES
    if lines.crowded:
        lines.crowded = False
        lines.clear()
        names.clear()


def read_request(data: bytes, end: int, limits: Limits) -> Request | Refusal | None:
    """The request whose head is data[:end], blank line included. None: not of this grammar."""
    head = data[:end]
    if not head.endswith(_END):  # it ends with bare line feeds
        return None
    return request_of(head.split(b"\r\n"), end, limits)


def read_response(data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal | None:
    """The response whose head is data[:end], to a request with `method`. None: not of this grammar."""
    head = data[:end]
    if not head.endswith(_END):
        return None
    return response_of(head.split(b"\r\n"), end, method, limits)


def fields_of(block: list[bytes]) -> tuple[list[Field], int]:
    """The fields of lines among which are odd ones, and how many bytes more came than are written for them."""
    fields: list[Field] = []
    odd = 0
    for line in block:
        try:
            fields.append(lines[line])
        except OddLine as found:
            one: Field = found.args[0]
            odd += len(line) + 2 - len(one[2])
            fields.append(one)
    return fields, odd


def request_of(block: list[bytes], size: int, limits: Limits) -> Request | Refusal | None:
    """`block` are the lines of a head and the two empty pieces behind its last line; None: not of this grammar.

    An empty line in between is no line of this grammar: what ends like a head and is read here is one head.
    """
    try:
        method, target, version = start_lines[block[0]]
        fields = list(map(_field_of, block[1:-2]))
    except OddLine:
        return _odd_request(block, size, limits)
    except BadLine:
        return None
    request = Request(method, target, version, fields)
    request.line = block[0]
    request.head_size = size
    return admit_request(request, limits) or request


def _odd_request(block: list[bytes], size: int, limits: Limits) -> Request | Refusal | None:
    """One with odd lines. HAProxy counts what it stored of a head, so the difference has to be known."""
    try:
        fields, odd = fields_of(block[1:-2])
    except BadLine:
        return None
    request = Request(*start_lines[block[0]], fields)
    request.line = block[0]
    request.head_size = size
    request.dropped = odd
    return admit_request(request, limits) or request


def response_of(block: list[bytes], size: int, method: bytes, limits: Limits) -> Response | Refusal | None:
    """Likewise for a response."""
    try:
        version, status, reason = status_lines[block[0]]
        fields, odd = list(map(_field_of, block[1:-2])), 0
    except OddLine:
        try:
            fields, odd = fields_of(block[1:-2])
        except BadLine:
            return None
    except BadLine:
        return None
    response = Response(status, reason, fields, version)
    response.head_size = size
    response.dropped = odd
    if not reason and len(block[0]) == 12:
        response.dropped -= 1  # the space that stands before a reason is sent all the same
    return admit_response(response, method, limits) or response
