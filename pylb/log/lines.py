"""One `log` line: its grammar, with HAProxy's sentences, and what it refers to.

Addresses are looked up while reading, as HAProxy does. Rings, log backends and profiles may follow later in the files:
they are looked for when everything is read (`Configuration.wants`).
"""

from __future__ import annotations

import functools
import itertools
import os
import re
import stat
from dataclasses import dataclass
from typing import Final

from pylb.config.addresses import parse_address
from pylb.config.model import Address, Configuration
from pylb.config.section_shapes import resolvable
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.log.header import FORMATS
from pylb.log.levels import FACILITIES, LEVELS

DEFAULT_LENGTH: Final = 1024
SYSLOG_PORT: Final = 514
LONGEST_PATH: Final = 97  # what fits into a socket's address beside the name of a temporary one

_number = re.compile(r"\s*[+-]?[0-9]+").match


@dataclass(slots=True)
class LogLine:
    """One `log` line. `form` None: the default (see log-send-hostname); `ranges` select among `size` messages."""

    address: Address
    length: int
    form: str | None
    facility: int
    most: int  # the least important level that is sent
    least: int  # more important messages are sent as this level
    ranges: tuple[tuple[int, int], ...]
    size: int
    span: Span
    profile: str = ""


def parse(line: Line, expected: str) -> LogLine:
    """The words behind `log`; `expected` ends the sentence about a missing one."""
    words = line.args()
    if words.peek() == "global" and len(line.words) == 2:
        words.fail("log : 'global' is not supported for a global syslog server", last=False)
    if len(line.words) < 3:
        raise ConfigError(f"log : expects {expected}", line.span)
    where = words.next()
    address_span = words.last_span
    length, form, size = DEFAULT_LENGTH, None, 0
    ranges: tuple[tuple[int, int], ...] = ()
    if words.accept("len"):
        length = _length(words)
    if words.accept("format"):
        form = words.peek() or ""
        if form not in FORMATS:
            words.fail(f"log : unknown log format '{form}'", last=False)
        words.next()
    if words.accept("sample"):
        ranges, size = _sample(words)
    name = ""
    if words.accept("profile"):
        name = words.next("log : missing log-profile name")
        line.config.wants.append(functools.partial(_want_profile, name=name, span=words.last_span))
    facility = words.peek() or ""
    if facility not in FACILITIES:
        words.fail(f"log : unknown log facility '{facility}'", last=False)
    words.next()
    most = _level(words, "optional log level", len(LEVELS) - 1)
    least = _level(words, "optional minimum log level", 0)
    if not words.end:
        words.fail(f"log : cannot handle unexpected argument '{words.peek()}'", last=False)
    address = _address(where, address_span)
    if address.family in REFERENCES:
        line.config.wants.append(functools.partial(REFERENCES[address.family], name=address.host, span=address_span))
    return LogLine(address, length, form, FACILITIES.index(facility), most, least, ranges, size, line.span, name)


def _want_profile(config: Configuration, *, name: str, span: Span) -> None:
    known = config.sections.get("log-profile", {})
    if name not in known:
        near = did_you_mean(name, known).removeprefix("; ")
        config.report.alert(f"log : unknown log-profile '{name}'", span, near)


def _want_backend(config: Configuration, *, name: str, span: Span) -> None:
    backend = config.proxy(name, back=True)
    if backend is None:
        names = [proxy.name for proxy in config.proxies if proxy.is_back]
        config.report.alert(f"log : unknown backend '{name}'", span, did_you_mean(name, names).removeprefix("; "))
    elif backend.get("mode", "tcp") != "log":
        config.report.alert(f"log : backend '{name}' is not in mode 'log'", span)


def _want_ring(config: Configuration, *, name: str, span: Span) -> None:
    """HAProxy itself has a ring `buf0`. Without a ring it starts all the same, and loses the lines."""
    if name != "buf0" and name not in config.sections.get("ring", {}):
        config.report.notice(f"log : there is no ring '{name}', its lines are lost.", span)


REFERENCES: Final = {"backend": _want_backend, "ring": _want_ring}


def _length(words: Words) -> int:
    text = words.peek() or ""
    digits = _number(text)  # what stands behind them is not looked at
    length = int(digits[0]) if digits else 0
    if not 80 <= length <= 65535:
        words.fail(f"log : invalid log length '{text}', must be between 80 and 65535", last=False)
    words.next()
    return length


def _level(words: Words, what: str, default: int) -> int:
    name = words.peek()
    if name is None:
        return default
    if name not in LEVELS:
        words.fail(f"log : unknown {what} '{name}'", last=False)
    return LEVELS.index(words.next())


def _sample(words: Words) -> tuple[tuple[tuple[int, int], ...], int]:
    """`<ranges>:<size>`: ranges in any order that do not overlap, and of how many messages they choose."""
    given, colon, size_text = (words.peek() or "").partition(":")
    if not colon:
        words.fail("log : Missing sample size", last=False)
    words.next()
    if not given:
        words.fail("log : no sampling ranges given")
    size = _unsigned(size_text)
    if not size:
        words.fail(f"log : wrong sample size '{size_text}' for sample range '{given}'")
    ranges = sorted(_range(words, part) for part in _parts(given))
    for (_, high), (low, _) in itertools.pairwise(ranges):
        if low <= high:
            words.fail("log : ranges are overlapping")
    if ranges[-1][1] > size:
        words.fail(
            f"log : sample size {size} should be greater or equal to {ranges[-1][1]} "
            "the maximum of the high ranges limits"
        )
    return tuple(ranges), size


def _parts(given: str) -> list[str]:
    """What stands between commas, of which one may follow the last range. A second comma belongs to what follows."""
    parts, at = [], 0
    while at < len(given):
        end = given.find(",", at + 1)
        end = len(given) if end < 0 else end
        parts.append(given[at:end])
        at = end + 1
    return parts


def _unsigned(text: str) -> int:
    """A number of 32 bits, which a larger one overflows; 0 for what is no number."""
    value = 0
    for char in text:
        if char not in "0123456789":
            return 0
        value = value * 10 + int(char) & 0xFFFFFFFF
    return value


def _range(words: Words, text: str) -> tuple[int, int]:
    """A number, or two with the greater one behind."""
    low, dash, high = text.partition("-")
    first, last = _unsigned(low), _unsigned(high if dash else low)
    if not first or (dash and first >= last):
        words.fail(f"log : wrong sample range '{text}'")
    return first, last


def _address(text: str, span: Span) -> Address:
    if text in ("stdout", "stderr"):
        return Address("fd", fd=1 if text == "stdout" else 2, stream=False, text=text)
    family, at, name = text.partition("@")
    if at and family in ("ring", "backend"):
        return Address(family, host=name, stream=True, text=text)
    try:
        address = parse_address(
            text, port="optional", zero_port=True, datagrams=True, stream=False, default_port=SYSLOG_PORT
        )
        _check_quic(text)
        _check_local(address)
        return resolvable(address)
    except ValueError as error:
        raise ConfigError(f"log : {error}", span) from None


def _check_quic(text: str) -> None:
    if text.startswith(("quic4@", "quic6@", "quic+")):
        number = 10 if text.startswith("quic6@") else 2
        raise ValueError(
            f"unsupported stream protocol for datagram family {number} address '{text}'; "
            "QUIC is not compiled in if this is what you were looking for."
        )


def _check_local(address: Address) -> None:
    """A path has to fit into a socket's address, a pair of sockets has to be open."""
    if address.family == "unix" and len(address.host) > LONGEST_PATH:
        raise ValueError(f"socket path '{address.host}' too long (max {LONGEST_PATH})")
    if address.family == "sockpair":
        try:
            problem = "" if stat.S_ISSOCK(os.fstat(address.fd).st_mode) else "Socket operation on non-socket"
        except OSError as error:
            problem = os.strerror(error.errno or 0)
        if problem:
            raise ValueError(f"cannot use file descriptor '{address.fd}' : {problem}")
