"""Streams that stay, beside HAProxy's: which server each gets, at once or after waiting, while servers come and go.

Drawn by seeded dice: algorithms, weights, limits that grow with the load of the backend, queues of servers, backups,
bounded loads. Kept out: with HAProxy 2.6 streams that wait in the backend's queue go on waiting when a drained server
is ready again or gets a weight back, until some stream ends; here they are served.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.differential.balancing import compare_holding
from tests.harness import requires

pytestmark = requires("haproxy")

CHOICES = (
    *("roundrobin", "static-rr", "leastconn", "leastconn", "leastconn", "first"),
    *("source\n    hash-type consistent", "source\n    hash-type consistent\n    hash-balance-factor 120"),
)


def crowd(dice: random.Random, names: list[str], static: bool) -> Iterator[tuple[Any, ...]]:
    here: list[int] = []
    for number in range(34):
        while here and (len(here) >= 14 or dice.random() < 0.4):
            yield ("close", here.pop(dice.randrange(len(here))))
        if dice.random() < 0.2 and names:
            name = dice.choice(names)
            if static or dice.random() < 0.5:
                yield ("state", name, dice.choice(("ready", "ready", "maint")))
            else:
                yield ("weight", name, dice.choice(("1", "2", "5", "10", "100")))
        here.append(number)
        yield ("open", number)
    for number in here:
        yield ("close", number)


@pytest.mark.parametrize("seed", range(10))
def test_streams_get_the_same_servers_under_load(seed: int) -> None:
    dice = random.Random(seed)
    algorithm = CHOICES[seed % len(CHOICES)]
    growing = dice.random() < 0.5
    words = []
    for number in range(dice.randint(2, 5)):
        parts = []
        if dice.random() < 0.7:
            parts.append(f"weight {dice.choice((1, 2, 3, 5, 10, 100, 256))}")
        if dice.random() < 0.5 and "source" not in algorithm:
            parts.append(f"maxconn {dice.choice((1, 2, 3, 5))}")
            parts.append(dice.choice(("", "maxqueue 2", "minconn 1" if growing else "")))
        if number and dice.random() < 0.3:
            parts.append("backup")
        words.append(" ".join(parts))
    text = f"    balance {algorithm}\n"
    for option in ("option allbackups", "option redispatch"):
        text += f"    {option}\n" if dice.random() < 0.5 else ""
    if growing:
        text += "    fullconn 10\n"
    names = [f"s{n}" for n in range(2, len(words) + 1)]
    compare_holding(text, tuple(words), crowd(dice, names, algorithm == "static-rr"))
