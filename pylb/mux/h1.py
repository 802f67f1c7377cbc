"""HTTP/1 connections as endpoints: bytes of a transport on one side, heads and bodies on the other.

A head is searched incrementally and parsed once when it is complete. A body has one of four shapes, each way: none, a
length, chunks, or "until the connection ends". What one side reads is payload; `put_body` frames it anew for the
other side.
"""

from __future__ import annotations

from typing import Any, Final

from pylb.engine.transport import Transport
from pylb.http.codec import Codec, Limits
from pylb.http.h1_body import ChunkedReader
from pylb.http.message import Refusal, Request, Response
from pylb.http.writer import client_may_stay, request_head, response_head
from pylb.mux.base import CLOSED

READ_SIZE: Final = 16384
BULK_SIZE: Final = 262144  # of reads inside a body; a fifth less CPU per byte than half of it
UNTIL_CLOSE: Final = -1


class H1Side:
    """What both directions share: an input buffer, the incoming body and the outgoing framing."""

    glitches = 0  # what special.py counts
    lax = False  # violations are taken, also in answers to WebSocket handshakes

    __slots__ = (
        "body_done",  # the incoming body is over
        "broken",  # the incoming body ended before its end, or its framing was wrong
        "buffer",  # bytes read and not consumed
        "chunk_out",  # the outgoing body is written in chunks
        "chunks",  # ChunkedReader of the incoming body, or None
        "codec",
        "conn",
        "left",  # bytes of the incoming body still to come, or UNTIL_CLOSE
        "limits",
        "scanned",  # how far the buffer has been searched for the end of a head
    )

    def __init__(self, conn: Transport, codec: Codec, limits: Limits) -> None:
        self.conn = conn
        self.codec = codec
        self.limits = limits
        self.buffer = b""
        self.scanned = 0
        self.left = 0
        self.chunks: ChunkedReader | None = None
        self.chunk_out = False
        self.body_done = True
        self.broken = False

    @property
    def blocked(self) -> bool:
        return bool(self.conn.out)

    @property
    def gone(self) -> bool:
        """The connection failed or was closed under us (a half-close is not that)."""
        return bool(self.conn.error) or self.conn.fd < 0

    def flush(self) -> bool:
        return self.conn.flush()

    def put(self, data: Any) -> None:
        self.conn.put(data)

    def reset(self) -> None:
        """Ends the connection without ceremony."""
        self.conn.close()

    def expect_body(self, length: int | None, chunked: bool, until_close: bool = False) -> None:
        """Sets up the incoming body that follows a head."""
        self.broken = False
        self.chunks = None
        if chunked:
            self.chunks = ChunkedReader(self.limits)
            self.body_done = False
        elif length:
            self.left = length
            self.body_done = False
        elif until_close and length is None:
            self.left = UNTIL_CLOSE
            self.body_done = False
        else:
            self.body_done = True

    def read_body(self) -> bytes | None:
        """Payload that is there (one read of the socket at most), b"" at the end of the body, None for not yet."""
        if self.body_done:
            return b""
        data = self.buffer
        if data:
            self.buffer = b""
        else:
            conn = self.conn
            if not conn.readable:
                return self._cut() if conn.eof else None
            left = self.left
            got = conn.read(left + 1 if 0 <= left < BULK_SIZE and self.chunks is None else BULK_SIZE)
            if not got:
                return None if got is None else self._cut()
            data = got
        if self.chunks is not None:
            return self._dechunk(data)
        left = self.left
        if left == UNTIL_CLOSE:
            return data
        size = len(data)
        if size >= left:
            self.left = 0
            self.body_done = True
            if size > left:
                self.buffer = data[left:]
                return data[:left]
            return data
        self.left = left - size
        return data

    def collected(self) -> tuple[bytes, bool, bool]:
        """The payload that is in the buffer, whether it is all of it, and whether its chunks are wrong. It stays there:
        what rules have seen is read when it is sent."""
        data = self.buffer
        if self.body_done:
            return b"", True, False
        if self.chunks is not None:
            reader = ChunkedReader(self.limits)
            payload = reader.feed(data)
            return payload, reader.done, bool(reader.error)
        left = self.left
        return (data, False, False) if left == UNTIL_CLOSE else (data[:left], left <= len(data), False)

    def _dechunk(self, data: bytes) -> bytes | None:
        chunks = self.chunks
        assert chunks is not None
        payload = chunks.feed(data)
        if chunks.error:
            self.broken = True
            self.body_done = True
            return b""
        if chunks.done:
            self.buffer = chunks.rest
            self.body_done = True
        return payload or (b"" if self.body_done else None)

    def _cut(self) -> bytes:
        """The connection ended inside a body: the end of one that is delimited by it, else a truncation."""
        self.body_done = True
        if self.left != UNTIL_CLOSE or self.chunks is not None or self.conn.error:
            self.broken = True
        return b""

    def put_body(self, data: bytes) -> None:
        if self.chunk_out:
            data = b"%X\r\n%b\r\n" % (len(data), data)
        self.conn.put(data)

    def end_body(self, trailers: bytes = b"") -> None:
        """Ends the outgoing body; `trailers` are complete lines for a chunked one."""
        if self.chunk_out:
            self.chunk_out = False
            self.conn.put(self.last_chunk(trailers))

    def last_chunk(self, trailers: bytes) -> bytes:
        """What ends an outgoing chunked body."""
        return b"0\r\n%b\r\n" % trailers

    def trailers(self) -> bytes:
        """Trailer lines of the incoming body, ready to be sent on."""
        chunks = self.chunks
        if chunks is None or not chunks.trailers:
            return b""
        return b"".join([one[2] for one in chunks.trailers])


class H1Front(H1Side):
    """The client's HTTP/1 connection. Lives from accept (or the end of the TLS handshake) until it is closed."""

    __slots__ = ("own", "started")

    def __init__(self, conn: Transport, codec: Codec, limits: Limits) -> None:
        super().__init__(conn, codec, limits)
        self.started = False  # part of a head is in the buffer
        self.own: list[H1Back] | None = None  # idle server connections that no other client may use

    def next_head(self) -> Any:
        """Request, Refusal, CLOSED, or None for not yet."""
        conn = self.conn
        data = self.buffer
        if not data or self.scanned:
            if not conn.readable:
                return CLOSED if conn.eof else None
            got = conn.read(READ_SIZE)
            if not got:
                return CLOSED if conn.eof else None
            data = data + got if data else got
        request = self.codec.take_request(data, self.scanned, self.limits)
        if request.__class__ is not Request:
            self.buffer = data
            self.scanned = len(data)
            self.started = True
            return request
        size = request.head_size
        self.buffer = data[size:] if size < len(data) else b""
        self.scanned = 0
        self.started = False
        if request.framing is None:
            self.body_done = True
            self.broken = False
        else:
            self.expect_body(request.length, request.chunked)
            if self.chunks is not None and self.buffer:
                # What came with the head is judged with it, before any rule, as HAProxy does.
                trial = ChunkedReader(self.limits)
                trial.feed(self.buffer)
                if trial.error:
                    self.buffer = data
                    return Refusal(400, trial.error)
        return request

    def begin(self, response: Response, request: Request, stream: Any) -> bytes:
        """Head of a response in wire form; sets up the framing of what follows, and lowers `stream.keep` where the
        head announces the end of the connection."""
        if response.shared and stream.keep and request.version > 10 and response.framing is not None:
            # The same head again: it was written before.
            self.chunk_out = response.chunked and not response.bodyless
            head = response.ready
            if not head:
                head = response.ready = response_head(response, request, True)
            return head
        keep = stream.keep and client_may_stay(request, response)
        head = response_head(response, request, keep)
        if response.status >= 200:
            stream.keep = keep and not request.close
        self.chunk_out = response.chunked and request.version > 10 and not response.bodyless
        return head

    def truncate(self) -> None:
        """The body cannot be completed: the connection ends before its end, and the client notices."""
        self.chunk_out = False

    def reset(self) -> None:
        if self.own is not None:
            for back in self.own:
                back.reset()
            self.own = None
        self.conn.close()


class H1Back(H1Side):
    """A connection to a server. Lives from connect until it is closed; idle ones wait in their server's pool."""

    __slots__ = ("answered", "heads", "idle_since", "method", "opening", "private", "server")

    def __init__(self, conn: Transport, codec: Codec, limits: Limits, server: Any) -> None:
        super().__init__(conn, codec, limits)
        self.server = server
        self.heads = 0  # requests sent
        self.answered = False  # bytes of the current response have arrived
        self.method = b""
        self.idle_since = 0.0
        self.private = False  # never shared between clients (PROXY header, NTLM, ...)
        self.opening = b""  # the PROXY header it began with

    def begin(self, request: Request, keep: bool) -> bytes:
        """Head of a request in wire form."""
        self.heads += 1
        self.answered = False
        self.method = request.method
        self.chunk_out = request.chunked
        return request_head(request, keep)

    def next_head(self) -> Any:
        """Response (interim ones too), Refusal, CLOSED, or None for not yet."""
        conn = self.conn
        data = self.buffer
        if not data or self.scanned:
            if not conn.readable:
                return CLOSED if conn.eof else None
            got = conn.read(READ_SIZE)
            if not got:
                return CLOSED if conn.eof else None
            data = data + got if data else got
            self.answered = True
        response = self.codec.take_response(data, self.scanned, self.method, self.limits)
        if response.__class__ is not Response:
            self.buffer = data
            self.scanned = len(data)
            if response is None and conn.readable:  # more has come, or the end, and no event will say it again
                return H1Back.next_head(self)
            return response
        size = response.head_size
        self.buffer = data[size:] if size < len(data) else b""
        self.scanned = 0
        if response.bodyless or response.length == 0:
            self.body_done = not response.upgrade  # a tunnel has an end, but none that the head tells
            self.left = UNTIL_CLOSE
            self.broken = False
        else:
            self.expect_body(response.length, response.chunked, True)
        return response

    def reset(self) -> None:
        self.conn.abandon()

    def reusable(self) -> bool:
        """True when the exchange is over and the connection can carry another request."""
        conn = self.conn
        return self.body_done and not self.broken and not self.buffer and not conn.ending and not conn.eof

    def on_events(self, mask: int) -> None:
        """An event while it is idle in the pool: the server closed it or spoke out of turn."""
        idle = self.server.idle
        if self in idle:
            idle.remove(self)
        self.conn.close()
