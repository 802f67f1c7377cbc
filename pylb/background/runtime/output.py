"""The three shapes of statistics: CSV, typed and JSON lines (management manual 9.1 and 9.2).

A `Value` is one field of one object. Tags are HAProxy's three letters (origin, nature, scope); types u32, u64, s32,
str.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

ORIGINS: Final = {"M": "Metric", "S": "Status", "K": "Key", "C": "Config", "P": "Product"}
NATURES: Final = {
    "A": "Age", "a": "Avg", "C": "Counter", "D": "Duration", "G": "Gauge", "L": "Limit", "M": "Max", "m": "Min",
    "N": "Name", "O": "Output", "R": "Rate", "T": "Time",
}  # fmt: skip
SCOPES: Final = {"C": "Cluster", "P": "Process", "S": "Service", "s": "System"}


class Value(NamedTuple):
    position: int
    name: str
    tags: str
    type: str
    value: int | float | str


class Row(NamedTuple):
    """One object of `show stat`: kind F, B, S or L, with the ids of its proxy and of itself."""

    kind: str
    proxy: int
    id: int
    values: list[Value]


KINDS: Final = {"F": "Frontend", "B": "Backend", "S": "Server", "L": "Listener"}


def csv_text(text: str) -> str:
    """Text of a CSV field: quoted when it holds a comma, a quote or a line end."""
    if not any(char in text for char in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def typed_info(values: Iterable[Value], process: int) -> str:
    return "".join(f"{v.position}.{v.name}.{process}:{v.tags}:{v.type}:{v.value}\n" for v in values)


def typed_row(row: Row, process: int) -> str:
    head = f"{row.kind}.{row.proxy}.{row.id}"
    return "".join(f"{head}.{v.position}.{v.name}.{process}:{v.tags}:{v.type}:{v.value}\n" for v in row.values)


def _object(value: Value, process: int) -> dict[str, object]:
    origin, nature, scope = tuple(value.tags)
    return {
        "field": {"pos": value.position, "name": value.name},
        "processNum": process,
        "tags": {"origin": ORIGINS[origin], "nature": NATURES[nature], "scope": SCOPES[scope]},
        "value": {"type": value.type, "value": value.value},
    }


def _dump(objects: object) -> str:
    return json.dumps(objects, separators=(",", ":"), ensure_ascii=True)


def json_info(values: Iterable[Value], process: int) -> str:
    return _dump([_object(value, process) for value in values])


def json_row(row: Row, process: int) -> str:
    head = {"objType": KINDS[row.kind], "proxyId": row.proxy, "id": row.id}
    return _dump([head | _object(value, process) for value in row.values])
