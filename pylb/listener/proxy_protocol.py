"""The PROXY protocol, versions 1 and 2 (proxy-protocol.txt, HAProxy project): read from clients, written to servers.

    parse(data) -> ProxyHeader | None (more is needed) | Malformed
    build(stream, server) -> bytes

Reading is incremental and bounded: what cannot become a header is refused at its first wrong byte, a header never
takes more than 107 bytes (version 1) or 16 KiB (version 2). Where HAProxy is laxer than the specification (leading
zeros, ports above 65535, checksums of LOCAL headers) the specification wins; where it is stricter (it refuses headers
whose sender could not tell an address) the specification wins too: such a connection keeps its socket's addresses.
The room does no I/O.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any, Final

from pylb.records.addresses import destination, source
from pylb.sample.hashes import crc32c

if TYPE_CHECKING:
    from pylb.records.session import Session

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
V1_MOST: Final = 107  # the longest line, CRLF included
V2_MOST: Final = 16384  # header and everything behind it; HAProxy's buffer
V2_FIXED: Final = 16

PP2_ALPN: Final = 0x01
PP2_AUTHORITY: Final = 0x02
PP2_CRC32C: Final = 0x03
PP2_NOOP: Final = 0x04
PP2_UNIQUE_ID: Final = 0x05
PP2_SSL: Final = 0x20
PP2_NETNS: Final = 0x30

MOST_OF_VALUE: Final = 1024  # bytes of a value that a format makes
_MOST_OF_TLV: Final = {PP2_AUTHORITY: 255, PP2_UNIQUE_ID: 128}
_ADDRESS_SIZE: Final = (0, 12, 36, 216)  # by family nibble: unspecified, IPv4, IPv6, unix

_V1 = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|(TCP[46]) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) "
    rb"(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4}))\r\n"
)


class ProxyHeader:
    """One header that was read. `src` and `dst` are address tuples as the socket module makes them, or None when the
    header tells none (LOCAL, UNKNOWN, families that are not the client's). Lives as long as its session."""

    __slots__ = ("alpn", "authority", "dst", "local", "netns", "size", "src", "tlvs", "unique_id", "version")

    def __init__(self, version: int, size: int) -> None:
        self.version = version
        self.size = size  # bytes it took from the connection
        self.local = False  # the sender speaks for itself (health check)
        self.src: Any = None
        self.dst: Any = None
        self.tlvs: tuple[tuple[int, bytes], ...] = ()  # in the order sent, without NOOP and CRC32C
        self.alpn = b""
        self.authority = b""
        self.unique_id = b""
        self.netns = b""

    def tlv(self, kind: int) -> bytes | None:
        """Value of the first TLV of that type."""
        for found, value in self.tlvs:
            if found == kind:
                return value
        return None


class Malformed:
    """What was sent is no PROXY header; `reason` is for logs and people."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def parse(data: bytes) -> ProxyHeader | Malformed | None:
    """Reads a header at the start of `data`; `header.size` bytes belong to it. None: it is not complete yet."""
    if data[:1] == b"P":
        return _parse_v1(data)
    if data[:12] == SIGNATURE[: len(data)]:
        return _parse_v2(data) if len(data) >= V2_FIXED else None
    return Malformed("no PROXY protocol signature")


def _parse_v1(data: bytes) -> ProxyHeader | Malformed | None:
    end = data.find(b"\n", 0, V1_MOST)
    if end < 0:
        if len(data) >= V1_MOST:
            return Malformed("PROXY line longer than 107 bytes")
        if data[:6] != b"PROXY "[: len(data)]:
            return Malformed("no PROXY protocol signature")
        return None
    match = _V1.fullmatch(data, 0, end + 1)
    if match is None:
        return Malformed("PROXY line that is not well formed")
    header = ProxyHeader(1, end + 1)
    kind, src, dst, src_port, dst_port = match.groups()
    if kind is None:
        return header
    family = socket.AF_INET if kind == b"TCP4" else socket.AF_INET6
    try:
        header.src = _tuple(family, socket.inet_pton(family, src.decode()), int(src_port))
        header.dst = _tuple(family, socket.inet_pton(family, dst.decode()), int(dst_port))
    except OSError:
        return Malformed("PROXY line with an invalid address")
    if int(src_port) > 65535 or int(dst_port) > 65535:
        return Malformed("PROXY line with a port above 65535")
    return header


def _tuple(family: int, packed: bytes, port: int) -> tuple[Any, ...]:
    """Socket address tuple, in the one spelling that inet_ntop gives."""
    text = socket.inet_ntop(family, packed)
    return (text, port) if family == socket.AF_INET else (text, port, 0, 0)


def _parse_v2(data: bytes) -> ProxyHeader | Malformed | None:
    version, command = data[12] >> 4, data[12] & 15
    family, transport = data[13] >> 4, data[13] & 15
    if version != 2 or command > 1:
        return Malformed("PROXY v2 header with an unknown version or command")
    if family > 3 or transport > 2:
        return Malformed("PROXY v2 header with an unknown family or transport")
    size = V2_FIXED + (data[14] << 8 | data[15])
    if size > V2_MOST:
        return Malformed("PROXY v2 header longer than 16384 bytes")
    local = command == 0
    addresses = _ADDRESS_SIZE[family]
    if addresses > size - V2_FIXED:
        return Malformed("PROXY v2 header too short for its addresses")
    if len(data) < size:
        return None
    header = ProxyHeader(2, size)
    header.local = local
    if not local and transport == 1 and family in (1, 2):
        _addresses(header, data, socket.AF_INET if family == 1 else socket.AF_INET6)
    return _read_tlvs(header, data[:size], V2_FIXED + addresses)


def _addresses(header: ProxyHeader, data: bytes, family: int) -> None:
    each = 4 if family == socket.AF_INET else 16
    ports = V2_FIXED + 2 * each
    src, dst = data[V2_FIXED : V2_FIXED + each], data[V2_FIXED + each : ports]
    header.src = _tuple(family, src, int.from_bytes(data[ports : ports + 2], "big"))
    header.dst = _tuple(family, dst, int.from_bytes(data[ports + 2 : ports + 4], "big"))


def _read_tlvs(header: ProxyHeader, data: bytes, at: int) -> ProxyHeader | Malformed:
    size = len(data)
    found: list[tuple[int, bytes]] = []
    while at < size:
        if at + 3 > size:
            return Malformed("PROXY v2 header with a cut TLV")
        kind, length = data[at], data[at + 1] << 8 | data[at + 2]
        value = data[at + 3 : at + 3 + length]
        if len(value) < length or length > _MOST_OF_TLV.get(kind, V2_MOST):
            return Malformed("PROXY v2 header with a TLV of impossible length")
        if kind == PP2_CRC32C:
            if length != 4:
                return Malformed("PROXY v2 header with a checksum that is not 4 bytes")
            blank = data[: at + 3] + bytes(4) + data[at + 7 :]
            if crc32c(blank) != int.from_bytes(value, "big"):
                return Malformed("PROXY v2 header with a wrong checksum")
        elif kind != PP2_NOOP:
            found.append((kind, value))
        at += 3 + length
    header.tlvs = tuple(found)
    header.alpn = header.tlv(PP2_ALPN) or b""
    header.authority = header.tlv(PP2_AUTHORITY) or b""
    header.unique_id = header.tlv(PP2_UNIQUE_ID) or b""
    header.netns = header.tlv(PP2_NETNS) or b""
    return header


def apply(header: ProxyHeader, session: Session) -> None:
    """Makes the session's addresses those of the header; the connection's own stay in `session.original`."""
    session.proxy_header = header
    if header.src is not None:
        readdress(session, header.src, header.dst)


def readdress(session: Session, src: Any, dst: Any) -> None:
    """Another source and destination, from a header; the connection's own stay in `session.original`."""
    session.original = session.address, session.local
    session.address = src
    session.local = dst
    session.src = session.dst = None
    session.src_port = session.dst_port = 0


def build(stream: Any, server: Any) -> bytes:
    """The header that opens a connection to `server` (its `send_proxy` is the version) for the stream's client.

    `stream` may be a Session, or None for connections of our own (health checks): LOCAL, or UNKNOWN in version 1.
    """
    ends = None if stream is None else _ends(stream.session)
    if server.send_proxy == 1:
        return build_v1(ends)
    records = [] if stream is None else _records(stream, server)
    return build_v2(ends, records, checksum="crc32c" in server.proxy_options)


Ends = tuple[int, bytes, bytes, int, int]  # family, packed source and destination, their ports


def _ends(session: Session) -> Ends | None:
    """Both addresses as rules left them, in one family; None when the client has none (unix sockets)."""
    src, dst = source(session), destination(session)
    if not isinstance(src, bytes) or not isinstance(dst, bytes):
        return None
    if len(src) != len(dst):
        src, dst = _mapped(src), _mapped(dst)
    family = socket.AF_INET if len(src) == 4 else socket.AF_INET6
    return family, src, dst, session.src_port, session.dst_port


def _mapped(packed: bytes) -> bytes:
    """An IPv4 address as IPv6 (RFC 4291, 2.5.5.2)."""
    return packed if len(packed) == 16 else b"\0" * 10 + b"\xff\xff" + packed


def build_v1(ends: Ends | None) -> bytes:
    if ends is None:
        return b"PROXY UNKNOWN\r\n"
    family, src, dst, src_port, dst_port = ends
    name = "TCP4" if family == socket.AF_INET else "TCP6"
    line = f"PROXY {name} {socket.inet_ntop(family, src)} {socket.inet_ntop(family, dst)} {src_port} {dst_port}\r\n"
    return line.encode()


def build_v2(ends: Ends | None, records: list[tuple[int, bytes]], *, checksum: bool = False) -> bytes:
    """A version 2 header: LOCAL without addresses. The checksum stands first, as HAProxy writes it."""
    if ends is None:
        command, kind, body = b"\x20", b"\0", b""
    else:
        family, src, dst, src_port, dst_port = ends
        command, kind = b"\x21", b"\x11" if family == socket.AF_INET else b"\x21"
        body = src + dst + src_port.to_bytes(2, "big") + dst_port.to_bytes(2, "big")
    behind = b"".join(bytes((number,)) + len(value).to_bytes(2, "big") + value for number, value in records)
    if not checksum:
        return SIGNATURE + command + kind + (len(body) + len(behind)).to_bytes(2, "big") + body + behind
    front = SIGNATURE + command + kind + (len(body) + 7 + len(behind)).to_bytes(2, "big") + body + b"\x03\0\x04"
    return front + crc32c(front + bytes(4) + behind).to_bytes(4, "big") + behind


def _records(stream: Any, server: Any) -> list[tuple[int, bytes]]:
    """The TLVs that `set-proxy-v2-tlv-fmt` and `proxy-v2-options` ask for. Facts of TLS come with TLS: a clear
    connection has no authority, and an SSL record that says so."""
    options = server.proxy_options
    found = [(number, make(stream)[:MOST_OF_VALUE]) for number, make in server.records]
    told = [number for number, _ in found]
    if "unique-id" in options and PP2_UNIQUE_ID not in told:
        unique = _unique_id(stream)
        if unique:
            found.append((PP2_UNIQUE_ID, unique))
    if "ssl" in options and stream.session.tls is None:
        found.append((PP2_SSL, bytes(5)))
    return found


def _unique_id(stream: Any) -> bytes:
    unique: bytes = getattr(stream, "unique_id", b"")
    make = stream.frontend.unique_id
    if not unique and make is not None:
        unique = make(stream)
        if stream.stream is not None:
            stream.unique_id = unique
    return unique[:128]
