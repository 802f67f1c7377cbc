"""Commands about the session itself: help, prompt, quit, levels, timeout, severity, modes."""

from __future__ import annotations

from pylb.background.runtime import help as helping
from pylb.background.runtime.call import LEVELS, Call, CommandError
from pylb.config.units import parse_time
from pylb.registry import Kind, command, declare


@command("help", usage="[<command>]")
async def help_command(call: Call) -> None:
    """Lists all commands, or those that begin like the words given."""
    session = call.session
    call.write(helping.help_text(call.args, session.level, experimental=session.experimental, expert=session.expert))


@command("prompt")
async def prompt(call: Call) -> None:
    """Switches between interactive mode and a single answer."""
    session = call.session
    session.prompt = not session.prompt
    if not session.prompt:
        session.closing = True


@command("quit")
async def quit_command(call: Call) -> None:
    """Ends the session."""
    call.session.ending = True


def _lower(name: str) -> None:
    async def lower(call: Call) -> None:
        call.require(name)
        session = call.session
        session.level = LEVELS[min(LEVELS.index(session.level), LEVELS.index(name))]

    doc = f"Lowers the rights of this session to those of level {name}."
    declare(Kind.COMMAND, name, lower, doc=doc, level="user")


_lower("operator")
_lower("user")


@command("show cli level")
async def show_cli_level(call: Call) -> None:
    """Prints the level of this session."""
    call.say(call.session.level)


@command("show cli sockets")
async def show_cli_sockets(call: Call) -> None:
    """Lists the runtime sockets with their levels."""
    call.write("# socket lvl processes\n")
    for listener in call.session.service.listeners:
        call.write(f"{socket_name(listener)} {listener.options.get('level', 'operator')} all\n")


def socket_name(listener: object) -> str:
    """unix@/path, ipv4@1.2.3.4:99 ..., as HAPROXY_CLI names them too."""
    address = listener.address  # type: ignore[attr-defined]
    family = address.family
    if family in ("unix", "abns", "abnsz"):
        return f"{family}@{address.host}"
    if family == "fd":
        return f"fd@{address.fd}"
    host = f"[{address.host}]" if family == "ipv6" else address.host
    return f"{family}@{host}:{address.port}"


@command("set timeout", usage="[cli] <delay>")
async def set_timeout(call: Call) -> None:
    """Changes the idle timeout of this session; the delay is in seconds unless it has a unit."""
    if call.arg(0) != "cli":
        raise CommandError("'set timeout' only supports 'cli'.")
    text = call.arg(1, "Expects an integer value.")
    try:
        milliseconds = parse_time(text, "s")
    except ValueError:
        milliseconds = 0
    if milliseconds < 1:
        raise CommandError("Invalid timeout value.")
    call.session.timeout = milliseconds / 1000


@command("set severity-output", usage="[none|number|string]")
async def set_severity_output(call: Call) -> None:
    """Puts the severity before lines of feedback: not at all, as a number or as a word."""
    if call.arg(0) not in ("none", "number", "string"):
        raise CommandError("one of 'none', 'number', 'string' is a required argument")
    call.session.severity = call.args[0]


def _mode(name: str) -> None:
    async def switch(call: Call) -> None:
        wanted = call.arg(0)
        session = call.session
        if wanted in ("on", "off"):
            setattr(session, name, wanted == "on")
        else:
            call.say(f"{name}-mode is {'ON' if getattr(session, name) else 'OFF'}")

    doc = f"Allows or refuses the commands of the {name} kind in this session."
    declare(Kind.COMMAND, f"{name}-mode", switch, usage="[on|off]", doc=doc, level="admin", hidden=True)


_mode("experimental")
_mode("expert")
