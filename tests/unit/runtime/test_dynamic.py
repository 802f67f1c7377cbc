"""Backends and servers that come and go at run time, on a compiled program without traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio

from pylb import standard
from pylb.background.runtime import dynamic_servers, keywords, service, wait
from pylb.config.reader import parse_text
from pylb.listener import sockets
from pylb.program import Program
from pylb.server import dynamic
from tests.unit.runtime import world

CONFIG = """
global
 stats socket {path} level admin
defaults
 mode http
 timeout client 2s
 timeout server 2s
 timeout connect 1s
frontend fe
 bind 127.0.0.1:29761
 http-request deny if {{ nbsrv(counted) lt 0 }}
 force-be-switch if {{ path /admin }}
 use_backend ref if {{ path /ref }}
 use_backend off if {{ path /off }}
 use_backend closed if {{ path_beg / }}
 use_backend %[path,regsub(/,)]
 default_backend be
listen li
 bind 127.0.0.1:29762
 default_backend closed
backend ref
backend counted
backend closed
 be-unpublished
backend be
 balance roundrobin
 server s1 127.0.0.1:1
 server s2 127.0.0.1:1 disabled
backend off
 disabled
backend static
 balance static-rr
backend defaulted
 acl held srv_sess_rate(held) gt 5
 server held 127.0.0.1:1
 default-server weight 10
 default-server name other weight 5
defaults empty
defaults web
 mode http
 balance leastconn
 timeout server 7s
 option httpclose
 http-request set-header x-from web
 http-response set-header x-left %[nbsrv]
defaults both
 mode http
 tcp-request connection reject
defaults logs
 mode log
"""


@pytest_asyncio.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Any]:
    """`await cli(text)` asks as admin; `.program` is what stands behind it."""
    path = str(tmp_path / "admin.sock")
    standard.load()
    program = Program(parse_text(CONFIG.format(path=path)))
    program.check()
    assert not program.report.fatal, [item.message for item in program.report.items]
    program.runtime_listeners = keywords.listeners(program)
    assert not sockets.open_sockets(program.runtime_listeners)
    running = service.Runtime(program)
    await running.start()

    async def ask(text: str) -> str:
        return (await world.ask(path, text)).strip("\n")

    ask.__dict__.update(program=program)
    try:
        yield ask
    finally:
        await world.close_clients()
        await running.stop()
        for listener in program.runtime_listeners:
            sockets.close(listener)


def chosen(program: Any, path: str, name: str = "fe") -> str | None:
    """The backend that a frontend chooses for a path."""
    frontend = program.frontend(name)
    stream = SimpleNamespace(
        final=False,
        frontend=frontend,
        request=SimpleNamespace(target=path.encode()),
        session=None,
        response=None,
        variables=None,
    )
    backend = frontend.default_backend if frontend.switching is None else frontend.switching(stream)
    return None if backend is None else str(backend.name)


async def test_named_defaults_are_listed(cli: Any) -> None:
    assert await cli("show defaults") == "empty\nweb\nboth\nlogs"


async def test_purged_defaults_are_gone(cli: Any) -> None:
    cli.program.globals.set("tune.defaults.purge", "servers")
    assert "web" in await cli("show defaults")
    cli.program.globals.set("tune.defaults.purge", None)
    assert await cli("show defaults") == ""
    assert await cli("add backend x from web") == "Cannot find default proxy 'web'."


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("", "'add backend' expects <name> from <defproxy> [mode <mode>] [guid <guid>]"),
        ("x", "'add backend' expects <name> from <defproxy> [mode <mode>] [guid <guid>]"),
        ("x from", "'add backend' expects <name> from <defproxy> [mode <mode>] [guid <guid>]"),
        ("x from web mode", "'add backend' expects <name> from <defproxy> [mode <mode>] [guid <guid>]"),
        ("x from web size 3", "'add backend' expects <name> from <defproxy> [mode <mode>] [guid <guid>]"),
        ("x from nope", "Cannot find default proxy 'nope'."),
        ("x$ from web", "Character '$' is not permitted in backend name 'x$'."),
        ("x from empty", "Mode is required."),
        ("x from web mode log", "Mode must be tcp or http."),
        ("x from logs", "Only TCP or HTTP proxies can be created."),
        ("be from web", "Proxy name 'be' is already used by a backend."),
        ("fe from web", "Proxy name 'fe' is already used by a frontend."),
        (
            "x from both",
            "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or "
            "'tcp-request session' rules (defaults section at test.cfg:46).",
        ),
    ],
)
async def test_a_backend_that_cannot_be(cli: Any, words: str, answer: str) -> None:
    known = list(cli.program.backends)
    assert await cli(f"add backend {words}") == answer
    assert list(cli.program.backends) == known


async def test_a_backend_has_what_its_defaults_say(cli: Any) -> None:
    assert await cli("add backend x from web guid g1") == "New backend registered."
    backend = cli.program.backend("x")
    assert (backend.http, backend.timeout_server, backend.keep_alive, backend.unpublished) == (True, 7.0, False, True)
    assert type(backend.algorithm).__name__ == "LeastConn"
    assert backend.http_request is not None
    assert backend.has_response_steps
    assert backend.uuid not in {other.uuid for other in cli.program.backends.values() if other is not backend}
    assert await cli("add backend y from web guid g1") == "GUID 'g1' is already used by proxy 'x'."
    assert await cli("add backend y from empty mode tcp") == "New backend registered."
    assert not cli.program.backend("y").http
    assert await cli("show backend") == "# name\nli\nref\ncounted\nclosed\nbe\noff\nstatic\ndefaulted\nx\ny"


async def test_dynamic_names_find_a_published_backend(cli: Any) -> None:
    await cli("add backend x from web")
    assert chosen(cli.program, "/x") == "be"
    assert await cli("publish backend x") == "Backend published."
    assert chosen(cli.program, "/x") == "x"
    assert await cli("unpublish backend x") == "Backend unpublished."
    assert chosen(cli.program, "/x") == "be"


async def test_static_rules_pass_over_what_is_unpublished(cli: Any) -> None:
    assert chosen(cli.program, "/ref") == "ref"
    await cli("unpublish backend ref")
    assert chosen(cli.program, "/ref") == "be"  # the next rule is dynamic, and names it too
    await cli("publish backend closed")
    assert chosen(cli.program, "/ref") == "closed"
    await cli("publish backend ref")
    assert chosen(cli.program, "/ref") == "ref"


async def test_a_disabled_backend_is_passed_over_whatever_is_published(cli: Any) -> None:
    assert await cli("publish backend off") == "No effect on a disabled backend."
    assert await cli("unpublish backend off") == "No effect on a disabled backend."
    assert chosen(cli.program, "/off") == "be"
    cli.program.backend("off").disabled = False
    cli.program.switch()
    assert chosen(cli.program, "/off") == "off"


async def test_force_be_switch_lets_a_rule_choose_what_is_closed(cli: Any) -> None:
    assert chosen(cli.program, "/admin") == "closed"
    assert chosen(cli.program, "/other") == "be"


async def test_a_listen_section_keeps_its_servers_when_its_default_backend_is_closed(cli: Any) -> None:
    assert chosen(cli.program, "/", "li") == "li"
    await cli("publish backend closed")
    assert chosen(cli.program, "/", "li") == "closed"


async def test_a_default_backend_that_is_unpublished_leaves_nothing(cli: Any) -> None:
    await cli("unpublish backend be")
    assert chosen(cli.program, "/other") is None


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("nope", "No such backend."),
        ("fe", "No such backend."),
        ("li", "Cannot delete a listen section."),
        ("ref", "This proxy cannot be removed at runtime due to other configuration elements pointing to it."),
        ("counted", "This proxy cannot be removed at runtime due to other configuration elements pointing to it."),
        ("be", "This proxy cannot be removed at runtime due to other configuration elements pointing to it."),
        ("static", "Backend must be unpublished prior to its deletion."),
    ],
)
async def test_a_backend_that_has_to_stay(cli: Any, name: str, answer: str) -> None:
    assert await cli(f"del backend {name}") == answer
    if answer != "No such backend.":
        assert name in cli.program.backends


async def test_a_backend_goes_when_it_is_unpublished_and_empty(cli: Any) -> None:
    await cli("add backend x from web")
    await cli("add server x/a 127.0.0.1:1")
    assert await cli("del backend x") == "Only a backend without server can be deleted."
    assert await cli("del server x/a") == "Server deleted."
    backend = cli.program.backend("x")
    backend.counters.conn_cur = 1
    assert await cli("del backend x") == "Backend still has streams attached to it, cannot delete it."
    assert await cli("wait 30ms be-removable x") == "Wait delay expired."
    asyncio.get_running_loop().call_later(0.05, setattr, backend.counters, "conn_cur", 0)
    assert await cli("wait 5s be-removable x") == "Done."
    assert await cli("unpublish backend static; del backend static") == "Backend unpublished.\n\nBackend deleted."
    assert await cli("del backend x") == "Backend deleted."
    assert "\nx," not in await cli("show stat")
    assert chosen(cli.program, "/x") == "be"
    assert await cli("add backend x from web") == "New backend registered."


async def test_a_server_starts_in_maintenance_with_the_first_free_id(cli: Any) -> None:
    backend = cli.program.backend("be")
    assert await cli("add server be/new 127.0.0.1:2 weight 5") == "New server registered."
    new = backend.by_name["new"]
    assert (new.id, new.status, new.usable, new.weight, new.dynamic) == (3, "MAINT", False, 5, True)
    await cli("enable server be/new")
    assert new.usable
    assert [backend.algorithm.choose(None).name for _ in range(6)].count("new") == 5
    assert await cli("add server be/up 127.0.0.1:2 enabled") == "New server registered."
    assert backend.by_name["up"].usable
    assert "up" in {backend.algorithm.choose(None).name for _ in range(8)}


async def test_a_static_algorithm_takes_no_servers(cli: Any) -> None:
    answer = await cli("add server static/a 127.0.0.1:1")
    assert answer == "backend 'static' uses a non dynamic load balancing method"


async def test_a_name_is_not_resolved_and_such_a_server_cannot_serve(cli: Any) -> None:
    assert await cli("add server be/far far.test.invalid:80") == "New server registered."
    await cli("enable server be/far")
    far = cli.program.server("be", "far")
    assert not far.usable
    await cli("set server be/far addr 127.0.0.1")
    assert far.usable
    assert far.sockaddr == ("127.0.0.1", 80)


async def test_words_that_are_not_enforced_are_refused_unless_inert_words_may_start(cli: Any) -> None:
    answer = await cli("add server be/t 127.0.0.1:1 ssl verify none")
    assert answer.endswith("is not enforced by this version and could let through what it forbids.")
    cli.program.allow_inert = True
    assert await cli("add server be/t 127.0.0.1:1 ssl verify none") == "New server registered."


async def test_help_lists_the_options_that_dynamic_servers_may_have(cli: Any) -> None:
    lines = (await cli("add server help")).split("\n")[1:]
    assert " weight" in lines
    assert not {f" {name}" for name in dynamic.REFUSED} & set(lines)


async def test_wait_without_a_condition_and_with_mistakes(cli: Any) -> None:
    assert await cli("wait 1") == "Done."
    assert await cli("wait x") == "Invalid wait delay."
    assert (await cli("wait 1 nothing")).startswith("Unknown condition 'nothing'.")
    assert await cli("wait -h") == wait.USAGE.strip("\n")
    assert await cli("wait 1s srv-removable be/s1") == "Only servers in maintenance mode can be deleted."
    assert await cli("wait 1s srv-removable be/nope") == "No such server."
    assert await cli("wait 1s be-removable nope") == "No such backend."
    assert await cli("wait 1s srv-removable be/s2") == "Done."


async def test_one_servers_counters_are_cleared(cli: Any) -> None:
    one, two = cli.program.backend("be").servers
    one.counters.sess_total = two.counters.sess_total = 7
    assert await cli("clear counters server be/s1") == "Server counters cleared."
    assert (one.counters.sess_total, two.counters.sess_total) == (0, 7)
    assert await cli("clear counters server be/s2 force") == "Server counters cleared."
    assert await cli("clear counters server be/s2 now") == "Only 'force' may follow the server."
    assert await cli("clear counters server be/nope") == "No such server."


async def test_a_server_in_maintenance_gets_another_name(cli: Any) -> None:
    backend = cli.program.backend("be")
    assert await cli("set server be/s2 name") == "set server <b>/<s> name requires a new name."
    assert "maintenance mode" in await cli("set server be/s1 name x")
    assert await cli("set server be/s2 name x/y") == "Server name contains invalid characters."
    assert "already exists" in await cli("set server be/s2 name s1")
    assert await cli("set server be/s2 name s2") == "Server name updated."
    assert await cli("set server be/s2 name blue") == "Server name updated."
    assert (list(backend.by_name), list(backend.by_label)) == (["s1", "blue"], [b"s1", b"blue"])
    backend.by_name["blue"].pinned = True
    assert "statically referenced" in await cli("set server be/blue name green")


def test_names_need_both_parts() -> None:
    for text in ("", "be", "be/", "/x"):
        call: Any = SimpleNamespace(arg=lambda index, text=text: text)
        with pytest.raises(dynamic_servers.CommandError, match="Require 'backend/server'"):
            dynamic_servers.named(call)


async def test_default_servers_are_listed_and_used_where_they_are_asked_for(cli: Any) -> None:
    assert await cli("show default-server") == "* defaulted\n  defaulted/other"
    assert await cli("show default-server be") == ""
    assert await cli("show default-server nope") == "No such backend."
    for name, origin, weight in (("a", "", 1), ("b", " from be:", 10), ("c", " from srv:other", 5)):
        assert await cli(f"add server defaulted/{name} 127.0.0.1:1{origin}") == "New server registered."
        assert await cli(f"get weight defaulted/{name}") == f"{weight} (initial {weight})"
    cli.program.globals.set("tune.defaults.purge", "servers")
    assert await cli("show default-server") == ""
    assert "unable to find" in await cli("add server defaulted/d 127.0.0.1:1 from srv:other")


async def test_whoever_an_unused_acl_names_has_to_stay(cli: Any) -> None:
    await cli("disable server defaulted/held")
    answer = await cli("del server defaulted/held")
    assert answer == "This server cannot be removed at runtime due to other configuration elements pointing to it."
