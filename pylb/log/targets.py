"""Where log lines go: one shared target per address, opened once at start, never waiting.

`send(line)` takes a complete message with its line feed. What cannot be sent at once is dropped and counted, as a
syslog client must: `counters.process.dropped_logs` is what `show info` prints. Datagram sockets are connected while the
process still sees the file system, so that /dev/log works from inside a chroot; when the receiver restarts, the first
send that fails connects again, at most once a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb import counters
from pylb.clock import clock
from pylb.log import ring as rings

if TYPE_CHECKING:
    from pylb.config.model import Address
    from pylb.errors import Span
    from pylb.log.ring import Ring

BACKLOG: Final = 1 << 16  # bytes kept for a pipe or terminal that is full
STREAM_RING: Final = 16384  # bytes of the ring of a stream address, without tune.bufsize
AGAIN: Final = 0.1  # seconds until what a pipe did not take is offered again
SEND_BUFFER: Final = 1 << 20  # so that a burst does not meet a full socket
_GONE: Final = frozenset((errno.ECONNREFUSED, errno.ENOTCONN, errno.ECONNRESET, errno.EDESTADDRREQ, errno.ENOENT))


class Target:
    """One destination of log lines. Lives as long as the program; `dropped` counts what it could not take."""

    form: str | None = None  # the format of all its lines, whatever `log` lines say
    parts: Callable[[bytes, bytes], None] | None = None  # used in place of `send`: also gets the text alone

    def __init__(self, address: Address) -> None:
        self.address = address
        self.dropped = 0

    def open(self) -> None:
        """Opens what it needs; failures are found by `send`, a missing receiver stops no start."""

    def send(self, line: bytes) -> None:
        raise NotImplementedError

    def flush(self) -> None:
        """Writes what is kept back, as far as it goes without waiting."""

    def close(self) -> None:
        """Gives up its descriptor, if it has one of its own."""

    def drop(self) -> None:
        self.dropped += 1
        counters.process.dropped_logs += 1


class DatagramTarget(Target):
    """UDP or a unix datagram socket."""

    def __init__(self, address: Address, family: int, sockaddr: Any) -> None:
        super().__init__(address)
        self.family = family
        self.sockaddr = sockaddr
        self.sock: socket.socket | None = None
        self._again = 0.0  # no attempt to connect before this moment

    def open(self) -> None:
        if self.sock is None:
            self.sock = socket.socket(self.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._connect()

    def _connect(self) -> bool:
        assert self.sock is not None
        try:
            self.sock.connect(self.sockaddr)
        except OSError:
            self._again = clock.now + 1.0
            return False
        return True

    def send(self, line: bytes) -> None:
        try:
            self.sock.send(line)  # type: ignore[union-attr]
        except (OSError, AttributeError) as failure:
            self._retry(line, failure)

    def _retry(self, line: bytes, failure: Exception) -> None:
        """A refusal belongs to an earlier line: this one was not sent yet. A vanished unix socket may be back."""
        if self.sock is None:
            self.open()
        elif isinstance(failure, OSError) and failure.errno in _GONE:
            if self.family == socket.AF_UNIX and (clock.now < self._again or not self._connect()):
                self.drop()
                return
        else:
            self.drop()
            return
        try:
            self.sock.send(line)  # type: ignore[union-attr]
        except OSError:
            self.drop()

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None


class DescriptorTarget(Target):
    """An inherited descriptor: pipe, terminal, file or socket (`stdout`, `stderr`, `fd@N`).

    Whole lines or nothing: the rest of a line that a full pipe took in part is kept, with up to 64 kB of lines behind
    it, and goes out before anything else: with the next line, or when the pipe has room again.
    A pipe or terminal is opened anew where the kernel allows it, because O_NONBLOCK on a shared one would also change
    it for the shell or program that shares it. A file never blocks and is written through the descriptor as it is:
    whoever shares it (standard error, the shell) shares the place where the next byte goes.
    """

    def __init__(self, address: Address, fd: int) -> None:
        super().__init__(address)
        self.inherited = fd
        self.fd = -1
        self.is_socket = False
        self.rest = bytearray()
        self.timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        if self.fd >= 0:
            return
        try:
            mode = os.fstat(self.inherited).st_mode
        except OSError:
            return
        self.is_socket = stat.S_ISSOCK(mode)
        if stat.S_ISREG(mode):
            self.fd = os.dup(self.inherited)
            return
        if not self.is_socket:
            try:
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_APPEND | os.O_NOCTTY | os.O_CLOEXEC
                self.fd = os.open(f"/proc/self/fd/{self.inherited}", flags)
                return
            except OSError:
                pass
        self.fd = os.dup(self.inherited)
        os.set_blocking(self.fd, False)

    def send(self, line: bytes) -> None:
        if self.rest:
            self.flush()
            if self.rest:
                if len(self.rest) + len(line) > BACKLOG:
                    self.drop()
                else:
                    self.rest += line
                return
        try:
            sent = os.write(self.fd, line)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.drop()
            return
        if sent != len(line):
            self.rest += line[sent:]
            if self.timer is None:
                self._again()

    def _again(self) -> None:
        """Offers the rest a little later, and so on until it is gone."""
        self.timer = None
        self.flush()
        if self.rest:
            with contextlib.suppress(RuntimeError):  # no event loop: at start and in tools
                self.timer = asyncio.get_running_loop().call_later(AGAIN, self._again)

    def flush(self) -> None:
        while self.rest:
            try:
                sent = os.write(self.fd, self.rest)
            except BlockingIOError:
                return
            except OSError:
                self.rest.clear()
                self.drop()
                return
            del self.rest[:sent]

    def close(self) -> None:
        self.flush()
        if self.timer is not None:
            self.timer.cancel()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class RingTarget(Target):
    """A ring, of a section or of a `log` line with a stream address."""

    def __init__(self, address: Address, ring: Ring) -> None:
        super().__init__(address)
        self.ring = ring
        self.form = ring.form

    def open(self) -> None:
        self.ring.open()

    def send(self, line: bytes) -> None:
        self.ring.write(line[:-1])


class NoTarget(Target):
    """A ring or a log backend that does not exist, which HAProxy starts with too. Lines are dropped and counted."""

    def send(self, line: bytes) -> None:
        self.drop()


def make(address: Address) -> Target:
    """The target of a parsed `log` address that is a datagram socket or a descriptor."""
    family = address.family
    if family == "fd":
        return DescriptorTarget(address, address.fd)
    if family in ("unix", "abns"):
        path: str | bytes = address.host
        if family == "abns":
            path = (b"\0" + address.host.encode("utf-8", "surrogateescape")).ljust(108, b"\0")
        return DatagramTarget(address, socket.AF_UNIX, path)
    if family in ("ip", "ipv4", "ipv6"):
        wanted = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(family, socket.AF_UNSPEC)
        found = socket.getaddrinfo(address.host or None, address.port or 514, wanted, socket.SOCK_DGRAM)[0]
        return DatagramTarget(address, found[0], found[4])
    return NoTarget(address)


def key(address: Address) -> tuple[Any, ...]:
    """What makes two `log` lines share a target."""
    return (address.family, address.host, address.port, address.fd, address.stream)


class Targets(dict[tuple[Any, ...], Target]):
    """All targets of a program: `program.log_targets`."""

    def __init__(self, program: Any = None) -> None:
        super().__init__()
        self.program = program

    def take(self, address: Address, span: Span | None = None) -> Target:
        """The target of an address; `span` is that of the `log` line, which names the ring of a stream address."""
        name = key(address)
        target = self.get(name)
        if target is None:
            target = self[name] = self._make(address, span)
        return target

    @staticmethod
    def missing(address: Address) -> Target:
        return NoTarget(address)

    def _make(self, address: Address, span: Span | None) -> Target:
        special = SPECIAL.get(address.family)
        if special is not None:
            return special(self, address)
        if address.stream and address.family not in ("fd", "sockpair"):
            return RingTarget(address, rings.of(self.program).implicit(address, self.buffer_size, span))
        return make(address)

    @property
    def buffer_size(self) -> int:
        """Bytes of the rings of stream addresses."""
        return int(self.program.config.globals.get("tune.bufsize", STREAM_RING))

    def flush(self) -> None:
        for target in self.values():
            target.flush()

    def close(self) -> None:
        for target in self.values():
            target.close()
        self.clear()


def _ring(targets: Targets, address: Address) -> Target:
    ring = rings.of(targets.program).get(address.host)
    return NoTarget(address) if ring is None else RingTarget(address, ring)


SPECIAL: Final[dict[str, Callable[[Targets, Address], Target]]] = {"ring": _ring}
"""Families of addresses that name something of the configuration; log/backends.py adds its own."""


def of(program: Any) -> Targets:
    """The program's targets, made on first use."""
    targets = getattr(program, "log_targets", None)
    if not isinstance(targets, Targets):
        targets = program.log_targets = Targets(program)
    return targets


def open_all(program: Any) -> None:
    """Opens every target: after the configuration is compiled, before chroot and the loss of privileges."""
    for target in list(of(program).values()):
        target.open()
    for ring in rings.of(program).values():
        if ring.path:
            ring.open()
