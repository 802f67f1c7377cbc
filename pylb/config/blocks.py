"""Conditional blocks and messages: `.if .elif .else .endif .diag .notice .warning .alert` (manual, section 2.4)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pylb.config.conditions import ConditionError, Surroundings, evaluate
from pylb.errors import Report, Severity, Span


class _State(enum.Enum):
    TAKEN = "this branch is read"
    WAITING = "no branch has been read yet"
    DONE = "a branch has been read already"
    NESTED = "the block lies inside one that is not read"


@dataclass(slots=True)
class _Block:
    state: _State
    span: Span
    otherwise: bool = False  # `.else` has come


class Blocks:
    """The open blocks of one file, and whether lines are read at this point."""

    def __init__(self, report: Report, environment: Mapping[str, str]) -> None:
        self.report = report
        self.surroundings = Surroundings(environment)
        self.stack: list[_Block] = []
        self.active = True

    def directive(self, words: list[str], spans: Sequence[Span]) -> None:
        function = _DIRECTIVES.get(words[0])
        if function is not None:
            function(self, words, spans)
            self.active = not self.stack or self.stack[-1].state is _State.TAKEN
        elif self.active:
            self.report.alert(f"unknown directive '{words[0]}'.", spans[0])

    def end(self, where: Span) -> None:
        """A block does not reach into the next file; like HAProxy, blames the last line."""
        if self.stack:
            hint = f"the block opened at line {self.stack[-1].span.line} has no '.endif'"
            self.report.alert("non-terminated '.if' block.", where, hint)
        self.stack.clear()
        self.active = True

    def condition(self, words: list[str], spans: Sequence[Span]) -> _State:
        text = " ".join(words[1:])
        try:
            return _State.TAKEN if evaluate(text, self.surroundings) else _State.WAITING
        except ConditionError as error:
            head = f"{error.message} in '{words[0]}' at position {error.position + 1}:"
            shown = f"  {words[0]} {text}\n  {' ' * (len(words[0]) + 1 + error.position)}^"
            self.report.alert(f"{head}\n{shown}", spans[0]._replace(text=""))
            return _State.DONE

    def begin(self, words: list[str], spans: Sequence[Span]) -> None:
        state = self.condition(words, spans) if self.active else _State.NESTED
        self.stack.append(_Block(state, spans[0]))

    def other(self, words: list[str], spans: Sequence[Span]) -> None:
        block = self.top(words, spans)
        if block is None:
            return
        if block.state is _State.TAKEN:
            block.state = _State.DONE
        elif block.state is _State.WAITING:
            block.state = self.condition(words, spans)

    def rest(self, words: list[str], spans: Sequence[Span]) -> None:
        block = self.top(words, spans)
        if block is None:
            return
        self.no_arguments(words, spans)
        block.otherwise = True
        if block.state is _State.TAKEN:
            block.state = _State.DONE
        elif block.state is _State.WAITING:
            block.state = _State.TAKEN

    def top(self, words: list[str], spans: Sequence[Span]) -> _Block | None:
        """The innermost block, if another branch may begin."""
        if not self.stack:
            self.report.alert(f"lone '{words[0]}' with no matching '.if'.", spans[0])
            return None
        if self.stack[-1].otherwise:
            self.report.alert(f"'{words[0]}' after '.else' is not permitted.", spans[0])
            return None
        return self.stack[-1]

    def close(self, words: list[str], spans: Sequence[Span]) -> None:
        if not self.stack:
            self.report.alert("lone '.endif' with no matching '.if'.", spans[0])
            return
        self.no_arguments(words, spans)
        self.stack.pop()

    def no_arguments(self, words: list[str], spans: Sequence[Span]) -> None:
        if len(words) > 1:
            self.report.alert(f"Unexpected argument '{words[1]}' for '{words[0]}'.", spans[1])

    def message(self, words: list[str], spans: Sequence[Span]) -> None:
        if not self.active:
            return
        if len(words) > 2 and words[2]:
            self.report.alert(
                f"Unexpected argument '{words[2]}' for '{words[0]}'. Use quotes if the message should contain spaces.",
                spans[2],
            )
            return
        text = words[1] if len(words) > 1 else ""
        emit = {
            ".diag": self.report.diag,
            ".notice": self.report.notice,
            ".warning": self.report.warning,
            ".alert": self.report.alert,
        }[words[0]]
        emit(f"'{text}'.", spans[0])


_Directive = Callable[[Blocks, list[str], Sequence[Span]], None]
_DIRECTIVES: dict[str, _Directive] = {
    ".if": Blocks.begin,
    ".elif": Blocks.other,
    ".else": Blocks.rest,
    ".endif": Blocks.close,
    **{f".{severity.name.lower()}": Blocks.message for severity in Severity},
}
