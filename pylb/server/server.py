"""A server at run time: one plain record that the data plane, the algorithms and the runtime socket share.

`build(line, backend, number)` turns a parsed `server` line into a Server and places it (server/places.py), at start.
The hot path reads attributes only. Changing a state or a weight goes through server/state.py, which tells the
algorithm; taking and giving back a slot goes through server/assign.py. Nothing here knows a socket in use.
"""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.balance.weights import SCALE
from pylb.counters import ProxyCounters
from pylb.server.places import AT_START, RESOLVED_LATER, place, place_literal
from pylb.server.state import Admin, Operation, alive, effective_weight, status

if TYPE_CHECKING:
    from pylb.config.model import ServerLine
    from pylb.records.proxy import Backend


POOL_MOST: Final = 2048  # idle connections kept per server when pool-max-conn says nothing


class Server:
    """One server of one backend. Lives as long as the compiled program, or until `del server`.

    # Invariant: `usable` is True exactly when new streams may be balanced to it (up, effective weight not 0).
    # Invariant: `served` is the number of streams whose `slot` is this server.
    """

    __slots__ = (
        "address",  # packed address, None for unix sockets or while not resolved
        "admin",  # state.Admin flags: who wants it in maintenance or drained
        "backend",
        "backup",
        "checked",  # True when a health check decides its state (issue of the health room)
        "cookie",  # bytes: persistence cookie value, b"" when it has none
        "counters",
        "destination",  # None, or a function(session) -> sockaddr where the client's address or port is used
        "down_time",  # seconds spent down, without the current outage
        "dynamic",  # it came by the runtime command `add server`
        "eweight",  # effective weight: user weight scaled, less during slowstart, 0 when drained
        "family",  # socket.AF_INET, AF_INET6 or AF_UNIX
        "host",  # text of the address: name or numeric, path of a unix socket
        "id",  # HAProxy's puid: `id`, else the position in the backend
        "idle",  # idle connections, kept by the pool
        "impersonates",  # argument of usesrc, or ""
        "initial_weight",
        "label",  # name as bytes, for logs
        "last_change",  # monotonic seconds of the last state change
        "lb",  # the algorithm's own node for this server
        "attempts",  # local ports that a connect may try
        "alive",  # up for persistence at the last refresh: neither down nor in maintenance
        "line",  # config.model.ServerLine
        "marked",  # rules may set marks on its connections (set-bc-mark, set-bc-tos)
        "maxconn",  # 0: no limit
        "maxqueue",  # 0: no limit
        "minconn",
        "name",
        "named",  # function(stream) -> bytes: the name of its connection (pool-conn-name), or None
        "needed",  # connections that were in use at a time lately (server/pool.py)
        "number",  # 0-based position in the backend
        "opener",  # None, or function(family, session) -> socket in another namespace (server/namespaces.py)
        "observers",  # functions(server, cause) called after a state change
        "operation",  # state.Operation: stopped, starting, running, stopping
        "particular",  # its connections differ: destination, or what they begin with
        "pinned",  # rules, expressions or tracking servers of the configuration name it: it cannot be removed
        "pool_limit",  # idle connections kept
        "pool_max",  # pool-max-conn: -1 no limit of its own
        "most_heads",  # requests that one connection may carry (max-reuse), infinity without a limit
        "port",
        "proxy_options",  # proxy-v2-options words
        "purge_at",  # when idle connections are looked at again
        "queue",  # server.waiting.Queue: streams that wait for this very server
        "records",  # (type, function(stream) -> bytes) of set-proxy-v2-tlv-fmt
        "redirect",  # redir prefix as bytes, or b""
        "resolved",  # False while its name is not resolved (init-addr none)
        "send_proxy",  # 0, 1 or 2: version of the PROXY header that opens a connection
        "served",
        "slowstart",  # seconds, 0: none
        "socks",  # socket address of the SOCKS4 proxy in front of it, or None
        "sockaddr",  # ready for connect_ex; None when `destination` must be asked
        "prepare",  # None, or function(socket, session) before a connect (server/outgoing.py)
        "ramp",  # sixteenths of the weight in force: less than 16 while it starts slowly
        "warming",  # the timer of a slow start that is under way, else None
        "throttle",  # per cent of maxconn in force while it starts slowly, 100 else
        "tls",  # None: clear; set by the tls room
        "track",  # the server whose state this one follows, or None
        "trackers",  # servers that follow this one
        "usable",
        "values",  # everything the server line stored, by option name
        "weight",  # user weight, 0..256
        "weight_shown",  # the weight in force, in sixteenths; in maintenance it is the one from before
    )

    def __init__(self, name: str, backend: Backend | Any, number: int = 0) -> None:
        self.name = name
        self.label = name.encode("utf-8", "surrogateescape")
        self.backend = backend
        self.number = number
        self.id = number + 1
        self.line: ServerLine | None = None
        self.values: dict[str, Any] = {}
        self.family = socket.AF_INET
        self.host = ""
        self.port = 0
        self.address: bytes | None = None
        self.sockaddr: Any = None
        self.destination: Callable[[Any], Any] | None = None
        self.resolved = True
        self.prepare: Callable[[Any, Any], None] | None = None
        self.attempts = 1
        self.impersonates = ""
        self.marked = False
        self.opener: Callable[[int, Any], Any] | None = None
        self.named: Callable[[Any], Any] | None = None
        self.particular = False
        self.needed = 0
        self.purge_at = 0.0
        self.socks: Any = None
        self.records: tuple[tuple[int, Callable[[Any], bytes]], ...] = ()
        self.send_proxy = 0
        self.proxy_options: tuple[str, ...] = ()
        self.tls: Any = None
        self.weight = self.initial_weight = 1
        self.eweight = SCALE
        self.ramp = SCALE
        self.throttle = 100
        self.weight_shown = SCALE
        self.warming: Any = None
        self.backup = False
        self.maxconn = self.minconn = self.maxqueue = 0
        self.slowstart = 0.0
        self.cookie = b""
        self.redirect = b""
        self.pool_max = -1
        self.pool_limit = POOL_MOST
        self.most_heads = math.inf
        self.checked = False
        self.dynamic = False
        self.pinned = False
        self.track: Server | None = None
        self.trackers: list[Server] = []
        self.operation = Operation.RUNNING
        self.admin = Admin.NONE
        self.usable = True
        self.alive = True
        self.last_change = 0.0
        self.down_time = 0.0
        self.observers: list[Callable[[Server, str], None]] = []
        self.served = 0
        self.queue: Any = None
        self.idle: list[Any] = []
        self.counters = ProxyCounters(member=True)
        self.lb: Any = None

    def __repr__(self) -> str:
        return f"<Server {self.backend.name}/{self.name} {self.status}>"

    @property
    def status(self) -> str:
        """UP, DOWN, MAINT, DRAIN ... as `show stat` prints it for a server without running transitions."""
        return status(self)

    def sockaddr_for(self, session: Any) -> Any:
        """Where to connect for this client: the fixed address, or the mapped one."""
        return self.destination(session) if self.destination is not None else self.sockaddr

    def settle(self) -> None:
        """Whether its connections differ from each other, so that each request has to find one that fits."""
        self.particular = bool(
            self.destination is not None or self.send_proxy or self.impersonates or self.named or self.marked
        )

    def limit(self) -> int:
        """How many streams it may serve now (`maxconn`, between minconn and maxconn by the backend's load); 0: any."""
        most = self.maxconn
        backend = self.backend
        if self.minconn != most and backend.fullconn and backend.counters.conn_cur < backend.fullconn:
            most = max(self.minconn, backend.counters.conn_cur * most // backend.fullconn)
        if self.throttle < 100:
            most = max(1, most * self.throttle // 100)
        return most

    def saturated(self) -> bool:
        """A balancing algorithm passes it over: at its limit, or streams already wait for it."""
        return self.maxconn != 0 and (bool(self.queue) or self.served >= self.limit())


def build(line: ServerLine, backend: Backend | Any, number: int) -> Server:
    """The server of a parsed line; raises ConfigError where its name does not resolve and nothing else is allowed."""
    values = line.values
    server = Server(line.name, backend, number)
    server.line = line
    server.values = values
    for name, value in values.items():
        if name in _COPIED:
            setattr(server, _COPIED[name], value)
    server.initial_weight = server.weight
    _settle_limits(server)
    if "slowstart" in values:
        server.slowstart = values["slowstart"] / 1000
    if server.pool_max >= 0:
        server.pool_limit = server.pool_max
    if values.get("max-reuse", -1) >= 0:
        server.most_heads = values["max-reuse"]
    server.checked = bool(values.get("check") or values.get("agent-check"))
    if values.get("disabled"):
        server.admin = Admin.MAINT | Admin.CONFIG_MAINT
    if line.address is not None and not place_literal(server, line.address):
        place(server, line.address, values.get("init-addr", RESOLVED_LATER if "resolvers" in values else AT_START))
    if not server.resolved:
        server.admin |= Admin.UNRESOLVED
    server.eweight = effective_weight(server)
    server.weight_shown = server.weight * SCALE
    server.usable = server.eweight > 0
    if server.admin is not Admin.NONE:
        server.alive = alive(server)
    return server


_COPIED: Final = {
    "pool-max-conn": "pool_max",
    "id": "id",
    "weight": "weight",
    "backup": "backup",
    "maxconn": "maxconn",
    "minconn": "minconn",
    "maxqueue": "maxqueue",
    "cookie": "cookie",
    "redir": "redirect",
    "send-proxy": "send_proxy",
    "proxy-v2-options": "proxy_options",
}
"""Options whose values are attributes as they are."""


def _settle_limits(server: Server) -> None:
    """A minconn alone is a maxconn; a minconn above it raises it (configuration manual, 5.2 `minconn`)."""
    if server.minconn > server.maxconn:
        server.maxconn = server.minconn
    elif not server.minconn:
        server.minconn = server.maxconn
