"""What a proxy costs while nothing happens: memory per idle connection, and the time until it takes the first one."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from dataclasses import dataclass, field

from benchmarks.interval import Estimate, estimate
from benchmarks.scenario import Scenario
from benchmarks.subjects import Running, Subject, cores, log_sink, origin, proxy

_REQUEST = b"GET / HTTP/1.1\r\nHost: bench.example.com\r\nUser-Agent: idle\r\nAccept: */*\r\n\r\n"


@dataclass(slots=True)
class Resting:
    """Values of both programs, one per round: KiB per connection, or seconds until the first accept."""

    unit: str
    candidate: list[float] = field(default_factory=list)
    reference: list[float] = field(default_factory=list)

    def value(self) -> Estimate:
        return estimate(self.candidate)

    def beside(self) -> Estimate:
        return estimate(self.reference)


def _answered(sock: socket.socket) -> None:
    """Sends a request and reads the whole answer; anything but a 200 is an error."""
    sock.sendall(_REQUEST)
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not a 200: {head[:80]!r}")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += _some(sock)


def _some(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise RuntimeError("the proxy closed an idle connection")
    return data


def _idle_memory(running: Running, port: int, count: int) -> float:
    """KiB per connection that is open and has served one request; each must serve another one afterwards.

    Growth is measured between `count` connections and twice as many: the first ones fill what the start left free.
    """
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
            _answered(sock)
            return sock

        warm = [connect() for _ in range(count)]
        time.sleep(0.2)
        before = running.memory()
        idle = [connect() for _ in range(count)]
        time.sleep(0.5)
        after = running.memory()
        for sock in [*warm, *idle]:
            _answered(sock)
    return (after - before) / count / 1024


def run_idle(scenario: Scenario, candidate: Subject, reference: Subject, *, rounds: int) -> Resting:
    """Many idle keep-alive connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    core, others = cores()
    found = Resting("KiB per idle connection")
    try:
        with origin(others) as at, log_sink() as log:
            for _ in range(rounds):
                for subject, into in ((candidate, found.candidate), (reference, found.reference)):
                    with proxy(subject, scenario, {"origin": at, "syslog": log}, core) as (running, port):
                        into.append(_idle_memory(running, port, scenario.count))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return found


def run_start(scenario: Scenario, candidate: Subject, reference: Subject, *, rounds: int) -> Resting:
    """From the start of the process to the first accepted connection."""
    core, others = cores()
    found = Resting("s to first accept")
    with origin(others) as at, log_sink() as log:
        # Once without counting: byte code and page cache.
        with proxy(candidate, scenario, {"origin": at, "syslog": log}, core):
            pass
        for _ in range(rounds):
            for subject, into in ((candidate, found.candidate), (reference, found.reference)):
                with proxy(subject, scenario, {"origin": at, "syslog": log}, core) as (running, _port):
                    into.append(running.started)
    return found
