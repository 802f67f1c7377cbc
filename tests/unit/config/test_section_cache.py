"""The words of cache (manual 6.2): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

GOOD = (
    "max-age 60",
    "max-object-size 10000",
    "max-object-size 10k",
    "max-secondary-entries 5",
    "process-vary on",
    "early-hints on",
    "early-hints on ratio 30",
    "early-hints only",
    "total-max-size 4095",
)
WRONG = {
    "total-max-size": "total-max-size wrong value ''",
    "total-max-size x": "total-max-size wrong value 'x'",
    "total-max-size 4096": '"total-max-size" (4096) must not be greater than 4095',
    "total-max-size 4 5": "'total-max-size' cannot handle unexpected argument '5'.",
    "max-age 1 2": "'max-age' cannot handle unexpected argument '2'.",
    "max-object-size x": "max-object-size wrong value 'x'",
    "max-object-size 1x": "max-object-size wrong value '1x'",
    "max-object-size 3m": '"max-object-size" is limited to an half of "total-max-size" => 2097152',
    "max-secondary-entries 0": "max-secondary-entries wrong value '0'",
    "max-secondary-entries x": "max-secondary-entries wrong value 'x'",
    "early-hints": "'early-hints' expects 'on', 'off' or 'only'.",
    "early-hints maybe": "'early-hints' expects 'on', 'off' or 'only'.",
    "early-hints on ratio": "'early-hints' expects a percentage after 'ratio'.",
    "early-hints on ratio 100": "'ratio' expects a number of at least 1 and at most 99, got '100'.",
    "early-hints on x": "'early-hints' cannot handle unexpected argument 'x'.",
    "zork": "unknown keyword 'zork' in 'cache' section",
    "max-aeg 3": "unknown keyword 'max-aeg' in 'cache' section; did you mean 'max-age' maybe ?",
    "no max-age 3": "negation/default currently supported only for options",
}


def judged(line: str) -> list[str]:
    return alerts(section("cache c", "total-max-size 4", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_cache_needs_a_size() -> None:
    assert alerts("cache c\n") == ["Size not specified for cache 'c'"]


def test_two_caches_of_one_name_are_an_error() -> None:
    assert "Duplicate cache name 'c'." in alerts(section("cache c", "total-max-size 4") * 2)


def test_a_rule_may_go_without_early_hints() -> None:
    rule = section("cache c", "total-max-size 4") + section("listen l", "mode http", "bind 127.0.0.1:1", "{}")
    assert alerts(rule.format("http-request cache-use c no-early-hints if { src 127.0.0.1 }")) == []
    assert alerts(rule.format("http-response cache-store c no-early-hints")) != []
    assert alerts(rule.format("http-request cache-use d no-early-hints")) != []
