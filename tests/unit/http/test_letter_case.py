"""Names in another case: files of pairs as HAProxy reads them, and which lines of a head are touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.config.model import Record
from pylb.errors import ConfigError
from pylb.http.letter_case import adjusted, names


def settings(file: Path | None = None, *pairs: tuple[str, str]) -> Record:
    record = Record("global")
    for pair in pairs:
        record.append("h1-case-adjust", pair)
    if file is not None:
        record.set("h1-case-adjust-file", str(file))
    return record


def test_words_and_file_are_one_table(tmp_path: Path) -> None:
    file = tmp_path / "names"
    file.write_bytes(b"# names\n\n  foo \t Foo  \r\nx-y X-y\n")
    assert names(settings(file, ("bar", "BAR"))) == {b"bar": b"BAR", b"foo": b"Foo", b"x-y": b"X-y"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo Foo\nfoo FOO\n", "duplicate entry 'foo' at line 2."),
        ("bar Bar\n", "duplicate entry 'bar' at line 1."),
        ("foo bar\n", "<from> and <to> must not differ execpt the case at line 1."),
        ("# x\nfoo Foo # y\n", "<from> and <to> must not differ execpt the case at line 2."),
        ("foo\n", "expect <to> at line 1."),
    ],
)
def test_bad_files_are_refused_in_haproxys_words(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "names"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        names(settings(file, ("bar", "BAR")))
    assert str(raised.value) == f"h1-headers-case-adjust-file '{file}' : {said}"


def test_a_file_that_is_not_there_is_refused_and_a_directory_is_empty(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"': failed to open file\."):
        names(settings(tmp_path / "none"))
    assert names(settings(tmp_path)) == {}


def test_only_names_are_touched() -> None:
    head = b"GET http://host:80/x HTTP/1.1\r\nhost: host: a\r\nx-host: 1\r\n\r\n"
    assert adjusted(head, {b"host": b"HOST", b"GET http": b"no"}).endswith(b"\r\nHOST: host: a\r\nx-host: 1\r\n\r\n")
