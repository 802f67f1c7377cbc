"""`balance roundrobin`: every server in turn, in proportion to its weight, as evenly spread as integers allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.rotation import Rotation, Turn
from pylb.registry import algorithm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server


class RoundRobin(Algorithm):
    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.main = Rotation()
        self.reserve = Rotation()
        self.update()

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        main = self.main
        tape = main.tape
        if tape and avoid is None:
            at = main.at
            server = tape[at]
            if not server.maxconn or not server.saturated():
                at += 1
                if at == len(tape):
                    at = 0
                    main.lap += 1
                main.at = at
                return server
        if self.active:
            return main.pick(avoid)
        if self.first_backup is not None:
            return self.first_backup
        return self.reserve.pick(avoid) if self.backups else None

    def moved(self, server: Server, old: int, new: int) -> None:
        rotation = self.reserve if server.backup else self.main
        turn = server.lb
        if turn is None:
            turn = server.lb = Turn(server)
        if not self.settled:
            rotation.start(turn, new)
        elif not old:
            rotation.enter(turn, new)
        elif not new:
            rotation.quit(turn)
        else:
            rotation.reweigh(turn, new)


@algorithm("roundrobin")
def roundrobin(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """Each server in turn, in proportion to its weight; weights and states may change at any time.

    The default algorithm. Manual 4.2, `balance`.
    """
    return RoundRobin
