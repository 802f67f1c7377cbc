"""The lossless document: any bytes come back, and an edit changes nothing but what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb import standard
from pylb.config.document import Document, quoted
from pylb.config.lexer import from_bytes, split
from pylb.config.words import to_bytes

standard.load()

TEXT = st.binary(max_size=40).map(from_bytes).filter(lambda text: "\n" not in text and "\0" not in text)
PIECES = ["bind", " ", "\t", "  ", "\\ ", '"a b"', "'c d'", '"$X"', "${X}", '"${X[*]}"', "\\x41", "#", " # n", "\r",
          "\v", "é", "\udcff", "\0", "'", '"', "\\", "frontend", ".if", "[s]", ":80"]  # fmt: skip
LINES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
FILES = st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r\n"])), max_size=6).map(
    lambda lines: "".join(text + end for text, end in lines)
)


def present(_: str) -> str:
    return "x"


@given(st.binary())
def test_any_bytes_come_back(data):
    assert Document.parse(data, "x").write() == data


@given(FILES)
def test_files_of_odd_lines_come_back_and_have_the_lexers_words(text):
    document = Document.parse(to_bytes(text))
    assert document.write() == to_bytes(text)
    for line in document.lines:
        words, edges, error = split(line.text, present)
        assert [(token.start, token.end) for token in line.tokens] == edges
        assert bool(line.broken) == (error is not None)
        if error is None:
            assert [split(token.raw, present)[0] for token in line.tokens] == [[word] for word in words]
            ends = line.tokens[-1].end if line.tokens else len(line.indent)
            assert line.text[ends:] == line.gap + line.comment


@given(TEXT, st.lists(st.sampled_from(["bind", ":80", "'a b'"])))
def test_a_quoted_word_is_read_back_wherever_it_stands(text, before):
    line = " ".join([*before, quoted(text), "behind # comment"])
    words, _, error = split(line, present)
    assert error is None
    assert words[len(before)] == text and words[-1] == "behind"


@given(TEXT)
def test_setting_one_word_keeps_everything_else(text):
    document = Document.parse(b"frontend f\r\n\tbind  :80   ssl # why\r\nbackend b")
    document.lines[1].set(1, quoted(text))
    assert document.write() == to_bytes(f"frontend f\r\n\tbind  {quoted(text)}   ssl # why\r\nbackend b")
    assert split(document.lines[1].text, present)[0] == ["bind", text, "ssl"]


def test_replacing_words_keeps_indent_comment_and_end():
    document = Document.parse(b"global\r\n  maxconn 10  # few\r\n  # none\r\n")
    document.lines[1].replace(["maxconn", "20"])
    document.lines[2].replace(["daemon"])
    assert document.write() == b"global\r\n  maxconn 20  # few\r\n  daemon # none\r\n"


def test_lines_know_their_section():
    document = Document.parse(b"# top\nglobal\n daemon\n.if feature(X)\nfrontend f\n.endif\n mode http\n")
    assert [line.section for line in document.lines] == ["", "global", "global", "global", *["frontend"] * 3]
    assert [line.opens for line in document.lines] == [False, True, False, False, True, False, False]
    assert [line.directive for line in document.lines] == [False, False, False, True, False, True, False]


def test_inserted_and_removed_lines_keep_numbers_and_ends_right():
    document = Document.parse(b"frontend f\r\n bind :80")
    document.insert(1, " mode http")
    document.insert(-1, "# first")
    assert document.write() == b"# first\r\nfrontend f\r\n bind :80\r\n mode http\r\n"
    document.remove(1)
    assert [(line.number, line.section) for line in document.lines] == [(1, ""), (2, ""), (3, "")]


def test_a_line_that_cannot_be_read_says_why_and_opens_nothing():
    line = Document.parse(b"frontend 'f\n").lines[0]
    assert line.broken == "unmatched quote" and not line.opens


@pytest.mark.parametrize("text", ["a\nb", "\n"])
def test_a_line_feed_cannot_be_put_into_a_line(text):
    document = Document.parse(b"global\n")
    with pytest.raises(ValueError):
        document.lines[0].rewrite(text)
    with pytest.raises(ValueError):
        document.insert(0, text)


RAWS = st.lists(st.sampled_from(["bind", ":80", "'a b'", '"${X}"', "ssl", "\\ x"]), max_size=5)
BLANKS = st.sampled_from([" ", "  ", "\t"])


@given(RAWS.flatmap(lambda raws: st.tuples(st.just(raws), st.lists(BLANKS, min_size=len(raws), max_size=len(raws)))),
       RAWS, st.sampled_from(["", "# why", " # why", "  "]))  # fmt: skip
def test_replaced_words_are_read_back_and_the_rest_of_the_line_stays(before, raws, tail):
    text = "".join(blank + raw for raw, blank in zip(*before, strict=True)) + tail
    line = Document.parse(to_bytes(text + "\n")).lines[0] if text else Document.parse(b"\n").lines[0]
    comment, indent = line.comment, line.indent
    line.replace(raws)
    assert [token.raw for token in line.tokens] == raws
    assert (line.comment, line.indent) == (comment, indent)
    if raws == before[0]:
        assert line.text == text


def test_blanks_around_words_that_stay_are_not_touched():
    line = Document.parse(b"  bind   :80\tssl  crt  x   # why\n").lines[0]
    line.replace(["bind", ":80", "ssl", "crt", "y", "alpn", "h2"])
    assert line.text == "  bind   :80\tssl  crt  y alpn h2   # why"
    line.replace(["bind", ":80", "ssl"])
    assert line.text == "  bind   :80\tssl   # why"
    line.replace(["bind", "name", "z", ":80", "ssl"])
    assert line.text == "  bind   name z :80\tssl   # why"
    line.replace(["bind", "ssl"])
    assert line.text == "  bind   ssl   # why"
