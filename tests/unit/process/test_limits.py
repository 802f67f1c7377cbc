from __future__ import annotations

import resource
from typing import Any

import pytest

from pylb.process import limits

INFINITY = resource.RLIM_INFINITY


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A kernel with limits of its own: `system(soft, hard, top)`; `.now` is what is set."""

    class System:
        now = (0, 0)
        root = False

        def __call__(self, soft: int, hard: int) -> None:
            self.now = (soft, hard)

        def get(self, which: int) -> tuple[int, int]:
            assert which == resource.RLIMIT_NOFILE
            return self.now

        def set(self, which: int, values: tuple[int, int]) -> None:
            if values[1] > self.now[1] and not self.root:
                raise ValueError("not allowed to raise maximum limit")
            self.now = values

    made = System()
    monkeypatch.setattr(limits.resource, "getrlimit", made.get)
    monkeypatch.setattr(limits.resource, "setrlimit", made.set)
    return made


@pytest.mark.parametrize(("hard", "maxconn"), [(1024, 498), (20000, 9986)])
def test_without_maxconn_the_hard_limit_decides_as_in_haproxy(system, hard, maxconn):
    system(1024, hard)
    found, problems = limits.settle({}, 2)
    assert problems == []
    assert found == maxconn
    assert system.now[0] >= min(hard, found * 2)


def test_with_maxconn_the_soft_limit_is_raised_to_fit(system):
    system(1024, 20000)
    assert limits.settle({"maxconn": 5000}, 4) == (5000, [])
    assert system.now == (10030, 20000)


def test_the_command_line_wins_over_the_file(system):
    system(1024, 20000)
    assert limits.settle({"maxconn": 5000}, 0, 700)[0] == 700


def test_a_limit_that_is_enough_is_left_alone(system):
    system(1024, 20000)
    limits.settle({"maxconn": 10}, 1)
    assert system.now == (1024, 20000)


def test_a_limit_that_cannot_be_reached_stops_the_start(system):
    system(1024, 2000)
    _, (problem,) = limits.settle({"maxconn": 5000}, 0)
    assert (problem.severity.name, problem.message) == (
        "ALERT",
        "[haproxy.main()] Cannot raise FD limit to 10026, limit is 2000.",
    )


def test_without_strict_limits_it_is_a_warning_and_the_most_is_taken(system):
    system(1024, 2000)
    _, (problem,) = limits.settle({"maxconn": 5000, "strict-limits": False}, 0)
    assert problem.severity.name == "WARNING"
    assert system.now == (2000, 2000)


def test_root_raises_the_hard_limit_too(system):
    system(1024, 2000)
    system.root = True
    assert limits.settle({"maxconn": 5000}, 0) == (5000, [])
    assert system.now == (10026, 10026)


def test_ulimit_n_replaces_what_follows_from_maxconn(system):
    system(64, 2000)
    assert limits.settle({"maxconn": 5000, "ulimit-n": 500}, 0) == (5000, [])
    assert system.now == (500, 2000)


def test_fd_hard_limit_bounds_what_is_counted_on(system):
    system(1024, 20000)
    assert limits.settle({"fd-hard-limit": 1026}, 0) == (500, [])
    system.root = True
    _, (problem,) = limits.settle({"fd-hard-limit": 1026, "maxconn": 5000}, 0)
    assert problem.message == "[haproxy.main()] Cannot raise FD limit to 10026, limit is 1026."


def test_no_limit_at_all_gives_a_bounded_maxconn(system):
    system(INFINITY, INFINITY)
    found, problems = limits.settle({}, 0)
    assert problems == [] and 100_000 < found < 1 << 20


def test_pipes_of_splicing_have_descriptors_of_their_own(system):
    """One pipe for four connections, or as many as `maxpipes` says; each takes two descriptors."""
    system(1024, 20000)
    assert limits.settle({"fd-hard-limit": 1026}, 0, splicing=True) == (400, [])
    assert limits.settle({"fd-hard-limit": 1026, "maxpipes": 100}, 0) == (400, [])
