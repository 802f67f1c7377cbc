"""Sockets towards servers that are something special: marks that rules set, namespaces, names of connections, strict
limits. What HAProxy 2.6 does not know is judged by the manual of newer ones."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import subprocess
from collections.abc import Iterator

import pytest

from pylb.listener.sockets import namespace
from tests.differential.pairs import http
from tests.harness import RawClient, Site, requires, wait_until
from tests.harness.differential import run_site
from tests.harness.origin import Conversation, Origin, name_server, response

TCP_SAVE_SYN = 27
TCP_SAVED_SYN = 28

DEFAULTS = """
defaults
    mode http
    timeout connect 1s
    timeout client 3s
    timeout server 3s
"""

MARKS = (
    DEFAULTS
    + """
frontend fe
    bind 127.0.0.1:$(fe) tcp-ss 1
    bind 127.0.0.1:$(ethernet) tcp-ss 2
    bind 127.0.0.1:$(unsaved)
    tcp-request connection set-var(sess.syn) fc_saved_syn
    http-request return status 200 hdr x-syn %[var(sess.syn),hex] if { path /syn }
    http-request set-bc-tos hdr(x-tos) if { hdr(x-tos) -m found }
    http-request set-bc-tos 0x20 if { path /fixed }
    http-request set-bc-mark hdr(x-mark) if { hdr(x-mark) -m found }
    use_backend %[path,field(2,/)] if { path_sub /x }
    default_backend be
listen tcp
    mode tcp
    bind 127.0.0.1:$(tcp)
    tcp-request content set-bc-tos 0x40
    tcp-request content set-bc-mark 0xffffffff
    server s1 127.0.0.1:$(s1)
backend be
    http-reuse always
    server s1 127.0.0.1:$(s1) pool-low-conn 9
backend names
    http-reuse always
    server s1 127.0.0.1:$(s1) pool-conn-name hdr(x-name) pool-low-conn 9
backend strict
    http-reuse always
    server s1 127.0.0.1:$(s1) maxconn 2 strict-maxconn pool-conn-name hdr(x-name) pool-low-conn 9
"""
)


def numbered(conversation: Conversation) -> None:
    """Answers with the TOS byte of the connection's first packet and the number of the connection."""
    saved = conversation.sock.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 512)
    while True:
        conversation.read_request()
        conversation.send(response(b"%x.%d" % (saved[1], conversation.number)))


@pytest.fixture(scope="module")
def started() -> Iterator[Site]:
    with run_site("pylb", MARKS, ("s1",)) as site:
        site.servers["s1"].listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
        yield site


@pytest.fixture
def site(started: Site) -> Site:
    started.servers["s1"].perform(numbered)
    return started


def asked(site: Site, *paths: tuple[str, ...], port: str = "fe") -> list[str]:
    with RawClient(site.port(port)) as client:
        return [
            client.send(http("GET", path, "host: h", *fields)).read_reply().body.decode() for path, *fields in paths
        ]


def test_connections_to_servers_get_the_tos_that_rules_set_and_serve_those_that_want_the_same(site: Site) -> None:
    seen = asked(
        site,
        *(("/",), ("/", "x-tos: 8"), ("/",), ("/", "x-tos: 16"), ("/", "x-tos: 8"), ("/fixed",)),
    )
    assert seen == ["0.0", "8.1", "0.0", "10.2", "8.1", "20.3"]


def test_marks_tell_connections_apart(site: Site) -> None:
    assert asked(site, ("/",), ("/", "x-mark: 1"), ("/", "x-mark: 2"), ("/", "x-mark: 1"), ("/",)) == [
        *("0.0", "0.1", "0.2", "0.1", "0.0")
    ]


def test_tcp_connections_get_marks_too(site: Site) -> None:
    assert asked(site, ("/",), port="tcp") == ["40.0"]


def test_connections_have_names(site: Site) -> None:
    paths = [("/names/x", f"x-name: {name}") for name in "aabbab"]
    assert asked(site, *paths, ("/names/x",), ("/names/x",)) == [
        *("0.0", "0.0", "0.1", "0.1", "0.0", "0.1", "0.2", "0.2")
    ]


def test_strict_limits_count_idle_connections(site: Site) -> None:
    paths = [("/strict/x", f"x-name: {name}") for name in "abcab"]
    assert asked(site, *paths) == ["0.0", "0.1", "0.2", "0.3", "0.4"]
    closed = site.servers["s1"].conversations[:3]  # two are left
    wait_until(lambda: all(one.ended for one in closed), 5, "idle connections are closed")
    assert not any(one.ended for one in site.servers["s1"].conversations[3:])


@pytest.mark.parametrize(
    ("port", "start"), [("fe", b"\x45"), ("ethernet", bytes(12) + b"\x08\x00\x45"), ("unsaved", b"")]
)
def test_the_syn_of_a_client_is_saved(site: Site, port: str, start: bytes) -> None:
    with RawClient(site.port(port)) as client:
        own = client.sock.getsockname()[1]
        reply = client.send(http("GET", "/syn", "host: h")).read_reply()
        saved = bytes.fromhex(dict(reply.fields).get(b"x-syn", b"").decode())
    assert saved.startswith(start)
    if start:
        ports = saved[len(start) - 1 + 20 :][:4]
        assert struct.unpack("!HH", ports) == (own, site.port(port))
    else:
        assert not saved


# -- namespaces --------------------------------------------------------------------------------------------------------

NAMESPACES = (
    DEFAULTS
    + """
frontend fe
    bind 127.0.0.1:$(fe)
    bind 127.0.0.1:$(proxied) accept-proxy
    bind 127.0.0.1:FREE namespace NAME
    use_backend %[path,field(2,/)]
backend inside
    retries 0
    server s1 127.0.0.1:PORT namespace NAME
backend outside
    retries 0
    server s1 127.0.0.1:PORT
backend told
    retries 0
    server s1 127.0.0.1:PORT namespace *
"""
)


@pytest.fixture(scope="module")
def another() -> Iterator[str]:
    """A network namespace of our own."""
    name = f"pylb-{os.getpid()}"
    try:
        subprocess.run(["ip", "netns", "add", name], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        pytest.skip(f"this machine makes no network namespaces: {getattr(failure, 'stderr', failure)!r}")
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True, capture_output=True)
        try:
            with namespace(name):
                pass
        except OSError as failure:
            pytest.skip(f"network namespaces cannot be entered: {failure}")
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True, capture_output=True)


@pytest.fixture(scope="module", params=[pytest.param("haproxy", marks=requires("haproxy")), "pylb"])
def within(request: pytest.FixtureRequest, another: str) -> Iterator[tuple[Site, str, int]]:
    with contextlib.ExitStack() as stack:
        with namespace(another):
            origin = stack.enter_context(Origin(name_server("inside")))
        config = NAMESPACES.replace("NAME", another).replace("PORT", str(origin.port))
        config = config.replace("FREE", str(free(origin.port)))
        yield stack.enter_context(run_site(request.param, config, ())), another, origin.port


def free(port: int) -> int:
    """Nobody but the origin listens there."""
    return port + 1 if port < 65535 else port - 1


def status(client: RawClient, backend: str) -> int:
    return client.send(http("GET", f"/{backend}/", "host: h")).read_reply().status


@pytest.mark.parametrize(("backend", "expected"), [("inside", 200), ("outside", 503), ("told", 503)])
def test_servers_are_reached_in_their_namespace(within: tuple[Site, str, int], backend: str, expected: int) -> None:
    with RawClient(within[0].port("fe")) as client:
        assert status(client, backend) == expected


@pytest.mark.parametrize("known", [True, False])
def test_the_proxy_header_names_the_namespace(within: tuple[Site, str, int], known: bool) -> None:
    name = within[1].encode() if known else b"nobody-knows"
    addresses = socket.inet_aton("127.0.0.1") * 2 + struct.pack("!HH", 1024, 80)
    rest = addresses + b"\x30" + struct.pack("!H", len(name)) + name
    header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(rest)) + rest
    with RawClient(within[0].port("proxied")) as client:
        client.send(header)
        assert status(client, "told") == (200 if known else 503)


def test_clients_come_in_a_namespace(within: tuple[Site, str, int]) -> None:
    with namespace(within[1]):
        client = RawClient(free(within[2]))
    with client:
        assert status(client, "inside") == 200
        assert status(client, "outside") == 503
