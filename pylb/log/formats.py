"""The built-in line formats, and the two default ones written out by hand.

`httplog` and `tcplog` are the texts that `option httplog` and `option tcplog` stand for; `http_line` and `tcp_line`
write the same bytes as a compile of those texts would (a test compares them), several times faster: one formatting
operation, timers computed together. They are what most installations log with, for every request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.clock import clock
from pylb.config.environment import PREDEFINED
from pylb.counters import process
from pylb.http.remembered import LONGEST, remembered, room
from pylb.log import escape, facts, timers
from pylb.log.dates import LOCAL, MILLISECONDS, local_ms

if TYPE_CHECKING:
    from pylb.records.stream import Stream

_HTTPLOG: Final = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
)
TEXTS: Final = {
    "httplog": _HTTPLOG,
    "httplog clf": '%{+Q}o %{-Q}ci - - [%trg] %r %ST %B "" "" %cp %ms %ft %b %s '
    "%TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl",
    "tcplog": "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
    "httpslog": f"{_HTTPLOG} %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] "
    "%[ssl_fc_sni]/%sslv/%sslc",
}

PREDEFINED.update(
    HAPROXY_HTTP_LOG_FMT=TEXTS["httplog"],
    HAPROXY_HTTP_CLF_LOG_FMT=TEXTS["httplog clf"],
    HAPROXY_HTTPS_LOG_FMT=TEXTS["httpslog"],
    HAPROXY_TCP_LOG_FMT=TEXTS["tcplog"],
    HAPROXY_TCP_CLF_LOG_FMT='%{+Q}o %{-Q}ci - - [%T] "TCP " 000 %B "" "" %cp '
    '%ms %ft %b %s %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc %sq %bq "" "" ',
)

_SECRETS: Final = {
    "CLIENT_EARLY_TRAFFIC_SECRET": "client_early_traffic_secret",
    "CLIENT_HANDSHAKE_TRAFFIC_SECRET": "client_handshake_traffic_secret",
    "SERVER_HANDSHAKE_TRAFFIC_SECRET": "server_handshake_traffic_secret",
    "CLIENT_TRAFFIC_SECRET_0": "client_traffic_secret_0",
    "SERVER_TRAFFIC_SECRET_0": "server_traffic_secret_0",
    "EXPORTER_SECRET": "exporter_secret",
    "EARLY_EXPORTER_SECRET": "early_exporter_secret",
}
"""Lines of a key log file with the sample that holds each secret (manual, `tune.ssl.keylog`)."""


def _keylog(side: str) -> str:
    """A key log of one side, `fc` or `bc`: a line for each secret."""
    return "\n".join(
        f"{label} %[ssl_{side}_client_random,hex] %[ssl_{side}_{sample}]" for label, sample in _SECRETS.items()
    )


PREDEFINED.update(HAPROXY_KEYLOG_FC_LOG_FMT=_keylog("fc"), HAPROXY_KEYLOG_BC_LOG_FMT=_keylog("bc"))

_search = escape.search_line
_braces = facts.braces
_FEW: Final = 1024
_DIGITS: Final = (*(b"%d" % number for number in range(_FEW)), b"-1")  # _DIGITS[-1] is what stands for "never"


class _Shown(dict[bytes, bytes]):
    """From a request line to what a log shows of it: short ones without a query, because those repeat."""

    __slots__ = ()

    def __missing__(self, line: bytes) -> bytes:
        text = remembered(line)
        if _search(text) is not None:
            text = escape.line(text)
        if len(line) <= 128 and b"?" not in line:
            if len(self) >= _FEW:
                self.clear()
            self[line] = text
        return text


_shown: Final = _Shown()


def remember(size: int | None) -> None:
    """`tune.http.logurilen`: how much of a request line is shown, None for HAProxy's own number."""
    room.size = LONGEST if size is None else size
    _shown.clear()


def http_line(stream: Stream) -> bytes:
    """A line of `option httplog`, without logasap."""
    session = stream.session
    frontend = stream.frontend
    backend = stream.backend
    server = stream.server
    request = stream.request
    start = stream.start

    # Timers: whole milliseconds since the first byte of the request. Idle time and handshake cancel out of all five.
    end = int((clock.now - start) * 1000)
    moment = stream.request_end
    asked = int((moment - start) * 1000) if moment else -1
    moment = stream.connect_start
    if moment:
        queued = int((moment - start) * 1000)
        wait = queued - (asked if asked >= 0 else 0)
        moment = stream.server_connected
        if moment:
            connected = int((moment - start) * 1000)
            connect = connected - queued
            moment = stream.response_end
            answer = int((moment - start) * 1000) - connected if moment else -1
        else:
            connect = answer = -1
    else:
        wait = connect = answer = -1

    if session.src is None:
        client = session.opening or facts.opening(session)
    else:
        client = facts.opening(session)
    wall = stream.start_wall
    second = int(wall)
    if request is None:
        line = facts.BADREQ
    else:
        line = _shown[request.line]
    captured = stream.captures_request
    heads = b""
    if captured is not None or (request is not None and frontend.capture_slots[0]):
        heads = _braces(stream, captured, frontend.capture_slots[0]) + b" "  # type: ignore[operator]
    captured = stream.captures_response
    if captured is not None or (request is not None and frontend.capture_slots[1]):
        heads += _braces(stream, captured, frontend.capture_slots[1]) + b" "  # type: ignore[operator]
    cookies = stream.cookie_captured
    label = frontend.label
    size = stream.bytes_out
    try:
        return b'%b%b.%b] %b%b %b/%b %b/%b/%b/%b/%b %b %b %b%b%b%b%b %b/%b/%b/%b/%b%b %b/%b %b"%b"' % (
            client,
            LOCAL[second],
            MILLISECONDS[int((wall - second) * 1000)],
            label,
            b"" if session.tls is None else b"~",
            label if backend is None else backend.label,
            b"<NOSRV>" if server is None else server.label,
            _DIGITS[asked],
            _DIGITS[wait],
            _DIGITS[connect],
            _DIGITS[answer],
            _DIGITS[end],
            _DIGITS[stream.status],
            _DIGITS[size] if size < _FEW else b"%d" % size,
            b"- - " if cookies is None else _cookies(cookies),
            stream.end_state,
            stream.end_cause,
            stream.cookie_request,
            stream.cookie_response,
            _DIGITS[process.conn_cur],
            _DIGITS[frontend.counters.conn_cur],
            b"0" if backend is None else _DIGITS[backend.counters.conn_cur],
            b"0" if server is None else _DIGITS[server.served],
            b"+" if stream.redispatched else b"",
            _DIGITS[stream.retries],
            _DIGITS[stream.queue_server],
            _DIGITS[stream.queue_backend],
            heads,
            line,
        )
    except IndexError:  # a number that the table does not have: slow requests, crowded proxies
        return b'%b%b.%b] %b%b %b/%b %d/%d/%d/%d/%d %d %d %b%b%b%b%b %d/%d/%d/%d/%b%d %d/%d %b"%b"' % (
            client,
            LOCAL[second],
            MILLISECONDS[int((wall - second) * 1000)],
            label,
            b"" if session.tls is None else b"~",
            label if backend is None else backend.label,
            b"<NOSRV>" if server is None else server.label,
            asked,
            wait,
            connect,
            answer,
            end,
            stream.status,
            size,
            b"- - " if cookies is None else _cookies(cookies),
            stream.end_state,
            stream.end_cause,
            stream.cookie_request,
            stream.cookie_response,
            process.conn_cur,
            frontend.counters.conn_cur,
            0 if backend is None else backend.counters.conn_cur,
            0 if server is None else server.served,
            b"+" if stream.redispatched else b"",
            stream.retries,
            stream.queue_server,
            stream.queue_backend,
            heads,
            line,
        )


def _cookies(captured: tuple[bytes | None, bytes | None]) -> bytes:
    return b"".join([(b"-" if text is None else escape.cookie(text)) + b" " for text in captured])


def tcp_line(stream: Stream) -> bytes:
    """A line of `option tcplog`, without logasap."""
    session = stream.session
    frontend = stream.frontend
    backend = stream.backend
    server = stream.server
    address = session.address
    if session.src is None and address.__class__ is tuple:
        client = address[0]
        port = address[1]
    else:
        client = facts.client_ip(session).decode()
        port = facts.client_port(session)
    began = timers.begun(stream)
    return b"%b:%d [%b] %b%b %b/%b %d/%d/%d %d %b%b %d/%d/%d/%d/%b%d %d/%d" % (
        client.encode(),
        port,
        local_ms(stream.start_wall - (stream.start - began)),
        frontend.label,
        b"" if session.tls is None else b"~",
        frontend.label if backend is None else backend.label,
        b"<NOSRV>" if server is None else server.label,
        timers.queue(stream),
        timers.connect(stream),
        timers.total_now(stream),
        stream.bytes_out,
        stream.end_state,
        stream.end_cause,
        process.conn_cur,
        frontend.counters.conn_cur,
        0 if backend is None else backend.counters.conn_cur,
        0 if server is None else server.served,
        b"+" if stream.redispatched else b"",
        stream.retries,
        stream.queue_server,
        stream.queue_backend,
    )


def connect_line(stream: Stream) -> bytes:
    """The line of a frontend without any format: one per accepted connection (or request), when it begins."""
    session = stream.session
    frontend = stream.frontend
    mode = b"HTTP" if frontend.http else b"TCP"
    return b"Connect from %b:%d to %b:%d (%b/%b)" % (
        facts.client_ip(session),
        facts.client_port(session),
        facts.frontend_ip(session) or b"unix",
        facts.frontend_port(session),
        frontend.label,
        mode,
    )
