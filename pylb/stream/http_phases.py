"""The HTTP stream: one coroutine, read from top to bottom.

`http_session` waits for request heads on one endpoint (all requests of an HTTP/1 connection, the single one of a
multiplexed stream); `exchange` carries one of them: rules, backend, server, request out, response in, rules, response
out. The ordinary way stands in these two functions, because each call costs; whatever is less ordinary is a
sub-coroutine of a sibling file: rules that wait or refuse (deciding), local answers (answering), queues and
connections (reaching), bodies and odd responses (bodies).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.counters import process
from pylb.engine.step import STOPPING, TIMEOUT, Coroutine, Runner
from pylb.http.message import Request, Response
from pylb.records.session import Session
from pylb.records.stream import Stream, Upgraded
from pylb.server import pool
from pylb.server.assign import ASSIGNED, release
from pylb.stream import ending
from pylb.stream.answering import fail, linger, no_request
from pylb.stream.bodies import again, flushed, interrupted, silenced, transfer, until_response, unusual
from pylb.stream.deciding import buffered, decide, decide_response
from pylb.stream.ending import finish
from pylb.stream.holding import keep
from pylb.stream.reaching import reach

if TYPE_CHECKING:
    from pylb.stream.worker import Worker

BURST: Final = 8  # exchanges without a pause before other connections get their turn


def http_session(run: Runner, front: Any, session: Session, worker: Worker, raw: Stream | None = None) -> Coroutine:
    """Carries every request of `front` until the client, a rule or an error ends the connection. `raw` is the stream
    of a TCP connection that turned out to speak HTTP: its first request goes on where that stopped."""
    frontend = session.frontend
    wake = worker.poller.wake
    arm = worker.poller.timers.arm
    conn = front.conn
    timeout_request = frontend.timeout_request or frontend.timeout_client or math.inf
    timeout_idle = frontend.timeout_keep_alive or timeout_request
    keep_clients = frontend.keep_clients
    idle_since = session.accept_time + session.handshake_time
    limit = idle_since + timeout_request
    burst = 0
    stream: Stream | None = None
    try:
        while True:
            request = front.next_head()
            started = 0.0
            if request is None:
                burst = 0
                while request is None:
                    if front.started and not started:
                        started = clock.now
                        if session.streams:
                            limit = started + timeout_request
                    if conn.readable:
                        wake(run)
                    if limit < run.armed:
                        arm(run, limit)
                    reason = yield
                    if reason and (reason != TIMEOUT or clock.now >= limit):
                        if reason == STOPPING and (
                            front.started or not session.streams or "idle-close-on-response" in frontend.options
                        ):
                            continue
                        yield from no_request(run, front, session, worker, reason, started, idle_since)
                        return
                    request = front.next_head()
            else:
                burst += 1
                if burst >= BURST:
                    burst = 0
                    wake(run)
                    yield
            if request.__class__ is not Request:
                yield from no_request(run, front, session, worker, request, started, idle_since)
                return

            now = clock.now
            begin = started or (now if raw is None else idle_since)
            stream = Stream(session, begin, begin + clock.offset)
            session.streams += 1
            stream.idle_time = begin - idle_since
            stream.request_end = now
            stream.run = run
            stream.number = worker.streams = worker.streams + 1
            session.current = stream
            stream.front = front
            stream.request = request
            # HAProxy counts what it stored of the head: names and values, and 20 bytes with the start line (%U).
            stream.bytes_in = request.head_size - request.dropped + 15 - 4 * len(request.fields)
            stream.keep = keep_clients and not request.close
            if raw is not None:
                stream.variables = raw.variables
                stream.__class__ = Upgraded
                raw = None
            frontend.counters.req_total += 1
            process.req_total += 1
            if frontend.log_early:
                frontend.log.emit(stream)
                stream.logged = True
            yield from exchange(run, stream, worker)
            if conn.out:
                yield from flushed(run, stream, worker)
            finish(stream)
            if not stream.keep or worker.stopping:
                break
            stream = None
            idle_since = clock.now
            limit = idle_since + timeout_idle
        if not front.body_done or conn.readable or front.buffer:
            yield from linger(run, front, worker)
    finally:
        if stream is not None and stream.slot is not None:
            release(stream)
        front.reset()


def exchange(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """One request and its response. Returns when the response has been handed to the client's endpoint (or there is
    nobody to hand it to); `stream.keep` says whether the client's connection can go on."""
    front = stream.front
    request = stream.request
    frontend = stream.frontend

    # -- the frontend's rules and the choice of the backend
    if frontend.has_request_steps:
        if frontend.capture_request is not None:
            frontend.capture_request(stream)
        if frontend.buffer_body and not front.body_done and not (yield from buffered(run, stream, worker)):
            return
        if frontend.tcp_content is not None and not stream.inspected:
            verdict = frontend.tcp_content.run(stream)
            if verdict is not None and not (
                yield from decide(run, stream, worker, frontend, frontend.tcp_content, verdict)
            ):
                return
        if frontend.http_request is not None:
            verdict = frontend.http_request.run(stream)
            if verdict is not None and not (
                yield from decide(run, stream, worker, frontend, frontend.http_request, verdict)
            ):
                return
    switching = frontend.switching
    backend = frontend.default_backend if switching is None else switching(stream)
    if backend is None:
        stream.request_end = 0.0
        yield from fail(run, stream, worker, 503, ending.SERVER, ending.CONNECT)
        return
    stream.backend = backend
    counters = backend.counters
    counters.sess_total += 1
    counters.req_total += 1
    counters.conn_cur = current = counters.conn_cur + 1
    if current > counters.conn_max:
        counters.conn_max = current

    # -- the backend's rules
    if backend.has_request_steps and backend.config is not frontend.config:
        if backend.buffer_body and not front.body_done and not (yield from buffered(run, stream, worker)):
            return
        if backend.tcp_content is not None:
            verdict = backend.tcp_content.run(stream)
            if verdict is not None and not (
                yield from decide(run, stream, worker, backend, backend.tcp_content, verdict)
            ):
                return
        if backend.http_request is not None:
            verdict = backend.http_request.run(stream)
            if verdict is not None and not (
                yield from decide(run, stream, worker, backend, backend.http_request, verdict)
            ):
                return
    forwarded = backend.forwarded or frontend.forwarded
    if forwarded is not None:
        forwarded(stream)
    if frontend.last_request_step is not None:
        frontend.last_request_step(stream)

    # -- a server, a connection to it, and the request's head on its way
    back = None
    keep_server = backend.keep_alive and frontend.keep_servers
    assignment = backend.assignment
    if backend.imposes or front.own is not None:
        if backend.replays and not front.body_done:
            keep(stream, worker)
        outcome = assignment.assign(stream)
        direct = backend.plain and not request.held
    else:
        outcome = assignment.reassign(stream)
        direct = not request.held
    if outcome == ASSIGNED and direct:
        back = pool.take(stream.server, stream.session.streams == 1, backend.reuse, run, front)
        if back is not None:
            stream.reused = True
            stream.connect_start = stream.server_connected = clock.now
            stream.server.counters.reuse_total += 1
            back.conn.put(back.begin(request, keep_server or backend.pretend_keep_alive))
    if back is None:
        back = yield from reach(run, stream, worker, outcome)
        if back is None:
            return
    stream.back = back
    if frontend.log_source:
        stream.source = back.conn.getsockname()

    # -- the response's head, while the request's body leaves
    if front.body_done:
        response = back.next_head() if back.conn.readable else None
        if response is None:
            conn = front.conn
            limit = clock.now + (stream.timeout_server or backend.timeout_server_or_never)
            while response is None:
                if limit < run.armed:
                    worker.poller.timers.arm(run, limit)
                reason = yield
                if conn.ending or (reason and (reason != TIMEOUT or clock.now >= limit)):
                    response = yield from interrupted(run, stream, worker, reason, limit)
                    break
                response = back.next_head()
    else:
        response = yield from until_response(run, stream, worker)
    if response.__class__ is not Response or not 200 <= response.status < 401:
        response = yield from unusual(run, stream, worker, response)
        if response is None:
            return
        back = stream.back
    steps = backend.has_response_steps or frontend.has_response_steps or worker.after_response is not None
    if steps:
        if backend.retry_statuses and response.status in backend.retry_statuses:
            response = yield from again(run, stream, worker, response)
            if response is None:
                return
            back = stream.back
        if response.shared:
            response = response.copy()
    stream.response = response
    stream.response_end = clock.now
    stream.bytes_out += response.head_size - response.dropped + 15 - 4 * len(response.fields)

    # -- the rules for the response, backend first
    if steps:
        if frontend.capture_response is not None:
            frontend.capture_response(stream)
        if backend.http_response is not None:
            verdict = backend.http_response.run(stream)
            if verdict is not None and not (yield from decide_response(run, stream, worker, backend, verdict)):
                return
        if frontend.http_response is not None and backend.config is not frontend.config:
            verdict = frontend.http_response.run(stream)
            if verdict is not None and not (yield from decide_response(run, stream, worker, frontend, verdict)):
                return
        if frontend.capture_set_cookie is not None:
            frontend.capture_set_cookie(stream)
        if backend.respond is not None:
            verdict = backend.respond(stream, response)
            if verdict is not None and not (yield from decide_response(run, stream, worker, backend, verdict)):
                return
        if worker.after_response is not None:
            worker.after_response(stream, response)
        if frontend.log_asap and not stream.logged:
            stream.status = response.status
            frontend.log.emit(stream)
            stream.logged = True
        if response.bodyless and not back.body_done and not response.upgrade:
            response = silenced(stream, response)

    # -- the response out: head and body in one piece when it is all there
    stream.status = response.status
    if worker.stopping:
        stream.keep = False
    if request.silent:
        response = silenced(stream, response)
    head = front.begin(response, request, stream)
    if back.body_done and front.body_done:
        front.conn.put(head)
    else:
        data = back.read_body() if back.buffer else None
        if data and back.body_done and front.body_done and back.chunks is None:
            front.conn.put(head + data)
            stream.bytes_out += len(data)
        else:
            yield from transfer(run, stream, worker, head, data)
    if response.upgrade:
        return

    # -- the server's connection back to the pool
    if (
        keep_server
        and front.body_done
        and not response.close
        and back.reusable()
        and (not request.chunked or request.version > 10)
    ):
        pool.give(back, clock.now, backend.reuse, front)
    else:
        back.reset()
    stream.back = None
    assignment.release(stream)
    if not front.body_done or front.broken:
        stream.keep = False
