"""Accepting: from a readable listening socket to a session, within every limit.

Law 9: where a limit is reached (descriptors, maxconn of the process, the frontend or the listener) the socket is
disarmed, because a listener that stays armed spins, and armed again by the next connection that ends, or after 100 ms;
where it is a rate (maxconnrate, maxsessrate, `rate-limit sessions`), when that allows the next one. Connections wait in
the kernel meanwhile, none is refused. Listeners take turns at what becomes free.
The number of connections taken per event adapts: it doubles while the queue is long and falls back to one, so that the
usual single connection does not pay for a failing second accept.

Two bind lines may name the same inherited descriptor (`fd@N`). As with HAProxy the first one gets the connections; the
next one takes over while the first does not accept: paused, shut down, or at a limit.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from pylb.engine.poller import IN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pylb.config.model import Record
    from pylb.counters import Rate
    from pylb.listener.bind import Listener

MOST: Final = 64
ALL: Final = 1 << 16  # tune.maxaccept -1
PRIVILEGED: Final = 1024
RETRY_SECONDS: Final = 0.1
TICK: Final = 0.001  # a rate falls below its limit just behind the moment that is reckoned
_SHORTAGE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    """One listening socket in the poller. Lives from start to the soft stop; pausing only disarms it."""

    __slots__ = (
        *("armed", "batch", "elder", "family", "junior", "listener", "most", "paused", "poller", "sock", "turn"),
        *("welcome", "worker"),
    )

    def __init__(self, listener: Listener | Any, worker: Any) -> None:
        self.listener = listener
        self.worker = worker
        self.poller = worker.poller
        sock: Any = listener.sock  # opened in the bind step
        self.sock: Any = sock
        self.family: int = sock.family
        self.most: int = worker.most_accepts
        self.batch = 1
        self.welcome: Callable[[Any, int, int, Any], None] = worker.welcome
        if worker.refuse_privileged and self.family in (socket.AF_INET, socket.AF_INET6):
            self.welcome = unprivileged(worker.welcome)
        less = listener.options.get("mss", 0)
        if less < 0 and self.family in (socket.AF_INET, socket.AF_INET6):
            self.welcome = with_less(self.welcome, less)
        self.turn = 0
        self.armed = False
        self.paused = False
        self.elder: Acceptor | None = None  # who shares the socket and comes before this one
        self.junior: Acceptor | None = None  # who shares it and comes after
        listener.acceptor = self

    def on_events(self, mask: int) -> None:
        turn = self.poller.turns
        if turn == self.turn:
            self.batch = min(self.batch * 2, self.most)
        elif self.batch > 1:
            self.batch //= 2
        self.turn = turn
        listener = self.listener
        welcome = self.welcome
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
            welcome(listener, self.family, fd, address)

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
        if frontend.rate_limit and frontend.counters.sess_rate.read(self.poller.clock.now) >= frontend.rate_limit:
            return True
        return bool(worker.rates) and any(rate.read(self.poller.clock.now) >= limit for rate, limit in worker.rates)

    def pause_seconds(self) -> float:
        """How long to wait, at most, before looking at the limits again."""
        now = self.poller.clock.now
        limit = self.listener.frontend.rate_limit
        rates: list[tuple[Rate, int]] = [(self.listener.frontend.counters.sess_rate, limit)] if limit else []
        waits = [rate.wait(now, most) for rate, most in (*rates, *self.worker.rates) if rate.read(now) >= most]
        return max(waits) + TICK if waits else RETRY_SECONDS

    def starve(self) -> None:
        """Disarms until a connection ends, and at most for a moment."""
        self.disarm()
        self.worker.starved.append(self)
        self.worker.feed_later(self.pause_seconds())

    def rearm(self) -> None:
        if self.paused or self.sock is None:
            return
        if self.full():
            self.worker.starved.append(self)
            self.worker.feed_later(self.pause_seconds())
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


def limit(worker: Any, settings: Record) -> None:
    """What the global section says of accepting: rates, batches, ports that no client may come from."""
    counters, most = worker.counters, settings.get("tune.maxaccept")
    worker.rates = [
        (rate, settings.get(word))
        for word, rate in (("maxconnrate", counters.conn_rate), ("maxsessrate", counters.sess_rate))
        if settings.get(word)
    ]
    worker.most_accepts = MOST if most is None else most if most > 0 else ALL
    worker.refuse_privileged = settings.get("harden.reject-privileged-ports.tcp") == "on"


def unprivileged(welcome: Callable[[Any, int, int, Any], None]) -> Callable[[Any, int, int, Any], None]:
    """The same for clients from ports above 1023; the others are closed, and counted nowhere."""

    def check(listener: Any, family: int, fd: int, address: Any) -> None:
        if address[1] < PRIVILEGED:
            os.close(fd)
        else:
            welcome(listener, family, fd, address)

    return check


def with_less(welcome: Callable[[Any, int, int, Any], None], less: int) -> Callable[[Any, int, int, Any], None]:
    """The same with smaller segments than what was negotiated (`mss` below 0)."""

    def shrink(listener: Any, family: int, fd: int, address: Any) -> None:
        sock = socket.socket(family, socket.SOCK_STREAM, 0, fd)
        size = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG) + less
        with contextlib.suppress(OSError):  # smaller than any segment may be
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, size)
        sock.detach()
        welcome(listener, family, fd, address)

    return shrink


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
