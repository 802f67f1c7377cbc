"""Runs the golden files beside it: see README.md."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pylb import standard
from pylb.config.model import Configuration, ProxyConfig, Record
from pylb.config.reader import parse_text
from pylb.config.resolve import resolve
from pylb.errors import Severity

standard.load()

FOLDER = Path(__file__).parent
DASHES = "-" * 40
PLAIN = (str, int, float, bool, type(None), list, tuple, dict, set, frozenset)


def values(record: Record) -> Iterator[str]:
    for name, value in sorted(record.values.items()):
        yield f"    {name} = {show(value)}"


def show(value: Any) -> str:
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(show(item) for item in value)) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {show(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(item) for item in value) + "]"
    return repr(value) if isinstance(value, PLAIN) else f"<{type(value).__name__}>"


def proxy(record: ProxyConfig) -> Iterator[str]:
    origin = f" from {record.origin.name or 'defaults'}" if record.origin is not None else ""
    yield f"{record.kind} {record.name}{origin}".rstrip()
    for bind in record.binds:
        yield f"    bind {', '.join(address.text for address in bind.addresses)}"
    for server in record.servers:
        yield f"    server {server.name} {server.address.text if server.address else ''}"
    for name in record.acls:
        yield f"    acl {name}"
    for place, rules in sorted(record.rules.items()):
        yield from (f"    {place}: {rule.text}" for rule in rules)
    yield from values(record)


def records(config: Configuration) -> Iterator[str]:
    if config.globals.values:
        yield "global"
        yield from values(config.globals)
    for record in (*config.defaults, *config.proxies):
        yield from proxy(record)
    for kind, named in sorted(config.sections.items()):
        for record in named.values():
            yield f"{kind} {record.name}".rstrip()
            yield from values(record)


def outcome(text: str) -> str:
    config = parse_text(text, "x.cfg", environment={"HAPROXY_LOCALPEER": "here"})
    resolve(config)
    lines = [
        f"{item.severity.name} {item.span.line}: {item.message.splitlines()[0]}"
        for item in config.report.items
        if item.severity >= Severity.NOTICE
    ]
    return "".join(f"{line}\n" for line in (*lines, *records(config)))


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.txt")))
def test_a_configuration_becomes_what_its_file_says(name: str) -> None:
    path = FOLDER / name
    text, dashes, expected = path.read_text("utf-8").partition(f"{DASHES}\n")
    found = outcome(text)
    if os.environ.get("UPDATE"):
        path.write_text(f"{text}{DASHES}\n{found}", "utf-8")
        return
    assert dashes, "a golden file needs a line of 40 dashes"
    assert found == expected


def test_there_are_golden_files() -> None:
    assert len(list(FOLDER.glob("*.txt"))) >= 10
