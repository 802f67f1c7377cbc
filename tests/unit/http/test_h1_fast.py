"""The fast codec's grammar, what it remembers, and that its time is linear."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from pylb.http import h1_fast
from pylb.http.codec import fast, find_end, refuse_early
from pylb.http.message import CONTENT_LENGTH, HOST, Refusal, Request, Response
from pylb.http.semantics import DEFAULT_LIMITS as LIMITS

HEAD = b"GET /a?b=c HTTP/1.1\r\nHost: a.example\r\nX-One:  1 \t\r\nCookie: s=1\r\nContent-Length: 3\r\n\r\n"


def read(data: bytes) -> Request:
    request = h1_fast.read_request(data, len(data), LIMITS)
    assert isinstance(request, Request)
    return request


def test_a_request_is_read_into_fields_ready_to_send() -> None:
    request = read(HEAD)
    assert (request.method, request.target, request.version) == (b"GET", b"/a?b=c", 11)
    assert request.fields == [
        (b"host", b"a.example", b"host: a.example\r\n", HOST),
        (b"x-one", b"1", b"x-one: 1\r\n", 0),
        (b"cookie", b"s=1", b"cookie: s=1\r\n", 0),
        (b"content-length", b"3", b"content-length: 3\r\n", CONTENT_LENGTH),
    ]
    assert (request.host, request.length, request.chunked) == (b"a.example", 3, False)
    assert (request.head_size, request.line) == (len(HEAD), b"GET /a?b=c HTTP/1.1")


def test_a_response_is_read_into_fields_ready_to_send() -> None:
    data = b"HTTP/1.0 404 Not  Found\r\nServer: x\r\n\r\nbody"
    response = h1_fast.read_response(data, len(data) - 4, b"GET", LIMITS)
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.version) == (404, b"Not  Found", 10)
    assert response.fields == [(b"server", b"x", b"server: x\r\n", 0)]
    assert response.close


def test_lists_of_fields_are_the_requests_own() -> None:
    one, two = read(HEAD), read(HEAD)
    one.fields.clear()
    assert len(two.fields) == 4


@pytest.mark.parametrize(
    "data",
    [
        HEAD.replace(b"\r\n", b"\n"),
        b"\r\n" + HEAD,
        HEAD.replace(b"GET ", b"GET  "),
        HEAD.replace(b"HTTP/1.1", b"HTTP/1.2"),
        HEAD.replace(b"X-One:", b"X-One :"),
        HEAD.replace(b"X-One: ", b"X-One: a\r\n "),
        HEAD.replace(b"s=1", b"s=\x01"),
        HEAD.replace(b"/a", b"/\xe9"),
        HEAD.replace(b"/a", b"/#"),
        HEAD.replace(b"s=1", b"s=1\r\n\r\nX: 1"),
    ],
)
def test_what_is_not_of_the_grammar_is_left_to_the_other_codec(data: bytes) -> None:
    assert h1_fast.read_request(data, len(data), LIMITS) is None


def test_lines_with_credentials_and_long_lines_are_not_remembered() -> None:
    h1_fast.lines.clear()
    private = b"Authorization: x", b"COOKIE: x", b"Set-Cookie: x", b"proxy-authorization: x", b"X: " + b"a" * 300
    for line in private:
        assert h1_fast.lines[line][1]
    assert not h1_fast.lines
    assert h1_fast.lines[b"Accept: x"] is h1_fast.lines[b"Accept: x"]


def test_what_is_remembered_is_bounded() -> None:
    for number in range(3 * h1_fast.SHARED_LINES):
        h1_fast.lines[b"X-%d: %d" % (number, number)]
        assert len(h1_fast.lines) <= h1_fast.SHARED_LINES
        assert len(h1_fast.names) <= h1_fast.SHARED_NAMES
    for number in range(3 * h1_fast.SHARED_NAMES):
        h1_fast.status_lines[b"HTTP/1.1 200 %d" % number]
        assert len(h1_fast.status_lines) <= h1_fast.SHARED_NAMES


def cost(work: Callable[[], object], rounds: int = 7) -> float:
    """CPU seconds of the fastest of a few runs."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


class Forgetful(h1_fast.Lines):
    """Lines without the memory."""

    def __setitem__(self, line: bytes, one: object) -> None:
        pass


def test_lines_that_never_repeat_cost_little_more_than_without_the_memory() -> None:
    unique = [b"X-Request-Id: %032d" % number for number in range(20000)]
    remembering, forgetful = h1_fast.Lines(), Forgetful()

    def run(table: dict[bytes, object]) -> Callable[[], object]:
        return lambda: [table[line] for line in unique]

    assert cost(run(remembering)) < 2 * cost(run(forgetful)) + 0.01  # type: ignore[arg-type]


def linear(make: Callable[[int], Callable[[], object]], small: int, factor: int = 8) -> None:
    """`factor` times the size may cost at most four times `factor`; quadratic time would cost its square."""
    few = max(cost(make(small)), 1e-5)
    many = cost(make(small * factor))
    assert many < 4 * factor * few, f"{many / few:.0f} times the time for {factor} times the size"


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "fields": lambda n: b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * n + b"\r\n",
    "broken at the end": lambda n: b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * n + b"a\x00\r\n\r\n",
    "one long value": lambda n: b"GET / HTTP/1.1\r\na: " + b"b " * n + b"\r\n\r\n",
    "one long value, broken": lambda n: b"GET / HTTP/1.1\r\na: " + b"b " * n + b"\x00\r\n\r\n",
    "space in a value": lambda n: b"GET / HTTP/1.1\r\na:" + b" \t" * n + b"\x01\r\n\r\n",
    "long name without colon": lambda n: b"GET / HTTP/1.1\r\n" + b"a" * 2 * n + b"\r\n\r\n",
    "long method": lambda n: b"G" * 2 * n + b"\x00 / HTTP/1.1\r\n\r\n",
    "long target": lambda n: b"GET /" + b"a" * 2 * n + b" HTTP/1.x\r\n\r\n",
    "spaces in the request line": lambda n: b"GET" + b" " * 2 * n + b"/ HTTP/1.1 \r\n\r\n",
    "empty lines": lambda n: b"\r\n" * n + b"GET / HTTP/1.1\r\n\r\n",
    "folds": lambda n: b"GET / HTTP/1.1\r\na: b" + b"\r\n c" * n + b"\r\n\r\n",
    "empty folds": lambda n: b"GET / HTTP/1.1\r\na: b" + b"\r\n " * n + b"\r\n\r\n",
    "bare line feeds": lambda n: b"GET / HTTP/1.1\n" + b"a: b\n" * n + b"\n",
    "lengths": lambda n: b"GET / HTTP/1.1\r\ncontent-length: " + b"1," * n + b"1\r\n\r\n",
    "connections": lambda n: b"GET / HTTP/1.1\r\nconnection: " + b"a," * n + b"\r\n\r\n",
    "connection fields": lambda n: b"GET / HTTP/1.1\r\n" + b"connection: close\r\n" * n + b"\r\n",
    "codings": lambda n: b"GET / HTTP/1.1\r\ntransfer-encoding: " + b"a," * n + b"\r\n\r\n",
    "hosts": lambda n: b"GET / HTTP/1.1\r\n" + b"host: a\r\n" * n + b"\r\n",
    "authority": lambda n: b"GET http://" + b"a:" * n + b"@/ HTTP/1.1\r\n\r\n",
    "brackets": lambda n: b"GET / HTTP/1.1\r\nhost: [" + b":" * 2 * n + b"\r\n\r\n",
}


@pytest.mark.parametrize("shape", HOSTILE)
def test_hostile_heads_take_linear_time(shape: str) -> None:
    make = HOSTILE[shape]

    def work(size: int) -> Callable[[], object]:
        data = make(size)

        def run() -> None:
            for _ in range(3):
                fast.take_request(data, 0, LIMITS)

        return run

    linear(work, 500)


def test_a_dripped_head_takes_linear_time() -> None:
    def work(size: int) -> Callable[[], object]:
        data = b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (size // 6) + b"\r\n"
        pieces = [data[:end] for end in range(1, len(data) + 1)]  # copying them is not the codec's work

        def run() -> None:
            searched = 0
            for piece in pieces:
                end = find_end(piece, searched)
                if end < 0:
                    searched = len(piece)
                    assert refuse_early(piece, LIMITS) is None
            assert end == len(data)

        return run

    linear(work, 400)


def test_dripped_empty_lines_take_bounded_time() -> None:
    data = b"\r\n" * 8000
    start = time.process_time()
    for end in range(1, len(data), 16):
        find_end(data[:end], max(0, end - 16))
    assert time.process_time() - start < 2
    assert isinstance(fast.take_request(b"\r\n" * 20000, 0, LIMITS), Refusal)


def test_a_long_pipeline_takes_linear_time() -> None:
    def work(size: int) -> Callable[[], object]:
        pipeline = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * size

        def run() -> None:
            data = pipeline
            while data:
                request = fast.take_request(data, 0, LIMITS)
                assert isinstance(request, Request)
                data = data[request.head_size :]

        return run

    linear(work, 100, 4)
