"""Retries and redispatches, as measured beside HAProxy: when, where to, and after what pause."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pylb.server.retries import GIVE_UP, causes, next_step, replay


def stream_of(
    *, retries: int = 3, redispatch: int = 0, active: int = 3, any_server: bool = True, persistent: bool = False
) -> Any:
    backend = SimpleNamespace(
        retries=retries,
        retry_on=frozenset(("conn-failure",)),
        redispatch=redispatch,
        timeout_connect=0.3,
        persistence=None,
        algorithm=SimpleNamespace(active=active, any_server=any_server),
    )
    return SimpleNamespace(
        backend=backend, retries=0, persistent=persistent, setting=lambda name, owner: getattr(owner, name)
    )


def life(stream: Any) -> list[str]:
    """Every step until giving up: `same` or `other`, with `+` where a pause comes first."""
    steps = []
    while (step := next_step(stream)) != GIVE_UP:
        steps.append(("other" if step.redispatch else "same") + ("+" if step.pause else ""))
        stream.retries += 1
        if step.redispatch:
            stream.persistent = False
    return steps


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, ["same+", "same+", "same+"]),
        ({"retries": 0}, []),
        ({"redispatch": -1}, ["other", "other", "other"]),
        ({"redispatch": -1, "active": 1}, ["same+", "same+", "other+"]),
        ({"redispatch": -1, "any_server": False}, ["same+", "same+", "other"]),
        ({"redispatch": -1, "persistent": True}, ["same+", "same+", "other"]),
        ({"redispatch": 1, "persistent": True}, ["other", "other", "other"]),
        ({"redispatch": 2, "persistent": True}, ["same+", "other", "other"]),
        ({"redispatch": -2, "persistent": True}, ["same+", "other", "other"]),
        ({"redispatch": -2, "persistent": True, "retries": 5}, ["same+", "same+", "same+", "other", "other"]),
        ({"redispatch": 2, "any_server": False, "retries": 5}, ["same+", "other", "same+", "other", "same+"]),
        ({"redispatch": 0, "persistent": True}, ["same+", "same+", "same+"]),
    ],
)
def test_steps_follow_haproxy(facts: dict[str, Any], expected: list[str]) -> None:
    assert life(stream_of(**facts)) == expected


def test_a_timeout_has_been_pause_enough() -> None:
    assert next_step(stream_of(), timed_out=True).pause == 0.0


def test_without_its_word_a_failed_connection_is_not_tried_again() -> None:
    stream = stream_of()
    stream.backend.retry_on = frozenset(("empty-response",))
    assert next_step(stream) == GIVE_UP


def test_a_repetition_needs_no_pause_and_counts_like_any_retry() -> None:
    assert replay(stream_of()) == (True, False, 0.0)
    assert replay(stream_of(redispatch=-1)) == (True, True, 0.0)
    assert replay(stream_of(retries=0)) == GIVE_UP


@pytest.mark.parametrize(
    ("words", "expected", "statuses"),
    [
        (None, {"conn-failure"}, set()),
        ({"none"}, set(), set()),
        ({"empty-response", "404", "503"}, {"empty-response"}, {404, 503}),
        (
            {"all-retryable-errors", "429"},
            {"conn-failure", "empty-response", "junk-response", "response-timeout", "0rtt-rejected"},
            {429, 500, 502, 503, 504},
        ),
    ],
)
def test_words_of_retry_on(words: set[str] | None, expected: set[str], statuses: set[int]) -> None:
    assert causes(None if words is None else frozenset(words)) == (expected, statuses)


def test_the_pause_is_a_second_at_most() -> None:
    stream = stream_of()
    stream.backend.timeout_connect = 30.0
    assert next_step(stream).pause == 1.0


def test_force_persist_stays_with_its_server() -> None:
    stream = stream_of(redispatch=-1)
    stream.backend.persistence = SimpleNamespace(forced=lambda _: True)
    assert life(stream) == ["same+", "same+", "same+"]
