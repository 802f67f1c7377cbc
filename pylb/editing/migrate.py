"""`pylb migrate FILE`: the same configuration in the words of today, comments and layout kept.

What has no exact form today stays as it is, and is listed with its place and reason; so is what was translated and
should be looked at. Exit codes: 0 nothing to look at, 1 something is listed, 2 the file cannot be read or written, or
the command line is wrong.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pylb import standard
from pylb.config.lexer import from_bytes
from pylb.config.words import to_bytes
from pylb.editing import migrate_rules, migrate_words  # noqa: F401  (both declare translations)
from pylb.editing.migrate_lines import Answer, OldLine, OldSection, Question, Unclear, Version, find, read

NEWEST: Final[Version] = (3, 5)
_ADDING: Final = ("reqadd", "rspadd")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should look at."""

    line: int
    message: str
    kept: bool  # the line stands as it was


def migrate(text: str, to: Version = NEWEST) -> tuple[str, list[Remark]]:
    """The text in the words of that version, and what to look at, in the order of the lines."""
    standard.load()
    sections = read(text)
    remarks: list[Remark] = []
    written = "".join(_section(section, sections, to, remarks) for section in sections)
    return written, sorted(remarks, key=lambda remark: remark.line)


def _section(section: OldSection, sections: list[OldSection], to: Version, remarks: list[Remark]) -> str:
    answers = {}
    for line in section.lines:
        translation = find(line.words)
        if translation is None:
            continue
        try:
            answer = translation(Question(line, section, sections, to))
            _fits(answer, line, section)
        except Unclear as reason:
            remarks.append(Remark(line.number, f"'{line.words[0]}' is kept: {reason}", True))
        else:
            if answer != Answer([" ".join(line.raws)]):
                answers[line.number] = answer
    _keep_together(section, answers, remarks)
    for number, answer in answers.items():
        if answer.remark:
            remarks.append(Remark(number, answer.remark, False))
    header = _header(section, to, remarks)
    return header + _body(section, answers)


def _fits(answer: Answer, line: OldLine, section: OldSection) -> None:
    """Whether the new rules may stand where they have to."""
    rules = answer.late + answer.first
    if not rules:
        return
    if section.kind == "defaults" and section.header is not None and len(section.header.words) < 2:
        raise Unclear("rules may not stand in a defaults section without a name")
    place = rules[0].partition(" ")[0]
    if answer.late and section.has(place, "allow"):
        raise Unclear(f"'{place} allow' would skip what stood behind the rules")


def _keep_together(section: OldSection, answers: dict[int, Answer], remarks: list[Remark]) -> None:
    """Rules on raw lines run in one order: where one of them is kept, the others of its direction are too."""
    for direction in ("req", "rsp"):
        raw = [line for line in section.lines if _raw(line, direction)]
        kept = [line.number for line in raw if line.number not in answers]
        for line in raw if kept else []:
            if answers.pop(line.number, None) is not None:
                reason = f"'{line.words[0]}' is kept: it runs in one order with line {kept[0]}"
                remarks.append(Remark(line.number, reason, True))


def _raw(line: OldLine, direction: str) -> bool:
    return bool(line.words) and line.words[0].startswith(direction) and line.words[0] not in _ADDING


def _header(section: OldSection, to: Version, remarks: list[Remark]) -> str:
    line = section.header
    if line is None:
        return ""
    if line.words[0] == "program" and to >= (3, 3):
        remarks.append(Remark(line.number, "'program' is kept: HAProxy supervises no other programs any more", True))
    if line.words[0] not in ("listen", "frontend") or len(line.words) < 3 or line.words[2] == "from":
        return line.text + line.end
    end = line.end or "\n"
    bind = f"{section.indent}bind {' '.join(line.raws[2:])}{end}"
    return f"{line.indent}{' '.join(line.raws[:2])}{line.tail}{end}{bind}"


def _body(section: OldSection, answers: dict[int, Answer]) -> str:
    """The section's lines; rules that have to stand before or behind others are moved there."""
    lines = section.lines
    before: dict[int, list[str]] = {}
    behind: dict[int, list[str]] = {}
    for place in ("http-request", "http-response"):
        old = [line for line in lines if _rules_of(answers.get(line.number), place, "late")]
        modern = [line.number for line in lines if line.words[:1] == [place]]
        adds = [line for line in old if line.words[0] in _ADDING]
        raws = [line for line in old if line not in adds]
        in_order = not adds or not raws or raws[-1].number < adds[0].number
        if old and not (in_order and (not modern or modern[-1] < old[0].number)):
            end = max(modern[-1] if modern else 0, old[-1].number)
            for line in raws + adds:
                behind.setdefault(end, []).extend(answers[line.number].late)
                answers[line.number].late = []
        for line in lines:
            answer = answers.get(line.number)
            anchor = min([*modern[:1], *(one.number for one in old[:1])], default=line.number)
            if answer is not None and _rules_of(answer, place, "first") and anchor < line.number:
                before.setdefault(anchor, []).extend(answer.first)
                answer.first = []
    return "".join(_written(line, answers.get(line.number), section, before, behind) for line in lines)


def _rules_of(answer: Answer | None, place: str, which: str) -> bool:
    return answer is not None and any(rule.startswith(f"{place} ") for rule in getattr(answer, which))


def _written(
    line: OldLine,
    answer: Answer | None,
    section: OldSection,
    before: dict[int, list[str]],
    behind: dict[int, list[str]],
) -> str:
    end = line.end or "\n"
    indent = line.indent or section.indent
    out = [f"{indent}{new}{end}" for new in before.get(line.number, ())]
    if answer is None:
        tail = line.end if line.number not in behind else end
        out.append(line.text + tail)
    else:
        here = answer.first + answer.here + answer.late
        if here:
            here[0] += line.tail
            out += [f"{indent}{new}{end}" for new in here]
        elif line.tail.strip():
            out.append(f"{indent}{line.tail.strip()}{end}")
    out += [f"{indent}{new}{end}" for new in behind.get(line.number, ())]
    return "".join(out)


def _version(text: str) -> Version:
    match = re.fullmatch(r"(\d+)\.(\d+)", text)
    if match is None or not (2, 2) <= (int(match[1]), int(match[2])) <= NEWEST:
        raise argparse.ArgumentTypeError(f"a version of HAProxy from 2.2 to {NEWEST[0]}.{NEWEST[1]}, not '{text}'")
    return int(match[1]), int(match[2])


def main(argv: Sequence[str]) -> int:
    """The gesture."""
    parser = argparse.ArgumentParser(
        prog="pylb migrate", description="Writes a configuration in the words of today, comments and layout kept."
    )
    parser.add_argument("file", help="the configuration to read")
    parser.add_argument("--to", type=_version, default=NEWEST, metavar="X.Y", help="whose words (default: 3.5)")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--write", action="store_true", help="change the file itself")
    target.add_argument("-o", "--output", metavar="OUT", help="write there instead of to the standard output")
    options = parser.parse_args(argv)
    try:
        text = from_bytes(Path(options.file).read_bytes())
        written, remarks = migrate(text, options.to)
        data = to_bytes(written)
        if options.write or options.output:
            Path(options.output or options.file).write_bytes(data)
        else:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except OSError as error:
        print(f"pylb migrate: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    for remark in remarks:
        print(f"{options.file}:{remark.line}: {'kept' if remark.kept else 'look'}: {remark.message}", file=sys.stderr)
    return 1 if remarks else 0
