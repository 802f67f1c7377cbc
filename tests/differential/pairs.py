"""HAProxy and pylb side by side for a whole module of cases: started once, each case runs on both at the same time.

    pair = paired(CONFIG, origins=("s1",))          # a module-scoped fixture

    def test_x(pair):
        pair.same(scenario, script)                 # or pair.run(...) -> {"haproxy": ..., "pylb": ...}

Before each case the origins drop what connections they have and take the case's script. Log lines are found by the
client's port, so lines of earlier cases that come late do no harm.
"""

from __future__ import annotations

import contextlib
import queue
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest

from tests.harness import wait_until
from tests.harness.differential import Origins, Scenario, Site, hide, run_site
from tests.harness.origin import Script, name_server
from tests.harness.peers import need
from tests.harness.syslog import message

KINDS = ("haproxy", "pylb")


class Pair:
    """Both programs on one configuration. Lives as long as a test module."""

    def __init__(self, sites: dict[str, Site]) -> None:
        self.sites = sites

    def run(self, scenario: Scenario, script: Script | Mapping[str, Script] | None = None) -> dict[str, Any]:
        """What the scenario returns on each program, without what differs from run to run."""
        results: dict[str, Any] = {}
        failures: dict[str, BaseException] = {}

        def play(kind: str, site: Site) -> None:
            try:
                site.syslog.since = len(site.syslog.datagrams)  # client ports come again
                for name, origin in site.servers.items():
                    chosen = script.get(name) if isinstance(script, Mapping) else script
                    origin.perform(chosen or name_server(name))
                results[kind] = self.hide(site, scenario(site))
                for origin in site.servers.values():
                    origin.perform(name_server(origin.name))
            except BaseException as failure:
                failure.add_note(f"with {kind}; it printed: {site.program.output[-3000:]}")
                failures[kind] = failure

        threads = [threading.Thread(target=play, args=entry) for entry in self.sites.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(failures) == 2:
            raise ExceptionGroup("the scenario fails with both", list(failures.values()))  # type: ignore[type-var]
        if failures:
            raise failures.popitem()[1]
        return results

    def same(self, scenario: Scenario, script: Script | Mapping[str, Script] | None = None) -> Any:
        """Demands equal results; returns HAProxy's."""
        seen = self.run(scenario, script)
        assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
        return seen["haproxy"]

    @staticmethod
    def hide(site: Site, result: Any) -> Any:
        names = {str(port): f"<{name}>" for name, port in site.program.ports.items()}
        names |= {str(origin.port): f"<{name}>" for name, origin in site.servers.items()}
        return refusals_alike(hide(result, names, site.kind))


def difference(expected: Any, got: Any) -> str:
    """Both results; of dicts only what differs."""
    if isinstance(expected, dict) and isinstance(got, dict):
        names = [name for name in {**expected, **got} if expected.get(name) != got.get(name)]
        expected, got = {name: expected.get(name) for name in names}, {name: got.get(name) for name in names}
    return f"\n  haproxy: {expected!r}\n  pylb:    {got!r}"


def refusals_alike(result: Any) -> Any:
    """HAProxy writes the pages of requests that it could not read in another case and order than all its others."""
    if isinstance(result, bytes):
        head, end, body = result.partition(b"\r\n\r\n")
        at = head.rfind(b"HTTP/1.1 4")
        if at < 0 or b"\r\nCache-Control: no-cache\r\nConnection: close\r\n" not in head + end:
            return result
        length = re.search(rb"Content-length: (\d+)", head)
        start = head[: head.index(b"\r\n", at)]
        return (
            b"%b\r\ncontent-length: %b\r\ncache-control: no-cache\r\ncontent-type: text/html\r\nconnection: close%b%b"
            % (start, length[1] if length else b"", end, body)
        )
    if isinstance(result, dict):
        return {key: refusals_alike(value) for key, value in result.items()}
    if isinstance(result, list | tuple):
        return type(result)(map(refusals_alike, result))
    return result


def paired(config: str, origins: Origins = ("s1",), codecs: Sequence[str] = ("fast",), **details: Any) -> Any:
    """A module-scoped fixture that yields a Pair on `config`; each test runs once with each of pylb's codecs."""

    @pytest.fixture(scope="module", params=codecs if len(codecs) > 1 else None)
    def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
        need("haproxy")
        if len(codecs) > 1:
            details["environment"] = {"PYLB_CODEC": request.param}
        with contextlib.ExitStack() as stack:
            yield Pair({kind: stack.enter_context(run_site(kind, config, origins, **dict(details))) for kind in KINDS})

    return pair


Play = tuple[Scenario, Script | Mapping[str, Script] | None]


class Rehearsal:
    """Several Pairs on one configuration that play the cases of a module at the same time, because most of them wait.

    A case is played once, ahead of its test, by whichever pair is free.
    """

    def __init__(self, pairs: Sequence[Pair], play: Callable[[str], Play], names: Sequence[str]) -> None:
        self._play = play
        self._free: queue.SimpleQueue[Pair] = queue.SimpleQueue()
        for pair in pairs:
            self._free.put(pair)
        self._pool = ThreadPoolExecutor(len(pairs))
        self._results = {name: self._pool.submit(self._run, name) for name in names}

    def _run(self, name: str) -> dict[str, Any]:
        pair = self._free.get()
        try:
            return pair.run(*self._play(name))
        finally:
            self._free.put(pair)

    def run(self, name: str) -> dict[str, Any]:
        """What the case has returned on each program; one that missed its moment is played again by itself."""
        try:
            return self._results[name].result()
        except Exception:
            return self.alone(name)

    def same(self, name: str) -> Any:
        """Demands equal results; returns HAProxy's."""
        seen = self.run(name)
        if seen["pylb"] != seen["haproxy"]:
            seen = self.alone(name)
        assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
        return seen["haproxy"]

    def alone(self, name: str) -> dict[str, Any]:
        """Plays the case again, when all others are through."""
        wait(self._results.values())
        return self._run(name)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


def rehearsed(
    config: str, play: Callable[[str], Play], origins: Origins = ("s1",), *, pairs: int = 4, **details: Any
) -> Any:
    """A module-scoped fixture that yields a Rehearsal of the tests' parameters `name`: `play(name)` is the scenario
    and the script of a case."""

    @pytest.fixture(scope="module")
    def rehearsal(request: pytest.FixtureRequest) -> Iterator[Rehearsal]:
        need("haproxy")
        mine = [item for item in request.session.items if item.path == request.path]
        calls = [item.callspec.params for item in mine if hasattr(item, "callspec")]
        names = [params["name"] for params in calls if "name" in params]

        with contextlib.ExitStack() as stack:
            made = [
                Pair({kind: stack.enter_context(run_site(kind, config, origins, **dict(details))) for kind in KINDS})
                for _ in range(min(pairs, len(names)))
            ]
            one = Rehearsal(made, play, names)
            stack.callback(one.close)
            yield one

    return rehearsal


def log_lines(site: Site, port: int, count: int = 1, timeout: float = 5.0) -> list[str]:
    """Waits for the log lines of the connection that came from `port`."""
    mark = f":{port} ["

    def found() -> list[str] | None:
        lines = [message(line) for line in site.syslog.lines[site.syslog.since :] if mark in line]
        return lines if len(lines) >= count else None

    lines: list[str] = wait_until(found, timeout, f"{count} log lines of port {port}; have {site.syslog.lines[-5:]}")
    return lines


def http(method: str, path: str, *fields: str, version: str = "1.1", body: bytes = b"") -> bytes:
    """A request as bytes."""
    lines = [f"{method} {path} HTTP/{version}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
