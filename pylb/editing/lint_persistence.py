"""Lint checks of cookie persistence: clients that do not stick, or stick too well."""

from __future__ import annotations

from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject


@check(
    "L421",
    "cookie-without-value",
    "warning",
    "A backend has cookie persistence, and one of its servers no cookie value.",
    why="Clients that were sent to this server are not recognised: they are balanced anew each time.",
    frame="backend",
    bad="""
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check
    """,
    good="""
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
)
def cookie_without_value(subject: Subject) -> Found:
    for proxy in subject.backs:
        rule = proxy.get("cookie")
        if rule is None or not proxy.http or getattr(rule, "dynamic", False) or getattr(rule, "mode", "") == "":
            continue
        for server in subject.servers(proxy):
            backup = server.values.get("backup")
            if not server.values.get("cookie") and server.template is None and not backup and len(proxy.servers) > 1:
                yield server.span, f"server '{server.name}' has no cookie value: nobody sticks to it"


@check(
    "L422",
    "cookie-without-keyword",
    "warning",
    "A server has a cookie value, and its backend no cookie line.",
    why="Without the `cookie` keyword in the backend the values of the servers do nothing: no client sticks.",
    frame="backend",
    bad="""
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
    good="""
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
)
def cookie_without_keyword(subject: Subject) -> Found:
    for proxy in subject.backs:
        if proxy.get("cookie") is not None or proxy.get("appsession") is not None:
            continue
        for server in subject.servers(proxy):
            line = subject.line_at(server.span)
            if server.values.get("cookie") and line is not None and "cookie" in line.words:
                yield line.spans[line.words.index("cookie")], "does nothing: the backend has no 'cookie' line"
                break


@check(
    "L423",
    "same-cookie",
    "error",
    "Two servers of a backend have the same cookie value.",
    why="A client that was sent to the second one comes back to the first.",
    frame="backend",
    bad="""
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a
    server a2 192.0.2.2:80 check cookie a
    """,
    good="""
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
)
def same_cookie(subject: Subject) -> Found:
    for proxy in subject.backs:
        seen: dict[str, str] = {}
        for server in subject.servers(proxy) if proxy.get("cookie") is not None else ():
            value = server.values.get("cookie")
            if value and server.template is None:
                if value in seen and not server.values.get("backup"):
                    yield server.span, f"server '{seen[value]}' has the same cookie value"
                seen.setdefault(value, server.name)


@check(
    "L424",
    "no-redispatch",
    "hint",
    "A backend has cookie persistence and no option redispatch.",
    why="""When a server refuses a connection and is not marked down yet, clients that stick to it get a 503 although
    others could answer. `option redispatch` lets the last retry go elsewhere.""",
    frame="backend",
    bad="""
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
    good="""
    option redispatch
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
)
def no_redispatch(subject: Subject) -> Found:
    for proxy in subject.backs:
        stuck = sum(1 for server in proxy.servers if server.values.get("cookie"))
        if proxy.http and proxy.get("cookie") is not None and stuck > 1 and not proxy.get("option redispatch"):
            yield proxy.where.get("cookie", proxy.span), "clients stick to a server that refuses: 'option redispatch'"


@check(
    "L431",
    "cookie-in-caches",
    "hint",
    "A persistence cookie is inserted without nocache.",
    why="""A cache between proxy and client may keep a response with its Set-Cookie and hand it to everybody: all of
    them go to one server. `nocache` forbids that, `indirect` keeps the cookie from the servers.""",
    frame="backend",
    bad="""
    option redispatch
    cookie SRV insert
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
    good="""
    option redispatch
    cookie SRV insert indirect nocache
    server a1 192.0.2.1:80 check cookie a1
    server a2 192.0.2.2:80 check cookie a2
    """,
)
def cookie_in_caches(subject: Subject) -> Found:
    for section in subject.sections:
        for line in subject.lines_of(section, "cookie"):
            inserts = "insert" in line.words and not {"nocache", "postonly"} & set(line.words)
            if inserts and section.kind != "frontend":
                yield line.span, "a cache may give one client's cookie to all: 'nocache' is missing"
