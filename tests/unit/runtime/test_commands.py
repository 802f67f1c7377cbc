"""What commands answer and what they change; the texts are HAProxy 2.6's."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pylb.clock import clock
from pylb.counters import process
from pylb.records.session import Session
from pylb.sample import references
from pylb.server.state import Admin


async def rows(cli: Any, command: str = "show stat") -> dict[tuple[str, str], dict[str, str]]:
    text = await cli(command)
    assert text.startswith("# pxname,svname,qcur,") and text.endswith("\n\n")
    table = csv.DictReader(io.StringIO(text[2:-1]))
    return {(row["pxname"], row["svname"]): row for row in table}


async def test_show_stat_prints_all_objects_in_order(cli: Any) -> None:
    assert list(await rows(cli)) == [
        ("fe", "FRONTEND"), ("tcpf", "FRONTEND"), ("li", "FRONTEND"), ("li", "l1"), ("li", "BACKEND"),
        ("tb", "t1"), ("tb", "BACKEND"), ("be", "s1"), ("be", "s2"), ("be", "BACKEND"),
    ]  # fmt: skip


async def test_show_stat_reads_the_counters(cli: Any) -> None:
    frontend = cli.program.frontends[0]
    frontend.counters.sess_total = 7
    frontend.counters.bytes_in = 1234
    frontend.counters.http_5xx = 3
    server = cli.program.backends["be"].by_name["s1"]
    server.served = 2
    server.counters.retries = 5
    found = await rows(cli)
    fe, s1, s2, be = (found[key] for key in (("fe", "FRONTEND"), ("be", "s1"), ("be", "s2"), ("be", "BACKEND")))
    assert (fe["stot"], fe["bin"], fe["hrsp_5xx"], fe["slim"], fe["status"]) == ("7", "1234", "3", "100", "OPEN")
    assert (s1["scur"], s1["wretr"], s1["status"], s1["act"], s1["bck"]) == ("2", "5", "no check", "1", "0")
    assert (s2["status"], s2["weight"], s2["slim"], s2["bck"]) == ("MAINT", "10", "5", "1")
    assert (be["status"], be["weight"], be["act"], be["algo"]) == ("UP", "1", "1", "roundrobin")


async def test_show_stat_selects_only_with_three_arguments(cli: Any) -> None:
    assert set(await rows(cli, "show stat be 4 -1")) == {("be", "s1"), ("be", "s2")}
    assert set(await rows(cli, "show stat -1 1 -1")) == {("fe", "FRONTEND"), ("tcpf", "FRONTEND"), ("li", "FRONTEND")}
    assert set(await rows(cli, "show stat 6 4 2")) == {("be", "s2")}
    assert len(await rows(cli, "show stat be 4")) == 10
    assert len(await rows(cli, "show stat 1 x 2")) == 0
    assert ("be", "s2") not in await rows(cli, "show stat no-maint")


async def test_show_stat_typed_and_json_tell_the_same(cli: Any) -> None:
    typed = (await cli("show stat typed")).rstrip("\n").split("\n")
    assert typed[0] == "F.2.0.0.pxname.1:KNS:str:fe"
    assert "B.6.0.19.act.1:MGP:u32:1" in typed and "S.6.2.19.act.1:SGP:u32:0" in typed
    objects = json.loads(await cli("show stat json"))
    flat = [
        f"{o['objType'][0]}.{o['proxyId']}.{o['id']}.{o['field']['pos']}.{o['field']['name']}"
        for row in objects
        for o in row
    ]
    assert flat == [line.partition(".1:")[0] for line in typed]


async def test_show_info_in_all_shapes(cli: Any) -> None:
    lines = (await cli("show info")).rstrip("\n").split("\n")
    names = [line.partition(": ")[0] for line in lines]
    assert names[:9] == [
        "Name",
        "Version",
        "Release_date",
        "Nbthread",
        "Nbproc",
        "Process_num",
        "Pid",
        "Uptime",
        "Uptime_sec",
    ]
    assert names[-1] == "Tainted"
    typed = (await cli("show info typed")).rstrip("\n").split("\n")
    assert typed[7].startswith("7.Uptime.1:MDP:str:0d 0h00m")
    objects = json.loads(await cli("show info json"))
    assert [one["field"]["name"] for one in objects] == names
    assert (await cli("show info desc")).startswith('Name: pylb:"')
    process.dropped_logs += 1
    assert f"DroppedLogs: {process.dropped_logs}\n" in await cli("show info")


async def test_show_servers_state(cli: Any) -> None:
    text = await cli("show servers state be")
    version, header, s1, s2 = text.rstrip("\n").split("\n")
    assert version == "1" and header.startswith("# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state")
    assert s1.split(" ")[:9] == ["6", "be", "1", "s1", "127.0.0.1", "2", "0", "1", "1"]
    assert s2.split(" ")[:9] == ["6", "be", "2", "s2", "127.0.0.1", "0", "5", "10", "10"]
    assert all(len(line.split(" ")) == len(header.split(" ")) - 1 for line in (s1, s2))
    assert await cli("show servers state nope") == "Can't find backend.\n\n"


async def test_show_backend_and_cli_sockets(cli: Any) -> None:
    assert await cli("show backend") == "# name\nli\ntb\nbe\n\n"
    assert await cli("show cli sockets") == (
        f"# socket lvl processes\nunix@{cli.paths.admin} admin all\nunix@{cli.paths.operator} operator all\n"
        f"unix@{cli.paths.user} user all\n\n"
    )


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("set server", "Require 'backend/server'."),
        ("set server be", "Require 'backend/server'."),
        ("set server be/nope state ready", "No such server."),
        ("set server nope/s1 state ready", "No such backend."),
        ("set server be/s1 state", "'set server <srv> state' expects 'ready', 'drain' and 'maint'."),
        ("set server be/s1 weight", "Require <weight> or <weight%>."),
        ("set server be/s1 weight 300", "Absolute weight can only be between 0 and 256 inclusive."),
        ("set server be/s1 health foo", "'set server <srv> health' expects 'up', 'stopping', or 'down'."),
        ("set server be/s1 addr foo", "Invalid addr 'foo' by 'stats socket command'"),
        ("get weight be/s1", "1 (initial 1)"),
        ("disable frontend", "A frontend name is expected."),
        ("disable frontend nope", "No such frontend."),
        ("enable frontend fe", "All sockets are already enabled."),
        ("set maxconn frontend fe", "Integer value expected."),
        ("set maxconn server be/s1", "Require <maxconn>."),
        ("set maxconn global", "Expects an integer value."),
        ("set maxconn global 1000000", "Value out of range."),
        ("shutdown session", "Session pointer expected (use 'show sess')."),
        ("shutdown session 0x1234", "No such session (use 'show sess')."),
        ("show sess 0x123", "Session not found."),
        ("get var", "Missing process-wide variable identifier."),
        ("get var proc.absent", "Variable not found."),
        ("show env NOPE", "Variable not found"),
        ("show map nope", "Unknown map identifier. Please use #<id> or <file>."),
        ("add map #1", "'add map' expects three parameters (map identifier, key and value) or one parameter (map "
         "identifier) and a payload"),
        ("add acl #0", "'add acl' expects two parameters: ACL identifier and pattern."),
        ("set map #1 /a", "'set map' expects three parameters: map identifier, key and value."),
        ("clear map", "Missing map identifier."),
    ],
)  # fmt: skip
async def test_answers(cli: Any, command: str, answer: str) -> None:
    assert await cli(command) == answer + "\n\n"


async def test_server_states_and_weights(cli: Any) -> None:
    server = cli.program.backends["be"].by_name["s1"]
    assert await cli("set server be/s1 state drain") == "\n" and server.admin == Admin.DRAIN and not server.usable
    assert await cli("set server be/s1 state maint") == "\n" and server.admin & Admin.MAINT
    assert await cli("set server be/s1 state ready") == "\n" and server.usable
    assert await cli("set server be/s1 weight 200%") == "\n" and server.weight == 2
    assert await cli("set weight be/s1 20") == "\n" and server.weight == 20
    assert await cli("get weight be/s1") == "20 (initial 1)\n\n"
    assert await cli("disable server be/s1;enable server be/s1") == "\n\n" and server.usable
    assert await cli("enable server be/s2") == "\n" and cli.program.backends["be"].by_name["s2"].usable


async def test_server_address(cli: Any) -> None:
    server = cli.program.backends["be"].by_name["s1"]
    assert await cli("set server be/s1 addr 127.0.0.2") == (
        "IP changed from '127.0.0.1' to '127.0.0.2' by 'stats socket command'\n\n"
    )
    assert await cli("set server be/s1 addr 127.0.0.2 port 8080") == (
        "no need to change the addr, port changed from '29790' to '8080' by 'stats socket command'\n\n"
    )
    assert server.sockaddr == ("127.0.0.2", 8080)


async def test_limits(cli: Any) -> None:
    assert await cli("set maxconn frontend fe 100;set maxconn server be/s1 7;set maxconn global 50") == "\n\n\n"
    assert cli.program.frontends[0].maxconn == 100
    assert cli.program.backends["be"].by_name["s1"].maxconn == 7
    assert cli.program.maxconn == 50


async def test_frontends_are_disabled_and_enabled(cli: Any) -> None:
    assert await cli("disable frontend fe;disable frontend fe") == "\nAll sockets are already disabled.\n\n"
    assert (await rows(cli))[("fe", "FRONTEND")]["status"] == "PAUSED"
    assert await cli("enable frontend fe") == "\n"
    assert await cli("shutdown frontend fe;enable frontend fe") == (
        "\nFrontend was previously shut down, cannot enable.\n\n"
    )


async def test_clear_counters(cli: Any) -> None:
    counters = cli.program.frontends[0].counters
    counters.sess_total, counters.conn_max, counters.conn_cur = 9, 8, 7
    assert await cli("clear counters") == "\n"
    assert (counters.sess_total, counters.conn_max, counters.conn_cur) == (9, 0, 7)
    assert await cli("clear counters all") == "\n"
    assert (counters.sess_total, counters.conn_cur) == (0, 7)


async def test_maps_change_for_those_who_use_them(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "m.map"
    path.write_text("/a x\n/b y\n")
    reference = references.of(cli.program.config).map(str(path))
    find = reference.index("str").find
    assert await cli(f"add map {path} /c z") == "\n" and find(b"/c") == b"z"
    assert await cli(f"set map {path} /a new") == "\n" and find(b"/a") == b"new"
    assert await cli(f"del map {path} /b") == "\n" and find(b"/b") is None
    assert await cli(f"del map {path} /b") == "Key not found.\n\n"
    assert await cli(f"set map {path} /no x") == "entry not found.\n\n"
    shown = (await cli("show map #0")).rstrip("\n").split("\n")
    assert [line.partition(" ")[2] for line in shown] == ["/a new", "/c z"]
    ident = shown[0].partition(" ")[0]
    assert await cli(f"del map {path} #{ident}") == "\n" and find(b"/a") is None
    assert await cli(f"add map {path} <<\n/q 1\n/r 2 3\n") == "\n" and find(b"/r") == b"2 3"
    assert await cli(f"get map {path} /q") == (
        'type=str, case=sensitive, found=yes, idx=tree, key="/q", value="1", type="str"\n\n'
    )
    assert await cli(f"clear map {path}") == "\n" and not len(reference)
    assert "entry_cnt=0" in await cli("show map")


async def test_show_errors_dumps_the_last_bad_messages(cli: Any) -> None:
    frontend = cli.program.frontends[0]
    frontend.last_bad_request = SimpleNamespace(
        wall=clock.wall, frontend=frontend, backend=None, server=None, src=("1.2.3.4", 5),
        data=b"GET /\x01 \\\r\nx\r\n",
        offset=5, reason="odd byte",
    )  # fmt: skip
    text = await cli("show errors")
    assert text.startswith("Total events captured on [") and text.split("\n")[0].endswith("] : 1")
    assert "frontend fe (#2): invalid request" in text
    assert "  00000  GET /\\x01 \\\\\\r\\n\n  00010  x\\r\\n\n" in text
    assert " : 0\n" in await cli("show errors tcpf")
    assert await cli("show errors nope") == "No such proxy.\n\n"


async def test_show_sess_lists_live_sessions(cli: Any) -> None:
    session = Session(
        cli.program.frontends[0], SimpleNamespace(name="li1", id=1), None, ("1.2.3.4", 5), clock.now, clock.wall
    )
    cli.program.sessions.append(session)
    line = await cli("show sess")
    assert line.startswith(f"{id(session):#x}: proto=tcpv4 src=1.2.3.4:5 fe=fe be=<NONE> srv=<none> ts=00 ")
    assert "frontend=fe (id=2 mode=http), listener=li1 (id=1)" in await cli(f"show sess {id(session):#x}")
