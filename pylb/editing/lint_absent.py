"""Lines that name files or hosts which this machine does not know, for `pylb lint --no-files`.

A configuration is often looked at where its certificates, maps and error pages are not, nor the names of its network.
The words of the configuration room refuse such a line; here it is read again with the file's name taken out or, where
an option needs one, with the name of an empty file, and with an address for the host, so that the rest of the line
counts. What is said of that line after this is about our stand-in,
and dropped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final, NamedTuple

from pylb.config.words import Line
from pylb.errors import ConfigError, Report, Severity, Span

UNREADABLE: Final = re.compile(
    r"unable to (?:stat|open|load)|failed to open|error opening|cannot open|[Cc]ould(?:n't| not) open|No such file"
)
_ADDRESSED: Final = ("bind", "server", "default-server", "server-template")
"""Lines whose options may be left out, together with the word before the file's name."""
_GROWING: Final = ("binds", "servers")
"""What a line has added to its section by the time it is refused."""
_EMPTY: Final = "/dev/null"
HOST: Final = re.compile(
    r"invalid address: '(?P<host>(?=[^']*[A-Za-z])[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)' in '(?P=host)"
)
_PIECES: Final = re.compile(r"[(),\[\]]")
_FILE: Final = re.compile(r"['<](?P<quoted>[^'<>]+)['>]|(?P<plain>[^\s'<>]+?)\s*:(?:\s|$)")


class AbsentFile(NamedTuple):
    """A file or a host that is not known here, and the word that names it."""

    span: Span
    path: str


class Missing(NamedTuple):
    """What a message speaks of: the word of the line that names it, how it is written there, its path or name."""

    at: int
    written: str
    path: str
    host: bool = False


def missing(message: str, line: Line) -> Missing | None:
    """The file that the message calls unreadable, when a word of the line names it and it is not there; or the host
    that it finds no address for."""
    unknown = HOST.search(message)
    if unknown is not None:
        host = unknown["host"]
        words = enumerate(line.words[1:], 1)
        return next((Missing(at, host, host, True) for at, word in words if word.startswith(host)), None)
    opening = UNREADABLE.search(message)
    match = _FILE.search(message, opening.end()) if opening is not None else None
    if match is None:
        return None
    path = match["quoted"] or match["plain"]
    if os.path.lexists(path):
        return None
    for at, word in enumerate(line.words[1:], 1):
        for piece in _PIECES.split(word):
            if piece and (path == piece or path.endswith(f"/{piece}")):
                return Missing(at, piece, path)
    return None


class AbsentFiles:
    """What was found so far in one configuration."""

    def __init__(self) -> None:
        self.found: list[AbsentFile] = []
        self.hosts: list[AbsentFile] = []
        self.lines: set[tuple[str, int]] = set()
        self.lua = False

    def excuses(self, message: str, span: Span) -> bool:
        """Whether a complaint only comes from a file that is not there."""
        return (span.file, span.line) in self.lines or (self.lua and "lua" in message)

    def dispatch(self, line: Line, dispatch: Callable[[Line], None], report: Report) -> None:
        """Lets the line be read, again for each file that it lacks; its words are its own afterwards."""
        words, spans = line.words, line.spans
        items = report.items
        lists = [found for name in _GROWING if isinstance(found := getattr(line.record, name, None), list)]
        lengths = [len(one) for one in lists]
        try:
            for _ in words:
                before = len(items)
                error: ConfigError | None = None
                try:
                    dispatch(line)
                except ConfigError as caught:
                    error = caught
                said = [item.message for item in items[before:] if item.severity is Severity.ALERT]
                said += [error.message] if error is not None else []
                absent = next(filter(None, (missing(message, line) for message in said)), None)
                if absent is None:
                    excused = (line.span.file, line.span.line) in self.lines
                    if error is not None and not excused and not self.excuses(error.message, line.span):
                        raise error
                    return
                del items[before:]
                for one, length in zip(lists, lengths, strict=True):
                    del one[length:]
                self._without(line, absent)
        finally:
            line.words, line.spans = words, spans

    def _without(self, line: Line, absent: Missing) -> None:
        at, written, path, host = absent
        (self.hosts if host else self.found).append(AbsentFile(line.spans[at], path))
        self.lines.add((line.span.file, line.span.line))
        self.lua = self.lua or line.name.startswith("lua-load")
        if host:  # one for each, of a network that nobody uses (RFC 5737)
            address = f"203.0.113.{len(self.hosts) % 254 + 1}"
            line.words = [*line.words[:at], line.words[at].replace(written, address, 1), *line.words[at + 1 :]]
        elif line.words[0] in _ADDRESSED and line.words[at] == written:
            line.spans = [*line.spans[: at - 1], *line.spans[at + 1 :]]
            line.words = [*line.words[: at - 1], *line.words[at + 1 :]]
        else:
            line.words = [*line.words[:at], line.words[at].replace(written, _EMPTY), *line.words[at + 1 :]]
