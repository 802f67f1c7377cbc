"""`balance first`: the first server, by id, that has a free slot; so that unneeded ones can be switched off.

Servers that were found full are taken out of the heap of candidates and come back when one of their streams ends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.registry import algorithm

if TYPE_CHECKING:
    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server


class Candidates:
    """Servers of one group that may have a free slot, by id. Entries of those that have left go when they come up."""

    __slots__ = ("heap", "inside")

    def __init__(self) -> None:
        self.heap: list[tuple[int, int, Server]] = []
        self.inside: set[Server] = set()

    def add(self, server: Server) -> None:
        if server not in self.inside:
            self.inside.add(server)
            heapq.heappush(self.heap, (server.id, server.number, server))
            if len(self.heap) > 2 * len(self.inside) + 64:
                self.heap = sorted({entry for entry in self.heap if entry[2] in self.inside})

    def leave(self, server: Server) -> None:
        self.inside.discard(server)

    def forget(self, server: Server) -> None:
        """It is removed from the backend: another one may come with its id."""
        self.inside.discard(server)
        self.heap = sorted(entry for entry in self.heap if entry[2] is not server)

    def first(self, avoid: Server | None) -> Server | None:
        heap = self.heap
        inside = self.inside
        second = False
        kept: list[tuple[int, int, Server]] = []
        found: Server | None = None
        while heap:
            entry = heap[0]
            server = entry[2]
            if server not in inside:
                heapq.heappop(heap)
                continue
            if server.maxconn and server.saturated():
                heapq.heappop(heap)
                if server.minconn != server.maxconn:
                    kept.append(entry)  # its limit grows with the backend's load, without a word
                else:
                    inside.discard(server)
                continue
            if server is avoid:
                second = True
                kept.append(heapq.heappop(heap))
                continue
            found = server
            break
        for entry in kept:
            heapq.heappush(heap, entry)
        return found if found is not None or not second else avoid


class First(Algorithm):
    scaled = False

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.main = Candidates()
        self.reserve = Candidates()
        self.dropped = self.freed
        self.update()

    def freed(self, server: Server) -> None:
        if self.weights.get(server):
            (self.reserve if server.backup else self.main).add(server)

    def update(self, server: Server | None = None) -> None:
        """Also called when a limit has changed: whoever was full may not be any more."""
        super().update(server)
        for each in self.servers if server is None else (server,):
            self.freed(each)

    def forget(self, server: Server) -> None:
        super().forget(server)
        (self.reserve if server.backup else self.main).forget(server)

    def moved(self, server: Server, old: int, new: int) -> None:
        if not new:
            (self.reserve if server.backup else self.main).leave(server)

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        if self.active:
            return self.main.first(avoid)
        if self.first_backup is not None:
            return self.first_backup
        return self.reserve.first(avoid) if self.backups else None


@algorithm("first")
def first(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The server with the lowest id that is not at its `maxconn`. Weights do not matter. Manual 4.2, `balance`."""
    return First
