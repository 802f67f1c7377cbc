"""Times, sizes and numbers as configuration files write them (HAProxy manual, sections 2.5 and 2.6).

Everything here takes text and returns an integer or raises ValueError; the `take_*` functions take a word from a
cursor and raise ConfigError with HAProxy's sentence for the given argument instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pylb.errors import ConfigError

if TYPE_CHECKING:
    from pylb.config.words import Words

MAX_TIME = 2**31 - 1  # milliseconds; HAProxy's timers are signed 32-bit ticks, about 24.8 days
MAX_SIZE = 2**32 - 1  # sizes are unsigned 32-bit numbers
_UNITS = re.compile(r"us|ms|[smhd]")
_MICROSECONDS = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_NUMBER = re.compile(r"([0-9]*)([^0-9].*)?\Z", re.DOTALL)
_LEADING = re.compile(r"[ \t]*([+-]?[0-9]+)")
_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30}


class BadCharacter(ValueError):
    """The text holds a character that no unit starts with; `character` is the first such one."""

    def __init__(self, character: str) -> None:
        super().__init__(f"unexpected character '{character}'")
        self.character = character


class TimeOverflow(ValueError):
    """More than the largest timer."""

    def __init__(self) -> None:
        super().__init__("timer overflow (maximum value is 2147483647 ms or ~24.8 days)")


class TimeUnderflow(ValueError):
    """Not zero, but less than one millisecond where a whole one is the least."""

    def __init__(self) -> None:
        super().__init__("timer underflow (minimum non-null value is 1 ms)")


def parse_time(text: str, unit: str = "ms") -> int:
    """Milliseconds of `text`; a bare number counts in `unit` (us, ms, s, m, h or d).

    Fractions of a millisecond round up, so that a tiny time never becomes "no timeout". What follows the unit is not
    looked at, as in HAProxy, where people have always written `10sec` and `5min`.
    """
    match = _NUMBER.match(text)
    digits, suffix = (match.group(1), match.group(2) or "") if match else ("", text)
    if not digits:
        raise BadCharacter(text[:1])
    known = _UNITS.match(suffix) if suffix else None
    if suffix and known is None:
        raise BadCharacter(suffix[0])
    value = -(-int(digits[:20]) * _MICROSECONDS[known.group() if known else unit] // 1000)
    if value > (MAX_TIME * 1000 if unit == "s" else MAX_TIME):  # HAProxy keeps the latter as seconds
        raise TimeOverflow
    return value


def parse_size(text: str) -> int:
    """Bytes of `text`: a number with an optional k, m or g in either case, below 4 GB and with nothing behind it."""
    match = _NUMBER.match(text)
    digits, suffix = (match.group(1), match.group(2) or "") if match else ("", text)
    if not digits:
        raise BadCharacter(text[:1])
    value = 0
    for digit in digits:
        value = value * 10 + int(digit)
        if value > MAX_SIZE:
            raise BadCharacter(digit)  # HAProxy blames the character with which the number becomes too large
    shift = _SHIFTS.get(suffix[:1].lower())
    if shift is None or value << shift > MAX_SIZE:
        raise BadCharacter(suffix[0])
    if len(suffix) > 1:
        raise BadCharacter(suffix[1])
    return value << shift


def parse_integer(text: str) -> int:
    """A number as C's atol() reads it: leading digits, 0 when there are none."""
    match = _LEADING.match(text)
    return int(match.group(1)[:20]) if match else 0


def wrapped(value: int) -> int:
    """What a C int keeps of a number that is too large for it, for messages that show it so."""
    return (value + 2**31) % 2**32 - 2**31


def time_error(error: ValueError, text: str, name: str) -> str:
    """HAProxy's sentence for a time that was refused in the argument called `name`."""
    if isinstance(error, TimeOverflow):
        return f"timer overflow in argument '{text}' to '{name}' (maximum value is {MAX_TIME} ms or ~24.8 days)"
    if isinstance(error, TimeUnderflow):
        return f"timer underflow in argument '{text}' to '{name}' (minimum non-null value is 1 ms)"
    character = error.character if isinstance(error, BadCharacter) else text[:1]
    return f"unexpected character '{character}' in '{name}'"


def take_time(words: Words, name: str = "", *, unit: str = "ms", missing: str = "") -> int:
    """Takes a time word; milliseconds."""
    name = name or words.line.name
    text = words.next(missing or f"'{name}' expects an integer value (in milliseconds)")
    try:
        value = parse_time(text, unit)
        if text.lstrip("0123456789") not in ("", "us", "ms", "s", "m", "h", "d"):
            words.line.notice(f"'{name}' : the unit of '{text}' is odd; it counts as {value} ms.")
        return value
    except ValueError as error:
        raise ConfigError(time_error(error, text, name), words.last_span) from None


def take_size(words: Words, name: str = "", *, missing: str = "") -> int:
    """Takes a size word; bytes."""
    name = name or words.line.name
    text = words.next(missing or f"'{name}' expects a size argument.")
    try:
        return parse_size(text)
    except BadCharacter as error:
        raise ConfigError(f"unexpected character '{error.character}' in '{name}'", words.last_span) from None


def take_integer(
    words: Words,
    name: str = "",
    *,
    low: int | None = None,
    high: int | None = None,
    missing: str = "",
    outside: str = "",
) -> int:
    """Takes a whole number. Like HAProxy it reads `12abc` as 12 and `x` as 0, but says so in a notice."""
    name = name or words.line.name
    text = words.next(missing or f"'{name}' expects an integer argument.")
    value = parse_integer(text)
    if (low is not None and value < low) or (high is not None and value > high):
        limits = " and ".join(
            f"{word} {limit}" for word, limit in (("at least", low), ("at most", high)) if limit is not None
        )
        raise ConfigError(outside or f"'{name}' expects a number of {limits}, got '{text}'.", words.last_span)
    if not text.lstrip("+-").isdecimal():
        words.line.notice(f"'{name}' : '{text}' is not a whole number and counts as {value}.")
    return value
