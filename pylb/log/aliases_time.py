"""Dates and timers as log aliases (manual 8.2.6 and 8.4).

Dates come in two families: those of the moment the stream's time began (%t, %T, %Tl, %Ts, %ms: accept, or the end of
the previous exchange), and those of the request's first byte (%tr, %trg, %trl). Neither flag Q nor E touches them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pylb.log import dates, timers
from pylb.log.aliases import Read
from pylb.registry import alias

if TYPE_CHECKING:
    from pylb.records.stream import Stream


def _began(stream: Stream) -> float:
    """Wall-clock seconds of the moment %t speaks of."""
    return stream.start_wall - (stream.start - timers.begun(stream))


@alias("t", when="accept", verbatim=True)
def accept_date(argument: str) -> Read:
    """Date of the accept with milliseconds, local time: 22/Nov/2026:18:42:46.128."""
    return lambda stream: dates.local_ms(_began(stream))


@alias("T", when="accept", verbatim=True)
def accept_date_utc(argument: str) -> Read:
    """Date of the accept, UTC: 22/Nov/2026:18:42:46 +0000."""
    return lambda stream: dates.UTC_ZONED[int(_began(stream))]


@alias("Tl", when="accept", verbatim=True)
def accept_date_local(argument: str) -> Read:
    """Date of the accept, local time with its offset."""
    return lambda stream: dates.LOCAL_ZONED[int(_began(stream))]


@alias("Ts", when="accept", verbatim=True)
def accept_timestamp(argument: str) -> Read:
    """Date of the accept in seconds since 1970."""
    if "X" in argument:
        return lambda stream: b"%04X" % int(_began(stream))
    return lambda stream: int(_began(stream))


@alias("ms", when="accept", verbatim=True)
def accept_milliseconds(argument: str) -> Read:
    """Milliseconds of the date of the accept, three digits (one to three under +X)."""

    def milliseconds(stream: Stream) -> int:
        began = _began(stream)
        return int((began - int(began)) * 1000)

    if "X" in argument:
        return lambda stream: b"%02X" % milliseconds(stream)
    return lambda stream: dates.MILLISECONDS[milliseconds(stream)]


@alias("tr", http=True, when="request", verbatim=True)
def request_date(argument: str) -> Read:
    """Date of the first byte of the request with milliseconds, local time."""
    return lambda stream: dates.local_ms(stream.start_wall)


@alias("trg", http=True, when="request", verbatim=True)
def request_date_utc(argument: str) -> Read:
    """Date of the first byte of the request, UTC."""
    return lambda stream: dates.UTC_ZONED[int(stream.start_wall)]


@alias("trl", http=True, when="request", verbatim=True)
def request_date_local(argument: str) -> Read:
    """Date of the first byte of the request, local time with its offset."""
    return lambda stream: dates.LOCAL_ZONED[int(stream.start_wall)]


for _name, _read, _http, _doc in (
    ("TR", timers.request, True, "From the first byte of the request to the end of its head."),
    ("Tc", timers.connect, False, "Establishing the connection to the server."),
    ("Td", timers.data, False, "Transfer of the response after its head."),
    ("Th", timers.handshake, False, "Accept and handshakes (PROXY header, TLS), first request only."),
    ("Ti", timers.idle, True, "Idle time before the first byte of the request."),
    ("Tq", timers.until_request, True, "Th + Ti + TR."),
    ("Tr", timers.response, True, "From the established connection to the complete response head."),
    ("Tw", timers.queue, False, "Waiting in queues for a connection slot."),
):
    alias(_name, http=_http, when="end", doc=f"{_doc} Milliseconds, -1 when it never came to that.")(
        lambda argument, read=_read: read
    )


for _name, _read, _http, _doc in (
    ("Ta", timers.active, True, "From the first byte of the request to the end."),
    ("Tt", timers.total_now, False, "From the accept to the end."),
    ("Tu", timers.user, False, "From the accept to the end, without the idle time."),
):

    def _total(argument: str, read: Callable[[Stream], int] = _read) -> Read:
        def total(stream: Stream) -> bytes | int:
            log = stream.frontend.log
            value = read(stream)
            return b"+%d" % value if log is not None and log.marks else value

        return total

    alias(
        _name, http=_http, when="end", verbatim=True, doc=f"{_doc} Milliseconds; `+` before it under `option logasap`."
    )(_total)
