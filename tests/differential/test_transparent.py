"""`option transparent` and `dispatch`: where streams go that no server is meant for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import RawClient, requires
from tests.harness.differential import Site, run_site

pytestmark = requires("haproxy")

CONFIG = """defaults
    mode {mode}
    timeout client 5s
    timeout server 5s
    timeout connect 5s
listen l
    bind 127.0.0.1:$(l) accept-proxy
    option transparent
"""


def bodies(site: Site) -> Any:
    found = []
    for origin in site.origins:
        with RawClient(site.port("l")) as client:
            client.send(b"PROXY TCP4 127.0.0.1 127.0.0.1 4711 %d\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n" % origin.port)
            found.append(client.read_reply().body)
    return found


@pytest.mark.parametrize("kind", ["haproxy", "pylb"])
@pytest.mark.parametrize("mode", ["http", "tcp"])
def test_the_clients_destination_is_the_server(kind: str, mode: str) -> None:
    with run_site(kind, CONFIG.format(mode=mode), ("s1", "s2")) as site:
        assert bodies(site) == [b"s1", b"s2"]


BESIDE = """defaults
    mode {mode}
    timeout client 5s
    timeout server 5s
    timeout connect 5s
listen l
    bind 127.0.0.1:$(l) accept-proxy
    {where}
    {more}
    server s1 127.0.0.1:$(s1) {option}
"""
CASES = {
    "tcp": ("tcp", "option transparent", "", "", b"", [b"s1", b"s2"]),
    "http": ("http", "option transparent", "", "", b"", [b"s1", b"s2"]),
    "no cookie yet": ("http", "option transparent", "cookie C insert", "cookie a", b"", [b"s1", b"s2"]),
    "cookie": ("http", "option transparent", "cookie C insert", "cookie a", b"cookie: C=a\r\n", [b"s1", b"s1"]),
    "use-server": ("http", "option transparent", "use-server s1 if TRUE", "", b"", [b"s1", b"s1"]),
    "server in maintenance": ("http", "option transparent", "", "disabled", b"", [b"s1", b"s2"]),
    "dispatch": ("http", "dispatch 127.0.0.1:$(s2)", "", "", b"", [b"s2", b"s2"]),
    "dispatch, cookie": (
        *("http", "dispatch 127.0.0.1:$(s2)", "cookie C insert", "cookie a"),
        b"cookie: C=a\r\n",
        [b"s1", b"s1"],
    ),
    "dispatch, balance": ("http", "dispatch 127.0.0.1:$(s2)", "balance roundrobin", "", b"", [b"s1", b"s1"]),
}


@pytest.mark.parametrize("name", CASES)
def test_servers_beside_are_for_persistence(name: str) -> None:
    mode, where, more, option, fields, bodies = CASES[name]
    seen = {}
    for kind in ("haproxy", "pylb"):
        config = BESIDE.format(mode=mode, where=where, more=more, option=option)
        with run_site(kind, config, ("s1", "s2")) as site:
            replies = []
            for origin in site.origins:
                with RawClient(site.port("l")) as client:
                    client.send(
                        b"PROXY TCP4 127.0.0.1 127.0.0.1 4711 %d\r\nGET / HTTP/1.1\r\nHost: h\r\n" % origin.port
                    )
                    replies.append(client.send(fields + b"\r\n").read_reply())
            assert [reply.body for reply in replies] == bodies
            seen[kind] = [reply.get("set-cookie") for reply in replies]
    assert seen["pylb"] == seen["haproxy"]
