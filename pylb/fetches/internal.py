"""Constants and the state of the process (manual 7.3.1, 7.3.2)."""

from __future__ import annotations

import os
import random
import socket
import time
import uuid as identifiers
from typing import Any

from pylb.clock import clock
from pylb.fetches.head import octets
from pylb.registry import Status, fetch
from pylb.sample import variables
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Typed


@fetch("always_true", out="bool", scope=Scope.ANYWHERE)
def always_true() -> Fetch:
    """True."""
    return lambda ctx: True


@fetch("always_false", out="bool", scope=Scope.ANYWHERE)
def always_false() -> Fetch:
    """False."""
    return lambda ctx: False


@fetch("str", out="str", scope=Scope.ANYWHERE, args=("str",), constant=True)
def constant_str(text: Any) -> Fetch:
    """The text itself."""
    value = octets(text)
    return lambda ctx: value


@fetch("int", out="int", scope=Scope.ANYWHERE, args=("int",), constant=True)
def constant_int(number: int) -> Fetch:
    """The signed integer itself."""
    return lambda ctx: number


@fetch("bool", out="bool", scope=Scope.ANYWHERE, args=("str",), constant=True)
def constant_bool(text: Any) -> Fetch:
    """`true` or `1`, `false` or `0`."""
    word = octets(text).lower()
    if word not in (b"true", b"1", b"false", b"0"):
        raise ValueError("Expects 'true', 'false', '0' or '1'")
    value = word in (b"true", b"1")
    return lambda ctx: value


@fetch("ipv4", out="ipv4", scope=Scope.ANYWHERE, args=("ipv4",), constant=True)
def constant_ipv4(address: bytes) -> Fetch:
    """The IPv4 address itself."""
    return lambda ctx: address


@fetch("ipv6", out="ipv6", scope=Scope.ANYWHERE, args=("ipv6",), constant=True)
def constant_ipv6(address: bytes) -> Fetch:
    """The IPv6 address itself."""
    return lambda ctx: address


@fetch("bin", out="bin", scope=Scope.ANYWHERE, args=("str",), constant=True)
def constant_bin(digits: Any) -> Fetch:
    """Bytes written as pairs of hexadecimal digits."""
    text = octets(digits).decode("ascii", "replace")
    if not text:
        raise ValueError("expects hexadecimal digits")
    if len(text) % 2:
        raise ValueError("an even number of hex digit is expected")
    try:
        value = bytes.fromhex(text)
    except ValueError:
        odd = next((char for char in text if char not in "0123456789abcdefABCDEF"), "")
        raise ValueError(f"an hex digit is expected (found '{odd}')") from None
    return lambda ctx: value


@fetch("meth", out="meth", scope=Scope.ANYWHERE, args=("str",), constant=True)
def constant_meth(name: Any) -> Fetch:
    """The HTTP method of that name."""
    value = octets(name)
    return lambda ctx: value


_UNITS = {b"s": 1, b"ms": 1000, b"us": 1000000}


def unit_factor(unit: Any) -> int:
    """How many units a second has; `s` when there is none."""
    word = b"s" if unit is None else octets(unit)
    factor = _UNITS.get(word)
    if factor is None:
        raise ValueError(f"expects 's', 'ms' or 'us', got '{word.decode(errors='replace')}'")
    return factor


@fetch("date", out="int", scope=Scope.ANYWHERE, args=("int?", "str?"))
def date(offset: int | None = None, unit: Any = None) -> Fetch:
    """Seconds since 1970 plus <offset>, or milliseconds or microseconds as <unit> (s, ms, us) says."""
    factor = unit_factor(unit)
    shift = offset or 0
    if factor == 1:
        return lambda ctx: int(clock.wall) + shift
    return lambda ctx: int(clock.wall * factor) + shift


@fetch("date_us", out="int", scope=Scope.ANYWHERE)
def date_us() -> Fetch:
    """Microseconds within the current second."""
    return lambda ctx: int(clock.wall % 1 * 1000000)


def _session_date(unit: Any, wall: str) -> Fetch:
    factor = unit_factor(unit)

    def read(ctx: Any) -> Any:
        owner = ctx.session if wall == "accept_wall" else ctx.stream
        return MISS if owner is None else int(getattr(owner, wall) * factor)

    return read


@fetch("accept_date", out="int", scope=Scope.CLIENT, args=("str?",))
def accept_date(unit: Any = None) -> Fetch:
    """When the client connection was accepted, since 1970 in <unit>: s, ms or us."""
    return _session_date(unit, "accept_wall")


@fetch("request_date", out="int", scope=Scope.REQUEST_INFO, args=("str?",))
def request_date(unit: Any = None) -> Fetch:
    """When the first byte of the request arrived, since 1970 in <unit>: s, ms or us."""
    return _session_date(unit, "start_wall")


@fetch("env", out="str", scope=Scope.ANYWHERE, args=("str",))
def env(name: Any) -> Fetch:
    """Value of an environment variable as it is when the configuration is loaded."""
    value = os.environb.get(octets(name))
    return lambda ctx: MISS if value is None else value


@fetch("hostname", out="str", scope=Scope.ANYWHERE)
def hostname() -> Fetch:
    """Host name of this machine."""
    name = socket.gethostname().encode()
    return lambda ctx: name


@fetch("nbproc", out="int", scope=Scope.ANYWHERE)
def nbproc() -> Fetch:
    """Number of processes: 1, kept for old configurations."""
    return lambda ctx: 1


@fetch("proc", out="int", scope=Scope.ANYWHERE)
def proc() -> Fetch:
    """Number of this process: 1, kept for old configurations."""
    return lambda ctx: 1


@fetch("thread", out="int", scope=Scope.ANYWHERE, status=Status.PARTIAL, note="0 while there is one worker")
def thread() -> Fetch:
    """Number of the worker that runs the stream, from 0 to nbthread - 1."""
    return lambda ctx: 0


@fetch("tgroup", out="int", scope=Scope.ANYWHERE, status=Status.PARTIAL, note="always 1")
def tgroup() -> Fetch:
    """Number of the thread group that runs the stream."""
    return lambda ctx: 1


@fetch("pid", out="int", scope=Scope.ANYWHERE)
def pid() -> Fetch:
    """Process number of this worker."""
    return lambda ctx: os.getpid()


@fetch("rand", out="int", scope=Scope.ANYWHERE, args=("int?",))
def rand(limit: int | None = None) -> Fetch:
    """Random integer from 0 up to but without <limit> (2^32 when omitted)."""
    if limit is None or limit <= 0:
        return lambda ctx: random.getrandbits(32)
    return lambda ctx: random.randrange(limit)


@fetch("uuid", out="str", scope=Scope.ANYWHERE, args=("int?",))
def uuid(version: int | None = None) -> Fetch:
    """A new UUID; version 4 (random) and 7 (ordered by time, RFC 9562) exist."""
    if version == 7:
        return lambda ctx: _uuid7()
    if version not in (None, 4):
        raise ValueError(f"Unsupported UUID version: '{version}'")
    return lambda ctx: str(identifiers.uuid4()).encode()


def _uuid7() -> bytes:
    milliseconds = time.time_ns() // 1000000
    bits = milliseconds << 80 | 0x7 << 76 | random.getrandbits(12) << 64 | 0b10 << 62 | random.getrandbits(62)
    return str(identifiers.UUID(int=bits)).encode()


@fetch("var", out="any", scope=Scope.ANYWHERE, args=("var", "str?"))
def var(name: variables.Name, default: bytes | None = None) -> Fetch:
    """Value of a variable (proc, sess, txn, req or res scope), or <default> as text when it is not set."""
    read = variables.reader(name)
    if default is None:
        return read
    fallback = Typed("str", default)

    def read_or(ctx: Any) -> Any:
        found = read(ctx)
        return fallback if isinstance(found, Absent) else found

    return read_or


@fetch("stopping", out="bool", scope=Scope.INTERNAL)
def stopping() -> Fetch:
    """True while the process stops softly."""
    return lambda ctx: STATE.stopping


@fetch("uptime", out="int", scope=Scope.ANYWHERE)
def uptime() -> Fetch:
    """Seconds since this worker started."""
    return lambda ctx: int(clock.now - STATE.started)


@fetch("act_conn", out="int", scope=Scope.ANYWHERE)
def act_conn() -> Fetch:
    """Client connections now open in this process."""
    return lambda ctx: STATE.connections()


@fetch("quic_enabled", out="bool", scope=Scope.ANYWHERE)
def quic_enabled() -> Fetch:
    """True when QUIC listeners are possible; pylb has none."""
    return lambda ctx: False


class ProcessState:
    """What these fetches say of the process; the room process/ and the program write it. One per worker."""

    __slots__ = ("connections", "started", "stopping")

    def __init__(self) -> None:
        self.stopping = False
        self.started = clock.now
        self.connections: Any = int  # function: client connections now


STATE = ProcessState()


@fetch("unique-id", out="str", scope=Scope.ANYWHERE)
def unique_id() -> Fetch:
    """Identifier of the request made from `unique-id-format`, made on first use; nothing without that keyword."""

    def read(ctx: Any) -> Any:
        stream = ctx.stream
        if stream is None:
            return MISS
        if not stream.unique_id:
            make = stream.frontend.unique_id
            if make is None or (stream.end and stream.request is None and stream.frontend.http):
                return MISS  # what could not be read never was a request
            stream.unique_id = make(stream)
        found: bytes = stream.unique_id
        return found

    return read


@fetch("internal.strm.is_htx", out="bool", scope=Scope.CLIENT_STREAM)
def is_htx() -> Fetch:
    """True while the stream speaks HTTP: from the start in HTTP mode, after `switch-mode http` in TCP mode."""

    def read(ctx: Any) -> Any:
        stream = ctx.stream
        if stream is None:
            return MISS
        return stream.request is not None or stream.frontend.http

    return read


@fetch("last_rule_file", out="str", scope=Scope.INTERNAL)
def last_rule_file() -> Fetch:
    """File of the rule that gave the last final verdict on this stream."""

    def read(ctx: Any) -> Any:
        rule = ctx.stream.rule if ctx.stream is not None else None
        return MISS if rule is None else rule.span.file.encode("utf-8", "surrogateescape")

    return read


@fetch("last_rule_line", out="int", scope=Scope.INTERNAL)
def last_rule_line() -> Fetch:
    """Line of the rule that gave the last final verdict on this stream."""

    def read(ctx: Any) -> Any:
        rule = ctx.stream.rule if ctx.stream is not None else None
        return MISS if rule is None else rule.span.line

    return read


def _priority(index: int) -> Fetch:
    def read(ctx: Any) -> Any:
        stream = ctx.stream
        if stream is None:
            return MISS
        return 0 if stream.priority is None else int(stream.priority[index])

    return read


@fetch("prio_class", out="int", scope=Scope.INTERNAL)
def prio_class() -> Fetch:
    """Priority class of the stream in queues, set by `set-priority-class`."""
    return _priority(0)


@fetch("prio_offset", out="int", scope=Scope.INTERNAL)
def prio_offset() -> Fetch:
    """Priority offset of the stream in queues in milliseconds, set by `set-priority-offset`."""
    return _priority(1)
