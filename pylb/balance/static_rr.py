"""The static map: servers laid out in the proportion of their weights, in the order of the file for equal ones.

`balance static-rr` walks it, hashing with `hash-type map-based` indexes it. Weights are divided by their greatest
common divisor, so the map is as long as the sum of what remains. Built anew when a server comes or goes: at once, or,
when it is long, in slices beside the traffic, which goes by the old map until then, without whoever has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.balance.algorithm import Algorithm
from pylb.balance.spread import SLICE, lay, spread
from pylb.balance.weights import divisor
from pylb.registry import algorithm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server


AT_ONCE: Final = 2 * SLICE  # longest map that is built while everybody waits
PAUSE: Final = 0.002  # seconds between two slices


class StaticMap(Algorithm):
    """Base of the algorithms on a map."""

    grows = False
    scaled = False

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.divisor = divisor(server.weight for server in backend.servers)
        self.map: list[Server] = []  # empty: `laid_out` tells
        self.old: list[Server] = []  # the map until something changed
        self.gone: set[Server] = set()  # who has left since
        self.changed = True
        self.members = 0
        self.index = 0  # of the next one; may stand behind the end, which shows when the map grows
        self.work: Iterator[None] | None = None  # a map that is being built
        self.again = False  # something has changed since that was begun
        self.update()

    def moved(self, server: Server, old: int, new: int) -> None:
        if not self.changed:
            self.changed = True
            self.old = self.map
            self.map = []
        if new:
            self.gone.discard(server)
        else:
            self.gone.add(server)

    def laid_out(self) -> list[Server]:
        """The map as it is now, built anew when something has changed; empty without servers.

        HAProxy gives the map of a first backup server that server's weight as its length, but fills it from all usable
        backup servers; where these have weights, others than the first one take part. The same happens here.
        """
        if not self.changed:
            return self.map
        self.changed = False
        backup = not self.active
        counted = self.weights
        group = [server for server in self.servers if counted.get(server) and server.backup is backup]
        self.members = len(group)
        weights = [-(-counted[server] // self.divisor) for server in group]
        total = sum(weights) if self.first_backup is None or not group else weights[0]
        old, self.old = self.old, []
        gone, self.gone = self.gone, set()
        if total > AT_ONCE and min(weights) < max(weights) and old and old[0].backup is backup and _in_a_loop():
            self.map = _without(old, gone)
            if self.map:
                if self.work is None:
                    self._begin(group, weights, total)
                else:
                    self.again = True
                return self.map
        self.work = None
        self.map = spread(group, weights, total) if group else []
        return self.map

    def _begin(self, group: list[Server], weights: list[int], total: int) -> None:
        """Builds a map in slices. What changes meanwhile is for the next one, but who leaves is not on this one."""
        loop = asyncio.get_running_loop()
        servers: list[Server] = []
        work = self.work = lay(group, weights, total, servers)

        def step() -> None:
            if self.work is not work:
                return
            for _ in work:
                loop.call_later(PAUSE, step)
                return
            self.work = None
            ready = _without(servers, {server for server in group if not self.weights.get(server)})
            if self.changed or self.again:
                self.again = False
                self.changed = True
                self.old, self.map = ready, []
            else:
                self.map = ready

        loop.call_soon(step)

    def walk(self, avoid: Server | None) -> Server | None:
        """The next one in the map that is neither saturated nor to be avoided."""
        servers = self.map or self.laid_out()
        size = len(servers)
        at = self.index
        second: int | None = None
        full: set[Server] | None = None
        for _ in range(size):
            if at >= size:
                at = 0
            server = servers[at]
            at += 1
            if full is not None and server in full:
                continue
            if not server.maxconn or not server.saturated():
                if server is not avoid:
                    self.index = at
                    return server
                if second is None:
                    second = at
            elif full is None:
                full = {server}
            else:
                full.add(server)
                if len(full) == self.members:
                    break
        if second is None:
            return None
        self.index = second
        return avoid


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _without(servers: list[Server], gone: set[Server]) -> list[Server]:
    """The map with the places of those who have left given to the ones before them."""
    before = next((server for server in reversed(servers) if server not in gone), None)
    if before is None or not gone:
        return [] if before is None else servers
    kept = []
    for server in servers:
        if server not in gone:
            before = server
        kept.append(before)
    return kept


class StaticRoundRobin(StaticMap):
    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        return self.walk(avoid)


@algorithm("static-rr")
def static_rr(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """Each server in turn by its weight, in a fixed order: changing weights has no effect while it runs.

    Manual 4.2, `balance`.
    """
    return StaticRoundRobin
