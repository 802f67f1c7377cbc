"""The buffered part of message bodies (manual 7.3.6).

There is a body to look at with `option http-buffer-request`, after a `wait-for-body` action, or as far as it came along
with the head: `request.body` holds what has been buffered, decoded from chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.fetches.head import early, octets
from pylb.fetches.http_cookies import parameters
from pylb.fetches.http_headers import Head, of_request, of_response
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Occurrences


def _content(head: Head) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            message = head(ctx)
            return message.body if message else message

        return read

    return factory


def _length(head: Head) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            message = head(ctx)
            return len(message.body) if message else message

        return read

    return factory


def _size(head: Head) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            message = head(ctx)
            if not message:
                return message
            return len(message.body) if message.length is None else message.length

        return read

    return factory


for _prefix, _what, _head, _scope in (
    ("req", "request", of_request, Scope.REQUEST_DATA),
    ("res", "response", of_response, Scope.RESPONSE_DATA),
):
    fetch(
        f"{_prefix}.body",
        out="bin",
        scope=_scope,
        doc=f"Buffered part of the {_what} body, without chunk framing.",
    )(_content(_head))
    fetch(
        f"{_prefix}.body_len",
        out="int",
        scope=_scope,
        doc=f"Bytes of the {_what} body that are buffered.",
    )(_length(_head))
    fetch(
        f"{_prefix}.body_size",
        out="int",
        scope=_scope,
        doc=f"Announced size of the {_what} body, or what is buffered so far when it is chunked.",
    )(_size(_head))


@fetch("req.body_param", out="bin", scope=Scope.REQUEST_DATA, args=("str?", "str?"))
def req_body_param(name: Any = None, options: Any = None) -> Occurrences:
    """First value of the parameter <name> in a url-encoded form of the buffered body, not decoded; the first parameter
    of all without a name. The option `i` ignores the case of the name. ACLs try every value and need `-m`."""
    wanted = b"" if name is None else octets(name)
    if options is not None and octets(options) not in (b"", b"i"):
        raise ValueError(f"expects 'i', got '{octets(options).decode(errors='replace')}'")
    ignore_case = bool(options) and octets(options) == b"i"

    def each(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return parameters(request.body, wanted, ignore_case=ignore_case) if request else request

    def value(ctx: Any) -> Any:
        found = each(ctx)
        if isinstance(found, Absent):
            return found
        return found[0] if found else MISS

    return Occurrences(value, each)
