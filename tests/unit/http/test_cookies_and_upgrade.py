"""Cookies, switching protocols, reason phrases."""

from __future__ import annotations

import pytest

from pylb.http import cookies
from pylb.http.message import Refusal, Request, Response, field
from pylb.http.status import reason
from pylb.http.upgrade import judge_switch, websocket_accept


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a=1; b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1;b=2;", [(b"a", b"1"), (b"b", b"2")]),
        (b"  a = 1 ; b = 2 ", [(b"a", b"1"), (b"b", b"2")]),
        (b"a=1, b=2", [(b"a", b"1"), (b"b", b"2")]),
        (b'a="x;y"; b=2', [(b"a", b'"x;y"'), (b"b", b"2")]),
        (b"a==b", [(b"a", b"=b")]),
        (b"a=; b", [(b"a", b"")]),
        (b"$Version=1; a=1", [(b"a", b"1")]),
        (b"=1; a=1", [(b"a", b"1")]),
        (b";;, ;", []),
        (b"", []),
    ],
)
def test_cookies_of_a_request(value: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    fields = [field(b"cookie", value)]
    assert list(cookies.request_cookies(fields)) == expected
    for name, text in expected:
        assert cookies.request_cookie(fields, name) == text
    assert [value[start:end] for _, _, start, end in cookies.pairs(value)] == [text for _, text in expected]


def test_names_of_cookies_are_whole_and_have_their_case() -> None:
    fields = [field(b"Cookie", b"xa=1; A=2"), field(b"Cookie", b"a=3; a=4")]
    assert cookies.request_cookie(fields, b"a") == b"3"
    assert cookies.request_cookie(fields, b"b") is None


def test_cookies_of_a_response() -> None:
    fields = [field(b"Set-Cookie", b" a = 1 ; Path=/"), field(b"set-cookie2", b"b=2"), field(b"set-cookie", b"none")]
    assert list(cookies.response_cookies(fields)) == [(b"a", b"1"), (b"b", b"2")]


def upgrade(*request: tuple[bytes, bytes]) -> Request:
    asked = Request(b"GET", b"/", 11, [field(*one) for one in request])
    asked.upgrade = True
    return asked


KEY = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = (field(b"connection", b"Upgrade"), field(b"upgrade", b"websocket"))


def test_a_switch_must_be_what_was_asked_for() -> None:
    asked = upgrade((b"upgrade", b"foo, WebSocket"), (b"connection", b"upgrade"), KEY)
    accept = websocket_accept(KEY[1])
    assert accept == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the example of RFC 6455 1.3
    good = Response(101, b"S", [*SWITCH, field(b"sec-websocket-accept", accept)])
    assert judge_switch(asked, good) is None
    for fields in (
        [],
        [SWITCH[0]],
        [SWITCH[1]],
        [*SWITCH],
        [*SWITCH, field(b"sec-websocket-accept", b"x")],
        [SWITCH[0], field(b"upgrade", b"bar")],
    ):
        refusal = judge_switch(asked, Response(101, b"S", fields))
        assert isinstance(refusal, Refusal)
        assert refusal.status == 502
    asked.upgrade = False
    assert judge_switch(asked, good) is not None


def test_reasons_are_known_or_those_of_their_class() -> None:
    assert reason(200) == b"OK"
    assert reason(302) == b"Moved Temporarily"
    assert reason(299) == b"Success"
    assert reason(599) == b"Server Error"
    assert reason(999) == b"Other"
