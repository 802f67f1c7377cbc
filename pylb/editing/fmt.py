"""`pylb fmt`: one layout for all configurations. Words, their order and comments stay; blanks and line ends change.

Section headers stand at the margin, their lines four columns in, what an `.if` encloses four more; one space between
words; one blank line before a section, never two anywhere; quotes around a word that needs none go away; every line
ends with a line feed. A line that cannot be read is left as it is.

Exit codes: 0 done, or nothing to do; 1 `--check` or `--diff` found a file in another layout; 2 a file cannot be read or
written, or the command line is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pylb import standard
from pylb.config.document import Document, SourceLine
from pylb.config.lexer import from_bytes, split
from pylb.config.words import to_bytes

STEP: Final = 4
_NEEDLESS: Final = re.compile(r"""(["'])([A-Za-z0-9_./:@+=,-]+)\1\Z""")
_CLOSING: Final = (".elif", ".else", ".endif")
_BEGINNING: Final = (".if", ".elif", ".else")


def format_text(data: bytes, name: str = "") -> bytes:
    """The file in our layout; formatting the result again changes nothing."""
    standard.load()
    document = Document.parse(data, name)
    lines = document.lines
    enclosing = _enclosing_sections(lines)
    columns = _columns(lines, enclosing)
    texts = [_laid_out(line, column) for line, column in zip(lines, columns, strict=True)]
    spaced = _spaced(lines, texts, _openings(lines, columns, enclosing))
    return to_bytes("".join(f"{text}\n" for text in spaced))


def _words(text: str) -> list[str]:
    return split(text, lambda _: "x")[0]


def _directive(line: SourceLine) -> str:
    return line.word if line.directive and not line.broken and not line.scope else ""


def _enclosing_sections(lines: list[SourceLine]) -> set[int]:
    """Numbers of the `.if` lines in whose blocks a section begins."""
    found: set[int] = set()
    open_blocks: list[int] = []
    for line in lines:
        word = _directive(line)
        if word == ".if":
            open_blocks.append(line.number)
        elif word == ".endif" and open_blocks:
            open_blocks.pop()
        elif line.opens:
            found.update(open_blocks)
    return found


def _columns(lines: list[SourceLine], enclosing: set[int]) -> list[int]:
    """The column in which each line begins; comments go with the line that they precede."""
    columns = [0] * len(lines)
    stack: list[bool] = []  # of each open block, whether it encloses sections
    inside = False
    waiting: list[int] = []  # comments
    for index, line in enumerate(lines):
        if line.blank:
            continue
        if _only_comment(line):
            waiting.append(index)
            continue
        before = STEP * (len(stack) + inside)
        word = _directive(line)
        outer = line.opens
        if word == ".if":
            outer = line.number in enclosing
            columns[index] = STEP * (len(stack) + (inside and not outer))
            stack.append(outer)
        elif word in _CLOSING and stack:
            outer = stack[-1]
            columns[index] = STEP * (len(stack) - 1 + (inside and not outer))
            if word == ".endif":
                stack.pop()
        else:
            inside = inside or line.opens
            columns[index] = STEP * (len(stack) + (inside and not line.opens))
        for comment in waiting:
            within = outer or word in _CLOSING
            deeper = within and _width(lines[comment]) > _width(line)
            columns[comment] = max(before, columns[index]) if deeper else columns[index]
        waiting.clear()
    for comment in waiting:
        columns[comment] = STEP * (len(stack) + inside) if _width(lines[comment]) else 0
    return columns


def _width(line: SourceLine) -> int:
    return len(line.indent.expandtabs())


def _laid_out(line: SourceLine, column: int) -> str:
    """The text of one line in our layout, or its own where that would be read as other words."""
    own = line.text.rstrip("\r")
    if line.blank:
        return ""
    if line.broken or line.scope:
        return own
    raws = [token.raw if line.directive else _NEEDLESS.sub(r"\2", token.raw) for token in line.tokens]
    comment = line.comment.rstrip("\r \t\v\f")
    parts = [*raws, comment] if comment else raws
    text = " " * column + " ".join(parts)
    same = Document.parse(to_bytes(text)).lines
    if len(same) != 1 or same[0].broken or same[0].scope or same[0].comment != comment:
        return own
    return text if _words(text) == _words(line.text) else own


def _openings(lines: list[SourceLine], columns: list[int], enclosing: set[int]) -> set[int]:
    """Indexes of the lines that get a blank line before them: headers, and `.if` lines around headers, or the first of
    the comments that stand directly above one; not behind a directive that begins a block."""
    found: set[int] = set()
    for index, line in enumerate(lines):
        if not line.opens and not (line.number in enclosing and _directive(line) == ".if"):
            continue
        at = index
        while at and _only_comment(lines[at - 1]) and columns[at - 1] == columns[index]:
            at -= 1
        if at and _directive(lines[at - 1]) not in _BEGINNING:
            found.add(at)
    return found


def _only_comment(line: SourceLine) -> bool:
    return not (line.tokens or line.broken or line.scope or line.blank)


def _spaced(lines: list[SourceLine], texts: list[str], openings: set[int]) -> list[str]:
    """The lines with their blank lines: none at the edges, never two, one before each section and its comments."""
    out: list[str] = []
    for index, (line, text) in enumerate(zip(lines, texts, strict=True)):
        if (line.blank or index in openings) and out and out[-1]:
            out.append("")
        if not line.blank:
            out.append(text)
    while out and not out[-1]:
        out.pop()
    return out


# -- the command ------------------------------------------------------------------------------------------------------


def _files(paths: Sequence[str]) -> list[str]:
    """Of directories every `*.cfg`, in order of name, as when they are loaded."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            names = sorted(name for name in os.listdir(path) if name.endswith(".cfg") and not name.startswith("."))
            found += [os.path.join(path, name) for name in names if os.path.isfile(os.path.join(path, name))]
        else:
            found.append(path)
    return found


def replace(path: str, data: bytes) -> None:
    """Puts `data` in the place of a file at one stroke, with the file's own mode and, where permitted, owner."""
    target = os.path.realpath(path)
    status = os.stat(target)
    handle, temporary = tempfile.mkstemp(prefix=".pylb-fmt-", dir=os.path.dirname(target))
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            with contextlib.suppress(PermissionError):  # a file of somebody else in a directory of ours
                os.fchown(out.fileno(), status.st_uid, status.st_gid)
            os.fchmod(out.fileno(), status.st_mode & 0o7777)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def _diff(name: str, old: bytes, new: bytes) -> bytes:
    before, after = (from_bytes(data).split("\n") for data in (old, new))
    lines = difflib.unified_diff(before, after, name, f"{name} (formatted)", lineterm="")
    return to_bytes("".join(f"{line}\n" for line in lines))


def _treat(name: str, data: bytes, options: argparse.Namespace) -> bool:
    """Formats one text as asked; True when it was in another layout."""
    new = format_text(data, name)
    out = sys.stdout.buffer
    if options.check and new != data:
        print(name, flush=True)
    if options.diff:
        out.write(_diff(name, data, new))
    if options.write and new != data:
        replace(name, new)
    if not (options.check or options.diff or options.write):
        out.write(new)
    out.flush()
    return new != data


def main(argv: Sequence[str] = ()) -> int:
    """Entry of `pylb fmt`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="pylb fmt", description="one layout for configuration files")
    parser.add_argument("paths", nargs="*", metavar="FILE|DIR", help="standard input when there is none")
    parser.add_argument("--check", action="store_true", help="only name the files in another layout")
    parser.add_argument("--diff", action="store_true", help="show what would change")
    parser.add_argument("-w", "--write", action="store_true", help="write the files instead of printing them")
    options = parser.parse_args(list(argv))
    if options.write and not options.paths:
        parser.error("--write needs files")
    if options.write and options.check:
        parser.error("--check writes nothing")
    changed, failed = False, False
    try:
        names = _files(options.paths)
    except OSError as error:
        print(f"pylb fmt: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    if not options.paths:
        changed = _treat("<stdin>", sys.stdin.buffer.read(), options)
    for name in names:
        try:
            changed |= _treat(name, Path(name).read_bytes(), options)
        except OSError as error:
            print(f"pylb fmt: {name}: {error.strerror}", file=sys.stderr)
            failed = True
    if failed:
        return 2
    return int(changed and (options.check or options.diff))
