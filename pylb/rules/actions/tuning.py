"""Actions that set how a stream is treated: log level, timeouts, priority, retries; and waiting for bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb.config import units
from pylb.config.words import Words
from pylb.errors import did_you_mean
from pylb.registry import Status, action
from pylb.rules.actions.parts import HTTP, TCP_CONTENT
from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample import expression
from pylb.sample.site import Site
from pylb.sample.values import Absent

Act = Callable[[Any], "Verdict | None"]
Build = Callable[[Any], Act]
LEVELS: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_STREAM: Final = (*TCP_CONTENT, "http-request", "http-response")


@action("set-log-level", places=(*_STREAM, "http-after-response"), usage="{<level> | silent}")
def set_log_level(words: Words, site: Site) -> Build:
    """Sets the level at which the stream is logged; `silent` stops its log. Manual 4.2."""
    message = "expects exactly 1 argument (log level name or 'silent')"
    name = words.next(message)
    if name != "silent" and name not in LEVELS:
        words.fail(message)

    def act(ctx: Any) -> None:
        ctx.stream.log_level = name

    return lambda program: act


@action("set-nice", places=_STREAM, usage="<number>", status=Status.HARMLESS, note="streams are served in turn")
def set_nice(words: Words, site: Site) -> Build:
    """Scheduling priority of the stream from -1024 to 1024; streams here are all scheduled alike. Manual 4.2."""
    words.next("expects exactly 1 argument (integer value)")
    return lambda program: lambda ctx: None


def _bounded(low: int, high: int, value: int) -> int:
    return max(low, min(high, value))


def _priority(words: Words, site: Site, index: int, limit: int) -> Build:
    parsed = expression.parse(words, site)
    parsed.final_cast("int")

    def build(program: Any) -> Act:
        read = parsed.compile_as("int", program)

        def act(ctx: Any) -> None:
            value = read(ctx)
            if not isinstance(value, Absent):
                stream = ctx.stream
                both = list(stream.priority or (0, 0))
                both[index] = _bounded(-limit, limit, value)
                stream.priority = (both[0], both[1])

        return act

    return build


@action("set-priority-class", places=("http-request", "tcp-request content"), usage="<expression>")
def set_priority_class(words: Words, site: Site) -> Build:
    """Class of the stream in queues, -2047 to 2047: lower ones leave first. Manual 4.2."""
    return _priority(words, site, 0, 2047)


@action("set-priority-offset", places=("http-request", "tcp-request content"), usage="<expression>")
def set_priority_offset(words: Words, site: Site) -> Build:
    """Milliseconds by which the stream's place in queues is moved, -524287 to 524287: less is sooner. Manual 4.2."""
    return _priority(words, site, 1, 524287)


_NAMES: Final = ("client", "connect", "queue", "server", "tarpit", "tunnel")
_OLDEST: Final = ("server", "tunnel")  # what 2.6 knows
_SIDES: Final = {
    "client": "is_front",
    "connect": "is_back",
    "queue": "is_back",
    "server": "is_back",
    "tunnel": "is_back",
}


def _set(name: str) -> Callable[[Any, float], None]:
    """How a value is kept: the server's timeout has a place of its own, since every response is waited for."""
    if name == "timeout_server":
        return lambda stream, value: setattr(stream, name, value)
    return lambda stream, value: stream.override(name, value)


@action(
    "set-timeout",
    places=("http-request", "http-response"),
    usage="{client | connect | queue | server | tarpit | tunnel} {<time> | <expression>}",
)
def set_timeout(words: Words, site: Site) -> Build:
    """Sets a timeout of this stream; an expression yields milliseconds, and nothing is set when it has no value or one
    that is not positive. Other timeouts stay, also those that follow from this one in the configuration. The client's
    only where there is a frontend, tarpit anywhere, the others only where there is a backend. HAProxy 2.6 knows server
    and tunnel, in requests. Manual 4.2."""
    if words.peek() is None or words.peek(1) is None:
        words.rest()
        words.fail("expects exactly 2 arguments")
    proxy = site.proxy
    name = words.peek()
    side = _SIDES.get(name or "", "is_back" if name not in _NAMES else None)
    if proxy is not None and proxy.kind != "defaults" and side is not None and not getattr(proxy, side):
        words.fail(f"proxy '{proxy.name}' has no {'frontend' if side == 'is_front' else 'backend'} capability")
    name = words.next()
    if name not in _NAMES:
        newer = [each for each in _NAMES if each not in _OLDEST]
        near = did_you_mean(name, _NAMES).removeprefix("; ")
        hint = near or f"HAProxy 3.4 knows {', '.join(newer)} too"
        words.fail(f"'set-timeout' rule supports 'server'/'tunnel' (got '{name}')", hint)
    keep = _set(f"timeout_{name}")
    text = words.peek() or ""
    if text[:1].isdigit():
        words.next()
        try:
            milliseconds = units.parse_time(text)
        except ValueError as error:
            words.fail(f"{error} in rule 'set-timeout {name}'")
        if not milliseconds:
            words.fail(f"null value is not valid for a 'set-timeout {name}' rule")
        seconds = milliseconds / 1000
        return lambda program: lambda ctx: keep(ctx.stream, seconds)
    parsed = expression.parse(words, site)
    parsed.final_cast("int")

    def build(program: Any) -> Act:
        read = parsed.compile_as("int", program)

        def act(ctx: Any) -> None:
            value = read(ctx)
            if not isinstance(value, Absent) and value > 0:
                keep(ctx.stream, value / 1000)

        return act

    return build


MAX_RETRIES: Final = 100


@action("set-retries", places=("http-request", "tcp-request content"), usage="{<number> | <expression>}")
def set_retries(words: Words, site: Site) -> Build:
    """How often a failed connection of this stream is tried again, 0 to 100, instead of the backend's `retries`;
    another value is not set. Newer than HAProxy 2.6. Manual 4.4."""
    text = words.next("expects exactly 1 argument (integer/hex value or expression)")
    try:
        number = int(text, 0)
    except ValueError:
        words.index -= 1
        parsed = expression.parse(words, site)
        parsed.final_cast("int")
    else:
        if not 0 <= number <= MAX_RETRIES:
            words.fail("expects an integer value in the range [0, 100]")
        return lambda program: lambda ctx: ctx.stream.override("retries", number)

    def build(program: Any) -> Act:
        read = parsed.compile_as("int", program)

        def act(ctx: Any) -> None:
            value = read(ctx)
            if not isinstance(value, Absent) and 0 <= value <= MAX_RETRIES:
                ctx.stream.override("retries", value)

        return act

    return build


@action("disable-l7-retry", places="http-request")
def disable_l7_retry(words: Words, site: Site) -> Build:
    """A request that a server did not answer is not sent again, whatever `retry-on` says. Manual 4.2."""

    def act(ctx: Any) -> None:
        ctx.stream.retry_disabled = True

    return lambda program: act


@action("strict-mode", places=HTTP, usage="{on | off}")
def strict_mode(words: Words, site: Site) -> Build:
    """Whether a rewriting rule that fails ends the stream with an internal error. Rewriting has no size limit here and
    does not fail, so the choice is without consequence. Manual 4.2."""
    value = words.next("expects exactly 1 arguments")
    if value.lower() not in ("on", "off"):
        words.fail(f"Unexpected value '{value}'. Only 'on' and 'off' are supported")
    return lambda program: lambda ctx: None


@action("wait-for-handshake", places="http-request")
def wait_for_handshake(words: Words, site: Site) -> Build:
    """Waits until a TLS handshake is complete when the request came as early data, which does not happen here."""
    return lambda program: lambda ctx: None


def _body_arguments(words: Words) -> tuple[float, int]:
    usage = "expects time <time> [ at-least <bytes> ]"
    seconds: float | None = None
    size = 0
    while (word := words.peek()) in ("time", "at-least"):
        words.next()
        text = words.next(f"missing argument for '{word}'")
        try:
            if word == "time":
                seconds = units.parse_time(text) / 1000
            else:
                size = units.parse_size(text)
        except units.TimeOverflow as error:
            words.fail(str(error).replace("timer overflow", "time overflow"))
        except ValueError as error:
            words.fail(str(error))
        if size > 0xFFFFFFFF:
            words.fail(f"unexpected character '{text[-1]}'")
    if seconds is None:
        words.fail(usage, last=False)
    return seconds, size


@action("wait-for-body", places="http-request", usage="time <time> [at-least <bytes>]")
def wait_for_body(words: Words, site: Site) -> Build:
    """Waits until the body, or at least <bytes> of it, is buffered; 408 after <time>. A body that does not fit the
    buffer is complete enough when the buffer is full. Manual 4.2."""
    seconds, size = _body_arguments(words)

    def build(program: Any) -> Act:
        waits = program.waits

        def act(ctx: Any) -> Verdict | None:
            request = ctx.request
            if not request.has_body or request.complete or (0 < size <= len(request.body)):
                return None
            return Verdict(Outcome.WAIT, at=1, wait=waits.body(seconds, size))

        return act

    return build


@action("wait-for-body", places="http-response", usage="time <time> [at-least <bytes>]")
def wait_for_response_body(words: Words, site: Site) -> Build:
    """Waits until the body of the response, or at least <bytes> of it, is buffered; 504 after <time>. Manual 4.2."""
    seconds, size = _body_arguments(words)

    def build(program: Any) -> Act:
        waits = program.waits

        def act(ctx: Any) -> Verdict | None:
            back = ctx.back
            if back is None or back.body_done or ctx.response.body:
                return None
            return Verdict(Outcome.WAIT, at=1, wait=waits.body(seconds, size))

        return act

    return build


@action("pause", places=("http-request", "http-response"), usage="{<time> | <expression>}")
def pause(words: Words, site: Site) -> Build:
    """Holds the message back for a time; an expression yields milliseconds. HAProxy 3.0 and later. Manual 4.3."""
    text = words.peek() or ""
    if text[:1].isdigit():
        words.next()
        try:
            seconds = units.parse_time(text) / 1000
        except ValueError as error:
            words.fail(str(error))
        return lambda program: lambda ctx: Verdict(Outcome.WAIT, at=1, wait=program.waits.sleep(seconds))
    parsed = expression.parse(words, site)
    parsed.final_cast("int")

    def build(program: Any) -> Act:
        read = parsed.compile_as("int", program)

        def act(ctx: Any) -> Verdict | None:
            value = read(ctx)
            if isinstance(value, Absent) or value <= 0:
                return None
            return Verdict(Outcome.WAIT, at=1, wait=program.waits.sleep(value / 1000))

        return act

    return build
