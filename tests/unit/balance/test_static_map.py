"""The static map: its layout, and how a long one is built beside the traffic."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from pylb.balance import spread as spreading
from pylb.balance import static_rr
from pylb.balance.spread import spread
from pylb.balance.static_rr import StaticRoundRobin


def earn(weights: list[int], total: int) -> list[int]:
    """The rule, step by step: everybody earns, who has the most whole totals pays one."""
    earned = [0] * len(weights)
    order = []
    for _ in range(total):
        earned = [have + weight for have, weight in zip(earned, weights, strict=True)]
        best = max((at for at in range(len(weights)) if weights[at]), key=lambda at: (earned[at] // total, -at))
        earned[best] -= total
        order.append(best)
    return order


@pytest.mark.parametrize("seed", range(30))
def test_whoever_has_earned_most_is_next(seed: int) -> None:
    dice = random.Random(seed)
    weights = [dice.choice((1, 1, 2, 3, 7, 10, 33, 256)) for _ in range(dice.randint(1, 12))]
    names = list(range(len(weights)))
    for total in {sum(weights), max(2, weights[0])}:
        assert spread(names, weights, total) == earn(weights, total)


def test_equal_weights_take_turns() -> None:
    assert spread("abc", [2, 2, 2], 6) == list("abcabc")
    assert earn([2, 2, 2], 6) == [0, 1, 2, 0, 1, 2]


class Hashable(SimpleNamespace):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def backend(weights: list[int]) -> Any:
    servers = [
        Hashable(name=f"s{n}", number=n, weight=weight, eweight=weight, usable=True, backup=False, maxconn=0, lb=None)
        for n, weight in enumerate(weights)
    ]
    return SimpleNamespace(servers=servers, config=None)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def turn(algorithm: StaticRoundRobin, server: Any, usable: bool) -> None:
    server.usable = usable
    algorithm.update(server)


async def test_a_long_map_is_built_in_slices_while_the_old_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_rr, "AT_ONCE", 20)
    monkeypatch.setattr(spreading, "SLICE", 7)
    made = backend([5, 9, 11, 13])
    algorithm = StaticRoundRobin(made)
    s0, s1, s2, s3 = made.servers
    assert algorithm.choose(None) is s0
    before = list(algorithm.map)
    turn(algorithm, s1, False)
    picks = [algorithm.choose(None) for _ in range(38)]
    assert algorithm.work is not None
    assert s1 not in picks
    assert len(algorithm.map) == len(before)
    assert all(new is old for new, old in zip(algorithm.map, before, strict=True) if old is not s1)
    # What changes meanwhile has its effect at once where a server leaves, and in the end altogether.
    await asyncio.sleep(0)
    turn(algorithm, s3, False)
    assert {pick.name for pick in [algorithm.choose(None) for _ in range(38)]} == {"s0", "s2"}
    turn(algorithm, s1, True)

    def settled() -> bool:
        algorithm.choose(None)
        return algorithm.work is None and not algorithm.again

    await until(settled)
    assert algorithm.map == spread([s0, s1, s2], [5, 9, 11], 25)


async def test_when_nobody_is_left_the_next_map_is_built_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_rr, "AT_ONCE", 20)
    made = backend([15, 16])
    algorithm = StaticRoundRobin(made)
    s0, s1 = made.servers
    algorithm.choose(None)
    turn(algorithm, s0, False)
    turn(algorithm, s1, False)
    assert algorithm.choose(None) is None
    turn(algorithm, s1, True)
    assert algorithm.choose(None) is s1
    turn(algorithm, s0, True)
    assert algorithm.choose(None) is s1  # the old map serves first
    await until(lambda: algorithm.work is None)
    assert algorithm.map == spread([s0, s1], [15, 16], 31)


def test_without_a_loop_every_map_is_built_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_rr, "AT_ONCE", 20)
    made = backend([15, 16, 2])
    algorithm = StaticRoundRobin(made)
    turn(algorithm, made.servers[2], False)
    algorithm.choose(None)
    assert algorithm.map == spread(made.servers[:2], [15, 16], 31)


def test_a_crowd_of_full_servers_is_asked_once_each() -> None:
    made = backend([100, 99, 98])
    asked = []
    for server in made.servers:
        server.maxconn = 1
        server.saturated = lambda server=server: asked.append(server) or True
    assert StaticRoundRobin(made).choose(None) is None
    assert len(asked) == 3
