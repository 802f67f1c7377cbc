"""Requests that are held here: bodies that rules wait for, and what is kept to be sent again (`retry-on`).

What has been taken of a body is in `request.body`, payload only, and leaves with the head. A request can be sent again
when all of it was here when it left; nothing is kept of what is passed on piece by piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.engine.step import Part, Runner
from pylb.http.message import EXPECT
from pylb.records.stream import Stream
from pylb.server import pool, retries
from pylb.server.assign import ASSIGNED, reassign, release
from pylb.stream.ending import end_size
from pylb.stream.reaching import reach

if TYPE_CHECKING:
    from pylb.stream.worker import Worker


def hold(stream: Stream, room: int) -> None:
    """Takes what is there of the body, until `room` bytes are held. `request.complete` says whether that is all."""
    front = stream.front
    request = stream.request
    request.held = True
    while not front.body_done and len(request.body) < room:
        data = front.read_body()
        if not data:
            break
        request.body += data
        stream.bytes_in += len(data)
    if front.body_done and not request.complete:
        request.complete = True
        if front.chunks is not None and not front.broken:
            stream.bytes_in += end_size(front)


def invite(stream: Stream) -> None:
    """Tells a client that waits for it to send its body (RFC 9110 10.1.1); servers are not asked any more."""
    request = stream.request
    stream.front.put(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.expect = False
    request.fields = [one for one in request.fields if one[3] != EXPECT]


def keep(stream: Stream, worker: Worker) -> None:
    """Keeps the request of a backend with `retry-on`, if it is all there. Nobody waits for the rest of a body."""
    request = stream.request
    if request.expect or stream.retry_disabled:
        return
    if request.complete or not request.has_body:
        return
    hold(stream, worker.buffer_size)


def repeatable(stream: Stream) -> bool:
    """Whether the request can be sent again: nobody forbade it, and all of it is still here."""
    request = stream.request
    return not stream.retry_disabled and (request.complete or not request.has_body) and not stream.front.broken


def send_again(run: Runner, stream: Stream, worker: Worker) -> Part[Any]:
    """Sends the request anew, to the same server or another one: the connection that carries it, or None when the
    stream was answered instead. False: it may not be tried again, and nothing has changed."""
    plan = retries.replay(stream)
    if not plan.again:
        return False
    server = stream.server
    stream.back.reset()
    stream.back = None
    stream.reused = False
    stream.server_connected = 0.0
    pool.forget_stale(server)
    outcome = ASSIGNED
    if plan.redispatch:
        release(stream)
        stream.persistent = False
        outcome = reassign(stream, server)
    retries.count(stream, server)
    return (yield from reach(run, stream, worker, outcome))
