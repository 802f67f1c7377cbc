"""Network namespaces of servers (manual 5.2 `namespace`, Linux): connections are opened inside.

A namespace is opened once, when its server is made, and held: a worker in an empty chroot reaches it all the same.
Entering needs CAP_SYS_ADMIN at each connect; without it the connect fails. With `*` the namespace is the one that the
client's PROXY header names (type NETNS), if the configuration knows it, else our own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.engine.transport import new_socket

if TYPE_CHECKING:
    from pylb.server.server import Server

CLONE_NEWNET: Final = 0x40000000
OWN: Final = ""

_known: dict[str, int] = {}
"""Descriptors of the namespaces that are in use, by name; as long as the process lives."""

Opener = Callable[[int, Any], Any]


def opener(server: Server, config: Any) -> Opener | None:
    """function(family, session) -> socket, or None where our own namespace will do. OSError: it cannot be opened."""
    name = server.values.get("namespace", "")
    if not name or server.family == socket.AF_UNIX:
        return None
    if OWN not in _known:
        _known[OWN] = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    if name != "*":
        number = hold(name)
        return lambda family, session: _inside(number, family)
    for other in _named(config):
        with contextlib.suppress(OSError):
            hold(other)

    def told(family: int, session: Any) -> Any:
        header = session.proxy_header
        number = None if header is None else _known.get(header.netns.decode("latin-1"))
        return new_socket(family) if number is None else _inside(number, family)

    return told


def hold(name: str) -> int:
    """The descriptor of a namespace."""
    number = _known.get(name)
    if number is None:
        number = _known[name] = os.open(f"/var/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    return number


def _named(config: Any) -> set[str]:
    """All that bind and server lines name."""
    lines = [line for proxy in config.proxies for line in (*proxy.servers, *proxy.binds)] if config is not None else []
    return {line.values["namespace"] for line in lines if line.values.get("namespace", "*") != "*"}


def _inside(number: int, family: int) -> Any:
    _enter(number)
    try:
        return new_socket(family)
    finally:
        _enter(_known[OWN])


def _enter(number: int) -> None:
    if _libc.setns(number, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


_libc: Final = ctypes.CDLL(None, use_errno=True)
