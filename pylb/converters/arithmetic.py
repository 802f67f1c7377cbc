"""Arithmetic on 64-bit signed integers, bits and truth (manual 7.3.1). Results that do not fit are clamped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.converters import operands
from pylb.registry import converter
from pylb.sample.casts import INT_MAX, INT_MIN, clamp
from pylb.sample.values import Absent

Step = Callable[[int, Any], Any]


def _add(value: int, operand: int) -> int:
    return clamp(value + operand)


def _sub(value: int, operand: int) -> int:
    return clamp(value - operand)


def _mul(value: int, operand: int) -> int:
    return clamp(value * operand)


def _div(value: int, operand: int) -> int:
    """Towards zero; by zero the largest integer."""
    if not operand:
        return INT_MAX
    quotient = abs(value) // abs(operand)
    return clamp(quotient if (value < 0) is (operand < 0) else -quotient)


def _mod(value: int, operand: int) -> int:
    """The remainder has the sign of the value; by zero it is 0."""
    if not operand:
        return 0
    remainder = abs(value) % abs(operand)
    return -remainder if value < 0 else remainder


def _and(value: int, operand: int) -> int:
    return value & operand


def _or(value: int, operand: int) -> int:
    return value | operand


def _xor(value: int, operand: int) -> int:
    return value ^ operand


_BINARY: tuple[tuple[str, Callable[[int, int], int], str], ...] = (
    ("add", _add, "Adds <value>; beyond 64 bits the result stays at the limit."),
    ("sub", _sub, "Subtracts <value>; beyond 64 bits the result stays at the limit."),
    ("mul", _mul, "Multiplies by <value>; beyond 64 bits the result stays at the limit."),
    ("div", _div, "Divides by <value>, towards zero; a division by zero gives 2^63-1."),
    ("mod", _mod, "Remainder of the division by <value>, with the sign of the input; 0 when <value> is 0."),
    ("and", _and, "Bitwise and with <value>."),
    ("or", _or, "Bitwise or with <value>."),
    ("xor", _xor, "Bitwise exclusive or with <value>."),
)


def _binary(operation: Callable[[int, int], int]) -> Callable[[bytes], Step]:
    def factory(text: bytes) -> Step:
        operand = operands.integer(text)
        if isinstance(operand, int):
            number = operand
            return lambda value, ctx: operation(value, number)
        read = operand

        def compute(value: int, ctx: Any) -> Any:
            other = read(ctx)
            return other if other.__class__ is Absent else operation(value, other)

        return compute

    return factory


for _name, _operation, _doc in _BINARY:
    converter(
        _name,
        takes="int",
        out="int",
        args=("str",),
        pure=False,
        usage="(<value>)",
        doc=f"{_doc} <value> is an integer or the name of a variable; nothing when the variable is not set.",
    )(_binary(_operation))


@converter("neg", takes="int", out="int", pure=True)
def neg() -> Step:
    """The opposite value; `neg,add(n)` subtracts the input from n."""
    return lambda value, ctx: INT_MAX if value == INT_MIN else -value


@converter("cpl", takes="int", out="int", pure=True)
def cpl() -> Step:
    """Ones' complement: all 64 bits flipped."""
    return lambda value, ctx: ~value


@converter("bool", takes="int", out="bool", pure=True)
def to_bool() -> Step:
    """True when the input is not zero."""
    return lambda value, ctx: value != 0


@converter("not", takes="int", out="bool", pure=True)
def negation() -> Step:
    """True when the input is zero."""
    return lambda value, ctx: value == 0


@converter("odd", takes="int", out="bool", pure=True)
def odd() -> Step:
    """True when the input is odd."""
    return lambda value, ctx: bool(value & 1)


@converter("even", takes="int", out="bool", pure=True)
def even() -> Step:
    """True when the input is even."""
    return lambda value, ctx: not value & 1
