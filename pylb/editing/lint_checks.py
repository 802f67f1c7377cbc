"""The registry of lint checks: each a small function with its code, its rule, its reason and two examples.

A check takes the subject (lint_subject.Subject) and yields `(span, message)` for what is legal but surely wrong
(severity error), fragile (warning), or worth a second look (hint). The manual page and the tests are made of the
examples, so each one is a configuration, or lines that stand in the section its `frame` names.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pylb.errors import Span

if TYPE_CHECKING:
    from pylb.editing.lint_subject import Subject

SEVERITIES: Final = ("hint", "warning", "error")
Found = Iterable[tuple[Span, str]]
Look = Callable[["Subject"], Found]


@dataclass(frozen=True, slots=True)
class Check:
    """One check. `rule` says in a sentence what is reported, `why` what goes wrong."""

    code: str
    name: str
    severity: str
    rule: str
    why: str
    bad: str
    good: str
    frame: str
    look: Look


class Finding(NamedTuple):
    """One remark about one place."""

    check: Check
    span: Span
    message: str


CHECKS: Final[dict[str, Check]] = {}

# What stands around the lines of an example: {} is where they go.
_DEFAULTS = """
defaults
    mode {mode}
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-request 10s
"""
_APP = """
backend app
    server a1 192.0.2.1:8080
backend api
    server b1 192.0.2.2:8080
backend static
    server c1 192.0.2.3:8080
"""
FRAMES: Final = {
    "": "{lines}",
    "frontend": _DEFAULTS.replace("{mode}", "http")
    + "\nfrontend web\n    bind :80\n{lines}\n    default_backend app\n"
    + _APP,
    "tcp frontend": _DEFAULTS.replace("{mode}", "tcp")
    + "\nfrontend tls\n    bind :443\n{lines}\n    default_backend app\n"
    + _APP,
    "backend": _DEFAULTS.replace("{mode}", "http")
    + "\nfrontend web\n    bind :80\n    default_backend app\n\nbackend app\n{lines}\n",
    "global": "global\n{lines}\n",
}


def framed(check: Check, example: str) -> str:
    """An example as a whole configuration."""
    indent = "    " if check.frame else ""
    return FRAMES[check.frame].replace("{lines}", textwrap.indent(example, indent)).strip("\n") + "\n"


def check(
    code: str, name: str, severity: str, rule: str, *, why: str, bad: str, good: str, frame: str = ""
) -> Callable[[Look], Look]:
    """Enters a check; a code or name that is taken is a mistake in pylb's own source."""

    def enter(look: Look) -> Look:
        assert severity in SEVERITIES and frame in FRAMES
        if code in CHECKS or any(known.name == name for known in CHECKS.values()):
            raise ValueError(f"lint check {code} ({name}) is declared twice")
        CHECKS[code] = Check(
            code,
            name,
            severity,
            " ".join(rule.split()),
            " ".join(why.split()),
            textwrap.dedent(bad).strip("\n"),
            textwrap.dedent(good).strip("\n"),
            frame,
            look,
        )
        return look

    return enter
