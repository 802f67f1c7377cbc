"""`show sess`, `shutdown session`: the live sessions of the worker."""

from __future__ import annotations

import socket
from typing import Any

from pylb.background.runtime.call import Call, CommandError
from pylb.clock import clock
from pylb.registry import Status, command


def identity(session: Any) -> str:
    """What names a session: HAProxy prints an address, here it is the object's."""
    return f"{id(session):#x}"


def age_text(seconds: float) -> str:
    """4s, 1m12s, 2h3m ...: the two largest units, as HAProxy prints ages."""
    total = max(0, int(seconds))
    for size, unit, small, next_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if total >= size:
            return f"{total // size}{unit}{total % size // small}{next_unit}"
    return f"{total}s"


def peer(address: Any) -> str:
    if isinstance(address, tuple):
        return f"{address[0]}:{address[1]}"
    return "unix:1"


def protocol(session: Any) -> str:
    family = getattr(session.listener, "family", socket.AF_INET)
    return {socket.AF_INET: "tcpv4", socket.AF_INET6: "tcpv6"}.get(family, "unix_stream")


def current(session: Any) -> Any:
    """The stream that the session carries now, or None between two requests."""
    return getattr(session, "current", None) or session.stream


def line(session: Any) -> str:
    stream = current(session)
    backend = stream.backend if stream is not None else None
    server = stream.server if stream is not None else None
    return (
        f"{identity(session)}: proto={protocol(session)} src={peer(session.address)} fe={session.frontend.name} "
        f"be={backend.name if backend is not None else '<NONE>'} srv={server.name if server is not None else '<none>'} "
        f"ts=00 epoch=0 age={age_text(clock.now - session.accept_time)} calls={session.streams} rate=0 cpu=0 lat=0 "
        f"rq[f=0h,i=0,an=00h,rx=,wx=,ax=] rp[f=0h,i=0,an=00h,rx=,wx=,ax=] "
        f"scf=[8,0h,fd={getattr(session.connection, 'fd', -1)}] scb=[8,1h,fd={_back(stream)}] exp= rc=0 c_exp=\n"
    )


def _back(stream: Any) -> int:
    back = stream.back if stream is not None else None
    return getattr(getattr(back, "conn", back), "fd", -1) if back is not None else -1


def _mode(proxy: Any) -> str:
    return "http" if proxy.http else "tcp"


def details(session: Any) -> str:
    stream = current(session)
    frontend = session.frontend
    backend = stream.backend if stream is not None else None
    server = stream.server if stream is not None else None
    listener = session.listener
    text = [
        f"{identity(session)}: proto={protocol(session)} source={peer(session.address)}",
        f"  flags=0x0, conn_retries={stream.retries if stream is not None else 0}, streams={session.streams}",
        f"  frontend={frontend.name} (id={frontend.uuid} mode={_mode(frontend)}), "
        f"listener={getattr(listener, 'name', '?')} (id={getattr(listener, 'id', 0)})",
        f"  backend={backend.name} (id={backend.uuid} mode={_mode(backend)})"
        if backend is not None
        else "  backend=<NONE> (id=-1 mode=-)",
        f"  server={server.name} (id={server.id})" if server is not None else "  server=<NONE> (id=-1)",
        f"  age={age_text(clock.now - session.accept_time)} fd={getattr(session.connection, 'fd', -1)} "
        f"back_fd={_back(stream)}",
    ]
    if stream is not None:
        text.append(f"  req={stream.bytes_in} bytes to the server, res={stream.bytes_out} bytes to the client")
    return "\n".join(text) + "\n"


def find(call: Call, text: str, error: str) -> Any:
    try:
        wanted = int(text, 16)
    except ValueError:
        raise CommandError(error) from None
    for session in call.program.sessions:
        if id(session) == wanted:
            return session
    raise CommandError(error)


@command(
    "show sess",
    level="operator",
    usage="[id]",
    status=Status.PARTIAL,
    note="flags, buffers and timers of HAProxy's streams have no counterpart and print as 0",
)
async def show_sess(call: Call) -> None:
    """Lists the live sessions; with an id, or for `all`, prints more about them."""
    wanted = call.arg(0)
    if wanted and wanted != "all" and wanted.startswith("0x"):
        call.write(details(find(call, wanted, "Session not found.")))
        return
    for session in list(call.program.sessions):
        if session is not None:
            call.write(details(session) if wanted == "all" else line(session))
            await call.drain()


def kill(call: Call, session: Any) -> None:
    """Ends a session as soon as its coroutine can be stepped."""
    worker = call.program.worker
    for run in list(worker.sessions):
        if run.subject is session:
            worker.kill(run)


@command("shutdown session", level="admin", usage="[id]")
async def shutdown_session(call: Call) -> None:
    """Ends the session with this id (see `show sess`)."""
    text = call.arg(0, "Session pointer expected (use 'show sess').")
    kill(call, find(call, text, "No such session (use 'show sess')."))


@command("shutdown sessions server", level="admin", usage="<bk>/<srv>")
async def shutdown_sessions_server(call: Call) -> None:
    """Ends every session whose stream is on this server."""
    server = call.server()
    for session in list(call.program.sessions):
        stream = current(session) if session is not None else None
        if stream is not None and stream.slot is server:
            kill(call, session)
