"""A client that sends exactly the bytes it is told, whole, split or dripped, and reads what comes back."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from types import TracebackType


@dataclass(slots=True)
class Reply:
    """One response. `fields` in order with names as sent; `raw` is head and body as on the wire; `body` is decoded."""

    status: int
    reason: bytes
    version: bytes
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    raw: bytes = b""
    complete: bool = True  # False when the connection ended inside the body

    def get(self, name: str) -> bytes | None:
        """The first value of a header, or None."""
        wanted = name.lower().encode()
        return next((value for key, value in self.fields if key.lower() == wanted), None)

    def all(self, name: str) -> list[bytes]:
        wanted = name.lower().encode()
        return [value for key, value in self.fields if key.lower() == wanted]


class RawClient:
    """One TCP (or unix) connection. Everything that arrives is kept in `received`."""

    def __init__(
        self,
        port: int | str,
        *,
        timeout: float = 5.0,
        source: str | None = None,
        receive_buffer: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        if isinstance(port, str):
            self.sock = socket.socket(socket.AF_UNIX)
            address: object = port
        else:
            self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            address = (host, port)
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.sock.bind((source, 0))
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(address)
        except BaseException:
            self.sock.close()
            raise
        self.source_port: int = 0 if isinstance(port, str) else self.sock.getsockname()[1]
        self.received = bytearray()
        self.ended = ""  # "eof" or "reset" once the other side ended
        self._at = 0  # position in `received` behind the last reply read

    def send(self, data: bytes) -> RawClient:
        self.sock.sendall(data)
        return self

    def drip(self, data: bytes, size: int = 1, pause: float = 0.0) -> RawClient:
        """Sends in pieces of `size` bytes, each as a segment of its own; stops when the other side is gone."""
        for at in range(0, len(data), size):
            try:
                self.sock.sendall(data[at : at + size])
            except (BrokenPipeError, ConnectionResetError):
                break
            if pause:
                time.sleep(pause)
        return self

    def half_close(self) -> RawClient:
        self.sock.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        """Closes with a TCP reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.close()

    def _more(self) -> bool:
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            self.ended = "reset"
            return False
        if not data:
            self.ended = "eof"
            return False
        self.received += data
        return True

    def read_all(self) -> bytes:
        """Everything until the other side closes or resets (`ended` says which)."""
        while self._more():
            pass
        data = bytes(self.received[self._at :])
        self._at = len(self.received)
        return data

    def read_exactly(self, count: int) -> bytes:
        """So many bytes, fewer only when the connection ends."""
        while len(self.received) - self._at < count and self._more():
            pass
        data = bytes(self.received[self._at : self._at + count])
        self._at += len(data)
        return data

    def read_reply(self, *, head_only: bool = False) -> Reply:
        """The next response (1xx included). `head_only` for answers to HEAD."""
        while True:
            found = _parse(bytes(self.received[self._at :]), head_only, bool(self.ended))
            if found is not None:
                self._at += len(found.raw)
                return found
            if self.ended:
                raise AssertionError(
                    f"connection {self.ended} before a reply; got {bytes(self.received[self._at :])!r}"
                )
            self._more()

    def __enter__(self) -> RawClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def exchange(port: int | str, data: bytes, *, timeout: float = 5.0, half_close: bool = False) -> bytes:
    """Sends bytes on a fresh connection and returns everything until the other side closes."""
    with RawClient(port, timeout=timeout) as client:
        client.send(data)
        if half_close:
            client.half_close()
        return client.read_all()


def parse_replies(data: bytes, *, methods: tuple[str, ...] = ()) -> list[Reply]:
    """All responses in a byte string that ended with the connection. `methods` tells which answer a HEAD."""
    replies: list[Reply] = []
    finals = 0
    while data:
        head_only = finals < len(methods) and methods[finals] == "HEAD"
        reply = _parse(data, head_only, True)
        if reply is None:
            raise AssertionError(f"not a response: {data!r}")
        replies.append(reply)
        finals += reply.status >= 200
        data = data[len(reply.raw) :]
    return replies


def _parse(data: bytes, head_only: bool, ended: bool) -> Reply | None:
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = data[:end].split(b"\r\n")
    version, _, rest = lines[0].partition(b" ")
    code, _, reason = rest.partition(b" ")
    if not version.startswith(b"HTTP/") or not code.isdigit():
        raise AssertionError(f"not a status line: {lines[0]!r}")
    fields = []
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        fields.append((name, value.strip()))
    reply = Reply(int(code), reason, version, fields)
    start = end + 4
    if head_only or reply.status < 200 or reply.status in (204, 304):
        reply.raw = data[:start]
        return reply
    if b"chunked" in (reply.get("transfer-encoding") or b"").lower():
        return _chunked(reply, data, start, ended)
    length = reply.get("content-length")
    if length is not None:
        stop = start + int(length)
        if len(data) < stop and not ended:
            return None
        reply.complete = len(data) >= stop
        reply.raw, reply.body = data[:stop], data[start:stop]
        return reply
    if not ended:
        return None
    reply.raw, reply.body = data, data[start:]
    return reply


def _chunked(reply: Reply, data: bytes, at: int, ended: bool) -> Reply | None:
    body = b""
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            break
        size = int(data[at:end].split(b";")[0], 16)
        at = end + 2
        if size == 0:
            stop = data.find(b"\r\n\r\n", end)
            if stop < 0:
                break
            reply.raw, reply.body = data[: stop + 4], body
            return reply
        if len(data) < at + size + 2:
            break
        body += data[at : at + size]
        at += size + 2
    if not ended:
        return None
    reply.complete = False
    reply.raw, reply.body = data, body
    return reply
