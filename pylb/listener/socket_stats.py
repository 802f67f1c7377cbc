"""`option socket-stats`: what is counted for each socket of a frontend as well (manual 4.2; `show stat` shows it).

Streams are counted at their ends, by proxies and servers; a session of such a frontend notices when a stream of its own
ends, and adds it to its listener. Sessions of other frontends know nothing of this.
"""

from __future__ import annotations

from typing import Any, Final

from pylb.records.session import Session

_REQUESTS: Final = frozenset(("http-request", "tcp-request content", "redirect", "block"))
_RESPONSES: Final = frozenset(("http-response", "tcp-response content"))


class CountedSession(Session):
    """A session whose listener counts. Lives as long as a Session does."""

    __slots__ = ("_current",)

    def __init__(self, frontend: Any, listener: Any, connection: Any, address: Any, now: float, wall: float) -> None:
        self._current: Any = None
        super().__init__(frontend, listener, connection, address, now, wall)
        counters = listener.counters
        counters.conn_total += 1
        counters.conn_max = max(counters.conn_max, counters.conn_cur + 1)

    @property
    def current(self) -> Any:
        """The stream under way. Without one, the last one is over: `finish` says so when its numbers are final."""
        return self._current

    @current.setter
    def current(self, stream: Any) -> None:
        before = self._current
        self._current = stream
        if stream is None and before is not None:
            _count(self.listener.counters, before)


def _count(counters: Any, stream: Any) -> None:
    counters.bytes_in += stream.bytes_in
    counters.bytes_out += stream.bytes_out
    if stream.request is None and stream.frontend.http and stream.rule is None:
        counters.failed_req += 1  # what came was none
    elif stream.end_state == b"I":
        counters.internal_errors += 1
    elif stream.end_state == b"P" and stream.rule is not None:
        place = stream.rule.place
        if place in _REQUESTS:
            counters.denied_req += 1
        elif place in _RESPONSES:
            counters.denied_resp += 1
