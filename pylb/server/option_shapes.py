"""Shapes that many words of a server line share: a number, a delay, a flag, one of several words.

Each function declares a word whose factory stores its value in `server.values`; messages are HAProxy's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.config.section_shapes import odd_unit
from pylb.config.units import BadCharacter, TimeOverflow, parse_integer, parse_time
from pylb.registry import Kind, Status, declare

if TYPE_CHECKING:
    from pylb.config.model import ServerLine
    from pylb.config.words import Words


def warn_unit(words: Words, server: ServerLine, text: str) -> None:
    """HAProxy's warning about what follows the unit of a time."""
    label = "" if server.name == "default-server" else f"'server {words.line.record.name}/{server.name}' : "
    odd_unit(words.line, text, label, words.line.span)


def take_delay(words: Words, server: ServerLine, name: str, *, least: int = 0, shown: str = "") -> int:
    """A time of a server line, with HAProxy's sentences for it."""
    text = words.next(f"'{name}' expects a delay as argument..")
    try:
        value = parse_time(text)
    except TimeOverflow:
        words.fail(
            f"{'' if name == 'slowstart' else 'timer '}overflow in argument <{text}> to <{name}> "
            f"of server {server.name}, "
            "maximum value is 2147483647 ms (~24.8 days).."
        )
    except BadCharacter as error:
        words.fail(f"unexpected character '{error.character}' in '{shown or name}' argument of server {server.name}..")
    warn_unit(words, server, text)
    if value < least:
        words.fail(f"invalid value {value} for argument '{name}' of server {server.name}..")
    return value


def number(
    name: str,
    *,
    least: int | None = None,
    missing: str = "",
    low: str = "",
    optional: bool = False,
    status: Status = Status.FULL,
    note: str = "",
    doc: str,
) -> None:
    """Declares an option with one whole number, read as C's atol() does (`12x` is 12, `x` is 0)."""

    def take(words: Words, server: ServerLine) -> None:
        # HAProxy takes some of them without a value at the end of a line.
        text = "" if optional and words.end else words.next(missing or f"'{name}' expects <value> as argument..")
        value = parse_integer(text)
        if least is not None and value < least:
            words.fail(low)
        server.values[name] = value

    declare(Kind.SERVER, name, take, usage="<number>", status=status, note=note, doc=doc, plain=1)


def delay(name: str, *, least: int = 0, shown: str = "", status: Status, note: str, doc: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        server.values[name] = take_delay(words, server, name, least=least, shown=shown)

    declare(Kind.SERVER, name, take, usage="<delay>", status=status, note=note, doc=doc, plain=1)


def flag(name: str, key: str, value: Any, *, status: Status = Status.FULL, note: str = "", doc: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        server.values[key] = value

    declare(Kind.SERVER, name, take, status=status, note=note, doc=doc, plain=0)


def choice(
    name: str, wanted: tuple[str, ...], message: str, *, missing: str = "", status: Status, note: str, doc: str
) -> None:
    def take(words: Words, server: ServerLine) -> None:
        if words.end and missing:
            words.fail(missing)
        word = words.peek() or ""
        if word not in wanted:
            words.fail(message.format(word), last=False)
        server.values[name] = words.next()

    declare(Kind.SERVER, name, take, usage="|".join(wanted), status=status, note=note, doc=doc, plain=1)


def text(name: str, missing: str, *, status: Status, note: str, doc: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        server.values[name] = words.next(missing)

    declare(Kind.SERVER, name, take, usage="<text>", status=status, note=note, doc=doc, plain=1)
