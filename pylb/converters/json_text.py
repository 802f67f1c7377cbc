"""JSON: strings made ready for a JSON document, and values read out of one (manual 7.3.1, RFC 8259)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.casts import INT_MAX, INT_MIN
from pylb.sample.values import MISS, Typed

Step = Callable[[bytes, Any], Any]

_SHORT: Final = {
    0x08: b"\\b", 0x09: b"\\t", 0x0A: b"\\n", 0x0C: b"\\f", 0x0D: b"\\r", 0x22: b'\\"', 0x2F: b"\\/", 0x5C: b"\\\\",
}  # fmt: skip
_INPUTS: Final = ("ascii", "utf8", "utf8s", "utf8p", "utf8ps")


def _character(code: int) -> bytes:
    if code in _SHORT:
        return _SHORT[code]
    return b"%c" % code if 0x20 <= code < 0x7F else b"\\u%04x" % code


@converter("json", takes="str", out="str", args=("str?",), usage="([<input-code>])", pure=True)
def json_escape(code: bytes = b"ascii") -> Step:
    """Escapes a string for a JSON document.

    The input is read as ascii (every byte a character), utf8 (fails on an error), utf8s (errors are dropped), utf8p
    (overlong forms are accepted, other errors fail) or utf8ps (overlong forms accepted, other errors dropped).
    Characters beyond U+FFFF count as errors.
    """
    name = code.decode("latin-1")
    if name and name not in _INPUTS:
        raise ValueError("Unexpected input code type. Allowed value are 'ascii', 'utf8', 'utf8s', 'utf8p' and 'utf8ps'")
    if name in ("", "ascii"):
        return lambda value, ctx: b"".join(map(_character, value))
    permissive, silent = "p" in name, name.endswith("s")

    def escape(value: bytes, ctx: Any) -> Any:
        out: list[bytes] = []
        at = 0
        while at < len(value):
            number, size = _decode(value, at, permissive)
            at += size
            if number >= 0:
                out.append(_character(number))
            elif not silent:
                return MISS
        return b"".join(out)

    return escape


# First byte: mask and pattern, how many bytes follow with it, bits of the first one, least number that needs so many.
_LEADS: Final = (
    (0x80, 0x00, 1, 0x7F, 0),
    (0xE0, 0xC0, 2, 0x1F, 0x80),
    (0xF0, 0xE0, 3, 0x0F, 0x800),
    (0xF8, 0xF0, 4, 0x07, 0x10000),
    (0xFC, 0xF8, 5, 0x03, 0x200000),
    (0xFE, 0xFC, 6, 0x01, 0x4000000),
)


def _decode(value: bytes, at: int, permissive: bool) -> tuple[int, int]:
    """Number of the UTF-8 character at `at` (-1 for an error) and how many bytes it took."""
    for mask, pattern, size, bits, least in _LEADS:
        if value[at] & mask != pattern:
            continue
        number = value[at] & bits
        for more in range(1, size):
            if at + more >= len(value) or value[at + more] & 0xC0 != 0x80:
                return -1, more
            number = number << 6 | value[at + more] & 0x3F
        if (
            (number < least and not permissive)
            or number > 0xFFFF
            or 0xD800 <= number <= 0xDFFF
            or number in (0xFFFE, 0xFFFF)
        ):
            return -1, size
        return number, size
    return -1, 1


_step = re.compile(r"\.((?:[^.\[\]\\]|\\.)+)|\[(\d+)\]|\[(['\"])(.*?)\3\]", re.S).match


def _path(text: str) -> list[str | int]:
    """Steps of a JSON path: `$.name`, `\\.` for a dot in a name, `[n]`, `['name']`."""
    steps: list[str | int] = []
    at = 1 if text.startswith("$") else 0
    if at == 0:
        return ["\0no such key"]
    while at < len(text):
        found = _step(text, at)
        if found is None:
            return ["\0no such key"]
        if found[1] is not None:
            steps.append(re.sub(r"\\(.)", r"\1", found[1]))
        elif found[2] is not None:
            steps.append(int(found[2]))
        else:
            steps.append(found[4])
        at = found.end()
    return steps


_scan = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode
_blank = re.compile(r"[ \t\r\n]*+").match
_bare_number = re.compile(r"-?[0-9]++(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?").match


def _skip(text: str, at: int) -> int:
    found = _blank(text, at)
    assert found is not None
    return found.end()


def _walk(text: str, steps: list[str | int]) -> int:
    """Index of the value at a path. ValueError or IndexError: there is none. What follows it is not looked at."""
    at = _skip(text, 0)
    for step in steps:
        opening = "[" if isinstance(step, int) else "{"
        if text[at] != opening:
            raise ValueError(text)
        at = _skip(text, at + 1)
        position = 0
        while True:
            if isinstance(step, int):
                wanted = position == step and text[at] != "]"
            else:
                if text[at] != '"':
                    raise ValueError(text)
                key, at = _scan(text, at)
                at = _skip(text, at)
                if text[at] != ":":
                    raise ValueError(text)
                at = _skip(text, at + 1)
                wanted = key == step
            if wanted:
                break
            _, at = _scan(text, at)
            at = _skip(text, at)
            if text[at] != ",":
                raise ValueError(text)
            at = _skip(text, at + 1)
            position += 1
    return at


@converter("json_query", takes="str", out="any", args=("str", "str?"), usage="(<json_path>[,<output_type>])")
def json_query(path: bytes, output: bytes = b"") -> Step:
    """The value at a JSON path (`$.a.b[0]`): a string, a boolean, or a number (as a string; with <output_type> `int`
    its integer part as integer), or an array as the text it is. Nothing for a missing key, an object, or null.

    The text is read up to the value only; the first of several equal keys counts.
    """
    if not path:
        raise ValueError("json_path must not be empty")
    if output not in (b"", b"int"):
        raise ValueError('output_type only supports "int" as argument')
    steps = _path(path.decode("utf-8", "surrogateescape"))
    as_int = output == b"int"

    def query(value: bytes, ctx: Any) -> Any:
        text = value.decode("utf-8", "surrogateescape")
        try:
            at = _walk(text, steps)
            number = _bare_number(text, at)
            if number is not None:
                return _number(number[0], as_int)
            node, end = _scan(text, at)
        except (ValueError, IndexError, RecursionError):
            return MISS
        if isinstance(node, bool):
            return Typed("bool", node)
        if isinstance(node, list):
            node = text[at:end]
        return Typed("str", node.encode("utf-8", "surrogateescape")) if isinstance(node, str) else MISS

    return query


def _number(text: str, as_int: bool) -> Any:
    """Integers as they are, other numbers as C's %g writes them; with `as_int` the leading integer if it fits."""
    if as_int:
        value = int(re.split("[.eE]", text)[0])
        return Typed("int", value) if INT_MIN <= value <= INT_MAX else MISS
    real = float(text)
    if real.is_integer() and abs(real) < 2**63:
        return Typed("str", b"%d" % (int(text) if text.lstrip("-").isdigit() else int(real)))
    return Typed("str", b"%g" % real)
