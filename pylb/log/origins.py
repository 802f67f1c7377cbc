"""Why a log line is written: the steps that `log-profile` knows, and how the alias %OG spells them."""

from __future__ import annotations

from typing import Final

STEPS: Final = ("accept", "request", "connect", "response", "close")
"""The steps of a transaction that `log-steps` chooses from, in their order."""

_SPELT: Final = {"error": "sess_error", **{step: f"txn_{step}" for step in STEPS}}


class Current:
    """What the line that is being written is written for; empty while no profile, step or `do-log` asks."""

    __slots__ = ("name",)

    def __init__(self) -> None:
        self.name = b""


current: Final = Current()


def spelt(step: str) -> bytes:
    """A step as %OG shows it; those of `do-log` are shown as they are."""
    return _SPELT.get(step, step).encode()
