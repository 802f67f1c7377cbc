"""The rotation's own promises; that its order is HAProxy's is shown in tests/differential/test_balance.py."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pylb.balance import rotation
from pylb.balance.rotation import Rotation, Turn
from pylb.balance.weights import SCALE


class PlainRotation(Rotation):
    """Never keeps a tape: every pick goes through the heaps."""

    __slots__ = ()

    def _begin_record(self) -> None:
        self.lineup = []
        self.record = None


def server(name: str) -> Any:
    return SimpleNamespace(name=name, maxconn=0, full=False, saturated=lambda: False)


def limited(name: str) -> Any:
    one = SimpleNamespace(name=name, maxconn=1, full=False)
    one.saturated = lambda: one.full
    return one


def fill(kind: type[Rotation], servers: list[Any], weights: list[int]) -> tuple[Rotation, list[Turn]]:
    made = kind()
    turns = [Turn(each) for each in servers]
    for turn, weight in zip(turns, weights, strict=True):
        made.start(turn, weight)
    return made, turns


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_a_round_gives_everybody_its_share(weights: list[int]) -> None:
    servers = [server(f"s{n}") for n in range(len(weights))]
    made, _ = fill(Rotation, servers, [weight * SCALE for weight in weights])
    for _ in range(3):
        counted = Counter(through_tape(made).name for _ in range(sum(weights) * SCALE))
        for n, weight in enumerate(weights):
            assert abs(counted[f"s{n}"] - weight * SCALE) <= 1


def test_equal_servers_take_turns_in_their_order() -> None:
    servers = [server(f"s{n}") for n in range(5)]
    made, _ = fill(Rotation, servers, [16] * 5)
    assert [made.pick(None) for _ in range(200)] == servers * 40


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("pick"), st.integers(1, 120)),
        st.tuples(st.just("weigh"), st.integers(0, 5), st.integers(0, 9)),
        st.tuples(st.just("full"), st.integers(0, 5), st.booleans()),
        st.tuples(st.just("avoid"), st.integers(0, 5)),
    ),
    max_size=14,
)


@settings(max_examples=300)
@example([1, 8, 1, 3, 5, 8], [("pick", 26), ("full", 1, True), ("pick", 5)])
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), OPERATIONS)
def test_the_tape_changes_nothing(weights: list[int], operations: list[tuple[Any, ...]]) -> None:
    count = len(weights)
    servers = [limited(f"s{n}") for n in range(count)]
    taped, taped_turns = fill(Rotation, servers, weights)
    plain, plain_turns = fill(PlainRotation, servers, weights)
    current = list(weights)
    for operation in operations:
        if operation[0] == "pick":
            for _ in range(operation[1]):
                if not any(current):
                    break
                assert through_tape(taped) is plain.pick(None)
        elif operation[0] == "full":
            servers[operation[1] % count].full = operation[2]
        elif operation[0] == "avoid":
            if any(current):
                one = servers[operation[1] % count]
                assert taped.pick(one) is plain.pick(one)
        else:
            index, new = operation[1] % count, operation[2]
            old, current[index] = current[index], new
            for made, turn in ((taped, taped_turns[index]), (plain, plain_turns[index])):
                if old and new and old != new:
                    made.reweigh(turn, new)
                elif new and not old:
                    made.enter(turn, new)
                elif old and not new:
                    made.quit(turn)


def through_tape(made: Rotation) -> Any:
    """As roundrobin's choose does: read the tape on, or pick."""
    if made.tape:
        one = made.tape[made.at]
        if not one.maxconn or not one.saturated():
            made.advance_tape()
            return one
    return made.pick(None)


def test_a_tape_is_made_and_read(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = [server("a"), server("b")]
    made, _ = fill(Rotation, servers, [16, 48])
    for _ in range(64 * 2 + 1):
        made.pick(None) if not made.tape else through_tape(made)
    assert len(made.tape) == 64
    long, _ = fill(Rotation, servers, [rotation.TAPE_MAX, 16])
    for _ in range(3 * (rotation.TAPE_MAX + 16)):
        long.pick(None)
    assert not long.tape


def test_nobody_is_picked_when_all_are_full() -> None:
    servers = [limited("a"), limited("b")]
    made, _ = fill(Rotation, servers, [16, 16])
    for each in servers:
        each.full = True
    assert made.pick(None) is None
    servers[1].full = False
    assert made.pick(None) is servers[1]


def test_the_avoided_server_is_picked_when_it_is_the_only_one() -> None:
    servers = [server("a")]
    made, _ = fill(Rotation, servers, [16])
    assert made.pick(servers[0]) is servers[0]
