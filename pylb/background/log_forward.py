"""log-forward: syslog messages come in over datagrams and streams, and leave for the section's `log` targets.

    compile -> open (with all other sockets) -> Forwarding serves until the soft stop

Nothing waits for a target: log/targets.py drops and counts.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any, Final

from pylb.background.base import Service
from pylb.config.model import Address, Record
from pylb.errors import Diagnostic, Severity, Span
from pylb.listener.bind import Listener, resolve
from pylb.log import targets
from pylb.log.framing import BadFrame, Framing
from pylb.log.lines import LogLine
from pylb.log.messages import Message, Writer, parse
from pylb.records.proxy import Frontend

DEFAULT_MAXCONN: Final = 10
DATAGRAMS: Final = 128  # taken per wake-up
LARGEST: Final = 65536


class Destination:
    """One `log` line of one section. Lives as long as its Forwarder."""

    def __init__(self, line: LogLine, program: Any, hosts: str) -> None:
        target = targets.of(program).take(line.address, line.span)
        self.send = target.send
        self.line = line
        self.seen = 0
        self.write = Writer(target.form or line.form, line.facility, line.least, hosts).write

    def put(self, message: Message, source: bytes) -> None:
        line = self.line
        if message.level > line.most:
            return
        if line.size:
            self.seen = self.seen % line.size + 1
            if not any(low <= self.seen <= high for low, high in line.ranges):
                return
        self.send(self.write(message, source)[: line.length] + b"\n")


class Datagrams:
    """One `dgram-bind` socket. Lives until the soft stop."""

    def __init__(self, address: Address, span: Span, interface: str) -> None:
        self.address = address
        self.span = span
        self.interface = interface
        self.sock: socket.socket | None = None

    def open(self, *, reuse_port: bool) -> None:
        address = self.address
        family = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(address.family, socket.AF_UNIX)
        if address.family == "fd":
            self.sock = socket.socket(fileno=os.dup(address.fd))
            self.sock.setblocking(False)
            return
        self.sock = sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        if family == socket.AF_UNIX:
            self._bind_path(sock, address)
            return
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if self.interface:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode() + b"\0")
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address.host not in ("", "::"))
        sock.bind((address.host, address.port))

    @staticmethod
    def _bind_path(sock: socket.socket, address: Address) -> None:
        if address.family == "abns":
            sock.bind((b"\0" + address.host.encode("utf-8", "surrogateescape")).ljust(108, b"\0"))
            return
        temporary = f"{address.host}.{os.getpid()}.tmp"
        sock.bind(temporary)
        os.rename(temporary, address.host)

    def close(self) -> None:
        if self.sock is not None:
            self.sock.close()
            self.sock = None


class Forwarder:
    """One log-forward section. Lives as long as the program."""

    def __init__(self, record: Record, program: Any) -> None:
        self.name = record.name
        get = record.get
        self.owner = Frontend(record.name, 0, None)
        self.maxconn = int(get("maxconn") or DEFAULT_MAXCONN)
        milliseconds = get("timeout client")
        self.timeout = milliseconds / 1000 if milliseconds else None
        self.lines_only = bool(get("option assume-rfc6587-ntf"))
        self.parse = Message if get("option dont-parse-log") else parse
        self.largest = int(program.config.globals.get("tune.bufsize", 16384))
        self.listeners: list[Listener] = []
        self.datagrams: list[Datagrams] = []
        self.received = 0
        self.destinations = self._destinations(record, program)
        backlog = get("backlog")
        for bind in get("bind") or ():
            for address in self._resolved(bind, program):
                values = {**bind.values, **({"backlog": backlog} if backlog and "backlog" not in bind.values else {})}
                self.listeners.append(Listener(self.owner, address, values, bind.span, len(self.listeners) + 1))
        for bind in get("dgram-bind") or ():
            for address in self._resolved(bind, program):
                self.datagrams.append(Datagrams(address, bind.span, bind.values.get("interface", "")))

    def _resolved(self, bind: Any, program: Any) -> list[Address]:
        found = []
        for address in bind.addresses:
            try:
                numeric = resolve(address, program.config.report, bind.span)
            except ValueError as error:
                program.config.report.alert(f"'bind {bind.values.get('text', '')}' : {error}", bind.span)
                continue
            for port in range(numeric.port, max(numeric.end_port, numeric.port) + 1):
                copied = Address(numeric.family, numeric.host, port, fd=numeric.fd, stream=numeric.stream)
                copied.text = numeric.text
                found.append(copied)
        return found

    def _destinations(self, record: Record, program: Any) -> list[Destination]:
        lines: list[LogLine] = []
        for entry in record.get("log") or ():
            if entry == "global":
                lines.extend(program.config.globals.get("log") or [])
            else:
                lines.append(entry)
        made = []
        for line in lines:
            try:
                made.append(Destination(line, program, record.get("option host") or "keep"))
            except OSError:
                program.config.report.alert(
                    f"log : invalid address: '{line.address.host}' in '{line.address.text}'", line.span
                )
        return made

    def take(self, data: bytes, source: bytes) -> None:
        """A message has come."""
        self.received += 1
        message = self.parse(data)
        for destination in self.destinations:
            destination.put(message, source)


class Stream(asyncio.Protocol):
    """One connection to a Forwarder."""

    def __init__(self, forwarder: Forwarder, gone: Any) -> None:
        self.forwarder = forwarder
        self.gone = gone
        self.framing = Framing(forwarder.largest, lines_only=forwarder.lines_only)
        self.transport: Any = None
        self.source = b""
        self.heard = 0.0
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.source = _source(transport.get_extra_info("peername"))
        self.heard = asyncio.get_running_loop().time()
        self._arm(self.forwarder.timeout)

    def _arm(self, seconds: float | None) -> None:
        if seconds is not None:
            self.timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        timeout = self.forwarder.timeout or 0.0
        left = self.heard + timeout - asyncio.get_running_loop().time()
        if left <= 0:
            self.transport.abort()
        else:
            self._arm(left)

    def data_received(self, data: bytes) -> None:
        self.heard = asyncio.get_running_loop().time()
        try:
            while messages := self.framing.feed(data):
                for message in messages:
                    self.forwarder.take(message, self.source)
                data = b""
        except BadFrame:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.gone(self)


def _source(address: Any) -> bytes:
    """The sender's address as text, empty for unix sockets."""
    if not isinstance(address, tuple):
        return b""
    host: str = address[0]
    return host.removeprefix("::ffff:").encode()


class Forwarding(Service):
    """All log-forward sections of a program."""

    name = "log-forward"

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.forwarders: list[Forwarder] = of(program)
        self.streams: set[Stream] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        opened = [(one, f) for f in self.forwarders for one in f.datagrams if one.sock is not None]
        acceptors = []
        try:
            for one, forwarder in opened:
                assert one.sock is not None
                loop.add_reader(one.sock, self._datagrams, one.sock, forwarder)
            for forwarder in self.forwarders:
                room = asyncio.Semaphore(forwarder.maxconn)
                acceptors += [
                    self.spawn(self._accept(listener, forwarder, room))
                    for listener in forwarder.listeners
                    if listener.sock is not None
                ]
            self.ready.set()
            await asyncio.get_running_loop().create_future()
        finally:
            for one, _ in opened:
                if one.sock is not None:
                    loop.remove_reader(one.sock)
                    one.close()
            for stream in list(self.streams):
                stream.transport.abort()

    @staticmethod
    def _datagrams(sock: socket.socket, forwarder: Forwarder) -> None:
        for _ in range(DATAGRAMS):
            try:
                data, address = sock.recvfrom(LARGEST)
            except BlockingIOError:
                return
            except OSError:
                return  # an ICMP error of an earlier datagram
            forwarder.take(data, _source(address))

    async def _accept(self, listener: Listener, forwarder: Forwarder, room: asyncio.Semaphore) -> None:
        """Takes connections while there is room; the others wait in the socket's queue."""
        loop = asyncio.get_running_loop()

        def gone(stream: Stream) -> None:
            self.streams.discard(stream)
            room.release()

        while True:
            await room.acquire()
            try:
                connection, _ = await loop.sock_accept(listener.sock)  # type: ignore[arg-type]
            except OSError:
                room.release()
                await asyncio.sleep(0.1)  # out of descriptors, or a client that left again
                continue
            except asyncio.CancelledError:
                room.release()
                raise
            stream = Stream(forwarder, gone)
            self.streams.add(stream)
            await loop.connect_accepted_socket(lambda stream=stream: stream, connection)  # type: ignore[misc]


def of(program: Any) -> list[Forwarder]:
    """The program's log-forward sections, compiled."""
    found: list[Forwarder] = getattr(program, "log_forwarders", [])
    return found


def compile_all(program: Any) -> None:
    """Compiles every section into `program.log_forwarders`; problems are reported."""
    sections = program.config.sections.get("log-forward", {})
    program.log_forwarders = [Forwarder(record, program) for record in sections.values()]


def listeners(program: Any) -> list[Listener]:
    """The stream sockets, to be opened together with the others."""
    return [listener for forwarder in of(program) for listener in forwarder.listeners]


def open_datagrams(program: Any, *, reuse_port: bool) -> list[Diagnostic]:
    """Opens the datagram sockets; a mistake is reported as for stream sockets."""
    problems = []
    for forwarder in of(program):
        for one in forwarder.datagrams:
            try:
                one.open(reuse_port=reuse_port)
            except OSError as error:
                span = one.span
                problems.append(
                    Diagnostic(
                        Severity.ALERT,
                        f"Binding [{span.file}:{span.line}] for frontend {forwarder.name}: cannot bind socket "
                        f"({error.strerror}) for [{one.address.text}]",
                    )
                )
    return problems
