"""Text: case, parts, trimming, substitution, choice (manual 7.3.1). Strings are bytes; case is that of ASCII."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.converters import operands
from pylb.registry import converter
from pylb.sample import regexes
from pylb.sample.values import MISS, Absent

Step = Callable[[bytes, Any], Any]


@converter("lower", takes="str", out="str", pure=True)
def lower() -> Step:
    """The string in lower case."""
    return lambda value, ctx: value.lower()


@converter("upper", takes="str", out="str", pure=True)
def upper() -> Step:
    """The string in upper case."""
    return lambda value, ctx: value.upper()


@converter("length", takes="str", out="int", pure=True)
def length() -> Callable[[bytes, Any], int]:
    """Number of bytes of the string."""
    return lambda value, ctx: len(value)


@converter("bytes", takes="bin", out="bin", args=("number", "number?"), usage="(<offset>[,<length>])")
def cut_bytes(offset: bytes, size: bytes | None = None) -> Step:
    """Bytes from <offset> (counted from 0), at most <length> of them, otherwise all.

    Both are integers or names of variables. Empty when the offset lies behind the end, or one is negative.
    """
    start, count = operands.integer(offset), None if size is None else operands.integer(size)
    if (isinstance(start, int) and start < 0) or (isinstance(count, int) and count <= 0):
        return lambda value, ctx: b""
    if isinstance(start, int) and (count is None or isinstance(count, int)):
        return _fixed_bytes(start, count)

    def variable(value: bytes, ctx: Any) -> Any:
        at = start if isinstance(start, int) else start(ctx)
        number = count(ctx) if callable(count) else count
        if at.__class__ is Absent or number.__class__ is Absent:
            return MISS
        if at < 0 or (number is not None and number < 0):
            return b""
        return _fixed_bytes(at, number)(value, ctx)

    return variable


def _fixed_bytes(start: int, count: int | None) -> Step:
    stop = None if count is None else start + count
    return lambda value, ctx: value[start:stop]


@converter(
    "field", takes="str", out="str", args=("int", "str", "int?"), usage="(<index>,<delimiters>[,<count>])", pure=True
)
def field(index: int, delimiters: bytes, count: int = 1) -> Step:
    """The field at <index> among those that any byte of <delimiters> separates, 1 being the first and -1 the last.

    <count> fields are taken (0: all that remain in the direction of the index) with what separates them. Empty fields
    count. Nothing when there is no such field.
    """
    if not index:
        raise ValueError("Unexpected value 0 for index")
    if not delimiters:
        raise ValueError("Empty separators list")
    positions = re.compile(b"[" + re.escape(delimiters) + b"]").finditer

    def take(value: bytes, ctx: Any) -> Any:
        cuts = [found.start() for found in positions(value)]
        if not cuts:
            return value if index in (1, -1) else MISS
        starts = [0, *[at + 1 for at in cuts]]
        ends = [*cuts, len(value)]
        return _span(value, starts, ends, index, count, MISS)

    if index == 1 and count == 1 and len(delimiters) == 1:
        return lambda value, ctx: value.partition(delimiters)[0]
    return take


def _span(value: bytes, starts: list[int], ends: list[int], index: int, count: int, missing: Any) -> Any:
    """From item `index`, `count` items towards the other end of counting."""
    total = len(starts)
    if index > 0:
        first = index - 1
        last = total - 1 if count < 1 else min(first + count - 1, total - 1)
    else:
        last = total + index
        first = 0 if count < 1 else max(last - count + 1, 0)
    if not 0 <= (first if index > 0 else last) < total:
        return missing
    return value[starts[first] : ends[last]]


@converter(
    "word", takes="str", out="str", args=("int", "str", "int?"), usage="(<index>,<delimiters>[,<count>])", pure=True
)
def word(index: int, delimiters: bytes, count: int = 1) -> Step:
    """As `field`, but neighbouring delimiters count as one and outer ones not at all. An empty string when there
    is no such word, as in HAProxy 2.6; 3.x finds nothing."""
    if not index:
        raise ValueError("Unexpected value 0 for index")
    if not delimiters:
        raise ValueError("Empty separators list")
    pieces = re.compile(b"[^" + re.escape(delimiters) + b"]++").finditer

    def take(value: bytes, ctx: Any) -> Any:
        found = [(piece.start(), piece.end()) for piece in pieces(value)]
        size = count if count > 0 else len(found) + 1
        if found and size > (len(found) - index + 1 if index > 0 else len(found) + index + 1):
            # The words run out: HAProxy then takes the string to its end, delimiters included.
            if 0 < index <= len(found):
                return value[found[index - 1][0] :]
            if -len(found) <= index < 0:
                return value[: found[index][1]]
        return _span(value, [start for start, _ in found], [end for _, end in found], index, count, b"")

    return take


@converter("ltrim", takes="str", out="str", args=("str",), usage="(<chars>)", pure=True)
def ltrim(characters: bytes) -> Step:
    """Without any of <chars> at the beginning."""
    return lambda value, ctx: value.lstrip(characters)


@converter("rtrim", takes="str", out="str", args=("str",), usage="(<chars>)", pure=True)
def rtrim(characters: bytes) -> Step:
    """Without any of <chars> at the end."""
    return lambda value, ctx: value.rstrip(characters)


_line_end = re.compile(rb"[\r\n]").search


@converter("cut_crlf", takes="str", out="str", pure=True)
def cut_crlf() -> Step:
    """Up to the first carriage return or line feed."""

    def cut(value: bytes, ctx: Any) -> bytes:
        found = _line_end(value)
        return value[: found.start()] if found else value

    return cut


@converter("reverse", takes="str", out="str", pure=True)
def reverse() -> Step:
    """The bytes in reverse order."""
    return lambda value, ctx: value[::-1]


@converter("reverse_dom", takes="str", out="str", pure=True)
def reverse_dom() -> Step:
    """The labels of a domain name in reverse order. One dot at its end is left out; nothing for a name with an empty
    label. Neither case nor a port is touched: see `lower` and `host_only`."""

    def turn(value: bytes, ctx: Any) -> Any:
        labels = value.removesuffix(b".").split(b".")
        return b".".join(reversed(labels)) if all(labels) else MISS

    return turn


@converter(
    "regsub", takes="str", out="str", args=("regex", "str", "str?"), usage="(<regex>,<subst>[,<flags>])", pure=True
)
def regsub(pattern: bytes, replacement: bytes, flags: bytes = b"") -> Step:
    r"""Replaces what the regular expression matches, as `s/<regex>/<subst>/<flags>` of sed does.

    Flags: g replaces all matches and not only the first, i ignores case. <subst> knows `\0` to `\9`, `\\` and `\xHH`.
    """
    for flag in flags.decode("latin-1"):
        if flag not in "ig":
            raise ValueError(f"invalid regex flag '{flag}', only 'i' and 'g' are supported")
    regex = regexes.compile_pattern(pattern, ignore_case=b"i" in flags)
    expand = regexes.template(replacement)
    everywhere = b"g" in flags
    search = regex.search

    def substitute(value: bytes, ctx: Any) -> bytes:
        if search(value) is None:
            return value
        return regexes.replace(regex, expand, value, everywhere)

    return substitute


@converter("iif", takes="bool", out="str", args=("str", "str"), usage="(<true>,<false>)", pure=True)
def iif(true: bytes, false: bytes) -> Callable[[bool, Any], bytes]:
    """One of two strings, by the truth of the input."""
    return lambda value, ctx: true if value else false


@converter("concat", takes="str", out="str", args=("str?", "str?", "str?"), usage="([<start>],[<var>],[<end>])")
def concat(start: bytes = b"", variable: bytes = b"", end: bytes = b"") -> Step:
    """Appends <start>, the variable <var> as a string (nothing when it is not set), and <end>."""
    if not variable:
        tail = start + end
        return lambda value, ctx: value + tail
    read = operands.registered(variable, "str")

    def append(value: bytes, ctx: Any) -> bytes:
        middle = read(ctx)
        return value + start + end if middle.__class__ is Absent else b"".join((value, start, middle, end))

    return append


@converter("add_item", takes="str", out="str", args=("str", "str", "str?"), usage="(<delim>,[<var>][,<suff>])")
def add_item(delimiter: bytes, variable: bytes, suffix: bytes = b"") -> Step:
    """Appends the variable <var> and <suff>, behind <delim> where the input and what follows are not empty."""
    if not variable and not suffix:
        raise ValueError("one of the optional arguments has to be nonempty")
    read: Callable[[Any], Any] = operands.registered(variable, "str") if variable else (lambda ctx: MISS)

    def append(value: bytes, ctx: Any) -> bytes:
        item = read(ctx)
        more = suffix if item.__class__ is Absent else item + suffix
        return value + delimiter + more if value and more else value + more

    return append


@converter("strcmp", takes="str", out="int", args=("str",), usage="(<var>)")
def strcmp(variable: bytes) -> Callable[[bytes, Any], Any]:
    """0 when the string equals the variable, negative when it sorts before it, positive when behind.

    The difference of the first bytes that differ, else 1 or -1 by the lengths. Nothing when the variable is not set.
    """
    read = operands.registered(variable, "str")

    def compare(value: bytes, ctx: Any) -> Any:
        other = read(ctx)
        if other.__class__ is Absent:
            return other
        for ours, theirs in zip(value, other, strict=False):
            if ours != theirs:
                return ours - theirs
        return (len(value) > len(other)) - (len(value) < len(other))

    return compare


@converter("language", takes="str", out="str", args=("str", "str?"), usage="(<value>[,<default>])", pure=True)
def language(wanted: bytes, default: bytes | None = None) -> Step:
    """Of the languages `a;b;c` the one with the highest weight in an Accept-Language value, the first among equals.

    A variant (`en-us`) that is not listed counts as its language. Comparison is case-sensitive. Without a match
    <default>, or nothing. Source: RFC 9110 12.5.4.
    """
    known = frozenset(wanted.split(b";"))
    nothing: Any = MISS if default is None else default

    def choose(value: bytes, ctx: Any) -> Any:
        best, best_weight = nothing, 0
        for item in value.split(b","):
            tag, _, parameters = item.strip(b" \t").partition(b";")
            tag = tag.rstrip(b" \t")
            weight = _weight(parameters)
            if weight > best_weight:
                found = tag if tag in known else tag.partition(b"-")[0]
                if found in known:
                    best, best_weight = found, weight
        return best

    return choose


_quality = re.compile(rb"[ \t]*q[ \t]*=[ \t]*([01])(?:\.([0-9]{0,3}))?").match


def _weight(parameters: bytes) -> int:
    """Thousandths of a weight; 1000 without one, and for what does not parse (observed)."""
    found = _quality(parameters)
    if found is None:
        return 1000
    return min(1000, int(found[1]) * 1000 + int(((found[2] or b"") + b"000")[:3]))
