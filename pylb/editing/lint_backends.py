"""Lint checks of backends as a whole: who answers, who sticks, what is sent to the servers."""

from __future__ import annotations

from pylb.config.model import ProxyConfig
from pylb.config.words import Line
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_rules import PLACES
from pylb.editing.lint_subject import Subject


@check(
    "L420",
    "empty-backend",
    "hint",
    "A backend has no server and no rule that answers.",
    why="Every request that is sent there gets a 503. On purpose, `http-request deny` says so, and with which status.",
    frame="backend",
    bad="balance roundrobin",
    good="server a1 192.0.2.1:80",
)
def empty_backend(subject: Subject) -> Found:
    for proxy in subject.backs:
        if proxy.servers or proxy.kind != "backend" or proxy.get("dispatch") or proxy.get("stick-table"):
            continue
        if any(proxy.get(name) for name in ("option transparent", "transparent", "option http_proxy", "error replies")):
            continue
        if any(name.startswith("stats ") for name in proxy.values) or not subject.mentioned(proxy.name, outside=proxy):
            continue
        if not any(r.final or r.action.startswith("lua.") for place in PLACES for r in subject.rules(proxy, place)):
            yield proxy.span, f"backend '{proxy.name}' has no server: every request gets a 503"


@check(
    "L425",
    "reuse-and-close",
    "warning",
    "http-reuse is set where every connection to a server is closed after its request.",
    why="`option httpclose` and `option http-server-close` leave nothing to reuse.",
    frame="backend",
    bad="""
    option httpclose
    http-reuse always
    server a1 192.0.2.1:80
    """,
    good="""
    http-reuse always
    server a1 192.0.2.1:80
    """,
)
def reuse_and_close(subject: Subject) -> Found:
    for proxy in subject.backs:
        span = subject.own(proxy, "http-reuse")
        if span is None or proxy.get("http-reuse") == "never":
            continue
        for name in ("option httpclose", "option http-server-close"):
            if proxy.get(name):
                yield span, f"nothing is left to reuse: '{name}' closes connections after each request"
                break


@check(
    "L426",
    "source-behind-proxy",
    "hint",
    "balance source in a backend that gets its clients through another proxy.",
    why="""All clients behind the same proxy or NAT have one address and so one server. Behind a proxy the address is in
    a header (`balance hdr(X-Forwarded-For)`), or a cookie does it.""",
    bad="""
    listen web
        mode http
        bind 127.0.0.1:8080
        timeout connect 5s
        timeout client 30s
        timeout server 30s
        balance source
        server a1 192.0.2.1:80 check
        server a2 192.0.2.2:80 check
    """,
    good="""
    listen web
        mode http
        bind 127.0.0.1:8080
        timeout connect 5s
        timeout client 30s
        timeout server 30s
        balance hdr(X-Forwarded-For)
        server a1 192.0.2.1:80 check
        server a2 192.0.2.2:80 check
    """,
)
def source_behind_proxy(subject: Subject) -> Found:
    for proxy in subject.backs:
        balance = proxy.get("balance")
        fronts = [front for front in subject.fronts_of(proxy) if front.binds]
        if getattr(balance, "name", "") != "source" or len(proxy.servers) < 2 or not fronts:
            continue
        local = all(
            not subject.exposed(front) and not any(bind.values.get("accept-proxy") for bind in front.binds)
            for front in fronts
        )
        if local:
            yield proxy.where.get("balance", proxy.span), "every client has the address of this machine: one server"


@check(
    "L427",
    "no-client-address",
    "hint",
    "An HTTP backend whose servers cannot learn the address of the client.",
    why="""The servers see connections from the proxy only: logs, limits and geography all show its address. `option
    forwardfor` passes the client's on in a header, `send-proxy` before the request.""",
    frame="backend",
    bad="server a1 192.0.2.1:80",
    good="""
    option forwardfor
    server a1 192.0.2.1:80
    """,
)
def no_client_address(subject: Subject) -> Found:
    blind: dict[int, list[ProxyConfig]] = {}  # those that start from the same defaults are told of once
    told = {id(front) for front in subject.fronts if _passes(subject, front)}
    for proxy in subject.backs:
        fronts = subject.fronts_of(proxy)
        if not proxy.http or not proxy.servers or not fronts:
            continue
        if all(id(front) in told for front in fronts) or _passes(subject, proxy) or proxy.get("usesrc"):
            continue
        named = [s for s in subject.servers(proxy) if not {"send-proxy", "usesrc"} & set(s.values)]
        if named and not proxy.get("source"):
            blind.setdefault(id(proxy.origin), []).append(proxy)
    for proxies in blind.values():
        others = f" (and of {len(proxies) - 1} more)" if len(proxies) > 1 else ""
        name = proxies[0].name
        yield proxies[0].span, f"the servers of '{name}'{others} see one address for all clients: 'option forwardfor'"


def _passes(subject: Subject, proxy: ProxyConfig) -> bool:
    """Whether a proxy tells the servers who the client is."""
    if proxy.get("option forwardfor") or proxy.get("option forwarded"):
        return True
    lines = subject.lines_of(proxy) + (subject.lines_of(proxy.origin) if proxy.origin is not None else [])
    return any("forwarded" in word.lower() or "real-ip" in word.lower() for line in lines for word in line.words[1:3])


@check(
    "L428",
    "two-forwarded-for",
    "warning",
    "X-Forwarded-For is set by a rule and added by option forwardfor as well.",
    why="""The rule sets one header, the option appends another one of the same name: servers get the client's address
    twice, and some take two hops for two proxies.""",
    frame="frontend",
    bad="""
    option forwardfor
    http-request set-header X-Forwarded-For %[src]
    """,
    good="option forwardfor",
)
def two_forwarded_for(subject: Subject) -> Found:
    for proxy in subject.proxies:
        option = proxy.get("option forwardfor")
        if not option or getattr(option, "if_none", False):
            continue
        name = (getattr(option, "header", b"") or b"x-forwarded-for").lower()
        for rule in subject.rules(proxy, "http-request"):
            wanted = len(rule.words) > 2 and rule.words[1].lower().encode() == name
            if wanted and rule.action in ("set-header", "add-header") and rule.condition is None:
                plain = rule.words[2] in ("%[src]", "%ci") or rule.words[2].startswith("%[src")
                if plain:
                    yield rule.span, "'option forwardfor' adds the same address in a second header"


@check(
    "L429",
    "check-as-text",
    "hint",
    "option httpchk carries header lines in its version argument.",
    why="""The old way to send headers with a check; `http-check send` says the same readably, and is what is
    supported.""",
    frame="backend",
    bad=r"option httpchk GET /health HTTP/1.1\r\nHost:\ example.com",
    good="""
    option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host example.com
    """,
)
def check_as_text(subject: Subject) -> Found:
    for proxy in subject.sections:
        for line in subject.lines_of(proxy, "option httpchk"):
            if any("\\r\\n" in word or "\r\n" in word for word in line.words):
                yield line.span, "headers in the version argument: say it with 'http-check send'"


@check(
    "L430",
    "check-without-host",
    "warning",
    "A check speaks HTTP/1.1 and sends no Host header.",
    why="HTTP/1.1 requires Host (RFC 9112, 3.2): servers that follow it answer 400, and the server counts as down.",
    frame="backend",
    bad="""
    option httpchk GET /health HTTP/1.1
    server a1 192.0.2.1:80 check
    """,
    good="""
    option httpchk
    http-check send meth GET uri /health ver HTTP/1.1 hdr Host example.com
    server a1 192.0.2.1:80 check
    """,
)
def check_without_host(subject: Subject) -> Found:
    for proxy in subject.sections:
        for line in subject.lines_of(proxy, "option httpchk", "http-check send"):
            text = " ".join(line.words[1:])
            if "HTTP/1.1" not in text or "host" in text.lower().replace("localhost", "").replace("hostname", ""):
                continue
            if not any("host" in w.lower() for other in _senders(subject, proxy) for w in other.words):
                yield line.span, "HTTP/1.1 without a Host header: many servers answer 400"
                break


def _senders(subject: Subject, proxy: ProxyConfig) -> list[Line]:
    """The http-check lines of a section and of those that start from it."""
    heirs = [other for other in subject.config.proxies if other.origin is proxy]
    return [line for section in (proxy, *heirs) for line in subject.lines_of(section, "http-check send")]
