"""Dates: seconds since the epoch as text (manual 7.3.1, RFC 9110 5.6.7)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.values import MISS

Step = Callable[[int, Any], Any]

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS: Final = {b"s": 1, b"ms": 1_000, b"us": 1_000_000}


@converter("http_date", takes="int", out="str", args=("int?", "str?"), usage="([<offset>[,<unit>]])", pure=True)
def http_date(offset: int = 0, unit: bytes = b"s") -> Step:
    """A date as header fields write it. <unit> of input and <offset>: s, ms or us; the latter two show the
    fraction behind the seconds."""
    scale = _UNITS.get(unit)
    if scale is None:
        raise ValueError(f"expects 's', 'ms' or 'us', got '{unit.decode('utf-8', 'surrogateescape')}'")
    divisor, places = scale, len(str(scale)) - 1

    def convert(value: int, ctx: Any) -> Any:
        seconds, fraction = divmod(value + offset, divisor)
        try:
            at = time.gmtime(seconds)
        except (OverflowError, OSError, ValueError):
            return MISS
        return (
            f"{_DAYS[at.tm_wday]}, {at.tm_mday:02d} {_MONTHS[at.tm_mon]} {at.tm_year:04d} "
            f"{at.tm_hour:02d}:{at.tm_min:02d}:{at.tm_sec:02d}{f'.{fraction:0{places}d}' if places else ''} GMT"
        ).encode()

    return convert


def _formatted(split: Callable[[float], time.struct_time], divisor: int, places: int) -> Callable[..., Step]:
    def factory(pattern: bytes, offset: int = 0) -> Step:
        text = pattern.decode("utf-8", "surrogateescape")

        def convert(value: int, ctx: Any) -> Any:
            seconds, fraction = divmod(value, divisor)
            try:
                at = split(seconds + offset)
                shown = text.replace("%N", f"{fraction:0{places}d}") if places else text
                return time.strftime(shown, at).encode("utf-8", "surrogateescape")
            except (OverflowError, OSError, ValueError):
                return MISS

        return convert

    return factory


for _prefix, _divisor, _places, _unit in (("", 1, 0, "seconds"), ("ms_", 1000, 3, "milliseconds"),
                                          ("us_", 1_000_000, 6, "microseconds")):  # fmt: skip
    for _name, _split, _zone in (("utime", time.gmtime, "UTC"), ("ltime", time.localtime, "local time")):
        converter(
            _prefix + _name,
            takes="int",
            out="str",
            args=("str", "int?"),
            usage="(<format>[,<offset>])",
            pure=_zone == "UTC",
            doc=f"Formats {_unit} since the epoch in {_zone} as strftime(3) does; <offset> seconds are added first."
            + (f" `%N` is the fraction with {_places} digits." if _places else ""),
        )(_formatted(_split, _divisor, _places))
