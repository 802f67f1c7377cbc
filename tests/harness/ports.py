"""Free ports that stay ours, and who listens where.

HAProxy binds with SO_REUSEPORT, so two programs can share a port and nobody notices. Ports given out here lie below
the kernel's ephemeral range (an outgoing connection never takes one), are tried without SO_REUSEPORT, and are marked
as taken for every other test process by an abstract unix socket that lives as long as this process.
"""

from __future__ import annotations

import errno
import os
import random
import socket
from pathlib import Path

_LOWEST, _HIGHEST = 10240, 32000
_marks: list[socket.socket] = []


def free_port() -> int:
    """A TCP and UDP port on 127.0.0.1 that nobody uses and no other test process is given."""
    for _ in range(2000):
        port = random.randint(_LOWEST, _HIGHEST)
        mark = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            mark.bind(f"\0pylb-tests-port-{port}")
            if not (_bindable(socket.SOCK_STREAM, port) and _bindable(socket.SOCK_DGRAM, port)):
                raise OSError(errno.EADDRINUSE, "port in use")
        except OSError:
            mark.close()
            continue
        _marks.append(mark)
        return port
    raise RuntimeError("no free port found")


def _bindable(kind: socket.SocketKind, port: int) -> bool:
    for host in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def listening_inodes(port: int) -> set[str]:
    """Socket inodes that listen on a TCP port of any local address."""
    found: set[str] = set()
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(name).read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(fields[9])
    return found


def socket_inodes(pid: int) -> set[str]:
    """Inodes of all sockets a process holds; empty when it is gone."""
    found: set[str] = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(entry.path)
            except OSError:
                continue
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


def family(pid: int) -> list[int]:
    """A process and all its living descendants."""
    parents: dict[int, list[int]] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                stat = Path(entry.path, "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo.extend(parents.get(one, ()))
    return found


def full_listener() -> tuple[socket.socket, list[socket.socket]]:
    """A port whose accept queue is full: a connect is neither accepted nor refused."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    clients = []
    for _ in range(4):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(listener.getsockname())
        clients.append(client)
    return listener, clients
