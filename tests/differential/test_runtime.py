"""The runtime socket beside HAProxy's: the same commands on the same configuration, answers compared byte by byte.

Ours runs inside the test on the proxies and servers of the configuration, without traffic; what cannot be equal (ids of
sessions, versions, memory, times) is compared by shape.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.peers import requires
from tests.harness.programs import Program, running
from tests.unit.runtime import world

pytestmark = requires("haproxy")

CONFIG = """
global
 maxconn 100
 stats socket $(dir)/admin.sock level admin mode 600
 stats socket $(dir)/operator.sock level operator
 stats socket $(dir)/user.sock level user
 setenv FOO bar
defaults
 mode http
 timeout client 2s
 timeout server 2s
 timeout connect 1s
frontend fe
 bind 127.0.0.1:$(fe)
 default_backend be
frontend tcpf
 mode tcp
 bind 127.0.0.1:$(tcpf)
 default_backend tb
listen li
 bind 127.0.0.1:$(li)
 server l1 127.0.0.1:29799
backend tb
 mode tcp
 server t1 127.0.0.1:9
backend be
 balance roundrobin
 server s1 127.0.0.1:29790 weight 3
 server s2 127.0.0.1:29791 weight 10 backup disabled maxconn 5
 server s3 [::1]:29791 weight 0
"""


def ask(path: str, text: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(path)
        client.sendall(text.encode() + b"\n")
        data = b""
        while piece := client.recv(65536):
            data += piece
    return data.decode()


class Both:
    """The same command for HAProxy and for ours, on fresh instances."""

    def __init__(self, real: Program, folder: Path) -> None:
        self.real = real
        self.folder = folder
        text = CONFIG.replace("$(dir)", str(folder))
        self.text = re.sub(r"\$\((\w+)\)", lambda match: str(real.port(match[1])), text)

    def commands(self, commands: list[str], level: str = "admin") -> list[tuple[str, str]]:
        path = self.real.directory / f"{level}.sock"
        expected = [ask(str(path), command) for command in commands]

        async def ours() -> list[str]:
            program = world.program(self.text)
            async with world.runtime(program):
                return [await world.ask(str(self.folder / f"{level}.sock"), command) for command in commands]

        return list(zip(expected, asyncio.run(ours()), strict=True))


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    with running("haproxy", CONFIG) as real:
        yield Both(real, tmp_path)


CHANGES = [
    "set server", "set server be", "set server be/s1", "set server be/nope state ready",
    "set server nope/s1 state ready",
    "set server be/s1 foo", "set server be/s1 state", "set server be/s1 state foo", "set server be/s1 state maint",
    "show servers state be", "set server be/s1 state drain", "show servers state be", "set server be/s1 state ready",
    "show servers state", "set server be/s1 weight", "set server be/s1 weight abc", "set server be/s1 weight 300",
    "set server be/s1 weight -1", "set server be/s1 weight 50%", "get weight be/s1", "set server be/s1 weight 200%",
    "get weight be/s1", "set server be/s1 weight 20", "get weight be/s1", "get weight", "get weight be",
    "get weight be/nope", "get weight nope/s1", "set weight be/s1 5", "set weight be/s1", "set weight",
    "get weight be/s1",
    "set server be/s1 addr foo", "set server be/s1 addr", "set server be/s1 addr 127.0.0.2",
    "set server be/s1 addr 127.0.0.2 port 8080", "show servers state be", "set server be/s1 health foo",
    "disable server", "disable server be", "disable server be/s1", "show servers state be", "enable server be/s1",
    "enable server be/nope", "enable server be/s2", "show servers state be",
    "disable frontend", "disable frontend nope", "disable frontend tcpf", "disable frontend tcpf",
    "enable frontend tcpf", "enable frontend tcpf", "enable frontend nope",
    "set maxconn frontend", "set maxconn frontend fe", "set maxconn frontend fe 10", "set maxconn frontend nope 10",
    "set maxconn server be/s1", "set maxconn server be/s1 abc", "set maxconn server be/s1 10",
    "set maxconn server be/nope 1",
    "set maxconn global", "set maxconn global 50", "set maxconn global 1000000",
    "set timeout", "set timeout cli", "set timeout cli foo", "set timeout cli 10s", "set timeout foo 10",
    "shutdown frontend", "shutdown frontend nope", "shutdown session", "shutdown session 0x1234",
    "shutdown sessions server", "shutdown sessions server be/nope", "shutdown sessions server be/s1",
    "clear counters", "clear counters all", "get var", "get var proc.x", "set var proc.x str(foo)",
    "experimental-mode on;set var proc.x str(foo);get var proc.x", "experimental-mode on;set var proc.x fmt a%[int(3)]",
    "get var proc.x", "experimental-mode on;set var proc.x str foo", "experimental-mode on;set var",
    "set severity-output number;disable frontend nope", "set severity-output string;show cli level",
    "set severity-output foo", "show cli level", "operator;show cli level", "user;show cli level", "user;show env",
    "show env FOO", "show env NOPE", "show env FOO\\;x", "show  env   FOO", "show env FOO;show env FOO", "show backend",
    "show servers state nope", "show sess 0x123", "show map nope", "show acl nope", "get map nope x",
    "add map #1", "add map #1 /c", "add acl #0", "set map #1 /a", "del map #1", "clear map", "clear map nope",
    "show stat 1 x 2", "quit", "prompt;show env FOO\nprompt", "prompt;show env FOO;quit",
    "show env FOO <<\nx\n", "prompt\nshow env FOO <<\nx\ny\n\nquit", "show servers conn nope", "expert-mode",
    "experimental-mode",
]  # fmt: skip


def test_answers_to_changes_and_mistakes(both: Both) -> None:
    answers = both.commands(CHANGES)
    odd = [(c, *a) for c, a in zip(CHANGES, answers, strict=True) if masked(a[0]) != masked(a[1])]
    assert not odd, "\n".join(map(repr, odd))


def masked(text: str) -> str:
    """Seconds since the last change may tick between the two programs; srv_check_health of servers without checks is
    whatever the last maintenance left there."""
    lines = []
    for line in text.split("\n"):
        words = line.split(" ")
        if len(words) == 25 and words[0].isdigit():
            words[9] = words[12] = "-"
        lines.append(" ".join(words))
    return "\n".join(lines)


@pytest.mark.parametrize("level", ["user", "operator"])
def test_permissions(both: Both, level: str) -> None:
    commands = [
        "disable server be/s1", "enable server be/s1", "set server be/s1 state ready", "clear counters",
        "clear counters all", "disable frontend fe", "enable frontend fe", "set maxconn global 3", "set weight be/s1 3",
        "set maxconn frontend fe 3", "set maxconn server be/s1 3", "shutdown session 0x1", "shutdown frontend nope",
        "shutdown sessions server be/s1", "get weight be/s1", "set timeout cli 3s", "operator", "user",
        "experimental-mode on", "expert-mode on", "set map #9 a b", "clear map nope", "show backend", "get var proc.no",
        "show env FOO", "show map nope",
    ]  # fmt: skip
    answers = both.commands(commands, level)
    assert {c: a[1] for c, a in zip(commands, answers, strict=True) if a[0] != a[1]} == {}


VOLATILE = {"lastchg", "slim"}


def stat_table(text: str) -> dict[tuple[str, str], dict[str, str]]:
    header, *rows = [line for line in text.split("\n") if line]
    names = header[2:].split(",")
    return {(row.split(",")[0], row.split(",")[1]): dict(zip(names, row.split(","), strict=True)) for row in rows}


def test_show_stat_has_the_same_header_rows_and_cells(both: Both) -> None:
    ((expected, got),) = both.commands(["show stat"])
    assert got.split("\n")[0] == expected.split("\n")[0]
    real, own = stat_table(expected), stat_table(got)
    assert list(real) == list(own)
    different = {
        (*key, name): (value, own[key][name])
        for key, row in real.items()
        for name, value in row.items()
        if name not in VOLATILE and own[key][name] != value
    }
    assert different == {}


def test_show_stat_typed_has_the_same_lines(both: Both) -> None:
    ((expected, got),) = both.commands(["show stat typed"])

    def comparable(text: str) -> list[str]:
        return [line for line in text.split("\n") if line.split(".")[4:5] not in (["lastchg"], ["slim"])]

    assert comparable(got) == comparable(expected)


def test_show_info_has_the_same_fields(both: Both) -> None:
    plain, typed, shaped = both.commands(["show info", "show info typed", "show info json"])
    assert [line.partition(":")[0] for line in plain[1].split("\n")] == [
        line.partition(":")[0] for line in plain[0].split("\n")
    ]
    assert [line.split(":")[:3] for line in typed[1].split("\n")] == [
        line.split(":")[:3] for line in typed[0].split("\n")
    ]
    assert re.sub(r'"value":[^{}]+\}\}', "", shaped[1]) == re.sub(r'"value":[^{}]+\}\}', "", shaped[0])


def test_show_lists_have_the_same_shape(both: Both) -> None:
    conn, errors, sockets, sess = both.commands(
        ["show servers conn be", "show errors", "show cli sockets", "show sess all"]
    )
    assert [len(line.split(" ")) for line in conn[1].split("\n")[:1]] == [
        len(line.split(" ")) for line in conn[0].split("\n")[:1]
    ]
    assert [line.split(" ")[:5] for line in conn[1].split("\n")[1:]] == [
        line.split(" ")[:5] for line in conn[0].split("\n")[1:]
    ]
    assert re.sub(r"\[.*\]", "", errors[1]) == re.sub(r"\[.*\]", "", errors[0])
    assert re.sub(r"@\S*/", "@", sockets[1]) == re.sub(r"@\S*/", "@", sockets[0])
    assert sess[1].endswith("\n")


NEWER = (
    *("add backend", "clear counters server", "del backend", "publish backend", "show default-server", "show defaults"),
    *("unpublish backend", "wait "),
)


def test_help_is_laid_out_alike(both: Both) -> None:
    helped, unknown, prefix = both.commands(["help", "", "set maxconn"])
    for expected, got in (helped, unknown, prefix):
        assert got.split("\n")[0] == expected.split("\n")[0]
        real = {line[:41].strip() for line in expected.split("\n")[1:] if line.startswith("  ")}
        own = [line[:41].strip() for line in got.split("\n")[1:] if line.startswith("  ")]
        assert own[-3:] == ["help [<command>]", "prompt", "quit"]
        names = {" ".join(re.findall(r"^[a-z -]+[a-z]", text)) for text in real}
        strangers = [text for text in own if " ".join(re.findall(r"^[a-z -]+[a-z]", text)) not in names]
        assert [text for text in strangers if not text.startswith(NEWER)] == []
