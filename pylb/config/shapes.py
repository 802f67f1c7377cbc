"""Argument shapes: one short text says what a simple word takes, checks it and is its usage in the manual.

    "time"  "size"  "int"  "str"  "path"      one word of that kind; "str:name" names it for the manual
    "int(1,255)"                              a number within limits
    "on|off"                                  one of these words
    suffix ?  optional     * any number     + one or more    (only at the end)

    "str:name path:file?"  ->  <name> [<file>]

Words whose arguments mean more than this have a factory of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pylb import registry
from pylb.config import units
from pylb.config.words import Line, Words
from pylb.registry import Kind, Status

_TOKEN = re.compile(
    r"(?P<kind>[a-z]+)(?:\((?P<low>-?\d*),(?P<high>-?\d*)\))?(?P<early>[?*+]?)(?::(?P<label>[^?*+]+))?(?P<repeat>[?*+]?)\Z"
)
_KINDS = ("time", "size", "int", "str", "path")
_LITERALS = ("user", "preserve-env")  # single fixed words
_ARTICLES = {"time": "a time", "size": "a size", "int": "an integer", "str": "a string", "path": "a file name"}


@dataclass(frozen=True, slots=True)
class Argument:
    kind: str  # time, size, int, str, path or choice
    label: str
    repeat: str  # "", ?, * or +
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    unit: str = "ms"

    @property
    def usage(self) -> str:
        text = "{" + " | ".join(self.choices) + "}" if self.choices else f"<{self.label}>"
        return {"": text, "?": f"[{text}]", "*": f"[{text} ...]", "+": f"{text} ..."}[self.repeat]

    def take(self, words: Words) -> Any:
        name = words.line.name
        if self.kind == "choice":
            word = words.next(self.missing(name))
            if word not in self.choices:
                expected = ", ".join(f"'{choice}'" for choice in self.choices[:-1])
                expected = f"{expected} or '{self.choices[-1]}'" if expected else f"'{self.choices[-1]}'"
                words.fail(f"'{name}' expects {expected} but got '{word}'.")
            return word
        if self.kind == "time":
            return units.take_time(words, name, unit=self.unit, missing=self.missing(name))
        if self.kind == "size":
            return units.take_size(words, name, missing=self.missing(name))
        if self.kind == "int":
            return units.take_integer(words, name, low=self.low, high=self.high, missing=self.missing(name))
        return words.next(self.missing(name))

    def missing(self, name: str) -> str:
        if self.choices:
            return f"'{name}' expects {self.usage} as argument."
        return f"'{name}' expects {_ARTICLES[self.kind]} argument ({self.usage})."


def _argument(token: str) -> Argument:
    if "|" in token or token.rstrip("?*+") in _LITERALS:
        repeat = token[-1] if token[-1] in "?*+" else ""
        return Argument("choice", "", repeat, tuple(token.rstrip("?*+").split("|")))
    match = _TOKEN.match(token)
    if match is None:
        raise ValueError(f"shape {token!r} cannot be read")
    kind, unit = match["kind"], "ms"
    if kind == "seconds":
        kind, unit = "time", "s"
    if kind not in _KINDS:
        raise ValueError(f"shape {token!r} is of no known kind")
    low, high = (int(match[name]) if match[name] else None for name in ("low", "high"))
    return Argument(kind, match["label"] or kind, match["early"] or match["repeat"], (), low, high, unit)


@dataclass(frozen=True, slots=True)
class Shape:
    """The arguments of a word, checked from left to right."""

    arguments: tuple[Argument, ...]

    @property
    def usage(self) -> str:
        return " ".join(argument.usage for argument in self.arguments)

    @property
    def arity(self) -> tuple[int, int | None]:
        low = sum(argument.repeat in ("", "+") for argument in self.arguments)
        many = any(argument.repeat in ("*", "+") for argument in self.arguments)
        return low, None if many else len(self.arguments)

    def take(self, words: Words) -> list[Any]:
        values: list[Any] = []
        for argument in self.arguments:
            if argument.repeat in ("?", "*") and words.end:
                break
            values.append(argument.take(words))
            while argument.repeat in ("*", "+") and not words.end:
                values.append(argument.take(words))
        return values

    def value(self, words: Words) -> Any:
        """What a word with this shape stores: the value, a list of several, or True when it has none."""
        values = self.take(words)
        if not self.arguments:
            return True
        single = len(self.arguments) == 1 and self.arguments[0].repeat in ("", "?")
        return (values[0] if values else True) if single else values


def shape(text: str) -> Shape:
    """Reads a shape text; mistakes are bugs of the caller and raise ValueError."""
    return Shape(tuple(_argument(token) for token in text.split()))


def storing(text: str, *, many: bool = False) -> Callable[[Line], None]:
    """A keyword factory that checks a shape and stores the value (in a list when the word may be repeated)."""
    arguments = shape(text)

    def store(line: Line) -> None:
        words = line.args()
        if line.reset:
            line.record.values.pop(line.name, None)
            return
        if line.negated and not arguments.arguments:
            line.set(False)
            return
        value = arguments.value(words)
        words.finish()
        if many:
            line.record.append(line.name, value, line.span)
        else:
            line.set(value)

    return store


@dataclass(frozen=True, slots=True)
class Row:
    """One word of a table: its names, the shape of its arguments, its status and one line of meaning."""

    names: str  # several separated by ", "
    shape: str
    status: Status
    meaning: str
    many: bool = False
    negatable: bool = False
    note: str = ""


def declare_rows(rows: Iterable[Row], places: tuple[str, ...]) -> None:
    """Declares the keywords of a table, except those that another room has declared already."""
    for row in rows:
        arguments = shape(row.shape)
        for name in row.names.split(", "):
            free = tuple(place for place in places if registry.find(Kind.KEYWORD, name, place) is None)
            if free:
                registry.declare(
                    Kind.KEYWORD,
                    name,
                    storing(row.shape, many=row.many),
                    places=free,
                    usage=arguments.usage,
                    status=row.status,
                    note=row.note,
                    doc=row.meaning,
                    arity=(0, arguments.arity[1]),
                    negatable=row.negatable,
                )
