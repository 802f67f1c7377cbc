"""Back-pressure through a real process: whoever does not read stops who sends, and costs a buffer, whatever is sent.

Each test pours much more into pylb than it may hold, and looks at what it holds and whether everybody else is served.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.harness import RawClient, Site, wait_until
from tests.harness.differential import run_site
from tests.harness.origin import Conversation, Gone

MIB = 1 << 20
PIECE = bytes(MIB)
GIGABYTE = 1 << 30
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
    tune.sndbuf.client 262144
    tune.rcvbuf.client 262144
    tune.sndbuf.server 262144
    tune.rcvbuf.server 262144
defaults
    log global
    mode http
    option httplog
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend fe
    bind 127.0.0.1:$(fe)
    http-request return status 200 content-type text/plain string here if { path /here }
    default_backend be
frontend quick
    bind 127.0.0.1:$(quick)
    timeout client 1s
    default_backend be
backend be
    server s1 127.0.0.1:$(s1)
backend quick_server
    timeout server 1s
    server s1 127.0.0.1:$(s1)
listen tcp
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp)
    server s1 127.0.0.1:$(s1)
"""


class Poured:
    """How much an origin could send."""

    def __init__(self) -> None:
        self.bytes = 0


POURED = Poured()
READ = threading.Event()  # set: the origin reads uploads


def origin(conversation: Conversation) -> None:
    conversation.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)
    while True:
        head = conversation.read_head()
        conversation.received.clear()
        if head.startswith(b"POST"):
            conversation.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            READ.wait(15)
            left = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            left -= len(conversation._take(len(conversation._buffer)))
            while left > 0:
                data = conversation.receive(MIB)
                conversation.received.clear()
                if not data:
                    raise Gone
                left -= len(data)
            conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")
        elif b"/small" in head:
            conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4000\r\n\r\n" + bytes(4000))
        else:
            POURED.bytes = 0
            if head.startswith(b"GET"):
                conversation.send(HEAD % GIGABYTE)
            while POURED.bytes < GIGABYTE:
                conversation.send(PIECE)
                POURED.bytes += MIB


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with run_site("pylb", CONFIG, {"s1": origin}) as running:
        with RawClient(running.port("fe")) as warm:  # the first large body fetches the buffers that are kept
            warm.send(b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n").read_exactly(8 * MIB)
        yield running


def answered(site: Site) -> float:
    began = time.monotonic()
    with RawClient(site.port("fe"), timeout=10) as client:
        assert client.send(b"GET /here HTTP/1.1\r\nhost: h\r\n\r\n").read_reply().body == b"here"
    return time.monotonic() - began


def stalled(amount: object) -> int:
    """Waits until a counter has stood still for 0.3 s, and returns it."""
    seen = [-1, time.monotonic()]

    def still() -> bool:
        now = amount()  # type: ignore[operator]
        if now != seen[0]:
            seen[:] = [now, time.monotonic()]
        return now > 0 and time.monotonic() - seen[1] > 0.3

    wait_until(still, 10, "the sender to be stopped")
    return int(seen[0])


@pytest.mark.parametrize("front", ["fe", "tcp"])
def test_a_client_that_does_not_read_stops_the_server(site: Site, front: str) -> None:
    before = site.program.resident_bytes()
    request = b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n" if front == "fe" else b"pour\r\n\r\n"
    with RawClient(site.port(front), receive_buffer=65536) as client:
        client.send(request)
        poured = stalled(lambda: POURED.bytes)
        grown = site.program.resident_bytes() - before
        used = site.program.cpu_seconds()
        assert answered(site) < 2
        time.sleep(0.3)
        idle = site.program.cpu_seconds() - used
        client.reset()
    assert poured < 16 * MIB, f"{poured / MIB:.1f} MiB left the server"
    assert grown < 4 * MIB, f"{grown / MIB:.1f} MiB more"
    assert idle < 0.2, "waiting costs nothing"


def test_ten_that_do_not_read_cost_ten_buffers(site: Site) -> None:
    before = site.program.resident_bytes()
    clients = [RawClient(site.port("fe"), receive_buffer=65536) for _ in range(10)]
    for client in clients:
        client.send(b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n")
    stalled(lambda: POURED.bytes)
    grown = site.program.resident_bytes() - before
    for client in clients:
        client.reset()
    assert grown < 10 * MIB, f"{grown / MIB:.1f} MiB more"


def test_a_reader_who_comes_back_gets_every_byte(site: Site) -> None:
    with RawClient(site.port("fe"), receive_buffer=65536) as client:
        client.send(b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n")
        stalled(lambda: POURED.bytes)
        before = site.program.resident_bytes()
        left = 64 * MIB
        while left > 0:
            data = client.sock.recv(MIB)
            assert data
            left -= len(data)
        assert site.program.resident_bytes() - before < 4 * MIB
        client.reset()


def test_a_client_that_never_reads_is_cut_by_its_timeout(site: Site) -> None:
    with RawClient(site.port("quick"), receive_buffer=65536) as client:
        began = time.monotonic()
        client.send(b"GET /large?never HTTP/1.1\r\nhost: h\r\n\r\n")
        line = site.syslog.wait_for("/large?never", 10)
        assert time.monotonic() - began >= 0.9
    assert " cD-- " in line


def test_a_server_that_does_not_read_stops_the_upload(site: Site) -> None:
    READ.clear()
    size = 200 * MIB
    before = site.program.resident_bytes()
    sent = [0]
    with RawClient(site.port("fe"), timeout=20) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 262144)

        def upload() -> None:
            client.send(b"POST /up HTTP/1.1\r\nhost: h\r\ncontent-length: %d\r\n\r\n" % size)
            while sent[0] < size:
                client.send(PIECE)
                sent[0] += MIB

        thread = threading.Thread(target=upload)
        thread.start()
        try:
            poured = stalled(lambda: sent[0])
            grown = site.program.resident_bytes() - before
            assert answered(site) < 2
        finally:
            READ.set()
            thread.join()
        assert client.read_reply().body == b"done"
        after = site.program.resident_bytes() - before
    assert poured < 16 * MIB, f"{poured / MIB:.1f} MiB left the client"
    assert grown < 4 * MIB, f"{grown / MIB:.1f} MiB more"
    assert after < 6 * MIB, f"{after / MIB:.1f} MiB more"


def test_a_client_that_asks_without_reading_is_not_asked_for_more(site: Site) -> None:
    before = site.program.resident_bytes()
    request = b"GET /small HTTP/1.1\r\nhost: h\r\nx: " + b"a" * 200 + b"\r\n\r\n"
    with RawClient(site.port("fe"), receive_buffer=65536) as client:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        client.sock.settimeout(1.0)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 * MIB:
                sent += client.sock.send(request * 200)
        grown = site.program.resident_bytes() - before
        assert answered(site) < 2
        client.sock.settimeout(5)
        for _ in range(100):  # what was asked is answered once the client reads
            assert client.read_reply().body == bytes(4000)
        client.reset()
    assert sent < 16 * MIB, f"{sent / MIB:.1f} MiB were taken"
    assert grown < 4 * MIB, f"{grown / MIB:.1f} MiB more"
