"""Addresses, algorithms and names that HAProxy knows since 2.7: QUIC, GUIDs, and the server options around them."""

from __future__ import annotations

import socket

import pytest

from pylb.config.addresses import parse_address
from pylb.listener.bind import compile_binds
from pylb.records.proxy import Frontend
from pylb.registry import Status
from tests.unit.config import judging

FRAME = """defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
"""


def alerts(text: str) -> list[str]:
    return judging.alerts(FRAME + text)


@pytest.mark.parametrize(
    "text", ["quic4@127.0.0.1:443", "quic6@[::1]:443", "quic+fd@7", "quic+ipv4@*:443", "quic4@:1-2"]
)
def test_quic_addresses_are_for_those_who_take_them(text: str) -> None:
    address = parse_address(text, ranges=True, quic_allowed=True)
    assert address.quic and not address.stream
    with pytest.raises(ValueError, match="QUIC is not compiled in"):
        parse_address(text, ranges=True)


def test_a_quic_listener_is_understood_and_not_started() -> None:
    config = judging.judged(FRAME + "frontend f\n    bind quic4@127.0.0.1:443 alpn h3 quic-cc-algo cubic(1m)\n")
    assert "quic4@" in [use.word.name for use in config.inert(Status.UNSAFE)]
    assert config.proxies[0].binds[0].values["ssl"]
    assert config.proxies[0].binds[0].values["quic-cc-algo"] == ("cubic", 1 << 20)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("frontend f\n    bind quic4@:1 quic-cc-algo", "missing control congestion algorithm"),
        ("frontend f\n    bind quic4@:1 quic-cc-algo reno", "unknown control congestion algorithm 'reno'"),
        ("frontend f\n    bind quic4@:1 quic-cc-algo cubic(1)", "between 10k and 4g"),
        ("frontend f\n    bind quic4@:1 quic-cc-algo cubic(x)", "'x' is no size"),
        ("frontend f\n    bind quic4@:1 quic-cc-algo cubic(1m,2)", "surplus argument '2'"),
        ("frontend f\n    bind quic4@:1 quic-cc-algo cubic(1m", "no algorithm with arguments"),
        ("frontend f\n    bind quic4@:1 quic-socket both", "unknown value 'both'"),
        ("frontend f\n    bind :1 guid-prefix a/b", "character '/' is not permitted in GUID 'a/b'"),
        ("backend b\n    guid " + "a" * 128, "between 1 and 127 characters"),
        ("backend b\n    server s 127.0.0.1:1 guid a!", "character '!' is not permitted"),
        ("backend b\n    server s 127.0.0.1:1 shard 0", "shards are counted from 1"),
        ("backend b\n    server s 127.0.0.1:1 log-bufsize 0", "a size above zero"),
        ("backend b\n    server s 127.0.0.1:1 init-state no", "expects 'fully-up'"),
        ("backend b\n    server s 127.0.0.1:1 idle-ping 1x", "unexpected character 'x'"),
        ("backend b\n    server s 127.0.0.1:1 pool-conn-name zork", "unknown fetch method 'zork'"),
        ("backend b\n    server s 127.0.0.1:1 quic-cc-algo reno", "unknown control congestion algorithm"),
        ("backend b\n    guid x\n    server s 127.0.0.1:1 guid x", "GUID 'x' is already used by proxy 'b'"),
        ("frontend f\n    bind :1-2 guid-prefix x\n    bind :3 guid-prefix x", "'x-0' is already used by bind ':1-2'"),
        ("backend b\n    server s 127.0.0.1:1 guid x\n    server t 127.0.0.1:2 guid x", "used by server 'b/s'"),
    ],
)
def test_mistakes_are_told(text: str, message: str) -> None:
    assert any(message in alert for alert in alerts(text + "\n")), alerts(text + "\n")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("backend b\n    server s quic4@127.0.0.1:443 ssl verify none\n", "quic4@"),
        ("backend b\n    server s rhttp@\n", "rhttp@"),
        ("frontend f\n    bind rhttp@b/s\nbackend b\n    server s 127.0.0.1:1\n", "rhttp@"),
    ],
)
def test_experimental_addresses_are_asked_for_and_not_started(text: str, word: str) -> None:
    config = judging.judged(judging.EXPERIMENTAL + FRAME + text)
    assert not config.report.fatal
    assert word in [use.word.name for use in config.inert(Status.UNSAFE)]
    (refused,) = alerts(text)
    assert refused.endswith("is experimental, must be allowed via a global 'expose-experimental-directives'")


@pytest.mark.parametrize("protocol", ["h2", "quic", "qmux"])
def test_protocols_that_nobody_speaks_are_understood_and_not_started(protocol: str) -> None:
    at = "quic4@" if protocol == "quic" else ""
    line = f"frontend f\n    bind {at}:1 proto {protocol}\n"
    server = f"backend b\n    server s {at}127.0.0.1:1 proto {protocol}\n"
    config = judging.judged(judging.EXPERIMENTAL + FRAME + line + server)
    assert not config.report.fatal
    inert = [use.word.name for use in config.inert(Status.UNSAFE)]
    assert inert.count(f"proto {protocol}") == 2
    assert (alerts(line) == []) is (protocol != "qmux")  # experimental


def test_protocols_that_are_spoken_are_in_use() -> None:
    text = "frontend f\n    bind :1 proto h1\nbackend b\n    server s 127.0.0.1:1 proto h1\n"
    config = judging.judged(FRAME + text)
    assert not config.report.fatal and not config.inert(Status.UNSAFE)


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        ("bind quic4@:1 strict-sni proto quic", True),
        ("bind quic4@:1 strict-sni proto h2", False),
        ("bind :1 proto quic", False),
        ("bind :1 proto fcgi", False),
    ],
)
def test_quic_is_spoken_on_its_own_addresses_only(text: str, usable: bool) -> None:
    config = judging.judged(FRAME + f"frontend f\n    {text}\n")
    compile_binds(config.proxies[0], Frontend("f", 2, config.proxies[0]), config.report)
    refused = [alert for alert in judging.said(config) if "is not usable for" in alert]
    assert (refused == []) is usable


def test_pairs_of_sockets_are_understood_and_not_started() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = ours.fileno()
        text = f"frontend f\n    bind sockpair@{number}\nbackend b\n    server s sockpair@{number}\n"
        config = judging.judged(FRAME + text)
    assert not config.report.fatal
    assert [use.word.name for use in config.inert(Status.UNSAFE)] == ["sockpair@", "sockpair@"]
    (refused,) = alerts(f"backend b\n    server s sockpair@{number}\n")
    assert refused == f"'server b/s' : cannot use file descriptor '{number}' : Bad file descriptor."


def test_prefixes_of_addresses_are_no_options() -> None:
    assert alerts("frontend f\n    bind :1 rhttp@\n") == [
        "'bind :1' in section 'frontend' : 'rhttp@' is an address, not an option."
    ]
    assert alerts("backend b\n    server s 127.0.0.1:1 quic4@\n") == [
        "'server b/s' : 'quic4@' is an address, not an option."
    ]


def test_good_lines_are_accepted() -> None:
    assert not alerts(
        "backend b\n    guid a:b_c.d-e\n"
        '    server s 127.0.0.1:1 guid f shard 2 log-bufsize 10000 idle-ping 5s pool-conn-name "str(a)"\n'
        "    server t 127.0.0.1:1 init-state fully-down quic-cc-algo bbr cc cubic\n"
    )
