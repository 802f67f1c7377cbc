"""Any bytes, whole and then byte by byte: a message, a refusal or "more", the same both times, and nothing else."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pylb.http import codec
from pylb.http.h1_body import ChunkedReader
from pylb.http.message import Refusal, Request, Response
from pylb.http.writer import request_head, response_head
from tests.codec.malformed import CASES, RESPONSES
from tests.codec.test_codecs_agree import facts, request_heads, response_heads

LIMITS = codec.DEFAULT_LIMITS


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with bytes cut out, put in, repeated or replaced in a few places."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 4)))
        new = draw(
            st.one_of(
                st.binary(max_size=3),
                st.sampled_from(
                    [b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b"\x00", b"\r\n\r\n", b"\r\n ", b",", data[at:to] * 2]
                ),
            )
        )
        data = data[:at] + new + data[to:]
    return data


SMALL = [data for data in CASES.values() if len(data) < 400]
ANSWERS = [data for _, data in RESPONSES.values() if len(data) < 400]
REQUESTS = st.one_of(mutated(SMALL), request_heads(), st.binary(max_size=80))
REPLIES = st.one_of(mutated(ANSWERS), response_heads(), st.binary(max_size=80))


def kind(message: object) -> object:
    """What must not depend on how bytes arrive: the message, or that it was refused."""
    return message.status if isinstance(message, Refusal) else facts(message)  # type: ignore[arg-type]


def dripped_request(chosen: codec.Codec, data: bytes) -> tuple[object, int]:
    searched = 0
    for size in range(1, len(data) + 1):
        message = chosen.take_request(data[:size], searched, LIMITS)
        if message is not None:
            return message, size
        searched = size
    return None, len(data)


def check_request(chosen: codec.Codec, data: bytes) -> None:
    whole = chosen.take_request(data, 0, LIMITS)
    assert whole is None or isinstance(whole, Request | Refusal)
    dripped, size = dripped_request(chosen, data)
    assert kind(dripped) == kind(whole)
    if isinstance(whole, Request):
        assert whole.head_size == size
        check_rewritten(whole)


def check_rewritten(request: Request) -> None:
    """What is sent is one request in the fast grammar that says the same."""
    for keep in (True, False):
        wire = request_head(request, keep)
        again = codec.fast.parse_request(wire, len(wire), codec.Limits(bufsize=1 << 20, maxhdr=200))
        assert isinstance(again, Request), again.reason
        assert codec.find_end(wire) == len(wire)
        assert (again.method, again.target, again.length, again.chunked) == (
            request.method,
            request.target,
            request.length,
            request.chunked,
        )
        assert b"\n" not in wire.replace(b"\r\n", b"") and b"\r" not in wire.replace(b"\r\n", b"")


@settings(max_examples=1500)
@given(REQUESTS)
@example(b"\r\n\r\n")
@example(b"GET / HTTP/1.1\r\nHost: a\n\r\n")
def test_requests_are_read_alike_whole_and_dripped(data: bytes) -> None:
    check_request(codec.fast, data)


@settings(max_examples=400)
@given(REQUESTS)
def test_requests_are_read_alike_by_h11(data: bytes) -> None:
    check_request(codec.strict, data)
    assert kind(codec.fast.take_request(data, 0, LIMITS)) == kind(codec.strict.take_request(data, 0, LIMITS))


@settings(max_examples=800)
@given(REPLIES, st.sampled_from([b"GET", b"HEAD", b"CONNECT"]))
def test_responses_are_read_alike_whole_dripped_and_by_h11(data: bytes, method: bytes) -> None:
    whole = codec.fast.take_response(data, 0, method, LIMITS)
    assert whole is None or isinstance(whole, Response | Refusal)
    searched, dripped = 0, None
    for size in range(1, len(data) + 1):
        dripped = codec.fast.take_response(data[:size], searched, method, LIMITS)
        if dripped is not None:
            break
        searched = size
    assert kind(dripped) == kind(whole)
    assert kind(codec.strict.take_response(data, 0, method, LIMITS)) == kind(whole)
    if isinstance(whole, Response):
        wire = response_head(whole, Request(method, b"/", 11, []), True)
        again = codec.fast.parse_response(wire, len(wire), method, codec.Limits(bufsize=1 << 20, maxhdr=200))
        assert isinstance(again, Response)
        assert (again.status, again.length, again.chunked) == (whole.status, whole.length, whole.chunked)


BODIES = [data.partition(b"\r\n\r\n")[2] for data in CASES.values() if b"chunked" in data]


@settings(max_examples=1000)
@given(st.one_of(mutated(BODIES), st.binary(max_size=60)))
def test_chunked_bodies_are_read_alike_whole_and_dripped(data: bytes) -> None:
    whole, dripped, wire = ChunkedReader(), ChunkedReader(), ChunkedReader()
    payload = whole.feed(data)
    pieces = b"".join([dripped.feed(data[at : at + 1]) for at in range(len(data))])
    assert (whole.done, bool(whole.error), whole.trailers) == (dripped.done, bool(dripped.error), dripped.trailers)
    assert payload == pieces
    relayed = wire.relay(data)
    assert (wire.done, wire.rest if wire.done else b"") == (whole.done, whole.rest if whole.done else b"")
    if whole.done:
        assert whole.rest == dripped.rest
        again = ChunkedReader()
        assert again.feed(relayed) == payload
        assert again.done and not again.rest
