"""Replies as HAProxy puts them on the wire (observed, 2.6): status lines, fields in order, bodies."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.rules import replies
from pylb.rules.reply_lines import parse_message, read_error_file
from pylb.rules.verdicts import Outcome
from tests.unit.rules.stage import fields, http, problems, response


def page(status: int, reason: bytes, text: bytes) -> bytes:
    return b"<html><body><h1>%d %b</h1>\n%b\n</body></html>\n" % (status, reason, text)


def test_every_handled_status_has_a_page() -> None:
    assert replies.HANDLED == (
        200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 421, 422, 425, 429, 500, 501, 502, 503, 504,
    )  # fmt: skip
    sizes = {status: len(replies.default(status).render(None).body) for status in replies.HANDLED}
    assert sizes == {
        200: 58, 400: 90, 401: 112, 403: 93, 404: 83, 405: 146, 407: 112, 408: 110, 410: 114, 413: 106, 421: 104,
        422: 116, 425: 80, 429: 117, 500: 97, 501: 136, 502: 107, 503: 107, 504: 92,
    }  # fmt: skip


def test_a_default_page_has_haproxys_fields_in_order() -> None:
    answer = replies.default(403).render(None)
    assert (answer.status, answer.reason) == (403, b"Forbidden")
    assert fields(answer) == [
        (b"content-length", b"93"),
        (b"cache-control", b"no-cache"),
        (b"content-type", b"text/html"),
    ]
    assert answer.body == page(403, b"Forbidden", b"Request forbidden by administrative rules.")
    assert answer.length == 93
    assert answer.framing is answer.fields[0]
    assert not answer.close


def test_bad_request_and_timeout_close_the_connection() -> None:
    assert replies.default(400).render(None).close
    assert replies.default(408).render(None).close


def test_renders_do_not_share_their_fields() -> None:
    reply = replies.default(404)
    reply.render(None).fields.clear()
    assert len(reply.render(None).fields) == 3


RETURNS = [
    ("return", 200, b"OK", [(b"content-length", b"0")], b""),
    ("return status 204", 204, b"No Content", [], b""),
    ("return status 502", 502, b"Bad Gateway or Proxy Error", [(b"content-length", b"0")], b""),
    ("return status 299", 299, b"Success", [(b"content-length", b"0")], b""),
    (
        "return content-type text/plain string hello",
        200,
        b"OK",
        [(b"content-length", b"5"), (b"content-type", b"text/plain")],
        b"hello",
    ),
    (
        "return status 404 content-type text/plain lf-string 'a %[src] %[path]'",
        404,
        b"Not Found",
        [(b"content-length", b"13"), (b"content-type", b"text/plain")],
        b"a 192.0.2.7 /",
    ),
    (
        "return content-type text/plain string x hdr X-A 'b %[path]' hdr x-c d",
        200,
        b"OK",
        [(b"x-a", b"b /"), (b"x-c", b"d"), (b"content-length", b"1"), (b"content-type", b"text/plain")],
        b"x",
    ),
    ("return hdr a b", 200, b"OK", [(b"a", b"b"), (b"content-length", b"0")], b""),
    ("deny hdr X-Y z", 403, b"Forbidden", [(b"x-y", b"z"), (b"content-length", b"0")], b""),
    (
        "auth",
        401,
        b"Unauthorized",
        [
            (b"content-length", b"112"),
            (b"cache-control", b"no-cache"),
            (b"content-type", b"text/html"),
            (b"www-authenticate", b'Basic realm="f"'),
        ],
        page(401, b"Unauthorized", b"You need a valid user and password to access this content."),
    ),
]


@pytest.mark.parametrize(("rule", "status", "reason", "wanted", "body"), RETURNS, ids=[row[0] for row in RETURNS])
def test_an_answering_rule_writes_haproxys_bytes(
    rule: str, status: int, reason: bytes, wanted: list[tuple[bytes, bytes]], body: bytes
) -> None:
    program = http(f"http-request {rule}")
    stream = program.stream()
    verdict = stream.frontend.http_request.run(stream)
    assert verdict.kind in (Outcome.REPLY, Outcome.DENY)
    answer = verdict.reply.render(stream)
    assert (answer.status, answer.reason, fields(answer), answer.body) == (status, reason, wanted, body)


@pytest.mark.parametrize(
    ("rule", "kind", "status"),
    [
        ("deny", Outcome.DENY, 403),
        ("deny deny_status 429", Outcome.DENY, 429),
        ("deny status 503", Outcome.DENY, 503),
        ("tarpit", Outcome.TARPIT, 500),
        ("tarpit deny_status 429", Outcome.TARPIT, 429),
        ("auth realm x", Outcome.REPLY, 401),
    ],
)
def test_refusals_show_the_page_of_their_status(rule: str, kind: Outcome, status: int) -> None:
    program = http(f"http-request {rule}")
    stream = program.stream()
    verdict = stream.frontend.http_request.run(stream)
    assert verdict.kind is kind
    assert verdict.reply.status == verdict.reply.render(stream).status == status


def test_a_denied_response_is_a_502() -> None:
    program = http("http-response deny")
    stream = program.stream()
    stream.response = response(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    verdict = stream.frontend.http_response.run(stream)
    assert verdict.kind is Outcome.DENY
    assert verdict.reply.render(stream).status == 502


def test_an_error_file_keeps_its_own_status_line(tmp_path: Path) -> None:
    path = tmp_path / "e.http"
    path.write_bytes(
        b"HTTP/1.0 403 Nope here\r\nCache-Control: no-cache\r\nConnection: close\r\nX-Foo:   bar  \r\n\r\n<b>no</b>\n"
    )
    parsed = read_error_file(str(path))
    answer = replies.from_file(parsed).render(None)
    assert (answer.status, answer.reason, answer.version) == (403, b"Nope here", 10)
    assert fields(answer) == [(b"cache-control", b"no-cache"), (b"x-foo", b"bar")]
    assert answer.body == b"<b>no</b>\n"
    assert answer.close and answer.length is None and answer.framing is None


def test_an_error_file_takes_bare_line_feeds_and_a_right_length() -> None:
    parsed = parse_message(b"HTTP/1.1 503 Down\nContent-Length: 5\n\nbody\n", "f")
    answer = replies.from_file(parsed).render(None)
    assert answer.length == 5 and not answer.close


def test_an_empty_error_file_answers_nothing() -> None:
    assert replies.from_file(parse_message(b"", "/dev/null")).render(None).version == 0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"127.0.0.1 localhost\n", "unable to parse headers"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "unable to parse headers"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", "unable to parse headers"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "chunk-encoded payload not supported"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nbody\n",
            "payload size does not match the announced content-length (5 != 500)",
        ),
    ],
)
def test_a_broken_error_file_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=r"^'f': ") as caught:
        parse_message(data, "f")
    assert message in str(caught.value)


PAGES = """
    errorloc 503 http://x/503
    errorloc303 502 /502
    http-error status 400 content-type text/plain string bad hdr a b
    http-request deny deny_status 503 if { path /503 }
    http-request deny deny_status 502 if { path /502 }
    http-request deny deny_status 400 if { path /400 }
    http-request return status 503 default-errorfiles if { path /again }
    http-request return status 503 if { path /plain }
    http-request deny
"""


@pytest.mark.parametrize(
    ("path", "status", "wanted", "body"),
    [
        (
            b"/503",
            302,
            [(b"cache-control", b"no-cache"), (b"content-length", b"0"), (b"location", b"http://x/503")],
            b"",
        ),
        (b"/502", 303, [(b"cache-control", b"no-cache"), (b"content-length", b"0"), (b"location", b"/502")], b""),
        (b"/400", 400, [(b"a", b"b"), (b"content-length", b"3"), (b"content-type", b"text/plain")], b"bad"),
        (
            b"/again",
            302,
            [(b"cache-control", b"no-cache"), (b"content-length", b"0"), (b"location", b"http://x/503")],
            b"",
        ),
        (b"/plain", 503, [(b"content-length", b"0")], b""),
    ],
)
def test_configured_pages_stand_in_for_errors(
    path: bytes, status: int, wanted: list[tuple[bytes, bytes]], body: bytes
) -> None:
    program = http(PAGES)
    stream = program.stream(b"GET %b HTTP/1.1\r\nhost: h\r\n\r\n" % path)
    answer = stream.frontend.http_request.run(stream).reply.render(stream)
    assert (answer.status, fields(answer), answer.body) == (status, wanted, body)


def test_the_backends_page_wins_over_the_frontends_and_that_over_the_default() -> None:
    program = http("errorloc 503 /front\nerrorloc 504 /front", more="    errorloc 503 /back\n")
    stream = program.stream()

    def where(status: int) -> bytes | None:
        answer = replies.Standard(status).render(stream)
        return next((one[1] for one in answer.fields if one[0] == b"location"), None)

    assert (where(503), where(504), where(502)) == (b"/front", b"/front", None)
    stream.backend = program.backend("b")
    assert (where(503), where(504), where(502)) == (b"/back", b"/front", None)
    assert stream.backend.replies[504].render(stream).status == 302


def test_pages_come_from_an_http_errors_section(tmp_path: Path) -> None:
    file = tmp_path / "404.http"
    file.write_bytes(b"HTTP/1.1 404 Gone fishing\r\ncontent-length: 2\r\n\r\nno")
    from tests.unit.rules.stage import Program

    program = Program(
        f"http-errors mine\n    errorfile 404 {file}\nfrontend f\n    mode http\n    bind 127.0.0.1:80\n"
        "    errorfiles mine\n    http-request return status 404 errorfiles mine if { path /r }\n"
        "    http-request return status 403 errorfiles mine if { path /missing }\n"
        "    http-request deny deny_status 404\n"
    )
    seen = []
    for path in (b"/r", b"/missing", b"/"):
        stream = program.stream(b"GET %b HTTP/1.1\r\nhost: h\r\n\r\n" % path)
        answer = stream.frontend.http_request.run(stream).reply.render(stream)
        seen.append((answer.status, answer.reason, answer.body))
    assert seen == [(404, b"Gone fishing", b"no"), (403, b"Forbidden", b""), (404, b"Gone fishing", b"no")]


MISTAKES = {
    "http-request deny deny_status": "'status' expects <status_code> as argument.",
    "http-request deny deny_status abc": "Unexpected status code '0'.",
    "http-request deny deny_status 42": "Unexpected status code '42'.",
    "http-request deny deny_status 402": "status code '402' not handled by default with 'default-errorfiles' argument.",
    "http-request deny content-type": "'content-type' expects <ctype> as argument.",
    "http-request deny string x": "a content type must be defined when non-empty payload is configured.",
    "http-request deny content-type a/b string": "'string' expects <str> as argument.",
    "http-request deny content-type a/b string x lf-string y": (
        "unexpected 'lf-string' argument, 'string' already defined."
    ),
    "http-request deny errorfile /nonexistent": "error opening file '/nonexistent'.",
    "http-request deny hdr x": "'hdr' expects <name> and <value> as arguments.",
    "http-request return status 204 content-type a/b string x": "No body expected for 204 responses.",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_mistakes_are_told_in_haproxys_words(line: str) -> None:
    action = line.split()[1]
    prefix = f"error detected in frontend 'f' while parsing 'http-request {action}' rule : "
    assert problems(line) == [prefix + MISTAKES[line]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("errorfile 499 /x", "errorfile : status code '499' not handled."),
        ("errorfile abc /x", "errorfile : status code '0' not handled."),
        ("errorfile 403 /nonexistent", "errorfile : error opening file '/nonexistent'."),
        ("errorloc 403", "errorloc : expects <status_code> and <url> as arguments."),
        ("errorloc 499 /x", "errorloc : status code '499' not handled."),
        ("errorfiles", "errorfiles : expects <name> as argument."),
        ("errorfiles foo 403 x", "errorfiles : status code '0' not handled."),
        ("http-error foo", "http-error : expects at least a <status> as arguments."),
        ("http-error status 499", "http-error: status code '499' not handled."),
        ("http-error status 403 errorfile /nonexistent", "http-error : error opening file '/nonexistent'"),
        (
            "http-request return content-type text/plain",
            "content-type 'text/plain' ignored by the http reply because neither errorfile nor payload defined.",
        ),
    ],
)
def test_page_keywords_complain_as_haproxy_does(line: str, message: str) -> None:
    assert [found.rstrip(".") for found in problems(line)] == [message.rstrip(".")]


def test_a_default_page_where_pages_are_declared_is_the_built_in_one() -> None:
    program = http("http-error status 403 default-errorfiles\nhttp-request deny")
    stream = program.stream()
    answer = replies.Standard(403).render(stream)
    assert (answer.status, len(answer.body)) == (403, 93)


def test_empty_headers_of_a_reply_are_left_out() -> None:
    program = http('http-request return status 200 hdr x-a "%[req.hdr(nope)]" hdr x-b "b%[req.hdr(nope)]"')
    stream = program.stream()
    answer = stream.frontend.http_request.run(stream).reply.render(stream)
    assert fields(answer) == [(b"x-b", b"b"), (b"content-length", b"0")]
