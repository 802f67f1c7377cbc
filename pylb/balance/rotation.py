"""The rotation behind `balance roundrobin`: in what order servers of different weights take turns.

Time is counted in picks. A server of weight w among a total W is due every W/w picks: after each pick its next
position is W//w further, and the remainder is carried over. Servers due within the current round wait in `current`,
ordered by position (heavier servers first where positions are equal); those that fall beyond it wait in `later`,
ordered by weight, and start afresh in the next round. Thus changes of weights take effect smoothly from the next
round on and the order is that of HAProxy, pick by pick (compared in tests/differential/test_balance.py).
A pick costs a pop and a push, and next to nothing once a round repeats itself.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final

from pylb.balance.weights import EFFECTIVE_MAX, SCALE

if TYPE_CHECKING:
    from pylb.server.server import Server

Entry = tuple[int, int, "Turn"]

TAPE_MAX: Final = 4096  # picks that are recorded; leaving a tape plays it again up to where it stands


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
    """The rotation of one group of servers (active, or backup). A round runs from position `weight` to twice that.

    A round that ends in the line-up it began with repeats itself pick by pick until something changes, so it is kept as
    a `tape` and picks just read it on. Whatever is not an ordinary pick (a change, a full server, one to avoid) first
    brings the heaps to where the tape stands.
    """

    __slots__ = (
        "at",
        "current",
        "fresh",
        "lap",
        "later",
        "lineup",
        "position",
        "record",
        "sequence",
        "tape",
        "upcoming",
        "weight",
    )

    def __init__(self) -> None:
        self.current: list[Entry] = []  # due in this round, by position
        self.fresh: list[Entry] = []  # not placed yet in this round, by weight
        self.later: list[Entry] = []  # will be `fresh` in the next round
        self.position = 0
        self.weight = 0  # total weight of this round
        self.upcoming = 0  # total weight as it is now, in force from the next round on
        self.sequence = 0
        self.tape: list[Server] = []  # the picks of a round, or of one lap of it where all weights are equal
        self.at = 0  # next pick on the tape
        self.lap = 0  # laps over the tape
        self.lineup: list[Turn] = []  # order in which servers stood when the recorded round began
        self.record: list[Server] | None = None  # picks of this round so far, None when it is not recorded

    # -- picking ------------------------------------------------------------------------------------------------

    def pick(self, avoid: Server | None) -> Server | None:
        if self.tape:
            self.leave_tape()
        if not self.weight:
            self.position = self.weight = self.upcoming
            self._begin_record()
        turned = False
        skipped: list[Turn] = []
        avoided: Turn | None = None
        chosen: Turn | None = None
        while True:
            turn = self._next()
            if turn is None and not turned:
                turned = True
                self._turn_round()
                if self.tape:
                    first = self.tape[0]
                    if avoid is None and not skipped and not (first.maxconn and first.saturated()):
                        self.advance_tape()
                        return first
                    self.tape = []  # this pick is no ordinary one, and the heaps still stand as the tape begins
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
        if skipped or chosen is None:
            self.record = None
            self._put_back(skipped, chosen, turned)
        elif self.record is not None:
            self.record.append(chosen.server)
        return chosen.server if chosen is not None else None

    def advance_tape(self) -> None:
        self.at += 1
        if self.at == len(self.tape):
            self.at = 0
            self.lap += 1

    def _put_back(self, skipped: list[Turn], chosen: Turn | None, turned: bool) -> None:
        """Servers that were passed over: as if they had served, or to the start of the round begun meanwhile."""
        for turn in reversed(skipped):
            if turn is chosen:
                continue
            if turned:
                self._push(self.fresh, EFFECTIVE_MAX - turn.weight, turn)
            else:
                self._place(turn)

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
        before, record = self.lineup, self.record
        complete = record is not None and len(record) == self.weight == self.upcoming
        self.fresh, self.later = self.later, self.fresh
        self.weight = self.position = self.upcoming
        self._begin_record()
        if complete and record is not None and self.lineup == before:
            equal = len({turn.weight for turn in before}) == 1
            self.tape = record[: len(before)] if equal else record
            self.at = self.lap = 0
            self.record = None

    def _begin_record(self) -> None:
        self.lineup = [entry[2] for entry in sorted(self.fresh, key=_rank) if entry[2].entry is entry]
        equal = len({turn.weight for turn in self.lineup}) == 1
        self.record = [] if self.weight <= TAPE_MAX or equal else None

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

    # -- from the tape back to the heaps --------------------------------------------------------------------------

    def leave_tape(self) -> None:
        """Places every server where the picks read from the tape have brought it."""
        picks = (self.lap * len(self.tape) + self.at) % self.weight
        if not picks and self.lap:
            picks = self.weight  # the end of a round: the next one begins with the next pick, by the weights of then
        equal = len(self.tape) == len(self.lineup)
        self.tape = []
        self.record = None
        self.current, self.fresh, self.later = [], [], []
        self.position = self.weight
        for turn in self.lineup:
            self._push(self.fresh, EFFECTIVE_MAX - turn.weight, turn)
        if equal:
            self._skip_laps(picks)
            return
        for _ in range(picks):
            due = self._next()
            assert due is not None
            self._advance(due)
            self._place(due)

    def _skip_laps(self, picks: int) -> None:
        """Equal weights: the state after so many picks, without playing them."""
        size = len(self.lineup)
        laps, rest = divmod(picks, size)
        first = self.weight
        self.position = first + picks
        for index in [*range(rest, size), *range(rest)]:  # in the order of their last picks
            served = laps + (index < rest)
            if served:
                turn = self.lineup[index]
                turn.entry = turn.home = None
                turn.carry = 0
                turn.position = first + index + served * size
                turn.last = turn.position - size
                self._place(turn)
        self.fresh = [entry for entry in self.fresh if entry[2].entry is entry]
        heapq.heapify(self.fresh)

    # -- changes --------------------------------------------------------------------------------------------------

    def enter(self, turn: Turn, weight: int) -> None:
        """A server comes (back) up: it is due after its share of what is left of the round."""
        self._disturb()
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
        self._disturb()
        self.upcoming -= turn.weight
        turn.entry = turn.home = None

    def reweigh(self, turn: Turn, weight: int) -> None:
        """A weight changes while the server is up: from here on it is due by its new share, never later than it was."""
        self._disturb()
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

    def _disturb(self) -> None:
        if not self.weight:
            self.position = self.weight = self.upcoming  # a change before the first pick: the first round begins here
        if self.tape:
            self.leave_tape()
        self.record = None


def _rank(entry: Entry) -> tuple[int, int]:
    return entry[0], entry[1]


def _head(heap: list[Entry]) -> Turn | None:
    while heap:
        entry = heap[0]
        if entry[2].entry is entry:
            return entry[2]
        heapq.heappop(heap)
    return None
