"""The static map: servers laid out in the proportion of their weights, in the order of the file for equal ones.

`balance static-rr` walks it, hashing with `hash-type map-based` indexes it. Weights are divided by their greatest
common divisor, so the map is as long as the sum of what remains. Built anew when a server comes or goes.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.weights import divisor
from pylb.registry import algorithm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server


def spread(weights: list[int], total: int) -> list[int]:
    """Indexes of servers over `total` steps: at each step every server earns its weight, the winner pays the total.

    The winner is the first one with the most whole totals earned. Earnings are not added up one by one: it is known at
    which step a server reaches its next whole total, so a step costs O(log n) instead of O(n).
    """
    if total == 1:
        return [0]
    paid = [0] * len(weights)
    level = [1] * len(weights)  # whole totals earned and not paid yet, plus one: 0 owes
    ready = [(-1, index) for index, weight in enumerate(weights) if weight]
    rises = [(-(-total // weight), index) for index, weight in enumerate(weights) if weight]
    heapq.heapify(ready)
    heapq.heapify(rises)
    order = []
    for step in range(1, total + 1):
        while rises and rises[0][0] <= step:
            _, index = heapq.heappop(rises)
            level[index] += 1
            heapq.heappush(ready, (-level[index], index))
            whole = level[index] - 1 + paid[index]  # totals earned so far
            heapq.heappush(rises, (-(-(whole + 1) * total // weights[index]), index))
        while -ready[0][0] != level[ready[0][1]]:
            heapq.heappop(ready)
        _, index = heapq.heappop(ready)
        order.append(index)
        paid[index] += 1
        level[index] -= 1
        heapq.heappush(ready, (-level[index], index))
    return order


class StaticMap(Algorithm):
    """Base of the algorithms on a map."""

    grows = False
    scaled = False

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.divisor = divisor(server.weight for server in backend.servers)
        self.map: list[Server] = []
        self.index = 0  # of the next one; may stand behind the end, which shows when the map grows
        self.update()

    def moved(self, server: Server, old: int, new: int) -> None:
        if self.settled:
            self.build()

    def settle(self) -> None:
        self.build()

    def build(self) -> None:
        """Lays the map out anew.

        HAProxy gives the map of a first backup server that server's weight as its length, but fills it from all usable
        backup servers; where these have weights, others than the first one take part. The same happens here.
        """
        group = [
            server for server in self.servers if self.weights.get(server) and server.backup is not bool(self.active)
        ]
        weights = [-(-self.weights[server] // self.divisor) for server in group]
        total = sum(weights) if self.first_backup is None else weights[0]
        self.map = [group[index] for index in spread(weights, total)] if group else []

    def walk(self, avoid: Server | None) -> Server | None:
        """The next one in the map that is neither saturated nor to be avoided."""
        servers = self.map
        size = len(servers)
        at = self.index
        second: int | None = None
        for _ in range(size):
            if at >= size:
                at = 0
            server = servers[at]
            at += 1
            if not server.maxconn or not server.saturated():
                if server is not avoid:
                    self.index = at
                    return server
                if second is None:
                    second = at
        if second is None:
            return None
        self.index = second
        return avoid


class StaticRoundRobin(StaticMap):
    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        return self.walk(avoid)


@algorithm("static-rr")
def static_rr(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """Each server in turn by its weight, in a fixed order: changing weights has no effect while it runs.

    Manual 4.2, `balance`.
    """
    return StaticRoundRobin
