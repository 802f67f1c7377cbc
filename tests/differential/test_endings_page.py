"""docs/endings.md beside the tables of endings: what is tested is explained, and what is explained is tested."""

from __future__ import annotations

import pytest

from tests.differential import test_endings, test_endings_http, test_endings_killed
from tests.differential.endings import DOCS, rows_of_the_page


def cases_of_endings() -> dict[tuple[str, str], list[str]]:
    """(first two characters, mode) -> cases that end so in pylb."""
    found: dict[tuple[str, str], list[str]] = {}
    states = {
        **{
            name: test_endings.DIFFERENT.get(name, {}).get("state", case[-1])
            for name, case in test_endings.HTTP.items()
        },
        **{name: case[-1] for name, case in (test_endings.TCP | test_endings.QUEUED).items()},
        **{name: case.state for name, case in (test_endings_http.CASES | test_endings_killed.CASES).items()},
    }
    for name, state in states.items():
        if state:
            found.setdefault((state[:2], "http" if len(state) == 4 else "tcp"), []).append(name)
    return found


def test_each_state_that_is_tested_has_its_row() -> None:
    assert sorted(cases_of_endings().keys() - rows_of_the_page().keys()) == []


@pytest.mark.parametrize("row", rows_of_the_page(), ids="-".join)
def test_each_row_has_its_case(row: tuple[str, str]) -> None:
    assert cases_of_endings().get(row)


def test_each_character_of_cookies_is_tested_and_explained() -> None:
    text = DOCS.read_text().partition("## The cookie's two characters")[2].partition("## Bytes")[0]
    third, fourth = (
        [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")]
        for part in text.split("| Fourth |")
    )
    states = [case.state for case in test_endings_http.CASES.values() if case.state[2:] != "--"]
    assert {state[2] for state in states} == set(third)
    assert {state[3] for state in states} == set(fourth)
