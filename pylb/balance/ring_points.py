"""Where the points of a server stand on the ring of `hash-type consistent`, and what decides it: `hash-key`.

Point number n of a server whose base is b stands at mix(b + n), mix being Bob Jenkins' full-avalanche integer hash
times a large prime. The base is 4096 times the server's id unless `hash-key` says otherwise (manual 5.2, 3.0 and later;
the manual leaves open how addresses become numbers, so bases of them are pylb's own).
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pylb.balance.weights import EFFECTIVE_MAX
from pylb.sample.hashes import avalanche, xxh64

if TYPE_CHECKING:
    from pylb.server.server import Server

_M32: Final = 0xFFFFFFFF
_FEW: Final = 24  # fewer points than that are mixed one by one


def _of_id(server: Server) -> int:
    return server.id * EFFECTIVE_MAX & _M32


def _of_whole_id(server: Server) -> int:
    """All 32 bits; mixed, unless keys are not hashed either."""
    config = server.backend.config
    kind = config.get("hash-type") if config is not None else None
    number = server.id & _M32
    return number if kind is not None and kind.function == "none" else avalanche(number)


def _of_guid(server: Server) -> int:
    guid = server.values.get("guid")
    return xxh64(guid.encode()) & _M32 if guid else _of_id(server)


def _of_address(server: Server) -> int:
    return _of_id(server) if server.address is None else xxh64(server.address) & _M32


def _of_place(server: Server) -> int:
    if server.address is None:
        return _of_id(server)
    return xxh64(server.address + server.port.to_bytes(2, "big")) & _M32


KEYS: Final[dict[str, Callable[[Server], int]]] = {
    "id": _of_id,
    "id32": _of_whole_id,
    "guid": _of_guid,
    "addr": _of_address,
    "addr-port": _of_place,
}
"""What `hash-key` may say, and the base it gives; of what a server does not have, the id takes the place."""


def base_of(server: Server) -> int:
    return KEYS[server.values.get("hash-key", "id")](server)


def points(base: int, start: int, stop: int) -> list[int]:
    """The places of points number `start` to `stop` - 1. Many are mixed at once, in lanes of one large number."""
    count = stop - start
    if count < _FEW:
        return [avalanche(base + number) for number in range(start, stop)]
    ones, ramp = _lanes(count)
    low = ones * _M32
    a = ((base + start & _M32) * ones + ramp) & low
    a = (a + ones * 0x7ED55D16 + (a << 12)) & low
    a = a ^ ones * 0xC761C23C ^ ((a >> 19) & low)
    a = (a + ones * 0x165667B1 + (a << 5)) & low
    a = ((a + ones * 0xD3A2646C & low) ^ (a << 9)) & low
    a = (a + ones * 0xFD7046C5 + (a << 3)) & low
    a = a ^ ones * 0xB55A4F09 ^ ((a >> 16) & low)
    a = a * 3221225473 & low
    return list(struct.unpack(f"<{count}Q", a.to_bytes(8 * count, "little")))


@functools.lru_cache(32)
def _lanes(count: int) -> tuple[int, int]:
    """1, 1, 1 ... and 0, 1, 2 ... in lanes of 64 bits."""
    ones = int.from_bytes(struct.pack("<Q", 1) * count, "little")
    return ones, int.from_bytes(struct.pack(f"<{count}Q", *range(count)), "little")
