"""A median with an interval that needs no assumption about how the rounds are distributed: order statistics."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb


@dataclass(frozen=True, slots=True)
class Estimate:
    """Median of paired rounds. [low, high] covers the true median with at least `confidence`."""

    median: float
    low: float
    high: float
    confidence: float
    rounds: int


def coverage(n: int, skip: int) -> float:
    """Chance that the interval from the (skip+1)-th to the (n-skip)-th of n values holds the median."""
    outside: int = sum(comb(n, i) for i in range(skip + 1))
    return 1.0 - outside / float(2 ** (n - 1))


def estimate(values: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The narrowest symmetric interval with the wanted confidence; with few rounds simply least and greatest."""
    if not values:
        raise ValueError("no round to estimate from")
    ordered = sorted(values)
    n = len(ordered)
    skip = 0
    while coverage(n, skip + 1) >= confidence and 2 * (skip + 1) < n:
        skip += 1
    return Estimate(
        statistics.median(ordered), ordered[skip], ordered[n - 1 - skip], max(0.0, coverage(n, skip)), n
    )  # fmt: skip
