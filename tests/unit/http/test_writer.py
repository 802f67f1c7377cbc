"""Heads as they are sent, with every combination of versions and connection modes as HAProxy writes them."""

from __future__ import annotations

import pytest

from pylb.http.codec import DEFAULT_LIMITS, fast
from pylb.http.message import Request, Response, field
from pylb.http.writer import Modes, client_may_stay, modes, request_head, response_head, server_may_stay


def request(*lines: bytes, version: bytes = b"1.1", method: bytes = b"GET", target: bytes = b"/") -> Request:
    head = b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, target, version, b"".join(line + b"\r\n" for line in lines))
    taken = fast.take_request(head, 0, DEFAULT_LIMITS)
    assert isinstance(taken, Request)
    return taken


def response(*lines: bytes, start: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET") -> Response:
    taken = fast.take_response(
        start + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n", 0, method, DEFAULT_LIMITS
    )
    assert isinstance(taken, Response)
    return taken.copy()


def connection(head: bytes) -> list[bytes]:
    return [line[12:] for line in head.split(b"\r\n") if line.startswith(b"connection: ")]


@pytest.mark.parametrize(
    ("version", "lines", "kept", "closed"),
    [
        (b"1.1", (), [], [b"close"]),
        (b"1.0", (), [b"keep-alive"], []),
        (b"1.1", (b"Connection: keep-alive",), [], [b"close"]),
        (b"1.1", (b"Connection: close",), [], [b"close"]),
        (b"1.0", (b"Connection: keep-alive",), [b"keep-alive"], []),
        (b"1.1", (b"Connection: Keep-Alive, X-Foo",), [b"X-Foo"], [b"X-Foo", b"close"]),
        (b"1.0", (b"Connection: x-foo",), [b"x-foo", b"keep-alive"], [b"x-foo"]),
        (b"1.1", (b"Connection: Upgrade",), [b"Upgrade"], [b"Upgrade"]),
        (b"1.0", (b"Connection: Upgrade",), [b"Upgrade"], [b"Upgrade"]),
        (b"1.1", (b"Connection: Upgrade", b"Upgrade: foo"), [b"Upgrade"], [b"Upgrade"]),
    ],
)
def test_what_a_server_is_told(
    version: bytes, lines: tuple[bytes, ...], kept: list[bytes], closed: list[bytes]
) -> None:
    assert connection(request_head(request(*lines, version=version), True)) == kept
    assert connection(request_head(request(*lines, version=version), False)) == closed


@pytest.mark.parametrize(
    ("client", "server", "kept", "closed"),
    [
        (b"1.1", b"1.1", [], [b"close"]),
        (b"1.0", b"1.1", [b"keep-alive"], [b"close"]),
        (b"1.1", b"1.0", [b"keep-alive"], []),
        (b"1.0", b"1.0", [b"keep-alive"], []),
    ],
)
def test_what_a_client_is_told(client: bytes, server: bytes, kept: list[bytes], closed: list[bytes]) -> None:
    asked = request(version=client)
    for keep, expected in ((True, kept), (False, closed)):
        head = response_head(response(b"Content-Length: 2", start=b"HTTP/%b 200 OK" % server), asked, keep)
        assert head.startswith(b"HTTP/%b 200 OK\r\ncontent-length: 2\r\n" % server)
        assert connection(head) == expected


def test_interim_and_switching_responses_say_nothing_of_their_own() -> None:
    assert response_head(response(start=b"HTTP/1.1 100 Continue"), request(), False) == b"HTTP/1.1 100 Continue\r\n\r\n"
    switch = response(b"Upgrade: x", b"Connection: Upgrade", start=b"HTTP/1.1 101 Sw")
    assert response_head(switch, request(), False) == b"HTTP/1.1 101 Sw\r\nupgrade: x\r\nconnection: Upgrade\r\n\r\n"
    tunnel = response(method=b"CONNECT")
    assert response_head(tunnel, request(method=b"CONNECT", target=b"a:80"), False) == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_client_of_1_0_gets_no_chunks() -> None:
    got, asked = response(b"Transfer-Encoding: chunked"), request(b"Connection: keep-alive", version=b"1.0")
    assert not client_may_stay(asked, got)
    for keep in (True, False):
        assert response_head(got, asked, keep) == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    bare = response(b"Transfer-Encoding: chunked", method=b"HEAD")
    assert client_may_stay(asked, bare)
    assert response_head(bare, asked, True) == b"HTTP/1.1 200 OK\r\nconnection: keep-alive\r\n\r\n"


def test_only_trailers_remain_of_te() -> None:
    assert b"\r\nte: trailers\r\n" in request_head(request(b"TE: gzip, Trailers"), True)
    assert b"\r\nte:" not in request_head(request(b"TE: gzip"), True)
    assert b"\r\nte:" not in request_head(request(b"TE: trailers;q=0.5"), True)


def test_rules_cannot_change_the_framing_of_a_request() -> None:
    asked = request(b"Content-Length: 3", method=b"POST")
    asked.fields = [one for one in asked.fields if one[0] != b"content-length"]
    assert request_head(asked, True).count(b"content-length: 3\r\n") == 1
    asked.fields += [field(b"content-length", b"5"), field(b"transfer-encoding", b"chunked")]
    head = request_head(asked, True)
    assert head.count(b"content-length: 3\r\n") == 1
    assert b"content-length: 5" not in head
    assert b"transfer-encoding" not in head
    plain = request()
    plain.fields.append(field(b"content-length", b"5"))
    assert b"content-length" not in request_head(plain, True)


def test_rules_cannot_change_the_framing_of_a_response() -> None:
    got = response(b"Transfer-Encoding: chunked")
    got.fields[:] = [field(b"x", b"y"), field(b"content-length", b"5")]
    assert response_head(got, request(), True) == b"HTTP/1.1 200 OK\r\nx: y\r\ntransfer-encoding: chunked\r\n\r\n"
    got.status = 204
    assert response_head(got, request(), True) == b"HTTP/1.1 204 OK\r\nx: y\r\n\r\n"


def test_rules_may_close_a_connection() -> None:
    asked = request()
    got = response(b"Content-Length: 2")
    got.fields.append(field(b"connection", b"foo, close"))
    assert connection(response_head(got, asked, True)) == [b"foo", b"close"]
    assert asked.close
    asked.fields.append(field(b"connection", b"close"))
    assert connection(request_head(asked, True)) == [b"close"]


def test_a_response_made_here_keeps_its_own_length() -> None:
    made = Response(403, b"Forbidden", [field(b"content-length", b"3"), field(b"cache-control", b"no-cache")])
    expected = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\ncache-control: no-cache\r\n"
    assert response_head(made, request(), True) == expected + b"\r\n"
    assert response_head(made, request(), False) == expected + b"connection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("front", "back", "pretend", "expected"),
    [
        ("", "", False, Modes(True, True, True)),
        ("server-close", "", False, Modes(True, False, False)),
        ("", "server-close", False, Modes(True, False, False)),
        ("close", "", False, Modes(False, False, False)),
        ("", "close", False, Modes(True, False, False)),
        ("", "close", True, Modes(True, False, True)),
    ],
)
def test_options_of_both_sides_make_one_mode(front: str, back: str, pretend: bool, expected: Modes) -> None:
    assert modes(front, back, pretend) == expected


def test_what_may_carry_another_exchange() -> None:
    assert client_may_stay(request(), response(b"Content-Length: 2"))
    assert client_may_stay(request(), response(b"Transfer-Encoding: chunked"))
    assert not client_may_stay(request(), response())
    assert not client_may_stay(request(b"Connection: close"), response(b"Content-Length: 2"))
    assert server_may_stay(request(), response(b"Content-Length: 2"))
    assert not server_may_stay(request(), response())
    old = request(b"Transfer-Encoding: chunked", version=b"1.0", method=b"POST")
    assert not server_may_stay(old, response(b"Content-Length: 2"))
    assert connection(request_head(old, True)) == []
