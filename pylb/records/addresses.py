"""How a session's addresses are learnt: on first use, once, as packed bytes; unix sockets have none.

`source` and `destination` are what rules see; `set-src` and `set-dst` change them on the session.
"""

from __future__ import annotations

import socket
from typing import Any


def pack(address: Any) -> bytes | None:
    """Packed form of a socket address tuple; None for unix sockets. An IPv6 zone is cut off."""
    if not isinstance(address, tuple):
        return None
    host: str = address[0]
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return socket.inet_aton(host)


def unpack(packed: bytes, port: int) -> tuple[Any, ...]:
    """Socket address tuple of a packed address."""
    if len(packed) == 4:
        return (socket.inet_ntoa(packed), port)
    return (socket.inet_ntop(socket.AF_INET6, packed), port, 0, 0)


def local_address(session: Any) -> Any:
    """Address at which the client arrived (tuple, or str for unix sockets), asked of the kernel once."""
    local = session.local
    if local is None:
        header = session.proxy_header
        local = getattr(header, "dst", None) if header is not None else None
        if local is None:
            connection = session.connection
            local = connection.getsockname() if connection is not None else ""
        session.local = local
    return local


def source(session: Any) -> bytes | None:
    """Packed source address as rules see it."""
    packed: bytes | None = session.src
    if packed is None:
        address = session.address
        packed = pack(address)
        if packed is None:
            return None
        session.src = packed
        session.src_port = address[1]
    return packed


def destination(session: Any) -> bytes | None:
    """Packed destination address as rules see it."""
    packed: bytes | None = session.dst
    if packed is None:
        address = local_address(session)
        packed = pack(address)
        if packed is None:
            return None
        session.dst = packed
        session.dst_port = address[1]
    return packed
