"""Kinds of arguments that only a few words have: sets of numbers, statuses, files that must be there.

Each reads one word and gives its value, or raises ValueError with the whole sentence ({name} is the keyword).
"""

from __future__ import annotations

import os
import re

from pylb.config import units
from pylb.config.shapes import KINDS

_RANGE = re.compile(r"(-?[0-9]+)(?:(-)(-?[0-9]*))?\Z")


def numbers(text: str, highest: int) -> tuple[int, int] | str:
    """A set of processes or threads: all, odd, even, N, N-M or N- ; gives the two ends, or the word."""
    if text in ("all", "odd", "even"):
        return text
    match = _RANGE.match(text)
    if match is None:
        raise ValueError(f"'{text}' is not a valid number/range.")
    low = int(match[1][:12])
    high = int(match[3][:12]) if match[3] else highest if match[2] else low
    if low > high:
        low, high = high, low
    if low < 1 or high > highest:
        raise ValueError(f"'{text}' is not a valid number/range. It supports numbers from 1 to {highest}.")
    return low, high


def processes(text: str) -> tuple[int, int] | str:
    """The same in the sentences of a word; files of the age of processes know 64 of them."""
    try:
        return numbers(text, 64)
    except ValueError as error:
        raise ValueError(f"{{name}} : {error}") from None


def statuses(text: str) -> list[tuple[str, int, int]]:
    """`[+-]<range>[,...]`: which statuses count; each is ("", "+" or "-", first, last)."""
    sign = text[:1] if text[:1] in "+-" else ""
    found = []
    for part in text[len(sign) :].split(","):
        match = re.fullmatch(r"([1-5][0-9][0-9])(?:-([1-5][0-9][0-9]))?", part)
        if match is None or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"'{{name}}' : '{part}' is not a status or a range of statuses between 100 and 599.")
        found.append((sign, int(match[1]), int(match[2] or match[1])))
    return found


CAPABILITIES = (
    "cap_net_admin",
    "cap_net_bind_service",
    "cap_net_raw",
    "cap_sys_admin",
)


def capabilities(text: str) -> list[str]:
    """Names of capabilities of Linux, separated by commas."""
    names = text.split(",")
    for name in names:
        if name not in CAPABILITIES:
            known = ", ".join(f"'{one}'" for one in CAPABILITIES)
            raise ValueError(f"'{{name}}' : unsupported capability '{name}', supported ones are {known}.")
    return names


def directory(text: str) -> str:
    """A folder that is there."""
    if not os.path.isdir(text):
        raise ValueError("global statement '{name}' expects a directory path as an argument.")
    return text


def parameters(text: str) -> str:
    """A file with Diffie-Hellman parameters."""
    try:
        with open(text, "rb") as file:
            known = b"DH PARAMETERS-----" in file.read(1 << 20)
    except OSError:
        known = False
    if not known:
        raise ValueError(f"'{{name}}': unable to load DH parameters from file <{text}>.")
    return text


def script(text: str) -> str:
    """A Lua file that can be read."""
    try:
        with open(text, "rb"):
            return text
    except OSError as error:
        raise ValueError(f"error in Lua file '{text}': cannot open {text}: {error.strerror}") from None


LIBRARIES = ("table", "io", "os", "string", "math", "utf8", "package", "debug")


def libraries(text: str) -> list[str]:
    """`all`, `none`, or libraries of Lua separated by commas."""
    names = text.split(",")
    if len(names) == 1 and names[0] in ("all", "none"):
        return names
    for name in names:
        if name not in LIBRARIES:
            known = ", ".join(f"'{one}'" for one in LIBRARIES)
            raise ValueError(f"'{{name}}' : unknown library '{name}', expects 'all', 'none' or some of {known}.")
    return names


def variables_size(text: str) -> int:
    """A size; HAProxy reads a negative one as no limit, and has no largest one."""
    return int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else units.parse_size(text)


KINDS.update(
    {
        "processes": processes,
        "statuses": statuses,
        "capabilities": capabilities,
        "directory": directory,
        "parameters": parameters,
        "script": script,
        "lualibs": libraries,
        "varsize": variables_size,
    }
)
