"""Syslog messages that come in: reading RFC 3164 and RFC 5424, and writing each in the format of a `log` target.

What is no message of either kind keeps its whole text behind the priority, with the local date where a format wants
one. As in HAProxy 2.6 no field is judged by its content: a date has to look like one, no more. Where HAProxy 2.6 loses
the last two bytes of a message that only begins like RFC 5424, nothing is lost here; the message of RFC 5424 may be
absent, with the space before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pylb.clock import clock
from pylb.log import dates

_priority = re.compile(rb"<(\d{0,9})>").match
_rfc5424 = re.compile(
    rb"1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*) (\S+) (\S+) (\S+) (\S+) "
    rb'(-|(?:\[[^\]" =]++(?: [^\]" =]++="(?:[^"\\\]]|\\.)*+")*+\])++)(?: |$)',
    re.S,
).match
_rfc3164 = re.compile(
    rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ \d]\d) (\d\d:\d\d:\d\d) ([^ ]+) ", re.S
).match
_tagged = re.compile(rb"([^ :\[]*)\[([^ \[\]]*)\]: ").match
_named = re.compile(rb"([^ :\[]+|\[): ").match
_odd = re.compile(rb"([^ :\[]+)\[[^ ]*: ").match  # as HAProxy: a tag, but the text begins with it
_MONTHS: Final = {name: number for number, name in enumerate(dates.MONTHS, 1)}


class Message:
    """A message that was received: its fields as they came, empty where it has none. Lives until it is sent on."""

    __slots__ = ("app", "bsd", "facility", "host", "iso", "level", "msgid", "nil", "pid", "rfc", "sd", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.facility = -1  # no priority
        self.level = 0
        self.rfc = 0  # 3164 or 5424 when it is one
        self.iso = self.bsd = b""
        self.nil = False  # RFC 5424's "there is no date"
        self.host = self.app = self.pid = self.msgid = self.sd = b""


def parse(data: bytes) -> Message:
    """Reads a message. Line feeds and zero bytes at its end do not belong to it."""
    data = data.rstrip(b"\n\0")
    found = _priority(data)
    if found is None:
        return Message(data)
    number = int(found[1] or 0)
    message = Message(data[found.end() :])
    message.facility, message.level = number >> 3, number & 7
    text = message.text
    found = _rfc5424(text)
    if found is not None:
        _modern(message, found)
        return message
    found = _rfc3164(text)
    if found is not None:
        _classic(message, found)
    return message


def _modern(message: Message, found: re.Match[bytes]) -> None:
    message.rfc = 5424
    message.text = message.text[found.end() :]
    stamp, *fields = found.groups()
    message.host, message.app, message.pid, message.msgid, message.sd = [b"" if f == b"-" else f for f in fields]
    if stamp == b"-":
        message.nil = True
        return
    message.iso = stamp
    month = int(stamp[5:7])
    if 1 <= month <= 12:
        message.bsd = b"%b %2d %b" % (dates.MONTHS[month - 1], int(stamp[8:10]), stamp[11:19])


def _classic(message: Message, found: re.Match[bytes]) -> None:
    message.rfc = 3164
    text = message.text
    message.bsd = text[:15]
    year = dates.SYSLOG_YEAR[int(clock.now + clock.offset)]
    month, day, time, message.host = found.groups()
    message.iso = b"%b-%02d-%bT%b-00:00" % (year, _MONTHS[month], day.replace(b" ", b"0"), time)
    text = text[found.end() :]
    tag = _tagged(text)
    if tag is not None:
        message.pid = tag[2]
        message.app = tag[1] or b"[%b]" % tag[2]
        text = text[tag.end() :]
    elif (tag := _named(text)) is not None:
        message.app = tag[1]
        text = text[tag.end() :]
    elif (tag := _odd(text)) is not None:
        message.app = tag[1]
    message.text = text


# -- writing


class Writer:
    """Writes messages as one target wants them: `write(message, source) -> bytes`, without a line feed.

    `form` None keeps the format a message came in. `facility` is for messages without one, `least` caps how important
    a message may look, `hosts` is the choice of `option host`. `source` is the sender's address, empty where it has
    none.
    """

    __slots__ = ("facility", "host", "least", "write")

    def __init__(self, form: str | None, facility: int, least: int, hosts: str) -> None:
        self.facility = facility
        self.least = least
        self.host: Callable[[Message, bytes], bytes] = _HOSTS[hosts]
        self.write: Callable[[Message, bytes], bytes] = getattr(self, f"_{form or 'as_it_came'}")

    def _as_it_came(self, message: Message, source: bytes) -> bytes:
        if message.host:
            return self._rfc5424(message, source) if message.rfc == 5424 else self._rfc3164(message, source)
        if message.app:
            return self._local(message, source)
        return message.text if message.facility < 0 else self._priority(message, source)

    def _level(self, message: Message) -> int:
        return message.level if message.level > self.least else self.least

    def _mark(self, message: Message) -> bytes:
        facility = message.facility if message.facility >= 0 else self.facility
        number = facility * 8 + self._level(message)
        return b"<%d>" % number if number < 1000 else b"<%03d>" % (number % 1000)

    def _raw(self, message: Message, source: bytes) -> bytes:
        return message.text

    def _priority(self, message: Message, source: bytes) -> bytes:
        return self._mark(message) + message.text

    def _short(self, message: Message, source: bytes) -> bytes:
        return b"<%d>%b" % (self._level(message), message.text)

    def _timed(self, message: Message, source: bytes) -> bytes:
        return b"<%d>%b %b" % (self._level(message), message.iso or _now_iso(), message.text)

    def _iso(self, message: Message, source: bytes) -> bytes:
        return (message.iso or _now_iso()) + b" " + message.text

    def _local(self, message: Message, source: bytes) -> bytes:
        return b"%b%b %b%b" % (self._mark(message), message.bsd or _now_bsd(), _tag(message), message.text)

    def _rfc3164(self, message: Message, source: bytes) -> bytes:
        host = self.host(message, source) or b"localhost"
        date = message.bsd or _now_bsd()
        return b"%b%b %b %b%b" % (self._mark(message), date, host, _tag(message), message.text)

    def _rfc5424(self, message: Message, source: bytes) -> bytes:
        return b"%b1 %b %b %b %b %b %b %b" % (
            self._mark(message),
            message.iso or (b"-" if message.nil else _now_iso()),
            self.host(message, source) or b"-",
            message.app or b"-",
            message.pid or b"-",
            message.msgid or b"-",
            message.sd or b"-",
            message.text,
        )


def _now_iso() -> bytes:
    return dates.iso_us(clock.now + clock.offset)


def _now_bsd() -> bytes:
    return dates.SYSLOG[int(clock.now + clock.offset)]


def _tag(message: Message) -> bytes:
    if not message.app:
        return b""
    return b"%b[%b]: " % (message.app, message.pid) if message.pid else message.app + b": "


_HOSTS: Final[dict[str, Callable[[Message, bytes], bytes]]] = {
    "keep": lambda message, source: message.host,
    "fill": lambda message, source: message.host or source,
    "replace": lambda message, source: source or message.host,
    "append": lambda message, source: (
        message.host + b"," + source if message.host and source else message.host or source
    ),
}
