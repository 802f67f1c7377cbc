"""Indexes answer as a scan of the list does; closures of a PatternList answer as its index does."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample import indexes, patterns
from pylb.sample.indexes import METHODS, Index
from tests.unit.sample.scene import Scene

_TEXT = st.text(alphabet="ab./:?A", max_size=8).map(str.encode)


def scan(method: str, key: bytes, value: bytes) -> bool:
    """Whether one pattern matches, by the manual's definition."""
    if method in ("dir", "dom"):
        delimiters = b"/" if method == "dir" else b"/?.:"
        pattern = key.strip(delimiters)
        if not pattern:
            return not value or value[-1] in delimiters
        return any(
            value[at : at + len(pattern)] == pattern
            and (at == 0 or value[at - 1] in delimiters)
            and (at + len(pattern) == len(value) or value[at + len(pattern)] in delimiters)
            for at in range(len(value))
        )
    return {
        "str": value == key,
        "beg": value.startswith(key),
        "end": value.endswith(key),
        "sub": key in value,
    }[method]


@pytest.mark.parametrize("method", ["str", "beg", "end", "sub", "dir", "dom"])
@pytest.mark.parametrize("ignore_case", [False, True])
@given(st.lists(_TEXT, max_size=40), _TEXT)
def test_an_index_equals_a_scan(method: str, ignore_case: bool, keys: list[bytes], value: bytes) -> None:
    index = METHODS[method](ignore_case)
    for number, key in enumerate(keys):
        index.add(key, number)

    def fold(text: bytes) -> bytes:
        return text.lower() if ignore_case else text

    matching = [number for number, key in enumerate(keys) if scan(method, fold(key), fold(value))]
    found = index.find(value)
    if not matching:
        assert found is None
    elif method == "beg" and not ignore_case:
        assert len(keys[found]) == max(len(keys[number]) for number in matching)
    else:
        assert found == matching[0]


@given(st.lists(_TEXT, max_size=12), st.sampled_from(["str", "beg", "end", "sub", "dir", "dom"]), _TEXT, _TEXT)
def test_a_removed_pattern_leaves_the_others(keys: list[bytes], method: str, gone: bytes, value: bytes) -> None:
    index, wanted = METHODS[method](), METHODS[method]()
    for key in [*keys, gone]:
        index.add(key, key)
    for key in keys:
        if key != gone:
            wanted.add(key, key)
    if not index.discard(gone):
        index.load((key, key) for key in keys if key != gone)
    assert (index.find(value) is None) is (wanted.find(value) is None)


_SHAPES = ["%d", "%d:", "%d-", ":%d", "-%d", "%d:%d", "%d-%d"]
_RANGES = st.tuples(st.integers(0, 20), st.integers(0, 20), st.sampled_from(_SHAPES))


@given(st.lists(_RANGES, max_size=10), st.integers(-25, 25))
def test_integers_equal_a_scan_of_ranges(written: list[tuple[int, int, str]], value: int) -> None:
    index = indexes.Integers()
    first = None
    for number, (a, b, shape) in enumerate(written):
        low, high = min(a, b), max(a, b)
        text = shape % ((low, high) if shape.count("d") == 2 else low)
        index.add(text.encode(), number)
        shape = shape.replace("-", ":")
        holds = {"%d": value == low, "%d:": value >= low, ":%d": value <= low, "%d:%d": low <= value <= high}[shape]
        if holds and first is None:
            first = number
    assert index.find(value) == first


def test_a_bound_below_zero_can_only_follow_a_colon() -> None:
    index = indexes.Integers()
    index.add(b":-3", "low")
    assert [index.find(value) for value in (-4, -3, -2)] == ["low", "low", None]
    with pytest.raises(ValueError, match="'-3:' is not a valid number range"):
        index.add(b"-3:", "never")


_V4 = st.integers(0, 2**32 - 1).map(lambda n: n.to_bytes(4, "big"))


@given(st.lists(st.tuples(_V4, st.integers(0, 32)), max_size=12), _V4)
def test_networks_find_the_longest_prefix(networks: list[tuple[bytes, int]], address: bytes) -> None:
    index = indexes.Addresses()
    best = -1
    for base, bits in networks:
        # Near relatives of the address, so that something matches now and then.
        near = bytes(a if i * 8 < bits else b for i, (a, b) in enumerate(zip(address, base, strict=True)))
        index.add(f"{socket.inet_ntoa(near)}/{bits}".encode(), bits)
        mask = ((1 << bits) - 1) << (32 - bits)
        if int.from_bytes(near, "big") & mask == int.from_bytes(address, "big") & mask:
            best = max(best, bits)
    assert index.find(address) == (None if best < 0 else best)


def network_index(*texts: bytes) -> Index:
    index = indexes.Addresses()
    for text in texts:
        index.add(text, text)
    return index


def packed(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


@pytest.mark.parametrize(
    ("pattern", "address", "matches"),
    [
        (b"10.0.0.0/8", "::ffff:10.1.2.3", True),
        (b"10.0.0.0/8", "2002:a01:203::", True),
        (b"10.0.0.0/8", "::10.1.2.3", True),
        (b"10.0.0.0/8", "fe80::10.1.2.3", False),
        (b"::ffff:0:0/96", "1.2.3.4", True),
        (b"2001:db8::/32", "2001:db8::5", True),
        (b"2001:db8::/32", "1.2.3.4", False),
        (b"192.168.0.0/255.255.0.255", "192.168.77.0", True),
        (b"192.168.0.0/255.255.0.255", "192.168.77.1", False),
    ],
)
def test_families_meet_as_the_manual_says(pattern: bytes, address: str, matches: bool) -> None:
    assert (network_index(pattern).find(packed(address)) is not None) is matches


@pytest.mark.parametrize("text", [b"127.1", b"a.b.c", b"1.2.3.4/33", b"::1/129", b"999.2.3.4", b"1.2.3.4/", b""])
def test_what_is_no_network_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="is not a valid IPv4 or IPv6 address"):
        network_index(text)


def test_abbreviated_addresses_are_asked_of_the_c_library() -> None:
    assert Scene().holds("{ src 127.1/8 }") is True


_METHODS = st.sampled_from(["str", "beg", "end", "sub", "dir", "dom", "reg"])


@given(_METHODS, st.booleans(), st.lists(_TEXT.filter(bool), min_size=1, max_size=70), _TEXT)
def test_specialised_closures_equal_the_index(method: str, fold: bool, texts: list[bytes], value: bytes) -> None:
    if method == "reg":
        texts = [text.replace(b"?", b".") for text in texts]
    span = Scene().site.span
    listed = patterns.PatternList(method, [patterns.Pattern(text, span, fold) for text in texts])
    index: Any = METHODS[method](fold)
    for text in texts:
        index.add(text, True)
    assert listed.tester()(value) is (index.find(value) is not None)
