"""A finished stream as the log room sees it, on a clock set by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pylb.clock import clock
from pylb.http.message import Request
from pylb.records.proxy import Backend, Frontend
from pylb.records.session import Session
from pylb.records.stream import Stream

WALL = 1795372966.128  # 22 Nov 2026 18:42:46 UTC
NOW = 1000.0


def proxies(front: str = "fe", back: str = "be") -> tuple[Frontend, Backend]:
    frontend = Frontend(front, 2, SimpleNamespace(name=front))
    frontend.http = True
    backend = Backend(back, 3, SimpleNamespace(name=back, get=lambda name: None))
    backend.http = True
    return frontend, backend


def finished(line: bytes = b"GET /a/b?x=1 HTTP/1.1", frontend: Any = None, backend: Any = None) -> Stream:
    """A request from 10.0.0.1 that took 1/2/3/4 and 5 ms of data, after 20 ms of idleness."""
    if frontend is None:
        frontend, backend = proxies()
    session = Session(
        frontend,
        SimpleNamespace(id=1, name="li", options={"name": "li"}),
        None,
        ("10.0.0.1", 4711),
        NOW - 0.02,
        WALL - 0.02,
    )
    session.local = ("10.0.0.2", 80)
    session.streams = 1
    stream = Stream(session, NOW, WALL)
    stream.idle_time = 0.0205
    stream.request = Request(b"GET", b"/a/b?x=1", 11, [])
    stream.request.line = line
    stream.backend = backend
    stream.server = SimpleNamespace(label=b"s1", served=0, sockaddr=("10.0.0.3", 8080))
    stream.request_end = NOW + 0.0011
    stream.connect_start = NOW + 0.0033
    stream.server_connected = NOW + 0.0066
    stream.response_end = NOW + 0.0111
    stream.status = 200
    stream.bytes_out = 93
    stream.bytes_in = 102
    clock.now = NOW + 0.0166
    clock.offset = WALL - NOW
    return stream
