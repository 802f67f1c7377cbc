"""Lint checks of logging: lines that go nowhere, or say too little."""

from __future__ import annotations

from pylb.config.model import ProxyConfig
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject


@check(
    "L601",
    "short-log",
    "hint",
    "A frontend logs without a format.",
    why="""Without `option httplog`, `option tcplog` or `log-format` a line only says who connected to what: no status,
    no server, no times, nothing to find a problem with.""",
    bad="""
    frontend web
        mode http
        bind :80
        log 127.0.0.1 local0
        timeout client 30s
        http-request return status 200
    """,
    good="""
    frontend web
        mode http
        bind :80
        log 127.0.0.1 local0
        option httplog
        timeout client 30s
        http-request return status 200
    """,
)
def short_log(subject: Subject) -> Found:
    brief: dict[object, list[ProxyConfig]] = {}  # those that start from the same defaults are told of once
    for proxy in subject.fronts:
        if proxy.binds and _logs(subject, proxy) and not proxy.get("log-format") and not proxy.get("log-format-sd"):
            brief.setdefault((id(proxy.origin), proxy.http), []).append(proxy)
    for proxies in brief.values():
        name = "option httplog" if proxies[0].http else "option tcplog"
        others = f" (in {len(proxies) - 1} more as well)" if len(proxies) > 1 else ""
        yield proxies[0].span, f"logs who connected and nothing else{others}: '{name}' is missing"


def _logs(subject: Subject, proxy: ProxyConfig) -> bool:
    """Whether a proxy's lines reach anybody."""
    return any(target != "global" or subject.config.globals.get("log") for target in proxy.loggers)


@check(
    "L602",
    "log-global-missing",
    "warning",
    "`log global` stands in a configuration whose global section has no log line.",
    why="`log global` means the targets of the global section; there are none, so nothing is logged.",
    bad="""
    global
        maxconn 1000

    frontend web
        mode http
        bind :80
        log global
        option httplog
        timeout client 30s
        http-request return status 200
    """,
    good="""
    global
        log 127.0.0.1 local0

    frontend web
        mode http
        bind :80
        log global
        option httplog
        timeout client 30s
        http-request return status 200
    """,
)
def log_global_missing(subject: Subject) -> Found:
    if subject.config.globals.get("log") or not subject.config.globals.span.line:
        return
    for proxy in subject.sections:
        for line in subject.lines_of(proxy, "log"):
            if line.words[1:2] == ["global"] and not line.negated:
                yield line.span, "the global section has no log line: nothing is logged"


@check(
    "L603",
    "format-without-target",
    "warning",
    "A log format is set in a proxy that has no log target.",
    why="`option httplog` says what lines look like, `log` where they go. Without the second nothing is written.",
    bad="""
    frontend web
        mode http
        bind :80
        option httplog
        timeout client 30s
        http-request return status 200
    """,
    good="""
    frontend web
        mode http
        bind :80
        log 127.0.0.1 local0
        option httplog
        timeout client 30s
        http-request return status 200
    """,
)
def format_without_target(subject: Subject) -> Found:
    for proxy in subject.fronts:
        for line in subject.lines_of(proxy, "option httplog", "option tcplog", "option httpslog", "log-format"):
            if not proxy.loggers and not line.negated:
                yield line.span, f"'{proxy.name}' has no 'log' line: nothing is logged"
                break


@check(
    "L604",
    "tcplog-for-http",
    "hint",
    "An HTTP frontend logs in the format of TCP.",
    why="The lines have no method, no path and no status.",
    bad="""
    frontend web
        mode http
        bind :80
        log 127.0.0.1 local0
        option tcplog
        timeout client 30s
        http-request return status 200
    """,
    good="""
    frontend web
        mode http
        bind :80
        log 127.0.0.1 local0
        option httplog
        timeout client 30s
        http-request return status 200
    """,
)
def tcplog_for_http(subject: Subject) -> Found:
    for proxy in subject.fronts:
        if proxy.http and getattr(proxy.get("log-format"), "name", "") == "tcplog" and proxy.loggers:
            yield proxy.where.get("log-format", proxy.span), f"'{proxy.name}' speaks HTTP: 'option httplog' says more"
