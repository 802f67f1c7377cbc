"""The runtime socket's sessions: accepting, prompts, one-shot and interactive mode, bounds and timeouts.

Without `prompt`, whatever commands are in the first piece of input are answered, then the connection ends. With it, the
session goes on until `quit`, a second `prompt`, the timeout or the client's end. Input is bounded by a buffer, output
by the client's reading; any bytes may come and only end this session.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from pylb.background.base import Service
from pylb.background.runtime import help as helping
from pylb.background.runtime import parsing, process_facts
from pylb.background.runtime.call import Call, CommandError

DEFAULT_TIMEOUT = 10.0
DEFAULT_MAXCONN = 10


class Session:
    """One connection to a runtime socket. Lives until it is closed."""

    def __init__(
        self, service: Runtime, listener: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.service = service
        self.listener = listener
        self.reader = reader
        self.writer = writer
        self.level: str = listener.options.get("level", "operator")
        self.severity: str = listener.options.get("severity-output", "none")
        self.timeout: float = service.timeout
        self.prompt = False
        self.ending = False  # at once, without another byte
        self.closing = False  # after the answer
        self.experimental = False
        self.expert = False
        self._buffer = bytearray()

    def write(self, text: str) -> None:
        self.writer.write(text.encode("utf-8", "surrogateescape"))

    async def drain(self) -> None:
        async with asyncio.timeout(self.timeout):
            await self.writer.drain()

    async def run(self) -> None:
        """Until the end of the session; closes the connection in any case."""
        try:
            while not self.ending:
                line = await self._line()
                if line is None:
                    break
                await self._commands(line)
                if not self.prompt and b"\n" not in self._buffer:
                    break
            self.writer.close()
            async with asyncio.timeout(self.timeout):
                await self.writer.wait_closed()
        except (TimeoutError, ConnectionError):
            pass  # the client is slow or gone: only its own session ends
        finally:
            self.writer.transport.abort()

    async def _line(self) -> str | None:
        """The next line without its line feed; None at the end, or when it is too long."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) >= parsing.MAX_LINE:
                return None
            async with asyncio.timeout(self.timeout):
                data = await self.reader.read(parsing.MAX_LINE)
            if not data:
                return None
            self._buffer += data
        if end >= parsing.MAX_LINE:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.rstrip(b"\r").decode("utf-8", "surrogateescape")

    async def _payload(self) -> str | None:
        """Lines up to an empty one; None when they are too many or end too early."""
        lines: list[str] = []
        size = 0
        while True:
            if self.prompt:
                self.write("+ ")
                await self.drain()
            line = await self._line()
            if line is None:
                return None
            if not line:
                return "".join(text + "\n" for text in lines)
            size += len(line) + 1
            if size > parsing.MAX_LINE:
                return None
            lines.append(line)

    async def _commands(self, line: str) -> None:
        payload = None
        if parsing.announces_payload(line):
            payload = await self._payload()
            if payload is None:
                self.ending = True
                return
            line = line.rstrip()[: -len(parsing.PAYLOAD)]
        for command in parsing.split_commands(line):
            await self._command(parsing.split_words(command), payload)
            if self.ending:
                return
            self.write("\n> " if self.prompt else "\n")
            await self.drain()
            if self.closing:
                self.ending = True
                return

    async def _command(self, words: list[str], payload: str | None) -> None:
        found = helping.find(words)
        if found is None:
            self.write(helping.unknown_text(words, self.level, experimental=self.experimental, expert=self.expert))
            return
        word, length = found
        call = Call(self, words, length, payload)
        try:
            mode = word.facts.get("mode")
            if not helping.allowed(word, self.level):
                raise CommandError("Permission denied")
            if (mode == "experimental" and not self.experimental) or (mode == "expert" and not self.expert):
                raise CommandError(f"This command is restricted to {mode} mode only.")
            await word.factory(call)
        except CommandError as error:
            call.say(str(error), 3, error.end)


class Runtime(Service):
    """All runtime sockets of a program: `await Runtime(program).start()` after the sockets are bound."""

    name = "runtime"

    def __init__(self, program: Any, listeners: list[Any] | None = None) -> None:
        super().__init__()
        self.program = program
        self.process = process_facts.of(program)
        self.listeners: list[Any] = listeners if listeners is not None else list(program.runtime_listeners)
        values = program.config.globals
        milliseconds = values.get("stats timeout")
        self.timeout = milliseconds / 1000 if milliseconds else DEFAULT_TIMEOUT
        self.maxconn = int(values.get("stats maxconn", DEFAULT_MAXCONN))
        self.sessions: set[Session] = set()
        self._slots = asyncio.Semaphore(self.maxconn)

    async def run(self) -> None:
        acceptors = [self.spawn(self._accept(one)) for one in self.listeners if one.sock is not None]
        self.ready.set()
        await asyncio.gather(*acceptors)

    async def _accept(self, listener: Any) -> None:
        """Takes connections while there is room; of the others one per socket waits here, the rest in its queue."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener.sock)
            except OSError:
                # Out of descriptors, or a client that left again: others may come.
                await asyncio.sleep(0.1)
                continue
            try:
                await self._slots.acquire()
            except asyncio.CancelledError:
                connection.close()
                raise
            self.spawn(self._serve(listener, connection))

    async def _serve(self, listener: Any, connection: socket.socket) -> None:
        try:
            connection.setblocking(False)
            reader, writer = await asyncio.open_connection(sock=connection, limit=parsing.MAX_LINE)
            session = Session(self, listener, reader, writer)
            self.sessions.add(session)
            try:
                await session.run()
            finally:
                self.sessions.discard(session)
        finally:
            self._slots.release()
