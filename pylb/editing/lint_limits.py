"""Lint checks of timeouts and limits: missing ones, and numbers that mean something else than they seem to."""

from __future__ import annotations

from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject


@check(
    "L301",
    "missing-timeout",
    "warning",
    "A proxy that carries traffic has no timeout client, connect or server.",
    why="""Without a timeout a peer that has gone away keeps its connection, and its place under maxconn, for ever.
    Enough of them and nobody gets in.""",
    bad="""
    frontend web
        mode http
        bind :80
        http-request return status 200
    """,
    good="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200
    """,
)
def missing_timeout(subject: Subject) -> Found:
    for proxy in subject.proxies:
        missing = []
        if proxy.is_front and proxy.binds and not proxy.get("timeout client"):
            missing.append("client")
        if proxy.is_back and proxy.servers:
            missing += [name for name in ("connect",) if not proxy.get("timeout connect")]
            if not (proxy.get("timeout server") or proxy.get("timeout tunnel")):
                missing.append("server")
        if missing:
            yield proxy.span, f"no 'timeout {missing[0]}'" + "".join(f", no 'timeout {name}'" for name in missing[1:])


@check(
    "L302",
    "slow-requests",
    "hint",
    "An HTTP frontend has no timeout http-request.",
    why="""`timeout client` starts anew with every byte: a client that sends a header line now and then keeps its
    connection without ever making a request (slowloris). `timeout http-request` limits the whole head.""",
    bad="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200
    """,
    good="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        timeout http-request 10s
        http-request return status 200
    """,
)
def slow_requests(subject: Subject) -> Found:
    slow: dict[int, list[ProxyConfig]] = {}  # those that start from the same defaults are told of once
    for proxy in subject.fronts:
        if proxy.http and proxy.binds and proxy.get("timeout client") and not proxy.get("timeout http-request"):
            slow.setdefault(id(proxy.origin), []).append(proxy)
    for proxies in slow.values():
        others = f" (nor in {len(proxies) - 1} more)" if len(proxies) > 1 else ""
        yield proxies[0].span, f"no 'timeout http-request'{others}: a client may take for ever to send a request's head"


_DELAYS: Final = (
    *("timeout client", "timeout connect", "timeout server", "timeout http-request", "timeout queue", "timeout tunnel"),
    *("timeout http-keep-alive", "timeout check", "timeout client-fin", "timeout server-fin", "timeout tarpit"),
    *("tcp-request inspect-delay", "tcp-response inspect-delay"),
)


@check(
    "L303",
    "time-without-unit",
    "error",
    "A time that is only a few milliseconds because it has no unit.",
    why="Times without a unit are milliseconds: `timeout connect 5` gives up after 5 ms. Write `5s`.",
    frame="frontend",
    bad="timeout client 30",
    good="timeout client 30s",
)
def time_without_unit(subject: Subject) -> Found:
    for proxy in subject.sections:
        for line in subject.lines_of(proxy, *_DELAYS):
            text = line.words[-1]
            if text.isdecimal() and 0 < int(text) < 100:
                yield line.spans[-1], f"{text} milliseconds: a unit is missing ('{text}s'?)"
        for line in subject.lines_of(proxy, "server", "default-server", "server-template"):
            for at, word in enumerate(line.words[:-1]):
                text = line.words[at + 1]
                if at and word in ("inter", "fastinter", "downinter") and text.isdecimal() and 0 < int(text) < 100:
                    yield line.spans[at + 1], f"a check every {text} milliseconds: a unit is missing ('{text}s'?)"


_LONGEST: Final = {
    "timeout connect": 120,
    "timeout http-request": 900,
    "timeout client": 86400,
    "timeout server": 86400,
}


@check(
    "L304",
    "huge-timeout",
    "hint",
    "A timeout that is far longer than anybody waits.",
    why="""Often milliseconds were written with the unit of seconds. Until it ends, a server that does not answer holds
    the client, and the client its place under maxconn.""",
    frame="frontend",
    bad="timeout client 300000s",
    good="timeout client 300s",
)
def huge_timeout(subject: Subject) -> Found:
    for proxy in subject.sections:
        for name, most in _LONGEST.items():
            span, value = subject.own(proxy, name), proxy.get(name)
            if span is not None and value and value > most * 1000:
                yield span, f"{value // 1000} seconds is longer than anybody waits here"


@check(
    "L305",
    "queue-without-timeout",
    "hint",
    "A server has maxconn, and the backend no timeout queue.",
    why="""Requests beyond the server's maxconn wait in the queue, for as long as `timeout connect`, which is chosen for
    something else. `timeout queue` says how long a client may wait before it gets a 503.""",
    frame="backend",
    bad="server a1 192.0.2.1:80 maxconn 50",
    good="""
    timeout queue 10s
    server a1 192.0.2.1:80 maxconn 50
    """,
)
def queue_without_timeout(subject: Subject) -> Found:
    for proxy in subject.backs:
        if proxy.get("timeout queue"):
            continue
        for server in subject.servers(proxy):
            if server.values.get("maxconn"):
                yield server.span, "has maxconn, but nothing says how long requests may wait: 'timeout queue'"
                break


@check(
    "L306",
    "maxconn-above-global",
    "warning",
    "A frontend's maxconn is above the global one.",
    why="The process stops accepting at the global limit, so the frontend's own is never reached.",
    bad="""
    global
        maxconn 1000

    frontend web
        mode http
        bind :80
        maxconn 5000
        timeout client 30s
        http-request return status 200
    """,
    good="""
    global
        maxconn 10000

    frontend web
        mode http
        bind :80
        maxconn 5000
        timeout client 30s
        http-request return status 200
    """,
)
def maxconn_above_global(subject: Subject) -> Found:
    most = subject.config.globals.get("maxconn")
    if not most:
        return
    for proxy in subject.sections:
        span, own = subject.own(proxy, "maxconn"), proxy.get("maxconn")
        if span is not None and isinstance(own, int) and own > most and proxy.kind != "backend":
            yield span, f"{own} is never reached: the process stops at {most} (global)"


@check(
    "L307",
    "descriptors",
    "warning",
    "ulimit-n leaves too few file descriptors for maxconn.",
    why="""A proxied connection needs two descriptors, one to the client and one to the server, and listeners and checks
    need theirs. Below that, connections are refused long before maxconn. Best leave ulimit-n out: it is computed.""",
    bad="""
    global
        maxconn 10000
        ulimit-n 10240
    """,
    good="""
    global
        maxconn 10000
    """,
)
def descriptors(subject: Subject) -> Found:
    settings = subject.config.globals
    most, files = settings.get("maxconn"), settings.get("ulimit-n")
    if isinstance(most, int) and isinstance(files, int) and 0 < files < 2 * most:
        yield settings.where["ulimit-n"], f"{files} descriptors are not enough for {most} connections (two for each)"


@check(
    "L308",
    "short-tunnel",
    "hint",
    "A proxy lets WebSocket requests through and has no timeout tunnel.",
    why="""After the upgrade, `timeout client` and `timeout server` still hold: an idle WebSocket is cut after seconds.
    `timeout tunnel` replaces them for upgraded connections.""",
    frame="frontend",
    bad="use_backend api if { hdr(upgrade) -i websocket }",
    good="""
    default_backend app
    use_backend app if { path_beg /chat }
    """,
)
def short_tunnel(subject: Subject) -> Found:
    for front in subject.fronts:
        for rule in subject.rules(front, "use_backend"):
            backend = subject.config.proxy(rule.text, back=True)
            if backend is None or backend.get("timeout tunnel") or not _websocket(rule.condition):
                continue
            seconds = _shortest(front, backend)
            if 0 < seconds < 300:
                yield rule.span, f"'{backend.name}' has no 'timeout tunnel': idle WebSockets end after {seconds:g} s"


def _websocket(condition: object) -> bool:
    for group in getattr(condition, "alternatives", ()):
        for use in group:
            for term in use.acl.terms:
                if any(p.text.lower() == b"websocket" for p in term.patterns.patterns):
                    return True
    return False


def _shortest(*proxies: ProxyConfig) -> float:
    found = [proxy.timeout(name) for proxy in proxies for name in ("client", "server")]
    return min((value for value in found if value), default=0)
