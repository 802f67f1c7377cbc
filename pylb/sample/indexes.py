"""Indexes over patterns: one class per match method, each answering `find(value)` with what a pattern is mapped to.

An index is made for a use (a method, case-sensitive or not, an output type of a map) and changed in place afterwards,
so that a closure may keep its `find`. The first pattern of the list wins where several match, except that exact
methods (str, bin) have one and that beg without -i and ip find the longest, as HAProxy's trees do.

    str bin      dict                          beg end       dict per length        sub       dict per length, or a scan
    ip           dict per prefix length        dir dom       dict per length, tried between delimiters
    int len      dict and a list of ranges     reg           list
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from pylb.sample import regexes
from pylb.sample.casts import map6, to_ipv6, unmap

Find = Callable[[Any], Any]  # value of the sample -> what the pattern is mapped to, or None


class Index:
    """Base. `add` raises ValueError for text that is no pattern of the method; `discard` says whether it managed."""

    takes = "str"  # type to which the sample is cast before matching

    def __init__(self, ignore_case: bool = False) -> None:
        self.ignore_case = ignore_case
        self.find: Find = self._find
        self.order = 0
        self.shadowed = False  # two patterns met in one slot: a removal needs a rebuild

    def load(self, entries: Iterable[tuple[bytes, Any]]) -> None:
        """Replaces everything."""
        self.clear()
        for key, value in entries:
            self.add(key, value)

    def add(self, key: bytes, value: Any) -> None:
        raise NotImplementedError

    def discard(self, key: bytes) -> bool:
        """Removes a pattern. False: it cannot, load everything anew."""
        return False

    def assign(self, key: bytes, value: Any) -> bool:
        """Gives a pattern that is there another value, its place kept. False: it cannot, load everything anew."""
        return False

    def clear(self) -> None:
        raise NotImplementedError

    def _find(self, value: Any) -> Any:
        raise NotImplementedError

    def _fold(self, key: bytes) -> bytes:
        return key.lower() if self.ignore_case else key


class Exact(Index):
    """Method str."""

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.table: dict[bytes, Any] = {}
        if not ignore_case:
            self.find = self.table.get

    def _find(self, value: bytes) -> Any:
        return self.table.get(value.lower())

    def add(self, key: bytes, value: Any) -> None:
        key = self._fold(key)
        if key in self.table:
            self.shadowed = True
        else:
            self.table[key] = value

    def load(self, entries: Iterable[tuple[bytes, Any]]) -> None:
        self.clear()
        if self.ignore_case:
            for key, value in entries:
                self.add(key, value)
            return
        table = self.table
        count = 0
        for key, value in entries:
            count += 1
            if key not in table:
                table[key] = value
        self.shadowed = count != len(table)

    def discard(self, key: bytes) -> bool:
        if self.shadowed:
            return False
        self.table.pop(self._fold(key), None)
        return True

    def assign(self, key: bytes, value: Any) -> bool:
        if self.shadowed:
            return False
        self.table[self._fold(key)] = value
        return True

    def clear(self) -> None:
        self.table.clear()
        self.shadowed = False


class Binary(Exact):
    """Method bin: patterns are hexadecimal."""

    takes = "bin"

    def add(self, key: bytes, value: Any) -> None:
        super().add(unhex(key), value)

    def load(self, entries: Iterable[tuple[bytes, Any]]) -> None:
        Index.load(self, entries)

    def discard(self, key: bytes) -> bool:
        return super().discard(unhex(key))

    def assign(self, key: bytes, value: Any) -> bool:
        return super().assign(unhex(key), value)

    def _find(self, value: bytes) -> Any:
        return self.table.get(value)


def unhex(key: bytes) -> bytes:
    """The bytes of a hexadecimal pattern; ValueError with HAProxy's words."""
    if len(key) % 2:
        raise ValueError("an even number of hex digit is expected")
    for byte in key:
        if byte not in b"0123456789abcdefABCDEF":
            raise ValueError(f"an hex digit is expected (found '{chr(byte)}')")
    return bytes.fromhex(key.decode("ascii"))


# What a table holds: the pattern's place in the list, and what it is mapped to. A plain tuple of atoms, because the
# collector stops looking at those: a million of them cost nothing in a full collection.
_Slot = tuple[int, Any]


class _ByLength(Index):
    """Shared by beg, end, sub, dir and dom: patterns in one dict per length."""

    longest = False  # the longest pattern wins, not the first

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.tables: dict[int, dict[bytes, _Slot]] = {}
        self.lengths: list[int] = []

    def _pattern(self, key: bytes) -> bytes:
        return self._fold(key)

    def add(self, key: bytes, value: Any) -> None:
        pattern = self._pattern(key)
        table = self.tables.get(len(pattern))
        if table is None:
            table = self.tables[len(pattern)] = {}
            self.lengths = sorted(self.tables, reverse=True)
        self.order += 1
        slot = (self.order, value)
        if table.setdefault(pattern, slot) is not slot:
            self.shadowed = True

    def discard(self, key: bytes) -> bool:
        if self.shadowed:
            return False
        pattern = self._pattern(key)
        table = self.tables.get(len(pattern), {})
        table.pop(pattern, None)
        if not table:
            self.tables.pop(len(pattern), None)
            self.lengths = sorted(self.tables, reverse=True)
        return True

    def assign(self, key: bytes, value: Any) -> bool:
        pattern = self._pattern(key)
        slot = self.tables.get(len(pattern), {}).get(pattern)
        if self.shadowed or slot is None:
            return False
        self.tables[len(pattern)][pattern] = (slot[0], value)
        return True

    def clear(self) -> None:
        self.tables.clear()
        self.lengths = []
        self.order = 0
        self.shadowed = False


class Prefix(_ByLength):
    """Method beg."""

    def _find(self, value: bytes) -> Any:
        if self.ignore_case:
            value = value.lower()
        tables = self.tables
        size = len(value)
        best: _Slot | None = None
        for length in self.lengths:
            if length <= size:
                slot = tables[length].get(value[:length])
                if slot is not None:
                    if not self.ignore_case:
                        return slot[1]
                    if best is None or slot[0] < best[0]:
                        best = slot
        return None if best is None else best[1]


class Suffix(_ByLength):
    """Method end."""

    def _find(self, value: bytes) -> Any:
        if self.ignore_case:
            value = value.lower()
        size = len(value)
        best: _Slot | None = None
        for length in self.lengths:
            if length <= size:
                slot = self.tables[length].get(value[size - length :])
                if slot is not None and (best is None or slot[0] < best[0]):
                    best = slot
        return None if best is None else best[1]


class Substring(_ByLength):
    """Method sub: windows of each length against dicts, or a scan where there are fewer patterns than windows."""

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.count = 0

    def add(self, key: bytes, value: Any) -> None:
        super().add(key, value)
        self.count += 1

    def clear(self) -> None:
        super().clear()
        self.count = 0

    def _find(self, value: bytes) -> Any:
        if self.ignore_case:
            value = value.lower()
        size = len(value)
        best: _Slot | None = None
        for length, table in self.tables.items():
            if length > size:
                continue
            if len(table) <= size - length + 1:
                found = [slot for pattern, slot in table.items() if pattern in value]
            else:
                get = table.get
                windows = (get(value[at : at + length]) for at in range(size - length + 1))
                found = [slot for slot in windows if slot is not None]
            for slot in found:
                if best is None or slot[0] < best[0]:
                    best = slot
        return None if best is None else best[1]


class _Delimited(_ByLength):
    """Methods dir and dom: a pattern must stand between delimiters; its own outer delimiters do not count."""

    delimiters = b""

    def _pattern(self, key: bytes) -> bytes:
        return self._fold(key).strip(self.delimiters)

    def _find(self, value: bytes) -> Any:
        if self.ignore_case:
            value = value.lower()
        delimiters = self.delimiters
        size = len(value)
        starts = [at for at in range(size) if value[at] not in delimiters and (not at or value[at - 1] in delimiters)]
        best: _Slot | None = None
        for length, table in self.tables.items():
            if not length:  # a pattern of delimiters only: at the end of what is empty or ends with one (observed)
                if not size or value[-1] in delimiters:
                    only = table[b""]
                    best = only if best is None or only[0] < best[0] else best
                continue
            for start in starts:
                end = start + length
                if end == size or (end < size and value[end] in delimiters):
                    slot = table.get(value[start:end])
                    if slot is not None and (best is None or slot[0] < best[0]):
                        best = slot
        return None if best is None else best[1]


class Directory(_Delimited):
    """Method dir."""

    delimiters = b"/"


class Domain(_Delimited):
    """Method dom."""

    delimiters = b"/?.:"


class Expressions(Index):
    """Method reg: tried in order. `find_match` also gives the match, for map_regm."""

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.list: list[tuple[bytes, regexes.Regex, Any]] = []

    def add(self, key: bytes, value: Any) -> None:
        self.list.append((key, regexes.compile_pattern(key, ignore_case=self.ignore_case), value))

    def discard(self, key: bytes) -> bool:
        self.list[:] = [entry for entry in self.list if entry[0] != key]
        return True

    def assign(self, key: bytes, value: Any) -> bool:
        self.list[:] = [(known, regex, value if known == key else old) for known, regex, old in self.list]
        return True

    def clear(self) -> None:
        self.list.clear()

    def _find(self, value: bytes) -> Any:
        for _, regex, mapped in self.list:
            if regex.search(value):
                return mapped
        return None

    def find_match(self, value: bytes) -> tuple[Any, regexes.Regex, Any] | None:
        for _, regex, mapped in self.list:
            found = regex.search(value)
            if found:
                return found, regex, mapped
        return None


class Range(NamedTuple):
    """An integer pattern; a bound is None where it is open."""

    low: int | None
    high: int | None

    def holds(self, value: int) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def parse_range(text: bytes, *, dotted: bool = False) -> Range:
    """`5`, `5:9`, `5:`, `:9`; with `dotted` also `3.1` as versions are written. ValueError with HAProxy's words."""
    shown = text.decode("utf-8", "surrogateescape")
    low_text, colon, high_text = text.partition(b":")
    wrong = f"'{shown}' is not a valid number range" if colon else f"'{shown}' is not a number"
    number = _dotted if dotted else _number
    try:
        low = number(low_text) if low_text else None
        high = number(high_text) if high_text else None
    except ValueError:
        raise ValueError(wrong) from None
    if not colon:
        if low is None:
            raise ValueError(wrong)
        return Range(low, low)
    if low is not None and high is not None and low > high:
        raise ValueError(wrong)
    return Range(low, high)


def _number(text: bytes) -> int:
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or len(digits) > 19 or int(digits) > 0x7FFFFFFFFFFFFFFF:
        raise ValueError(text)
    return int(text)


def _dotted(text: bytes) -> int:
    major, dot, minor = text.partition(b".")
    return (_number(major) << 16) + (_number(minor) if dot else 0)


class Integers(Index):
    """Methods int and len (the latter on the length of the sample)."""

    takes = "int"
    dotted = False

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.exact: dict[int, _Slot] = {}
        self.ranges: list[tuple[Range, _Slot]] = []

    def add(self, key: bytes, value: Any) -> None:
        self.add_range(parse_range(key, dotted=self.dotted), value)

    def add_range(self, span: Range, value: Any) -> None:
        self.order += 1
        slot = (self.order, value)
        if span.low is not None and span.low == span.high:
            if self.exact.setdefault(span.low, slot) is not slot:
                self.shadowed = True
        else:
            self.ranges.append((span, slot))

    def discard(self, key: bytes) -> bool:
        span = parse_range(key, dotted=self.dotted)
        if self.shadowed:
            return False
        if span.low is not None and span.low == span.high:
            self.exact.pop(span.low, None)
        else:
            self.ranges[:] = [entry for entry in self.ranges if entry[0] != span]
        return True

    def clear(self) -> None:
        self.exact.clear()
        self.ranges.clear()
        self.order = 0
        self.shadowed = False

    def _find(self, value: Any) -> Any:
        best: _Slot | None = self.exact.get(value)
        for span, slot in self.ranges:
            if (best is None or slot[0] < best[0]) and span.holds(value):
                best = slot
        return None if best is None else best[1]


class Dotted(Integers):
    """Method int for TLS versions: patterns may be written 3.1."""

    dotted = True


class Lengths(Integers):
    """Method len."""

    takes = "str"

    def _find(self, value: Any) -> Any:
        return super()._find(len(value))


class Network(NamedTuple):
    """An address pattern: packed address and mask of one family."""

    address: bytes
    mask: bytes


_dotted_quad = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9}){3}").fullmatch
_plain_network = re.compile(rb"([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})\.([0-9]{1,3})(?:/([0-9]{1,2}))?").fullmatch
_FULL: Final = {4: b"\xff" * 4, 16: b"\xff" * 16}


def parse_network(text: bytes, *, by_name: bool = False) -> Network:
    """An address with an optional `/bits` or, for IPv4, `/mask`.

    `by_name` asks the C library about what is no dotted quad: host names, and `10.1` for 10.0.0.1 (manual 7.1.6).
    """
    host, slash, mask_text = text.partition(b"/")
    shown = text.decode("utf-8", "surrogateescape")
    wrong = f"'{shown}' is not a valid IPv4 or IPv6 address"
    address = to_ipv6(host) if b":" in host else _ipv4(host)
    if not isinstance(address, bytes) and by_name and b":" not in host:
        address = _resolve(host)
    if not isinstance(address, bytes):
        raise ValueError(wrong)
    size = len(address)
    if not slash:
        return Network(address, _FULL[size])
    if mask_text.isdigit():
        bits = int(mask_text)
        if bits > size * 8:
            raise ValueError(wrong)
        mask = (((1 << bits) - 1) << (size * 8 - bits)).to_bytes(size, "big")
    else:
        dotted = _ipv4(mask_text) if size == 4 else None
        if dotted is None:
            raise ValueError(wrong)
        mask = dotted
    return Network(bytes(a & m for a, m in zip(address, mask, strict=True)), mask)


def _ipv4(text: bytes) -> bytes | None:
    if not _dotted_quad(text):
        return None
    numbers = [int(part) for part in text.split(b".")]
    return bytes(numbers) if max(numbers) <= 255 else None


def _resolve(host: bytes) -> bytes | None:
    try:
        return socket.inet_aton(socket.gethostbyname(host.decode("ascii")))
    except (OSError, ValueError):
        return None


class Addresses(Index):
    """Method ip: one dict per prefix length and family, the longest first; odd masks in a list behind them."""

    takes = "addr"

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.by_name = False  # ask the C library about host names, while the configuration is parsed
        self.v4: dict[int, dict[int, Any]] = {}  # bits to shift out -> prefix -> value, fewest bits first
        self.v6: dict[int, dict[int, Any]] = {}
        self.odd: list[tuple[Network, Any]] = []

    def add(self, key: bytes, value: Any) -> None:
        plain = _plain_network(key)
        if plain is not None:  # nearly every line of a long list
            a, b, c, d, bits = plain.groups(b"32")
            quad = (int(a), int(b), int(c), int(d))
            if max(quad) <= 255 and int(bits) <= 32:
                shift = 32 - int(bits)
                self._enter(self.v4, shift, int.from_bytes(quad, "big") >> shift, value)
                return
        network = parse_network(key, by_name=self.by_name)
        bare = _shift(network.mask)
        if bare is None:
            self.odd.append((network, value))
            return
        family = self.v4 if len(network.address) == 4 else self.v6
        self._enter(family, bare, int.from_bytes(network.address, "big") >> bare, value)

    def _enter(self, family: dict[int, dict[int, Any]], shift: int, prefix: int, value: Any) -> None:
        table = family.get(shift)
        if table is None:
            table = family[shift] = {}
            ordered = sorted(family.items())
            family.clear()
            family.update(ordered)
        if prefix in table:
            self.shadowed = True
        else:
            table[prefix] = value

    def discard(self, key: bytes) -> bool:
        if self.shadowed:
            return False
        network = parse_network(key)
        shift = _shift(network.mask)
        if shift is None:
            self.odd[:] = [entry for entry in self.odd if entry[0] != network]
            return True
        family = self.v4 if len(network.address) == 4 else self.v6
        table = family.get(shift, {})
        table.pop(int.from_bytes(network.address, "big") >> shift, None)
        if not table:
            family.pop(shift, None)
        return True

    def assign(self, key: bytes, value: Any) -> bool:
        network = parse_network(key)
        shift = _shift(network.mask)
        if self.shadowed or shift is None:
            return False
        family = self.v4 if len(network.address) == 4 else self.v6
        family[shift][int.from_bytes(network.address, "big") >> shift] = value
        return True

    def clear(self) -> None:
        self.v4.clear()
        self.v6.clear()
        self.odd.clear()
        self.shadowed = False

    def _find(self, value: bytes) -> Any:
        if len(value) == 4:
            found = _longest(self.v4, value)
            if found is None and self.v6:
                found = _longest(self.v6, map6(value))
        else:
            found = _longest(self.v6, value) if self.v6 else None
            if found is None and self.v4:
                inner = unmap(value)
                if isinstance(inner, bytes):
                    found = _longest(self.v4, inner)
        if found is None and self.odd:
            return self._find_odd(value)
        return found

    def _find_odd(self, value: bytes) -> Any:
        inner = unmap(value)
        if not isinstance(inner, bytes):
            return None
        for network, mapped in self.odd:
            if bytes(a & m for a, m in zip(inner, network.mask, strict=True)) == network.address:
                return mapped
        return None


def _shift(mask: bytes) -> int | None:
    """How many low bits a contiguous mask leaves out; None for a mask with holes."""
    number = int.from_bytes(mask, "big")
    inverse = ~number & ((1 << len(mask) * 8) - 1)
    return inverse.bit_length() if not inverse & (inverse + 1) else None


def _longest(family: dict[int, dict[int, Any]], value: bytes) -> Any:
    number = int.from_bytes(value, "big")
    for shift, table in family.items():
        found = table.get(number >> shift)
        if found is not None:
            return found
    return None


# Match method -> index. found and bool need none: they take no pattern.
METHODS: Final[dict[str, type[Index]]] = {
    "str": Exact,
    "bin": Binary,
    "beg": Prefix,
    "end": Suffix,
    "sub": Substring,
    "dir": Directory,
    "dom": Domain,
    "reg": Expressions,
    "int": Integers,
    "len": Lengths,
    "ip": Addresses,
}
