"""Lint checks of what rules do: redirects that loop, headers that are overwritten or lie."""

from __future__ import annotations

from pylb.config.model import ProxyConfig
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_rules import always
from pylb.editing.lint_subject import Rule, Subject


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
            if rule.action == "redirect" and "scheme https" in rule.text and always(rule):
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
