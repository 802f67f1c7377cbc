"""The words of http-errors (manual 12.4): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

GOOD = ("errorfile 503 /dev/null",)
WRONG = {
    "errorfile": "errorfile: expects <status_code> and <file> as arguments.",
    "errorfile 503": "errorfile: expects <status_code> and <file> as arguments.",
    "errorfile x /y": "errorfile : status code '0' not handled.",
    "errorfile 299 /x": "errorfile : status code '299' not handled.",
    "errorfile 503 /nonexistent/x": "errorfile : error opening file '/nonexistent/x'.",
    "errorfiles x": "unknown keyword 'errorfiles' in 'http-errors' section; did you mean 'errorfile' maybe ?",
    "zork": "unknown keyword 'zork' in 'http-errors' section",
    "errorfiel 503 /x": "unknown keyword 'errorfiel' in 'http-errors' section; did you mean 'errorfile' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("http-errors e", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])
