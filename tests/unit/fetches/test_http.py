"""Fetches over heads: values as the real HAProxy gives them for the same requests (observed, 2.6)."""

from __future__ import annotations

from typing import Any

import pytest

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Line, Words
from pylb.errors import Span
from pylb.sample import expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import MISS, WAIT
from tests.unit.rules.stage import http, response, tcp

PROGRAM = http("http-request allow")


def read(text: str, head: bytes, *, program: Any = PROGRAM, answer: bytes = b"", **details: Any) -> Any:
    """Value of an expression on a request (and a response)."""
    config = Configuration()
    proxy = ProxyConfig("frontend", "f")
    line = Line([text], [Span("t", 1)], config, proxy, "frontend")
    points = Point.FE_RESPONSE if answer else Point.FE_REQUEST
    site = Site(config, proxy, "http-request", points)
    stream = program.stream(head, **details)
    if answer:
        stream.response = response(answer)
    return expression.parse(Words(line, 0), site).compile(program)(stream)


def get(target: bytes, *fields: bytes) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + b"".join(f + b"\r\n" for f in fields) + b"\r\n"


HEADERS = {
    b"A: 1, 2,3": {
        "hdr(a)": b"3",
        "hdr(a,1)": b"1",
        "hdr(a,2)": b"2",
        "hdr(a,-2)": b"2",
        "hdr(a,4)": MISS,
        "hdr(a,-4)": MISS,
        "hdr_cnt(a)": 3,
        "req.fhdr(a)": b"1, 2,3",
        "req.fhdr(a,-2)": MISS,
        "req.fhdr_cnt(a)": 1,
        "req.fhdr_cnt": 2,
        "hdr_cnt": 4,
        "hdr(,1)": b"h",
        "hdr_val(a)": 3,
        "hdr_ip(a)": MISS,
        "req.hdr_names": b"host,a",
        "req.hdr_names(;)": b"host;a",
        "req.hdrs": b"host: h\r\na: 1, 2,3\r\n\r\n",
        "req.hdrs_bin": bytes.fromhex("04686F73740168016106312C20322C330000"),
    },
    b"A: a,,b, ,": {"hdr(a)": b"", "hdr(a,3)": b"b", "hdr_cnt(a)": 5, "hdr_val(a)": 0},
    b"A:": {"hdr(a)": b"", "hdr_cnt(a)": 1, "req.fhdr(a)": b""},
    b"A: , x": {"hdr(a)": b"x", "hdr(a,1)": b"", "hdr_cnt(a)": 2},
    b'A: "x,y", z\r\nA: last , ': {
        "hdr(a)": b"",
        "hdr(a,1)": b'"x,y"',
        "hdr(a,3)": b"last",
        "hdr_cnt(a)": 4,
        "req.fhdr(a)": b"last ,",
        "req.fhdr_cnt": 3,
        "req.hdr_names": b"host,a,a",
    },
    b'A: "q\\"a,b",c': {"hdr(a)": b"c", "hdr(a,1)": b'"q\\"a,b"', "hdr_cnt(a)": 2},
    b"A: 'q,b',c": {"hdr_cnt(a)": 3},
    b"A: 12abc\r\na: 10.1.2.3:80": {"hdr(a)": b"10.1.2.3:80", "hdr_ip(a)": bytes((10, 1, 2, 3)), "hdr_val(a,1)": 12},
    b"A: [::1]:80": {"hdr_ip(a)": MISS},
    b"A: ::1": {"hdr_ip(a)": bytes(15) + b"\x01"},
    b"A: 1.2.3.4x": {"hdr_ip(a)": MISS},
    b"B: 1": {"hdr(a)": MISS, "hdr_cnt(a)": 0, "hdr_val(a)": MISS},
}
URIS = {
    get(b"/x/y?a=1&b=2&a=3", b"Host: h.Com:80"): {
        "method": b"GET",
        "path": b"/x/y",
        "pathq": b"/x/y?a=1&b=2&a=3",
        "url": b"/x/y?a=1&b=2&a=3",
        "query": b"a=1&b=2&a=3",
        "base": b"h.Com:80/x/y",
        "baseq": b"h.Com:80/x/y?a=1&b=2&a=3",
        "base32": 2075854253,
        "url32": 4014079526,
        "base32+src": bytes.fromhex("7BBB05ADC0000207"),
        "url_ip": MISS,
        "url_port": MISS,
        "req.ver": b"1.1",
        "http_first_req": True,
        "req.proto_http": True,
        "capture.req.uri": b"/x/y?a=1&b=2&a=3",
        "capture.req.method": b"GET",
        "capture.req.ver": b"HTTP/1.1",
        "urlp(a)": b"1",
        "urlp(b)": b"2",
        "urlp(A)": MISS,
        "urlp(A,,i)": b"1",
        "urlp(a,;)": MISS,
        "url_param": b"1",
        "urlp_val(a)": 1,
    },
    get(b"http://1.2.3.4:81/p?q", b"Host: 1.2.3.4:81"): {
        "path": b"/p",
        "pathq": b"/p?q",
        "url": b"http://1.2.3.4:81/p?q",
        "base": b"1.2.3.4:81/p",
        "base32": 3109667131,
        "url32": 3612881652,
        "url_ip": bytes((1, 2, 3, 4)),
        "url_port": 81,
        "capture.req.uri": b"/p?q",
    },
    b"OPTIONS * HTTP/1.1\r\nHost: h.Com:80\r\n\r\n": {
        "path": MISS,
        "url": b"*",
        "base": b"h.Com:80",
        "base32": 1836744995,
        "url32": 1836744995,
    },
    get(b"/", b"X: y"): {"base": b"/", "base32": 2118074832, "url32": 2118074832, "query": MISS},
    get(b"/a?", b"Host: h.Com:80"): {"pathq": b"/a?", "query": b"", "query(with_qm)": b"?", "url32": 2286716210},
    get(b"/a;a=5?a=6", b"Host: h"): {"path": b"/a;a=5", "urlp(a)": b"6", "urlp(a,;)": b"5?a=6", "urlp(,;)": b"5?a=6"},
    get(b"/?A=1&a", b"Host: h"): {"urlp(a)": MISS, "urlp(A)": b"1"},
    get(b"/?a=&b", b"Host: h"): {"urlp(a)": b"", "urlp_val(a)": 0, "urlp(b)": MISS},
    get(b"/?ab=1&a=12x;b=3", b"Host: h"): {"urlp(a)": b"12x", "urlp(b)": b"3", "urlp_val(a)": 12, "url_param": b"1"},
    b"GET /v0 HTTP/1.0\r\n\r\n": {
        "req.ver": b"1.0",
        "base": b"/v0",
        "base32": 2811778719,
        "capture.req.ver": b"HTTP/1.0",
    },
}
COOKIES = {
    b"a=1; b=2; a=3": {
        "cook(a)": b"3",
        "cook_cnt(a)": 2,
        "cook_cnt": 3,
        "cook": b"1",
        "cook_val(a)": 3,
        "cookie(a)": b"3",
    },
    b"a=1,b=2": {"cook(a)": b"1", "cook_cnt": 2},
    b'a="x;y"; b': {"cook(a)": b'"x;y"', "cook_cnt": 1},
    b"a = 1 ;b=2\r\nCookie: a=9": {"cook(a)": b"9", "cook_cnt(a)": 2, "cook_cnt": 3, "cook": b"1"},
    b"a=; b=": {"cook(a)": b"", "cook_val(a)": 0},
    b"A=1;aa=2": {"cook(a)": MISS, "cook_cnt(a)": 0, "cook_cnt": 2},
    b"$Version=1; a=5; $Path=/": {"cook(a)": b"5", "cook_cnt": 1, "req.cook_names": b"a"},
    b"a": {"cook(a)": MISS, "cook_cnt": 0},
    b"a==b=c": {"cook(a)": b"=b=c"},
}
AUTH = {
    b"Authorization: Basic YTpi": {"http_auth_type": b"Basic", "http_auth_user": b"a", "http_auth_pass": b"b"},
    b"Authorization: basic YTpj": {"http_auth_type": b"Basic", "http_auth_pass": b"c", "http_auth_bearer": MISS},
    b"Authorization: Basic YTpi=": {"http_auth_user": MISS, "http_auth_type": MISS},
    b"Authorization: Basic   YTpi ": {"http_auth_user": b"a"},
    b"Authorization: Basic": {"http_auth_type": MISS},
    b"Authorization: Bearer tok\r\nX-T: Foo bar": {
        "http_auth_type": b"Bearer",
        "http_auth_bearer": b"tok",
        "http_auth_bearer(X-T)": MISS,
        "http_auth_user": MISS,
    },
    b"X-T: Bearer z": {"http_auth_bearer(X-T)": b"z", "http_auth_type": MISS},
}


def cases(table: dict[bytes, dict[str, Any]], make: Any) -> list[Any]:
    return [
        pytest.param(make(key), text, value, id=f"{text} of {key!r}"[:90])
        for key, row in table.items()
        for text, value in row.items()
    ]


ALL = [
    *cases(HEADERS, lambda lines: get(b"/", b"Host: h", lines)),
    *cases(URIS, lambda head: head),
    *cases(COOKIES, lambda value: get(b"/", b"Host: h", b"Cookie: " + value)),
    *cases(AUTH, lambda lines: get(b"/", b"Host: h", lines)),
]


@pytest.mark.parametrize(("head", "text", "value"), ALL)
def test_a_request_fetch_gives_haproxys_value(head: bytes, text: str, value: Any) -> None:
    assert read(text, head) == value


ANSWER = b"HTTP/1.1 404 Nope\r\nA: 1, 2\r\nSet-Cookie: s=1; Path=/\r\nset-cookie: t=2\r\ncontent-length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("status", 404),
        ("res.ver", b"1.1"),
        ("res.hdr(a)", b"2"),
        ("shdr(a,1)", b"1"),
        ("hdr(a)", b"2"),
        ("res.fhdr(a)", b"1, 2"),
        ("res.hdr_cnt(set-cookie)", 2),
        ("res.cook(s)", b"1"),
        ("scook", b"1"),
        ("scook_cnt", 2),
        ("res.cook(Path)", MISS),
        ("res.cook_names", b"s,t"),
        ("cookie(t)", b"2"),
        ("method", b"GET"),
    ],
)
def test_a_response_fetch_reads_the_response(text: str, value: Any) -> None:
    assert read(text, get(b"/", b"A: request"), answer=ANSWER) == value


def test_body_fetches_read_what_is_buffered() -> None:
    stream = PROGRAM.stream(b"POST /?x=1 HTTP/1.1\r\nhost: h\r\ncontent-length: 11\r\n\r\n")
    stream.request.body, stream.request.held = b"a=b%20&c=d+", True
    values = {}
    for text in (
        "req.body",
        "req.body_len",
        "req.body_size",
        "req.body_param(a)",
        "req.body_param",
        "req.body_param(C,i)",
    ):
        config = Configuration()
        proxy = ProxyConfig("frontend", "f")
        line = Line([text], [Span("t", 1)], config, proxy, "frontend")
        site = Site(config, proxy, "http-request", Point.FE_REQUEST)
        values[text] = expression.parse(Words(line, 0), site).compile(PROGRAM)(stream)
    assert values == {
        "req.body": b"a=b%20&c=d+",
        "req.body_len": 11,
        "req.body_size": 11,
        "req.body_param(a)": b"b%20",
        "req.body_param": b"b%20",
        "req.body_param(C,i)": b"d+",
    }


def test_a_head_that_has_not_come_is_waited_for() -> None:
    program = http("http-request allow")
    stream = program.stream(b"")
    for text in ("path", "hdr(a)", "method", "cook(a)", "req.body_len", "urlp(a)", "http_auth_user"):
        config = Configuration()
        proxy = ProxyConfig("frontend", "f")
        line = Line([text], [Span("t", 1)], config, proxy, "frontend")
        fetch = expression.parse(Words(line, 0), Site(config, proxy, "http-request", Point.FE_REQUEST)).compile(program)
        stream.final = False
        assert fetch(stream) is WAIT, text
        stream.final = True
        assert fetch(stream) is MISS, text


def test_tcp_mode_finds_http_in_raw_bytes() -> None:
    program = tcp("tcp-request content accept")
    whole = b"GET /p?x=1 HTTP/1.1\r\nhost: a\r\n\r\n"
    assert read("path", b"", program=program, data=whole) == b"/p"
    assert read("hdr(host)", b"", program=program, data=whole) == b"a"
    assert read("path", b"", program=program, data=whole[:-2]) is WAIT
    assert read("path", b"", program=program, data=b"\x16\x03\x01") is MISS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hdr(a,-11)", "header occurrence must be >= -10"),
        ("req.payload_lv(0,0)", "payload length must be > 0"),
        ("req.payload_lv(1,2,-4)", "payload offset2 too negative"),
        ("req.payload_lv(1,2,a)", "payload offset2 is not a number"),
        ("date(1,x)", "expects 's', 'ms' or 'us', got 'x'"),
        ("uuid(1)", "Unsupported UUID version: '1'"),
        ("bin(0a0)", "an even number of hex digit is expected"),
        ("bool(2)", "Expects 'true', 'false', '0' or '1'"),
        ("fc_rtt(x)", "expects 'us' or 'ms', got 'x'"),
        ("distcc_param(ARG)", "token name must be exactly 4 characters"),
    ],
)
def test_wrong_arguments_are_refused_while_parsing(text: str, message: str) -> None:
    from pylb.errors import ConfigError

    name = text.partition("(")[0]
    with pytest.raises(ConfigError) as caught:
        read(text, get(b"/"))
    assert caught.value.message == f"invalid args in fetch method '{name}' : {message}"
