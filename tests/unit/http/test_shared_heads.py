"""Response heads that come again: one message for all of them, never with credentials, never for HEAD."""

from __future__ import annotations

import pytest

from pylb.http import h1_fast
from pylb.http.codec import fast
from pylb.http.message import Response, field
from pylb.http.semantics import DEFAULT_LIMITS

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-shared-heads: %d\r\n\r\n"


def take(head: bytes, method: bytes = b"GET") -> Response:
    response = fast.take_response(head + b"hello", 0, method, DEFAULT_LIMITS)
    assert isinstance(response, Response)
    return response


def test_the_same_head_is_the_same_message() -> None:
    first, second = take(HEAD % 1), take(HEAD % 1)
    assert first is second and first.shared
    assert take(HEAD % 2) is not first


def test_a_copy_can_be_changed_without_changing_the_others() -> None:
    own = take(HEAD % 3).copy()
    own.fields.append(field(b"x-more", b"1"))
    own.status = 201
    again = take(HEAD % 3)
    assert not own.shared
    assert again.status == 200 and len(again.fields) == 2
    assert own.framing is again.framing and own.length == 5


def test_cookies_and_answers_to_head_are_never_shared() -> None:
    cookie = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nset-cookie: a=b\r\n\r\n"
    assert not take(cookie).shared
    assert take(cookie) is not take(cookie)
    known = take(HEAD % 4)
    bodyless = fast.take_response(HEAD % 4, 0, b"HEAD", DEFAULT_LIMITS)
    assert isinstance(bodyless, Response)
    assert bodyless is not known and bodyless.bodyless and not known.bodyless


def test_the_table_is_bounded_and_rests_when_heads_never_repeat() -> None:
    heads = h1_fast.Heads()
    for number in range(3 * h1_fast.SHARED_HEADS):
        heads.remember(HEAD % number, Response(200, b"OK", []))
        assert len(heads) <= h1_fast.SHARED_HEADS
    assert heads.resting > 0


def test_a_name_whose_lines_never_repeat_stops_filling_the_table() -> None:
    h1_fast.lines.clear()
    h1_fast.names.clear()
    for number in range(3 * h1_fast.ROOM):
        h1_fast.lines[b"X-Request-Id: %d" % number]
    assert len(h1_fast.lines) == h1_fast.ROOM
    agent = h1_fast.lines[b"User-Agent: one"]
    assert h1_fast.lines[b"User-Agent: one"] is agent
    h1_fast.renew()
    assert not h1_fast.lines
    late = h1_fast.lines[b"X-Request-Id: late"]
    assert h1_fast.lines[b"X-Request-Id: late"] is late


def test_a_request_line_is_read_once_and_never_remembered_with_its_query() -> None:
    table = h1_fast.StartLines()
    assert table[b"GET /a HTTP/1.0"] == (b"GET", b"/a", 10)
    assert table[b"GET /a HTTP/1.0"] is table[b"GET /a HTTP/1.0"]
    assert table[b"GET /a?key=1 HTTP/1.1"] == (b"GET", b"/a?key=1", 11)
    assert list(table) == [b"GET /a HTTP/1.0"]
    with pytest.raises(h1_fast.BadLine):
        table[b"GET  /a HTTP/1.1"]


def test_request_lines_that_never_repeat_fill_their_room_and_no_more() -> None:
    table = h1_fast.StartLines()
    for number in range(2 * h1_fast.SHARED_LINES):
        table[b"GET /%d HTTP/1.1" % number]
    assert len(table) == h1_fast.SHARED_LINES


def test_renewed_room_is_for_the_lines_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    table = h1_fast.StartLines()
    monkeypatch.setattr(h1_fast, "start_lines", table)
    for number in range(h1_fast.SHARED_LINES):
        table[b"GET /%d HTTP/1.1" % number]
    h1_fast.renew()
    table[b"GET /now HTTP/1.1"]
    assert list(table) == [b"GET /now HTTP/1.1"]
