"""Indexes over integers and addresses, and how their patterns are written. See sample/indexes.py."""

from __future__ import annotations

import re
import socket
from typing import Any, Final, NamedTuple

from pylb.sample.casts import map6, to_ipv6, unmap
from pylb.sample.text_indexes import Index, Slot


class Range(NamedTuple):
    """An integer pattern; a bound is None where it is open."""

    low: int | None
    high: int | None

    def holds(self, value: int) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


_SEPARATOR: Final = re.compile(rb"[:-]")  # also in front: `-5` is `:5`; a bound below zero can only follow a `:`


def parse_range(text: bytes, *, dotted: bool = False) -> Range:
    """`5`, `5:9`, `5-9`, `5:`, `:9`, `-9`; `dotted` takes versions such as `3.1`. ValueError with HAProxy's words."""
    shown = text.decode("utf-8", "surrogateescape")
    found = _SEPARATOR.search(text)
    colon = found is not None
    low_text, high_text = (text[: found.start()], text[found.end() :]) if found is not None else (text, b"")
    kind = "dotted number" if dotted else "number"
    wrong = f"'{shown}' is not a valid {kind} range" if colon else f"'{shown}' is not a {kind}"
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
    if _number(major) > 0xFFFF or (dot and _number(minor) > 0xFFFF):
        raise ValueError(text)
    return (_number(major) << 16) + (_number(minor) if dot else 0)


class Integers(Index):
    """Methods int and len (the latter on the length of the sample)."""

    takes = "int"
    dotted = False

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.exact: dict[int, Slot] = {}
        self.ranges: list[tuple[Range, Slot]] = []

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
        best: Slot | None = self.exact.get(value)
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
