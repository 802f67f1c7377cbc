"""What can only be judged when every section is known: references between sections, and settings that do not fit.

Called once after reading. Severities and sentences are HAProxy's. Rooms that compile their own lines (ACLs, servers,
logs) report their own references; here are those that only need names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

from pylb.config import section_checks, userlists
from pylb.config.model import Configuration, ProxyConfig
from pylb.errors import Span, nearest

Check = Callable[[Configuration, ProxyConfig], None]

NAMES_COMPARED = 500  # with more proxies than that, only the first problems get a suggestion: each compares all names
PROBLEMS_COMPARED = 100


def resolve(config: Configuration) -> None:
    """Reports every problem between sections."""
    number_proxies(config)
    for proxy in config.proxies:
        if proxy.get("disabled"):
            continue
        for check in CHECKS:
            check(config, proxy)
    for want in config.wants:
        want(config)
    check_defaults(config)
    check_sections(config)


def word(proxy: ProxyConfig) -> str:
    """What HAProxy calls a proxy in messages: listen sections are just proxies."""
    return "proxy" if proxy.kind == "listen" else proxy.kind


def label(proxy: ProxyConfig) -> str:
    return f"{word(proxy)} '{proxy.name}'"


def place(span: Span) -> str:
    return f"{span.file}:{span.line}"


OF_THE_RUNTIME_SOCKET: Final = ("stats socket", "stats timeout", "stats maxconn")


def number_proxies(config: Configuration) -> None:
    """Gives every proxy without an `id` a number that is free, counting in order of the file those with an `id` too.
    With a runtime socket 1 is the process itself."""
    owners: dict[int, ProxyConfig] = {}
    for proxy in config.proxies:
        own = proxy.get("id")
        if own is None:
            continue
        other = owners.setdefault(own, proxy)
        if other is not proxy:
            config.report.alert(
                f"{word(proxy)} {proxy.name} reuses same custom id as {word(other)} {other.name} "
                f"(declared at {place(other.span)}).",
                proxy.where["id"],
            )
    free = 2 if any(config.globals.get(word) for word in OF_THE_RUNTIME_SOCKET) else 1
    for proxy in config.proxies:
        own = proxy.get("id")
        if own is None:
            while free in owners:
                free += 1
            own = free
        free += 1
        proxy.number = own


def check_listeners(config: Configuration, proxy: ProxyConfig) -> None:
    if proxy.is_front and not proxy.binds:
        config.report.warning(
            f"{label(proxy)} has no 'bind' directive. Please declare it as a backend if this was intended."
        )


def check_timeouts(config: Configuration, proxy: ProxyConfig) -> None:
    """Every side that carries traffic needs its timeouts: client; connect and one of server and tunnel."""
    missing = proxy.is_front and not proxy.get("timeout client")
    if proxy.is_back and proxy.servers:
        connected = proxy.get("timeout connect")
        missing = missing or not connected or not (proxy.get("timeout server") or proxy.get("timeout tunnel"))
    if missing:
        config.report.warning(
            f"missing timeouts for {label(proxy)}.\n"
            "   | While not properly invalid, you will certainly encounter various problems\n"
            "   | with such a configuration. To fix this, please ensure that all following\n"
            "   | timeouts are set to a non-zero value: 'client', 'connect', 'server'."
        )


def targets(proxy: ProxyConfig) -> Iterator[tuple[str, str, Span]]:
    """Names of backends that a proxy's words want: (word, name, where)."""
    default = proxy.get("default_backend")
    if isinstance(default, str):
        yield "default_backend", default, proxy.where.get("default_backend", proxy.span)
    for rule in proxy.get("use_backend", []):
        if rule.format is None:  # the name does not depend on the request
            yield "use_backend", rule.name, rule.span


def check_targets(config: Configuration, proxy: ProxyConfig) -> None:
    for wanted, name, span in targets(proxy):
        backend = config.proxy(name, back=True)
        if backend is None:
            hint = f"see {place(span)}"
            if len(config.proxies) < NAMES_COMPARED or len(config.report.items) < PROBLEMS_COMPARED:
                near = nearest(name, (other.name for other in config.proxies if other.is_back))
                hint += f"; there is a backend '{near}'" if near else ""
            config.report.alert(f"Proxy '{proxy.name}': unable to find required {wanted}: '{name}'.", hint=hint)
        elif proxy.is_front and proxy.http and backend.get("mode", "tcp") == "tcp":
            role = "as its default backend" if wanted == "default_backend" else "in a 'use_backend' rule"
            config.report.alert(
                f"http {label(proxy)} ({place(proxy.span)}) tries to use incompatible tcp {label(backend)} "
                f"({place(backend.span)}) {role} (see 'mode')."
            )


HTTP_RULES = ("http-request", "http-response", "http-after-response")


def may_upgrade(proxy: ProxyConfig) -> bool:
    """Whether a rule switches TCP connections of this proxy to HTTP."""
    return any(rule.action.name == "switch-mode" for rule in proxy.rules.get("tcp-request content", ()))


HTTP_FRONT_OPTIONS = (
    ("accept-invalid-http-request", "accept-unsafe-violations-in-http-request"),
    ("disable-h2-upgrade", "disable-h2-upgrade"),
    ("http-ignore-probes", "http-ignore-probes"),
    ("http-use-proxy-header", "http-use-proxy-header"),
    ("idle-close-on-response", "idle-close-on-response"),
    ("http-drop-response-trailers", "http-drop-response-trailers"),
)
HTTP_BACK_OPTIONS = (
    ("accept-invalid-http-response", "accept-unsafe-violations-in-http-response"),
    ("checkcache", "checkcache"),
    ("http-pretend-keepalive", "http-pretend-keepalive"),
    ("prefer-last-server", "prefer-last-server"),
    ("http-drop-request-trailers", "http-drop-request-trailers"),
)
HTTP_BOTH_OPTIONS = (("http-buffer-request", "http-buffer-request"), ("http-no-delay", "http-no-delay"))
HTTP_OPTIONS = ("option forwardfor", "option originalto", "option forwarded")


def check_http_only(config: Configuration, proxy: ProxyConfig) -> None:
    """In mode tcp the words of HTTP do nothing; HAProxy warns of those that were written."""
    if proxy.get("mode", "tcp") != "tcp":
        return
    who, warn = label(proxy), config.report.warning
    if proxy.get("cookie") is not None and proxy.is_back:
        warn(f"cookie will be ignored for {who} (needs 'mode http').")
    if proxy.get("monitor-uri") is not None and proxy.is_front:
        warn(f"monitor-uri will be ignored for {who} (needs 'mode http').")
    if any(name.startswith("stats ") for name in proxy.values):
        warn(f"'stats' statement ignored for {who} as it requires HTTP mode.")
    if not may_upgrade(proxy):
        for name in HTTP_RULES:
            # `redirect` and `monitor-uri` lines stand among the rules they act like, under names of their own
            places = {rule.place for rule in proxy.rules.get(name, ())}
            for place in (name, "redirect"):
                if place in places:
                    warn(f"'{place}' rules ignored for {who} as they require HTTP mode.")
    for name in HTTP_OPTIONS:
        if proxy.get(name):
            warn(f"'{name}' ignored for {who} as it requires HTTP mode.")
    for sided, names in (
        (proxy.is_front, HTTP_FRONT_OPTIONS),
        (proxy.is_back, HTTP_BACK_OPTIONS),
        (True, HTTP_BOTH_OPTIONS),
    ):
        for name, stored in names if sided else ():
            if proxy.get(f"option {stored}") and f"option {stored}" in proxy.where:  # written, not set by another word
                warn(f"'option {name}' ignored for {who} as it requires HTTP mode.")
    usesrc = (proxy.get("source") or {}).get("usesrc") if isinstance(proxy.get("source"), dict) else None
    if isinstance(usesrc, str) and usesrc.startswith("hdr_ip("):
        header = usesrc[7:].rstrip(")").partition(",")[0]
        warn(f"{who} : ignoring use of header {header} as source IP in non-HTTP mode.")


def check_external(config: Configuration, proxy: ProxyConfig) -> None:
    """`option external-check` runs programs only where global allows it."""
    if not proxy.get("option external-check"):
        return
    where = f"Proxy '{proxy.name}' : 'option external-check' unable to find required"
    if not config.globals.get("external-check"):
        config.report.alert(f"{where} 'global.external-check'.")
    if not proxy.get("external-check command"):
        config.report.alert(f"{where} 'external-check command'.")
    if not config.globals.get("insecure-fork-wanted"):
        config.report.warning(
            f"Proxy '{proxy.name}' : 'insecure-fork-wanted' not enabled in the global section, 'option external-check' "
            "will likely fail."
        )


COOKIE_LENGTH = 63  # `tune.http.cookielen` unless set
EMAIL = ("from", "mailers", "to")


def check_email(config: Configuration, proxy: ProxyConfig) -> None:
    """Mail needs a sender, a recipient and mailers, and says so where one is missing."""
    written = [name for name in (*EMAIL, "level", "myhostname") if f"email-alert {name}" in proxy.values]
    if not written:
        return
    if not all(name in written for name in EMAIL):
        config.report.warning(
            f"'email-alert' will be ignored for {label(proxy)} (the presence any of 'email-alert from', 'email-alert "
            "level' 'email-alert mailers', 'email-alert myhostname', or 'email-alert to' requires each of 'email-alert "
            "from', 'email-alert mailers' and 'email-alert to' to be present)."
        )
        return
    mailers = proxy.get("email-alert mailers")
    known = config.sections.get("mailers", {})
    if mailers not in known:
        near = nearest(str(mailers), known)
        config.report.alert(
            f"Proxy '{proxy.name}': unable to find mailers '{mailers}'.",
            proxy.where.get("email-alert mailers", proxy.span),
            f"there is a section 'mailers {near}'" if near else "",
        )


def check_programs(config: Configuration, proxy: ProxyConfig) -> None:
    """Words of external checks without `option external-check`, and states that are nowhere."""
    who, warn = label(proxy), config.report.warning
    for name in ("command", "path"):
        if f"external-check {name}" in proxy.values and not proxy.get("option external-check"):
            warn(f"'external-check {name}' will be ignored for {who} (requires 'option external-check').")
    command = proxy.get("external-check command")
    if isinstance(command, str) and not command.startswith("/") and not proxy.get("external-check path"):
        config.report.alert(
            f"Proxy '{proxy.name}': 'external-check command' does not have a leading '/' and 'external-check path' is "
            "not set.",
            proxy.where.get("external-check command", proxy.span),
        )
    if not proxy.is_back:
        for rule in proxy.get("use-server", ()):
            if rule.format is None:
                config.report.alert(
                    f"{who} : unable to find server '{rule.name}' referenced in a 'use-server' rule.", rule.span
                )
        return
    if proxy.get("load-server-state-from-file") == "global" and not config.globals.get("server-state-file"):
        warn(
            f"backend '{proxy.name}' configured to load server state file from global section 'server-state-file' "
            "directive. Unfortunately, 'server-state-file' is not set!"
        )


def check_fcgi(config: Configuration, proxy: ProxyConfig) -> None:
    """`use-fcgi-app` names a section, and needs HTTP."""
    name = proxy.get("use-fcgi-app")
    if name is None or not proxy.is_back:
        return
    span = proxy.where.get("use-fcgi-app", proxy.span)
    known = config.sections.get("fcgi-app", {})
    if name not in known:
        near = nearest(str(name), known)
        config.report.alert(
            f"proxy '{proxy.name}' : fcgi-app '{name}' not found.", span, f"there is 'fcgi-app {near}'" if near else ""
        )
    elif proxy.get("mode", "tcp") != "http":
        config.report.alert(f"proxy '{proxy.name}': FCGI application cannot be used in non-HTTP mode.", span)
    if not any(server.values.get("proto") == "fcgi" for server in proxy.servers):
        config.report.alert(
            f"proxy '{proxy.name}': FCGI app configured but no FCGI server found.", span, "servers need 'proto fcgi'"
        )


def check_table(config: Configuration, proxy: ProxyConfig) -> None:
    """The peers that a table is told to."""
    table = proxy.get("stick-table")
    name = getattr(table, "peers", "")
    known = config.sections.get("peers", {})
    if name and name not in known:
        near = nearest(name, known)
        config.report.alert(
            f"Proxy '{proxy.name}': unable to find sync peers '{name}'.",
            proxy.where.get("stick-table", proxy.span),
            f"there is a section 'peers {near}'" if near else "",
        )


def check_dispatch(config: Configuration, proxy: ProxyConfig) -> None:
    if proxy.is_back and proxy.option("transparent") and "balance" in proxy.values:
        config.report.alert(f"{label(proxy)} cannot use both transparent and balance mode.")
    if proxy.is_back and proxy.get("dispatch") is not None and "balance" in proxy.values:
        config.report.warning(f"dispatch address of {label(proxy)} will be ignored in balance mode.")


def check_captures(config: Configuration, proxy: ProxyConfig) -> None:
    """What a log line is made of: it needs a log, and a cookie HTTP."""
    if not proxy.is_front:
        return
    if "log-format-sd" in proxy.values and not proxy.loggers:
        config.report.warning(f"log format ignored for {label(proxy)} since it has no log address.")
    cookie = proxy.get("capture cookie")
    if cookie is None:
        return
    most = config.globals.get("tune.http.cookielen", COOKIE_LENGTH)
    if cookie.length > most:
        config.report.warning(f"truncating capture length to {most} bytes for {label(proxy)}.")
        proxy.values["capture cookie"] = dataclasses.replace(cookie, length=most)
    if proxy.get("mode", "tcp") == "tcp":
        config.report.warning(f"'capture' statement ignored for {label(proxy)} as it requires HTTP mode.")


def check_resolvers(config: Configuration, proxy: ProxyConfig) -> None:
    for server in proxy.servers:
        name = server.values.get("resolvers")
        if isinstance(name, str) and name != "default" and config.section("resolvers", name) is None:
            config.report.alert(f"{label(proxy)}, server '{server.name}': unable to find required resolvers '{name}'")


def check_steps(config: Configuration, proxy: ProxyConfig) -> None:
    """Steps of health checks run only when the check is of their kind."""
    for steps, option in (("http-check", "httpchk"), ("tcp-check", "tcp-check")):
        kinds = {step.kind for step in proxy.get(steps, ())} - {"disable-on-404", "send-state"}
        if kinds and proxy.get(f"option {option}") in (None, False):
            config.report.warning(
                f"{label(proxy)} uses {steps} rules without 'option {option}', so the rules are ignored."
            )


CHECKS: tuple[Check, ...] = (
    check_steps,
    check_listeners,
    check_targets,
    check_timeouts,
    check_http_only,
    check_external,
    check_programs,
    check_email,
    check_fcgi,
    check_table,
    check_dispatch,
    check_captures,
    check_resolvers,
)


def check_defaults(config: Configuration) -> None:
    """A defaults section should serve either those that name it or those that follow it."""
    named = {id(proxy.origin) for proxy in config.proxies if proxy.explicit_defaults}
    for proxy in config.proxies:
        origin = proxy.origin
        if origin is not None and origin.name and not proxy.explicit_defaults and id(origin) in named:
            config.report.warning(
                f"defaults section '{origin.name}' (declared at {place(origin.span)}) is explicitly referenced by "
                "another proxy and implicitly used here. To avoid any ambiguity don't mix both usage. Add a last "
                "defaults section not explicitly used or always use explicit references.",
                proxy.span,
            )


def check_sections(config: Configuration) -> None:
    """What named sections lack."""
    sections = config.sections
    for record in sections.get("userlist", {}).values():
        for message, span in userlists.resolve(record):
            config.report.alert(message, hint=f"see {place(span)}")
    section_checks.check(config)
