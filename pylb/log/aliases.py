"""The `%` aliases of log formats (manual 8.2.6): one declaration each, reading a finished stream.

An alias works wherever a format does: in `http-request set-header` it reads the stream as far as it has come. Dates and
timers are in aliases_time.py. See registry.alias for what a factory returns.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb import counters
from pylb.log import escape, facts
from pylb.log.origins import current
from pylb.registry import alias
from pylb.sample.values import MISS, Absent

if TYPE_CHECKING:
    from pylb.records.stream import Stream

Read = Callable[["Stream"], "bytes | int | Absent | None"]


def _address(read: Callable[[Stream], bytes | None], argument: str) -> Read:
    """An address as text, or under +X as eight (IPv4) or 32 (IPv6) hexadecimal digits, which +Q does not quote."""
    if "X" not in argument:
        if "Q" not in argument:
            return lambda stream: read(stream) or MISS
        return lambda stream: b'"%b"' % (read(stream) or b"")

    def hexadecimal(stream: Stream) -> bytes | Absent:
        text = read(stream)
        if text is None:
            return MISS
        if text == b"unix":
            return text
        family = socket.AF_INET6 if b":" in text else socket.AF_INET
        return socket.inet_pton(family, text.decode()).hex().upper().encode()

    return hexadecimal


def _number(read: Callable[[Stream], int], argument: str) -> Read:
    """A number, under +X with four or more hexadecimal digits."""
    if "X" not in argument:
        return read
    return lambda stream: b"%04X" % read(stream)


def _port(read: Callable[[Stream], int | None], argument: str) -> Read:
    """The port of a connection that there may not have been."""

    def port(stream: Stream) -> bytes | int | Absent:
        number = read(stream)
        if number is None:
            return MISS
        return b"%04X" % number if "X" in argument else number

    return port


def _logasap(stream: Stream) -> bool:
    log = stream.frontend.log
    return log is not None and log.marks


# -- connections -----------------------------------------------------------------------------------------------------


@alias("ci", when="accept", verbatim=True)
def client_ip(argument: str) -> Read:
    """Client address: the connection's, or what a PROXY header or a rule put in its place; `unix` for sockets."""
    return _address(lambda stream: facts.client_ip(stream.session), argument)


@alias("cp", when="accept", verbatim=True)
def client_port(argument: str) -> Read:
    """Client port."""
    return _number(lambda stream: facts.client_port(stream.session), argument)


@alias("fi", when="accept", verbatim=True)
def frontend_ip(argument: str) -> Read:
    """Address the client connected to."""
    return _address(lambda stream: facts.frontend_ip(stream.session), argument)


@alias("fp", when="accept", verbatim=True)
def frontend_port(argument: str) -> Read:
    """Port the client connected to."""
    return _number(lambda stream: facts.frontend_port(stream.session), argument)


@alias("bi", when="connect", source=True, verbatim=True)
def backend_source_ip(argument: str) -> Read:
    """Local address of the connection to the server."""

    def read(stream: Stream) -> bytes | None:
        address = facts.source(stream)
        return None if address is None else facts.address_text(address)

    return _address(read, argument)


@alias("bp", when="connect", source=True, verbatim=True)
def backend_source_port(argument: str) -> Read:
    """Local port of the connection to the server."""

    def read(stream: Stream) -> int | None:
        address: Any = facts.source(stream)
        return address[1] if isinstance(address, tuple) else None

    return _port(read, argument)


@alias("si", when="connect", verbatim=True)
def server_ip(argument: str) -> Read:
    """Address of the server."""
    return _address(facts.server_ip, argument)


@alias("sp", when="connect", verbatim=True)
def server_port(argument: str) -> Read:
    """Port of the server."""
    return _port(facts.server_port, argument)


# -- names -----------------------------------------------------------------------------------------------------------


@alias("f", when="accept")
def frontend_name(argument: str) -> Read:
    """Name of the frontend."""
    return lambda stream: stream.frontend.label


@alias("ft", when="accept")
def frontend_name_transport(argument: str) -> Read:
    """Name of the frontend, followed by `~` when the client speaks TLS."""
    return facts.transport_name


@alias("b", when="connect")
def backend_name(argument: str) -> Read:
    """Name of the backend; the frontend's when none was chosen."""
    return facts.backend_name


@alias("s", when="connect")
def server_name(argument: str) -> Read:
    """Name of the server, `<NOSRV>` when none was chosen."""
    return facts.server_name


@alias("H", when="accept")
def hostname(argument: str) -> Read:
    """Host name of this machine."""
    name = socket.gethostname().encode()
    return lambda stream: name


@alias("pid", when="accept", verbatim=True)
def process_id(argument: str) -> Read:
    """Process id."""
    return _number(lambda stream: os.getpid(), argument)


@alias("ID", when="end")
def unique_id(argument: str) -> Read:
    """The unique id made by `unique-id-format`."""

    def read(stream: Stream) -> bytes | Absent:
        if not stream.unique_id and stream.request is not None and stream.frontend.unique_id is not None:
            stream.unique_id = stream.frontend.unique_id(stream)
        return stream.unique_id or MISS

    return read


# -- the request -----------------------------------------------------------------------------------------------------

for _name, _read, _doc in (
    ("r", facts.request_line, "The request line as received; `<BADREQ>` when it could not be understood."),
    ("HM", facts.method, "Method of the request."),
    ("HU", facts.uri, "Target of the request with its query string."),
    ("HP", facts.uri_without_query, "Target of the request without its query string."),
    ("HPO", facts.path, "Path of the request, without scheme, host and query string."),
    ("HV", facts.version, "Version of the request, like HTTP/1.1."),
):
    alias(_name, http=True, when="request", doc=_doc)(lambda argument, read=_read: read)


@alias("HQ", http=True, when="request", verbatim=True)
def query_string(argument: str) -> Read:
    """Query string of the request with its question mark; empty, not `-`, when there is none."""
    if "Q" not in argument:
        return facts.query
    return lambda stream: b'"%b"' % facts.query(stream)


@alias("ST", when="response")
def status(argument: str) -> Read:
    """Status sent to the client, -1 when there was none; 0 in mode tcp."""
    return lambda stream: stream.status if stream.frontend.http or stream.request is not None else 0


# -- bytes and counts ------------------------------------------------------------------------------------------------


@alias("B", when="end", verbatim=True)
def bytes_read(argument: str) -> Read:
    """Bytes sent to the client; a `+` stands before it under `option logasap`."""
    return lambda stream: b"+%d" % stream.bytes_out if _logasap(stream) else stream.bytes_out


@alias("U", when="end", verbatim=True)
def bytes_uploaded(argument: str) -> Read:
    """Bytes sent to the server; a `+` stands before it under `option logasap`."""
    return lambda stream: b"+%d" % stream.bytes_in if _logasap(stream) else stream.bytes_in


@alias("ac", when="end")
def process_connections(argument: str) -> Read:
    """Client connections of the process when the line is written."""
    total = counters.process
    return lambda stream: total.conn_cur


@alias("fc", when="end")
def frontend_connections(argument: str) -> Read:
    """Connections of the frontend when the line is written."""
    return lambda stream: stream.frontend.counters.conn_cur


@alias("bc", when="end")
def backend_connections(argument: str) -> Read:
    """Streams of the backend when the line is written."""
    return lambda stream: 0 if stream.backend is None else stream.backend.counters.conn_cur


@alias("sc", when="end")
def server_connections(argument: str) -> Read:
    """Streams of the server when the line is written."""
    return lambda stream: 0 if stream.server is None else stream.server.served


@alias("rc", when="end", verbatim=True)
def retries(argument: str) -> Read:
    """Connection retries; a `+` stands before it when the stream was redispatched to another server."""
    return lambda stream: b"+%d" % stream.retries if stream.redispatched else stream.retries


@alias("sq", when="end")
def server_queue(argument: str) -> Read:
    """Streams that were before this one in the server's queue."""
    return lambda stream: stream.queue_server


@alias("bq", when="end")
def backend_queue(argument: str) -> Read:
    """Streams that were before this one in the backend's queue."""
    return lambda stream: stream.queue_backend


@alias("rt", when="accept", verbatim=True)
def request_counter(argument: str) -> Read:
    """Running number of the stream in this process."""
    return _number(lambda stream: stream.number, argument)


@alias("lc", when="accept", verbatim=True)
def log_counter(argument: str) -> Read:
    """How many lines the frontend has logged before this one."""
    return _number(lambda stream: 0 if stream.frontend.log is None else stream.frontend.log.count, argument)


# -- captures and states ---------------------------------------------------------------------------------------------


@alias("hr", when="request")
def request_captures(argument: str) -> Read:
    """Captured request headers between braces, `|` between them; nothing when none are declared."""
    return lambda stream: facts.braces(stream, stream.captures_request, stream.frontend.capture_slots[0])


@alias("hs", when="response")
def response_captures(argument: str) -> Read:
    """Captured response headers between braces, `|` between them; nothing when none are declared."""
    return lambda stream: facts.braces(stream, stream.captures_response, stream.frontend.capture_slots[1])


def _list(argument: str, side: int) -> Read:
    quoted = "Q" in argument
    escaped = "E" in argument
    attribute = ("captures_request", "captures_response")[side]
    absent = b'""' if quoted else b"-"

    def one(text: bytes | None) -> bytes:
        if text is None:
            return absent
        text = escape.header(text)
        if escaped:
            text = escape.structured(text)
        return b'"%b"' % text if quoted else text

    def read(stream: Stream) -> bytes | None:
        captures = getattr(stream, attribute)
        if captures is None:
            if stream.request is None or not stream.frontend.capture_slots[side]:
                return None
            captures = [None] * stream.frontend.capture_slots[side]
        return b" ".join([one(text) for text in captures])

    return read


@alias("hrl", when="request", verbatim=True)
def request_capture_list(argument: str) -> Read:
    """Captured request headers as separate fields, for CLF."""
    return _list(argument, 0)


@alias("hsl", when="response", verbatim=True)
def response_capture_list(argument: str) -> Read:
    """Captured response headers as separate fields, for CLF."""
    return _list(argument, 1)


def _cookie(stream: Stream, side: int) -> bytes | Absent:
    captured = stream.cookie_captured
    text = None if captured is None else captured[side]
    return MISS if text is None else escape.cookie(text)


@alias("CC", http=True, when="request")
def request_cookie(argument: str) -> Read:
    """Cookie captured in the request, as name=value."""
    return lambda stream: _cookie(stream, 0)


@alias("CS", http=True, when="response")
def response_cookie(argument: str) -> Read:
    """Cookie captured in the response, as name=value."""
    return lambda stream: _cookie(stream, 1)


@alias("ts", when="end", verbatim=True)
def termination(argument: str) -> Read:
    """Termination state: who ended the stream, and in which phase (manual 8.5)."""
    return lambda stream: stream.end_state + stream.end_cause


@alias("tsc", when="end", verbatim=True)
def termination_cookies(argument: str) -> Read:
    """Termination state, followed by the state of the persistence cookie in the request and in the response."""
    return lambda stream: stream.end_state + stream.end_cause + stream.cookie_request + stream.cookie_response


@alias("sslv", when="accept")
def tls_version(argument: str) -> Read:
    """TLS version of the client connection."""
    return lambda stream: _tls(stream, "version")


@alias("sslc", when="accept")
def tls_cipher(argument: str) -> Read:
    """Cipher of the client connection."""
    return lambda stream: _tls(stream, "cipher")


def _tls(stream: Stream, fact: str) -> bytes | Absent:
    tls = stream.session.tls
    value = None if tls is None else getattr(tls, fact)
    if value is None:
        return MISS
    return value if isinstance(value, bytes) else str(value).encode()


@alias("OG", when="accept")
def origin(argument: str) -> Read:
    """What caused the line: txn_accept, txn_request, txn_connect, txn_response, txn_close, sess_error; for lines of
    `do-log` the name of the rules."""

    def read(stream: Stream) -> bytes:
        if current.name:
            return current.name
        log = stream.frontend.log
        if log is None:
            return b"unspec"
        if log.early:
            return b"txn_accept"
        if log.asap and not stream.end:
            return b"txn_response" if stream.frontend.http else b"txn_connect"
        return b"txn_close"

    return read
