"""What one condition says about another: implied by it, excluded by it, never or always true.

Only what the text proves: the same expression with patterns that are a part of, a prefix of, or in a network of those
of the other. Where nothing can be proved the answer is no.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final, Generic, NamedTuple, TypeVar

from pylb.sample.acl import Acl, Term
from pylb.sample.condition import Condition
from pylb.sample.patterns import Pattern, PatternList

# Fetches that may answer differently when they are asked again a moment later.
_VOLATILE: Final = (
    *("rand", "date", "sc_", "sc0_", "sc1_", "sc2_", "src_", "table_", "lua.", "nbsrv", "be_", "fe_", "srv_", "queue"),
    *("avg_queue", "connslots", "bc_", "hostname", "cpu_", "act_conn", "thread", "uuid", "txn.", "var", "prio_"),
    *("wait_end", "req.len", "req_len", "stopping", "pid", "quic_", "unique-id", "internal."),
)
# Fetches with at most one value, so that two different exact values exclude each other. `hdr(host)` is one in effect:
# a second Host header is refused.
_SINGLE: Final = (
    *("path", "pathq", "url", "query", "base", "method", "src", "dst", "src_port", "dst_port", "req.ssl_sni"),
    *("ssl_fc_sni", "ssl_fc_alpn", "status", "req.ver", "http_first_req", "ssl_fc"),
)


class Literal(NamedTuple):
    """An ACL or its opposite."""

    acl: Acl
    negated: bool


def key(term: Term) -> tuple[str, str]:
    """What a term tests, and how; terms with the same key differ in patterns only."""
    expression = term.expression
    text = ",".join(node.word.name + node.text[len(node.name) :].lower() for node in expression.nodes)
    return text, term.patterns.method


def stable(term: Term) -> bool:
    """Whether asking again gives the same answer, as long as nothing is changed."""
    names = (node.word.name for node in term.expression.nodes)
    return not any(name.startswith(_VOLATILE) and name != "src_port" for name in names)


def is_single(term: Term) -> bool:
    text = key(term)[0]
    return text in _SINGLE or text == "req.hdr(host)" or text.startswith("req.hdr(host,")


def _pattern_covered(method: str, a: Pattern, b: Pattern) -> bool:
    """Whether every value that matches a also matches b."""
    if a.range is not None and b.range is not None:
        low = b.range.low is None or (a.range.low is not None and a.range.low >= b.range.low)
        return low and (b.range.high is None or (a.range.high is not None and a.range.high <= b.range.high))
    if a.ignore_case and not b.ignore_case and a.text.lower() != a.text.upper():
        return False
    one, two = (a.text.lower(), b.text.lower()) if b.ignore_case else (a.text, b.text)
    if one == two:
        return True
    if method == "beg":
        return one.startswith(two)
    if method == "end":
        return one.endswith(two)
    if method == "sub":
        return two in one
    return method == "ip" and _within(one, two)


def _network(text: bytes) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.decode(), strict=False)
    except ValueError:
        return None


def _within(a: bytes, b: bytes) -> bool:
    one, two = _network(a), _network(b)
    if isinstance(one, ipaddress.IPv4Network) and isinstance(two, ipaddress.IPv4Network):
        return one.subnet_of(two)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(two, ipaddress.IPv6Network):
        return one.subnet_of(two)
    return False


def redundant(patterns: PatternList) -> Pattern | None:
    """The first pattern that another one of the list makes superfluous."""
    for index, pattern in enumerate(patterns.patterns):
        for other_index, other in enumerate(patterns.patterns):
            if other_index == index or not _pattern_covered(patterns.method, pattern, other):
                continue
            if other_index < index or not _pattern_covered(patterns.method, other, pattern):
                return pattern
    return None


def _bool_like(term: Term) -> bool:
    return term.patterns.method in ("found", "bool")


def term_implies(a: Term, b: Term) -> bool:
    """Whether b holds whenever a does."""
    if key(a)[0] != key(b)[0]:
        return False
    if b.patterns.method == "found" and not a.patterns.empty and a.patterns.method != "bool":
        return True
    if _bool_like(a) or _bool_like(b):
        return key(a) == key(b)
    across = (a.patterns.method, b.patterns.method) in _PART
    if (key(a) != key(b) and not across) or a.patterns.empty:
        return False
    files = {id(file.reference) for file in b.patterns.files}
    if any(id(file.reference) not in files for file in a.patterns.files):
        return False
    if across and (a.patterns.files or b.patterns.files):
        return False
    method = b.patterns.method
    return all(any(_pattern_covered(method, p, q) for q in b.patterns.patterns) for p in a.patterns.patterns)


# A pattern of the first method is a value as the second one sees it: path /a/b is under path_beg /a.
_PART: Final = frozenset((("str", "beg"), ("str", "end"), ("str", "sub"), ("beg", "sub"), ("end", "sub")))


def acl_implies(a: Acl, b: Acl) -> bool:
    """Whether b holds whenever a does."""
    if a is b and all(map(stable, a.terms)):
        return True
    return bool(a.terms) and all(
        stable(term) and any(term_implies(term, other) for other in b.terms) for term in a.terms
    )


def literal_implies(a: Literal, b: Literal) -> bool:
    if a.negated != b.negated:
        return excludes(a.acl, b.acl) if b.negated else False
    return acl_implies(b.acl, a.acl) if a.negated else acl_implies(a.acl, b.acl)


def excludes(a: Acl, b: Acl) -> bool:
    """Whether a and b cannot hold together."""
    return bool(a.terms and b.terms) and all(_terms_exclude(x, y) for x in a.terms for y in b.terms)


def _terms_exclude(a: Term, b: Term) -> bool:
    if key(a)[0] != key(b)[0] or not is_single(a) or a.patterns.files or b.patterns.files:
        return False
    if not a.patterns.patterns or not b.patterns.patterns:
        return False
    methods = (a.patterns.method, b.patterns.method)
    return all(_apart(methods, p, q) for p in a.patterns.patterns for q in b.patterns.patterns)


def _apart(methods: tuple[str, str], p: Pattern, q: Pattern) -> bool:
    """Whether no value matches both patterns."""
    one, two = p.text, q.text
    if p.ignore_case or q.ignore_case:
        one, two = one.lower(), two.lower()
    if methods == ("str", "str"):
        return one != two
    if methods == ("beg", "beg"):
        return not one.startswith(two) and not two.startswith(one)
    if methods == ("end", "end"):
        return not one.endswith(two) and not two.endswith(one)
    if methods in (("str", "beg"), ("str", "end")):
        return not (one.startswith(two) if methods[1] == "beg" else one.endswith(two))
    if methods in (("beg", "str"), ("end", "str")):
        return not (two.startswith(one) if methods[0] == "beg" else two.endswith(one))
    if methods == ("ip", "ip"):
        return _distant(one, two)
    if p.range is not None and q.range is not None:
        (a, b), (c, d) = p.range[:2], q.range[:2]
        return (b is not None and c is not None and b < c) or (d is not None and a is not None and d < a)
    return False


def _distant(a: bytes, b: bytes) -> bool:
    one, two = _network(a), _network(b)
    if one is None or two is None or one.version != two.version:
        return False
    return not one.overlaps(two)


def alternatives(condition: Condition | None) -> list[list[Literal]] | None:
    """The condition as alternatives of conjunctions; [[]] is always true; None where `unless` makes it too long."""
    if condition is None:
        return [[]]
    groups = [[Literal(use.acl, use.negated) for use in group] for group in condition.alternatives]
    if not condition.unless:
        return groups
    if all(len(group) == 1 for group in groups):
        return [[Literal(group[0].acl, not group[0].negated) for group in groups]]
    if len(groups) == 1:
        return [[Literal(literal.acl, not literal.negated)] for literal in groups[0]]
    return None


def implies(a: Condition | None, b: Condition | None) -> bool:
    """Whether b holds whenever a does (both asked at the same moment)."""
    ones, others = alternatives(a), alternatives(b)
    if ones is None or others is None:
        return False
    return all(any(_group_implies(one, other) for other in others) for one in ones)


def _group_implies(one: list[Literal], other: list[Literal]) -> bool:
    return all(any(literal_implies(a, b) for a in one) for b in other)


def contradiction(group: list[Literal]) -> tuple[int, int] | None:
    """Indexes of two literals of a conjunction that cannot hold together."""
    for i, a in enumerate(group):
        for j in range(i + 1, len(group)):
            b = group[j]
            if a.negated == b.negated:
                if not a.negated and excludes(a.acl, b.acl):
                    return i, j
            else:
                positive, negative = (b, a) if a.negated else (a, b)
                if acl_implies(positive.acl, negative.acl):
                    return i, j
    return None


def tautology(groups: list[list[Literal]]) -> bool:
    """Whether one of two single alternatives always holds: `!a or !b` where a and b exclude each other, `a or !a`."""
    singles = [group[0] for group in groups if len(group) == 1]
    for i, a in enumerate(singles):
        for b in singles[i + 1 :]:
            if a.negated and b.negated and excludes(a.acl, b.acl):
                return True
            if a.negated != b.negated:
                positive, negative = (b, a) if a.negated else (a, b)
                if acl_implies(negative.acl, positive.acl):
                    return True
    return False


_Holder = TypeVar("_Holder")
_Place = tuple[str, str, bytes]


class Index(Generic[_Holder]):
    """Conditions, found again by what they test, so that thousands of rules are not compared with each other.

    A condition is kept under its exact values, prefixes and suffixes, or, where it has something else, under the
    expression alone. `candidates` gives all that a condition could imply, and some more, in the order they came.
    """

    def __init__(self) -> None:
        self._held: list[_Holder] = []
        self._places: dict[_Place, list[int]] = {}

    def add(self, condition: Condition, holder: _Holder) -> None:
        number = len(self._held)
        self._held.append(holder)
        for group in alternatives(condition) or ():
            for place in _places(group[0]) if group else (_ANY,):
                self._places.setdefault(place, []).append(number)

    def candidates(self, condition: Condition) -> list[_Holder]:
        groups = alternatives(condition)
        if not groups:
            return []
        found = set(self._places.get(_ANY, ()))
        for literal in groups[0]:
            for place in _sought(literal):
                found.update(self._places.get(place, ()))
        return [self._held[number] for number in sorted(found)]


_ANY: Final = ("", "", b"")


def _places(literal: Literal) -> Iterator[_Place]:
    """Where a literal is kept that something may imply."""
    for term in literal.acl.terms:
        text, method = key(term)
        listed = term.patterns
        if literal.negated or listed.files or method not in ("str", "beg", "end"):
            yield text, "", b""
            continue
        for pattern in listed.patterns:
            yield text, method, pattern.text.lower()


def _sought(literal: Literal) -> Iterator[_Place]:
    """Where that is kept which a literal may imply: its own first value, and all beginnings and ends of it."""
    for term in literal.acl.terms:
        text = key(term)[0]
        yield text, "", b""
        if literal.negated or not term.patterns.patterns:
            continue
        value = term.patterns.patterns[0].text.lower()
        yield text, "str", value
        for at in range(len(value) + 1):
            yield text, "beg", value[:at]
            yield text, "end", value[at:]
