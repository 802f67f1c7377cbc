"""What `pylb migrate` works on: a file as lines of raw words, and what a translation says of one of them.

A line keeps its indent, its comment and its end; a translation gives other words, in raw form (as they are written,
quotes included), or several lines, or none. Words that stand for variables are never taken apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pylb.config import lexer
from pylb.config.document import Document
from pylb.config.words import to_bytes

Version = tuple[int, int]


class Unclear(Exception):
    """A line that has no exact form today: it stays, and the reason is listed."""


@dataclass(slots=True)
class OldLine:
    """One line of a file with its words, as written and as read."""

    number: int
    indent: str
    raws: list[str]
    words: list[str]
    tail: str  # blanks and comment behind the words
    end: str
    text: str  # the whole line, without its end


@dataclass(slots=True)
class OldSection:
    """A section header with the lines up to the next one. The lines before the first section have none."""

    header: OldLine | None
    lines: list[OldLine] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return self.header.words[0] if self.header is not None and self.header.words else ""

    @property
    def indent(self) -> str:
        return next((line.indent for line in self.lines if line.words), "    ")

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
        """The mode of the section: its own, or that of the last defaults before it."""
        mode = "tcp"
        for section in self.sections:
            if section.kind == "defaults" or section is self.section:
                for line in section.lines:
                    mode = line.words[1] if line.words[:1] == ["mode"] and len(line.words) > 1 else mode
            if section is self.section:
                break
        return mode


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


def read(text: str) -> list[OldSection]:
    """The sections of a text, in order; the first one holds what stands before any header."""
    sections = [OldSection(None)]
    for one in Document.parse(to_bytes(text)).lines:
        words = [] if one.broken else lexer.split(one.text, variable)[0]
        raws = [token.raw for token in one.tokens] if words else []
        line = OldLine(one.number, one.indent, raws, words, one.gap + one.comment, one.end, one.text)
        if one.opens:
            sections.append(OldSection(line))
        else:
            sections[-1].lines.append(line)
    return sections


def format_text(text: str) -> str:
    """A literal text as a log format."""
    return text.replace("%", "%%")
