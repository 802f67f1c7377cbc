"""FIX, the protocol of exchanges: whether a message is sound, and its fields (manual 7.3.1 "fix_is_valid").

A message is fields `<tag>=<value>` that each end in SOH: 8 (version), 9 (length of the body), 35 (type) first, 10
(checksum) last. Only the first message is looked at. Source: FIX 4.4 volume 2, "Standard Message Header".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.values import MISS

Step = Callable[[bytes, Any], Any]

_VERSIONS: Final = (b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1")
_FIRST: Final = (8, 9, 35)
_CHECKSUM: Final = 10
_NAMES: Final = {
    b"beginstring": 8,
    b"bodylength": 9,
    b"checksum": _CHECKSUM,
    b"msgtype": 35,
    b"sendercompid": 49,
    b"targetcompid": 56,
}
_field = re.compile(rb"([0-9]{1,9}+)=([^\x01]*+)\x01", re.S).match
_whole = re.compile(rb"[0-9]{1,9}").fullmatch
_digits = re.compile(rb"[0-9]{3}").fullmatch


def _fields(data: bytes) -> Iterator[tuple[int, bytes, int, int]]:
    """Tag, value, start and end of each complete field. A tag of 0 stands for one that is not well-formed."""
    at = 0
    while (stop := data.find(b"\x01", at)) >= 0:
        found = _field(data, at)
        if found is None or not int(found[1]):
            yield 0, b"", at, stop + 1
            return
        yield int(found[1]), found[2], at, found.end()
        at = found.end()


def _sound(data: bytes) -> Any:
    """True, False, or MISS while the message is not complete."""
    body = length = 0
    for position, (tag, value, start, end) in enumerate(_fields(data)):
        if not tag or not value:
            return False
        if position < 3:
            if tag != _FIRST[position] or (tag == 8 and value not in _VERSIONS):
                return False
            if tag == 9:
                if not _whole(value):
                    return False
                body, length = end, int(value)
        elif tag == _CHECKSUM:
            return start - body == length and _digits(value) is not None and int(value) == sum(data[:start]) % 256
    return MISS


@converter("fix_is_valid", takes="bin", out="bool", pure=True)
def fix_is_valid() -> Step:
    """True when the bytes begin with a sound FIX message, nothing while it is incomplete.

    Tags are positive numbers and values are not empty; version (4.0 to 4.4, T1.1), body length and message type come
    first in this order; body length and checksum are right.
    """
    return lambda value, ctx: _sound(value)


@converter("fix_tag_value", takes="bin", out="bin", args=("str?",), usage="(<tag>)", pure=True)
def fix_tag_value(tag: bytes = b"") -> Step:
    """Value of the first field with a tag: its number, or BeginString, BodyLength, MsgType, SenderCompID, TargetCompID,
    CheckSum in any case. The message is not checked any further: use `fix_is_valid` before.
    """
    wanted = _NAMES.get(tag.lower()) or (int(tag) if _whole(tag) else 0)
    if not wanted:
        raise ValueError(f"Unknown FIX tag name '{tag.decode('utf-8', 'surrogateescape')}'")

    def find(value: bytes, ctx: Any) -> Any:
        for found, text, _, _ in _fields(value):
            if found == wanted:
                return text
            if found == _CHECKSUM:
                break
        return MISS

    return find
