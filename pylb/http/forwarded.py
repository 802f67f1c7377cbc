"""X-Forwarded-For and X-Original-To: whose request it was and where it went, told to the server.

`compile(frontend, None)` makes the closure of a frontend, `compile(None, backend)` that of a backend, which takes its
frontend's options into account; the stream runs the backend's, or the frontend's where the backend has none.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pylb.config.words import Line, Words, to_bytes
from pylb.http.message import Field, field
from pylb.registry import PROXY, keyword

if TYPE_CHECKING:
    from pylb.config.model import ProxyConfig

Add = Callable[[Any], None]

REMEMBERED: Final = 1024  # addresses whose field is kept ready, per closure


@dataclass(frozen=True, slots=True)
class Network:
    """An address and how many of its leading bits count."""

    packed: bytes
    bits: int

    def holds(self, packed: bytes) -> bool:
        if len(packed) != len(self.packed):
            return False
        shift = len(packed) * 8 - self.bits
        return int.from_bytes(packed) >> shift == int.from_bytes(self.packed) >> shift


@dataclass(frozen=True, slots=True)
class Addition:
    """What one `option forwardfor` or `option originalto` says."""

    header: bytes = b""
    skip: Network | None = None
    if_none: bool = False


@keyword("option forwardfor", places=PROXY, usage="[except <network>] [header <name>] [if-none]")
def forwardfor(line: Line) -> None:
    """Adds X-Forwarded-For with the client's address to each request.

    The field is appended, never merged with one that is there. <network> (address, or address/mask) names clients for
    whom nothing is added; <name> replaces the field's name, a backend's name wins over the frontend's; with if-none
    nothing is added to a request that has the field already, unless the other side insists. Manual 4.2.
    """
    line.set(_parse(line, if_none=True))


@keyword("option originalto", places=PROXY, usage="[except <network>] [header <name>]")
def originalto(line: Line) -> None:
    """Adds X-Original-To with the address that the client connected to. Arguments as for `option forwardfor`.

    <network> is compared with the destination. Manual 4.2.
    """
    line.set(_parse(line, if_none=False))


def _parse(line: Line, *, if_none: bool) -> Addition:
    words = line.args()
    header, skip, only = b"", None, False
    while not words.end:
        if words.accept("except"):
            skip = _network(words)
        elif words.accept("header"):
            header = to_bytes(words.next(f"'{line.name} header' expects <header_name> as argument."))
        elif if_none and words.accept("if-none"):
            only = True
        else:
            known = "'except', 'header' and 'if-none'" if if_none else "'except' and 'header'"
            words.fail(f"'{line.name}' only supports optional values: {known}.", last=False)
    return Addition(header, skip, only)


def _network(words: Words) -> Network:
    """<address>[/<bits or mask>]; a name is resolved once, here."""
    message = f"'{words.line.name} except' expects <address>[/mask] as argument."
    host, slash, mask = words.next(message).partition("/")
    try:
        packed = _address(host)
        if not slash:
            bits = len(packed) * 8
        elif mask.isascii() and mask.isdigit():
            bits = int(mask)
        else:
            ones = int.from_bytes(socket.inet_aton(mask))
            bits = ones.bit_count()
            if len(packed) != 4 or ones != (1 << 32) - (1 << (32 - bits)):
                words.fail(message)
    except (OSError, UnicodeError):  # the latter for what can be no name of a host
        words.fail(message)
    if bits > len(packed) * 8:
        words.fail(message)
    return Network(packed, bits)


def _address(host: str) -> bytes:
    if ":" in host:
        return socket.inet_pton(socket.AF_INET6, host)
    try:
        return socket.inet_aton(host)
    except OSError:
        return socket.inet_aton(socket.gethostbyname(host))


def _numeric(host: str) -> bytes:
    """Packed form of a socket's own address, whose zone is left out."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host.partition("%")[0])


def compile(frontend: ProxyConfig | None, backend: ProxyConfig | None) -> Add | None:
    """The closure that adds the fields to stream.request, None when no option asks for any."""
    if frontend is None and backend is not None:
        return _late(backend)
    adds = [
        add
        for option, default, of in (
            ("option forwardfor", b"x-forwarded-for", _source),
            ("option originalto", b"x-original-to", _destination),
        )
        if (add := _addition(option, default, of, frontend, backend)) is not None
    ]
    if len(adds) < 2:
        return adds[0] if adds else None
    first, second = adds

    def both(stream: Any) -> None:
        first(stream)
        second(stream)

    return both


def _late(backend: ProxyConfig) -> Add | None:
    """A backend's closure: which frontend it serves is known with the stream; each pair is compiled once."""
    if compile(backend, backend) is None:
        return None
    known: dict[int, Add | None] = {}

    def add(stream: Any) -> None:
        config = stream.frontend.config
        key = id(config)  # configurations live as long as the program
        if key not in known:
            known[key] = compile(config, backend)
        closure = known[key]
        if closure is not None:
            closure(stream)

    return add


def _source(session: Any) -> bytes | str | None:
    packed: bytes | None = session.src
    if packed is not None:
        return packed
    address = session.address
    return address[0] if isinstance(address, tuple) else None


def _destination(session: Any) -> bytes | str | None:
    packed: bytes | None = session.dst
    if packed is not None:
        return packed
    local = session.local
    if local is None:
        header = session.proxy_header
        local = getattr(header, "dst", None)
        if local is None:
            local = session.connection.getsockname() if session.connection is not None else ""
        session.local = local
    return local[0] if isinstance(local, tuple) else None


def _addition(
    option: str,
    default: bytes,
    of: Callable[[Any], bytes | str | None],
    frontend: ProxyConfig | None,
    backend: ProxyConfig | None,
) -> Add | None:
    front: Addition | None = frontend.get(option) if frontend is not None else None
    back: Addition | None = backend.get(option) if backend is not None else None
    asked = [one for one in (back, front) if one is not None]
    if not asked:
        return None
    name = next((one.header for one in asked if one.header), default).lower()
    skips = [one.skip for one in asked if one.skip is not None]
    only_if_none = all(one.if_none for one in asked)
    ready: dict[bytes | str, Field | None] = {}

    def make(address: bytes | str) -> Field | None:
        packed = _numeric(address) if isinstance(address, str) else address
        text = socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)
        one = None if any(skip.holds(packed) for skip in skips) else field(name, text.encode())
        if len(ready) >= REMEMBERED:
            ready.clear()
        ready[address] = one
        return one

    source = of is _source

    def add(stream: Any) -> None:
        session = stream.session
        # What _source does, in line: this one runs for most requests of most installations.
        if source and session.src is None and session.address.__class__ is tuple:
            address = session.address[0]
        else:
            address = of(session)
        if address is None:
            return
        one = ready[address] if address in ready else make(address)
        if one is not None:
            fields = stream.request.fields
            if not only_if_none or all(other[0] != name for other in fields):
                fields.append(one)

    return add
