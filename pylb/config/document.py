"""A configuration file as it was written, for programs that edit it: nothing is lost, and only what is changed changes.

    Document.parse(data, name) -> document -> document.write()    the same bytes, whatever they were

Lines keep their indent, the words as written (quotes and backslashes included), their comment and their own line end.
Where words begin and end is asked of the lexer itself, so that the two cannot disagree; a line that the lexer refuses
keeps its text and says why (`broken`). Sections are known by the registry: without declared words there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pylb import registry
from pylb.config.lexer import from_bytes, quoted, split
from pylb.config.words import to_bytes
from pylb.registry import Kind

__all__ = ["Document", "SourceLine", "Token", "quoted"]

_BLANKS: Final = " \t\v\f"


def _present(_: str) -> str:
    """Every variable has a value of one word: only where words stand is wanted here."""
    return "x"


@dataclass(frozen=True, slots=True)
class Token:
    """One word as it is written, and its columns [start, end)."""

    raw: str
    start: int
    end: int


def _common(some: list[str], others: list[str]) -> int:
    """How many words two lists begin with in common."""
    count = 0
    for one, other in zip(some, others, strict=False):
        if one != other:
            break
        count += 1
    return count


class SourceLine:
    """One line of a file. `section` is the word of the section it stands in, and `opens` whether it opens it."""

    __slots__ = (
        "broken",
        "comment",
        "directive",
        "end",
        "gap",
        "indent",
        "number",
        "opens",
        "section",
        "text",
        "tokens",
        "word",
    )

    def __init__(self, text: str, end: str, number: int = 0) -> None:
        self.number = number
        self.end = end
        self.section = ""
        self.opens = False
        self._read(text)

    def __repr__(self) -> str:
        return f"SourceLine({self.number}, {self.text!r}, {self.end!r})"

    def _read(self, text: str) -> None:
        self.text = text
        words, edges, error = split(text, _present)
        self.broken = error.message if error is not None else ""
        self.tokens = [Token(text[start:end], start, end) for start, end in edges]
        self.word = words[0] if words else ""
        self.directive = self.word.startswith(".")
        self.indent = text[: len(text) - len(text.lstrip(_BLANKS))]
        rest = text[self.tokens[-1].end if self.tokens else len(self.indent) :]
        self.comment = rest.lstrip(_BLANKS)  # begins with '#', or with a carriage return, which ends a line too
        self.gap = rest[: len(rest) - len(self.comment)]

    @property
    def scope(self) -> bool:
        """`[name]`, which the reader takes before it looks for words."""
        return self.text.lstrip(" \t").startswith("[")

    @property
    def blank(self) -> bool:
        return not self.tokens and not self.broken and not self.comment.strip("\r" + _BLANKS)

    def replace(self, raws: list[str]) -> None:
        """Other words; indent, comment, line end and the blanks around words that stay where they are, stay too."""
        tokens = self.tokens
        if not tokens or not raws:
            gap = " " if raws and self.comment.startswith("#") else ""
            self.rewrite(self.indent + " ".join(raws) + gap + self.comment)
            return
        same = _common([token.raw for token in tokens], raws)
        behind = _common([token.raw for token in reversed(tokens[same:])], raws[same:][::-1])
        middle = " ".join(raws[same : len(raws) - behind])
        first, last = same, len(tokens) - behind  # the words that go
        if middle and first < last:
            start, end = tokens[first].start, tokens[last - 1].end
        elif middle:
            start = end = tokens[first].start if behind else tokens[-1].end
            middle = f"{middle} " if behind else f" {middle}"
        elif behind:
            start, end = tokens[first].start, tokens[last].start
        else:
            start, end = tokens[first - 1].end, tokens[-1].end
        self.rewrite(self.text[:start] + middle + self.text[end:])

    def set(self, index: int, raw: str) -> None:
        """Another word in one place; all blanks stay."""
        token = self.tokens[index]
        self.rewrite(self.text[: token.start] + raw + self.text[token.end :])

    def rewrite(self, text: str) -> None:
        """Another text for the line."""
        if "\n" in text:
            raise ValueError("a line of a configuration cannot hold a line feed")
        self._read(text)


class Document:
    """A file, line by line."""

    def __init__(self, name: str, lines: list[SourceLine]) -> None:
        self.name = name
        self.lines = lines
        self.place()

    @classmethod
    def parse(cls, data: bytes, name: str = "") -> Document:
        """Takes any bytes, and never raises."""
        pieces = from_bytes(data).split("\n")
        last = pieces.pop()
        lines = [
            SourceLine(text[:-1], "\r\n", number) if text.endswith("\r") else SourceLine(text, "\n", number)
            for number, text in enumerate(pieces, 1)
        ]
        if last:
            lines.append(SourceLine(last, "", len(lines) + 1))
        return cls(name, lines)

    def write(self) -> bytes:
        return to_bytes("".join(line.text + line.end for line in self.lines))

    @property
    def end(self) -> str:
        """The line end that the file uses: that of its first line."""
        return (self.lines[0].end if self.lines else "") or "\n"

    def insert(self, after: int, text: str, end: str | None = None) -> SourceLine:
        """A new line behind the one at index `after`; -1 puts it first."""
        if "\n" in text:
            raise ValueError("a line of a configuration cannot hold a line feed")
        line = SourceLine(text, self.end if end is None else end)
        if after >= 0 and not self.lines[after].end:
            self.lines[after].end = self.end
        self.lines.insert(after + 1, line)
        self.place()
        return line

    def remove(self, index: int) -> None:
        """Takes out the line at an index of `lines`."""
        del self.lines[index]
        self.place()

    def place(self) -> None:
        """Numbers the lines and finds their sections; to be called again when a header was rewritten by hand."""
        sections = registry.table(Kind.SECTION)
        section = ""
        for number, line in enumerate(self.lines, 1):
            line.number = number
            line.opens = not line.broken and not line.scope and line.word in sections
            if line.opens:
                section = line.word
            line.section = section
