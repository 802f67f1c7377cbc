"""What sockets towards a server get before they connect: a local address, a device, kernel options (manual 5.2).

`prepare(server, program)` gives a function(socket, session) that sets it all, or None where a plain socket will do. A
failure is the OSError of the call at fault; the stream retries or answers 503 as after any failed connection.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from pylb.config.words import Line
from pylb.errors import NOWHERE, ConfigError
from pylb.http.lists import items
from pylb.listener.sockets import signature
from pylb.records.addresses import source, unpack
from pylb.sample import expression, logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.server import namespaces
from pylb.server.places import numeric, unix_address

if TYPE_CHECKING:
    from pylb.config.model import Address, ProxyConfig
    from pylb.server.server import Server

Prepare = Callable[[Any, Any], None]

IP_TRANSPARENT: Final = 19
IPV6_TRANSPARENT: Final = 75
IP_BIND_ADDRESS_NO_PORT: Final = 24
TCP_FASTOPEN_CONNECT: Final = 30
TCP_MD5SIG_EXT: Final = 38
TCP_NOTSENT_LOWAT: Final = 25
RESET: Final = b"\x01\0\0\0\0\0\0\0"  # struct linger: on, 0 seconds

MOST_PORTS: Final = 1024  # of a range, tried for one connect

MARKS: Final = ("bc_mark", "bc_tos")  # what rules leave in `stream.overrides` for connections to servers

_HEADER: Final = re.compile(r"hdr_ip\(\s*([^,()\s]+)\s*(?:,\s*([+-]?\d+)\s*)?\)?")


def equip(server: Server, program: Any) -> None:
    """Settles what connections to this server begin with; again when its address changes family."""
    server.marked = server.family != socket.AF_UNIX and getattr(getattr(program, "config", None), "marks", False)
    server.prepare = prepare(server, program)
    server.attempts = attempts(server)
    try:
        server.opener = namespaces.opener(server, getattr(program, "config", None))
    except OSError:
        raise ConfigError(f"Cannot open namespace '{server.values['namespace']}'.") from None
    server.impersonates = impersonates(server)
    proxy = server.values.get("socks4")
    if proxy is not None:
        server.socks = _socks(proxy)
    server.records = tuple(_records(server, program))
    if "pool-conn-name" in server.values:
        server.named = _name(server, program)
    server.settle()


def _name(server: Server, program: Any) -> Callable[[Any], Any]:
    """`pool-conn-name`: the expression whose value tells connections apart."""
    span = server.line.span if server.line is not None else NOWHERE
    site = Site(program.config, server.backend.config, "server", Point.BE_SERVER, span, "pool-conn-name")
    line = Line(["server", server.values["pool-conn-name"]], [span, span], program.config, server.backend.config, "")
    return expression.parse(line.args(), site).compile_as("bin", program)


def _socks(proxy: Address) -> Any:
    """Where the SOCKS4 proxy listens, for connect(); its name was known when the line was read."""
    if proxy.family in ("unix", "abns", "abnsz"):
        return unix_address(proxy.family, proxy.host)
    return socket.getaddrinfo(proxy.host or "127.0.0.1", proxy.port, socket.AF_UNSPEC, socket.SOCK_STREAM)[0][4]


def prepare(server: Server, program: Any) -> Prepare | None:
    """Everything that the server's line, its backend and the global section ask for."""
    steps: list[Prepare] = []
    options = _options(server, program)
    if options:
        steps.append(_setting(options))
    if server.marked:
        steps.append(_mark)
    origin = _settings_of_source(server)
    if origin is not None:
        steps.append(origin)
    if not steps:
        return None
    if len(steps) == 1:
        return steps[0]

    def run(sock: Any, session: Any) -> None:
        for step in steps:
            step(sock, session)

    return run


def _records(server: Server, program: Any) -> Iterator[tuple[int, Callable[[Any], bytes]]]:
    """Formats of TLVs, made ready."""
    for number, text in server.values.get("set-proxy-v2-tlv-fmt", ()):
        span = server.line.span if server.line is not None else NOWHERE
        site = Site(program.config, server.backend.config, "server", Point.BE_SERVER, span, "set-proxy-v2-tlv-fmt")
        yield number, logformat.parse(text, site).compile(program)


def _setting(options: list[tuple[int, int, Any]]) -> Prepare:
    """What the kernel does not grant is left out, as in HAProxy; but never the signature of segments."""

    def run(sock: Any, session: Any) -> None:
        for level, option, value in options:
            try:
                sock.setsockopt(level, option, value)
            except OSError:
                if option == TCP_MD5SIG_EXT:
                    raise

    return run


def _mark(sock: Any, session: Any) -> None:
    """`set-bc-mark`, `set-bc-tos`. What the kernel does not grant is left out, as in HAProxy."""
    stream = session.current
    chosen = None if stream is None else stream.overrides
    if not chosen:
        return
    with contextlib.suppress(OSError):
        if "bc_mark" in chosen:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, chosen["bc_mark"].to_bytes(4, sys.byteorder))
    with contextlib.suppress(OSError):
        if "bc_tos" in chosen:
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, chosen["bc_tos"])
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, chosen["bc_tos"])


def _options(server: Server, program: Any) -> list[tuple[int, int, Any]]:
    values = server.values
    device = _origin(server).get("interface")
    config: ProxyConfig | None = server.backend.config
    tcp = socket.IPPROTO_TCP
    found: list[tuple[int, int, Any]] = []
    inet = server.family != socket.AF_UNIX
    if inet:
        if values.get("tcp-ut"):
            found.append((tcp, socket.TCP_USER_TIMEOUT, values["tcp-ut"]))
        if values.get("tfo"):
            found.append((tcp, TCP_FASTOPEN_CONNECT, 1))
        if "cc" in values:
            found.append((tcp, socket.TCP_CONGESTION, values["cc"].encode()))
        if "tcp-md5sig" in values:
            found.append((tcp, TCP_MD5SIG_EXT, signature(server.family, values["tcp-md5sig"])))
        if device:
            found.append((socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode() + b"\0"))
        if config is not None and (config.option("srvtcpka") or config.option("tcpka")):
            found.append((socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1))
            for name, option, unit in _KEEPALIVE:
                if config.get(name):
                    found.append((tcp, option, max(1, config.get(name) // unit)))
        if config is not None and config.option("tcp-smart-connect"):
            found.append((tcp, socket.TCP_QUICKACK, 0))
    if config is not None and config.option("nolinger"):
        found.append((socket.SOL_SOCKET, socket.SO_LINGER, RESET))
    known = getattr(program, "globals", None)
    if known is not None:
        for names, level, option in _BUFFERS:
            size = next((known.get(name) for name in names if known.get(name)), 0)
            if size and (inet or level == socket.SOL_SOCKET):
                found.append((level, option, size))
    return found


_KEEPALIVE: Final = (
    ("srvtcpka-cnt", socket.TCP_KEEPCNT, 1),
    ("srvtcpka-idle", socket.TCP_KEEPIDLE, 1000),
    ("srvtcpka-intvl", socket.TCP_KEEPINTVL, 1000),
)
_BUFFERS: Final = (
    (("tune.rcvbuf.server", "tune.rcvbuf.backend"), socket.SOL_SOCKET, socket.SO_RCVBUF),
    (("tune.sndbuf.server", "tune.sndbuf.backend"), socket.SOL_SOCKET, socket.SO_SNDBUF),
    (("tune.notsent-lowat.server",), socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT),
)


# -- the local address -------------------------------------------------------------------------------------------------


def _settings_of_source(server: Server) -> Prepare | None:
    """`source <addr>[:<ports>] [usesrc ...]` of the server, else of its backend."""
    if server.family == socket.AF_UNIX:
        return None
    origin = _origin(server)
    if "usesrc" in origin:
        return _impersonate(origin["usesrc"])
    address = origin.get("source address")
    if address is None:
        return None
    first, last = origin["source ports"]
    return _from_ports(address, first, last) if last > first else _from(address)


def _origin(server: Server) -> dict[str, Any]:
    """What `source` stored, on the server's line or else in its backend."""
    if "source" in server.values:
        return server.values
    config = server.backend.config
    return (config.get("source") if config is not None else None) or {}


def impersonates(server: Server) -> str:
    """The argument of `usesrc`, "" without it: connections belong to the client whose address they have."""
    return str(_origin(server).get("usesrc", ""))


def attempts(server: Server) -> int:
    """How many local ports a connect may try."""
    first, last = _origin(server).get("source ports", (0, 0))
    return 1 + max(0, min(int(last) - int(first), MOST_PORTS - 1))


def _from(address: Any) -> Prepare:
    def run(sock: Any, session: Any) -> None:
        if not address[1]:
            sock.setsockopt(socket.SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1)  # the port is chosen at connect
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)

    return run


def _from_ports(address: Any, first: int, last: int) -> Prepare:
    """One port of the range after the other; one that leads to this server already fails at connect, and the next is
    tried then (server/connection.py)."""
    ports = itertools.cycle(range(first, last + 1))

    def run(sock: Any, session: Any) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address[0], next(ports), *address[2:]))

    return run


def wanted_source(text: str, session: Any) -> tuple[Any, ...] | None:
    """The foreign address that `usesrc <text>` names for the stream under way; None: none is known, so our own."""
    if text in ("client", "clientip"):
        packed = source(session)
        if packed is None:
            return None
        return unpack(packed, session.src_port if text == "client" else 0)
    found = _HEADER.fullmatch(text)
    if found is None:
        host, _, port = text.rpartition(":") if text.count(":") == 1 or text.startswith("[") else (text, "", "")
        return unpack(numeric(host.strip("[]") or text) or b"\0\0\0\0", int(port or 0))
    stream = session.current
    request = None if stream is None else stream.request
    if request is None:
        return None
    name = found[1].lower().encode()
    values = [item for one in request.fields if one[0] == name for item in items(one[1])]
    at = int(found[2] or -1)
    if not values or abs(at) > len(values):
        return None
    packed = numeric(values[at - 1 if at > 0 else at].decode("latin-1").strip())
    return None if packed is None else unpack(packed, 0)


def _impersonate(text: str) -> Prepare:
    def run(sock: Any, session: Any) -> None:
        address = wanted_source(text, session)
        if address is None:
            return
        if len(address) == 2:
            sock.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)

    return run
