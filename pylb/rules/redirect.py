"""Redirects: `http-request redirect`, `http-response redirect` and the keyword `redirect` (manual 4.2).

    location <format>      the URL itself
    prefix <format>        prefix followed by the request's path and query (`/` alone adds nothing)
    scheme <format>        scheme://host/path?query

The reply is made per request, because each kind depends on it; what is constant is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pylb import registry
from pylb.config.model import RuleLine
from pylb.config.words import Line, Words, to_bytes
from pylb.errors import ConfigError
from pylb.http import uri
from pylb.http.message import Field
from pylb.http.message import field as make_field
from pylb.registry import Kind, action, keyword
from pylb.rules import hooks
from pylb.rules.replies import Fixed
from pylb.rules.ruleset import REDIRECT
from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample import condition as conditions
from pylb.sample import logformat
from pylb.sample.site import Site

Act = Callable[[Any], "Verdict | None"]
Build = Callable[[Any], Act]

_REASONS: Final = {
    301: b"Moved Permanently",
    302: b"Found",
    303: b"See Other",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
}
_EXPECTED: Final = (
    "'code', 'prefix', 'location', 'scheme', 'set-cookie', 'clear-cookie', 'drop-query', 'ignore-empty' or "
    "'append-slash'"
)
_EMPTY: Final = make_field(b"content-length", b"0")
_CLOSE: Final = 15  # what `connection: close` counts for in the log
_NO_CACHE: Final = make_field(b"cache-control", b"no-cache")


@dataclass(slots=True)
class Redirect:
    """Parsed arguments of one redirect."""

    kind: str = ""
    text: Any = None
    status: int = 302
    cookie: bytes = b""
    flags: set[str] = field(default_factory=set)


def take(words: Words, site: Site) -> Redirect:
    """Takes everything before the condition."""
    parsed = Redirect()
    while (word := words.peek()) is not None and word not in ("if", "unless"):
        words.next()
        if word in ("location", "prefix", "scheme"):
            value = words.next(f"missing argument for '{word}'")
            if word != "location" and site.place == "http-response":
                words.fail("response only supports redirect type 'location'")
            parsed.kind, parsed.text = word, logformat.parse(value, site, span=words.last_span)
        elif word == "code":
            _code(words, parsed)
        elif word == "set-cookie":
            parsed.cookie = to_bytes(words.next(f"missing argument for '{word}'")) + b"; path=/;"
        elif word == "clear-cookie":
            parsed.cookie = to_bytes(words.next(f"missing argument for '{word}'")) + b"; path=/; Max-Age=0;"
        elif word in ("drop-query", "append-slash", "ignore-empty"):
            parsed.flags.add(word)
        else:
            words.fail(f"expects {_EXPECTED} (was '{word}')")
    if not parsed.kind:
        words.fail("redirection type expected ('prefix', 'location', or 'scheme')")
    return parsed


def _code(words: Words, parsed: Redirect) -> None:
    text = words.next("missing argument for 'code'")
    status = int(text) if text.isdigit() else 0
    if status not in _REASONS:
        words.fail(f"'code': unsupported HTTP code '{text}' (must be one of 301, 302, 303, 307 or 308)")
    parsed.status = status


def _tail(target: bytes, flags: set[str]) -> bytes:
    """Path and query of the request as the flags want them."""
    tail = uri.pathq(target) or b"/" + (b"" if uri.query(target) is None else b"?" + (uri.query(target) or b""))
    if "drop-query" in flags:
        tail = tail.partition(b"?")[0]
    if "append-slash" in flags and not tail.endswith(b"/"):
        tail += b"/"
    return tail


def compile(parsed: Redirect, program: Any) -> Act:
    """closure(stream) -> the verdict, or None where `ignore-empty` lets the rule pass."""
    render = parsed.text.compile(program)
    flags = parsed.flags
    status, reason = parsed.status, _REASONS[parsed.status]
    extra: list[Field] = [_NO_CACHE] if status in (302, 303, 307) else []
    if parsed.cookie:
        extra.append(make_field(b"set-cookie", parsed.cookie))

    def location(ctx: Any) -> bytes:
        text: bytes = render(ctx)
        return text

    def prefix(ctx: Any) -> bytes:
        text = render(ctx)
        return (b"" if text == b"/" else text) + _tail(ctx.request.target, flags)

    def scheme(ctx: Any) -> bytes:
        request = ctx.request
        return b"%b://%b%b" % (render(ctx), request.host or b"", _tail(request.target, flags))

    url_of = {"location": location, "prefix": prefix, "scheme": scheme}[parsed.kind]
    optional = "ignore-empty" in flags

    def act(ctx: Any) -> Verdict | None:
        if optional and not render(ctx):
            return None
        url = url_of(ctx)
        fields = [_EMPTY, (b"location", url, b"location: %b\r\n" % url, 0), *extra]
        if ctx.response is None and ctx.request.has_body:  # HAProxy does not wait for what it will not read
            closing = Fixed(status, reason, fields, framing=_EMPTY, close=True, extra=_CLOSE)
            return Verdict(Outcome.REPLY, closing)
        return Verdict(Outcome.REPLY, Fixed(status, reason, fields, framing=_EMPTY))

    return act


_USAGE: Final = (
    "{location | prefix | scheme} <format> [code <code>] [drop-query] [append-slash] [ignore-empty] "
    "[set-cookie <name>[=<value>]] [clear-cookie <name>[=]]"
)


@action("redirect", places=("http-request", "http-response"), usage=_USAGE, final=True)
def redirect_action(words: Words, site: Site) -> Build:
    """Answers with a redirect: 302 unless `code` says 301, 303, 307 or 308. Manual 4.2."""
    parsed = take(words, site)

    def build(program: Any) -> Act:
        return compile(parsed, program)

    if "ignore-empty" in parsed.flags:
        setattr(build, hooks.PASSES, True)
    return build


@keyword("redirect", places=("frontend", "listen", "backend"), usage=f"{_USAGE} [{{if | unless}} <condition>]")
def redirect_keyword(line: Line) -> None:
    """A redirect that is looked at behind all http-request rules, even when one of them said `allow`. Manual 4.2."""
    words = line.args()
    proxy = line.proxy
    place = hooks.PLACES["http-request"]
    site = Site(line.config, proxy, "http-request", place.points(proxy), line.span, "redirect")
    complaint = f"error detected in {hooks.kind_of(proxy)} '{proxy.name}' while parsing redirect rule"
    try:
        parsed = take(words, site)
        condition = conditions.parse(words, site, complaint=f"{complaint} : error in condition")
    except ConfigError as error:
        if error.message.startswith(complaint):
            raise ConfigError(error.message.replace("condition :", "condition:"), error.span, error.hint) from None
        raise ConfigError(f"{complaint} : {error.message.rstrip('.')}.", error.span, error.hint) from None
    hooks.warn_order(line, "redirect", 60)
    word = registry.find(Kind.ACTION, "redirect", "http-request")
    text = " ".join(line.words)
    rule = RuleLine(REDIRECT, word, condition, line.span, text, lambda program: compile(parsed, program))
    hooks.store(line, rule, "http-request")
