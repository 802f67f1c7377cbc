"""Quoting and variables in every kind of position, beside the real HAProxy: both complain of the same word."""

from __future__ import annotations

import random
import re
import subprocess
from pathlib import Path

import pytest

from pylb import standard
from pylb.config.reader import load
from pylb.errors import Severity
from tests.harness import requires
from tests.harness.peers import find

standard.load()
pytestmark = requires("haproxy")

PIECES = [*"ab$$\"\"''\\\\{}*-#x41_.]", "  ", "${A}", "${B-", "$A", "${A[*]}", "${NONE[*]}", "${NONE-d e}", "\\x4"]
PIECES += ["\\x41", "\\ ", '\\"', "\\#", "\t"]
ENVIRONMENT = {"A": "one two  three ", "B": ""}
POSITIONS = {
    "keyword": ("global\n", " {} x\n"),
    "name of a section": ("", "backend {}\n"),
    "name of a userlist": ("", "userlist {}\n"),
    "option": ("defaults\n", " option {}\n"),
    "second word of a keyword": ("defaults\n", " timeout {} 1s\n"),
    "time": ("defaults\n", " timeout client {}\n"),
    "surplus argument": ("global\n", " daemon {}\n"),
    "server option": ("backend b\n", " server s{n} 127.0.0.1:1 {}\n"),
    "value of a server option": ("backend b\n", " server s{n} 127.0.0.1:1 weight 1 observe {}\n"),
    "bind option": ("frontend f\n", " bind 127.0.0.1:1 {}\n"),
    "mode": ("defaults\n", " mode {}\n"),
    "algorithm": ("defaults\n", " balance {}\n"),
    "log facility": ("global\n", " log 127.0.0.1:1 {}\n"),
    "condition": ("frontend f\n", " use_backend b if {}\n"),
}
_LINE = re.compile(r"\[(?:ALERT|WARNING)\] +\(\d+\) : config : (?:[Pp]arsing )?\[[^\]]*:(\d+)\] ?: ?(.*)")


def sentence(message: str) -> str:
    return re.sub(r"[;,]? did you mean .*", "", message).strip().rstrip(".")


def theirs(path: Path) -> dict[int, str]:
    program = find("haproxy")
    assert program is not None
    run = subprocess.run(
        [program, "-c", "-f", str(path)], capture_output=True, env=ENVIRONMENT, timeout=60, check=False
    )
    found: dict[int, str] = {}
    for line in run.stderr.decode("utf-8", "surrogateescape").split("\n"):
        match = _LINE.match(line)
        if match is not None:
            found.setdefault(int(match[1]), sentence(match[2]))
    return found


def ours(path: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    for item in load([str(path)], environment=dict(ENVIRONMENT)).report.items:
        if item.severity < Severity.WARNING:
            continue
        match = re.match(r"\[[^\]]*:(\d+)\] ?: (.*)", item.message)
        line, message = (int(match[1]), match[2]) if match else (item.span.line, item.message.split("\n")[0])
        found.setdefault(line, sentence(message))
    return found


@pytest.mark.parametrize("position", POSITIONS)
def test_both_see_the_same_words(position: str, tmp_path: Path) -> None:
    head, form = POSITIONS[position]
    compared = 0
    for seed in range(4):
        chance = random.Random(f"{position} {seed}")
        words = ["".join(chance.choices(PIECES, k=chance.randrange(1, 10))) for _ in range(45)]
        lines = [form.replace("{n}", str(number)).replace("{}", word) for number, word in enumerate(words)]
        path = tmp_path / f"{seed}.cfg"
        path.write_text(head + "".join(lines), "ascii")
        wanted, found = theirs(path), ours(path)
        last = max(wanted)  # HAProxy may give up there
        assert {n: text for n, text in found.items() if n <= last} == wanted
        compared += len(wanted)
    assert compared > 40
