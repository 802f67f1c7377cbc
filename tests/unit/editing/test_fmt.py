"""`pylb fmt`: one layout, the same words, nothing left to do the second time."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb import standard
from pylb.config import reader
from pylb.config.words import to_bytes
from pylb.editing import fmt

standard.load()
ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = [*sorted((ROOT / "conf").glob("*.cfg")), *sorted((ROOT / "tests/config").glob("*.txt"))]

UGLY = b"""

# the process
global
\tdaemon\r
   maxconn   100   # few\r


   # what follows
 log  "stdout"  format raw local0
frontend f
bind  :80
    # never used: bind :81
# the servers
backend b
.if feature(OPENSSL)
server s "127.0.0.1:80"   check
# otherwise
.else
 server s '127.0.0.1:81'
 .endif
  http-request set-header x "a  b"
.if streq("$X",y)
listen l
bind :82
.endif
"""
FINE = b"""# the process
global
    daemon
    maxconn 100 # few

    # what follows
    log stdout format raw local0

frontend f
    bind :80
    # never used: bind :81

# the servers
backend b
    .if feature(OPENSSL)
        server s 127.0.0.1:80 check
    # otherwise
    .else
        server s 127.0.0.1:81
    .endif
    http-request set-header x "a  b"

.if streq("$X",y)
    listen l
        bind :82
.endif
"""


def statements(data: bytes) -> tuple[Any, ...]:
    """What a file says: its statements word by word, and what the proxies came to hold."""
    seen: list[tuple[list[str], bool]] = []
    one = reader.Reader({"X": "y"}, None, lambda words, opens: seen.append((list(words), opens)))
    one.announce(["x"])
    one.read("x", data)
    proxies = [
        (proxy.kind, proxy.name, list(proxy.values), [server.name for server in proxy.servers], list(proxy.acls))
        for proxy in one.finish().proxies
    ]
    return seen, proxies


def test_the_layout():
    assert fmt.format_text(UGLY) == FINE
    assert statements(UGLY) == statements(FINE)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_keep_their_meaning_and_are_done_at_once(path):
    data = path.read_bytes()
    formatted = fmt.format_text(data)
    assert fmt.format_text(formatted) == formatted
    assert statements(formatted) == statements(data)


PIECES = ["bind", " ", "\t", "  ", "\\ ", '"a b"', "'c'", '"$X"', "\\x41", "#", " # n", "\r", "\v", "é", "\udcff", "\0",
          "'", "\\", "frontend f", "global", ".if 1", ".if 0", ".else", ".endif", "[s]", '""', "    "]  # fmt: skip
LINES = st.lists(st.sampled_from(PIECES), max_size=5).map("".join)
FILES = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n", "\n\n"])), max_size=12).map(
    lambda lines: to_bytes("".join(text + end for text, end in lines))
)


@given(st.one_of(FILES, st.binary()))
def test_formatting_twice_changes_nothing_and_words_stay(data):
    formatted = fmt.format_text(data)
    assert fmt.format_text(formatted) == formatted
    assert statements(formatted)[0] == statements(data)[0]


@pytest.mark.parametrize(
    "line",
    [
        b"bind 'never closed   :80",
        b"a\\\vb",
        b"\v[scope]",
        b"[scope]   ",
        b'log-format "%ci   %cp"',
        b"x\\ \\ y z\\x20",
        b'a "" b',
    ],
)
def test_what_another_layout_would_change_stays(line):
    assert fmt.format_text(b"global\n    " + line + b"\n") in (
        b"global\n    " + line + b"\n",
        b"global\n    " + line.rstrip() + b"\n",
    )


def test_check_names_files_and_writes_nothing(tmp_path, capsysbinary):
    (tmp_path / "a.cfg").write_bytes(b"global\r\n")
    (tmp_path / "b.cfg").write_bytes(b"global\n")
    assert fmt.main(["--check", str(tmp_path)]) == 1
    assert capsysbinary.readouterr().out == os.fsencode(tmp_path / "a.cfg") + b"\n"
    assert (tmp_path / "a.cfg").read_bytes() == b"global\r\n"
    assert fmt.main(["--check", str(tmp_path / "b.cfg")]) == 0


def test_writing_keeps_mode_and_link(tmp_path):
    path, link = tmp_path / "a.cfg", tmp_path / "link.cfg"
    path.write_bytes(UGLY)
    path.chmod(0o640)
    link.symlink_to(path)
    assert fmt.main(["-w", str(link)]) == 0
    assert link.is_symlink() and path.read_bytes() == FINE
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a.cfg", "link.cfg"]


def test_a_file_that_cannot_be_replaced_is_left_whole(tmp_path, monkeypatch, capsys):
    path = tmp_path / "a.cfg"
    path.write_bytes(UGLY)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert fmt.main(["-w", str(path)]) == 2
    assert path.read_bytes() == UGLY and os.listdir(tmp_path) == ["a.cfg"]
    assert "No space left" in capsys.readouterr().err


def test_the_difference_is_shown(tmp_path, capsysbinary):
    path = tmp_path / "a.cfg"
    path.write_bytes(b"global\n  daemon\n")
    assert fmt.main(["--diff", str(path)]) == 1
    assert b"-  daemon\n+    daemon\n" in capsysbinary.readouterr().out


def test_standard_input_goes_to_standard_output(monkeypatch, capsysbinary):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(UGLY)))
    assert fmt.main([]) == 0
    assert capsysbinary.readouterr().out == FINE


@pytest.mark.parametrize("words", [["--write"], ["-w", "--check", "x"], ["--unknown"]])
def test_a_wrong_command_line_is_refused(words):
    with pytest.raises(SystemExit) as end:
        fmt.main(words)
    assert end.value.code == 2


def test_a_missing_file_is_an_error(tmp_path, capsys):
    assert fmt.main([str(tmp_path / "none.cfg")]) == 2
    assert "none.cfg" in capsys.readouterr().err
