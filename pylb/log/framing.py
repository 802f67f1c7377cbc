"""Syslog over streams (RFC 6587): where one message ends and the next begins.

A message that begins with a digit other than 0 has its length in front (octet counting), one that begins with `<` ends
at a line feed. Anything else, and a message that is longer than a buffer, is a mistake that ends the connection.
"""

from __future__ import annotations

import re
from typing import Final

_counted = re.compile(rb"([1-9]\d{0,8}) ").match
_begun = re.compile(rb"[1-9]\d{0,8}\Z").match
_DIGITS: Final = b"123456789"


class BadFrame(Exception):
    """The stream is no syslog."""


class Framing:
    """The messages of one connection. Lives as long as it; holds one incomplete message at most."""

    __slots__ = ("buffer", "lines_only", "most")

    def __init__(self, most: int, *, lines_only: bool) -> None:
        self.most = most
        self.lines_only = lines_only  # option assume-rfc6587-ntf
        self.buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now. What came before a mistake is returned first; the next call raises."""
        data = self.buffer + data if self.buffer else data
        found: list[bytes] = []
        at = 0
        while at < len(data):
            end, start, stop = self._next(data, at)
            if end < 0:
                if found:
                    break
                raise BadFrame
            if not end:
                break
            found.append(data[start:stop])
            at = end
        self.buffer = data[at:]
        return found

    def _next(self, data: bytes, at: int) -> tuple[int, int, int]:
        """Where the message at `at` ends, and its text; 0 for an incomplete one, -1 for a mistake."""
        first = data[at]
        if first in _DIGITS and not self.lines_only:
            counted = _counted(data, at)
            if counted is None:
                return (0, 0, 0) if _begun(data, at) else (-1, 0, 0)
            length, start = int(counted[1]), counted.end()
            if length > self.most:
                return -1, 0, 0
            return (start + length, start, start + length) if len(data) >= start + length else (0, 0, 0)
        if first != 0x3C and not self.lines_only:  # <
            return -1, 0, 0
        end = data.find(b"\n", at)
        if end < 0 or end - at > self.most:
            return (-1 if max(end, len(data)) - at > self.most else 0), 0, 0
        return end + 1, at, end - 1 if end > at and data[end - 1] == 0x0D else end
