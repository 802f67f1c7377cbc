"""The states of a server and the only functions that change them.

A server has an operational state (what checks say) and administrative flags (what people, the configuration, DNS
or a tracked server say). Both together decide `usable`; every change ends in `refresh`, which tells the
algorithm, moves streams that wait in vain and calls the server's observers (logs, the runtime socket).
Numbers are those of `show servers state` (management manual).
"""

from __future__ import annotations

import asyncio
import enum
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from pylb.balance.weights import SCALE, WEIGHT_MAX
from pylb.clock import clock
from pylb.server.pool import close_all

if TYPE_CHECKING:
    from pylb.server.server import Server


class Operation(enum.IntEnum):
    STOPPED = 0
    STARTING = 1  # up, its weight still growing
    RUNNING = 2
    STOPPING = 3  # up but soft-stopped (404 of disable-on-404): persistent streams only


class Admin(enum.IntFlag):
    NONE = 0
    MAINT = 0x01  # forced by the runtime socket or `disabled`'s successor
    TRACKED_MAINT = 0x02
    CONFIG_MAINT = 0x04  # `disabled` on the server line: always together with MAINT
    DRAIN = 0x08
    TRACKED_DRAIN = 0x10
    UNRESOLVED = 0x20
    HOSTNAME_CHANGED = 0x40


IN_MAINT = Admin.MAINT | Admin.TRACKED_MAINT | Admin.CONFIG_MAINT | Admin.UNRESOLVED
IN_DRAIN = Admin.DRAIN | Admin.TRACKED_DRAIN
_DOWN = (Operation.STOPPED, Operation.STOPPING)
_OUT = IN_MAINT | IN_DRAIN


def status(server: Server) -> str:
    """The status word of `show stat`; transitions of checks ("UP 1/2") are added by the health room."""
    admin = server.admin
    if admin & Admin.UNRESOLVED:
        return "MAINT (resolution)"
    if admin & Admin.TRACKED_MAINT and server.track is not None:
        return f"MAINT (via {server.track.backend.name}/{server.track.name})"
    if admin & IN_MAINT:
        return "MAINT"
    if server.operation is Operation.STOPPED:
        return "DOWN"
    if server.operation is Operation.STOPPING:
        return "NOLB"
    if admin & IN_DRAIN:
        return "DRAIN"
    return "UP" if server.checked or server.track is not None else "no check"


def alive(server: Server) -> bool:
    """Up as far as persistence is concerned: drained servers are, those down or in maintenance are not."""
    # Most servers have no flags, and operators of flags are slow.
    return server.operation is not Operation.STOPPED and (server.admin is Admin.NONE or not server.admin & IN_MAINT)


def set_state(server: Server, wanted: str) -> None:
    """`set server <b>/<s> state ready|drain|maint`."""
    before = server.admin
    keep = server.admin & ~(Admin.MAINT | Admin.CONFIG_MAINT | Admin.DRAIN)
    if wanted == "maint":
        server.admin = keep | Admin.MAINT | (server.admin & Admin.DRAIN)
    elif wanted == "drain":
        server.admin = keep | Admin.DRAIN
    elif wanted == "ready":
        server.admin = keep
    else:
        raise ValueError(f"unknown server state {wanted!r}")
    if server.admin is not before and server.admin != before:
        _administered(server, before, wanted)


def set_operation(server: Server, operation: Operation, cause: str = "") -> None:
    """What health checks and agents decide: down, up, stopping. A server that comes up may start slowly; in maintenance
    nothing of it counts."""
    if operation is server.operation or server.admin & IN_MAINT:
        return
    if operation is Operation.RUNNING and server.operation is Operation.STOPPED and server.slowstart:
        operation = Operation.STARTING
        warm(server, 0.0)  # `refresh` sets the clock going
    elif operation is not Operation.STARTING:
        server.ramp, server.throttle = SCALE, 100
    server.operation = operation
    refresh(server, cause)


def set_admin(server: Server, flag: Admin, on: bool, cause: str = "") -> None:
    """Sets or clears one flag (resolution, hostname changes)."""
    admin = server.admin | flag if on else server.admin & ~flag
    before = server.admin
    if admin != before:
        server.admin = admin
        _administered(server, before, cause)


def _administered(server: Server, before: Admin, cause: str) -> None:
    """What checks said before a maintenance does not count after it (observed)."""
    if before & IN_MAINT and not server.admin & IN_MAINT and server.track is None:
        server.operation = Operation.RUNNING
    refresh(server, cause)


def set_weight(server: Server, weight: int) -> None:
    """`set weight`: a user weight of 0..256; 0 drains without touching the administrative state."""
    if not 0 <= weight <= WEIGHT_MAX:
        raise ValueError(f"weight {weight} is not within 0 and {WEIGHT_MAX}")
    server.weight = weight
    refresh(server, "weight")


def warm(server: Server, elapsed: float) -> bool:
    """Sets the share of its weight that a slowly starting server has after `elapsed` seconds; True while it goes on.

    Weights grow by sixteenths, and only whole seconds count, as in HAProxy.
    """
    period = math.ceil(server.slowstart)
    passed = max(0, int(elapsed))
    if passed >= period:
        server.ramp, server.throttle = SCALE, 100
        if server.operation is Operation.STARTING:
            server.operation = Operation.RUNNING
        return False
    server.ramp = (SCALE * passed + period) // period
    server.throttle = max(1, 100 * passed // period)
    return True


def _start_slowly(server: Server) -> None:
    """A server has come up, or out of maintenance: its weight is set anew once a second. While no event loop runs
    nobody is served, and the server has its whole weight at once."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    begun = loop.time()

    def step() -> None:
        elapsed = loop.time() - begun + 0.01  # timers may be early by a little
        going = warm(server, elapsed)
        server.warming = loop.call_at(begun + int(elapsed) + 1, step) if going else None
        if not going:
            server.last_change = clock.now
        refresh(server, "slowstart")

    server.operation = Operation.STARTING
    warm(server, 0.0)
    server.warming = loop.call_at(begun + 1, step)


def _stop_warming(server: Server) -> None:
    server.warming.cancel()
    server.warming = None
    server.ramp, server.throttle = SCALE, 100
    if server.operation is Operation.STARTING:
        server.operation = Operation.RUNNING


def _leaving(server: Server) -> bool:
    """No new streams for it, by more than a weight of 0."""
    return server.operation in _DOWN or bool(server.admin & _OUT)


def effective_weight(server: Server) -> int:
    if server.operation in _DOWN or (server.admin is not Admin.NONE and server.admin & _OUT):
        return 0
    return server.weight * server.ramp


def refresh(server: Server, cause: str = "") -> None:
    """Brings `eweight`, `usable`, the algorithm, the queues and the followers in line with the flags."""
    was_usable, was_alive = server.usable, server.alive
    if server.slowstart:
        if not alive(server):
            if server.warming is not None:
                _stop_warming(server)
        elif not was_alive and server.warming is None:
            _start_slowly(server)
    server.eweight = effective_weight(server)
    server.usable = server.eweight > 0
    if not server.admin & IN_MAINT:
        server.weight_shown = server.weight * server.ramp
    now_alive = alive(server)
    server.alive = now_alive
    if now_alive != was_alive:
        if now_alive:
            server.down_time += clock.now - server.last_change
        server.last_change = clock.now
    algorithm = server.backend.algorithm
    if algorithm is not None:
        algorithm.update(server)
    if server.idle and server.admin & IN_MAINT:
        close_all(server)  # in maintenance nothing is kept open towards it (observed)
    assignment = server.backend.assignment
    if assignment is not None:
        if (was_alive and not now_alive) or (was_usable and _leaving(server)):
            assignment.redistribute(server)
        elif server.usable and not was_usable:
            assignment.offer(server)
    if now_alive != was_alive and server.values:
        _marked(server)
    for follower in server.trackers:
        follow(follower, server)
    for observer in server.observers:
        observer(server, cause)


def _marked(server: Server) -> None:
    """`on-marked-down` and `on-marked-up`: which streams end when a server has gone down or come up."""
    if not server.alive:
        if server.values.get("on-marked-down"):
            shut_streams(server, b"D")
    elif server.values.get("on-marked-up") and not server.backup and server.eweight:
        for other in server.backend.servers:
            if other.backup:
                shut_streams(other, b"U")


def shut_streams(server: Server, cause: bytes = b"K") -> None:
    """Ends every stream that is on this server; `cause` is the first character of their termination state."""
    worker = server.backend.program.worker
    for run in list(worker.sessions) if worker is not None else ():
        stream = run.subject.current if run.subject is not None else None
        if stream is not None and stream.slot is server:
            stream.override("killed_by", cause)
            worker.kill(run)


def follow(follower: Server, leader: Server) -> None:
    admin = follower.admin & ~(Admin.TRACKED_MAINT | Admin.TRACKED_DRAIN)
    if leader.admin & IN_MAINT:
        admin |= Admin.TRACKED_MAINT
    if leader.admin & IN_DRAIN:
        admin |= Admin.TRACKED_DRAIN
    operation = Operation.RUNNING if leader.operation is Operation.STARTING else leader.operation
    own = Operation.RUNNING if follower.operation is Operation.STARTING else follower.operation
    if admin != follower.admin or own is not operation:
        follower.admin = admin
        if own is not operation:
            follower.operation = operation  # with a slow start of its own, `refresh` begins it
        refresh(follower, "track")


def usable_servers(servers: Iterable[Server]) -> list[Server]:
    return [server for server in servers if server.usable]
