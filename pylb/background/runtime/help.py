"""`help`, and what an unknown command is answered with: the commands that were probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pylb import registry
from pylb.background.runtime.call import LEVELS
from pylb.registry import Kind, Word

LAST = ("help", "prompt", "quit")  # HAProxy always lists these at the end


def summary(word: Word) -> str:
    """The first sentence of a command's manual entry, in the manner of HAProxy's list."""
    sentence = word.doc.split("\n\n")[0].replace("\n", " ").strip().split(". ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def _line(word: Word) -> str:
    usage = f"{word.name} {word.usage}".rstrip()
    return f"  {usage:<40}: {summary(word)}\n"


def _listed(level: str, experimental: bool = False, expert: bool = False) -> list[Word]:
    """Commands in alphabetical order, without those that need a mode which is off, nor the last three."""
    modes = {None, *(["experimental"] if experimental else []), *(["expert"] if expert else [])}
    found = [
        word
        for word in registry.words(Kind.COMMAND)
        if word.facts.get("mode") in modes and word.name not in LAST and not word.facts.get("hidden")
    ]
    return sorted(found, key=lambda word: word.name)


def _render(words: Iterable[Word]) -> str:
    last = [word for name in LAST if (word := registry.find(Kind.COMMAND, name)) is not None]
    return "".join(_line(word) for word in [*words, *last])


def matching(words: list[str], candidates: list[Word]) -> list[Word]:
    """Commands that begin with these words; else those whose words look like them."""
    if not words:
        return []
    prefix = " ".join(words)
    exact = [word for word in candidates if word.name == prefix or word.name.startswith(prefix + " ")]
    if exact:
        return exact
    first = [word for word in candidates if word.name.split(" ")[0] == words[0]]
    if first and len(words) > 1:
        near = difflib.get_close_matches(words[1], {w.name.split(" ")[1] for w in first if " " in w.name}, 5, 0.4)
        return [word for word in first if " " in word.name and word.name.split(" ")[1] in near]
    near = difflib.get_close_matches(prefix, [word.name for word in candidates], 5, 0.5)
    return [word for word in candidates if word.name in near]


def help_text(words: list[str], level: str, **modes: bool) -> str:
    candidates = _listed(level, **modes)
    found = matching(words, candidates) if words else candidates
    return "The following commands are valid at this level:\n" + _render(found or candidates)


def unknown_text(words: list[str], level: str, **modes: bool) -> str:
    candidates = _listed(level, **modes)
    found = matching(words, candidates)
    if found:
        return "Unknown command, but maybe one of the following ones is a better match:\n" + _render(found)
    return "Unknown command. Please enter one of the following commands only:\n" + _render(candidates)


def find(words: list[str]) -> tuple[Word, int] | None:
    """The command these words begin with, the longest name first, and how many words its name has."""
    for count in range(min(3, len(words)), 0, -1):
        word = registry.find(Kind.COMMAND, " ".join(words[:count]))
        if word is not None:
            return word, count
    return None


def allowed(word: Word, level: str) -> bool:
    return LEVELS.index(level) >= LEVELS.index(word.facts["level"])
