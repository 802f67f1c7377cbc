"""Going to the background (`-D`), and the file with the process id.

The first process stays until the daemon serves or has failed, so that its exit code and the pid file tell the truth:
`pylb -D ... && curl` works. Forks happen before any event loop or epoll exists.
"""

from __future__ import annotations

import os
import struct

from pylb.process.messages import alert
from pylb.process.stop import Stop, flush

_REPORT = struct.Struct("=iI")  # pid of the daemon, exit code (0: it serves)


class Daemon:
    """The daemon's side: `ready` or `failed` releases the process that waits in the foreground."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe
        self.null = open_null()  # while the path can be reached: a chroot may follow

    def ready(self) -> None:
        """Lets go of the terminal and reports that it serves."""
        silence(self.null)
        self._report(0)

    def failed(self, code: int) -> None:
        self._report(code)

    def _report(self, code: int) -> None:
        if self.pipe >= 0:
            os.write(self.pipe, _REPORT.pack(os.getpid(), code))
            os.close(self.pipe)
            self.pipe = -1


def open_null() -> int:
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def silence(null: int) -> None:
    """Lets go of the terminal: the standard descriptors lead nowhere."""
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)


def detach(pidfile: PidFile | None) -> Daemon:
    """Returns in the daemon. The original process writes the pid file when the daemon serves, and exits."""
    reader, writer = os.pipe()
    flush()
    if os.fork():
        os.close(writer)
        _wait(reader, pidfile)
    os.close(reader)
    if pidfile is not None:
        pidfile.close()
    os.setsid()
    if os.fork():
        os._exit(0)
    return Daemon(writer)


def _wait(reader: int, pidfile: PidFile | None) -> None:
    data = os.read(reader, _REPORT.size)
    if len(data) < _REPORT.size:
        os._exit(1)  # the daemon died without a word of its own
    pid, code = _REPORT.unpack(data)
    if code == 0 and pidfile is not None:
        pidfile.write(pid)
    os._exit(code)


class PidFile:
    """The file of `pidfile` or `-p`, opened while the path can be reached. Without a path it does nothing."""

    def __init__(self, path: str) -> None:
        self.descriptor = -1
        if not path:
            return
        try:
            self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError:
            alert(f"[haproxy.main()] Cannot create pidfile {path}")
            raise Stop(1) from None

    def write(self, pid: int) -> None:
        if self.descriptor >= 0:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{pid}\n".encode(), 0)
            self.close()

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
