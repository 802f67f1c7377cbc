"""What becomes of a ruleset's verdict: waits are waited for and the rules resumed, everything else is carried out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pylb.clock import clock
from pylb.engine.step import KILLED, STOPPING, Coroutine, Part, Runner
from pylb.records.stream import Stream
from pylb.rules.verdicts import Outcome, Verdict
from pylb.server.assign import release
from pylb.stream import ending
from pylb.stream.answering import answer, fail
from pylb.stream.ending import end_size, mark
from pylb.stream.holding import hold, invite
from pylb.stream.waits import Body

if TYPE_CHECKING:
    from pylb.stream.worker import Worker

TARPIT_DEFAULT = 10.0  # seconds, where neither `timeout tarpit` nor `timeout connect` is set


def decide(run: Runner, stream: Stream, worker: Worker, proxy: Any, rules: Any, verdict: Verdict | None) -> Part[bool]:
    """Request rules have spoken. True: go on with the request; False: it has been answered or dropped."""
    while verdict is not None and verdict.kind is Outcome.WAIT:
        if not (yield from _wait(run, stream, worker, verdict, proxy)):
            return False
        verdict = rules.run(stream, verdict.at)
    stream.final = False
    if verdict is None or verdict.kind in (
        Outcome.STOP,
        Outcome.UPGRADE,
    ):  # what speaks HTTP need not be switched to it
        return True
    counters = proxy.counters
    stream.rule = verdict.rule
    kind = verdict.kind
    if kind is Outcome.DENY:
        counters.denied_req += 1
        reply = verdict.reply if verdict.reply is not None else proxy.replies[403]
        _look_at_cookies(stream)
        mark(stream, ending.PROXY, ending.REQUEST)
        yield from answer(run, stream, worker, reply.render(stream))
    elif kind is Outcome.REPLY:
        mark(stream, ending.LOCAL, ending.REQUEST)
        yield from answer(run, stream, worker, verdict.reply.render(stream))
    elif kind is Outcome.TARPIT:
        yield from _tarpit(run, stream, worker, proxy, verdict)
    elif kind is Outcome.SERVICE:
        mark(stream, ending.LOCAL, ending.REQUEST)
        yield from verdict.service(run, stream, worker)
    elif kind in (Outcome.CLOSE, Outcome.DROP):
        counters.denied_req += 1
        mark(stream, ending.PROXY, ending.REQUEST)
        stream.keep = False
        stream.request_end = 0.0
        stream.status = -1
        if kind is Outcome.DROP:
            worker.drop_silently(stream.front.conn, verdict.at)
        stream.front.reset()
        if rules is stream.frontend.tcp_content:
            stream.request = None  # HAProxy has not read it yet: the log says <BADREQ>
    elif kind is Outcome.ERROR:
        counters.internal_errors += 1
        stream.keep = False
        yield from fail(run, stream, worker, 500, ending.INTERNAL, ending.REQUEST)
    else:
        raise AssertionError(f"verdict {kind} has no meaning for a request")
    return False


def decide_response(run: Runner, stream: Stream, worker: Worker, proxy: Any, verdict: Verdict | None) -> Part[bool]:
    """Response rules have spoken. True: pass the response on; False: another one was sent in its place."""
    rules = proxy.http_response
    while verdict is not None and verdict.kind is Outcome.WAIT:
        wait = _wait_response if isinstance(verdict.wait, Body) else _wait
        if not (yield from wait(run, stream, worker, verdict, proxy)):
            return False
        verdict = rules.run(stream, verdict.at)
    stream.final = False
    if verdict is None or verdict.kind is Outcome.STOP:
        return True
    counters = proxy.counters
    stream.rule = verdict.rule
    back = stream.back
    if back.buffer and not back.body_done:
        stream.bytes_out += len(back.read_body() or b"")
        if back.body_done and not back.broken and back.chunks is not None:
            stream.bytes_out += end_size(back)
    stream.response_end = 0.0  # the server's answer counts as none: Tr is -1
    kind = verdict.kind
    response = None
    stream.response = None  # nor is it there for what is answered
    if kind is Outcome.REPLY:
        mark(stream, ending.LOCAL, ending.HEADERS)
        response = verdict.reply.render(stream)
    elif kind is Outcome.DENY:
        counters.denied_resp += 1
        stream.backend.counters.failed_resp += 1
        reply = verdict.reply if verdict.reply is not None else proxy.replies[502]
        mark(stream, ending.PROXY, ending.HEADERS)
        response = reply.render(stream)
    back.reset()  # not before: what is answered may speak of the connection
    stream.back = None
    release(stream)
    if response is not None:
        yield from answer(run, stream, worker, response)
    elif kind is Outcome.DROP:
        stream.keep = False
        worker.drop_silently(stream.front.conn, verdict.at)
        stream.front.reset()
    elif kind is Outcome.CLOSE:  # of tcp-response rules
        counters.denied_resp += 1
        stream.server.counters.denied_resp += 1
        mark(stream, ending.PROXY, ending.DATA)
        stream.keep = False
        stream.bytes_out = 0
        stream.front.reset()
    else:
        counters.internal_errors += 1
        stream.keep = False
        yield from fail(run, stream, worker, 500, ending.INTERNAL, ending.HEADERS)
    return False


def _wait(run: Runner, stream: Stream, worker: Worker, verdict: Verdict, proxy: Any) -> Part[bool]:
    """Waits for what the verdict asks. True: run the rules again; False: the stream ended meanwhile."""
    poller = worker.poller
    wait = verdict.wait
    if wait is None:
        # Conditions on data that cannot come any more in HTTP mode: the head is complete.
        stream.final = True
        return True
    wait.begin(run, poller)
    front = stream.front
    try:
        while not wait.over(clock.now):
            if isinstance(wait, Body) and _buffer_body(stream, worker, wait):
                stream.request_end = clock.now
                if front.broken and not (front.conn.eof or front.conn.error):
                    yield from _broken_body(run, stream, worker)
                    return False
                return True  # a client that has left is noticed when a server is wanted, as in HAProxy
            if front.conn.readable and isinstance(wait, Body):
                poller.wake(run)
            if wait.deadline < run.armed:
                poller.timers.arm(run, wait.deadline)
            reason = yield
            if reason == KILLED or (front.conn.error and not isinstance(wait, Body)):
                mark(stream, ending.KILLED if reason == KILLED else ending.CLIENT, ending.REQUEST)
                stream.keep = False
                return False
        if isinstance(wait, Body):
            yield from _slow_body(run, stream, worker)
            return False
        return True
    finally:
        wait.cancel()


def _wait_response(run: Runner, stream: Stream, worker: Worker, verdict: Verdict, proxy: Any) -> Part[bool]:
    """Collects the response's body for rules; what was read stays in the endpoint's buffer and is sent from there."""
    wait = verdict.wait
    assert wait is not None and stream.response is not None
    back = stream.back
    conn = back.conn
    room = worker.buffer_size
    wait.begin(run, worker.poller)
    while True:
        if conn.readable and len(back.buffer) < room:
            back.buffer += conn.read(room - len(back.buffer)) or b""
        body, complete, broken = back.collected()
        if broken or wait.over(clock.now):
            stream.response_end = 0.0
            back.reset()
            stream.back = None
            release(stream)
            if broken:
                yield from fail(run, stream, worker, 502, ending.PROXY, ending.HEADERS)
            else:
                stream.bytes_out += len(body)
                yield from fail(run, stream, worker, 504, ending.SERVER_TIMEOUT, ending.REQUEST)
            return False
        if complete or conn.eof or len(back.buffer) >= room or 0 < wait.size <= len(body):
            stream.response.body = body
            return True
        if conn.readable:
            worker.poller.wake(run)
        if wait.deadline < run.armed:
            worker.poller.timers.arm(run, wait.deadline)
        reason = yield
        if reason == KILLED or conn.error or stream.front.conn.error:
            cause = ending.KILLED if reason == KILLED else ending.SERVER if conn.error else ending.CLIENT
            mark(stream, cause, ending.HEADERS)
            stream.keep = False
            return False


def buffered(run: Runner, stream: Stream, worker: Worker) -> Part[bool]:
    """`option http-buffer-request`: the body, or a bufferful of it, comes before the rules; too slow is 408."""
    frontend = stream.frontend
    wait = Body(frontend.timeout_request or frontend.timeout_client)
    return (yield from _wait(run, stream, worker, Verdict(Outcome.WAIT, wait=wait), frontend))


def _buffer_body(stream: Stream, worker: Worker, wait: Body) -> bool:
    """Takes what is there of the body into `request.body`. True when enough of it has come (or no more fits)."""
    front = stream.front
    request = stream.request
    assert request is not None
    room = worker.buffer_size
    if request.expect and not request.held:
        invite(stream)
    if not front.body_done or not request.complete:
        hold(stream, room)
    enough = request.complete or len(request.body) >= room or (0 < wait.size <= len(request.body))
    return enough or front.broken


def _broken_body(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    """A body that is framed wrong is not for rules or servers: 400."""
    stream.request_end = 0.0
    stream.keep = False
    stream.frontend.counters.failed_req += 1
    yield from fail(run, stream, worker, 400, ending.PROXY, ending.REQUEST)


def _slow_body(run: Runner, stream: Stream, worker: Worker) -> Coroutine:
    stream.request_end = 0.0
    yield from fail(run, stream, worker, 408, ending.CLIENT_TIMEOUT, ending.REQUEST)


def _tarpit(run: Runner, stream: Stream, worker: Worker, proxy: Any, verdict: Verdict) -> Coroutine:
    """Keeps the client waiting, then answers; a client that leaves early is let go."""
    proxy.counters.denied_req += 1
    stream.tarpit = True
    _look_at_cookies(stream)
    mark(stream, ending.PROXY, ending.TARPIT)
    limit = clock.now + _tarpit_time(stream, proxy)
    conn = stream.front.conn
    while clock.now < limit and not conn.ending and not conn.error:
        if limit < run.armed:
            worker.poller.timers.arm(run, limit)
        reason = yield
        if reason in (KILLED, STOPPING):
            stream.keep = False
            break
    stream.request_end = 0.0  # the time of the tarpit is shown as time in the queue
    stream.connect_start = clock.now
    reply = verdict.reply if verdict.reply is not None else proxy.replies[500]
    yield from answer(run, stream, worker, reply.render(stream))
    if conn.error:
        stream.bytes_out = 0  # it went to nobody


def _look_at_cookies(stream: Stream) -> None:
    """The log of a request that is refused says whether it was a known client's, and of which server."""
    backend = stream.backend
    if backend is not None and backend.persistence is not None and backend.persistence.shown:
        server = backend.persistence.lookup(stream)
        if server is not None:
            stream.server = server


def _tarpit_time(stream: Stream, proxy: Any) -> float:
    """Seconds: what a rule has set, else `timeout tarpit` of the proxy whose rule it is, else its `timeout connect`."""
    own = None if stream.overrides is None else stream.overrides.get("timeout_tarpit")
    config = proxy.config
    return float(own or config.timeout("tarpit") or config.timeout("connect") or TARPIT_DEFAULT)


def never(value: float | None) -> float:
    return math.inf if value is None else value
