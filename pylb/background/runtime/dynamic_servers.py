"""Commands that bring servers and take them away: `add server`, `del server` (management manual 9.3)."""

from __future__ import annotations

from typing import Any

from pylb import registry
from pylb.background.runtime.call import Call, CommandError
from pylb.errors import ConfigError
from pylb.registry import Kind, Status, command
from pylb.server import dynamic, origins


def named(call: Call, index: int = 0) -> tuple[Any, str]:
    """Backend and server name of a `backend/server` argument; these answers have no line end of their own."""
    backend, slash, server = call.arg(index).partition("/")
    if not (slash and backend and server):
        raise CommandError("Require 'backend/server'.", "")
    return call.backend(backend, "No such backend.", ""), server


def existing(call: Call, index: int = 0) -> Any:
    """The server of a `backend/server` argument."""
    backend, name = named(call, index)
    server = backend.by_name.get(name)
    if server is None:
        raise CommandError("No such server.", "")
    return server


@command(
    "add server",
    level="admin",
    usage="<bk>/<srv>",
    status=Status.PARTIAL,
    note="checks of such servers come with the health room",
)
async def add_server(call: Call) -> None:
    """Creates a server of a backend with a dynamic algorithm: `<address>[:<port>]` and most options of server lines.

    It starts in maintenance unless they say `enabled`; names are not resolved; `default-server` is applied only where
    they say `from be:`.
    `add server help` lists the options.
    """
    if call.args == ["help"]:
        refused = dynamic.REFUSED
        names = sorted(name for name in registry.names(Kind.SERVER) if " " not in name and name not in refused)
        call.write("List of keywords supported for dynamic servers:\n" + "".join(f" {name}\n" for name in names))
        return
    backend, name = named(call)
    try:
        dynamic.add(backend, [name, *call.args[1:]], call.program)
    except ConfigError as error:
        raise CommandError(error.message) from None
    call.say("New server registered.")


@command("del server", level="admin", usage="<bk>/<srv>")
async def del_server(call: Call) -> None:
    """Removes a server that is in maintenance, that no rule or tracking server of the configuration names, and that has
    no connection in use or idle."""
    server = existing(call)
    reason = dynamic.obstacle(server)
    if not reason and dynamic.busy(server):
        reason = "Server still has connections attached to it, cannot remove it."
    if reason:
        raise CommandError(reason, "")
    dynamic.remove(server, call.program)
    call.say("Server deleted.", end="")


@command("show default-server", usage="[<backend>]")
async def show_default_server(call: Call) -> None:
    """Lists the `default-server` settings that `add server ... from` may name; `*` marks unnamed ones."""
    program = call.program
    if origins.purged(program.config):
        return
    only = call.backend(call.arg(0)) if call.args else None
    for backend in program.backends.values():
        if only in (None, backend):
            for name in origins.remaining(backend.config):
                call.write(f"  {backend.name}/{name}\n" if name else f"* {backend.name}\n")
