"""Lint checks of stick tables: counters that are read and never counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pylb.config.model import ProxyConfig
from pylb.config.words import Line
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject
from pylb.errors import Span

_DATA: Final = (
    "bytes_in_rate|bytes_out_rate|kbytes_in|kbytes_out|conn_cnt|conn_cur|conn_rate|sess_cnt|sess_rate|glitch_cnt|"
    "glitch_rate|http_err_cnt|http_err_rate|http_fail_cnt|http_fail_rate|http_req_cnt|http_req_rate|"
    "(?:get_|inc_|clr_)?gpc0|(?:get_|inc_|clr_)?gpc1|get_gpt0|gpc0_rate|gpc1_rate"
)
_READ = re.compile(rf"(?<![\w.])(sc|sc0|sc1|sc2|src)_({_DATA})\b(?:\(([^()]*)\))?")
_TRACK = re.compile(r"track-sc(\d+)$")
_ALSO: Final = {
    "kbytes_in": ("bytes_in_cnt",),
    "kbytes_out": ("bytes_out_cnt",),
    "gpc0": ("gpc0", "gpc", "gpc0_rate"),
    "gpc1": ("gpc1", "gpc", "gpc1_rate"),
    "gpt0": ("gpt0", "gpt"),
    "gpc0_rate": ("gpc0_rate", "gpc_rate"),
    "gpc1_rate": ("gpc1_rate", "gpc_rate"),
}


class Read(NamedTuple):
    """One fetch of a counter: `number` is the tracked counter, -1 for src_*; `table` "" where none is named."""

    name: str
    datum: str
    number: int
    table: str
    span: Span
    proxy: ProxyConfig


def reads(subject: Subject) -> Iterator[Read]:
    for proxy in subject.proxies:
        for line in subject.lines_of(proxy):
            for word, span in zip(line.words, line.spans, strict=False):
                for match in _READ.finditer(word):
                    found = _one(match, span, proxy)
                    if found is not None:
                        yield found


def _one(match: re.Match[str], span: Span, proxy: ProxyConfig) -> Read | None:
    family, datum = match[1], match[2]
    arguments = [part.strip() for part in (match[3] or "").split(",")]
    if family == "sc":
        if not arguments[0].isdecimal():
            return None
        number = int(arguments.pop(0))
    else:
        number = -1 if family == "src" else int(family[2:])
    table = arguments[0] if arguments else ""
    datum = re.sub("^(get|inc|clr)_", "", datum)
    return Read(f"{family}_{match[2]}", datum, number, table, span, proxy)


def _tracks(subject: Subject) -> Iterator[tuple[int, str]]:
    """(counter, table it is tracked in) of every track rule."""
    for proxy in subject.sections:
        for line in subject.lines_of(proxy):
            for at, word in enumerate(line.words):
                match = _TRACK.match(word)
                if match is not None and line.name != "acl":
                    yield int(match[1]), _table_of(line, at, proxy)


def _table_of(line: Line, at: int, proxy: ProxyConfig) -> str:
    words = line.words[at:]
    if "table" in words[:-1]:
        return words[words.index("table") + 1]
    return proxy.name


def _table(subject: Subject, name: str) -> Any:
    for proxy in subject.config.proxies:
        if proxy.name == name and proxy.get("stick-table") is not None:
            return proxy.get("stick-table")
    return None


def _stores(table: Any, datum: str) -> bool:
    store = getattr(table, "store", None)
    return not isinstance(store, dict) or any(name in store for name in _ALSO.get(datum, (datum,)))


@check(
    "L701",
    "counter-not-stored",
    "error",
    "A counter is read from a stick table that does not store it.",
    why="It is 0 for everybody, so a limit made of it never holds. `store` on the stick-table line says what counts.",
    frame="frontend",
    bad="""
    stick-table type ip size 100k expire 1m store conn_cur
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 100 }
    """,
    good="""
    stick-table type ip size 100k expire 1m store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 100 }
    """,
)
def counter_not_stored(subject: Subject) -> Found:
    tracked: dict[int, set[str]] = {}
    for number, name in _tracks(subject):
        tracked.setdefault(number, set()).add(name)
    for read in reads(subject):
        names = (
            {read.table} if read.table else ({read.proxy.name} if read.number < 0 else tracked.get(read.number, set()))
        )
        tables = [_table(subject, name) for name in names]
        if tables and None not in tables and not any(_stores(table, read.datum) for table in tables):
            where = " or ".join(f"'{name}'" for name in sorted(names))
            yield read.span, f"always 0: the table of {where} does not store {_ALSO.get(read.datum, (read.datum,))[0]}"


@check(
    "L702",
    "counter-not-tracked",
    "error",
    "A tracked counter is read, and no rule tracks it.",
    why="A counter exists from the `track-sc` rule on that starts it; without one there is nothing to compare.",
    frame="frontend",
    bad="""
    stick-table type ip size 100k expire 1m store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(1) gt 100 }
    """,
    good="""
    stick-table type ip size 100k expire 1m store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 100 }
    """,
)
def counter_not_tracked(subject: Subject) -> Found:
    tracked = {number for number, _ in _tracks(subject)}
    for read in reads(subject):
        if read.number >= 0 and read.number not in tracked:
            yield read.span, f"no rule tracks counter {read.number}: 'track-sc{read.number}' is missing"


@check(
    "L703",
    "table-without-expire",
    "hint",
    "A stick table has no expire.",
    why="Entries stay until the table is full and the oldest one has to go: memory and lists grow with old clients.",
    frame="frontend",
    bad="stick-table type ip size 100k store conn_cur",
    good="stick-table type ip size 100k expire 10m store conn_cur",
)
def table_without_expire(subject: Subject) -> Found:
    for proxy in subject.proxies:
        for line in subject.lines_of(proxy, "stick-table"):
            if "expire" not in line.words and "nopurge" not in line.words:
                yield line.span, "entries never expire: they stay until the table is full"


@check(
    "L704",
    "late-tracking",
    "error",
    "A rule reads a tracked counter before the only rule that tracks it in the same ruleset.",
    why="Rules run in order: when the counter is read nothing is tracked yet, so the limit never holds.",
    frame="frontend",
    bad="""
    stick-table type ip size 100k expire 1m store http_req_rate(10s)
    http-request deny if { sc_http_req_rate(0) gt 100 }
    http-request track-sc0 src
    """,
    good="""
    stick-table type ip size 100k expire 1m store http_req_rate(10s)
    http-request track-sc0 src
    http-request deny if { sc_http_req_rate(0) gt 100 }
    """,
)
def late_tracking(subject: Subject) -> Found:
    tracked: dict[int, set[tuple[int, str]]] = {}  # counter -> (section, ruleset) of its track rules
    for proxy in subject.sections:
        for line in subject.lines_of(proxy):
            for number in _tracked(line):
                tracked.setdefault(number, set()).add((id(proxy), line.name))
    for number, places in tracked.items():
        if len(places) != 1:
            continue  # another ruleset may have tracked it before
        for proxy in subject.sections:
            for section, place in places:
                if section == id(proxy):
                    yield from _read_before(subject, proxy, place, number)


def _tracked(line: Line) -> list[int]:
    return [int(match[1]) for match in map(_TRACK.match, line.words) if match is not None and line.name != "acl"]


def _read_before(subject: Subject, proxy: ProxyConfig, place: str, number: int) -> Found:
    """Lines of a ruleset that read a counter above the first line that tracks it."""
    for line in subject.lines_of(proxy, place):
        if number in _tracked(line):
            return
        found = (_one(match, line.span, proxy) for word in line.words for match in _READ.finditer(word))
        if any(read is not None and read.number == number for read in found):
            yield line.span, f"counter {number} is only tracked further down"
