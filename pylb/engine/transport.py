"""A connected socket with its readiness: what endpoints read from and write to.

`read` and `put` never block and never raise for what a peer does. Readiness comes as edges (engine/poller.py), so a
flag stays up until a call proves the opposite: a short read without RDHUP means drained, a short write means full.

    read(size) -> bytes   data; None: nothing yet; b"" once the peer has closed or the connection has failed (`error`)
    put(data)             sends, and keeps what the kernel does not take in `out`; `out` is b"" when all is gone
    flush() -> bool       tries `out` again

At most one buffer per direction is held: whoever feeds `put` waits until `out` is empty before reading more. It may
be a kernel pipe (engine/splice.py).
TLS and scripted transports have the same shape.
"""

from __future__ import annotations

import _socket
import contextlib
import errno
import socket
from typing import Any, ClassVar, Final

from pylb.engine.poller import OUT, STREAM_EVENTS, STREAM_EVENTS_OUT, Poller
from pylb.engine.splice import Pipe
from pylb.engine.step import READY, Runner, ended

_INPUT: Final = ~OUT
_END: Final = 0x2000 | 0x10 | 0x8  # RDHUP | HUP | ERR
_GONE: Final = 0x10 | 0x8  # HUP | ERR
_NO_LINGER: Final = b"\x01\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds


class Transport:
    """One socket under the poller. Lives from accept or connect until `close`; `runner` is who hears of its events.

    Functions kept in slots are read into a local before they are called: CPython 3.11 specialises the read of a slot,
    but not a call through one (40 ns).
    """

    __slots__ = (
        "_recv",
        "_send",
        "ending",
        "eof",
        "hung_up",
        "error",
        "fd",
        "out",
        "poller",
        "readable",
        "runner",
        "sock",
        "writing",
    )

    plain: ClassVar[bool] = True  # the descriptor carries what `read` and `put` do: it may be spliced

    def __init__(self, sock: _socket.socket, poller: Poller, runner: Runner | None = None) -> None:
        self.sock = sock
        self.fd = sock.fileno()
        self.poller = poller
        self.runner = runner
        self._recv = sock.recv
        self._send = sock.send
        self.readable = False  # an edge said so and no short read has contradicted it since
        self.ending = False  # RDHUP, HUP or ERR was seen: read until the end shows
        self.hung_up = False  # HUP or ERR: both directions are gone, not merely a half-close
        self.eof = False  # read() has returned b""
        self.error = 0  # errno of the failure that ended the connection, 0 for an orderly end
        self.out: bytes | memoryview | Pipe = b""  # accepted by put(), not by the kernel
        self.writing = False  # EPOLLOUT is armed

    def register(self, *, connecting: bool = False) -> None:
        """Enters the poller. A connecting socket is also watched for writability."""
        self.writing = connecting
        self.poller.add(self.fd, self, STREAM_EVENTS_OUT if connecting else STREAM_EVENTS)

    def on_events(self, mask: int) -> None:
        if mask & _INPUT:
            self.readable = True
            if mask & _END:
                self.ending = True
                if mask & _GONE:
                    self.hung_up = True
        if mask & OUT and self.out:
            self.flush()
        runner = self.runner
        if runner is not None:
            send = runner.send
            try:  # what `step` does, without the call
                send(READY)
            except Exception as ending:
                ended(runner, ending)

    def read(self, size: int) -> bytes | None:
        recv = self._recv
        try:
            data = recv(size)
        except BlockingIOError:
            self.readable = False
            return None
        except OSError as failure:
            self.fail(failure.errno)
            return b""
        if not data:
            self.eof = True
            self.readable = False
        elif len(data) < size and not self.ending:
            self.readable = False
        return data

    def put(self, data: bytes | memoryview) -> None:
        out = self.out
        if out:
            if isinstance(out, Pipe):
                out.tail += data
            else:
                self.out = b"".join((out, data))
            self.flush()
            return
        send = self._send
        try:
            sent = send(data)
        except BlockingIOError:
            sent = 0
        except OSError as failure:
            self.fail(failure.errno)
            return
        if sent != len(data):
            self.out = memoryview(data)[sent:]
            self.watch_output()

    def flush(self) -> bool:
        """True when nothing is left to send."""
        out = self.out
        if not out:
            return True
        if isinstance(out, Pipe):
            return out.flush(self)
        try:
            sent = self._send(out)
        except BlockingIOError:
            sent = 0
        except OSError as failure:
            self.fail(failure.errno)
            return True
        if sent == len(out):
            self.out = b""
            return True
        self.out = memoryview(out)[sent:]
        self.watch_output()
        return False

    def watch_output(self) -> None:
        """Arms EPOLLOUT for good: edge-triggered it costs nothing once armed."""
        if not self.writing and self.fd >= 0:
            self.writing = True
            self.poller.modify(self.fd, STREAM_EVENTS_OUT)

    def fail(self, code: int | None) -> None:
        """The connection is broken: nothing more can be read or written."""
        self.error = code or errno.EIO
        self.eof = True
        self.readable = False
        self.out = b""

    def probe(self) -> bool:
        """True when a connect has succeeded; a failed one shows in `error`, an open question in neither."""
        try:
            self._send(b"")
        except BlockingIOError:
            return False
        except OSError as failure:
            self.fail(failure.errno)
            return False
        return True

    def take_error(self) -> None:
        """Reads the pending error of the socket, if there is one, without consuming data."""
        code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.fail(code)

    def shutdown_write(self) -> None:
        """Tells the peer that nothing more will come (half-close)."""
        if self.fd >= 0 and not self.error:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError as failure:
                if failure.errno != errno.ENOTCONN:
                    self.fail(failure.errno)

    def reset_on_close(self) -> None:
        """Makes `close` send a reset: no TIME_WAIT, the peer learns at once."""
        if self.fd >= 0:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)

    def abandon(self) -> None:
        """Closes a connection to a server whose last word has been heard: with a reset while the server has not closed,
        so that no TIME_WAIT holds the port and no farewell packets are exchanged (as HAProxy does)."""
        if self.fd >= 0:
            if not self.ending and not self.eof:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.close()

    def close(self) -> None:
        """Leaves the table, then closes. Safe to call twice."""
        fd = self.fd
        if fd >= 0:
            self.fd = -1
            self.poller.table.pop(fd, None)
            self.runner = None
            self.readable = False
            self.eof = True
            self.out = b""
            self.sock.close()

    def getsockname(self) -> Any:
        return self.sock.getsockname()

    @property
    def closed(self) -> bool:
        return self.fd < 0


class NoLinger(Transport):
    """A client's connection under `option nolinger`: its socket has no linger time, so that closing leaves no state
    behind. As with HAProxy a FIN goes first, and a peer that has read everything sees an orderly end."""

    __slots__ = ()

    def close(self) -> None:
        if self.fd >= 0 and not self.hung_up and not self.error:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        super().close()

    def reset_on_close(self) -> None:
        super().reset_on_close()
        self.hung_up = True  # no FIN then


def new_socket(family: int, kind: int = socket.SOCK_STREAM) -> _socket.socket:
    """A non-blocking socket without the Python-level subclass (half a microsecond per connection)."""
    sock = _socket.socket(family, kind | socket.SOCK_NONBLOCK, 0)
    return sock


def adopt(family: int, fd: int) -> _socket.socket:
    """Wraps an accepted descriptor."""
    sock = _socket.socket(family, socket.SOCK_STREAM, 0, fd)
    sock.setblocking(False)
    return sock


def peer_name(sock: Any) -> Any:
    """getpeername, or None when the peer is gone."""
    try:
        return sock.getpeername()
    except OSError:
        return None
