"""The client side of one connection, shared by all streams that it carries."""

from __future__ import annotations

from typing import Any


class Session:
    """A client connection. Lives from accept to the end of its last stream. A context for connection rules.

    Contexts: fetches take a Session or a Stream as `ctx`. Both have `session`, `stream`, `request`, `response`,
    `frontend`, `backend`, `server` and `final`; what does not exist yet is None. Addresses are packed bytes
    (4 or 16 long, None for unix sockets), ports ints (0 when there is none).
    """

    __slots__ = (
        "accept_time",  # monotonic seconds at accept
        "accept_wall",  # wall-clock seconds at accept
        "address",  # tuple as accept() returned it, or str for unix sockets
        "captures",  # list, frontend captures at connection level, or None
        "current",  # the stream under way, for `show sess`; None between streams
        "connection",  # the transport (stream/transport.py)
        "dst",  # packed destination address seen by rules (set-dst changes it), None until asked for
        "dst_port",
        "failure",  # why a handshake failed: see records/handshakes.py, which reads it
        "final",  # True once nothing more can arrive: WAIT becomes MISS
        "frontend",  # records.proxy.Frontend
        "handshakes",  # headers to come, bits of records/handshakes.py; for tcp-request connection rules only
        "handshake_time",  # seconds spent in PROXY header and TLS, for %Th
        "listener",  # listener.bind.Listener
        "local",  # local address tuple, None until asked for
        "opening",  # what its log lines begin with, once made (log/facts.py)
        "original",  # (source, local address or None) of the connection, once a PROXY header replaced them
        "proxy_header",  # listener.proxy_protocol.ProxyHeader when one was received, else None
        "src",  # packed source address seen by rules, None until asked for (see fetches/layer4.py)
        "src_port",
        "stick",  # tracked counters of the connection, or None
        "streams",  # how many streams it has carried
        "tls",  # tls session facts, or None
        "variables",  # dict for the sess scope, or None
    )

    failure: int  # these two are not there before something is written
    handshakes: int

    stream = None
    request = None
    response = None
    backend = None
    server = None

    def __init__(self, frontend: Any, listener: Any, connection: Any, address: Any, now: float, wall: float) -> None:
        self.frontend = frontend
        self.listener = listener
        self.connection = connection
        self.address = address
        self.accept_time = now
        self.accept_wall = wall
        self.handshake_time = 0.0
        self.src: bytes | None = None
        self.src_port = 0
        self.dst: bytes | None = None
        self.dst_port = 0
        self.local: Any = None
        self.original: Any = None
        self.opening = b""
        self.proxy_header: Any = None
        self.tls: Any = None
        self.variables: dict[str, Any] | None = None
        self.captures: Any = None
        self.stick: Any = None
        self.streams = 0
        self.current: Any = None
        self.final = False

    @property
    def session(self) -> Session:
        return self
