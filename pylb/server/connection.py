"""Opening a connection to a server. Nothing blocks; a failure is an errno, never an exception."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from pylb.engine.poller import Poller
from pylb.engine.transport import Transport, new_socket

if TYPE_CHECKING:
    from pylb.server.server import Server

_UNDER_WAY: Final = (0, errno.EINPROGRESS)
_TAKEN: Final = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)
_NO_RESOURCES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def open_transport(server: Server, session: Any, poller: Poller) -> Transport | int:
    """A registered transport whose connect is under way (or done), or the errno why there is none.

    EMFILE and its like come back as they are: the caller reports "no resources" (state R), not a dead server.
    """
    opened = _open(server, session)
    for _ in range(server.attempts - 1):  # the next local port of a range
        if opened.__class__ is not int or opened not in _TAKEN:
            break
        opened = _open(server, session)
    if isinstance(opened, int):
        return opened
    transport = Transport(opened, poller)
    transport.register()
    return transport


def _open(server: Server, session: Any) -> Any:
    """A socket whose connect is under way, or an errno."""
    family = server.family
    if server.socks is not None:
        family = _family(server.socks)
    try:
        sock = new_socket(family) if server.opener is None else server.opener(family, session)
    except OSError as failure:
        return failure.errno or errno.EIO
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.prepare is not None:
            server.prepare(sock, session)
        target = server.sockaddr if server.socks is None else server.socks
        code = sock.connect_ex(target if target is not None else server.sockaddr_for(session))
    except OSError as failure:
        sock.close()
        return failure.errno or errno.EIO
    if code not in _UNDER_WAY:
        sock.close()
        return code
    return sock


def _family(sockaddr: Any) -> socket.AddressFamily:
    if not isinstance(sockaddr, tuple):
        return socket.AF_UNIX
    return socket.AF_INET if len(sockaddr) == 2 else socket.AF_INET6


def out_of_resources(code: int) -> bool:
    """The process (or the host) is short of descriptors, ports or memory."""
    return code in _NO_RESOURCES or code in _TAKEN


def describe(code: int) -> str:
    return os.strerror(code)
