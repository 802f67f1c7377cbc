"""Bytes both ways between two transports: TCP mode, CONNECT and upgraded connections.

With `option splice-request` or `-response` kernel pipes carry what goes one way or the other (engine/splice.py), with
`option splice-auto` those directions that pour: full reads of growing size in a row, or one that the
other side cannot take, until the pieces get small.

Half-closes are passed on; a failure of one side ends the other. One read per side and turn, at most one pending buffer
per direction (MOST bytes). Timeouts are those of inactivity: whatever moves on one side is activity of both, because
what one side sends the other one takes (HAProxy's default, without `option independent-streams`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.engine.splice import AUTO, REQUEST, RESPONSE, UNABLE, WORTHWHILE
from pylb.engine.step import KILLED, READY, TIMEOUT, Coroutine, Runner
from pylb.records.stream import Stream
from pylb.stream import ending
from pylb.stream.ending import mark

if TYPE_CHECKING:
    from pylb.stream.worker import Worker

LEAST: Final = 65536  # bytes of a first read
MOST: Final = 524288  # and of reads from a side that pours while the other side keeps up: half the CPU per byte


def pipe(
    run: Runner,
    stream: Stream,
    worker: Worker,
    front: Any,
    back: Any,
    timeout_front: float,
    timeout_back: float,
    early: tuple[bytes, bytes] = (b"", b""),
    heard: float = math.inf,
    whole: bool = False,
) -> Coroutine:
    """Moves bytes until both directions are closed, one side fails, or nothing moves for too long.

    `early` are bytes already read from front and back; `heard` is when the client last said something, if that was
    before. With `whole` the server's end is the end of both. The termination state is marked on the stream.
    """
    wake = worker.poller.wake
    arm = worker.poller.timers.arm
    to_back, to_front = early
    if to_back:
        stream.bytes_in += len(to_back)
        back.put(to_back)
    if to_front:
        stream.bytes_out += len(to_front)
        front.put(to_front)
    timeout = min(timeout_front, timeout_back)
    take_front, take_back = timeout_front, timeout_back  # for taking what waits, also by who has ended itself
    size_front = size_back = LEAST
    half_front = half_back = False  # that side has sent its end and the other one was told
    limit = clock.now + timeout
    lead = max(0.0, clock.now - heard)  # how long the client has been silent before; until something moves
    if lead:
        limit = clock.now + min(timeout_front - lead, timeout_back)
    pending = 0
    upward = downward = move = None  # what splices, in the directions that are
    splices = stream.frontend.splices | stream.backend.splices
    if splices and front.plain and back.plain:
        move = worker.pipes.move
        upward = move if splices & REQUEST else None
        downward = move if splices & RESPONSE else None
    auto_up = move if splices & AUTO and upward is None else None
    auto_down = move if splices & AUTO and downward is None else None
    came: Any
    went: Any
    while True:
        came = went = None
        if front.readable and not back.out:
            if upward is not None and (went := upward(front, back)) != UNABLE:
                if went:
                    stream.bytes_in += went
                    if went < WORTHWHILE and auto_up is not None:
                        upward, size_front = None, LEAST
            else:
                went = front.read(size_front)
                if went:
                    stream.bytes_in += len(went)
                    back.put(went)
                    if len(went) == size_front:
                        if auto_up is not None and (size_front == MOST or back.out):
                            upward = auto_up
                        size_front = LEAST if back.out else min(2 * size_front, MOST)
            if went and front.readable and not back.out:
                wake(run)
        if back.readable and not front.out:
            if downward is not None and (came := downward(back, front)) != UNABLE:
                if came:
                    stream.bytes_out += came
                    if came < WORTHWHILE and auto_down is not None:
                        downward, size_back = None, LEAST
            else:
                came = back.read(size_back)
                if came:
                    stream.bytes_out += len(came)
                    front.put(came)
                    if len(came) == size_back:
                        if auto_down is not None and (size_back == MOST or front.out):
                            downward = auto_down
                        size_back = LEAST if front.out else min(2 * size_back, MOST)
            if came and back.readable and not front.out:
                wake(run)
        if front.eof or back.eof:
            if front.error or back.error:
                mark(stream, ending.CLIENT if front.error else ending.SERVER, ending.DATA)
                return
            if front.eof and not half_front and not back.out:
                if half_back:
                    return  # closing says it to the server
                half_front = True
                back.shutdown_write()
                timeout_front = math.inf  # nothing more is expected from there
                timeout_back = take_back = stream.backend.timeout_server_fin or take_back
                limit = clock.now + timeout_back
            if back.eof and not half_back and not front.out:
                if half_front:
                    return  # closing says it to the client
                half_back = True
                front.shutdown_write()
                if whole:
                    return
                timeout_back = math.inf
                timeout_front = take_front = stream.frontend.timeout_client_fin or take_front
                limit = clock.now + timeout_front
            timeout = min(timeout_front, timeout_back)
        if went or came:
            limit = clock.now + timeout
            lead = 0.0
            if front.out or back.out:
                limit = clock.now + _patience(front, back, take_front, take_back)
        elif front.out or back.out:  # events of the side that is not read are no progress
            left = len(front.out) + len(back.out)
            if left != pending:
                pending = left
                limit = clock.now + _patience(front, back, take_front, take_back)
        elif pending:
            pending = 0
            limit = clock.now + timeout
        if limit < run.armed:
            arm(run, limit)
        while (reason := (yield)) != READY:
            if reason == KILLED:
                mark(stream, ending.KILLED, ending.NOWHERE)
                return
            if reason == TIMEOUT:
                if clock.now >= limit:
                    mark(stream, _silent(front, back, timeout_front - lead, timeout_back), ending.DATA)
                    return
                arm(run, limit)


def _patience(front: Any, back: Any, take_front: float, take_back: float) -> float:
    """How long a side may take to accept what waits for it. Meanwhile nothing is read from the other one, whose
    silence is no fault."""
    if not back.out:
        return take_front
    return min(take_front, take_back) if front.out else take_back


def _silent(front: Any, back: Any, timeout_front: float, timeout_back: float) -> bytes:
    """Who is to blame for the silence: who does not take its data, or whose clock ran out first."""
    late = front.out or (not back.out and timeout_front <= timeout_back)
    return ending.CLIENT_TIMEOUT if late else ending.SERVER_TIMEOUT
