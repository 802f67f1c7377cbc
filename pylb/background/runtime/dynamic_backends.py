"""Commands that bring backends, take them away, and open or close them to switching rules (management manual 9.3)."""

from __future__ import annotations

from typing import Any, Final

from pylb.background.runtime.call import Call, CommandError
from pylb.config.defaults import check_heritage, odd_character
from pylb.config.model import ProxyConfig
from pylb.errors import Report, Severity, Span
from pylb.registry import command

USAGE: Final = "'add backend' expects <name> from <defproxy> [mode <mode>] [guid <guid>]"
PINNED: Final = "This proxy cannot be removed at runtime due to other configuration elements pointing to it."


def named_defaults(program: Any) -> dict[str, ProxyConfig]:
    """The defaults sections that backends may start from, in order of the file; `tune.defaults.purge` frees them."""
    config = program.config
    if "tune.defaults.purge" in config.globals.values:
        purged = str(config.globals.get("tune.defaults.purge") or "proxies").split(",")
        if "all" in purged or "proxies" in purged:
            return {}
    return {record.name: record for record in config.defaults if record.name}


@command("show defaults")
async def show_defaults(call: Call) -> None:
    """Lists the named defaults sections: what `add backend` may start from."""
    for name in named_defaults(call.program):
        call.write(name + "\n")


@command("add backend", level="admin", usage="<name> from <defproxy> [mode <mode>] [guid <guid>]")
async def add_backend(call: Call) -> None:
    """Creates a backend with everything that a named defaults section says; it starts unpublished and without servers.

    The mode, tcp or http, must be given where the defaults section has none. Dynamic `use_backend` names find it once
    it is published.
    """
    program = call.program
    name = call.arg(0, USAGE)
    if call.arg(1) != "from" or not call.arg(2):
        raise CommandError(USAGE)
    odd = odd_character(name)
    if odd is not None:
        raise CommandError(f"Character '{odd}' is not permitted in backend name '{name}'.")
    origin = named_defaults(program).get(call.arg(2))
    if origin is None:
        raise CommandError(f"Cannot find default proxy '{call.arg(2)}'.")
    given = _options(call)
    for proxy in (*program.backends.values(), *program.frontends):
        if proxy.name == name:
            raise CommandError(f"Proxy name '{name}' is already used by a {proxy.config.kind}.")
        if "guid" in given and proxy.config.get("guid") == given["guid"]:
            raise CommandError(f"GUID '{given['guid']}' is already used by proxy '{proxy.name}'.")
    config = _inherited(name, origin, given, program)
    _refuse(program.add_backend(config))
    call.say("New backend registered.")


def _options(call: Call) -> dict[str, str]:
    """`mode` and `guid` of the command."""
    given: dict[str, str] = {}
    rest = call.args[3:]
    for word, value in zip(rest[::2], [*rest[1::2], ""], strict=False):
        if word not in ("mode", "guid") or not value:
            raise CommandError(USAGE)
        given[word] = value
    if given.get("mode", "tcp") not in ("tcp", "http"):
        raise CommandError("Mode must be tcp or http.")
    return given


def _inherited(name: str, origin: ProxyConfig, given: dict[str, str], program: Any) -> ProxyConfig:
    mode = given.get("mode") or origin.get("mode")
    if mode is None:
        raise CommandError("Mode is required.")
    if mode not in ("tcp", "http"):
        raise CommandError("Only TCP or HTTP proxies can be created.")
    config = ProxyConfig("backend", name, Span("runtime", 0))
    heirs = set(origin.heirs)
    kept, program.config.report = program.config.report, Report()
    try:
        check_heritage(program.config, origin, config)
        _refuse(program.config.report)
    finally:
        program.config.report = kept
    config.inherit(origin)
    origin.heirs = heirs | {"backend"}
    config.set("mode", mode)
    if "guid" in given:
        config.set("guid", given["guid"])
    return config


def _refuse(report: Report) -> None:
    alerts = [item.message for item in report.items if item.severity is Severity.ALERT]
    if alerts:
        raise CommandError("\n".join(alerts))


def obstacle(backend: Any) -> str:
    """Why the backend cannot be removed as things are; "" when its streams only have to end."""
    if backend.config.kind == "listen":
        return "Cannot delete a listen section."
    if backend.pinned:
        return PINNED
    if backend.config.get("stick-table") is not None:
        return "A backend with a stick-table cannot be deleted."
    if not backend.unpublished:
        return "Backend must be unpublished prior to its deletion."
    if backend.servers:
        return "Only a backend without server can be deleted."
    return ""


def busy(backend: Any) -> bool:
    """Streams are still in it."""
    return bool(backend.counters.conn_cur or backend.served)


@command("del backend", level="admin", usage="<name>")
async def del_backend(call: Call) -> None:
    """Removes a backend that is unpublished, has no servers and no streams, and that no rule or expression names."""
    backend = call.backend(call.arg(0))
    reason = obstacle(backend)
    if not reason and busy(backend):
        reason = "Backend still has streams attached to it, cannot delete it."
    if reason:
        raise CommandError(reason)
    call.program.remove_backend(backend)
    call.say("Backend deleted.")


def _publish(call: Call, unpublished: bool) -> None:
    backend = call.backend(call.arg(0))
    if backend.disabled:
        raise CommandError("No effect on a disabled backend.")
    if backend.unpublished is not unpublished:
        backend.unpublished = unpublished
        call.program.switch()


@command("publish backend", level="operator", usage="<backend>")
async def publish_backend(call: Call) -> None:
    """Lets switching rules choose a backend (again)."""
    _publish(call, False)
    call.say("Backend published.")


@command("unpublish backend", level="operator", usage="<backend>")
async def unpublish_backend(call: Call) -> None:
    """Makes switching rules pass a backend over; streams in it go on, and its servers are still checked."""
    _publish(call, True)
    call.say("Backend unpublished.")
