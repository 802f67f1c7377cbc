"""`option http_proxy`: requests go where their target says; HAProxy does it with what `pylb migrate` writes."""

from __future__ import annotations

from typing import Any

import pytest

from pylb.editing.migrate import migrate
from tests.harness import RawClient, requires
from tests.harness.differential import Site, run_site

pytestmark = requires("haproxy")

HEAD = """defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
"""
OLD = {
    "listen": "listen l\n    bind 127.0.0.1:$(l)\n    option http_proxy\n",
    "backend": (
        "frontend f\n    bind 127.0.0.1:$(l)\n    default_backend b\nbackend b\n    option httpclose\n"
        "    option http_proxy\n"
    ),
}
TARGETS = {
    "path": b"http://127.0.0.1:%(port)d/a?b=c",
    "no-path": b"http://127.0.0.1:%(port)d",
    "origin-form": b"/a",
    "name": b"http://name/a",
    "nobody": b"http://127.0.0.1:%(free)d/",
}


def outcomes(site: Site) -> dict[str, Any]:
    origin, found = site.origins[0], {}
    numbers = {b"port": origin.port, b"free": 1}
    for name, form in TARGETS.items():
        target, before = form % numbers, len(origin.requests)
        host = target.removeprefix(b"http://").partition(b"/")[0] or b"127.0.0.1"
        with RawClient(site.port("l")) as client:
            client.send(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host))
            reply = client.read_reply()
        sent = [one.split(b"\r\n")[0] for one in origin.requests[before:]]
        found[name] = reply.status, reply.body if reply.status == 200 else b"", sent
    return found


@pytest.mark.parametrize("place", OLD)
def test_requests_go_where_their_target_says(place: str) -> None:
    written, remarks = migrate(HEAD + OLD[place])
    assert remarks == [] and "http_proxy" not in written
    found = []
    for kind, text in (("haproxy", written), ("pylb", written), ("pylb", HEAD + OLD[place])):
        with run_site(kind, text, ("s1",)) as site:
            found.append(outcomes(site))
    assert found[0] == found[1] == found[2]
    assert found[0] == {
        "path": (200, b"s1", [b"GET /a?b=c HTTP/1.1"]),
        "no-path": (200, b"s1", [b"GET / HTTP/1.1"]),
        "origin-form": (400, b"", []),
        "name": (400, b"", []),
        "nobody": (503, b"", []),
    }


INHERITED = (
    HEAD
    + """    option http_proxy
    balance roundrobin
frontend f
    bind 127.0.0.1:$(l)
    use_backend o if { path /own }
    default_backend b
backend b
backend o
    no option http_proxy
    server s1 127.0.0.1:$(s1)
"""
)


def test_a_defaults_section_may_hold_it_and_a_backend_refuse_it() -> None:
    with run_site("pylb", INHERITED, ("s1",)) as site:
        assert outcomes(site)["path"] == (200, b"s1", [b"GET /a?b=c HTTP/1.1"])
        with RawClient(site.port("l")) as client:
            client.send(b"GET /own HTTP/1.1\r\nHost: a\r\n\r\n")
            assert client.read_reply().status == 200
