"""Cookies of requests and responses, and parameters of the query string (manual 7.3.6).

Cookie names are case-sensitive. Request cookies are separated by `;` or `,`; names that begin with `$` are attributes
of old cookies and are skipped; a name without `=` is no cookie. Values keep their quotes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pylb.fetches.head import early, octets
from pylb.fetches.http_headers import Head, leading_integer, of_request, of_response
from pylb.http.cookies import pairs, set_cookie
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Occurrences


def request_cookies(request: Any, name: bytes) -> list[bytes]:
    """Values of all request cookies of that name (of every cookie for an empty name)."""
    found: list[bytes] = []
    for f in request.fields:
        if f[0] == b"cookie" and name in f[1]:
            found += [value for key, value, _, _ in pairs(f[1]) if not name or key == name]
    return found


def response_cookies(response: Any, name: bytes) -> list[bytes]:
    """Values that Set-Cookie fields give to cookies of that name; attributes are no cookies."""
    found: list[bytes] = []
    for f in response.fields:
        if f[0] in (b"set-cookie", b"set-cookie2") and name in f[1]:
            pair = set_cookie(f[1])
            if pair is not None and (not name or pair[0] == name):
                found.append(pair[1])
    return found


def _cookies(message: Any, name: bytes, response: bool) -> list[bytes]:
    return response_cookies(message, name) if response else request_cookies(message, name)


def _either(ctx: Any) -> Any:
    return ctx.response or ctx.request or early(ctx)


def _text(head: Head, response: bool | None) -> Callable[..., Occurrences]:
    def factory(name: Any = None) -> Occurrences:
        wanted = b"" if name is None else octets(name)

        def read(ctx: Any) -> Any:
            message = head(ctx)
            if not message:
                return message
            return _cookies(message, wanted, message is ctx.response if response is None else response)

        def value(ctx: Any) -> Any:
            found = read(ctx)
            if isinstance(found, Absent):
                return found
            return found[-1 if wanted else 0] if found else MISS

        return Occurrences(value, read)

    return factory


def _count(head: Head, response: bool) -> Callable[..., Fetch]:
    def factory(name: Any = None) -> Fetch:
        wanted = b"" if name is None else octets(name)

        def read(ctx: Any) -> Any:
            message = head(ctx)
            return len(_cookies(message, wanted, response)) if message else message

        return read

    return factory


def _number(text: Callable[..., Occurrences]) -> Callable[..., Occurrences]:
    def factory(name: Any = None) -> Occurrences:
        cookies = text(name)

        def value(ctx: Any) -> Any:
            found = cookies.value(ctx)
            return found if isinstance(found, Absent) else leading_integer(found)

        def each(ctx: Any) -> Any:
            found = cookies.each(ctx)
            return found if isinstance(found, Absent) else [leading_integer(item) for item in found]

        return Occurrences(value, each)

    return factory


def _names(head: Head, response: bool) -> Callable[..., Fetch]:
    def factory(delimiter: Any = None) -> Fetch:
        between = b"," if delimiter is None else octets(delimiter)

        def read(ctx: Any) -> Any:
            message = head(ctx)
            if not message:
                return message
            wanted = b"set-cookie" if response else b"cookie"
            names: list[bytes] = []
            for f in message.fields:
                if f[0] == wanted:
                    names += [key for key, _, _, _ in pairs(f[1])][: 1 if response else None]
            return between.join(names)

        return read

    return factory


for _names_of, _head, _response, _scope, _what in (
    (("req.cook", "cook"), of_request, False, Scope.REQUEST_DATA, "request"),
    (("res.cook", "scook"), of_response, True, Scope.RESPONSE_DATA, "response (Set-Cookie)"),
):
    _family = _text(_head, _response)
    fetch(
        *_names_of,
        out="str",
        scope=_scope,
        args=("str?",),
        doc=f"Last value of the {_what} cookie <name>, or the first cookie's without a name. ACLs try every value.",
    )(_family)
    fetch(
        *(f"{name}_cnt" for name in _names_of),
        out="int",
        scope=_scope,
        args=("str?",),
        doc=f"Number of {_what} cookies named <name>, or of all.",
    )(_count(_head, _response))
    fetch(
        *(f"{name}_val" for name in _names_of),
        out="int",
        scope=_scope,
        args=("str?",),
        doc=f"Value of the {_what} cookie <name> as an integer: its leading digits, 0 when there are none.",
    )(_number(_family))
    fetch(
        f"{_names_of[0]}_names",
        out="str",
        scope=_scope,
        args=("str?",),
        doc=f"Names of all {_what} cookies joined by <delimiter> (a comma when omitted).",
    )(_names(_head, _response))

fetch(
    "cookie",
    out="str",
    scope=Scope.REQUEST_VARS,
    args=("str?",),
    doc="`req.cook` in request rules, `res.cook` in response rules.",
)(_text(_either, None))


def parameters(query: bytes, name: bytes, *, ignore_case: bool = False) -> list[bytes]:
    """Values of the parameters of that name (all for an empty name), not decoded; `&` and `;` separate."""
    found = []
    if ignore_case:
        name = name.lower()
    for part in (query.replace(b";", b"&") if b";" in query else query).split(b"&"):
        key, equal, value = part.partition(b"=")
        if equal and (not name or (key.lower() if ignore_case else key) == name):
            found.append(value)
    return found


def url_parameters(
    name: Any = None, delimiter: Any = None, options: Any = None
) -> Callable[[Any], list[bytes] | Absent]:
    """Closure that lists the values of a parameter of the target."""
    wanted = b"" if name is None else octets(name)
    mark = b"?" if delimiter is None or not octets(delimiter) else octets(delimiter)[:1]
    if options is not None and octets(options) not in (b"", b"i"):
        raise ValueError(f"expects 'i', got '{octets(options).decode(errors='replace')}'")
    ignore_case = bool(options) and octets(options) == b"i"

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        _, there, query = request.target.partition(mark)
        if mark in query:
            query = query.replace(mark, b"&")  # what begins the parameters ends one, too
        return parameters(query, wanted, ignore_case=ignore_case) if there else []

    return read


@fetch("urlp", "url_param", out="str", scope=Scope.REQUEST_DATA, args=("str?", "str?", "str?"))
def urlp(name: Any = None, delimiter: Any = None, options: Any = None) -> Occurrences:
    """First value of the parameter <name> of the query string, not decoded (see `url_dec`); the first parameter of all
    when no name is given. <delimiter> is what begins the query string instead of `?`, e.g. `;`. The option `i` ignores
    the case of the name. ACLs try every value."""
    read = url_parameters(name, delimiter, options)

    def value(ctx: Any) -> Any:
        found = read(ctx)
        if isinstance(found, Absent):
            return found
        return found[0] if found else MISS

    return Occurrences(value, read)


@fetch("urlp_val", out="int", scope=Scope.REQUEST_DATA, args=("str?", "str?", "str?"))
def urlp_val(name: Any = None, delimiter: Any = None, options: Any = None) -> Occurrences:
    """The parameter <name> as an integer: its leading digits, 0 when there are none. Arguments as for `urlp`."""
    return _number(lambda _: urlp(name, delimiter, options))()
