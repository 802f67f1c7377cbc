"""`option transparent`: a backend without servers connects to where the client wanted to go."""

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
