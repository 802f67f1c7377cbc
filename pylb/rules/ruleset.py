"""Runs the rules of one place in order, resumes where a wait stopped them, and runs none of them twice.

`compile(lines, program)` turns parsed rules into closures; `run(ctx, at)` returns None when no rule decided. A
condition that cannot be decided yet makes a WAIT verdict that carries its own index. An action that waits says in
`verdict.at` whether it is to run again (0) or is over with the wait (1).

`redirect` lines stand behind the `http-request` rules of their proxy (and old rules on raw lines before them) and are
looked at even when one of those said `allow`: a STOP before them goes on at the first one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample.values import WAIT

if TYPE_CHECKING:
    from pylb.config.model import RuleLine

Action = Callable[[Any], "Verdict | None"]
Condition = Callable[[Any], Any]

REDIRECT = "redirect"
"""Place of RuleLines written as `redirect ...`."""

BLOCK = "block"
"""Place of RuleLines written as `block ...`, and of what old words say of monitors: before the other rules."""

RAW = "raw lines"
ADDED = "added lines"
"""Places of what old words say of raw header lines (rules/legacy.py)."""

PROXIED = "proxied"
"""Place of what `option http_proxy` does with a request: behind everything else."""

LATE = (RAW, ADDED, REDIRECT, PROXIED)
"""The places behind the `http-request` and `http-response` rules of a proxy, in this order: looked at even when one of
those said `allow`."""


class Trace(Protocol):
    """Who follows the rules of a traced ruleset: told of every rule looked at, before its action runs."""

    def rule(self, line: RuleLine, ctx: Any, held: Any) -> None: ...


Step = tuple[int, "Condition | None", Action]
"""Index of the rule, its condition or None, what it does."""


class Ruleset:
    """Compiled rules of one place. Lives as long as its program; holds nothing of a request."""

    __slots__ = ("late", "lines", "steps")

    def __init__(self, lines: list[RuleLine], steps: list[Step]) -> None:
        self.lines = lines
        self.steps = steps
        first = next((index for index, line in enumerate(lines) if line.place in LATE), len(lines))
        self.late = first

    def run(self, ctx: Any, at: int = 0) -> Verdict | None:
        """Runs the rules from `at` on up to the first one that decides."""
        for index, condition, action in self.steps[at:] if at else self.steps:
            if condition is not None:
                held = condition(ctx)
                if held is not True:
                    if held is WAIT:
                        return Verdict(Outcome.WAIT, at=index)
                    continue
            verdict = action(ctx)
            if verdict is not None:
                return self._spoken(ctx, index, verdict)
        return None

    def _spoken(self, ctx: Any, index: int, verdict: Verdict) -> Verdict | None:
        kind = verdict.kind
        if kind is Outcome.WAIT:
            return Verdict(Outcome.WAIT, at=index + verdict.at, wait=verdict.wait, rule=self.lines[index])
        if verdict.rule is None:
            # Invariant: actions make their verdicts per rule, so that the rule is always the same one.
            verdict.rule = self.lines[index]
        stream = ctx.stream
        if stream is not None:
            stream.rule = verdict.rule
        if kind is Outcome.STOP and index < self.late < len(self.lines):
            return self.run(ctx, self.late) or verdict
        return verdict


class Joined:
    """Two rulesets that run as one; an `accept` of the first goes on with the second. HTTP responses pass the
    `tcp-response content` rules of their backend before its `http-response` rules."""

    __slots__ = ("border", "first", "lines", "second")

    def __init__(self, first: Ruleset, second: Ruleset | None) -> None:
        self.first = first
        self.second = second
        self.border = len(first.lines)
        self.lines = first.lines if second is None else first.lines + second.lines

    def run(self, ctx: Any, at: int = 0) -> Verdict | None:
        border = self.border
        if at <= border:
            verdict = self.first.run(ctx, at)
            if verdict is not None and verdict.kind is not Outcome.STOP:
                return verdict
            at = border
        if self.second is None:
            return None
        verdict = self.second.run(ctx, at - border)
        if verdict is not None and verdict.kind is Outcome.WAIT:
            verdict.at += border  # made for this run alone
        return verdict


def joined(first: Ruleset | None, second: Ruleset | None) -> Ruleset | Joined | None:
    return second if first is None else Joined(first, second)


def compile(
    lines: list[RuleLine], program: Any, *, trace: Trace | None = None, hits: list[int] | None = None
) -> Ruleset | None:
    """The runner of these rules, None when there are none.

    With `hits` every action that runs counts at its index (the list grows to fit); with `trace` conditions and actions
    report what they do. Without them nothing is paid for either.
    """
    if not lines:
        return None
    if hits is not None:
        hits.extend([0] * (len(lines) - len(hits)))
    steps: list[Step] = []
    for index, line in enumerate(lines):
        condition = None
        if line.condition is not None:
            condition = line.condition.compile(program) if trace is None else line.condition.compile(program, trace)
        action: Action = line.build(program)
        if hits is not None:
            action = _counted(action, hits, index)
        if trace is not None:
            condition, action = _traced(condition, action, line, trace)
        steps.append((index, condition, action))
    return Ruleset(list(lines), steps)


def _counted(action: Action, hits: list[int], index: int) -> Action:
    def counted(ctx: Any) -> Verdict | None:
        hits[index] += 1
        return action(ctx)

    return counted


def _traced(
    condition: Condition | None, action: Action, line: RuleLine, trace: Trace
) -> tuple[Condition | None, Action]:
    if condition is None:

        def always(ctx: Any) -> Verdict | None:
            trace.rule(line, ctx, True)
            return action(ctx)

        return None, always

    def told(ctx: Any) -> Any:
        held = condition(ctx)
        trace.rule(line, ctx, held)
        return held

    return told, action
