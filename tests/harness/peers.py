"""Real programs that tests talk to: found, or the test says which one is missing.

By hand an absent peer skips the test with its reason; with CI=true in the environment it fails, because `.ci/run`
has installed all of them.
"""

from __future__ import annotations

import os
import shutil

import pytest

# Debian keeps daemons where an ordinary PATH does not look.
_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])


def find(program: str) -> str | None:
    return shutil.which(program, path=_SEARCH)


def missing(*programs: str) -> list[str]:
    return [program for program in programs if find(program) is None]


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def requires(*programs: str) -> pytest.MarkDecorator:
    """Decorator: the test needs these programs. `pytestmark = requires("haproxy")` does it for a file."""
    return pytest.mark.requires(*programs)


def need(*programs: str) -> None:
    """What the marker does, for fixtures: skip or, in CI, fail when a program is absent."""
    absent = missing(*programs)
    if not absent:
        return
    reason = f"needs {', '.join(absent)} (Debian package of that name)"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
