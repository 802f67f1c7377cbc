"""How much of a request line logs and captures remember: `tune.http.logurilen`, one number for the process."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 1023  # HAProxy's 1024 less a terminator, for which an explicit number leaves room


class _Room:
    """Set once, when a configuration is compiled."""

    __slots__ = ("size",)

    def __init__(self) -> None:
        self.size = LONGEST


room: Final = _Room()


def remembered(line: bytes) -> bytes:
    """A request line, cut."""
    return line if len(line) <= room.size else line[: room.size]
