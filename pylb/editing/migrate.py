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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pylb import standard
from pylb.config.document import Document, SourceLine
from pylb.config.lexer import from_bytes
from pylb.config.words import to_bytes
from pylb.editing import migrate_rules, migrate_words  # noqa: F401  (both declare translations)
from pylb.editing.fmt import replace
from pylb.editing.migrate_lines import Answer, OldLine, OldSection, Question, Unclear, Version, find, read
from pylb.sample.regexes import compile_pattern

NEWEST: Final[Version] = (3, 5)
_ADDING: Final = ("reqadd", "rspadd")


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should look at."""

    line: int
    message: str
    kept: bool  # the line stands as it was


@dataclass(slots=True)
class Edit:
    """What becomes of a line: its new text or None for its own, and the lines in front of it and behind it. A line
    without words stays for its comment, unless that went with the words."""

    text: str | None = None
    gone: bool = False
    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)


def migrate(text: str, to: Version = NEWEST) -> tuple[str, list[Remark]]:
    """The text in the words of that version, and what to look at, in the order of the lines."""
    document = Document.parse(to_bytes(text))
    remarks = migrate_document(document, to)
    return from_bytes(document.write()), remarks


def migrate_document(document: Document, to: Version = NEWEST) -> list[Remark]:
    """Changes the lines that are old, and no others; what to look at, by the numbers that the lines had."""
    standard.load()
    document.place()
    sections = read(document)
    remarks: list[Remark] = []
    edits: dict[int, Edit] = {}
    for section in sections:
        edits |= _section(section, sections, to, remarks)
    indents = {line.number: _indent(section, document) for section in sections for line in section.lines}
    indents |= {s.header.number: _indent(s, document) for s in sections if s.header is not None}
    for number in sorted(edits, reverse=True):  # from the end, so that the places of the others stay
        _apply(document, number - 1, edits[number], indents[number])
    return sorted(remarks, key=lambda remark: remark.line)


def _indent(section: OldSection, document: Document) -> str:
    """How the lines of a section stand."""
    lines = (document.lines[line.number - 1] for line in section.lines if line.words)
    return next((line.indent for line in lines if not line.directive), "    ")


def _section(section: OldSection, sections: list[OldSection], to: Version, remarks: list[Remark]) -> dict[int, Edit]:
    answers = {}
    for line in section.lines:
        translation = find(line.words)
        if translation is None:
            continue
        try:
            answer = translation(Question(line, section, sections, to))
            _fits(answer, line, section)
        except Unclear as reason:
            remarks.append(Remark(line.number, f"'{_name(line)}' is kept: {reason}", True))
        else:
            if answer != Answer([" ".join(line.raws)]):
                answers[line.number] = answer
    _keep_together(section, answers, remarks)
    edits = _edits(section, answers, remarks)
    for number, answer in answers.items():
        if answer.remark:
            remarks.append(Remark(number, answer.remark, False))
    return _header(section, to, remarks) | edits


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
    """Rules on raw lines run in one order: where one of them is kept, the others of its direction are too, and lines
    that they might find."""
    for direction in ("req", "rsp"):
        raw = [line for line in section.lines if _raw(line, direction)]
        kept = [line for line in raw if line.number not in answers]
        if not kept:
            continue
        for line in raw:
            _keep(line, f"it runs in one order with line {kept[0].number}", answers, remarks)
        for line in section.lines:
            if line.words[:1] == [f"{direction}add"]:
                finder = next((rule for rule in raw if _finds(rule, line)), None)
                if finder is not None:
                    _keep(line, f"line {finder.number} must not see what it adds", answers, remarks)


def _keep(line: OldLine, reason: str, answers: dict[int, Answer], remarks: list[Remark]) -> None:
    if answers.pop(line.number, None) is not None:
        remarks.append(Remark(line.number, f"'{_name(line)}' is kept: {reason}", True))


def _name(line: OldLine) -> str:
    """How a remark calls a line."""
    return " ".join(line.words[: 2 if line.words[0] in ("option", "mode") else 1])


def _raw(line: OldLine, direction: str) -> bool:
    return bool(line.words) and line.words[0].startswith(direction) and line.words[0] not in _ADDING


def _finds(rule: OldLine, adding: OldLine) -> bool:
    """Whether the expression of a rule on raw lines may match the line that another one adds."""
    if len(rule.words) < 2 or "${" in rule.words[1] or len(adding.words) < 2:
        return True
    try:
        regex = compile_pattern(to_bytes(rule.words[1]), ignore_case=rule.words[0].startswith(("reqi", "rspi")))
    except ValueError:
        return True
    return regex.search(to_bytes(adding.words[1])) is not None


def _header(section: OldSection, to: Version, remarks: list[Remark]) -> dict[int, Edit]:
    line = section.header
    if line is None:
        return {}
    if line.words[0] == "program" and to >= (3, 3):
        remarks.append(Remark(line.number, "'program' is kept: HAProxy supervises no other programs any more", True))
    if line.words[0] not in ("listen", "frontend") or len(line.words) < 3 or line.words[2] == "from":
        return {}
    return {line.number: Edit(" ".join(line.raws[:2]), behind=[f"bind {' '.join(line.raws[2:])}"])}


def _edits(section: OldSection, answers: dict[int, Answer], remarks: list[Remark]) -> dict[int, Edit]:
    """The answers as edits of lines; rules that have to stand before or behind others are moved there."""
    edits: dict[int, Edit] = {}
    for place in ("http-request", "http-response"):
        _move(section, place, answers, edits, remarks)
    for number, answer in answers.items():
        texts = answer.first + answer.here + answer.late
        edit = edits.setdefault(number, Edit())
        edit.text = texts[0] if texts else ""
        edit.behind[:0] = texts[1:]
    return edits


def _move(
    section: OldSection, place: str, answers: dict[int, Answer], edits: dict[int, Edit], remarks: list[Remark]
) -> None:
    """Moves new rules of one place to where the old ones ran, or keeps the old ones where they cannot move."""
    lines = section.lines
    modern = [line for line in lines if line.words[:1] == [place]]
    first = [line for line in lines if _rules_of(answers.get(line.number), place, "first")]
    if modern:
        for line in [line for line in first if line.number > modern[0].number]:
            obstacle = _obstacle(line, modern[0], answers[line.number].first, section)
            if obstacle:
                _keep(line, obstacle, answers, remarks)
                first.remove(line)
                continue
            rules, answers[line.number].first = answers[line.number].first, []
            edits.setdefault(modern[0].number, Edit()).before += _with_note(line, rules, answers, edits)
    late = [line for line in lines if _rules_of(answers.get(line.number), place, "late")]
    adds = [line for line in late if line.words[0] in _ADDING]
    raws = [line for line in late if line not in adds]
    in_order = not adds or not raws or raws[-1].number < adds[0].number
    others = [*modern[-1:], *first[-1:]]
    if not late or (in_order and all(line.number < late[0].number for line in others)):
        return
    if len({line.block for line in others + late}) > 1:
        for line in late:
            _keep(line, "its place is behind a rule in another branch of '.if'", answers, remarks)
        return
    end = edits.setdefault(max(line.number for line in others + late), Edit())
    for line in raws + adds:
        rules, answers[line.number].late = answers[line.number].late, []
        end.behind += _with_note(line, rules, answers, edits)


def _with_note(line: OldLine, rules: list[str], answers: dict[int, Answer], edits: dict[int, Edit]) -> list[str]:
    """Rules that leave their line; they take its comment along when they leave nothing behind."""
    answer = answers[line.number]
    if answer.first or answer.here or answer.late:
        return rules
    edits.setdefault(line.number, Edit()).gone = True
    return [rules[0] + line.note, *rules[1:]]


def _obstacle(line: OldLine, anchor: OldLine, rules: list[str], section: OldSection) -> str:
    """Why the new rules of a line cannot stand before another line; empty when they can."""
    if anchor.block != line.block:
        return "its place is before a rule in another branch of '.if'"
    words = {word.lstrip("!") for rule in rules for word in rule.split()}
    for other in section.lines:
        if other.number > anchor.number and other.words[:1] == ["acl"] and set(other.words[1:2]) & words:
            return f"its place is before line {anchor.number}, where '{other.words[1]}' is not known yet"
    return ""


def _rules_of(answer: Answer | None, place: str, which: str) -> bool:
    return answer is not None and any(rule.startswith(f"{place} ") for rule in getattr(answer, which))


def _apply(document: Document, index: int, edit: Edit, indent: str) -> None:
    line = document.lines[index]
    indent = line.indent if line.tokens and not line.opens else indent
    end = line.end  # of the last line that stands here then: a file without a last line feed stays one
    for text in reversed(edit.behind):
        document.insert(index, indent + text, end)
        end = line.end
    if edit.text:
        line.replace([token.raw for token in SourceLine(edit.text, "").tokens])
    elif edit.text is not None and line.comment.strip() and not edit.gone:
        line.replace([])
    elif edit.text is not None:
        document.remove(index)
    for text in reversed(edit.before):
        document.insert(index - 1, indent + text, document.end)


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
        document = Document.parse(Path(options.file).read_bytes(), options.file)
        remarks = migrate_document(document, options.to)
        data = document.write()
        if options.output:
            Path(options.output).write_bytes(data)
        elif options.write:
            replace(options.file, data)
        else:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    except OSError as error:
        print(f"pylb migrate: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    for remark in remarks:
        print(f"{options.file}:{remark.line}: {'kept' if remark.kept else 'look'}: {remark.message}", file=sys.stderr)
    return 1 if remarks else 0
