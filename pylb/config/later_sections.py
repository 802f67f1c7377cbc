"""Sections that are parsed only, with their words: one row each. Declared by config/later.py.

Each section becomes a Record in `configuration.sections[kind][name]`. None of them does anything by itself: what would
use it (a server's `resolvers`, a table's `peers`) has a status of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pylb.config.shapes import Row
from pylb.registry import Status

HARMLESS, UNSAFE = Status.HARMLESS, Status.UNSAFE


@dataclass(frozen=True, slots=True)
class Section:
    """A named section: HAProxy's sentences for a missing and a repeated name, and the words inside."""

    kind: str
    meaning: str
    missing: str
    rows: tuple[Row, ...]
    duplicate: str = ""
    words: int | None = 2
    named: bool = True
    strict_name: bool = True


_CHECKS = (
    "http-check comment, http-check connect, http-check expect, http-check send, http-check disable-on-404, "
    "http-check send-state, tcp-check comment, tcp-check connect, tcp-check expect, tcp-check send, tcp-check send-lf, "
    "tcp-check send-binary, tcp-check send-binary-lf"
)

SECTIONS = (
    Section(
        "dynamic-update",
        "Files that are fetched anew while the process runs.",
        "",
        (Row("update", "str+:argument", UNSAFE, "A file and where it comes from.", many=True),),
        named=False,
    ),
    Section(
        "healthcheck",
        "A health check that servers refer to.",
        "'healthcheck' expects a <name> argument",
        (
            Row("type", "str+:type", HARMLESS, "Kind of the check."),
            Row(_CHECKS, "str*:argument", HARMLESS, "Steps of the check.", many=True),
        ),
    ),
)
