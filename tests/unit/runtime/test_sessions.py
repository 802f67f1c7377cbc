"""One-shot and interactive sessions, levels, payloads, bounds: the bytes of HAProxy 2.6."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pylb.background.runtime import parsing
from tests.unit.runtime.world import Client, ask


async def test_one_shot_answers_and_closes(cli: Any) -> None:
    assert await cli("show version") == "0.1.0\n\n"


async def test_all_commands_of_the_first_piece_are_answered(cli: Any) -> None:
    assert await cli("show version;show env FOO") == "0.1.0\n\nFOO=bar\n\n"
    assert await cli("show version\nshow version") == "0.1.0\n\n0.1.0\n\n"
    assert await cli(" show  version  \r") == "0.1.0\n\n"


async def test_interactive_mode_prompts_until_prompt_or_quit(cli: Any) -> None:
    client = await Client.open(cli.paths.admin)
    client.send("prompt\n")
    assert await client.until(b"\n> ") == "\n> "
    client.send("show version;show version\n")
    assert await client.until(b"\n> ") + await client.until(b"\n> ") == "0.1.0\n\n> 0.1.0\n\n> "
    client.send("prompt\n")
    assert await client.rest() == "\n"
    assert await cli("prompt;show version\nquit") == "\n> 0.1.0\n\n> "


async def test_payload_lines_are_asked_for_with_a_plus(cli: Any, tmp_path: Any) -> None:
    client = await Client.open(cli.paths.admin)
    client.send("prompt\n")
    await client.until(b"\n> ")
    client.send("show version <<\n")
    assert await client.until(b"+ ") == "+ "
    client.send("x\n")
    assert await client.until(b"+ ") == "+ "
    client.send("\n")
    assert await client.until(b"\n> ") == "0.1.0\n\n> "
    client.close()
    assert await cli("show version <<\na\n") == "0.1.0\n\n"


@pytest.mark.parametrize(
    ("level", "command", "allowed"),
    [
        ("user", "show env FOO", False),
        ("operator", "show env FOO", True),
        ("user", "clear counters", False),
        ("operator", "clear counters", True),
        ("operator", "clear counters all", False),
        ("operator", "set server be/s1 state maint", False),
        ("user", "show stat", True),
        ("user", "show sess", False),
        ("user", "experimental-mode on", False),
        ("user", "operator", False),
    ],
)
async def test_levels(cli: Any, level: str, command: str, allowed: bool) -> None:
    assert (await cli(command, level) == "Permission denied\n\n") is not allowed


async def test_lowering_the_level_sticks(cli: Any) -> None:
    assert await cli("operator;show cli level") == "\noperator\n\n"
    assert await cli("user;show env") == "\nPermission denied\n\n"


async def test_severity_stands_before_feedback(cli: Any) -> None:
    assert await cli("set severity-output number;disable frontend nope") == "\n[3]: No such frontend.\n\n"
    assert await cli("set severity-output string;show cli level") == "\n[info]: admin\n\n"
    assert await cli("set severity-output x") == "one of 'none', 'number', 'string' is a required argument\n\n"


async def test_experimental_commands_need_their_mode(cli: Any) -> None:
    assert await cli("set var proc.t str(a)") == "This command is restricted to experimental mode only.\n\n"
    assert await cli("experimental-mode on;set var proc.t str(a);get var proc.t") == "\n\nproc.t: type=str value=<a>\n"
    assert await cli("experimental-mode on;set var proc.t fmt a%[int(3)];get var proc.t") == (
        "\n\nproc.t: type=str value=<a3>\n"
    )
    assert await cli("experimental-mode on;set var proc.x str foo") == (
        "\n'set var': arg type must be either 'expr' or 'fmt' but got 'str'.\n"
    )


async def test_help_and_unknown_commands(cli: Any) -> None:
    text = await cli("help")
    assert text.startswith("The following commands are valid at this level:\n  add acl")
    assert text.rstrip("\n").split("\n")[-1].startswith("  quit                                    : ")
    assert all(line.startswith("  show ") for line in (await cli("help show")).split("\n")[1:-5])
    assert (await cli("show nonsense")).startswith(
        "Unknown command, but maybe one of the following ones is a better match:\n"
    )
    assert (await cli("set maxconn")).count("  set maxconn ") == 3
    assert (await cli("")).startswith("Unknown command. Please enter one of the following commands only:\n")


async def test_an_idle_session_ends_with_the_timeout(cli: Any) -> None:
    cli.service.timeout = 0.05
    client = await Client.open(cli.paths.admin)
    assert await client.rest() == ""


async def test_set_timeout(cli: Any) -> None:
    assert await cli("set timeout") == "'set timeout' only supports 'cli'.\n\n"
    assert await cli("set timeout cli") == "Expects an integer value.\n\n"
    assert await cli("set timeout cli foo") == "Invalid timeout value.\n\n"
    assert await cli("set timeout cli 10s") == "\n"


async def test_a_line_longer_than_the_buffer_ends_the_session(cli: Any) -> None:
    assert await cli(b"x" * 20000 + b"\n") == ""
    assert await cli("show version") == "0.1.0\n\n"


async def test_a_client_that_never_reads_holds_no_answer_in_memory(cli: Any) -> None:
    client = await Client.open(cli.paths.admin)
    client.send("prompt\n" + "help;" * 300 + "\n")
    while not cli.service.sessions:
        await asyncio.sleep(0)
    (session,) = cli.service.sessions
    for _ in range(50):
        await asyncio.sleep(0)
    assert session.writer.transport.get_write_buffer_size() < 1 << 18
    client.close()


async def test_no_more_than_maxconn_sessions(cli: Any) -> None:
    clients = [await Client.open(cli.paths.admin) for _ in range(cli.service.maxconn + 2)]
    while len(cli.service.sessions) < cli.service.maxconn:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)
    assert len(cli.service.sessions) == cli.service.maxconn
    for client in clients:
        client.close()


FRAGMENTS = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"show ", b"stat ", b"info ", b"sess ", b"set ", b"server ", b"be/s1 ", b"state ", b"weight ", b"map ",
             b"#1 ",
             b"<<\n", b";", b"\\", b"\n", b"prompt\n", b"typed ", b"json ", b"get ", b"add ", b"acl ", b"help ", b"-1 ",
             b"maxconn ", b"frontend ", b"fe ", b"errors ", b"env ", b"\xff\xfe ", b"clear counters all\n", b"%",
             b"proc.x "]
        ),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=FRAGMENTS)
def test_no_bytes_crash_the_parser(pieces: list[bytes]) -> None:
    for line in b"".join(pieces).decode("utf-8", "surrogateescape").split("\n"):
        parsing.announces_payload(line)
        for command in parsing.split_commands(line):
            parsing.split_words(command)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=FRAGMENTS)
def test_no_bytes_crash_the_service(tmp_path_factory: Any, pieces: list[bytes]) -> None:
    from tests.unit.runtime import world

    async def run() -> None:
        folder = tmp_path_factory.mktemp("s")
        paths = {level: str(folder / level) for level in ("admin", "operator", "user")}
        program = world.program(world.CONFIG.format(**paths))
        crashes: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: crashes.append(context))
        async with world.runtime(program) as service:
            client = await Client.open(paths["admin"])
            client.send(b"".join(pieces))
            client.writer.write_eof()
            await client.rest()
            client.close()
            assert service.failure is None
            assert await ask(paths["admin"], "show version") == "0.1.0\n\n"
        assert not crashes

    asyncio.run(run())


def test_words_and_escapes() -> None:
    assert parsing.split_commands(r"a;b\;c;;d") == ["a", r"b\;c", "", "d"]
    assert parsing.split_words(r"show  env FOO\ x\;y") == ["show", "env", "FOO x;y"]
