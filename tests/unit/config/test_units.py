"""Times, sizes and numbers."""

from __future__ import annotations

import pytest

from pylb.config import units
from pylb.config.model import Configuration
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span


def cursor(*words: str) -> Words:
    line = Line(list(words), [Span("f", 1, i) for i in range(len(words))], Configuration(), None, "global")
    line.name = words[0]
    return line.args()


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1500", 1500),
        ("1us", 1),
        ("1999us", 2),
        ("5ms", 5),
        ("5s", 5000),
        ("2m", 120_000),
        ("1h", 3_600_000),
        ("24d", 24 * 86_400_000),
        ("15min", 900_000),
        ("10sec", 10_000),
    ],
)
def test_times_are_milliseconds(text: str, ms: int) -> None:
    assert units.parse_time(text) == ms


def test_a_bare_number_counts_in_the_words_own_unit() -> None:
    assert units.parse_time("3", "s") == 3000
    assert units.parse_time("3ms", "s") == 3


@pytest.mark.parametrize(
    ("text", "character"), [("1x", "x"), ("x", "x"), ("-1", "-"), ("1.5s", "."), ("", ""), ("1S", "S")]
)
def test_odd_times_name_the_character(text: str, character: str) -> None:
    with pytest.raises(units.BadCharacter) as caught:
        units.parse_time(text)
    assert caught.value.character == character


def test_the_longest_time_is_a_signed_32_bit_tick() -> None:
    assert units.parse_time("2147483647") == units.MAX_TIME
    with pytest.raises(units.TimeOverflow):
        units.parse_time("2147483648")
    with pytest.raises(units.TimeOverflow):
        units.parse_time("9" * 5000)


@pytest.mark.parametrize(("text", "size"), [("0", 0), ("10", 10), ("1k", 1024), ("2M", 2 << 20), ("1g", 1 << 30)])
def test_sizes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "character"),
    [("16kb", "b"), ("1kk", "k"), ("1m1", "1"), ("1x", "x"), ("5g", "g"), ("4294967296", "6"), ("99999999999k", "9")],
)
def test_sizes_that_haproxy_refuses(text: str, character: str) -> None:
    with pytest.raises(units.BadCharacter) as caught:
        units.parse_size(text)
    assert caught.value.character == character
    assert units.parse_size("4294967295") == units.parse_size("3G") + (1 << 30) - 1


def test_a_size_without_digits_is_refused() -> None:
    for text in ("", "k", "-1", "1x"):
        with pytest.raises(ValueError, match="unexpected character"):
            units.parse_size(text)


@pytest.mark.parametrize(("text", "value"), [("12", 12), ("12abc", 12), ("x", 0), ("-3", -3), ("", 0), (" 4", 4)])
def test_integers_are_read_as_c_does(text: str, value: int) -> None:
    assert units.parse_integer(text) == value


def test_taking_a_time_speaks_haproxys_words() -> None:
    with pytest.raises(ConfigError, match="unexpected character 'x' in 'timeout'"):
        units.take_time(cursor("timeout", "1x"))
    with pytest.raises(ConfigError, match=r"'timeout' expects an integer value \(in milliseconds\)"):
        units.take_time(cursor("timeout"))
    with pytest.raises(ConfigError, match="timer overflow in argument '99999d' to 'timeout'"):
        units.take_time(cursor("timeout", "99999d"))


def test_taking_an_odd_number_says_what_it_counts_as() -> None:
    words = cursor("maxconn", "12abc")
    assert units.take_integer(words) == 12
    assert words.line.config.report.items[0].message == "'maxconn' : '12abc' is not a whole number and counts as 12."


def test_numbers_outside_their_limits_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1 and at most 5"):
        units.take_integer(cursor("x", "6"), low=1, high=5)
