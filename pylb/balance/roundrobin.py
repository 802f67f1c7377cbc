"""`balance roundrobin`: every server in turn, in proportion to its weight, as evenly spread as integers allow.

Time is counted in picks. A server of weight w among a total W is due every W/w picks: after each pick its next
position is W//w further, and the remainder is carried over. Servers due within the current round wait in `current`,
ordered by position (heavier servers first where positions are equal); those that fall beyond it wait in `later`,
ordered by weight, and start afresh in the next round. Thus changes of weights take effect smoothly from the next
round on and the order is that of HAProxy, pick by pick (compared in tests/differential/test_balance.py).
A pick costs one replace in a heap.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.weights import EFFECTIVE_MAX, SCALE
from pylb.registry import algorithm

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server

Entry = tuple[int, int, "Turn"]


class Turn:
    """A server's place in the rotation.

    # Invariant: `entry` is the only valid tuple for it in the heap `home`; all others are stale and skipped.
    """

    __slots__ = ("carry", "entry", "home", "last", "position", "server", "weight")

    def __init__(self, server: Server) -> None:
        self.server = server
        self.weight = 0
        self.position = 0  # when it is due next; 0: never placed yet
        self.last = 0  # when it was due last
        self.carry = 0  # remainder of the division, in units of its weight
        self.entry: Entry | None = None
        self.home: list[Entry] | None = None


class Rotation:
    """The rotation of one group of servers (active, or backup). A round runs from position `weight` to twice that."""

    __slots__ = ("current", "fresh", "later", "position", "sequence", "upcoming", "weight")

    def __init__(self) -> None:
        self.current: list[Entry] = []  # due in this round, by position
        self.fresh: list[Entry] = []  # not placed yet in this round, by weight
        self.later: list[Entry] = []  # will be `fresh` in the next round
        self.position = 0
        self.weight = 0  # total weight of this round
        self.upcoming = 0  # total weight as it is now, in force from the next round on
        self.sequence = 0

    # -- picking ------------------------------------------------------------------------------------------------

    def pick(self, avoid: Server | None) -> Server | None:
        if not self.weight:
            self.position = self.weight = self.upcoming
        turned = False
        skipped: list[Turn] = []
        avoided: Turn | None = None
        chosen: Turn | None = None
        while True:
            turn = self._next()
            if turn is None and not turned:
                turned = True
                self._turn_round()
                turn = self._next()
            if turn is None:
                chosen = avoided
                break
            self._advance(turn)
            server = turn.server
            if not server.maxconn or not server.saturated():
                if server is not avoid or avoided is not None:
                    chosen = turn
                    break
                avoided = turn
            skipped.append(turn)
        if chosen is not None:
            self._place(chosen)
        for turn in reversed(skipped):
            if turn is chosen:
                continue
            if turned:
                self._push(self.fresh, EFFECTIVE_MAX - turn.weight, turn)
            else:
                self._place(turn)
        return chosen.server if chosen is not None else None

    def _next(self) -> Turn | None:
        """Who is due; else the heaviest that has not been placed yet; else whoever comes first. Taken out."""
        first = _head(self.current)
        if first is None or first.position > self.position:
            newcomer = _head(self.fresh)
            if newcomer is not None:
                newcomer.position = newcomer.carry = 0
                first = newcomer
        if first is not None:
            assert first.home is not None
            heapq.heappop(first.home)
            first.entry = first.home = None
        return first

    def _turn_round(self) -> None:
        self.fresh, self.later = self.later, self.fresh
        self.weight = self.position = self.upcoming

    def _advance(self, turn: Turn) -> None:
        """Counts a pick: the server's next position is a share of the round further on."""
        step, rest = divmod(self.upcoming, turn.weight)
        turn.last = turn.position or self.position
        turn.position = turn.last + step
        turn.carry += rest
        if turn.carry >= turn.weight:
            turn.carry -= turn.weight
            turn.position += 1
        self.position += 1

    def _place(self, turn: Turn) -> None:
        position, weight = turn.position, self.weight
        if position >= 2 * weight or position >= weight + self.upcoming:
            turn.position = position - weight
            self._push(self.later, EFFECTIVE_MAX - turn.weight, turn)
        else:
            key = position * EFFECTIVE_MAX // SCALE + (EFFECTIVE_MAX + turn.carry - turn.weight) // SCALE
            self._push(self.current, key, turn)

    def _push(self, heap: list[Entry], key: int, turn: Turn) -> None:
        self.sequence += 1
        turn.entry = (key, self.sequence, turn)
        turn.home = heap
        heapq.heappush(heap, turn.entry)

    # -- changes --------------------------------------------------------------------------------------------------

    def enter(self, turn: Turn, weight: int) -> None:
        """A server comes (back) up: it is due after its share of what is left of the round."""
        turn.weight = weight
        self.upcoming += weight
        left = self.upcoming + self.weight - self.position
        turn.position = self.position + left // weight
        self._place(turn)

    def start(self, turn: Turn, weight: int) -> None:
        """At start, servers are lined up by weight before the first round."""
        turn.weight = weight
        self.upcoming += weight
        self._push(self.fresh, EFFECTIVE_MAX - weight, turn)

    def quit(self, turn: Turn) -> None:
        self.upcoming -= turn.weight
        turn.entry = turn.home = None

    def reweigh(self, turn: Turn, weight: int) -> None:
        """A weight changes while the server is up: from here on it is due by its new share, never later than it was."""
        self.upcoming += weight - turn.weight
        turn.weight = weight
        if turn.home is self.fresh:
            self._push(self.fresh, EFFECTIVE_MAX - weight, turn)
            return
        due = turn.position + (self.weight if turn.home is self.later else 0)
        step = self.upcoming // weight
        turn.position = min(turn.last + step, due)
        turn.carry = 0
        if turn.position < self.position + 2:
            turn.position = self.position + step
        self._place(turn)


def _head(heap: list[Entry]) -> Turn | None:
    while heap:
        entry = heap[0]
        if entry[2].entry is entry:
            return entry[2]
        heapq.heappop(heap)
    return None


class RoundRobin(Algorithm):
    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.main = Rotation()
        self.reserve = Rotation()
        self.update()

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        if self.active:
            return self.main.pick(avoid)
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
