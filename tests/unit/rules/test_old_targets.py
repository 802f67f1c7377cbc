"""appsession and reqsetbe: what they take; a start without the effect of appsession is refused."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from pylb.registry import Status
from tests.unit.config.judging import alerts, judged, said, section

EXPECTS = "'appsession' expects <cookie> len <number> timeout <time>."
GOOD = (
    "appsession JSESSIONID len 52 timeout 3h",
    "appsession S len 64 timeout 5000 prefix request-learn mode query-string",
    "appsession S len 64 timeout 3h mode path-parameters",
    r"reqsetbe ^Host:\ static b",
    r"reqisetbe ^[^\ :]*\ /img/ b if { src 127.0.0.1 }",
)
WRONG = {
    "appsession": EXPECTS,
    "appsession S": EXPECTS,
    "appsession S len": EXPECTS,
    "appsession S timeout 3h len 5": EXPECTS,
    "appsession S len 52": EXPECTS,
    "appsession S len 52 timeout": EXPECTS,
    "appsession S len 0 timeout 3h": "'len' expects a number of at least 1, got '0'.",
    "appsession S len 52 timeout x": "unexpected character 'x' in argument to <timeout>.",
    "appsession S len 52 timeout 3h request-lern": "'appsession' : unknown option 'request-lern'; did you mean",
    "appsession S len 52 timeout 3h mode": "'appsession' : 'mode' expects 'path-parameters' or 'query-string'.",
    "appsession S len 52 timeout 3h mode query": "'appsession' : unknown mode 'query'.",
    "reqsetbe": "'reqsetbe' expects <search> and <target> as arguments.",
    "reqsetbe x": "'reqsetbe' expects <search> and <target> as arguments.",
    "reqsetbe ( b": "'reqsetbe' : regex '(' is invalid",
    "reqisetbe x b when": "'reqisetbe' expects either 'if' or 'unless' followed by a condition but found 'when'.",
    "reqisetbe x b if zork": "error detected",
    "reqisetbe x nowhere": "proxy 'l' : 'reqisetbe' : unable to find the backend 'nowhere'.",
    "reqsetbe x t": "proxy 'l' : 'reqsetbe' : the backend 't' is not in HTTP mode.",
}


def text(line: str) -> str:
    first = section("listen l", "mode http", "bind 127.0.0.1:1", line)
    return first + section("backend b", "mode http") + section("backend t", "mode tcp")


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted_and_a_start_refused_where_it_has_no_effect(line: str) -> None:
    config = judged(text(line))
    assert said(config) == []
    assert [use.word.name for use in config.inert(Status.UNSAFE)] == ["appsession"] * line.startswith("appsession")


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert alerts(text(line))[0].startswith(WRONG[line])


def test_the_word_of_today_is_told() -> None:
    notices = said(judged(text("reqsetbe x b")), Severity.NOTICE)
    assert "'reqsetbe' is not supported by HAProxy since 1.9; today: 'use_backend' with a condition." in notices


def test_a_frontend_has_no_application_sessions() -> None:
    config = judged(section("frontend f", "bind 127.0.0.1:1", "appsession S len 52 timeout 3h"))
    assert any("'appsession'" in warning for warning in said(config, Severity.WARNING))
