"""dynamic-update: files that are fetched anew while the process runs (HAProxy Enterprise, from 1.5 on).

UNSAFE: a map or list that stays as it was at the start lets a client pass that should be barred by now, or sends it to
where nobody is any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pylb.config.model import Record
from pylb.config.section_shapes import take_timer
from pylb.config.sections import no_more_words
from pylb.config.units import take_integer
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Status, keyword, section

if TYPE_CHECKING:
    from pylb.config.words import Line, Words

TEXTS: Final = ("id", "url")
TIMES: Final = ("delay", "timeout")
FLAGS: Final = ("map", "checksum", "hash")
KNOWN: Final = (*TEXTS, *TIMES, "retries", *FLAGS)


@section("dynamic-update", usage="", status=Status.HARMLESS)
def open_updates(line: Line) -> Record:
    """Files that are fetched anew while the process runs (HAProxy Enterprise)."""
    no_more_words(line, 1)
    records = line.config.sections.setdefault("dynamic-update", {})
    return records.setdefault("", Record("dynamic-update", "", line.span))


@keyword(
    "update",
    places="dynamic-update",
    usage="id <file> url <url> [delay <time>] [timeout <time>] [retries <number>] [map] [checksum] [hash]",
    status=Status.UNSAFE,
    note="files stay as they were at the start",
)
def update(line: Line) -> None:
    """A file of the configuration, and the address that its new content is fetched from: every `delay`, waiting for
    `timeout` and trying again `retries` times. `map` says that it is a map; `checksum` and `hash` that the content is
    only taken when it differs.

    Errors: no `id` or `url`, an address that is not http:// or https://, a word twice or unknown, a file twice.
    """
    words = line.args()
    given: dict[str, str | int | bool] = {}
    while not words.end:
        name = words.next()
        if name not in KNOWN:
            words.fail(f"'update' : unknown keyword '{name}'{did_you_mean(name, KNOWN) or '.'}")
        if name in given:
            words.fail(f"'update' : '{name}' is set twice.")
        given[name] = _value(words, name)
    for name in TEXTS:
        if name not in given:
            raise ConfigError(
                f"'update' expects '{name}' with {'a file' if name == 'id' else 'an address'}.", line.span
            )
    known = line.record.get("update", ())
    if any(other["id"] == given["id"] for other in known):
        raise ConfigError(f"'update' : the file '{given['id']}' is updated by another line already.", line.span)
    line.record.append("update", given, line.span)


def _value(words: Words, name: str) -> str | int | bool:
    if name in FLAGS:
        return True
    missing = f"'update' : '{name}' expects a value."
    if name in TIMES:
        return take_timer(words, name, missing=missing)
    if name == "retries":
        return take_integer(words, name, low=0, missing=missing)
    text = words.next(missing)
    if text in KNOWN:
        words.fail(missing)
    if name == "url":
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            words.fail(f"'update' : 'url' expects an address that begins with http:// or https://, got '{text}'.")
    return text
