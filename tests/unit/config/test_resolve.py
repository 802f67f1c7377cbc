"""References between sections, and settings that do not fit together."""

from __future__ import annotations

import pytest

from pylb.config.reader import parse_text
from pylb.config.resolve import resolve
from pylb.errors import Severity

TIMEOUTS = " timeout client 1s\n timeout connect 1s\n timeout server 1s\n"


def said(text: str, severity: Severity = Severity.ALERT) -> list[str]:
    config = parse_text(text, "t.cfg", environment={})
    resolve(config)
    return [item.message.partition("\n")[0] for item in config.report.items if item.severity is severity]


def warned(text: str) -> list[str]:
    return said(text, Severity.WARNING)


def test_a_backend_that_is_wanted_must_exist() -> None:
    text = f"frontend f\n bind :1\n mode http\n timeout client 1s\n default_backend x\nfrontend x\n bind :2\n{TIMEOUTS}"
    assert said(text) == ["Proxy 'f': unable to find required default_backend: 'x'."]


def test_an_http_frontend_needs_http_backends() -> None:
    text = "frontend f\n bind :1\n mode http\n timeout client 1s\n default_backend x\nbackend x\n"
    assert said(text) == [
        "http frontend 'f' (t.cfg:1) tries to use incompatible tcp backend 'x' (t.cfg:6) as its default backend "
        "(see 'mode')."
    ]


def test_sides_that_carry_traffic_need_timeouts() -> None:
    assert warned("frontend f\n bind :1\n timeout http-request 1\n") == ["missing timeouts for frontend 'f'."]
    assert warned("frontend f\n bind :1\n timeout client 1\n") == []
    assert warned("listen l\n bind :1\n timeout client 1\n") == []
    server = " server s 127.0.0.1:1\n"
    assert warned(f"backend b\n timeout connect 1\n{server}") == ["missing timeouts for backend 'b'."]
    assert warned(f"backend b\n timeout connect 1\n timeout tunnel 1\n{server}") == []
    assert warned(f"backend b\n disabled\n{server}") == []
    assert warned("backend b\n") == []


def test_a_frontend_without_bind_is_told() -> None:
    assert warned("listen l\n timeout client 1\n") == [
        "proxy 'l' has no 'bind' directive. Please declare it as a backend if this was intended."
    ]


def test_numbers_of_proxies_skip_the_ones_that_are_taken() -> None:
    config = parse_text("backend a\nbackend b\n id 1\nbackend c\nbackend d\n id 7\nbackend e\n", environment={})
    resolve(config)
    assert [proxy.number for proxy in config.proxies] == [2, 1, 4, 7, 6]


def test_with_a_runtime_socket_the_process_is_number_one() -> None:
    for line in ("stats socket /tmp/s", "stats timeout 5s", "stats maxconn 5"):
        config = parse_text(f"global\n {line}\nbackend a\nbackend b\n", environment={})
        resolve(config)
        assert [proxy.number for proxy in config.proxies] == [2, 3]


def test_a_number_belongs_to_one_proxy() -> None:
    assert said("listen a\n id 5\nbackend b\n id 5\n") == [
        "backend b reuses same custom id as proxy a (declared at t.cfg:1)."
    ]


def test_users_and_groups_must_know_each_other() -> None:
    assert said("userlist u\n user x groups g\n group h users y\n") == [
        "userlist 'u': no such group 'g' specified in user 'x'",
        "userlist 'u': no such user 'y' specified in group 'h'",
    ]


def test_groups_join_from_both_sides() -> None:
    config = parse_text("userlist u\n group g users a\n user a password x\n user b groups g\n", environment={})
    resolve(config)
    record = config.section("userlist", "u")
    assert record is not None
    assert record.get("groups") == {"g": {"a", "b"}}
    assert not config.report.fatal


def test_external_checks_need_the_permission_of_global() -> None:
    text = "backend b\n option external-check\n external-check command /x\n"
    assert said(text) == ["Proxy 'b' : 'option external-check' unable to find required 'global.external-check'."]
    assert said("global\n external-check\n" + text) == []


def test_defaults_are_named_or_inherited_but_not_both() -> None:
    text = "defaults d\nbackend a from d\nbackend b\n"
    assert warned(text)[0].startswith("defaults section 'd' (declared at t.cfg:1) is explicitly referenced by another")


def test_sections_without_what_they_are_for() -> None:
    assert said("cache c\n max-age 4\n") == ["Size not specified for cache 'c'"]
    assert warned("resolvers r\n") == ["resolvers 'r' [t.cfg:1] has no nameservers configured!"]
    assert warned("mailers m\n") == ["Removing incomplete section 'mailers m'."]


def test_resolvers_of_servers_must_exist() -> None:
    text = f"backend b\n{TIMEOUTS} server s 127.0.0.1:1 resolvers r\n"
    assert "backend 'b', server 's': unable to find required resolvers 'r'" in said(text)


RULED = "defaults d\n tcp-response content accept\n"
HEIRS = {
    "defaults e from d\n": "a defaults section cannot inherit from a defaults section defining TCP/HTTP rules",
    "listen l from d\n": "a listen section cannot inherit from a defaults section defining TCP/HTTP rules.",
    "frontend f from d\n": "a frontend section cannot inherit from a defaults section defining 'tcp-response content'",
    "backend b from d\n": "",
}


@pytest.mark.parametrize("heir", HEIRS)
def test_rules_of_defaults_fit_one_side_only(heir: str) -> None:
    found = [m for m in said(RULED + heir) if "inherit" in m]
    assert bool(found) == bool(HEIRS[heir])
    assert all(m.startswith(HEIRS[heir]) for m in found)


def test_rules_of_defaults_cannot_begin_frontends_and_backends_both() -> None:
    head = "defaults d\n http-request deny\nfrontend f from d\n"
    found = [m for m in said(head + "backend b from d\n") if "inherit" in m]
    assert len(found) == 1 and found[0].startswith("frontends and backends cannot inherit from the same defaults")
    early = "defaults d\n tcp-request session accept\nbackend b from d\n"
    assert any("defining 'tcp-request connection' or 'tcp-request session'" in m for m in said(early))


def test_http_rules_of_a_tcp_proxy_are_warned_about_unless_it_may_switch() -> None:
    lines = (
        " monitor-uri /m\n http-request deny if FALSE\n redirect location /\n http-response deny if FALSE\n"
        " http-after-response set-header a b\n"
    )
    head = "frontend f\n bind :1\n timeout client 1\n"
    assert warned(head + lines) == [
        "monitor-uri will be ignored for frontend 'f' (needs 'mode http').",
        "'http-request' rules ignored for frontend 'f' as they require HTTP mode.",
        "'redirect' rules ignored for frontend 'f' as they require HTTP mode.",
        "'http-response' rules ignored for frontend 'f' as they require HTTP mode.",
        "'http-after-response' rules ignored for frontend 'f' as they require HTTP mode.",
    ]
    switching = " tcp-request content switch-mode http\n http-request deny if FALSE\n redirect location /\n"
    assert warned(head + switching) == []
