"""What a balancing algorithm is, and which servers take part.

An algorithm picks among the active servers; when none is usable, the first usable backup server alone takes all, or
all backup servers together with `option allbackups`. `choose` returns None when every server in question is
saturated (the stream waits in the backend's queue) or when there is none at all (`total` is 0 then).
The room knows servers as records (server/server.py) and never changes their state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylb.records.proxy import Backend
    from pylb.server.server import Server


class Algorithm:
    """Chooses servers of one backend. Lives as long as the compiled program.

    `took` and `dropped` are None, or are called after a server's `served` has changed.
    `any_server` says that no server is meant for a certain key, so a retry may as well go to another one.
    `waits_in_line`: while streams wait in the backend's queue, newcomers wait behind them and are not offered a server.
    """

    any_server = True
    waits_in_line = True
    grows = True  # servers may be added while it runs
    scaled = True  # works with effective weights (slow start); static ones use the user's
    took: Any = None
    dropped: Any = None

    def __init__(self, backend: Backend | Any) -> None:
        self.backend = backend
        self.servers: list[Server] = backend.servers
        config = backend.config
        self.all_backups = bool(config is not None and config.option("allbackups"))
        self.total = 0  # weight of the servers that take part now
        self.active = 0  # usable servers that are not backups
        self.backups = 0  # usable backups
        self.used = 0  # servers that take part now
        self.first_backup: Server | None = None
        self._foremost: Server | None = None  # the first usable backup
        self._weight = self._backup_weight = 0
        self.settled = False  # True once all servers have been seen
        self.weights: dict[Server, int] = {}  # weight each server takes part with, as last counted

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        """The server for this stream; `avoid` has just failed, and is taken only when there is no other."""
        raise NotImplementedError

    def update(self, server: Server | None = None) -> None:
        """A server's state or weight has changed (None: look at all)."""
        changed = []
        weights = self.weights
        for each in self.servers if server is None else (server,):
            old, new = weights.get(each, 0), self.weight(each)
            if old != new:
                weights[each] = new
                self._count(each, old, new)
                changed.append((each, old, new))
        if changed:
            self._sum_up()
            for each, old, new in changed:
                self.moved(each, old, new)
        if not self.settled:
            self.settled = True
            self.settle()

    def weight(self, server: Server) -> int:
        """The weight a server takes part with, 0 when it does not."""
        if not server.usable:
            return 0
        return server.eweight if self.scaled else server.weight

    def _count(self, server: Server, old: int, new: int) -> None:
        comes = bool(new) - bool(old)
        if not server.backup:
            self.active += comes
            self._weight += new - old
            return
        self.backups += comes
        self._backup_weight += new - old
        first = self._foremost
        if comes > 0:
            if first is None or server.number < first.number:
                self._foremost = server
        elif server is first and not new:
            weights = self.weights
            self._foremost = next((each for each in self.servers if each.backup and weights.get(each)), None)

    def _sum_up(self) -> None:
        first = self.first_backup = None if self.active or self.all_backups else self._foremost
        self.used = self.active or (1 if first is not None else self.backups)
        if self.active:
            self.total = self._weight
        elif first is not None:
            self.total = self.weights[first]
        else:
            self.total = self._backup_weight

    def moved(self, server: Server, old: int, new: int) -> None:
        """Hook: the weight of `server` went from `old` to `new`; counts are up to date."""

    def replaced(self, server: Server) -> None:
        """Hook: the address of `server` is another one now."""

    def settle(self) -> None:
        """Hook: every server has been seen for the first time."""

    def forget(self, server: Server) -> None:
        """A server that does not take part any more is removed from the backend (its servers no longer hold it)."""
        self.weights.pop(server, None)
        server.lb = None

    def serves(self, server: Server) -> bool:
        """Whether new streams go to this server now."""
        if not self.weights.get(server):
            return False
        if not server.backup:
            return True
        return not self.active and (self.all_backups or server is self.first_backup)

    def group(self) -> list[Server]:
        """The servers that take part now, in the order of the file."""
        if self.first_backup is not None:
            return [self.first_backup]
        backup = not self.active
        weights = self.weights
        return [server for server in self.servers if weights.get(server) and server.backup is backup]
