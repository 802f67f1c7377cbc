"""Every word pylb understands, declared beside its implementation and found here.

A word is a configuration keyword, bind option, server option, global or proxy `option`, fetch, converter, match
method, action, log alias, balance algorithm, check type, filter, service or CLI command. The decorators below
record it with its names, argument shapes, place, status and docstring; the reference manual, `-dK`, the
compatibility table and "did you mean" are printed from these tables. Duplicates fail at import.

This room knows only names: what a factory returns is a matter between the caller and the declaring room.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


class Status(enum.Enum):
    """How much of a word works. HARMLESS and UNSAFE are parsed only: starting refuses an UNSAFE one."""

    FULL = "full"
    PARTIAL = "partial"
    HARMLESS = "parsed only, harmless"
    UNSAFE = "parsed only, unsafe"

    @property
    def inert(self) -> bool:
        return self in (Status.HARMLESS, Status.UNSAFE)


class Kind(enum.Enum):
    SECTION = "section"
    KEYWORD = "keyword"  # place = section name: global, defaults, frontend, backend, listen, userlist ...
    BIND = "bind option"
    SERVER = "server option"
    FETCH = "fetch"
    CONVERTER = "converter"
    MATCH = "match method"
    ACL = "acl keyword"  # hdr_beg, path_end ...: a fetch with a built-in match method
    ACTION = "action"  # place = ruleset: http-request, tcp-request content ...
    ALIAS = "log alias"
    BALANCE = "balance algorithm"
    CHECK = "check type"
    FILTER = "filter"
    SERVICE = "service"
    COMMAND = "runtime command"

    __hash__ = object.__hash__  # Enum's own is Python code, and tables are asked several times per line


@dataclass(frozen=True, slots=True)
class Word:
    """One declared word. `places` is empty where a kind has only one namespace."""

    kind: Kind
    names: tuple[str, ...]
    places: tuple[str, ...]
    usage: str  # argument shapes in the manual's notation, e.g. "<name> [if|unless <cond>]"
    status: Status
    doc: str
    factory: Callable[..., Any]
    facts: dict[str, Any]  # kind-specific declarations: out=, takes=, scope=, args=, arity=, negatable= ...
    note: str = ""  # what is missing when PARTIAL, or the modern form of an old word

    @property
    def name(self) -> str:
        return self.names[0]


_tables: dict[tuple[Kind, str], dict[str, Word]] = {}
_words: list[Word] = []
_longest: dict[tuple[Kind, str], dict[str, int]] = {}


class DuplicateWord(Exception):
    """Two declarations of one name in one place: a mistake in pylb's own source."""


def declare(
    kind: Kind,
    names: str | Iterable[str],
    factory: Callable[..., Any],
    *,
    places: str | Iterable[str] = (),
    usage: str = "",
    status: Status = Status.FULL,
    note: str = "",
    doc: str | None = None,
    **facts: Any,
) -> Word:
    """Enters a word; the decorators call this, loops over families of words may too.

    Where a table loop declares a family, it passes `doc`; else the factory's docstring is the manual entry.
    """
    all_names = (names,) if isinstance(names, str) else tuple(names)
    all_places = (places,) if isinstance(places, str) else tuple(places)
    text = inspect.cleandoc(doc if doc is not None else factory.__doc__ or "")
    word = Word(kind, all_names, all_places, usage, status, text, factory, facts, note)
    for place in all_places or ("",):
        table = _tables.setdefault((kind, place), {})
        for name in all_names:
            if name in table:
                raise DuplicateWord(f"{kind.value} {name!r} in {place!r} is declared twice")
            table[name] = word
            first, _, rest = name.partition(" ")
            longest = _longest.setdefault((kind, place), {})
            longest[first] = max(longest.get(first, 1), 1 + rest.count(" ") + bool(rest))
    _words.append(word)
    return word


def find(kind: Kind, name: str, place: str = "") -> Word | None:
    return _tables.get((kind, place), {}).get(name)


def table(kind: Kind, place: str = "") -> Mapping[str, Word]:
    """One table as it is, and as it grows, for readers that ask it once per line."""
    return _tables.setdefault((kind, place), {})


def longest(kind: Kind, place: str = "") -> Mapping[str, int]:
    """First word of a name -> how many words the longest name has that starts with it."""
    return _longest.setdefault((kind, place), {})


def names(kind: Kind, place: str = "") -> Iterable[str]:
    """All names of one table, for suggestions."""
    return _tables.get((kind, place), {}).keys()


def words(kind: Kind | None = None) -> Iterator[Word]:
    """Every declared word once, in order of declaration."""
    return (word for word in _words if kind is None or word.kind is kind)


def places(kind: Kind) -> list[str]:
    return [place for (k, place), table in _tables.items() if k is kind and table]


def _decorator(kind: Kind, names: str | Iterable[str], facts: dict[str, Any]) -> Callable[[F], F]:
    def enter(factory: F) -> F:
        declare(kind, names, factory, **facts)
        return factory

    return enter


PROXY = ("defaults", "frontend", "listen", "backend")
FRONT = ("defaults", "frontend", "listen")
BACK = ("defaults", "listen", "backend")


def section(*names: str, **facts: Any) -> Callable[[F], F]:
    """Factory: `(line: Line) -> record` opens a section (config/sections.py). `first=True`: best before all others."""
    return _decorator(Kind.SECTION, names, facts)


def keyword(*names: str, places: str | Iterable[str], **facts: Any) -> Callable[[F], F]:
    """A word that starts a line of a section. Names may have several words ("timeout client", "option httplog").

    Factory: `(line: Line) -> None`, which stores what it parsed in `line.record` (config/model.py) and raises
    ConfigError. `arity=(min, max)` counts the words after the name (max None = unbounded) and is checked before
    the factory runs. `negatable=True` lets `no` or `default` stand before it (then `line.negated` or `line.reset`),
    `negatable="no"` only `no`.
    """
    return _decorator(Kind.KEYWORD, names, {"places": places, **facts})


def bind_option(*names: str, **facts: Any) -> Callable[[F], F]:
    """A word of a bind line. Factory: `(words: Words, bind: BindLine) -> None` takes its own arguments."""
    return _decorator(Kind.BIND, names, facts)


def server_option(*names: str, **facts: Any) -> Callable[[F], F]:
    """A word of a server or default-server line. Factory: `(words: Words, server: ServerLine) -> None`.

    `plain=0` or `plain=1` promises that it takes so many arguments, stores nothing but immutable values made of them in
    `server.values`, and reports nothing but errors: then what equal words make is computed once per configuration.
    """
    return _decorator(Kind.SERVER, names, facts)


def fetch(*names: str, out: str, scope: Any, args: tuple[str, ...] = (), **facts: Any) -> Callable[[F], F]:
    """A sample fetch. Factory: `(*bound arguments) -> closure(ctx) -> value | MISS | WAIT`, or `Occurrences`.

    `args` are argument shapes (sample/arguments.py), a trailing `?` marks the optional ones; `out` is a type of
    sample/values.py; `scope` says when the data exists (sample/scopes.py).
    """
    return _decorator(Kind.FETCH, names, {"out": out, "scope": scope, "args": args, **facts})


def converter(*names: str, takes: str, out: str, args: tuple[str, ...] = (), **facts: Any) -> Callable[[F], F]:
    """A converter. Factory: `(*bound arguments) -> closure(value, ctx) -> value | MISS`.

    The value arrives cast to `takes`; `out="same"` keeps the input type.
    """
    return _decorator(Kind.CONVERTER, names, {"takes": takes, "out": out, "args": args, **facts})


def action(*names: str, places: str | Iterable[str], **facts: Any) -> Callable[[F], F]:
    """An action of rulesets. Factory: `(words: Words, site: Site) -> build`, run while parsing.

    It takes its own arguments from `words`, checks them, and stops before `if`/`unless`; `build(program)` runs when
    everything is parsed and returns `closure(ctx) -> Verdict | None`. `final=True` marks an action that ends the
    ruleset whenever it runs. See rules/ruleset.py.
    """
    return _decorator(Kind.ACTION, names, {"places": places, **facts})


def alias(*names: str, **facts: Any) -> Callable[[F], F]:
    """A `%xx` of log-format. Factory: `(argument: str) -> closure(stream) -> bytes | int | MISS | None`.

    `argument` holds the flags in force, as sorted letters ("", "X", "EQ" ...). Only X (hexadecimal) concerns the alias;
    the format itself escapes (E) and quotes (Q) what it returns:

        int    decimal, never quoted                  bytes  escaped and quoted, as they are when `verbatim=True`
        MISS   `-`, or `""` under +Q                  None   nothing at all, and the space that follows is dropped too

    Facts: `http=True` needs mode http ("format variable 'x' is reserved for HTTP mode."); `verbatim=True` leaves the
    bytes alone; `when=` names the moment from which the value is complete: accept, request, connect, response, end.
    """
    return _decorator(Kind.ALIAS, names, facts)


def algorithm(*names: str, **facts: Any) -> Callable[[F], F]:
    """A `balance` algorithm. Factory: `(words: Words, site: Site) -> build(backend) -> Algorithm`."""
    return _decorator(Kind.BALANCE, names, facts)


def command(*names: str, level: str = "user", **facts: Any) -> Callable[[F], F]:
    """A runtime-socket command ("show info"). Factory: `async (call: Call) -> None`; see background/runtime."""
    return _decorator(Kind.COMMAND, names, {"level": level, **facts})
