"""Lint checks of rules and their order: what never runs, never matches, or comes too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pylb.config.model import ProxyConfig
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


def _always(rule: Rule) -> bool:
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
        if rule.final and _always(rule):
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
    for index, rule in enumerate(rules):
        if not rule.final or rule.condition is None:
            continue
        for at in range(index - 1, -1, -1):
            earlier = rules[at]
            if earlier.action.startswith(_CHANGES) and not earlier.final:
                break
            if not earlier.final or earlier.condition is None or "%" in "".join(earlier.words[:1]):
                continue
            if earlier.place != rule.place:
                continue
            if logic.implies(rule.condition, earlier.condition):
                yield rule, earlier
                break


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
    "L110",
    "https-redirect-loop",
    "error",
    "An unconditional redirect to https in a proxy that itself serves TLS.",
    why="""The redirected request comes back through the TLS listener of the same proxy and is redirected again, without
    end. Requests that came over TLS have to be left out.""",
    bad="""
    frontend web
        mode http
        bind :80
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request redirect scheme https
    """,
    good="""
    frontend web
        mode http
        bind :80
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request redirect scheme https unless { ssl_fc }
    """,
)
def https_redirect_loop(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if not any(bind.values.get("ssl") for bind in proxy.binds):
            continue
        for rule in subject.rules(proxy, "http-request"):
            if rule.action == "redirect" and "scheme https" in rule.text and _always(rule):
                yield rule.span, "redirects https requests to https as well: they come back for ever"


@check(
    "L111",
    "overwritten-header",
    "warning",
    "The same header is set twice without condition in one ruleset.",
    why="set-header replaces: the first value is lost. Either one line is left over, or another header was meant.",
    frame="frontend",
    bad="""
    http-request set-header X-Zone blue
    http-request set-header X-Zone green
    """,
    good="""
    http-request set-header X-Zone blue
    http-request set-header X-Zone green if { src 10.0.0.0/8 }
    """,
)
def overwritten_header(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for place in ("http-request", "http-response", "http-after-response"):
            first: dict[str, Rule] = {}
            for rule in subject.rules(proxy, place):
                if rule.action != "set-header" or len(rule.words) < 2:
                    if rule.final:
                        first.clear()
                    continue
                name = rule.words[1].lower()
                reads = f"({name}" in rule.text.lower()
                if rule.condition is None and name in first and not reads and not _read(subject, proxy, name):
                    yield rule.span, f"replaces the value that line {first[name].span.line} has just set"
                if rule.condition is None:
                    first[name] = rule


def _read(subject: Subject, proxy: ProxyConfig, name: str) -> bool:
    return any(f"({name}" in word.lower() for line in subject.lines_of(proxy) for word in line.words)


@check(
    "L112",
    "repeated-line",
    "warning",
    "The same rule is written twice in one section.",
    why="""The second one has no effect, or does it twice: add-header then adds the header two times. Usually a copy
    that should have been changed.""",
    frame="frontend",
    bad="""
    http-request add-header X-Via edge
    http-request add-header X-Via edge
    """,
    good="""
    http-request add-header X-Via edge
    http-request add-header X-Via core
    """,
)
def repeated_line(subject: Subject) -> Found:
    names = ("http-request", "http-response", "http-after-response", "use_backend", "tcp-request content", "redirect")
    for proxy in subject.sections:
        seen: dict[tuple[str, ...], int] = {}
        for line in subject.lines_of(proxy, *names, "tcp-request connection", "capture"):
            words = tuple(line.words)
            if words in seen and not _may_repeat(words):
                yield line.span, f"the same line stands at line {seen[words]}"
            seen.setdefault(words, line.span.line)


def _may_repeat(words: tuple[str, ...]) -> bool:
    """Rules that do more when they run again, or look at what changed between."""
    return len(words) > 1 and words[1].startswith(("replace-", "sc-", "set-", "lua.", "normalize-", "track-", "do-"))


@check(
    "L113",
    "scheme-lie",
    "warning",
    "X-Forwarded-Proto is set to https without condition in a proxy that also listens without TLS.",
    why="""The application believes that clear requests were encrypted: it sends secure cookies over them and does not
    redirect.""",
    bad="""
    frontend web
        mode http
        bind :80
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request set-header X-Forwarded-Proto https
    """,
    good="""
    frontend web
        mode http
        bind :80
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request set-header X-Forwarded-Proto https if { ssl_fc }
    """,
)
def scheme_lie(subject: Subject) -> Found:
    for proxy in subject.fronts:
        tls = [bool(bind.values.get("ssl")) for bind in proxy.binds]
        if all(tls) or not any(tls):
            continue
        rules = subject.rules(proxy, "http-request")
        if any(rule.action == "redirect" for rule in rules):
            continue
        for rule in rules:
            words = [word.lower() for word in rule.words[:3]]
            if words[1:] == ["x-forwarded-proto", "https"] and rule.condition is None:
                yield rule.span, "says https for requests that came without TLS, too"


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
            if span is not None and _always(rule) and "%" not in rule.text:
                yield span, f"never used: 'use_backend {rule.text}' at line {rule.span.line} takes everything"
                break


@check(
    "L115",
    "redirect-without-query",
    "hint",
    "A redirect to the same path of another host or scheme leaves the query string out.",
    why="""`%[path]` ends before the `?`: parameters are lost on the way. `%[capture.req.uri]`, `redirect prefix` and
    `redirect scheme` keep them.""",
    frame="frontend",
    bad="http-request redirect location https://www.example.com%[path] if { hdr(host) -i example.com }",
    good="http-request redirect prefix https://www.example.com if { hdr(host) -i example.com }",
)
def redirect_without_query(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for rule in subject.rules(proxy, "http-request"):
            if rule.action != "redirect" and rule.place != "redirect":
                continue
            target = rule.words[rule.words.index("location") + 1] if "location" in rule.words[:-1] else ""
            if "//" in target and target.endswith("%[path]") and "query" not in target:
                yield rule.span, "'%[path]' has no query string: parameters are lost in this redirect"
