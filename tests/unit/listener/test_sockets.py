from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pylb.config.model import Address, ProxyConfig
from pylb.errors import Severity, Span
from pylb.listener import sockets
from pylb.listener.bind import Listener
from tests.harness.ports import free_port

SPAN = Span("f.cfg", 6)


def frontend(kind: str = "frontend", **values: Any) -> Any:
    config = ProxyConfig(kind, "f")
    config.values.update(values)
    return SimpleNamespace(name="f", config=config, maxconn=0)


def listener(address: Address, owner: Any = None, **values: Any) -> Listener:
    options = {name.replace("_", "-"): value for name, value in values.items()}
    return Listener(owner or frontend(), address, options, SPAN, 1)


def loopback(port: int = 0) -> Address:
    return Address("ipv4", "127.0.0.1", port, port)


@pytest.fixture
def opened() -> Iterator[Any]:
    """Opens listeners and closes them at the end of the test."""
    seen: list[Listener] = []

    def begin(*listeners: Listener, **details: Any) -> list[str]:
        seen.extend(listeners)
        return [problem.message for problem in sockets.open_sockets(listeners, **details)]

    yield begin
    for one in seen:
        sockets.close(one)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has for himself."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def option(one: Listener, level: int, name: int) -> int:
    assert one.sock is not None
    return one.sock.getsockopt(level, name)


def test_a_tcp_socket_listens_without_blocking_and_shares_its_port(opened):
    one = listener(loopback())
    assert opened(one) == []
    assert one.sock is not None and not one.sock.getblocking()
    assert option(one, socket.SOL_SOCKET, socket.SO_REUSEPORT) == 1
    assert option(one, socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
    assert not os.get_inheritable(one.sock.fileno())


def test_ports_are_not_shared_when_it_is_forbidden(opened):
    one = listener(loopback())
    assert opened(one, reuse_port=False) == []
    assert option(one, socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0


def test_accepted_connections_inherit_what_is_set_once(opened):
    one = listener(loopback(), frontend(**{"option clitcpka": True, "clitcpka-idle": 30000, "clitcpka-cnt": 4}))
    opened(one)
    assert one.sock is not None
    with socket.create_connection(one.sock.getsockname()):
        one.sock.setblocking(True)
        connection, _ = one.sock.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 4


def test_socket_options_of_the_bind_line(opened):
    one = listener(loopback(), defer_accept=True, tcp_ut=5000, tfo=True)
    assert opened(one) == []
    assert option(one, socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT) > 0
    assert option(one, socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5000
    assert option(one, socket.IPPROTO_TCP, socket.TCP_FASTOPEN) > 0


def test_what_the_kernel_refuses_to_tune_is_a_warning(opened):
    one = listener(loopback(), mss=10)
    assert opened(one) == ["Starting [f.cfg:6] for frontend f: cannot set MSS to 10 for [127.0.0.1:0]"]
    assert one.sock is not None


def test_a_taken_port_is_an_alert_in_haproxys_words(opened, taken):
    message = f"Binding [f.cfg:6] for {{}} f: cannot bind socket (Address already in use) for [127.0.0.1:{taken}]"
    assert opened(listener(loopback(taken))) == [message.format("frontend")]
    assert opened(listener(loopback(taken), frontend("listen"))) == [message.format("proxy")]


def test_one_failure_closes_everything_and_names_every_problem(opened, taken, tmp_path):
    path = tmp_path / "a.sock"
    good, bad = listener(loopback()), listener(loopback(taken))
    unix, nowhere = listener(Address("unix", str(path))), listener(Address("unix", "/nonexistent/a"))
    problems = opened(good, bad, unix, nowhere)
    assert len(problems) == 2
    assert problems[1] == (
        "Binding [f.cfg:6] for frontend f: cannot bind UNIX socket (No such file or directory) [/nonexistent/a]"
    )
    assert [one.sock for one in (good, bad, unix, nowhere)] == [None] * 4
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_predecessors_unix_socket(opened, taken, tmp_path):
    path = str(tmp_path / "a.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
        old.listen()
        assert len(opened(listener(Address("unix", path)), listener(loopback(taken)))) == 1
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.sock"]


def test_a_rename_that_fails_puts_earlier_ones_back(opened, tmp_path):
    path = str(tmp_path / "a.sock")
    (tmp_path / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
        old.listen()
        problems = opened(listener(Address("unix", path)), listener(Address("unix", str(tmp_path / "directory"))))
        assert problems == [
            "Binding [f.cfg:6] for frontend f: error when trying to preserve previous UNIX socket (Operation not "
            f"permitted) [{tmp_path}/directory]"
        ]
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
        old.setblocking(True)
        old.accept()[0].close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.sock", "directory"]


def test_a_unix_socket_replaces_its_predecessor_in_one_step(opened, tmp_path):
    path = tmp_path / "a.sock"
    first, second = listener(Address("unix", str(path))), listener(Address("unix", str(path)))
    assert opened(first) == [] and opened(second) == []
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.sock"]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert second.sock is not None
        second.sock.accept()[0].close()


def test_mode_and_prefix_of_unix_sockets(opened, tmp_path):
    plain, own = listener(Address("unix", "/a")), listener(Address("unix", "/b"), mode=0o600)
    assert opened(plain, own, settings={"unix-bind": {"prefix": str(tmp_path), "mode": 0o666}}) == []
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
    assert modes == {"a": 0o666, "b": 0o600}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_a_unix_socket(opened, tmp_path):
    path = Path(tmp_path / "a")
    assert opened(listener(Address("unix", str(path)), uid=65534, gid=65534)) == []
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_a_path_that_is_too_long_is_refused(opened, tmp_path):
    path = str(tmp_path / ("x" * 110))
    assert opened(listener(Address("unix", path))) == [
        f"Binding [f.cfg:6] for frontend f: invalid or too long UNIX socket path [{path}]"
    ]


def test_an_abstract_name_fills_the_address_like_haproxys(opened):
    name = f"pylb-test-{os.getpid()}"
    assert opened(listener(Address("abns", name))) == []
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(b"\0" + name.encode().ljust(107, b"\0"))


def test_v6only_and_v4v6_decide_about_ipv4(opened):
    only = listener(Address("ipv6", "::", 0), v6only=True, v4v6=True)
    both = listener(Address("ipv6", "::", 0), v4v6=True)
    assert opened(only, both) == []
    assert option(only, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    assert option(both, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 0


def test_an_inherited_descriptor_is_used_as_it_is(opened):
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        one = listener(Address("fd", fd=os.dup(given.fileno())))
        assert opened(one) == []
        assert (one.inherited, one.port) == (True, given.getsockname()[1])
        socket.create_connection(given.getsockname()).close()


def test_two_listeners_may_name_the_same_inherited_descriptor(opened):
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        number = os.dup(given.fileno())
        one, two = listener(Address("fd", fd=number)), listener(Address("fd", fd=number))
        assert opened(one, two) == []
        assert one.sock.fileno() == number
        assert two.sock.fileno() != number
        assert two.port == given.getsockname()[1]
        assert os.fstat(number).st_ino == os.fstat(two.sock.fileno()).st_ino


def test_a_predecessors_socket_is_taken_over_instead_of_opened(opened):
    first = listener(loopback())
    opened(first)
    assert first.sock is not None
    port = first.sock.getsockname()[1]
    one = listener(loopback(port))
    handed = os.dup(first.sock.fileno())
    assert opened(one, inherited={sockets.key(one): handed}) == []
    assert one.sock is not None and one.sock.fileno() == handed


def test_the_key_tells_sockets_apart_that_are_not_the_same():
    plain = listener(loopback(80))
    assert sockets.key(plain) == sockets.key(listener(loopback(80), maxconn=5, name="other"))
    others = [listener(loopback(81)), listener(loopback(80), interface="lo"), listener(Address("ipv6", "::1", 80))]
    assert len({sockets.key(one) for one in [plain, *others]}) == 4


def test_a_device_that_does_not_exist_stops_the_start(opened):
    # HAProxy warns and listens on all devices; that lets in whom the file keeps out.
    one = listener(loopback(), interface="nosuch0")
    binder = sockets.Binder()
    assert not binder.open([one])
    assert [problem.severity for problem in binder.problems] == [Severity.ALERT]
    assert "cannot bind receiver to device 'nosuch0' (No such device)" in binder.problems[0].message


def test_backlog_follows_bind_then_frontend_then_maxconn():
    owner = frontend(backlog=20)
    assert sockets.backlog(listener(loopback(), owner, backlog=10)) == 10
    assert sockets.backlog(listener(loopback(), owner)) == 20
    assert sockets.backlog(listener(loopback(), maxconn=30)) == 30
    assert sockets.backlog(listener(loopback())) == sockets.DEFAULT_BACKLOG


def test_a_paused_listener_refuses_and_a_resumed_one_takes_connections(opened):
    # A port that the kernel chose would be chosen anew.
    one = listener(loopback(free_port()))
    opened(one)
    assert one.sock is not None
    place = one.sock.getsockname()
    sockets.pause(one)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)
    assert sockets.resume(one)
    socket.create_connection(place).close()


@pytest.mark.parametrize(
    "address",
    [
        Address("ipv4", "127.0.0.1", 1, 1, stream=False, quic=True),
        Address("rhttp", "b/s"),
        Address("sockpair", fd=0),
    ],
)
def test_nobody_listens_where_addresses_are_only_understood(opened: Any, address: Address) -> None:
    one = listener(address)
    assert opened(one) == []
    assert one.sock is None
