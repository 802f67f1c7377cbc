"""The introductions of the reference: each belongs to a page, and its example is accepted."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pylb.editing.fmt import format_text
from tests.unit.docs.test_generate import ROOT, load

HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")


def examples(version: str) -> dict[str, str]:
    """Page -> its example for that version of HAProxy: the one at hand, or a newer one that only pylb can judge."""
    found = re.compile(rf"```haproxy {re.escape(version)}\n(.*?)```", re.DOTALL)
    texts = load().introductions()
    return {page: match[1] for page, text in texts.items() if (match := found.search(text))}


OF_BOTH = examples("2.6")
NEWER = examples("3.5")
EXAMPLES = OF_BOTH | NEWER
WITHOUT = {"services", "commands"}


def accepted(program: list[str], text: str, folder: Path) -> None:
    path = folder / "example.cfg"
    listener = "\nfrontend listener-of-the-test\n    mode http\n    timeout client 1s\n    bind 127.0.0.1:18399\n"
    path.write_text(text + listener)
    done = subprocess.run([*program, "-c", "-f", str(path)], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", EXAMPLES)
def test_the_example_is_valid(page, tmp_path):
    accepted([sys.executable, "-m", "pylb"], EXAMPLES[page], tmp_path)


@pytest.mark.skipif(HAPROXY is None, reason="no haproxy here")
@pytest.mark.parametrize("page", OF_BOTH)
def test_the_example_is_valid_for_haproxy(page, tmp_path):
    accepted([str(HAPROXY)], OF_BOTH[page], tmp_path)


def test_every_page_has_an_example():
    assert not OF_BOTH.keys() & NEWER.keys()
    assert load().introductions().keys() - EXAMPLES.keys() == WITHOUT


@pytest.mark.parametrize("page", EXAMPLES)
def test_the_example_has_the_common_layout(page):
    assert format_text(EXAMPLES[page].encode()).decode() == EXAMPLES[page]


def test_every_page_has_an_introduction_and_every_introduction_a_page():
    written = {path.stem for path in (ROOT / "docs" / "reference").glob("*.md")} - {"README"}
    assert set(load().introductions()) == written
