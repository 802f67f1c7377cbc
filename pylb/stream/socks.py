"""Connections through a SOCKS4 proxy (server option `socks4`; the protocol: "SOCKS: A protocol for TCP proxy", 1992).

The proxy is asked for the server's IPv4 address and port; nothing else is sent before it agrees.
"""

from __future__ import annotations

import errno
import math
import socket
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.engine.step import KILLED, TIMEOUT, Part, Runner
from pylb.engine.transport import Transport

if TYPE_CHECKING:
    from pylb.records.stream import Stream
    from pylb.stream.worker import Worker

CONNECT: Final = b"\x04\x01"
USER: Final = b"HAProxy\0"  # what HAProxy calls itself
REPLY_SIZE: Final = 8
GRANTED: Final = 90


def request(address: Any) -> bytes:
    """Asks for a connection to an IPv4 address; b"" for what SOCKS4 cannot reach."""
    if not isinstance(address, tuple) or len(address) != 2:
        return b""
    host, port = str(address[0]), int(address[1])
    return CONNECT + port.to_bytes(2, "big") + socket.inet_aton(host) + USER


def granted(run: Runner, stream: Stream, worker: Worker, transport: Transport) -> Part[int]:
    """Waits for the proxy's answer on a connection that carries the request: 0, or an errno."""
    limit = clock.now + (stream.backend.timeout_connect or math.inf)
    answer = b""
    while len(answer) < REPLY_SIZE:
        data = transport.read(REPLY_SIZE - len(answer)) if transport.readable else None
        if data:
            answer += data
            continue
        if transport.eof or transport.error:
            return transport.error or errno.ECONNRESET
        if limit < run.armed:
            worker.poller.timers.arm(run, limit)
        reason = yield
        if reason == KILLED:
            return errno.ECANCELED
        if reason == TIMEOUT and clock.now >= limit:
            return errno.ETIMEDOUT
    return 0 if answer[0] in (0, 4) and answer[1] == GRANTED else errno.ECONNREFUSED
