"""The words of userlist (manual 12.2): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

GOOD = (
    "user a",
    "user a password $5$x$y",
    "user a insecure-password x",
    "group g",
    "group g users",
    "user a groups",
)
WRONG = {
    "user": "'user' expects <name> as arguments.",
    "user a zork": "'user' only supports 'password', 'insecure-password' and 'groups' options.",
    "user a password x zork": "'user' only supports 'password', 'insecure-password' and 'groups' options.",
    "group": "'group' expects <name> as arguments.",
    "group g zork": "'group' only supports 'users' option.",
    "group g users a zork": "'group' only supports 'users' option.",
    "user a groups nobody": "userlist 'u': no such group 'nobody' specified in user 'a'",
    "group g users nobody": "userlist 'u': no such user 'nobody' specified in group 'g'",
    "no user a": "negation/default currently supported only for options",
    "zork": "unknown keyword 'zork' in 'users' section",
    "usr a": "unknown keyword 'usr' in 'users' section; did you mean 'user' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("userlist u", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_groups_and_users_name_each_other() -> None:
    assert alerts(section("userlist u", "group g users a", "user a", "user b groups g")) == []
