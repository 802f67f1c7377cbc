"""log-profile, traces, healthcheck: sections of HAProxy 3.x about logs, developers' traces and checks. Only checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config.model import Record
from pylb.config.section_shapes import declare_section
from pylb.config.sections import no_more_words
from pylb.errors import ConfigError
from pylb.registry import Status, keyword, section

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line, Words

STEPS = ("accept", "request", "connect", "response", "close", "error", "any")
SOURCES = (
    *("applet", "check", "fd", "fcgi", "h1", "h2", "h3", "hstream", "peers", "qmux", "quic", "session", "spop"),
    *("ssl", "stconn", "stick", "stream", "acme", "httpclient", "resolvers", "haterm", "ssl_ocsp", "tcp"),
)
LEVELS = ("error", "user", "proto", "state", "data", "developer")
EVENTS = ("now", "any", "none")
CHECKS = (
    *("tcp-check", "httpchk", "ssl-hello-chk", "smtpchk", "pgsql-check", "redis-check", "mysql-check", "ldap-check"),
    "spop-check",
)

declare_section(
    "log-profile",
    "How the lines of the log targets that name it look (manual, chapter 8.3.5).",
    missing="'log-profile' expects a <name> argument.",
    duplicate="log-profile section '{name}' already exists (declared at {where}).",
)


@keyword("log-tag", places="log-profile", usage="<text>", status=Status.HARMLESS)
def log_tag(line: Line) -> None:
    """The tag of the lines, in place of the process's or the proxy's."""
    words = line.args()
    line.set(words.next("'log-tag' expects a tag for use in syslog."))
    words.finish()


@keyword("on", places="log-profile", usage="<step> [drop] [format <format>] [sd <format>]", status=Status.HARMLESS)
def on_step(line: Line) -> None:
    """The format of the lines of one step (accept, request, connect, response, close, error, any, or a name of
    `do-log`), its structured data, or that there is none."""
    words = line.args()
    step = words.next("'on' expects a logging step.")
    values: dict[str, str | bool] = {}
    while not words.end:
        name = words.next()
        if name == "drop":
            values["drop"] = True
        elif name in ("format", "sd"):
            values[name] = words.next(f"'on {step}' : '{name}' expects a log-format string.")
        else:
            words.fail(f"'on {step}' expects 'drop', 'format' or 'sd', got '{name}'.")
    if not values:
        raise ConfigError(f"'on {step}' expects 'drop', 'format' or 'sd'.", line.span)
    line.record.values.setdefault("on", {})[step] = values


@section("traces", usage="", status=Status.HARMLESS)
def open_traces(line: Line) -> Record:
    """Traces that developers of HAProxy want from the start (manual, chapter 12.1). pylb has none of its sources."""
    no_more_words(line, 1)
    return line.config.sections.setdefault("traces", {}).setdefault("", Record("traces", "", line.span))


@keyword(
    "trace",
    places="traces",
    usage="<source> [sink|event|level|lock|verbosity|start|stop|pause|follow|filter <value>]... | all stop | 0",
    status=Status.HARMLESS,
)
def trace(line: Line) -> None:
    """One `trace` command of the runtime socket: a source, and pairs of settings for it."""
    words = line.args()
    source = words.next("'trace' expects a source.")
    if source in ("0", "all"):
        words.rest()
        return
    if source not in SOURCES:
        words.fail(f"No such trace source '{source}'.")
    while not words.end:
        _setting(words, words.next())
    line.record.append("trace", line.words[1:], line.span)


def _setting(words: Words, name: str) -> None:
    if name not in ("sink", "event", "level", "lock", "verbosity", "start", "stop", "pause", "follow", "filter"):
        words.fail(f"Unknown trace keyword '{name}'.")
    value = words.next(f"'trace' : '{name}' expects a value.")
    if name == "level" and value not in LEVELS:
        words.fail(f"No such trace level '{value}'.")


declare_section(
    "healthcheck",
    "A health check that server lines name with `healthcheck` (manual, chapter 12.9).",
    missing="'healthcheck' expects a <name> argument.",
    duplicate="healthcheck section '{name}' already exists (declared at {where}).",
)


@keyword("type", places="healthcheck", usage="<type> [argument*]", status=Status.HARMLESS)
def check_type(line: Line) -> None:
    """The kind of the check, with the arguments of the proxies' option of that name."""
    words = line.args()
    kind = words.next("'type' expects a health-check type.")
    if kind not in CHECKS:
        words.fail(f"'type' : unknown health-check type '{kind}'.")
    if kind in ("tcp-check", "ssl-hello-chk", "redis-check", "ldap-check", "spop-check"):
        words.finish()
    line.set([kind, *words.rest()])


def check(config: Configuration) -> None:
    for record in config.sections.get("healthcheck", {}).values():
        if record.get("type") is None:
            config.report.alert(
                f"healthcheck section '{record.name}' (declared at {record.span.file}:{record.span.line}) "
                "has no 'type'."
            )
