"""The runner: order, waits with their resume index, final rules, counters, trace; and who says what while parsing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pylb.config.model import RuleLine
from pylb.config.reader import parse_text
from pylb.errors import Severity, Span
from pylb.rules import ruleset
from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample import variables
from pylb.sample.values import WAIT
from tests.unit.rules.stage import Program, http, problems, tcp


def line(action: Any, condition: Any = None, place: str = "http-request") -> RuleLine:
    parsed = None if condition is None else SimpleNamespace(compile=lambda program, trace=None: condition)
    return RuleLine(place, None, parsed, Span("f", 1), "", lambda program: action)


def context() -> Any:
    return SimpleNamespace(stream=SimpleNamespace(rule=None), said=[])


def say(word: str) -> Any:
    return lambda ctx: ctx.said.append(word)


def test_no_rules_are_no_ruleset() -> None:
    assert ruleset.compile([], None) is None


def test_rules_run_in_order_and_none_decides() -> None:
    rules = ruleset.compile([line(say("a")), line(say("b"), lambda ctx: False), line(say("c"), lambda ctx: True)], None)
    ctx = context()
    assert rules is not None and rules.run(ctx) is None
    assert ctx.said == ["a", "c"]


def test_a_verdict_ends_the_rules_and_names_its_rule() -> None:
    verdict = Verdict(Outcome.CLOSE)
    lines = [line(say("a")), line(lambda ctx: verdict), line(say("b"))]
    rules = ruleset.compile(lines, None)
    ctx = context()
    assert rules is not None and rules.run(ctx) is verdict
    assert ctx.said == ["a"]
    assert ctx.stream.rule is lines[1] and verdict.rule is lines[1]


def test_an_undecided_condition_is_asked_again_and_earlier_rules_never() -> None:
    answers = iter([WAIT, WAIT, True])
    rules = ruleset.compile([line(say("a")), line(say("b"), lambda ctx: next(answers)), line(say("c"))], None)
    ctx = context()
    assert rules is not None
    first = rules.run(ctx)
    assert first is not None and (first.kind, first.at, first.wait) == (Outcome.WAIT, 1, None)
    second = rules.run(ctx, first.at)
    assert second is not None and second.at == 1
    assert rules.run(ctx, second.at) is None
    assert ctx.said == ["a", "b", "c"]


def test_an_action_that_waits_says_where_to_go_on() -> None:
    wait = object()
    rules = ruleset.compile(
        [line(say("a")), line(lambda ctx: Verdict(Outcome.WAIT, at=1, wait=wait)), line(say("b"))], None
    )
    ctx = context()
    assert rules is not None
    verdict = rules.run(ctx)
    assert verdict is not None and (verdict.at, verdict.wait) == (2, wait)
    assert rules.run(ctx, verdict.at) is None
    assert ctx.said == ["a", "b"]


def test_allow_goes_on_at_the_redirects() -> None:
    allow, away = Verdict(Outcome.STOP), Verdict(Outcome.REPLY)
    lines = [
        line(lambda ctx: allow),
        line(say("skipped")),
        line(say("seen"), place=ruleset.REDIRECT),
        line(lambda ctx: away, place=ruleset.REDIRECT),
    ]
    rules = ruleset.compile(lines, None)
    ctx = context()
    assert rules is not None and rules.run(ctx) is away
    assert ctx.said == ["seen"]
    alone = ruleset.compile(lines[:3], None)
    assert alone is not None and alone.run(context()) is allow


def test_hits_count_the_rules_that_ran() -> None:
    hits: list[int] = []
    rules = ruleset.compile([line(say("a")), line(say("b"), lambda ctx: False)], None, hits=hits)
    assert rules is not None
    for _ in range(3):
        rules.run(context())
    assert hits == [3, 0]


def test_a_traced_ruleset_tells_every_rule_it_looks_at() -> None:
    told = []

    class Trace:
        def rule(self, rule: RuleLine, ctx: Any, held: Any) -> None:
            told.append((lines.index(rule), held))

    lines = [line(say("a")), line(say("b"), lambda ctx: False), line(say("c"), lambda ctx: WAIT)]
    rules = ruleset.compile(lines, None, trace=Trace())
    assert rules is not None
    rules.run(context())
    assert told == [(0, True), (1, False), (2, WAIT)]


def test_tcp_content_rules_wait_for_bytes() -> None:
    program = tcp(
        """
        tcp-request inspect-delay 5s
        tcp-request content reject if !{ req.ssl_hello_type 1 }
        tcp-request content accept if { req.ssl_hello_type 1 }
        """
    )
    stream = program.stream(b"")
    rules = stream.frontend.tcp_content
    first = rules.run(stream)
    assert (first.kind, first.at) == (Outcome.WAIT, 0)
    stream.data = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"
    assert rules.run(stream, first.at).kind is Outcome.STOP
    stream.data = b"GET / "
    assert rules.run(stream).kind is Outcome.CLOSE
    stream.data = b""
    stream.final = True
    assert rules.run(stream).kind is Outcome.CLOSE


def test_redirect_lines_stand_behind_the_request_rules_whatever_the_order() -> None:
    program = http("redirect location /a if { path /x }\nhttp-request set-header x y\nblock if { path /no }")
    rules = program.config.proxies[0].rules["http-request"]
    assert [rule.place for rule in rules] == ["block", "http-request", "redirect"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "http-request allow x",
            "'http-request allow' expects either 'if' or 'unless' followed by a condition but found 'x'.",
        ),
        (
            "http-request deny if B",
            "error detected while parsing an 'http-request deny' condition : no such ACL : 'B'.",
        ),
        (
            "tcp-request content accept x",
            "'tcp-request content accept' only accepts 'if' or 'unless', in frontend 'f' (got 'x')",
        ),
        ("tcp-request", "missing argument for 'tcp-request' in frontend 'f'"),
        (
            "tcp-request foo",
            "'tcp-request' expects 'inspect-delay', 'connection', or 'content' in frontend 'f' (got 'foo')",
        ),
        (
            "tcp-request inspect-delay",
            "'tcp-request inspect-delay' expects a positive delay in milliseconds, in frontend 'f'",
        ),
        (
            "tcp-request inspect-delay 5x",
            "'tcp-request inspect-delay' expects a positive delay in "
            "milliseconds, in frontend 'f' (unexpected character 'x')",
        ),
        (
            "http-request set-header x",
            "error detected in frontend 'f' while parsing 'http-request "
            "set-header' rule : expects exactly 2 arguments.",
        ),
        (
            "http-request set-var(foo.a) str(a)",
            "error detected in frontend 'f' while parsing 'http-request set-var(foo.a)' rule : invalid variable name "
            "'foo.a'. A variable name must be start by its scope. The "
            "scope can be 'proc', 'sess', 'txn', 'req', 'res' or "
            "'check'.",
        ),
        ("use_backend", "'use_backend' expects a backend name."),
        ("monitor foo", "'monitor' only supports 'fail'."),
        ("monitor fail A", "'monitor fail' requires either 'if' or 'unless' followed by a condition."),
        ("capture foo", "'capture' expects 'cookie' or 'request header' or 'response header'."),
        ("capture request header a len", "'capture request' expects 'header' <header_name> 'len' <len>."),
        ("declare capture request len 0", "length must be > 0"),
    ],
)
def test_mistakes_are_told_in_haproxys_words(text: str, message: str) -> None:
    assert problems(text) == [message]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("use_backend b if A", "http-request deny if A", "a 'http-request' rule placed after a 'use_backend' rule"),
        ("redirect location / if A", "http-request deny if A", "a 'http-request' rule placed after a 'redirect' rule"),
        (
            "http-request deny if A",
            "tcp-request content accept if A",
            "a 'tcp-request' rule placed after an 'http-request' rule",
        ),
        ("http-request deny if A", "monitor fail if A", "a 'monitor fail' rule placed after an 'http-request' rule"),
        (
            "tcp-request content accept if A",
            "tcp-request session accept if A",
            "a 'tcp-request' rule placed after a 'tcp-request content' rule",
        ),
        ("use_backend b if A", "redirect location /x if A", "a 'redirect' rule placed after a 'use_backend' rule"),
        ("http-request deny if A", "block if A", "a 'block' rule placed after an 'http-request' rule"),
        ("block if A", "monitor fail if A", "a 'monitor fail' rule placed after a 'block' rule"),
        ("reqidel ^A:", "http-request deny if A", "a 'http-request' rule placed after a 'reqxxx' rule"),
        ("reqidel ^A:", "block if A", "a 'block' rule placed after a 'reqxxx' rule"),
        ("reqadd A:\\ 1", "reqirep ^A: B:", "a 'reqirep' rule placed after a 'reqadd' rule"),
        ("reqadd A:\\ 1", "http-request deny if A", "a 'http-request' rule placed after a 'reqadd' rule"),
        ("redirect location / if A", "reqadd A:\\ 1", "a 'reqadd' rule placed after a 'redirect' rule"),
        ("redirect location / if A", "reqdel ^A:", "a 'reqdel' rule placed after a 'redirect' rule"),
        ("use_backend b if A", "reqadd A:\\ 1", "a 'reqadd' rule placed after a 'use_backend' rule"),
    ],
)
def test_rules_out_of_order_are_warned_about(before: str, after: str, message: str) -> None:
    assert problems(f"{before}\n    {after}") == [f"{message} will still be processed before."]
    assert problems(f"{after}\n    {before}") == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("monitor-net 192.0.2.1", "tcp-request content accept if A"),
        ("rspadd A:\\ 1", "rspidel ^A:"),
        ("rspidel ^A:", "http-response deny if A"),
        ("reqidel ^A:", "reqirep ^A: B:"),
        ("reqadd A:\\ 1", "http-response deny if A"),
    ],
)
def test_rules_that_do_not_run_in_one_order_may_stand_in_any(before: str, after: str) -> None:
    assert problems(f"{before}\n    {after}") == problems(f"{after}\n    {before}") == []


def test_inherited_rules_do_not_warn() -> None:
    text = (
        "defaults d\n mode http\n block if TRUE\n reqadd A:\\ 1\n reqidel ^A:\n"
        "frontend f from d\n http-request deny if TRUE\n"
    )
    found = [item.message for item in parse_text(text).report.items if item.severity is Severity.WARNING]
    assert found == ["a 'reqidel' rule placed after a 'reqadd' rule will still be processed before."]


def test_rules_behind_a_final_one_are_warned_about() -> None:
    message = "previous 'http-request' action is final and has no condition attached, further entries are NOOP."
    assert problems("http-request deny\n    http-request allow") == [message]
    assert problems("http-request deny if A\n    http-request allow") == []
    assert problems("http-request redirect location /\n    http-request allow") == [message]
    assert problems("http-request redirect location %[path] ignore-empty\n    http-request allow") == []


def test_connection_rules_belong_to_frontends() -> None:
    wanted = "tcp-request connection is not allowed because backend b is not a frontend"
    assert problems("tcp-request connection accept", section="backend") == [wanted]


def test_joined_rulesets_accept_into_the_second_and_resume_where_they_waited() -> None:
    answers = iter([WAIT, True, WAIT, True])
    first = ruleset.compile([line(say("a")), line(lambda ctx: Verdict(Outcome.STOP), lambda ctx: next(answers))], None)
    second = ruleset.compile([line(say("b")), line(say("c"), lambda ctx: next(answers))], None)
    both = ruleset.joined(first, second)
    ctx = context()
    assert both is not None
    at, stops = 0, []
    while (verdict := both.run(ctx, at)) is not None:
        assert verdict.kind is Outcome.WAIT
        at = verdict.at
        stops.append(at)
    assert stops == [1, 3]
    assert ctx.said == ["a", "b", "c"]
    closed = Verdict(Outcome.CLOSE)
    refusing = ruleset.joined(ruleset.compile([line(lambda ctx: closed)], None), second)
    assert refusing is not None and refusing.run(ctx) is closed
    assert ruleset.joined(None, second) is second
    alone = ruleset.joined(first, None)
    assert alone is not None and alone.run(ctx, 2) is None


DEFAULTS = """
defaults d
    mode http
    tcp-request session accept
    tcp-request content accept
    http-request set-var(txn.b) be_name
"""


def test_inherited_rules_do_not_count_as_written_before() -> None:
    config = parse_text(DEFAULTS + "frontend f from d\n bind 127.0.0.1:80\n tcp-request connection accept\n")
    assert [item.message for item in config.report.items if "placed after" in item.message] == []
    again = parse_text("listen l\n bind 127.0.0.1:80\n tcp-request content accept\n tcp-request connection accept\n")
    assert any("placed after" in item.message for item in again.report.items)


def test_what_one_side_offers_may_be_read_in_listen_and_defaults() -> None:
    program = Program(DEFAULTS + "frontend f from d\n bind 127.0.0.1:80\n")
    stream = program.stream()
    assert stream.frontend.http_request.run(stream) is None
    assert variables.get(stream, "txn.b").value == b"f"  # the frontend stands for a backend not yet chosen
    assert problems("http-request set-var(txn.b) be_name") != []
    assert problems("http-request set-var(txn.b) be_name", section="listen") == []
