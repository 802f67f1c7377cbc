"""How problems are printed: plain for pipes, with the line, a caret and colour on terminals."""

from __future__ import annotations

import io

import pytest

from pylb.config.reader import parse_text
from pylb.errors import Severity


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(out: io.StringIO) -> str:
    parse_text("global\n\tnosuch word\n").report.write(out, at_least=Severity.ALERT)
    return out.getvalue()


def test_a_pipe_gets_plain_lines() -> None:
    text = printed(io.StringIO())
    assert text.startswith("[ALERT]    (")
    assert "parsing [test.cfg:2] : unknown keyword 'nosuch' in 'global' section" in text
    assert "\033" not in text and "^" not in text


def test_a_terminal_shows_the_word_in_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    lines = printed(Terminal()).split("\n")
    assert lines[0].startswith("\033[31;1m[ALERT]")
    assert lines[1] == "  \tnosuch word"
    assert lines[2] == "  \t\033[31;1m^^^^^^\033[0m"


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(Terminal())
    assert "\033" not in text
    assert "\n  \t^^^^^^\n" in text, "the line and its caret are no colours"
