"""Actions that edit header fields: add-header, set-header, del-header, replace-header, replace-value, early-hint.

They work the same way on requests, responses and final responses. Field names are not case-sensitive and go out in
lower case. Values are log formats; a field whose value depends on nothing is made once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pylb.config.words import Words, to_bytes
from pylb.http.lists import items
from pylb.http.message import CONTENT_LENGTH, HOST, TRANSFER_ENCODING, Field, field
from pylb.registry import action
from pylb.rules.actions.parts import HTTP, REQUEST, expand, host_changed, message_of, take_format, take_regex
from pylb.sample import logformat
from pylb.sample.regexes import compile_pattern
from pylb.sample.site import Site

Build = Callable[[Any], Callable[[Any], None]]
_BLANKS = b" \t"
_TWO = "expects exactly 2 arguments"


def _name_and_format(words: Words, site: Site) -> tuple[bytes, logformat.Format]:
    name = to_bytes(words.next(_TWO)).lower()
    return name, take_format(words, site, _TWO)


def _maker(name: bytes, text: logformat.Format, program: Any) -> tuple[Field | None, Callable[[Any], Field] | None]:
    """The finished field when its value is constant, else how to make it.

    Blanks around a value are sent and not seen: whoever reads the field gets it without them, as in HAProxy.
    """
    kind = field(name, b"")[3]
    prefix = name + b": "
    constant = text.constant
    if constant is not None:
        return (name, constant.strip(_BLANKS), b"%b%b\r\n" % (prefix, constant), kind), None
    render = text.compile(program)
    return None, lambda ctx: (name, (value := render(ctx)).strip(_BLANKS), b"%b%b\r\n" % (prefix, value), kind)


@action("add-header", places=HTTP, usage="<name> <format>")
def add_header(words: Words, site: Site) -> Build:
    """Adds a field behind the others, whether or not there is one of that name. Manual 4.2."""
    name, text = _name_and_format(words, site)
    message = message_of(site)

    def build(program: Any) -> Callable[[Any], None]:
        fixed, make = _maker(name, text, program)

        def constant(ctx: Any) -> None:
            message(ctx).fields.append(fixed)

        def made(ctx: Any) -> None:
            one = make(ctx)  # type: ignore[misc]
            message(ctx).fields.append(one)

        return _touching_host(name, site, constant if make is None else made)

    return build


@action("set-header", places=HTTP, usage="<name> <format>")
def set_header(words: Words, site: Site) -> Build:
    """Removes all fields of that name, then adds one: nothing that the client said under this name survives. The value
    is formatted before anything is removed. Manual 4.2."""
    name, text = _name_and_format(words, site)
    message = message_of(site)

    def build(program: Any) -> Callable[[Any], None]:
        fixed, make = _maker(name, text, program)

        def change(ctx: Any) -> None:
            one = fixed if make is None else make(ctx)
            target = message(ctx)
            fields = target.fields
            for other in fields:
                if other[0] == name:
                    target.fields = fields = [kept for kept in fields if kept[0] != name]
                    break
            fields.append(one)

        return _touching_host(name, site, change)

    return build


def _touching_host(name: bytes, site: Site, change: Callable[[Any], None]) -> Callable[[Any], None]:
    """Wraps a change of the Host field of requests, whose value is kept elsewhere too."""
    if name != b"host" or site.place not in REQUEST:
        return change

    def changed(ctx: Any) -> None:
        change(ctx)
        host_changed(ctx.request)

    return changed


_METHODS: dict[str, Callable[[bytes], Callable[[bytes], Any]]] = {
    "str": lambda wanted: lambda name: name == wanted,
    "beg": lambda wanted: lambda name: name.startswith(wanted),
    "end": lambda wanted: lambda name: name.endswith(wanted),
    "sub": lambda wanted: lambda name: wanted in name,
}


@action("del-header", places=HTTP, usage="<name> [-m {str | beg | end | sub | reg}]")
def del_header(words: Words, site: Site) -> Build:
    """Removes every field of that name, or whose name matches: `-m` takes the name as a beginning, an end, a part or a
    regular expression. Manual 4.2."""
    text = words.next("expects at least 1 argument")
    name = to_bytes(text).lower()
    matches: Callable[[bytes], Any] | None = None
    if words.accept("-m"):
        method = words.next("-m flag expects exactly 1 argument")
        if method == "reg":
            try:
                matches = compile_pattern(to_bytes(text)).search
            except ValueError as error:
                words.fail(f"regex '{text}' is invalid ({error})")
        elif method in _METHODS:
            matches = _METHODS[method](name)
        else:
            words.fail(f"-m with unsupported matching method '{method}'")
    message = message_of(site)

    def named(ctx: Any) -> None:
        target = message(ctx)
        for one in target.fields:
            if one[0] == name:
                target.fields = [kept for kept in target.fields if kept[0] != name]
                return

    def matching(ctx: Any) -> None:
        target = message(ctx)
        kept = [one for one in target.fields if not matches(one[0])]  # type: ignore[misc]
        if len(kept) < len(target.fields):
            lost_host = any(one[3] == HOST and matches(one[0]) for one in target.fields)  # type: ignore[misc]
            target.fields = kept
            if lost_host and site.place in REQUEST:
                host_changed(target)

    return lambda program: _touching_host(name, site, named) if matches is None else matching


def _replace(words: Words, site: Site, *, by_item: bool) -> Build:
    message_text = "expects exactly 3 arguments"
    name = to_bytes(words.next(message_text)).lower()
    if words.peek(1) is None:
        words.rest()
        words.fail(message_text)
    regex = take_regex(words, message_text)
    text = take_format(words, site, message_text)
    message = message_of(site)
    search = regex.search

    def build(program: Any) -> Callable[[Any], None]:
        render = text.compile(program)

        def replaced(value: bytes, template: bytes) -> bytes | None:
            found = search(value)
            return None if found is None else expand(template, found)

        def per_item(value: bytes, template: bytes) -> bytes | None:
            parts = items(value)
            changed = [replaced(part, template) for part in parts]
            return _join_items(value, parts, changed)

        rewrite = per_item if by_item else replaced

        def change(ctx: Any) -> None:
            target = message(ctx)
            template: bytes | None = None
            for index, one in enumerate(target.fields):
                if one[0] == name:
                    if template is None:
                        template = render(ctx)
                    value = rewrite(one[1], template)
                    if value is not None and value != one[1]:
                        target.fields[index] = field(name, value)

        return _touching_host(name, site, change)

    return build


def _join_items(value: bytes, parts: list[bytes], changed: list[bytes | None]) -> bytes:
    """The field value with items exchanged where they stand; an exchanged one loses the blanks around it, even if it
    has not changed."""
    out = []
    at = 0
    for old, new in zip(parts, changed, strict=True):
        found = value.find(old, at)
        end = found + len(old)
        stop = value.find(b",", end)
        stop = len(value) if stop < 0 else stop
        out.append(value[at:stop] if new is None else new)
        at = stop + 1
    return b",".join(out)


@action("replace-header", places=HTTP, usage="<name> <regex> <format>")
def replace_header(words: Words, site: Site) -> Build:
    r"""Puts the format in place of the whole value of each field of that name that matches; `\1` to `\9` stand for the
    groups. Manual 4.2."""
    return _replace(words, site, by_item=False)


@action("replace-value", places=HTTP, usage="<name> <regex> <format>")
def replace_value(words: Words, site: Site) -> Build:
    """As replace-header, but for each comma-separated item of the value by itself. Manual 4.2."""
    return _replace(words, site, by_item=True)


@action("early-hint", places=REQUEST, usage="<name> <format>")
def early_hint(words: Words, site: Site) -> Build:
    """Sends a 103 response with that field before the final one, to clients of HTTP/1.1 and later; neighbouring lines
    without a condition go into the same one as the line before. RFC 8297. Manual 4.2."""
    name, text = _name_and_format(words, site)

    def build(program: Any) -> Callable[[Any], None]:
        render = text.compile(program)
        last = not _hints_go_on(site)

        def hint(ctx: Any) -> None:
            stream = ctx.stream
            if stream.request.version < 11:
                return
            line = b"%b: %b\r\n" % (name, render(ctx))
            size = len(line) - 4
            if stream.status != EARLY_HINTS:
                line = b"HTTP/1.1 103 Early Hints\r\n" + line
                size += HINT_SIZE
            stream.status = -1 if last else EARLY_HINTS
            stream.bytes_out += size
            stream.front.put(line + b"\r\n" if last else line)

        return hint

    return build


EARLY_HINTS: Final = 103
HINT_SIZE: Final = 43
"""What the log counts for the start line and the end of a 103 response."""


def _hints_go_on(site: Site) -> bool:
    """Whether the rule behind this one adds to the same 103 response."""
    rules = site.proxy.rules.get("http-request", []) if site.proxy is not None else []
    at = next((index for index, rule in enumerate(rules) if rule.span == site.span), len(rules))
    following = rules[at + 1] if at + 1 < len(rules) else None
    return following is not None and following.condition is None and following.action.name == "early-hint"


def _reframe(stream: Any, bodyless: bool) -> None:
    """The new status has no body, or it must have one and the old one had none."""
    response = stream.response
    if bodyless:
        response.bodyless = True
        if response.status != 304:
            response.framing = None  # its field counts (%B) and is not sent
        if response.status < 200:
            stream.keep = False
    elif stream.request.method != b"HEAD" and not stream.request.silent:
        response.chunked = False  # the body stays away: it is the length that is 0
        response.fields = [one for one in response.fields if one[3] not in (CONTENT_LENGTH, TRANSFER_ENCODING)]
        response.framing = field(b"content-length", b"0")
        response.fields.append(response.framing)


@action("set-status", places=("http-response", "http-after-response"), usage="<status> [reason <format>]")
def set_status(words: Words, site: Site) -> Build:
    """Replaces the status code and its reason phrase, which is the usual one unless given. Manual 4.2.

    A status that has no body (204, 304, 1xx) takes the body away; where another one replaces 204 or 304 the body is
    empty (HAProxy says that in chunks, pylb with `content-length: 0`).
    """
    usage = "expects 1 argument: <status>; or 3 arguments: <status> reason <fmt>"
    digits = words.next(usage)
    match = re.match(r"\d+\Z", digits)
    status = int(digits) if match else 0
    if not 100 <= status <= 999:
        words.fail("expects an integer status code between 100 and 999")
    text: logformat.Format | None = None
    if words.peek() == "reason" and words.peek(1) is not None:
        words.next()
        text = take_format(words, site, usage)

    def build(program: Any) -> Callable[[Any], None]:
        from pylb.http.status import reason as reason_of

        usual = reason_of(status)
        render = None if text is None else text.compile(program)

        def change(ctx: Any) -> None:
            response = ctx.response
            response.status = status
            response.reason = usual if render is None else render(ctx)
            if bodyless or response.bodyless:
                _reframe(ctx, bodyless)

        bodyless = status < 200 or status in (204, 304)
        return change

    return build
