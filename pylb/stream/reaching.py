"""From a chosen backend to a connection: queues, connects, retries and redispatches (manual 4.2, "retries")."""

from __future__ import annotations

import errno
import math
from typing import TYPE_CHECKING, Final

from pylb.clock import clock
from pylb.engine.step import KILLED, TIMEOUT, Coroutine, Part, Runner
from pylb.engine.transport import Transport
from pylb.http import uri
from pylb.http.message import field
from pylb.listener import proxy_protocol
from pylb.mux.h1 import H1Back
from pylb.mux.special import back_of
from pylb.records.stream import Stream
from pylb.rules.replies import Local
from pylb.server import pool, retries, waiting
from pylb.server.assign import ASSIGNED, FULL, QUEUED, reassign, release
from pylb.server.connection import open_transport, out_of_resources
from pylb.stream import ending, socks
from pylb.stream.answering import answer, fail
from pylb.stream.ending import mark

if TYPE_CHECKING:
    from pylb.stream.worker import Worker


CLOSE: Final = b"connectionclose"  # HAProxy stores such a field and does not count its punctuation
LEFT: Final = -1  # where an errno is expected: the client is gone
REDIRECTABLE: Final = frozenset((b"GET", b"HEAD"))


def reach(run: Runner, stream: Stream, worker: Worker, outcome: int | None) -> Part[H1Back | None]:
    """A connection that carries the request's head, or None when the stream was answered instead."""
    if stream.front.broken and stream.request.held:
        yield from _left_while_held(run, stream, worker)
        return None
    while True:
        while outcome == QUEUED:
            outcome = yield from queued(run, stream, worker)
            if outcome is None:
                return None
        if outcome != ASSIGNED:
            yield from fail(run, stream, worker, 503, ending.SERVER, unserved(stream, outcome))
            return None
        backend = stream.backend
        if not backend.plain and stream.server.redirect and stream.request.method in REDIRECTABLE:
            yield from _sent_away(run, stream, worker)
            return None
        back = pool.take(stream.server, stream.session.streams == 1, backend.reuse, run, stream.front)
        if back is not None:
            stream.reused = True
            stream.connect_start = stream.server_connected = clock.now
            stream.server.counters.reuse_total += 1
            send_head(stream, back)
            return back
        if not stream.connect_start:  # tries on the same server are one connect: Tc, not Tw
            stream.connect_start = clock.now
        if "strict-maxconn" in stream.server.values:
            pool.make_room(stream.server)
        transport = open_transport(stream.server, stream.session, worker.poller)
        code = 0
        if isinstance(transport, Transport):
            transport.runner = run
            back = back_of(transport, stream.backend, worker, stream.server)
            if stream.server.socks is not None:
                code = yield from through_proxy(run, stream, worker, transport)
                if code == 0:
                    send_head(stream, back)
                    return back
            else:
                send_head(stream, back)
                if not transport.out and not transport.error:
                    connected(stream)
                    return back
                code = yield from connecting(run, stream, worker, transport)
                if code == 0:
                    return back
            back.reset()
        else:
            code = transport
        outcome = yield from failed(run, stream, worker, code)
        if outcome is None:
            return None


def unserved(stream: Stream, outcome: int | None) -> bytes:
    """Counts a stream that gets no server; the second character of its ending."""
    stream.backend.counters.failed_conn += 1
    if outcome != FULL:
        return ending.CONNECT
    counters = stream.server.counters
    counters.failed_conn += 1
    counters.sess_total -= 1  # `finish` counts the stream for the server of its log line, which never had it
    return ending.QUEUE


def _left_while_held(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """The client left before all of its body had come: nothing for a server, and 400 for who may still listen (as
    HAProxy since 2.8; 2.6 says nothing and logs -1)."""
    release(stream)
    counters = stream.frontend.counters
    counters.cli_aborts += 1
    stream.backend.counters.cli_aborts += 1
    stream.server = None
    stream.keep = False
    yield from fail(run, stream, worker, 400, ending.CLIENT, ending.REQUEST)


def _sent_away(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """The server has `redir`: the client is told to ask there itself (manual 5.2)."""
    server = stream.server
    response = Local(302, b"Found", [field(b"cache-control", b"no-cache"), field(b"content-length", b"0")])
    response.length = 0
    response.close = True
    response.extra = len(CLOSE)
    stream.keep = False
    stream.connect_start = clock.now
    response.fields.append(field(b"location", server.redirect + (uri.pathq(stream.request.target) or b"")))
    release(stream)
    mark(stream, ending.LOCAL, ending.CONNECT)
    yield from answer(run, stream, worker, response)


def reach_again(run: Runner, stream: Stream, worker: Worker, lost: H1Back) -> Part[H1Back | None]:
    """The connection was lost before any answer: a new one, to the same server when it was a stale idle one."""
    code = lost.conn.error
    lost.reset()
    stream.back = None
    if stream.server_connected:
        stream.reused = False
        stream.server_connected = 0.0
        pool.forget_stale(stream.server)
        return (yield from reach(run, stream, worker, ASSIGNED))
    outcome = yield from failed(run, stream, worker, code)
    if outcome is None:
        return None
    return (yield from reach(run, stream, worker, outcome))


def send_head(stream: Stream, back: H1Back) -> None:
    server = stream.server
    backend = stream.backend
    keep = (backend.keep_alive and stream.frontend.keep_servers) or backend.pretend_keep_alive
    request = stream.request
    if backend.send_name:
        request.fields = [one for one in request.fields if one[0] != backend.send_name]
        request.fields.append(field(backend.send_name, server.label))
    head = back.begin(request, keep)
    body = request.body
    if body:
        head += b"%X\r\n%b\r\n" % (len(body), body) if back.chunk_out else body
    if request.complete and back.chunk_out:
        head += back.last_chunk(stream.front.trailers())
        back.chunk_out = False
    if back.heads == 1 and server.particular:
        back.opening = pool.identity(stream, server)
        if server.send_proxy:
            head = proxy_protocol.build(stream, server) + head
    back.conn.put(head)


def connected(stream: Stream) -> None:
    stream.server_connected = clock.now
    stream.server.counters.connect_total += 1


def connecting(run: Runner, stream: Stream, worker: Worker, transport: Transport) -> Part[int]:
    """Waits for a connect: 0, or the errno of its failure (ETIMEDOUT after `timeout connect`, ECANCELED when the stream
    is killed, LEFT when the client has gone)."""
    limit = clock.now + (stream.setting("timeout_connect", stream.backend) or math.inf)
    client = stream.front.conn
    transport.watch_output()
    sent = bool(transport.out)  # something waits to be sent: its leaving proves the connection
    while True:
        if transport.readable and transport.ending:
            transport.take_error()
        if not transport.error and (not transport.out if sent else transport.probe()):
            connected(stream)
            return 0
        if transport.error:
            return transport.error
        speechless = patience(stream)
        if min(limit, speechless) < run.armed:
            worker.poller.timers.arm(run, min(limit, speechless))
        reason = yield
        if reason == KILLED:
            return errno.ECANCELED
        if (client.ending and worker.client_left(stream)) or gave_up(stream, speechless):
            return LEFT
        if reason == TIMEOUT and clock.now >= limit and not transport.error:
            return errno.ETIMEDOUT


def through_proxy(run: Runner, stream: Stream, worker: Worker, transport: Transport) -> Part[int]:
    """The connection leads to a SOCKS4 proxy, which is asked for the server: 0, or an errno."""
    server = stream.server
    address = server.sockaddr if server.sockaddr is not None else server.sockaddr_for(stream.session)
    asked = socks.request(address)
    if not asked:
        return errno.EAFNOSUPPORT
    transport.put(asked)
    code = yield from connecting(run, stream, worker, transport)
    return code or (yield from socks.granted(run, stream, worker, transport))


def failed(run: Runner, stream: Stream, worker: Worker, code: int) -> Part[int | None]:
    """A connect failed: what next (an outcome of `assign`), or None when the stream was answered."""
    backend = stream.backend
    server = stream.server
    if code == LEFT:
        _left(stream)
        return None
    counters = server.counters
    counters.connect_total += 1
    if code == errno.ECANCELED:
        release(stream)
        mark(stream, ending.KILLED, ending.NOWHERE)
        stream.keep = False
        return None
    plan = retries.next_step(stream, timed_out=code == errno.ETIMEDOUT)
    if plan.again:
        counters.sess_total += 1  # a try is a session of the server; `finish` counts the last one
        if plan.redispatch:
            release(stream)
        else:
            retries.count(stream, server)
        if plan.pause and not (yield from pause(run, stream, worker, plan.pause)):
            _left(stream)
            return None
        if not plan.redispatch:
            return ASSIGNED
        stream.persistent = False
        stream.connect_start = 0.0  # another server: what was tried so far is time in the queue
        outcome: int = reassign(stream, server)
        retries.count(stream, server)
        return outcome
    release(stream)
    counters.failed_conn += 1
    backend.counters.failed_conn += 1
    if out_of_resources(code):
        cause = ending.RESOURCES
    else:
        cause = ending.SERVER_TIMEOUT if code == errno.ETIMEDOUT else ending.SERVER
    yield from fail(run, stream, worker, 503, cause, ending.CONNECT)
    return None


def _left(stream: Stream) -> None:
    """The client is gone before there was a connection: nobody is told anything."""
    release(stream)
    stream.frontend.counters.cli_aborts += 1
    stream.backend.counters.cli_aborts += 1
    silent = stream.request is None and stream.front.silent
    mark(stream, ending.CLIENT_TIMEOUT if silent else ending.CLIENT, ending.CONNECT)
    stream.keep = False


def patience(stream: Stream) -> float:
    """Until when a client in TCP mode may be silent while its server is waited for; for ever if it has spoken."""
    if stream.request is not None or stream.data or stream.front.conn.readable:
        return math.inf
    timeout = stream.frontend.timeout_client
    return math.inf if timeout is None else float(stream.front.heard + timeout)


def gave_up(stream: Stream, speechless: float) -> bool:
    """Whether a client has been silent until then; what it has said meanwhile waits unread."""
    front = stream.front
    if clock.now < speechless or front.conn.readable:
        return False
    front.silent = True
    return True


def pause(run: Runner, stream: Stream, worker: Worker, seconds: float) -> Part[bool]:
    """Lets time pass. False when the client has left meanwhile."""
    limit = clock.now + seconds
    client = stream.front.conn
    while clock.now < limit:
        speechless = patience(stream)
        if min(limit, speechless) < run.armed:
            worker.poller.timers.arm(run, min(limit, speechless))
        reason = yield
        if (client.ending and worker.client_left(stream)) or gave_up(stream, speechless):
            return False
        if reason == KILLED:
            break
    return True


def queued(run: Runner, stream: Stream, worker: Worker) -> Part[int | None]:
    """Waits for a slot. ASSIGNED once it has one, None when the stream left the queue with an answer; any outcome of
    `assign` when its server went down."""
    backend = stream.backend
    limit = clock.now + (stream.setting("timeout_queue", backend) or backend.timeout_connect or math.inf)
    conn = stream.front.conn
    while True:
        speechless = patience(stream)
        if min(limit, speechless) < run.armed:
            worker.poller.timers.arm(run, min(limit, speechless))
        reason = yield
        if stream.slot is not None:
            return ASSIGNED
        if stream.waiting is None:
            return reassign(stream)  # its server went down: another one, or the queue again
        if reason == KILLED or conn.error or (conn.ending and worker.client_left(stream)):
            waiting.leave(stream)
            stream.connect_start = clock.now  # the end of its time in the queue: Tw
            mark(stream, ending.KILLED if reason == KILLED else ending.CLIENT, ending.QUEUE)
            stream.keep = False
            return None
        if gave_up(stream, speechless):
            waiting.leave(stream)
            mark(stream, ending.CLIENT_TIMEOUT, ending.QUEUE)
            return None
        if reason == TIMEOUT and clock.now >= limit:
            waiting.leave(stream)
            stream.connect_start = clock.now
            backend.counters.failed_conn += 1
            yield from fail(run, stream, worker, 503, ending.SERVER_TIMEOUT, ending.QUEUE)
            return None
