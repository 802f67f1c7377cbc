"""`show servers state`, `show servers conn`, `show backend`: servers as lines of fields (management manual 9.3)."""

from __future__ import annotations

from typing import Any, Final

from pylb.background.runtime.call import Call
from pylb.clock import clock
from pylb.registry import command
from pylb.server.pool import PURGE_DELAY
from pylb.server.state import IN_MAINT, Admin

STATE_VERSION: Final = 1
STATE_FIELDS: Final = (
    "be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight "
    "srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state "
    "bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr "
    "srv_agent_addr srv_agent_port"
)
INITIAL_CHECK: Final = 1  # check status of a server without checks: "initialized"


def address_of(server: Any) -> str:
    """The numeric address, `-` for unix sockets and names that are not resolved."""
    if server.address is None:
        return "-"
    from socket import AF_INET, AF_INET6, inet_ntop

    return inet_ntop(AF_INET if len(server.address) == 4 else AF_INET6, server.address)


def is_name(server: Any) -> bool:
    """The configuration names the server by a host name."""
    host = server.host
    return bool(host) and not host.startswith("/") and ":" not in host and not host.replace(".", "").isdigit()


def state_line(server: Any, born: float) -> str:
    """One line of `show servers state`, which is also the format of server state files."""
    backend = server.backend
    maintained = bool(server.admin & IN_MAINT)
    # HAProxy keeps what the configuration said, also when the server has been enabled since.
    configured = bool(server.values.get("disabled"))
    admin = int(server.admin) | Admin.CONFIG_MAINT if configured else int(server.admin)
    check_state = 8 if configured else 6 if server.checked else 0
    fields = (
        backend.uuid,
        backend.name,
        server.id,
        server.name,
        address_of(server),
        0 if maintained else int(server.operation),
        int(admin),
        server.weight,
        server.initial_weight,
        int(clock.now - (server.last_change or born)),
        INITIAL_CHECK,
        0,
        2 if not maintained and server.alive else 0,
        check_state,
        0,
        int("id" in backend.config.values),
        int("id" in server.values),
        server.host if is_name(server) else "-",
        server.port,
        "-",
        int(bool(server.tls)),
        server.values.get("port", 0) or 0,
        "-",
        "-",
        0,
    )
    return " ".join(str(field) for field in fields)


@command("show servers state", usage="[<backend>]")
async def show_servers_state(call: Call) -> None:
    """Prints the volatile state of every server, or of one backend's, as a state file has it."""
    only = call.backend(call.args[0], "Can't find backend.") if call.args else None
    call.write(f"{STATE_VERSION}\n# {STATE_FIELDS}\n")
    for backend in call.program.backends.values():
        if only in (None, backend):
            for server in backend.servers:
                call.write(state_line(server, call.process.start) + "\n")
            await call.drain()


@command("show servers conn", usage="[<backend>]")
async def show_servers_conn(call: Call) -> None:
    """Prints how many connections every server has in use and idle."""
    only = call.backend(call.args[0], "Can't find backend.") if call.args else None
    call.write(
        "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim "
        "idle_cur idle_per_thr[1]\n"
    )
    for backend in call.program.backends.values():
        if only not in (None, backend):
            continue
        for server in backend.servers:
            idle = len(server.idle)
            fresh = sum(back.heads < 2 for back in server.idle)  # never used again: nobody knows whether they can be
            delay = server.values.get("pool-purge-delay", PURGE_DELAY)
            call.write(
                f"{backend.name}/{server.name} {backend.uuid}/{server.id} {address_of(server)} {server.port} - "
                f"{delay} {server.served} {server.counters.conn_max} {server.needed} "
                f"{fresh} {idle - fresh} {server.pool_max} {idle} {idle}\n"
            )
        await call.drain()


@command("show backend")
async def show_backend(call: Call) -> None:
    """Lists the names of the backends."""
    call.write("# name\n")
    for name in call.program.backends:
        call.write(name + "\n")
