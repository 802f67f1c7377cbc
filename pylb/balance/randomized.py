"""`balance random`: some servers drawn by lot, weighted, and the least loaded of them taken."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.request_keys import parenthesis
from pylb.registry import algorithm

if TYPE_CHECKING:
    from pylb.config.words import Words
    from pylb.sample.site import Site
    from pylb.server.server import Server


class Randomized(Algorithm):
    """Two draws keep the load far more even than one, and do not rush to a server that just came up."""

    waits_in_line = False

    def __init__(self, backend: Any, draws: int) -> None:
        super().__init__(backend)
        self.draws = draws
        self.choices: list[Server] = []  # empty: `build` tells
        self.bounds: list[int] = []
        self.random = random.Random()
        self.update()

    def moved(self, server: Server, old: int, new: int) -> None:
        self.choices = []

    def build(self) -> list[Server]:
        """Who takes part; put off until somebody asks, for thousands of servers may move at once."""
        self.choices = self.group()
        self.bounds = list(accumulate(self.weights[server] for server in self.choices))
        return self.choices

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        if not (self.choices or self.build()):
            return None
        best = self.draw(avoid)
        for _ in range(self.draws - 1):
            other = self.draw(avoid)
            if other is not best and other.served * best.eweight < best.served * other.eweight:
                best = other
        if best.maxconn and best.saturated():
            return None  # all wait in the backend's queue for whoever is free first
        return best

    def draw(self, avoid: Server | None) -> Server:
        while True:
            server = self.choices[bisect_right(self.bounds, int(self.random.random() * self.bounds[-1]))]
            if server is not avoid or len(self.choices) == 1:
                return server


@algorithm("random", parentheses="optional")
def randomized(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """random(<draws>): of <draws> servers (2 unless given) drawn by weight, the least loaded. Manual 4.2, `balance`."""
    text = words.line.words[words.index - 1]
    draws = 2
    inner = parenthesis(words)
    if inner is not None:
        digits = inner[: len(inner) - len(inner.lstrip("0123456789"))]
        if digits != inner:
            words.fail(f"balance random : unexpected character '{inner[len(digits)]}' after argument.")
        if not text.endswith(")"):
            words.fail("balance random : missing closing parenthesis.")
        draws = int(inner or 0)
        if draws < 1:
            words.fail("balance random : number of draws must be at least 1.")
    return lambda backend: Randomized(backend, draws)
