"""What `pylb migrate` works on: the lines of a document by sections, and what a translation says of one of them.

A translation gives other words, in raw form (as they are written, quotes included), or several lines, or none. Words
that stand for variables are never taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pylb.config import lexer
from pylb.config.document import Document

Version = tuple[int, int]


class Unclear(Exception):
    """A line that has no exact form today: it stays, and the reason is listed."""


@dataclass(slots=True)
class OldLine:
    """One line of a file with its words, as written and as read."""

    number: int
    raws: list[str]
    words: list[str]
    block: tuple[int, ...]  # the branches of `.if` that it stands in
    note: str  # its comment, with the blanks before it


@dataclass(slots=True)
class OldSection:
    """A section header with the lines up to the next one. The lines before the first section have none."""

    header: OldLine | None
    lines: list[OldLine] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.header.words[0] if self.header is not None and self.header.words else ""

    def has(self, *words: str) -> bool:
        return any(line.words[: len(words)] == list(words) for line in self.lines)


@dataclass(slots=True)
class Answer:
    """What becomes of a line: the new lines in its place, others in front of or behind the section's rules."""

    here: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)  # before the first http-request (http-response) rule
    late: list[str] = field(default_factory=list)  # after the last one
    remark: str = ""


@dataclass(slots=True)
class Question:
    """A line in its section, for a translation."""

    line: OldLine
    section: OldSection
    sections: list[OldSection]
    to: Version

    @property
    def mode(self) -> str:
        """The mode of the section: its own, or that of the defaults before it, the named ones where it names some."""
        before = self.sections[: next(i for i, section in enumerate(self.sections) if section is self.section)]
        words = self.section.header.words if self.section.header is not None else []
        origin = words[words.index("from") + 1 :][:1] if "from" in words[1:] else []
        defaults = [
            section
            for section in before
            if section.header is not None
            and section.kind == "defaults"
            and (not origin or section.header.words[1:2] == origin)
        ]
        modes = [
            line.words[1]
            for section in [*defaults[-1:], self.section]
            for line in section.lines
            if line.words[:1] == ["mode"] and len(line.words) > 1
        ]
        return modes[-1] if modes else "tcp"


Translation = Callable[[Question], Answer]
TRANSLATIONS: dict[str, Translation] = {}
"""By the first words of a line, at most three."""


def translates(*names: str) -> Callable[[Translation], Translation]:
    """Declares how lines that begin with these words are written today."""

    def declare(translation: Translation) -> Translation:
        for name in names:
            TRANSLATIONS[name] = translation
        return translation

    return declare


def find(words: list[str]) -> Translation | None:
    start = 1 if words[:1] in (["no"], ["default"]) else 0
    for count in (3, 2, 1):
        found = TRANSLATIONS.get(" ".join(words[start : start + count]))
        if found is not None and len(words) - start >= count:
            return found
    return None


def variable(name: str) -> str:
    """A variable keeps its name: what is written must not depend on the environment of the migration."""
    return f"${{{name}}}"


def read(document: Document) -> list[OldSection]:
    """The sections of a document, in order; the first one holds what stands before any header."""
    sections = [OldSection(None)]
    block: tuple[int, ...] = ()
    for one in document.lines:
        words = [] if one.broken or one.scope else lexer.split(one.text, variable)[0]
        if words[:1] in ([".elif"], [".else"], [".endif"]):
            block = block[:-1]
        raws = [token.raw for token in one.tokens] if words else []
        note = (one.gap or " ") + one.comment.rstrip() if one.comment.startswith("#") else ""
        line = OldLine(one.number, raws, words, block, note)
        if words[:1] in ([".if"], [".elif"], [".else"]):
            block = (*block, one.number)
        if one.opens:
            sections.append(OldSection(line))
        else:
            sections[-1].lines.append(line)
    return sections


def format_text(text: str) -> str:
    """A literal text as a log format."""
    return text.replace("%", "%%")
