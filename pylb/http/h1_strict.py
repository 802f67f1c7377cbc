"""The second codec: heads read by h11, for what the fast grammar does not take and as an independent opinion.

Legal but unusual heads arrive here: bare line feeds, empty lines before the start line, several spaces or tabs in it,
folded lines, minor versions above 1. HAProxy takes them; they are rewritten to the one canonical form before h11 sees
them, so that what h11 judges is what will be forwarded. Folding is refused in the fields that frame a message or say
where it goes, and on the start line (RFC 9112 5.2 lets a proxy refuse it).

h11 judges start line, names and values. Host, Content-Length and Transfer-Encoding are shown to it under other names:
it refuses some of what HAProxy takes there and takes some of what HAProxy refuses, and the gate decides on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import h11

from pylb.http.message import KINDS, ORDINARY, Field, Protocol, Refusal, Request, Response
from pylb.http.semantics import Limits, admit_request, admit_response, legal_host, legal_value

_blank = re.compile(rb"(?:\r?\n)*+").match
_head_end = re.compile(rb"\n\r?\n").search
_request_line = re.compile(rb"([^\x00-\x20\x7f-\xff]++)[ \t]++([!-~]++)[ \t]++HTTP/1\.([0-9])").fullmatch
_status_line = re.compile(rb"HTTP/1\.([0-9])[ \t]++([1-9][0-9][0-9])(?:[ \t]++([^\r\n]*+))?+").fullmatch
_named = re.compile(rb"([^\x00-\x20\x7f-\xff:]++):").match

_HIDDEN: Final = frozenset((b"host", b"content-length", b"transfer-encoding"))
_UNFOLDABLE: Final = _HIDDEN | {b"connection", b"expect", b"upgrade"}
_ROOM: Final = 1 << 20  # h11's own limit on a head; ours is checked before


class Broken(Exception):
    """A head that cannot be brought into canonical form."""


def read_request(data: bytes, end: int, limits: Limits) -> Request | Refusal:
    """The first request head in data[:end]; its head_size is where it ended, which may be before `end`."""
    if end > limits.raw:
        return Refusal(400, "head too big")
    try:
        lines, size = canonical(data, end, limits)
        start = _request_line(lines[0])
        if start is None:
            return Refusal(400, "bad request line")
        method, target, minor = start.groups()
        if b"#" in target:
            return Refusal(400, "fragment in the request target")
        lines[0] = b"%b %b HTTP/1.%d" % (method, target, minor != b"0")
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_ROOM)
        connection.receive_data(_shown(lines, b"host: x"))
        event = connection.next_event()
        if not isinstance(event, h11.Request):
            return Refusal(400, "bad request")
        fields = _fields(lines, event.headers, 1)
    except (Broken, h11.RemoteProtocolError) as error:
        return Refusal(400, str(error))
    request = Request(event.method, event.target, _version(minor), fields)
    request.line = lines[0] if minor in b"01" else b"%b%b" % (lines[0][:-1], minor)
    request.head_size = size
    request.dropped = odd(size, lines[0], fields)
    refusal = admit_request(request, limits)
    return request if refusal is None else refusal


def read_response(data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal:
    """The first response head in data[:end]; its head_size is where it ended, which may be before `end`."""
    if end > limits.raw:
        return Refusal(502, "head too big")
    try:
        lines, size = canonical(data, end, limits)
        start = _status_line(lines[0])
        if start is None or legal_value(start[3] or b"") is None:
            return Refusal(502, "bad status line")
        minor, status, reason = start[1], start[2], start[3] or b""
        lines[0] = b"HTTP/1.%d %b %b" % (minor != b"0", status, reason)
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ROOM)
        # The upgrade is proposed so that h11 takes a 101; whether it was asked for is http.upgrade's to judge.
        connection.send(
            h11.Request(method="GET", target="/", headers=[("host", "x"), ("connection", "upgrade"), ("upgrade", "x")])
        )
        connection.send(h11.EndOfMessage())
        connection.receive_data(_shown(lines))
        event = connection.next_event()
        if not isinstance(event, (h11.Response, h11.InformationalResponse)):
            return Refusal(502, "bad response")
        fields = _fields(lines, event.headers, 0)
    except (Broken, h11.RemoteProtocolError) as error:
        return Refusal(502, str(error))
    response = Response(event.status_code, reason, fields, _version(minor))
    response.head_size = size
    response.dropped = odd(size, lines[0], fields)
    refusal = admit_response(response, method, limits)
    return response if refusal is None else refusal


def odd(size: int, start: bytes, fields: list[Field]) -> int:
    """What a head took more than the same head in canonical form."""
    return size - len(start) - 4 - sum([len(one[2]) for one in fields])


def _version(minor: bytes) -> int:
    return 10 + (minor != b"0") if minor in b"01" else Protocol.written(11, b"HTTP/1." + minor)


def canonical(data: bytes, end: int, limits: Limits) -> tuple[list[bytes], int]:
    """The lines of the first head, unfolded and without line ends, and how many bytes of `data` it takes."""
    blank = _blank(data, 0, end)
    begin = blank.end() if blank is not None else 0
    found = _head_end(data, begin, end)
    if found is None:
        raise Broken("empty head")
    lines: list[bytes] = []
    folded: list[bytes] = []  # pieces of the line that is being continued
    gap = b""  # HAProxy puts a space in place of each byte of a line end
    for raw in data[begin : found.start()].split(b"\n"):
        line = raw.removesuffix(b"\r")
        if line[:1] in (b" ", b"\t"):
            if len(lines) < 2 or b":" not in lines[-1] or _name(lines[-1]) in _UNFOLDABLE:
                raise Broken("folded line")
            folded += (gap, line) if folded else (lines[-1], gap, line)
        else:
            if folded:
                lines[-1] = b"".join(folded)
                folded = []
            lines.append(line)
        gap = b" " if line is raw else b"  "
    if folded:
        lines[-1] = b"".join(folded)
    if len(lines) > limits.fields + 1:
        raise Broken("too many fields")
    return lines, found.end()


def _name(line: bytes) -> bytes:
    match = _named(line)
    return match[1].lower() if match is not None else b""


def _shown(lines: list[bytes], *extra: bytes) -> bytes:
    """What h11 sees: hidden fields behind a dash, so that order and number stay."""
    shown = [b"-" + line if _name(line) in _HIDDEN else line for line in lines[1:]]
    return b"\r\n".join((lines[0], *extra, *shown, b"", b""))


def _fields(lines: list[bytes], headers: Iterable[tuple[bytes, bytes]], skip: int) -> list[Field]:
    """h11's names and values as fields, the hidden ones under their own name again."""
    fields: list[Field] = []
    for line, (name, value) in zip(lines[1:], list(headers)[skip:], strict=True):
        if _name(line) in _HIDDEN:
            name = name[1:]
        if len(name) > 255 or legal_value(value) is None:
            raise Broken("illegal bytes in a field")
        if name == b"host" and legal_host(value) is None:
            raise Broken("bad Host")
        fields.append((name, value, b"%b: %b\r\n" % (name, value), KINDS.get(name, ORDINARY)))
    return fields
