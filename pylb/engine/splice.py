"""Bytes from socket to socket through kernel pipes (splice(2)): they are never copied into the process.

    pipes = Pipes(); pipes.limit = 250
    pipes.move(source, target) -> int | None    one piece: its size; 0: the source has ended or failed (`eof`, `error`);
                                                None: nothing there yet; UNABLE: read and put, as without pipes

A pipe belongs to a stream only while it holds bytes: idle streams have none. What the target does not take stays in
the pipe, and the pipe is the target's `out` then: it has a length, `Transport.flush` empties it, and nothing else is
read meanwhile, so that a slow reader costs one pipe and what kernel buffers hold. Nobody has to remember a pipe: one
that is empty again goes back, one that is dropped with its connection closes itself.

Cost (paired runs on loopback): pipes of a megabyte move bulk with 20 to 35 % less CPU than `recv` and `send` of
256 kB, those of 256 kB with as much, those of 64 kB, which systems give by default, with 10 to 50 % more. Pieces that
come in small segments fill the places of a pipe with little, and each move ends with a call that says "nothing more".
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pylb.engine.transport import Transport

UNABLE: Final = -1
WORTHWHILE: Final = 16384  # bytes; smaller pieces are cheaper to read and to send
REQUEST: Final = 1  # what a proxy's options ask for
RESPONSE: Final = 2
AUTO: Final = 4

_SIZES: Final = (1048576, 262144)  # of pipes: what performs best, and what is still as good as copying
_NOT_HERE: Final = frozenset((errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EOPNOTSUPP))
_FLAGS: Final = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK

log = logging.getLogger("pylb")
_close = os.close  # at hand until the very end of the interpreter


def wanted(options: frozenset[str]) -> int:
    """REQUEST, RESPONSE and AUTO as the options of a proxy say."""
    return (
        (REQUEST if "splice-request" in options else 0)
        | (RESPONSE if "splice-response" in options else 0)
        | (AUTO if "splice-auto" in options else 0)
    )


class Pipe:
    """A kernel pipe. While it holds bytes it is the `out` of the transport that they are for."""

    __slots__ = ("_pipes", "_reader", "_writer", "held", "size", "tail")

    def __init__(self, pipes: Pipes, reader: int, writer: int, size: int) -> None:
        self._pipes = pipes
        self._reader = reader
        self._writer = writer
        self.size = size
        self.held = 0
        self.tail = b""  # what was put behind the bytes in the pipe

    def __len__(self) -> int:
        return self.held + len(self.tail)

    def __del__(self) -> None:
        self._pipes.opened -= 1
        _close(self._reader)
        _close(self._writer)

    def fill(self, fd: int, most: int) -> int:
        """Takes bytes out of a socket; 0 at its end. Raises OSError."""
        size = os.splice(fd, self._writer, min(most, self.size), None, None, _FLAGS)
        self.held = size
        return size

    def flush(self, target: Transport) -> bool:
        """Sends what it holds. True when nothing is left: the target is rid of it then."""
        splice = os.splice
        try:
            while self.held:
                self.held -= splice(self._reader, target.fd, self.held, None, None, _FLAGS)
        except BlockingIOError:
            target.watch_output()
            return False
        except OSError as failure:
            if not self._pipes.refused(failure):
                target.fail(failure.errno)
                return True
            self.tail = os.read(self._reader, self.held) + self.tail
            self.held = 0
        tail, self.tail = self.tail, b""
        target.out = b""
        self._pipes.free.append(self)
        if tail:
            target.put(tail)
        return not target.out


class Pipes:
    """All pipes of a process: at most `limit`, each of `size` bytes (0: what performs best). Without a limit there are
    none, and every move is UNABLE."""

    __slots__ = ("free", "limit", "moved", "opened", "size")

    def __init__(self) -> None:
        self.limit = 0
        self.size = 0
        self.free: list[Pipe] = []
        self.opened = 0
        self.moved = 0  # bytes since the start

    @property
    def used(self) -> int:
        return self.opened - len(self.free)

    def move(self, source: Transport, target: Transport, most: int = 1 << 30) -> int | None:
        """Moves a piece of at most `most` bytes. Only where nothing waits to be sent to the target."""
        pipe = self.free.pop() if self.free else self._open()
        if pipe is None or not self.limit:
            return UNABLE
        try:
            size = pipe.fill(source.fd, most)
        except BlockingIOError:
            source.readable = False
            self.free.append(pipe)
            return None
        except OSError as failure:
            self.free.append(pipe)
            if self.refused(failure):
                return UNABLE
            source.fail(failure.errno)
            return 0
        if not size:
            self.free.append(pipe)
            source.eof = True
            source.readable = False
            return 0
        self.moved += size
        target.out = pipe
        pipe.flush(target)
        return size

    def refused(self, failure: OSError) -> bool:
        """Whether it is splicing that failed, not a connection: then there will be no more of it."""
        if failure.errno not in _NOT_HERE:
            return False
        if self.limit:
            self.limit = 0
            log.warning("splicing is given up, the system refuses it: %s", failure.strerror)
        return True

    def _open(self) -> Pipe | None:
        """One more pipe, or None: the limit is reached, or the system has none that is worth while."""
        if self.opened >= self.limit:
            return None
        try:
            reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        self.opened += 1
        pipe = Pipe(self, reader, writer, 0)
        for size in (self.size,) if self.size else _SIZES:
            try:
                pipe.size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, size)
                return pipe
            except OSError:
                continue  # more than a user without privileges may have
        pipe.size = fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ)
        if self.size:
            return pipe
        self.limit = self.opened - 1  # smaller ones are worse than copying
        return None
