"""The values of the expression language: their types, and the two ways of having none.

Python shapes, by type name (used in `out=` and `takes=`):

    bool  -> bool            int  -> int (64 bit signed; arithmetic clamps)
    str   -> bytes           bin  -> bytes             meth -> bytes (upper case as received)
    ipv4  -> bytes, 4 long   ipv6 -> bytes, 16 long    addr -> bytes, 4 or 16 long (either family)
    any   -> Typed(type, value): only where the type is not known before run time (variables, maps)

A fetch yields a value, MISS (there is none and never will be) or WAIT (it may still come). Conditions are three
valued: `not WAIT` is WAIT. When nothing more can come (`ctx.final`), the condition turns WAIT into MISS.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class Absent(enum.Enum):
    MISS = "miss"
    WAIT = "wait"

    def __bool__(self) -> bool:
        return False


MISS = Absent.MISS
WAIT = Absent.WAIT

TYPES = ("bool", "int", "str", "bin", "meth", "ipv4", "ipv6", "addr", "any", "same")


class Typed(NamedTuple):
    """A value whose type is known only at run time."""

    type: str
    value: Any


Fetch = Callable[[Any], Any]  # closure(ctx) -> value | MISS | WAIT


class Occurrences(NamedTuple):
    """What a fetch factory returns when ACLs must try several values (every header of a name).

    `value(ctx)` is the single value used in formats and chains; `each(ctx)` yields all, or returns WAIT.
    """

    value: Fetch
    each: Callable[[Any], Iterable[Any] | Absent]
