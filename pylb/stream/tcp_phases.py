"""The TCP stream: one coroutine for one client connection and its server's.

accept -> tcp-request content of the frontend (with inspect-delay) -> backend -> its tcp-request content -> server
-> pipe.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.counters import process
from pylb.engine.step import KILLED, STOPPING, TIMEOUT, Coroutine, Part, Runner
from pylb.engine.transport import Transport
from pylb.listener import proxy_protocol
from pylb.mux.special import front_of
from pylb.records.session import Session
from pylb.records.stream import Stream
from pylb.rules.verdicts import Outcome
from pylb.server.assign import ASSIGNED, QUEUED, release
from pylb.server.connection import open_transport
from pylb.stream import ending
from pylb.stream.ending import finish, mark
from pylb.stream.http_phases import http_session
from pylb.stream.pipe import pipe
from pylb.stream.reaching import connected, connecting, failed, queued, through_proxy, unserved

if TYPE_CHECKING:
    from pylb.stream.worker import Worker

READ_SIZE: Final = 16384
CONTINUE: Final = "continue"
UPGRADE: Final = "upgrade"
CLOSE: Final = "close"


class RawFront:
    """The client's connection in TCP mode, as far as rules and refusals need an endpoint."""

    __slots__ = ("conn", "heard", "silent")

    body_done = True
    started = True
    buffer = b""

    def __init__(self, conn: Transport, heard: float) -> None:
        self.conn = conn
        self.heard = heard  # when the client last said something; since it came, if it has not
        self.silent = False  # for longer than `timeout client`, while rules waited for it

    @property
    def blocked(self) -> bool:
        return bool(self.conn.out)

    def reset(self) -> None:
        self.conn.close()


def tcp_session(run: Runner, conn: Transport, session: Session, worker: Worker, rest: bytes = b"") -> Coroutine:
    """Carries one connection from accept to its log line. `rest` was read behind a PROXY header."""
    frontend = session.frontend
    stream = Stream(session, session.accept_time, session.accept_wall)
    stream.run = run
    stream.number = worker.streams = worker.streams + 1
    session.current = stream
    session.streams = 1
    process.req_total += 1
    front = stream.front = RawFront(conn, session.accept_time + session.handshake_time)
    stream.data = rest
    if frontend.log_early and frontend.log is not None:
        frontend.log.emit(stream)
        stream.logged = True
    back: Transport | None = None
    upgraded = False
    try:
        while True:  # left by `break` where the connection goes on as HTTP
            if frontend.tcp_content is not None:
                verdict = yield from inspect(run, stream, worker, frontend)
                if verdict is UPGRADE:
                    if session.listener.proto == "none":
                        mark(stream, ending.PROXY, ending.REQUEST)
                        return
                    upgraded = True
                    break
                if verdict is not CONTINUE:
                    return
            switching = frontend.switching
            if switching is not None and not stream.data and conn.readable:
                stream.data = conn.read(READ_SIZE) or b""  # what came with the connection; nothing is waited for
            stream.final = True
            backend = frontend.default_backend if switching is None else switching(stream)
            stream.final = False
            if backend is None:
                if not left(stream):
                    mark(stream, ending.SERVER, ending.CONNECT)
                return
            if backend.http and session.listener.proto != "none":
                upgraded = True
                break
            stream.backend = backend
            enter(backend)
            if backend.http:  # and the bind line says that nothing is made of its connections
                mark(stream, ending.RESOURCES, ending.REQUEST)
                return
            theirs = backend.config is not frontend.config and backend.tcp_content is not None
            if theirs and (yield from inspect(run, stream, worker, backend)) is not CONTINUE:
                return
            if left(stream):
                return
            stream.request_end = clock.now
            outcome = backend.assignment.assign(stream)
            back = yield from connect(run, stream, worker, outcome)
            if back is None:
                return
            if frontend.log_source:
                stream.source = back.getsockname()
            if frontend.log_asap and frontend.log is not None:
                frontend.log.emit(stream)
                stream.logged = True
            early = stream.data
            stream.data = b""
            answer = b""
            if backend.tcp_response is not None:
                judged = yield from inspect_response(run, stream, worker, back, early)
                if judged is None:
                    return
                early, answer = b"", judged
            elif early:
                front.heard = clock.now  # what goes on is activity of both sides
            tunnel = backend.timeout_tunnel
            yield from pipe(
                run,
                stream,
                worker,
                conn,
                back,
                tunnel or frontend.timeout_client or math.inf,
                tunnel or backend.timeout_server or math.inf,
                (early, answer),
                front.heard,
            )
            return
    finally:
        if not upgraded and not conn.eof and (back is None or stream.rule is not None):
            stream.data += conn.read(READ_SIZE) or b""  # closing over unread bytes would send a reset
        if back is None and not upgraded:
            stream.bytes_in += len(stream.data)  # it has come, whoever it was for
        if back is not None:
            if conn.error and not back.eof:
                back.reset_on_close()  # the server is not to take for an end what was broken off
            back.close()
        if stream.slot is not None or stream.waiting is not None:
            release(stream)
        if not upgraded:
            conn.close()
            finish(stream)
    if upgraded:
        client = front_of(conn, session.frontend, worker)
        client.buffer = stream.data
        session.streams = 0
        yield from http_session(run, client, session, worker, stream)


def connect(run: Runner, stream: Stream, worker: Worker, outcome: int | None) -> Part[Transport | None]:
    """A connected transport to a server, or None with the ending marked.

    The client's first bytes are not waited for: a server may speak first. On a fast network the connect is over before
    it is asked about, so an empty send tells at once and the usual connection never waits for writability.
    """
    while True:
        while outcome == QUEUED:
            outcome = yield from queued(run, stream, worker)
            if outcome is None:
                return None
        if outcome != ASSIGNED:
            mark(stream, ending.SERVER, unserved(stream, outcome))
            return None
        if not stream.connect_start:
            stream.connect_start = clock.now
        server = stream.server
        transport = open_transport(server, stream.session, worker.poller)
        if isinstance(transport, Transport):
            transport.runner = run
            if server.socks is not None:
                code = yield from through_proxy(run, stream, worker, transport)
                if code == 0:
                    if server.send_proxy:
                        transport.put(proxy_protocol.build(stream, server))
                    return transport
                transport.close()
                outcome = yield from failed(run, stream, worker, code)
                if outcome is None:
                    return None
                continue
            if server.send_proxy:
                transport.put(proxy_protocol.build(stream, server))
                if not transport.out and not transport.error:
                    connected(stream)
                    return transport
            elif transport.probe():
                connected(stream)
                return transport
            code = yield from connecting(run, stream, worker, transport)
            if code == 0:
                return transport
            transport.close()
        else:
            code = transport
        outcome = yield from failed(run, stream, worker, code)
        if outcome is None:
            return None


def inspect(run: Runner, stream: Stream, worker: Worker, proxy: Any) -> Part[object]:
    """Runs `tcp-request content` rules, waiting for data up to `inspect-delay`. CONTINUE, UPGRADE (to HTTP), or CLOSE.

    A condition on data that has not come holds the rules (three-valued logic) until it comes, the client ends or has
    been silent for too long, the buffer is full or the delay is over; then it counts as not met. What rules let pass
    of a client that is gone goes no farther (`left`).
    """
    rules = proxy.tcp_content
    front = stream.front
    conn = front.conn
    timeout = stream.frontend.timeout_client or math.inf
    limit = clock.now + (proxy.inspect_delay or 0.0)
    poller = worker.poller
    room = worker.input_size
    at = 0
    look = True  # the first bytes often come with the connection, before any event
    while True:
        if (conn.readable or look) and len(stream.data) < room:
            data = conn.read(min(READ_SIZE, room - len(stream.data)))
            if data:
                stream.data += data
                front.heard = clock.now
        look = False
        front.silent = front.silent or clock.now >= front.heard + timeout
        stream.final = conn.eof or front.silent or clock.now >= limit or len(stream.data) >= room
        verdict = rules.run(stream, at)
        if verdict is None or verdict.kind is Outcome.STOP:
            stream.final = False
            return CONTINUE
        if verdict.kind is Outcome.UPGRADE:
            return UPGRADE
        if verdict.kind is not Outcome.WAIT:
            stream.rule = verdict.rule
            proxy.counters.denied_req += 1
            mark(stream, ending.PROXY, ending.REQUEST)
            if verdict.kind is Outcome.DROP:
                worker.drop_silently(conn, verdict.at)
            elif verdict.kind is Outcome.ERROR:
                proxy.counters.internal_errors += 1
            return CLOSE
        at = verdict.at
        wait = verdict.wait
        if wait is not None:
            if not (yield from waited(run, conn, worker, wait)):
                mark(stream, ending.CLIENT, ending.REQUEST)
                return CLOSE
            continue
        if conn.readable:
            poller.wake(run)
        soon = min(limit, front.heard + timeout)
        if soon < run.armed:
            poller.timers.arm(run, soon)
        reason = yield
        if reason == KILLED:
            mark(stream, ending.KILLED, ending.REQUEST)
            return CLOSE


def left(stream: Stream) -> bool:
    """Whether the client was lost while it was inspected; marks that."""
    front = stream.front
    if front.conn.error:
        mark(stream, ending.CLIENT, ending.REQUEST)
    elif front.silent:
        mark(stream, ending.CLIENT_TIMEOUT, ending.REQUEST)
    else:
        return False
    return True


def inspect_response(run: Runner, stream: Stream, worker: Worker, back: Transport, early: bytes) -> Part[bytes | None]:
    """Runs `tcp-response content` rules on what the server says, while the client's bytes go on as they come.

    The bytes that were read for the rules, to be passed on; None when the connection ends here. The rules are run as
    soon as the server is connected; without a delay they are done then, and conditions on data are not met. With one
    they are held by conditions on data that may still come. A side that fails or is silent for too long brings the
    rules to their end, and then the stream.
    """
    backend = stream.backend
    front = stream.front
    conn = front.conn
    poller = worker.poller
    room = worker.input_size
    limit = clock.now + (backend.response_delay or 0.0)
    timeout_client = stream.frontend.timeout_client or math.inf
    timeout_server = backend.timeout_server or math.inf
    heard = clock.now
    data = stream.data_back = b""
    at = 0
    half = look = False
    if early:
        stream.bytes_in += len(early)
        back.put(early)
    while True:
        if conn.readable and not back.out:
            more = conn.read(READ_SIZE)
            if more:
                stream.bytes_in += len(more)
                back.put(more)
                front.heard = heard = clock.now
        if conn.eof and not conn.error and not half and not back.out:
            half = True
            back.shutdown_write()
        if look and back.readable and len(data) < room:
            more = back.read(min(READ_SIZE, room - len(data)))
            if more:
                data = stream.data_back = data + more
                heard = clock.now
        look = True  # the first run is one without data, as in HAProxy
        now = clock.now
        cause = b""
        if conn.error:
            cause = ending.CLIENT
        elif now >= front.heard + timeout_client and not half:
            cause = ending.CLIENT_TIMEOUT
        if cause:
            mark(stream, cause, ending.DATA)
        if back.error:
            cause = cause or ending.SERVER
        elif now >= heard + timeout_server:
            cause = cause or ending.SERVER_TIMEOUT
        full = len(data) >= room
        stream.final = back.eof or full or now >= limit or bool(cause)
        verdict = backend.tcp_response.run(stream, at)
        if verdict is None or verdict.kind in (Outcome.STOP, Outcome.HANG_UP):
            stream.final = False
            stream.data_back = None
            hung_up = verdict is not None and verdict.kind is Outcome.HANG_UP
            if not cause and not hung_up:
                return data
            stream.bytes_out += len(data)
            if data and not conn.error:
                conn.put(data)
            if hung_up:
                back.reset_on_close()
            else:
                mark(stream, cause, ending.DATA)
            return None
        if verdict.kind is not Outcome.WAIT:
            stream.rule = verdict.rule
            backend.counters.denied_resp += 1
            stream.server.counters.denied_resp += 1
            stream.bytes_out += len(data)  # counted, never sent
            mark(stream, ending.PROXY, ending.DATA)
            if verdict.kind is Outcome.DROP:
                worker.drop_silently(conn, verdict.at)
            return None
        at = verdict.at
        if verdict.wait is not None and not (yield from waited(run, conn, worker, verdict.wait)):
            mark(stream, ending.CLIENT, ending.DATA)
            return None
        if (conn.readable and not back.out) or (back.readable and not full):
            poller.wake(run)
        soon = min(limit, front.heard + timeout_client if not half else math.inf, heard + timeout_server)
        if soon < run.armed:
            poller.timers.arm(run, soon)
        reason = yield
        if reason == KILLED:
            mark(stream, ending.KILLED, ending.DATA)
            return None


def enter(backend: Any) -> None:
    """Counts a stream that comes to a backend; `finish` counts its end."""
    counters = backend.counters
    counters.sess_total += 1
    counters.conn_cur = current = counters.conn_cur + 1
    if current > counters.conn_max:
        counters.conn_max = current


def waited(run: Runner, conn: Transport, worker: Worker, wait: Any) -> Part[bool]:
    """Waits for a Sleep or a Foreign. False when the client is gone or the stream was killed."""
    wait.begin(run, worker.poller)
    try:
        while not wait.over(clock.now):
            if wait.deadline < run.armed:
                worker.poller.timers.arm(run, wait.deadline)
            reason = yield
            if reason == KILLED or conn.error:
                return False
        return True
    finally:
        wait.cancel()


__all__ = ["STOPPING", "TIMEOUT", "connect", "inspect", "tcp_session"]
