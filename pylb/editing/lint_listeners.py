"""Lint checks of frontends: where they listen, and where they lead."""

from __future__ import annotations

from typing import Final

from pylb.config.model import Address
from pylb.config.words import Line
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_rules import PLACES
from pylb.editing.lint_subject import Subject, reachable
from pylb.errors import Span


@check(
    "L405",
    "no-bind",
    "error",
    "A frontend without a bind line.",
    why="It listens nowhere, so nothing reaches it and the backends behind it.",
    bad="""
    frontend web
        mode http
        timeout client 30s
        default_backend app

    backend app
        mode http
        timeout connect 5s
        timeout server 30s
        server a1 192.0.2.1:80
    """,
    good="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        default_backend app

    backend app
        mode http
        timeout connect 5s
        timeout server 30s
        server a1 192.0.2.1:80
    """,
)
def no_bind(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if not proxy.binds:
            yield proxy.span, f"{proxy.kind} '{proxy.name}' has no bind line: nothing can reach it"


def _key(address: Address, values: dict[str, object]) -> tuple[object, ...]:
    host = "*" if address.host in ("", "0.0.0.0") and address.family != "ipv6" else address.host or "::"
    return host, address.family == "unix", address.stream, values.get("interface", ""), values.get("namespace", "")


@check(
    "L406",
    "shared-address",
    "error",
    "Two bind lines listen on the same address and port.",
    why="""Listening sockets are opened with SO_REUSEPORT, so nothing complains: the kernel gives each new connection to
    one of the two at random. Often a copied section whose port was not changed.""",
    bad="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200

    frontend other
        mode http
        bind *:80
        timeout client 30s
        http-request return status 404
    """,
    good="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200

    frontend other
        mode http
        bind *:8080
        timeout client 30s
        http-request return status 404
    """,
)
def shared_address(subject: Subject) -> Found:
    seen: dict[tuple[object, ...], tuple[str, Span, object]] = {}
    for proxy in subject.fronts:
        for bind, address in subject.listens(proxy):
            if address.family not in ("ip", "ipv4", "ipv6") or not address.port:
                continue
            for port in range(address.port, max(address.port, address.end_port) + 1):
                key = (*_key(address, bind.values), port)
                other, span, shards = seen.setdefault(key, (proxy.name, bind.span, bind))
                if shards is not bind and not (other == proxy.name and _spread(bind.values)):
                    where = "this proxy" if other == proxy.name else f"'{other}'"
                    yield bind.span, f"{where} listens on port {port} of the same address at line {span.line}"
                    break


def _spread(values: dict[str, object]) -> bool:
    """Bind lines of one proxy that divide the load between threads or processes."""
    return any(name in values for name in ("process", "thread", "shards", "proto"))


@check(
    "L407",
    "leads-nowhere",
    "warning",
    "A frontend has no backend and no rule that answers.",
    why="Every request gets a 503, every TCP connection is closed.",
    bad="""
    frontend web
        mode http
        bind :80
        timeout client 30s
    """,
    good="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200
    """,
)
def leads_nowhere(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if proxy.kind != "frontend" or not proxy.binds or proxy.get("default_backend") or proxy.get("use_backend"):
            continue
        if any(name.startswith(("stats", "monitor")) for name in proxy.values) or _answers(subject, proxy):
            continue
        yield proxy.span, f"frontend '{proxy.name}' has neither a backend nor an answer of its own"


def _answers(subject: Subject, proxy: object) -> bool:
    inherited = getattr(proxy, "origin", None)
    if inherited is not None and any(inherited.rules.values()):
        return True
    return any(
        rule.final or rule.action.startswith(("lua.", "switch-mode"))
        for place in PLACES
        for rule in subject.rules(proxy, place)  # type: ignore[arg-type]
    )


@check(
    "L408",
    "no-default-backend",
    "hint",
    "Every use_backend rule of a frontend has a condition, and there is no default_backend.",
    why="What no rule takes gets a 503, which looks like a broken server in the logs. A 404 of its own says it better.",
    bad="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        use_backend app if { hdr(host) -i example.com }

    backend app
        mode http
        timeout connect 5s
        timeout server 30s
        server a1 192.0.2.1:80
    """,
    good="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        use_backend app if { hdr(host) -i example.com }
        default_backend app

    backend app
        mode http
        timeout connect 5s
        timeout server 30s
        server a1 192.0.2.1:80
    """,
)
def no_default_backend(subject: Subject) -> Found:
    for proxy in subject.fronts:
        rules = subject.rules(proxy, "use_backend")
        if proxy.kind != "frontend" or not rules or proxy.get("default_backend"):
            continue
        closed = [r for place in PLACES for r in subject.rules(proxy, place) if r.final and _catches(r.action)]
        if all(rule.condition is not None for rule in rules) and not any(
            r.condition is None or _open(r) for r in closed
        ):
            yield rules[-1].span, "what none of these rules takes gets a 503: a default_backend is missing"


def _catches(action: str) -> bool:
    return action in ("deny", "return", "redirect", "reject", "silent-drop", "tarpit")


def _open(rule: object) -> bool:
    """Whether a rule refuses whatever is not known: `unless`, or a negated test."""
    condition = getattr(rule, "condition", None)
    if condition is None:
        return True
    return bool(condition.unless) or any(use.negated for group in condition.alternatives for use in group)


@check(
    "L409",
    "http-words-in-tcp",
    "warning",
    "A proxy in mode tcp has lines that only mean something in mode http.",
    why="They are read and have no effect: a rule that should refuse something refuses nothing.",
    frame="tcp frontend",
    bad="http-request deny if { path_beg /admin }",
    good="tcp-request connection reject if { src 198.51.100.0/24 }",
)
def http_words_in_tcp(subject: Subject) -> Found:
    for proxy in subject.proxies:
        if proxy.http or any(rule.action == "switch-mode" for rule in subject.rules(proxy, "tcp-request content")):
            continue
        for line in subject.lines_of(proxy, *_HTTP_WORDS):
            if not (line.negated or line.reset) and (line.name != "cookie" or proxy.is_back):
                yield line.span, f"has no effect: '{proxy.name}' is in mode tcp"


_HTTP_WORDS: Final = (
    *("http-request", "http-response", "http-after-response", "redirect", "monitor-uri", "cookie"),
    *("option forwardfor", "option originalto", "option forwarded", "compression algo", "capture request header"),
    *("option http-server-close", "option httpclose", "option http-keep-alive", "option httplog", "stats enable"),
    *("stats uri", "stats auth", "errorloc", "errorloc302", "unique-id-header", "http-reuse"),
)


@check(
    "L410",
    "https-port-without-tls",
    "warning",
    "An HTTP frontend listens on port 443 without ssl.",
    why="Browsers speak TLS there, and get a 400. `ssl crt <file>` is missing, or `mode tcp` to pass TLS on untouched.",
    bad="""
    frontend web
        mode http
        bind :443
        timeout client 30s
        http-request return status 200
    """,
    good="""
    frontend web
        mode http
        bind :443 ssl crt /etc/ssl/site.pem
        timeout client 30s
        http-request return status 200
    """,
)
def https_port_without_tls(subject: Subject) -> Found:
    for proxy in subject.fronts:
        for bind, address in subject.listens(proxy) if proxy.http else ():
            through = bind.values.get("accept-proxy") or not reachable(address)
            if address.port == 443 and not bind.values.get("ssl") and not through:
                yield bind.span, "port 443 without 'ssl': browsers speak TLS here"


_SINGLE: Final = (
    *("mode", "balance", "default_backend", "maxconn", "retries", "log-format", "cookie", "option httpchk", "fullconn"),
    *("stats uri", "monitor-uri", "hash-type", "http-reuse", "stick-table", "nbthread", "user", "group", "chroot"),
    *("timeout client", "timeout connect", "timeout server", "timeout http-request", "timeout queue", "timeout check"),
    *("timeout tunnel", "timeout http-keep-alive", "timeout tarpit", "tcp-request inspect-delay", "pidfile"),
)


@check(
    "L411",
    "said-twice",
    "warning",
    "A keyword that has one value is written twice in one section, with different values.",
    why="Nothing complains: the last one holds, and whoever reads or changes the first one is deceived.",
    frame="frontend",
    bad="""
    timeout client 10s
    timeout client 50s
    """,
    good="timeout client 50s",
)
def said_twice(subject: Subject) -> Found:
    for record in (subject.config.globals, *subject.sections):
        seen: dict[str, Line] = {}
        for line in subject.lines_of(record, *_SINGLE):
            first = seen.get(line.name)
            if first is not None and first.words != line.words and first.span.file == line.span.file:
                yield line.span, f"replaces line {first.span.line}, which says '{' '.join(first.words)}'"
            seen[line.name] = line
