"""An origin server that records the exact bytes it is sent and answers what the test wrote down.

One thread per connection runs a *script*: a function of a `Conversation`, read top to bottom. Ready-made scripts:
`name_server("s1")` answers every request with its name, `answer(b"...")` sends the same bytes to every request,
`answers(b"...", b"...")` sends one after the other and closes, `silent` reads and never answers.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType

from tests.harness.waiting import wait_until

Script = Callable[["Conversation"], None]


class Gone(Exception):
    """The other side closed or reset while the script wanted more bytes."""


class Conversation:
    """One connection seen from the origin. `received` is every byte in order; `requests` one entry per request read."""

    def __init__(self, sock: socket.socket, peer: object, number: int) -> None:
        self.sock = sock
        self.peer = peer
        self.number = number  # 0 for the first connection of this origin
        self.received = bytearray()
        self.requests: list[bytes] = []
        self.ended = ""  # "" while open, then "eof", "reset", "closed" (by the script)
        self._buffer = bytearray()

    def receive(self, size: int = 65536) -> bytes:
        """The next bytes as they arrive; b"" at the end of the stream."""
        try:
            data = self.sock.recv(size)
        except ConnectionResetError:
            self.ended = "reset"
            raise Gone from None
        except OSError:
            raise Gone from None
        if not data:
            self.ended = self.ended or "eof"
        self.received += data
        return data

    def _more(self) -> None:
        data = self.receive()
        if not data:
            raise Gone
        self._buffer += data

    def read_until(self, mark: bytes) -> bytes:
        """Bytes up to and including `mark`."""
        while (at := self._buffer.find(mark)) < 0:
            self._more()
        return self._take(at + len(mark))

    def read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        return self._take(count)

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def read_head(self) -> bytes:
        """One message head with its blank line."""
        return self.read_until(b"\r\n\r\n")

    def read_body(self, head: bytes) -> bytes:
        """The body that belongs to a head, chunk framing included."""
        fields = field_lines(head)
        if b"chunked" in fields.get(b"transfer-encoding", b"").lower():
            body = b""
            while True:
                line = self.read_until(b"\r\n")
                size = int(line.split(b";")[0], 16)
                body += line
                if size == 0:
                    break
                body += self.read_exactly(size + 2)
            while (line := self.read_until(b"\r\n")) != b"\r\n":
                body += line
            return body + line
        return self.read_exactly(int(fields.get(b"content-length", b"0")))

    def read_request(self) -> bytes:
        """One whole request, head and body; also noted in `requests`."""
        head = self.read_head()
        self.requests.append(head)
        self.requests[-1] = head + self.read_body(head)
        return self.requests[-1]

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.ended = self.ended or ("reset" if isinstance(error, ConnectionResetError) else "eof")
            raise Gone from None

    def pause(self, seconds: float) -> None:
        """A delay that is part of the scenario."""
        time.sleep(seconds)

    def half_close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.ended = self.ended or "closed"
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """Closes with a TCP reset."""
        self.ended = self.ended or "closed"
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def field_lines(head: bytes) -> dict[bytes, bytes]:
    """Names in lower case to their values, the last one of each name."""
    fields = {}
    for line in head.split(b"\r\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    return fields


def response(body: bytes = b"", status: str = "200 OK", fields: tuple[tuple[str, str], ...] = ()) -> bytes:
    """A plain response with its length."""
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in fields)]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def answer(data: bytes) -> Script:
    """Reads requests for as long as the connection lives and sends the same bytes to each."""

    def script(conversation: Conversation) -> None:
        while True:
            conversation.read_request()
            conversation.send(data)

    return script


def name_server(name: str) -> Script:
    """Answers every request with `name` as the body."""
    return answer(response(name.encode(), fields=(("x-server", name),)))


def answers(*replies: bytes) -> Script:
    """Sends one reply per request, then closes."""

    def script(conversation: Conversation) -> None:
        for data in replies:
            conversation.read_request()
            conversation.send(data)

    return script


def silent(conversation: Conversation) -> None:
    """Takes everything and never answers."""
    while conversation.receive():
        pass


class Origin:
    """A listening origin. `with Origin(script) as origin:` or the `origin` fixture; `origin.port` is where it is."""

    def __init__(
        self, script: Script | None = None, *, name: str = "origin", path: str | None = None, port: int = 0
    ) -> None:
        self.name = name
        self.script = script if script is not None else name_server(name)
        self.conversations: list[Conversation] = []
        if path is None:
            self.listener = socket.create_server(("127.0.0.1", port), backlog=1024)
            self.port: int = self.listener.getsockname()[1]
        else:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(1024)
            self.port = 0
        self._stopping = False
        self._threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []
        self._accepter = threading.Thread(target=self._accept, daemon=True)
        self._accepter.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, peer = self.listener.accept()
            except OSError:
                return
            sock.settimeout(30)
            if sock.family == socket.AF_INET:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conversation = Conversation(sock, peer, len(self.conversations))
            self.conversations.append(conversation)
            thread = threading.Thread(target=self._serve, args=(conversation,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, conversation: Conversation) -> None:
        try:
            self.script(conversation)
        except Gone:
            pass
        except BaseException as failure:
            # A mistake in a test's script must not pass for a server that closed.
            if not self._stopping:
                self.failures.append(failure)
        finally:
            conversation.close()

    @property
    def requests(self) -> list[bytes]:
        """Every request of every connection, in order of connection."""
        return [request for conversation in list(self.conversations) for request in conversation.requests]

    def wait_requests(self, count: int, timeout: float = 5.0) -> list[bytes]:
        """Waits until so many requests were read."""
        wait_until(lambda: len(self.requests) >= count, timeout, f"{count} requests at {self.name}")
        return self.requests

    def wait_conversations(self, count: int, timeout: float = 5.0) -> list[Conversation]:
        wait_until(lambda: len(self.conversations) >= count, timeout, f"{count} connections at {self.name}")
        return self.conversations

    def perform(self, script: Script) -> None:
        """Another scene: ends all conversations so far, forgets them, and plays `script` from now on."""
        self.script = script
        for conversation in self.conversations:
            conversation.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2)
        self.conversations = []
        self._threads = []

    def close(self) -> None:
        """Ends all conversations; raises what a script raised."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._accepter.join(2)
        for conversation in self.conversations:
            conversation.close()
        for thread in self._threads:
            thread.join(2)
        if self.failures:
            raise self.failures[0]

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.close()
        except BaseException:
            if value is None:
                raise
