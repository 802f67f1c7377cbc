"""The gate without a peer: what HAProxy was seen to do (differential/test_malformed.py), pinned for both codecs."""

from __future__ import annotations

import pytest

from pylb.http import codec
from pylb.http.message import Refusal, Request, Response, field
from pylb.http.semantics import Limits, single_length
from tests.codec.malformed import CASES, STRICTER

LIMITS = codec.DEFAULT_LIMITS

REFUSED = {
    413: {"GET with a body in 1.0", "HEAD with a body in 1.0", "GET with a coding in 1.0"},
    422: {"gzip, chunked", "gzip and chunked", ",chunked"},
    400: {
        "space before the method",
        "HTTP/0.9",
        "no version",
        "version 1.10",
        "RTSP",
        "TLS hello",
        "carriage return in a value",
        "first field folded",
        "space before the colon",
        "no colon",
        "name of 256 bytes",
        "101 fields",
        "head too big with one field",
        "head too big with 98 fields",
        "target too long",
        "endless head",
        "two Hosts",
        "absolute with another host",
        "absolute with another port",
        "CONNECT with a path",
        "CONNECT without port",
        "fragment",
        "eight bits in the target",
        "length +3",
        "length 0x3",
        "length 3,4",
        "two lengths",
        "length 2^63",
        "length in other digits",
        "chunked twice",
        "chunked, gzip",
        "identity and length",
        "chunked;a=b",
        "empty coding",
        "WebSocket without key",
        *[
            name
            for name, (status, _) in STRICTER.items()
            if not name.startswith(("extension", "endless ext", "bare line feed", "trailer", "folded trailer"))
        ],
    },
}


@pytest.fixture(params=["fast", "strict"])
def chosen(request: pytest.FixtureRequest) -> codec.Codec:
    return codec.choose(request.param)


@pytest.mark.parametrize(
    ("status", "name"), [(status, name) for status, names in REFUSED.items() for name in sorted(names)]
)
def test_bad_requests_are_refused(chosen: codec.Codec, status: int, name: str) -> None:
    refusal = chosen.take_request(CASES[name], 0, LIMITS)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert refusal.reason


def take(chosen: codec.Codec, data: bytes) -> Request:
    request = chosen.take_request(data, 0, LIMITS)
    assert isinstance(request, Request), request and request.reason
    return request


def facts(request: Request) -> tuple[object, ...]:
    return request.host, request.length, request.chunked, request.close, request.upgrade, request.expect


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", (b"a", None, False, False, False, False)),
        ("no Host", (None, None, False, False, False, False)),
        ("absolute without Host", (b"b", None, False, False, False, False)),
        ("absolute with userinfo", (b"a", None, False, False, False, False)),
        ("version 1.0", (b"a", None, False, True, False, False)),
        ("keep-alive in 1.0", (b"a", None, False, False, False, False)),
        ("options in 1.0", (b"a", None, False, False, False, False)),
        ("Connection: close", (b"a", None, False, True, False, False)),
        ("Connection: close, keep-alive", (b"a", None, False, True, False, False)),
        ("length 3, 3", (b"a", 3, False, False, False, False)),
        ("chunked", (b"a", None, True, False, False, False)),
        ("coding and length", (b"a", None, True, True, False, False)),
        ("coding in 1.0", (b"a", None, True, True, False, False)),
        ("Expect", (b"a", 3, False, False, False, True)),
        ("Expect in 1.0", (b"a", 3, False, True, False, False)),
        ("Expect something else", (b"a", 3, False, False, False, False)),
        ("WebSocket", (b"a", None, False, False, True, False)),
        ("WebSocket with a body", (b"a", 3, False, False, False, False)),
        ("Upgrade without Connection", (b"a", None, False, False, False, False)),
        ("Upgrade: h2c", (b"a", None, False, False, False, False)),
        ("CONNECT", (b"a", None, False, False, False, False)),
    ],
)
def test_facts_of_requests(chosen: codec.Codec, name: str, expected: tuple[object, ...]) -> None:
    assert facts(take(chosen, CASES[name])) == expected


def test_rules_do_not_see_keep_alive_and_close(chosen: codec.Codec) -> None:
    request = take(chosen, CASES["several options"])
    assert [one[1] for one in request.fields if one[0] == b"connection"] == [b"a,b ,,c"]
    assert all(one[0] != b"connection" for one in take(chosen, CASES["Connection: keep-alive"]).fields)


def test_a_default_port_leaves_the_target(chosen: codec.Codec) -> None:
    assert take(chosen, CASES["absolute with default port"]).target == b"http://a/x"
    assert take(chosen, CASES["absolute with userinfo"]).target == b"http://u:p@a/x"


def test_limits_follow_the_tuning(chosen: codec.Codec) -> None:
    data = b"GET / HTTP/1.1\r\n" + b"".join(b"x%d: a\r\n" % n for n in range(150)) + b"\r\n"
    assert isinstance(chosen.take_request(data, 0, Limits(maxhdr=201)), Request)
    assert isinstance(chosen.take_request(data, 0, Limits(maxhdr=101)), Refusal)
    big = b"GET / HTTP/1.1\r\nx: " + b"a" * 20000 + b"\r\n\r\n"
    assert isinstance(chosen.take_request(big, 0, Limits(bufsize=32768)), Request)
    assert isinstance(chosen.take_request(big, 0, LIMITS), Refusal)


@pytest.mark.parametrize(
    ("method", "data", "expected"),
    [  # length, chunked, bodyless, close, upgrade
        (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", (2, False, False, False, False)),
        (b"GET", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n", (2, False, False, True, False)),
        (
            b"GET",
            b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n",
            (2, False, False, False, False),
        ),
        (
            b"GET",
            b"HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 2\r\n\r\n",
            (2, False, False, True, False),
        ),
        (b"GET", b"HTTP/1.1 200 OK\r\n\r\n", (None, False, False, True, False)),
        (b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", (None, True, False, False, False)),
        (
            b"GET",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n",
            (None, True, False, True, False),
        ),
        (b"HEAD", b"HTTP/1.1 200 OK\r\n\r\n", (None, False, True, False, False)),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", (2, False, True, False, False)),
        (b"GET", b"HTTP/1.1 304 N\r\nContent-Length: 2\r\n\r\n", (2, False, True, False, False)),
        (b"GET", b"HTTP/1.1 204 N\r\nContent-Length: 2\r\n\r\n", (None, False, True, False, False)),
        (b"GET", b"HTTP/1.1 100 Continue\r\n\r\n", (None, False, True, False, False)),
        (b"GET", b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", (None, False, True, False, True)),
        (b"CONNECT", b"HTTP/1.1 200 OK\r\n\r\n", (None, False, False, True, True)),
        (b"CONNECT", b"HTTP/1.1 403 F\r\nContent-Length: 2\r\n\r\n", (2, False, False, False, False)),
    ],
)
def test_facts_of_responses(chosen: codec.Codec, method: bytes, data: bytes, expected: tuple[object, ...]) -> None:
    response = chosen.take_response(data, 0, method, LIMITS)
    assert isinstance(response, Response)
    got = response.length, response.chunked, response.bodyless, response.close, response.upgrade
    assert got == expected


@pytest.mark.parametrize(
    ("value", "sent"), [(b"005", b"5"), (b"000", b"0"), (b"5, 005", b"5"), (b"0, 00", b"0"), (b"5", b"5")]
)
def test_lengths_are_sent_without_leading_zeros(value: bytes, sent: bytes) -> None:
    one = single_length([field(b"content-length", value)])
    assert one is not None and (one[1], one[2]) == (sent, b"content-length: %b\r\n" % sent)
