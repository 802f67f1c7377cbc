"""Lint checks of ACLs as declarations: used by nobody, written twice, mixed up."""

from __future__ import annotations

import re
from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing import lint_logic as logic
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject
from pylb.editing.lint_terms import terms, text_of
from pylb.sample.acl import PREDEFINED, Term


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
                yield found.span, f"'{text_of(found)}' is matched by another pattern of this list already"


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
