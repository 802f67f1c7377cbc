"""A codec that keeps every header line as it came: for the old rules that match raw lines (rules/raw_lines.py).

It wraps another codec and is chosen once, when a configuration has such rules; others never see it. Each field becomes
a `Kept`, still the tuple that everybody reads, with its line beside it. What rules add or change afterwards are plain
fields, whose names have lost their case.

Cost: one more split of each head and a small object per line.
"""

from __future__ import annotations

from pylb.http.codec import Codec
from pylb.http.message import Field, Refusal, Request, Response
from pylb.http.semantics import Limits


class Kept(tuple[bytes, bytes, bytes, int]):
    """A field that remembers its line, without the line end."""

    line: bytes


def line_of(one: Field) -> bytes:
    """A field as a header line: as it came. One that a rule has added has a name in capitals, as rules are written."""
    return one.line if isinstance(one, Kept) else one[0].title() + b": " + one[1]


def keep(message: Request | Response, head: bytes) -> None:
    """Gives the fields of a message their lines in `head`.

    Fields stand in the order of their lines; the gate may have dropped some, or changed a value. One whose line cannot
    be told stays as it is.
    """
    waiting: dict[bytes, list[bytes]] = {}
    for line in _lines(head):
        waiting.setdefault(line.partition(b":")[0].rstrip(b" \t").lower(), []).append(line)
    framing, fields = message.framing, message.fields
    for index, one in enumerate(fields):
        candidates = waiting.get(one[0])
        if not candidates:
            continue
        mine = next((line for line in candidates if line.partition(b":")[2].strip(b" \t") == one[1]), None)
        if mine is None:
            continue
        candidates.remove(mine)
        kept = Kept(one)
        kept.line = mine
        fields[index] = kept
        if one is framing:  # known by identity
            message.framing = kept


def _lines(head: bytes) -> list[bytes]:
    """The header lines; a folded one is one line with a blank where it was folded."""
    lines: list[bytes] = []
    for raw in head.lstrip(b"\r\n").split(b"\n")[1:]:
        line = raw.removesuffix(b"\r")
        if line[:1] in (b" ", b"\t") and lines:
            lines[-1] = lines[-1].rstrip(b" \t") + b" " + line.lstrip(b" \t")
        elif line:
            lines.append(line)
    return lines


class Keeping:
    """A Codec around another one."""

    def __init__(self, inner: Codec) -> None:
        self.inner = inner
        self.name = inner.name

    def parse_request(self, data: bytes, end: int, limits: Limits) -> Request | Refusal:
        request = self.inner.parse_request(data, end, limits)
        if isinstance(request, Request):
            keep(request, data[: request.head_size])
        return request

    def parse_response(self, data: bytes, end: int, method: bytes, limits: Limits) -> Response | Refusal:
        response = self.inner.parse_response(data, end, method, limits)
        if isinstance(response, Response):
            keep(response, data[: response.head_size])
        return response

    def take_request(self, data: bytes, start: int, limits: Limits) -> Request | Refusal | None:
        request = self.inner.take_request(data, start, limits)
        if isinstance(request, Request):
            keep(request, data[: request.head_size])
        return request

    def take_response(self, data: bytes, start: int, method: bytes, limits: Limits) -> Response | Refusal | None:
        response = self.inner.take_response(data, start, method, limits)
        if isinstance(response, Response):
            if response.shared:
                response = response.copy()
            keep(response, data[: response.head_size])
        return response
