"""Rings: bounded buffers of log lines (manual, section 12.5), read by the runtime socket and by syslog servers.

A ring never grows: the oldest lines make room for new ones. Two kinds of loss are counted together (`dropped`, and
`dropped_logs` of the process): a line that a connected server was too slow to make room for, and a line that made
room before a server that is away could have it. A line costs its length and three bytes, as in HAProxy for lines of
common length. With a file (`backing-file`) the lines lie in a mapping of it, so they survive the process;
`python -m pylb.log.ring FILE` prints them.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import struct
import sys
from asyncio import Future
from typing import TYPE_CHECKING, Any, Final

from pylb import counters
from pylb.config.section_ring import DEFAULT_SIZE

if TYPE_CHECKING:
    from pylb.config.model import Address
    from pylb.errors import Span

MAGIC: Final = b"pylbring"
_HEAD: Final = struct.Struct("<8sQQQ")  # magic, size, oldest, end
COST: Final = 3  # bytes of a line's length
_LONGEST: Final = (1 << 24) - 1
BUFFER_ZERO: Final = "buf0"
BUFFER_ZERO_SIZE: Final = 1 << 20


class Reader:
    """A place in a ring: the next line that a server or a session of the runtime socket has not had.

    A reader that `holds` (a connected server) keeps the lines it has not had from being overwritten.
    """

    __slots__ = ("holds", "position", "serves")

    def __init__(self, position: int, *, serves: bool = False) -> None:
        self.position = position
        self.serves = serves  # what it loses counts as dropped
        self.holds = False


class Ring:
    """One ring. Lives as long as the program. Positions count all bytes ever written."""

    def __init__(self, name: str, description: str, size: int, maxlen: int = 0, form: str | None = None) -> None:
        self.name = name
        self.description = description
        self.size = size
        self.maxlen = min(maxlen or 1024, size - COST, _LONGEST)
        self.form = form  # what precedes each line; None: as each `log` line says
        self.servers: list[RingServer] = []
        self.readers: list[Reader] = []
        self.waiting: list[Future[None]] = []
        self.dropped = 0
        self.oldest = 0
        self.end = 0
        self.path = ""
        self._area: bytearray | mmap.mmap = bytearray()
        self._base = 0

    # -- memory

    def open(self) -> None:
        """Takes its memory, which for a file means to put an older one of that name aside as `<path>.bak`."""
        if len(self._area):
            return
        if not self.path:
            self._area = bytearray(self.size)
            return
        with contextlib.suppress(OSError):
            if os.path.getsize(self.path):
                os.replace(self.path, self.path + ".bak")
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _HEAD.size + self.size)  # a full disk is noticed now, not by a signal
            self._area = mmap.mmap(descriptor, _HEAD.size + self.size)
        finally:
            os.close(descriptor)
        self._base = _HEAD.size
        self._note()

    def _note(self) -> None:
        _HEAD.pack_into(self._area, 0, MAGIC, self.size, self.oldest, self.end)

    # -- writing

    def write(self, line: bytes) -> None:
        """Stores a line without its line feed, cut to `maxlen`. Never waits."""
        if len(line) > self.maxlen:
            line = line[: self.maxlen]
        if not self._area:
            self.open()
        end = self.end
        need = len(line) + COST
        if end + need - self.oldest > self.size and not self._make_room(need):
            self.drop()
            return
        record = len(line).to_bytes(COST, "little") + line
        size = self.size
        at = end % size
        base = self._base + at
        fits = size - at
        if need <= fits:
            self._area[base : base + need] = record
        else:
            self._area[base : base + fits] = record[:fits]
            self._area[self._base : self._base + need - fits] = record[fits:]
        self.end = end + need
        if self._base:
            self._note()
        if self.waiting:
            self.wake()

    def wake(self) -> None:
        """Something happened that whoever waits for lines should look at."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _make_room(self, need: int) -> bool:
        """Forgets the oldest lines until `need` bytes are free; False when a connected server has not had them."""
        oldest = self.oldest
        limit = self.end + need - self.size
        while oldest < limit:
            after = oldest + COST + self._length(oldest)
            lost = False
            for reader in self.readers:
                if reader.position <= oldest:
                    if reader.holds:
                        self.oldest = oldest
                        return False
                    reader.position = after
                    lost = lost or reader.serves
            if lost:
                self.drop()
            oldest = after
        self.oldest = oldest
        return True

    def drop(self) -> None:
        self.dropped += 1
        counters.process.dropped_logs += 1

    # -- reading

    def _bytes(self, position: int, count: int) -> bytes:
        at = position % self.size
        base = self._base + at
        fits = self.size - at
        if count <= fits:
            return bytes(self._area[base : base + count])
        return bytes(self._area[base : base + fits] + self._area[self._base : self._base + count - fits])

    def _length(self, position: int) -> int:
        return int.from_bytes(self._bytes(position, COST), "little")

    def reader(self, *, serves: bool = False, at_end: bool = False) -> Reader:
        """A new reader, at the oldest line or behind the newest. Give it back with `leave`."""
        reader = Reader(self.end if at_end else self.oldest, serves=serves)
        self.readers.append(reader)
        return reader

    def leave(self, reader: Reader) -> None:
        self.readers.remove(reader)

    def lines(self, position: int, most: int) -> tuple[list[bytes], int]:
        """Lines from a position on, about `most` bytes of them, and the position behind."""
        found = []
        while position < self.end and most > 0:
            length = self._length(position)
            found.append(self._bytes(position + COST, length))
            position += COST + length
            most -= length
        return found, position


class RingServer:
    """A syslog server that a ring is emptied to, over a stream. background/log_rings.py connects to it."""

    __slots__ = ("connect_timeout", "family", "framed", "name", "sockaddr", "timeout")

    def __init__(
        self, name: str, family: int, sockaddr: Any, *, framed: bool, connect: float | None, timeout: float | None
    ) -> None:
        self.name = name
        self.family = family
        self.sockaddr = sockaddr
        self.framed = framed  # log-proto octet-count: each line behind its length, else each with a line feed
        self.connect_timeout = connect
        self.timeout = timeout


class Rings(dict[str, Ring]):
    """All rings of a program by name: those of its sections, `buf0`, and one for each `log` line with a stream."""

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.numbered = 0
        buffer = self[BUFFER_ZERO] = Ring(BUFFER_ZERO, "in-memory ring buffer", BUFFER_ZERO_SIZE, 65535, "timed")
        buffer.servers = []
        for name, record in program.config.sections.get("ring", {}).items():
            size = record.get("size", DEFAULT_SIZE)
            ring = Ring(
                name, record.get("description") or name, size, record.get("maxlen", 0), record.get("format", "raw")
            )
            ring.path = record.get("backing-file", "")
            self[name] = ring
            for line in record.get("server") or ():
                connect, timeout = record.get("timeout connect"), record.get("timeout server")
                try:
                    family, sockaddr = stream_address(line.address)
                except OSError:
                    program.config.report.alert(
                        f"'server {name}/{line.name}' : invalid address: '{line.address.host}' in "
                        f"'{line.address.text}'",
                        line.span,
                    )
                    continue
                ring.servers.append(
                    RingServer(
                        line.name,
                        family,
                        sockaddr,
                        framed=line.values.get("log-proto") == "octet-count",
                        connect=connect / 1000 if connect else None,
                        timeout=timeout / 1000 if timeout else None,
                    )
                )

    def implicit(self, address: Address, size: int, span: Span | None, *, framed: bool = False) -> Ring:
        """The ring of a `log` line or of a server of a log backend with a stream address, with a server."""
        self.numbered += 1
        name = f"ring#{self.numbered}"
        where = f" declared into '{span.file}' at line {span.line}" if span is not None else ""
        ring = self[name] = Ring(name, f"created from logserver{where}", size, 65535)
        family, sockaddr = stream_address(address)
        ring.servers.append(RingServer(name, family, sockaddr, framed=framed, connect=1.0, timeout=5.0))
        return ring


def stream_address(address: Address) -> tuple[int, Any]:
    """Family and address of a stream socket; OSError where the name does not resolve."""
    if address.family in ("unix", "abns"):
        if address.family == "abns":
            return socket.AF_UNIX, (b"\0" + address.host.encode("utf-8", "surrogateescape")).ljust(108, b"\0")
        return socket.AF_UNIX, address.host
    wanted = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(address.family, socket.AF_UNSPEC)
    found = socket.getaddrinfo(address.host or None, address.port or 514, wanted, socket.SOCK_STREAM)[0]
    return found[0], found[4]


def of(program: Any) -> Rings:
    """The program's rings, made on first use."""
    rings = getattr(program, "log_rings", None)
    if not isinstance(rings, Rings):
        rings = program.log_rings = Rings(program)
    return rings


def read_file(path: str) -> list[bytes]:
    """The lines that a `backing-file` holds; ValueError for other files."""
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < _HEAD.size or not data.startswith(MAGIC):
        raise ValueError(f"{path} is no ring")
    _, size, oldest, end = _HEAD.unpack_from(data)
    if size < 1 or len(data) < _HEAD.size + size or not 0 <= end - oldest <= size:
        raise ValueError(f"{path} is damaged")
    ring = Ring("", "", size)
    ring._area, ring.oldest, ring.end = bytearray(data[_HEAD.size :]), oldest, end
    return ring.lines(oldest, size)[0]


if __name__ == "__main__":
    for text in read_file(sys.argv[1]):
        sys.stdout.buffer.write(text + b"\n")
