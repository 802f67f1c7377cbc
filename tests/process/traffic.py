"""Clients that keep asking while a process is stopped, replaced or reloaded, and count what went wrong."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


class Client:
    """One thread that asks again and again; `answered`, and what failed with its reason."""

    def __init__(self, port: int, *, keep_alive: bool, expect: bytes = b" 200 ") -> None:
        self.port = port
        self.keep_alive = keep_alive
        self.expect = expect
        self.answered = 0
        self.failures: list[str] = []
        self.resets = 0
        self.refused = 0  # nobody listens: not a failure of a request that was taken
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        sock: socket.socket | None = None
        while not self.done.is_set():
            fresh = sock is None
            try:
                if sock is None:
                    sock = socket.create_connection(("127.0.0.1", self.port), timeout=5)
            except OSError:
                self.refused += 1
                self.done.wait(0.001)
                continue
            try:
                sock.sendall(REQUEST)
                reply = sock.recv(65536)
            except OSError as error:
                reply = b""
                if fresh:
                    self._lost(error)
                    sock.close()
                    sock = None
                    continue
            if not reply:
                # An idle connection may be closed at any time: only what was never answered on a new one counts.
                if fresh:
                    self.failures.append("new connection: closed without an answer")
                sock.close()
                sock = None
                continue
            if self.expect not in reply.split(b"\r\n", 1)[0]:
                self.failures.append(repr(reply[:80]))
            self.answered += 1
            if not self.keep_alive or b"connection: close" in reply.lower():
                sock.close()
                sock = None
        if sock is not None:
            sock.close()

    def _lost(self, error: OSError) -> None:
        """A new connection failed. The kernel resets those it had taken between the last accept and the close of the
        listening socket (HAProxy's as well): each client can meet that once, with its last connection."""
        if isinstance(error, ConnectionResetError) and not self.resets:
            self.resets = 1
        else:
            self.failures.append(f"new connection: {error!r}")

    def stop(self) -> None:
        self.done.set()
        self.thread.join(10)


@contextlib.contextmanager
def asking(port: int, *, clients: int = 4) -> Iterator[list[Client]]:
    """Half of the clients keep their connections, half open one per request."""
    running = [Client(port, keep_alive=number % 2 == 0) for number in range(clients)]
    try:
        yield running
    finally:
        for client in running:
            client.stop()


def failures(clients: list[Client]) -> list[str]:
    return [failure for client in clients for failure in client.failures]


def answered(clients: list[Client]) -> int:
    return sum(client.answered for client in clients)
