"""The words of log-forward (manual 12.6): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.registry import Status
from tests.unit.config.judging import alerts, section
from tests.unit.config.judging import judged as whole

GOOD = (
    "dgram-bind 127.0.0.1:2",
    "backlog 10",
    "maxconn 10",
    "timeout client 5s",
    "option assume-rfc6587-ntf",
    "no option dont-parse-log",
    "option host replace",
    "log 127.0.0.1:514 local0",
    "log global",
    "log stdout format raw daemon",
)
WRONG = {
    "bind 127.0.0.1:2 zork": "'bind 127.0.0.1:2' in section 'log-forward': unknown keyword 'zork'.",
    "dgram-bind 127.0.0.1:2 zork": "unknown keyword 'zork' in 'log-forward' section.",
    "dgram-bind foo": "'dgram-bind foo' : missing port specification in 'foo'",
    "backlog": "'backlog' expects an integer argument.",
    "backlog 1 2": "'backlog' cannot handle unexpected argument '2'.",
    "maxconn": "'maxconn' expects an integer argument.",
    "timeout": "unknown keyword 'timeout ' in log-forward section.",
    "timeout cleint 1s": "unknown keyword 'timeout cleint' in log-forward section.",
    "timeout client": "missing timeout client value.",
    "timeout client x": "timeout : unexpected character 'x' in 'timeout client'",
    "option": "unknown keyword 'option' in log-forward section.",
    "option zork": "unknown keyword 'option' in log-forward section.",
    "option host": "option host expects {replace|fill|keep|append}.",
    "option host maybe": "option host expects {replace|fill|keep|append}.",
    "option dont-parse-log x": "'option dont-parse-log' cannot handle unexpected argument 'x'.",
    "log": "log : expects <address> and <facility> or global as arguments",
    "log 127.0.0.1:514": "log : expects <address> and <facility> or global as arguments",
    "log 127.0.0.1:514 zork": "log : unknown log facility 'zork'",
    "zork": "unknown keyword 'zork' in log-forward section.",
}


def judged(line: str) -> list[str]:
    return alerts(section("log-forward f", "bind 127.0.0.1:1", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_nothing_of_it_is_without_effect() -> None:
    config = whole(section("log-forward f", "bind 127.0.0.1:1", "dgram-bind 127.0.0.1:1"))
    assert not config.inert(Status.UNSAFE)
    assert not config.inert(Status.HARMLESS)


def test_a_name_is_used_once() -> None:
    text = section("log-forward f", "bind 127.0.0.1:1")
    assert "has the same name as another log-forward section" in alerts(text * 2)[0]
