"""Ends of heads, early refusals, and the choice of a codec."""

from __future__ import annotations

import pytest

from pylb.http import codec
from pylb.http.message import Refusal, Request, Response

LIMITS = codec.DEFAULT_LIMITS
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (GET, len(GET)),
        (GET + b"body\r\n\r\n", len(GET)),
        (GET[:-1], -1),
        (b"", -1),
        (b"\r\n", -1),
        (b"\r\n\r\n", -1),
        (b"\r\n\r\n" + GET, len(GET) + 4),
        (b"GET / HTTP/1.1\nHost: a\n\nx", 24),
        (b"GET / HTTP/1.1\nHost: a\n\r\nx", 25),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 26),
    ],
)
def test_the_end_of_a_head_is_found_whole_and_dripped(data: bytes, end: int) -> None:
    assert codec.find_end(data) == end
    searched, found = 0, -1
    for size in range(1, len(data) + 1):
        found = codec.find_end(data[:size], searched)
        if found >= 0:
            break
        searched = size
    assert found == end


@pytest.mark.parametrize("chosen", [codec.fast, codec.strict])
def test_a_request_ends_where_its_own_blank_line_is(chosen: codec.Codec) -> None:
    data = b"GET /1 HTTP/1.1\nHost: a\n\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
    request = chosen.take_request(data, 0, LIMITS)
    assert isinstance(request, Request)
    assert (request.target, request.head_size) == (b"/1", 25)
    second = chosen.take_request(data[25:], 0, LIMITS)
    assert isinstance(second, Request)
    assert second.target == b"/2"


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"\xff",
        b"GET\x00",
        b"@",
        b" GET",
        b"GET /\r\n",
        b"GET /\n",
        b"GET / HTTP/2.0\r\n",
        codec._PREFACE,
        b"\r\nG\x01",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 17000,
    ],
)
def test_what_cannot_become_a_request_is_refused_at_once(data: bytes) -> None:
    refusal = codec.refuse_early(data)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


def test_every_beginning_of_a_good_request_is_waited_for() -> None:
    data = b"\r\nPOST  /a/b?c=d\tHTTP/1.1\r\nHost: a\r\nX: " + b"a" * 300 + b"\r\n\r\n"
    for size in range(len(data)):
        assert codec.refuse_early(data[:size]) is None, data[:size]


def test_a_long_target_is_waited_for() -> None:
    data = b"GET /" + b"a" * 10000 + b" HTTP/1.1\r\n"
    assert all(codec.refuse_early(data[:size]) is None for size in range(1, len(data), 97))


def test_the_preface_of_http2_is_known() -> None:
    assert codec.is_preface(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert not codec.is_preface(b"PRI * HTTP/2.")


def test_incomplete_responses_are_waited_for_until_they_are_too_big() -> None:
    for chosen in (codec.fast, codec.strict):
        assert chosen.take_response(b"HTTP/1.1 200", 0, b"GET", LIMITS) is None
        refusal = chosen.take_response(b"HTTP/1.1 200 OK\r\n" + b"a" * 17000, 0, b"GET", LIMITS)
        assert isinstance(refusal, Refusal)
        assert refusal.status == 502


def test_both_codecs_are_found_by_name() -> None:
    assert codec.choose("fast") is codec.fast
    assert codec.choose("strict") is codec.strict
    with pytest.raises(KeyError):
        codec.choose("other")


@pytest.mark.parametrize("chosen", [codec.fast, codec.strict])
def test_parse_and_take_agree(chosen: codec.Codec) -> None:
    request = chosen.parse_request(GET + b"rest", len(GET), LIMITS)
    assert isinstance(request, Request)
    assert request.host == b"a"
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    response = chosen.parse_response(data + b"ok", len(data), b"GET", LIMITS)
    assert isinstance(response, Response)
    assert response.length == 2
