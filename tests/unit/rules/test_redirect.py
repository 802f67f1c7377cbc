"""Redirects as HAProxy words them (observed, 2.6)."""

from __future__ import annotations

import pytest

from pylb.rules.verdicts import Outcome
from tests.unit.rules.stage import fields, http, problems

HEAD = b"GET /p?a=b HTTP/1.1\r\nhost: h.com\r\n\r\n"
NO_CACHE = (b"cache-control", b"no-cache")

CASES = [
    ("location /new", 302, b"Found", b"/new", [NO_CACHE]),
    ("location /new code 301", 301, b"Moved Permanently", b"/new", []),
    ("location /new code 308", 308, b"Permanent Redirect", b"/new", []),
    ("location http://%[hdr(host)]/x%[path] code 307", 307, b"Temporary Redirect", b"http://h.com/x/p", [NO_CACHE]),
    ("prefix http://h", 302, b"Found", b"http://h/p?a=b", [NO_CACHE]),
    ("prefix /q drop-query", 302, b"Found", b"/q/p", [NO_CACHE]),
    ("prefix /q drop-query append-slash", 302, b"Found", b"/q/p/", [NO_CACHE]),
    ("prefix /q append-slash", 302, b"Found", b"/q/p?a=b/", [NO_CACHE]),
    ("prefix /", 302, b"Found", b"/p?a=b", [NO_CACHE]),
    ("prefix %[path]", 302, b"Found", b"/p/p?a=b", [NO_CACHE]),
    ("scheme https", 302, b"Found", b"https://h.com/p?a=b", [NO_CACHE]),
    ("scheme https code 303", 303, b"See Other", b"https://h.com/p?a=b", [NO_CACHE]),
    ("location / set-cookie A=1", 302, b"Found", b"/", [NO_CACHE, (b"set-cookie", b"A=1; path=/;")]),
    ("location / clear-cookie A", 302, b"Found", b"/", [NO_CACHE, (b"set-cookie", b"A; path=/; Max-Age=0;")]),
    ("location / clear-cookie A=", 302, b"Found", b"/", [NO_CACHE, (b"set-cookie", b"A=; path=/; Max-Age=0;")]),
    ("location %[hdr(nope)]", 302, b"Found", b"", [NO_CACHE]),
    ("location /o prefix /q", 302, b"Found", b"/q/p?a=b", [NO_CACHE]),
]


@pytest.mark.parametrize("form", ["http-request redirect", "redirect"])
@pytest.mark.parametrize(("rule", "status", "reason", "url", "extra"), CASES, ids=[row[0] for row in CASES])
def test_a_redirect_answers(
    form: str, rule: str, status: int, reason: bytes, url: bytes, extra: list[tuple[bytes, bytes]]
) -> None:
    stream = http(f"{form} {rule}").stream(HEAD)
    verdict = stream.frontend.http_request.run(stream)
    assert verdict.kind is Outcome.REPLY
    answer = verdict.reply.render(stream)
    assert (answer.status, answer.reason) == (status, reason)
    assert fields(answer) == [(b"content-length", b"0"), (b"location", url), *extra]


def test_an_empty_location_can_be_ignored() -> None:
    stream = http("http-request redirect location %[hdr(nope)] ignore-empty\nhttp-request deny").stream(HEAD)
    assert stream.frontend.http_request.run(stream).kind is Outcome.DENY


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "redirection type expected ('prefix', 'location', or 'scheme')."),
        ("location", "missing argument for 'location'."),
        ("location /x code", "missing argument for 'code'."),
        (
            "location /x code 200",
            "'code': unsupported HTTP code '200' (must be one of 301, 302, 303, 307 or 308).",
        ),
        (
            "foo",
            "expects 'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', "
            "'ignore-empty' or 'append-slash' (was 'foo').",
        ),
    ],
)
def test_mistakes_are_told_in_haproxys_words(rule: str, message: str) -> None:
    assert problems(f"redirect {rule}") == [f"error detected in frontend 'f' while parsing redirect rule : {message}"]
    assert problems(f"http-request redirect {rule}") == [
        f"error detected in frontend 'f' while parsing 'http-request redirect' rule : {message}"
    ]
