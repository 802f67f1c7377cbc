"""Pattern files: the lists of `acl -f` and the maps of `map*`, read once per path and shared by all who name it.

A `Reference` holds what the file says, in its order; each use (match method, case, output type) has an index made from
it. Closures hold the index's `find`, so a change made through a rule or the runtime API reaches them at once. Indexes
over exact strings are the entries themselves: a million lines cost one dict.

Format (manual 7.1, 7.3.1): a line that begins with `#` is a comment, empty lines do not count, leading blanks are
skipped; in a list the rest of the line is the pattern, in a map the first word is the key and the rest, without
trailing blanks, the value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pylb.sample import indexes

Parse = Callable[[bytes], Any]  # a map's text value -> its typed value; ValueError when it is none


class Reference:
    """One file (or one unnamed list of patterns); lives as long as the program.

    `entries` has the first entry of every key; `repeated` the others, which only a removal can bring to light.
    """

    def __init__(self, path: str, *, is_map: bool) -> None:
        self.path = path
        self.is_map = is_map
        self.entries: dict[bytes, bytes] = {}
        self.repeated: list[tuple[bytes, bytes]] = []
        self.number = -1  # `-u`, or the number the runtime API shows
        self.uses: dict[Any, tuple[indexes.Index, Parse | None]] = {}
        self.lines: list[bytes] | None = None  # the file's lines while the configuration is parsed: for messages

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self.entries.items()
        yield from self.repeated

    def __len__(self) -> int:
        return len(self.entries) + len(self.repeated)

    def read(self) -> None:
        """Reads the file. ValueError has HAProxy's message."""
        try:
            data = Path(os.fsdecode(self.path)).read_bytes()
        except (OSError, ValueError):
            raise ValueError(f"failed to open pattern file <{self.path}>") from None
        self.replace(_map_lines(data) if self.is_map else _list_lines(data))

    def replace(self, entries: Iterable[tuple[bytes, bytes]]) -> None:
        """New contents, all at once; every index follows."""
        self.entries.clear()
        self.repeated.clear()
        known = self.entries
        for key, value in entries:
            if key in known:
                self.repeated.append((key, value))
            else:
                known[key] = value
        self._rebuild()

    def index(self, method: str, *, ignore_case: bool = False, by_name: bool = False, parse: Parse | None = None,
              form: str = "") -> indexes.Index:  # fmt: skip
        """The index for one use. `form` names what `parse` makes of values, so that equal uses share one index."""
        use = (method, ignore_case, form)
        found = self.uses.get(use)
        if found is not None:
            return found[0]
        if method == "str" and not ignore_case and parse is None:
            made: indexes.Index = _Direct(self.entries)
        else:
            made = indexes.METHODS[method](ignore_case)
            if isinstance(made, indexes.Addresses):
                made.by_name = by_name
            for key, value in self:
                self._enter(made, key, value, parse)
            if isinstance(made, indexes.Addresses):
                made.by_name = False
        self.uses[use] = (made, parse)
        return made

    def _enter(self, index: indexes.Index, key: bytes, value: bytes, parse: Parse | None) -> None:
        """Adds to an index; a value or pattern that does not parse is reported with its line."""
        try:
            typed = value if parse is None else parse(value)
        except ValueError:
            raise ValueError(f"unable to parse '{_shown(value)}'{self._place(key)}") from None
        try:
            index.add(key, typed)
        except ValueError as error:
            raise ValueError(f"{error}{self._place(key)}") from None

    def _place(self, key: bytes) -> str:
        """` at line N of file 'F'`: the file is read again for it, this is only said of mistakes."""
        try:
            lines = Path(os.fsdecode(self.path)).read_bytes().split(b"\n")
        except (OSError, ValueError):
            return ""
        reader = _map_lines if self.is_map else _list_lines
        for number, line in enumerate(lines, 1):
            for found, _ in reader(line):
                if found == key:
                    return f" at line {number} of file '{self.path}'"
        return ""

    def add(self, key: bytes, value: bytes = b"") -> None:
        """Appends an entry; ValueError when some use of the file cannot take it, and then nothing has changed."""
        self._probe(key, value)
        if key in self.entries:
            self.repeated.append((key, value))
            return
        self.entries[key] = value
        for index, parse in self.uses.values():
            index.add(key, value if parse is None else parse(value))

    def _probe(self, key: bytes, value: bytes) -> None:
        for index, parse in self.uses.values():
            if not isinstance(index, _Direct):
                type(index)(index.ignore_case).add(key, value)
            if parse is not None:
                parse(value)

    def set(self, key: bytes, value: bytes) -> bool:
        """Gives every entry of a key another value. False: there is no such key."""
        if key not in self.entries:
            return False
        self._probe(key, value)
        self.entries[key] = value
        self.repeated = [(known, value if known == key else old) for known, old in self.repeated]
        for index, parse in self.uses.values():
            if not index.assign(key, value if parse is None else parse(value)):
                self._reload(index, parse)
        return True

    def remove(self, key: bytes) -> bool:
        """Removes every entry of a key. False: there is none."""
        if self.entries.pop(key, None) is None:
            return False
        self.repeated = [entry for entry in self.repeated if entry[0] != key]
        for index, parse in self.uses.values():
            if not index.discard(key):
                self._reload(index, parse)
        return True

    def clear(self) -> None:
        self.replace(())

    def _reload(self, index: indexes.Index, parse: Parse | None) -> None:
        index.load((key, value if parse is None else parse(value)) for key, value in self)

    def _rebuild(self) -> None:
        for index, parse in self.uses.values():
            self._reload(index, parse)


Map = Reference
AclFile = Reference


class _Direct(indexes.Exact):
    """Exact match without -i over text values: the reference's own dict, nothing to keep in step."""

    def __init__(self, entries: dict[bytes, bytes]) -> None:
        super().__init__()
        self.table = entries
        self.find = entries.get

    def add(self, key: bytes, value: Any) -> None:
        pass

    def load(self, entries: Iterable[tuple[bytes, Any]]) -> None:
        pass

    def discard(self, key: bytes) -> bool:
        return True

    def assign(self, key: bytes, value: Any) -> bool:
        return True

    def clear(self) -> None:
        pass


def _list_lines(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in data.split(b"\n"):
        if line[:1] != b"#":
            key = line.lstrip(b" \t").partition(b"\r")[0]
            if key:
                yield key, b""


_entry = re.compile(rb"[ \t]*+([^ \t\r]++)[ \t]*+([^\r]*+)").match


def _map_lines(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in data.split(b"\n"):
        if line[:1] != b"#":
            found = _entry(line)
            if found is not None:
                key, value = found.groups()
                yield key, value.rstrip(b" \t")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "surrogateescape")


class References:
    """All pattern files of a program by path, and the unnamed lists by number."""

    def __init__(self) -> None:
        self.maps: dict[str, Reference] = {}
        self.lists: dict[str, Reference] = {}

    def map(self, path: str | bytes) -> Reference:
        return self._open(self.maps, path, is_map=True)

    def list(self, path: str | bytes) -> Reference:
        return self._open(self.lists, path, is_map=False)

    def _open(self, known: dict[str, Reference], path: str | bytes, *, is_map: bool) -> Reference:
        name = _shown(path) if isinstance(path, bytes) else path
        found = known.get(name)
        if found is None:
            found = Reference(name, is_map=is_map)
            found.read()
            known[name] = found
        return found

    def __iter__(self) -> Iterator[Reference]:
        yield from self.maps.values()
        yield from self.lists.values()

    def find(self, path: str) -> Reference | None:
        """By path, maps first: what `http-request set-map(path)` and the runtime API name."""
        return self.maps.get(path) or self.lists.get(path)


def of(config: Any) -> References:
    """The references of a configuration, which the program takes over as `program.references`."""
    found: References | None = getattr(config, "references", None)
    if found is None:
        found = config.references = References()
    return found
