"""What a line says about a stream, as bytes: addresses, names, the request line and its parts, captures, states."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from pylb.http.remembered import remembered
from pylb.log import escape

if TYPE_CHECKING:
    from pylb.records.session import Session
    from pylb.records.stream import Stream

BADREQ: Final = b"<BADREQ>"
NO_SERVER: Final = b"<NOSRV>"


def address_text(address: Any) -> bytes:
    """Text of a socket address: a tuple as accept() returns it, or the path of a unix socket."""
    if isinstance(address, tuple):
        host: str = address[0]
        return host.partition("%")[0].encode()
    return b"unix"


def packed_text(packed: bytes) -> bytes:
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed).encode()


def client_ip(session: Session) -> bytes:
    return packed_text(session.src) if session.src is not None else address_text(session.address)


def client_port(session: Session) -> int:
    """The client's port; for unix sockets the id of the listener stands there."""
    if session.src is not None:
        return session.src_port
    address = session.address
    return address[1] if isinstance(address, tuple) else getattr(session.listener, "id", 0) or 0


def opening(session: Session) -> bytes:
    """What the lines of a session begin with; kept in it while no rule has given it another source."""
    text = b"%b:%d [" % (client_ip(session), client_port(session))
    if session.src is None:
        session.opening = text
    return text


def _local(session: Session) -> Any:
    local = session.local
    if local is None and session.connection is not None:
        local = session.local = session.connection.getsockname()
    return local


def frontend_ip(session: Session) -> bytes | None:
    if session.dst is not None:
        return packed_text(session.dst)
    local = _local(session)
    return None if local is None else address_text(local)


def frontend_port(session: Session) -> int:
    if session.dst is not None:
        return session.dst_port
    local = _local(session)
    return local[1] if isinstance(local, tuple) else 0


def transport_name(stream: Stream) -> bytes:
    """%ft: a `~` follows the name when the client side is TLS."""
    label: bytes = stream.frontend.label
    return label + b"~" if stream.session.tls is not None else label


def backend_name(stream: Stream) -> bytes:
    backend = stream.backend
    label: bytes = stream.frontend.label if backend is None else backend.label
    return label


def server_name(stream: Stream) -> bytes:
    server = stream.server
    if server is None:
        return NO_SERVER
    label: bytes = server.label
    return label


def request_line(stream: Stream) -> bytes:
    """%r, escaped; what the client sent, before rules changed anything."""
    request = stream.request
    if request is None:
        return BADREQ
    return escape.line(remembered(request.line))


def _parts(stream: Stream) -> tuple[bytes, bytes, bytes] | None:
    """Method, target and version as received."""
    request = stream.request
    if request is None:
        return None
    method, _, rest = remembered(request.line).partition(b" ")
    rest = rest.lstrip(b" ")
    target, _, version = rest.partition(b" ")
    return method, target, version.lstrip(b" ")


def method(stream: Stream) -> bytes:
    parts = _parts(stream)
    return BADREQ if parts is None else escape.line(parts[0])


def uri(stream: Stream) -> bytes:
    parts = _parts(stream)
    return BADREQ if parts is None else escape.line(parts[1])


def version(stream: Stream) -> bytes:
    """%HV; a request line without a version, also one that was cut, counts as HTTP/0.9."""
    parts = _parts(stream)
    return BADREQ if parts is None else escape.line(parts[2] or b"HTTP/0.9")


def uri_without_query(stream: Stream) -> bytes:
    parts = _parts(stream)
    return BADREQ if parts is None else escape.line(parts[1].partition(b"?")[0])


def path(stream: Stream) -> bytes:
    """%HPO: the path alone; an absolute target loses its scheme and authority."""
    parts = _parts(stream)
    if parts is None:
        return BADREQ
    target = parts[1].partition(b"?")[0]
    scheme, mark, rest = target.partition(b"://")
    if mark and b"/" not in scheme:
        _, slash, tail = rest.partition(b"/")
        target = slash + tail
    return escape.line(target)


def query(stream: Stream) -> bytes:
    """%HQ: with its question mark, empty when there is none."""
    parts = _parts(stream)
    if parts is None:
        return BADREQ
    _, mark, text = parts[1].partition(b"?")
    return escape.line(mark + text)


def braces(stream: Stream, captures: list[bytes | None] | None, slots: int) -> bytes | None:
    """{a|b|}: captured headers in order of declaration; None when none are declared or nothing was understood."""
    if captures is None:
        return b"{" + b"|" * (slots - 1) + b"}" if slots and stream.request is not None else None
    header = escape.header
    return b"{" + b"|".join([b"" if text is None else header(text) for text in captures]) + b"}"


def server_ip(stream: Stream) -> bytes | None:
    """Where the server connection went, None before there is one."""
    if not stream.connect_start or stream.server is None:
        return None
    peer = _peer(stream)
    return None if peer is None else address_text(peer)


def server_port(stream: Stream) -> int | None:
    peer = _peer(stream) if stream.connect_start and stream.server is not None else None
    return peer[1] if isinstance(peer, tuple) else None


def _peer(stream: Stream) -> Any:
    server = stream.server
    return server.sockaddr if server.sockaddr is not None else server.sockaddr_for(stream.session)


def source(stream: Stream) -> Any:
    """Local address of the server connection, None when there was none."""
    if stream.source is not None:
        return stream.source
    back = stream.back
    return None if back is None else back.conn.getsockname()
