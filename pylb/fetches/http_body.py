"""The buffered part of message bodies (manual 7.3.6).

There is a body to look at with `option http-buffer-request`, after a `wait-for-body` action, and as far as it came
along with the head. What was waited for is in `request.body` and `response.body`, decoded from chunks; the rest is
still in the endpoint's buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.fetches.head import awaited, early, octets
from pylb.fetches.http_cookies import parameters
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Occurrences

Body = Callable[[Any], Any]  # bytes, or Absent


def _of_request(ctx: Any) -> Any:
    request = ctx.request
    if request is None:
        sniffed = early(ctx)
        return sniffed.body if sniffed else sniffed
    if request.held or not request.has_body:
        return request.body
    return ctx.front.collected()[0]


def _of_response(ctx: Any) -> Any:
    response = ctx.response
    if response is None:
        return awaited(ctx)
    body = response.body
    if body or not response.head_size or ctx.back is None:
        return body
    return ctx.back.collected()[0]


def _content(body: Body) -> Callable[[], Fetch]:
    return lambda: body


def _length(body: Body) -> Callable[[], Fetch]:
    def factory() -> Fetch:
        def read(ctx: Any) -> Any:
            found = body(ctx)
            return found if isinstance(found, Absent) else len(found)

        return read

    return factory


def _request_size(ctx: Any) -> Any:
    request = ctx.request or early(ctx)
    if not request or request.length is not None:
        return request.length if request else request
    return len(_of_request(ctx))


def _response_size(ctx: Any) -> Any:
    response = ctx.response or awaited(ctx)
    if not response or response.bodyless:
        return 0 if response else response
    return len(_of_response(ctx)) if response.length is None else response.length


for _prefix, _what, _body, _size, _scope in (
    ("req", "request", _of_request, _request_size, Scope.REQUEST_DATA),
    ("res", "response", _of_response, _response_size, Scope.RESPONSE_DATA),
):
    fetch(
        f"{_prefix}.body",
        out="bin",
        scope=_scope,
        doc=f"Buffered part of the {_what} body, without chunk framing.",
    )(_content(_body))
    fetch(
        f"{_prefix}.body_len",
        out="int",
        scope=_scope,
        doc=f"Bytes of the {_what} body that are buffered.",
    )(_length(_body))
    fetch(
        f"{_prefix}.body_size",
        out="int",
        scope=_scope,
        doc=f"Announced size of the {_what} body, or what is buffered so far when it is chunked.",
    )(_content(_size))


@fetch("req.body_param", out="bin", scope=Scope.REQUEST_DATA, args=("str?", "str?"))
def req_body_param(name: Any = None, options: Any = None) -> Occurrences:
    """First value of the parameter <name> in a url-encoded form of the buffered body, not decoded; the first parameter
    of all without a name. The option `i` ignores the case of the name. ACLs try every value and need `-m`."""
    wanted = b"" if name is None else octets(name)
    if options is not None and octets(options) not in (b"", b"i"):
        raise ValueError(f"expects 'i', got '{octets(options).decode(errors='replace')}'")
    ignore_case = bool(options) and octets(options) == b"i"

    def each(ctx: Any) -> Any:
        body = _of_request(ctx)
        return body if isinstance(body, Absent) else parameters(body, wanted, ignore_case=ignore_case)

    def value(ctx: Any) -> Any:
        found = each(ctx)
        if isinstance(found, Absent):
            return found
        return found[0] if found else MISS

    return Occurrences(value, each)
