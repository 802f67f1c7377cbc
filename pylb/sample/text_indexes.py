"""Indexes over text: exact, by prefix, suffix, part, component and regular expression. See sample/indexes.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pylb.sample import regexes

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
Slot = tuple[int, Any]


class _ByLength(Index):
    """Shared by beg, end, sub, dir and dom: patterns in one dict per length."""

    longest = False  # the longest pattern wins, not the first

    def __init__(self, ignore_case: bool = False) -> None:
        super().__init__(ignore_case)
        self.tables: dict[int, dict[bytes, Slot]] = {}
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
        best: Slot | None = None
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
        best: Slot | None = None
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
        best: Slot | None = None
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
        best: Slot | None = None
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
