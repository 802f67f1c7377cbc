"""PROXY headers beside the real HAProxy, both directions: what is accepted, and the bytes that a server sees."""

from __future__ import annotations

import re
import socket

import pytest

from tests.harness import RawClient, requires

pytestmark = requires("haproxy")

CONFIG = """
defaults
    mode tcp
    unique-id-format id-%rt
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen v1
    bind 127.0.0.1:$(v1)
    server s 127.0.0.1:$(s1) send-proxy
listen v1six
    bind ::1:$(v1six)
    server s 127.0.0.1:$(s1) send-proxy
listen v1unix
    bind unix@$(dir)/v1.sock
    server s 127.0.0.1:$(s1) send-proxy
listen v2
    bind 127.0.0.1:$(v2)
    server s 127.0.0.1:$(s1) send-proxy-v2
listen v2six
    bind ::1:$(v2six)
    server s 127.0.0.1:$(s1) send-proxy-v2
listen v2unix
    bind unix@$(dir)/v2.sock
    server s 127.0.0.1:$(s1) send-proxy-v2
listen options
    bind 127.0.0.1:$(options)
    server s 127.0.0.1:$(s1) send-proxy-v2 proxy-v2-options ssl,crc32c
listen in
    bind 127.0.0.1:$(in) accept-proxy
    server s 127.0.0.1:$(s1) send-proxy
listen web
    mode http
    bind 127.0.0.1:$(web) accept-proxy
    option forwardfor
    http-request set-header x-dst %[dst]:%[dst_port]
    http-request set-header x-src %[src]:%[src_port]
    server s 127.0.0.1:$(s2)
"""

SIG = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2])
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1") + socket.inet_pton(socket.AF_INET6, "2001:db8::2") + b"\0\1\0\2"


def headline(conversation):
    """Answers with everything that came, so that the client sees the header that was sent."""
    data = conversation.receive()
    while b"END" not in data:
        data += conversation.receive()
    conversation.send(data)


def through(site, name: str, data: bytes = b"END") -> bytes:
    """What a server gets when a client sends `data`."""
    family = socket.AF_INET6 if name.endswith("six") else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(5)
        client.connect(("::1" if name.endswith("six") else "127.0.0.1", site.port(name)))
        own = client.getsockname()[1]
        client.sendall(data)
        try:
            seen = client.recv(65536)
        except ConnectionResetError:
            seen = b""
    for port, mark in ((own, b"OWN"), (site.port(name), b"THERE")):
        seen = re.sub(rb"\b%d\b" % port, mark, seen)
        if seen.startswith(SIG):
            seen = seen.replace(port.to_bytes(2, "big"), mark[:2])
    return re.sub(rb"\x03\x00\x04.{4}", b"\x03\x00\x04CCCC", seen, flags=re.S)


def test_headers_for_servers_are_the_same_bytes(differential):
    def scenario(site):
        found = {name: through(site, name) for name in ("v1", "v1six", "v2", "v2six", "options")}
        for name in ("v1", "v2"):
            with RawClient(str(site.program.directory / f"{name}.sock")) as client:
                found[f"{name} unix"] = client.send(b"END").read_exactly(19 if name == "v2" else 18)
        return found

    found = differential(CONFIG, scenario, origins={"s1": headline, "s2": None})
    assert found["v1 unix"] == b"PROXY UNKNOWN\r\nEND"
    assert found["v1"] == b"PROXY TCP4 127.0.0.1 127.0.0.1 OWN THERE\r\nEND"


ACCEPTED_ALIKE = [
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 0 0\r\n",
    b"PROXY TCP6 2001:db8::1 2001:db8::2 65535 1\r\n",
    b"PROXY UNKNOWN\r\n",
    SIG + b"\x21\x11\0\x0c" + V4,
    SIG + b"\x21\x21\0\x24" + V6,
    SIG + b"\x20\0\0\0",
    SIG + b"\x20\x11\0\x0c" + V4,
    SIG + b"\x21\x11\0\x0f" + V4 + b"\x04\0\0",
    SIG + b"\x21\x11\0\x14" + V4 + b"\x02\0\x05a.com",
    SIG + b"\x21\x11\0\x10" + V4 + b"\xe0\0\x01x",
]
REFUSED_ALIKE = [
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
    b"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
    b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
    b"PROXY TCP6 ::1%1 ::2 1 2\r\n",
    b"PROXY UNKNOWNjunk\r\n",
    b"PROXY UNIX\r\n",
    b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    SIG + b"\x22\x11\0\x0c" + V4,
    SIG + b"\x11\x11\0\x0c" + V4,
    SIG + b"\x21\x41\0\x0c" + V4,
    SIG + b"\x21\x13\0\x0c" + V4,
    SIG + b"\x21\x11\0\x0b" + V4[:11],
    SIG + b"\x21\x11\0\x0e" + V4 + b"\x01\0",
    SIG + b"\x21\x11\0\x10" + V4 + b"\x01\0\x05a",
    SIG + b"\x21\x11\0\x13" + V4 + b"\x03\0\x04" + bytes(4),
]
OURS_IS_STRICTER = {
    b"PROXY TCP4 1.2.3.4 5.6.7.8 0001 2\r\n": "leading zeros",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 99999\r\n": "a port above 65535",
    b"PROXY TCP4 1.2.3.04 5.6.7.8 1 9\r\n": "leading zeros in an address",
    SIG + b"\x20\x11\0\x13" + V4 + b"\x03\0\x04" + bytes(4): "a wrong checksum of LOCAL",
}
OURS_FOLLOWS_THE_SPECIFICATION = {
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n": "the receiver ignores what stands behind UNKNOWN",
    SIG + b"\x21\0\0\0": "unspecified addresses leave the socket's",
    SIG + b"\x21\x31\0\xd8" + bytes(216): "so do unix addresses",
    SIG + b"\x21\x12\0\x0c" + V4: "and those of datagrams",
}


def test_headers_of_clients_are_read_alike(differential):
    def scenario(site):
        return {data: through(site, "in", data + b"END") for data in [*ACCEPTED_ALIKE, *REFUSED_ALIKE]}

    found = differential(CONFIG, scenario, origins={"s1": headline, "s2": None})
    assert all(found[data].endswith(b"END") for data in ACCEPTED_ALIKE)
    assert not any(found[data] for data in REFUSED_ALIKE)


@pytest.mark.parametrize("kind", ["haproxy", "pylb"])
def test_the_known_differences_are_still_these(kind, stack, origin):
    from types import SimpleNamespace

    from tests.harness.programs import running

    values = {"s1": origin(headline).port, "s2": 1}
    program = stack.enter_context(running(kind, CONFIG, values=values))
    site = SimpleNamespace(port=program.port)
    ours = kind == "pylb"
    for data in OURS_IS_STRICTER:
        assert bool(through(site, "in", data + b"END")) is not ours, data
    for data in OURS_FOLLOWS_THE_SPECIFICATION:
        assert bool(through(site, "in", data + b"END")) is ours, data


HEADERS = (ACCEPTED_ALIKE[0], ACCEPTED_ALIKE[2], ACCEPTED_ALIKE[4], ACCEPTED_ALIKE[5])
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def test_rules_and_forwardfor_see_the_addresses_of_the_header(differential):
    def scenario(site):
        for header in HEADERS:
            with RawClient(site.port("web")) as client:
                client.send(header + REQUEST).read_reply()
        return site.servers["s2"].requests

    found = differential(CONFIG, scenario, origins={"s1": headline, "s2": None})
    assert b"x-forwarded-for: 1.2.3.4" in found[0] and b"x-dst: 5.6.7.8:2" in found[0]


def test_a_header_may_come_in_pieces(pylb, origin):
    """HAProxy gives up when the header is not there at once; a slow network is no reason to."""
    program = pylb(CONFIG, values={"s1": 1, "s2": origin().port})
    for header in HEADERS:
        with RawClient(program.port("web")) as client:
            client.drip(header + REQUEST, pause=0.001)
            assert client.read_reply().status == 200
