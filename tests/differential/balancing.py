"""Driving HAProxy and our balancing side by side.

HAProxy runs with servers that all lead to one listener of its own and adds the chosen server's name to each answer.
Our algorithm objects are driven in-process with the same requests and the same changes of states and weights.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from pylb import standard
from pylb.clock import clock
from pylb.config.reader import parse_text
from pylb.http.message import Request, field
from pylb.records.proxy import Backend
from pylb.server import state
from pylb.server.assign import ASSIGNED, QUEUED, reassign, release
from pylb.server.equip import equip, link
from tests.harness import RawClient
from tests.harness.origin import Conversation, Gone, Origin
from tests.harness.programs import Program, running
from tests.harness.waiting import wait_until

standard.load()

CONFIG = """
global
    nbthread 1
    stats socket $(dir)/admin.sock level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
listen origin
    bind 127.0.0.1:$(origin)
    http-request return status 200
backend be
    http-response set-header x-server %[srv_name]
"""


class Stream:
    """Just what algorithms and assignment read of a stream."""

    def __init__(self, backend: Backend, target: bytes, headers: list[tuple[bytes, bytes]], source: bytes) -> None:
        self.request = Request(b"GET", target, 11, [field(name, value) for name, value in headers])
        self.response = None
        self.session = self.front = self
        self.own = None  # connections that the client has for itself
        self.src = source
        self.src_port = 0
        self.address = (socket.inet_ntop(socket.AF_INET, source), 0)
        self.backend = backend
        self.server: Any = None
        self.slot: Any = None
        self.waiting: Any = None
        self.priority: Any = None
        self.queue_server = self.queue_backend = 0
        self.persistent = False
        self.final = True
        self.data = b""


class Ours:
    def __init__(self, text: str) -> None:
        config = parse_text("backend be\n mode http\n" + text)
        assert not config.report.fatal, [item.headline() for item in config.report.items]
        record = config.proxies[-1]
        self.backend = Backend("be", 3, record)
        self.backend.http = True
        equip(self.backend, Programless(config.report))
        self.streams: list[Stream] = []

    def ask(
        self, target: bytes = b"/", headers: Iterable[tuple[bytes, bytes]] = (), source: str = "127.0.0.1"
    ) -> bytes:
        stream = Stream(self.backend, target, list(headers), socket.inet_aton(source))
        assert self.backend.assignment.assign(stream) == ASSIGNED
        self.streams.append(stream)
        name: bytes = stream.server.label
        release(stream)
        return name

    def command(self, what: str, server: str, value: str) -> None:
        record = self.backend.by_name[server]
        if what == "state":
            state.set_state(record, value)
        else:
            state.set_weight(record, int(value))


class Programless:
    """The parts of a program that a backend without traffic needs."""

    def __init__(self, report: Any) -> None:
        self.report = report

    def wake(self, stream: Any) -> None:
        raise AssertionError("nobody waits in these tests")


class Theirs:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.client = RawClient(program.port("fe"))

    def ask(
        self, target: bytes = b"/", headers: Iterable[tuple[bytes, bytes]] = (), source: str = "127.0.0.1"
    ) -> bytes:
        lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        request = b"GET %b HTTP/1.1\r\n%b\r\n" % (target, lines)
        if source != "127.0.0.1":
            with RawClient(self.program.port("fe"), source=source) as client:
                reply = client.send(request).read_reply()
        else:
            reply = self.client.send(request).read_reply()
        name = reply.get("x-server")
        assert name is not None, reply.raw
        return name

    def command(self, what: str, server: str, value: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.program.directory / "admin.sock"))
            admin.sendall(f"set server be/{server} {what} {value}\n".encode())
            answer = admin.recv(4096)
        assert answer.strip() == b"", answer


@contextmanager
def pair(text: str) -> Iterator[tuple[Ours, Theirs]]:
    with running("haproxy", CONFIG + text) as program:
        theirs = Theirs(program)
        try:
            yield Ours(text.replace("$(origin)", "1")), theirs
        finally:
            theirs.client.close()


def servers(*words: str) -> str:
    return "".join(f"    server s{n} 127.0.0.1:$(origin) {w}\n" for n, w in enumerate(words, 1))


def compare(text: str, asks: Iterable[dict[str, Any] | tuple[str, str, str]]) -> list[bytes]:
    """Runs the script on both: dicts are requests, tuples are commands. Returns the common choices."""
    mine, real = [], []
    asks = list(asks)
    with pair(text) as (ours, theirs):
        for step in asks:
            if isinstance(step, tuple):
                ours.command(*step)
                theirs.command(*step)
                continue
            mine.append(ours.ask(**step))
            real.append(theirs.ask(**step))
    assert mine == real
    return real


# -- streams that stay: slots and queues -------------------------------------------------------------------------------

HOLDING = """
global
    nbthread 1
    stats socket $(dir)/admin.sock level admin
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout queue 60s
frontend fe
    bind 127.0.0.1:$(fe)
    maxconn 1000
    default_backend be
backend be
"""


class HoldingOurs:
    """Opens and closes streams in-process; `served` tells which server each has got so far."""

    def __init__(self, text: str) -> None:
        config = parse_text("backend be\n" + text)
        assert not config.report.fatal, [item.headline() for item in config.report.items]
        self.backend = Backend("be", 3, config.proxies[-1])
        self.report = config.report
        equip(self.backend, self)
        link([self.backend], self)
        self.ready: list[Stream] = []
        self.open_streams: dict[int, Stream] = {}
        self.served: dict[int, str] = {}

    def wake(self, stream: Any) -> None:
        self.ready.append(stream)

    def open(self, number: int) -> None:
        clock.refresh()
        stream = Stream(self.backend, b"/", [], b"\x7f\0\0\1")
        self.open_streams[number] = stream
        self.backend.counters.conn_cur += 1
        assert self.backend.assignment.assign(stream) in (ASSIGNED, QUEUED)
        self.settle()

    def close(self, number: int) -> None:
        release(self.open_streams.pop(number))
        self.backend.counters.conn_cur -= 1
        self.settle()

    def command(self, what: str, server: str, value: str) -> None:
        if what == "state":
            state.set_state(self.backend.by_name[server], value)
        else:
            state.set_weight(self.backend.by_name[server], int(value))
        self.settle()

    def settle(self) -> None:
        while self.ready:
            stream = self.ready.pop(0)
            if stream.slot is None and stream.waiting is None:
                reassign(stream)
        for number, stream in self.open_streams.items():
            if stream.slot is not None:
                self.served.setdefault(number, stream.slot.name)


class HoldingTheirs:
    """The same with real connections; after each step it waits until HAProxy has settled."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.clients: dict[int, RawClient] = {}
        self.served: dict[int, str] = {}

    def open(self, number: int) -> None:
        time.sleep(0.002)  # queues are ordered by the millisecond of arrival: two arrivals must not share one
        self.clients[number] = RawClient(self.program.port("fe"))
        self.settle()

    def close(self, number: int) -> None:
        self.clients.pop(number).close()
        self.settle()

    def command(self, what: str, server: str, value: str) -> None:
        assert self.ask(f"set server be/{server} {what} {value}").strip() == ""
        self.settle()

    def ask(self, line: str) -> str:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.program.directory / "admin.sock"))
            admin.sendall(line.encode() + b"\n")
            answer = b""
            while data := admin.recv(65536):
                answer += data
        return answer.decode()

    def settle(self) -> None:
        """Every open client is served or queued, and the served ones have heard their server's name."""

        def settled() -> bool:
            rows = [row.split(",") for row in self.ask("show stat").splitlines() if row.startswith("be,")]
            queued = sum(int(row[2] or 0) for row in rows)
            serving = sum(int(row[4] or 0) for row in rows if row[1] != "BACKEND")
            for number, client in self.clients.items():
                if number not in self.served:
                    with contextlib.suppress(BlockingIOError):
                        client.sock.setblocking(False)
                        self.served[number] = client.sock.recv(16).decode()
            known = sum(number in self.served for number in self.clients)
            return serving + queued == len(self.clients) and known == serving

        wait_until(settled, 10.0, "HAProxy has settled")


def holder(name: str) -> Any:
    def script(conversation: Conversation) -> None:
        conversation.send(name.encode())
        with contextlib.suppress(Gone):
            while conversation.receive():
                pass

    return script


def compare_holding(text: str, words: tuple[str, ...], steps: Iterable[tuple[Any, ...]]) -> dict[int, str]:
    """Runs ("open", n), ("close", n) and server commands on both; which stream got which server must be the same."""
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(Origin(holder(f"s{n}"), name=f"s{n}")).port for n in range(1, len(words) + 1)]
        numbered = enumerate(zip(ports, words, strict=True), 1)
        lines = "".join(f"    server s{n} 127.0.0.1:{port} {word}\n" for n, (port, word) in numbered)
        program = stack.enter_context(running("haproxy", HOLDING + text + lines))
        theirs, ours = HoldingTheirs(program), HoldingOurs(text + lines)
        for number, step in enumerate(steps):
            for side in (ours, theirs):
                if step[0] == "open":
                    side.open(step[1])
                elif step[0] == "close":
                    side.close(step[1])
                else:
                    side.command(*step)
            assert ours.served == theirs.served, (number, step, ours.served, theirs.served)
        for client in theirs.clients.values():
            client.close()
        return ours.served
