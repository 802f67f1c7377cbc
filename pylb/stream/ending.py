"""How streams end: HAProxy's termination states, in one place.

The first character says who or what ended the stream, the second in which state it was (manual 8.5). An ending is
written once: the first cause wins. `finish` counts and logs; nothing else does.
"""

from __future__ import annotations

from typing import Any, Final

from pylb.clock import clock
from pylb.counters import process
from pylb.records.stream import Stream

# First character.
CLIENT: Final = b"C"
SERVER: Final = b"S"
PROXY: Final = b"P"
LOCAL: Final = b"L"
RESOURCES: Final = b"R"
INTERNAL: Final = b"I"
KILLED: Final = b"K"
DOWN: Final = b"D"
CLIENT_TIMEOUT: Final = b"c"
SERVER_TIMEOUT: Final = b"s"

# Second character.
REQUEST: Final = b"R"
QUEUE: Final = b"Q"
CONNECT: Final = b"C"
HEADERS: Final = b"H"
DATA: Final = b"D"
LAST: Final = b"L"
TARPIT: Final = b"T"
NOWHERE: Final = b"-"  # what HAProxy shows of streams that are killed while they connect, upload or are tunnels


def mark(stream: Stream, cause: bytes, state: bytes) -> None:
    """Notes why the stream ends; later causes do not overwrite it."""
    if stream.end_state == b"-":
        if cause == KILLED and stream.overrides is not None:
            cause = stream.overrides.get("killed_by", cause)  # a server that went down or came up
        stream.end_state = cause
        stream.end_cause = state
        persistence = None if stream.backend is None else stream.backend.persistence
        if persistence is not None and persistence.shown and stream.cookie_request == b"-":
            stream.cookie_request = stream.cookie_response = b"N"  # it ends before its cookies were looked at


def end_size(side: Any) -> int:
    """What HAProxy counts for the end of a chunked body and its trailers."""
    trailers = side.chunks.trailers
    return 1 if not trailers else 1 + sum([len(one[2]) - 4 for one in trailers])


def finish(stream: Stream) -> None:
    """The exchange is over: adds to the totals that are counted per stream, then writes the log line."""
    stream.end = clock.now
    session = stream.session
    session.current = None
    frontend = stream.frontend
    backend = stream.backend
    server = stream.server
    bytes_in = stream.bytes_in
    bytes_out = stream.bytes_out
    status = stream.status
    counters = frontend.counters
    counters.bytes_in += bytes_in
    counters.bytes_out += bytes_out
    good = 200 <= status < 300
    if good:
        counters.http_2xx += 1
    elif status > 0:
        counters.status(status)
    if backend is not None:
        counters = backend.counters
        counters.conn_cur -= 1
        counters.bytes_in += bytes_in
        counters.bytes_out += bytes_out
        if good:
            counters.http_2xx += 1
        elif status > 0:
            counters.status(status)
        if server is not None:
            counters = server.counters
            counters.sess_total += 1
            counters.bytes_in += bytes_in
            counters.bytes_out += bytes_out
            if good:
                counters.http_2xx += 1
            elif status > 0 and stream.server_connected:  # else it is not the server that said so
                counters.status(status)
    process.bytes_out += bytes_out
    if frontend.log is not None and not stream.logged:
        frontend.log.emit(stream)
    if stream.addresses_before is not None:
        session.src, session.src_port, session.dst, session.dst_port = stream.addresses_before
