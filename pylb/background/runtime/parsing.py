r"""Bytes of a runtime session -> commands.

Commands end with a line feed or `;`. A backslash keeps the next character from its meaning (`\ ` `\;` `\\`). A line
whose last word is `<<` announces a payload: the following lines up to an empty one. Nothing here can fail, whatever the
bytes.
"""

from __future__ import annotations

from typing import Final

PAYLOAD: Final = "<<"
MAX_LINE: Final = 16384  # tune.bufsize: a longer line or payload ends the session


def split_commands(line: str) -> list[str]:
    """Cuts a line at each `;` that no backslash precedes."""
    parts = []
    start = at = 0
    while at < len(line):
        char = line[at]
        if char == "\\":
            at += 2
            continue
        if char == ";":
            parts.append(line[start:at])
            start = at + 1
        at += 1
    parts.append(line[start:])
    return parts


def split_words(command: str) -> list[str]:
    """Words between spaces and tabs; a backslash takes the next character as it is."""
    words: list[str] = []
    current: list[str] | None = None
    at = 0
    while at < len(command):
        char = command[at]
        at += 1
        if char == "\\" and at < len(command):
            char = command[at]
            at += 1
        elif char in " \t":
            if current is not None:
                words.append("".join(current))
                current = None
            continue
        if current is None:
            current = []
        current.append(char)
    if current is not None:
        words.append("".join(current))
    return words


def announces_payload(line: str) -> bool:
    words = line.split()
    return bool(words) and words[-1] == PAYLOAD
