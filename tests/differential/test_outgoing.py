"""Where connections to servers come from, and which of them are used again: beside HAProxy, seen at the origin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend fe
    bind 127.0.0.1:$(fe)
    bind 127.0.0.1:$(proxied) accept-proxy
    http-request set-src hdr(x-src) if { hdr(x-src) -m found }
    use_backend %[path,field(2,/)]
listen tcp
    mode tcp
    bind 127.0.0.1:$(tcp)
    server s1 127.0.0.1:$(s1) source 0.0.0.0 usesrc clientip
backend plain
    server s1 127.0.0.1:$(s1)
backend source
    server s1 127.0.0.1:$(s1) source 127.0.0.2
backend source_of_backend
    source 127.0.0.3
    server s1 127.0.0.1:$(s1)
backend own_source
    source 127.0.0.3
    server s1 127.0.0.1:$(s1) source 127.0.0.4
backend default_source
    default-server source 127.0.0.5
    server s1 127.0.0.1:$(s1)
backend clientip
    source 0.0.0.0 usesrc clientip
    server s1 127.0.0.1:$(s1)
backend header
    source 0.0.0.0 usesrc hdr_ip(x-from)
    server s1 127.0.0.1:$(s1)
backend header_first
    http-reuse always
    source 0.0.0.0 usesrc hdr_ip(x-from,1)
    server s1 127.0.0.1:$(s1)
backend fixed
    source 0.0.0.0 usesrc 127.0.0.77
    server s1 127.0.0.1:$(s1)
backend device
    source 0.0.0.0 interface lo
    server s1 127.0.0.1:$(s1)
backend no_device
    retries 0
    source 0.0.0.0 interface nosuch0
    server s1 127.0.0.1:$(s1)
backend once
    http-reuse always
    server s1 127.0.0.1:$(s1) max-reuse 0
backend thrice
    http-reuse always
    server s1 127.0.0.1:$(s1) max-reuse 2
backend nothing_kept
    http-reuse always
    server s1 127.0.0.1:$(s1) pool-max-conn 0
backend always
    http-reuse always
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)


def peers(site: Site) -> list[str]:
    """Addresses from which the origin was connected to."""
    return [one.peer[0] for one in site.servers["s1"].conversations]  # type: ignore[index]


def talks(site: Site, backend: str, *requests: tuple[str, ...], source: str = "127.0.0.1") -> Any:
    """One client that asks one after the other: the statuses, where the origin saw each connection come from, and how
    many requests each carried."""
    with RawClient(site.port("fe"), source=source) as client:
        statuses = [
            client.send(http("GET", f"/{backend}/x", "host: h", *fields)).read_reply().status for fields in requests
        ]
    conversations = site.servers["s1"].conversations
    return statuses, peers(site), [len(one.requests) for one in conversations]


CASES: dict[str, tuple[str, tuple[tuple[str, ...], ...], str]] = {
    "plain": ("plain", ((),), "127.0.0.1"),
    "source": ("source", ((), ()), "127.0.0.1"),
    "source of the backend": ("source_of_backend", ((),), "127.0.0.1"),
    "own source": ("own_source", ((),), "127.0.0.1"),
    "default source": ("default_source", ((),), "127.0.0.1"),
    "client's address": ("clientip", ((), ()), "127.0.0.9"),
    "address that rules gave": ("clientip", (("x-src: 127.0.0.20",), ("x-src: 127.0.0.21",)), "127.0.0.9"),
    "header": ("header", (("x-from: 127.0.0.30",),), "127.0.0.1"),
    "last of a header": ("header", (("x-from: 127.0.0.30, 127.0.0.31",),), "127.0.0.1"),
    "first of a header": ("header_first", (("x-from: 127.0.0.30, 127.0.0.31",),), "127.0.0.1"),
    "header that is no address": ("header", (("x-from: zork",),), "127.0.0.1"),
    "other headers, other connections": (
        "header_first",
        (("x-from: 127.0.0.30",), ("x-from: 127.0.0.31",)),
        "127.0.0.1",
    ),
    "fixed foreign address": ("fixed", ((), ()), "127.0.0.9"),
    "device": ("device", ((),), "127.0.0.1"),
    "no such device": ("no_device", ((),), "127.0.0.1"),
    "nothing is kept": ("nothing_kept", ((), (), ()), "127.0.0.1"),
    "always": ("always", ((),) * 5, "127.0.0.1"),
}


@pytest.mark.parametrize("name", CASES)
def test_servers_are_connected_to_as_by_haproxy(pair: Pair, name: str) -> None:
    backend, requests, source = CASES[name]
    seen = pair.run(lambda site: talks(site, backend, *requests, source=source))
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])


def test_a_connection_of_a_foreign_address_serves_the_same_address_again(pair: Pair) -> None:
    """As long as it is kept: more than one connection at a time was never needed."""
    requests = (("x-from: 127.0.0.30",), ("x-from: 127.0.0.31",), ("x-from: 127.0.0.31",), ("x-from: 127.0.0.30",))
    seen = pair.same(lambda site: talks(site, "header_first", *requests))
    assert seen[2] == [2, 1, 1]


def test_without_the_header_connections_come_from_our_address(pair: Pair) -> None:
    """HAProxy 2.6 answers 500 then, but not where the header holds no address."""
    seen = pair.run(lambda site: talks(site, "header", ()))
    assert seen["pylb"] == ([200], ["127.0.0.1"], [1])
    assert seen["haproxy"][0] == [500]


@pytest.mark.parametrize(("backend", "carried"), [("once", [1, 1, 1, 1, 1, 1, 1]), ("thrice", [3, 3, 1])])
def test_connections_are_used_again_so_many_times(pair: Pair, backend: str, carried: list[int]) -> None:
    """`max-reuse` counts in HTTP/1 here; HAProxy 2.6 heeds it in HTTP/2 alone."""
    seen = pair.run(lambda site: talks(site, backend, *((),) * 7))
    assert seen["pylb"][2] == carried
    assert seen["haproxy"][2] == [7]


def test_tcp_connections_come_from_their_client(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp"), source="127.0.0.40") as client:
            client.send(http("GET", "/", "host: h", "connection: close")).read_reply()
            return peers(site)

    assert pair.same(scenario) == ["127.0.0.40"]
