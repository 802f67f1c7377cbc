"""The ring of `hash-type consistent`: every server owns sixteen points per unit of weight, a key goes to the nearest.

A key takes the closer of its two neighbours, the lower one on a tie. When a server leaves, only its keys move
(configuration manual 4.2 `hash-type`; positions, and the order of points that coincide, are compared with the real
program). Where a server's points stand is told by balance/ring_points.py.

The points stand in blocks of a few hundred, in order, so that a change of one server costs two bisections and a short
move of memory for each of its points, never a pass over those of all others: 1,000 servers of weight 100 have
1.6 million points; one of them leaves in 2 ms.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from pylb.balance.ring_points import base_of, points

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.server.server import Server

_SPACE: Final = 1 << 32

CROWD: Final = 100_000  # points from which on memory counts more than a tenth of a microsecond
BLOCK: Final = 512  # points of a block when the ring is made; a block of twice as many is cut in two


class Ring:
    """Points of one group of servers. # Invariant: no block is empty; `tops[n]` is the last key of block n."""

    __slots__ = ("bases", "capacity", "keys", "last", "owners", "size", "tops", "weights")

    def __init__(self) -> None:
        self.keys: list[list[int] | array[int]] = []  # per block, sorted
        self.owners: list[list[Server]] = []
        self.tops: list[int] = []
        self.weights: dict[Server, int] = {}  # points of each server that has any
        self.bases: dict[Server, int] = {}  # what their places were computed from
        self.capacity: dict[Server, int] = {}  # most points that each server has had yet
        self.size = 0
        self.last: tuple[int, Server] | None = None  # the point where the walk of key-less streams stands

    # -- changes --------------------------------------------------------------------------------------------------

    def extend(self, weights: dict[Server, int]) -> None:
        """The points of several servers at once; the ring is empty. Earlier servers go first where points coincide."""
        servers = list(weights)
        shift = len(servers).bit_length()
        self.bases = {server: base_of(server) for server in servers}
        mixed = [
            key << shift | at
            for at, server in enumerate(servers)
            for key in points(self.bases[server], 0, weights[server])
        ]
        mixed.sort()
        mask = (1 << shift) - 1
        for start in range(0, len(mixed), BLOCK):
            part = mixed[start : start + BLOCK]
            keys = [each >> shift for each in part]
            self.keys.append(keys if len(mixed) < CROWD else array("I", keys))
            self.owners.append([servers[each & mask] for each in part])
            self.tops.append(part[-1] >> shift)
        self.size = len(mixed)
        self.weights = dict(weights)
        self.capacity |= weights

    def change(self, server: Server, new: int) -> None:
        """A server has `new` points from now on; all of them move where what places them is another (`hash-key`)."""
        old = self.weights.get(server, 0)
        base = base_of(server)
        most = self.capacity.get(server, 0)
        if new > most:
            self.capacity[server] = new
        if old and (self.bases[server] != base or new > most):
            # More than ever: HAProxy makes room, and takes all points off meanwhile, which moves the walk.
            self._drop(server, self.bases[server], 0, old)
            old = 0
        if new > old:
            for key in points(base, old, new):
                self._insert(key, server)
        else:
            self._drop(server, base, new, old)
        if new:
            self.weights[server] = new
            self.bases[server] = base
        else:
            self.weights.pop(server, None)
            self.bases.pop(server, None)

    def _drop(self, server: Server, base: int, start: int, stop: int) -> None:
        for key in reversed(points(base, start, stop)):
            self._remove(key, server)

    def _insert(self, key: int, server: Server) -> None:
        tops = self.tops
        self.size += 1
        if not tops:
            self.keys.append([key])
            self.owners.append([server])
            tops.append(key)
            return
        block = bisect_right(tops, key)
        if block == len(tops):
            block -= 1
            tops[block] = key
        keys = self.keys[block]
        at = bisect_right(keys, key)
        keys.insert(at, key)
        self.owners[block].insert(at, server)
        if len(keys) >= 2 * BLOCK:
            owners = self.owners[block]
            self.keys[block : block + 1] = [keys[:BLOCK], keys[BLOCK:]]
            self.owners[block : block + 1] = [owners[:BLOCK], owners[BLOCK:]]
            tops.insert(block, keys[BLOCK - 1])

    def _find(self, key: int, server: Server) -> tuple[int, int]:
        """Block and index of a point that is there."""
        block = bisect_left(self.tops, key)
        at = bisect_left(self.keys[block], key)
        while self.owners[block][at] is not server:
            block, at = self._after(block, at)
        return block, at

    def _after(self, block: int, at: int) -> tuple[int, int]:
        at += 1
        if at < len(self.owners[block]):
            return block, at
        block += 1
        return (block, 0) if block < len(self.owners) else (0, 0)

    def _remove(self, key: int, server: Server) -> None:
        block, at = self._find(key, server)
        keys = self.keys[block]
        del keys[at]
        del self.owners[block][at]
        self.size -= 1
        if not keys:
            del self.keys[block], self.owners[block], self.tops[block]
            at = 0
        elif at == len(keys):
            self.tops[block] = keys[-1]
        if self.last is not None and self.last[1] is server and self.last[0] == key:
            # As in HAProxy, the walk then stands on the next point, whose owner is thus passed over once.
            if block < len(self.keys) and at == len(self.keys[block]):
                block, at = block + 1, 0
            if block == len(self.keys):
                block = 0
            self.last = (self.keys[block][at], self.owners[block][at]) if self.size else None

    # -- looking up -----------------------------------------------------------------------------------------------

    def _nearest(self, value: int) -> tuple[int, int]:
        """Block and index of the point closest to `value`; the ring must not be empty."""
        every = self.keys
        block = bisect_right(self.tops, value)
        at = bisect_right(every[block], value) - 1 if block < len(every) else -1
        if at < 0:  # the point before is the last of the block before, or of the ring, which is closed
            block = (block or len(every)) - 1
            at = len(every[block]) - 1
        before = (value - every[block][at]) % _SPACE
        if not before:
            return block, at
        after = self._after(block, at)
        return (block, at) if before <= (every[after[0]][after[1]] - value) % _SPACE else after

    def owner(self, value: int) -> Server:
        """The owner of the nearest point."""
        every = self.keys
        block = bisect_left(self.tops, value)
        if block < len(every):
            keys = every[block]
            at = bisect_left(keys, value)
            if at:
                after = keys[at] - value
                if after:
                    return self.owners[block][at - 1 if value - keys[at - 1] <= after else at]
        block, at = self._nearest(value)
        return self.owners[block][at]

    def lookup(self, value: int, refused: Callable[[Server], bool], *, last: bool = False) -> Server:
        """The owner of the nearest point, or of the next ones upwards while `refused(owner)`; if all are, the first, or
        the `last` one."""
        block, at = self._nearest(value)
        first = final = self.owners[block][at]
        if not refused(first):
            return first
        seen = {first}
        everybody = len(self.weights)
        while len(seen) < everybody:
            block, at = self._after(block, at)
            other = self.owners[block][at]
            if other not in seen:
                if not refused(other):
                    return other
                seen.add(other)
                final = other
        return final if last else first

    def walk(self, avoid: Server | None) -> Server | None:
        """The owner of the point behind the last one walked to, passing over saturated servers."""
        block, at = (0, 0) if self.last is None else self._after(*self._find(*self.last))
        passed: set[Server] = set()
        second: tuple[int, int] | None = None
        everybody = len(self.weights)
        while len(passed) < everybody:
            owner = self.owners[block][at]
            if owner not in passed:
                if not owner.maxconn or not owner.saturated():
                    if owner is not avoid:
                        self.last = self.keys[block][at], owner
                        return owner
                    second = block, at
                passed.add(owner)
            block, at = self._after(block, at)
        if second is None:
            return None
        self.last = self.keys[second[0]][second[1]], self.owners[second[0]][second[1]]
        return avoid
