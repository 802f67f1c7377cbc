"""A frontend's (or backend's) log: the compiled line, the level, the destinations.

`build` makes one Logger per proxy with `log` lines, and None where nothing is logged, so that the data plane pays one
comparison. `emit` writes a finished stream's line; `event` a message of the proxy itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from pylb.config.words import to_bytes
from pylb.errors import ConfigError, Span
from pylb.http.message import field
from pylb.log import aliases_time, facts, formats, profiles, targets
from pylb.log.header import Head, system_hostname
from pylb.log.keywords import FormatLine
from pylb.log.levels import ERR, INFO, SILENT, number
from pylb.log.lines import LogLine
from pylb.log.origins import current, spelt
from pylb.log.profiles import Profile
from pylb.records.stream import Stream
from pylb.sample import logformat
from pylb.sample.logformat import Alias, Format
from pylb.sample.scopes import Point
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig

Write = Callable[[Any], bytes]

_OF_ERRORS: Final = "error-log-format"
EMBRYONIC: Final = b"%b:%d [%b] %b/%b: %b"


class Destination:
    """One `log` line of one proxy: header, bounds, sampling, shared target. Lives as long as its Logger."""

    __slots__ = (
        *("head", "length", "least", "most", "parts", "profile", "ranges", "seen", "send", "size", "structured"),
        "target",
    )

    def __init__(
        self, line: LogLine, target: targets.Target, head: Callable[[int], bytes], structured: Write | None
    ) -> None:
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
        self.parts = target.parts
        self.profile: Profile | None = None

    def put(
        self, level: int, text: bytes, stream: Stream | None, step: str = "", profile: Profile | None = None
    ) -> None:
        """Sends a line. `step` says why it is written, which `profile`, or else its own, may judge."""
        if level > self.most:
            return
        structured = self.structured
        profile = profile or self.profile
        if profile is not None and stream is not None:
            styled = profile.style(step, text, structured, stream)
            if styled is None:
                return
            text, structured = styled
        if self.size and not self._chosen():
            return
        head = self.head(level if level > self.least else self.least)
        length = self.length
        if structured is None:
            line = head + text
        else:
            line = head + structured(stream)
            room = length - len(line)
            line = head if room < 1 else line if room == 1 else line + b" " + text  # whole structured data or none
        line = (line if len(line) <= length else line[:length]) + b"\n"
        if self.parts is None:
            self.send(line)
        else:
            self.parts(line, text)

    def _chosen(self) -> bool:
        """`sample`: messages are numbered from 1 to `size`, over and over."""
        self.seen = self.seen % self.size + 1
        return any(low <= self.seen <= high for low, high in self.ranges)


class Logger:
    """The log of one proxy. Lives as long as the program.

    The stream calls `emit` once: at its start when `early` (no format at all), when the response head or the server
    connection is there when `asap` (see log/advance.py), else at its end, after the slots of backend and server are
    given back (as in HAProxy, %bc and %sc do not count the stream itself, %ac and %fc do). `needs_source` asks the data
    plane to keep `stream.source`, the local address of the server connection; `needs_local` to ask for the address the
    client arrived at when it accepts, because the connection is mostly closed when the line is written.
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
        "marks",
        "needs_local",
        "needs_source",
        "profiled",
        "profiles",
        "skip_empty",
    )

    def __init__(self, destinations: list[Destination], write: Write, limit: int) -> None:
        self.destinations = destinations
        self.format = write
        self.error_format: Write | None = None
        self.limit = limit  # bytes of a message: the longest of all destinations, less the line feed
        self.count = 0
        self.asap = False
        self.marks = False  # option logasap: a `+` before sizes and totals
        self.early = False
        self.needs_local = False
        self.needs_source = False
        self.skip_empty = False  # option dontlognull
        self.failures_only = False  # option dontlog-normal
        self.errors_apart = False  # option log-separate-errors
        self.profiles: dict[str, Profile] = {}  # those that `do-log` names
        self.profiled = any(destination.profile is not None for destination in destinations)
        self.fast = False

    def choose(self, names: Iterable[str]) -> None:
        """Hook: what `log-steps` says."""

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
            and first.parts is None
            and first.profile is None
            and not self.skip_empty
            and not self.failures_only
            and not self.errors_apart
            and self.error_format is None
            and first.head(INFO) != b""  # without a header, the message itself is cut earlier than the line
        )

    def emit(self, stream: Stream) -> None:
        """Formats and sends the line of a stream. Never waits, never raises for what a receiver does."""
        if self.fast and stream.log_level is None:
            destination = self.destinations[0]
            head, write, send = destination.head, self.format, destination.send  # see engine.transport.Transport
            line = head(INFO) + write(stream)
            self.count += 1
            length = destination.length
            send((line if len(line) <= length else line[:length]) + b"\n")
            return
        level = self._level(stream)
        if level != SILENT:
            unread = stream.request is None and stream.frontend.http
            write = self.format if self.error_format is None or not unread else self.error_format
            self._put(level, write(stream), stream, self.step(stream, unread) if self.profiled else "")
            self.count += 1

    def step(self, stream: Stream, unread: bool) -> str:
        """Why the line of a stream is written now, as log profiles name it."""
        if unread:
            return "error"
        if self.early:
            return "accept"
        if self.asap and not stream.end:
            return "response" if stream.frontend.http else "connect"
        return "close"

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

    def _put(self, level: int, text: bytes, stream: Stream | None, step: str = "") -> None:
        if len(text) > self.limit:
            text = text[: self.limit]
        for destination in self.destinations:
            destination.put(level, text, stream, step)

    def event(self, level: int, text: bytes) -> None:
        """A message of the proxy itself: started, stopped, a server went down ..."""
        self._put(level, text, None)

    def now(self, ctx: Any, step: str, profile: str = "") -> None:
        """`do-log`: writes a line of what is known so far, besides all others. `ctx` is a Session or a Stream."""
        stream = ctx if isinstance(ctx, Stream) else Stream(ctx, ctx.accept_time, ctx.accept_wall)
        if stream.log_level is not None and number(stream.log_level) == SILENT:
            return
        level = INFO if stream.log_level is None else number(stream.log_level)
        if stream.response is not None and stream.status < 0:
            stream.status = stream.response.status
        current.name = spelt(step)
        text = self.format(stream)
        current.name = b""
        if len(text) > self.limit:
            text = text[: self.limit]
        chosen = self.profiles.get(profile)
        for destination in self.destinations:
            destination.put(level, text, stream, step, chosen)

    def refused(self, stream: Stream, text: bytes) -> None:
        """A connection that failed before its first request (TLS, PROXY header): `text` says how (manual 8.2.5).

        `stream` is a throw-away Stream of the session; with error-log-format that format is used instead.
        """
        if self.skip_empty and not stream.received:
            return
        level = ERR if self.errors_apart else INFO
        line = embryonic(stream, text) if self.error_format is None else self.error_format(stream)
        self._put(level, line, stream, "error")
        self.count += 1


def embryonic(stream: Stream, text: bytes) -> bytes:
    session = stream.session
    listener = session.listener.options.get("name") or session.listener.id
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
    """The client has sent nothing at all: a refusal of ours (P) answers something, even where no byte is counted."""
    return not (
        stream.received or stream.bytes_in or stream.request is not None or stream.data or stream.end_state == b"P"
    )


# -- building --------------------------------------------------------------------------------------------------------


def build(proxy_config: ProxyConfig, program: Any) -> Logger | None:
    """The proxy's Logger; None where no `log` line reaches it. Problems go to the program's report."""
    config: Configuration = program.config
    chosen: FormatLine | None = proxy_config.get("log-format") if proxy_config.is_front else None
    write, parsed = _traffic(proxy_config, chosen, program)
    more = {name: _parse(proxy_config.get(name), proxy_config, program, name) for name in ("log-format-sd", _OF_ERRORS)}
    structured, error_format = [None if one is None else one.compile(program) for one in more.values()]
    lines = expand(proxy_config, config)
    if not lines:
        if chosen is not None and (parsed is None or parsed.pieces):
            who = f"{_kind(proxy_config)} '{proxy_config.name}'"
            config.report.warning(f"log format ignored for {who} since it has no log address.")
        return None
    asap = chosen is not None and _in_advance(proxy_config, lines, [parsed, *more.values()])
    made = _destinations(lines, proxy_config, program, structured)
    logger = _class(proxy_config, early=chosen is None, asap=asap)(made, write, _limit(lines))
    logger.error_format = error_format
    logger.skip_empty = proxy_config.option("dontlognull")
    logger.failures_only = proxy_config.option("dontlog-normal")
    logger.errors_apart = proxy_config.option("log-separate-errors")
    logger.early = chosen is None
    logger.marks = proxy_config.option("logasap")
    logger.asap = asap
    logger.needs_source = parsed is not None and wants_source(parsed)
    formats = ("log-format", *more)
    texts = [line.text for name in formats if (line := proxy_config.get(name)) is not None]
    logger.needs_local = chosen is None or any(map(_says_local, texts))
    logger.settle()
    logger.choose(proxy_config.get("log-steps") or ())
    for name in proxy_config.get("do-log profiles") or ():
        profile = profiles.compile(name, proxy_config, program, _parse_text)
        if profile is not None:
            logger.profiles[name] = profile
    return logger


def _class(proxy_config: ProxyConfig, *, early: bool, asap: bool) -> type[Logger]:
    if proxy_config.get("log-steps"):
        from pylb.log.steps import SteppedLogger  # which is built on this module

        return SteppedLogger
    if not (early or asap):
        return Logger
    from pylb.log.advance import AdvanceLogger, ConnectLogger  # as above

    return ConnectLogger if early else AdvanceLogger


def _in_advance(proxy_config: ProxyConfig, lines: list[LogLine], parsed: list[Format | None]) -> bool:
    """Whether lines are written before the end: on demand, or because nothing in the formats waits for it."""
    if proxy_config.option("logasap"):
        return True
    if parsed[0] is None or any(line.profile for line in lines):
        return False
    return not any(one is not None and waits_for_the_end(one) for one in parsed)


def _parse_text(text: str, span: Span, proxy_config: ProxyConfig, program: Any) -> Format | None:
    """Parses the format of a log profile; its section has reported what is wrong with it everywhere."""
    return _parse(FormatLine("", text, span), proxy_config, program, "log-format")


def _limit(lines: list[LogLine]) -> int:
    """Bytes of a message: HAProxy's buffer is as long as the longest line of all, and keeps one byte for itself."""
    return max(line.length for line in lines) - 1


def _destinations(
    lines: list[LogLine], proxy_config: ProxyConfig | None, program: Any, structured: Write | None
) -> list[Destination]:
    """One per line; an address that does not resolve is reported and left out."""
    made = []
    for line in lines:
        try:
            made.append(_destination(line, proxy_config, program, structured))
        except OSError:
            address = line.address
            program.config.report.alert(f"log : invalid address: '{address.host}' in '{address.text}'", line.span)
    return made


def build_global(program: Any) -> Logger | None:
    """The process's own log (start, stop), to the destinations of the global section."""
    config: Configuration = program.config
    lines: list[LogLine] = config.globals.get("log") or []
    if not lines:
        return None
    logger = Logger(_destinations(lines, None, program, None), formats.connect_line, _limit(lines))
    logger.settle()
    return logger


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
    return _compile(proxy_config, program, "unique-id-format")


def unique_id_header(proxy_config: ProxyConfig, program: Any) -> Callable[[Stream], None] | None:
    """closure(stream) that adds `unique-id-header` to the request, or None.

    Makes `stream.unique_id` when nobody has asked for it before.
    """
    name = proxy_config.get("unique-id-header")
    make = unique_id(proxy_config, program) if name else None
    if not name or make is None:
        return None
    lowered = to_bytes(name).lower()

    def add(stream: Stream) -> None:
        if not stream.unique_id:
            stream.unique_id = make(stream)
        if stream.request is not None:
            stream.request.fields.append(field(lowered, stream.unique_id))

    return add


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
    target = targets.of(program).take(line.address, line.span)
    form = target.form or line.form or ("local" if name is None else "rfc3164")
    head = Head(form, line.facility, log_tag(proxy_config, config), hostname)
    fill = None
    if form == "rfc5424":
        fill = _structured_or_nil(structured)
    made = Destination(line, target, head.make, fill)
    if line.profile and proxy_config is not None:
        made.profile = profiles.compile(line.profile, proxy_config, program, _parse_text)
        if made.profile is not None and made.profile.tag:
            made.head = Head(form, line.facility, made.profile.tag, hostname).make
    return made


def _structured_or_nil(structured: Write | None) -> Write:
    return lambda stream: b"-" if structured is None or stream is None else structured(stream) or b"-"


def _traffic(proxy_config: ProxyConfig, chosen: FormatLine | None, program: Any) -> tuple[Write, Format | None]:
    """The line of finished streams, and its parsed format (None for those that are written out by hand)."""
    if chosen is None:
        return formats.connect_line, None
    report = program.config.report
    if chosen.name and chosen.name != "tcplog" and not proxy_config.http:
        option = "httpslog" if chosen.name == "httpslog" else "httplog"
        report.warning(
            f"'option {option}' not usable with {_kind(proxy_config)} '{proxy_config.name}' (needs 'mode http'). "
            "Falling back to 'option tcplog'.",
            chosen.span,
        )
        chosen = FormatLine("tcplog", "", chosen.span)
    asap = proxy_config.option("logasap")
    if chosen.name == "httplog" and not asap:
        return formats.http_line, None
    if chosen.name == "tcplog" and not asap:
        return formats.tcp_line, None
    text = formats.TEXTS[chosen.name] if chosen.name else chosen.text
    parsed = _parse(FormatLine(chosen.name, text, chosen.span), proxy_config, program, "log-format")
    if parsed is None:
        return formats.connect_line, None
    return parsed.compile(program), parsed


def _kind(proxy_config: ProxyConfig) -> str:
    return "proxy" if proxy_config.kind == "listen" else "frontend"


def waits_for_the_end(parsed: Format) -> bool:
    """The format has something in it that HAProxy waits for: sizes, timers, counts, the termination state."""
    return any(isinstance(piece, Alias) and piece.word.facts.get("when") == "end" for piece in parsed.pieces)


_says_local = re.compile(r"%(?:\(\w*\))?(?:\{[^}]*\})?f[ip]|dst").search
"""Whether a format speaks of the address or port that the client connected to (or might: asking early is harmless)."""


def wants_source(parsed: Format) -> bool:
    """The format prints the local address of the server connection."""
    return any(isinstance(piece, Alias) and piece.word.facts.get("source") for piece in parsed.pieces)


def _parse(line: FormatLine | None, proxy_config: ProxyConfig, program: Any, what: str) -> Format | None:
    """Parses a format; a mistake in it is reported with HAProxy's words, and nothing is returned."""
    if line is None:
        return None
    point = Point.FE_REQUEST if what == "unique-id-format" else Point.LOG  # an identifier is made of the request
    try:
        return logformat.parse(line.text, Site(program.config, proxy_config, what, point, line.span, what))
    except ConfigError as error:
        label = "unique-id" if what == "unique-id-format" else what
        program.config.report.alert(f"failed to parse {label} : {error.message}", line.span, error.hint)
        return None


def _compile(proxy_config: ProxyConfig, program: Any, what: str) -> Write | None:
    """The compiled format that a keyword has stored under its own name, or None."""
    parsed = _parse(proxy_config.get(what), proxy_config, program, what)
    return None if parsed is None else parsed.compile(program)
