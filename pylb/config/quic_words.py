"""The algorithm of congestion control that QUIC words name (manual 5.1 and 5.2 `quic-cc-algo`)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pylb.config.units import parse_size

if TYPE_CHECKING:
    from pylb.config.words import Words

ALGORITHMS: Final = ("cubic", "newreno", "bbr", "nocc")
LEAST_WINDOW: Final = 10 * 1024
LARGEST_WINDOW: Final = 4 << 30
_SHAPE: Final = re.compile(r"([^()]+)(?:\(([^()]*)\))?")


def take_algorithm(words: Words, missing: str) -> tuple[str, int]:
    """Name and largest window in bytes (0: the global one) of `<name>[(<window>)]`."""
    text = words.next(missing)
    found = _SHAPE.fullmatch(text)
    if found is None:
        words.fail(f"'quic-cc-algo' : '{text}' is no algorithm with arguments in parentheses.")
    name, arguments = found[1], found[2] or ""
    if name not in ALGORITHMS:
        words.fail(f"'quic-cc-algo' : unknown control congestion algorithm '{name}', expects {_one_of()}.")
    window, _, rest = arguments.partition(",")
    if rest.strip():
        words.fail(f"'quic-cc-algo' : surplus argument '{rest}'.")
    if not window:
        return name, 0
    try:
        size = parse_size(window)
    except ValueError:
        words.fail(f"'quic-cc-algo' : '{window}' is no size.")
    if not LEAST_WINDOW <= size <= LARGEST_WINDOW:
        words.fail("'quic-cc-algo' : the window has to be between 10k and 4g.")
    return name, size


def _one_of() -> str:
    return ", ".join(f"'{name}'" for name in ALGORITHMS[:-1]) + f" or '{ALGORITHMS[-1]}'"
