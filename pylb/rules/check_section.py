"""healthcheck: a health check under a name, which server lines refer to (manual, chapter 12.9).

Steps and types have the grammar of a backend's own: the section keeps a backend of its name, which they are stored in.
All of it is harmless without effect: as long as no server is checked, nobody is told that one is up because of a check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.config import section_checks
from pylb.config.model import ProxyConfig
from pylb.config.reader import run_as
from pylb.config.resolve import label
from pylb.config.section_shapes import choose, declare_section, want_section
from pylb.config.words import Line
from pylb.registry import Status, keyword
from pylb.rules import check_rules

if TYPE_CHECKING:
    from pylb.config.model import Configuration

PLACE: Final = "healthcheck"
TYPES: Final = (
    *("tcp-check", "httpchk", "ssl-hello-chk", "smtpchk", "pgsql-check", "redis-check", "mysql-check", "ldap-check"),
    "spop-check",
)
STEPS_OF: Final = {"http-check": "httpchk", "tcp-check": "tcp-check"}

declare_section(
    PLACE,
    "A health check that server lines name with `healthcheck` (manual, chapter 12.9).",
    missing="'healthcheck' expects a <name> argument.",
    duplicate="healthcheck section '{name}' already exists (declared at {where}).",
)


def _inside(line: Line) -> Line:
    """The line as one of a backend that has nothing but this check."""
    backend = line.record.values.setdefault("proxy", ProxyConfig("backend", line.record.name, line.span))
    inner = Line(line.words, line.spans, line.config, backend, "backend")
    inner.name = line.name
    return inner


@keyword("type", places=PLACE, usage="<type> [argument*]", status=Status.HARMLESS)
def check_type(line: Line) -> None:
    """The kind of the check, with the arguments of the proxies' option of that name. The section needs one."""
    words = line.args()
    kind = choose(words, TYPES, "'type' expects a health-check type", "'type' : unknown health-check type '{got}'")
    run_as(_inside(line), ["option", *line.words[1:]], line.spans)
    line.set([kind, *words.rest()])


@keyword("http-check", places=PLACE, usage="<step> ...", status=Status.HARMLESS)
def http_check(line: Line) -> None:
    """A step of a check of the type httpchk, as `http-check` of a backend."""
    check_rules.take(_inside(line))


@keyword("tcp-check", places=PLACE, usage="<step> ...", status=Status.HARMLESS)
def tcp_check(line: Line) -> None:
    """A step of a check of the type tcp-check, as `tcp-check` of a backend."""
    check_rules.take(_inside(line))


def check(config: Configuration) -> None:
    """Every section has a type, and every name on a server line a section."""
    for record in config.sections.get(PLACE, {}).values():
        kind = record.get("type")
        if kind is None:
            config.report.alert(
                f"healthcheck section '{record.name}' (declared at {record.span.file}:{record.span.line}) "
                "has no 'type'."
            )
            continue
        backend = record.get("proxy")
        for steps, wanted in STEPS_OF.items():
            if kind[0] != wanted and backend.get(steps):
                config.report.notice(
                    f"healthcheck section '{record.name}' has {steps} rules, which its type '{kind[0]}' does not use.",
                    record.span,
                )
    for proxy in config.proxies:
        for server in proxy.servers:
            name = server.values.get(PLACE)
            if isinstance(name, str):
                want_section(config, PLACE, name, server.span, f"{label(proxy)}, server '{server.name}'")


section_checks.CHECKS.append(check)
