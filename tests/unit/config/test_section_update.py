"""The words of dynamic-update: what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.registry import Status
from tests.unit.config.judging import alerts, section
from tests.unit.config.judging import judged as whole

GOOD = (
    "update id /a url http://127.0.0.1/a",
    "update id /a url https://x.example/a delay 60s timeout 5s retries 3 map checksum hash",
    "update url http://127.0.0.1/a id /a",
)
WRONG = {
    "update": "'update' expects 'id' with a file.",
    "update id": "'update' : 'id' expects a value.",
    "update id /a": "'update' expects 'url' with an address.",
    "update url http://x/a": "'update' expects 'id' with a file.",
    "update id url delay 60s": "'update' : 'id' expects a value.",
    "update id /a url ftp://x/a": "'update' : 'url' expects an address that begins with http:// or https://, got 'f",
    "update id /a url http:///a": "'update' : 'url' expects an address that begins with http:// or https://, got 'h",
    "update id /a url http://x/a delay x": "unexpected character 'x' in argument to <delay>.",
    "update id /a url http://x/a delay": "'update' : 'delay' expects a value.",
    "update id /a url http://x/a retries -1": "'retries' expects a number of at least 0, got '-1'.",
    "update id /a url http://x/a dealy 3s": "'update' : unknown keyword 'dealy'; did you mean 'delay' maybe ?",
    "update id /a url http://x/a map map": "'update' : 'map' is set twice.",
    "zork": "unknown keyword 'zork' in 'dynamic-update' section",
    "udpate id /a": "unknown keyword 'udpate' in 'dynamic-update' section; did you mean 'update' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("dynamic-update", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_file_is_updated_by_one_line() -> None:
    line = "update id /a url http://127.0.0.1/a"
    twice = section("dynamic-update", line, line)
    assert alerts(twice) == ["'update' : the file '/a' is updated by another line already."]


def test_a_start_would_be_refused() -> None:
    config = whole(section("dynamic-update", "update id /a url http://127.0.0.1/a"))
    assert [use.word.name for use in config.inert(Status.UNSAFE)] == ["update"]
