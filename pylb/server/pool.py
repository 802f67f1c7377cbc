"""Idle connections to servers, ready for the next request.

What may be shared follows `http-reuse` (manual 4.2): never: a connection belongs to the client whose request opened it;
safe: a client's first request always opens its own, later ones may use any idle one; aggressive: a first request may
use an idle connection that has already been reused; always: any request, any connection.

A connection whose server authenticates connections (NTLM, Negotiate) belongs to the client that was challenged on it,
whatever the mode; so do all of `never`. While a client has such connections, `preferred` names their server.

Connections of a server can differ in what they began with: a PROXY header, a foreign source address, a destination, a
name, marks. They serve only requests for which all that would be the same again (`identity`, `_leads`).

As many are kept as were needed at a time lately: the most streams that the server had at once, halved towards what
there are now at each purge; and `pool-low-conn` in any case. A purge closes half of what is too many, the oldest first.

An idle connection stays registered: an event on it means that the server closed it (or spoke out of turn) and it is
thrown away. The newest is taken first, so that the oldest can be purged.
"""

from __future__ import annotations

import bisect
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from pylb.balance.keyed import Consistent, Mapped
from pylb.engine.step import Runner
from pylb.listener import proxy_protocol
from pylb.server import outgoing

if TYPE_CHECKING:
    from pylb.mux.h1 import H1Back, H1Front
    from pylb.server.server import Server

PURGE_DELAY: Final = 5000  # milliseconds
OWN_MAX: Final = 5  # idle connections that one client keeps for itself; the default of max-session-srv-conns

_FIRST: Final = attrgetter("idle_since")
_SCHEMES: Final = (b"ntlm", b"negotiate")  # which authenticate a connection instead of a request


def take(server: Server, first: bool, mode: str, runner: Runner, front: H1Front) -> H1Back | None:
    """An idle connection for this request, attached to `runner`, or None."""
    if front.own is not None:
        kept = _own(front.own, server, runner.subject.current)
        if kept is not None:
            return kept
    idle = server.idle
    if not idle or (first and mode == "safe"):  # with `never` nothing is ever there
        return None
    back: H1Back
    if (first and mode == "aggressive") or server.particular:
        stream = runner.subject.current
        said = identity(stream, server)
        for at in range(len(idle) - 1, -1, -1):
            back = idle[at]
            if first and mode == "aggressive" and back.heads < 2:
                continue
            if back.opening == said and _leads(back, server, stream):
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
    said = b""
    for at in range(len(own) - 1, -1, -1):
        back = own[at]
        if back.server is not server:
            continue
        if not back.conn.readable and back.conn.fd >= 0:  # else the server closed it, or spoke out of turn
            if server.particular:
                said = said or identity(stream, server)
                if back.opening != said or not _leads(back, server, stream):
                    continue
            del own[at]
            return back
        del own[at]
        back.reset()
    return None


def identity(stream: Any, server: Server) -> bytes:
    """What a connection for this stream begins with, besides where it leads; empty for all of an ordinary server."""
    said = proxy_protocol.build(stream, server) if server.send_proxy else b""
    if server.impersonates:
        said += repr(outgoing.wanted_source(server.impersonates, stream.session)).encode()
    if server.named is not None:
        name = server.named(stream)
        said += b"\nname %b" % (name if isinstance(name, bytes) else b"-")
    if stream.overrides is not None:
        for kind in outgoing.MARKS:
            if kind in stream.overrides:
                said += b"\n%b %d" % (kind.encode(), stream.overrides[kind])
    return said


def challenged(stream: Any, response: Any) -> None:
    """A 401 or 407 came: does the server authenticate the connection? Then it is that client's own from now on."""
    name = b"www-authenticate" if response.status == 401 else b"proxy-authenticate"
    for one in response.fields:
        if one[0] == name and any(item.strip().lower().startswith(_SCHEMES) for item in one[1].split(b",")):
            stream.back.private = True


def preferred(stream: Any, backend: Any) -> Server | None:
    """The server to which the client has a connection of its own, if it is to stay there: it was challenged on it, or
    the backend has `option prefer-last-server`. Hashes decide alone."""
    if isinstance(backend.algorithm, (Mapped, Consistent)):
        return None
    for back in stream.front.own:
        server: Server = back.server
        if server.backend is not backend or not server.usable:
            continue
        if not back.private and "prefer-last-server" not in backend.options:
            continue
        most = backend.config.get("max-keep-alive-queue", -1)
        if most < 0 or not server.saturated() or server.queue.length < most:
            return server
    return None


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
    """Parks a connection whose exchange is over: with the client that owns it, or for everybody. The stream still holds
    its slot."""
    server: Server = back.server
    if back.heads > server.most_heads:
        back.conn.abandon()
        return
    if mode == "never" or back.private:
        _keep_own(back, now, front)
        return
    idle = server.idle
    count = len(idle)
    if count >= server.pool_limit or (count + server.served > server.needed and not _room(server, count)):
        back.conn.abandon()
        return
    conn = back.conn
    conn.runner = None
    conn.poller.table[conn.fd] = back  # H1Back.on_events throws it away
    back.idle_since = now
    idle.append(back)


def _keep_own(back: H1Back, now: float, front: H1Front) -> None:
    """In order of the first time, so that `preferred` stays with the first of several."""
    own = front.own
    if own is None:
        own = front.own = []
    runner = front.conn.runner
    assert runner is not None
    if len(own) >= runner.subject.frontend.config.get("max-session-srv-conns", OWN_MAX):
        back.reset()
    else:
        back.idle_since = back.idle_since or now
        bisect.insort(own, back, key=_FIRST)


def _room(server: Server, count: int) -> bool:
    """There are as many connections as were needed at a time so far: is one more needed, or wanted?"""
    if server.served > server.needed:  # more streams at a time than before
        server.needed = server.served
        if count + server.served <= server.needed:
            return True
    return bool(count + server.served <= server.values.get("pool-low-conn", 0))


def make_room(server: Server) -> None:
    """`strict-maxconn`: before one more connection is opened, an idle one goes where there would be too many."""
    while server.idle and server.maxconn and len(server.idle) + server.served > server.maxconn:
        server.idle.pop(0).conn.abandon()


def forget_stale(server: Server) -> None:
    """A connection of the pool turned out dead: those that show an end already go with it."""
    for back in [back for back in server.idle if back.conn.ending]:
        server.idle.remove(back)
        back.conn.abandon()


def purge(server: Server, now: float) -> int:
    """Once per `pool-purge-delay`: forgets half of what was needed beyond what is in use, and closes half of the
    connections that are too many then, as far as they have been idle for as long. Returns how many."""
    if now < server.purge_at:
        return 0
    delay = server.values.get("pool-purge-delay", PURGE_DELAY) / 1000
    server.purge_at = now + delay
    used = server.served
    server.needed = needed = max(used, (server.needed + used) // 2)
    excess = used + len(server.idle) - max(needed, server.values.get("pool-low-conn", 0))
    stale = [back for back in server.idle[: max(0, excess + 1) // 2] if back.idle_since <= now - delay]
    del server.idle[: len(stale)]
    for back in stale:
        back.conn.abandon()
    return len(stale)


def close_all(server: Server) -> None:
    idle: list[Any] = server.idle[:]
    server.idle.clear()
    for back in idle:
        back.conn.abandon()
