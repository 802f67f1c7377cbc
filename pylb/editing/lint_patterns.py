"""Lint checks of patterns: what never matches, always does, or means something else than it looks like."""

from __future__ import annotations

import re
from typing import Final

from pylb import registry
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject
from pylb.editing.lint_terms import patterns, terms, text_of
from pylb.registry import Kind


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
        if fetch == "method" and method == "str" and text_of(pattern).islower():
            yield pattern.span, f"never matches: methods are upper case ('{text_of(pattern).upper()}')"


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
        if text_of(pattern) in _FLAGS and not term.patterns.ended:
            yield pattern.span, f"a pattern, not a flag: '{text_of(pattern)}' has to stand before the first pattern"


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


@check(
    "L223",
    "operator-as-pattern",
    "error",
    "An operator or a second test stands among the patterns of a test.",
    why="An ACL, named or in braces, is one test: behind its criterion are patterns. Operators belong to conditions.",
    frame="frontend",
    bad="use_backend api if { path_beg /api || path_beg /rest }",
    good="use_backend api if { path_beg /api } || { path_beg /rest }",
)
def operator_in_braces(subject: Subject) -> Found:
    for _, term in terms(subject):
        listed = term.patterns.patterns
        for at, pattern in enumerate(listed):
            following = text_of(listed[at + 1]).partition("(")[0] if at + 1 < len(listed) else ""
            known = registry.find(Kind.ACL, following) or registry.find(Kind.FETCH, following)
            if text_of(pattern) in ("||", "&&") or (text_of(pattern) in ("or", "and") and known is not None):
                yield (
                    pattern.span,
                    f"'{text_of(pattern)}' is a pattern here: operators stand between tests, in conditions",
                )
