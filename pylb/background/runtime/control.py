"""Commands that change servers, frontends and limits (management manual 9.3).

They go through the rooms that own the state (server/state.py, listener/sockets.py); the answer of a successful change
is empty.
"""

from __future__ import annotations

import re
import socket
from typing import Any, Final

from pylb.background.runtime.call import Call, CommandError
from pylb.config.defaults import odd_character
from pylb.listener import sockets
from pylb.registry import Status, command
from pylb.server import dynamic, state
from pylb.server.places import locate, numeric

MAX_WEIGHT: Final = 256
USAGE: Final = (
    "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | "
    "check-port | fqdn | health | ssl | state | weight"
)


# -- servers ---------------------------------------------------------------------------------------------------------


@command(
    "set server",
    level="admin",
    usage="<bk>/<srv> [opts]",
    status=Status.PARTIAL,
    note="state, weight, addr, health, name and fqdn, which is not resolved again; the rest comes with its rooms",
)
async def set_server(call: Call) -> None:
    """Changes a server.

    `state ready|drain|maint`, `weight <n>[%]`, `addr <ip> [port <port>]`, `health up|stopping|down`,
    `fqdn <name>` where resolvers follow its name, `name <name>` in maintenance where nothing else names it.
    """
    server = call.server()
    setting = _SETTINGS.get(call.arg(1))
    if setting is None:
        raise CommandError(USAGE)
    setting(call, server)


def _state(call: Call, server: Any) -> None:
    wanted = call.arg(2)
    if wanted not in ("ready", "drain", "maint"):
        raise CommandError("'set server <srv> state' expects 'ready', 'drain' and 'maint'.")
    state.set_state(server, wanted)


def _health(call: Call, server: Any) -> None:
    wanted = {"up": "RUNNING", "stopping": "STOPPING", "down": "STOPPED"}.get(call.arg(2))
    if wanted is None:
        raise CommandError("'set server <srv> health' expects 'up', 'stopping', or 'down'.")
    if server.track is not None:
        raise CommandError("cannot change health on a tracking server.")
    state.set_operation(server, state.Operation[wanted], "stats socket command")


def change_weight(server: Any, text: str) -> None:
    """`<n>` between 0 and 256, or `<n>%` of the configured weight."""
    match = re.match(r"[ \t]*([+-]?[0-9]+)(%?)", text)
    if match is None:
        raise CommandError("Empty weight string empty or preceded by garbage", "")
    if match.end() != len(text):
        raise CommandError("Trailing garbage in weight string")
    number = int(match[1])
    if match[2]:
        if number < 0:
            raise CommandError("Relative weight must be positive.")
        number = min(server.initial_weight * number // 100, MAX_WEIGHT)
    elif not 0 <= number <= MAX_WEIGHT:
        raise CommandError("Absolute weight can only be between 0 and 256 inclusive.")
    algorithm = server.backend.algorithm
    if not getattr(algorithm, "grows", True) and number not in (0, server.initial_weight):
        raise CommandError("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")
    state.set_weight(server, number)


def _weight(call: Call, server: Any) -> None:
    change_weight(server, call.arg(2, "Require <weight> or <weight%>."))


def _address(call: Call, server: Any) -> None:
    text = call.arg(2, "set server <b>/<s> addr requires an address and optionally a port.")
    packed = _packed(text)
    port = None
    if call.arg(3) == "port":
        port = _port(call.arg(4), server.port)
    old = _shown(server.address)
    old_port = server.port
    same = packed == server.address
    locate(server, packed, port=port)
    state.set_admin(server, state.Admin.UNRESOLVED, False, "stats socket command")
    changes = [f"IP changed from '{old}' to '{text}'" if not same else "no need to change the addr"]
    if call.arg(3) == "port":
        changes.append(
            f"port changed from '{old_port}' to '{port}'" if port != old_port else "no need to change the port"
        )
    call.say(", ".join(changes) + " by 'stats socket command'")


def _packed(text: str) -> bytes:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
    raise CommandError(f"Invalid addr '{text}' by 'stats socket command'")


def _port(text: str, current: int) -> int:
    relative = text[:1] in ("+", "-")
    digits = text[1:] if relative else text
    if not (digits.isascii() and digits.isdigit()):
        raise CommandError("problem converting string 'port' to int by 'stats socket command'")
    number = int(digits[:9]) * (-1 if text[:1] == "-" else 1) + (current if relative else 0)
    if not 0 < number <= 65535:
        raise CommandError("provided port is not valid by 'stats socket command'")
    return number


def _shown(packed: bytes | None) -> str:
    if packed is None:
        return "(none)"
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def _fqdn(call: Call, server: Any) -> None:
    name = call.arg(2, "set server <b>/<s> fqdn requires a FQDN.")
    if not server.values.get("resolvers"):
        raise CommandError("set server <b>/<s> fqdn failed because no resolution is configured.")
    old = server.host if numeric(server.host) is None else "(null)"
    if name == old:
        call.say("no need to change the FDQN by 'stats socket command'")
        return
    server.host = name
    call.say(f"{server.backend.name}/{server.name} changed its FQDN from {old} to {name} by 'stats socket command'")


def _name(call: Call, server: Any) -> None:
    name = call.arg(2, "set server <b>/<s> name requires a new name.")
    if not server.admin & state.IN_MAINT:
        raise CommandError("Server must be in maintenance mode to change its name.")
    if odd_character(name) is not None:
        raise CommandError("Server name contains invalid characters.")
    if server.pinned:
        raise CommandError("Server is statically referenced by the configuration, cannot change its name.")
    if server.backend.by_name.get(name, server) is not server:
        raise CommandError("A server with the same name already exists in this backend.")
    dynamic.rename(server, name)
    call.say("Server name updated.")


_SETTINGS: Final = {
    "state": _state,
    "health": _health,
    "weight": _weight,
    "addr": _address,
    "fqdn": _fqdn,
    "name": _name,
}


@command("disable server", level="admin", usage="(DEPRECATED)")
async def disable_server(call: Call) -> None:
    """Puts a server into maintenance; `set server <bk>/<srv> state maint` says the same."""
    state.set_admin(call.server(), state.Admin.MAINT, True, "stats socket command")


@command("enable server", level="admin", usage=" (DEPRECATED)")
async def enable_server(call: Call) -> None:
    """Takes a server out of maintenance, and out of drain; `set server <bk>/<srv> state ready` says the same."""
    state.set_state(call.server(), "ready")


@command("get weight", usage="<bk>/<srv>")
async def get_weight(call: Call) -> None:
    """Prints a server's weight and the one it was configured with."""
    server = call.server()
    call.say(f"{server.weight} (initial {server.initial_weight})")


@command("set weight", level="admin", usage="<bk>/<srv>  (DEPRECATED)")
async def set_weight(call: Call) -> None:
    """Changes a server's weight; `set server <bk>/<srv> weight` says the same."""
    change_weight(call.server(), call.arg(1, "Require <weight> or <weight%>."))


# -- limits ----------------------------------------------------------------------------------------------------------


def _leading(text: str) -> int:
    """atoi: HAProxy takes the digits at the start, and 0 where there are none."""
    match = re.match(r"[ \t]*([+-]?[0-9]{1,9})", text)
    return int(match[1]) if match else 0


def _rearm(call: Call) -> None:
    """A raised limit lets listeners accept again that had stopped."""
    worker = getattr(call.program, "worker", None)
    if worker is not None:
        worker.feed()


@command("set maxconn server", level="admin", usage="<bk>/<srv>")
async def set_maxconn_server(call: Call) -> None:
    """Changes how many streams a server may have at a time; 0 means any number."""
    server = call.server()
    text = call.arg(1, "Require <maxconn>.")
    if re.fullmatch(r"[ \t]*[0-9]+.*", text) is None:
        raise CommandError("maxconn string empty or preceded by garbage", "")
    if re.fullmatch(r"[ \t]*[0-9]+", text) is None:
        raise CommandError("Trailing garbage in maxconn string")
    server.maxconn = server.minconn = _leading(text)
    assignment = server.backend.assignment
    if assignment is not None:
        assignment.offer(server)


@command("set maxconn frontend", level="admin", usage="<frontend> <value>")
async def set_maxconn_frontend(call: Call) -> None:
    """Changes how many connections a frontend takes at a time."""
    frontend = call.frontend()
    value = _leading(call.arg(1, "Integer value expected."))
    if value < 0:
        raise CommandError("Value out of range.")
    frontend.maxconn = value
    _rearm(call)


@command("set maxconn global", level="admin", usage="<value>")
async def set_maxconn_global(call: Call) -> None:
    """Changes how many connections the process takes at a time, up to what it was started with; 0 restores that."""
    value = _leading(call.arg(0, "Expects an integer value."))
    process = call.process
    if not 0 <= value <= process.hard_maxconn:
        raise CommandError("Value out of range.")
    process.maxconn = value or process.hard_maxconn
    call.program.maxconn = process.maxconn
    worker = getattr(call.program, "worker", None)
    if worker is not None:
        worker.maxconn = process.maxconn
        worker.feed()


RATES: Final = {"connections": ("maxconnrate", "conn_rate"), "sessions": ("maxsessrate", "sess_rate")}
RATE_USAGE: Final = """'set rate-limit' only supports :
   - 'connections global' to set the per-process maximum connection rate
   - 'sessions global' to set the per-process maximum session rate
   - 'ssl-sessions global' to set the per-process maximum SSL session rate
   - 'http-compression global' to set the per-process maximum compression speed in kB/s"""


@command(
    "set rate-limit",
    level="admin",
    usage="<setting> <value>",
    status=Status.PARTIAL,
    note="`ssl-sessions` and `http-compression` come with TLS and compression",
)
async def set_rate_limit(call: Call) -> None:
    """Changes how many `connections global` or `sessions global` are taken per second; 0 for any number."""
    words = call.args
    if len(words) < 2 or words[0] not in (*RATES, "ssl-sessions", "http-compression") or words[1] != "global":
        raise CommandError(RATE_USAGE)
    value = _leading(call.arg(2, "Expects an integer value."))
    if value < 0:
        raise CommandError("Value out of range.")
    if words[0] not in RATES:
        raise CommandError(f"{words[0]} are not limited yet.")
    word, name = RATES[words[0]]
    setattr(call.process, word, value)
    worker = getattr(call.program, "worker", None)
    if worker is not None:
        rate = getattr(worker.counters, name)
        others = [entry for entry in worker.rates if entry[0] is not rate]
        worker.rates = [*others, (rate, value)] if value else others
        worker.feed()


# -- frontends -------------------------------------------------------------------------------------------------------


def _open_listeners(frontend: Any) -> list[Any]:
    return [listener for listener in frontend.listeners if listener.sock is not None]


@command("disable frontend", level="admin", usage="<frontend>")
async def disable_frontend(call: Call) -> None:
    """Stops a frontend's listening without giving up its ports; new connections are refused."""
    frontend = call.frontend()
    if frontend.disabled:
        raise CommandError("Frontend was previously shut down, cannot disable.")
    if frontend.paused:
        raise CommandError("All sockets are already disabled.")
    for listener in _open_listeners(frontend):
        sockets.pause(listener)
    frontend.paused = True


@command("enable frontend", level="admin", usage="<frontend>")
async def enable_frontend(call: Call) -> None:
    """Lets a disabled frontend listen again."""
    frontend = call.frontend()
    if frontend.disabled:
        raise CommandError("Frontend was previously shut down, cannot enable.")
    if not frontend.paused:
        raise CommandError("All sockets are already enabled.")
    for listener in _open_listeners(frontend):
        if not sockets.resume(listener):
            raise CommandError("Failed to resume frontend, check logs for precise cause (port conflict?).")
    frontend.paused = False


@command("shutdown frontend", level="admin", usage="<frontend>")
async def shutdown_frontend(call: Call) -> None:
    """Closes a frontend's sockets for good; its connections go on."""
    frontend = call.frontend()
    if frontend.disabled:
        raise CommandError("Frontend was already shut down.")
    for listener in _open_listeners(frontend):
        if listener.acceptor is not None:
            listener.acceptor.close()
        sockets.close(listener)
    frontend.disabled = True


# -- counters --------------------------------------------------------------------------------------------------------


@command("clear counters", level="operator", usage="[all]")
async def clear_counters(call: Call) -> None:
    """Forgets the highest values seen; with `all`, which only admins may, every counter starts from 0 again."""
    everything = call.arg(0) == "all"
    if everything:
        call.require("admin")
    program = call.program
    owners = [*program.frontends, *program.backends.values()]
    owners += [server for backend in program.backends.values() for server in backend.servers]
    owners += [listener for frontend in program.frontends for listener in frontend.listeners]
    for owner in owners:
        _clear(owner.counters, everything)


@command("clear counters server", level="admin", usage="<bk>/<srv> [force]")
async def clear_counters_server(call: Call) -> None:
    """Every counter of one server starts from 0 again; what it is and how it is stays."""
    server = call.server()
    if call.arg(1) not in ("", "force"):
        raise CommandError("Only 'force' may follow the server.")
    _clear(server.counters, True)
    call.say("Server counters cleared.")


def _clear(counters: Any, everything: bool) -> None:
    for rate in (counters.conn_rate, counters.sess_rate, counters.req_rate):
        rate.limit_max = 0
    counters.conn_max = counters.queue_max = 0
    if everything:
        for name in counters.__slots__:
            value = getattr(counters, name, None)
            if isinstance(value, int) and not name.endswith("_cur"):
                setattr(counters, name, 0)
        for rate in (counters.conn_rate, counters.sess_rate, counters.req_rate):
            rate.base = rate.last = 0
