"""Words, quotes, escapes, variables, and the sentences for what is wrong with them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config.lexer import MAX_WORDS, Spans, excerpt, from_bytes, split
from pylb.config.words import to_bytes

ENVIRONMENT = {"NAME": "web", "EMPTY": "", "LIST": "a b  c ", ".LINE": "7"}


def words(text: str) -> list[str]:
    found, _, error = split(text, ENVIRONMENT.get)
    assert error is None, error
    return found


def problem(text: str) -> str:
    error = split(text, ENVIRONMENT.get)[2]
    assert error is not None
    return error.shown(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \t ", []),
        ("# only a comment", []),
        ("a b\tc", ["a", "b", "c"]),
        ("mode http# no space needed", ["mode", "http"]),
        (r"a\ b", ["a b"]),
        (r"a\#b", ["a#b"]),
        (r"a\\b", [r"a\b"]),
        (r"\"a\"", ['"a"']),
        (r"a\q", [r"a\q"]),
        (r"a\$b", [r"a\$b"]),
        (r"\n\r\t", ["\n\r\t"]),
        (r"\x41\x20b", ["A b"]),
        (r"\xc3\xa9", ["é"]),
        (r"a\x00b", ["a"]),
        ('"a b"', ["a b"]),
        ('"a # b"', ["a # b"]),
        (r'"\$NAME \" \\ \x41"', [r'$NAME " \ A']),
        ("'a \\ $NAME \" #'", ['a \\ $NAME " #']),
        ("a\"b c\"'d e'f", ["ab cd ef"]),
        ('""', [""]),
        ("x ''", ["x", ""]),
        ("a\r", ["a"]),
        ("a \r b", ["a"]),
        ("é ü", ["é", "ü"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$NAME", ["$NAME"]),
        ("'$NAME'", ["$NAME"]),
        ('"$NAME"', ["web"]),
        ('"${NAME}x"', ["webx"]),
        ('"$NAMEx"', [""]),
        ('"${NONE-a b}"', ["a b"]),
        ('"${NAME-a b}"', ["web"]),
        ('"${EMPTY-a}"', [""]),
        ('"${NONE-x}y}"', ["xy}"]),
        ('"${NONE-$NAME}"', ["$NAME"]),
        ('"${LIST}"', ["a b  c "]),
        ('"${LIST[*]}"', ["a", "b", "c", ""]),
        ('"<${LIST[*]}>"', ["<a", "b", "c", ">"]),
        ('"${NONE[*]}"', [""]),
        ('"${NONE[*]-x y}"', ["x", "y"]),
        ('"$.LINE ${.LINE}"', ["7 7"]),
    ],
)
def test_variables(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('  maxconn "12', 'unmatched quote at position 11:\n  maxconn "12\n          ^'),
        ("  maxconn '12", "unmatched quote at position 11:\n  maxconn '12\n          ^"),
        ('x "$.FOO"', 'forbidden first char in environment variable name at position 5:\n  x "$.FOO"\n      ^'),
        ('x "${.LINE-1}"', 'unmatched brace in environment variable name at position 5:\n  x "${.LINE-1}"\n      ^'),
        ("x \\x4", "truncated or invalid hexadecimal sequence at position 3:\n  x \\x4\n    ^"),
        ('x "$"', 'forbidden first char in environment variable name at position 5:\n  x "$"\n      ^'),
        ('x "${X"', 'unmatched brace in environment variable name at position 5:\n  x "${X"\n      ^'),
        ('x "${X[0]}"', 'truncated or invalid word expansion sequence at position 7:\n  x "${X[0]}"\n        ^'),
        (" mode http\0 foo", "Stray NUL character at position 11."),
        ('"a\0"', "Stray NUL character at position 3."),
    ],
)
def test_problems_are_shown_as_haproxy_shows_them(text: str, expected: str) -> None:
    assert problem(text) == expected


def test_positions_count_bytes() -> None:
    assert "at position 4" in problem('é "')


def test_more_than_64_words_are_refused() -> None:
    assert len(words(" ".join("a" * MAX_WORDS))) == MAX_WORDS
    found, _, error = split(" .notice " + " ".join("a" * 70), ENVIRONMENT.get)
    assert len(found) == MAX_WORDS
    assert error is not None
    assert error.message == "too many words, truncating after word 64, position 133: <a>."


def test_a_span_covers_the_word_as_written() -> None:
    text = "  server s1 'a b'\\ c # x"
    _, edges, _ = split(text, ENVIRONMENT.get)
    spans = Spans("f.cfg", 3, text, edges)
    assert [text[span.column : span.end] for span in spans] == ["server", "s1", "'a b'\\ c"]
    assert spans[-1].line == 3
    assert [span.column for span in spans[1:]] == [9, 12]


def test_an_excerpt_keeps_the_position_in_view() -> None:
    line, at = excerpt("  " + "a" * 300 + '"' + "b" * 300, 302)
    assert len(line) <= 80
    assert line[at] == '"'


@given(st.binary(max_size=200))
def test_any_bytes_give_words_or_an_error_and_never_raise(data: bytes) -> None:
    text = from_bytes(data)
    found, edges, error = split(text, ENVIRONMENT.get)
    assert len(found) == len(edges)
    assert all(0 <= start <= end <= len(text) for start, end in edges)
    if error is not None:
        assert error.shown(text)
    assert to_bytes(text) == data


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1), max_size=20))
def test_quoted_words_come_back(values: list[str]) -> None:
    quoted = ["".join(f"\\x{byte:02x}" for byte in value.encode()) for value in values]
    assert words(" ".join(quoted)) == values


@given(st.lists(st.text('ab$%\\ \t#"x', min_size=1), max_size=20))
def test_strongly_quoted_words_come_back(values: list[str]) -> None:
    assert words(" ".join(f"'{value}'" for value in values)) == values


def test_time_is_linear_in_the_length_of_a_line() -> None:
    def cost(size: int) -> float:
        text = "x " + '"a b\\ $NAME \'c"' * size
        best = []
        for _ in range(5):
            start = time.process_time()
            split(text, ENVIRONMENT.get)
            best.append(time.process_time() - start)
        return min(best)

    assert cost(8000) < 20 * max(cost(1000), 1e-4)
