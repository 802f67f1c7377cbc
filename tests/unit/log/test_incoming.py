"""Messages that come in: any bytes are a message, streams are cut alike wherever their pieces end."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.log.framing import BadFrame, Framing
from pylb.log.header import FORMATS
from pylb.log.messages import Writer, parse


@given(
    st.binary(max_size=200), st.sampled_from([None, *FORMATS]), st.sampled_from(["keep", "fill", "replace", "append"])
)
def test_any_bytes_leave_in_any_format(data: bytes, form: str | None, hosts: str) -> None:
    message = parse(data)
    written = Writer(form, 19, 0, hosts).write(message, b"192.0.2.1")
    assert message.text in written
    if message.rfc == 0:
        assert message.text in data


MODERN = b"<14>1 2026-11-23T10:00:00Z host app 77 mid "


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (MODERN + b'[a b="\\"c\\]"][d] x y', b"x y"),
        (MODERN + b"-", b""),
        (MODERN + b"[x]", b""),
        (MODERN + b"- ", b""),
        (MODERN + b"[bad text", MODERN[4:] + b"[bad text"),
        (b"<14>1 2026 host", b"1 2026 host"),
        (b"<14>1 nonsense h a p m - x", b"1 nonsense h a p m - x"),
    ],
)
def test_nothing_of_a_message_is_lost(data: bytes, text: bytes) -> None:
    """HAProxy 2.6 loses the last two bytes of messages that only begin like RFC 5424."""
    assert parse(data).text == text


@pytest.mark.parametrize(
    ("hosts", "named", "nameless"),
    [
        ("keep", b"host", b"-"),
        ("fill", b"host", b"192.0.2.1"),
        ("replace", b"192.0.2.1", b"192.0.2.1"),
        ("append", b"host,192.0.2.1", b"192.0.2.1"),
    ],
)
def test_the_choice_of_the_host_name(hosts: str, named: bytes, nameless: bytes) -> None:
    write = Writer("rfc5424", 19, 0, hosts).write
    assert write(parse(MODERN + b"- x"), b"192.0.2.1").split()[2] == named
    assert write(parse(MODERN.replace(b"host", b"-") + b"- x"), b"192.0.2.1").split()[2] == nameless
    assert write(parse(MODERN + b"- x"), b"").split()[2] == b"host"  # a unix socket has no address


def test_no_message_looks_more_important_than_its_target_allows() -> None:
    assert Writer("short", 19, 3, "keep").write(parse(b"<8>x"), b"") == b"<3>x"
    assert Writer("priority", 19, 3, "keep").write(parse(b"<15>x"), b"") == b"<15>x"


GOOD = b"<14>one\n7 <14>two12 <14>th\nree\nx<14>four\r\n<14>five\n"
MESSAGES = [b"<14>one", b"<14>two", b"<14>th\nree\nx", b"<14>four", b"<14>five"]


@given(st.lists(st.integers(0, len(GOOD)), max_size=12))
def test_pieces_of_a_stream_make_no_difference(cuts: list[int]) -> None:
    framing = Framing(1000, lines_only=False)
    edges = [0, *sorted(cuts), len(GOOD)]
    found = []
    for start, end in itertools.pairwise(edges):
        found += framing.feed(GOOD[start:end])
    assert found == MESSAGES
    assert framing.buffer == b""


@pytest.mark.parametrize("data", [b"0 x", b"x", b"\n", b"07 x", b"7x", b"99999 <", b"<" + b"y" * 1001, b"1" * 20])
def test_what_is_no_syslog_is_refused(data: bytes) -> None:
    with pytest.raises(BadFrame):
        Framing(1000, lines_only=False).feed(data)


def test_lines_only_takes_what_begins_with_a_digit() -> None:
    assert Framing(1000, lines_only=True).feed(b"7 <14>x\nfree text\n") == [b"7 <14>x", b"free text"]


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_any_stream_gives_messages_or_the_mistake_and_stays_bounded(pieces: list[bytes]) -> None:
    framing = Framing(64, lines_only=False)
    for piece in pieces:
        try:
            framing.feed(piece)
        except BadFrame:
            return
        assert len(framing.buffer) <= 64 + 50 + 16
