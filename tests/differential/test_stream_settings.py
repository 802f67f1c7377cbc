"""Timeouts and retries that rules set for a stream, and what reads them: beside HAProxy 2.6 as far as it knows them.

Two words of a response tell each value: the proxy's, and the one that holds for the stream.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

TIMES = """
defaults
    mode http
    timeout connect 2s
    timeout client 3s
    timeout server 4s
    timeout tunnel 5s
"""

TELL = """
    http-response set-header server-times "%[be_server_timeout] %[cur_server_timeout]"
    http-response set-header tunnel-times "%[be_tunnel_timeout] %[cur_tunnel_timeout]"
    http-response set-header client-time "%[fe_client_timeout]"
"""
pair = paired(
    TIMES
    + """
listen own
    bind 127.0.0.1:$(own)
TELL    http-request set-timeout server 1s if { path /set }
    http-request set-timeout tunnel int(1500) if { path /set }
    http-request set-timeout tunnel int(0) if { path /nothing }
    http-request set-timeout server req.hdr(none) if { path /nothing }
    server s1 127.0.0.1:$(s1)
frontend front
    bind 127.0.0.1:$(front)
TELL    default_backend back
backend back
    http-request set-timeout server 1s if { path /set }
    server s1 127.0.0.1:$(s1)
listen elsewhere
    bind 127.0.0.1:$(elsewhere)
TELL    http-request set-timeout server 1s if { path /set }
    use_backend plain if { path_beg /set }
    server s1 127.0.0.1:$(s1)
backend plain
    server s1 127.0.0.1:$(s1)
""".replace("TELL", TELL)
)


def times(port: str, path: str) -> Any:
    def scenario(site: Site) -> dict[str, bytes | None]:
        with RawClient(site.port(port)) as client:
            reply = client.send(http("GET", path, "host: h")).read_reply()
            return {name: reply.get(name) for name in ("server-times", "tunnel-times", "client-time")}

    return scenario


@pytest.mark.parametrize("path", ["/", "/set", "/nothing"])
@pytest.mark.parametrize("port", ["own", "front"])
def test_rules_set_timeouts_and_fetches_read_them(pair: Pair, port: str, path: str) -> None:
    pair.same(times(port, path))


def test_another_backend_has_its_own_timeouts(pair: Pair) -> None:
    """Newer HAProxy forgets what the section that was left had set; 2.6 keeps it."""
    assert pair.same(times("elsewhere", "/"))["server-times"] == b"4000 4000"
    seen = pair.run(times("elsewhere", "/set"))
    assert seen["pylb"]["server-times"] == b"4000 4000"
    assert seen["haproxy"]["server-times"] == b"4000 1000", "no difference any more"


NEWER = (
    TIMES
    + """
    timeout queue 6s
    timeout tarpit 7s
    retries 3
listen own
    bind 127.0.0.1:$(own)
    http-after-response set-header client "%[fe_client_timeout] %[cur_client_timeout]"
    http-after-response set-header connect "%[be_connect_timeout] %[cur_connect_timeout]"
    http-after-response set-header queue "%[be_queue_timeout] %[cur_queue_timeout]"
    http-after-response set-header tarpit "%[fe_tarpit_timeout] %[be_tarpit_timeout] %[cur_tarpit_timeout]"
    http-after-response set-header retries "%[be_max_retries] %[cur_max_retries]"
    http-request set-timeout client 1s
    http-request set-timeout connect 1s
    http-request set-timeout queue 1s
    http-request set-timeout tarpit 1s
    http-request set-retries 9
    use_backend plain if { path /plain }
    use_backend sets if { path /sets }
    server s1 127.0.0.1:$(s1)
backend plain
    timeout tarpit 8s
    server s1 127.0.0.1:$(s1)
backend sets
    http-request set-timeout connect 500ms
    http-request set-timeout queue 500ms
    http-request set-timeout tarpit 500ms
    http-request set-retries 5
    server s1 127.0.0.1:$(s1)
"""
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "3000 1000, 2000 1000, 6000 1000, 7000 7000 1000, 3 9"),
        ("/plain", "3000 1000, 2000 2000, 6000 6000, 7000 8000 1000, 3 3"),
        ("/sets", "3000 1000, 2000 500, 6000 500, 7000 7000 500, 3 5"),
    ],
)
def test_what_newer_versions_set_and_read(pylb: Any, origin: Any, path: str, expected: str) -> None:
    program = pylb(NEWER, values={"s1": origin().port})
    with RawClient(program.port("own")) as client:
        reply = client.send(http("GET", path, "host: h")).read_reply()
    found = [reply.get(name) or b"" for name in ("client", "connect", "queue", "tarpit", "retries")]
    assert b", ".join(found).decode() == expected
