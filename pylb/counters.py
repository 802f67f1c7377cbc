"""Counters that the hot path increments: plain integer slots, read by show stat, the logs and fetches.

Rates (per second) are kept as HAProxy's sliding window: the count of the current second, that of the last one.
"""

from __future__ import annotations


class Rate:
    """Events per second over a sliding window of one second. `tick(now)` counts one event."""

    __slots__ = ("current", "limit_max", "previous", "second")

    def __init__(self) -> None:
        self.second = 0
        self.current = 0
        self.previous = 0
        self.limit_max = 0

    def tick(self, now: float, count: int = 1) -> None:
        second = int(now)
        if second != self.second:
            self.previous = self.current if second == self.second + 1 else 0
            self.current = 0
            self.second = second
        self.current += count
        if self.current > self.limit_max:
            self.limit_max = self.current

    def read(self, now: float) -> int:
        """Events in the last second, the previous second weighted by how much of it still counts."""
        second = int(now)
        if second == self.second:
            return self.current + int(self.previous * (1 - (now - second)))
        if second == self.second + 1:
            return int(self.current * (1 - (now - second)))
        return 0


class ProxyCounters:
    """Totals of one side of a proxy, or of a server or listener. All counts since start (or clear counters)."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "cli_aborts",
        "conn_cur",  # connections (front) or streams (back, server) now
        "conn_max",
        "conn_rate",
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
        "req_rate",
        "req_total",
        "retries",
        "reuse_total",
        "sess_cur",
        "sess_max",
        "sess_rate",
        "sess_total",
        "srv_aborts",
    )

    def __init__(self) -> None:
        for name in self.__slots__:
            setattr(self, name, 0)
        self.conn_rate = Rate()
        self.sess_rate = Rate()
        self.req_rate = Rate()

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
