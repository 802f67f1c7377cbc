"""What stands before a message: priority, date, host, tag, pid, by `format` (RFC 3164, RFC 5424 and HAProxy's short
forms).

A `Head` belongs to one `log` line and one tag. `head.make(level)` is called once per message: everything but the date
is formatted once per process, and the formats whose date has seconds only are formatted once per second.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Final

from pylb.clock import clock
from pylb.log import dates

FORMATS: Final = ("local", "rfc3164", "rfc5424", "priority", "short", "timed", "iso", "raw")
DATED: Final = frozenset(("local", "rfc3164"))  # one header per second and level
_NIL: Final = b"-"


class Head:
    """Makes the headers of one destination: `make(level) -> bytes`."""

    __slots__ = ("_host", "_pid", "_second", "_table", "facility", "hostname", "make", "tag")

    def __init__(self, form: str, facility: int, tag: bytes, hostname: bytes | None) -> None:
        self.facility = facility
        self.tag = tag
        self.hostname = hostname
        self._pid = 0
        self._second = -1
        self._table: list[bytes | None] = [None] * 8
        self._host = (hostname or b"localhost") + b" " if form == "rfc3164" else b""
        self.make: Callable[[int], bytes] = self._dated if form in DATED else getattr(self, f"_{form}")

    def _dated(self, level: int) -> bytes:
        second = int(clock.now + clock.offset)
        if second != self._second or self._pid != _pid.current:
            self._second = second
            self._pid = _pid.current
            self._table = [None] * 8
        head = self._table[level]
        if head is None:
            head = self._table[level] = b"<%d>%b %b%b[%d]: " % (
                self.facility * 8 + level,
                dates.SYSLOG[second],
                self._host,
                self.tag,
                self._pid,
            )
        return head

    def _rfc5424(self, level: int) -> bytes:
        """Everything up to the structured data, which the logger adds."""
        return b"<%d>1 %b %b %b %d - " % (
            self.facility * 8 + level,
            dates.iso_us(clock.now + clock.offset),
            self.hostname or _NIL,
            self.tag or _NIL,
            _pid.current,
        )

    def _priority(self, level: int) -> bytes:
        return b"<%d>" % (self.facility * 8 + level)

    def _short(self, level: int) -> bytes:
        return b"<%d>" % level

    def _timed(self, level: int) -> bytes:
        return b"<%d>%b " % (level, dates.iso_us(clock.now + clock.offset))

    def _iso(self, level: int) -> bytes:
        return dates.iso_us(clock.now + clock.offset) + b" "

    def _raw(self, level: int) -> bytes:
        return b""


class _Pid:
    """The process id, taken once per process: a fork (daemon, worker) takes it anew."""

    __slots__ = ("current",)

    def __init__(self) -> None:
        self.current = os.getpid()

    def refresh(self) -> None:
        self.current = os.getpid()


_pid: Final = _Pid()
os.register_at_fork(after_in_child=_pid.refresh)


def system_hostname() -> bytes:
    return socket.gethostname().encode()
