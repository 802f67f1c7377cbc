"""The ring of `hash-type consistent`: every server owns sixteen points per unit of weight, a key goes to the nearest.

Point number n of the server with id s stands at mix(s * 4096 + n), mix being Bob Jenkins' full-avalanche integer hash
times a large prime. A key takes the closer of its two neighbours, the lower one on a tie. When a server leaves, only
its keys move (configuration manual 4.2 `hash-type`; the positions are compared with the real program).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from pylb.balance.weights import EFFECTIVE_MAX
from pylb.sample.hashes import avalanche

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.server.server import Server

_SPACE: Final = 1 << 32


class Ring:
    """Points of one group of servers. Looking up costs two bisections; a change costs a pass over the points."""

    __slots__ = ("keys", "last", "owners")

    def __init__(self) -> None:
        self.keys: list[int] = []  # sorted
        self.owners: list[Server] = []
        self.last = -1  # key where the walk of key-less streams stands

    def extend(self, weights: dict[Server, int]) -> None:
        """Adds the points of several servers at once."""
        self._rebuild([*zip(self.keys, self.owners, strict=True), *_points(weights, {})])

    def change(self, server: Server, old: int, new: int) -> None:
        """A server's weight went from `old` to `new` points."""
        if new > old:
            self._rebuild([*zip(self.keys, self.owners, strict=True), *_points({server: new}, {server: old})])
            return
        gone = {avalanche(server.id * EFFECTIVE_MAX + number) for number in range(new, old)}
        kept = [
            (key, owner)
            for key, owner in zip(self.keys, self.owners, strict=True)
            if owner is not server or key not in gone
        ]
        walked = self.last >= 0 and self.owners[bisect_left(self.keys, self.last)] is server and self.last in gone
        self._split(kept)
        if walked and kept:
            # As in HAProxy, the walk then stands on the next point, whose owner is thus passed over once.
            self.last = self.keys[bisect_right(self.keys, self.last) % len(kept)]

    def _rebuild(self, points: list[tuple[int, Server]]) -> None:
        points.sort(key=_position)
        self._split(points)

    def _split(self, points: list[tuple[int, Server]]) -> None:
        self.keys = [key for key, _ in points]
        self.owners = [owner for _, owner in points]

    def nearest(self, value: int) -> int:
        """Index of the point closest to `value`; the ring must not be empty."""
        keys = self.keys
        size = len(keys)
        after = bisect_left(keys, value)
        before = bisect_right(keys, value) - 1  # -1 is the last point: the ring is closed
        if after == size:
            after = 0
        if (value - keys[before]) % _SPACE <= (keys[after] - value) % _SPACE:
            return before % size
        return after

    def lookup(self, value: int, refused: Callable[[Server], bool] | None = None, *, last: bool = False) -> Server:
        """The owner of the nearest point, or of the next ones upwards while `refused(owner)`; if all are, the first, or
        the `last` one."""
        at = self.nearest(value)
        owners = self.owners
        owner = owners[at]
        if refused is None or not refused(owner):
            return owner
        size = len(owners)
        seen = {owner}
        final = owner
        for _ in range(size - 1):
            at += 1
            if at == size:
                at = 0
            other = owners[at]
            if other not in seen:
                if not refused(other):
                    return other
                seen.add(other)
                final = other
        return final if last else owner

    def walk(self, avoid: Server | None) -> Server | None:
        """The owner of the point behind the last one walked to, passing over saturated servers."""
        keys, owners = self.keys, self.owners
        size = len(keys)
        at = bisect_right(keys, self.last) if self.last >= 0 else 0
        second = -1
        for step in range(size):
            index = (at + step) % size
            owner = owners[index]
            if owner.maxconn and owner.saturated():
                continue
            if owner is not avoid:
                self.last = keys[index]
                return owner
            if second < 0:
                second = index
        if second < 0:
            return None
        self.last = keys[second]
        return avoid


def _points(weights: dict[Server, int], known: dict[Server, int]) -> list[tuple[int, Server]]:
    return [
        (avalanche(server.id * EFFECTIVE_MAX + number), server)
        for server, weight in weights.items()
        for number in range(known.get(server, 0), weight)
    ]


def _position(point: tuple[int, Server]) -> int:
    return point[0]
