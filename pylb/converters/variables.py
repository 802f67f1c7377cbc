"""Converters that store what passes (manual 7.3.1), and debug."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pylb.registry import Status, converter
from pylb.sample import casts, variables
from pylb.sample.values import MISS, Absent, Typed

Step = Callable[[Typed, Any], Any]


@converter("set-var", takes="any", out="any", args=("var", "str?", "str?", "str?", "str?"), usage="(<var>[,<cond>...])")
def set_var(name: variables.Name, *conditions: bytes) -> Step:
    """Stores the input in a variable, with its type, and passes it on.

    Up to four conditions must all hold: ifexists, ifnotexists, ifset, ifnotset (of the variable), ifempty, ifnotempty
    (of the input), ifgt, iflt (the variable is greater or less than the input, both being integers); else nothing is
    passed.
    """
    tests = []
    for condition in conditions:
        text = condition.decode("utf-8", "surrogateescape")
        test = variables.test_of(text, name)
        if test is None:
            raise ValueError(f'unknown condition "{text}"')
        tests.append(test)
    write, read = variables.writer(name), variables.reader(name)

    def store(value: Typed, ctx: Any) -> Any:
        for test in tests:
            if not test(read(ctx), value):
                return MISS
        write(ctx, value)
        return value

    return store


@converter("unset-var", takes="any", out="any", args=("var",), usage="(<var>)")
def unset_var(name: variables.Name) -> Step:
    """Forgets a variable and passes the input on."""
    erase = variables.eraser(name)

    def forget(value: Typed, ctx: Any) -> Typed:
        erase(ctx)
        return value

    return forget


_OUTPUTS = {"stdout": lambda: sys.stdout, "stderr": lambda: sys.stderr}


@converter(
    "debug",
    takes="any",
    out="any",
    args=("str?", "str?"),
    usage="([<prefix>][,<destination>])",
    status=Status.PARTIAL,
    note="destinations stdout and stderr; rings are not written",
)
def debug(prefix: bytes = b"", destination: bytes = b"buf0") -> Step:
    """Passes the input on and writes it to <destination> (stdout, stderr) behind <prefix>."""
    name = destination.decode("utf-8", "surrogateescape")
    output = _OUTPUTS.get(name)
    if output is None:
        if name != "buf0":
            raise ValueError(f"No such sink '{name}'")
        return lambda value, ctx: value
    label = prefix.decode("utf-8", "surrogateescape") or "debug"

    def show(value: Typed, ctx: Any) -> Typed:
        text = casts.TABLE[value.type]["str"].convert(value.value)
        shown = "" if text.__class__ is Absent else text.decode("utf-8", "backslashreplace")
        print(f"[debug] {label}: type={value.type} <{shown}>", file=output(), flush=True)
        return value

    return show
