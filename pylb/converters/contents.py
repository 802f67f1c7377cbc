"""What is inside a text: parameters of a query, control characters (manual 7.3.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.values import MISS

_DELETE: Final = 32  # bit of 0x7f in a mask; 0x00 to 0x1f have the bit of their number
_ALL: Final = (1 << 33) - 1
_MASKS: Final = {b"": _ALL & ~(1 << 9), b"any": _ALL, b"http": 1 << 13 | 1 << 10 | 1}
_number = re.compile(rb"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,16}").fullmatch


@converter("has_ctl", takes="bin", out="bool", args=("str?",), usage="([<mask>])", pure=True)
def has_ctl(mask: bytes = b"") -> Callable[[bytes, Any], bool]:
    """True when the bytes contain a control character of <mask>, by default any but the tab.

    <mask> is a decimal or hexadecimal (0x...) number whose bits 0 to 31 stand for 0x00 to 0x1f and bit 32 for 0x7f, or
    `any` (all 33), or `http` (NUL, CR and LF, which header values may not contain).
    """
    bits = _MASKS.get(mask)
    if bits is None:
        if not _number(mask):
            raise ValueError(f"invalid mask '{mask.decode('utf-8', 'surrogateescape')}': a number, 'any' or 'http'")
        bits = int(mask, 16 if mask[1:2] in (b"x", b"X") else 10)
        if bits > _ALL:
            raise ValueError("the mask has more than 33 bits")
    characters = bytes(0x7F if bit == _DELETE else bit for bit in range(33) if bits >> bit & 1)
    if not characters:
        return lambda value, ctx: False
    search = re.compile(b"[" + re.escape(characters) + b"]").search
    return lambda value, ctx: search(value) is not None


_hexadecimal = re.compile(rb"0x[0-9a-fA-F]{1,2}").fullmatch


@converter("param", takes="str", out="str", args=("str", "str?"), usage="(<name>[,<delim>])", pure=True)
def param(name: bytes, delimiter: bytes = b"&") -> Callable[[bytes, Any], Any]:
    """Value of the first parameter <name> among `<name>=<value>` parts that <delim> separates; nothing without one.

    A part without `=` has an empty value. <delim> is one character or its code as `0xHH`. Nothing is decoded: see
    `url_dec`. Unlike `urlp`, only <delim> separates.
    """
    if _hexadecimal(delimiter):
        delimiter = bytes((int(delimiter, 16),))
    elif len(delimiter) != 1:
        raise ValueError("Delimiter must be a single character.")
    start = name + b"="

    def find(value: bytes, ctx: Any) -> Any:
        for part in value.split(delimiter):
            if part.startswith(start):
                return part[len(start) :]
            if part == name:
                return b""
        return MISS

    return find
