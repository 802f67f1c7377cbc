"""Rings beside HAProxy: `show events`, lines over streams, and what pylb does where a target is away."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, Site, requires, run_site, wait_until

pytestmark = requires("haproxy")


class Collector:
    """A syslog server over streams that keeps what comes, or accepts and reads nothing."""

    def __init__(self, *, deaf: bool = False, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        if deaf:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self.port: int = self.listener.getsockname()[1]
        self.deaf = deaf
        self.data = b""
        self.connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            if not self.deaf:
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        try:
            while data := connection.recv(65536):
                self.data += data
        except OSError:
            return

    def wait_for(self, text: bytes) -> bytes:
        wait_until(lambda: text in self.data, 5.0, f"{text!r} in {self.data[-300:]!r}")
        return self.data

    def hang_up(self) -> None:
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.connections.clear()

    def close(self) -> None:
        if self.listener.fileno() >= 0:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
        self.hang_up()


def ask(site: Site, command: str, *, until: bytes | None = None) -> str:
    """The answer of the runtime socket; with `until`, what came when that text was there."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(site.program.directory / "control"))
        sock.sendall(command.encode() + b"\n")
        data = b""
        while until is None or until not in data:
            piece = sock.recv(65536)
            if not piece:
                break
            data += piece
        return data.decode()


def request(site: Site, path: str, name: str = "web") -> None:
    with RawClient(site.port(name)) as client:
        client.send(http("GET", path, "host: h", "connection: close")).read_all()


WEB = """
global
    nbthread 1
    stats socket $(dir)/control mode 600 level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
"""

pair = paired(
    WEB
    + """
ring modern
    description "My ring"
    format rfc5424
    maxlen 100
    size 16384
ring plain
    size 16384
ring short
    format short
    maxlen 20
frontend web
    bind 127.0.0.1:$(web)
    log ring@modern format raw local0
    log ring@plain local0
    log ring@short local0 debug err
    log ring@buf0 local0
    log-format "%HP says hello"
    http-request return status 200
frontend many
    bind 127.0.0.1:$(many)
    log ring@many len 2000 local0
    log-format "%HP"
    http-request return status 200
ring many
    size 16384
    maxlen 2000
""",
    origins=(),
)


def undated(text: str) -> str:
    return re.sub(r" (?:haproxy|pylb) \d+ ", " <program> ", re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", "<date>", text))


def test_events_are_shown(pair: Pair) -> None:
    def scenario(site: Site) -> list[str]:
        request(site, "/one")
        request(site, "/" + "x" * 200)
        commands = (
            "show events",
            *(f"show events {name}" for name in ("modern", "plain", "short", "buf0", "modern -n")),
        )
        wrong = ("show events nope", "show events stderr", "show events stdout -w", "show events modern -x")
        return [undated(ask(site, command)) for command in (*commands, *wrong)]

    seen = pair.same(scenario)
    assert "/one says hello" in seen[1]


@pytest.mark.parametrize("options", ["-w", "-nw", "-w -n"])
def test_events_are_waited_for(pair: Pair, options: str) -> None:
    def scenario(site: Site) -> str:
        asked: list[str] = []
        reader = threading.Thread(
            target=lambda: asked.append(ask(site, f"show events plain {options}", until=b"/last says hello"))
        )
        request(site, "/first")
        reader.start()
        while reader.is_alive():
            request(site, "/last")
            reader.join(0.05)
        return asked[0].splitlines()[-1]

    pair.same(scenario)


def test_a_ring_keeps_the_newest_lines(pair: Pair) -> None:
    def scenario(site: Site) -> list[str]:
        for number in range(60):
            request(site, f"/{number:02}{'x' * 500}", "many")
        return [line[:4] for line in ask(site, "show events many").split("\n")]

    pair.same(scenario)


FORWARDED = """
ring counted
    format rfc5424
    size 16384
    timeout connect 1s
    timeout server 2s
    server s1 127.0.0.1:$(counted) log-proto octet-count
ring lines
    size 16384
    timeout connect 1s
    timeout server 2s
    server s1 127.0.0.1:$(lines)
frontend web
    bind 127.0.0.1:$(web)
    log ring@counted local0
    log ring@lines local1
    log tcp@127.0.0.1:$(direct) local2
    log-format "%HP says hello"
    http-request return status 200
"""


@pytest.mark.parametrize("kind", ["haproxy", "pylb"])
def test_lines_leave_over_streams(kind: str) -> None:
    collectors = {name: Collector() for name in ("counted", "lines", "direct")}
    values = {name: one.port for name, one in collectors.items()}
    try:
        with run_site(kind, WEB + FORWARDED, (), values=values) as site:
            wait_until(lambda: all(one.connections for one in collectors.values()), 5.0, "connections")
            request(site, "/one")
            request(site, "/two")
            for one in collectors.values():
                one.wait_for(b"/two says hello")
        counted = collectors["counted"].data
        frames = []
        while counted:
            length, _, rest = counted.partition(b" ")
            frames.append(undated(rest[: int(length)].decode()))
            counted = rest[int(length) :]
        head = "<134>1 <date> - <program> - -"
        assert frames == [f"{head} /one says hello", f"{head} /two says hello"]
        assert collectors["lines"].data == b"/one says hello\n/two says hello\n"
        direct = re.sub(r"<(\d+)>.{15} \w+\[\d+\]", r"<\1>head", collectors["direct"].data.decode())
        assert direct == "<150>head: /one says hello\n<150>head: /two says hello\n"
    finally:
        for one in collectors.values():
            one.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    one = Collector()
    yield one
    one.close()


ONE = """
ring r
    size 16384
    maxlen 4000
    timeout connect 1s
    timeout server 60s
    server s1 127.0.0.1:$(syslogd)
frontend web
    bind 127.0.0.1:$(web)
    log ring@r len 4000 local0
    log-format "%HP"
    http-request return status 200
"""


def dropped(site: Site) -> int:
    found = re.search(r"DroppedLogs: (\d+)", ask(site, "show info"))
    assert found
    return int(found[1])


def test_a_server_that_comes_back_gets_what_was_kept(collector: Collector) -> None:
    port = collector.port
    with run_site("pylb", WEB + ONE, (), values={"syslogd": port}) as site:
        request(site, "/before")
        collector.wait_for(b"/before\n")
        collector.close()
        for number in range(60):
            request(site, f"/{number:02}{'x' * 500}")
        lost = dropped(site)
        assert lost > 20
        again = Collector(port=port)
        try:
            again.wait_for(b"/59x")
            first = int(again.data[1:3])
            assert [int(line[1:3]) for line in again.data.splitlines()] == list(range(first, 60))
            assert first == lost
            assert f"r          : type=buffer, {lost} dropped" in ask(site, "show events")
        finally:
            again.close()


def test_a_server_that_does_not_read_costs_lines_and_neither_time_nor_memory() -> None:
    deaf = Collector(deaf=True)
    try:
        with run_site("pylb", WEB + ONE, (), values={"syslogd": deaf.port}) as site:
            wait_until(lambda: deaf.connections, 5.0, "a connection")
            path = "/" + "x" * 3000
            with RawClient(site.port("web")) as client:
                for number in range(10_000):  # the kernel may take some megabytes before it says no
                    client.send(http("GET", path, "host: h")).read_reply()
                    if number % 500 == 499 and dropped(site):
                        break
            wait_until(lambda: dropped(site) > 0, 5.0, "dropped lines")
            before, lost = site.program.resident_bytes(), dropped(site)
            with RawClient(site.port("web")) as client:
                for _ in range(2000):
                    client.send(http("GET", path, "host: h")).read_reply()
            assert site.program.resident_bytes() - before < 2 << 20
            assert dropped(site) > lost
    finally:
        deaf.close()


def test_a_backing_file_survives_a_kill() -> None:
    from pylb.log.ring import read_file

    config = WEB + ONE.replace("    server s1 127.0.0.1:$(syslogd)\n", "    backing-file $(dir)/kept\n")
    with run_site("pylb", config, ()) as site:
        request(site, "/one")
        request(site, "/two")
        site.program.process.kill()
        site.program.process.wait()
        assert read_file(str(site.program.directory / "kept")) == [b"/one", b"/two"]


def test_servers_of_a_log_backend_have_rings_of_their_size_and_framing() -> None:
    """Words of HAProxy 3.x."""
    plain, counted = Collector(), Collector()
    config = (
        WEB
        + """
frontend web
    bind 127.0.0.1:$(web)
    log backend@plain len 60000 format raw local0
    log backend@counted len 60000 format raw local0
    log-format "%HP"
    http-request return status 200
backend plain
    mode log
    server a tcp@127.0.0.1:$(plain)
backend counted
    mode log
    server b tcp@127.0.0.1:$(counted) log-bufsize 400000 log-proto octet-count
"""
    )
    try:
        with run_site("pylb", config, (), values={"plain": plain.port, "counted": counted.port}) as site:
            request(site, "/one")
            request(site, "/two")
            assert plain.wait_for(b"/two\n") == b"/one\n/two\n"
            assert counted.wait_for(b"/two") == b"4 /one4 /two"
            for one in (plain, counted):
                one.close()
            with RawClient(site.port("web")) as client:
                for _ in range(100):
                    client.send(http("GET", "/" + "x" * 999, "host: h")).read_reply()
            shown = dict(re.findall(r"(ring#\d) +: type=buffer, (\d+) dropped", ask(site, "show events")))
        assert int(shown["ring#1"]) > 80
        assert shown["ring#2"] == "0"
    finally:
        for one in (plain, counted):
            one.close()
