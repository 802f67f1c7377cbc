"""One line of text -> words with their places (HAProxy manual, sections 2.2 and 2.3).

Words are separated by spaces and tabs. A backslash takes the meaning of the next character away, or writes \\n, \\r,
\\t, \\xNN; "..." keeps separators but expands variables and escapes; '...' keeps everything; `#` starts a comment
outside quotes; a carriage return or the end of the text ends the line. Variables, only inside double quotes:
`$NAME`, `${NAME}`, `${NAME-default}`, `${NAME[*]}` (one word per value), and the pseudo-variables `.FILE`, `.LINE`,
`.SECTION`. The lexer never raises for text: what is wrong comes back as an error beside the words found before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from pylb.config.words import to_bytes
from pylb.errors import Span

PSEUDO_VARIABLES = (".FILE", ".LINE", ".SECTION")
MAX_WORDS = 64  # HAProxy's limit per line, kept so that a file that loads here also loads there

_PLAIN_LINE = re.compile(r"[ !$-&(-\[\]-~\t\v\f]*\Z")  # ASCII without quotes, backslashes and comments
_SIMPLE_LINE = re.compile(r"[^\"'\\#\r\0]*\Z")
_SIMPLE_WORD = re.compile(r"[^ \t\v\f]+")
_PLAIN = re.compile(r"[^ \t\v\f\r\0\\\"'#]+")  # outside quotes
_WEAK = re.compile(r"[^\r\0\\\"$]+")  # inside "..."
_STRONG = re.compile(r"[^\r\0']+")  # inside '...'
_BLANKS = " \t\v\f"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|\.[A-Za-z0-9_]*")
_HEX = re.compile(r"[0-9A-Fa-f]{2}")
_SPACES = re.compile(r"[ \t\v\f\r]+")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", **{char: char for char in " \\\"'#"}}
_NOT_STRONG = re.compile(r"['\r\n\0]")  # characters that '...' cannot hold
_WRITTEN = {
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\x0b",
    "\f": "\\x0c",
    **{char: f"\\{char}" for char in " \\\"'#"},
}
_WEAK_ESCAPES = {**_ESCAPES, "$": "$"}


def from_bytes(data: bytes) -> str:
    """The text of configuration bytes; the opposite of `words.to_bytes`."""
    return data.decode("utf-8", "surrogateescape")


Lookup = Callable[[str], str | None]


class Spans(Sequence[Span]):
    """The places of a line's words, made into Spans only when one is asked for."""

    __slots__ = ("_edges", "file", "line", "text")

    def __init__(self, file: str, line: int, text: str, edges: list[tuple[int, int]] | None = None) -> None:
        self.file = file
        self.line = line
        self.text = text
        self._edges = edges  # None for a plain line: found when a place is asked for

    @property
    def edges(self) -> list[tuple[int, int]]:
        edges = self._edges
        if edges is None:
            edges = self._edges = [match.span() for match in _SIMPLE_WORD.finditer(self.text)]
        return edges

    def _first(self) -> Span:
        """The place of the first word, which every line needs and few lines more."""
        text = self.text
        start = len(text) - len(text.lstrip(_BLANKS))
        return Span(self.file, self.line, start, start + len(text.split(None, 1)[0]), text)

    def __len__(self) -> int:
        return len(self.edges)

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        if index == 0 and self._edges is None:
            return self._first()
        if isinstance(index, slice):
            return [Span(self.file, self.line, a, b, self.text) for a, b in self.edges[index]]
        start, end = self.edges[index]
        return Span(self.file, self.line, start, end, self.text)

    def __iter__(self) -> Iterator[Span]:
        return (Span(self.file, self.line, a, b, self.text) for a, b in self.edges)


class LexError(Exception):
    """Internal to the lexer's control flow and returned, not raised, by `split`: what is wrong and where.

    `shown` is the sentence with the position and the line under it, as HAProxy prints it.
    """

    def __init__(self, message: str, position: int, *, pointed: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.position = position  # 0-based index into the text
        self.pointed = pointed

    def shown(self, text: str) -> str:
        column = len(to_bytes(text[: self.position])) + 1
        if not self.pointed:
            return f"{self.message} at position {column}."
        line, offset = excerpt(text, self.position)
        return f"{self.message} at position {column}:\n  {line}\n  {' ' * offset}^"


def excerpt(text: str, position: int, width: int = 80) -> tuple[str, int]:
    """The part of a line that shows `position` within `width` characters, and the offset of the position in it."""
    indent = len(text) - len(text.lstrip(_BLANKS))
    line, at = text[indent:].rstrip("\r"), max(0, position - indent)
    if at >= width - 3:
        cut = at - width // 2
        line, at = "..." + line[cut + 3 :], at - cut
    if len(line) > width:
        line = line[: width - 3] + "..."
    return "".join(c if c.isprintable() else "?" for c in line), at


def plain(text: str) -> list[str] | None:
    """Words of a line in which nothing but blanks has a meaning, as most lines are; None for any other line."""
    if _PLAIN_LINE.match(text) is None:
        return None
    words = text.split()
    return words if len(words) <= MAX_WORDS else None


def quoted(word: str) -> str:
    """A way to write a word that is read back as the same word, wherever it stands in a line."""
    if word and plain(word) == [word]:
        return word
    if not _NOT_STRONG.search(word):
        return f"'{word}'"
    return "".join(_WRITTEN.get(char, char) for char in word)


def split(text: str, lookup: Lookup) -> tuple[list[str], list[tuple[int, int]], LexError | None]:
    """Words of a line (without its line feed), the [start, end) of each, and the first error if there is one."""
    if _SIMPLE_LINE.match(text):
        matches = list(_SIMPLE_WORD.finditer(text))
        words = [match.group() for match in matches]
        edges = [match.span() for match in matches]
    else:
        scanner = _Scanner(text, lookup)
        try:
            scanner.run()
        except LexError as error:
            return scanner.words, scanner.edges, error
        words, edges = scanner.words, scanner.edges
    if len(words) > MAX_WORDS:
        # HAProxy counts in its unquoted copy of the line, where one byte follows each word.
        column = sum(len(to_bytes(word)) + 1 for word in words[: MAX_WORDS - 1]) + 1
        message = f"too many words, truncating after word {MAX_WORDS}, position {column}: <{words[MAX_WORDS - 1]}>."
        return words[:MAX_WORDS], edges[:MAX_WORDS], LexError(message, -1)
    return words, edges, None


class _Scanner:
    """State of one pass over a line that needs more than splitting."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self.text = text
        self.lookup = lookup
        self.at = 0
        self.words: list[str] = []
        self.edges: list[tuple[int, int]] = []
        self.parts: list[str] | None = None  # of the word being read; None between words
        self.start = 0
        self.bytewise = False  # \xNN wrote single bytes: characters have to be found anew

    def run(self) -> None:
        text, size = self.text, len(self.text)
        while self.at < size:
            char = text[self.at]
            if char in _BLANKS:
                self.close()
                self.at += 1
            elif char in "\r#":
                break
            elif char == "\0":
                raise LexError("Stray NUL character", self.at, pointed=False)
            else:
                self.open()
                self.take(char)
        self.close()

    def take(self, char: str) -> None:
        """Reads one piece of a word outside quotes."""
        if char == "\\":
            self.escape(_ESCAPES)
        elif char == '"':
            self.weak()
        elif char == "'":
            self.strong()
        else:
            self.run_of(_PLAIN)

    def open(self) -> None:
        if self.parts is None:
            self.parts, self.start = [], self.at

    def close(self) -> None:
        if self.parts is not None:
            # A NUL written as \x00 ends a C string, and with it the word.
            word = "".join(self.parts).partition("\0")[0]
            self.words.append(from_bytes(to_bytes(word)) if self.bytewise else word)
            self.edges.append((self.start, self.at))
            self.parts = None

    def emit(self, piece: str) -> None:
        assert self.parts is not None
        self.parts.append(piece)

    def run_of(self, pattern: re.Pattern[str]) -> bool:
        match = pattern.match(self.text, self.at)
        if match is None:
            return False
        self.emit(match.group())
        self.at = match.end()
        return True

    def escape(self, known: dict[str, str]) -> None:
        """A backslash sequence; one that is not known stays as it is, backslash included."""
        after = self.text[self.at + 1 : self.at + 2]
        if after == "x":
            digits = _HEX.match(self.text, self.at + 2)
            if digits is None:
                raise LexError("truncated or invalid hexadecimal sequence", self.at)
            self.emit(from_bytes(bytes([int(digits.group(), 16)])))
            self.bytewise = True
            self.at += 4
        elif after in known:
            self.emit(known[after])
            self.at += 2
        else:
            self.emit("\\")
            self.at += 1

    def strong(self) -> None:
        opened = self.at
        self.at += 1
        self.run_of(_STRONG)
        self.unquote("'", opened)

    def weak(self) -> None:
        opened = self.at
        self.at += 1
        while True:
            if self.run_of(_WEAK):
                continue
            char = self.text[self.at : self.at + 1]
            if char == "\\":
                self.escape(_WEAK_ESCAPES)
            elif char == "$":
                self.variable()
            else:
                return self.unquote('"', opened)

    def unquote(self, quote: str, opened: int) -> None:
        char = self.text[self.at : self.at + 1]
        if char == "\0":
            raise LexError("Stray NUL character", self.at, pointed=False)
        if char != quote:
            raise LexError("unmatched quote", opened)
        self.at += 1

    def variable(self) -> None:
        at = self.at + 1
        brace = at if self.text[at : at + 1] == "{" else -1
        at += brace >= 0
        match = _NAME.match(self.text, at)
        name = match.group() if match is not None else ""
        pseudo = name.startswith(".")
        if not name or (pseudo and name not in PSEUDO_VARIABLES):
            raise LexError("forbidden first char in environment variable name", at)
        at, value, many = at + len(name), self.lookup(name), False
        if brace >= 0:
            if self.text.startswith("[", at):
                if not self.text.startswith("[*]", at):
                    raise LexError("truncated or invalid word expansion sequence", at)
                at, many = at + 3, True
            end = self.text.find("}", at)
            if self.text.startswith("-", at) and end >= 0 and not pseudo:
                value, at = (self.text[at + 1 : end] if value is None else value), end
            if not self.text.startswith("}", at):
                raise LexError("unmatched brace in environment variable name", brace)
            at += 1
        if value:
            self.expand(value, many)
        self.at = at

    def expand(self, value: str, many: bool) -> None:
        if not many:
            return self.emit(value)
        for number, piece in enumerate(_SPACES.split(value)):
            if number:
                self.close()
                self.parts = []
            self.emit(piece)
