"""From a key to a number: the hash function that `hash-type` names, cached for keys that come again."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.balance.keywords import HashType
from pylb.sample import hashes

if TYPE_CHECKING:
    from pylb.config.model import ProxyConfig

Key = Callable[[Any], "int | None"]  # stream -> hash, None when the stream has no such key

CACHED_KEYS: Final = 4096  # per algorithm; a Python loop over the bytes of a key costs about 50 ns a byte


def _as_number(data: bytes) -> int:
    """`none`: the key is a number already."""
    digits = data.lstrip()
    end = 0
    while end < len(digits) and (48 <= digits[end] <= 57 or (end == 0 and digits[end] in b"+-")):
        end += 1
    try:
        return int(digits[:end]) & 0xFFFFFFFF
    except ValueError:
        return 0


_FUNCTIONS: Final[dict[str, Callable[[bytes], int]]] = {
    "sdbm": hashes.sdbm,
    "djb2": hashes.djb2,
    "wt6": hashes.wt6,
    "crc32": hashes.crc32,
    "none": _as_number,
}


def kind_of(config: ProxyConfig | None) -> HashType:
    kind: HashType = config.get("hash-type", HashType()) if config is not None else HashType()
    return kind


def function_of(kind: HashType) -> Callable[[bytes], int]:
    """The function for text keys, with its avalanche step where `hash-type` asks for one."""
    function = _FUNCTIONS[kind.function]
    if not kind.avalanche:
        return functools.lru_cache(CACHED_KEYS)(function)

    def mixed(data: bytes) -> int:
        return hashes.avalanche(function(data))

    return functools.lru_cache(CACHED_KEYS)(mixed)


def address_function(kind: HashType) -> Callable[[bytes], int]:
    """The function for addresses: their 32-bit words exclusive-ored, whatever text function is named."""

    def fold(packed: bytes) -> int:
        value = 0
        for at in range(0, len(packed), 4):
            value ^= int.from_bytes(packed[at : at + 4], "big")
        return hashes.avalanche(value) if kind.avalanche else value

    return functools.lru_cache(CACHED_KEYS)(fold)
