"""Hashing what a request asks for: `balance uri`, `url_param`, `hdr`, `hash`, `rdp-cookie` (manual 4.2, `balance`)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.balance.hashing import kind_of
from pylb.balance.keyed import by_bytes
from pylb.balance.keywords import kind_of_proxy
from pylb.config.units import parse_integer
from pylb.config.words import to_bytes
from pylb.errors import ConfigError
from pylb.registry import algorithm
from pylb.sample import expression
from pylb.sample.values import Absent

if TYPE_CHECKING:
    from pylb.balance.algorithm import Algorithm
    from pylb.config.words import Words
    from pylb.sample.site import Site

Build = Callable[[Any], "Algorithm"]


def parenthesis(words: Words) -> str | None:
    """What stands in the parentheses of the word taken last, None without any."""
    text = words.line.words[words.index - 1]
    _, opened, rest = text.partition("(")
    return rest.partition(")")[0] if opened else None


def _positive(words: Words, name: str) -> int:
    got = words.peek() or ""
    digits = re.match(r"\+?[0-9]+", got)
    value = (int(digits[0][:20]) + 2**31) % 2**32 - 2**31 if digits else 0
    if value <= 0:
        words.fail(f"balance uri : '{name}' expects a positive integer (got '{got}').", last=False)
    words.next()
    if str(value) != got:
        words.line.notice(f"balance uri : '{name}' takes '{got}' for {value}.")
    return value


@algorithm("uri", http=True)
def uri(words: Words, site: Site) -> Build:
    """The URI, without its query string: what is asked for decides the server, as a farm of caches wants it.

    `len <n>` looks at the first n characters only, `depth <n>` at n directories, `whole` at the query string too,
    `path-only` at the path of absolute URIs.
    """
    length = depth = 0
    whole = path_only = False
    while not words.end:
        word = words.next()
        if word == "len":
            length = _positive(words, "len")
        elif word == "depth":
            depth = _positive(words, "depth")
        elif word == "whole":
            whole = True
        elif word == "path-only":
            path_only = True
        else:
            words.fail(f"balance uri only accepts parameters 'len', 'depth', 'path-only', and 'whole' (got '{word}').")

    def read(stream: Any) -> bytes | None:
        request = stream.request
        if request is None:
            return None
        text: bytes = request.target
        if path_only and text[:1] != b"/":
            text = _path(text)
        if length:
            text = text[:length]
        if not whole:
            text = text.partition(b"?")[0]
        if depth:
            text = _levels(text, depth)
        return text

    return by_bytes(read)


def _path(target: bytes) -> bytes:
    """Path and query of an absolute URI."""
    start = target.find(b"/", target.find(b"://") + 3) if b"://" in target else -1
    return target[start:] if start >= 0 else b""


def _levels(text: bytes, depth: int) -> bytes:
    """The text before its slash number depth + 1."""
    at = -1
    for _ in range(depth + 1):
        at = text.find(b"/", at + 1)
        if at < 0:
            return text
    return text[:at]


@algorithm("url_param", http=True)
def url_param(words: Words, site: Site) -> Build:
    """The value of a parameter of the query string. Without it, servers take turns.

    With `check_post`, it is looked for in the body of a POST request, too, which is waited for as with
    `option http-buffer-request`; no more of it is looked at than fits into a buffer.
    """
    check_post = False
    name = to_bytes(words.next("balance url_param requires an URL parameter name."))
    if not words.end:
        got = words.next()
        if got != "check_post":
            words.fail(f"balance url_param only accepts 'check_post' modifier (got '{got}').")
        check_post = True
        if site.proxy is not None:
            site.proxy.values["option http-buffer-request"] = True  # HAProxy sets its option, too
        if not words.end:
            parse_integer(words.next())  # an old byte limit, without meaning today
    pattern: Final = re.compile(rb"(?:\A|&)" + re.escape(name) + rb"=([^&]*)")

    def read(stream: Any) -> bytes | None:
        request = stream.request
        if request is None:
            return None
        found = pattern.search(request.target.partition(b"?")[2])
        return found[1] if found else None

    def read_post(stream: Any) -> bytes | None:
        value = read(stream)
        request = stream.request
        if value is None and request is not None and request.method == b"POST":
            found = pattern.search(request.body)
            value = found[1] if found else None
        return value

    return by_bytes(read_post if check_post else read, alone=False)


@algorithm("hdr", http=True, parentheses="required")
def hdr(words: Words, site: Site) -> Build:
    """The first value of a request header. Without it, or when it is empty, servers take turns.

    `use_domain_only` takes of a host name only the label before the top-level one.
    """
    text = parenthesis(words) or ""
    if not text:
        words.fail("balance hdr requires an http header field name.")
    name = to_bytes(text.lower())
    domain_only = False
    if not words.end:
        got = words.next()
        if got != "use_domain_only":
            words.fail(f"balance hdr({text}) only accepts 'use_domain_only' modifier (got '{got}').")
        domain_only = True

    def read(stream: Any) -> bytes | None:
        request = stream.request
        if request is None:
            return None
        for header, value, _, _ in request.fields:
            if header == name:
                first: bytes = value.partition(b",")[0].strip(b" \t") if b"," in value else value
                return first or None
        return None

    if not domain_only:
        return by_bytes(read)

    def read_domain(stream: Any) -> bytes | None:
        value = read(stream)
        return None if value is None else _domain(value)

    return by_bytes(read_domain)


def _domain(host: bytes) -> bytes:
    """`b` of `www.b.com` and of `b.com`; a name without dots (a leading one does not count) is taken whole."""
    end = host.rfind(b".", 1)
    if end < 0:
        return host
    return host[host.rfind(b".", 0, end - 1) + 1 : end]


@algorithm("rdp-cookie", parentheses="optional")
def rdp_cookie(words: Words, site: Site) -> Build:
    """The cookie of a remote desktop client's first packet, `mstshash` unless named. Without it, servers take turns."""
    text = parenthesis(words)
    if text == "":
        words.fail("balance rdp-cookie : missing cookie name.")
    name = re.escape(to_bytes(text or "mstshash"))
    pattern: Final = re.compile(rb"(?s).{11}cookie:[ ]*+" + name + rb"=([^\r\n]*)\r\n", re.I)

    def read(stream: Any) -> bytes | None:
        found = pattern.match(stream.data)
        return found[1] or None if found else None

    return by_bytes(read, alone=False)


@algorithm("hash")
def hash_expression(words: Words, site: Site) -> Build:
    """The value of a sample expression. Without one, servers take turns."""
    if words.end:
        words.fail("balance hash requires a sample expression.")
    text = words.peek()
    try:
        tree = expression.parse(words, site)
    except ConfigError as error:
        proxy, span = site.proxy, site.span
        assert proxy is not None
        raise ConfigError(
            f"{kind_of_proxy(proxy)} '{proxy.name}' [{proxy.span.file}:{proxy.span.line}]: "
            f"failed to parse 'balance hash' expression '{text}' in : {error.message}.",
            error.span if error.span.line else span,
        ) from None

    def build(backend: Any) -> Algorithm:
        plain = kind_of(backend.config).function == "none"  # whose key is the text of a number
        value = tree.compile_as("str" if plain else "bin", backend.program)

        def read(stream: Any) -> bytes | None:
            data = value(stream)
            return None if isinstance(data, Absent) else data

        return by_bytes(read)(backend)

    return build
