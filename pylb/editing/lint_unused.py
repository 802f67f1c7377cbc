"""Lint checks of what is declared and used by nobody, and of defaults that surprise."""

from __future__ import annotations

import re
from typing import Final

from pylb.config.model import ProxyConfig
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject

_FRONT = """
    defaults
        mode http
        timeout connect 5s
        timeout client 30s
        timeout server 30s

    frontend web
        bind :80
        default_backend app

    backend app
        server a1 192.0.2.1:80
    """


def dynamic_names(subject: Subject) -> list[re.Pattern[str]]:
    """What use_backend rules whose name is made at run time may name."""
    found = []
    for front in subject.fronts:
        for rule in front.get("use_backend", []):
            if rule.format is None:
                continue
            pieces = [re.escape(p.decode("utf-8", "replace")) if isinstance(p, bytes) else ".*" for p in _pieces(rule)]
            found.append(re.compile("".join(pieces), re.DOTALL))
    return found


def _pieces(rule: object) -> list[object]:
    return list(rule.format.pieces)  # type: ignore[attr-defined]


@check(
    "L401",
    "unused-backend",
    "warning",
    "A backend is declared and no frontend leads to it.",
    why="Its servers never get a request. Either a use_backend rule is missing, or the section is left over.",
    bad=f"{_FRONT}\n    backend api\n        server b1 192.0.2.2:80\n",
    good=_FRONT.replace(
        "        default_backend app", "        use_backend api if { path_beg /api }\n        default_backend app"
    )
    + "\n    backend api\n        server b1 192.0.2.2:80\n",
)
def unused_backend(subject: Subject) -> Found:
    if not subject.fronts:
        return  # a part of a configuration
    dynamic = dynamic_names(subject)
    engines = any(line.words[0] == "filter" and "spoe" in line.words for line in subject.lines)
    for proxy in subject.backs:
        if engines and not proxy.http:
            continue  # the configuration of an engine, a file of its own, may name it
        if proxy.kind != "backend" or subject.mentioned(proxy.name, outside=proxy) or proxy.get("stick-table"):
            continue
        if not any(pattern.fullmatch(proxy.name) for pattern in dynamic):
            yield proxy.span, f"nothing leads to backend '{proxy.name}'"


_KINDS: Final = ("userlist", "resolvers", "peers", "cache", "http-errors", "mailers", "ring", "fcgi-app")


@check(
    "L402",
    "unused-section",
    "warning",
    "A userlist, resolvers, peers, cache, http-errors, mailers, ring or fcgi-app section that nothing names.",
    why="These sections do nothing by themselves: a userlist without a rule that asks for it protects nothing.",
    bad=f"userlist staff\n        user alice password $5$x$y\n{_FRONT}",
    good="userlist staff\n        user alice password $5$x$y\n"
    + _FRONT.replace("        bind :80\n", "        bind :80\n        http-request auth unless { http_auth(staff) }\n"),
)
def unused_section(subject: Subject) -> Found:
    for kind in _KINDS:
        for name, record in subject.config.sections.get(kind, {}).items():
            default = kind == "resolvers" and name == "default"
            if record.span.line and not default and not subject.mentioned(name, outside=record):
                yield record.span, f"nothing uses {kind} '{name}'"


def _heirs(subject: Subject, defaults: ProxyConfig) -> bool:
    everybody = [*subject.config.proxies, *subject.config.defaults]
    return any(proxy.origin is defaults for proxy in everybody)


@check(
    "L403",
    "unused-defaults",
    "warning",
    "A defaults section from which no proxy takes anything.",
    why="A proxy starts from the last defaults section before it, or from the one it names with `from`.",
    bad=f"defaults\n        mode tcp\n{_FRONT}",
    good=_FRONT,
)
def unused_defaults(subject: Subject) -> Found:
    for defaults in subject.config.defaults:
        if subject.config.proxies and not _heirs(subject, defaults):
            yield defaults.span, "no proxy starts from this section"


@check(
    "L404",
    "late-defaults",
    "warning",
    "The first defaults section stands behind a proxy.",
    why="Proxies before it do not get its timeouts and options; they look as if they did.",
    bad="""
    frontend web
        mode http
        bind :80
        timeout client 30s
        default_backend app

    defaults
        mode http
        timeout connect 5s
        timeout client 30s
        timeout server 30s

    backend app
        server a1 192.0.2.1:80
    """,
    good=_FRONT,
)
def late_defaults(subject: Subject) -> Found:
    defaults, proxies = subject.config.defaults, subject.proxies
    if not defaults or not proxies or defaults[0].span.file != proxies[0].span.file:
        return
    if defaults[0].span.line > proxies[0].span.line and _heirs(subject, defaults[0]):
        early = f"{proxies[0].kind} '{proxies[0].name}' at line {proxies[0].span.line}"
        yield defaults[0].span, f"{early} stands before it and gets nothing of this section"
