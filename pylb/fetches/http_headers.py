"""Header fields of requests and responses (manual 7.3.6).

`hdr` and its family take a field as a comma-separated list and see each item; `fhdr` takes fields whole. The optional
second argument picks an occurrence: 1 is the first, -1 the last (the default for a single value). ACLs try every one.
Commas within double quotes do not separate (RFC 9110 section 5.5).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

from pylb.fetches.head import awaited, early, octets
from pylb.http.lists import items
from pylb.http.message import Field
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Occurrences

MAX_FROM_END: Final = 10

Head = Callable[[Any], Any]  # closure(ctx) -> Request | Response | MISS | WAIT


def of_request(ctx: Any) -> Any:
    return ctx.request or early(ctx)


def of_response(ctx: Any) -> Any:
    return ctx.response or awaited(ctx)


def of_either(ctx: Any) -> Any:
    """The response where there is one already: for words that mean the message at hand."""
    return ctx.response or ctx.request or early(ctx)


def check_occurrence(name: Any, occurrence: int | None) -> None:
    if occurrence is not None and occurrence < -MAX_FROM_END:
        raise ValueError("header occurrence must be >= -10")


def _values(fields: list[Field], name: bytes, whole: bool) -> list[bytes]:
    if whole:
        return [f[1] for f in fields if not name or f[0] == name]
    found: list[bytes] = []
    for f in fields:
        if not name or f[0] == name:
            found += items(f[1])
    return found


def _pick(found: list[bytes], occurrence: int) -> bytes | Absent:
    if occurrence > 0:
        return found[occurrence - 1] if occurrence <= len(found) else MISS
    return found[occurrence] if -occurrence <= len(found) else MISS


def single(head: Head, name: bytes, occurrence: int, whole: bool) -> Fetch:
    """Closure for one value."""
    if not name and occurrence < 0:
        return lambda ctx: MISS

    def last(ctx: Any) -> Any:
        message = head(ctx)
        if not message:
            return message
        for f in reversed(message.fields):
            if f[0] == name:
                value: bytes = f[1]
                return value if whole or b"," not in value else items(value)[-1]
        return MISS

    def nth(ctx: Any) -> Any:
        message = head(ctx)
        return _pick(_values(message.fields, name, whole), occurrence) if message else message

    return last if occurrence == -1 else nth


def every(head: Head, name: bytes, occurrence: int | None, whole: bool) -> Callable[[Any], Iterable[Any] | Absent]:
    """Closure for all values; with a given occurrence, for that one."""

    def each(ctx: Any) -> Any:
        message = head(ctx)
        return _values(message.fields, name, whole) if message else message

    def chosen(ctx: Any) -> Any:
        message = head(ctx)
        if not message:
            return message
        found = _pick(_values(message.fields, name, whole), occurrence or -1)
        return () if isinstance(found, Absent) else (found,)

    return chosen if occurrence else each


def text_family(head: Head, whole: bool) -> Callable[..., Occurrences]:
    def factory(name: Any = None, occurrence: int | None = None) -> Occurrences:
        check_occurrence(name, occurrence)
        wanted = b"" if name is None else octets(name).lower()
        return Occurrences(single(head, wanted, occurrence or -1, whole), every(head, wanted, occurrence, whole))

    return factory


def count_family(head: Head, whole: bool) -> Callable[..., Fetch]:
    def factory(name: Any = None) -> Fetch:
        wanted = b"" if name is None else octets(name).lower()

        def count(ctx: Any) -> Any:
            message = head(ctx)
            return len(_values(message.fields, wanted, whole)) if message else message

        return count

    return factory


_DIGITS = re.compile(rb"[+-]?\d+")


def leading_integer(value: bytes) -> int:
    """Integer at the start of a text, 0 when there is none."""
    match = _DIGITS.match(value)
    return int(match.group()) if match else 0


def address_of(value: bytes) -> bytes | Absent:
    """Address of a field value, which may carry a port behind an IPv4 address."""
    try:
        text = value.decode("ascii")
        if text.count(":") > 1:
            return socket.inet_pton(socket.AF_INET6, text)
        host, colon, port = text.partition(":")
        return MISS if colon and not port.isdigit() else socket.inet_pton(socket.AF_INET, host)
    except (OSError, UnicodeDecodeError):
        return MISS


def _mapped(factory: Callable[..., Occurrences], convert: Callable[[bytes], Any]) -> Callable[..., Occurrences]:
    """A family whose values are converted; what does not convert is left out."""

    def make(name: Any = None, occurrence: int | None = None) -> Occurrences:
        text = factory(name, occurrence)

        def value(ctx: Any) -> Any:
            found = text.value(ctx)
            return found if isinstance(found, Absent) else convert(found)

        def each(ctx: Any) -> Any:
            found = text.each(ctx)
            if isinstance(found, Absent):
                return found
            return [got for got in map(convert, found) if got is not MISS]

        return Occurrences(value, each)

    return make


_NAMED = ("str?", "int?")
_ABOUT = (
    "<name> is not case-sensitive; <occurrence> counts from 1, or from the end with negative numbers down to -10, and "
    "is the last one when omitted. ACLs without an occurrence try every value."
)

# (names by kind, which head, scope)
_FAMILIES: tuple[tuple[str, tuple[str, ...], Head, Scope], ...] = (
    ("request", ("req.",), of_request, Scope.REQUEST_DATA),
    ("response", ("res.", "s"), of_response, Scope.RESPONSE_DATA),
)
for _what, _prefixes, _head, _scope in _FAMILIES:

    def _named(kind: str, prefixes: tuple[str, ...] = _prefixes) -> tuple[str, ...]:
        return tuple(f"{prefix}{kind}" for prefix in prefixes)

    fetch(
        *(_named("hdr")),
        out="str",
        scope=_scope,
        args=_NAMED,
        doc=f"One comma-separated item of the {_what} field <name>. {_ABOUT}",
    )(text_family(_head, False))
    fetch(
        f"{_prefixes[0]}fhdr",
        out="str",
        scope=_scope,
        args=_NAMED,
        doc=f"The whole {_what} field <name>, commas included. {_ABOUT}",
    )(text_family(_head, True))
    fetch(
        *(_named("hdr_cnt")),
        *(("hdr_cnt",) if _what == "request" else ()),
        out="int",
        scope=_scope,
        args=("str?",),
        doc=f"Number of comma-separated items in the {_what} fields <name>, or in all fields.",
    )(count_family(_head, False))
    fetch(
        f"{_prefixes[0]}fhdr_cnt",
        out="int",
        scope=_scope,
        args=("str?",),
        doc=f"Number of {_what} fields <name>, or of all fields.",
    )(count_family(_head, True))
    fetch(
        *(_named("hdr_val")),
        *(("hdr_val",) if _what == "request" else ()),
        out="int",
        scope=_scope,
        args=_NAMED,
        doc=f"Item of the {_what} field <name> as an integer: its leading digits, 0 when there are none. {_ABOUT}",
    )(_mapped(text_family(_head, False), leading_integer))
    fetch(
        *(_named("hdr_ip")),
        *(("hdr_ip",) if _what == "request" else ()),
        out="addr",
        scope=_scope,
        args=_NAMED,
        doc=f"Item of the {_what} field <name> as an address; an IPv4 address may carry a port. {_ABOUT}",
    )(_mapped(text_family(_head, False), address_of))

fetch(
    "hdr",
    out="str",
    scope=Scope.REQUEST_VARS,
    args=_NAMED,
    doc=f"`req.hdr` in request rules, `res.hdr` in response rules. {_ABOUT}",
)(text_family(of_either, False))


def _names_factory(head: Head) -> Callable[..., Fetch]:
    def factory(delimiter: Any = None) -> Fetch:
        between = b"," if delimiter is None else octets(delimiter)

        def read(ctx: Any) -> Any:
            message = head(ctx)
            return between.join([f[0] for f in message.fields]) if message else message

        return read

    return factory


def _block_factory(head: Head) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            message = head(ctx)
            return b"".join([f[2] for f in message.fields]) + b"\r\n" if message else message

        return read

    return factory


def varint(number: int) -> bytes:
    """HAProxy's variable-length integer: 240 and above continue, 4 bits then 7 bits a byte (SPOE, chapter 3.1)."""
    if number < 240:
        return bytes((number,))
    out = bytearray(((number & 0xFF) | 0xF0,))
    number = (number - 240) >> 4
    while number >= 128:
        out.append((number & 0xFF) | 0x80)
        number = (number - 128) >> 7
    out.append(number)
    return bytes(out)


def _binary_factory(head: Head) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            message = head(ctx)
            if not message:
                return message
            parts = [varint(len(f[0])) + f[0] + varint(len(f[1])) + f[1] for f in message.fields]
            return b"".join(parts) + b"\0\0"

        return read

    return factory


for _what, _prefixes, _head, _scope in _FAMILIES:
    fetch(
        f"{_prefixes[0]}hdr_names",
        out="str",
        scope=_scope,
        args=("str?",),
        doc=f"Names of all {_what} fields in order, repeated ones too, joined by <delimiter> (a comma when omitted).",
    )(_names_factory(_head))
    fetch(
        f"{_prefixes[0]}hdrs",
        out="bin",
        scope=_scope,
        doc=f"All {_what} fields as text, one `name: value` a line, with the empty line at the end.",
    )(_block_factory(_head))
    fetch(
        f"{_prefixes[0]}hdrs_bin",
        out="bin",
        scope=_scope,
        doc=f"All {_what} fields, each name and value preceded by its length as a varint; two zero bytes at the end.",
    )(_binary_factory(_head))
