"""State of frontends, backends and servers, and which of them the stream uses (manual 7.3.2, 7.3.3).

The objects arrive resolved: a reference without a name means the proxy in which the expression stands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pylb.clock import clock
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch


def _usable(backend: Any) -> list[Any]:
    """Servers that can take streams: the active ones, or the backups when no active one is left."""
    active = [server for server in backend.servers if server.usable and not server.backup]
    return active or [server for server in backend.servers if server.usable and server.backup]


@fetch("nbsrv", out="int", scope=Scope.INTERNAL, args=("backend",))
def nbsrv(backend: Any) -> Fetch:
    """Number of usable servers of <backend>: 0 when it cannot serve."""
    return lambda ctx: sum(server.usable for server in backend.servers)


@fetch("be_conn", out="int", scope=Scope.INTERNAL, args=("backend",))
def be_conn(backend: Any) -> Fetch:
    """Streams now in <backend>, queued ones included."""
    return lambda ctx: backend.counters.conn_cur


def waiting(backend: Any) -> int:
    """Streams queued in a backend and at its servers."""
    total = len(backend.queue) if backend.queue is not None else 0
    return total + sum(len(server.queue) for server in backend.servers if server.queue is not None)


@fetch("be_conn_free", out="int", scope=Scope.INTERNAL, args=("backend",))
def be_conn_free(backend: Any) -> Fetch:
    """Connections that the usable servers of <backend> can still take; -1 when one of them has no limit."""

    def read(ctx: Any) -> Any:
        servers = _usable(backend)
        if any(not server.maxconn for server in servers):
            return -1
        return sum(max(0, server.maxconn - server.served) for server in servers)

    return read


@fetch("connslots", out="int", scope=Scope.INTERNAL, args=("backend",))
def connslots(backend: Any) -> Fetch:
    """Connections and queue places that the servers of <backend> have left; -1 when one has no limit of either."""

    def read(ctx: Any) -> Any:
        total = 0
        for server in backend.servers:
            if not server.usable:
                continue
            if not server.maxconn or not server.maxqueue:
                return -1
            queued = len(server.queue) if server.queue is not None else 0
            total += server.maxconn - server.served + server.maxqueue - queued
        return max(0, total)

    return read


@fetch("queue", out="int", scope=Scope.INTERNAL, args=("backend",))
def queue(backend: Any) -> Fetch:
    """Streams that wait in <backend> for a server, those queued at one server included."""
    return lambda ctx: waiting(backend)


@fetch("avg_queue", out="int", scope=Scope.INTERNAL, args=("backend",))
def avg_queue(backend: Any) -> Fetch:
    """Queued streams of <backend> divided by its usable servers, rounded up; twice the queue when there is none."""

    def read(ctx: Any) -> Any:
        servers = len(_usable(backend))
        queued = waiting(backend)
        return math.ceil(queued / servers) if servers else queued * 2

    return read


@fetch("be_sess_rate", out="int", scope=Scope.INTERNAL, args=("backend",))
def be_sess_rate(backend: Any) -> Fetch:
    """Streams that <backend> took during the last second."""
    return lambda ctx: backend.counters.sess_rate.read(clock.now)


@fetch("fe_conn", out="int", scope=Scope.INTERNAL, args=("frontend",))
def fe_conn(frontend: Any) -> Fetch:
    """Client connections now in <frontend>."""
    return lambda ctx: frontend.counters.conn_cur


@fetch("fe_sess_rate", out="int", scope=Scope.INTERNAL, args=("frontend",))
def fe_sess_rate(frontend: Any) -> Fetch:
    """Sessions that <frontend> took during the last second."""
    return lambda ctx: frontend.counters.sess_rate.read(clock.now)


@fetch("fe_req_rate", out="int", scope=Scope.INTERNAL, args=("frontend",))
def fe_req_rate(frontend: Any) -> Fetch:
    """HTTP requests that <frontend> took during the last second."""
    return lambda ctx: frontend.counters.req_rate.read(clock.now)


@fetch("srv_is_up", out="bool", scope=Scope.INTERNAL, args=("server",))
def srv_is_up(server: Any) -> Fetch:
    """True while <server> ([<backend>/]<name>) is up: checked or not checked, and not in maintenance."""
    return lambda ctx: server.usable or bool(getattr(server, "up", False))


@fetch("srv_conn", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_conn(server: Any) -> Fetch:
    """Streams now at <server>, its queue not included."""
    return lambda ctx: server.served


@fetch("srv_conn_free", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_conn_free(server: Any) -> Fetch:
    """Connections that <server> can still take; -1 when it has no limit."""
    return lambda ctx: max(0, server.maxconn - server.served) if server.maxconn else -1


@fetch("srv_queue", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_queue(server: Any) -> Fetch:
    """Streams that wait for <server>."""
    return lambda ctx: len(server.queue) if server.queue is not None else 0


@fetch("srv_sess_rate", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_sess_rate(server: Any) -> Fetch:
    """Streams that <server> took during the last second."""
    return lambda ctx: server.counters.sess_rate.read(clock.now)


@fetch("srv_uweight", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_uweight(server: Any) -> Fetch:
    """Weight of <server> as set now, on the scale of the configuration."""
    return lambda ctx: server.weight


@fetch("srv_weight", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_weight(server: Any) -> Fetch:
    """Weight of <server> in force, on the scale of the configuration: less than its own while it starts slowly."""
    return lambda ctx: (server.weight_shown + 15) // 16


@fetch("srv_iweight", out="int", scope=Scope.INTERNAL, args=("server",))
def srv_iweight(server: Any) -> Fetch:
    """Weight of <server> as written in the configuration."""
    return lambda ctx: server.initial_weight


def _of(owner: str, get: Callable[[Any], Any]) -> Callable[[], Fetch]:
    """A fact of the stream's frontend, backend or server. The frontend stands for a backend not yet chosen."""

    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            thing = getattr(ctx, owner)
            if thing is None and owner == "backend":
                thing = ctx.frontend
            return MISS if thing is None else get(thing)

        return read

    return factory


def _milliseconds(name: str) -> Callable[[Any], int]:
    def read(proxy: Any) -> int:
        seconds = getattr(proxy, name)
        return 0 if seconds is None or seconds == math.inf else round(seconds * 1000)

    return read


def _default_backend(frontend: Any) -> bytes | Absent:
    name = frontend.config.get("default_backend")
    return name.encode("utf-8", "surrogateescape") if name else MISS


for _name, _owner, _out, _scope, _get, _doc in (
    ("fe_id", "frontend", "int", Scope.CLIENT_STREAM, lambda proxy: proxy.uuid, "Number of the frontend."),
    ("fe_name", "frontend", "str", Scope.CLIENT_STREAM, lambda proxy: proxy.label, "Name of the frontend."),
    ("fe_defbe", "frontend", "str", Scope.CLIENT_STREAM, _default_backend, "Name in the frontend's `default_backend`."),
    (
        "fe_client_timeout",
        "frontend",
        "int",
        Scope.CLIENT_STREAM,
        _milliseconds("timeout_client"),
        "`timeout client` of the frontend in milliseconds, 0 when there is none.",
    ),
    (
        "fe_tarpit_timeout",
        "frontend",
        "int",
        Scope.CLIENT_STREAM,
        _milliseconds("timeout_tarpit"),
        "`timeout tarpit` of the frontend in milliseconds; `timeout connect` where it is not set.",
    ),
    ("be_id", "backend", "int", Scope.BACKEND, lambda proxy: proxy.uuid, "Number of the backend."),
    ("be_name", "backend", "str", Scope.BACKEND, lambda proxy: proxy.label, "Name of the backend."),
    (
        "be_server_timeout",
        "backend",
        "int",
        Scope.BACKEND,
        _milliseconds("timeout_server"),
        "`timeout server` of the backend in milliseconds, 0 when there is none.",
    ),
    (
        "be_tunnel_timeout",
        "backend",
        "int",
        Scope.BACKEND,
        _milliseconds("timeout_tunnel"),
        "`timeout tunnel` of the backend in milliseconds, 0 when there is none.",
    ),
    (
        "be_connect_timeout",
        "backend",
        "int",
        Scope.BACKEND,
        _milliseconds("timeout_connect"),
        "`timeout connect` of the backend in milliseconds, 0 when there is none.",
    ),
    (
        "be_queue_timeout",
        "backend",
        "int",
        Scope.BACKEND,
        _milliseconds("timeout_queue"),
        "`timeout queue` of the backend in milliseconds, 0 when there is none.",
    ),
    (
        "be_tarpit_timeout",
        "backend",
        "int",
        Scope.BACKEND,
        _milliseconds("timeout_tarpit"),
        "`timeout tarpit` of the backend in milliseconds; `timeout connect` where it is not set.",
    ),
    ("be_max_retries", "backend", "int", Scope.BACKEND, lambda proxy: proxy.retries, "`retries` of the backend."),
    ("srv_id", "server", "int", Scope.SERVER_CONNECTION, lambda server: server.id, "Number of the server."),
    ("srv_name", "server", "str", Scope.SERVER_CONNECTION, lambda server: server.label, "Name of the server."),
):
    fetch(_name, out=_out, scope=_scope, doc=_doc)(_of(_owner, _get))


def _current(name: str, side: str) -> Callable[[], Fetch]:
    """A timeout as it holds for this stream: set by `set-timeout`, else its frontend's or backend's."""

    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            stream = ctx.stream
            owner = None if stream is None else getattr(stream, side)
            if owner is None:
                return MISS
            if name == "timeout_tarpit":
                owner = stream.backend or owner
            value = stream.setting(name, owner)
            if name == "timeout_server":
                value = stream.timeout_server or value
            return value if name == "retries" else round((value or 0) * 1000)

        return read

    return factory


for _name, _side in (
    ("client", "frontend"),
    ("connect", "backend"),
    ("queue", "backend"),
    ("server", "backend"),
    ("tarpit", "frontend"),
    ("tunnel", "backend"),
):
    fetch(
        f"cur_{_name}_timeout",
        out="int",
        scope=Scope.BACKEND if _side == "backend" else Scope.CLIENT_STREAM,
        doc=f"`timeout {_name}` of this stream in milliseconds: the {_side}'s, or one set by `set-timeout`.",
    )(_current(f"timeout_{_name}", _side))
fetch(
    "cur_max_retries",
    out="int",
    scope=Scope.BACKEND,
    doc="How often a failed connection of this stream is tried again: `retries` of the backend, or `set-retries`.",
)(_current("retries", "backend"))
