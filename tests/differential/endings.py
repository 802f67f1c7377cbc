"""Many endings at once: every case of a table is played on HAProxy and on pylb while the others are under way too.

    play = played(CONFIG, CASES, SCRIPTS)           # a module-scoped fixture

    def test_x(play, name):
        play.compare(name)

A case is what one client does; its request names the case (`/backend/case` in HTTP, its first bytes in TCP), and the
one origin finds by that name what it has to do. So a table of a hundred endings takes as long as its longest ones. The
result of a case is what the client got, how its connection ended, and the log lines of the connection in fields, with
all timers.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.differential.pairs import KINDS, Pair, difference
from tests.harness import Conversation, RawClient, Site, silent, wait_until
from tests.harness.differential import run_site
from tests.harness.origin import Script
from tests.harness.peers import need

#: Everything that the table compares, as `name=value`.
FORMAT = (
    '"%ci:%cp [-] fe=%f be=%b srv=%s TR=%TR Tw=%Tw Tc=%Tc Tr=%Tr Td=%Td Ta=%Ta Ti=%Ti status=%ST B=%B U=%U state=%tsc '
    'rc=%rc q=%sq/%bq r=%r"'
)
FORMAT_TCP = '"%ci:%cp [-] fe=%f be=%b srv=%s Tw=%Tw Tc=%Tc Td=%Td Tt=%Tt B=%B U=%U state=%ts rc=%rc q=%sq/%bq"'
TIMERS = ("TR", "Tw", "Tc", "Tr", "Td", "Ta", "Ti", "Tt")
TOLERANCE = 260  # milliseconds; delays that are to be seen in a timer are longer
WORKERS = 16
DOCS = Path(__file__).resolve().parents[2] / "docs" / "endings.md"
MUCH = 60_000  # bytes that pass until somebody stops: as far as it came

Act = Callable[[RawClient, "Place"], object]


@dataclass(slots=True)
class Place:
    """Where a case is played: the program with its surroundings, and the conversations of this case."""

    site: Site
    name: str
    earlier: int  # conversations of the origin that were there before

    def conversations(self) -> list[Conversation]:
        mark = self.name.encode()
        return [one for one in self.site.servers["s1"].conversations[self.earlier :] if spoken(one, mark)]

    def arrived(self, count: int = 1, size: int = 0) -> list[Conversation]:
        """Waits until the origin has `count` connections of this case, the first one with so many bytes."""

        def found() -> list[Conversation] | None:
            all_of_them = self.conversations()
            return all_of_them if len(all_of_them) >= count and len(all_of_them[0].received) >= size else None

        there: list[Conversation] = wait_until(found, 5, f"{self.name} at the origin")
        return there


@dataclass(frozen=True, slots=True)
class Case:
    """One way to end. `state` is what both programs must log for the last stream of the connection."""

    state: str
    front: str
    act: Act
    script: Script | None = None
    lines: int = 1
    ours: Mapping[str, Any] | None = None  # where pylb differs from HAProxy 2.6, with the reason beside it
    first: bytes = b""  # what another client says that comes before, and stays until the end


def spoken(conversation: Conversation, mark: bytes) -> bool:
    start = bytes(conversation.received[:200]).split(b"\r\n", 1)[0]
    return start == mark or mark in re.split(rb"[/ ]", start)


def stage(scripts: Mapping[str, Case]) -> Script:
    """The origin's script: finds the case by the first line, then does as it says."""

    def script(conversation: Conversation) -> None:
        while b"\n" not in conversation._buffer:
            conversation._more()
        first = bytes(conversation._buffer).split(b"\r\n", 1)[0]
        name = next((part for part in re.split(rb"[/ ]", first) if part.decode("latin-1") in scripts), b"").decode()
        case = scripts.get(name)
        (silent if case is None or case.script is None else case.script)(conversation)

    return script


class Table:
    """The results of all cases that were asked for, of both programs."""

    def __init__(self, pair: Pair, cases: Mapping[str, Case], wanted: Sequence[str]) -> None:
        self.pair = pair
        self.cases = cases
        self.seen: dict[tuple[str, str], Any] = {}
        self.again = 10  # cases that may be played once more
        jobs = [(kind, name) for name in wanted for kind in KINDS]
        with ThreadPoolExecutor(WORKERS) as pool:
            for job, result in zip(jobs, pool.map(lambda job: self.attempt(*job), jobs), strict=True):
                self.seen[job] = result

    def attempt(self, kind: str, name: str) -> Any:
        try:
            return self.play(kind, name)
        except BaseException as failure:
            return failure

    def play(self, kind: str, name: str) -> Any:
        site = self.pair.sites[kind]
        case = self.cases[name]
        began = len(site.syslog.datagrams)
        earlier = len(site.servers["s1"].conversations)
        place = Place(site, name, earlier)
        with contextlib.ExitStack() as stack:
            if case.first:
                stack.enter_context(RawClient(site.port(case.front))).send(case.first)
                place.arrived()
            client = stack.enter_context(RawClient(site.port(case.front)))
            case.act(client, place)
            answered = client.read_all() if client.sock.fileno() >= 0 else b"left"
            client.close()
            port = client.source_port
            lines = [fields_of(line) for line in since(site, f":{port} [-] fe={case.front} ", case.lines, began)]
        result = {
            "answer": b"much" if len(answered) > 2000 else answered,
            "ended": client.ended,
            "lines": lines,
        }
        return Pair.hide(site, result)

    def compare(self, name: str) -> None:
        case = self.cases[name]
        for again in range(3):
            ours, theirs = self.seen["pylb", name], self.seen["haproxy", name]
            if not isinstance(ours, BaseException) and not isinstance(theirs, BaseException):
                ours, theirs = alike(ours, theirs)
                if ours == theirs or case.ours is not None:
                    break
            if again < 2 and self.again:  # on a busy machine a delay may be too long: again, alone this time
                self.again -= 1
                for kind in KINDS:
                    self.seen[kind, name] = self.attempt(kind, name)
        for seen in (theirs, ours):
            if isinstance(seen, BaseException):
                raise seen
        if case.ours is not None:
            last = ours["lines"][-1]
            assert {key: last.get(key) for key in case.ours} == dict(case.ours), difference(theirs, ours)
            assert ours != theirs, "no difference any more"
        else:
            assert ours == theirs, difference(flat(theirs), flat(ours))
        last = self.seen["pylb", name]["lines"][-1]
        assert last["state"] == case.state, difference(case.state, last)
        mode = "http" if "TR" in last else "tcp"
        missing = " ".join(timer for timer in TIMERS if last.get(timer) == "-1")
        assert missing in rows_of_the_page()[case.state[:2], mode], missing


def rows_of_the_page() -> dict[tuple[str, str], set[str]]:
    """docs/endings.md: (state, mode) -> the sets of timers that may be -1, each as names in order."""
    rows = {}
    for line in DOCS.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and cells[1] in ("http", "tcp"):
            timers = {"" if one == "none" else one for one in cells[4].split(" or ")}
            rows[cells[0].strip("`| "), cells[1]] = timers
    return rows


def since(site: Site, mark: str, count: int, began: int) -> list[str]:
    """Waits for so many log lines of one client port and frontend, among those behind the first `began`."""

    def lines() -> list[str] | None:
        found = [line for line in site.syslog.lines[began:] if mark in line]
        return found if len(found) >= count else None

    there: list[str] = wait_until(lines, 6, f"{count} lines with {mark}")
    return there


def fields_of(line: str) -> dict[str, Any]:
    fields: dict[str, Any] = dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", line[line.index(" [-] ") + 5 :]))
    fields["r"] = line.partition(" r=")[2]
    for name in ("B", "U"):
        if name in fields and int(fields[name].lstrip("+")) > MUCH:
            fields[name] = "much"
    return fields


def alike(ours: Any, theirs: Any) -> tuple[Any, Any]:
    """Both results with timers that are close enough made equal."""
    ours, theirs = ({**side, "lines": [dict(line) for line in side["lines"]]} for side in (ours, theirs))
    for mine, other in zip(ours["lines"], theirs["lines"], strict=False):
        for timer in TIMERS:
            if timer in mine and timer in other:
                one, two = int(mine[timer].lstrip("+")), int(other[timer].lstrip("+"))
                if one == two or (one >= 0 and two >= 0 and abs(one - two) < TOLERANCE):
                    mine[timer] = other[timer] = "="
    return ours, theirs


def flat(seen: dict[str, Any]) -> dict[str, Any]:
    """A result whose differences can be read: one entry per field of a line."""
    lines = {f"{number}.{key}": value for number, line in enumerate(seen["lines"]) for key, value in line.items()}
    return {"answer": seen["answer"], "ended": seen["ended"], **lines}


def played(config: str, cases: Mapping[str, Case], values: Mapping[str, object] | None = None, **more: Script) -> Any:
    """A module-scoped fixture: the cases of the table that this run of the tests asks for, played at once."""

    @pytest.fixture(scope="module")
    def play(request: pytest.FixtureRequest) -> Iterator[Table]:
        need("haproxy")
        asked = [item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")]
        wanted = [name for name in cases if name in asked]
        origins = {"s1": stage(cases), **more}
        with contextlib.ExitStack() as stack:
            sites: dict[str, Site] = {}

            def begin(kind: str) -> None:
                sites[kind] = stack.enter_context(run_site(kind, config, origins, values=values))

            with ThreadPoolExecutor(len(KINDS)) as pool:
                list(pool.map(begin, KINDS))
            yield Table(Pair({kind: sites[kind] for kind in KINDS}), cases, wanted)

    return play


__all__ = ["FORMAT", "FORMAT_TCP", "Act", "Case", "Place", "Table", "played"]
