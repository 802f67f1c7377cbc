"""Many clients that are slow on purpose, against one real process: time limits hold, memory stays in proportion, and
everybody else is served meanwhile.

Bounds are generous: they tell a design that holds a buffer per connection from one that does not end.
"""

from __future__ import annotations

import contextlib
import resource
import selectors
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import RawClient, Site, wait_until
from tests.harness.differential import run_site
from tests.harness.origin import Conversation

MANY = 2000
MIB = 1 << 20
CONFIG = """
global
    maxconn 3500
    log 127.0.0.1:$(syslog) local0 crit
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
frontend heads
    bind 127.0.0.1:$(heads) backlog 8192
    timeout http-request 2s
    http-request return status 200 content-type text/plain string here if { path /here }
    default_backend be
frontend fe
    bind 127.0.0.1:$(fe) backlog 8192
    http-request return status 200 content-type text/plain string here if { path /here }
    default_backend be
backend be
    server s1 127.0.0.1:$(s1)
listen tcp
    mode tcp
    bind 127.0.0.1:$(tcp) backlog 8192
    timeout client-fin 2s
    timeout server-fin 2s
    server s1 127.0.0.1:$(s1)
"""


def counts(conversation: Conversation) -> None:
    """Answers each request with the size of its body, and reads whatever else comes."""
    while True:
        request = conversation.read_request()
        body = b"%d" % len(request)
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, 4 * MANY) if hard != resource.RLIM_INFINITY else 4 * MANY
    if wanted < 4 * MANY:
        pytest.skip(f"only {wanted} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        with run_site("pylb", CONFIG, {"s1": counts}) as running:
            yield running
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Many plain sockets of one test, driven by one thread."""

    def __init__(self, port: int, count: int) -> None:
        self.sockets = []
        for _ in range(count):
            sock = socket.socket()
            sock.connect(("127.0.0.1", port))
            sock.setblocking(False)
            self.sockets.append(sock)

    def send(self, data: bytes) -> int:
        """The same bytes on all of them; how many took all of it."""
        done = 0
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                done += sock.send(data) == len(data)
        return done

    def collect(self, seconds: float) -> list[bytes]:
        """What each of them received until its end, in at most so many seconds."""
        selector = selectors.DefaultSelector()
        got = [bytearray() for _ in self.sockets]
        for number, sock in enumerate(self.sockets):
            selector.register(sock, selectors.EVENT_READ, number)
        left = len(self.sockets)
        until = time.monotonic() + seconds
        while left and time.monotonic() < until:
            for key, _ in selector.select(0.2):
                try:
                    data = key.fileobj.recv(65536)  # type: ignore[union-attr]
                except OSError:
                    data = b""
                got[key.data] += data
                if not data:
                    selector.unregister(key.fileobj)
                    left -= 1
        selector.close()
        return [bytes(one) for one in got]

    def reset(self) -> None:
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *failure: object) -> None:
        self.reset()


def answered(site: Site, port: str = "fe") -> float:
    """Seconds until somebody else has an answer."""
    began = time.monotonic()
    with RawClient(site.port(port), timeout=10) as client:
        assert client.send(b"GET /here HTTP/1.1\r\nhost: h\r\n\r\n").read_reply().body == b"here"
    return time.monotonic() - began


def settled(site: Site) -> int:
    """Resident bytes once a first crowd has warmed the allocators up."""
    answered(site)
    return site.program.resident_bytes()


def test_two_thousand_heads_that_come_byte_by_byte_get_408_in_time(site: Site) -> None:
    before = settled(site)
    head = b"GET /slow HTTP/1.1\r\nhost: h\r\nx-slow: "
    waits = []
    with Crowd(site.port("heads"), MANY) as crowd:
        began = time.monotonic()
        for byte in head[:6]:
            assert crowd.send(bytes([byte])) == MANY
            waits.append(answered(site))
        grown = site.program.resident_bytes() - before
        answers = crowd.collect(20)
        seconds = time.monotonic() - began
    assert [one for one in answers if not one.startswith(b"HTTP/1.1 408 ")] == []
    assert max(waits) < 2, waits
    assert seconds >= 1.5  # nobody was cut short
    assert grown < MANY * 24_000, f"{grown // MANY} bytes per connection"
    assert answered(site) < 2


def test_large_heads_that_never_end_cost_their_size_and_no_more(site: Site) -> None:
    count = 1000
    before = settled(site)
    with Crowd(site.port("fe"), count) as crowd:
        assert crowd.send(b"GET / HTTP/1.1\r\nhost: h\r\nx-large: " + b"a" * 15_000) == count
        waits = [answered(site) for _ in range(5)]
        grown = site.program.resident_bytes() - before
        crowd.send(b"a" * 4000)  # more than a buffer: refused
        answers = crowd.collect(15)
    assert [one[:13] for one in answers if not one.startswith(b"HTTP/1.1 4")] == []
    assert max(waits) < 2, waits
    assert grown < count * 60_000, f"{grown // count} bytes per connection"


def test_resets_by_the_thousand_leave_nothing_behind(site: Site) -> None:
    for kind in ("fe", "tcp"):
        for data in (b"", b"GET /x HTTP/1.1\r\nhost:", b"GET /x HTTP/1.1\r\nhost: h\r\n\r\n"):
            with Crowd(site.port(kind), 300) as crowd:
                crowd.send(data)
        assert answered(site) < 2
    ours = {site.port("fe"), site.port("tcp")}

    def open_connections() -> int:
        table = Path("/proc/net/tcp").read_text().split("\n")[1:]
        rows = [line.split() for line in table if line]
        return sum(int(row[1].split(":")[1], 16) in ours and row[3] not in ("0A", "06") for row in rows)

    wait_until(lambda: open_connections() == 0, 10, "all connections gone")
    assert "internal error" not in site.program.output


def test_half_closed_clients_are_let_go_in_time(site: Site) -> None:
    with Crowd(site.port("tcp"), 300) as crowd:
        crowd.send(b"GET /x HTTP/1.1\r\nhost: h\r\n\r\n")
        for sock in crowd.sockets:
            sock.shutdown(socket.SHUT_WR)
        assert answered(site) < 2
        answers = crowd.collect(15)
    assert all(one.startswith(b"HTTP/1.1 200 OK") for one in answers)


def test_a_million_one_byte_chunks_take_linear_time_while_others_are_served(site: Site) -> None:
    count = 1_000_000
    block = b"1\r\na\r\n" * 10_000
    waits: list[float] = []
    done = threading.Event()

    def others() -> None:
        while not done.wait(0.02):
            waits.append(answered(site))

    def upload(blocks: int) -> float:
        used = site.program.cpu_seconds()
        with RawClient(site.port("fe"), timeout=30) as client:
            client.send(b"POST /up HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
            for _ in range(blocks):
                client.send(block)
            reply = client.send(b"0\r\n\r\n").read_reply()
        assert reply.status == 200
        assert int(reply.body) > blocks * 10_000
        return site.program.cpu_seconds() - used

    before = settled(site)
    thread = threading.Thread(target=others)
    thread.start()
    try:
        small, large = upload(count // 40_000), upload(count // 10_000)
    finally:
        done.set()
        thread.join()
    assert len(waits) > 3
    assert max(waits) < 2, max(waits)
    assert large < 12 * (small + 0.1), (small, large)
    assert site.program.resident_bytes() - before < 32 * MIB
