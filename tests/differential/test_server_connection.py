"""What responses may tell of the connection to the server."""

from __future__ import annotations

from typing import Any

from tests.harness import RawClient
from tests.harness.differential import run_site

CONFIG = """
defaults
 mode http
 timeout client 3s
 timeout server 3s
 timeout connect 3s
frontend fe
 bind 127.0.0.1:$(fe)
 default_backend be
backend be
 http-response set-header x-to %[bc_dst]:%[bc_dst_port]
 http-response set-header x-from %[bc_src]
 http-response set-header x-port %[bc_src_port,div(1000),bool]
 http-after-response set-header x-after %[bc_dst_port]
 server s1 127.0.0.1:$(s1)
"""


def test_addresses_of_the_server_connection(differential: Any) -> None:
    def scenario(site: Any) -> Any:
        with RawClient(site.port("fe")) as client:
            reply = client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply()
        return {
            name.decode(): value.decode()
            for name, value in reply.fields
            if name.startswith(b"x-") and name != b"x-server"
        }

    seen = differential(CONFIG, scenario)
    assert seen == {"x-to": "127.0.0.1:<s1>", "x-from": "127.0.0.1", "x-port": "1", "x-after": "<s1>"}


def test_the_round_trip_time_is_the_kernels() -> None:
    """Newer than the HAProxy beside us."""
    rules = "".join(
        f" http-after-response set-header x-{name} {text}\n"
        for name, text in (("us", "%[bc_rtt(us)]"), ("ms", "%[bc_rtt]"), ("variation", "%[bc_rttvar(us)]"))
    )
    with run_site("pylb", CONFIG + rules) as site, RawClient(site.port("fe")) as client:
        reply = client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply()
        fields = {name.decode(): value for name, value in reply.fields}
        assert 0 < int(fields["x-us"]) < 1_000_000
        assert int(fields["x-ms"]) <= int(fields["x-us"]) // 1000 + 1
        assert 0 < int(fields["x-variation"]) < 1_000_000
