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
_NO_RESOURCES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


def open_transport(server: Server, session: Any, poller: Poller) -> Transport | int:
    """A registered transport whose connect is under way (or done), or the errno why there is none.

    EMFILE and its like come back as they are: the caller reports "no resources" (state R), not a dead server.
    """
    family = server.family
    try:
        sock = new_socket(family)
    except OSError as failure:
        return failure.errno or errno.EIO
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.source is not None:
            sock.setsockopt(socket.SOL_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: choose the port at connect
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(server.source)
        target = server.sockaddr
        code = sock.connect_ex(target if target is not None else server.sockaddr_for(session))
    except OSError as failure:
        sock.close()
        return failure.errno or errno.EIO
    if code not in _UNDER_WAY:
        sock.close()
        return code
    transport = Transport(sock, poller)
    transport.register()
    return transport


def out_of_resources(code: int) -> bool:
    """The process (or the host) is short of descriptors, ports or memory."""
    return code in _NO_RESOURCES or code in (errno.EADDRINUSE, errno.EADDRNOTAVAIL)


def describe(code: int) -> str:
    return os.strerror(code)
