"""What `pylb lint` knows, as text: the entry of one check, and the manual page made of all of them."""

from __future__ import annotations

import importlib
import textwrap
from typing import Final

from pylb.editing.lint_checks import CHECKS, Check

MODULES: Final = (
    "lint_rules",
    "lint_actions",
    "lint_conditions",
    "lint_acls",
    "lint_patterns",
    "lint_hosts",
    "lint_rewrites",
    "lint_unused",
    "lint_listeners",
    "lint_limits",
    "lint_backends",
    "lint_persistence",
    "lint_servers",
    "lint_tables",
    "lint_security",
    "lint_exposure",
    "lint_logs",
    "lint_files",
)
"""The modules that declare checks."""

CHAPTERS: Final = {
    "L1": "Rules and conditions",
    "L2": "ACLs and patterns",
    "L3": "Timeouts and limits",
    "L4": "Proxies, backends, servers",
    "L5": "Security",
    "L6": "Logs",
    "L7": "Stick tables",
    "L8": "Files",
}

INTRODUCTION: Final = """\
# pylb lint

`pylb lint FILE ...` reports what a configuration may say, but surely does not mean, or what will break one day. It
reads the files as one configuration, as `pylb -f` does, and starts nothing.

    pylb lint [--format text|json] [--select CODES] [--ignore CODES] [--no-files] FILE ...
    pylb lint --explain CODE

`CODES` are codes, beginnings of codes (`L1`) or names, separated by commas. The exit code is 0 when there is nothing
to report but hints, 1 when there are warnings or errors, and 2 when the configuration does not load.

An **error** is something that cannot have the effect it was written for. A **warning** works today, and fails or hurts
under conditions that will come. A **hint** is a matter of judgement; it never changes the exit code.

A comment silences checks for its own line, or, when it stands alone, for the line below it:

    # lint: ignore L203
    acl is_old path_beg /old    # lint: ignore unused-acl

With `--no-files`, certificates, maps, lists and pages that are not on this machine are findings (L801), host names
without an address too (L804), and keep nothing else from being checked; without it such a configuration does not load.

This page is printed by `pylb lint --explain all`.
"""


def load_checks() -> None:
    """Imports the modules that declare checks; afterwards CHECKS is complete and in order of the codes."""
    for module in MODULES:
        importlib.import_module(f"pylb.editing.{module}")
    if list(CHECKS) != sorted(CHECKS):
        ordered = dict(sorted(CHECKS.items()))
        CHECKS.clear()
        CHECKS.update(ordered)


def entry(check: Check) -> str:
    """One check in Markdown."""
    where = {"": "", "global": " (in the global section)"}.get(check.frame, f" (in a {check.frame} section)")
    why = textwrap.fill(check.why, 118)
    return (
        f"### {check.code} {check.name} ({check.severity})\n\n{textwrap.fill(check.rule, 118)}\n\n{why}\n\n"
        f"Reported{where}:\n\n{textwrap.indent(check.bad, '    ')}\n\n"
        f"Right:\n\n{textwrap.indent(check.good, '    ')}\n"
    )


def page() -> str:
    """The whole manual page."""
    load_checks()
    parts = [INTRODUCTION]
    for beginning, title in CHAPTERS.items():
        checks = [check for code, check in CHECKS.items() if code.startswith(beginning)]
        parts.append(f"## {title}\n\n" + "\n".join(map(entry, checks)))
    return "\n".join(parts)
