"""A frontend's (or backend's) log: the compiled line, the level, the destinations.

`build` makes one Logger per proxy with `log` lines, and None where nothing is logged, so that the data plane pays one
comparison. `emit` writes a finished stream's line; `event` a message of the proxy itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.config.words import to_bytes
from pylb.errors import ConfigError
from pylb.log import formats, targets
from pylb.log.keywords import FormatLine, LogLine
from pylb.log.levels import ERR, INFO, SILENT, number
from pylb.log.syslog import Head, system_hostname
from pylb.registry import Kind
from pylb.sample.scopes import Point
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig
    from pylb.records.stream import Stream

Write = Callable[[Any], bytes]

EMBRYONIC: Final = b"%b:%d [%b] %b/%b: %b"


class Destination:
    """One `log` line of one proxy: header, bounds, sampling, shared target. Lives as long as its Logger."""

    __slots__ = ("head", "length", "least", "most", "ranges", "seen", "send", "size", "structured", "target")

    def __init__(self, line: LogLine, target: targets.Target, head: Callable[[int], bytes], structured: Write | None) -> None:
        self.target = target
        self.send = target.send
        self.head = head
        self.length = line.length
        self.most = line.most
        self.least = line.least
        self.ranges = line.ranges
        self.size = line.size
        self.seen = 0
        self.structured = structured  # rfc5424 only: what stands between the header and the message

    def put(self, level: int, text: bytes, stream: Stream | None) -> None:
        if level > self.most or (self.size and not self._chosen()):
            return
        head = self.head(level if level > self.least else self.least)
        if self.structured is not None:
            head += self.structured(stream) + b" "
        length = self.length
        line = head + text
        self.send((line if len(line) <= length else line[:length]) + b"\n")

    def _chosen(self) -> bool:
        """`sample`: messages are numbered from 1 to `size`, over and over."""
        self.seen = self.seen % self.size + 1
        return any(low <= self.seen <= high for low, high in self.ranges)


class Logger:
    """The log of one proxy. Lives as long as the program.

    The stream calls `emit` once: at its start when `early` (formats that only speak of the client), when the response
    head or the server connection is there when `asap`, else at its end, after the slots of backend and server are given
    back (as in HAProxy, %bc and %sc do not count the stream itself, %ac and %fc do). `needs_source` asks the data plane to
    keep `stream.source`, the local address of the server connection.
    """

    __slots__ = (
        "asap",
        "count",
        "destinations",
        "early",
        "error_format",
        "errors_apart",
        "failures_only",
        "fast",
        "format",
        "limit",
        "needs_source",
        "skip_empty",
    )

    def __init__(self, destinations: list[Destination], write: Write, limit: int) -> None:
        self.destinations = destinations
        self.format = write
        self.error_format: Write | None = None
        self.limit = limit  # bytes of a message: the longest of all destinations, less the line feed
        self.count = 0
        self.asap = False
        self.early = False
        self.needs_source = False
        self.skip_empty = False  # option dontlognull
        self.failures_only = False  # option dontlog-normal
        self.errors_apart = False  # option log-separate-errors
        self.fast = False

    def settle(self) -> None:
        """Called when all is set: decides whether `emit` may take the short way."""
        first = self.destinations[0] if self.destinations else None
        self.fast = (
            len(self.destinations) == 1
            and first is not None
            and first.most >= INFO
            and first.least <= INFO
            and not first.size
            and first.structured is None
            and not self.skip_empty
            and not self.failures_only
            and not self.errors_apart
        )

    def emit(self, stream: Stream) -> None:
        """Formats and sends the line of a stream. Never waits, never raises for what a receiver does."""
        if self.fast and stream.log_level is None:
            text = self.format(stream)
            self.count += 1
            limit = self.limit
            if len(text) > limit:
                text = text[:limit]
            destination = self.destinations[0]
            line = destination.head(INFO) + text
            length = destination.length
            destination.send((line if len(line) <= length else line[:length]) + b"\n")
            return
        level = self._level(stream)
        if level != SILENT:
            self._put(level, self.format(stream), stream)
            self.count += 1

    def _level(self, stream: Stream) -> int:
        """The level of a stream's line, SILENT for none at all."""
        if self.skip_empty and nothing_received(stream):
            return SILENT
        failed = (self.failures_only or self.errors_apart) and is_failure(stream)
        if self.failures_only and not failed:
            return SILENT
        if stream.log_level is not None:
            return number(stream.log_level)
        return ERR if failed and self.errors_apart else INFO

    def _put(self, level: int, text: bytes, stream: Stream | None) -> None:
        if len(text) > self.limit:
            text = text[: self.limit]
        for destination in self.destinations:
            destination.put(level, text, stream)

    def event(self, level: int, text: bytes) -> None:
        """A message of the proxy itself: started, stopped, a server went down ..."""
        self._put(level, text, None)

    def refused(self, stream: Stream, text: bytes) -> None:
        """A connection that failed before its first request (TLS, PROXY header): `text` says how (manual 8.2.5).

        `stream` is a throw-away Stream of the session; with error-log-format that format is used instead.
        """
        if self.skip_empty and not stream.received:
            return
        level = ERR if self.errors_apart else INFO
        self._put(level, embryonic(stream, text) if self.error_format is None else self.error_format(stream), stream)
        self.count += 1


def embryonic(stream: Stream, text: bytes) -> bytes:
    from pylb.log import aliases_time, facts

    session = stream.session
    listener = getattr(session.listener, "name", "") or getattr(session.listener, "id", 1)
    return EMBRYONIC % (
        facts.client_ip(session),
        facts.client_port(session),
        aliases_time.accept_date("")(stream),
        stream.frontend.label,
        str(listener).encode("utf-8", "surrogateescape"),
        text,
    )


def is_failure(stream: Stream) -> bool:
    """What manual 8.3.3 calls an error: no orderly end, a retry, a redispatch, or a status of 500 and above."""
    state = stream.end_state
    if state == b"-":
        return bool(stream.retries) or stream.redispatched or stream.status >= 500
    return state != b"L" or stream.redispatched or stream.status >= 500


def nothing_received(stream: Stream) -> bool:
    """The client has sent nothing at all. A proxy's own refusal (P) answers something, even where no byte is counted."""
    return not (
        stream.received or stream.bytes_in or stream.request is not None or stream.data or stream.end_state == b"P"
    )


# -- building --------------------------------------------------------------------------------------------------------


def build(proxy_config: ProxyConfig, program: Any) -> Logger | None:
    """The proxy's Logger; None where no `log` line reaches it. Problems go to the program's report."""
    config: Configuration = program.config
    chosen: FormatLine | None = proxy_config.get("log-format")
    write, aliases = _traffic(proxy_config, chosen, program) if proxy_config.is_front else (formats.connect_line, None)
    lines = expand(proxy_config, config)
    if not lines:
        if chosen is not None and proxy_config.is_front:
            kind = "proxy" if proxy_config.kind == "listen" else "frontend"
            config.report.warning(f"log format ignored for {kind} '{proxy_config.name}' since it has no log address.")
        return None
    structured = _compile(proxy_config.get("log-format-sd"), proxy_config, program, "log-format-sd")
    destinations = []
    for line in lines:
        try:
            destinations.append(_destination(line, proxy_config, program, structured))
        except (OSError, ConfigError) as failure:
            what = failure.message if isinstance(failure, ConfigError) else str(failure)
            config.report.alert(f"log : invalid address: '{line.address.host}' in '{line.address.text}' ({what})", line.span)
    logger = Logger(destinations, write, max(line.length for line in lines) - 1)
    logger.error_format = _compile(proxy_config.get("error-log-format"), proxy_config, program, "error-log-format")
    logger.skip_empty = proxy_config.option("dontlognull")
    logger.failures_only = proxy_config.option("dontlog-normal")
    logger.errors_apart = proxy_config.option("log-separate-errors")
    if aliases is None:
        logger.early = chosen is None
        logger.asap = proxy_config.option("logasap")
    else:
        logger.early = bool(aliases) and all(word.facts.get("when") == "accept" for word in aliases)
        logger.asap = proxy_config.option("logasap")
        logger.needs_source = any(word.facts.get("source") for word in aliases)
    if logger.early:
        logger.asap = False
    logger.settle()
    return logger


def build_global(program: Any) -> Logger | None:
    """The process's own log (start, stop), to the destinations of the global section."""
    config: Configuration = program.config
    lines: list[LogLine] = config.globals.get("log") or []
    if not lines:
        return None
    destinations = [_destination(line, None, program, None) for line in lines]
    return Logger(destinations, formats.connect_line, max(line.length for line in lines) - 1)


def expand(proxy_config: ProxyConfig, config: Configuration) -> list[LogLine]:
    """The proxy's `log` lines, `log global` replaced by those of the global section."""
    lines: list[LogLine] = []
    for entry in proxy_config.loggers:
        if entry == "global":
            lines.extend(config.globals.get("log") or [])
        else:
            lines.append(entry)
    return lines


def unique_id(proxy_config: ProxyConfig, program: Any) -> Callable[[Stream], bytes] | None:
    """What Frontend.unique_id is: the compiled `unique-id-format`, or None."""
    return _compile(proxy_config.get("unique-id-format"), proxy_config, program, "unique-id-format")


def log_tag(proxy_config: ProxyConfig | None, config: Configuration) -> bytes:
    """The tag in force: the proxy's, the global one, or the program's name."""
    own = proxy_config.get("log-tag") if proxy_config is not None else None
    return to_bytes(own or config.globals.get("log-tag") or "haproxy")


def _destination(
    line: LogLine, proxy_config: ProxyConfig | None, program: Any, structured: Write | None
) -> Destination:
    config: Configuration = program.config
    name: str | None = config.globals.get("log-send-hostname")
    hostname = None if name is None else (to_bytes(name) if name else system_hostname())
    form = line.form or ("local" if name is None else "rfc3164")
    head = Head(form, line.facility, log_tag(proxy_config, config), hostname)
    fill = None
    if form == "rfc5424":
        fill = _structured_or_nil(structured)
    return Destination(line, targets.of(program).take(line.address), head.make, fill)


def _structured_or_nil(structured: Write | None) -> Write:
    return lambda stream: b"-" if structured is None or stream is None else structured(stream) or b"-"


def _site(proxy_config: ProxyConfig, program: Any, line: FormatLine, what: str) -> Site:
    return Site(program.config, proxy_config, what, Point.LOG, line.span, what)


def _traffic(
    proxy_config: ProxyConfig, chosen: FormatLine | None, program: Any
) -> tuple[Write, list[registry.Word] | None]:
    """The line of finished streams, and the aliases it uses (None for the formats that are written out by hand)."""
    if chosen is None:
        return formats.connect_line, None
    report = program.config.report
    if chosen.name and chosen.name != "tcplog" and not proxy_config.http:
        kind = "proxy" if proxy_config.kind == "listen" else "frontend"
        option = "httpslog" if chosen.name == "httpslog" else "httplog"
        report.warning(
            f"'option {option}' not usable with {kind} '{proxy_config.name}' (needs 'mode http'). "
            "Falling back to 'option tcplog'.",
            chosen.span,
        )
        chosen = FormatLine("tcplog", "", chosen.span)
    asap = proxy_config.option("logasap")
    if chosen.name == "httplog" and not asap:
        return formats.http_line, None
    if chosen.name == "tcplog" and not asap:
        return formats.tcp_line, None
    line = FormatLine(chosen.name, formats.TEXTS[chosen.name] if chosen.name else chosen.text, chosen.span)
    write = _compile(line, proxy_config, program, "log-format")
    return write or formats.connect_line, None if chosen.name else aliases_of(line.text)


def aliases_of(text: str) -> list[registry.Word]:
    """The aliases of a format text, `%[...]` standing for something that is complete only at the end."""
    import re

    found = []
    for match in re.finditer(r"%(?:\([^)]*\))?(?:\{[^}]*\})?(%|\[|[A-Za-z]+)", text):
        name = match[1]
        if name == "[":
            name = "ST"
        word = registry.find(Kind.ALIAS, name)
        if word is not None:
            found.append(word)
    return found


def _compile(line: FormatLine | None, proxy_config: ProxyConfig, program: Any, what: str) -> Write | None:
    """Compiles a format; a mistake in it is reported with HAProxy's words, and nothing is returned."""
    if line is None:
        return None
    from pylb.sample import logformat

    label = "unique-id" if what == "unique-id-format" else what
    try:
        parsed = logformat.parse(line.text, _site(proxy_config, program, line, what))
        write: Write = parsed.compile(program)
    except ConfigError as error:
        program.config.report.alert(f"failed to parse {label} : {error.message}", line.span, error.hint)
        return None
    return write
