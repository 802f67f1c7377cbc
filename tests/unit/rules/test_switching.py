"""The way from a frontend to a backend, monitors, captures and old words."""

from __future__ import annotations

from typing import Any

import pytest

from pylb.errors import Severity
from pylb.rules.verdicts import Outcome
from tests.unit.rules.stage import Program, fields, http, response


def farm(lines: str, kind: str = "frontend", mode: str = "http") -> Program:
    body = "".join(f"    {line.strip()}\n" for line in lines.strip().splitlines())
    others = "".join(f"backend {name}\n    mode {mode}\n" for name in ("one", "two", "rest"))
    return Program(f"{kind} f\n    mode {mode}\n    bind 127.0.0.1:80\n{body}{others}backend plain\n    mode tcp\n")


def chosen(program: Program, path: bytes = b"/", **details: Any) -> Any:
    stream = program.stream(b"GET %b HTTP/1.1\r\nhost: h\r\n\r\n" % path, **details)
    backend = program.frontends[0].switching(stream)
    return None if backend is None else backend.name


def test_the_first_rule_that_matches_counts() -> None:
    program = farm("use_backend one if { path /1 }\nuse_backend two if { path_beg / }\ndefault_backend rest")
    assert [chosen(program, path) for path in (b"/1", b"/x")] == ["one", "two"]


def test_the_default_takes_the_rest() -> None:
    program = farm("use_backend one if { path /1 }\ndefault_backend rest")
    assert chosen(program, b"/x") == "rest"
    assert chosen(farm("default_backend two")) == "two"


def test_a_name_may_be_made_of_the_request() -> None:
    program = farm("use_backend %[path,field(2,/)]\nuse_backend one\ndefault_backend rest")
    assert chosen(program, b"/two/x") == "two"


def test_a_dynamic_name_without_backend_falls_to_the_default() -> None:
    program = farm("use_backend %[path,field(2,/)]\nuse_backend one\ndefault_backend rest")
    assert chosen(program, b"/nope") == "rest"
    assert chosen(program, b"/plain") == "rest"


def test_a_listen_section_is_its_own_default() -> None:
    assert chosen(farm("use_backend one if { path /1 }", "listen"), b"/x") == "f"


def test_without_any_way_there_is_no_closure() -> None:
    assert farm("http-request allow").frontends[0].switching is None


def test_what_has_not_come_by_now_is_missing() -> None:
    program = farm("use_backend one if { req.ssl_sni a }\nuse_backend two if !{ req.ssl_sni a }", mode="tcp")
    stream = program.stream(b"", data=b"\x16\x03")
    assert program.frontends[0].switching(stream).name == "two"
    assert not stream.final


def test_unknown_backends_are_named_all() -> None:
    program = farm("use_backend nope if { path / }\ndefault_backend missing")
    assert program.alerts == [
        "Proxy 'f': unable to find required default_backend: 'missing'.",
        "Proxy 'f': unable to find required use_backend: 'nope'.",
    ]


def test_modes_must_fit() -> None:
    [message] = farm("default_backend plain").alerts
    assert "frontend 'f'" in message and "tries to use incompatible tcp backend 'plain'" in message


MONITOR = "monitor-uri /up\nmonitor fail if { nbsrv(b) lt 1 }\nhttp-request deny"


def test_a_monitor_is_answered_before_any_rule() -> None:
    program = http(MONITOR.replace("monitor fail if { nbsrv(b) lt 1 }", ""))
    stream = program.stream(b"GET /up HTTP/1.1\r\nhost: h\r\n\r\n")
    verdict = stream.frontend.http_request.run(stream)
    assert verdict.kind is Outcome.REPLY and verdict.reply.status == 200
    assert stream.log_level == "silent"
    other = program.stream()
    assert other.frontend.http_request.run(other).kind is Outcome.DENY
    assert other.log_level is None


def test_a_failing_monitor_says_503() -> None:
    stream = http(MONITOR).stream(b"GET /up HTTP/1.1\r\nhost: h\r\n\r\n")
    assert stream.frontend.http_request.run(stream).reply.status == 503


def test_headers_and_cookies_are_captured() -> None:
    program = http(
        "capture request header Host len 3\ncapture request header nope len 5\ndeclare capture request len 4\n"
        "capture response header Server len 10\ncapture cookie SESS len 8\n"
        "http-request capture req.hdr(x) len 2\nhttp-request capture path id 2"
    )
    take_request, take_response = program.capture
    stream = program.stream(b"GET /path HTTP/1.1\r\nhost: abcdef\r\nx: 123\r\ncookie: a=b; SESSION=12345\r\n\r\n")
    take_cookie, take_set_cookie = program.capture_cookies
    assert take_request and take_response and take_cookie and take_set_cookie
    take_request(stream)
    stream.frontend.http_request.run(stream)
    take_cookie(stream)
    assert stream.captures_request == [b"abc", None, b"/pat", b"12"]
    stream.response = response(
        b"HTTP/1.1 200 OK\r\nserver: s\r\nset-cookie: SESS=new; Path=/\r\ncontent-length: 0\r\n\r\n"
    )
    take_response(stream)
    take_set_cookie(stream)
    assert stream.captures_response == [b"s"]
    assert stream.cookie_captured == (b"SESSION=", b"SESS=new")
    assert stream.frontend.capture_slots == (4, 1)


def test_no_captures_cost_nothing() -> None:
    assert http("http-request allow").capture == (None, None)
    assert http("http-request allow").capture_cookies == (None, None)


def test_an_unknown_slot_is_refused() -> None:
    from pylb.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        http("http-request capture path id 0")
    assert caught.value.message == "Proxy 'f': unable to find capture id '0' referenced by http-request capture rule."


def test_old_words_become_todays_rules() -> None:
    program = http("reqadd X-Old:\\ yes if { path / }\nblock if { path /no }\nrspadd X-R:\\ 1")
    stream = program.stream()
    assert stream.frontend.http_request.run(stream) is None
    assert fields(stream.request)[-1] == (b"x-old", b"yes")
    refused = program.stream(b"GET /no HTTP/1.1\r\nhost: h\r\n\r\n")
    assert refused.frontend.http_request.run(refused).kind is Outcome.DENY
    notices = [item.message for item in program.report.items if item.severity is Severity.NOTICE]
    assert "'block' is written 'http-request deny' since HAProxy 2.1." in notices
    assert "'reqadd' is written 'http-request add-header' since HAProxy 2.1." in notices
