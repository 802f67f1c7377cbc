"""Lint checks of ACLs and their patterns: what never matches, matches twice, or reads like another method."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing import lint_logic as logic
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject
from pylb.sample.acl import PREDEFINED, Term
from pylb.sample.patterns import Pattern


def terms(subject: Subject) -> Iterator[tuple[ProxyConfig, Term]]:
    """Every term of every ACL and condition once, in the section that wrote it."""
    for proxy in subject.sections:
        known = {id(t) for acl in (proxy.origin.acls.values() if proxy.origin is not None else ()) for t in acl.terms}
        for acl in proxy.acls.values():
            for term in acl.terms:
                if id(term) not in known:
                    known.add(id(term))
                    yield proxy, term
        for rule in subject.all_rules(proxy):
            for group in rule.condition.alternatives if rule.condition is not None else ():
                for use in group:
                    if not use.acl.name and id(use.acl.terms[0]) not in known:
                        known.add(id(use.acl.terms[0]))
                        yield proxy, use.acl.terms[0]


def fetch_of(term: Term) -> str:
    """The fetch with its first argument, canonical, when no converter changes what it says: `path`, `req.hdr(host)`."""
    if term.expression.converters and not all(n.name in ("lower",) for n in term.expression.converters):
        return ""
    node = term.expression.fetch
    return (node.word.name + node.text[len(node.name) :].lower()).split(",")[0].rstrip(")") + (
        ")" if "(" in node.text else ""
    )


def patterns(subject: Subject) -> Iterator[tuple[ProxyConfig, Term, str, str, Pattern]]:
    """(section, term, fetch, method, pattern) of every inline pattern."""
    for proxy, term in terms(subject):
        fetch = fetch_of(term)
        for pattern in term.patterns.patterns:
            yield proxy, term, fetch, term.patterns.method, pattern


@check(
    "L201",
    "unused-acl",
    "warning",
    "An ACL is declared and no condition uses it.",
    why="""An ACL does nothing by itself. When no rule names it, a rule is missing or a name is misspelt, which matters
    most for ACLs that were meant to protect something.""",
    frame="frontend",
    bad="acl from_office src 192.0.2.0/24",
    good="""
    acl from_office src 192.0.2.0/24
    http-request deny unless from_office
    """,
)
def unused_acl(subject: Subject) -> Found:
    for proxy in subject.sections:
        used = _names_used(subject, proxy)
        seen = set()
        for line in subject.lines_of(proxy, "acl"):
            name = line.words[1]
            if name not in used and name not in seen:
                yield line.spans[1], f"no condition uses the ACL '{name}'"
            seen.add(name)


def _names_used(subject: Subject, proxy: ProxyConfig) -> set[str]:
    """Names in the conditions of a section, and for defaults in those of everybody who inherits."""
    sections: list[ProxyConfig] = [proxy]
    if proxy.kind == "defaults":
        sections += [heir for heir in subject.config.proxies if heir.origin is proxy]
    used: set[str] = set()
    for section in sections:
        for line in subject.lines_of(section):
            if line.name == "acl":
                used.update(name for word in line.words[2:] for name in _of_fetch(word))
                continue
            used.update(word.lstrip("!") for word in line.words[1:])
            used.update(name for word in line.words[1:] for name in _of_fetch(word))
    return used


def _of_fetch(word: str) -> list[str]:
    """ACL names in a fetch `acl(a,!b)`."""
    return [name.strip(" !") for inside in re.findall(r"\bacl\(([^)]*)\)", word) for name in inside.split(",")]


@check(
    "L202",
    "predefined-acl",
    "warning",
    "An ACL takes the name of a predefined one and tests something else.",
    why="""TRUE, LOCALHOST, METH_GET and their like mean something to whoever reads the rules; a declaration of that
    name takes the place of the predefined meaning in the whole section.""",
    frame="frontend",
    bad="""
    acl METH_GET method GET
    http-request deny unless METH_GET
    """,
    good="""
    acl only_get method GET
    http-request deny unless only_get
    """,
)
def predefined_acl(subject: Subject) -> Found:
    for proxy in subject.sections:
        for line in subject.lines_of(proxy, "acl"):
            name = line.words[1]
            if name in PREDEFINED and tuple(line.words[2:]) != PREDEFINED[name]:
                yield line.spans[1], f"'{name}' is predefined as '{' '.join(PREDEFINED[name])}'"


@check(
    "L203",
    "repeated-acl",
    "warning",
    "The same ACL line is written twice in one section.",
    why="Lines of one name are alternatives, so the second adds nothing. Often a copy that should have been changed.",
    frame="frontend",
    bad="""
    acl is_api path_beg /api
    acl is_api path_beg /api
    use_backend api if is_api
    """,
    good="""
    acl is_api path_beg /api
    acl is_api path_beg /rest
    use_backend api if is_api
    """,
)
def repeated_acl(subject: Subject) -> Found:
    for proxy in subject.sections:
        seen: dict[tuple[str, ...], int] = {}
        for line in subject.lines_of(proxy, "acl"):
            words = tuple(line.words)
            if words in seen:
                yield line.span, f"the same line stands at line {seen[words]}"
            seen.setdefault(words, line.span.line)


@check(
    "L204",
    "mixed-acl",
    "hint",
    "Two lines declare ACLs of one name that test different things.",
    why="""Lines of one name are alternatives: the ACL holds when either does. Written for "this host and this path" it
    takes every host with that path. Two names side by side say "and"; one name is right when "either" is meant.""",
    frame="frontend",
    bad="""
    acl is_api hdr(host) -i api.example.com
    acl is_api path_beg /v1
    use_backend api if is_api
    """,
    good="""
    acl api_host hdr(host) -i api.example.com
    acl api_path path_beg /v1
    use_backend api if api_host api_path
    """,
)
def mixed_acl(subject: Subject) -> Found:
    for proxy in subject.sections:
        inherited = proxy.origin.acls if proxy.origin is not None else {}
        for name, acl in proxy.acls.items():
            if inherited.get(name) is acl:
                continue
            first = _subject_of(acl.terms[0])
            for term in acl.terms[1:]:
                if _subject_of(term) != first:
                    yield term.span, f"'{name}' also holds when '{acl.terms[0].word}' does: lines of one name are or-ed"
                    break


# Fetches that look at the same thing from different sides.
_KIN: Final = {"pathq": "path", "url": "path", "base": "path", "req.fhdr": "req.hdr", "ssl_fc_sni": "host"}


def _subject_of(term: Term) -> str:
    node = term.expression.fetch
    if node.word.name in ("req.hdr", "req.hdr_ip", "req.fhdr"):
        return node.text[node.text.find("(") :].lower().split(",")[0].strip("()")
    return _KIN.get(node.word.name, node.word.name)


@check(
    "L205",
    "redundant-pattern",
    "hint",
    "A pattern of an ACL is already matched by another one of the same list.",
    why="""It can be left out; or one of the two was meant to be something else. /api as a prefix takes /api/v2 and
    /apiary as well.""",
    frame="frontend",
    bad="use_backend api if { path_beg /api /api/v2 }",
    good="use_backend api if { path_beg /api /rest/v2 }",
)
def redundant_pattern(subject: Subject) -> Found:
    for _, term in terms(subject):
        if len(term.patterns.patterns) <= 500:
            found = logic.redundant(term.patterns)
            if found is not None and "${" not in found.span.text:
                yield found.span, f"'{_text(found)}' is matched by another pattern of this list already"


def _text(pattern: Pattern) -> str:
    return pattern.text.decode("utf-8", "replace")


_PATHS: Final = ("path", "pathq", "baseq")


@check(
    "L206",
    "path-without-slash",
    "error",
    "A path is compared with something that does not begin with a slash.",
    why="Every path begins with `/` (the path of `OPTIONS *` is empty), so the test never matches.",
    frame="frontend",
    bad="use_backend api if { path_beg api }",
    good="use_backend api if { path_beg /api }",
)
def path_without_slash(subject: Subject) -> Found:
    for _, _, fetch, method, pattern in patterns(subject):
        if (
            fetch in ("path", "pathq")
            and method in ("str", "beg")
            and not pattern.text.startswith((b"/", b"*", b"http"))
        ):
            yield pattern.span, "never matches: a path begins with '/'"


@check(
    "L207",
    "query-in-path",
    "error",
    "A path is compared with a pattern that holds a question mark.",
    why="`path` ends before the `?`. The query string is in `query`, a parameter in `url_param(name)`, all in `pathq`.",
    frame="frontend",
    bad="use_backend api if { path_beg /index.php?route=api }",
    good="use_backend api if { path /index.php } { url_param(route) api }",
)
def query_in_path(subject: Subject) -> Found:
    for _, _, fetch, method, pattern in patterns(subject):
        if fetch == "path" and method in ("str", "beg", "end", "sub") and b"?" in pattern.text:
            yield pattern.span, "never matches: 'path' ends before the '?'"


_WILDCARD = re.compile(rb"\.\*|\(\?|\\\.|^\^|[^\\]\$$|\[[a-z0-9]-|\(\w+\|")


@check(
    "L208",
    "pattern-language",
    "error",
    "A pattern with wildcards or regular expression syntax is compared letter by letter.",
    why="""Only `-m reg` (path_reg, hdr_reg ...) reads regular expressions, and no method knows `*` as "anything". The
    test matches only what holds these very characters.""",
    frame="frontend",
    bad="use_backend api if { hdr(host) -i *.example.com }",
    good="use_backend api if { hdr_end(host) -i .example.com }",
)
def pattern_language(subject: Subject) -> Found:
    for _, _, fetch, method, pattern in patterns(subject):
        if method not in ("str", "beg", "end", "sub", "dir", "dom") or not fetch:
            continue
        if not (fetch.startswith(("path", "url", "base", "req.hdr(host", "ssl_fc_sni", "req.ssl_sni"))):
            continue
        star = b"*" in pattern.text and pattern.text != b"*"
        if star or _WILDCARD.search(pattern.text):
            yield pattern.span, f"compared letter by letter ('-m {method}'): not a wildcard or regular expression"


_SIMPLE_REGEX = re.compile(rb"(\^)?((?:[A-Za-z0-9/_%~@=:, -]|\\[./-])+)(\$|\.\*)?")


@check(
    "L209",
    "needless-regex",
    "hint",
    "A regular expression that a plain method says as well.",
    why="Prefixes, suffixes and exact values are looked up; a regular expression is run for each request, and misread.",
    frame="frontend",
    bad="use_backend api if { path_reg ^/api/ }",
    good="use_backend api if { path_beg /api/ }",
)
def needless_regex(subject: Subject) -> Found:
    for _, _, _, method, pattern in patterns(subject):
        match = _SIMPLE_REGEX.fullmatch(pattern.text) if method == "reg" else None
        if match is None:
            continue
        start, end = match[1], match[3]
        plain = {(True, b"$"): "str", (True, b".*"): "beg", (True, None): "beg", (False, b"$"): "end"}
        instead = plain.get((bool(start), end), "sub")
        text = re.sub(rb"\\(.)", rb"\1", match[2]).decode()
        yield pattern.span, f"the same as '-m {instead} {text}'"


_LONG: Final = 20


@check(
    "L210",
    "long-list",
    "hint",
    "An ACL has twenty patterns or more on its lines.",
    why="""A file (`-f list.txt`) is easier to read and to change, also at run time, and has no limit on the number of
    words in a line.""",
    frame="frontend",
    bad="http-request deny if { src " + " ".join(f"192.0.2.{n}" for n in range(1, 23)) + " }",
    good="http-request deny if { src 192.0.2.0/27 }",
)
def long_list(subject: Subject) -> Found:
    for _, term in terms(subject):
        if len(term.patterns.patterns) >= _LONG:
            yield term.span, f"{len(term.patterns.patterns)} patterns in one line: a file (-f) would be easier to keep"


@check(
    "L211",
    "upper-case-method",
    "error",
    "A request method is compared with a lower-case name.",
    why="Methods are case-sensitive (RFC 9110, 9.1), and no client sends `get`.",
    frame="frontend",
    bad="http-request deny if { method delete }",
    good="http-request deny if { method DELETE }",
)
def upper_case_method(subject: Subject) -> Found:
    for _, _, fetch, method, pattern in patterns(subject):
        if fetch == "method" and method == "str" and _text(pattern).islower():
            yield pattern.span, f"never matches: methods are upper case ('{_text(pattern).upper()}')"


@check(
    "L220",
    "every-path",
    "hint",
    "A path is tested for beginning with a slash.",
    why="Every path does, so the test always holds. For the start page only, write `path /`.",
    frame="frontend",
    bad="use_backend static if { path_beg / }",
    good="use_backend static if { path / }",
)
def every_path(subject: Subject) -> Found:
    for _, term, fetch, method, pattern in patterns(subject):
        if fetch in ("path", "pathq") and method == "beg" and pattern.text == b"/" and not term.expression.converters:
            yield pattern.span, "every path begins with '/': this always holds"


_FLAGS: Final = ("-i", "-m", "-f", "-n", "-M", "-u")


@check(
    "L221",
    "late-flag",
    "error",
    "A flag stands behind the first pattern of an ACL.",
    why="Flags come before the patterns; behind the first one, `-i` is a pattern like any other and has no effect.",
    frame="frontend",
    bad="use_backend api if { hdr(host) api.example.com -i rest.example.com }",
    good="use_backend api if { hdr(host) -i api.example.com rest.example.com }",
)
def late_flag(subject: Subject) -> Found:
    for _, term, _, _, pattern in patterns(subject):
        if _text(pattern) in _FLAGS and not term.patterns.ended:
            yield pattern.span, f"a pattern, not a flag: '{_text(pattern)}' has to stand before the first pattern"


@check(
    "L222",
    "blank-in-pattern",
    "error",
    "A host name, path or method is compared with a pattern that holds a blank.",
    why="None of them ever holds one: several patterns were put into one pair of quotes.",
    frame="frontend",
    bad='http-request deny unless { method "GET HEAD" }',
    good="http-request deny unless { method GET HEAD }",
)
def blank_in_pattern(subject: Subject) -> Found:
    for _, _, fetch, method, pattern in patterns(subject):
        whole = fetch in ("path", "method", "req.hdr(host)", "ssl_fc_sni", "req.ssl_sni")
        if whole and method in ("str", "beg", "end", "sub") and b" " in pattern.text.strip():
            yield pattern.span, "never matches: one pattern with a blank in it"
