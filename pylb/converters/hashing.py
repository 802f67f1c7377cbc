"""Hash functions as converters: those of balancing (with an optional avalanche) and xxHash (manual 7.3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.registry import converter
from pylb.sample import hashes

Step = Callable[[bytes, Any], int]

_BALANCING = (
    ("djb2", hashes.djb2, "DJB2"),
    ("sdbm", hashes.sdbm, "SDBM"),
    ("wt6", hashes.wt6, "WT6"),
    ("crc32", hashes.crc32, "CRC-32 (Ethernet, gzip)"),
    ("crc32c", hashes.crc32c, "CRC-32C (RFC 4960 appendix B)"),
)


def _balancing(function: hashes.Hash) -> Callable[..., Step]:
    def factory(avalanche: int = 0) -> Step:
        if avalanche:
            spread = hashes.avalanche
            return lambda value, ctx: spread(function(value))
        return lambda value, ctx: function(value)

    return factory


for _name, _function, _title in _BALANCING:
    converter(
        _name,
        takes="bin",
        out="int",
        args=("int?",),
        usage="([<avalanche>])",
        pure=True,
        doc=f"{_title} hash of the bytes, 32 bits unsigned, spread further when <avalanche> is not 0.",
    )(_balancing(_function))


@converter("xxh32", takes="bin", out="int", args=("int?",), usage="([<seed>])", pure=True)
def xxh32(seed: int = 0) -> Step:
    """xxHash of the bytes, 32 bits unsigned."""
    return lambda value, ctx: hashes.xxh32(value, seed & 0xFFFFFFFF)


@converter("xxh64", takes="bin", out="int", args=("int?",), usage="([<seed>])", pure=True)
def xxh64(seed: int = 0) -> Step:
    """xxHash of the bytes, 64 bits signed."""

    def convert(value: bytes, ctx: Any) -> int:
        number = hashes.xxh64(value, seed & 0xFFFFFFFFFFFFFFFF)
        return number - (1 << 64) if number >> 63 else number

    return convert
