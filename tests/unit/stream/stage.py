"""A stage for streams: real coroutines on a real or fake transport, turned by hand, without an event loop.

`Stage` builds a frontend, a backend and a worker from a few facts. `ScriptedTransport` has the shape of a transport and
does what the test says; real sockets work too, because `until` turns the poller until a condition holds.
"""

from __future__ import annotations

import math
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from pylb.balance.roundrobin import RoundRobin
from pylb.clock import clock
from pylb.config.model import Address, ProxyConfig
from pylb.engine.poller import Poller
from pylb.engine.step import READY, Runner, step
from pylb.errors import NOWHERE
from pylb.http import codec
from pylb.http.semantics import Limits
from pylb.listener.bind import Listener
from pylb.mux.h1 import H1Front
from pylb.records.proxy import Backend, Frontend
from pylb.records.session import Session
from pylb.rules import replies
from pylb.server.assign import Assignment
from pylb.server.server import Server
from pylb.stream.http_phases import http_session
from pylb.stream.tcp_phases import tcp_session
from pylb.stream.worker import Worker


class Log:
    """Keeps the streams that were logged."""

    def __init__(self) -> None:
        self.streams: list[Any] = []

    def emit(self, stream: Any) -> None:
        self.streams.append(stream)


class ScriptedTransport:
    """What a transport looks like from above, played by a test: `feed`, `end` and `reset` are the peer's doing."""

    def __init__(self, poller: Poller, runner: Runner | None = None, fd: int = 10_000) -> None:
        self.poller = poller
        self.runner = runner
        self.fd = fd
        self.pieces: list[bytes] = []
        self.sent = b""
        self.puts = 0
        self.readable = self.ending = self.hung_up = self.eof = False
        self.error = 0
        self.out: bytes = b""
        self.window = math.inf  # bytes the peer still takes
        self.half_closed = False

    def feed(self, *pieces: bytes) -> None:
        self.pieces += pieces
        self._event()

    def end(self) -> None:
        self.ending = True
        self._event()

    def reset(self) -> None:
        self.error = 104
        self.ending = self.hung_up = True
        self._event()

    def open_window(self, size: float = math.inf) -> None:
        self.window = size
        self.flush()
        self._event(False)

    def _event(self, readable: bool = True) -> None:
        self.readable = self.readable or readable
        if self.runner is not None:
            step(self.runner, READY)

    def read(self, size: int) -> bytes | None:
        if self.error:
            self.eof, self.readable = True, False
            return b""
        if self.pieces:
            data = self.pieces.pop(0)
            if len(data) > size:
                self.pieces.insert(0, data[size:])
                data = data[:size]
            self.readable = bool(self.pieces) or self.ending
            return data
        if self.ending:
            self.eof, self.readable = True, False
            return b""
        self.readable = False
        return None

    def put(self, data: bytes) -> None:
        self.puts += 1
        self.out = bytes(self.out) + bytes(data)
        self.flush()

    def flush(self) -> bool:
        count = int(min(len(self.out), self.window))
        self.sent += self.out[:count]
        self.out = self.out[count:]
        self.window -= count
        return not self.out

    def fail(self, code: int) -> None:
        self.error = code or 5
        self.eof = True
        self.out = b""

    def probe(self) -> bool:
        return True

    def watch_output(self) -> None:
        pass

    def reset_on_close(self) -> None:
        pass

    def shutdown_write(self) -> None:
        self.half_closed = True

    def close(self) -> None:
        self.fd = -1
        self.runner = None
        self.eof = True
        self.out = b""

    abandon = close

    @property
    def closed(self) -> bool:
        return self.fd < 0

    def getsockname(self) -> tuple[str, int]:
        return ("127.0.0.1", 80)


class Stage:
    """One frontend, one backend, one worker. `servers` are (host, port) pairs or unix paths."""

    def __init__(self, servers: list[Any] = (), *, http: bool = True, maxconn: int = 10_000) -> None:  # type: ignore[assignment]
        front, back = ProxyConfig("frontend", "front"), ProxyConfig("backend", "back")
        self.frontend = Frontend("front", 1, front)
        self.backend = Backend("back", 2, back)
        self.frontend.http = self.backend.http = http
        self.frontend.default_backend = self.backend
        self.frontend.timeout_client = 30.0
        self.backend.timeout_connect = 5.0
        self.timeout_server(30.0)
        self.frontend.replies = self.backend.replies = replies.compile(front, None)
        self.log = self.frontend.log = Log()
        self.poller = Poller()
        self.watch = select.poll()
        self.watch.register(self.poller.epoll.fileno(), select.POLLIN)
        self.worker = Worker(self.poller, codec.choose("fast"), Limits(), maxconn=maxconn, buffer_size=16384)
        for number, address in enumerate(servers):
            server = Server(f"s{number}", self.backend, number)
            server.family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
            server.sockaddr = address
            self.backend.servers.append(server)
            self.backend.by_name[server.name] = server
        self.backend.algorithm = RoundRobin(self.backend)
        self.backend.algorithm.update()
        Assignment(self.backend, self.worker.wake)
        self.listener = Listener(self.frontend, Address("ipv4", "127.0.0.1"), {}, NOWHERE, 1)

    def timeout_server(self, seconds: float | None) -> None:
        self.backend.timeout_server = seconds
        self.backend.timeout_server_or_never = seconds or math.inf

    # -- real sockets

    def listen(self) -> tuple[str, int]:
        """Accepts on a free port of 127.0.0.1."""
        sock = socket.socket()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.bind(("127.0.0.1", 0))
        sock.listen(1024)
        sock.setblocking(False)
        listener = Listener(self.frontend, Address("ipv4", *sock.getsockname()), {}, NOWHERE, 1)
        listener.sock = sock
        self.listener = listener
        self.worker.listen([listener], self.backend.servers)
        name: tuple[str, int] = sock.getsockname()
        return name

    def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> None:
        """Turns the poller until the condition holds; timers fire as they would."""
        limit = time.monotonic() + seconds
        while not condition():
            self.turn()
            assert time.monotonic() < limit, "the condition did not come true in time"

    def turn(self, wait: float = 0.01) -> None:
        if not self.poller.ready:
            self.watch.poll(wait * 1000)
        self.poller.turn()
        self.poller.tick()
        self.poller.turn()

    # -- scripted transports

    def session(self, conn: Any) -> tuple[Runner, Session]:
        """A session on a scripted transport, running."""
        run = Runner(self.worker.gone)
        session = Session(self.frontend, self.listener, conn, ("127.0.0.1", 4711), clock.refresh(), clock.wall)
        run.subject = session
        conn.runner = run
        self.worker.sessions.add(run)
        self.frontend.counters.conn_cur += 1
        self.worker.counters.conn_cur += 1
        self.listener.counters.conn_cur += 1
        if self.frontend.http:
            front = H1Front(conn, self.worker.codec, self.worker.limits)
            run.start(http_session(run, front, session, self.worker))
        else:
            run.start(tcp_session(run, conn, session, self.worker))
        return run, session

    def close(self) -> None:
        self.worker.close()
