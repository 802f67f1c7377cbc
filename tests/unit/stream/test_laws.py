"""The laws of the data plane, each shown on the coroutines that carry traffic."""

from __future__ import annotations

import errno
import resource
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from pylb.engine.poller import Poller
from pylb.engine.step import KILLED
from pylb.stream.pipe import MOST
from tests.unit.stream.stage import ScriptedTransport, Stage

REQUEST = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Origin:
    """A server socket whose accepted connections the test plays by hand."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.sock.setblocking(False)
        self.address: tuple[str, int] = self.sock.getsockname()
        self.accepted: list[socket.socket] = []

    def accept(self) -> socket.socket | None:
        try:
            conn, _ = self.sock.accept()
        except BlockingIOError:
            return None
        conn.setblocking(False)
        self.accepted.append(conn)
        return conn

    def close(self) -> None:
        for conn in self.accepted:
            conn.close()
        self.sock.close()


@pytest.fixture
def origin() -> Iterator[Origin]:
    one = Origin()
    yield one
    one.close()


def receive(sock: socket.socket, limit: int = 1 << 24) -> bytes | None:
    """What is there; None when nothing is, b"" at the end."""
    try:
        return sock.recv(limit)
    except BlockingIOError:
        return None


def connected(stage: Stage, origin: Origin, where: tuple[str, int]) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(where)
    client.setblocking(False)
    got: list[socket.socket] = []

    def accepted() -> bool:
        conn = origin.accept()
        if conn is not None:
            got.append(conn)
        return bool(got)

    stage.until(accepted)
    return client, got[0]


# -- law 1: nothing that arrived is lost


def test_data_before_a_reset_is_delivered(origin: Origin) -> None:
    """400 kB, then a reset: the kernel has the data, so the client gets all of it."""
    stage = Stage([origin.address], http=False)
    client, server = connected(stage, origin, stage.listen())
    payload = b"x" * 400_000
    sent = 0
    received = b""
    while sent < len(payload):
        try:
            sent += server.send(payload[sent:])
        except BlockingIOError:
            pass
        stage.turn()
        received += receive(client) or b""
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # Everything has left the server's kernel once the proxy has read it; only then is a reset harmless to the data
    # on the wire, and only a proxy that forgets its own buffer would lose some.
    server.close()
    origin.accepted.clear()

    def drained() -> bool:
        nonlocal received
        got = receive(client)
        received += got or b""
        return got == b"" or bool(stage.log.streams)

    stage.until(drained)
    while True:
        try:
            got = receive(client)
        except ConnectionResetError:
            break
        if not got:
            break
        received += got
    assert len(received) > 0
    assert stage.log.streams[0].bytes_out == len(received)
    assert stage.log.streams[0].end_state == b"S" or len(received) == len(payload)
    client.close()
    stage.close()


def test_an_early_error_answer_sent_before_a_reset_arrives(origin: Origin) -> None:
    """A server answers 413 before the body is through and resets: the client still sees the 413."""
    stage = Stage([origin.address])
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    client, server = connected_http(stage, origin, head + b"y" * 1000)
    stage.until(lambda: receive(server, 500))
    server.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
    server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    got = b""

    def answered() -> bool:
        nonlocal got
        got += receive(client) or b""
        return got.endswith(b"big")

    stage.until(answered)
    server.close()
    assert got.startswith(b"HTTP/1.1 413 ")
    client.close()
    stage.until(lambda: stage.log.streams)
    assert stage.log.streams[0].status == 413
    stage.close()


def connected_http(stage: Stage, origin: Origin, request: bytes) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(stage.listen())
    client.setblocking(False)
    client.sendall(request)
    stage.until(lambda: origin.accept() is not None)
    return client, origin.accepted[-1]


# -- fairness


def test_a_firehose_does_not_starve_small_clients(origin: Origin) -> None:
    """One connection pours as fast as it can; twenty others exchange small messages meanwhile, each round served
    within a few turns."""
    stage = Stage([origin.address], http=False)
    where = stage.listen()
    hose, sink = connected(stage, origin, where)
    pairs = [connected(stage, origin, where) for _ in range(20)]
    block = b"z" * 262_144
    poured = 0
    worst = 0
    for _ in range(30):
        try:
            poured += hose.send(block)
        except BlockingIOError:
            pass
        for client, _server in pairs:
            client.send(b"ping")
        waiting = {server for _, server in pairs}
        turns = 0
        while waiting:
            for server in list(waiting):
                if receive(server, 100):
                    waiting.discard(server)
            if waiting:
                receive(sink)
                try:
                    poured += hose.send(block)
                except BlockingIOError:
                    pass
                stage.turn(0)
                turns += 1
                assert turns < 50, "small clients wait behind the firehose"
        worst = max(worst, turns)
    assert poured > 1 << 20
    for client, _server in [(hose, sink), *pairs]:
        client.close()
    stage.close()


# -- queues and wake-ups


def test_ten_thousand_queued_streams_are_all_served_without_recursion() -> None:
    """One server with one slot, 10,000 requests at once: the queue is worked off one by one on a flat stack."""
    count = 10_000
    stage = Stage([("127.0.0.1", 9)], maxconn=count + 1)
    server = stage.backend.servers[0]
    server.maxconn = server.minconn = 1
    opened: list[ScriptedTransport] = []
    import pylb.stream.reaching as reaching

    def open_transport(server: Any, session: Any, poller: Poller) -> ScriptedTransport:
        conn = ScriptedTransport(poller, fd=20_000 + len(opened))
        opened.append(conn)
        return conn

    original = reaching.open_transport
    real = reaching.Transport
    reaching.open_transport = open_transport  # type: ignore[assignment]
    reaching.Transport = ScriptedTransport  # type: ignore[misc,assignment]
    try:
        clients = [ScriptedTransport(stage.poller, fd=100_000 + n) for n in range(count)]
        for number, conn in enumerate(clients):
            stage.session(conn)
            conn.feed(REQUEST % number)
        assert stage.backend.queue.length + server.queue.length == count - 1
        rounds = 0
        while len(stage.log.streams) < count:
            for conn in opened[-1:]:
                if conn.fd >= 0 and conn.sent and not conn.pieces:
                    conn.sent = b""
                    conn.feed(RESPONSE)
            stage.poller.turn()
            rounds += 1
            assert rounds < 10 * count
        assert all(conn.sent.endswith(b"hello") for conn in clients)
        assert server.served == 0
    finally:
        reaching.open_transport = original
        reaching.Transport = real  # type: ignore[misc]
        for run in list(stage.worker.sessions):
            stage.poller.wake(run, KILLED)
        stage.poller.turn()
        stage.close()


# -- law 3: the same coroutine on any endpoint


def test_two_streams_interleave_on_one_fake_connection() -> None:
    """A connection that carries two streams gives each a channel; the same coroutine serves both, and their requests
    and responses cross in any order."""
    stage = Stage([("127.0.0.1", 9)])
    wire: list[tuple[int, bytes]] = []

    class Channel(ScriptedTransport):
        """One of the streams of a multiplexed connection: what it sends becomes a frame on the shared wire."""

        def __init__(self, number: int) -> None:
            super().__init__(stage.poller, fd=500 + number)
            self.number = number

        def put(self, data: bytes) -> None:
            wire.append((self.number, bytes(data)))

    backs: list[ScriptedTransport] = []
    import pylb.stream.reaching as reaching

    def open_transport(server: Any, session: Any, poller: Poller) -> ScriptedTransport:
        backs.append(ScriptedTransport(poller, fd=700 + len(backs)))
        return backs[-1]

    original, real = reaching.open_transport, reaching.Transport
    reaching.open_transport = open_transport  # type: ignore[assignment]
    reaching.Transport = ScriptedTransport  # type: ignore[misc,assignment]
    try:
        one, two = Channel(1), Channel(3)
        stage.session(one)
        stage.session(two)
        one.feed(b"GET /slow HTTP/1.1\r\nHo")
        two.feed(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        one.feed(b"st: x\r\n\r\n")
        assert [b"/quick" in backs[0].sent, b"/slow" in backs[1].sent] == [True, True]
        backs[0].feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nquick\r\n")
        backs[1].feed(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nslow")
        backs[0].feed(b"0\r\n\r\n")
        backs[1].feed(b"-end")
        order = [number for number, _ in wire]
        assert order.index(3) < order.index(1) < len(order)
        bodies = {n: b"".join(data for number, data in wire if number == n) for n in (1, 3)}
        assert bodies[1].endswith(b"slow-end")
        assert b"quick" in bodies[3] and bodies[3].endswith(b"0\r\n\r\n")
        assert [stream.status for stream in stage.log.streams] == [200, 200]
    finally:
        reaching.open_transport, reaching.Transport = original, real  # type: ignore[misc]
        stage.close()


class TlsTransport(ScriptedTransport):
    """TLS under the same coroutine: what a socket is to Transport, an ssl object on memory is to this one. Readiness
    includes what the TLS layer has decrypted already."""

    def __init__(self, poller: Poller, sock: socket.socket, context: ssl.SSLContext, *, server: bool) -> None:
        super().__init__(poller)
        self.sock = sock
        sock.setblocking(False)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server)
        self.shaken = False

    def pump(self) -> None:
        """Moves wire bytes both ways and finishes the handshake; then tells the runner what became readable."""
        data = receive(self.sock)
        if data:
            self.incoming.write(data)
        elif data == b"":
            self.ending = True
        if not self.shaken:
            try:
                self.tls.do_handshake()
                self.shaken = True
            except ssl.SSLWantReadError:
                pass
        self._leave()
        if self.shaken and (self.incoming.pending or self.tls.pending() or self.ending):
            self._event()

    def read(self, size: int) -> bytes | None:
        try:
            data = self.tls.read(size)
        except ssl.SSLWantReadError:
            data = None
            if self.ending:
                self.eof = True
                data = b""
        self.readable = bool(self.tls.pending())
        return data

    def put(self, data: bytes) -> None:
        self.tls.write(data)
        self._leave()

    def _leave(self) -> None:
        if self.outgoing.pending:
            self.sock.setblocking(True)
            self.sock.sendall(self.outgoing.read())
            self.sock.setblocking(False)


def test_the_tcp_coroutine_serves_a_tls_client_through_an_echo_server(
    origin: Origin, certificate: tuple[str, str]
) -> None:
    """A TLS client on one side, a clear echo server on the other: 200 kB come back unharmed."""
    stage = Stage([origin.address], http=False)
    ours, theirs = socket.socketpair()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    payload = bytes(range(256)) * 800
    received = b""

    def client() -> None:
        nonlocal received
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
        with trust.wrap_socket(theirs) as tls:  # which must not be read and written by two threads at a time
            for start in range(0, len(payload), 40000):
                tls.sendall(payload[start : start + 40000])
                while len(received) < min(start + 40000, len(payload)):
                    got = tls.recv(65536)
                    if not got:
                        return
                    received += got

    thread = threading.Thread(target=client)
    thread.start()
    conn = TlsTransport(stage.poller, ours, context, server=True)
    while not conn.shaken:
        conn.pump()
        time.sleep(0)
    stage.session(conn)

    def echoed() -> bool:
        origin.accept()
        for server in origin.accepted:
            got = receive(server)
            if got:
                server.setblocking(True)
                server.sendall(got)
                server.setblocking(False)
        conn.pump()
        return not thread.is_alive()

    stage.until(echoed)
    thread.join()
    assert received == payload
    ours.close()
    stage.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A self-signed certificate for localhost and its key, as files."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


# -- law 4: heads cost time linear in their size


@pytest.mark.parametrize("how", ["whole", "dripped"])
def test_the_time_for_a_head_grows_linearly(how: str) -> None:
    """A head of twice the size costs at most a bit more than twice the time, be it dripped byte by byte."""

    def cost(lines: int) -> float:
        stage = Stage([("127.0.0.1", 9)])
        head = b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: %s\r\n" % (n, b"v" * 100) for n in range(lines))
        conn = ScriptedTransport(stage.poller)
        stage.session(conn)
        began = time.process_time()
        if how == "whole":
            conn.feed(head)
        else:
            for at in range(0, len(head)):
                conn.feed(head[at : at + 1])
        spent = time.process_time() - began
        assert not conn.sent, "the head is incomplete and legal"
        conn.end()
        stage.close()
        return spent

    small = min(cost(20) for _ in range(3))
    large = min(cost(80) for _ in range(3))
    assert large < 4 * small * 3 + 0.01


# -- law 8: refusals arrive


def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    """400 for garbage, while the client pours a megabyte: it reads the answer, not a reset."""
    stage = Stage([("127.0.0.1", 9)])
    client = socket.create_connection(stage.listen())
    got: list[bytes] = []

    def pour() -> None:
        client.sendall(b"GARBAGE\x00\r\n\r\n" + b"x" * 900_000)
        client.shutdown(socket.SHUT_WR)
        while True:
            data = client.recv(65536)
            if not data:
                break
            got.append(data)

    thread = threading.Thread(target=pour)
    thread.start()
    stage.until(lambda: not thread.is_alive())
    thread.join()
    assert b"".join(got).startswith(b"HTTP/1.1 400 Bad ")
    client.close()
    stage.until(lambda: not stage.worker.sessions)
    stage.close()


def test_lingering_ends_even_when_the_client_never_does(monkeypatch: pytest.MonkeyPatch) -> None:
    import pylb.stream.answering as answering

    monkeypatch.setattr(answering, "LINGER_SECONDS", 0.05)
    stage = Stage([("127.0.0.1", 9)])
    client = socket.create_connection(stage.listen())
    client.sendall(b"GARBAGE\x00\r\n\r\n")
    stage.until(lambda: stage.log.streams)
    stage.until(lambda: not stage.worker.sessions, 5)
    client.close()
    stage.close()


# -- law 9: limits disarm the listener


def test_without_descriptors_the_listener_is_disarmed_and_comes_back(origin: Origin) -> None:
    """At EMFILE the poller does not spin; once descriptors are free, the waiting client is served."""
    stage = Stage([origin.address], http=False)
    where = stage.listen()
    later: list[Any] = []
    stage.worker.later = lambda seconds, call: later.append(call)  # type: ignore[method-assign]
    client = socket.create_connection(where)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = socket.socket()
    resource.setrlimit(resource.RLIMIT_NOFILE, (probe.fileno() + 1, hard))
    hogs: list[socket.socket] = []
    try:
        while True:
            try:
                hogs.append(socket.socket())
            except OSError as failure:
                assert failure.errno == errno.EMFILE
                break
        stage.until(lambda: later)
        turns = stage.poller.turns
        for _ in range(5):
            stage.turn(0.01)
        assert len(later) == 1, "the listener stayed armed"
        assert stage.poller.turns - turns <= 20
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for hog in hogs:
            hog.close()
        probe.close()
    later.pop()()
    stage.until(lambda: origin.accept() is not None)
    client.close()
    stage.close()


def test_a_full_frontend_is_disarmed_until_a_connection_ends(origin: Origin) -> None:
    stage = Stage([origin.address], http=False)
    stage.frontend.maxconn = 1
    where = stage.listen()
    stage.worker.later = lambda seconds, call: None  # type: ignore[method-assign]
    first, _ = connected(stage, origin, where)
    second = socket.create_connection(where)
    for _ in range(5):
        stage.turn(0.01)
    assert len(stage.worker.sessions) == 1
    first.close()
    for conn in origin.accepted:
        conn.close()
    origin.accepted.clear()
    stage.until(lambda: origin.accept() is not None)
    assert len(stage.worker.sessions) == 1
    second.close()
    stage.close()


# -- back-pressure


def test_a_slow_reader_never_makes_the_proxy_hold_more_than_a_buffer(origin: Origin) -> None:
    stage = Stage([origin.address], http=False)
    client, server = connected(stage, origin, stage.listen())
    session = next(iter(stage.worker.sessions)).subject
    block = b"b" * 1_000_000
    stuck = 0
    while stuck < 50:
        try:
            server.send(block)
            stuck = 0
        except BlockingIOError:
            stuck += 1
        stage.turn(0)
        assert len(session.connection.out) <= MOST
    assert stuck and session.connection.out
    client.close()
    stage.close()
