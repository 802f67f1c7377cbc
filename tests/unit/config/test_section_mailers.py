"""The words of mailers (manual 12.3): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from tests.unit.config.judging import alerts, said, section
from tests.unit.config.judging import judged as whole

GOOD = (
    "mailer e 127.0.0.1:25",
    "timeout mail 20s",
)
WRONG = {
    "mailer": "'mailer' expects <name> and <addr>[:<port>] as arguments.",
    "mailer e": "'mailer' expects <name> and <addr>[:<port>] as arguments.",
    "mailer e 127.0.0.1": "'mailer e' : missing port specification in '127.0.0.1'",
    "mailer e! 127.0.0.1:25": "character '!' is not permitted in server name 'e!'.",
    "mailer e udp@127.0.0.1:25": "'mailer e' : dgram-type address not acceptable in 'udp@127.0.0.1:25'",
    "mailer e /tmp/x": "'mailer e' : TCP not supported for this address family.",
    "timeout": "'timeout' expects 'mail' and <time> as arguments.",
    "timeout male 1s": "'timeout' expects 'mail' and <time> as arguments got 'male'.",
    "timeout mail": "'timeout mail' expects <time> as argument.",
    "timeout mail x": "unexpected character 'x' in argument to <timeout mail>.",
    "zork": "unknown keyword 'zork' in 'mailers' section",
    "mialer x": "unknown keyword 'mialer' in 'mailers' section; did you mean 'mailer' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("mailers m", "mailer d 127.0.0.1:25", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_section_that_nobody_uses_is_removed() -> None:
    warnings = said(whole(section("mailers m", "mailer a 127.0.0.1:25")), Severity.WARNING)
    assert "Removing incomplete section 'mailers m'." in warnings
