"""The words of program: what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.registry import Status
from tests.unit.config.judging import alerts, section
from tests.unit.config.judging import judged as whole

BEFORE = "global\n    master-worker\n"
GOOD = (
    "command /bin/echo a b",
    "user root",
    "group root",
    "option start-on-reload",
    "no option start-on-reload",
)
WRONG = {
    "command": "'command' expects a command with optional arguments separated in words.",
    "user": "'user' expects a user name.",
    "user nobody-like-this": "cannot find user id for 'nobody-like-this' (0:Success)",
    "user root x": "'user' cannot handle unexpected argument 'x'.",
    "group": "'group' expects a group name.",
    "group nobody-like-this": "cannot find group id for 'nobody-like-this' (0:Success)",
    "option": "'option' expects an option name.",
    "option start-on-relaod": "unknown option 'start-on-relaod'.",
    "option start-on-reload x": "'option start-on-reload' cannot handle unexpected argument 'x'.",
    "no command /bin/true": "negation/default currently supported only for options",
    "zork": "unknown keyword 'zork' in 'program' section",
}


def judged(line: str) -> list[str]:
    return alerts(BEFORE + section("program p", "command /bin/true", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_program_needs_a_command_and_a_master() -> None:
    assert alerts(BEFORE + "program p\n") == ["The program section 'p' lacks a command to launch."]
    text = section("program p", "command /bin/true")
    assert alerts(text) == ["Can't use a 'program' section without master worker mode."]


def test_a_start_without_the_program_would_be_refused() -> None:
    config = whole(BEFORE + section("program p", "command /bin/true"))
    assert [use.word.name for use in config.inert(Status.UNSAFE)] == ["command"]
