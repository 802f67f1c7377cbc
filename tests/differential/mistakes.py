"""A generated suite of mistakes: what the real HAProxy says of thousands of lines, beside what pylb says.

    cases = [Case("listen", line) for line in spoilt("timeout queue 5s")]
    for difference in compare(cases): ...

A `Case` is one line under test with the kind of section it stands in; lines that must stand before it in the same
section go into `before`, whole sections that it refers to into the `prelude` of `compare`. `spoilt(line)` makes
mistakes of a valid line: arguments missing, surplus, of the wrong type, misspelt, out of range; a `no` or
`default` before it.
`everywhere(line)` puts it into every kind of proxy and into global.

`compare(cases)` writes many cases into one file, because HAProxy tells every error of a file with its line number, runs
`haproxy -c` and pylb's own reader with the checks of `-c`, and gives a `Difference` for each case that is judged
differently: `weight` tells whether the severity differs (accepted, warning, error: it must not) or only the sentence.
`judged(cases)` gives both verdicts of every case, `said_of(path)` all sentences about one whole file.

How HAProxy reads a file decides how files are made:

* at the fiftieth fatal error it gives up: a file holds at most BATCH cases;
* some errors end parsing at once (error lines of unknown sections, ERR_ABORT of some words). Each file therefore ends
  with a line that is certainly wrong; when its error is missing, everything behind the last error is asked again;
* what only comes out after parsing (references, modes, certificates) is asked in a second file that holds the cases
  that both sides accepted; there a message belongs to the case whose section it names;
* cases of `global` share one section: a file holds each word of it once.

HAProxy 2.6 is asked; newer words have tests of their own beside the manual.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pylb import standard
from pylb.config.reader import load
from pylb.config.resolve import resolve
from pylb.errors import Severity
from pylb.program import Program
from tests.harness.peers import find

BATCH = 40
PROXIES = ("frontend", "backend", "listen", "defaults")
OK, WARNING, ERROR = "accepted", "warning", "error"
LEVELS = {OK: 0, WARNING: 1, ERROR: 2}

_BASE = "defaults base\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
_LAST = "the-last-line-is-wrong"
_SAID = re.compile(r"\[(ALERT|WARNING)\] +\(\d+\) : (?:config : )?(.*)", re.DOTALL)
_PLACES = re.compile(r"\A(?:config : )?(?:[Pp]arsing )?\[([^\]]*?):(\d+)\] ?: ?(?:'[^']*' : )?")
_PARSING = re.compile(r"\A(?:config : )?(?:[Pp]arsing )?\[[^\]]*?:\d+\] ?: ?(?:parsing \[[^\]]*?:\d+\] : )?")
_SUMMARIES = (
    "Error(s) found in configuration",
    "Fatal errors found in configuration",
    "Some warnings were found",
    "too many fatal errors",
    "parsing [",
)


@dataclass(frozen=True, slots=True)
class Case:
    """One line under test."""

    section: str  # "global", "frontend", "backend", "listen", "defaults", "peers" ...
    line: str
    before: tuple[str, ...] = ()  # lines in front of it, in the same section

    def text(self, number: int) -> tuple[str, int]:
        """The section as text, and which line of it is under test."""
        name = f"m{number}m"
        if self.section == "global":
            head = "global"
        elif self.section in ("frontend", "listen"):
            head = f"{self.section} {name} from base\n bind 127.0.0.1:1"
        elif self.section == "backend":
            head = f"backend {name} from base"
        else:
            head = f"{self.section} {name}"
        lines = [head, *(f" {line}" for line in self.before), f" {self.line}"]
        text = "\n".join(lines) + "\n"
        return text, text.count("\n") - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one side says of a case: its worst severity, and the first sentence of that severity."""

    level: str = OK
    message: str = ""

    def worst(self, other: Verdict) -> Verdict:
        return other if LEVELS[other.level] > LEVELS[self.level] else self


@dataclass(frozen=True, slots=True)
class Difference:
    case: Case
    theirs: Verdict
    ours: Verdict

    @property
    def weight(self) -> str:
        """`severity` or `sentence`."""
        return "severity" if self.theirs.level != self.ours.level else "sentence"

    def __str__(self) -> str:
        return (
            f"{self.case.section}: {self.case.line}\n"
            f"   haproxy {self.theirs.level}: {self.theirs.message}\n"
            f"      pylb {self.ours.level}: {self.ours.message}"
        )


# -- making mistakes ------------------------------------------------------------------------------------------------

_WRONG = ("zork", "0", "-1", "1", "7x", "1.5", "99999999999", "on")


def misspelt(word: str) -> str:
    """A word with two letters exchanged."""
    middle = max(0, len(word) // 2 - 1)
    swapped = word[:middle] + word[middle : middle + 2][::-1] + word[middle + 2 :]
    return swapped if swapped != word else word + "z"


def spoilt(line: str, keyword: int = 1) -> Iterator[str]:
    """The line itself, then every mistake in it; the first `keyword` words are its name."""
    words = line.split(" ")
    yield line
    for count in range(len(words) - 1, keyword - 1, -1):
        yield " ".join(words[:count])
    yield f"{line} zork"
    yield f"{line} zork zork"
    for index in range(keyword, len(words)):
        for wrong in (*_WRONG, misspelt(words[index]), words[index].upper()):
            if wrong != words[index]:
                yield " ".join([*words[:index], wrong, *words[index + 1 :]])
    yield " ".join([*words[: keyword - 1], misspelt(words[keyword - 1]), *words[keyword:]])
    yield f"no {line}"
    yield f"default {line}"


def everywhere(line: str, sections: Sequence[str] = ("global", *PROXIES)) -> Iterator[Case]:
    """The line in every kind of section."""
    for section in sections:
        yield Case(section, line)


# -- judging --------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _File:
    """Cases written one behind the other, with the line numbers that belong to each."""

    text: str
    spans: list[tuple[int, int, int]]  # first line, line under test, last line

    @staticmethod
    def of(cases: Sequence[Case], prelude: str, wrong_end: bool) -> _File:
        text = _BASE + prelude
        spans = []
        for number, case in enumerate(cases):
            first = text.count("\n") + 1
            section, offset = case.text(number)
            text += section
            spans.append((first, first + offset, text.count("\n")))
        if wrong_end:
            text += f"listen the-end\n {_LAST}\n"
        return _File(text, spans)

    def owner(self, line: int, message: str) -> int | None:
        """Which case a message belongs to."""
        named = re.search(r"\bm(\d+)m\b", message)
        for number, (first, _, last) in enumerate(self.spans):
            if first <= line <= last:
                return number
        if not line and not named and len(self.spans) == 1:
            return 0  # without a place: nobody else can be meant
        return int(named[1]) if named and int(named[1]) < len(self.spans) else None


def _neutral(message: str, path: str) -> str:
    message = re.sub(r"\bm\d+m\b", "NAME", message.split("\n", maxsplit=1)[0])
    message = message.replace(path, "FILE")
    message = re.sub(r"FILE:\d+", "FILE", message)
    message = re.sub(r"[;.]? ?[Dd]id you mean .*", "", message)
    return message.strip().removesuffix(".")  # it stands where no suggestion does


os.environ.setdefault("RES_OPTIONS", "timeout:1 attempts:1")  # wrong addresses are looked up as names, by both sides
_NOT_FATAL = re.compile(r"already specified\. Continuing|was already specified\. Continuing")
"""HAProxy calls these alerts and goes on; here they are notices, because an alert stops the start."""


def _said_by_haproxy(path: Path) -> list[tuple[str, int, str]]:
    program = find("haproxy")
    assert program is not None
    run = subprocess.run([program, "-c", "-f", str(path)], capture_output=True, timeout=60, check=False)
    said = []
    for line in run.stderr.decode("utf-8", "replace").splitlines():
        match = _SAID.match(line)
        if match is None:
            continue
        place = _PLACES.match(match[2])
        message = _PARSING.sub("", match[2], count=1)
        if _NOT_FATAL.search(message):
            continue
        said.append((ERROR if match[1] == "ALERT" else WARNING, int(place[2]) if place else 0, message))
    return said


def _said_by_pylb(path: Path) -> list[tuple[str, int, str]]:
    config = load([str(path)], environment={})
    if not config.report.fatal:
        program = Program(config)
        resolve(config)
        if not config.report.fatal:
            program.compile()
    levels = {Severity.ALERT: ERROR, Severity.WARNING: WARNING}
    return [
        (levels[item.severity], item.span.line, item.message) for item in config.report.items if item.severity in levels
    ]


def said_of(path: Path) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """What both sides say of a whole file, without places: (severity, sentence)."""
    standard.load()
    theirs, ours = (
        {
            (level, _neutral(message, str(path)))
            for level, _, message in said
            if not message.startswith(_SUMMARIES) and "did you mean" not in message
        }
        for said in (_said_by_haproxy(path), _said_by_pylb(path))
    )
    return theirs, ours


def _verdicts(file: _File, said: list[tuple[str, int, str]], path: str) -> dict[int, Verdict]:
    found: dict[int, Verdict] = {}
    for level, line, message in said:
        owner = file.owner(line, message)
        if owner is not None and not message.startswith(_SUMMARIES):
            verdict = Verdict(level, _neutral(message, path))
            found[owner] = found.get(owner, Verdict()).worst(verdict)
    return found


@functools.cache
def _known(prelude: str) -> frozenset[str]:
    """What is said of a file without any case, and tells no place."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "none.cfg")
        path.write_text(_BASE + prelude, "utf-8", "surrogateescape")
        both = _said_by_haproxy(path) + _said_by_pylb(path)
    return frozenset(message for _, line, message in both if not line)


def _ask(cases: Sequence[Case], prelude: str, wrong_end: bool, path: Path) -> tuple[list[Verdict], list[Verdict], int]:
    """Both verdicts of each case, and how many cases HAProxy has read."""
    file = _File.of(cases, prelude, wrong_end)
    path.write_text(file.text, "utf-8", "surrogateescape")
    with ThreadPoolExecutor(1) as beside:  # HAProxy starts while pylb reads
        asked = beside.submit(_said_by_haproxy, path)
        answered = _said_by_pylb(path)
        said = asked.result()
    known = _known(prelude)
    said, answered = ([each for each in side if each[2] not in known] for side in (said, answered))
    read = len(cases)
    if wrong_end and not any(_LAST in message for _, _, message in said):
        last = max((line for level, line, _ in said if level == ERROR), default=0)
        read = next((n + 1 for n, (first, _, end) in enumerate(file.spans) if first <= last <= end), len(cases))
    theirs = _verdicts(file, said, str(path))
    ours = _verdicts(file, answered, str(path))
    count = range(len(cases))
    return [theirs.get(n, Verdict()) for n in count], [ours.get(n, Verdict()) for n in count], read


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Cases that may share a file."""
    shared: list[list[Case]] = []
    seen: list[set[str]] = []
    for case in cases:
        key = case.line.removeprefix("no ").removeprefix("default ").partition(" ")[0]
        key = key if case.section == "global" else ""
        for batch, words in zip(shared, seen, strict=True):
            if len(batch) < BATCH and (not key or key not in words):
                break
        else:
            batch, words = [], set()
            shared.append(batch)
            seen.append(words)
        batch.append(case)
        words.add(key)
        if len(batch) == BATCH:
            position = next(n for n, other in enumerate(shared) if other is batch)
            del shared[position], seen[position]
            yield batch
    yield from shared


def judged(cases: Iterable[Case], prelude: str = "", *, finish: bool = True) -> Iterator[tuple[Case, Verdict, Verdict]]:
    """Every case with HAProxy's verdict and pylb's; `finish=False` leaves out what comes after parsing."""
    standard.load()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mistakes.cfg")
        for batch in _batches(list(dict.fromkeys(cases))):
            accepted: list[tuple[Case, Verdict]] = []
            rest = batch
            while rest:
                theirs, ours, read = _ask(rest, prelude, True, path)
                for case, their, our in list(zip(rest, theirs, ours, strict=True))[:read]:
                    if finish and their.level != ERROR and our.level != ERROR and their == our:
                        accepted.append((case, their))
                    else:
                        yield case, their, our
                rest = rest[read:]
            if accepted:
                theirs, ours, _ = _ask([case for case, _ in accepted], prelude, False, path)
                for (case, before), their, our in zip(accepted, theirs, ours, strict=True):
                    yield case, before.worst(their), before.worst(our)


def compare(cases: Iterable[Case], prelude: str = "", *, finish: bool = True) -> Iterator[Difference]:
    """The cases that the two judge differently."""
    for case, theirs, ours in judged(cases, prelude, finish=finish):
        if theirs != ours:
            yield Difference(case, theirs, ours)


def confirmed(cases: Iterable[Case], prelude: str = "") -> Iterator[Difference]:
    """The differences of `compare`; differences of severity are those that remain when the case is alone in a file.

    What comes out after parsing may not be reached in a file of many cases, each side has its own order, some lines
    of a file exclude each other, and some messages tell no place.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "alone.cfg")
        for each in compare(cases, prelude):
            if each.weight == "severity":
                (theirs,), (ours,), _ = _ask([each.case], prelude, False, path)
                each = Difference(each.case, theirs, ours)
            if each.theirs != each.ours:
                yield each
