"""Lint checks of rules and their order: what never runs, never matches, or comes too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pylb.editing import lint_logic as logic
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Rule, Subject

# Rulesets in which a final action ends the list.
PLACES: Final = (
    *("http-request", "http-response", "http-after-response"),
    *("tcp-request connection", "tcp-request session", "tcp-request content", "tcp-response content"),
)
# Actions after which the tests of later rules may answer differently.
_CHANGES: Final = ("set-", "add-", "del-", "replace-", "unset-", "normalize-", "lua.", "track-", "sc-", "use-service")


def always(rule: Rule) -> bool:
    """Whether a rule runs for everything that reaches it."""
    if rule.condition is None:
        return True
    groups = logic.alternatives(rule.condition)
    return groups is not None and any(
        all(not literal.negated and literal.acl.name == "TRUE" for literal in group) for group in groups
    )


def _behind(rules: list[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """(rule that never runs, the final rule before it), the first one only."""
    for index, rule in enumerate(rules[:-1]):
        if rule.final and always(rule):
            later = rules[index + 1]
            if rule.action in ("allow", "accept") and later.place == "redirect":
                return  # redirects run after an allow
            yield later, rule
            return


@check(
    "L101",
    "dead-rule",
    "error",
    "A rule stands behind a final rule of the same ruleset that has no condition.",
    why="""deny, allow, redirect, return and the other final actions end the ruleset. Without a condition they end it
    for every request, so nothing behind them ever runs.""",
    frame="frontend",
    bad="""
    http-request deny
    http-request set-header X-Zone outside
    """,
    good="""
    http-request set-header X-Zone outside
    http-request deny if { src 198.51.100.0/24 }
    """,
)
def dead_rule(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for place in PLACES:
            for later, rule in _behind(subject.rules(proxy, place)):
                yield (
                    later.span,
                    f"never runs: '{rule.place} {rule.action}' at line {rule.span.line} ends the ruleset for all",
                )


@check(
    "L102",
    "dead-use-backend",
    "error",
    "A use_backend rule stands behind one that has no condition.",
    why="The first use_backend rule that holds is the one that counts; one without a condition always holds.",
    frame="frontend",
    bad="""
    use_backend app
    use_backend api if { path_beg /api }
    """,
    good="""
    use_backend api if { path_beg /api }
    use_backend app
    """,
)
def dead_use_backend(subject: Subject) -> Found:
    for proxy in subject.fronts:
        for later, rule in _behind(subject.rules(proxy, "use_backend")):
            yield later.span, f"never reached: 'use_backend {rule.text}' at line {rule.span.line} takes everything"


def _shadows(rules: list[Rule]) -> Iterator[tuple[Rule, Rule]]:
    """(rule, earlier rule that takes everything it would), for final rules with conditions."""
    earlier: logic.Index[Rule] = logic.Index()
    for rule in rules:
        if not rule.final:
            if rule.action.startswith(_CHANGES):
                earlier = logic.Index()
            continue
        if rule.condition is None:
            continue
        for candidate in earlier.candidates(rule.condition):
            if candidate.place == rule.place and logic.implies(rule.condition, candidate.condition):
                yield rule, candidate
                break
        if "%" not in "".join(rule.words[:1]):
            earlier.add(rule.condition, rule)


@check(
    "L103",
    "shadowed-use-backend",
    "error",
    "An earlier use_backend rule already takes everything that this one would.",
    why="""The first use_backend rule that holds counts. /api/v2 begins with /api, so the rule for /api takes it; the
    narrower rule has to come first.""",
    frame="frontend",
    bad="""
    use_backend app if { path_beg /api }
    use_backend api if { path_beg /api/v2 }
    """,
    good="""
    use_backend api if { path_beg /api/v2 }
    use_backend app if { path_beg /api }
    """,
)
def shadowed_use_backend(subject: Subject) -> Found:
    for proxy in subject.fronts:
        for rule, earlier in _shadows(subject.rules(proxy, "use_backend")):
            yield (
                rule.span,
                f"never reached: 'use_backend {earlier.text}' at line {earlier.span.line} takes all of this",
            )


@check(
    "L104",
    "shadowed-rule",
    "warning",
    "An earlier final rule of the same ruleset already decides about everything that this one would.",
    why="A final rule ends the ruleset for what it matches, so a later one with the same or a narrower test is dead.",
    frame="frontend",
    bad="""
    http-request allow if { path_beg /status }
    http-request deny if { path /status/internal }
    """,
    good="""
    http-request deny if { path /status/internal }
    http-request allow if { path_beg /status }
    """,
)
def shadowed_rule(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for place in PLACES:
            for rule, earlier in _shadows(subject.rules(proxy, place)):
                if earlier.action in ("allow", "accept") and rule.place == "redirect":
                    continue
                yield (
                    rule.span,
                    f"never runs: '{earlier.place} {earlier.action}' at line {earlier.span.line} decides before",
                )


@check(
    "L114",
    "dead-default-backend",
    "warning",
    "A proxy has a use_backend rule without condition, and a default_backend.",
    why="The rule takes everything, so the default is never used; one of the two is not what was meant.",
    frame="frontend",
    bad="use_backend api",
    good="use_backend api if { path_beg /api }",
)
def dead_default_backend(subject: Subject) -> Found:
    for proxy in subject.fronts:
        span = subject.own(proxy, "default_backend")
        for rule in subject.rules(proxy, "use_backend"):
            if span is not None and always(rule) and "%" not in rule.text:
                yield span, f"never used: 'use_backend {rule.text}' at line {rule.span.line} takes everything"
                break
