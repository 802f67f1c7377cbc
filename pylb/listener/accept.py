"""Accepting: from a readable listening socket to a session, within every limit.

Law 9: where a limit is reached (descriptors, maxconn of the process, the frontend or the listener) the socket is
disarmed, because a listener that stays armed spins, and armed again by the next connection that ends, or after 100 ms.
The number of connections taken per event adapts: it doubles while the queue is long and falls back to one, so that the
usual single connection does not pay for a failing second accept.

Two bind lines may name the same inherited descriptor (`fd@N`). As with HAProxy the first one gets the connections; the
next one takes over while the first does not accept: paused, shut down, or at a limit.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, Final

from pylb.engine.poller import IN

if TYPE_CHECKING:
    from pylb.listener.bind import Listener

MOST: Final = 64
RETRY_SECONDS: Final = 0.1
_SHORTAGE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """One listening socket in the poller. Lives from start to the soft stop; pausing only disarms it."""

    __slots__ = (
        *("armed", "batch", "elder", "family", "junior", "listener", "paused", "poller", "sock", "turn", "worker"),
    )

    def __init__(self, listener: Listener | Any, worker: Any) -> None:
        self.listener = listener
        self.worker = worker
        self.poller = worker.poller
        sock: Any = listener.sock  # opened in the bind step
        self.sock: Any = sock
        self.family: int = sock.family
        self.batch = 1
        self.turn = 0
        self.armed = False
        self.paused = False
        self.elder: Acceptor | None = None  # who shares the socket and comes before this one
        self.junior: Acceptor | None = None  # who shares it and comes after
        listener.acceptor = self

    def on_events(self, mask: int) -> None:
        turn = self.poller.turns
        if turn == self.turn:
            self.batch = min(self.batch * 2, MOST)
        elif self.batch > 1:
            self.batch //= 2
        self.turn = turn
        listener = self.listener
        worker = self.worker
        accept = self.sock._accept  # (fd, address) without the wrapper object that accept() builds
        for _ in range(self.batch):
            if self.full():
                self.starve()
                return
            try:
                fd, address = accept()
            except BlockingIOError:
                self.batch = 1
                return
            except OSError as failure:
                if failure.errno in _SHORTAGE:
                    self.starve()
                    return
                if failure.errno in (errno.ECONNABORTED, errno.EINTR, errno.EPROTO, errno.EPERM):
                    continue
                raise
            worker.welcome(listener, self.family, fd, address)

    def full(self) -> bool:
        """A limit is reached: of the process, the frontend or the bind line."""
        worker = self.worker
        if worker.counters.conn_cur >= worker.maxconn:
            return True
        listener = self.listener
        if listener.maxconn and listener.counters.conn_cur >= listener.maxconn:
            return True
        frontend = listener.frontend
        if frontend.maxconn and frontend.counters.conn_cur >= frontend.maxconn:
            return True
        return (
            bool(frontend.rate_limit) and frontend.counters.sess_rate.read(self.poller.clock.now) >= frontend.rate_limit
        )

    def starve(self) -> None:
        """Disarms until a connection ends, and at most for a moment."""
        self.disarm()
        self.worker.starved.append(self)
        self.worker.later(RETRY_SECONDS, self.worker.feed)

    def rearm(self) -> None:
        if self.paused or self.sock is None:
            return
        if self.full():
            self.worker.starved.append(self)
            if self.listener.frontend.rate_limit:
                self.worker.later(RETRY_SECONDS, self.worker.feed)
        else:
            self.arm()

    def arm(self) -> None:
        if not self.armed and self.sock is not None and not self.paused and not self._preceded():
            self.armed = True
            self.poller.add(self.sock.fileno(), self, IN)
            junior = self.junior
            while junior is not None:
                junior._release()
                junior = junior.junior

    def disarm(self) -> None:
        if self.armed:
            self._release()
            if self.junior is not None:
                self.junior.rearm()

    def _release(self) -> None:
        if self.armed:
            self.armed = False
            self.poller.drop(self.sock.fileno())

    def _preceded(self) -> bool:
        """Somebody who shares the socket and comes first is accepting."""
        elder = self.elder
        while elder is not None:
            if elder.armed:
                return True
            elder = elder.elder
        return False

    def pause(self) -> None:
        """Runtime `disable frontend`: connections wait in the kernel."""
        self.paused = True
        self.disarm()

    def resume(self) -> None:
        self.paused = False
        self.rearm()

    def close(self) -> None:
        self.disarm()
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def link(acceptors: list[Acceptor]) -> None:
    """Finds those that share a socket (inherited ones only), in the order of the file."""
    last: dict[int, Acceptor] = {}
    for acceptor in acceptors:
        if acceptor.sock is None or not getattr(acceptor.listener, "inherited", False):
            continue
        key = os.fstat(acceptor.sock.fileno()).st_ino
        elder = last.get(key)
        if elder is not None:
            acceptor.elder, elder.junior = elder, acceptor
        last[key] = acceptor
