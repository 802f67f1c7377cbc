"""No word is forgotten: what pylb has and HAProxy 2.6 knows has a valid line in the suite of mistakes.

HAProxy itself is asked what it knows: it says something else of a word it has than of nonsense in the same place. Words
that it only remembers ("not supported anymore") have no arguments to be wrong in.
"""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Iterable

import pytest

from pylb import registry, standard
from pylb.registry import Kind
from tests.differential.mistakes import PROXIES, Case, confirmed, judged, spoilt
from tests.differential.test_mistakes import DIFFERENT, PRELUDE
from tests.differential.test_mistakes_actions import ACTIONS, PLACES
from tests.differential.test_mistakes_bind import OPTIONS as BIND
from tests.differential.test_mistakes_checks import HTTP, TCP
from tests.differential.test_mistakes_server import FORMS
from tests.differential.test_mistakes_server import OPTIONS as SERVER
from tests.differential.test_mistakes_stick import LINES as STICK
from tests.differential.valid_lines import GLOBAL, PROXY
from tests.differential.valid_lines_sections import SECTIONS
from tests.harness import requires
from tests.harness.peers import find

standard.load()
pytestmark = requires("haproxy")

MORE = (
    ("balance hash src,ipmask(24)", 1),
    ("balance roundrobin", 1),
    ("max-session-srv-conns 5", 1),
    ("stick-table type ip size 1k expire 5s nopurge store gpc0,conn_rate(5s)", 1),
    ("stick-table type string len 10 size 1k", 1),
    ("tcp-request inspect-delay 5s", 2),
    ("tcp-response inspect-delay 5s", 2),
)
OTHERWISE = (
    (r"^balance hash ", "a frontend's algorithm is not looked at by 2.6, and its surplus arguments are told first"),
    (r"^stick-table .* len -1 ", "2.6 takes -1 for the largest length"),
    (
        r"^tcp-(request|response) inspetc-delay ",
        "2.6 tells of the misspelt word, not of the section it cannot be in",
    ),
)
ELSEWHERE = {
    "quiet": "HAProxy would tell nothing more",
    "backing-file": "HAProxy would make the file that a wrong line names",
}
_ALTERED = "zork"  # instead of a word's last part


@pytest.mark.parametrize("section", PROXIES)
def test_mistakes_in_words_of_rules_and_tables_are_judged_alike(section: str) -> None:
    cases = [Case(section, line) for valid, words in MORE for line in spoilt(valid, words)]
    known = (*(entry.pattern for entry in DIFFERENT), *(pattern for pattern, _ in OTHERWISE))
    wrong = [each for each in confirmed(cases, PRELUDE) if not any(re.search(text, each.case.line) for text in known)]
    assert not wrong, "\n".join(map(str, wrong))


def _said(section: str, lines: Iterable[str]) -> dict[str, str]:
    return {case.line: theirs.message for case, theirs, _ in judged([Case(section, x) for x in lines], finish=False)}


def _known(section: str) -> list[str]:
    """Names of lines that 2.6 tells from nonsense in their place, without those that it had in older versions."""
    names = list(registry.names(Kind.KEYWORD, section))
    nonsense = {name: " ".join([*name.split(" ")[:-1], _ALTERED]) for name in names}
    said = _said(section, [*names, *dict.fromkeys(nonsense.values())])
    return [
        name
        for name in names
        if "anymore" not in said[name]
        and said[name].replace(name.rsplit(" ", 1)[-1], _ALTERED) != said[nonsense[name]].replace(name, _ALTERED)
    ]


def _lines(section: str) -> list[str]:
    if section == "global":
        return [line for line, _ in GLOBAL]
    if section in SECTIONS:
        return [line for line, _ in SECTIONS[section]]
    rules = [f"{place} {action}" for place in PLACES for action in ACTIONS]
    return [line for line, _ in (*PROXY, *MORE)] + [*rules, *HTTP, *TCP, *STICK, *FORMS, "bind ", "server-template "]


@pytest.mark.parametrize("section", ["global", *PROXIES, *SECTIONS])
def test_every_known_line_is_spoilt(section: str) -> None:
    known = _known(section)
    lines = _lines(section)
    missing = [
        name
        for name in known
        if name not in ELSEWHERE and not any(line == name or line.startswith(f"{name} ") for line in lines)
    ]
    assert known
    # Sentences without a line may have come to the wrong word of a file.
    assert not [name for name in missing if "unknown keyword" not in _said(section, [name])[name]]


@functools.cache
def _listed() -> str:
    program = find("haproxy")
    assert program is not None
    run = subprocess.run([program, "-dKall", "-q", "-c", "-f", "/dev/null"], capture_output=True, timeout=20)
    return run.stdout.decode()


@pytest.mark.parametrize(
    ("kind", "pattern", "options"),
    [(Kind.BIND, r"bind <addr> (?:ssl )?(\S+)", BIND), (Kind.SERVER, r"server <name> <addr> (\S+)", SERVER)],
    ids=["bind", "server"],
)
def test_every_listed_option_is_spoilt(kind: Kind, pattern: str, options: tuple[str, ...]) -> None:
    listed = re.findall(pattern, _listed())
    assert len(listed) > 60
    assert not [name for name in listed if name not in {option.split(" ")[0] for option in options}]
    assert not [name for name in listed if registry.find(kind, name) is None]


@pytest.mark.parametrize("place", ["http-request", "http-response", "http-after-response"])
def test_every_listed_action_is_spoilt(place: str) -> None:
    names = set(re.findall(rf"^\t{place} (\S+?)\*?$", _listed(), re.MULTILINE))
    assert len(names) > 10
    spoilt_ones = {re.split(r"[ (]", action)[0] for action in ACTIONS}
    assert not {name for name in names if name not in spoilt_ones and not name.startswith("track-sc")}
