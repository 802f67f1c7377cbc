"""The grammar of `stick-table` (manual 11.1): parsed and checked here, kept by the proxy until tables are served.

Value: a TableLine. Declared by config/later.py unless a room has declared `stick-table` itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pylb.config import units
from pylb.config.words import Line, Words
from pylb.errors import ConfigError

TYPES = ("ip", "ipv6", "integer", "string", "binary")

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
_STORE = re.compile(r"([^(]*)(?:\((.*)\))?\Z", re.DOTALL)


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
    line.set(parse(line.args(), "stick-table"))


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
    except ConfigError as error:
        raise ConfigError(error.message.replace("stick-table", name, 1), error.span, error.hint) from None
    return table


def _type(words: Words, table: TableLine) -> None:
    name = words.peek() or ""
    if name not in TYPES:
        words.fail(f"stick-table: unknown type '{name}'.", last=False)
    words.next()
    table.type = name
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
        words.fail(f"stick-table: timer overflow in argument of 'expire': '{text}'.")
    except units.BadCharacter as error:
        words.fail(f"stick-table: unexpected character '{error.character}' in argument of 'expire'.")


def _server_key(words: Words, table: TableLine) -> None:
    name = words.peek() or ""
    if name not in ("name", "addr"):
        words.fail(f"stick-table : unknown server key type '{name}'.", last=False)
    table.server_key = words.next()


def _store(words: Words, table: TableLine) -> None:
    if words.end:
        return
    for item in _split_items(words.next()):
        _store_one(words, table, item)


def _split_items(text: str) -> list[str]:
    """Splits at commas outside parentheses."""
    items, depth, start = [], 0, 0
    for at, char in enumerate(text):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and depth == 0:
            items.append(text[start:at])
            start = at + 1
    items.append(text[start:])
    return items


def _store_one(words: Words, table: TableLine, item: str) -> None:
    match = _STORE.match(item)
    name, argument = (match[1], match[2]) if match else (item, None)
    if name in table.store:
        words.line.warning(f"stick-table: store option '{name}' already enabled, ignored.")
        return
    if name in COUNTERS:
        if argument is not None:
            words.fail(f"stick-table: unexpected argument to store option '{name}'.")
        table.store[name] = (1, 0)
    elif name in (*RATES, *ARRAYS, *ARRAY_RATES):
        if argument is None:
            words.fail(f"stick-table: missing argument to store option '{name}'.")
        length, period = 1, argument
        if name not in RATES:
            first, _, period = argument.partition(",")
            length = units.parse_integer(first)
            if not 1 <= length <= 100:
                words.fail(f"stick-table: array size is out of allowed range (1-100) for store option '{name}'.")
        table.store[name] = (length, 0 if name in ARRAYS else _period(words, name, period))
    else:
        words.fail(f"stick-table: unknown store option '{name}'.")


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
