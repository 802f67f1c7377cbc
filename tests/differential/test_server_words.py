"""Words of servers and backends that change what a server or a client is told: `redir`, `http-send-name-header`."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, log_lines, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend fe
    bind 127.0.0.1:$(fe)
    http-request set-uri http://else.where%[pathq] if { hdr(x-absolute) -m found }
    http-request set-var(txn.backend) path,field(2,/)
    http-request set-path /new if { hdr(x-path) -m found }
    use_backend %[var(txn.backend)]
backend away
    server s1 127.0.0.1:$(s1) redir http://img.example.com
backend away_cookie
    cookie SRV insert
    server s1 127.0.0.1:$(s1) redir http://img.example.com cookie one
backend away_full
    server s1 127.0.0.1:$(s1) redir https://x.y/z maxconn 1
backend named
    http-send-name-header X-Server
    server s1 127.0.0.1:$(s1)
backend named_host
    http-send-name-header Host
    server s1 127.0.0.1:$(s1)
backend named_reuse
    http-reuse always
    http-send-name-header x-server
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)

CASES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    f"{backend} {method} {' '.join(fields)}": (backend, method, fields)
    for backend in ("away", "away_cookie", "away_full", "named", "named_host", "named_reuse")
    for method, fields in (
        ("GET", ()),
        ("HEAD", ()),
        ("POST", ("content-length: 0",)),
        ("OPTIONS", ()),
        ("GET", ("x-server: client's", "X-Server: again")),
        ("GET", ("x-absolute: 1",)),
        ("GET", ("x-path: 1",)),
        ("GET", ("cookie: SRV=one",)),
    )
}


@pytest.mark.parametrize("name", CASES)
def test_servers_are_told_and_clients_are_sent_as_by_haproxy(pair: Pair, name: str) -> None:
    backend, method, fields = CASES[name]
    alone = backend.startswith("away") and method in ("GET", "HEAD")  # the connection ends with a redirect

    def scenario(site: Site) -> Any:
        with RawClient(site.port("fe")) as client:
            client.send(http(method, f"/{backend}/x?y=z", "host: h", *fields))
            if not alone:
                client.send(http("GET", f"/{backend}/again", "host: h", "connection: close"))
            answered = client.read_all()
            lines = [line.partition("] ")[2] for line in log_lines(site, client.source_port, 1 if alone else 2)]
        return {
            "answer": answered,
            "log": [re.sub(r"\b\d+(?=/)|(?<=/)\+?\d+\b", "*", line) for line in lines],
            "requests": site.servers["s1"].requests,
        }

    seen = pair.run(scenario)
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
