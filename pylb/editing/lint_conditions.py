"""Lint checks of conditions: never or always true, misread, or read where there is nothing."""

from __future__ import annotations

from collections.abc import Iterator

from pylb.editing import lint_logic as logic
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Rule, Subject
from pylb.errors import Span


def _conditions(subject: Subject) -> Iterator[tuple[Rule, list[list[logic.Literal]]]]:
    for proxy in subject.proxies:
        for rule in subject.all_rules(proxy):
            groups = logic.alternatives(rule.condition)
            if rule.condition is not None and groups is not None:
                yield rule, groups


@check(
    "L105",
    "never-true",
    "error",
    "A condition, or one of its alternatives, can never be true.",
    why="""ACLs that stand side by side must all hold. A request has one path, one method, one source address: two
    different values exclude each other. Usually `or` was meant, or both values belong in one ACL.""",
    frame="frontend",
    bad="use_backend api if { path_beg /api } { path_beg /v2 }",
    good="use_backend api if { path_beg /api } or { path_beg /v2 }",
)
def never_true(subject: Subject) -> Found:
    for rule, groups in _conditions(subject):
        condition = rule.condition
        assert condition is not None
        for index, group in enumerate(groups):
            found = logic.contradiction(group)
            if found is None:
                continue
            span = condition.span
            if not condition.unless:
                span = condition.alternatives[index][found[1]].span
            yield span, "never true: it excludes what stands before it (tests side by side must all hold)"


@check(
    "L106",
    "always-true",
    "error",
    "A condition is always true.",
    why="""`!a or !b` holds for everything when no request can be both a and b. To say "neither a nor b" write the
    negated tests side by side, without `or`.""",
    frame="frontend",
    bad="http-request deny if !{ path_beg /api } or !{ path_beg /web }",
    good="http-request deny if !{ path_beg /api } !{ path_beg /web }",
)
def always_true(subject: Subject) -> Found:
    for rule, groups in _conditions(subject):
        assert rule.condition is not None
        if logic.tautology(groups):
            yield rule.condition.span, "always true: every request meets one alternative or the other"


@check(
    "L107",
    "misplaced-test",
    "error",
    "A condition reads what does not exist where its rule runs, so the test never matches.",
    why="""A response has no status while the request is still being looked at, and the head of the request is gone
    when the response comes: keep what is needed in a variable (http-request set-var).""",
    frame="frontend",
    bad="http-request deny if { status 404 }",
    good="http-response set-header X-Missing yes if { status 404 }",
)
def misplaced_test(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for rule in subject.all_rules(proxy):
            if rule.condition is None:
                continue
            for group in rule.condition.alternatives:
                for use in group:
                    term = use.acl.misplaced(rule.condition.site)
                    if term is not None:
                        name = f"'{use.acl.name}'" if use.acl.name else "this test"
                        yield (
                            use.span,
                            f"{name} never matches here: '{term.word}' does not exist in '{rule.place}' rules",
                        )


@check(
    "L108",
    "or-and-mix",
    "hint",
    "A condition has a single test, `or`, and then a test with a negated one behind it.",
    why="""`a or b !c` means `a or (b and not c)`: side by side binds tighter than `or`, so `!c` does not hold for a.
    When it should, write it in both alternatives.""",
    frame="frontend",
    bad="http-request deny if { path_beg /admin } or { path_beg /debug } !{ src 10.0.0.0/8 }",
    good="http-request deny if { path_beg /admin } !{ src 10.0.0.0/8 } or { path_beg /debug } !{ src 10.0.0.0/8 }",
)
def or_and_mix(subject: Subject) -> Found:
    for rule, _ in _conditions(subject):
        condition = rule.condition
        assert condition is not None
        groups = condition.alternatives
        if len(groups) < 2 or any(len(group) != 1 or group[0].negated for group in groups[:-1]):
            continue
        last = groups[-1]
        if len(last) > 1 and last[-1].negated and not last[0].negated:
            names = {use.acl.name for group in groups[:-1] for use in group}
            if last[0].acl.name not in names or not last[0].acl.name:
                yield last[-1].span, "belongs to the last alternative only; the ones before `or` hold without it"


@check(
    "L109",
    "repeated-test",
    "hint",
    "The same anonymous test is written out four times or more in one proxy.",
    why="A named ACL is changed in one place; of several copies one is forgotten.",
    frame="frontend",
    bad="""
    http-request set-header X-Api yes if { path_beg /api }
    http-request set-header X-Kind json if { path_beg /api }
    http-request del-header Cookie if { path_beg /api }
    use_backend api if { path_beg /api }
    """,
    good="""
    acl is_api path_beg /api
    http-request set-header X-Api yes if is_api
    http-request set-header X-Kind json if is_api
    http-request del-header Cookie if is_api
    use_backend api if is_api
    """,
)
def repeated_test(subject: Subject) -> Found:
    for proxy in subject.proxies:
        seen: dict[tuple[object, ...], list[Span]] = {}
        for rule in subject.all_rules(proxy):
            for group in rule.condition.alternatives if rule.condition is not None else ():
                for use in group:
                    patterns = tuple(p.text for term in use.acl.terms for p in term.patterns.patterns)
                    if not use.acl.name and patterns:
                        keys = (*map(logic.key, use.acl.terms), patterns)
                        seen.setdefault(keys, []).append(use.acl.terms[0].span)
        for spans in seen.values():
            if len(spans) >= 4:
                yield spans[0], f"the same test stands in {len(spans)} rules of this proxy: name it with an acl line"
