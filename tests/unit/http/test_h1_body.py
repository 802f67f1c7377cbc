"""Chunked bodies: strictness, independence of how they are cut, pass-through, linear time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.http.h1_body import LINE, ChunkedReader, chunk, last_chunk
from pylb.http.message import field

BODY = b"5\r\nhello\r\n0\r\n\r\n"


def feed(*pieces: bytes) -> tuple[bytes, ChunkedReader]:
    reader = ChunkedReader()
    return b"".join([reader.feed(piece) for piece in pieces]), reader


def relay(*pieces: bytes) -> tuple[bytes, ChunkedReader]:
    reader = ChunkedReader()
    return b"".join([reader.relay(piece) for piece in pieces]), reader


def singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_the_payload_comes_out_and_what_follows_stays() -> None:
    payload, reader = feed(BODY + b"GET /")
    assert payload == b"hello"
    assert (reader.done, reader.error, reader.rest, reader.trailers) == (True, "", b"GET /", [])


def test_bytes_inside_a_chunk_are_the_same_object() -> None:
    reader = ChunkedReader()
    reader.feed(b"FFFF\r\n")
    data = b"a" * 1000
    assert reader.feed(data) is data
    reader = ChunkedReader()
    whole = b"3e8\r\n" + data + b"\r\n3E8\r\n" + data[1:]
    assert reader.relay(whole) is whole
    assert reader.relay(data[:1]) is not None
    assert not reader.error


def test_canonical_chunks_pass_as_they_came() -> None:
    for pieces in ((BODY,), singly(BODY)):
        wire, reader = relay(*pieces)
        assert wire == BODY
        assert reader.done


@pytest.mark.parametrize(
    ("data", "wire"),
    [
        (b"0005\r\nhello\r\n000\r\n\r\n", BODY),
        (b"5;a=b\r\nhello\r\n0;c\r\n\r\n", BODY),
        (b'5;a="x;\\"y"\r\nhello\r\n0\r\n\r\n', BODY),
        (b"5 \t\r\nhello\r\n0 \r\n\r\n", BODY),
        (b"5\r\nhello\r\n05 ;x\r\nworld\r\n0\r\n\r\n", b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"),
        (b"0\r\n\r\n", b"0\r\n\r\n"),
        (b"5\r\nhello\r\n0\r\nX-T:  v \r\n\r\n", b"5\r\nhello\r\n0\r\nx-t: v\r\n\r\n"),
        (b"5\r\nhello\r\n0\r\nContent-Length: 5\r\nY: z\r\n\r\n", b"5\r\nhello\r\n0\r\ny: z\r\n\r\n"),
    ],
)
def test_other_framing_is_written_anew(data: bytes, wire: bytes) -> None:
    for pieces in ([data], singly(data)):
        got, reader = relay(*pieces)
        assert (got, reader.done, reader.error) == (wire, True, "")


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b" 5\r\n",
        b"+5\r\n",
        b"-5\r\n",
        b"0x5\r\n",
        b"5_0\r\n",
        b"5\n",
        b"5\rhello",
        b"g\r\n",
        b"10000000000000\r\n",
        b"ffffffffffffffffffff\r\n",
        b"5;\x01\r\n",
        b'5;"\r\n',
        b"5;a\rb\r\n",
        b"5 x\r\n",
        b"5;" + b"a" * LINE + b"\r\n",
        b"0" * (LINE + 2),
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\r\r\n",
        b"5\r\nhello\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        b"5\r\nhello\r\n0\r\nX: y\n\r\n\r\n",
        b"5\r\nhello\r\n0\r\n X: y\r\n\r\n",
        b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n",
        b"0\r\na: " + b"b" * 20000,
    ],
)
def test_bad_framing_is_refused_whole_and_dripped(data: bytes) -> None:
    for run in (feed, relay):
        for pieces in ([data], singly(data)):
            _, reader = run(*pieces)
            assert reader.error
            assert not reader.done


def test_nothing_is_read_behind_an_error() -> None:
    payload, reader = feed(b"5\r\nhello\r\nbad\r\n"[:10] + b"zz\r\n", b"5\r\nhello\r\n")
    assert payload == b"hello"
    assert reader.error


def test_trailers_are_kept_but_those_that_frame_or_route() -> None:
    _, reader = feed(b"0\r\nHost: a\r\nX: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert reader.trailers == [field(b"x", b"1")]


CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=6)


@given(CHUNKS, st.binary(max_size=5), st.data())
def test_any_cut_gives_the_same_payload_and_wire(chunks: list[bytes], rest: bytes, data: st.DataObject) -> None:
    body = b"".join([chunk(one) for one in chunks]) + last_chunk()
    whole = body + rest
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    payload, reader = feed(*pieces)
    assert payload == b"".join(chunks)
    assert (reader.done, reader.rest) == (True, rest)
    wire, reader = relay(*pieces)
    assert wire == body
    assert (reader.done, reader.rest) == (True, rest)


@given(st.binary(max_size=60), st.data())
def test_any_bytes_end_alike_however_they_are_cut(noise: bytes, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([b"", b"5\r\nhello", b"5\r\nhello\r\n", b"0\r\n", b"3;", b"1"]))
    whole = start + noise
    one, dripped = feed(whole), feed(*singly(whole))
    assert (one[1].done, bool(one[1].error)) == (dripped[1].done, bool(dripped[1].error))
    if not one[1].error:
        assert one[0] == dripped[0]


def cost(work: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.parametrize("run", [feed, relay])
@pytest.mark.parametrize(
    "shape",
    [
        lambda n: [b"1\r\na\r\n" * n],
        lambda n: [b"01\r\na\r\n" * n],
        lambda n: [b"1\r\na\r\n"] * n,
        lambda n: singly(b"1\r\na\r\n" * (n // 4)),
        lambda n: singly((b"1;" + b"x" * 500 + b"\r\na\r\n") * (n // 500)),
        lambda n: [b"%x\r\n" % (n * 1000), *[b"a" * 1000] * n],
    ],
)
def test_time_is_linear(run: Callable[..., object], shape: Callable[[int], list[bytes]]) -> None:
    few, many = shape(1000), shape(8000)
    assert cost(lambda: run(*many)) < 32 * max(cost(lambda: run(*few)), 1e-5)


def test_dripped_trailers_take_bounded_time() -> None:
    start = time.process_time()
    _, reader = feed(b"0\r\n", *singly(b"a: " + b"b" * 15000 + b"\r\n\r\n"))
    assert reader.done
    assert time.process_time() - start < 2


def test_empty_data_is_no_chunk() -> None:
    assert chunk(b"") == b""
    assert chunk(b"a" * 26) == b"1A\r\n" + b"a" * 26 + b"\r\n"
    assert last_chunk([field(b"X", b"y")]) == b"0\r\nx: y\r\n\r\n"
