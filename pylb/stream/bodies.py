"""Everything that moves between two endpoints once a request is on its way: bodies, interim responses, tunnels.

Each side holds at most one buffer of pending output; nothing is read while the other side is blocked.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.engine.splice import REQUEST, RESPONSE
from pylb.engine.step import KILLED, READY, STOPPING, TIMEOUT, Coroutine, Part, Runner
from pylb.http.h1_body import chunk
from pylb.http.message import Refusal, Response
from pylb.http.upgrade import judge_switch
from pylb.mux.base import CLOSED
from pylb.records.stream import Stream
from pylb.server import pool, retries
from pylb.server.assign import release
from pylb.stream import ending
from pylb.stream.answering import fail
from pylb.stream.ending import end_size, mark
from pylb.stream.holding import repeatable, send_again
from pylb.stream.lane import Lane, lane
from pylb.stream.pipe import pipe
from pylb.stream.reaching import reach_again

if TYPE_CHECKING:
    from pylb.stream.worker import Worker

CHALLENGES: Final = (401, 407)
IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"))


def flushed(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """Waits until the client has taken what is pending, at most `timeout client` without progress."""
    front = stream.front
    timeout = stream.setting("timeout_client", stream.frontend) or math.inf
    limit = clock.now + timeout
    pending = len(front.conn.out)
    while front.blocked:
        if limit < run.armed:
            worker.poller.timers.arm(run, limit)
        reason = yield
        left = len(front.conn.out)
        if left < pending:
            pending = left
            limit = clock.now + timeout
        elif reason == KILLED or (reason == TIMEOUT and clock.now >= limit):
            mark(stream, ending.KILLED if reason == KILLED else ending.CLIENT_TIMEOUT, ending.DATA)
            stream.keep = False
            front.conn.fail(0)
    if front.conn.error:
        mark(stream, ending.CLIENT, ending.DATA)
        stream.frontend.counters.cli_aborts += 1
        stream.keep = False


def _upload(stream: Stream, upward: Lane | None) -> bool:
    """Moves one piece of the request's body. False when the client broke it off."""
    front = stream.front
    back = stream.back
    if upward is not None:
        stream.bytes_in += upward.carry() or 0
    else:
        data = front.read_body()
        if data:
            back.put_body(data)
            stream.bytes_in += len(data)
    if front.body_done:
        if front.broken:
            return False
        if front.chunks is not None:
            stream.bytes_in += end_size(front)
        back.end_body(front.trailers())
    return True


def until_response(run: Runner, stream: Stream, worker: Worker) -> Part[Any]:
    """Sends the request's body until a response head arrives, be it early. Returns as `back.next_head()` does, or a
    reason of `interrupted`."""
    front = stream.front
    back = stream.back
    timeout_client = stream.setting("timeout_client", stream.frontend) or math.inf
    timeout_server = stream.timeout_server or stream.backend.timeout_server_or_never
    upward = lane(stream, worker, front, back, REQUEST)
    while True:
        blocked = back.blocked
        if not front.body_done and not blocked:
            if not _upload(stream, upward):
                if front.chunks is None or not front.chunks.error:
                    stream.frontend.counters.cli_aborts += 1
                    stream.backend.counters.cli_aborts += 1
                    return _Lost(ending.CLIENT, ending.DATA, 0)
                return _Lost(ending.PROXY, ending.HEADERS, 400)
            blocked = back.blocked
        response = back.next_head()
        if response is not None:
            return response
        if front.conn.ending and front.body_done and worker.client_left(stream):
            stream.frontend.counters.cli_aborts += 1
            stream.backend.counters.cli_aborts += 1
            return _Lost(ending.CLIENT, ending.HEADERS, 400)
        if back.conn.readable or (not front.body_done and not blocked and (front.conn.readable or front.buffer)):
            worker.poller.wake(run)
        uploading = not front.body_done and not blocked
        limit = clock.now + (timeout_client if uploading else timeout_server)
        if limit < run.armed:
            worker.poller.timers.arm(run, limit)
        reason = yield
        while reason == TIMEOUT and clock.now < limit:  # an earlier deadline that has moved meanwhile
            worker.poller.timers.arm(run, limit)
            reason = yield
        if reason == KILLED:
            if front.body_done:
                return _Lost(ending.KILLED, ending.HEADERS, 502)
            return _Lost(ending.KILLED, ending.NOWHERE, 0)
        if reason == TIMEOUT:
            if uploading:
                return _Lost(ending.CLIENT_TIMEOUT, ending.DATA, 408)
            if not front.body_done:
                return _Lost(ending.SERVER_TIMEOUT, ending.DATA, 0)  # it does not take the rest of the request
            return _Lost(ending.SERVER_TIMEOUT, ending.HEADERS, 504)


class _Lost:
    """Why no response will come: termination state and the status to answer (0: none)."""

    __slots__ = ("cause", "state", "status")

    def __init__(self, cause: bytes, state: bytes, status: int) -> None:
        self.cause = cause
        self.state = state
        self.status = status


def interrupted(run: Runner, stream: Stream, worker: Worker, reason: int, limit: float) -> Part[Any]:
    """The wait for a response head goes on under other circumstances: the client is leaving, time is up, or a kill."""
    front = stream.front
    back = stream.back
    conn = front.conn
    while True:
        if reason == KILLED:
            return _Lost(ending.KILLED, ending.HEADERS, 502)
        response = back.next_head()
        if response is not None:
            return response
        if reason == TIMEOUT and clock.now >= limit:
            return _Lost(ending.SERVER_TIMEOUT, ending.HEADERS, 504)
        if conn.ending and worker.client_left(stream):
            stream.frontend.counters.cli_aborts += 1
            stream.backend.counters.cli_aborts += 1
            return _Lost(ending.CLIENT, ending.HEADERS, 400)
        if back.conn.readable:
            worker.poller.wake(run)
        if limit < run.armed:
            worker.poller.timers.arm(run, limit)
        reason = yield


def unusual(run: Runner, stream: Stream, worker: Worker, response: Any) -> Part[Response | None]:
    """What is not a final response: interim ones are passed on, a lost connection is retried where that is safe, and
    everything else is answered here. Returns the final Response or None when the exchange is over."""
    while True:
        if response.__class__ is Response:
            if response.status == 101:
                refusal = judge_switch(stream.request, response, stream.back.lax)
                if refusal is None:
                    return response
                stream.bytes_out += response.head_size - response.dropped + 15 - 4 * len(response.fields)
                stream.bytes_out += len(stream.back.buffer)
                response = refusal
                continue
            if response.status >= 200:
                if response.status in CHALLENGES:
                    pool.challenged(stream, response)
                return response
            following = stream.back.next_head() if stream.back.buffer else None
            if following in (None, CLOSED) and not b"HTTP/1.".startswith(stream.back.buffer[:7]):
                following = Refusal(502, "no response behind an interim one")
            if not isinstance(following, Refusal):  # garbage right behind it: the client sees the 502 alone
                _interim(stream, worker, response)
            if following is not None:
                response = following
                continue
            response = yield from until_response(run, stream, worker)
            continue
        back = stream.back
        server = stream.server
        backend = stream.backend
        if response is CLOSED:
            connect_failed = not stream.server_connected
            again = connect_failed or (
                stream.reused
                and not back.answered
                and stream.front.body_done
                and not stream.request.has_body
                and stream.request.method in IDEMPOTENT
            )
            if again:
                fresh = yield from reach_again(run, stream, worker, back)
                if fresh is None:
                    return None
                stream.back = fresh
                response = yield from until_response(run, stream, worker)
                continue
        if backend.replays and _cause(response) in backend.retry_on and repeatable(stream):
            fresh = yield from send_again(run, stream, worker)
            if fresh is None:
                return None
            if fresh is not False:
                stream.back = fresh
                response = yield from until_response(run, stream, worker)
                continue
        back.reset()
        stream.back = None
        stream.keep = stream.keep and stream.front.body_done
        if response is CLOSED:
            server.counters.failed_resp += 1
            backend.counters.failed_resp += 1
            server.counters.srv_aborts += 1
            backend.counters.srv_aborts += 1
            if stream.session.streams > 1:
                # As if it were the kept connection that was lost: a client knows how to ask again, and HAProxy is as
                # silent in its log.
                release(stream)
                mark(stream, ending.SERVER, ending.HEADERS)
                stream.keep = False
                stream.logged = True
                return None
            lost = _Lost(ending.SERVER, ending.HEADERS, 502)
        elif isinstance(response, Refusal):
            server.counters.failed_resp += 1
            backend.counters.failed_resp += 1
            worker.capture_error(stream.session, back, response, stream)
            lost = _Lost(ending.PROXY, ending.HEADERS, 502)
        else:
            lost = response
            if lost.cause == ending.SERVER_TIMEOUT:
                server.counters.failed_resp += 1
                backend.counters.failed_resp += 1
        release(stream)
        if lost.cause in (ending.CLIENT, ending.CLIENT_TIMEOUT) or not lost.status:
            stream.keep = False
        if lost.status:
            yield from fail(run, stream, worker, lost.status, lost.cause, lost.state)
        else:
            mark(stream, lost.cause, lost.state)
        return None


def _cause(response: Any) -> str:
    """The word of `retry-on` for what came instead of a response; "" for the client's and the proxy's own doing."""
    if response is CLOSED:
        return retries.EMPTY
    if isinstance(response, Refusal):
        return retries.JUNK
    return retries.LATE if response.cause == ending.SERVER_TIMEOUT else ""


def again(run: Runner, stream: Stream, worker: Worker, response: Response) -> Part[Response | None]:
    """A response whose status `retry-on` names: the one that follows a repetition, or itself when there is none left.
    None when the exchange is over."""
    statuses = stream.backend.retry_statuses
    while response.status in statuses and repeatable(stream):
        fresh = yield from send_again(run, stream, worker)
        if fresh is None:
            return None
        if fresh is False:
            break
        stream.back = fresh
        following = yield from until_response(run, stream, worker)
        if following.__class__ is not Response or following.status < 200:
            following = yield from unusual(run, stream, worker, following)
            if following is None:
                return None
        response = following
    return response


def _interim(stream: Stream, worker: Worker, response: Response) -> None:
    """Passes a 1xx on to clients that know them (HTTP/1.1)."""
    request = stream.request
    assert request is not None
    stream.bytes_out += response.head_size - response.dropped + 15 - 4 * len(response.fields)
    if request.version >= 11:
        stream.front.put(stream.front.begin(response, request, stream))


def transfer(run: Runner, stream: Stream, worker: Worker, head: bytes, data: bytes | None) -> Coroutine:
    """The response's body to the client, and what is left of the request's body to the server.

    `head` and the first `data` have not been sent yet; they leave together.
    """
    front = stream.front
    back = stream.back
    response = stream.response
    assert response is not None
    if response.upgrade:
        if data:
            back.buffer = data + back.buffer
        front.put(head)
        yield from tunnel(run, stream, worker)
        return
    mute = response.bodyless
    if back.broken and not data:  # garbage right behind the head: nothing of it has been sent
        yield from _garbled(run, stream, worker)
        return
    if data:
        stream.bytes_out += len(data)
        front.put(head + (chunk(data) if front.chunk_out else data))
    else:
        front.put(head)
    if back.body_done and not back.broken:
        if back.chunks is not None:
            stream.bytes_out += end_size(back)
        front.end_body(back.trailers())
    timeout_client = stream.setting("timeout_client", stream.frontend) or math.inf
    timeout_server = stream.timeout_server or stream.backend.timeout_server_or_never
    uploading = not front.body_done
    upward = lane(stream, worker, front, back, REQUEST)
    downward = None if mute else lane(stream, worker, back, front, RESPONSE)
    poller = worker.poller
    conn = front.conn
    ended = back.body_done
    pending = 0
    limit = math.inf
    while True:
        if uploading and not back.blocked and (back.gone or not _upload(stream, upward) or front.body_done):
            uploading = False
            if front.broken:
                stream.keep = False
        if not ended and not conn.out:
            if downward is not None:
                stream.bytes_out += downward.carry() or 0
            else:
                data = back.read_body()
                if data:
                    stream.bytes_out += len(data)
                    if not mute:
                        front.put_body(data)
            if back.body_done:
                ended = True
                if not back.broken:
                    if back.chunks is not None:
                        stream.bytes_out += end_size(back)
                    front.end_body(back.trailers())
        if conn.error:
            mark(stream, ending.CLIENT, ending.DATA)
            stream.frontend.counters.cli_aborts += 1
            stream.backend.counters.cli_aborts += 1
            stream.server.counters.cli_aborts += 1
            break
        if front.broken and front.chunks is not None and front.chunks.error:
            mark(stream, ending.PROXY, ending.DATA)  # the rest of the request is no request
            stream.frontend.counters.failed_req += 1
            break
        if ended:
            if back.broken:
                mark(stream, ending.SERVER, ending.DATA)
                stream.backend.counters.srv_aborts += 1
                stream.server.counters.srv_aborts += 1
                break
            if not uploading or response.close or back.conn.ending:
                break  # nobody waits for the rest of the request
        blocked = bool(conn.out)
        more = not blocked and not ended and (back.conn.readable or back.buffer)
        if more or (uploading and not back.blocked and (conn.readable or front.buffer)):
            poller.wake(run)
        client = blocked or (ended and not back.blocked)  # it is the client who is waited for
        left = len(conn.out)
        if not blocked or left != pending:  # what the server sends meanwhile is no progress of a client that blocks
            pending = left
            limit = clock.now + (timeout_client if client else timeout_server)
        if limit < run.armed:
            poller.timers.arm(run, limit)
        reason = yield
        while reason == TIMEOUT and clock.now < limit:
            poller.timers.arm(run, limit)
            reason = yield
        if reason in (READY, STOPPING):
            continue
        if reason == KILLED:
            mark(stream, ending.KILLED, ending.DATA)
        else:
            mark(stream, ending.CLIENT_TIMEOUT if client else ending.SERVER_TIMEOUT, ending.DATA)
        if blocked:
            conn.fail(0)  # it has had its time
        break
    if stream.end_state != b"-":
        stream.keep = False
        if not front.blocked:
            # A truncated body must not look complete: the client sees the connection end.
            front.truncate()


def silenced(stream: Stream, response: Response) -> Response:
    """A response that has lost its body to rules, which changed the method HEAD, or the status to 204 or 304: its head
    is for the client, its body for nobody."""
    if response.shared:
        stream.response = response = response.copy()
    response.bodyless = True
    back = stream.back
    while back.buffer and not back.body_done:
        stream.bytes_out += len(back.read_body() or b"")
    if back.body_done and back.chunks is not None and not back.broken:
        stream.bytes_out += end_size(back)
    return response


def _garbled(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """A response whose body is wrong from its first byte on is no response: 502."""
    stream.back.reset()
    release(stream)
    stream.response_end = 0.0
    stream.bytes_out = 0
    stream.server.counters.failed_resp += 1
    stream.backend.counters.failed_resp += 1
    yield from fail(run, stream, worker, 502, ending.PROXY, ending.HEADERS)


def tunnel(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """After 101 or CONNECT: bytes both ways until both sides are done."""
    front = stream.front
    back = stream.back
    stream.keep = False
    backend = stream.backend
    idle = stream.setting("timeout_tunnel", backend)
    early = front.buffer, back.buffer
    front.buffer = back.buffer = b""
    yield from pipe(
        run,
        stream,
        worker,
        front.conn,
        back.conn,
        idle or stream.setting("timeout_client", stream.frontend) or math.inf,
        idle or stream.timeout_server or backend.timeout_server_or_never,
        early,
        whole=True,
    )
    front.body_done = True
    back.reset()
    stream.back = None
    release(stream)
