"""`pylb lint`: reports what is legal in a configuration, but surely wrong or fragile.

Exit codes: 0 nothing to report but hints, 1 findings of severity warning or error, 2 a file cannot be read, does not
load, or the command line is wrong. Comments `# lint: ignore L101` on a line or the line above silence checks there.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from pylb import standard
from pylb.config import resolve
from pylb.editing import lint_manual, lint_subject
from pylb.editing.lint_absent import HOST, UNREADABLE
from pylb.editing.lint_checks import CHECKS, Check, Finding
from pylb.editing.lint_subject import Subject
from pylb.errors import Report, Severity, caret, nearest, painted

_IGNORE = re.compile(r"#\s*lint:\s*ignore\s+(?P<codes>[A-Za-z0-9_-]+(?:[ ,]+[A-Za-z0-9_-]+)*)")
_WEIGHT: Final = {"hint": Severity.NOTICE, "warning": Severity.WARNING, "error": Severity.ALERT}


def examine(subject: Subject, checks: Iterable[Check] | None = None) -> list[Finding]:
    """Every finding of a configuration that is not silenced by a comment, by file and line."""
    lint_manual.load_checks()
    silenced = _silenced(subject)
    found = []
    for check in CHECKS.values() if checks is None else checks:
        for span, message in check.look(subject):
            names = silenced.get((span.file, span.line), set())
            if not names & {check.code.lower(), check.name}:
                found.append(Finding(check, span, message))
    order = {source.name: index for index, source in enumerate(subject.config.sources)}
    found.sort(key=lambda finding: (order.get(finding.span.file, -1), finding.span.line, finding.check.code))
    return list(dict.fromkeys(found))


def _silenced(subject: Subject) -> dict[tuple[str, int], set[str]]:
    """(file, line) -> codes and names that a comment on it or above it takes away."""
    silenced: dict[tuple[str, int], set[str]] = {}
    for document in subject.documents:
        for line in document.lines:
            match = _IGNORE.search(line.comment)
            if match is None:
                continue
            codes = {code.lower() for code in re.split("[ ,]+", match["codes"])}
            for number in (line.number,) if line.tokens else (line.number, line.number + 1):
                silenced.setdefault((document.name, number), set()).update(codes)
    return silenced


def lint_text(text: str, name: str = "test.cfg") -> list[Finding]:
    """The findings in one text; ValueError when it does not load."""
    subject = lint_subject.read_text(text, name)
    problems = loaded(subject)
    if problems.fatal:
        raise ValueError(problems.items[0].headline())
    return examine(subject)


def loaded(subject: Subject) -> Report:
    """The alerts of the configuration, those about references between its sections included."""
    resolve.resolve(subject.config)
    return Report(lint_subject.alerts(subject))


class _Wrong(Exception):
    """The command line cannot be followed."""


def main(argv: Sequence[str], out: TextIO | None = None) -> int:
    stream = sys.stdout if out is None else out
    options = _arguments().parse_args(list(argv))
    standard.load()
    lint_manual.load_checks()
    try:
        if options.explain:
            explain(options.explain, stream)
            return 0
        checks = _chosen(options.select, options.ignore)
        if not options.files:
            raise _Wrong("no configuration file was given")
        subject = lint_subject.read_files(options.files, absent=options.no_files)
    except _Wrong as error:
        print(f"pylb lint: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"pylb lint: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    problems = loaded(subject)
    if problems.fatal:
        problems.write()
        absent = any(known.search(item.message) for known in (UNREADABLE, HOST) for item in problems.items)
        if absent and not options.no_files:
            print("pylb lint: --no-files reports what is not on this machine and checks the rest", file=sys.stderr)
        return 2
    findings = examine(subject, checks)
    (write_json if options.format == "json" else write_text)(findings, stream)
    return 1 if any(finding.check.severity != "hint" for finding in findings) else 0


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pylb lint", description=(__doc__ or "").partition(":")[2].partition("\n")[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="configuration files, or directories of *.cfg")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--select", default="", metavar="CODES", help="only these checks: L101,L2,dead-rule")
    parser.add_argument("--ignore", default="", metavar="CODES", help="all but these checks")
    parser.add_argument("--no-files", action="store_true", help="absent files and unknown hosts are findings")
    parser.add_argument("--explain", metavar="CODE", help="what a check is about; 'all' prints the manual page")
    return parser


def _named(text: str) -> list[str]:
    """Codes of a comma-separated list of codes, beginnings of codes and names."""
    codes: list[str] = []
    for part in filter(None, re.split("[ ,]+", text)):
        matched = [c.code for c in CHECKS.values() if c.code.startswith(part.upper()) or c.name == part.lower()]
        if not matched:
            near = nearest(part, [*CHECKS, *(check.name for check in CHECKS.values())])
            raise _Wrong(f"no check is called '{part}'" + (f"; did you mean '{near}'?" if near else ""))
        codes += matched
    return codes


def _chosen(select: str, ignore: str) -> list[Check]:
    wanted = _named(select) or list(CHECKS)
    unwanted = set(_named(ignore))
    return [check for code, check in CHECKS.items() if code in wanted and code not in unwanted]


def explain(text: str, out: TextIO) -> None:
    """Prints the entry of each check that is named."""
    if text == "all":
        out.write(lint_manual.page())
        return
    out.write("\n".join(lint_manual.entry(CHECKS[code]) for code in _named(text)))


def write_text(findings: list[Finding], out: TextIO) -> None:
    """One line for each finding; on a terminal also the line of the file with a caret, and colours unless NO_COLOR."""
    shown = out.isatty()
    coloured = shown and not os.environ.get("NO_COLOR")
    for check, span, message in findings:
        label = f"{check.severity} {check.code} {check.name}"
        if coloured:
            label = painted(label, _WEIGHT[check.severity])
        print(f"{span.file}:{span.line}:{span.column + 1}: {label}: {message}", file=out)
        if shown and span.text:
            print(caret(span, coloured=coloured), file=out)


def write_json(findings: list[Finding], out: TextIO) -> None:
    """A list of objects; columns count from 1, `end` is the column behind the words meant."""
    rows = [
        {
            "code": check.code,
            "name": check.name,
            "severity": check.severity,
            "file": span.file,
            "line": span.line,
            "column": span.column + 1,
            "end": span.end + 1,
            "message": message,
        }
        for check, span, message in findings
    ]
    json.dump(rows, out, indent=2)
    out.write("\n")
