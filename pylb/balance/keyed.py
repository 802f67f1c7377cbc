"""What all hashing algorithms share: a key per stream, and the map or the ring that turns its hash into a server.

Streams without the key are spread over the same map or ring in turn, as HAProxy does. While one server alone takes
part, no key is looked for and no turn is counted, but with `rdp-cookie` and `url_param` (`alone` is False; observed).
Each group of servers has a turn of its own: HAProxy 2.6 goes on among the backup servers for a while where they have
just been relieved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.consistent import Ring
from pylb.balance.hashing import Key, address_function, function_of, kind_of
from pylb.balance.static_rr import StaticMap
from pylb.balance.weights import SCALE

if TYPE_CHECKING:
    from pylb.server.server import Server

Reader = Callable[[Any], "bytes | None"]  # stream -> key


class Mapped(StaticMap):
    """`hash-type map-based`: the hash modulo the length of the map."""

    any_server = False
    waits_in_line = False

    def __init__(self, backend: Any, key: Key, alone: bool = True) -> None:
        self.key = key
        self.alone = alone
        super().__init__(backend)

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        servers = self.map or self.laid_out()
        if not servers:
            return None
        if self.used == 1 and self.alone:
            return servers[0]
        value = self.key(stream)
        if value is None:
            return self.walk(avoid)
        return servers[value % len(servers)]


class Consistent(Algorithm):
    """`hash-type consistent`: the nearest point of a ring, bounded by `hash-balance-factor`."""

    any_server = False
    waits_in_line = False

    def __init__(self, backend: Any, key: Key, alone: bool = True) -> None:
        super().__init__(backend)
        self.key = key
        self.alone = alone
        self.main = Ring()
        self.reserve = Ring()
        self.before: dict[Server, int] = {}  # weight of the servers of its kind in front of each; empty: not known
        self.factor = backend.config.get("hash-balance-factor", 0) if backend.config is not None else 0
        choice = backend.config.get("hash-preserve-affinity", "always") if backend.config is not None else "always"
        self.leave: Callable[[Server], bool] | None = _LEAVE[choice]  # whether a server's streams may leave it
        self.update()

    def settle(self) -> None:
        for server in self.servers:
            (self.reserve if server.backup else self.main).capacity[server] = server.weight * SCALE  # down ones, too
        for ring, backup in ((self.main, False), (self.reserve, True)):
            ring.extend(
                {server: weight for server, weight in self.weights.items() if weight and server.backup is backup}
            )

    def forget(self, server: Server) -> None:
        super().forget(server)
        (self.reserve if server.backup else self.main).capacity.pop(server, None)

    def moved(self, server: Server, old: int, new: int) -> None:
        self.before = {}
        if self.settled:
            (self.reserve if server.backup else self.main).change(server, new)

    def replaced(self, server: Server) -> None:
        """The points of the server move where `hash-key` says so."""
        if weight := self.weights.get(server, 0):
            (self.reserve if server.backup else self.main).change(server, weight)

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        if self.active:
            ring = self.main
        elif self.first_backup is not None or not self.backups:
            return self.first_backup
        else:
            ring = self.reserve
        value = 0 if self.used == 1 and self.alone else self.key(stream)
        if value is None:
            return ring.walk(avoid)
        leave = self.leave
        if avoid is None and not self.factor:
            owner = ring.owner(value)
            return owner if leave is None or not leave(owner) else ring.lookup(value, leave, last=True)
        if leave is not None:
            return ring.lookup(
                value, lambda server: server is avoid or leave(server) or not self._fits(server), last=True
            )
        return ring.lookup(value, lambda server: server is avoid or not self._fits(server))

    def _fits(self, server: Server) -> bool:
        return self.factor == 0 or self.room(server)

    def room(self, server: Server) -> bool:
        """Whether one more stream keeps the server within its share of `factor` per cent of the average load."""
        slots = ((self.backend.served + 1) * self.factor + 99) // 100
        per_weight, rest = divmod(slots, self.total)
        before = (self.before or self._add_up())[server]
        weight = self.weights[server]
        share = weight * per_weight + (before + weight) * rest // self.total - before * rest // self.total
        return server.served < max(1, share)

    def _add_up(self) -> dict[Server, int]:
        sums = {False: 0, True: 0}
        before = self.before
        for server in self.servers:
            before[server] = sums[server.backup]
            sums[server.backup] += self.weights.get(server, 0)
        return before


def _without_queue(server: Server) -> bool:
    return bool(server.maxconn and server.maxqueue) and server.saturated() and len(server.queue) >= server.maxqueue


_LEAVE: dict[str, Callable[[Server], bool] | None] = {
    "always": None,
    "maxconn": lambda server: server.saturated(),
    "maxqueue": _without_queue,
}


def by_bytes(reader: Reader, *, alone: bool = True) -> Callable[[Any], Algorithm]:
    """The build function of an algorithm whose key is text."""

    def build(backend: Any) -> Algorithm:
        kind = kind_of(backend.config)
        function = function_of(kind)

        def key(stream: Any) -> int | None:
            data = reader(stream)
            return None if data is None else function(data)

        return Consistent(backend, key, alone) if kind.consistent else Mapped(backend, key, alone)

    return build


def by_address(reader: Reader) -> Callable[[Any], Algorithm]:
    """The build function of an algorithm whose key is a packed address."""

    def build(backend: Any) -> Algorithm:
        kind = kind_of(backend.config)
        function = address_function(kind)

        def key(stream: Any) -> int | None:
            data = reader(stream)
            return None if data is None else function(data)

        return Consistent(backend, key) if kind.consistent else Mapped(backend, key)

    return build
