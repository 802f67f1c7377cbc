"""How the static map lays servers out: in proportion to their weights, each as evenly as its place allows.

At each step every server earns its weight, and the winner pays the total: the one with the most whole totals earned,
the first of these. The order is HAProxy's (compared in tests/differential/test_balance.py).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")

SLICE: Final = 4096  # steps between two breaths of `lay`: about 2.5 ms


def spread(items: Sequence[Item], weights: Sequence[int], total: int) -> list[Item]:
    """The items over `total` steps."""
    if total == len(items) * weights[0] and min(weights) == max(weights):
        return list(items) * weights[0]
    order: list[Item] = []
    for _ in lay(items, weights, total, order):
        pass
    return order


def lay(items: Sequence[Item], weights: Sequence[int], total: int, order: list[Item]) -> Iterator[None]:
    """Fills `order` step by step, and yields after every SLICE of them.

    Earnings are not added up one by one: it is known at which step a server reaches its next whole total. A server that
    has n of them stands in the heaps 1 to n, so that paying one leaves it where it belongs.
    """
    if total == 1:
        order.append(items[0])
        return
    heaps: list[list[int]] = [[], [at for at, weight in enumerate(weights) if weight]]
    level = [1] * len(weights)
    earned = [1] * len(weights)  # number of the whole total that comes next
    rises: dict[int, list[int]] = {}
    for at, weight in enumerate(weights):
        if weight:
            rises.setdefault(-(-total // weight), []).append(at)
    top = 1
    push, pop, append = heapq.heappush, heapq.heappop, order.append
    for step in range(1, total + 1):
        due = rises.pop(step, None)
        if due is not None:
            for at in due:
                following = step
                while following <= step:
                    level[at] = now = level[at] + 1
                    if now > top:
                        top = now
                        if now == len(heaps):
                            heaps.append([])
                    push(heaps[now], at)
                    earned[at] = number = earned[at] + 1
                    following = -(-number * total // weights[at])
                if following in rises:
                    rises[following].append(at)
                else:
                    rises[following] = [at]
        while not heaps[top]:
            top -= 1
        at = pop(heaps[top])
        level[at] -= 1
        append(items[at])
        if not step % SLICE:
            yield
