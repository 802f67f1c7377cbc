"""Diagnostics: where a problem is, what it is, and what would be right.

Everything that can be wrong with a configuration is collected in one `Report`, so that one run names every
problem of a file. The room knows nothing of sections or words; it only formats.
"""

from __future__ import annotations

import difflib
import enum
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TextIO


class Span(NamedTuple):
    """A place in a configuration file: 1-based line, 0-based columns [column, end) in characters of `text`."""

    file: str
    line: int
    column: int = 0
    end: int = 0
    text: str = ""


NOWHERE = Span("", 0)


class Severity(enum.IntEnum):
    """Ordered by weight. Only what HAProxy itself warns about may be a WARNING (`-dW` makes those fatal)."""

    DIAG = 0
    NOTICE = 1
    WARNING = 2
    ALERT = 3


class ConfigError(Exception):
    """A mistake in a configuration: the only exception that configuration text may cause.

    `message` is HAProxy's wording where HAProxy has one, without the `parsing [file:line] : ` prefix.
    `hint` is our own extra sentence (a suggestion), printed on its own line.
    """

    def __init__(self, message: str, span: Span = NOWHERE, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.span = span
        self.hint = hint


@dataclass(slots=True)
class Diagnostic:
    severity: Severity
    message: str
    span: Span = NOWHERE
    hint: str = ""

    def place(self) -> str:
        """File and line, spelt as HAProxy spells them in front of this message."""
        where = f"[{self.span.file}:{self.span.line}]"
        if _BARE.match(self.message):
            return f"{where} : "
        if _CAPITAL.match(self.message):
            return f"Parsing {where}: "
        return f"parsing {where}: " if _TIGHT.match(self.message) else f"parsing {where} : "

    def headline(self, pid: int | None = None) -> str:
        """One line in HAProxy's layout: `[ALERT]    (123) : config : parsing [f.cfg:3] : ...`."""
        label = f"[{self.severity.name}]"
        where = self.place() if self.span.line else ""
        return f"{label:<10} ({os.getpid() if pid is None else pid}) : config : {where}{self.message}"


# HAProxy prints places as `parsing [f:1] : `; before messages that these match as `[f:1] : `, `Parsing [f:1]: `, and
# `parsing [f:1]: ` (observed).
_BARE = re.compile(
    r"'(server|server-template)[ '].*( : | as argument)|.* of server default-server|"
    r"unknown keyword '.*'\. Hint: no address "
)
_CAPITAL = re.compile(r"failed to parse (log-format|log-format-sd|error-log-format|unique-id) : ")
_TIGHT = re.compile(
    "|".join(
        (
            r"negation/default |option '.*' is not supported any more",
            r"'.*' has no effect, is deprecated|'.*' expects either 'if' or 'unless' followed",
            r"unable to find .* referenced in arg |missing \w+ name in arg ",
            r".* reuses same custom id |custom id has |previous 'stats' action ",
            r".* overrides previous '.*' in 'defaults' |'(domain|attr|maxidle|maxlife)' expects ",
            r"unknown stats parameter |'show-desc' requires|'cookie' (expects|needs)|domain '.*' contains no ",
            r"'(max-)?spread-checks' |spread-checks already |unsupported character .* an integer delay",
            r"'node' (expects|requires)",
            r"(unexpected character|timer overflow in) .*argument .*to (stats|<(maxidle|maxlife|tune\.idletimer)>)",
            r"timer overflow in argument .* to <max-spread-checks>",
        )
    )
)


@dataclass(slots=True)
class Report:
    """All diagnostics of one load, in the order found."""

    items: list[Diagnostic] = field(default_factory=list)

    def alert(self, message: str, span: Span = NOWHERE, hint: str = "") -> None:
        self.items.append(Diagnostic(Severity.ALERT, message, span, hint))

    def warning(self, message: str, span: Span = NOWHERE, hint: str = "") -> None:
        self.items.append(Diagnostic(Severity.WARNING, message, span, hint))

    def notice(self, message: str, span: Span = NOWHERE, hint: str = "") -> None:
        self.items.append(Diagnostic(Severity.NOTICE, message, span, hint))

    def diag(self, message: str, span: Span = NOWHERE, hint: str = "") -> None:
        self.items.append(Diagnostic(Severity.DIAG, message, span, hint))

    def error(self, error: ConfigError, span: Span = NOWHERE) -> None:
        """Records a caught ConfigError; `span` is used when the error carries none."""
        self.alert(error.message, error.span if error.span.line else span, error.hint)

    def count(self, severity: Severity) -> int:
        return sum(item.severity == severity for item in self.items)

    @property
    def fatal(self) -> bool:
        return self.count(Severity.ALERT) > 0

    def write(self, out: TextIO | None = None, *, at_least: Severity = Severity.NOTICE) -> None:
        """Prints every diagnostic; on a terminal also the line with a caret, and colours unless NO_COLOR is set."""
        stream = sys.stderr if out is None else out
        shown = stream.isatty()
        coloured = shown and not os.environ.get("NO_COLOR")
        for item in self.items:
            if item.severity < at_least:
                continue
            print(painted(item.headline(), item.severity) if coloured else item.headline(), file=stream)
            if shown and item.span.text:
                print(caret(item.span, coloured=coloured), file=stream)
            if item.hint:
                print(f"  hint: {item.hint}", file=stream)


_COLOURS = {Severity.ALERT: "31;1", Severity.WARNING: "33;1", Severity.NOTICE: "36", Severity.DIAG: "2"}


def painted(text: str, severity: Severity) -> str:
    """Text in the colour of a severity, for a terminal."""
    return f"\033[{_COLOURS[severity]}m{text}\033[0m"


def caret(span: Span, *, coloured: bool = True) -> str:
    """The line of a span with carets under the words meant, for a terminal."""
    pad = "".join("\t" if c == "\t" else " " for c in span.text[: span.column])
    carets = "^" * max(1, span.end - span.column)
    return f"  {span.text}\n  {pad}" + (f"\033[31;1m{carets}\033[0m" if coloured else carets)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a misspelt one most likely meant, or None when nothing is near."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x' maybe ?` as HAProxy appends it, or an empty string."""
    near = nearest(word, known)
    return f"; did you mean '{near}' maybe ?" if near else ""
