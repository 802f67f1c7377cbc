"""Field names in the case that some peers insist on: `h1-case-adjust` and its file.

Names travel in lower case everywhere; what is sent to a peer of a proxy with `option h1-case-adjust-bogus-client` or
`-server` is gone through once more, line by line.
"""

from __future__ import annotations

from typing import Final

from pylb.config.model import Record
from pylb.errors import NOWHERE, ConfigError

_TELLS: Final = "h1-headers-case-adjust-file"


def names(settings: Record) -> dict[bytes, bytes]:
    """From names in lower case to the form in which they are sent. Raises ConfigError for a bad file."""
    found: dict[str, str] = dict(settings.get("h1-case-adjust", []))
    file = settings.get("h1-case-adjust-file")
    if file:
        _read(file, found)
    return {
        old.encode("utf-8", "surrogateescape"): new.encode("utf-8", "surrogateescape") for old, new in found.items()
    }


def _read(file: str, found: dict[str, str]) -> None:
    """Adds the pairs of a file, one a line; lines that are empty or begin with `#` are not looked at."""
    try:
        with open(file, encoding="utf-8", errors="surrogateescape", newline="\n") as opened:
            lines = opened.read().split("\n")
    except IsADirectoryError:
        return  # as empty, as in HAProxy
    except OSError:
        raise ConfigError(f"{_TELLS} '{file}': failed to open file.", NOWHERE) from None
    for number, line in enumerate(lines, 1):
        line = line.strip(" \t\r")
        if not line or line.startswith("#"):
            continue
        old, *rest = line.split(None, 1)
        if not rest:
            raise ConfigError(f"{_TELLS} '{file}' : expect <to> at line {number}.", NOWHERE)
        if old.lower() != rest[0].lower():
            raise ConfigError(
                f"{_TELLS} '{file}' : <from> and <to> must not differ execpt the case at line {number}.", NOWHERE
            )
        if old in found:
            raise ConfigError(f"{_TELLS} '{file}' : duplicate entry '{old}' at line {number}.", NOWHERE)
        found[old] = rest[0]


def adjusted(lines: bytes, names: dict[bytes, bytes]) -> bytes:
    """A head, or trailers, as pylb writes them, with the names in the other case."""
    split = lines.split(b"\r\n")
    for index, line in enumerate(split):
        name, colon, rest = line.partition(b":")
        new = names.get(name)
        if new is not None and colon:
            split[index] = new + colon + rest
    return b"\r\n".join(split)
