"""`pylb migrate` over whole files: what is not old stays byte for byte, and a second run finds nothing more to do."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb import standard
from pylb.config.document import Document
from pylb.config.lexer import from_bytes
from pylb.config.reader import parse_text
from pylb.config.words import to_bytes
from pylb.editing import migrate, migrate_lines
from pylb.errors import Severity

standard.load()

HEADERS = ["global", "defaults", "defaults d", "frontend f", "listen l", "backend b", "listen m from d", "userlist u"]
OLD_HEADERS = ["listen web 0.0.0.0:80", "frontend  g :81,:82  # both"]
OLD = [
    "clitimeout  5s",
    "timeout contimeout 5000",
    "redispatch",
    "option forceclose",
    "no option  independant-streams",
    r"reqadd X-Proto:\ a\ b",
    "rspadd  X-Load:\\ 1 unless FALSE # why",
    "reqidel ^X-One:",
    r"reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2",
    r"reqrep ^GET\ (.*) POST\ \1",
    "reqideny cmd.exe",
    "reqallow ^GET",
    "rspidel ^Server:",
    r"rsprep ^HTTP/1.1\ 404 HTTP/1.1\ 200",
    "block if { path /x }",
    "monitor-net 10.0.0.0/8",
    "mode health",
    "appsession SID len 32 timeout 1h",
    "dispatch 127.0.0.1:80",
    "transparent",
    "option http_proxy",
    "nbproc 2",
    "debug",
    r"reqisetbe ^Host:\ img static",
    "tune.chksize 100 # please",
    "grace 5s",
    'option httpchk GET / "HTTP/1.1\\r\\nHost: a"',
    "bind :443 npn http/1.1  no-sslv3",
    "server s 127.0.0.1:8080  check no-sslv3",
    "http-request lua f a",
]
NEW = [
    "",
    "  ",
    "# a comment",
    "mode  http",
    "mode tcp",
    "http-request set-header  A 'b c'   # why",
    "http-response deny",
    "http-request allow if TRUE",
    "redirect location /x if FALSE",
    "bind   :80  name x",
    "server t 127.0.0.1:8080",
    "stick-table type ip size 10",
    "unknown  \\ word",
    "not 'closed",
    "\udcff\udcfe  é",
    ".if streq(a,a)",
    ".else",
    ".endif",
    "[scope]",
    "maxconn  10\r",
]
INDENTS = st.sampled_from(["", "  ", "\t", "    "])
ENDS = st.sampled_from(["\n", "\n", "\n", "\r\n"])


def files(lines: list[str]) -> st.SearchStrategy[str]:
    one = st.tuples(INDENTS, st.sampled_from(lines), ENDS).map("".join)
    return st.tuples(st.lists(one, max_size=14), st.booleans()).map(
        lambda drawn: "".join(drawn[0]).removesuffix("\n") if drawn[1] else "".join(drawn[0])
    )


TODAY = files([*HEADERS, *HEADERS, *NEW])
MIXED = files([*HEADERS, *HEADERS, *OLD_HEADERS, *OLD, *OLD, *NEW])
BYTES = st.binary().map(from_bytes)


@given(st.one_of(TODAY, BYTES))
def test_a_file_without_old_words_comes_back_unchanged(text: str) -> None:
    assert migrate.migrate(text) == (text, [])


@given(MIXED)
def test_a_second_run_finds_nothing_to_change(text: str) -> None:
    written, remarks = migrate.migrate(text)
    again, others = migrate.migrate(written)
    assert again == written
    assert Counter(one.message.split("'")[1] for one in others) <= Counter(
        one.message.split("'")[1] for one in remarks if one.kept
    )


def old(line: str) -> bool:
    words = Document.parse(to_bytes(line)).lines
    tokens = [token.raw for token in words[0].tokens] if words else []
    header = tokens[:1] in (["listen"], ["frontend"]) and len(tokens) > 2 and tokens[2] != "from"
    return header or migrate_lines.find(tokens) is not None


@given(MIXED)
def test_lines_that_are_not_old_stay_in_their_order_with_their_ends(text: str) -> None:
    written = iter(migrate.migrate(text)[0].split("\n"))
    for line in text.split("\n"):
        if not old(line):
            assert any(line == other or line + "\r" == other for other in written), line


@given(MIXED)
def test_a_file_keeps_its_line_ends(text: str) -> None:
    if "\r" not in text:
        assert "\r" not in migrate.migrate(text)[0]
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > 1 and text.count("\r\n") == len(lines) - 1 and not lines[-1]:
        written = migrate.migrate(text)[0]
        assert written.count("\n") == written.count("\r\n")


_OLD_NOTICE = re.compile(r"old syntax|is written '|does not exist since|not supported by HAProxy since")


def old_words(text: str) -> Counter[str]:
    """The first words of the lines that the reader calls old."""
    lines = text.split("\n")
    return Counter(
        lines[item.span.line - 1].split()[0]
        for item in parse_text(to_bytes(text)).report.items
        if item.severity is Severity.NOTICE and item.span is not None and _OLD_NOTICE.search(item.message)
    )


@given(MIXED)
def test_nothing_old_is_left_but_what_is_listed(text: str) -> None:
    written, remarks = migrate.migrate(text)
    listed = {text.split("\n")[remark.line - 1].split(maxsplit=1)[0] for remark in remarks if remark.kept}
    assert set(old_words(written)) <= listed


@pytest.mark.parametrize("line", OLD)
def test_the_old_words_of_these_tests_are_old(line: str) -> None:
    assert old(line)


# -- places in the file


def test_blanks_stay_around_words_that_stay() -> None:
    text = "frontend f\n\tbind   :443\tssl  no-sslv3   # x\n listen\n"
    assert migrate.migrate(text, to=(3, 5))[0] == text.replace("no-sslv3", "ssl-min-ver TLSv1.0")


def test_a_file_without_a_last_line_feed_stays_one() -> None:
    text = "backend b\r\n appsession S len 32 timeout 1h"
    lines = ["backend b", " stick-table type string len 32 size 1m expire 1h", " stick match req.cook(S)"]
    assert migrate.migrate(text)[0] == "\r\n".join([*lines, " stick store-response res.cook(S)"])


def test_a_rule_does_not_leave_its_branch() -> None:
    text = "frontend f\n mode http\n.if streq(a,b)\n reqadd A:\\ 1\n.endif\n http-request set-header B 1\n"
    written, remarks = migrate.migrate(text)
    assert written == text
    assert [(one.line, one.message) for one in remarks] == [
        (4, "'reqadd' is kept: its place is behind a rule in another branch of '.if'")
    ]
    text = "frontend f\n mode http\n.if streq(a,b)\n block if TRUE\n.else\n block if FALSE\n.endif\n"
    assert migrate.migrate(text)[0] == text.replace("block", "http-request deny")


def test_an_address_that_leaves_the_header_stands_as_the_lines_do() -> None:
    text = "listen l :80\n.if streq(a,a)\n  mode http\n.endif\n"
    assert migrate.migrate(text)[0] == text.replace(" :80\n", "\n  bind :80\n")


def test_block_does_not_leave_its_branch() -> None:
    text = "frontend f\n mode http\n http-request set-header B 1\n.if streq(a,b)\n block if TRUE\n.endif\n"
    written, remarks = migrate.migrate(text)
    assert (written, [one.line for one in remarks]) == (text, [5])


def test_what_is_added_stays_where_a_kept_rule_would_find_it() -> None:
    text = "frontend f\n mode http\n reqideny secret\n reqadd A:\\ secret\n reqadd B:\\ 1\n"
    written, remarks = migrate.migrate(text)
    assert written == text.replace("reqadd B:\\ 1", "http-request add-header B 1")
    assert [(one.line, one.message) for one in remarks][1] == (
        4,
        "'reqadd' is kept: line 3 must not see what it adds",
    )


@pytest.mark.parametrize(
    ("defaults", "header", "new"),
    [
        ("defaults a\n mode http\ndefaults b\n mode tcp\n", "frontend f from a", "http-request return status 200 if"),
        ("defaults a\n mode http\ndefaults b\n mode tcp\n", "frontend f", "tcp-request connection reject if"),
        ("defaults\n mode http\ndefaults\n", "frontend f", "tcp-request connection reject if"),
    ],
)
def test_the_mode_of_a_section_comes_from_its_own_defaults(defaults: str, header: str, new: str) -> None:
    text = f"{defaults}{header}\n monitor-net 10.0.0.1\n"
    assert migrate.migrate(text)[0] == f"{defaults}{header}\n {new} {{ src 10.0.0.1 }}\n"


def test_a_second_appsession_of_a_section_is_kept() -> None:
    text = "backend b\n appsession A len 32 timeout 1h\n appsession B len 32 timeout 1h\n"
    written, remarks = migrate.migrate(text)
    assert written.count("stick-table") == 1 and " appsession B" in written
    assert [one.line for one in remarks if one.kept] == [3]
