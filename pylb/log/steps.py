"""`log-steps`: a line at each chosen step of a transaction in place of one for all of it (manual, 4.2).

The data plane calls `emit` at a stream's begin, when the server has answered (mode tcp: is connected), and at its end.
Whatever steps have been reached by then and have no line yet get theirs, in their order, so a line may come later than
its step, never out of turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.log.levels import SILENT
from pylb.log.logger import Logger
from pylb.log.origins import STEPS, current, spelt
from pylb.records.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

_mark: Any = Stream.__dict__["logged"]  # the slot, which below holds bits of the steps that have their lines
_BITS: Final = {step: 1 << number for number, step in enumerate(STEPS)}
_classes: dict[type, type] = {}


def _stepped(kind: type) -> type:
    """A class of streams that never count as logged, whatever the data plane notes."""
    found = _classes.get(kind)
    if found is None:
        logged = property(lambda stream: False, lambda stream, value: None)
        found = _classes[kind] = type(f"Stepped{kind.__name__}", (kind,), {"__slots__": (), "logged": logged})
        _classes[found] = found
    return found


class SteppedLogger(Logger):
    """The log of a proxy with `log-steps`. Lives as long as the program."""

    __slots__ = ("wanted",)

    def choose(self, names: Iterable[str]) -> None:
        """`names` are those of the keyword; `all` and `any` mean all steps."""
        chosen = {name for name in names if name in STEPS or name == "error"}
        self.wanted = set(STEPS) | {"error"} if {"all", "any"} & set(names) else chosen
        self.early = bool(self.wanted & {"accept", "request"})
        self.asap = bool(self.wanted & {"connect", "response"})
        self.fast = False

    def emit(self, stream: Stream) -> None:
        kind = stream.__class__
        if kind not in _classes or _classes[kind] is not kind:
            stream.__class__ = _stepped(kind)
            _mark.__set__(stream, 0)
        if stream.end and stream.request is None and stream.frontend.http:
            self._step(stream, "error", self.error_format or self.format)
            return
        done = _mark.__get__(stream)
        for step in self._reached(stream):
            bit = _BITS[step]
            if not done & bit:
                done |= bit
                _mark.__set__(stream, done)
                self._step(stream, step, self.format)

    @staticmethod
    def _reached(stream: Stream) -> list[str]:
        steps = ["accept"]
        if stream.request is not None or (stream.request_end and not stream.frontend.http):
            steps.append("request")
        if stream.server_connected:
            steps.append("connect")
        if stream.response is not None and stream.server is not None:
            steps.append("response")
        if stream.end:
            steps.append("close")
        return steps

    def _step(self, stream: Stream, step: str, write: Any) -> None:
        if step not in self.wanted:
            return
        level = self._level(stream)
        if level == SILENT:
            return
        current.name = spelt(step)
        text = write(stream)
        current.name = b""
        self._put(level, text, stream, step)
        self.count += 1
