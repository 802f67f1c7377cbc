"""What is kept of a stream for its log line: captures of headers and cookies, declared slots, actions (manual 8.8).

Slots are numbered per frontend and direction in the order of the configuration, whichever word makes them. A proxy
keeps them as values["captures request"] and values["captures response"].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pylb.config import units
from pylb.config.model import ProxyConfig
from pylb.config.shapes import ignore_surplus
from pylb.config.words import Line, Words, to_bytes
from pylb.errors import ConfigError
from pylb.http.cookies import request_cookies, response_cookies
from pylb.registry import action, keyword
from pylb.rules import contents
from pylb.sample import expression
from pylb.sample.site import Site
from pylb.sample.values import Absent

Capture = Callable[[Any], None]
Build = Callable[[Any], Capture]

REQUEST: Final = "captures request"
RESPONSE: Final = "captures response"
_STORES: Final = {REQUEST: "captures_request", RESPONSE: "captures_response"}


@dataclass(slots=True)
class Slot:
    """One place for a captured value. `name` is the header that fills it, b"" where only actions do."""

    name: bytes
    length: int


@dataclass(slots=True)
class CookieCapture:
    """`capture cookie`: the first cookie whose name begins so, cut to `length` bytes, name included."""

    name: bytes
    length: int


def slots_of(config: ProxyConfig, which: str) -> list[Slot]:
    slots: list[Slot] = config.get(which, [])
    return slots


def _new_slot(line_or_site: Any, proxy: ProxyConfig, which: str, slot: Slot) -> int:
    proxy.append(which, slot, line_or_site.span)
    return len(slots_of(proxy, which)) - 1


# -- keywords ---------------------------------------------------------------------------------------------------------

_CAPTURE: Final = "'capture' expects 'cookie' or 'request header' or 'response header'."


@keyword(
    "capture",
    places=("frontend", "listen"),
    usage="{request header | response header | cookie} <name> len <length>",
)
def capture(line: Line) -> None:
    """Keeps a header of each request or response, or a cookie of both, for the log line. Manual 4.2."""
    words = line.args()
    kind = words.peek()
    if kind == "cookie":
        words.next()
        _capture_cookie(line, words)
        return
    if kind not in ("request", "response"):
        raise ConfigError(_CAPTURE, words.span)
    words.next()
    if words.peek() is None:
        raise ConfigError(_CAPTURE, words.last_span)
    usage = f"'capture {kind}' expects 'header' <header_name> 'len' <len>."
    if words.accept("header") is None:
        raise ConfigError(_CAPTURE, words.span)
    name = to_bytes(words.next(usage)).lower()
    length = _length(words, usage)
    if not words.end:
        words.fail(f"'capture {kind}' cannot handle unexpected argument '{words.peek()}'.", last=False)
    _new_slot(line, line.proxy, REQUEST if kind == "request" else RESPONSE, Slot(name, length))


def _length(words: Words, usage: str) -> int:
    if words.accept("len") is None:
        raise ConfigError(usage, words.span)
    return max(0, units.parse_integer(words.next(usage)))


def _capture_cookie(line: Line, words: Words) -> None:
    """HAProxy looks neither at the word `len` nor at one behind the length."""
    usage = "'capture' expects 'cookie' <cookie_name> 'len' <len>."
    name = to_bytes(words.next(usage))
    between = words.next(usage)
    if between != "len":
        line.notice(f"'{between}' stands where 'len' should.")
    length = max(0, units.parse_integer(words.next(usage)))
    if words.peek(1) is not None:
        raise ConfigError(f"'capture cookie' cannot handle unexpected argument '{words.peek(1)}'.", words.span)
    ignore_surplus(words)
    line.proxy.set("capture cookie", CookieCapture(name, length), line.span)


@keyword("declare", places=("frontend", "listen"), usage="capture {request | response} len <length>")
def declare(line: Line) -> None:
    """Makes a capture slot that actions fill, `http-request capture ... id <number>` for one. Manual 4.2."""
    words = line.args()
    if words.accept("capture") is None:
        message = "'declare' needs a second keyword that specify the type of declaration ('capture')"
        raise ConfigError(message, words.span)
    direction = words.accept("request", "response")
    if direction is None:
        raise ConfigError("'declare capture' requires a direction ('request' or 'response')", words.span)
    if words.accept("len") is None:
        raise ConfigError("'declare capture' requires a capture length ('len')", words.span)
    text = words.next("'declare capture': 'len' requires a numeric value that represents the capture length")
    if not text.lstrip("+-").isdigit():
        words.fail("'declare capture': cannot parse the length 'len'.")
    if int(text) <= 0:
        words.fail("length must be > 0")
    ignore_surplus(words)
    _new_slot(line, line.proxy, REQUEST if direction == "request" else RESPONSE, Slot(b"", int(text)))


# -- what the stream calls ---------------------------------------------------------------------------------------------


def compile(config: ProxyConfig, program: Any) -> tuple[Capture | None, Capture | None]:
    """closures(stream) that capture from the request and from the response head; None where there is nothing to do."""
    _announce(config, program)
    return _side(config, REQUEST), _side(config, RESPONSE)


def compile_cookies(config: ProxyConfig) -> tuple[Capture | None, Capture | None]:
    """closures(stream) for `capture cookie`, called after all rules; None where it was not given."""
    wanted: CookieCapture | None = config.get("capture cookie")
    if wanted is None:
        return None, None

    def take_request(stream: Any) -> None:
        stream.cookie_captured = (_cookie(request_cookies(stream.request.fields), wanted), None)

    def take_response(stream: Any) -> None:
        before = stream.cookie_captured or (None, None)
        stream.cookie_captured = (before[0], _cookie(response_cookies(stream.response.fields), wanted))

    return take_request, take_response


def _announce(config: ProxyConfig, program: Any) -> None:
    """Tells the run-time frontend how many slots it has: logs show them even when nothing was captured."""
    frontend = program.frontend(config.name) if program is not None else None
    if frontend is not None:
        frontend.capture_slots = (len(slots_of(config, REQUEST)), len(slots_of(config, RESPONSE)))


def _side(config: ProxyConfig, which: str) -> Capture | None:
    slots = slots_of(config, which)
    if not slots:
        return None
    headers = [(index, slot.name, slot.length) for index, slot in enumerate(slots) if slot.name]
    count = len(slots)
    response = which == RESPONSE
    store = _STORES[which]

    def take(stream: Any) -> None:
        message = stream.response if response else stream.request
        values: list[bytes | None] = getattr(stream, store) or [None] * count
        for index, name, length in headers:
            for one in reversed(message.fields):
                if one[0] == name:
                    values[index] = one[1][:length]
                    break
        setattr(stream, store, values)

    return take


def _cookie(cookies: Iterable[tuple[bytes, bytes]], wanted: CookieCapture) -> bytes | None:
    """The first cookie whose name begins as wanted, as `name=value`."""
    for name, value in cookies:
        text: bytes = name + b"=" + value
        if text.startswith(wanted.name):
            return text[: wanted.length]
    return None


# -- actions ----------------------------------------------------------------------------------------------------------


def _filling(parsed: expression.Expression, program: Any, which: str, index: int) -> Capture:
    """Puts a value into a slot of the stream's frontend, if it has that one."""
    read = parsed.compile_as("str", program)
    store = _STORES[which]

    def act(ctx: Any) -> None:
        value = read(ctx)
        if isinstance(value, Absent):
            return
        stream = ctx.stream
        slots = slots_of(stream.frontend.config, which)
        if not 0 <= index < len(slots):
            return
        values = getattr(stream, store)
        if values is None:
            values = [None] * len(slots)
            setattr(stream, store, values)
        values[index] = value[: slots[index].length]

    return act


def _numbered(words: Words, site: Site, parsed: expression.Expression, which: str, usage: str) -> Build:
    text = words.next(usage)
    if not text.removeprefix("-").isdigit():
        words.fail(f"cannot parse id '{text}'")
    index = int(text)
    proxy = site.proxy
    rule = "http-request" if which == REQUEST else "http-response"

    def build(program: Any) -> Capture:
        if proxy is not None and proxy.is_front and index >= len(slots_of(proxy, which)):
            raise ConfigError(
                f"Proxy '{proxy.name}': unable to find capture id '{index}' referenced by {rule} capture rule."
            )
        return _filling(parsed, program, which, index)

    return build


def _own_slot(words: Words, site: Site, parsed: expression.Expression, length: int) -> Build:
    proxy = site.proxy
    if proxy is None or not (proxy.is_front or proxy.kind == "defaults"):
        words.fail(f"proxy '{proxy.name if proxy else ''}' has no frontend capability")
    index = _new_slot(site, proxy, REQUEST, Slot(b"", length))
    return lambda program: _filling(parsed, program, REQUEST, index)


@action("capture", places="http-request", usage="<expression> {len <length> | id <slot>}")
def capture_request(words: Words, site: Site) -> Build:
    """Keeps a sample for the log line, in a slot of its own or in a declared one. Manual 4.2."""
    usage = "expects <expression> [ 'len' <length> | id <idx> ]"
    if words.peek() is None or words.peek(1) is None or words.peek(2) is None:
        words.rest()
        words.fail(usage)
    parsed = expression.parse(words, site)
    if words.accept("len"):
        length = units.parse_integer(words.next(usage))
        if length <= 0:
            words.fail("length must be > 0")
        return _own_slot(words, site, parsed, length)
    if words.accept("id"):
        return _numbered(words, site, parsed, REQUEST, usage)
    words.fail(f"expects 'len' or 'id', found '{words.peek()}'", last=False)


@action("capture", places=("http-response", "http-after-response"), usage="<expression> id <slot>")
def capture_response(words: Words, site: Site) -> Build:
    """Keeps a sample of the response for the log line, in a declared slot. Manual 4.2."""
    usage = "expects <expression> id <idx>"
    if words.peek() is None or words.peek(1) is None or words.peek(2) is None:
        words.rest()
        words.fail(usage)
    parsed = expression.parse(words, site)
    if words.accept("id") is None:
        words.fail(f"expects 'id', found '{words.peek()}'", last=False)
    return _numbered(words, site, parsed, RESPONSE, usage)


@action("capture", places="tcp-request content", usage="<expression> len <length>")
def capture_content(words: Words, site: Site) -> Build:
    """Keeps a sample of the request for the log line, in a slot of its own. Manual 4.2."""
    complaint = "'tcp-request content capture' : "
    try:
        parsed = expression.parse(words, site)
    except ConfigError as error:
        raise ConfigError(complaint + error.message, error.span, error.hint) from None
    contents.watch(site, "capture", parsed, words.line.span)
    if words.accept("len") is None:
        words.fail(f"{complaint}a positive 'len' argument is mandatory", last=False)
    length = units.parse_integer(words.next(f"{complaint}length must be > 0"))
    if length <= 0:
        words.fail(f"{complaint}length must be > 0")
    return _own_slot(words, site, parsed, length)
