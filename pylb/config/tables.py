"""The grammar of `stick-table` (manual 11.1): parsed and checked here, kept by the proxy until tables are served.

Value: a TableLine. Declared by config/later.py unless a room has declared `stick-table` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pylb.config import units
from pylb.config.section_shapes import odd_unit
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span

if TYPE_CHECKING:
    from pylb.config.model import Configuration

TYPES = ("ip", "ipv4", "ipv6", "integer", "string", "binary")  # ipv4, since 3.2, is what ip means

COUNTERS: tuple[str, ...] = (
    *("server_id", "server_key", "gpc0", "gpc1", "gpt0", "conn_cnt", "conn_cur", "sess_cnt", "glitch_cnt"),
    *("http_req_cnt", "http_err_cnt", "http_fail_cnt", "bytes_in_cnt", "bytes_out_cnt"),
)
RATES: tuple[str, ...] = (
    *("gpc0_rate", "gpc1_rate", "conn_rate", "sess_rate", "http_req_rate", "http_err_rate", "http_fail_rate"),
    *("bytes_in_rate", "bytes_out_rate", "glitch_rate"),
)
ARRAYS = ("gpc", "gpt")
ARRAY_RATES = ("gpc_rate",)
CONFLICTS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("gpt", ("gpt0",), "gpt0"),
    ("gpc", ("gpc0", "gpc1"), "gpc[0/1]"),
    ("gpc_rate", ("gpc0_rate", "gpc1_rate"), "gpc[0/1]_rate"),
)
_name = re.compile(r"[^,(]*").match


@dataclass(slots=True)
class TableLine:
    """One parsed `stick-table` line. `store` maps a data type to its array length and period in milliseconds."""

    type: str = ""
    length: int = 0
    size: int = 0
    expire: int = 0
    nopurge: bool = False
    recv_only: bool = False
    peers: str = ""
    write_to: str = ""
    server_key: str = "name"
    brates_factor: int = 1
    store: dict[str, tuple[int, int]] = field(default_factory=dict)


def stick_table(line: Line) -> None:
    """A table of keys, and what is stored for each of them.

    Errors: no type or size, an unknown type, argument or data type, a period or array length that is missing or wrong.
    """
    check_name(line, line.proxy.name)
    line.set(parse(line.args(), "stick-table"))


def check_name(line: Line, name: str) -> None:
    """A table is named after its proxy, of which a frontend and a backend may bear the same name."""
    config = line.config
    for owner in (config.proxy(name, front=True), config.proxy(name, back=True)):
        if owner is not None and owner.get("stick-table") is not None:
            kind, span = "proxy" if owner.kind == "listen" else owner.kind, owner.where["stick-table"]
            raise ConfigError(
                f"stick-table name '{name}' conflicts with table declared in {kind} '{owner.name}' at "
                f"{span.file}:{span.line}.",
                line.span,
            )


def parse(words: Words, name: str, *, peers: bool = True) -> TableLine:
    """The arguments of a table, to the end of the line. `name` starts the messages; `peers` says whether the table may
    name its peers, which one of a peers section cannot."""
    table = TableLine()
    try:
        while not words.end:
            option = words.next()
            take = _OPTIONS.get(option)
            if take is None or (option == "peers" and not peers):
                words.fail(f"stick-table: unknown argument '{option}'.")
            take(words, table)
        if not table.size:
            words.fail("stick-table: missing size.")
        if not table.type:
            words.fail("stick-table: missing type.")
        for array, singles, shown in CONFLICTS:
            if array in table.store and any(single in table.store for single in singles):
                words.fail(
                    f"stick-table: simultaneous usage of '{array}' and '{shown}' in a same table is not permitted as "
                    f"'{array}' overrides '{shown}'."
                )
    except ConfigError as error:
        raise ConfigError(error.message.replace("stick-table", name, 1), error.span, error.hint) from None
    return table


def _type(words: Words, table: TableLine) -> None:
    name = words.peek() or ""
    if name not in TYPES:
        words.fail(f"stick-table: unknown type '{name}'.", last=False)
    words.next()
    table.type = "ip" if name == "ipv4" else name
    table.length = {"string": 32, "binary": 32}.get(name, 0)
    if name in ("string", "binary") and words.accept("len"):
        text = words.peek() or ""
        length = units.parse_integer(text)
        if length <= 0:
            words.fail(f"stick-table: unknown type '{text}'.", last=False)
        words.next()
        table.length = length


def _argument(words: Words, name: str) -> str:
    return words.next(f"stick-table: missing argument after '{name}'.")


def _size(words: Words, table: TableLine) -> None:
    try:
        table.size = units.parse_size(_argument(words, "size"))
    except units.BadCharacter as error:
        words.fail(f"stick-table: unexpected character '{error.character}' in argument of 'size'.")


def _expire(words: Words, table: TableLine) -> None:
    text = _argument(words, "expire")
    try:
        table.expire = units.parse_time(text)
    except units.TimeOverflow:
        words.fail(
            f"stick-table: timer overflow in argument <{text}> to <expire>, maximum value is 2147483647 ms "
            "(~24.8 days)."
        )
    except units.BadCharacter as error:
        words.fail(f"stick-table: unexpected character '{error.character}' in argument of 'expire'.")
    odd_unit(words.line, text)


def _server_key(words: Words, table: TableLine) -> None:
    name = words.peek() or ""
    if name not in ("name", "addr"):
        words.fail(f"stick-table : unknown server key type '{name}'.", last=False)
    table.server_key = words.next()


def _store(words: Words, table: TableLine) -> None:
    if words.end:
        return
    text, at = words.next(), 0
    while at < len(text):
        found = _name(text, at)
        assert found is not None
        name, at = found[0], found.end()
        argument = None
        if text[at : at + 1] == "(":
            end = text.find(")", at)
            if end < 0:
                words.fail(f"stick-table: missing closing parenthesis after store option '{name}'.")
            argument, at = text[at + 1 : end], text.find(",", end)
            at = len(text) if at < 0 else at  # what stands between the parenthesis and a comma is not looked at
        at += 1
        _store_one(words, table, name, argument)


def _store_one(words: Words, table: TableLine, name: str, argument: str | None) -> None:
    if name in table.store:
        words.line.warning(f"stick-table: store option '{name}' already enabled, ignored.")
        return
    if name in COUNTERS:
        if argument is not None:
            words.fail(f"stick-table: unexpected argument to store option '{name}'.")
        table.store[name] = (1, 0)
        return
    if name not in RATES and name not in ARRAYS and name not in ARRAY_RATES:
        words.fail(f"stick-table: unknown store option '{name}'.")
    if argument is None:
        words.fail(f"stick-table: missing argument to store option '{name}'.")
    first, comma, second = argument.partition(",")
    if name in RATES:
        table.store[name] = (1, _period(words, name, first))
        return
    length = units.parse_integer(first)
    if not 1 <= length <= 100:
        words.fail(f"stick-table: array size is out of allowed range (1-100) for store option '{name}'.")
    if name in ARRAYS:
        if comma:
            words.fail(f"stick-table: unexpected argument to store option '{name}'.")
        table.store[name] = (length, 0)
        return
    if not comma:
        words.fail(f"stick-table: missing argument to store option '{name}'.")
    table.store[name] = (length, _period(words, name, second))


def _period(words: Words, name: str, text: str) -> int:
    try:
        return units.parse_time(text)
    except ValueError:
        words.fail(f"stick-table: error when processing store option '{name}'.")


def _nopurge(words: Words, table: TableLine) -> None:
    table.nopurge = True


def _recv_only(words: Words, table: TableLine) -> None:
    table.recv_only = True


def _peers(words: Words, table: TableLine) -> None:
    table.peers = _argument(words, "peers")


def _write_to(words: Words, table: TableLine) -> None:
    table.write_to = _argument(words, "write-to")
    span = words.last_span
    words.line.config.wants.append(lambda config: _check_target(config, table, span))


def _check_target(config: Configuration, table: TableLine, span: Span) -> None:
    """The table that updates of peers are written to as well: another one, with the same keys."""
    target = find(config, table.write_to)
    if target is None:
        problem = "there is no such table"
    elif target is table:
        problem = "a table cannot be its own target"
    elif (target.type, target.length) != (table.type, table.length):
        problem = "its keys have another type or length"
    else:
        return
    config.report.alert(f"stick-table: 'write-to {table.write_to}' : {problem}.", span)


def find(config: Configuration, name: str) -> TableLine | None:
    """The table of that name: a proxy's, or `<peers>/<name>` of a peers section."""
    for proxy in config.proxies:
        if proxy.name == name and proxy.get("stick-table") is not None:
            own: TableLine = proxy.get("stick-table")
            return own
    section, slash, inner = name.partition("/")
    record = config.section("peers", section) if slash else None
    tables: dict[str, TableLine] = record.get("tables", {}) if record is not None else {}
    return tables.get(inner)


def _brates_factor(words: Words, table: TableLine) -> None:
    table.brates_factor = units.take_integer(words, "brates-factor", low=1, high=1024)


_OPTIONS: dict[str, Callable[[Words, TableLine], None]] = {
    "type": _type,
    "size": _size,
    "expire": _expire,
    "nopurge": _nopurge,
    "recv-only": _recv_only,
    "peers": _peers,
    "write-to": _write_to,
    "srvkey": _server_key,
    "store": _store,
    "brates-factor": _brates_factor,
}
