"""cache: the words of its section (manual, chapter 6.2). Nothing is cached yet; the proxies' words are elsewhere.

All words are harmless without effect: who would be answered from the cache is answered by a server, with the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config.section_shapes import open_section, whole
from pylb.config.units import parse_integer, parse_size, take_integer
from pylb.errors import ConfigError
from pylb.registry import Status, keyword, section

if TYPE_CHECKING:
    from pylb.config.model import Configuration, Record
    from pylb.config.words import Line

MOST_MEGABYTES = 4095


@section("cache", usage="<name>", status=Status.HARMLESS)
def open_cache(line: Line) -> Record:
    """A small cache of responses, shared by the proxies that name it."""
    return open_section(
        line,
        missing="'cache' expects a <name> argument",
        duplicate="Duplicate cache name '{name}'.",
        strict=False,
        fatal=True,
    )


@keyword("total-max-size", places="cache", usage="<megabytes>", arity=(0, 1), status=Status.HARMLESS)
def total_max_size(line: Line) -> None:
    """Size of the cache in megabytes, 1 to 4095."""
    words = line.args()
    text = "" if words.end else words.next()
    if not whole(text):
        words.fail(f"total-max-size wrong value '{text}'")
    value = parse_integer(text)
    if not 0 <= value <= MOST_MEGABYTES:
        words.fail(f'"total-max-size" ({text}) must not be greater than {MOST_MEGABYTES}')
    line.set(value or None)


@keyword("max-age", places="cache", usage="<seconds>", arity=(0, 1), status=Status.HARMLESS)
def max_age(line: Line) -> None:
    """Longest life of an entry in seconds, 60 unless given."""
    words = line.args()
    if words.end:
        return line.warning("'max-age' expects an age parameter in seconds.")
    line.set(parse_integer(words.next()))


@keyword("max-object-size", places="cache", usage="<bytes>", arity=(0, 1), status=Status.HARMLESS)
def max_object_size(line: Line) -> None:
    """Largest object that is kept, in bytes (k, m, g); at most half of the cache, as is checked at the end."""
    words = line.args()
    text = "" if words.end else words.next()
    if whole(text):
        line.set(parse_integer(text))
        return
    digits = text.rstrip("kKmMgG")
    if not digits.isdecimal() or len(text) - len(digits) != 1:
        words.fail(f"max-object-size wrong value '{text}'")
    line.set(parse_size(text))


@keyword("max-secondary-entries", places="cache", usage="<number>", arity=(0, 1), status=Status.HARMLESS)
def max_secondary_entries(line: Line) -> None:
    """How many variants of one object are kept (see process-vary), 10 unless given."""
    words = line.args()
    text = "" if words.end else words.next()
    if not whole(text) or not parse_integer(text):
        words.fail(f"max-secondary-entries wrong value '{text}'")
    line.set(parse_integer(text))


@keyword("process-vary", places="cache", usage="{ on | off }", arity=(0, 1), status=Status.HARMLESS)
def process_vary(line: Line) -> None:
    """Whether responses with Vary are kept, one entry for each variant; off unless given."""
    words = line.args()
    sentence = '\'process-vary\' expects "on" or "off" (enable or disable vary processing).'
    if words.end:
        line.warning(sentence)
    switch = words.accept("on", "off")
    if switch is None:
        return line.warning(sentence)
    line.set(switch == "on")


@keyword(
    "early-hints", places="cache", usage="{ on | off | only } [ratio <1..99>]", arity=(0, 3), status=Status.HARMLESS
)
def early_hints(line: Line) -> None:
    """Whether link fields of cached responses are sent as early hints (RFC 8297), and which share of the cache, in
    percent, entries with nothing else may take. With `only` nothing but the hints is kept."""
    words = line.args()
    switch = words.accept("on", "off", "only")
    if switch is None:
        raise ConfigError("'early-hints' expects 'on', 'off' or 'only'.", words.span)
    ratio = None
    if words.accept("ratio"):
        ratio = take_integer(
            words, "ratio", low=1, high=99, missing="'early-hints' expects a percentage after 'ratio'."
        )
    words.finish()
    line.set((switch, ratio))


def check(config: Configuration) -> None:
    """Sizes that only make sense together."""
    for record in config.sections.get("cache", {}).values():
        total, most = record.get("total-max-size"), record.get("max-object-size")
        if total is None:
            config.report.alert(f"Size not specified for cache '{record.name}'")
        elif most is not None and not 0 <= most <= total * 2**19:
            config.report.alert(f'"max-object-size" is limited to an half of "total-max-size" => {total * 2**19}')
