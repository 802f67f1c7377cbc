"""`show stat`: counters and states of frontends, backends and servers, as CSV, typed lines or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pylb.background.runtime.call import Call
from pylb.background.runtime.output import Row, Value, csv_text, json_row, typed_row
from pylb.background.runtime.stat_fields import BACKEND_TAGS, FIELDS, HEADER, MODULES, TLS_MODULE
from pylb.background.runtime.stat_listeners import listener_numbers
from pylb.balance.weights import SCALE
from pylb.clock import clock
from pylb.registry import Status, command
from pylb.server.state import Operation, alive

Numbers = dict[str, Any]

FRONTENDS, BACKENDS, SERVERS, LISTENERS = 1, 2, 4, 8


def _responses(counters: Any) -> Numbers:
    return {
        "hrsp_1xx": counters.http_1xx,
        "hrsp_2xx": counters.http_2xx,
        "hrsp_3xx": counters.http_3xx,
        "hrsp_4xx": counters.http_4xx,
        "hrsp_5xx": counters.http_5xx,
        "hrsp_other": counters.http_other,
    }


def frontend_numbers(frontend: Any, maxconn: int) -> Numbers:
    c = frontend.counters
    now = clock.now
    numbers: Numbers = {
        "pxname": frontend.name,
        "svname": "FRONTEND",
        "scur": c.conn_cur,
        "smax": c.conn_max,
        "slim": frontend.maxconn or maxconn,
        "stot": c.sess_total,
        "bin": c.bytes_in,
        "bout": c.bytes_out,
        "dreq": c.denied_req,
        "dresp": c.denied_resp,
        "ereq": c.failed_req,
        "status": "PAUSED" if frontend.paused else "STOP" if frontend.disabled else "OPEN",
        "pid": 1,
        "iid": frontend.uuid,
        "sid": 0,
        "type": 0,
        "rate": c.sess_rate.read(now),
        "rate_lim": frontend.rate_limit,
        "rate_max": c.sess_rate.limit_max,
        "req_rate": c.req_rate.read(now),
        "req_rate_max": c.req_rate.limit_max,
        "req_tot": c.req_total,
        **dict.fromkeys(("comp_in", "comp_out", "comp_byp", "comp_rsp"), 0),
        "mode": "http" if frontend.http else "tcp",
        "conn_rate": c.conn_rate.read(now),
        "conn_rate_max": c.conn_rate.limit_max,
        "conn_tot": c.conn_total,
        "dcon": c.denied_conn,
        "dses": c.denied_sess,
        "wrew": 0,
        "eint": c.internal_errors,
        **_modules(c, frontend.http),
    }
    if frontend.http:
        numbers |= _responses(c) | dict.fromkeys(("intercepted", "cache_lookups", "cache_hits"), 0)
    return numbers


def _modules(counters: Any, http: bool, servers: Any = None) -> Numbers:
    """The counters behind the `-`: TLS and HTTP/2 are those of rooms to come, HTTP/1 are the proxy's own.

    For a backend, `servers` are those whose connections count.
    """
    numbers: Numbers = dict.fromkeys(MODULES, 0)
    if not http:
        return numbers
    if servers is None:
        numbers["h1_open_connections"] = counters.conn_cur
        numbers["h1_total_connections"] = counters.conn_total
        numbers["h1_total_streams"] = counters.req_total
    else:
        numbers["h1_open_connections"] = sum(len(server.idle) + server.served for server in servers)
        numbers["h1_open_streams"] = sum(server.served for server in servers)
        numbers["h1_total_connections"] = sum(server.counters.connect_total for server in servers)
        numbers["h1_total_streams"] = sum(s.counters.connect_total + s.counters.reuse_total for s in servers)
    numbers["h1_bytes_in"] = counters.bytes_in if servers is None else counters.bytes_out
    numbers["h1_bytes_out"] = counters.bytes_out if servers is None else counters.bytes_in
    return numbers


def _served(c: Any, http: bool) -> Numbers:
    """What servers and backends have in common."""
    numbers: Numbers = {
        "stot": c.sess_total,
        "bin": c.bytes_in,
        "bout": c.bytes_out,
        "dresp": c.denied_resp,
        "econ": c.failed_conn,
        "eresp": c.failed_resp,
        "wretr": c.retries,
        "wredis": c.redispatches,
        "pid": 1,
        "lbtot": c.lb_total,
        "rate": c.sess_rate.read(clock.now),
        "rate_max": c.sess_rate.limit_max,
        "cli_abrt": c.cli_aborts,
        "srv_abrt": c.srv_aborts,
        "lastsess": -1,
        **dict.fromkeys(("qtime", "ctime", "rtime", "ttime", "qtime_max", "ctime_max", "rtime_max", "ttime_max"), 0),
        "wrew": 0,
        "connect": c.connect_total,
        "reuse": c.reuse_total,
        "eint": c.internal_errors,
    }
    if http:
        numbers |= _responses(c) | {"req_tot": c.req_total}
    return numbers


def shown_weight(server: Any) -> int:
    """The weight in force: less than its own for a server that starts slowly; in maintenance the one from before."""
    return int((server.weight_shown + SCALE - 1) // SCALE)


def server_numbers(server: Any, born: float) -> Numbers:
    """`born` is the monotonic time of the start: when nothing has changed since, a state is as old as the process."""
    backend = server.backend
    c = server.counters
    numbers = _served(c, backend.http) | {
        "pxname": backend.name,
        "svname": server.name,
        "qcur": len(server.queue) if server.queue is not None else 0,
        "qmax": c.queue_max,
        "scur": server.served,
        "smax": c.conn_max,
        "status": server.status,
        "weight": shown_weight(server),
        "act": 0 if server.backup else 1,
        "bck": 1 if server.backup else 0,
        "lastchg": int(clock.now - (server.last_change or born)),
        "iid": backend.uuid,
        "sid": server.id,
        "type": 2,
        "addr": address(server),
        "mode": "http" if backend.http else "tcp",
        "srv_icur": len(server.idle),
        "idle_conn_cur": 0,
        "safe_conn_cur": len(server.idle),
        "used_conn_cur": server.served,
        "need_conn_est": 0,
        "uweight": server.weight,
        **dict.fromkeys(TLS_MODULE, 0),
    }
    if server.maxconn:
        numbers["slim"] = server.maxconn
    if server.maxqueue:
        numbers["qlimit"] = server.maxqueue
    if server.operation is Operation.STARTING:
        numbers["throttle"] = (100 * server.weight_shown + SCALE - 1) // (SCALE * max(1, server.weight))
    if server.track is not None:
        numbers["tracked"] = f"{server.track.backend.name}/{server.track.name}"
    if server.cookie:
        numbers["cookie"] = server.cookie.decode("utf-8", "surrogateescape")
    if server.pool_max >= 0:
        numbers["src_ilim"] = server.pool_max
    if server.checked:
        down = int(clock.now - server.last_change) if not server.alive and server.last_change else 0
        numbers |= {"chkfail": c.failed_checks, "chkdown": 0, "downtime": int(server.down_time) + down}
    return numbers


def address(server: Any) -> str:
    target = server.sockaddr
    if isinstance(target, tuple):
        return f"[{target[0]}]:{target[1]}" if ":" in target[0] else f"{target[0]}:{target[1]}"
    if target is None:
        return f"{server.host or '0.0.0.0'}:{server.port}"
    return "unix"


def backend_numbers(backend: Any, maxconn: int, born: float) -> Numbers:
    c = backend.counters
    usable = [server for server in backend.servers if server.usable]
    active = [server for server in usable if not server.backup]
    backups = [server for server in usable if server.backup]
    serving = active or backups
    if not active and not backend.config.option("allbackups"):
        serving = backups[:1]
    up = bool(serving) or not backend.servers
    queue = backend.queue
    numbers = _served(c, backend.http) | {
        "pxname": backend.name,
        "svname": "BACKEND",
        "qcur": len(queue) if queue is not None else 0,
        "qmax": c.queue_max,
        "scur": c.conn_cur,
        "smax": c.conn_max,
        "slim": backend.fullconn,
        "dreq": c.denied_req,
        "status": "UP" if up else "DOWN",
        "weight": (sum(server.weight_shown for server in serving) + SCALE - 1) // SCALE,
        "act": len(active),
        "bck": len(backups),
        "chkdown": 0,
        "lastchg": int(clock.now - max((s.last_change or born for s in backend.servers), default=born)),
        "iid": backend.uuid,
        "sid": 0,
        "type": 1,
        **dict.fromkeys(("comp_in", "comp_out", "comp_byp", "comp_rsp"), 0),
        "mode": "http" if backend.http else "tcp",
        "algo": algorithm(backend),
        "uweight": sum(server.weight for server in serving),
        **dict.fromkeys(("agg_server_status", "agg_server_check_status", "agg_check_status"), 0),
        **_modules(c, backend.http, backend.servers),
    }
    for total, count in (("connect", "connect_total"), ("reuse", "reuse_total"), ("lbtot", "lb_total")):
        numbers[total] = max(numbers[total], sum(getattr(server.counters, count) for server in backend.servers))
    if backend.servers:
        numbers["downtime"] = 0 if up else min((int(clock.now - s.last_change) for s in backend.servers), default=0)
    if backend.http:
        numbers |= dict.fromkeys(("cache_lookups", "cache_hits"), 0)
    cookie = backend.config.get("cookie") if backend.config is not None else None
    if cookie is not None and getattr(cookie, "name", None):
        numbers["cookie"] = str(cookie.name)
    return numbers


def algorithm(backend: Any) -> str:
    name = getattr(backend.algorithm, "name", None)
    return str(name) if name else "roundrobin"


# -- selection and output --------------------------------------------------------------------------------------------


def row(kind: str, numbers: Numbers) -> Row:
    """Typed values of an object, in order; HAProxy numbers them without the `-` column."""
    values = []
    for position, (name, (tags, typed)) in enumerate((FIELDS | MODULES).items()):
        if name in numbers:
            if kind == "B":
                tags = BACKEND_TAGS.get(name, tags)
            values.append(Value(position, name, tags, typed, numbers[name]))
    return Row(kind, numbers["iid"], numbers["sid"], values)


def csv_row(numbers: Numbers) -> str:
    cells = [csv_text(str(numbers[name])) if name in numbers else "" for name in FIELDS]
    cells.append("-")
    cells += [str(numbers[name]) if name in numbers else "" for name in MODULES]
    return ",".join(cells) + ",\n"


def objects(
    program: Any, process: Any, proxy: int, types: int, sid: int, flags: set[str]
) -> Iterator[tuple[str, Numbers]]:
    """Frontends and backends in order of the file; a listen section is a frontend, its servers, then its backend."""
    by_id: dict[int, tuple[Any, Any]] = {}
    for frontend in program.frontends:
        by_id[frontend.uuid] = (frontend, None)
    for backend in program.backends.values():
        by_id[backend.uuid] = (by_id.get(backend.uuid, (None, None))[0], backend)
    for number in sorted(by_id):
        if proxy not in (-1, number):
            continue
        frontend, backend = by_id[number]
        if frontend is not None and types & FRONTENDS and sid in (-1, 0):
            yield "F", frontend_numbers(frontend, process.maxconn)
        if frontend is not None and types & LISTENERS and "socket-stats" in frontend.options:
            for listener in frontend.listeners:
                if sid in (-1, listener.id):
                    yield "L", listener_numbers(frontend, listener)
        if backend is None:
            continue
        if types & SERVERS:
            for server in backend.servers:
                if sid not in (-1, server.id):
                    continue
                if "no-maint" in flags and server.status.startswith("MAINT"):
                    continue
                if "up" in flags and not alive(server):
                    continue
                yield "S", server_numbers(server, process.start)
        if types & BACKENDS and sid in (-1, 0):
            numbers = backend_numbers(backend, process.maxconn, process.start)
            if flags & {"no-maint", "up"}:
                ups = sum(server.usable for server in backend.servers)
                numbers["status"] += f" ({ups}/{len(backend.servers)})"
            yield "B", numbers


WORDS: Final = frozenset(("typed", "json", "desc", "no-maint", "up"))


def _number(text: str) -> int:
    digits = text.lstrip("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 10 else 0


def _selection(call: Call) -> tuple[int, int, int]:
    """`[<proxy>|<iid>] <type> <sid>`: only all three together select."""
    args = call.args
    if len(args) < 3 or any(word in WORDS for word in args[:3]):
        return -1, -1, -1
    for proxy in (*call.program.frontends, *call.program.backends.values()):
        if proxy.name == args[0]:
            return proxy.uuid, _number(args[1]), _number(args[2])
    return _number(args[0]), _number(args[1]), _number(args[2])


@command(
    "show stat",
    usage="[desc|json|no-maint|typed|up]*",
    status=Status.PARTIAL,
    note="times of requests and of the last session",
)
async def show_stat(call: Call) -> None:
    """Prints the counters of each frontend, backend and server.

    `show stat [<proxy>|<id>] <types> <server id>` selects: types add up 1 (frontends), 2 (backends), 4 (servers) and 8
    (sockets, where `option socket-stats` is set), -1 stands for all. `typed` and `json` print one field per line or
    object, `up` and `no-maint` leave servers out.
    """
    proxy, types, sid = _selection(call)
    flags = set(call.args) & WORDS
    found = objects(call.program, call.process, proxy, types, sid, flags)
    number = call.process.number
    if "json" in flags:
        for index, (kind, numbers) in enumerate(found):
            call.write(("[" if not index else ",") + json_row(row(kind, numbers), number))
            await call.drain()
        call.write("]\n")
        return
    if "typed" not in flags:
        call.write(HEADER)
    for kind, numbers in found:
        call.write(typed_row(row(kind, numbers), number) if "typed" in flags else csv_row(numbers))
        await call.drain()
