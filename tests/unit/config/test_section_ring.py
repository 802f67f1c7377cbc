"""The words of ring (manual 12.5): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

GOOD = (
    "description text",
    "format timed",
    "maxlen 1200",
    "size 32k",
    "timeout connect 5s",
    "timeout server 10s",
    "server s 127.0.0.1:514 log-proto octet-count",
)
WRONG = {
    "size": "invalid size '' for new sink buffer.",
    "size x": "invalid size 'x' for new sink buffer.",
    "size 0": "invalid size '0' for new sink buffer.",
    "size 100": "ignoring new size '100' that is smaller than current size '16384' for ring 'r'.",
    "format": "unknown format ''.",
    "format x": "unknown format 'x'.",
    "maxlen": "invalid size '' for new sink buffer.",
    "maxlen 0": "invalid size '0' for new sink buffer.",
    "description": "missing ring description text.",
    "server": "'server' expects <name> and <addr>[:<port>] as arguments.",
    "server s": "'server' expects <name> and <addr>[:<port>] as arguments.",
    "server s zork": "'server r/s' : invalid address: 'zork' in 'zork'",
    "server s! 127.0.0.1:514": "character '!' is not permitted in server name 's!'.",
    "server s 127.0.0.1:514 zork": "'server r/s' : unknown keyword 'zork'.",
    "timeout connect": "'timeout connect' expects <time> as argument.",
    "timeout connect x": "unexpected character 'x' in argument to <timeout connect>.",
    "backing-file /nonexistent/x": "cannot open backing-file '/nonexistent/x' for ring 'r': No such file or directo",
    "zork": "unknown statement 'zork'.",
    "discription x": "unknown statement 'discription'.; did you mean 'description' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("ring r", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_ring_does_not_shrink() -> None:
    assert alerts(section("ring r", "size 64k", "size 32k"))[0].startswith("ignoring new size '32768'")


def test_servers_have_names_of_their_own() -> None:
    lines = ("server s 127.0.0.1:514", "server s 127.0.0.1:515")
    assert "another server named 's' was already defined" in alerts(section("ring r", *lines))[0]
