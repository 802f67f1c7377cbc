"""Which server serves a stream, and when: use-server rules, persistence, the algorithm, slots and queues.

    status = backend.assignment.assign(stream)

ASSIGNED  `stream.server` is set and one of its slots is taken (`stream.slot`).
QUEUED    the stream waits; `program.wake(stream)` is called when its turn has come. It looks at `stream.slot`: set,
          it goes on; None (its server went down), it calls `reassign(stream)`. Giving up: `waiting.leave(stream)`.
NONE      no server is usable: 503, termination state `SC`.
FULL      the one server that persistence or hashing demands has a full queue: 503, termination state `SQ`.

A slot is given back with `release(stream)`, once, before the stream dies or asks for another server. Granting a slot
never runs the stream that gets it: `wake` only puts it into the ready queue, so thousands resume without recursion.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.server import pool, retries
from pylb.server.waiting import Queue, leave

if TYPE_CHECKING:
    from pylb.records.proxy import Backend
    from pylb.server.server import Server

ASSIGNED: Final = 0
QUEUED: Final = 1
NONE: Final = 2
FULL: Final = 3


class Assignment:
    """The slots of one backend. Made when the backend's servers and algorithm are complete; lives as long as they do.

    `backend.server_rules(stream)` and `backend.persistence.lookup(stream)` are asked when they are not None; both
    return a Server or None. `persistence.force` is a function(stream) -> bool or None (`force-persist`).
    """

    __slots__ = ("algorithm", "backend", "persist", "queue", "redispatch", "servers", "wake")

    def __init__(self, backend: Backend | Any, wake: Callable[[Any], None]) -> None:
        config = backend.config
        self.backend = backend
        self.algorithm = backend.algorithm
        self.servers = backend.servers
        self.wake = wake
        self.persist = bool(config is not None and config.option("persist"))
        self.redispatch = bool(backend.redispatch)
        if backend.queue is None:
            backend.queue = Queue()
        self.queue = backend.queue
        for server in backend.servers:
            if server.queue is None:
                server.queue = Queue(server)
        backend.assignment = self

    # -- asking for a server ------------------------------------------------------------------------------------

    def assign(self, stream: Any) -> int:
        """The first choice for a stream: rules, then persistence, then the algorithm."""
        backend = self.backend
        if backend.server_rules is not None or backend.persistence is not None:
            server = self._imposed(stream)
            if server is not None:
                status = self._direct(stream, server)
                if status != FULL or not self.redispatch:
                    return status
                retries.move(stream, server)
                return self.reassign(stream)
        if backend.http and stream.front.own is not None:
            server = pool.preferred(stream, backend)
            if server is not None:
                return self._direct(stream, server)
        return self.reassign(stream)

    def reassign(self, stream: Any, avoid: Server | None = None) -> int:
        """The algorithm's choice, without rules and persistence: redispatches, and streams whose server went down."""
        algorithm = self.algorithm
        queue = self.queue
        if queue.length and algorithm.waits_in_line and algorithm.total:
            return self._wait(stream, queue, None)
        server = algorithm.choose(stream, avoid)
        if server is None:
            if not algorithm.total:
                stream.server = None
                return NONE
            return self._wait(stream, queue, None)
        counters = server.counters
        if server is not avoid:
            counters.lb_total += 1
            self.backend.counters.lb_total += 1
        if server.maxconn and (server.served >= server.limit() or server.queue.length):
            if server.maxqueue and server.queue.length >= server.maxqueue:
                stream.server = server
                return FULL
            return self._wait(stream, server.queue, server)
        server.served = served = server.served + 1
        if served > counters.conn_max:
            counters.conn_max = served
        self.backend.served += 1
        stream.server = stream.slot = server
        if algorithm.took is not None:
            algorithm.took(server)
        return ASSIGNED

    def take(self, stream: Any, server: Server) -> int:
        """A given server (retries on the same one, sticky sessions), as persistence would impose it."""
        return self._direct(stream, server)

    def _imposed(self, stream: Any) -> Server | None:
        backend = self.backend
        server: Server | None = None
        if backend.server_rules is not None:
            server = backend.server_rules(stream)
            if server is not None:
                stream.persistent = True
        if backend.persistence is not None:
            server = backend.persistence.lookup(stream, server)
        return server

    def _direct(self, stream: Any, server: Server) -> int:
        if server.maxconn and (server.served >= server.limit() or server.queue.length):
            if server.maxqueue and server.queue.length >= server.maxqueue:
                stream.server = server
                return FULL
            return self._wait(stream, server.queue, server)
        self._grant(stream, server)
        return ASSIGNED

    def _wait(self, stream: Any, queue: Queue, server: Server | None) -> int:
        stream.server = server
        queue.join(stream)
        counters = self.backend.counters if server is None else server.counters
        if queue.length > counters.queue_max:
            counters.queue_max = queue.length
        return QUEUED

    # -- slots ----------------------------------------------------------------------------------------------------

    def _grant(self, stream: Any, server: Server) -> None:
        server.served = served = server.served + 1
        if served > server.counters.conn_max:
            server.counters.conn_max = served
        self.backend.served += 1
        stream.server = stream.slot = server
        if self.algorithm is not None and self.algorithm.took is not None:
            self.algorithm.took(server)

    def release(self, stream: Any) -> None:
        """Gives back the slot of a stream; the next in line gets it. Harmless for a stream without one."""
        server = stream.slot
        if server is None:
            return
        stream.slot = None
        server.served -= 1
        self.backend.served -= 1
        if self.algorithm is not None and self.algorithm.dropped is not None:
            self.algorithm.dropped(server)
        if server.queue.length or self.queue.length:
            self.offer(server)

    def offer(self, server: Server) -> None:
        """Hands the server's free slots to those who wait for it or for any server, whoever is first in order."""
        algorithm = self.algorithm
        common = self.queue if algorithm is not None and algorithm.serves(server) else None
        own = server.queue
        while not server.maxconn or server.served < server.limit():
            mine = own.head() if own.length else None
            other = common.head() if common is not None and common.length else None
            if mine is not None and (other is None or mine.key[:2] <= other.key[:2]):
                stream = own.grant()
            elif other is not None:
                assert common is not None
                stream = common.grant()
            else:
                return
            self._grant(stream, server)
            self.wake(stream)

    def redistribute(self, server: Server) -> None:
        """A server went down or is drained: with `option redispatch`, those who wait for it look for another one.

        Without, they stay until `timeout queue`, as HAProxy's do; so do streams held by force-persist.
        """
        if not self.redispatch or self.persist:
            return
        persistence = self.backend.persistence
        for stream in server.queue.drain():
            if persistence is not None and persistence.forced(stream):
                server.queue.join(stream)
                continue
            stream.server = None
            retries.move(stream, server)
            self.wake(stream)


class Bypass(Assignment):
    """`dispatch`, `option transparent`, `option http_proxy`: the servers are for streams that rules or persistence lead
    there; all others go to a nameless server that has neither slots nor a queue."""

    __slots__ = ("nameless",)

    def __init__(self, backend: Backend | Any, wake: Callable[[Any], None], nameless: Server) -> None:
        super().__init__(backend, wake)
        self.nameless = nameless

    def reassign(self, stream: Any, avoid: Server | None = None) -> int:
        stream.server = self.nameless
        return ASSIGNED


def assign(stream: Any) -> int:
    status: int = stream.backend.assignment.assign(stream)
    return status


def reassign(stream: Any, avoid: Server | None = None) -> int:
    status: int = stream.backend.assignment.reassign(stream, avoid)
    return status


def release(stream: Any) -> None:
    """Gives back the slot a stream holds and takes it out of any queue. May be called more than once."""
    if stream.waiting is not None:
        leave(stream)
    server = stream.slot
    if server is not None:
        server.backend.assignment.release(stream)
