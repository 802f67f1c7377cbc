"""How a process of ours ends before its time, and what is always done then. Light: the master imports it."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from typing import Final

from pylb.process.messages import warning


class Stop(Exception):
    """The process ends here with an exit code; everything that is to be said has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


HELD: Final = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTTOU, signal.SIGTTIN)
"""Signals that mean something to a serving process; before it serves they wait instead of killing it."""


def hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)


def take_signals() -> None:
    """Lets held signals through; their handlers are in place."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD)


def flush() -> None:
    """Writes out what was printed, as far as somebody still reads it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def tell(pids: Iterable[int], number: int) -> None:
    """Signals other processes of ours; those that are gone need nothing."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:
            warning(f"Cannot signal process {pid} (Operation not permitted).")
