"""req* and rsp*: rules on raw lines, their order and what they leave of a head."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from pylb.http.codec import DEFAULT_LIMITS, fast
from pylb.http.kept import Keeping, keep, line_of
from pylb.http.message import Request, Response
from pylb.rules import raw_lines
from pylb.rules.verdicts import Outcome, Verdict
from tests.unit.rules.stage import Program, http

HEAD = b"GET /static/a?q=1 HTTP/1.1\r\nHost: www.Example.org\r\nX-One:  a\r\nx-one: b\r\nCookie: s=1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nServer: Apache/2\r\nX-Powered-By: PHP\r\nContent-Length: 0\r\n\r\n"


def parse(head: bytes = HEAD) -> Request:
    request = Keeping(fast).parse_request(head, len(head), DEFAULT_LIMITS)
    assert isinstance(request, Request)
    return request


def run(rules: str, head: bytes = HEAD) -> tuple[Verdict | None, Request]:
    stream = http(rules).stream()
    stream.request = parse(head)
    return stream.frontend.http_request.run(stream), stream.request


def answered(rules: str, head: bytes = ANSWER) -> tuple[Verdict | None, Response]:
    stream = http(rules).stream()
    response = Keeping(fast).parse_response(head, len(head), b"GET", DEFAULT_LIMITS)
    assert isinstance(response, Response)
    stream.response = response
    return stream.frontend.http_response.run(stream), response


def lines(message: Request | Response) -> list[bytes]:
    return [line_of(one) for one in message.fields]


def test_lines_are_kept_as_they_came() -> None:
    assert lines(parse()) == [b"Host: www.Example.org", b"X-One:  a", b"x-one: b", b"Cookie: s=1"]


def test_a_kept_field_is_still_the_field_and_the_framing_is_known() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
    request = parse(head)
    plain = fast.parse_request(head, len(head), DEFAULT_LIMITS)
    assert isinstance(plain, Request)
    assert request.fields == plain.fields
    assert request.framing is request.fields[1]


def test_a_shared_response_head_is_not_touched() -> None:
    one, two = (Keeping(fast).take_response(ANSWER, 0, b"GET", DEFAULT_LIMITS) for _ in range(2))
    assert isinstance(one, Response) and isinstance(two, Response)
    assert one is not two
    assert lines(one) == lines(two)
    assert not one.shared


def test_a_folded_line_is_one_line() -> None:
    request = parse()
    keep(request, b"GET / HTTP/1.1\r\nX-One: a\r\nX-One:\r\n b\r\n\r\n")
    assert b"X-One: b" in lines(request)


@pytest.mark.parametrize(
    ("rule", "target"),
    [
        (r"reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2", b"/a?q=1"),
        (r"reqrep ^([^\ :]*)\ /STATIC/(.*) \1\ /\2", b"/static/a?q=1"),
        (r"reqirep ^([^\ :]*)\ /STATIC/(.*) \1\ /\2", b"/a?q=1"),
        (r"reqrep ^GET\ (.*)\ HTTP/1.1 GET\ /x\1\ HTTP/1.1 unless { path_beg /static }", b"/static/a?q=1"),
        (r"reqrep ^GET\ (.*)\ HTTP/1.1 GET\ /x\1\ HTTP/1.1 if { path_beg /static }", b"/x/static/a?q=1"),
    ],
)
def test_reqrep_rewrites_the_request_line(rule: str, target: bytes) -> None:
    verdict, request = run(rule)
    assert verdict is None
    assert (request.method, request.target) == (b"GET", target)


def test_reqrep_replaces_the_whole_line_of_a_header() -> None:
    verdict, request = run(r"reqirep ^Host:\ www.example Host:\ other")
    assert verdict is None
    assert request.fields[0][:2] == (b"host", b"other")
    assert request.host == b"other"


def test_reqrep_can_change_the_method() -> None:
    assert run(r"reqrep ^GET\ (.*) POST\ \1")[1].method == b"POST"


def test_a_replacement_with_line_feeds_makes_lines() -> None:
    _, request = run(r"reqrep ^Cookie:\ (.*) Cookie:\ \1\r\nX-New:\ yes")
    assert [one[:2] for one in request.fields[-2:]] == [(b"cookie", b"s=1"), (b"x-new", b"yes")]


def test_an_empty_line_vanishes() -> None:
    assert b"cookie" not in [one[0] for one in run(r"reqrep ^Cookie: \n")[1].fields]


@pytest.mark.parametrize("rule", [r"reqrep ^GET.* nonsense", r"reqrep ^Cookie:.* no\ colon", "reqrep ^GET.* /"])
def test_what_is_no_head_any_more_is_refused(rule: str) -> None:
    verdict, _ = run(rule)
    assert verdict is not None and verdict.kind is Outcome.DENY
    assert verdict.reply.status == 400


def test_reqdel_sees_the_case_of_the_client_and_never_removes_the_request_line() -> None:
    assert lines(run("reqdel ^X-One:")[1])[1:] == [b"x-one: b", b"Cookie: s=1"]
    assert lines(run("reqidel ^X-One:")[1])[1:] == [b"Cookie: s=1"]
    _, request = run("reqidel .")
    assert (request.fields, request.target, request.host) == ([], b"/static/a?q=1", None)


def test_blanks_behind_the_colon_are_part_of_the_line() -> None:
    assert lines(run(r"reqidel ^X-One:\ \ a")[1])[1:] == [b"x-one: b", b"Cookie: s=1"]


def test_reqdeny_and_reqtarpit_look_at_both_kinds_of_line() -> None:
    for rule, kind, status in (
        (r"reqdeny ^GET\ /static", Outcome.DENY, 403),
        ("reqideny ^COOKIE:", Outcome.DENY, 403),
        ("reqitarpit ^COOKIE:", Outcome.TARPIT, 500),
    ):
        verdict, _ = run(rule)
        assert verdict is not None and verdict.kind is kind
        assert verdict.reply.status == status
    assert run("reqdeny ^COOKIE:")[0] is None


def test_reqallow_forestalls_later_verdicts_only() -> None:
    assert run("reqallow ^Cookie:\nreqdeny .\nreqtarpit .")[0] is None
    assert run("reqdeny .\nreqallow ^Cookie:")[0] is not None
    assert lines(run("reqallow ^Cookie:\nreqdel ^Cookie:")[1])[-1] == b"x-one: b"


def test_what_a_frontend_allows_its_backend_does_not_deny() -> None:
    program = Program("frontend f\n mode http\n reqallow ^Cookie:\nbackend b\n mode http\n reqdeny .\n")
    stream = program.stream()
    stream.request = parse()
    assert stream.frontend.http_request.run(stream) is None
    assert program.backends["b"].http_request.run(stream) is None
    other = program.stream()
    other.request = parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert other.frontend.http_request.run(other) is None
    assert program.backends["b"].http_request.run(other) is not None


def test_reqpass_skips_what_follows() -> None:
    verdict, request = run("reqpass ^Cookie:\nreqdeny .\nreqdel ^Cookie:")
    assert verdict is None
    assert lines(request)[-1] == b"Cookie: s=1"


def test_file_order_among_raw_rules_and_later_ones_see_what_earlier_ones_wrote() -> None:
    _, request = run("reqrep ^Cookie:.* X-New:\\ 1\nreqrep ^X-New:\\ (.*) X-Newer:\\ \\1")
    assert request.fields[-1][:2] == (b"x-newer", b"1")


def test_raw_rules_run_behind_http_request_and_before_reqadd_and_redirect() -> None:
    verdict, request = run(
        "redirect location /r if { req.hdr(x-done) 1 }\nreqadd X-Added:\\ 1\nreqrep ^X-Set:.* X-Done:\\ 1\n"
        "reqidel ^x-added\nhttp-request set-header X-Set 0\nhttp-request allow"
    )
    assert verdict is not None and verdict.kind is Outcome.REPLY
    assert [one[0] for one in request.fields[-2:]] == [b"x-done", b"x-added"]


def test_block_comes_first() -> None:
    verdict, request = run("http-request set-header X-Seen 1\nreqdel .\nblock if { path_beg /static }")
    assert verdict is not None and verdict.kind is Outcome.DENY
    assert len(request.fields) == 4


def test_responses() -> None:
    verdict, response = answered(
        "rspadd X-Frame:\\ DENY\nrspidel ^x-powered\nrsprep ^Server:\\ Apache/(.) Server:\\ A\\1\n"
        "rsprep ^HTTP/1.1\\ 200 HTTP/1.1\\ 404\\ Gone\\ away"
    )
    assert verdict is None
    assert (response.status, response.reason) == (404, b"Gone away")
    assert [one[:2] for one in response.fields] == [
        (b"server", b"A2"),
        (b"content-length", b"0"),
        (b"x-frame", b"DENY"),
    ]


def test_rspdeny_is_a_bad_gateway() -> None:
    for rule in ("rspideny ^x-powered-by:", r"rspdeny ^HTTP/1.1\ 200"):
        verdict, _ = answered(rule)
        assert verdict is not None and verdict.kind is Outcome.DENY
        assert verdict.reply.status == 502
    assert answered("rspdeny ^x-powered-by:")[0] is None


def test_rules_of_defaults_come_first_and_stay_apart() -> None:
    program = Program(
        "defaults\n mode http\n reqdel ^A:\nfrontend f\n bind :1\n reqdel ^B:\nfrontend g\n bind :2\n reqdel ^C:\n"
    )
    found = [front.config.rules["http-request"][-1].build.rules for front in program.frontends]
    assert [[rule.text for rule in rules] for rules in found] == [
        ["reqdel ^A:", "reqdel ^B:"],
        ["reqdel ^A:", "reqdel ^C:"],
    ]


def test_each_use_is_a_notice_that_names_todays_form() -> None:
    program = http("reqirep ^Host:\\ a Host:\\ b\nrspidel ^Server\nreqideny x")
    notices = [
        item for item in program.report.items if item.severity is Severity.NOTICE and "since 2.1" in item.message
    ]
    assert [item.span.line for item in notices] == [4, 5, 6]
    assert "'http-request replace-path'" in notices[0].message
    assert "'http-response del-header'" in notices[1].message


def test_only_raw_rules_want_raw_lines() -> None:
    assert raw_lines.wanted(http("reqdel ^A:").config.proxies)
    assert not raw_lines.wanted(http("reqadd A:\\ b\nblock if TRUE\nhttp-request del-header a").config.proxies)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("reqrep a", "'reqrep' expects <search> and <replace> as arguments."),
        ("reqdel", "'reqdel' expects <search> as an argument."),
        ("reqdel a(", "'reqdel' : regex 'a(' is invalid (error=missing closing parenthesis, erroffset=2)"),
        ("reqdel a b", "'reqdel' expects either 'if' or 'unless' followed by a condition but found 'b'."),
        ("reqadd Nothing", "'reqadd' expects a header line, such as 'X-Name: value'."),
        ("block", "'block' requires either 'if' or 'unless' followed by a condition."),
    ],
)
def test_mistakes(rule: str, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        http(rule)
    assert message in str(caught.value)
