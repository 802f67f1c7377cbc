"""What stands before a client's first byte: a NetScaler client IP header, then a PROXY header, as far as asked for.

    data = yield from handshake.perform(run, conn, session, wanted, timers)

returns the bytes behind the headers, None when the connection is to be closed. A failure is logged (manual 8.2.6) with
HAProxy's sentences, or in the `error-log-format`; without a byte received `option dontlognull` keeps it quiet. It may
take `timeout client-hs`, else `timeout client`. HAProxy leaves what it does not like unread, so that its close is a
reset; ours is one too.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.engine.step import KILLED, Part, Runner
from pylb.listener import netscaler, proxy_protocol
from pylb.records import handshakes
from pylb.records.handshakes import NETSCALER, PROXY
from pylb.records.stream import Stream

if TYPE_CHECKING:
    from pylb.engine.timers import Timers
    from pylb.engine.transport import Transport
    from pylb.records.session import Session

ONCE: Final = 16384

_V1: Final = re.compile(rb"PROXY (?:TCP[46] |UNKNOWN(?: |\r\n))")
_CLOSED, _FAILED, _LATE, _CUT = range(4)  # offsets from the first number of either protocol


def perform(run: Runner, conn: Transport, session: Session, wanted: int, timers: Timers) -> Part[bytes | None]:
    """Reads the headers that `wanted` names into the session."""
    began = clock.now
    frontend = session.frontend
    limit = began + (frontend.config.timeout("client-hs") or frontend.timeout_client or math.inf)
    own = session.address, session.local
    data = b""
    for kind, first in ((NETSCALER, handshakes.CIP_CLOSED), (PROXY, handshakes.PROXY_CLOSED)):
        if not wanted & kind:
            continue
        parse = _netscaler if kind == NETSCALER else _proxy
        while True:
            taken = parse(data, session) if data else 0
            if taken > 0:
                data = data[taken:]
                break
            if taken < 0:
                _fail(conn, session, -taken, data)
                return None
            if conn.readable:
                more = conn.read(ONCE)
                if more:
                    data += more
                    continue
            if conn.eof:
                _fail(conn, session, first + (_CUT if data else _FAILED if conn.error else _CLOSED), data)
                return None
            if clock.now >= limit:
                _fail(conn, session, first + _LATE, data)
                return None
            if limit < run.armed:
                timers.arm(run, limit)
            reason = yield
            if reason == KILLED:
                return None
    if session.original is not None:
        session.original = own
    session.handshake_time = clock.now - began
    return data


def _netscaler(data: bytes, session: Session) -> int:
    """Bytes that the header took, 0 when more is needed, a negative failure."""
    header = netscaler.parse(data, session.listener.magic)
    if header is None:
        return 0
    if isinstance(header, netscaler.Malformed):
        return -header.failure
    proxy_protocol.readdress(session, header.src, header.dst)
    return header.size


def _proxy(data: bytes, session: Session) -> int:
    header = proxy_protocol.parse(data)
    if header is None:
        return 0
    if isinstance(header, proxy_protocol.Malformed):
        return -_failure(data)
    proxy_protocol.apply(header, session)
    return header.size


def _failure(data: bytes) -> int:
    """Which failure HAProxy sees in bytes that are no PROXY header."""
    if data[:6] == b"PROXY ":
        return handshakes.PROXY_INVALID if _V1.match(data) else handshakes.PROXY_UNHANDLED
    if data[:12] == proxy_protocol.SIGNATURE and data[12] >> 4 == 2:
        if len(data) < proxy_protocol.V2_FIXED + int.from_bytes(data[14:16], "big") > proxy_protocol.V2_MOST:
            return handshakes.PROXY_CLOSED + _CUT  # longer than any buffer: its end will not be seen
        return handshakes.PROXY_INVALID
    return handshakes.PROXY_ABSENT


def _fail(conn: Transport, session: Session, code: int, data: bytes) -> None:
    session.failure = code
    if data:
        conn.reset_on_close()
    log: Any = session.frontend.log
    if log is not None:
        stream = Stream(session, session.accept_time, session.accept_wall)
        stream.received = len(data)
        log.refused(stream, handshakes.MESSAGES[code])
