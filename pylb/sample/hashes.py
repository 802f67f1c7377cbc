"""The hash functions of HAProxy's configuration language: pure functions from bytes to an unsigned integer.

Balancing, stickiness and the converters of the same names share them. The definitions are public: djb2 (Bernstein),
sdbm (the ndbm clone), wt6 (Willy Tarreau), CRC-32 (IEEE 802.3), CRC-32C (RFC 3720 B.4), xxHash (its specification),
Bob Jenkins' integer mix for the avalanche step. Values are compared with the real program in tests/differential.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

_M32 = 0xFFFFFFFF
_M64 = 0xFFFFFFFFFFFFFFFF

Hash = Callable[[bytes], int]


def djb2(data: bytes) -> int:
    """Bernstein's string hash (times 33, plus), 32 bits."""
    value = 5381
    for byte in data:
        value = (value * 33 + byte) & _M32
    return value


def sdbm(data: bytes) -> int:
    """The hash of the sdbm library (times 65599, plus), 32 bits."""
    value = 0
    for byte in data:
        value = (value * 65599 + byte) & _M32
    return value


def wt6(data: bytes) -> int:
    """Two 32-bit halves that swap places, rotated by amounts which depend on the data."""
    left, right = 0xA53C965A, 0x5CA6953A
    turn_right, turn_left = 6, 18
    for byte in data:
        left ^= byte ^ _M32
        right = ~(right + byte) & _M32
        left, right = (
            ((right << turn_right) | (right >> (32 - turn_right))) & _M32,
            ((left << turn_left) | (left >> (32 - turn_left))) & _M32,
        )
        mixed = ((left >> 16) ^ right) & 0xFFFF
        turn_right, turn_left = mixed & 31, mixed >> 11
    return left ^ right


def crc32(data: bytes) -> int:
    """The CRC of Ethernet, gzip and PNG."""
    return zlib.crc32(data)


def _castagnoli() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_CRC32C = _castagnoli()


def crc32c(data: bytes) -> int:
    """The CRC of iSCSI and SCTP (Castagnoli polynomial)."""
    value = _M32
    table = _CRC32C
    for byte in data:
        value = table[(value ^ byte) & 255] ^ (value >> 8)
    return value ^ _M32


_P32 = (2654435761, 2246822519, 3266489917, 668265263, 374761393)


def _rotate32(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _M32


def xxh32(data: bytes, seed: int = 0) -> int:
    """xxHash, 32 bits."""
    p1, p2, p3, p4, p5 = _P32
    size = len(data)
    at = 0
    if size >= 16:
        lanes = [(seed + p1 + p2) & _M32, (seed + p2) & _M32, seed & _M32, (seed - p1) & _M32]
        at = size & ~15
        words = struct.unpack_from(f"<{at // 4}I", data)
        for i, word in enumerate(words):
            lanes[i & 3] = _rotate32((lanes[i & 3] + word * p2) & _M32, 13) * p1 & _M32
        value = sum(_rotate32(lane, turn) for lane, turn in zip(lanes, (1, 7, 12, 18), strict=True))
    else:
        value = seed + p5
    value = (value + size) & _M32
    while at + 4 <= size:
        value = _rotate32((value + int.from_bytes(data[at : at + 4], "little") * p3) & _M32, 17) * p4 & _M32
        at += 4
    for byte in data[at:]:
        value = _rotate32((value + byte * p5) & _M32, 11) * p1 & _M32
    value = (value ^ (value >> 15)) * p2 & _M32
    value = (value ^ (value >> 13)) * p3 & _M32
    return value ^ (value >> 16)


_P64 = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579, 2870177450012600261)


def _rotate64(value: int, by: int) -> int:
    return ((value << by) | (value >> (64 - by))) & _M64


def _round64(lane: int, word: int) -> int:
    return _rotate64((lane + word * _P64[1]) & _M64, 31) * _P64[0] & _M64


def xxh64(data: bytes, seed: int = 0) -> int:
    """xxHash, 64 bits."""
    p1, p2, p3, p4, p5 = _P64
    size = len(data)
    at = 0
    if size >= 32:
        lanes = [(seed + p1 + p2) & _M64, (seed + p2) & _M64, seed & _M64, (seed - p1) & _M64]
        at = size & ~31
        for i, word in enumerate(struct.unpack_from(f"<{at // 8}Q", data)):
            lanes[i & 3] = _round64(lanes[i & 3], word)
        value = sum(_rotate64(lane, turn) for lane, turn in zip(lanes, (1, 7, 12, 18), strict=True)) & _M64
        for lane in lanes:
            value = ((value ^ _round64(0, lane)) * p1 + p4) & _M64
    else:
        value = seed + p5
    value = (value + size) & _M64
    while at + 8 <= size:
        value ^= _round64(0, int.from_bytes(data[at : at + 8], "little"))
        value = (_rotate64(value, 27) * p1 + p4) & _M64
        at += 8
    if at + 4 <= size:
        value ^= int.from_bytes(data[at : at + 4], "little") * p1 & _M64
        value = (_rotate64(value, 23) * p2 + p3) & _M64
        at += 4
    for byte in data[at:]:
        value = _rotate64(value ^ (byte * p5 & _M64), 11) * p1 & _M64
    value = (value ^ (value >> 33)) * p2 & _M64
    value = (value ^ (value >> 29)) * p3 & _M64
    return value ^ (value >> 32)


def avalanche(value: int) -> int:
    """Spreads a 32-bit hash over all its bits: Jenkins' integer mix, then a multiplication by a large prime.

    What `hash-type ... avalanche` applies, consistent hashing applies to its points, and converters to `(1)`.
    """
    a = value & _M32
    a = (a + 0x7ED55D16 + (a << 12)) & _M32
    a = a ^ 0xC761C23C ^ (a >> 19)
    a = (a + 0x165667B1 + (a << 5)) & _M32
    a = ((a + 0xD3A2646C) ^ (a << 9)) & _M32
    a = (a + 0xFD7046C5 + (a << 3)) & _M32
    a = a ^ 0xB55A4F09 ^ (a >> 16)
    return a * 3221225473 & _M32
