"""Lines of `show stat` for the sockets of frontends that have `option socket-stats`."""

from __future__ import annotations

import socket
from typing import Any

from pylb.background.runtime.stat_fields import TLS_MODULE


def status(listener: Any) -> str:
    if listener.sock is None:
        return "WAITING"
    if listener.paused:
        return "PAUSED"
    return "FULL" if listener.maxconn and listener.counters.conn_cur >= listener.maxconn else "OPEN"


def address(listener: Any) -> str:
    if listener.family == socket.AF_UNIX:
        return "unix"
    host = listener.address.host
    return f"[{host}]:{listener.port}" if listener.family == socket.AF_INET6 else f"{host}:{listener.port}"


def listener_numbers(frontend: Any, listener: Any) -> dict[str, Any]:
    c = listener.counters
    named = "name" in listener.options
    return {
        "pxname": frontend.name,
        "svname": listener.name if named else f"sock-{listener.id}",
        "scur": c.conn_cur,
        "smax": c.conn_max,
        "slim": listener.maxconn,
        "stot": c.conn_total,
        "bin": c.bytes_in,
        "bout": c.bytes_out,
        "dreq": c.denied_req,
        "dresp": c.denied_resp,
        "ereq": c.failed_req,
        "status": status(listener),
        "pid": 1,
        "iid": frontend.uuid,
        "sid": listener.id,
        "type": 3,
        "addr": address(listener),
        "mode": "http" if frontend.http else "tcp",
        "dcon": c.denied_conn,
        "dses": c.denied_sess,
        "wrew": 0,
        "eint": c.internal_errors,
        **dict.fromkeys(TLS_MODULE, 0),
    }
