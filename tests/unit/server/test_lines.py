"""`server`, `default-server`, `server-template` and the proxy keywords: values, addresses, HAProxy's sentences."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config.reader import parse_text
from pylb.errors import Severity
from pylb.server import state
from tests.unit.server.backends import Bench, backend_of


def complaints(lines: str) -> list[str]:
    bench = Bench("backend b\n    mode http\n" + "".join(f"    {line}\n" for line in lines.splitlines()))
    return bench.messages


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("server", "'server' expects <name> and <addr>[:<port>] as arguments."),
        ("server t 127.0.0.1:99999", "'server b/t' : invalid port '99999'"),
        ("server t 127.0.0.1:80 foo", "'server b/t' : unknown keyword 'foo'; did you mean 'tfo' maybe ?"),
        (
            "default-server foo 1",
            "unknown keyword 'foo'; did you mean 'tfo' maybe ? Hint: no address was expected for this server.",
        ),
        ("server t 127.0.0.1:80 weight 300", "'server b/t' : weight of server t is not within 0 and 256 (300).."),
        ("server t 127.0.0.1:80 id 0", "'server b/t' : 'id' : custom id has to be > 0."),
        ("server t! 127.0.0.1:80", "character '!' is not permitted in server name 't!'."),
        (
            "server t 127.0.0.1:80 inter x",
            "'server b/t' : unexpected character 'x' in 'agent-inter' argument of server t..",
        ),
        ("server t 127.0.0.1:80 proto foo", "'server b/t' : 'proto' :  unknown MUX protocol 'foo'."),
        ("server t no.such.name.invalid:80", "'server b/t' : could not resolve address 'no.such.name.invalid'."),
        ("server t 127.0.0.1:80 track b/x", "'server b/t' : unable to find required server 'x' for tracking."),
        ("server-template a 0 127.0.0.1:80", "Wrong server-template number or range arg '0'."),
        (
            "hash-type avalanche",
            "experimental feature 'hash-type avalanche' is not supported anymore, please use "
            "'hash-type map-based sdbm avalanche' instead.",
        ),
        ("balance uri len x", "balance uri : 'len' expects a positive integer (got 'x')."),
        (
            "balance hdr",
            "balance only supports 'roundrobin', 'static-rr', 'leastconn', 'source', 'uri', "
            "'url_param', 'hdr(name)' and 'rdp-cookie(name)' options.",
        ),
        ("balance random(0)", "balance random : number of draws must be at least 1."),
        ("cookie X insert prefix", "cookie 'rewrite', 'insert' and 'prefix' modes are incompatible."),
        ("retry-on none 503", "'retry-on' 'none' keyworld only usable alone"),
        ("http-reuse x", "'http-reuse' only supports 'never', 'safe', 'aggressive', 'always'."),
        ("use-server s", "'use-server' requires either 'if' or 'unless' followed by a condition."),
        (
            "use-server x if { method GET }",
            "backend 'b' : unable to find server 'x' referenced in a 'use-server' rule.",
        ),
        ("dispatch 1.2.3.4", "'dispatch' : missing port specification in '1.2.3.4'"),
    ],
)
def test_mistakes_have_haproxys_sentence(line: str, message: str) -> None:
    assert complaints(line) == [message]


def test_a_second_server_of_that_name_is_refused() -> None:
    found = complaints("server s 127.0.0.1:80\nserver s 127.0.0.1:81")
    assert found == ["backend 'b', another server named 's' was already defined at line 3, please use distinct names."]


@given(st.text(st.characters(exclude_characters="\n\0", exclude_categories=("Cs",)), max_size=60))
def test_no_text_behind_server_raises(text: str) -> None:
    complaints("server s 127.0.0.1:80 " + text)


def test_agents_need_a_port_of_their_own() -> None:
    config = parse_text(
        "backend b\n    server-template t 1-3 127.0.0.1:80 agent-check\n    default-server agent-check\n"
        "    server s 127.0.0.1:80\n    server u 127.0.0.1:80 no-agent-check\n    server v 127.0.0.1:80 agent-port 0\n"
        "    server w 127.0.0.1:80 agent-port 7\n    zork\n"
    )
    found = [(item.span.line, item.message) for item in config.report.items if item.severity is Severity.ALERT]
    sentence = "'server b/{0}' : server {0} does not have agent port. Agent check has been disabled."
    assert found[:-1] == [(line, sentence.format(name)) for line, name in ((2, "t1"), (4, "s"), (6, "v"))]
    assert found[-1][0] == 8  # what is wrong further down is told after them


def test_defaults_are_merged_and_taken_back() -> None:
    bench = backend_of(
        "default-server maxconn 5 backup send-proxy\ndefault-server weight 7\nserver s1 127.0.0.1:1\n"
        "server s2 127.0.0.1:1 no-backup no-send-proxy weight 9"
    )
    facts = [(s.maxconn, s.minconn, s.backup, s.send_proxy, s.weight) for s in bench.b.servers]
    assert facts == [(5, 5, True, 1, 7), (5, 5, False, 0, 9)]


def test_ids_are_positions_unless_taken() -> None:
    bench = backend_of(
        "server a 127.0.0.1:1 id 2\nserver b 127.0.0.1:1\nserver c 127.0.0.1:1 id 9\nserver d 127.0.0.1:1"
    )
    assert [server.id for server in bench.b.servers] == [2, 3, 9, 4]


def test_templates_make_numbered_servers() -> None:
    bench = backend_of("server-template web 3-5 127.0.0.1:80 maxconn 4")
    assert [(s.name, s.maxconn, s.sockaddr) for s in bench.b.servers] == [
        (f"web{n}", 4, ("127.0.0.1", 80)) for n in (3, 4, 5)
    ]


@pytest.mark.parametrize(
    ("address", "family", "sockaddr"),
    [
        ("127.0.0.1:80", socket.AF_INET, ("127.0.0.1", 80)),
        ("[::1]:80", socket.AF_INET6, ("::1", 80, 0, 0)),
        ("::1:80", socket.AF_INET6, ("::1", 80, 0, 0)),
        ("/run/x.sock", socket.AF_UNIX, "/run/x.sock"),
        ("unix@x.sock", socket.AF_UNIX, "x.sock"),
        ("abns@name", socket.AF_UNIX, b"\0name".ljust(108, b"\0")),
        ("localhost:80", socket.AF_INET, ("127.0.0.1", 80)),
    ],
)
def test_addresses_are_ready_to_connect(address: str, family: int, sockaddr: Any) -> None:
    server = backend_of(f"server s {address}").b.servers[0]
    assert (server.family, server.sockaddr, server.destination) == (family, sockaddr, None)


@pytest.mark.parametrize(
    ("address", "sockaddr"),
    [
        ("127.0.0.1:1080", ("127.0.0.1", 1080)),
        ("[::1]:1080", ("::1", 1080, 0, 0)),
        ("/run/x.sock", "/run/x.sock"),
        ("abns@name", b"\0name".ljust(108, b"\0")),
    ],
)
def test_a_socks_proxy_may_listen_anywhere(address: str, sockaddr: Any) -> None:
    assert backend_of(f"server s 127.0.0.1:80 socks4 {address}").b.servers[0].socks == sockaddr


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1", 8080)),
        ("10.0.0.1:+5", ("10.0.0.1", 8085)),
        ("10.0.0.1:-80", ("10.0.0.1", 8000)),
        ("0.0.0.0:90", ("192.0.2.7", 90)),
        ("*", ("192.0.2.7", 8080)),
    ],
)
def test_the_clients_destination_fills_what_is_missing(address: str, expected: Any) -> None:
    server = backend_of(f"server s {address}").b.servers[0]
    session = SimpleNamespace(dst=socket.inet_aton("192.0.2.7"), dst_port=8080)
    assert server.sockaddr is None
    assert server.sockaddr_for(session) == expected


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("ipv6@127.0.0.1:80", "127.0.0.1"),
        ("ipv4@[::1]:80", "::1"),
        ("foo@localhost:80", "foo@localhost"),
        ("[::1:80", "[::1"),
    ],
)
def test_addresses_that_cannot_be_are_names_that_do_not_resolve(address: str, host: str) -> None:
    assert complaints(f"server s {address}") == [f"'server b/s' : could not resolve address '{host}'."]
    assert complaints(f"server s {address} init-addr none") == []


def test_names_may_stay_unresolved_on_request() -> None:
    server = backend_of("server s no.such.name.invalid:80 init-addr last,libc,none").b.servers[0]
    assert (server.resolved, server.usable, server.status) == (False, False, "MAINT (resolution)")


@pytest.mark.parametrize(
    ("options", "warned"),
    [
        ("resolvers dns", "could not resolve address 'no.such.name.invalid', disabling server."),
        (
            "init-addr libc,192.0.2.1",
            "could not resolve address 'no.such.name.invalid', falling back to configured address.",
        ),
        ("init-addr none", ""),
    ],
)
def test_a_name_that_nothing_resolves_may_be_waited_for(options: str, warned: str) -> None:
    bench = backend_of(f"server s no.such.name.invalid:80 {options}")
    assert bench.b.servers[0].resolved is ("192" in options)
    warnings = [item.message for item in bench.report.items if item.severity is Severity.WARNING]
    assert warnings == [f"'server b/s' : {warned}"] * bool(warned)


def test_trackers_follow_their_leader() -> None:
    bench = backend_of("server a 127.0.0.1:1 check\nserver b 127.0.0.1:1 track a\nserver c 127.0.0.1:1 track b/b")
    a, b, c = bench.b.servers
    state.set_state(a, "maint")
    assert [s.usable for s in (a, b, c)] == [False, False, False]
    assert b.status == "MAINT (via b/a)"
    state.set_state(a, "ready")
    assert [s.status for s in (a, b, c)] == ["UP", "UP", "UP"]


def test_ssl_is_unsafe_while_nothing_encrypts() -> None:
    bench = backend_of("server s 127.0.0.1:1 ssl verify none")
    notes = [item.message for item in bench.report.items if item.severity is Severity.NOTICE]
    assert any("'ssl'" in note and "--allow-inert" in note for note in notes)


def test_http_keys_fall_back_to_roundrobin_in_tcp_mode() -> None:
    bench = Bench("listen b\n    mode tcp\n    balance uri\n    server s 127.0.0.1:80\n")
    assert "Layer 7 hash not possible for proxy 'b' (needs 'mode http'). Falling back to round robin." in bench.messages


def test_equal_words_make_equal_values_that_are_not_shared() -> None:
    config = parse_text(
        "backend b\n server a :1 weight 3 inter 2s\n server b :2 weight 3 inter 2s\n default-server maxconn 7\n"
        " server c :3 weight 3 inter 2s\nbackend c\n server a :1 weight 3 inter 2s\n"
    )
    a, b, c = config.proxies[0].servers
    assert a.values == b.values == config.proxies[1].servers[0].values == {"weight": 3, "inter": 2000}
    assert c.values == {"weight": 3, "inter": 2000, "maxconn": 7}
    a.values["weight"] = 9
    assert b.values["weight"] == 3
    weight = next(use for use in config.used.values() if use.word.name == "weight")
    assert weight.count == 4


def test_every_line_with_a_mistake_is_named() -> None:
    config = parse_text("backend b\n server a :1 weight 999\n server b :1 weight 999\n")
    assert [item.span.line for item in config.report.items] == [2, 3]
