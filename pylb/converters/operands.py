"""Arguments that are a constant or the name of a variable, which is read at each evaluation."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.sample import casts, variables
from pylb.sample.values import MISS, Absent

Read = Callable[[Any], Any]  # closure(ctx) -> value | MISS

_integer = re.compile(rb"[+-]?[0-9]{1,40}").fullmatch


def variable_as(name: bytes | str, target: str) -> Read:
    """closure(ctx) -> the variable cast to a type | MISS. ValueError when it is no variable name."""
    read = variables.reader(variables.parse_name(name))
    convert = casts.TABLE
    identity = casts.IDENTITY

    def read_as(ctx: Any) -> Any:
        typed = read(ctx)
        if typed.__class__ is Absent:
            return typed
        cast = convert[typed.type].get(target)
        if cast is None:
            return MISS
        return typed.value if cast is identity else cast.convert(typed.value)

    return read_as


def integer(text: bytes) -> int | Read:
    """An integer (0 when empty, as observed), or a reader of a variable as integer."""
    if not text:
        return 0
    if _integer(text):
        return casts.clamp(int(text))
    try:
        return variable_as(text, "int")
    except ValueError:
        raise ValueError("expects an integer or a variable name") from None


def registered(text: bytes, target: str) -> Read:
    """A variable where only a variable will do."""
    if not text:
        raise ValueError("missing variable name")
    try:
        return variable_as(text, target)
    except ValueError:
        raise ValueError(f"failed to register variable name '{text.decode('utf-8', 'surrogateescape')}'") from None
