"""What the smaller sections have in common: how they open, and the sentences for their times and numbers.

HAProxy reads most of them with code of their own, so that one kind of mistake has several wordings; the functions here
take the words that differ as arguments.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from pylb import registry
from pylb.config import units
from pylb.config.addresses import check_numeric, numeric_family
from pylb.config.defaults import odd_character
from pylb.config.model import Record
from pylb.config.sections import check_name, no_more_words
from pylb.errors import NOWHERE, ConfigError, Span, did_you_mean
from pylb.registry import Kind, Status

if TYPE_CHECKING:
    from pylb.config.model import Address, Configuration
    from pylb.config.words import Line, Words

MOST: Final = "maximum value is 2147483647 ms (~24.8 days)"
_UNIT: Final = re.compile(r"[0-9]*(?:us|ms|[smhd])?")
_WHOLE: Final = re.compile(r"[ \t]*[+-]?[0-9]+\Z")


def open_section(
    line: Line,
    *,
    missing: str,
    duplicate: str = "",
    words: int | None = 2,
    odd: str = "",
    strict: bool = True,
    fatal: bool = False,
) -> Record:
    """The record of a named section. `duplicate` is the sentence for a name that was taken ({name}, {where}).

    `odd` replaces the usual sentence for a forbidden character ({name}, {odd}); a `fatal` duplicate ends the header.
    """
    kind = line.words[0]
    if len(line.words) < 2:
        raise ConfigError(missing, line.span)
    name = line.words[1]
    stray = odd_character(name) if strict else None
    if stray is not None and odd:
        raise ConfigError(odd.format(name=name, odd=stray), line.spans[1])
    if strict:
        check_name(line, name)
    if words is not None:
        no_more_words(line, words)
    record = Record(kind, name, line.span)
    records = line.config.sections.setdefault(kind, {})
    known = records.get(name)
    if known is None:
        records[name] = record
    elif duplicate:
        where = f"{known.span.file}:{known.span.line}"
        message = duplicate.format(name=name, where=where)
        if fatal:
            raise ConfigError(message, line.spans[1])
        line.config.report.alert(message, line.spans[1])
    else:
        return known
    return record


def declare_section(kind: str, doc: str, *, note: str = "", status: Status = Status.HARMLESS, **facts: object) -> None:
    """Declares a section that `open_section` opens."""

    def opening(line: Line) -> Record:
        return open_section(line, **facts)  # type: ignore[arg-type]

    registry.declare(Kind.SECTION, kind, opening, usage="<name>", doc=doc, status=status, note=note)


def odd_unit(line: Line, text: str, label: str = "", span: Span = NOWHERE) -> None:
    """HAProxy's warning about what follows the unit of a time."""
    found = _UNIT.match(text)
    end = found.end() if found else 0
    if end < len(text):
        line.config.report.warning(
            f"{label}unexpected character '{text[end]}' after the timer value '{text}', only "
            "(us=microseconds,ms=milliseconds,s=seconds,m=minutes,h=hours,d=days) are supported. "
            "This will be reported as an error in next versions.",
            span,
        )


def take_timer(words: Words, name: str, *, missing: str = "", unit: str = "ms", shown: str = "", dot: str = ".") -> int:
    """A time word, with the sentences of section parsers. `shown` is what an overflow quotes instead of the word."""
    text = words.next(missing or f"'{name}' expects <time> as argument.")
    try:
        value = units.parse_time(text, unit)
    except units.TimeOverflow:
        words.fail(f"timer overflow in argument <{shown or text}> to <{name}>, {MOST}.")
    except units.BadCharacter as error:
        words.fail(f"unexpected character '{error.character}' in argument to <{name}>{dot}")
    odd_unit(words.line, text)
    return value


def resolvable(address: Address) -> Address:
    """The address itself, if its host is one: numeric, or a name that the system knows. Else ValueError."""
    check_numeric(address)
    if address.family in ("ip", "ipv4", "ipv6") and address.host and not numeric_family(address.host):
        wanted = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(address.family, socket.AF_UNSPEC)
        try:
            socket.getaddrinfo(address.host, None, wanted, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ValueError(f"invalid address: '{address.host}' in '{address.text}'") from None
    return address


def whole(text: str) -> bool:
    """Whether the text is one whole number and nothing else, as strtol() sees it."""
    return bool(_WHOLE.match(text))


def choose(words: Words, known: Iterable[str], missing: str, unknown: str) -> str:
    """One of the known words. The sentences have no full stop; `unknown` shows {got}, and the nearest word follows."""
    text = words.next(f"{missing}.")
    listed = tuple(known)
    if text not in listed:
        words.fail(unknown.format(got=text) + (did_you_mean(text, listed) or "."))
    return text


def want_section(config: Configuration, kind: str, name: str, span: Span, who: str) -> None:
    """Reports a section that is named and not there. To be called when everything is read."""
    known = config.sections.get(kind, {})
    if name not in known:
        hint = did_you_mean(name, known).removeprefix("; ")
        config.report.alert(f"{who} : unable to find the {kind} section '{name}'.", span, hint)


def family(
    name: str, place: str | tuple[str, ...], missing: str, unknown: str, *, silent: bool = False
) -> Callable[[Line], None]:
    """Declares the first word of a family (`timeout`, `option`) for lines whose second word is not one of it."""
    places = (place,) if isinstance(place, str) else place

    def stray(line: Line) -> None:
        if silent:
            return
        words = line.args()
        if words.end:
            raise ConfigError(missing, line.span)
        names = (known for at in places for known in registry.names(Kind.KEYWORD, at))
        members = [known.removeprefix(f"{name} ") for known in names if known.startswith(f"{name} ")]
        got = words.peek() or ""
        raise ConfigError(unknown.format(word=got), words.span, did_you_mean(got, members).removeprefix("; "))

    registry.declare(
        Kind.KEYWORD,
        name,
        stray,
        places=place,
        usage="<name> ...",
        negatable=name == "option",
        doc=f"The words that start with `{name}`; alone, or with a name that is not one of them, it is a mistake.",
    )
    return stray
