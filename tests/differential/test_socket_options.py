"""Socket options of listening and accepted sockets beside HAProxy: asked of the kernel, on duplicates of them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.pairs import paired
from tests.harness import requires, wait_until
from tests.harness.differential import run_site

pytestmark = [
    requires("haproxy"),
    pytest.mark.skipif(os.geteuid() != 0, reason="takes sockets out of other processes"),
]

PIDFD_GETFD = 438  # the same on all architectures
TCP = socket.IPPROTO_TCP
NOTSENT_LOWAT, SAVED_SYN = 25, 28

OPTIONS = {
    "linger": (socket.SOL_SOCKET, socket.SO_LINGER, 8),
    "keepalive": (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 4),
    "reuse port": (socket.SOL_SOCKET, socket.SO_REUSEPORT, 4),
    "send buffer": (socket.SOL_SOCKET, socket.SO_SNDBUF, 4),
    "receive buffer": (socket.SOL_SOCKET, socket.SO_RCVBUF, 4),
    "device": (socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16),
    "segments": (TCP, socket.TCP_MAXSEG, 4),
    "user timeout": (TCP, socket.TCP_USER_TIMEOUT, 4),
    "probes": (TCP, socket.TCP_KEEPCNT, 4),
    "idle": (TCP, socket.TCP_KEEPIDLE, 4),
    "interval": (TCP, socket.TCP_KEEPINTVL, 4),
}
LISTENING = {
    **OPTIONS,
    "defer": (TCP, socket.TCP_DEFER_ACCEPT, 4),
    "quick ack": (TCP, socket.TCP_QUICKACK, 4),
    "fast open": (TCP, socket.TCP_FASTOPEN, 4),
    "transparent": (socket.IPPROTO_IP, 19, 4),
    "only IPv6": (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 4),
}
# What the kernel gives a listening socket only by and by, or what is set on the listening socket and inherited.
LISTENING = {name: LISTENING[name] for name in LISTENING if name not in ("keepalive", "probes", "idle", "interval")}
del LISTENING["send buffer"], LISTENING["receive buffer"]
ACCEPTED = {**OPTIONS, "no delay": (TCP, socket.TCP_NODELAY, 4)}
del ACCEPTED["reuse port"]

CONFIG = """
global
    maxconn 60
    tune.rcvbuf.client 30000
    tune.sndbuf.client 40000
    stats socket $(dir)/early.sock level admin
    unix-bind prefix $(dir)/ mode 640
    stats socket $(dir)/admin.sock mode 600 level admin
    stats socket $(dir)/late.sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 1s
frontend plain
    bind 127.0.0.1:$(plain)
frontend tuned
    bind 127.0.0.1:$(tuned) mss 900 tcp-ut 3s defer-accept tfo backlog 77 transparent interface lo
frontend careful
    mode tcp
    option tcp-smart-accept
    option clitcpka
    clitcpka-cnt 3
    clitcpka-idle 10s
    clitcpka-intvl 5s
    tcp-request inspect-delay 700ms
    tcp-request content accept if WAIT_END
    bind 127.0.0.1:$(careful) mss -100
frontend hasty
    mode tcp
    backlog 33
    option nolinger
    tcp-request inspect-delay 700ms
    tcp-request content accept if WAIT_END
    bind 127.0.0.1:$(hasty)
frontend eager
    no option tcp-smart-accept
    maxconn 9
    bind 127.0.0.1:$(eager) maxconn 5
frontend six
    bind [::1]:$(six)
    bind [::1]:$(only) v6only
    bind :::$(all) v4v6
frontend files
    bind unix@own.sock mode 600 uid 12 gid 13 backlog 5
    bind unix@default.sock
    bind abns@pylb-test-$(plain)
"""
PORTS = ("plain", "tuned", "careful", "hasty", "eager", "six", "only", "all")

pair = paired(CONFIG, origins=())


@contextlib.contextmanager
def sockets_of(pid: int) -> Iterator[list[socket.socket]]:
    """Duplicates of every stream socket of a process."""
    libc = ctypes.CDLL(None, use_errno=True)
    found = []
    process = os.pidfd_open(pid)
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if not os.readlink(f"/proc/{pid}/fd/{entry}").startswith("socket:"):
                    continue
                number = libc.syscall(PIDFD_GETFD, process, int(entry), 0)
                if number >= 0:
                    found.append(socket.socket(fileno=number))
        yield [sock for sock in found if sock.family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX)]
    finally:
        os.close(process)
        for sock in found:
            sock.close()


def ask(sock: socket.socket, options) -> dict:
    seen = {}
    for name, (level, option, size) in options.items():
        try:
            value = sock.getsockopt(level, option, size)
        except OSError as error:
            value = error.errno
        seen[name] = value
    return seen


def listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def of_port(socks, port: int, *, listening: bool) -> list[socket.socket]:
    return [
        one
        for one in socks
        if one.family != socket.AF_UNIX and one.getsockname()[1] == port and listens(one) is listening
    ]


@pytest.mark.parametrize("name", PORTS)
def test_listening_sockets(pair, name):
    def scenario(site):
        with sockets_of(site.program.pid) as socks:
            return [(str(one.family), ask(one, LISTENING)) for one in of_port(socks, site.port(name), listening=True)]

    assert len(pair.same(scenario)) == 1


def queues(port: int) -> list[int]:
    """Lengths of the queues of a port, from ss."""
    with os.popen(f"ss -H -l -t -n 'sport = :{port}'") as answer:
        return [int(line.split()[2]) for line in answer]


@pytest.mark.parametrize("name", PORTS)
def test_queues_of_the_kernel(pair, name):
    assert len(pair.same(lambda site: queues(site.port(name)))) == 1


@pytest.mark.parametrize("name", ["plain", "tuned", "careful", "hasty", "eager"])
def test_accepted_sockets(pair, name):
    def scenario(site):
        with socket.create_connection(("127.0.0.1", site.port(name)), 5) as client:
            client.sendall(b"G")

            def accepted():
                with sockets_of(site.program.pid) as socks:
                    return [ask(one, ACCEPTED) for one in of_port(socks, site.port(name), listening=False)]

            return wait_until(accepted, 5, "the connection to be accepted")

    assert len(pair.same(scenario)) == 1


def test_nolinger_ends_connections_with_a_fin_and_leaves_no_state_behind(pair):
    def scenario(site):
        ends = {}
        for name in ("careful", "hasty"):
            with socket.create_connection(("127.0.0.1", site.port(name)), 5) as client:
                client.sendall(b"G")
                try:
                    ends[name] = client.recv(1)
                except ConnectionResetError:
                    ends[name] = None
                with os.popen(f"ss -H -t -n state fin-wait-2 'sport = :{site.port(name)}'") as answer:
                    ends[name, "left"] = len(answer.readlines())
        return ends

    assert pair.same(scenario)["hasty"] == b""


def test_unix_sockets(pair):
    def scenario(site):
        home = Path(site.program.directory)
        files = {}
        for name in ("own.sock", "default.sock", "admin.sock", "early.sock", "late.sock"):
            status = (home / name).stat()
            files[name] = (oct(status.st_mode), status.st_uid, status.st_gid)
        with sockets_of(site.program.pid) as socks:
            abstract = [one.getsockname() for one in socks if one.family == socket.AF_UNIX and listens(one)]
        names = [name for name in abstract if isinstance(name, bytes) and name[:1] == b"\0"]
        return (
            files,
            [name.replace(b"%d" % site.port("plain"), b"N").rstrip(b"\0") for name in names],
            sorted(os.listdir(home)),
        )

    seen = pair.run(scenario)
    for result in seen.values():
        result[2][:] = [name for name in result[2] if name.endswith((".sock", ".tmp", ".bak"))]
    assert seen["pylb"] == seen["haproxy"]
    assert seen["pylb"][2] == ["admin.sock", "default.sock", "early.sock", "late.sock", "own.sock"]


MODERN = """
global
    tune.notsent-lowat.client 5000
defaults
    mode http
    timeout client 5s
frontend kept
    bind 127.0.0.1:$(kept) tcp-ss 1
    http-request return status 200
frontend signed
    bind 127.0.0.1:$(signed) tcp-md5sig secret
    http-request return status 200
"""


def test_options_that_haproxy_has_since_2_6():
    def accepted():
        with sockets_of(site.program.pid) as socks:
            return [
                (one.getsockopt(TCP, NOTSENT_LOWAT), one.getsockopt(TCP, SAVED_SYN, 200)[0] >> 4)
                for one in of_port(socks, site.port("kept"), listening=False)
            ]

    with run_site("pylb", MODERN, ()) as site, socket.create_connection(("127.0.0.1", site.port("kept")), 5) as client:
        client.sendall(b"G")
        assert wait_until(accepted, 5, "the connection to be accepted") == [(5000, 4)]


def test_signed_connections_need_the_password():
    from pylb.listener.sockets import TCP_MD5SIG_EXT, signature  # its layout is the kernel's, for either end

    with run_site("pylb", MODERN, ()) as site:
        answers = {}
        for password in (b"secret", b"other", None):
            with socket.socket() as client:
                client.settimeout(0.4)
                if password is not None:
                    client.setsockopt(TCP, TCP_MD5SIG_EXT, signature(socket.AF_INET, password.decode()))
                try:
                    client.connect(("127.0.0.1", site.port("signed")))
                    client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
                    answers[password] = client.recv(12)
                except TimeoutError:
                    answers[password] = None
        assert answers == {b"secret": b"HTTP/1.1 200", b"other": None, None: None}
