"""Actions that rewrite the request line: set-method, set-uri, set-path, set-pathq, set-query and the replace- family.

The target is one text; a path action changes its part and leaves scheme and authority of an absolute URI alone. Blanks
and controls that a format may yield are percent-encoded: a request line must stay one line of three parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.config.words import Words
from pylb.http import uri
from pylb.http.message import Request, SilentRequest
from pylb.registry import action
from pylb.rules.actions.parts import REQUEST, Render, expand, safe_target, take_format, take_regex, target_changed
from pylb.sample.site import Site

Build = Callable[[Any], Callable[[Any], None]]
_ONE = "expects exactly 1 argument <format>"
_REGEX = "expects exactly 2 arguments <match-regex> and <replace-format>"


def _one_format(words: Words, site: Site, change: Callable[[Request, bytes], None]) -> Build:
    text = take_format(words, site, _ONE)
    if words.peek() is not None and words.peek() not in ("if", "unless"):
        words.fail(_ONE, last=False)

    def build(program: Any) -> Callable[[Any], None]:
        render = text.compile(program)

        def act(ctx: Any) -> None:
            change(ctx.request, render(ctx))

        return act

    return build


def _has_path(target: bytes) -> bool:
    """The authority of CONNECT has no path to replace; a path takes the place of `*`."""
    return target[:1] in (b"/", b"*") or uri.scheme(target) is not None


def _set_path(request: Request, path: bytes) -> None:
    if _has_path(request.target):
        request.target = uri.with_path(request.target, safe_target(path))


def _set_pathq(request: Request, tail: bytes) -> None:
    if _has_path(request.target):
        request.target = uri.with_pathq(request.target, safe_target(tail))


def _set_query(request: Request, query: bytes) -> None:
    before, mark, _ = request.target.partition(b"?")
    if mark or query:
        request.target = before + b"?" + safe_target(query)


def _set_uri(request: Request, target: bytes) -> None:
    request.target = safe_target(target)
    target_changed(request)


def change_method(stream: Any, method: bytes) -> None:
    """What the client gets is framed by what it asked for: a body that answers another method than HEAD is dropped, and
    where the body is missing that it waits for, its connection ends."""
    request: Request = stream.request
    asked_head = request.method == b"HEAD" or request.silent
    request.method = method = safe_target(method)
    if asked_head:
        request.__class__ = Request if method == b"HEAD" else SilentRequest
    elif method == b"HEAD":
        stream.keep = False


@action("set-path", places=REQUEST, usage="<format>")
def set_path(words: Words, site: Site) -> Build:
    """Replaces the path; the query string stays. Manual 4.2."""
    return _one_format(words, site, _set_path)


@action("set-pathq", places=REQUEST, usage="<format>")
def set_pathq(words: Words, site: Site) -> Build:
    """Replaces the path and the query string. Manual 4.2."""
    return _one_format(words, site, _set_pathq)


@action("set-query", places=REQUEST, usage="<format>")
def set_query(words: Words, site: Site) -> Build:
    """Replaces the query string, or adds one when the format yields something. A question mark that was there stays.
    Manual 4.2."""
    return _one_format(words, site, _set_query)


@action("set-uri", places=REQUEST, usage="<format>")
def set_uri(words: Words, site: Site) -> Build:
    """Replaces the whole target; the authority of an absolute one becomes the Host field. Manual 4.2."""
    return _one_format(words, site, _set_uri)


@action("set-method", places=REQUEST, usage="<format>")
def set_method(words: Words, site: Site) -> Build:
    """Replaces the method. The fetch `method` and `METH_GET` and its like see the new one (in HAProxy the client's).
    Manual 4.2."""
    text = take_format(words, site, _ONE)
    if words.peek() is not None and words.peek() not in ("if", "unless"):
        words.fail(_ONE, last=False)

    def build(program: Any) -> Callable[[Any], None]:
        render = text.compile(program)
        return lambda ctx: change_method(ctx, render(ctx))

    return build


def _replacement(
    words: Words, site: Site, read: Callable[[bytes], bytes | None], change: Callable[[Request, bytes], None]
) -> Build:
    if words.peek() is None or words.peek(1) is None:
        words.rest()
        words.fail(_REGEX)
    search = take_regex(words, _REGEX, prefix="failed to parse the regex : ").search
    text = take_format(words, site, _REGEX)

    def build(program: Any) -> Callable[[Any], None]:
        render: Render = text.compile(program)

        def act(ctx: Any) -> None:
            request = ctx.request
            part = read(request.target)
            if part is not None:
                found = search(part)
                if found is not None:
                    change(request, expand(render(ctx), found))

        return act

    return build


@action("replace-path", places=REQUEST, usage="<regex> <format>")
def replace_path(words: Words, site: Site) -> Build:
    r"""Puts the format in place of the whole path when it matches; `\1` to `\9` stand for the groups. Manual 4.2."""
    return _replacement(words, site, uri.path, _set_path)


@action("replace-pathq", places=REQUEST, usage="<regex> <format>")
def replace_pathq(words: Words, site: Site) -> Build:
    """As replace-path, with the query string as part of the text. Manual 4.2."""
    return _replacement(words, site, uri.pathq, _set_pathq)


@action("replace-uri", places=REQUEST, usage="<regex> <format>")
def replace_uri(words: Words, site: Site) -> Build:
    """As replace-path, for the whole target: a path with HTTP/1 most of the time, absolute from HTTP/2 and proxies'
    clients. Manual 4.2."""
    return _replacement(words, site, lambda target: target, _set_uri)
