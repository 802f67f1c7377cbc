"""Backends and servers that come at run time carry traffic, in a process of their own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.harness.client import RawClient
from tests.harness.differential import Site, run_site

CONFIG = """
global
 stats socket $(dir)/cli.sock level admin
defaults
 mode http
 timeout client 5s
 timeout connect 5s
 timeout server 5s
frontend fe
 bind 127.0.0.1:$(fe)
 force-be-switch if { req.hdr(x-admin) 1 }
 use_backend known if { path /known }
 use_backend %[req.hdr(x-be)]
 default_backend fallback
frontend raw
 mode tcp
 bind 127.0.0.1:$(raw)
 use_backend %[str(late)]
backend known
 server s 127.0.0.1:$(s1)
backend fallback
 server s 127.0.0.1:$(s2)
defaults web
 mode http
 timeout connect 5s
 timeout server 5s
 http-after-response set-header x-after %[be_name]
 http-request set-header x-seen yes
 errorfile 503 $(dir)/503.http
defaults shared
 mode http
 timeout client 5s
defaults plain
 mode tcp
 timeout connect 5s
 timeout server 5s
"""
ERROR = "HTTP/1.0 503 Away\r\nx-own: yes\r\n\r\naway"


@pytest.fixture
def site() -> Iterator[Site]:
    with run_site("pylb", CONFIG, ("s1", "s2"), files={"503.http": ERROR}) as site:
        yield site


def ask(site: Site, text: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(site.program.directory / "cli.sock"))
        client.sendall(text.encode() + b"\n")
        data = b""
        while piece := client.recv(65536):
            data += piece
    return data.decode().strip("\n")


def fetch(site: Site, *fields: str, path: str = "/", port: str = "fe") -> tuple[int, bytes]:
    with RawClient(site.port(port)) as client:
        head = "\r\n".join((f"GET {path} HTTP/1.1", "host: a", *fields, "", ""))
        client.send(head.encode())
        reply = client.read_reply()
    return reply.status, reply.body


def test_a_backend_is_born_serves_and_goes(site: Site) -> None:
    assert fetch(site, "x-be: late") == (200, b"s2")
    assert ask(site, "add backend late from web") == "New backend registered."
    assert ask(site, f"add server late/s 127.0.0.1:{site.servers['s1'].port}") == "New server registered."
    assert fetch(site, "x-be: late") == (200, b"s2")
    assert fetch(site, "x-be: late", "x-admin: 1") == (503, b"away")  # its own errorfile
    assert ask(site, "enable server late/s") == ""
    assert fetch(site, "x-be: late", "x-admin: 1") == (200, b"s1")
    assert ask(site, "publish backend late") == "Backend published."
    with RawClient(site.port("fe")) as client:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\nx-be: late\r\n\r\n")
        reply = client.read_reply()
        assert (reply.body, reply.get("x-after")) == (b"s1", b"late")
    assert b"x-seen: yes" in site.servers["s1"].requests[-1]
    assert ask(site, "unpublish backend late;disable server late/s").startswith("Backend unpublished.")
    assert ask(site, "wait 5s srv-removable late/s;del server late/s") == "Done.\n\nServer deleted."
    assert ask(site, "wait 5s be-removable late;del backend late") == "Done.\n\nBackend deleted."
    assert fetch(site, "x-be: late") == (200, b"s2")


def test_static_rules_follow_what_is_published(site: Site) -> None:
    assert fetch(site, path="/known") == (200, b"s1")
    ask(site, "unpublish backend known")
    assert fetch(site, path="/known") == (200, b"s2")
    assert fetch(site, "x-admin: 1", path="/known") == (200, b"s1")
    ask(site, "unpublish backend fallback")
    assert fetch(site)[0] == 503
    assert fetch(site, "x-admin: 1") == (200, b"s2")
    ask(site, "publish backend known;publish backend fallback")
    assert fetch(site, path="/known") == (200, b"s1")


def test_a_backend_in_tcp_mode(site: Site) -> None:
    assert ask(site, "add backend late from plain") == "New backend registered."
    assert ask(site, f"add server late/s 127.0.0.1:{site.servers['s2'].port} enabled") == "New server registered."
    with RawClient(site.port("raw")) as client:
        assert client.read_all() == b""
    ask(site, "publish backend late")
    assert fetch(site, port="raw") == (200, b"s2")


def test_a_deleted_servers_streams_end_first(site: Site) -> None:
    with RawClient(site.port("raw")) as idle:
        ask(site, "add backend late from plain;publish backend late")
        ask(site, f"add server late/s 127.0.0.1:{site.servers['s2'].port} enabled")
        with RawClient(site.port("raw")) as client:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            assert client.read_reply().body == b"s2"
            ask(site, "disable server late/s;unpublish backend late")
            assert ask(site, "del server late/s") == "Server still has connections attached to it, cannot remove it."
            assert ask(site, "wait 10ms srv-removable late/s") == "Wait delay expired."
        assert ask(site, "wait 5s srv-removable late/s;del server late/s") == "Done.\n\nServer deleted."
        assert ask(site, "wait 5s be-removable late;del backend late") == "Done.\n\nBackend deleted."
        assert idle.read_all() == b""


def test_two_binds_share_a_descriptor() -> None:
    with socket.create_server(("127.0.0.1", 0)) as shared:
        number = os.dup(shared.fileno())
        os.set_inheritable(number, True)
        two = "".join(
            f"frontend {name} from shared\n bind fd@{number}\n"
            f" http-request return status 200 content-type a/b string {name}\n"
            for name in ("one", "two")
        )
        port = shared.getsockname()[1]

        def body() -> bytes:
            with RawClient(port) as client:
                client.send(b"GET / HTTP/1.0\r\n\r\n")
                return client.read_reply().body

        with run_site("pylb", CONFIG + two, ("s1", "s2"), files={"503.http": ERROR}, pass_fds=(number,)) as site:
            assert [body() for _ in range(5)] == [b"one"] * 5
            ask(site, "disable frontend one")
            assert [body() for _ in range(3)] == [b"two"] * 3
            ask(site, "enable frontend one")
            assert [body() for _ in range(3)] == [b"one"] * 3
            ask(site, "shutdown frontend one")
            assert [body() for _ in range(3)] == [b"two"] * 3
        os.close(number)
