"""Servers that refuse connections, beside HAProxy: `retries` and `option redispatch` with every algorithm and with
persistence. Who is tried, what the log and the counters say.

Kept out: `option redispatch 0`, which switches it off only since HAProxy 3.0 (as here), and an interval beyond the
number of retries, on which 2.6 dies.
"""

from __future__ import annotations

import csv
import itertools
import socket
from typing import Any

import pytest

from tests.differential.pairs import Pair, log_lines, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

CHOICES = {
    "roundrobin": " balance roundrobin",
    "static-rr": " balance static-rr",
    "leastconn": " balance leastconn",
    "first": " balance first",
    "map": " balance hdr(x-key)",
    "ring": " balance hdr(x-key)\n hash-type consistent",
    "cookie": " balance roundrobin\n cookie C insert indirect",
    "rule": " balance roundrobin\n use-server s1 if { req.hdr(cookie) -m found }",
}
REDISPATCH = (None, "", "1", "2", "-1", "-2")
RETRIES = (0, 1, 3, 5)
SERVERS = ("dl", "ddl", "ddd", "d", "dL", "db", "dlm")  # dead, living, Living with weight, backup, in maintenance
REQUESTS = ((), ("cookie: C=v1",), ("x-key: abc",), ("cookie: C=v2", "x-key: 9z"))
WORDS = {"L": "weight 3", "b": "backup", "m": "disabled"}

CONFIG = """
global
    nbthread 1
    log 127.0.0.1:$(syslog) local0
    stats socket $(dir)/cli.sock level admin
defaults
    mode http
    timeout connect 15ms
    timeout client 20s
    timeout server 20s
frontend fe
    bind 127.0.0.1:$(fe)
    log global
    log-format "%ci:%cp [] %b/%s %ST %rc %tsc %sq/%bq"
    use_backend %[req.hdr(x-backend)]
listen origin
    bind 127.0.0.1:$(origin)
    http-request return status 200
"""
BACKENDS: dict[str, list[str]] = {name: [] for name in CHOICES}
for _number, (_choice, _every, _retries) in enumerate(itertools.product(CHOICES, REDISPATCH, RETRIES)):
    if _every is not None and _every[:1] == "-" and _retries + 1 + int(_every) <= 0:
        continue
    BACKENDS[_choice].append(f"b{_number}")
    CONFIG += f"backend b{_number}\n retries {_retries}\n{CHOICES[_choice]}\n"
    CONFIG += "" if _every is None else f" option redispatch {_every}\n"
    for _at, _kind in enumerate(SERVERS[_number * 5 % 7], 1):
        _port = "1" if _kind == "d" else "$(origin)"
        CONFIG += f" server s{_at} 127.0.0.1:{_port} cookie v{_at} {WORDS.get(_kind, '')}\n"

pair = paired(CONFIG, origins=())

COLUMNS = ("svname", "econ", "wretr", "wredis", "lbtot", "stot", "hrsp_2xx", "hrsp_5xx", "connect")


def counters(site: Site, names: list[str]) -> dict[str, list[str]]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(site.program.directory / "cli.sock"))
        client.sendall(b"show stat\n")
        data = b""
        while piece := client.recv(65536):
            data += piece
    rows = [*csv.DictReader(data.decode().removeprefix("# ").splitlines())]
    return {name: [" ".join(row[c] for c in COLUMNS) for row in rows if row["pxname"] == name] for name in names}


def ask(site: Site, names: list[str], fields: tuple[str, ...]) -> list[str]:
    """One request to each backend, all at the same time."""
    clients = [RawClient(site.port("fe")) for _ in names]
    seen = []
    for name, client in zip(names, clients, strict=True):
        head = "\r\n".join(("GET / HTTP/1.1", "host: a", "connection: close", f"x-backend: {name}", *fields))
        client.send(head.encode() + b"\r\n\r\n")
    for client in clients:
        status = client.read_all()[9:12].decode()
        seen.append(f"{status} {log_lines(site, client.source_port)[0].partition('] ')[2]}")
        client.close()
    return seen


@pytest.mark.parametrize("choice", CHOICES)
def test_refused_connections_are_tried_again_alike(pair: Pair, choice: str) -> None:
    names = BACKENDS[choice]

    def scenario(site: Site) -> Any:
        return [*(ask(site, names, fields) for fields in REQUESTS), counters(site, names)]

    seen = pair.run(scenario)
    for expected, got in zip(seen["haproxy"][:-1], seen["pylb"][:-1], strict=True):
        assert got == expected
    wrong = {name: (row, seen["pylb"][-1][name]) for name, row in seen["haproxy"][-1].items()}
    assert not {name: both for name, both in wrong.items() if both[0] != both[1]}
