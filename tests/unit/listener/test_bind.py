from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from pylb import registry, standard
from pylb.config import reader
from pylb.errors import Severity
from pylb.listener.bind import Listener, compile_binds
from pylb.records.proxy import Frontend
from pylb.registry import Kind, Status
from tests.harness import pem

standard.load()


def parsed(*lines: str, section: str = "frontend f") -> Any:
    return reader.parse_text("".join(f"{line}\n" for line in (section, *(f" {line}" for line in lines))))


def alerts(config: Any) -> list[str]:
    return [item.message for item in config.report.items if item.severity is Severity.ALERT]


def listeners(*lines: str) -> list[Listener]:
    config = parsed(*lines)
    assert alerts(config) == []
    found = compile_binds(config.proxies[0], Frontend("f", 2, config.proxies[0]), config.report)
    assert alerts(config) == []
    return found


WHO = "'bind :80' in section 'frontend'"

REFUSED = {
    "bind": "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments.",
    "bind :80 foo": f"{WHO}: unknown keyword 'foo'; did you mean 'tfo' maybe ?",
    "bind :80 zzzzzz": f"{WHO}: unknown keyword 'zzzzzz'.",
    "bind :80 maxconn": f"{WHO} : 'maxconn' : missing value",
    "bind :80 maxconn -1": f"{WHO} : 'maxconn' : invalid value -1, must be >= 0",
    "bind :80 backlog": f"{WHO} : 'backlog' : missing value",
    "bind :80 backlog -1": f"{WHO} : 'backlog' : invalid value -1, must be > 0",
    "bind :80 name": f"{WHO} : 'name' : missing name",
    "bind :80 id": f"{WHO} : 'id' : expects an integer argument",
    "bind :80 id x": f"{WHO} : 'id' : expects an integer argument, found 'x'",
    "bind :80 id 0": f"{WHO} : 'id' : custom id has to be > 0",
    "bind :80-82 id 4": "'bind :80-82' in section 'frontend' : 'id' can only be used with a single socket",
    "bind :80 mss": f"{WHO} : 'mss' : missing MSS value",
    "bind :80 mss 70000": f"{WHO} : 'mss' : expects an MSS with and absolute value between 1 and 65535",
    "bind :80 tcp-ut x": f"{WHO} : 'tcp-ut' : expects a positive delay in milliseconds",
    "bind :80 mode": f"{WHO} : 'mode' : missing or invalid mode '' (octal integer expected)",
    "bind :80 mode 9": f"{WHO} : 'mode' : missing or invalid mode '9' (octal integer expected)",
    "bind :80 user nosuch": f"{WHO} : 'user' : unknown user name 'nosuch'",
    "bind :80 level foo": f"{WHO} : 'level' only supports 'user', 'operator', and 'admin' (got 'foo')",
    "bind :80 expose-fd x": f"{WHO} : 'expose-fd' only supports 'listeners' (got 'x')",
    "bind :80 nice 5000": f"{WHO} : 'nice' : invalid value 5000, allowed range is -1024..1024",
    "bind :80 thread foo": f"{WHO} : 'foo' : 'foo' is not a valid number/range.",
    "bind :80 shards x": f"{WHO} : 'shards' : invalid value 0, allowed range is 1..64 or 'by-thread'",
    "bind :80 proto foo": f"{WHO} : 'proto' :  unknown MUX protocol 'foo'",
    "bind :80 verify x": f"{WHO} : 'verify' : unknown verify method 'x', only 'none', 'optional', and 'required' are "
    "supported",
    "bind :80 ssl-min-ver x": f"{WHO} : 'x' : unknown ssl/tls version",
    "bind :80 crt": f"{WHO} : 'crt' : missing certificate location",
    "bind 127.0.0.1": "'bind' : missing port specification in '127.0.0.1'",
    "bind 127.0.0.1:0": "'bind' : invalid port '0'",
    "bind 127.0.0.1:80-70": "'bind' : invalid port range '80-70'",
    "bind 127.0.0.1:+8": "'bind' : port offset not permitted here in '127.0.0.1:+8'",
    "bind :80,:81,,:82": "'bind' : '' resolves to an empty address (environment variable missing?)",
    "bind udp@:80": "'bind' : dgram-type address not acceptable in 'udp@:80'",
    "bind fd@x": "'bind' : file descriptor 'x' is not a valid integer in 'fd@x'",
    "bind ipv6@127.0.0.1:80": "'bind' : invalid address: '127.0.0.1' in 'ipv6@127.0.0.1:80'",
}


@pytest.mark.parametrize(("line", "message"), REFUSED.items(), ids=REFUSED.keys())
def test_refusals_have_haproxys_words(line, message):
    config = parsed(line)
    assert alerts(config) == [message]
    assert config.report.items[-1].span.line == 2


def test_the_span_is_the_word_at_fault():
    (item,) = parsed("bind :80 maxconn -1").report.items
    assert item.span.text[item.span.column : item.span.end] == "-1"


def test_an_id_taken_twice_names_the_first_line():
    config = parsed("bind :80 id 5", "bind :81 id 5")
    assert alerts(config) == [
        "'bind :81' in section 'frontend' : 'id' : custom id 5 already used at test.cfg:2 ('bind :80')"
    ]


def test_a_backend_ignores_bind_with_a_warning():
    config = parsed("bind :80", section="backend b")
    assert [(item.severity, item.message) for item in config.report.items] == [
        (Severity.WARNING, "'bind' ignored because backend 'b' has no frontend capability.")
    ]


def test_one_listener_for_each_address_and_port():
    found = listeners("bind :80-82,[::1]:90 name web maxconn 7", "bind 127.0.0.1:91 accept-proxy id 2")
    assert [listener.where for listener in found] == [
        "0.0.0.0:80",
        "0.0.0.0:81",
        "0.0.0.0:82",
        "::1:90",
        "127.0.0.1:91",
    ]
    assert [listener.id for listener in found] == [1, 3, 4, 5, 2]
    assert {listener.name for listener in found[:4]} == {"web"}
    assert [listener.maxconn for listener in found] == [7, 7, 7, 7, 0]
    assert [listener.accept_proxy for listener in found] == [False] * 4 + [True]
    assert found[3].family == socket.AF_INET6


@pytest.mark.parametrize(
    ("address", "family", "where"),
    [
        ("*:80", socket.AF_INET, "0.0.0.0:80"),
        (":::80", socket.AF_INET6, ":::80"),
        ("ipv6@:80", socket.AF_INET6, ":::80"),
        ("ipv4@127.0.0.1:80", socket.AF_INET, "127.0.0.1:80"),
        ("/run/x.sock", socket.AF_UNIX, "/run/x.sock"),
        ("unix@/run/x.sock", socket.AF_UNIX, "/run/x.sock"),
        ("abns@name", socket.AF_UNIX, "abns@name"),
    ],
)
def test_address_forms(address, family, where):
    (listener,) = listeners(f"bind {address}")
    assert (listener.family, listener.where) == (family, where)


def test_a_name_that_does_not_resolve_is_an_alert():
    config = parsed("bind nosuch.invalid:80")
    assert compile_binds(config.proxies[0], Frontend("f", 2, config.proxies[0]), config.report) == []
    assert alerts(config) == ["'bind' : invalid address: 'nosuch.invalid' in 'nosuch.invalid:80'"]


def test_a_descriptor_that_is_no_socket_is_an_alert(tmp_path: Path):
    with open(tmp_path / "file", "w") as file:
        config = parsed(f"bind fd@{file.fileno()}")
        compile_binds(config.proxies[0], Frontend("f", 2, config.proxies[0]), config.report)
        assert alerts(config) == [
            f"'bind' : cannot use file descriptor '{file.fileno()}' : Socket operation on non-socket."
        ]


def test_encryption_words_are_kept_and_not_enforced(tmp_path: Path):
    a, b = pem.write(tmp_path / "a.pem"), pem.write(tmp_path / "b.pem")
    config = parsed(f"bind :80 ssl crt {a} crt {b} alpn h2,http/1.1 ssl-min-ver TLSv1.2")
    assert alerts(config) == []
    assert config.proxies[0].binds[0].values["crt"] == [str(a), str(b)]
    assert {use.word.name for use in config.inert(Status.UNSAFE)} == {"ssl"}
    assert {use.word.name for use in config.inert(Status.HARMLESS)} == {"crt", "alpn", "ssl-min-ver"}


@pytest.mark.parametrize("kind", [Kind.BIND, Kind.SERVER])
def test_nothing_that_refines_tls_is_harmless_once_ssl_is_there(kind: Kind) -> None:
    """Whoever makes `ssl` work decides about each of the others: `verify` without effect would be no encryption."""
    waiting = [word.name for word in registry.words(kind) if word.note.startswith("refines `ssl`")]
    assert waiting == [] or registry.find(kind, "ssl").status is Status.UNSAFE
    assert {"verify", "ca-file", "crl-file", "ssl-min-ver"} <= {*waiting}, "implemented: leave out what works"


def test_quic_stays_quic_on_every_port() -> None:
    config = parsed("bind quic4@:1001-1002 strict-sni")
    found = compile_binds(config.proxies[0], Frontend("f", 2, config.proxies[0]), config.report)
    assert [(one.address.port, one.address.quic) for one in found] == [(1001, True), (1002, True)]
