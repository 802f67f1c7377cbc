"""The words that say what is logged and where: `log`, tags, formats, unique ids and the logging options.

What they store: `log` appends LogLine records (to `proxy.loggers`, or to the list "log" of global); every word that
chooses a line format stores a FormatLine under "log-format", so that the last one wins as in HAProxy. Formats are
parsed when the program is built (logger.py): whether an alias may stand there depends on the proxy's final mode.
"""

from __future__ import annotations

from dataclasses import dataclass

from pylb.config.model import ProxyConfig
from pylb.config.shapes import ignore_surplus
from pylb.config.words import Line
from pylb.errors import ConfigError, Span
from pylb.log.lines import parse
from pylb.registry import PROXY, Status, keyword


@dataclass(slots=True)
class FormatLine:
    """A line format: `name` is a built-in one ("httplog", "httplog clf", "tcplog", "httpslog"), or "" with a text."""

    name: str
    text: str
    span: Span


# -- log -------------------------------------------------------------------------------------------------------------


@keyword(
    "log",
    places="global",
    usage="<address> [len <length>] [format <format>] [sample <ranges>:<size>] [profile <name>] <facility> "
    "[<level> [<minlevel>]]",
    negatable=True,
)
def log_global(line: Line) -> None:
    """Adds a syslog destination that receives the process's own messages and the lines of proxies with `log global`.

    The address is `host[:port]` (UDP, port 514 by default), the path of a unix datagram socket, `stdout`, `stderr`,
    `fd@<number>`, `ring@<name>`, `backend@<name>` (mode log), or a stream behind `tcp@` or `uxst@`, which gets a ring
    of its own. A target that is away costs lines, which are counted (`DroppedLogs` of `show info`), never time.
    `len` cuts lines (80 to 65535, 1024 by default); `format` chooses what precedes them (local, rfc3164, rfc5424,
    priority, short, timed, iso, raw); `sample 1,3-4:5` takes some of every five; the facility is one of
    syslog's 24, the levels bound what is sent and how important it may look. `no log` forgets the destinations given so
    far. Manual, section 3.1.
    """
    if line.negated:
        _flush(line)
        line.record.values.pop("log", None)
        return
    line.record.append("log", parse(line, "<address> and <facility>  as arguments"), line.span)


@keyword(
    "log",
    places=PROXY,
    usage="global | <address> [len <length>] [format <format>] [sample <ranges>:<size>] [profile <name>] <facility> "
    "[<level> [<minlevel>]]",
    negatable=True,
)
def log_proxy(line: Line) -> None:
    """Logs the proxy's traffic and events: `global` to the destinations of the global section, else as `log` there.

    `no log` forgets what a defaults section gave. Manual, section 4.2.
    """
    proxy = line.proxy
    if line.negated:
        _flush(line)
        proxy.loggers.clear()
    elif line.words[1:] == ["global"]:
        if "global" not in proxy.loggers:
            proxy.loggers.append("global")
    else:
        proxy.loggers.append(parse(line, "<address> and <facility> or global as arguments"))


@keyword(
    "log",
    places="peers",
    usage="global | <address> [len <length>] [format <format>] [sample <ranges>:<size>] [profile <name>] <facility> "
    "[<level> [<minlevel>]]",
    negatable=True,
    status=Status.HARMLESS,
)
def log_peers(line: Line) -> None:
    """Targets of the section's messages, as `log` of a proxy. Manual, section 11.2."""
    section_target(line, "log")


@keyword(
    "log",
    places="log-forward",
    usage="global | <address> [len <length>] [format <format>] [sample <ranges>:<size>] <facility> "
    "[<level> [<minlevel>]]",
    negatable=True,
)
def log_forward(line: Line) -> None:
    """A target that the section's messages are sent on to; without `format` they leave in the one they came in.

    The facility is for messages that have none (their level counts as emerg). Manual, section 12.6.
    """
    section_target(line, "log")


@keyword(
    "log-stderr",
    places="fcgi-app",
    usage="global | <address> [len <length>] [format <format>] [sample <ranges>:<size>] [profile <name>] <facility> "
    "[<level> [<minlevel>]]",
    status=Status.HARMLESS,
)
def log_stderr(line: Line) -> None:
    """Where what a FastCGI application writes to its standard error goes, as `log` of a proxy. Manual, section 10.1."""
    section_target(line, "log-stderr")


def section_target(line: Line, name: str) -> None:
    """Parses a log target of a section that is no proxy; `name` starts the messages. Kept in the record."""
    if line.negated:
        _flush(line)
        line.record.values.pop(line.name, None)
    elif line.words[1:] == ["global"]:
        line.record.append(line.name, "global", line.span)
    else:
        try:
            line.record.append(line.name, parse(line, "<address> and <facility> or global as arguments"), line.span)
        except ConfigError as error:
            raise ConfigError(error.message.replace("log :", f"{name} :", 1), error.span, error.hint) from None


def _flush(line: Line) -> None:
    if len(line.words) > 1:
        raise ConfigError("log : 'no log' does not expect arguments", line.spans[1])


# -- tag and host name -----------------------------------------------------------------------------------------------


@keyword("log-tag", places=("global", *PROXY), usage="<string>")
def log_tag(line: Line) -> None:
    """Name of the program in log lines, "haproxy" by default; a proxy's own overrides the global one."""
    words = line.args()
    line.set(words.next("'log-tag' expects a tag for use in syslog."))
    if line.place == "global":
        words.finish()


@keyword("log-send-hostname", places="global", usage="[<string>]")
def log_send_hostname(line: Line) -> None:
    """Puts a host name (the machine's by default) into syslog headers; the default format becomes rfc3164."""
    if "log-send-hostname" in line.record.values:
        line.notice("'log-send-hostname' already specified. Continuing.")
        return
    line.set(line.args().peek() or "")


# -- formats ---------------------------------------------------------------------------------------------------------


def _one_argument(line: Line) -> str:
    words = line.args()
    text = words.next(f"{line.name} expects an argument.")
    if not words.end:
        words.fail(f"{line.name} expects only one argument, don't forget to escape spaces!", last=False)
    return text


def _ignored_in_backend(line: Line, what: str) -> bool:
    if line.place != "backend":
        return False
    line.warning(f"backend '{line.proxy.name}' : '{what}' directive is ignored in backends.")
    return True


def _choose(line: Line, name: str, text: str = "") -> None:
    _warn_overridden(line, "log-format", f"option {name.replace('httpslog', 'httplog')}" if name else "log-format")
    line.proxy.set("log-format", FormatLine(name, text, line.span), line.span)


def _warn_overridden(line: Line, stored: str, shown: str) -> None:
    """Defaults sections tell when a format takes the place of another; `shown` is HAProxy's name of the new one."""
    known: FormatLine | None = line.record.get(stored)
    if line.place == "defaults" and known is not None:
        previous = f"option {known.name}" if known.name else stored
        line.warning(f"'{shown}' overrides previous '{previous}' in 'defaults' section.")


@keyword("log-format", places=PROXY, usage="<format>")
def log_format(line: Line) -> None:
    """The text of the frontend's log lines: words, %aliases and %[expressions]. Manual, section 8.2.6.

    A line is written at the end of its stream where something in the formats waits for it (sizes, timers, counts,
    the termination state, %ID), else when the head of the response is there (mode tcp: the server's connection).
    HAProxy writes formats that speak of nothing but the request twice; here their line comes once.
    """
    text = _one_argument(line)
    if not _ignored_in_backend(line, "log-format"):
        _choose(line, "", text)


@keyword("log-format-sd", places=PROXY, usage="<format>")
def log_format_sd(line: Line) -> None:
    """The structured data of destinations with `format rfc5424` (RFC 5424 section 6.3), as a log format."""
    text = _one_argument(line)
    if not _ignored_in_backend(line, "log-format-sd"):
        line.set(FormatLine("", text, line.span))


@keyword("error-log-format", places=PROXY, usage="<format>")
def error_log_format(line: Line) -> None:
    """The text of lines about connections that failed before a request: handshakes, PROXY headers. Manual 8.2.5."""
    text = _one_argument(line)
    if not _ignored_in_backend(line, "error-log-format"):
        _warn_overridden(line, line.name, line.name)
        line.set(FormatLine("", text, line.span))


@keyword("unique-id-format", places=PROXY, usage="<format>")
def unique_id_format(line: Line) -> None:
    """A log format that makes an identifier for every request; %ID logs it."""
    line.set(FormatLine("", _one_argument(line), line.span))


@keyword("unique-id-header", places=PROXY, usage="<name>")
def unique_id_header(line: Line) -> None:
    """Name of a header field that carries the unique id to the server."""
    line.set(line.args().next("unique-id-header expects an argument."))


@keyword("option httplog", places=PROXY, usage="[clf]")
def option_httplog(line: Line) -> None:
    """Logs requests with timers, status, states, counts, captures and the request line; `clf` in CLF's order."""
    words = line.args()
    clf = words.peek()
    if clf is not None and clf != "clf":
        words.fail("keyword 'httplog' only supports option 'clf'.", last=False)
    if clf is not None:
        words.next()
    if not words.end:
        words.fail(f"'option httplog' cannot handle unexpected argument '{words.peek()}'.", last=False)
    if not _ignored_in_backend(line, "option httplog"):
        _choose(line, "httplog clf" if clf else "httplog")


@keyword("option tcplog", places=PROXY, arity=(0, 0))
def option_tcplog(line: Line) -> None:
    """Logs connections with timers, bytes, termination state and counts."""
    if not _ignored_in_backend(line, "option tcplog"):
        _choose(line, "tcplog")


@keyword(
    "option httpslog",
    places=PROXY,
    status=Status.PARTIAL,
    note="the TLS fields print what a client in clear gives until TLS connections exist",
)
def option_httpslog(line: Line) -> None:
    """As `option httplog`, with the errors, name, version and cipher of the client's TLS connection."""
    if not _ignored_in_backend(line, "option httpslog"):
        ignore_surplus(line.args())
        _choose(line, "httpslog")


# -- switches --------------------------------------------------------------------------------------------------------


def _switch(line: Line) -> None:
    line.proxy.set(line.name, not (line.negated or getattr(line, "reset", False)), line.span)


def _side(line: Line, needs: str) -> None:
    """HAProxy ignores an option that the proxy's side does not have, with a warning."""
    proxy: ProxyConfig = line.proxy
    if line.place == "defaults" or (proxy.is_front if needs == "frontend" else proxy.is_back):
        _switch(line)
        return
    option = line.name.removeprefix("option ")
    line.warning(f"'{option}' ignored because {line.place} '{proxy.name}' has no {needs} capability.")


@keyword("option dontlognull", places=PROXY, arity=(0, 0), negatable=True)
def option_dontlognull(line: Line) -> None:
    """Does not log connections on which the client sent nothing: probes and port scans."""
    _side(line, "frontend")


@keyword("option dontlog-normal", places=PROXY, arity=(0, 0), negatable=True)
def option_dontlog_normal(line: Line) -> None:
    """Logs only what went wrong: errors, timeouts, retries, redispatches, statuses of 500 and above."""
    _side(line, "frontend")


@keyword("option logasap", places=PROXY, arity=(0, 0), negatable=True)
def option_logasap(line: Line) -> None:
    """Logs when the response head (mode tcp: the server connection) is there; totals carry a `+`."""
    _side(line, "frontend")


@keyword("option log-separate-errors", places=PROXY, arity=(0, 0), negatable=True)
def option_log_separate_errors(line: Line) -> None:
    """Raises the level of lines about failures from info to err."""
    _side(line, "frontend")


@keyword(
    "option log-health-checks",
    places=PROXY,
    arity=(0, 0),
    negatable=True,
    status=Status.HARMLESS,
    note="waits for health checks",
)
def option_log_health_checks(line: Line) -> None:
    """Logs every change of a health check's result, not only changes of the server's state."""
    _side(line, "backend")
