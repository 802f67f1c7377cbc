"""Lint checks of tests on the Host header: what a browser sends, and what an attacker may send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Rule, Subject
from pylb.editing.lint_terms import fetch_of, patterns, terms
from pylb.sample.acl import Acl, Term
from pylb.sample.patterns import Pattern

HOST: Final = "req.hdr(host)"
_NAMES: Final = (HOST, "req.ssl_sni", "ssl_fc_sni")


def _hosts(subject: Subject) -> Iterator[tuple[ProxyConfig, Term, str, Pattern]]:
    """(section, term, method, pattern) of every test of a host name."""
    for proxy, term, fetch, method, pattern in patterns(subject):
        if fetch in _NAMES:
            yield proxy, term, method, pattern


def _converted(term: Term) -> bool:
    return bool(term.expression.converters)


@check(
    "L212",
    "url-as-host",
    "error",
    "A host name is compared with a pattern that holds a slash.",
    why="The Host header has a name and maybe a port, never a scheme or a path, so the test never matches.",
    frame="frontend",
    bad="use_backend api if { hdr(host) -i https://api.example.com }",
    good="use_backend api if { hdr(host) -i api.example.com }",
)
def url_as_host(subject: Subject) -> Found:
    for _, _, method, pattern in _hosts(subject):
        if method in ("str", "beg", "end", "sub", "dom") and b"/" in pattern.text:
            yield pattern.span, "never matches: a host name has no scheme and no path"


@check(
    "L213",
    "upper-case-host",
    "warning",
    "A host name is compared with upper-case letters, and without -i.",
    why="Browsers send host names in lower case, so the test never matches them.",
    frame="frontend",
    bad="use_backend api if { hdr(host) API.example.com }",
    good="use_backend api if { hdr(host) -i API.example.com }",
)
def upper_case_host(subject: Subject) -> Found:
    for _, _, method, pattern in _hosts(subject):
        plain = method in ("str", "beg", "end", "sub", "dom")
        if plain and not pattern.ignore_case and pattern.text != pattern.text.lower():
            yield pattern.span, "browsers send lower-case names: this does not match them without -i"


@check(
    "L214",
    "case-sensitive-host",
    "hint",
    "A host name is compared without -i.",
    why="""Host names have no case (RFC 9110, 4.2.3), and some clients send what the user typed: Example.COM does not
    match example.com here.""",
    frame="frontend",
    bad="use_backend api if { hdr(host) api.example.com }",
    good="use_backend api if { hdr(host) -i api.example.com }",
)
def case_sensitive_host(subject: Subject) -> Found:
    for _, term in terms(subject):
        if fetch_of(term) != HOST or _converted(term) or term.patterns.method in ("found", "len", "ip"):
            continue
        for pattern in term.patterns.patterns:
            lower = pattern.text == pattern.text.lower() and pattern.text != pattern.text.upper()
            if not pattern.ignore_case and lower and b"(?i)" not in pattern.text:
                yield pattern.span, "case-sensitive: Example.COM does not match example.com without -i"
                break


_BARE_DOT = re.compile(rb"(?<![\\\[])(?<=[A-Za-z0-9)\]])\.(?=[A-Za-z0-9(])")


@check(
    "L215",
    "unescaped-dot",
    "warning",
    "A regular expression for host names has a dot without a backslash between letters.",
    why="The dot stands for any character: ^www.example.com$ also matches wwwXexample.com, which anybody can register.",
    frame="frontend",
    bad="use_backend api if { hdr_reg(host) -i ^(api|rest).example.com$ }",
    good=r"use_backend api if { hdr_reg(host) -i ^(api|rest)\.example\.com$ }",
)
def unescaped_dot(subject: Subject) -> Found:
    for _, _, method, pattern in _hosts(subject):
        if method == "reg" and _BARE_DOT.search(pattern.text):
            yield pattern.span, "a dot without backslash stands for any character"


def _loose(method: str, text: bytes) -> str:
    """Why a host pattern matches names it should not, or nothing."""
    name = re.search(rb"[a-z0-9-]+\\?\.[a-z]{2,}", text.lower())
    if method == "sub" and name:
        return "matches this text anywhere in a name, 'x.example.com.evil.test' included"
    if method == "reg" and name and not text.endswith((b"$", b"$)", b".*")) and b"$" not in text:
        return "has no '$' at its end: longer names match too"
    if method == "end" and re.fullmatch(rb"[a-z0-9-]+(\.[a-z0-9-]+)+", text.lower()) and text.count(b".") == 1:
        return "also matches names that end alike ('notexample.com'): begin it with a dot"
    return ""


def _guards(rule: Rule, acl: Acl) -> bool:
    """Whether matching too much opens something: an allow, or a refusal of everything else."""
    if rule.condition is None:
        return False
    negated = any(use.negated for group in rule.condition.alternatives for use in group if use.acl is acl)
    opens = negated != rule.condition.unless
    if rule.action in ("allow", "accept"):
        return not opens
    return rule.action in ("deny", "reject", "tarpit", "silent-drop", "auth") and opens


def _guarding(subject: Subject) -> set[int]:
    """Ids of terms that protect something."""
    found: set[int] = set()
    for proxy in subject.proxies:
        for rule in subject.all_rules(proxy):
            for group in rule.condition.alternatives if rule.condition is not None else ():
                for use in group:
                    if _guards(rule, use.acl):
                        found.update(map(id, use.acl.terms))
    return found


@check(
    "L216",
    "loose-host",
    "hint",
    "A host name test matches more names than it seems to.",
    why="""A substring is found anywhere, an expression without `$` goes on, and `example.com` at the end is also the
    end of notexample.com. Whoever sends the request chooses the Host header.""",
    frame="frontend",
    bad="use_backend api if { hdr_sub(host) -i api.example.com }",
    good="use_backend api if { hdr(host) -i api.example.com }",
)
def loose_host(subject: Subject) -> Found:
    guarding = _guarding(subject)
    for _, term, method, pattern in _hosts(subject):
        reason = _loose(method, pattern.text)
        if reason and id(term) not in guarding:
            yield pattern.span, reason


@check(
    "L217",
    "loose-host-guard",
    "warning",
    "A host name test that decides about access matches more names than it seems to.",
    why="""The client chooses the Host header. A substring is found anywhere in it, an expression without `$` goes on,
    so a made-up name opens what only one name should.""",
    frame="frontend",
    bad="http-request deny unless { hdr_sub(host) -i example.com }",
    good="http-request deny unless { hdr(host) -i example.com www.example.com }",
)
def loose_host_guard(subject: Subject) -> Found:
    guarding = _guarding(subject)
    for _, term, method, pattern in _hosts(subject):
        reason = _loose(method, pattern.text)
        if reason and id(term) in guarding:
            yield pattern.span, reason


@check(
    "L218",
    "host-without-port",
    "hint",
    "A host name is compared as a whole in a proxy that listens on other ports than 80 and 443 only.",
    why="""Browsers put the port into the Host header when it is not the scheme's own: `example.com:8080` does not match
    `example.com`. `hdr(host),host_only` leaves the port out.""",
    bad="""
    frontend web
        mode http
        bind :8080
        timeout client 30s
        http-request deny unless { hdr(host) -i example.com }
    """,
    good="""
    frontend web
        mode http
        bind :8080
        timeout client 30s
        http-request deny unless { hdr(host),host_only -i example.com }
    """,
)
def host_without_port(subject: Subject) -> Found:
    for proxy, term in terms(subject):
        if fetch_of(term) != HOST or _converted(term) or term.patterns.method not in ("str", "end"):
            continue
        if not proxy.is_front or not _odd_ports(subject, proxy):
            continue
        if all(b":" not in pattern.text for pattern in term.patterns.patterns):
            for pattern in term.patterns.patterns[:1]:
                yield pattern.span, "the Host header holds the port here, unless something in front maps it"


def _odd_ports(subject: Subject, proxy: ProxyConfig) -> bool:
    """Whether every address has a port of its own kind and is reached directly."""
    listens = list(subject.listens(proxy))
    return bool(listens) and all(
        address.port and address.port not in (80, 443) and not bind.values.get("accept-proxy")
        for bind, address in listens
    )


@check(
    "L219",
    "comma-in-pattern",
    "error",
    "A host name or a method is compared with several values that are joined by commas.",
    why="Patterns are separated by blanks: with commas they are one value, which no request has.",
    frame="frontend",
    bad="use_backend api if { hdr(host) -i api.example.com,rest.example.com }",
    good="use_backend api if { hdr(host) -i api.example.com rest.example.com }",
)
def comma_in_pattern(subject: Subject) -> Found:
    for _, _, fetch, method, pattern in patterns(subject):
        if fetch in (*_NAMES, "method") and method in ("str", "beg", "end", "sub", "dom") and b"," in pattern.text:
            yield pattern.span, "one value with commas in it: separate patterns with blanks"
