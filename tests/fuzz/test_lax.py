"""The codec that takes violations, on any bytes: no exception, the same verdict around both codecs, whole and dripped;
what the strict rules take it takes alike; what it sends on is one message that says the same."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pylb.http import codec
from pylb.http.h1_lax import Lax
from pylb.http.letter_case import adjusted
from pylb.http.message import Refusal, Request, Response
from pylb.http.writer import request_head, response_head
from tests.codec.malformed import CASES
from tests.fuzz.test_codec import ANSWERS, LIMITS, REPLIES, REQUESTS, kind, mutated

FAST = Lax(codec.fast, LIMITS)
STRICT = Lax(codec.strict, LIMITS)
WIDE = Lax(codec.fast, codec.Limits(bufsize=1 << 20, maxhdr=200))


def framing(message: Request | Response) -> tuple[object, ...]:
    return message.length, message.chunked


@settings(max_examples=800)
@given(REQUESTS)
@example(b"GET /\r\n")
@example(b"GET / FOO\nX\x00: a\r\n\r\n")
@example(b"PRI * HTTP/2.0\r\n\r\n")
def test_requests_are_read_alike_whole_dripped_and_by_h11(data: bytes) -> None:
    whole = FAST.take_request(data, 0, LIMITS)
    assert kind(STRICT.take_request(data, 0, LIMITS)) == kind(whole)
    plain = codec.fast.take_request(data, 0, LIMITS)
    if isinstance(plain, Request):
        assert kind(whole) == kind(plain)
    searched, dripped = 0, None
    for size in range(1, len(data) + 1):
        dripped = FAST.take_request(data[:size], searched, LIMITS)
        if dripped is not None:
            break
        searched = size
    assert kind(dripped) == kind(whole)
    if isinstance(whole, Request):
        wire = request_head(whole, True)
        again = WIDE.parse_request(wire, len(wire), LIMITS)
        assert isinstance(again, Request)
        assert codec.find_end(wire) == len(wire)
        assert (again.method, again.target, *framing(again)) == (whole.method, whole.target, *framing(whole))
        assert b"\n" not in wire.replace(b"\r\n", b"") and b"\r" not in wire.replace(b"\r\n", b"")


@settings(max_examples=600)
@given(st.one_of(mutated(ANSWERS), REPLIES), st.sampled_from([b"GET", b"HEAD", b"CONNECT"]))
def test_responses_are_read_alike_by_both_and_sent_on_as_one(data: bytes, method: bytes) -> None:
    whole = FAST.take_response(data, 0, method, LIMITS)
    assert whole is None or isinstance(whole, Response | Refusal)
    assert kind(STRICT.take_response(data, 0, method, LIMITS)) == kind(whole)
    plain = codec.fast.take_response(data, 0, method, LIMITS)
    if isinstance(plain, Response):
        assert kind(whole) == kind(plain)
    if isinstance(whole, Response):
        wire = response_head(whole, Request(method, b"/", 11, []), True)
        again = WIDE.parse_response(wire, len(wire), method, LIMITS)
        assert isinstance(again, Response)
        assert (again.status, *framing(again)) == (whole.status, *framing(whole))


@settings(max_examples=300)
@given(st.sampled_from([data for data in CASES.values() if len(data) < 400]), st.data())
def test_names_in_another_case_are_the_same_head(head: bytes, data: st.DataObject) -> None:
    request = codec.fast.take_request(head, 0, LIMITS)
    if not isinstance(request, Request):
        return
    wire = request_head(request, True)
    some = data.draw(st.sets(st.sampled_from([one[0] for one in request.fields] or [b"x"])))
    other = adjusted(wire, {name: name.upper() for name in some})
    assert other.lower() == wire.lower() and len(other) == len(wire)
    again = codec.fast.take_request(other, 0, codec.Limits(bufsize=1 << 20, maxhdr=200))
    assert isinstance(again, Request)
    assert [one[:2] for one in again.fields] == [one[:2] for one in codec_fields(wire)]


def codec_fields(wire: bytes) -> list[tuple[bytes, bytes, bytes, int]]:
    request = codec.fast.take_request(wire, 0, codec.Limits(bufsize=1 << 20, maxhdr=200))
    assert isinstance(request, Request)
    return request.fields
