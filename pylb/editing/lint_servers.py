"""Lint checks of server lines: addresses, checks, weights."""

from __future__ import annotations

import re
from typing import Final

from pylb.config.model import ServerLine
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject

_NUMERIC = re.compile(r"[0-9.]+|.*:.*")


def _by_name(server: ServerLine) -> bool:
    """Whether a server's address is a host name."""
    address = server.address
    if address is None or address.family not in ("ip", "ipv4", "ipv6") or not address.host or address.host == "*":
        return False
    return not _NUMERIC.fullmatch(address.host) and address.host != "localhost"


@check(
    "L440",
    "name-resolved-once",
    "hint",
    "A server is given by name, without resolvers and without init-addr.",
    why="""The name is looked up once, at start: later changes are not seen, and when the DNS does not answer at that
    moment, the whole process does not start. `resolvers` follows changes, `init-addr` lets the start go on.""",
    frame="backend",
    bad="server a1 app.example.com:80 check",
    good="server a1 app.example.com:80 check init-addr last,libc,none",
)
def name_resolved_once(subject: Subject) -> Found:
    for proxy in subject.backs:
        for server in subject.servers(proxy):
            if _by_name(server) and not {"resolvers", "init-addr"} & set(server.values) and server.template is None:
                yield server.span, f"'{server.address.host if server.address else ''}' is looked up once, at start"


@check(
    "L441",
    "no-check",
    "warning",
    "A server without check in a backend with several servers.",
    why="""A server that is not checked always counts as up: when it is dead, its share of the requests fails, although
    others could answer.""",
    frame="backend",
    bad="""
    server a1 192.0.2.1:80 check
    server a2 192.0.2.2:80
    """,
    good="""
    server a1 192.0.2.1:80 check
    server a2 192.0.2.2:80 check
    """,
)
def no_check(subject: Subject) -> Found:
    for proxy in subject.backs:
        if len(proxy.servers) < 2 or proxy.get("load-balance") or proxy.get("mode") == "log":
            continue
        bare = [s for s in subject.servers(proxy) if not _checked(s)]
        if len(bare) == len(subject.servers(proxy)):
            yield bare[0].span, f"no server of '{proxy.name}' is checked: dead ones get their share of the requests"
            continue
        for server in bare:
            if not server.values.get("backup") and not server.values.get("disabled"):
                yield server.span, f"server '{server.name}' is not checked: it always counts as up"


def _checked(server: ServerLine) -> bool:
    values = server.values
    return bool(values.get("check") or values.get("track") or values.get("observe") or values.get("agent-check"))


@check(
    "L442",
    "check-of-nobody",
    "warning",
    "A backend says how to check its servers, and none of them is checked.",
    why="`option httpchk` and its like only say how; `check` on the server line says that.",
    frame="backend",
    bad="""
    option httpchk GET /health
    server a1 192.0.2.1:80
    """,
    good="""
    option httpchk GET /health
    server a1 192.0.2.1:80 check
    """,
)
def check_of_nobody(subject: Subject) -> Found:
    names = ("httpchk", "tcp-check", "mysql-check", "pgsql-check", "redis-check", "smtpchk", "ldap-check", "spop-check")
    for proxy in subject.backs:
        if not proxy.servers or any(_checked(server) for server in proxy.servers):
            continue
        for name in names:
            span = subject.own(proxy, f"option {name}")
            if span is not None and proxy.get(f"option {name}") not in (None, False):
                yield span, "no server of this backend has 'check': nothing is checked"
                break


_WAYS = ("ssl", "sni", "source", "send-proxy", "usesrc", "proto", "interface", "socks4")


@check(
    "L443",
    "same-server-twice",
    "warning",
    "Two servers of a backend have the same address and port.",
    why="""It gets a double share of the load, its limits count twice, and what was meant as the second server is
    missing. `weight` says the same on purpose.""",
    frame="backend",
    bad="""
    server a1 192.0.2.1:80 check
    server a2 192.0.2.1:80 check
    """,
    good="""
    server a1 192.0.2.1:80 check
    server a2 192.0.2.2:80 check
    """,
)
def same_server_twice(subject: Subject) -> Found:
    for proxy in subject.backs:
        seen: dict[tuple[object, ...], str] = {}
        for server in subject.servers(proxy):
            address = server.address
            if address is None or server.template is not None or address.family not in ("ip", "ipv4", "ipv6"):
                continue
            if address.host in ("", "*", "0.0.0.0") or server.values.get("disabled") or server.values.get("backup"):
                continue
            kind = tuple(
                str(server.values.get(name)) for name in ("ssl", "sni", "source", "send-proxy", "usesrc", "proto")
            )
            key = (address.host, address.port, *kind)
            if key in seen:
                yield server.span, f"the same address as server '{seen[key]}'"
            seen.setdefault(key, server.name)


@check(
    "L444",
    "no-weight",
    "warning",
    "Every server of a backend has weight 0.",
    why="A server of weight 0 takes no new clients; when all have it, requests get a 503.",
    frame="backend",
    bad="server a1 192.0.2.1:80 check weight 0",
    good="server a1 192.0.2.1:80 check weight 10",
)
def no_weight(subject: Subject) -> Found:
    for proxy in subject.backs:
        if proxy.servers and all(server.values.get("weight") == 0 for server in proxy.servers):
            yield proxy.servers[0].span, f"all servers of '{proxy.name}' have weight 0: none takes new clients"


@check(
    "L445",
    "all-backup",
    "warning",
    "Every server of a backend is a backup server.",
    why="""Of backup servers only the first one that is up is used (unless `option allbackups`): the others stand by,
    and nothing is balanced.""",
    frame="backend",
    bad="""
    server a1 192.0.2.1:80 check backup
    server a2 192.0.2.2:80 check backup
    """,
    good="""
    server a1 192.0.2.1:80 check
    server a2 192.0.2.2:80 check backup
    """,
)
def all_backup(subject: Subject) -> Found:
    for proxy in subject.backs:
        alone = proxy.servers and all(server.values.get("backup") for server in proxy.servers)
        if alone and not proxy.get("option allbackups"):
            yield proxy.servers[0].span, f"all servers of '{proxy.name}' are backups: only the first one works"


@check(
    "L446",
    "no-server-port",
    "hint",
    "A server of an HTTP backend has no port.",
    why="""Connections go to the port that the client used: behind `bind :443 ssl` that is port 443, without TLS. It is
    right only when ports are mapped on purpose.""",
    frame="backend",
    bad="server a1 192.0.2.1",
    good="server a1 192.0.2.1:80",
)
def no_server_port(subject: Subject) -> Found:
    for proxy in subject.backs:
        for server in subject.servers(proxy) if proxy.http else ():
            address = server.address
            if address is None or address.family not in ("ip", "ipv4", "ipv6") or address.host in ("", "0.0.0.0", "*"):
                continue
            if not address.port and not address.port_offset:
                yield server.span, "has no port: connections go to the one that the client came to"


@check(
    "L447",
    "port-without-tls",
    "hint",
    "A server is reached at port 443 without ssl in an HTTP backend.",
    why="Port 443 speaks TLS and answers a clear request with an error: `ssl` (with `verify`, `ca-file`) is missing.",
    frame="backend",
    bad="server a1 192.0.2.1:443 check",
    good="server a1 192.0.2.1:443 check ssl verify required ca-file /etc/ssl/ca.pem",
)
def port_without_tls(subject: Subject) -> Found:
    for proxy in subject.backs:
        for server in subject.servers(proxy) if proxy.http else ():
            if server.address is not None and server.address.port == 443 and not server.values.get("ssl"):
                yield server.span, "port 443 without 'ssl': the server expects TLS there"


_RULES_OF: Final = {"http-check": "option httpchk", "tcp-check": "option tcp-check"}


@check(
    "L448",
    "check-rules-without-option",
    "warning",
    "http-check or tcp-check lines stand in a section whose checks are of another kind.",
    why="""They belong to `option httpchk` and `option tcp-check`. Without it a check only opens a connection, and a
    server that answers nothing but errors counts as up.""",
    frame="backend",
    bad="""
    http-check expect status 200
    server a1 192.0.2.1:80 check
    """,
    good="""
    option httpchk GET /health
    http-check expect status 200
    server a1 192.0.2.1:80 check
    """,
)
def check_rules_without_option(subject: Subject) -> Found:
    for proxy in subject.backs:
        for line in subject.lines_of(proxy):
            option = _RULES_OF.get(line.words[0])
            if option is None or line.words[1:2] in (["disable-on-404"], ["send-state"]):
                continue
            if proxy.get(option) in (None, False):
                yield line.span, f"has no effect without '{option}'"
                break
