"""-dC: what was read can be read again; with a key it tells nothing that could identify anybody."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb import standard
from pylb.config import lexer
from pylb.config.reader import load
from pylb.process.config_dump import Dump

standard.load()

TEXT = r"""
global  # the process
    log 192.0.2.1:514 local0
    setenv NAME "two words"
defaults web
    mode http
    timeout client 10s
frontend secret-front from web
    bind 192.0.2.7:8080 name secret-bind
    acl hidden path_beg /private
    http-request set-header x "$NAME"\ and\ "more #1"
.if 0
    http-request deny
.endif
    use_backend secret-back if hidden
backend secret-back from web
    cookie secret-cookie insert
    server secret-server [2001:db8::1]:80 weight 3 cookie 1234 check
"""


def dumped(path: Path, text: str, key: int = 0) -> str:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    dump = Dump(key)
    load([str(path)], environment={}, seen=dump.seen)
    return dump.text()


def test_statements_as_they_were_understood(tmp_path: Path) -> None:
    text = dumped(tmp_path / "a.cfg", TEXT)
    assert "\thttp-request set-header x 'two words and more #1'\n" in text
    assert "deny" not in text and "the process" not in text
    assert text.split("\n\n")[1] == "defaults web\n\tmode http\n\ttimeout client 10s"


def test_a_dump_is_a_configuration_with_the_same_dump(tmp_path: Path) -> None:
    text = dumped(tmp_path / "a.cfg", TEXT)
    assert dumped(tmp_path / "b.cfg", text) == text


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_any_word_is_written_so_that_it_is_read_back(word: str) -> None:
    written = lexer.quoted(word)
    assert "\n" not in written
    assert lexer.split(f"a {written} b", lambda name: None)[0] == ["a", word, "b"]


def test_with_a_key_nothing_private_is_left(tmp_path: Path) -> None:
    text = dumped(tmp_path / "a.cfg", TEXT, 77)
    for private in ("secret", "192.0.2", "2001:db8", "private", "hidden", "two words", "NAME", "1234", "web"):
        assert private not in text
    assert "\ttimeout client 10s\n" in text
    assert text.count(Dump(77).name("secret-back")) == 2, "a name has one hash wherever it stands"
    assert ":80 weight 3 cookie [...]\n" in text


@pytest.mark.parametrize("line", ["anonkey 4711", "foo 1", "stats socket /run/a.sock"])
def test_what_may_hold_anything_ends_the_line(tmp_path: Path, line: str) -> None:
    text = dumped(tmp_path / "a.cfg", f"global\n {line}\n", 1)
    assert "[...]" in text
    assert not any(secret in text for secret in ("4711", "foo", "run"))


def test_keys_make_different_hashes(tmp_path: Path) -> None:
    assert dumped(tmp_path / "a.cfg", TEXT, 1) != dumped(tmp_path / "a.cfg", TEXT, 2)
