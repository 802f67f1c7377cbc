"""One worker: the poller, the sessions it carries, and what all of its streams share.

Streams get the worker handed in; it holds per-process facts (limits, codec, stopping) so that the coroutines need no
globals. The program builds it after everything is compiled.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.counters import Rate, process, rolling
from pylb.engine.poller import Poller
from pylb.engine.splice import Pipes
from pylb.engine.step import KILLED, STOPPING, Coroutine, Runner
from pylb.engine.transport import Transport, adopt
from pylb.fetches.internal import STATE
from pylb.http import h1_fast
from pylb.http.codec import Codec, Limits
from pylb.http.semantics import HTX_START
from pylb.listener import handshake
from pylb.listener.accept import MOST, Acceptor, link
from pylb.mux.special import front_of
from pylb.records.session import Session
from pylb.rules.verdicts import Outcome
from pylb.server import pool
from pylb.stream.http_phases import http_session
from pylb.stream.tcp_phases import tcp_session, waited

if TYPE_CHECKING:
    from pylb.http.message import Refusal, Response
    from pylb.listener.bind import Listener
    from pylb.records.stream import Stream

RENEW_SECONDS: Final = 10


class ErrorCapture:
    """The last message of a proxy that was refused, for `show errors`."""

    __slots__ = ("backend", "data", "frontend", "offset", "reason", "server", "src", "wall")

    def __init__(self, session: Session, data: bytes, refusal: Refusal, backend: Any, server: Any) -> None:
        self.wall = clock.wall
        self.frontend = session.frontend
        self.backend = backend
        self.server = server
        self.src = session.address
        self.data = data
        self.offset = refusal.offset
        self.reason = refusal.reason


class Worker:
    """Lives as long as its process serves traffic."""

    def __init__(self, poller: Poller, codec: Codec, limits: Limits, *, maxconn: int, buffer_size: int) -> None:
        self.poller = poller
        self.codec = codec
        self.limits = limits
        self.maxconn = maxconn
        self.buffer_size = buffer_size
        self.input_size = limits.head + HTX_START  # raw bytes that rules see: the buffer without maxrewrite
        self.counters = process  # of the whole process
        self.streams = 0  # how many there have been (%rt)
        self.sessions: set[Runner] = set()
        self.acceptors: list[Acceptor] = []
        self.rates: list[tuple[Rate, int]] = []  # of the process, with the limits of accepting (listener/accept.py)
        self.most_accepts = MOST  # connections taken from a listener at a time
        self.refuse_privileged = False  # clients whose port is below 1024
        self.pipes = Pipes()  # of splicing
        self.starved: list[Acceptor] = []  # disarmed by a limit; armed again by closing connections
        self.stopping = False
        self.after_response: Callable[[Stream, Response], None] | None = None
        self.tls_front: Any = None  # function(listener, transport) -> coroutine; set by the tls room
        self._idle: asyncio.Event | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._rolling: Iterator[None] | None = None  # the rates' round of this second, until it is through
        self._feeding = math.inf  # when starved listeners are looked at, the earliest timer
        self._servers: list[Any] = []

    # -- sessions

    def welcome(self, listener: Listener, family: int, fd: int, address: Any) -> None:
        """Starts a session on an accepted descriptor."""
        frontend = listener.frontend
        transport = listener.transport(adopt(family, fd), self.poller)
        session = listener.session(frontend, listener, transport, address, clock.now, clock.now + clock.offset)
        if frontend.log_local:
            session.local = transport.getsockname()
        counters = frontend.counters
        counters.conn_total += 1
        own = self.counters
        own.conn_total += 1
        current = counters.conn_cur + 1
        if current > counters.conn_max:
            counters.conn_max = current
        handshakes = listener.handshakes
        if frontend.tcp_connection is not None:
            session.handshakes = handshakes
            if not self._admitted(session, transport):
                transport.close()
                return
            handshakes = session.handshakes
        counters.conn_cur = current
        own.conn_cur += 1
        listener.counters.conn_cur += 1
        run = Runner(self.gone)
        run.subject = session
        transport.runner = run
        self.sessions.add(run)
        transport.register()
        if handshakes or frontend.tcp_session is not None:
            run.start(self._prepared(run, transport, session, handshakes))
            return
        counters.sess_total += 1
        own.sess_total += 1
        if frontend.http:
            run.start(http_session(run, front_of(transport, frontend, self), session, self))
        else:
            run.start(tcp_session(run, transport, session, self))

    def _admitted(self, session: Session, transport: Transport) -> bool:
        """`tcp-request connection` rules: nothing has been read, nothing can be waited for."""
        session.final = True
        verdict = session.frontend.tcp_connection.run(session)
        session.final = False
        if verdict is None or verdict.kind is Outcome.STOP:
            return True
        session.frontend.counters.denied_conn += 1
        session.listener.counters.denied_conn += 1
        if verdict.kind is Outcome.DROP:
            self.drop_silently(transport, verdict.at)
        return False

    def _prepared(self, run: Runner, conn: Transport, session: Session, handshakes: int) -> Coroutine:
        """What stands before the first request: headers with addresses, then `tcp-request session` rules."""
        rest = b""
        frontend = session.frontend
        carried = False
        try:
            if handshakes:
                behind = yield from handshake.perform(run, conn, session, handshakes, self.poller.timers)
                if behind is None:
                    return
                rest = behind
            if frontend.tcp_session is not None:
                session.final = True
                verdict = frontend.tcp_session.run(session)
                while verdict is not None and verdict.kind is Outcome.WAIT and verdict.wait is not None:
                    if not (yield from waited(run, conn, self, verdict.wait)):
                        return
                    verdict = frontend.tcp_session.run(session, verdict.at)
                session.final = False
                if verdict is not None and verdict.kind is not Outcome.STOP:
                    frontend.counters.denied_sess += 1
                    session.listener.counters.denied_sess += 1
                    if verdict.kind is Outcome.DROP:
                        self.drop_silently(conn, verdict.at)
                    return
            carried = True
            frontend.counters.sess_total += 1
            self.counters.sess_total += 1
        finally:
            if not carried:
                conn.close()
        if frontend.http:
            front = front_of(conn, frontend, self)
            front.buffer = rest
            yield from http_session(run, front, session, self)
        else:
            yield from tcp_session(run, conn, session, self, rest)

    def gone(self, run: Runner, crash: BaseException | None) -> None:
        """A session's coroutine is over: its place is free."""
        session: Session = run.subject
        self.sessions.discard(run)
        self.poller.timers.cancel(run)
        if crash is not None:
            session.frontend.counters.internal_errors += 1
            session.connection.close()
        session.frontend.counters.conn_cur -= 1
        self.counters.conn_cur -= 1
        session.listener.counters.conn_cur -= 1
        run.subject = None
        if self.starved:
            self.feed()
        if self._idle is not None and not self.sessions:
            self._idle.set()

    def feed(self) -> None:
        """Lets disarmed listeners accept again; those still over their limit stay disarmed."""
        waiting, self.starved = self.starved, []
        for acceptor in waiting:
            acceptor.rearm()

    def feed_later(self, seconds: float) -> None:
        """The same after a while, or before that: the earliest moment that was asked for counts."""
        at = clock.now + seconds
        if at < self._feeding:
            self._feeding = at
            self.later(seconds, partial(self._feed, at))

    def _feed(self, at: float) -> None:
        if at == self._feeding:  # else an earlier timer was asked for, and has done this one's work
            self._feeding = math.inf
            clock.resync()
            self.feed()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Calls back on the event loop (not per connection: limits and pauses only)."""
        asyncio.get_running_loop().call_later(seconds, call)

    def wake(self, stream: Stream) -> None:
        """Steps a stream after the current batch: its turn in a queue has come."""
        self.poller.wake(stream.run)

    def kill(self, run: Runner) -> None:
        self.poller.wake(run, KILLED)

    # -- what streams ask

    def client_left(self, stream: Stream) -> bool:
        """The client's side is closing: is that the end of the stream? A mere half-close only with abortonclose, or in
        TCP mode of who has not said a word."""
        conn = stream.front.conn
        if conn.error or conn.hung_up or "abortonclose" in stream.backend.options:
            return True
        if stream.request is not None or stream.data:
            return False
        stream.data = conn.read(self.input_size) or b""
        return not stream.data

    def drop_silently(self, conn: Transport, hops: int = 0) -> None:
        """Forgets a connection without telling the client (`silent-drop`): no FIN, no RST leaves this host. With `hops`
        a reset does, that goes no farther."""
        if conn.fd < 0:
            return
        conn.hung_up = True  # no farewell of any kind
        sock = conn.sock
        if not hops:
            conn.read(self.buffer_size)
            with contextlib.suppress(OSError):  # needs CAP_NET_ADMIN
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # or the client would ask again, in vain
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_REPAIR", 19), 1)
                return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        for level, option in ((socket.SOL_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)):
            with contextlib.suppress(OSError):  # the other family, or a unix socket
                sock.setsockopt(level, option, hops or 1)

    def capture_error(self, session: Session, endpoint: Any, refusal: Refusal, stream: Stream | None = None) -> None:
        """Keeps the last refused message of a proxy and side."""
        data = bytes(endpoint.buffer[: self.buffer_size])
        if stream is None:
            session.frontend.last_bad_request = ErrorCapture(session, data, refusal, None, None)
        else:
            stream.backend.last_bad_response = ErrorCapture(session, data, refusal, stream.backend, stream.server)

    def capture_violation(self, endpoint: Any, data: bytes, what: Refusal) -> None:
        """Keeps the last message that was taken although it violates the RFCs."""
        session: Session = endpoint.conn.runner.subject
        server = getattr(endpoint, "server", None)
        if server is None:
            session.frontend.last_bad_request = ErrorCapture(session, data, what, None, None)
        else:
            server.backend.last_bad_response = ErrorCapture(session, data, what, server.backend, server)

    # -- life of the process

    def listen(self, listeners: list[Listener], servers: list[Any]) -> None:
        """Begins to accept on every listener that has a socket."""
        self._servers = servers
        self.acceptors = [Acceptor(listener, self) for listener in listeners]
        link(self.acceptors)
        for acceptor in self.acceptors:
            acceptor.arm()

    def watch(self, server: Any) -> None:
        """A server that came by the runtime socket: its idle connections are purged like the others'."""
        self._servers.append(server)

    def forget(self, server: Any) -> None:
        """A server that was removed."""
        if server in self._servers:
            self._servers.remove(server)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self.poller.attach(loop)
        self._tick(loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        """Once a second: rates begin a new second, idle server connections that are too old are closed."""
        clock.resync()
        if self._rolling is None:  # else the last round still waits for its turn
            self._rolling = rolling(clock.now)
            self._roll_on(loop)
        if int(clock.now) % RENEW_SECONDS == 0:
            h1_fast.renew()
        now = clock.now
        for server in self._servers:
            if server.idle:
                pool.purge(server, now)
        self._ticker = loop.call_later(1.0 - now % 1.0 + 0.001, self._tick, loop)

    def _roll_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """One slice of the rates; the next comes after the events that have happened meanwhile."""
        assert self._rolling is not None
        if next(self._rolling, True):
            self._rolling = None
        else:
            loop.call_soon(self._roll_on, loop)

    def stop_accepting(self) -> None:
        for acceptor in self.acceptors:
            acceptor.close()
        self.acceptors = []
        self.starved = []

    def soft_stop(self) -> None:
        """No new connections; those under way end after their current exchange, idle ones now."""
        self.stopping = STATE.stopping = True
        self.stop_accepting()
        for run in self.sessions:
            self.poller.wake(run, STOPPING)
        for server in self._servers:
            pool.close_all(server)

    def kill_all(self) -> None:
        for run in self.sessions:
            self.poller.wake(run, KILLED)

    async def drained(self) -> None:
        """Returns when the last session is over."""
        if not self.sessions:
            return
        if self._idle is None:
            self._idle = asyncio.Event()
        await self._idle.wait()

    def close(self) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        self.stop_accepting()
        for server in self._servers:
            pool.close_all(server)
        self.poller.close()
