"""Hash values that the real program gave for the same bytes."""

from __future__ import annotations

import pytest

from pylb.sample import hashes

TEXTS = (b"abc", b"", b"x", b"The quick brown fox jumps over")
KNOWN = {
    hashes.djb2: (193485963, 5381, 177693, 1017954659),
    hashes.sdbm: (807794786, 0, 120, 1796321420),
    hashes.wt6: (2483038440, 4187620192, 1898969189, 1200162688),
    hashes.crc32: (891568578, 0, 2363233923, 85859038),
    hashes.crc32c: (910901175, 0, 2839306131, 704335864),
    hashes.xxh32: (852579327, 46947589, 784609514, 1036395793),
    hashes.xxh64: (4952883123889572249, -1205034819632174695, 6665539201184043299, -3759244977776524533),
}


@pytest.mark.parametrize("function", KNOWN)
def test_hashes_equal_those_of_the_real_program(function: hashes.Hash) -> None:
    assert [function(text) for text in TEXTS] == [value % 2**64 for value in KNOWN[function]]


def test_seeds_change_xxhash() -> None:
    assert hashes.xxh32(b"abc", 7) == 1473238068
    assert hashes.xxh64(b"abc", 7) == -7028621457359472937 % 2**64


@pytest.mark.parametrize(
    ("value", "spread"), [(193485963, 2235766107), (0, 2874071335), (2483038440, 266135527), (4187620192, 2385687481)]
)
def test_the_avalanche_step(value: int, spread: int) -> None:
    assert hashes.avalanche(value) == spread
