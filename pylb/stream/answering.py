"""Answers that no server gave: refusals, denials, redirects, error pages; and goodbyes that arrive.

Law 8: after an early final answer the connection is half-closed and the client drained, bounded in bytes and time,
because closing a socket with unread input sends a reset that eats the answer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.engine.step import KILLED, READY, STOPPING, TIMEOUT, Coroutine, Runner
from pylb.http.codec import is_preface
from pylb.http.message import Refusal, Request, Response
from pylb.mux.base import CLOSED
from pylb.records.session import Session
from pylb.records.stream import Stream
from pylb.rules.replies import Local
from pylb.stream import ending
from pylb.stream.ending import end_size, finish, mark

if TYPE_CHECKING:
    from pylb.stream.worker import Worker

LINGER_BYTES: Final = 1 << 20
LINGER_SECONDS: Final = 2.0


def answer(run: Runner, stream: Stream, worker: Worker, response: Response) -> Coroutine:
    """Sends a response made here. `stream.keep` falls when the rest of the request stands in the way."""
    front = stream.front
    stream.status = response.logged if response.__class__ is Local else response.status
    stream.response = response
    request = stream.request
    if not response.version:  # an empty error file: nothing is said
        stream.keep = False
        return
    if request is not None:  # what was no request has no rules
        if worker.after_response is not None:
            status = response.status
            worker.after_response(stream, response)
            if response.status != status:
                stream.status = response.status
        stream.bytes_out += stored_size(response)
        if request.method == b"HEAD" or request.silent:
            stream.bytes_out -= len(response.body)
    if front.buffer and not front.body_done:  # what came with the head counts, what comes later does not
        stream.bytes_in += len(front.read_body() or b"")
        if front.body_done and front.chunks is not None and not front.broken:
            stream.bytes_in += end_size(front)
    while not front.body_done and not front.broken and front.read_body():
        pass  # what has come of the request's body is in nobody's way
    if not front.body_done or worker.stopping:
        stream.keep = False
    if request is None:
        request = Request(b"", b"", 11, [])  # nobody knows what was asked
        stream.keep = False
    head = front.begin(response, request, stream)
    if request.method == b"HEAD" or request.silent or response.bodyless:
        data = head
    else:
        data = head + response.body
    front.put(data)
    front.chunk_out = False
    if front.blocked:
        from pylb.stream.bodies import flushed

        yield from flushed(run, stream, worker)


def stored_size(response: Response) -> int:
    """What HAProxy counts for a response made here (%B)."""
    size = 32 + len(response.reason) + sum([len(one[2]) - 4 for one in response.fields]) + len(response.body)
    return size + response.extra if response.__class__ is Local else size


def fail(run: Runner, stream: Stream, worker: Worker, status: int, cause: bytes, state: bytes) -> Coroutine:
    """Ends a stream with an error page: the backend's, else the frontend's. Bytes are answered nothing."""
    mark(stream, cause, state)
    if stream.request is None and not stream.frontend.http:
        return
    proxy = stream.backend if stream.backend is not None else stream.frontend
    yield from answer(run, stream, worker, proxy.replies[status].render(stream))


def no_request(
    run: Runner, front: Any, session: Session, worker: Worker, what: Any, began: float = 0.0, idle_since: float = 0.0
) -> Coroutine:
    """The head never came: the client left, was too slow, sent garbage, or the process stops. `began` is when its first
    byte came, if it did so late, and `idle_since` when it could have come.

    `what` is a Refusal, CLOSED, or the reason of a wake-up (TIMEOUT, KILLED, STOPPING). Idle keep-alive connections
    end silently; a first request that never comes is logged unless `option dontlognull` says otherwise.
    """
    frontend = session.frontend
    if what in (STOPPING, KILLED):
        return
    upgraded = session.current is not None  # still the stream of a TCP connection: to HAProxy, what it did is wrong
    idle = not front.started and not front.buffer
    if idle and (session.streams or (what is not CLOSED and what != TIMEOUT)):
        return
    now = clock.now
    start = began or (now if session.streams else session.accept_time)
    stream = Stream(session, start, start + clock.offset)
    if began:
        stream.idle_time = began - idle_since
    stream.run = run
    session.current = stream
    stream.front = front
    stream.keep = False
    stream.received = len(front.buffer)
    session.streams += 1
    counters = frontend.counters
    status = 400
    silent = False
    if what is CLOSED:
        mark(stream, ending.PROXY if upgraded else ending.CLIENT, ending.REQUEST)
        silent = bool(front.conn.error)
    elif what == TIMEOUT:
        status = 408
        mark(stream, ending.PROXY if upgraded else ending.CLIENT_TIMEOUT, ending.REQUEST)
    else:
        assert isinstance(what, Refusal)
        status = what.status
        mark(stream, ending.PROXY, ending.REQUEST)
        worker.capture_error(session, front, what)
    if idle and ("http-ignore-probes" in frontend.options):
        return
    if idle and "dontlognull" in frontend.options and what is CLOSED:
        return
    counters.req_total += 1
    counters.failed_req += 1
    stream.null = idle
    if silent or not status:
        stream.status = status
    else:
        reply = (frontend.replies.get(status) or frontend.replies[400]).render(stream)
        if is_preface(front.buffer):
            stream.bytes_out += stored_size(reply)  # HAProxy has read it as a request
        yield from answer(run, stream, worker, reply)
        finish(stream)
        yield from linger(run, front, worker)
        return
    finish(stream)


def linger(run: Runner, front: Any, worker: Worker) -> Coroutine:
    """Half-closes, then reads and forgets what the client still sends, so that no reset overtakes the answer."""
    conn = front.conn
    if conn.error or conn.eof or conn.closed:
        return
    conn.shutdown_write()
    limit = clock.now + LINGER_SECONDS
    left = LINGER_BYTES
    while left > 0 and not conn.eof:
        if conn.readable:
            data = conn.read(65536)
            if data:
                left -= len(data)
                if conn.readable:
                    worker.poller.wake(run)
                    yield
            continue
        if limit < run.armed:
            worker.poller.timers.arm(run, limit)
        reason = yield
        if reason != READY and (reason != TIMEOUT or clock.now >= limit):
            return


def seconds(value: float | None) -> float:
    """A timeout as a number that can be added: infinity where there is none."""
    return math.inf if value is None else value
