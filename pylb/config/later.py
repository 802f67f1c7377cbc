"""Words of HAProxy that nobody has given a meaning: understood, checked, reported, not acted upon. Loaded last.

The rows stand in later_global, later_proxy, later_options and tuning; a name that another room has
declared is skipped, so that implementing a word means declaring it there and nothing here. HARMLESS words can be left
without effect; an UNSAFE one decides who may connect, what is encrypted or which rule fires, and starting with it needs
an explicit permission.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pylb import registry
from pylb.config import (
    argument_kinds,
    global_words,
    later_global,
    later_options,
    later_proxy,
    proxy,
    tables,
    tuning,
)
from pylb.config.reader import run_as
from pylb.config.shapes import Row, declare_rows
from pylb.config.words import Line, Words
from pylb.errors import ConfigError
from pylb.registry import BACK, PROXY, Kind, Status

DECLARING = (argument_kinds, global_words)  # rooms that only have to be imported, before the tables


def declare_options(rows: Iterable[Row], kind: Kind, label: str) -> None:
    """Declares options of bind or server lines, except those that exist."""
    for row in rows:
        arguments = row.read()
        for name in row.names.split(", "):
            if registry.find(kind, name) is None:
                registry.declare(
                    kind,
                    name,
                    _option(name, row),
                    usage=arguments.usage,
                    status=row.status,
                    note=row.note,
                    doc=f"{row.meaning} ({label})",
                )


def _option(name: str, row: Row) -> Callable[[Words, Any], None]:
    arguments = row.read()

    def take(words: Words, line: Any) -> None:
        try:
            value = arguments.value(words)
        except ConfigError as error:
            # The shapes speak of the whole line; here the option is at fault.
            message = error.message.replace(f"'{words.line.name}'", f"'{name}'", 1)
            raise ConfigError(message, error.span) from None
        if row.many:
            line.values.setdefault(name, []).append(value)
        else:
            line.values[name] = value

    return take


def declare_old_spelling(old: str, modern: str, places: tuple[str, ...]) -> None:
    """A word that HAProxy renamed: the new one does the work."""
    if registry.find(Kind.KEYWORD, old, places[0]) is not None:
        return

    def translate(line: Line) -> None:
        line.notice(f"'{line.name}' is old syntax.", f"write '{modern}'")
        rest = line.name.count(" ") + 1
        words = modern.split()
        run_as(line, [*words, *line.words[rest:]], [*[line.span] * len(words), *line.spans[rest:]])

    registry.declare(
        Kind.KEYWORD, old, translate, places=places, doc=f"Old spelling of `{modern}`.", note=f"today `{modern}`"
    )


def declare_all() -> None:
    """Fills every gap. Called once, when this module is imported."""
    for table in (*later_global.TABLES, *tuning.TABLES):
        declare_rows(table, ("global",))
    for place in later_proxy.SIDES:
        if registry.find(Kind.KEYWORD, "stick-table", place) is None:
            registry.declare(
                Kind.KEYWORD,
                "stick-table",
                tables.stick_table,
                places=place,
                usage="type <type> size <size> [expire <time>] [nopurge] [peers <section>] [store <data>[,...]] ...",
                status=Status.HARMLESS,
            )
    for rows, places in later_proxy.TABLES:
        declare_rows(rows, places)
    proxy.declare_flags()
    declare_options(later_options.BIND, Kind.BIND, "bind line")
    declare_options(later_options.SERVER, Kind.SERVER, "server line")
    for old, modern, places in (
        ("redispatch", "option redispatch", BACK),
        ("transparent", "option transparent", BACK),
        ("option forceclose", "option httpclose", PROXY),
        ("option http-tunnel", "option http-keep-alive", PROXY),
        ("option independant-streams", "option independent-streams", PROXY),
    ):
        declare_old_spelling(old, modern, places)


declare_all()
