"""Lint checks of tests that come after the change of what they test, and of TLS names read in the wrong layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing import lint_logic as logic
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Rule, Subject
from pylb.editing.lint_terms import fetch_of
from pylb.errors import Span
from pylb.sample.acl import Term

_PATH_ACTIONS: Final = ("set-path", "replace-path", "set-pathq", "replace-pathq", "set-uri", "replace-uri")


def _later(subject: Subject, proxy: ProxyConfig, rule: Rule) -> Iterator[Rule]:
    """What is evaluated behind a rule in the same section."""
    rules = subject.rules(proxy, "http-request")
    yield from rules[rules.index(rule) + 1 :]
    yield from subject.rules(proxy, "use_backend")


def _positive(rule: Rule) -> Iterator[tuple[Term, Span]]:
    """Terms that a rule's condition asks to hold, with the place where it does."""
    groups = rule.condition.alternatives if rule.condition is not None and not rule.condition.unless else []
    for group in groups:
        for use in group:
            if not use.negated and len(use.acl.terms) == 1:
                yield use.acl.terms[0], use.span


_REGSUB = re.compile(r"regsub\(([^,()]+|'[^']*'|\"[^\"]*\"),([^,()]*)")


def _rewriting(rule: Rule) -> Callable[[str], str | None] | None:
    """What a rule makes of a path, where that can be told from its text."""
    words = rule.words
    if rule.action in ("replace-path", "replace-pathq") and len(words) > 2:
        return _replacing(words[1], words[2], whole=True)
    if rule.action in ("set-path", "set-pathq") and len(words) > 1:
        match = _REGSUB.search(words[1])
        if match is not None and words[1].startswith("%[path,regsub"):
            return _replacing(match[1].strip("\"'"), match[2].strip("\"'"), whole=False)
        if "%" not in words[1]:
            return lambda path: words[1]
    return None


def _replacing(pattern: str, text: str, *, whole: bool) -> Callable[[str], str | None] | None:
    try:
        search = re.compile(pattern).search
    except re.error:
        return None

    def replace(path: str) -> str | None:
        match = search(path)
        if match is None or "%" in text:
            return None
        new = re.sub(r"\\([0-9])", lambda m: _group(match, int(m[1])), text)
        return new if whole else path[: match.start()] + new + path[match.end() :]

    return replace


def _group(match: re.Match[str], number: int) -> str:
    return (match[number] or "") if number <= (match.re.groups or 0) else ""


_MATCHES: Final[dict[str, Callable[[str, str], bool]]] = {
    "beg": lambda path, pattern: path.startswith(pattern),
    "str": lambda path, pattern: path == pattern,
    "dir": lambda path, pattern: f"/{pattern.strip('/')}/" in f"{path}/",
}


@check(
    "L120",
    "rewritten-path",
    "error",
    "A rule tests a path that an earlier rule has already rewritten, so the test no longer holds.",
    why="""Every condition reads the request as it is at that moment. Once /api has been cut off, `path_beg /api` is
    false. Choose by a variable set before, or move the rewriting to the backend.""",
    frame="frontend",
    bad="""
    acl is_api path_beg /api
    http-request replace-path /api(/.*)? \\1 if is_api
    use_backend api if is_api
    """,
    good="""
    http-request set-var(txn.api) bool(true) if { path_beg /api }
    http-request replace-path /api(/.*)? \\1 if { var(txn.api) -m bool }
    use_backend api if { var(txn.api) -m bool }
    """,
)
def rewritten_path(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for rule in subject.rules(proxy, "http-request"):
            rewrite = _rewriting(rule)
            if rewrite is None or rule.condition is None:
                continue
            mine = [term for term, _ in _positive(rule) if fetch_of(term) == "path"]
            for later in _later(subject, proxy, rule):
                if later.action in _PATH_ACTIONS:
                    break
                for term, span in _positive(later):
                    if any(logic.term_implies(term, own) for own in mine) and _lost(term, rewrite):
                        yield span, f"no longer true: line {rule.span.line} has rewritten the path of these requests"


def _lost(term: Term, rewrite: Callable[[str], str | None]) -> bool:
    """Whether what matched before the rewriting certainly does not match after it."""
    matches = _MATCHES.get(term.patterns.method)
    if matches is None or not term.patterns.patterns or term.patterns.files:
        return False
    texts = [pattern.text.decode("utf-8", "replace") for pattern in term.patterns.patterns]
    for text in texts:
        for path in (text, text.rstrip("/") + "/x") if term.patterns.method == "beg" else (text,):
            new = rewrite(path)
            if new is None or any(matches(new, other) for other in texts):
                return False
    return True


@check(
    "L121",
    "deleted-header",
    "error",
    "A rule tests a request header that an earlier rule has deleted for every request.",
    why="After an unconditional del-header the test never matches (and its negation always does).",
    frame="frontend",
    bad="""
    http-request del-header X-Token
    http-request deny unless { hdr(X-Token) secret }
    """,
    good="""
    http-request deny unless { hdr(X-Token) secret }
    http-request del-header X-Token
    """,
)
def deleted_header(subject: Subject) -> Found:
    for proxy in subject.proxies:
        gone: dict[str, Rule] = {}
        rules = [*subject.rules(proxy, "http-request"), *subject.rules(proxy, "use_backend")]
        for rule in rules:
            for group in rule.condition.alternatives if rule.condition is not None else ():
                for use in group:
                    names = {header_of(term) for term in use.acl.terms}
                    name = names.pop() if len(names) == 1 else ""
                    if name in gone:
                        yield use.span, f"line {gone[name].span.line} has deleted this header"
            if len(rule.words) > 1 and rule.action in ("set-header", "add-header", "replace-header"):
                gone.pop(rule.words[1].lower(), None)
            elif rule.action.startswith(("lua.", "use-service", "send-spoe")):
                gone.clear()
            elif rule.action == "del-header" and rule.condition is None and len(rule.words) == 2:
                gone[rule.words[1].lower()] = rule


def header_of(term: Term) -> str:
    """Name of the request header that a term reads."""
    node = term.expression.fetch
    if not node.word.name.startswith(("req.hdr", "req.fhdr")) or "(" not in node.text:
        return ""
    return node.text.partition("(")[2].rstrip(")").split(",")[0].strip("\"' ").lower()


@check(
    "L124",
    "replaced-header",
    "error",
    "A rule compares a request header with something else than what an earlier rule has set it to for every request.",
    why="After an unconditional set-header the header has that value and no other, so the test never matches.",
    frame="frontend",
    bad="""
    http-request set-header Host app.internal
    use_backend api if { hdr(host) -i api.example.com }
    """,
    good="""
    http-request set-var(txn.host) req.hdr(host)
    http-request set-header Host app.internal
    use_backend api if { var(txn.host) -m str -i api.example.com }
    """,
)
def replacedheader_of(subject: Subject) -> Found:
    for proxy in subject.proxies:
        values: dict[str, tuple[bytes, int]] = {}
        for rule in (*subject.rules(proxy, "http-request"), *subject.rules(proxy, "use_backend")):
            for group in rule.condition.alternatives if rule.condition is not None else ():
                for use in group:
                    name = header_of(use.acl.terms[0]) if len(use.acl.terms) == 1 else ""
                    if name in values and _differs(use.acl.terms[0], values[name][0]):
                        yield use.span, f"never matches: line {values[name][1]} has set this header to another value"
            name = rule.words[1].lower() if len(rule.words) > 1 else ""
            if rule.action.startswith(("lua.", "use-service", "send-spoe")):
                values.clear()
            elif rule.action in ("set-header", "add-header", "replace-header", "replace-value", "del-header"):
                values.pop(name, None)
                constant = len(rule.words) == 3 and "%" not in rule.words[2]
                if rule.action == "set-header" and rule.condition is None and constant:
                    values[name] = (rule.words[2].encode(), rule.span.line)


def _differs(term: Term, value: bytes) -> bool:
    """Whether a test certainly does not hold for a value."""
    test = _TESTS.get(term.patterns.method)
    if test is None or term.expression.converters or term.patterns.files or not term.patterns.patterns:
        return False
    return not any(test(value.lower(), pattern.text.lower()) for pattern in term.patterns.patterns)


_TESTS: Final[dict[str, Callable[[bytes, bytes], bool]]] = {
    "str": lambda value, pattern: value == pattern,
    "beg": lambda value, pattern: value.startswith(pattern),
    "end": lambda value, pattern: value.endswith(pattern),
    "sub": lambda value, pattern: pattern in value,
}


@check(
    "L122",
    "sni-of-other-layer",
    "error",
    "The TLS server name is read in a layer where it is not.",
    why="""`req.ssl_sni` looks for a TLS hello in the bytes of the connection: where `bind ... ssl` has already taken
    TLS off, there is none. `ssl_fc_sni` is what a `bind ... ssl` has seen: without one it does not exist.""",
    bad="""
    frontend web
        mode http
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request deny unless { req.ssl_sni -i www.example.com }
    """,
    good="""
    frontend web
        mode http
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request deny unless { ssl_fc_sni -i www.example.com }
    """,
)
def sni_of_other_layer(subject: Subject) -> Found:
    for proxy in subject.fronts:
        tls = [bool(bind.values.get("ssl")) for bind in proxy.binds]
        if not tls or any(tls) != all(tls):
            continue
        seen = set()
        for rule in subject.all_rules(proxy):
            for group in rule.condition.alternatives if rule.condition is not None else ():
                for use in group:
                    name = use.acl.terms[0].expression.fetch.word.name
                    if id(use.acl) in seen or len(use.acl.terms) != 1:
                        continue
                    seen.add(id(use.acl))
                    if name == "req.ssl_sni" and all(tls):
                        yield use.span, "never matches behind 'bind ... ssl': use ssl_fc_sni"
                    elif name.startswith("ssl_fc_sni") and not any(tls):
                        yield use.span, "never matches: no bind line of this proxy has 'ssl' (in TCP: req.ssl_sni)"


# Fetches of bytes that have yet to arrive when a connection is new.
_AWAITED: Final = ("req.ssl_", "req.payload", "req.len", "req.rdp", "wait_end", "req.proto_http", "distcc")


@check(
    "L123",
    "no-inspect-delay",
    "error",
    "A TCP proxy looks at the first bytes of a connection without waiting for them.",
    why="""Without `tcp-request inspect-delay` the rules are evaluated at once, before the client has sent anything: the
    server name of a TLS hello is not there yet, and the test fails.""",
    frame="tcp frontend",
    bad="use_backend api if { req.ssl_sni -i api.example.com }",
    good="""
    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend api if { req.ssl_sni -i api.example.com }
    """,
)
def no_inspect_delay(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if proxy.http or any(bind.values.get("ssl") for bind in proxy.binds):
            continue
        content = subject.rules(proxy, "tcp-request content")
        delay = proxy.get("tcp-request inspect-delay")
        if delay and (content or (proxy.origin is not None and proxy.origin.rules.get("tcp-request content"))):
            continue
        what = "no 'tcp-request inspect-delay'" if not delay else "no 'tcp-request content' rule that waits"
        for rule in (*content, *subject.rules(proxy, "use_backend")):
            span = _awaits(rule)
            if span is not None:
                yield span, f"looks at bytes that have not come yet: {what} in this proxy"
                break


def _awaits(rule: Rule) -> Span | None:
    for group in rule.condition.alternatives if rule.condition is not None else ():
        for use in group:
            for term in use.acl.terms:
                if term.expression.fetch.word.name.startswith(_AWAITED):
                    return use.span
    return None
