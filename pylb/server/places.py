"""Where servers are: literal addresses, names resolved at start, port mapping, transparent destinations.

Names are resolved by the C library once, before sockets are opened (`init-addr`, default `last,libc`); following DNS
at run time is the resolvers' business, which calls `locate`.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.errors import NOWHERE, ConfigError, Span
from pylb.records.addresses import destination

if TYPE_CHECKING:
    from pylb.config.model import Address
    from pylb.server.server import Server


AT_START: Final = ("last", "libc")
RESOLVED_LATER: Final = ("last", "libc", "none")  # of a server whose name resolvers follow


def place(server: Server, address: Address, methods: tuple[str, ...] = AT_START) -> None:
    """Gives the server its address: literal ones at once, names by the `init-addr` methods in turn."""
    server.host = address.host
    server.port = address.port
    if address.family in ("unix", "abns", "abnsz"):
        server.family = socket.AF_UNIX
        server.sockaddr = unix_address(address.family, address.host)
        return
    if address.family in ("rhttp", "sockpair"):
        server.resolved = (
            False  # the other side would connect, to a listener with attach-srv; or take what we hand over
        )
        return
    if place_literal(server, address):
        return
    found = _literal(address) or _resolve(server, address, methods)
    relative = address.port_offset or address.port == 0
    if found is None:
        server.resolved = False
        return
    locate(server, found, relative=relative)


def place_literal(server: Server, address: Address) -> bool:
    """Gives the server an IPv4 address that is written out, with its port, as most are; False for any other."""
    if address.family != "ipv4" or not address.port or address.port_offset:
        return False
    found = numeric(address.host)
    if found is None or len(found) != 4 or not any(found):
        return False
    server.host, server.port = address.host, address.port
    server.address, server.sockaddr = found, (address.host, address.port)  # its text is as the kernel writes it
    return True


def locate(server: Server, packed: bytes, *, port: int | None = None, relative: bool | None = None) -> None:
    """(Re)computes the socket address: also used when the runtime socket or the resolvers change it."""
    if port is not None:
        server.port = port
        relative = bool(relative)
    elif relative is None:
        relative = server.destination is not None
    server.address = packed
    server.family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    server.resolved = True
    anywhere = not any(packed)
    if relative or anywhere:
        server.sockaddr = None
        server.destination = _mapping(server, None if anywhere else packed, server.port if relative else None)
    else:
        server.destination = None
        server.sockaddr = ip_address(packed, server.port)
    server.settle()
    persistence = server.backend.persistence
    if persistence is not None:
        persistence.moved(server)
    algorithm = server.backend.algorithm
    if algorithm is not None:
        algorithm.replaced(server)


def ip_address(packed: bytes, port: int) -> tuple[Any, ...]:
    if len(packed) == 4:
        return (socket.inet_ntop(socket.AF_INET, packed), port)
    return (socket.inet_ntop(socket.AF_INET6, packed), port, 0, 0)


def unix_address(family: str, path: str) -> str | bytes:
    """abns names fill sun_path with zero bytes as HAProxy's do; abnsz ones have their own length."""
    if family == "unix":
        return path
    name = b"\0" + path.encode("utf-8", "surrogateescape")
    return name if family == "abnsz" else name.ljust(108, b"\0")


def _mapping(server: Server, packed: bytes | None, offset: int | None) -> Callable[[Any], Any]:
    """Port mapping: the client's destination port plus an offset; and the client's own destination for 0.0.0.0."""

    def mapped(session: Any) -> Any:
        wanted = destination(session) or bytes(4)  # a client on a unix socket has no address to follow
        port = session.dst_port + offset if offset is not None else server.port
        return ip_address(packed if packed is not None else wanted, port & 0xFFFF)

    return mapped


def _literal(address: Address) -> bytes | None:
    if address.host in ("", "*"):
        return b"\0" * (16 if address.family == "ipv6" else 4)
    found = numeric(address.host)
    if found is not None and address.family == ("ipv6" if len(found) == 4 else "ipv4"):
        return None  # ipv6@127.0.0.1 is no literal address, and no name that resolves
    return found


def numeric(text: str) -> bytes | None:
    """The packed form of an IPv4 or IPv6 address, None for anything else."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, text)
        except OSError:
            continue
    return None


def _resolve(server: Server, address: Address, methods: tuple[str, ...]) -> bytes | None:
    """`init-addr`: last (the state file's, kept by that room), libc, none, or a literal address."""
    asked = False
    for method in methods:
        if method == "none":
            if asked:
                _warn(server, f"could not resolve address '{address.host}', disabling server.")
            return None
        if method == "libc":
            asked = True
            found = _getaddrinfo(address)
            if found is not None:
                return found
        elif method != "last":
            if asked:
                _warn(server, f"could not resolve address '{address.host}', falling back to configured address.")
            return numeric(method)
    failure = "could not resolve" if asked else "no method found to resolve"
    raise ConfigError(
        f"'server {server.backend.name}/{server.name}' : {failure} address '{address.host}'.", _span(server)
    )


def _warn(server: Server, text: str) -> None:
    server.backend.program.report.warning(f"'server {server.backend.name}/{server.name}' : {text}", _span(server))


def _span(server: Server) -> Span:
    return server.line.span if server.line is not None else NOWHERE


def _getaddrinfo(address: Address) -> bytes | None:
    wanted = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(address.family, socket.AF_UNSPEC)
    if address.text.startswith(("ipv4@", "ipv6@", "tcp4@", "tcp6@")):
        families = [wanted]
    else:
        families = [socket.AF_INET, socket.AF_INET6]
    for family in families:
        try:
            found = socket.getaddrinfo(address.host, None, family, socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the name cannot be one: two dots in a row
            continue
        if found:
            return socket.inet_pton(family, str(found[0][4][0]).split("%", 1)[0])
    return None
