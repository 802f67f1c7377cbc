"""Empties rings to their syslog servers over streams: connects, frames, sends, and tries again when they are away.

One coroutine per server, asleep while there is nothing to send. A line counts as sent when the kernel has all of it;
one that a connection took in part goes out anew on the next. Pauses between attempts grow from a tenth of a second to
five seconds. What servers say is read and forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from typing import Any, Final

from pylb.background.base import Service
from pylb.log import ring as rings
from pylb.log.ring import Reader, Ring, RingServer

BATCH: Final = 1 << 16
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
LAST_LINES: Final = 0.5  # seconds that the end of the process waits for lines to leave


class Feeding(Service):
    """All servers of all rings of a program."""

    name = "log rings"

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.program = program
        self.feeders: list[Feeder] = []

    async def run(self) -> None:
        self.feeders = [Feeder(ring, server) for ring in rings.of(self.program).values() for server in ring.servers]
        tasks = [self.spawn(feeder.run()) for feeder in self.feeders]
        self.ready.set()
        await asyncio.gather(*tasks)

    async def finish(self) -> None:
        """Gives connected servers a moment to take what is left, then stops."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_LINES):
                while any(feeder.reader.holds and feeder.reader.position < feeder.ring.end for feeder in self.feeders):
                    await asyncio.sleep(0.01)
        await self.stop()


class Feeder:
    """One server of one ring. Lives as long as its service."""

    def __init__(self, ring: Ring, server: RingServer) -> None:
        self.ring = ring
        self.server = server
        self.reader: Reader = ring.reader(serves=True)
        self.connections = 0

    async def run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            before = self.reader.position
            sock = socket.socket(self.server.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
            try:
                await self._connect(sock)
                self.connections += 1
                self.reader.holds = True
                await self._feed(sock)
            except (OSError, TimeoutError):
                pass  # away: the lines wait in the ring, and those that it overwrites are counted
            finally:
                self.reader.holds = False
                sock.close()
            if self.reader.position != before:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause * random.uniform(0.75, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _connect(self, sock: socket.socket) -> None:
        async with asyncio.timeout(self.server.connect_timeout):
            await asyncio.get_running_loop().sock_connect(sock, self.server.sockaddr)

    async def _feed(self, sock: socket.socket) -> None:
        """Sends lines as they come, until the server ends the connection or does not take any for too long."""
        loop = asyncio.get_running_loop()
        ring, reader = self.ring, self.reader
        closed = False

        def heard() -> None:
            nonlocal closed
            try:
                closed = closed or not sock.recv(BATCH)
            except BlockingIOError:
                return
            except OSError:
                closed = True
            if closed:
                loop.remove_reader(sock)
                ring.wake()

        loop.add_reader(sock, heard)
        try:
            while not closed:
                lines, _ = ring.lines(reader.position, BATCH)
                if not lines:
                    await self._more()
                    continue
                await self._send(sock, lines)
        finally:
            if not closed:
                loop.remove_reader(sock)

    async def _more(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self.ring.waiting.append(future)
        await future

    async def _send(self, sock: socket.socket, lines: list[bytes]) -> None:
        """Sends lines in their framing; the reader moves on by whole lines."""
        framed = self.server.framed
        frames = [b"%d %b" % (len(line), line) if framed else line + b"\n" for line in lines]
        data = memoryview(b"".join(frames))
        ends = []
        total = 0
        for frame in frames:
            total += len(frame)
            ends.append(total)
        sent = done = 0
        while sent < total:
            try:
                sent += sock.send(data[sent:])
            except BlockingIOError:
                async with asyncio.timeout(self.server.timeout):
                    await _writable(sock)
            while done < len(ends) and ends[done] <= sent:
                self.reader.position += len(lines[done]) + rings.COST
                done += 1


async def _writable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    future = loop.create_future()

    def ready() -> None:
        if not future.done():
            future.set_result(None)

    loop.add_writer(sock, ready)
    try:
        await future
    finally:
        loop.remove_writer(sock)
