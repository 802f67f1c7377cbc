"""The words of log-profile (manual 8.3.5): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

GOOD = (
    "log-tag custom",
    'on error format "%ci: error"',
    "on connect drop",
    'on any sd "custom" format "%HM %[src]"',
    'on http-req format "%OG"',
    "on quic-init drop",
)
WRONG = {
    "log-tag": "'log-tag' expects a tag for use in syslog.",
    "log-tag a b": "'log-tag' cannot handle unexpected argument 'b'.",
    "on": "'on' expects a logging step.",
    "on clos drop": "'on' : unknown logging step 'clos'; did you mean 'close' maybe ?",
    "on close": "'on close' expects 'drop', 'format' or 'sd'.",
    "on close format": "'on close' : 'format' expects a log-format string.",
    "on close sd": "'on close' : 'sd' expects a log-format string.",
    "on close formt x": "'on close' expects 'drop', 'format' or 'sd', got 'formt'; did you mean 'format' maybe ?",
    'on close format "%[nosuch]"': "'on close' : failed to parse sample expression <nosuch]> : unknown fetch method",
    'on close format "%[src,zork]"': "'on close' : failed to parse sample expression <src,zork]> : unknown converte",
    "log-tga x": "unknown keyword 'log-tga' in 'log-profile' section; did you mean 'log-tag' maybe ?",
    "zork": "unknown keyword 'zork' in 'log-profile' section",
}


def judged(line: str) -> list[str]:
    return alerts(section("log-profile p", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


PROXY = "defaults\n    mode http\nfrontend f\n    bind 127.0.0.1:1\n    "


def test_a_log_line_names_a_profile_that_is_there() -> None:
    profile = section("log-profile mine", "on any drop")
    log = PROXY + "log 127.0.0.1:514 profile {} local0\n"
    assert alerts(log.format("mine") + profile) == []
    assert alerts(log.format("mime") + profile) == ["log : unknown log-profile 'mime'"]


def test_do_log_names_a_profile_that_is_there() -> None:
    profile = section("log-profile mine", "on http-req drop")
    rule = PROXY + "http-request do-log profile {}\n"
    assert alerts(rule.format("mine") + profile) == []
    assert alerts(rule.format("mime") + profile) == ["'do-log' : unable to find the log-profile section 'mime'."]


def test_two_profiles_of_one_name_are_an_error() -> None:
    profile = section("log-profile p", "on any drop")
    assert alerts(profile * 2) == ["log-profile section 'p' already exists (declared at test.cfg:1)."]
