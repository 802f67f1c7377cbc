"""Cutting lines into words, beside the real HAProxy: equal words or the same complaint for thousands of odd lines."""

from __future__ import annotations

import os
import random
import re
import subprocess
from pathlib import Path

from pylb.config.reader import load
from tests.harness import requires
from tests.harness.peers import find

pytestmark = requires("haproxy")

# No letter here forms an escape that prints a control character (\n, \r, \t).
PIECES = [
    *"ab $$\"\"''\\\\{}[*]-#x41_.",
    "${A}",
    "${B-",
    "$A",
    "${A[*]}",
    "${NONE[*]",
    "\\x4",
    "\\x41",
    "\\ ",
    '\\"',
    "é",
]
ENVIRONMENT = {"A": "one two  three ", "B": "", "_x": "under"}
_LINE = re.compile(r"\[\w+\] +\(\d+\) : config : parsing \[[^\]]*:(\d+)\] ?: ?(.*)")


def lines(seed: int, count: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices(PIECES, k=chance.randrange(1, 14))) for _ in range(count)]


def by_haproxy(path: Path) -> dict[int, str]:
    program = find("haproxy")
    assert program is not None
    environment = {"PATH": os.environ.get("PATH", ""), **ENVIRONMENT}
    run = subprocess.run(
        [program, "-c", "-f", str(path)], capture_output=True, env=environment, timeout=60, check=False
    )
    found: dict[int, str] = {}
    for line in run.stderr.decode("utf-8", "surrogateescape").split("\n"):
        match = _LINE.match(line)
        if match is not None:
            if match[2].startswith("too many fatal errors"):
                found[int(match[1])] = match[2]
            found.setdefault(int(match[1]), match[2])
    return found


def by_pylb(path: Path) -> dict[int, str]:
    config = load([str(path)], environment=dict(ENVIRONMENT))
    found: dict[int, str] = {}
    for item in config.report.items:
        found.setdefault(item.span.line, item.message.split("\n")[0])
    return found


def test_words_are_cut_as_haproxy_cuts_them(tmp_path: Path) -> None:
    compared = 0
    for seed in range(40):
        written = [f".notice {line}" for line in lines(seed, 100)]
        path = tmp_path / f"{seed}.cfg"
        path.write_text("".join(f"{line}\n" for line in written), "utf-8")
        theirs, ours = by_haproxy(path), by_pylb(path)
        # HAProxy gives up at the fiftieth fatal error.
        last = (
            max(theirs) if any("too many fatal errors" in message for message in theirs.values()) else len(written) + 1
        )
        numbers = [number for number in theirs.keys() | ours.keys() if number < last]
        compared += len(numbers)
        wrong = {
            number: (written[number - 1], theirs.get(number), ours.get(number))
            for number in numbers
            if theirs.get(number) != ours.get(number)
        }
        assert not wrong
    assert compared > 3000
