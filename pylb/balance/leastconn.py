"""`balance leastconn`: the server with the fewest streams for its weight.

A server's load is 0 when it is idle, else (streams + 1) * 256 // weight, served and queued ones together; it is taken
anew whenever a stream is given to the server or leaves it, not when one joins or leaves its queue. Of equally loaded
servers the one whose load changed longest ago is taken, so idle ones take turns.

The heap holds one entry per server that is never later than its true place: a load that grows is only noted, and the
entry moved when it comes to the top; one that shrinks below its entry gets a new entry at once.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.weights import EFFECTIVE_MAX
from pylb.registry import algorithm

if TYPE_CHECKING:
    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server

Entry = tuple[int, int, "Load"]


class Load:
    """A server's true place (`key`, `order`) and the only valid entry of it in the heap."""

    __slots__ = ("entry", "key", "order", "server", "weight")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.weight = 0
        self.key = 0
        self.order = 0
        self.entry: Entry | None = None


class Loads:
    """The servers of one group by load."""

    __slots__ = ("heap", "order", "size")

    def __init__(self) -> None:
        self.heap: list[Entry] = []
        self.order = 0
        self.size = 0

    def place(self, load: Load) -> None:
        """The number of streams, or the weight, has changed: the server goes behind its equals."""
        server = load.server
        streams = server.served + (server.queue.length if server.queue is not None else 0)
        key = (streams + 1) * EFFECTIVE_MAX // load.weight if streams else 0
        entry = load.entry
        if entry is not None and key == load.key:
            return
        self.order += 1
        load.key = key
        load.order = self.order
        if entry is None or key < entry[0]:
            load.entry = (key, self.order, load)
            heapq.heappush(self.heap, load.entry)
            if len(self.heap) > 2 * self.size + 64:
                self.heap = [kept for kept in self.heap if kept[2].entry is kept]
                heapq.heapify(self.heap)

    def least(self, avoid: Server | None) -> Server | None:
        heap = self.heap
        passed: list[Entry] = []
        chosen: Server | None = None
        while heap:
            entry = heap[0]
            order, load = entry[1], entry[2]
            if load.entry is not entry:
                heapq.heappop(heap)
                continue
            if order != load.order:
                load.entry = (load.key, load.order, load)
                heapq.heapreplace(heap, load.entry)
                continue
            server = load.server
            if not server.maxconn or server.served + server.queue.length < server.limit() + server.maxqueue:
                chosen = server
                if server is not avoid:
                    break
            passed.append(heapq.heappop(heap))
        for entry in passed:
            heapq.heappush(heap, entry)
        return chosen


class LeastConn(Algorithm):
    waits_in_line = False  # with `maxqueue` a server may take newcomers into its own queue

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.main = Loads()
        self.reserve = Loads()
        self.took = self.dropped = self.replace
        self.update()

    def replace(self, server: Server) -> None:
        load = server.lb
        if load is not None and load.weight:
            (self.reserve if server.backup else self.main).place(load)

    def moved(self, server: Server, old: int, new: int) -> None:
        loads = self.reserve if server.backup else self.main
        load = server.lb
        if load is None:
            load = server.lb = Load(server)
        if new and not old:
            loads.size += 1
        elif old and not new:
            loads.size -= 1
        load.weight = new
        load.entry = None
        if new:
            loads.place(load)

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        if self.active:
            return self.main.least(avoid)
        if self.first_backup is not None:
            return self.first_backup
        return self.reserve.least(avoid) if self.backups else None


@algorithm("leastconn")
def leastconn(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The server with the fewest streams in proportion to its weight; for long ones. Manual 4.2, `balance`."""
    return LeastConn
