"""One line of configuration as keyword code sees it: words with places, and a cursor over them.

`Line` is made by the reader; `Words` walks it. Keyword code never slices lists or counts indexes: it takes words
from the cursor, and every error knows the word it is about.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from pylb.errors import ConfigError, Span

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig, Record, Use
    from pylb.registry import Word


def to_bytes(text: str) -> bytes:
    """The bytes of a configuration word (files are UTF-8 with arbitrary bytes let through)."""
    return text.encode("utf-8", "surrogateescape")


class Line:
    """One logical line inside a section."""

    __slots__ = ("config", "name", "negated", "place", "record", "reset", "spans", "words")

    def __init__(self, words: list[str], spans: Sequence[Span], config: Configuration, record: Any, place: str) -> None:
        self.words = words  # all words, unquoted, the keyword included
        self.spans = spans  # one per word
        self.config = config
        self.record: Any = record  # Record of the open section (ProxyConfig in proxies)
        self.place = place  # section word: "global", "defaults", "frontend" ...
        self.name = ""  # the keyword as registered, e.g. "timeout client"
        self.negated = False  # `no` stood before the keyword
        self.reset = False  # `default` stood before it: back to what holds without the keyword

    @property
    def span(self) -> Span:
        return self.spans[0]

    @property
    def proxy(self) -> ProxyConfig:
        """The record, for keywords that are only valid in proxies."""
        record: ProxyConfig = self.record
        return record

    def args(self) -> Words:
        """A cursor that stands behind the keyword."""
        return Words(self, self.name.count(" ") + 1)

    def set(self, value: Any) -> None:
        """Stores the value under the keyword's own name."""
        record: Record = self.record
        record.set(self.name, value, self.span)

    def notice(self, message: str, hint: str = "") -> None:
        self.config.report.notice(message, self.span, hint)

    def warning(self, message: str, hint: str = "") -> None:
        self.config.report.warning(message, self.span, hint)


class Words:
    """A cursor over the words of a line."""

    __slots__ = ("index", "line")

    def __init__(self, line: Line, index: int) -> None:
        self.line = line
        self.index = index

    def peek(self, ahead: int = 0) -> str | None:
        at = self.index + ahead
        return self.line.words[at] if at < len(self.line.words) else None

    def next(self, message: str = "") -> str:
        """Takes a word; at the end of the line raises ConfigError(message)."""
        index, words = self.index, self.line.words
        if index >= len(words):
            raise ConfigError(message or f"'{self.line.name}' expects an argument", self.span)
        self.index = index + 1
        return words[index]

    def accept(self, *wanted: str) -> str | None:
        """Takes the next word when it is one of `wanted`."""
        word = self.peek()
        if word is not None and word in wanted:
            self.index += 1
            return word
        return None

    @property
    def end(self) -> bool:
        return self.index >= len(self.line.words)

    def rest(self) -> list[str]:
        """Takes all remaining words."""
        words = self.line.words[self.index :]
        self.index = len(self.line.words)
        return words

    @property
    def span(self) -> Span:
        """Place of the word that is next, or of the last word at the end of the line."""
        return self.line.spans[min(self.index, len(self.line.spans) - 1)]

    @property
    def last_span(self) -> Span:
        """Place of the word taken last."""
        return self.line.spans[max(0, min(self.index, len(self.line.spans)) - 1)]

    def use(self, word: Word) -> Use:
        """Notes that the word taken last is a registered one (`Configuration.use`); only the first needs its place."""
        config = self.line.config
        known = config.used.get(id(word))
        if known is None:
            return config.use(word, self.last_span)
        known.count += 1
        return known

    def fail(self, message: str, hint: str = "", *, last: bool = True) -> NoReturn:
        """Raises ConfigError at the word taken last (or at the next one with last=False)."""
        raise ConfigError(message, self.last_span if last else self.span, hint)

    def finish(self) -> None:
        """Demands that nothing is left."""
        if not self.end:
            name = self.line.name or self.line.words[0]
            self.fail(f"'{name}' cannot handle unexpected argument '{self.peek()}'.", last=False)
