"""A syslog server that keeps what it is sent, over UDP or a unix datagram socket, and splitters for log lines."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from types import TracebackType

from tests.harness.waiting import wait_until


class Syslog:
    """`Syslog()` listens on `port` (UDP, 127.0.0.1); `Syslog(path)` on a unix datagram socket."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        if path is None:
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.sock.bind(("127.0.0.1", 0))
            self.port: int = self.sock.getsockname()[1]
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.sock.bind(path)
            self.port = 0
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.settimeout(0.1)
        self.datagrams: list[bytes] = []
        self.since = 0  # where the current case begins, for servers that live longer than a test
        self._stopping = False
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while not self._stopping:
            try:
                self.datagrams.append(self.sock.recv(65536))
            except TimeoutError:
                continue
            except OSError:
                return

    @property
    def lines(self) -> list[str]:
        """Every datagram as text, without the trailing line feed."""
        return [data.decode("utf-8", "replace").rstrip("\n") for data in list(self.datagrams)]

    @property
    def traffic(self) -> list[str]:
        """What stands behind the syslog header, of the traffic lines only (not `Proxy x started.` and the like)."""
        return [text for text in map(message, self.lines) if not _EVENT.match(text)]

    def wait(self, count: int = 1, timeout: float = 5.0) -> list[str]:
        """Waits for so many traffic lines and returns all that came."""
        wait_until(lambda: len(self.traffic) >= count, timeout, f"{count} log lines; so far {self.lines}")
        return self.traffic

    def wait_for(self, text: str, timeout: float = 5.0) -> str:
        """Waits for a line that contains `text`."""
        found = wait_until(lambda: [line for line in self.lines if text in line], timeout, f"a log line with {text!r}")
        return found[0]

    def close(self) -> None:
        self._stopping = True
        self._thread.join(2)
        with contextlib.suppress(OSError):
            self.sock.close()

    def __enter__(self) -> Syslog:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


_HEADER = re.compile(r"^<\d+>(?:\w{3} [ \d]\d \d\d:\d\d:\d\d )?(?:\S+ )?[^\s\[:]+(?:\[\d+\])?: ")
_EVENT = re.compile(r"(?:Proxy|Server|Backup Server|Stopping|Pausing|Enabling|Resuming|backend|Health check) ")


def message(line: str) -> str:
    """A line without priority, date, host and tag."""
    return _HEADER.sub("", line, count=1)


_HTTPLOG = re.compile(
    r"(?P<client>\S+):(?P<client_port>\d+) \[(?P<date>[^\]]+)\] (?P<frontend>\S+) (?P<backend>[^/\s]+)/(?P<server>\S+) "
    r"(?P<TR>[\d+-]+)/(?P<Tw>[\d+-]+)/(?P<Tc>[\d+-]+)/(?P<Tr>[\d+-]+)/(?P<Ta>[\d+-]+) (?P<status>-?\d+) "
    r"(?P<bytes>\+?\d+) "
    r"(?P<request_cookie>\S+) (?P<response_cookie>\S+) (?P<state>\S{4}) "
    r"(?P<actconn>\d+)/(?P<feconn>\d+)/(?P<beconn>\d+)/(?P<srv_conn>\d+)/(?P<retries>\+?\d+) "
    r"(?P<srv_queue>\d+)/(?P<backend_queue>\d+) (?P<captures>(?:\{.*?\} )*)\"(?P<request>.*?)\"?$"
)
_TCPLOG = re.compile(
    r"(?P<client>\S+):(?P<client_port>\d+) \[(?P<date>[^\]]+)\] (?P<frontend>\S+) (?P<backend>[^/\s]+)/(?P<server>\S+) "
    r"(?P<Tw>[\d+-]+)/(?P<Tc>[\d+-]+)/(?P<Tt>[\d+-]+) (?P<bytes>\+?\d+) (?P<state>\S{2}) "
    r"(?P<actconn>\d+)/(?P<feconn>\d+)/(?P<beconn>\d+)/(?P<srv_conn>\d+)/(?P<retries>\+?\d+) "
    r"(?P<srv_queue>\d+)/(?P<backend_queue>\d+)$"
)


def split_httplog(line: str) -> dict[str, str]:
    """The fields of an `option httplog` line by name; fails on anything else."""
    found = _HTTPLOG.search(message(line))
    assert found, f"not an httplog line: {line!r}"
    return found.groupdict()


def split_tcplog(line: str) -> dict[str, str]:
    """The fields of an `option tcplog` line by name; fails on anything else."""
    found = _TCPLOG.search(message(line))
    assert found, f"not a tcplog line: {line!r}"
    return found.groupdict()
