"""What the process says on stderr, in HAProxy's layout, outside of configuration problems.

    [WARNING]  (1234) : Proxy web stopped (cumulated conns: FE: 3, BE: 0).

Before the first warning or alert two notices name the version and the executable. `-q` silences everything.
"""

from __future__ import annotations

import os
import sys

from pylb import __version__
from pylb.errors import Diagnostic, Report, Severity


class Voice:
    """The one place that writes to stderr. Lives as long as its process."""

    def __init__(self) -> None:
        self.quiet = False
        self.introduced = False

    def say(self, severity: Severity, text: str) -> None:
        if self.quiet:
            return
        if severity >= Severity.WARNING:
            self.introduce()
        self.write(f"[{severity.name}]".ljust(10) + f" ({os.getpid()}) : {text}\n")

    def introduce(self) -> None:
        if self.introduced or self.quiet:
            return
        self.introduced = True
        self.say(Severity.NOTICE, f"pylb version is {__version__}")
        self.say(Severity.NOTICE, f"path to executable is {sys.executable}")

    def report(self, report: Report, *, diagnostics: bool = False) -> None:
        """Everything a load found."""
        if self.quiet:
            return
        if any(item.severity >= Severity.WARNING for item in report.items):
            self.introduce()
        report.write(at_least=Severity.DIAG if diagnostics else Severity.NOTICE)

    def problems(self, problems: list[Diagnostic]) -> None:
        for problem in problems:
            self.say(problem.severity, problem.message)

    def write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self.quiet = True  # nobody listens any more


voice = Voice()


def alert(text: str) -> None:
    voice.say(Severity.ALERT, text)


def warning(text: str) -> None:
    voice.say(Severity.WARNING, text)


def notice(text: str) -> None:
    voice.say(Severity.NOTICE, text)
