"""The words of traces (manual 12.1): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

BEFORE = "ring buf\n    size 32k\n"
GOOD = (
    "trace h1 sink buf level developer verbosity complete start now",
    "trace h2 event +any lock session follow session",
    "trace all level user sink stderr",
    "trace all stop now",
    "trace h1 sink",
    "trace 0",
    "trace h1",
    "trace pt verbosity complete start now",
    "trace qcm start now",
)
WRONG = {
    "trace": "'trace' expects a source.",
    "trace h11 level user": "No such trace source 'h11'; did you mean 'h1' maybe ?",
    "trace h1 levle user": "Unknown trace keyword 'levle'; did you mean 'level' maybe ?",
    "trace h1 level usr": "No such trace level 'usr'; did you mean 'user' maybe ?",
    "trace h1 sink buff": "No such trace sink 'buff'; did you mean 'buf' maybe ?",
    "trace h1 follow sesion": "No such trace source 'sesion'; did you mean 'session' maybe ?",
    "trace h1 event +": "'trace' : 'event' expects a name, got '+'.",
    "trace all verbosity quiet": "Unknown trace keyword 'verbosity'.",
    "trace 0 x": "'trace' cannot handle unexpected argument 'x'.",
    "zork": "unknown keyword 'zork' in 'traces' section",
    "trase h1": "unknown keyword 'trase' in 'traces' section; did you mean 'trace' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(BEFORE + section("traces", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_ring_that_is_a_sink_stands_before() -> None:
    traces = section("traces", "trace h1 sink late")
    assert alerts(traces + section("ring late", "size 32k")) == ["No such trace sink 'late'."]
