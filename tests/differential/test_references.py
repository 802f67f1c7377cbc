"""Rules that name proxies and servers: wherever these stand in the file, and in rules that many proxies inherit."""

from __future__ import annotations

from typing import Any

from tests.harness import RawClient

CONFIG = """
defaults common
 mode http
 timeout client 1s
 timeout server 1s
 timeout connect 1s
defaults fronts from common
 http-request set-header x-fe "%[fe_conn] %[fe_name]"
defaults backs from common
 http-request set-header x-be "%[nbsrv] %[connslots,bool] %[srv_conn(b2/s2)] %[be_name]"
 http-request set-var(txn.a) nbsrv,add(10)
frontend fe from fronts
 bind 127.0.0.1:$(fe)
 use_backend b2 if { path /2 } { srv_is_up(b2/s2) }
 default_backend b1
backend b1 from backs
 http-request deny unless { srv_is_up(b1/s1) } { srv_is_up(b2/s2) }
 http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-fe)] %[req.hdr(x-be)] %[var(txn.a)]"
 server s1 127.0.0.1:1 maxconn 5
backend b2 from backs
 http-request return status 200 content-type text/plain lf-string "%[req.hdr(x-fe)] %[req.hdr(x-be)] %[var(txn.a)]"
 server s1 127.0.0.1:1
 server s2 127.0.0.1:1
"""


def test_rules_find_servers_of_any_backend_and_inherited_ones_their_own_proxy(differential: Any) -> None:
    def scenario(site: Any) -> Any:
        with RawClient(site.port("fe")) as client:
            return [
                client.send(b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n" % path).read_reply().body for path in (b"/", b"/2")
            ]

    assert differential(CONFIG, scenario, origins=()) == [b"1 fe 1 1 0 b1 11", b"1 fe 2 1 0 b2 12"]
