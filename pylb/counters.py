"""Counters that the hot path increments: plain integer slots, read by show stat, the logs and fetches.

Rates are not counted at all: they are read from the totals (see Rate). Once a second `rolling` looks at the totals of
proxies and listeners; of the servers only where their backend has moved, so that 100,000 idle ones cost nothing. It
works in slices, because 100,000 busy ones cost a quarter of a second.
"""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterator
from typing import Final, Protocol

SLICE: Final = 1000  # sets of counters that `rolling` looks at between two pauses: one to three milliseconds


class Rate:
    """Events per second of one total, over a sliding window: the current second and a share of the previous one.

    Nothing is counted per event: `roll` notes the total once a second, `read` works on the differences.
    """

    __slots__ = ("base", "last", "limit_max", "name", "owner", "second")

    def __init__(self, owner: ProxyCounters | ProcessCounters, name: str) -> None:
        self.owner = owner
        self.name = name
        self.second = 0
        self.base = 0  # the total when the current second began
        self.last = 0  # events of the previous second
        self.limit_max = 0

    def roll(self, now: float) -> None:
        """Begins a new second when it is time."""
        second = int(now)
        if second <= self.second:
            return
        if self.second < _clock.second:
            # `roll` left it alone since: nothing happened until the second that it looked at last.
            self.second, self.last = _clock.second, 0
            if second <= self.second:
                return
        total: int = getattr(self.owner, self.name)
        self.last = total - self.base if second == self.second + 1 else 0
        if self.last > self.limit_max:
            self.limit_max = self.last
        self.base = total
        self.second = second

    def read(self, now: float) -> int:
        """Events in the last second (as HAProxy weighs them)."""
        self.roll(now)
        current: int = getattr(self.owner, self.name) - self.base
        return current + int(self.last * (1 - (now - int(now))))

    def wait(self, now: float, limit: int) -> float:
        """Seconds until `read` will be below a limit that it has reached, if nothing happens meanwhile."""
        self.roll(now)
        current: int = getattr(self.owner, self.name) - self.base
        gone = now - int(now)
        if current < limit:
            return max(0.0, 1 - (limit - current) / self.last - gone) if self.last else 0.0
        return 1 - gone + 1 - limit / current


class ProxyCounters:
    """Totals of one side of a proxy, or of a server or listener. All counts since start (or clear counters)."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "cli_aborts",
        "conn_cur",  # connections (front) or streams (back, server) now
        "conn_max",
        "conn_total",
        "connect_total",  # connections opened to servers
        "denied_conn",
        "denied_req",
        "denied_resp",
        "denied_sess",
        "failed_conn",
        "failed_checks",
        "failed_req",
        "failed_resp",
        "http_other",
        "http_1xx",
        "http_2xx",
        "http_3xx",
        "http_4xx",
        "http_5xx",
        "internal_errors",
        "lb_total",
        "queue_max",
        "redispatches",
        "req_total",
        "retries",
        "reuse_total",
        "sess_total",
        "srv_aborts",
        "awake",  # something moved in the second before the last `roll`
        "members",  # what only moves when this does: the servers of a backend
        "moved",  # the sum of the totals that `roll` saw last
        "_conn_rate",
        "_req_rate",
        "_sess_rate",
        "__weakref__",
    )

    bytes_in: int
    bytes_out: int
    cli_aborts: int
    conn_cur: int
    conn_max: int
    conn_total: int
    connect_total: int
    denied_conn: int
    denied_req: int
    denied_resp: int
    denied_sess: int
    failed_conn: int
    failed_checks: int
    failed_req: int
    failed_resp: int
    http_other: int
    http_1xx: int
    http_2xx: int
    http_3xx: int
    http_4xx: int
    http_5xx: int
    internal_errors: int
    lb_total: int
    queue_max: int
    redispatches: int
    req_total: int
    retries: int
    reuse_total: int
    sess_total: int
    srv_aborts: int
    awake: bool
    members: Collection[Counted]
    moved: int
    _conn_rate: Rate | None
    _req_rate: Rate | None
    _sess_rate: Rate | None

    def __init__(self, *, member: bool = False) -> None:
        """`member`: `roll` reaches it through the `members` of another."""
        # Written out: a configuration has a set for each of its servers, maybe 100,000.
        self.bytes_in = 0
        self.bytes_out = 0
        self.cli_aborts = 0
        self.conn_cur = 0
        self.conn_max = 0
        self.conn_total = 0
        self.connect_total = 0
        self.denied_conn = 0
        self.denied_req = 0
        self.denied_resp = 0
        self.denied_sess = 0
        self.failed_conn = 0
        self.failed_checks = 0
        self.failed_req = 0
        self.failed_resp = 0
        self.http_other = 0
        self.http_1xx = 0
        self.http_2xx = 0
        self.http_3xx = 0
        self.http_4xx = 0
        self.http_5xx = 0
        self.internal_errors = 0
        self.lb_total = 0
        self.queue_max = 0
        self.redispatches = 0
        self.req_total = 0
        self.retries = 0
        self.reuse_total = 0
        self.sess_total = 0
        self.srv_aborts = 0
        self.awake = False
        self.members = ()
        self.moved = 0
        self._conn_rate = self._req_rate = self._sess_rate = None
        if not member:
            _live.append(weakref.ref(self))

    @property
    def conn_rate(self) -> Rate:
        rate = self._conn_rate
        if rate is None:
            rate = self._conn_rate = Rate(self, "conn_total")
        return rate

    @property
    def req_rate(self) -> Rate:
        rate = self._req_rate
        if rate is None:
            rate = self._req_rate = Rate(self, "req_total")
        return rate

    @property
    def sess_rate(self) -> Rate:
        rate = self._sess_rate
        if rate is None:
            rate = self._sess_rate = Rate(self, "sess_total")
        return rate

    def roll(self, now: float) -> Collection[Counted]:
        """Begins a new second of its rates, if anything happened in this one or the one before; then its members, in
        which something may have happened too, are returned.

        A stream counts for its backend where it begins and for its server where it ends: a backend with streams under
        way is awake.
        """
        moved = self.conn_total + self.sess_total + self.req_total
        awake = moved != self.moved or self.conn_cur > 0
        if not awake and not self.awake:
            return ()
        self.moved, self.awake = moved, awake
        self.advance(now)
        return self.members

    def advance(self, now: float) -> None:
        """Rolls the rates that are not at rest: their total has moved, or did in the second before."""
        total = self.sess_total
        if total and ((rate := self._sess_rate or self.sess_rate).base != total or rate.last):
            rate.roll(now)
        total = self.conn_total
        if total and ((rate := self._conn_rate or self.conn_rate).base != total or rate.last):
            rate.roll(now)
        total = self.req_total
        if total and ((rate := self._req_rate or self.req_rate).base != total or rate.last):
            rate.roll(now)

    def status(self, code: int) -> None:
        """Counts a response by its class."""
        if 200 <= code < 300:
            self.http_2xx += 1
        elif 300 <= code < 400:
            self.http_3xx += 1
        elif 400 <= code < 500:
            self.http_4xx += 1
        elif 500 <= code < 600:
            self.http_5xx += 1
        elif 100 <= code < 200:
            self.http_1xx += 1
        else:
            self.http_other += 1


class Counted(Protocol):
    """Something with counters of its own."""

    @property
    def counters(self) -> ProxyCounters: ...


class _Clock:
    second = 0  # the last one that `roll` was called in


_clock = _Clock()
_live: list[weakref.ref[ProxyCounters]] = []


def rolling(now: float) -> Iterator[None]:
    """Once a second: begins a new second of the rates of everything that moves. Pauses after each SLICE.

    What lies behind a pause begins its second a little later; in the next one too, so that its seconds are as long.
    """
    gone = False
    left = SLICE
    for reference in _live:
        counters = reference()
        if counters is None:
            gone = True
            continue
        left -= 1
        if members := counters.roll(now):
            for member in members if len(members) < left else tuple(members):  # they may change during a pause
                counters = member.counters
                if counters.sess_total or counters.conn_total or counters.req_total:
                    counters.advance(now)
                left -= 1
                if left <= 0:
                    yield
                    left = SLICE
        if left <= 0:
            yield
            left = SLICE
    if gone:
        _live[:] = [reference for reference in _live if reference() is not None]
    process.conn_rate.roll(now)
    process.sess_rate.roll(now)
    process.bytes_out_rate.roll(now)
    _clock.second = int(now)


def roll(now: float) -> None:
    """`rolling` without pauses."""
    for _ in rolling(now):
        pass


class ProcessCounters:
    """Totals of the whole worker, for `show info` and %ac."""

    __slots__ = (
        "bytes_out",
        "bytes_out_rate",
        "conn_cur",
        "conn_rate",
        "conn_total",
        "dropped_logs",
        "failed_resolutions",
        "req_total",
        "sess_rate",
        "sess_total",
    )

    def __init__(self) -> None:
        self.bytes_out = 0
        self.conn_cur = 0  # client connections now
        self.conn_total = 0
        self.req_total = 0  # streams: HTTP requests, TCP connections
        self.dropped_logs = 0
        self.failed_resolutions = 0
        self.sess_total = 0
        self.conn_rate = Rate(self, "conn_total")
        self.sess_rate = Rate(self, "sess_total")
        self.bytes_out_rate = Rate(self, "bytes_out")


process = ProcessCounters()
