"""Weights: user weights 0..256, and the effective ones that the dynamic algorithms work with.

Effective weights are sixteenths of user weights, so that a slow start has sixteen steps even with weight 1
(configuration manual, 5.2 `slowstart` and `weight`). Static algorithms use user weights as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

SCALE: Final = 16
WEIGHT_MAX: Final = 256
EFFECTIVE_MAX: Final = WEIGHT_MAX * SCALE


def reduced(weights: Iterable[int]) -> list[int]:
    """The same proportions in the smallest integers (the static map's size is their sum)."""
    values = list(weights)
    divisor = math.gcd(*values) or 1
    return [value // divisor for value in values]
