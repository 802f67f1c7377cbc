"""How a value of one type becomes a value of another, and which of these ways exist (manual 7.1, 7.3; observed).

`find(source, target)` answers at parse time: None when the types do not fit, IDENTITY when nothing has to be done,
else a Cast. A cast may fail at run time (a string that is no address): then it returns MISS. Integers are 64 bits wide
and signed; whatever does not fit is clamped.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pylb.sample.values import MISS, Absent, Typed

INT_MAX: Final = 0x7FFFFFFFFFFFFFFF
INT_MIN: Final = -0x8000000000000000
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"


def clamp(value: int) -> int:
    """The nearest 64-bit signed integer."""
    if INT_MIN <= value <= INT_MAX:
        return value
    return INT_MAX if value > 0 else INT_MIN


_number = re.compile(rb"([+-]?)([0-9]++)").match


def to_int(text: bytes) -> int | Absent:
    """Leading digits of a string, with a sign: `12abc` is 12, `x` is 0; an empty string is nothing."""
    found = _number(text)
    if found is None:
        return 0 if text else MISS
    digits = found[2]
    if len(digits) > 40:  # longer than any number that fits, and int() of huge strings costs quadratic time
        digits = digits.lstrip(b"0")[:40] or b"0"
    value = int(digits)
    return clamp(-value if found[1] == b"-" else value)


_ipv4 = re.compile(rb"0*([0-9]{1,3})\.0*([0-9]{1,3})\.0*([0-9]{1,3})\.0*([0-9]{1,3})(?![0-9.])").match


def to_ipv4(text: bytes) -> bytes | Absent:
    """A dotted quad at the start of a string; what follows it (a port, a mask) is ignored."""
    found = _ipv4(text)
    if found is None:
        return MISS
    try:
        return bytes(map(int, found.groups()))
    except ValueError:  # a part above 255
        return MISS


def to_ipv6(text: bytes) -> bytes | Absent:
    """The text form of RFC 4291 2.2, without brackets or zone; an IPv4 address is mapped into IPv6."""
    try:
        return socket.inet_pton(socket.AF_INET6, text.decode("ascii"))
    except (OSError, ValueError):
        found = to_ipv4(text)
        return found if found is MISS else _MAPPED + found  # type: ignore[operator]


def to_addr(text: bytes) -> bytes | Absent:
    found = to_ipv4(text)
    if found is not MISS:
        return found
    try:
        return socket.inet_pton(socket.AF_INET6, text.decode("ascii"))
    except (OSError, ValueError):
        return MISS


def addr_text(packed: bytes) -> bytes:
    """Text form of a packed address."""
    if len(packed) == 4:
        return b"%d.%d.%d.%d" % (packed[0], packed[1], packed[2], packed[3])
    return socket.inet_ntop(socket.AF_INET6, packed).encode()


def unmap(packed: bytes) -> bytes | Absent:
    """The IPv4 address inside an IPv6 one: v4-mapped, v4-compatible or 6to4 (manual 7.1.6)."""
    if len(packed) == 4:
        return packed
    if packed.startswith(_MAPPED) or packed.startswith(b"\0" * 12):
        return packed[12:]
    if packed.startswith(b"\x20\x02"):
        return packed[2:6]
    return MISS


def map6(packed: bytes) -> bytes:
    """The IPv6 form of an address: `::ffff:` before an IPv4 one."""
    return packed if len(packed) == 16 else _MAPPED + packed


def cut(value: bytes) -> bytes:
    """Binary to string: strings end at the first NUL."""
    return value if b"\0" not in value else value[: value.index(b"\0")]


def _int_text(value: int) -> bytes:
    return b"%d" % value


def _int_bytes(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _int_ipv4(value: int) -> bytes:
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


def _int_ipv6(value: int) -> bytes:
    return _MAPPED + _int_ipv4(value)


def _ip_int(packed: bytes) -> int:
    return int.from_bytes(packed, "big")


def _addr_int(packed: bytes) -> int | Absent:
    return int.from_bytes(packed, "big") if len(packed) == 4 else MISS


def _text_bool(text: bytes) -> bool | Absent:
    value = to_int(text)
    return value if value is MISS else value != 0


def identity(value: Any) -> Any:
    return value


class Cast(NamedTuple):
    """One way from type to type. `fallible` says whether it may return MISS."""

    convert: Callable[[Any], Any]
    fallible: bool = False


IDENTITY: Final = Cast(identity)
_TEXT = Cast(addr_text)
_BY_INT = {"str": Cast(_int_text), "bin": Cast(_int_bytes), "bool": Cast(bool), "int": Cast(int)}
_ADDR_OF_INT = {"addr": Cast(_int_ipv4), "ipv4": Cast(_int_ipv4), "ipv6": Cast(_int_ipv6)}

# source -> target -> Cast; what is not here cannot be cast. "addr" holds either family, so what 2.6 decides at run
# time by the address at hand is decided here by its length.
TABLE: Final[dict[str, dict[str, Cast]]] = {
    "bool": {**_BY_INT, "bool": IDENTITY},
    "int": {**_BY_INT, **_ADDR_OF_INT, "int": IDENTITY},
    "addr": {
        "addr": IDENTITY,
        "ipv4": Cast(unmap, True),
        "ipv6": Cast(map6),
        "int": Cast(_addr_int, True),
        "str": _TEXT,
        "bin": IDENTITY,
    },
    "ipv4": {
        "addr": IDENTITY,
        "ipv4": IDENTITY,
        "ipv6": Cast(map6),
        "int": Cast(_ip_int),
        "str": _TEXT,
        "bin": IDENTITY,
    },
    "ipv6": {"addr": IDENTITY, "ipv4": Cast(unmap, True), "ipv6": IDENTITY, "str": _TEXT, "bin": IDENTITY},
    "str": {
        "str": IDENTITY,
        "bin": IDENTITY,
        "meth": IDENTITY,
        "bool": Cast(_text_bool, True),
        "int": Cast(to_int, True),
        "addr": Cast(to_addr, True),
        "ipv4": Cast(to_ipv4, True),
        "ipv6": Cast(to_ipv6, True),
    },
    "bin": {"bin": IDENTITY, "str": Cast(cut), "meth": Cast(cut)},
    "meth": {"meth": IDENTITY, "str": IDENTITY, "bin": IDENTITY},
}


def _from_typed(target: str) -> Callable[[Typed], Any]:
    table = {source: row[target] for source, row in TABLE.items() if target in row}

    def convert(typed: Typed) -> Any:
        found = table.get(typed.type)
        return MISS if found is None else found.convert(typed.value)

    return convert


_FROM_ANY = {target: Cast(_from_typed(target), True) for target in TABLE}


def _into_typed(source: str) -> Cast:
    return Cast(lambda value: Typed(source, value))


_INTO_ANY = {source: _into_typed(source) for source in TABLE}


def find(source: str, target: str) -> Cast | None:
    """The way from `source` to `target`; None when there is none.

    Towards "any" the value is wrapped with its type; from "any" the type at hand decides when it runs.
    """
    if source == target:
        return IDENTITY
    if target == "any":
        return _INTO_ANY[source]
    if source == "any":
        return _FROM_ANY[target]
    return TABLE[source].get(target)
