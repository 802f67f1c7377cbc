"""balance random: shares by weight, fewer streams than the others first, full servers left alone."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from pylb.server.assign import QUEUED, release
from tests.differential.balancing import Ours, Stream


def made(text: str) -> Ours:
    ours = Ours(text)
    ours.backend.algorithm.random = random.Random(7)
    return ours


SERVERS = "    server s1 127.0.0.1:1 weight 1\n    server s2 127.0.0.1:1 weight 3\n    server s3 127.0.0.1:1 weight 6\n"


@pytest.mark.parametrize("draws", ["", "(1)", "(2)", "(5)"])
def test_idle_servers_are_drawn_by_their_weights(draws: str) -> None:
    ours = made(f"    balance random{draws}\n{SERVERS}")
    seen = Counter(ours.ask() for _ in range(4000))
    for label, share in ((b"s1", 0.1), (b"s2", 0.3), (b"s3", 0.6)):
        assert abs(seen[label] / 4000 - share) < 0.04


def open_streams(ours: Ours, count: int) -> tuple[Counter[str], list[Any], int]:
    streams, waiting = [], 0
    for _ in range(count):
        stream = Stream(ours.backend, b"/", [], bytes(4))
        waiting += ours.backend.assignment.assign(stream) == QUEUED
        streams.append(stream)
    return Counter(stream.slot.name for stream in streams if stream.slot), streams, waiting


@pytest.mark.parametrize(("draws", "spread"), [(1, 200), (2, 40), (8, 8)])
def test_more_draws_keep_the_load_more_even(draws: int, spread: int) -> None:
    lines = "".join(f"    server s{n} 127.0.0.1:1\n" for n in range(8))
    loads, streams, _ = open_streams(made(f"    balance random({draws})\n{lines}"), 800)
    assert max(loads.values()) - min(loads.values()) < spread
    for stream in streams:
        release(stream)


def test_streams_wait_when_the_least_loaded_of_the_drawn_is_full() -> None:
    lines = "".join(f"    server s{n} 127.0.0.1:1 maxconn 2\n" for n in range(3))
    loads, _, waiting = open_streams(made(f"    balance random(16)\n{lines}"), 10)
    assert loads == {"s0": 2, "s1": 2, "s2": 2}
    assert waiting == 4
