"""Argument shapes: one short text says what a simple word takes, checks it and is its usage in the manual.

    "time"  "size"  "str"  "path"             one word of that kind; "str:name" names it for the manual
    "int(1,255)"                              a number within limits; letters behind the digits are not looked at,
                                              and a word without digits counts as 0, as in HAProxy
    "number(0,)"                              the same, but the whole word has to be the number
    "bytes(1,)"                               a size that is read as leniently as int
    "on|off"                                  one of these words
    "of:ipv4,ipv6"                            some of these words, separated by commas
    "cpus" ...                                a kind of its own, declared in KINDS
    suffix ?  optional     * any number     + one or more    (only at the end)

    "str:name path:file?"  ->  <name> [<file>]

A word's sentences for a missing and for a wrong argument may be given; {name}, {got} and {character} are filled in.
Words whose arguments mean more than this have a factory of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from pylb import registry
from pylb.config import units
from pylb.config.words import Line, Words
from pylb.errors import ConfigError
from pylb.registry import Kind, Status

_TOKEN = re.compile(
    r"(?P<kind>[a-z]+)(?:\((?P<low>-?\d*),(?P<high>-?\d*)\))?(?P<early>[?*+]?)(?::(?P<label>[^?*+]+))?(?P<repeat>[?*+]?)\Z"
)
_KINDS = ("time", "size", "int", "number", "bytes", "str", "path")
_LITERALS = ("user", "preserve-env")  # single fixed words
_ARTICLES = {"time": "a time", "path": "a file name"}

KINDS: dict[str, Callable[[str], Any]] = {}
"""Kinds of arguments by name; the function gives the value or raises ValueError with the whole sentence."""


@dataclass(frozen=True, slots=True)
class Sentences:
    """What is said of a word's arguments instead of the ordinary: see the module."""

    missing: str = ""
    wrong: str = ""
    overflow: str = ""


ORDINARY = Sentences()


@dataclass(frozen=True, slots=True)
class Argument:
    kind: str  # time, size, int, number, bytes, str, path, choice, some, or a name of KINDS
    label: str
    repeat: str  # "", ?, * or +
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    unit: str = "ms"

    @property
    def usage(self) -> str:
        if self.kind == "some":
            text = "{" + " | ".join(self.choices) + "}[,...]"
        else:
            text = "{" + " | ".join(self.choices) + "}" if self.choices else f"<{self.label}>"
        return {"": text, "?": f"[{text}]", "*": f"[{text} ...]", "+": f"{text} ..."}[self.repeat]

    def take(self, words: Words, say: Sentences = ORDINARY) -> Any:
        name = words.line.name
        text = words.next(say.missing.format(name=name, got="", character="") if say.missing else self.missing(name))
        return _TAKERS.get(self.kind, _own)(self, words, text, say)

    def missing(self, name: str) -> str:
        if self.kind in ("int", "number", "bytes", "size"):
            return f"'{name}' expects an integer argument."
        if self.choices == ("on", "off"):
            return f"'{name}' expects either 'on' or 'off' but got ''."
        if self.choices:
            return f"'{name}' expects {self.usage} as argument."
        return f"'{name}' expects {_ARTICLES.get(self.kind, 'a string')} argument ({self.usage})."

    def inside(self, value: int) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def _wrong(words: Words, text: str, say: Sentences, otherwise: str, character: str = "") -> NoReturn:
    """Raises the sentence for the word taken last."""
    shown = say.wrong.format(name=words.line.name, got=text, character=character) if say.wrong else otherwise
    raise ConfigError(shown, words.last_span)


def _choice(argument: Argument, words: Words, text: str, say: Sentences) -> str:
    if text not in argument.choices:
        if argument.choices == ("on", "off"):
            _wrong(words, text, say, f"'{words.line.name}' expects either 'on' or 'off' but got '{text}'.")
        expected = ", ".join(f"'{choice}'" for choice in argument.choices[:-1])
        last = f"'{argument.choices[-1]}'"
        expected = f"{expected} or {last}" if expected else last
        _wrong(words, text, say, f"'{words.line.name}' expects {expected} but got '{text}'.")
    return text


def _some(argument: Argument, words: Words, text: str, say: Sentences) -> list[str]:
    chosen = text.split(",")
    for one in chosen:
        if one not in argument.choices:
            expected = ", ".join(f"'{choice}'" for choice in argument.choices)
            _wrong(words, text, say, f"'{words.line.name}' : unknown word '{one}', expects one or more of {expected}.")
    return chosen


def _time(argument: Argument, words: Words, text: str, say: Sentences) -> int:
    name = words.line.name
    try:
        value = units.parse_time(text, argument.unit)
    except units.BadCharacter as error:
        _wrong(words, text, say, units.time_error(error, text, name), error.character)
    except ValueError as error:
        otherwise = units.time_error(error, text, name)
        shown = say.overflow.format(name=name, got=text) if say.overflow else otherwise
        raise ConfigError(shown, words.last_span) from None
    if not argument.inside(value):
        shown = say.missing or "'{name}' expects a time between {low} and {high} ms."
        raise ConfigError(shown.format(name=name, low=argument.low or 0, high=argument.high), words.last_span)
    if text.lstrip("0123456789") not in ("", "us", "ms", "s", "m", "h", "d"):
        words.line.notice(f"'{name}' : the unit of '{text}' is odd; it counts as {value} ms.")
    return value


def _size(argument: Argument, words: Words, text: str, say: Sentences) -> int:
    try:
        return units.parse_size(text)
    except units.BadCharacter as error:
        otherwise = f"unexpected character '{error.character}' in '{words.line.name}'"
        _wrong(words, text, say, otherwise, error.character)


def _bytes(argument: Argument, words: Words, text: str, say: Sentences) -> int:
    try:
        value = units.parse_size(text)
    except units.BadCharacter:
        value = units.parse_integer(text)
        words.line.notice(f"'{words.line.name}' : '{text}' is no size and counts as {value}.")
    if not argument.inside(value):
        _wrong(words, text, say, _limits(argument, words.line.name, text))
    return value


def _int(argument: Argument, words: Words, text: str, say: Sentences) -> int:
    value = units.parse_integer(text)
    if not argument.inside(value):
        _wrong(words, text, say, _limits(argument, words.line.name, text))
    if not text.lstrip("+-").isdecimal():
        words.line.notice(f"'{words.line.name}' : '{text}' is not a whole number and counts as {value}.")
    return value


def _number(argument: Argument, words: Words, text: str, say: Sentences) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        stray = text.lstrip("+-").lstrip("0123456789")[:1]
        _wrong(words, text, say, f"'{words.line.name}' : '{text}' is not a whole number.", stray)
    value = int(text[:20])
    if not argument.inside(value):
        _wrong(words, text, say, _limits(argument, words.line.name, text), text[:1])
    return value


def _limits(argument: Argument, name: str, text: str) -> str:
    limits = " and ".join(
        f"{word} {limit}"
        for word, limit in (("at least", argument.low), ("at most", argument.high))
        if limit is not None
    )
    return f"'{name}' expects a number of {limits}, got '{text}'."


def _text(argument: Argument, words: Words, text: str, say: Sentences) -> str:
    return text


def _own(argument: Argument, words: Words, text: str, say: Sentences) -> Any:
    try:
        return KINDS[argument.kind](text)
    except ValueError as error:
        _wrong(words, text, say, str(error).format(name=words.line.name))


_TAKERS: dict[str, Callable[[Argument, Words, str, Sentences], Any]] = {
    "choice": _choice,
    "some": _some,
    "time": _time,
    "size": _size,
    "bytes": _bytes,
    "int": _int,
    "number": _number,
    "str": _text,
    "path": _text,
}


def _argument(token: str) -> Argument:
    if token.startswith("of:"):
        repeat = token[-1] if token[-1] in "?*+" else ""
        return Argument("some", "", repeat, tuple(token[3:].rstrip("?*+").split(",")))
    if "|" in token or token.rstrip("?*+") in _LITERALS:
        repeat = token[-1] if token[-1] in "?*+" else ""
        return Argument("choice", "", repeat, tuple(token.rstrip("?*+").split("|")))
    match = _TOKEN.match(token)
    if match is None:
        raise ValueError(f"shape {token!r} cannot be read")
    kind, unit = match["kind"], "ms"
    if kind == "seconds":
        kind, unit = "time", "s"
    if kind not in _KINDS and kind not in KINDS:
        raise ValueError(f"shape {token!r} is of no known kind")
    low, high = (int(match[name]) if match[name] else None for name in ("low", "high"))
    return Argument(kind, match["label"] or kind, match["early"] or match["repeat"], (), low, high, unit)


@dataclass(frozen=True, slots=True)
class Shape:
    """The arguments of a word, checked from left to right."""

    arguments: tuple[Argument, ...]
    sentences: Sentences = ORDINARY

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
            values.append(argument.take(words, self.sentences))
            while argument.repeat in ("*", "+") and not words.end:
                values.append(argument.take(words, self.sentences))
        return values

    def value(self, words: Words) -> Any:
        """What a word with this shape stores: the value, a list of several, or True when it has none."""
        values = self.take(words)
        if not self.arguments:
            return True
        single = len(self.arguments) == 1 and self.arguments[0].repeat in ("", "?")
        return (values[0] if values else True) if single else values


def shape(text: str, sentences: Sentences = ORDINARY) -> Shape:
    """Reads a shape text; mistakes are bugs of the caller and raise ValueError."""
    return Shape(tuple(_argument(token) for token in text.split()), sentences)


@dataclass(frozen=True, slots=True)
class Row:
    """One word of a table: its names, the shape of its arguments, its status and one line of meaning."""

    names: str  # several separated by ", "
    shape: str
    status: Status
    meaning: str
    many: bool = False
    negatable: bool | str = False  # "no": `default` may not stand before it
    note: str = ""
    missing: str = ""  # the sentences of Sentences
    wrong: str = ""
    overflow: str = ""
    loose: bool = False  # HAProxy does not look at surplus words; they are reported in a notice
    surplus: str = ""  # its sentence for them, where it is not the ordinary one
    experimental: bool = False  # needs `expose-experimental-directives` above it
    once: str = ""  # what is said of a second occurrence: of `Continuing` in a notice, else as an error

    def read(self) -> Shape:
        return shape(self.shape, Sentences(self.missing, self.wrong, self.overflow))


ONCE = "'{name}' already specified. Continuing."
EXPERIMENTAL = "expose-experimental-directives"


def check_experimental(line: Line) -> None:
    if not line.config.globals.get(EXPERIMENTAL):
        raise ConfigError(
            f"'{line.name}' directive is experimental, must be allowed via a global '{EXPERIMENTAL}'", line.span
        )


def repeated(line: Line, message: str) -> None:
    """Says that a word stands for the second time. Where HAProxy goes on, the first value stays."""
    if not message.endswith("Continuing."):
        raise ConfigError(message, line.span)
    line.notice(message)


def storing(row: Row) -> Callable[[Line], None]:
    """A keyword factory that checks a shape and stores the value (in a list when the word may be repeated)."""
    arguments = row.read()

    def store(line: Line) -> None:
        if row.experimental:
            check_experimental(line)
        words = line.args()
        if row.once and line.record.values.get(line.name):
            repeated(line, row.once.format(name=line.name))
            return
        if line.reset:
            line.record.values.pop(line.name, None)
            return
        if line.negated and not arguments.arguments:
            line.set(False)
            return
        value = arguments.value(words)
        if row.loose:
            ignore_surplus(words)
        elif row.surplus and not words.end:
            words.fail(row.surplus.format(name=line.name, got=words.peek()), last=False)
        words.finish()
        if row.many:
            line.record.append(line.name, value, line.span)
        else:
            line.set(value)

    return store


def ignore_surplus(words: Words) -> None:
    """Says that the rest of the line counts for nothing, as in HAProxy, which says nothing."""
    if not words.end:
        words.line.notice(f"'{words.line.name}' : '{' '.join(words.rest())}' is ignored.")


def declare_rows(rows: Iterable[Row], places: tuple[str, ...]) -> None:
    """Declares the keywords of a table, except those that another room has declared already."""
    for row in rows:
        arguments = row.read()
        most = None if row.loose or row.surplus or row.experimental else arguments.arity[1]
        for name in row.names.split(", "):
            free = tuple(place for place in places if registry.find(Kind.KEYWORD, name, place) is None)
            if free:
                registry.declare(
                    Kind.KEYWORD,
                    name,
                    storing(row),
                    places=free,
                    usage=arguments.usage,
                    status=row.status,
                    note=row.note,
                    doc=row.meaning,
                    arity=(0, most),
                    negatable=row.negatable,
                )
