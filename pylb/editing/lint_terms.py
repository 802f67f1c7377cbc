"""Every test of a configuration with its patterns, wherever it is written: what the checks of ACLs walk over."""

from __future__ import annotations

from collections.abc import Iterator

from pylb.config.model import ProxyConfig
from pylb.editing.lint_subject import Subject
from pylb.sample.acl import Term
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


def text_of(pattern: Pattern) -> str:
    return pattern.text.decode("utf-8", "replace")
