"""Dates of log lines, each formatted once per second.

A line carries the time of its request and that of its sending, which lie in the same few seconds for nearly all lines,
so a small dictionary per format replaces strftime. Time zones are asked for once per second, too: a change of the
offset (summer time) shows with the next second. A fork keeps nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

MONTHS: Final = (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec")
MILLISECONDS: Final = [b"%03d" % ms for ms in range(1000)]
_KEEP: Final = 64


class Seconds(dict[int, bytes]):
    """second -> text, made on first use; holds at most `_KEEP` entries."""

    def __init__(self, make: Callable[[int], bytes]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, second: int) -> bytes:
        if len(self) >= _KEEP:
            self.clear()
        text = self[second] = self._make(second)
        return text


def _zone(t: time.struct_time) -> tuple[bytes, int, int]:
    minutes = (t.tm_gmtoff or 0) // 60
    sign = b"-" if minutes < 0 else b"+"
    return (sign, *divmod(abs(minutes), 60))


def _clf(t: time.struct_time) -> bytes:
    return b"%02d/%b/%04d:%02d:%02d:%02d" % (t.tm_mday, MONTHS[t.tm_mon - 1], t.tm_year, t.tm_hour, t.tm_min, t.tm_sec)


def _local_zoned(second: int) -> bytes:
    t = time.localtime(second)
    return b"%b %b%02d%02d" % (_clf(t), *_zone(t))


def _syslog(second: int) -> bytes:
    t = time.localtime(second)
    return b"%b %2d %02d:%02d:%02d" % (MONTHS[t.tm_mon - 1], t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec)


def _iso(second: int) -> bytes:
    t = time.localtime(second)
    return b"%04d-%02d-%02dT%02d:%02d:%02d" % (t.tm_year, t.tm_mon, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec)


def _iso_zone(second: int) -> bytes:
    return b"%b%02d:%02d" % _zone(time.localtime(second))


LOCAL: Final = Seconds(lambda second: _clf(time.localtime(second)))  # 22/Nov/2026:18:42:46
UTC_ZONED: Final = Seconds(lambda second: _clf(time.gmtime(second)) + b" +0000")
LOCAL_ZONED: Final = Seconds(_local_zoned)
SYSLOG: Final = Seconds(_syslog)  # Nov 22 18:42:46
SYSLOG_YEAR: Final = Seconds(lambda second: b"%04d" % time.localtime(second).tm_year)
ISO: Final = Seconds(_iso)
ISO_ZONE: Final = Seconds(_iso_zone)


def local_ms(wall: float) -> bytes:
    """22/Nov/2026:18:42:46.128, the date of %t and %tr."""
    second = int(wall)
    return LOCAL[second] + b"." + MILLISECONDS[int((wall - second) * 1000)]


def iso_us(wall: float) -> bytes:
    """2026-11-22T18:42:54.033466+00:00, the date of the formats rfc5424, timed and iso."""
    second = int(wall)
    return b"%b.%06d%b" % (ISO[second], int((wall - second) * 1000000), ISO_ZONE[second])
