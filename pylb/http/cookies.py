"""Cookies as HAProxy reads them, in Cookie and Set-Cookie fields (RFC 6265 4.2, 5.2 and what browsers really send).

In Cookie, pairs are separated by `;` (also by `,` for old clients, unless inside quotes). A name ends at `=`; space
around names and values is dropped; an attribute like `$Version` is no cookie. In Set-Cookie only the first pair is
one. Quotes belong to the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pylb.http.message import Field

_pair = re.compile(rb"[\t ,;]*+([^=;,\t ]*+)[\t ]*+(?:=[\t ]*+((?:\"(?:[^\"\\]|\\.)*+\"|[^;,])*+))?+").match


def pairs(value: bytes) -> Iterator[tuple[bytes, bytes, int, int]]:
    """Name, value, and the span of the value, of each cookie in the value of a Cookie field."""
    at = 0
    size = len(value)
    while at < size:
        match = _pair(value, at)
        if match is None or match.end() == at:
            at += 1
            continue
        at = match.end()
        name = match[1]
        if match[2] is None or not name or name[:1] == b"$":
            continue
        text = match[2].rstrip(b"\t ")
        yield name, text, match.start(2), match.start(2) + len(text)


def request_cookies(fields: list[Field]) -> Iterator[tuple[bytes, bytes]]:
    """All cookies of a request in order."""
    for one in fields:
        if one[0] == b"cookie":
            for name, value, _, _ in pairs(one[1]):
                yield name, value


def request_cookie(fields: list[Field], name: bytes) -> bytes | None:
    """Value of the first cookie called `name`."""
    for one in fields:
        if one[0] == b"cookie" and name in one[1]:
            for found, value, _, _ in pairs(one[1]):
                if found == name:
                    return value
    return None


def set_cookie(value: bytes) -> tuple[bytes, bytes] | None:
    """Name and value that a Set-Cookie field sets, without its attributes."""
    pair = value.partition(b";")[0]
    name, equals, text = pair.partition(b"=")
    name = name.strip(b"\t ")
    return (name, text.strip(b"\t ")) if equals and name else None


def response_cookies(fields: list[Field]) -> Iterator[tuple[bytes, bytes]]:
    """All cookies that a response sets, in order."""
    for one in fields:
        if one[0] in (b"set-cookie", b"set-cookie2"):
            pair = set_cookie(one[1])
            if pair is not None:
                yield pair
