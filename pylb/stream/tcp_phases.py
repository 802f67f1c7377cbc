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

    __slots__ = ("conn",)

    body_done = True
    started = True
    buffer = b""

    def __init__(self, conn: Transport) -> None:
        self.conn = conn

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
    stream.front = RawFront(conn)
    stream.data = rest
    back: Transport | None = None
    upgraded = False
    try:
        while True:  # left by `break` where the connection goes on as HTTP
            if frontend.tcp_content is not None:
                verdict = yield from inspect(run, stream, worker, frontend)
                if verdict is UPGRADE:
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
                mark(stream, ending.SERVER, ending.CONNECT)
                return
            if backend.http:
                upgraded = True
                break
            stream.backend = backend
            counters = backend.counters
            counters.sess_total += 1
            counters.conn_cur = current = counters.conn_cur + 1
            if current > counters.conn_max:
                counters.conn_max = current
            theirs = backend.config is not frontend.config and backend.tcp_content is not None
            if theirs and (yield from inspect(run, stream, worker, backend)) is not CONTINUE:
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
            )
            return
    finally:
        if back is None and conn.readable and not upgraded:
            conn.read(READ_SIZE)  # closing over unread bytes would send a reset
        if back is not None:
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

    A condition on data that has not come holds the rules (three-valued logic) until it comes, the client ends, the
    buffer is full or the delay is over; then it counts as not met.
    """
    rules = proxy.tcp_content
    conn = stream.front.conn
    delay = proxy.inspect_delay or 0.0
    timeout = stream.frontend.timeout_client or math.inf
    begun = clock.now
    limit = begun + min(delay, timeout)  # a client that is silent for too long has nothing more to say
    poller = worker.poller
    at = 0
    while True:
        if conn.readable and len(stream.data) < worker.buffer_size:
            data = conn.read(READ_SIZE)
            if data:
                stream.data += data
                limit = min(begun + delay, clock.now + timeout)
        stream.final = conn.eof or clock.now >= limit or len(stream.data) >= worker.buffer_size
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
                worker.drop_silently(conn)
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
        elif limit < run.armed:
            poller.timers.arm(run, limit)
        reason = yield
        if reason == KILLED:
            mark(stream, ending.KILLED, ending.REQUEST)
            return CLOSE
        if conn.error:
            mark(stream, ending.CLIENT, ending.REQUEST)
            return CLOSE


def inspect_response(run: Runner, stream: Stream, worker: Worker, back: Transport, early: bytes) -> Part[bytes | None]:
    """Runs `tcp-response content` rules on what the server says, while the client's bytes go on as they come.

    The bytes that were read for the rules, to be passed on; None when the connection ends here. Without a delay the
    first bytes decide.
    """
    backend = stream.backend
    conn = stream.front.conn
    poller = worker.poller
    delay = backend.response_delay
    limit = clock.now + delay if delay is not None else math.inf
    timeout = min(stream.frontend.timeout_client or math.inf, backend.timeout_server or math.inf)
    over = clock.now + timeout
    data = stream.data_back = b""
    at = 0
    half = silent = False
    if early:
        stream.bytes_in += len(early)
        back.put(early)
    while True:
        if conn.readable and not back.out:
            more = conn.read(READ_SIZE)
            if more:
                stream.bytes_in += len(more)
                back.put(more)
                over = clock.now + timeout
        if conn.eof and not conn.error and not half and not back.out:
            half = True
            back.shutdown_write()
        if back.readable and len(data) < worker.buffer_size:
            more = back.read(READ_SIZE)
            if more:
                data = stream.data_back = data + more
                over = clock.now + timeout
        if conn.error or back.error:
            mark(stream, ending.CLIENT if conn.error else ending.SERVER, ending.DATA)
            return None
        full = len(data) >= worker.buffer_size
        stream.final = back.eof or full or silent or clock.now >= limit or (delay is None and bool(data))
        if data or stream.final:
            verdict = backend.tcp_response.run(stream, at)
            if verdict is None or verdict.kind is Outcome.STOP:
                stream.final = False
                stream.data_back = None
                if silent:
                    stream.bytes_out += len(data)
                    conn.put(data)
                    mark(stream, ending.SERVER_TIMEOUT, ending.DATA)
                    return None
                return data
            if verdict.kind is not Outcome.WAIT:
                stream.rule = verdict.rule
                backend.counters.denied_resp += 1
                stream.server.counters.denied_resp += 1
                stream.bytes_out += len(data)  # counted, never sent
                mark(stream, ending.PROXY, ending.DATA)
                if verdict.kind is Outcome.DROP:
                    worker.drop_silently(conn)
                return None
            at = verdict.at
            if verdict.wait is not None and not (yield from waited(run, conn, worker, verdict.wait)):
                mark(stream, ending.CLIENT, ending.DATA)
                return None
        if (conn.readable and not back.out) or (back.readable and not full):
            poller.wake(run)
        soon = min(limit, over)
        if soon < run.armed:
            poller.timers.arm(run, soon)
        reason = yield
        if reason == KILLED:
            mark(stream, ending.KILLED, ending.DATA)
            return None
        if reason == TIMEOUT and clock.now >= over:
            silent = True  # the rules judge what has come


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
