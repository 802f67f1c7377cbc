"""maxconn of the process, the frontend and the bind line: who is over it waits in the kernel, and gets its turn."""

from __future__ import annotations

import socket

import pytest

from tests.harness import RawClient

CONFIG = """
global
    {process}
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend fe
    bind 127.0.0.1:$(fe) {bind}
    {frontend}
    http-request return status 200 content-type text/plain string ok
"""
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.mark.parametrize("where", ["process", "frontend", "bind"])
def test_a_connection_over_the_limit_waits_for_its_turn(both, where):
    words = dict.fromkeys(("process", "frontend", "bind"), "")
    words[where] = "maxconn 2"
    program = both(CONFIG.format(**words))
    port = program.port("fe")
    with RawClient(port) as first, RawClient(port) as second, RawClient(port, timeout=0.4) as third:
        for client in (first, second):
            assert client.send(REQUEST).read_reply().status == 200
        third.send(REQUEST)
        with pytest.raises((TimeoutError, socket.timeout, AssertionError)):
            third.read_reply()
        first.close()
        with RawClient(port) as fourth:
            # The one that waited longest comes first.
            assert third.read_reply().status == 200
            third.close()
            assert fourth.send(REQUEST).read_reply().status == 200
