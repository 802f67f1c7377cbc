"""Idle connections to servers, ready for the next request.

What may be shared follows `http-reuse` (manual 4.2): never: a connection belongs to the client whose request opened it;
safe: a client's first request always opens its own, later ones may use any idle one; aggressive: a first request may
use an idle connection that has already been reused; always: any request, any connection.

A connection that began with a PROXY header speaks for one client: it is that client's own whatever the mode, and serves
only requests for which the header would be the same again (rules may change addresses, a unique id changes each time).
A server without an address of its own (0.0.0.0, a mapped port) is a different place for each destination: a connection
serves only requests that go where it leads.

An idle connection stays registered: an event on it means that the server closed it (or spoke out of turn) and it is
thrown away. The newest is taken first, so that the oldest can be purged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.engine.step import Runner
from pylb.listener import proxy_protocol
from pylb.server import outgoing

if TYPE_CHECKING:
    from pylb.mux.h1 import H1Back, H1Front
    from pylb.server.server import Server

PURGE_DELAY: Final = 5000  # milliseconds
OWN_MAX: Final = 5  # idle connections that one client keeps for itself; the default of max-session-srv-conns


def take(server: Server, first: bool, mode: str, runner: Runner, front: H1Front) -> H1Back | None:
    """An idle connection for this request, attached to `runner`, or None."""
    if front.own is not None:
        kept = _own(front.own, server, runner.subject.current)
        if kept is not None:
            return kept
    idle = server.idle
    if not idle or mode == "never" or (first and mode == "safe"):
        return None
    back: H1Back
    if (first and mode == "aggressive") or server.destination is not None:
        for at in range(len(idle) - 1, -1, -1):
            back = idle[at]
            if (not first or mode != "aggressive" or back.heads > 1) and _leads(back, server, runner.subject.current):
                del idle[at]
                break
        else:
            return None
    else:
        back = idle.pop()
    conn = back.conn
    conn.poller.table[conn.fd] = conn
    conn.runner = runner
    return back


def _own(own: list[H1Back], server: Server, stream: Any) -> H1Back | None:
    """The newest of a client's own connections that fits; those that cannot serve any more are closed."""
    for at in range(len(own) - 1, -1, -1):
        back = own[at]
        if back.server is not server:
            continue
        if back.conn.readable or back.conn.fd < 0:
            pass  # the server closed it, or spoke out of turn
        elif not _leads(back, server, stream):
            continue
        elif not back.opening or back.opening == identity(stream, server):
            del own[at]
            return back
        del own[at]
        back.reset()
    return None


def identity(stream: Any, server: Server) -> bytes:
    """What makes a connection fit for this stream's client alone: the PROXY header it began with, the address it comes
    from. Empty for connections that say nothing of a client."""
    said = proxy_protocol.build(stream, server) if server.send_proxy else b""
    if server.impersonates:
        said += repr(outgoing.wanted_source(server.impersonates, stream.session)).encode()
    return said


def _leads(back: H1Back, server: Server, stream: Any) -> bool:
    """Whether the connection goes where this stream wants to. Only a server without an address of its own (0.0.0.0, a
    mapped port) leads to different places; then the socket is asked, and one that has failed leads nowhere."""
    if server.destination is None:
        return True
    try:
        peer = back.conn.sock.getpeername()
    except OSError:
        return False
    wanted = server.sockaddr_for(stream.session)
    return bool(peer[:2] == wanted[:2])


def give(back: H1Back, now: float, mode: str, front: H1Front) -> None:
    """Parks a connection whose exchange is over: with the client that owns it, or for everybody."""
    server: Server = back.server
    if back.heads > server.most_heads:
        back.conn.abandon()
        return
    if mode == "never" or back.private:
        if front.own is None:
            front.own = []
        elif len(front.own) >= OWN_MAX:
            front.own.pop(0).reset()
        front.own.append(back)
        return
    if len(server.idle) >= server.pool_limit:
        back.conn.abandon()
        return
    conn = back.conn
    conn.runner = None
    conn.poller.table[conn.fd] = back  # H1Back.on_events throws it away
    back.idle_since = now
    server.idle.append(back)


def forget_stale(server: Server) -> None:
    """A connection of the pool turned out dead: those that show an end already go with it."""
    for back in [back for back in server.idle if back.conn.ending]:
        server.idle.remove(back)
        back.conn.abandon()


def purge(server: Server, now: float) -> int:
    """Closes the connections that have been idle for `pool-purge-delay` or longer; returns how many."""
    before = now - server.values.get("pool-purge-delay", PURGE_DELAY) / 1000
    stale = [back for back in server.idle if back.idle_since <= before]
    for back in stale:
        server.idle.remove(back)
        back.conn.abandon()
    return len(stale)


def close_all(server: Server) -> None:
    idle: list[Any] = server.idle[:]
    server.idle.clear()
    for back in idle:
        back.conn.abandon()
