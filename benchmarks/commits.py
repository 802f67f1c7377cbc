"""Checkouts of other commits, to measure pylb against itself."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.subjects import ROOT, Subject, pylb


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


@contextlib.contextmanager
def at_commit(commit: str) -> Iterator[Subject]:
    """pylb as it was at a commit, in a work tree of its own, run by this interpreter; `.` is the tree as it is."""
    if commit == ".":
        yield pylb("pylb (work tree)")
        return
    short = _git("rev-parse", "--short", f"{commit}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="pylb-commit-") as folder:
        tree = Path(folder, "tree")
        _git("worktree", "add", "--detach", str(tree), short)
        try:
            yield pylb(f"pylb@{short}", tree)
        finally:
            _git("worktree", "remove", "--force", str(tree))
