"""Comma-separated field values (RFC 9110 5.6.1) as HAProxy reads them: empty items count, quotes protect commas."""

from __future__ import annotations

import re

# An item: anything but commas and quotes, or quoted strings with escapes; possessive, so it is linear in its input.
_ITEM = re.compile(rb'(?:[^,"]++|"(?:[^"\\]|\\.)*+(?:"|\Z))*+', re.DOTALL)


def items(value: bytes) -> list[bytes]:
    """The items of a comma-separated field value, without surrounding blanks; an empty value has one empty item."""
    if b"," not in value:
        return [value]
    if b'"' not in value:
        return [item.strip(b" \t") for item in value.split(b",")]
    found = []
    at = 0
    size = len(value)
    while True:
        match = _ITEM.match(value, at)
        end = match.end() if match else at
        found.append(value[at:end].strip(b" \t"))
        if end >= size:
            return found
        at = end + 1
