"""The timers of a log line in milliseconds, as HAProxy counts them (manual 8.4).

All are differences of whole milliseconds since the moment the stream's time began: accept for the first stream of a
connection, the end of the previous exchange for later ones. So they always add up: Tt = Th + Ti + TR + Tw + Tc + Tr +
Td.

# Invariant: `stream.start` is the first byte of the request (mode http) or the accept (mode tcp); `idle_time` and, for
# the first stream, the handshake lie before it. A moment that never came is 0.0 and makes its timer -1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.clock import clock

if TYPE_CHECKING:
    from pylb.records.stream import Stream


def handshake(stream: Stream) -> int:
    """Th: PROXY header and TLS; only the first stream of a connection counts it."""
    session = stream.session
    return int(session.handshake_time * 1000) if session.handshake_time and session.streams <= 1 else 0


def idle(stream: Stream) -> int:
    """Ti"""
    return int(stream.idle_time * 1000)


def begun(stream: Stream) -> float:
    """The moment %t speaks of, in monotonic seconds."""
    before = stream.idle_time
    session = stream.session
    if session.handshake_time and session.streams <= 1:
        before += session.handshake_time
    return stream.start - before


def since(stream: Stream, moment: float) -> int:
    """Milliseconds from the beginning to a moment, -1 when it never came."""
    if not moment:
        return -1
    elapsed = int((moment - stream.start) * 1000)
    return (elapsed if elapsed > 0 else 0) + idle(stream) + handshake(stream)


def total_now(stream: Stream) -> int:
    """Tt: until now; in lines that are written in advance, until what they are written at."""
    log = stream.frontend.log
    if log is not None and log.asap and not stream.end:
        return max(since(stream, _last(stream)), 0)
    return since(stream, clock.now)


def _last(stream: Stream) -> float:
    return stream.response_end or stream.server_connected or stream.connect_start or stream.request_end or stream.start


def request(stream: Stream) -> int:
    """TR: from the first byte of the request to the end of its head."""
    return since(stream, stream.request_end) - idle(stream) - handshake(stream) if stream.request_end else -1


def until_request(stream: Stream) -> int:
    """Tq = Th + Ti + TR"""
    return since(stream, stream.request_end)


def _before_queue(stream: Stream) -> int:
    if stream.request_end:
        return since(stream, stream.request_end)
    return idle(stream) + handshake(stream)


def queue(stream: Stream) -> int:
    """Tw: waiting for a connection slot, rules with waits included."""
    return since(stream, stream.connect_start) - _before_queue(stream) if stream.connect_start else -1


def connect(stream: Stream) -> int:
    """Tc"""
    if not stream.server_connected:
        return -1
    return since(stream, stream.server_connected) - since(stream, stream.connect_start)


def response(stream: Stream) -> int:
    """Tr: from the established connection to the complete response head."""
    if not stream.response_end:
        return -1
    return since(stream, stream.response_end) - since(stream, stream.server_connected)


def active(stream: Stream) -> int:
    """Ta: from the first byte of the request to the end."""
    return total_now(stream) - idle(stream) - handshake(stream)


def user(stream: Stream) -> int:
    """Tu: the whole time without the idle one."""
    return total_now(stream) - idle(stream)


def data(stream: Stream) -> int:
    """Td: from the response head (or the server connection in mode tcp) to the end."""
    begin = stream.response_end or (0.0 if stream.request is not None else stream.server_connected)
    return total_now(stream) - since(stream, begin) if begin else -1
