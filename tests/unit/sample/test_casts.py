"""Values from type to type, as the real program does it (values observed; the differential test repeats them)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample import casts
from pylb.sample.values import MISS, Absent, Typed


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (b"12abc", 12),
        (b"x", 0),
        (b"", MISS),
        (b"-12", -12),
        (b"+12", 12),
        (b"--1", 0),
        (b" 12", 0),
        (b"0x10", 0),
        (b"1_0", 1),
        (b"010", 10),
        (b"9223372036854775808", 2**63 - 1),
        (b"-9223372036854775809", -(2**63)),
        (b"0" * 5000 + b"7", 7),
    ],
)
def test_a_string_becomes_its_leading_number(text: bytes, number: object) -> None:
    assert casts.to_int(text) == number


@pytest.mark.parametrize("text", [b"1.2.3", b"1.2.3.256", b"1.2.3.4.5", b" 1.2.3.4", b"localhost", b"", b"1..3.4"])
def test_what_is_no_address_is_a_miss(text: bytes) -> None:
    assert casts.to_addr(text) is MISS


@pytest.mark.parametrize("text", [b"1.2.3.4", b"01.2.3.4", b"1.2.3.4:80", b"1.2.3.4/8", b"1.2.3.4x"])
def test_what_follows_a_dotted_quad_does_not_count(text: bytes) -> None:
    assert casts.to_addr(text) == b"\1\2\3\4"


def test_integers_are_eight_bytes_in_binary() -> None:
    cast = casts.find("int", "bin")
    assert cast is not None
    assert cast.convert(-1) == b"\xff" * 8
    assert cast.convert(5) == b"\0\0\0\0\0\0\0\5"


def test_binary_ends_at_its_first_nul_when_it_becomes_a_string() -> None:
    cast = casts.find("bin", "str")
    assert cast is not None and cast.convert(b"a\0b") == b"a"


def test_addresses_become_text_and_numbers() -> None:
    to_text, to_number = casts.find("addr", "str"), casts.find("addr", "int")
    assert to_text is not None and to_number is not None
    assert to_text.convert(b"\x7f\0\0\1") == b"127.0.0.1"
    assert to_text.convert(b"\0" * 15 + b"\1") == b"::1"
    assert to_number.convert(b"\1\2\3\4") == 16909060
    assert to_number.convert(b"\0" * 16) is MISS


@pytest.mark.parametrize(("source", "target"), [("bin", "int"), ("ipv6", "int"), ("bool", "addr"), ("meth", "int")])
def test_some_types_do_not_fit(source: str, target: str) -> None:
    assert casts.find(source, target) is None


def test_a_value_of_any_type_is_cast_by_the_type_it_has() -> None:
    cast = casts.find("any", "str")
    assert cast is not None
    assert cast.convert(Typed("int", 7)) == b"7"
    assert cast.convert(Typed("ipv4", b"\1\2\3\4")) == b"1.2.3.4"
    wrapped = casts.find("int", "any")
    assert wrapped is not None and wrapped.convert(7) == Typed("int", 7)
    number = casts.find("any", "int")
    assert number is not None and number.convert(Typed("bin", b"1")) is MISS


@given(st.integers(-(2**70), 2**70))
def test_numbers_survive_text_within_64_bits(number: int) -> None:
    assert casts.to_int(str(number).encode()) == casts.clamp(number)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_number_or_nothing(text: bytes) -> None:
    number = casts.to_int(text)
    assert isinstance(number, Absent) is (text == b"")
