"""Lint checks of what strangers can reach, and of addresses that strangers can make up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_logic import Literal
from pylb.editing.lint_rewrites import header_of
from pylb.editing.lint_subject import Rule, Subject, reachable
from pylb.errors import Span

_REFUSALS: Final = ("deny", "auth", "reject", "silent-drop", "tarpit")


@check(
    "L520",
    "open-statistics",
    "warning",
    "The statistics page can be read by everybody who reaches the proxy.",
    why="""It tells every backend, server and address of the site, and how loaded each is. `stats auth`, a rule that
    denies strangers, or an address of the loopback keeps it inside.""",
    bad="""
    listen stats
        mode http
        bind :8404
        timeout connect 5s
        timeout client 30s
        timeout server 30s
        stats enable
        stats uri /
    """,
    good="""
    listen stats
        mode http
        bind 127.0.0.1:8404
        timeout connect 5s
        timeout client 30s
        timeout server 30s
        stats enable
        stats uri /
    """,
)
def open_statistics(subject: Subject) -> Found:
    for proxy, span in _statistics(subject):
        if not subject.lines_of(proxy, "stats admin"):
            yield span, "anybody who reaches this address reads the statistics: 'stats auth' is missing"


def _statistics(subject: Subject) -> Iterator[tuple[ProxyConfig, Span]]:
    """Proxies that show statistics to everybody, and the line that says so."""
    for proxy in subject.proxies:
        lines = subject.lines_of(proxy, "stats enable", "stats uri", "stats hide-version", "stats refresh")
        if not lines or not proxy.http or proxy.get("stats auth") or proxy.get("stats http-request"):
            continue
        fronts = subject.fronts_of(proxy) if not proxy.is_front else [proxy]
        open_fronts = [front for front in fronts if subject.exposed(front)]
        if not open_fronts or _refuses(subject, proxy):
            continue
        if all(front is not proxy and _refuses(subject, front) for front in open_fronts):
            continue
        yield proxy, lines[0].span


def _refuses(subject: Subject, proxy: ProxyConfig) -> bool:
    """Whether some rule of a proxy turns strangers away."""
    places = ("http-request", "tcp-request connection", "tcp-request content", "tcp-request session")
    return any(rule.action in _REFUSALS for place in places for rule in subject.rules(proxy, place))


@check(
    "L521",
    "open-administration",
    "error",
    "The statistics page with its controls is open to everybody who reaches the proxy.",
    why="`stats admin` lets who sees the page stop servers. Without `stats auth` that is everybody.",
    bad="""
    listen stats
        mode http
        bind :8404
        timeout connect 5s
        timeout client 30s
        timeout server 30s
        stats enable
        stats admin if TRUE
    """,
    good="""
    listen stats
        mode http
        bind :8404
        timeout connect 5s
        timeout client 30s
        timeout server 30s
        stats enable
        stats auth operator:correct-horse-battery
        stats admin if TRUE
    """,
)
def open_administration(subject: Subject) -> Found:
    for proxy, _ in _statistics(subject):
        for line in subject.lines_of(proxy, "stats admin"):
            words = line.words[2:]
            if words == ["if", "TRUE"] or not ("LOCALHOST" in words or _by_address(proxy, words)):
                yield line.span, "anybody who reaches this address can stop servers: 'stats auth' is missing"


def _by_address(proxy: ProxyConfig, words: list[str]) -> bool:
    """Whether one of the ACLs named looks at the client's address or at a user."""
    names = {word.lstrip("!") for word in words}
    fetches = [t.expression.fetch.word.name for n in names if n in proxy.acls for t in proxy.acls[n].terms]
    return "src" in words or any(name.startswith(("src", "http_auth", "ssl_c_")) for name in fetches)


@check(
    "L522",
    "open-socket",
    "error",
    "The runtime socket with level admin can be reached over the network.",
    why="""It has no password: who connects can stop servers, change maps, read keys and errors. A Unix socket has the
    rights of a file; over the network bind it to the loopback.""",
    frame="global",
    bad="stats socket ipv4@0.0.0.0:9999 level admin",
    good="stats socket /run/haproxy.sock mode 660 level admin",
)
def open_socket(subject: Subject) -> Found:
    for bind in subject.config.globals.get("stats socket", []):
        if bind.values.get("level") == "admin" and any(map(reachable, bind.addresses)) and not bind.values.get("ssl"):
            yield bind.span, "whoever reaches this address controls the proxy, without a password"


@check(
    "L523",
    "network-socket",
    "warning",
    "The runtime socket can be reached over the network.",
    why="""It has no password. Without `level admin` it still shows sessions, errors with pieces of requests, and
    tables, and lets whoever connects set limits and clear counters.""",
    frame="global",
    bad="stats socket ipv4@0.0.0.0:9999",
    good="stats socket ipv4@127.0.0.1:9999",
)
def network_socket(subject: Subject) -> Found:
    for bind in subject.config.globals.get("stats socket", []):
        if bind.values.get("level") != "admin" and any(map(reachable, bind.addresses)) and not bind.values.get("ssl"):
            yield bind.span, "whoever reaches this address can ask and change what the proxy knows"


@check(
    "L524",
    "socket-for-all",
    "warning",
    "Everybody on the machine may write to the runtime socket with level admin.",
    why="Any program of any user can stop servers and change maps. Mode 660 and a group say who may.",
    frame="global",
    bad="stats socket /run/haproxy.sock mode 666 level admin",
    good="stats socket /run/haproxy.sock mode 660 level admin",
)
def socket_for_all(subject: Subject) -> Found:
    for bind in subject.config.globals.get("stats socket", []):
        mode = bind.values.get("mode")
        if bind.values.get("level") == "admin" and isinstance(mode, int) and mode & 0o002:
            yield bind.span, "any program on this machine controls the proxy: mode 660 and a group"


_CLAIMED: Final = ("x-forwarded-for", "x-real-ip", "true-client-ip", "x-client-ip", "forwarded")


@check(
    "L530",
    "trusted-header",
    "warning",
    "A rule decides about access by an address that the client may have made up.",
    why="""Anybody can send X-Forwarded-For: 10.0.0.1. It says something only when a proxy of your own has set it:
    delete it from strangers first, or ask for the proxy's address (src) in the same condition.""",
    frame="frontend",
    bad="http-request deny unless { req.hdr_ip(X-Forwarded-For) 10.0.0.0/8 }",
    good="http-request deny unless { src 192.0.2.10 } { req.hdr_ip(X-Forwarded-For) 10.0.0.0/8 }",
)
def trusted_header(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if subject.trusted_peer(proxy) or not subject.exposed(proxy):
            continue
        cleaned: set[str] = set()
        for rule in subject.rules(proxy, "http-request"):
            if rule.action in ("del-header", "set-header") and len(rule.words) > 1:
                cleaned.add(rule.words[1].lower())
            if rule.action in (*_REFUSALS, "allow"):
                yield from _claims(rule, cleaned)


def _claims(rule: Rule, cleaned: set[str]) -> Found:
    condition = rule.condition
    for group in condition.alternatives if condition is not None else ():
        literals = [Literal(use.acl, use.negated) for use in group]
        if any(
            term.expression.fetch.word.name.startswith(("src", "ssl_c_")) for lit in literals for term in lit.acl.terms
        ):
            continue
        for use in group:
            for term in use.acl.terms:
                name = header_of(term)
                if (
                    name in _CLAIMED
                    and name not in cleaned
                    and term.patterns.method in ("ip", "str", "beg", "reg", "sub")
                ):
                    yield use.span, f"the client can send any {name} it likes"
                    break


@check(
    "L531",
    "claimed-source",
    "warning",
    "The source address is replaced by a header that the client may have made up.",
    why="""After set-src every rule, counter and log line shows what the client wrote. Do it only for connections from
    proxies of your own: `if { src 192.0.2.10 }`.""",
    frame="frontend",
    bad="http-request set-src hdr(X-Forwarded-For)",
    good="http-request set-src hdr(X-Forwarded-For) if { src 192.0.2.10 }",
)
def claimed_source(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if subject.trusted_peer(proxy) or not subject.exposed(proxy) or _refuses(subject, proxy):
            continue
        for rule in subject.rules(proxy, "http-request"):
            if rule.action == "set-src" and "hdr" in rule.text and _names_no_peer(rule):
                yield rule.span, "clients choose their own address: ask for the proxy's first (if { src ... })"


def _names_no_peer(rule: Rule) -> bool:
    for group in rule.condition.alternatives if rule.condition is not None else ():
        for use in group:
            if any(t.expression.fetch.word.name.startswith(("src", "ssl_c_", "fc_")) for t in use.acl.terms):
                return False
    return True


_IDENTITY: Final = ("x-real-ip", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-host", "x-client-ip", "x-scheme")


@check(
    "L532",
    "added-identity",
    "hint",
    "A header that tells the servers who the client is, is added, not set.",
    why="""add-header leaves what the client has sent: the server gets two, and many look at the first. set-header
    replaces it.""",
    frame="frontend",
    bad="http-request add-header X-Real-IP %[src]",
    good="http-request set-header X-Real-IP %[src]",
)
def added_identity(subject: Subject) -> Found:
    for proxy in subject.proxies:
        gone: set[str] = set()
        for rule in subject.rules(proxy, "http-request"):
            name = rule.words[1].lower() if len(rule.words) > 1 else ""
            if rule.action in ("del-header", "set-header"):
                gone.add(name)
            if rule.action == "add-header" and name in _IDENTITY and name not in gone:
                yield rule.span, "the client's own header of this name stays in front: 'set-header' replaces it"
                gone.add(name)
