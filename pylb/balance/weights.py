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


def divisor(weights: Iterable[int]) -> int:
    """What all weights can be divided by without changing their proportions (at least 1)."""
    return math.gcd(*weights) or 1
