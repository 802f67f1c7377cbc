r"""Arguments of fetches and converters: `name(arg,arg)`, quoting inside the parentheses, typed by shape.

A shape is a word in a declaration's `args=`, a trailing `?` marks the optional ones (they come last):

    str name          bytes                               int           int, 64 bits
    time              int, milliseconds                   size          int, bytes
    ip ipv4 ipv6      packed address                      mask4 mask6   packed mask (dotted, or a bit count)
    mask              the same as mask4                   var           variables.Name
    regex             bytes, compiled by its user          map           references.Reference of a map file
    acl               fetches.named_acls.Named, a `!` before it
    field             bytes, the path of a Protocol Buffers field: `1.5.2`
    number            bytes, an integer or the name of a variable
    unit              bytes, a unit: unlike other texts it is empty, not absent, in empty parentheses
    frontend backend server table userlist                the run-time object, bound when the program is compiled

Quotes work as in a shell; outside single quotes `\n \r \t \\ \" \'` and `\ ` are escapes, any other backslash stays.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pylb.config import units
from pylb.config.words import to_bytes
from pylb.sample import references, variables
from pylb.sample.casts import INT_MAX, INT_MIN, clamp

if TYPE_CHECKING:
    from pylb.sample.site import Site


class BadArgument(Exception):
    """An argument list that does not parse; `position` counts from 1. The caller adds whose argument it is."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(slots=True, frozen=True)
class Later:
    """A reference to something that exists only once the program is compiled (a backend, server, table ...)."""

    shape: str
    name: str  # "" means the proxy in which the expression stands
    position: int


_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "'": "'", " ": " "}
_plain = re.compile(r"[^,()\"'\\]++").match


def _word(text: str, at: int) -> tuple[str, int]:
    """One argument from `at` to an unquoted `,` or `)` or the end of the text."""
    out: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'" and text[at + 1 : at + 2] in _ESCAPES:
            out.append(_ESCAPES[text[at + 1]])
            at += 2
            continue
        if quote:
            if char == quote:
                quote = ""
            else:
                out.append(char)
        elif char in ",)":
            break
        elif char in "\"'":
            quote = char
        else:
            out.append(char)
        at += 1
    return "".join(out), at


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(text)
    return clamp(int(text)) if len(text) < 40 else (INT_MIN if text[0] == "-" else INT_MAX)


def _ipv4(text: str) -> bytes:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text):
        raise ValueError(text)
    return bytes(map(int, text.split(".")))


def _ipv6(text: str) -> bytes:
    try:
        return socket.inet_pton(socket.AF_INET6, text)
    except OSError as error:
        raise ValueError(text) from error


def _ip(text: str) -> bytes:
    return _ipv6(text) if ":" in text else _ipv4(text)


def _mask(text: str, size: int, dotted: Callable[[str], bytes]) -> bytes:
    if text.isdecimal() and text.isascii():
        bits = int(text)
        if bits > size:
            raise ValueError(text)
        return (((1 << bits) - 1) << (size - bits)).to_bytes(size // 8, "big")
    return dotted(text)


def _mask4(text: str) -> bytes:
    return _mask(text, 32, _ipv4)


def _mask6(text: str) -> bytes:
    return _mask(text, 128, _ipv6)


def _field_number(text: str) -> bytes:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", text):
        raise ValueError(text)
    return text.encode()


def _number(text: str) -> bytes:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        variables.parse_name(text)
    return text.encode()


# Shape -> its name in messages, and how its text becomes a value (ValueError: not of this type).
_SIMPLE: Final[dict[str, tuple[str, Callable[[str], Any]]]] = {
    "str": ("string", to_bytes),
    "name": ("string", to_bytes),
    "unit": ("string", to_bytes),
    "number": ("integer", _number),
    "regex": ("regex", to_bytes),
    "field": ("Protocol buffers field number", _field_number),
    "var": ("string", to_bytes),
    "map": ("string", to_bytes),
    "acl": ("string", to_bytes),
    "int": ("integer", _integer),
    "time": ("delay", units.parse_time),
    "size": ("size", units.parse_size),
    "ip": ("IPv4 address", _ip),
    "ipv4": ("IPv4 address", _ipv4),
    "ipv6": ("IPv6 address", _ipv6),
    "mask": ("IPv4 mask", _mask4),
    "mask4": ("IPv4 mask", _mask4),
    "mask6": ("IPv6 mask", _mask6),
}
_LATER: Final = {
    "frontend": "frontend",
    "backend": "backend",
    "server": "server",
    "table": "table",
    "userlist": "user list",
}
_TEXTUAL: Final = frozenset(("str", "name", "unit", "regex", "var", "map", "acl"))


def _type_name(shape: str) -> str:
    return _LATER.get(shape) or _SIMPLE[shape][0]


def _bind(shape: str, text: str, position: int) -> Any:
    if shape in _LATER:
        return Later(shape, text, position)
    if not text and shape not in _TEXTUAL:
        raise BadArgument(f"expected type '{_type_name(shape)}' at position {position}, but got nothing", position)
    try:
        return _SIMPLE[shape][1](text)
    except (ValueError, OverflowError):
        raise BadArgument(
            f"failed to parse '{text}' as type '{_type_name(shape)}' at position {position}", position
        ) from None


def take(text: str, at: int, shapes: tuple[str, ...]) -> tuple[list[Any], int]:
    """The typed arguments that start at `at` (which may hold no parenthesis) and the index behind them.

    References to proxies and the like are `Later`; text of shapes `var`, `map`, `regex` is still bytes: see `check`.
    """
    kinds = [shape.rstrip("?") for shape in shapes]
    required = sum(not shape.endswith("?") for shape in shapes)
    values: list[Any] = []
    bare = text[at : at + 1] != "("
    if not bare:
        at += 1
    if bare or at >= len(text) or text[at] == ")":
        values = _defaults(kinds, required, bare)
    else:
        while len(values) < len(kinds):
            word, at = _word(text, at)
            if not word and len(values) >= required and kinds[len(values)] not in (*_TEXTUAL, *_LATER):
                if text[at : at + 1] == ",":  # nothing may follow what is left out
                    raise BadArgument(f"expected ')' before '{text[at:]}'", len(values) + 1)
                break
            values.append(_bind(kinds[len(values)], word, len(values) + 1))
            if text[at : at + 1] != "," or len(values) == len(kinds):
                break
            at += 1
        if len(values) < required:
            missing = _type_name(kinds[len(values)])
            raise BadArgument(
                f"missing arguments (got {len(values)}/{required}), type '{missing}' expected", len(values) + 1
            )
    if not bare:
        if text[at : at + 1] != ")":
            rest = text[at:]
            if not rest:
                raise BadArgument("expected ')'", 2 if kinds else 1)
            raise BadArgument(f"expected ')' before '{rest}'", max(1, len(values) + (len(kinds) == 1)))
        at += 1
    return values, at


def _defaults(kinds: list[str], required: int, bare: bool) -> list[Any]:
    """What an empty list means: nothing, the own proxy for references, an empty string for one first string."""
    values: list[Any] = []
    for position, kind in enumerate(kinds, 1):
        if kind in _LATER and (position <= required or (position == 1 and not (bare and kind == "table"))):
            values.append(Later(kind, "", position))
        elif position > required and (bare or kind != "unit"):
            break
        elif position == 1:
            values.append(_bind(kind, "", 1))
        else:
            raise BadArgument(
                f"missing arguments (got {position - 1}/{required}), type '{_type_name(kind)}' expected", position
            )
    return values


def check(values: list[Any], shapes: tuple[str, ...], site: Site) -> list[Any]:
    """Second look at arguments that parsed: variable names, patterns and files. ValueError carries the message."""
    return [CHECKS[shape](value, site) if (shape := full.rstrip("?")) in CHECKS else value
            for value, full in zip(values, shapes, strict=False)]  # fmt: skip


# Shape -> function(value, site); fetches/named_acls.py adds `acl`.
CHECKS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "var": lambda value, site: variables.parse_name(value),
    "map": lambda value, site: references.of(site.config).map(value),
}


def resolve(later: Later, proxy: str, program: Any) -> Any:
    """The run-time object that a reference names; LookupError carries HAProxy's message without its place."""
    name = later.name or proxy
    if later.shape == "frontend":
        return _found(program.frontend(name), f"unable to find frontend '{name}' referenced in")
    if later.shape == "backend":
        return _found(program.backend(name), f"unable to find backend '{name}' referenced in")
    if later.shape == "table":
        return _found(program.table(name), f"unable to find table '{name}' referenced in")
    if not later.name:
        raise LookupError(f"missing {'server' if later.shape == 'server' else 'userlist'} name in")
    if later.shape == "userlist":
        return _found(program.userlist(name), f"unable to find userlist '{name}' referenced in")
    backend, slash, server = later.name.rpartition("/")
    home = backend if slash else proxy
    if program.backend(home) is None:
        raise LookupError(f"unable to find proxy '{home}' referenced in")
    return _found(program.server(home, server), f"unable to find server '{server}' in proxy '{home}', referenced in")


def _found(thing: Any, message: str) -> Any:
    if thing is None:
        raise LookupError(message)
    return thing
