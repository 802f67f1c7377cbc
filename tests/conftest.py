"""Fixtures for everybody; what they start ends with the test. The pieces are explained in tests/harness/README.md."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest

from tests.harness.differential import differential as run_differential
from tests.harness.origin import Origin, Script
from tests.harness.peers import need
from tests.harness.programs import Program, running
from tests.harness.syslog import Syslog

hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("hand", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "hand")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("requires"):
        need(*marker.args)


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    """Whatever is entered here is left at the end of the test."""
    with contextlib.ExitStack() as stack:
        yield stack


def _starter(kind: str, stack: contextlib.ExitStack) -> Callable[..., Program]:
    def begin(config: str, **details: Any) -> Program:
        return stack.enter_context(running(kind, config, **details))

    return begin


@pytest.fixture
def haproxy(stack: contextlib.ExitStack) -> Callable[..., Program]:
    """`haproxy(config, values=..., files=...)` starts the real HAProxy and returns it when it listens."""
    need("haproxy")
    return _starter("haproxy", stack)


@pytest.fixture
def pylb(stack: contextlib.ExitStack) -> Callable[..., Program]:
    """`pylb(config, ...)` starts pylb as a process of its own."""
    return _starter("pylb", stack)


@pytest.fixture
def nginx(stack: contextlib.ExitStack) -> Callable[..., Program]:
    """`nginx(config)` starts nginx; `server { ... }` blocks alone are enough."""
    need("nginx")
    return _starter("nginx", stack)


@pytest.fixture(params=["haproxy", "pylb"])
def both(request: pytest.FixtureRequest, stack: contextlib.ExitStack) -> Callable[..., Program]:
    """Runs the test twice, with HAProxy and with pylb behind the same call: the same assertions hold for both."""
    if request.param != "pylb":
        need(request.param)
    return _starter(request.param, stack)


@pytest.fixture
def origin(stack: contextlib.ExitStack) -> Callable[..., Origin]:
    """`origin(script, name="s1")` starts a recording origin server."""

    def begin(script: Script | None = None, *, name: str = "origin", path: str | None = None) -> Origin:
        return stack.enter_context(Origin(script, name=name, path=path))

    return begin


@pytest.fixture
def syslog(stack: contextlib.ExitStack) -> Syslog:
    """A UDP syslog server; `Syslog(path)` makes one on a unix socket."""
    return stack.enter_context(Syslog())


@pytest.fixture
def differential() -> Callable[..., Any]:
    """`differential(config, scenario, origins=...)`: see tests/harness/differential.py."""
    return run_differential
