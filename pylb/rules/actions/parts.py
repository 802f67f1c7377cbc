"""What action files share: where the message is, formats as arguments, and regex replacement as HAProxy writes it."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from pylb.config.model import Configuration
from pylb.config.words import Words, to_bytes
from pylb.errors import ConfigError
from pylb.http.message import HOST, Request, field
from pylb.sample import logformat
from pylb.sample.regexes import Regex, compile_pattern
from pylb.sample.site import Site

REQUEST: Final = ("http-request",)
RESPONSES: Final = ("http-response", "http-after-response")
HTTP: Final = (*REQUEST, *RESPONSES)
TCP_EARLY: Final = ("tcp-request connection", "tcp-request session")
TCP_CONTENT: Final = ("tcp-request content", "tcp-response content")
TCP: Final = (*TCP_EARLY, *TCP_CONTENT)
ALL: Final = (*TCP, *HTTP)

Render = Callable[[Any], bytes]


def scripted(config: Configuration) -> bool:
    """Whether Lua scripts were loaded above: the words `lua.<name>` are those that they register."""
    return any(config.globals.get(word) for word in ("lua-load", "lua-load-per-thread"))


def message_of(site: Site) -> Callable[[Any], Any]:
    """Reads the message that the rules of this place work on."""
    return attrgetter("request" if site.place in REQUEST else "response")


def take_format(words: Words, site: Site, missing: str) -> logformat.Format:
    """One argument that is a log format."""
    text = words.next(missing)
    return logformat.parse(text, site, span=words.last_span)


def take_regex(words: Words, missing: str, *, prefix: str = "") -> Regex:
    """One argument that is a regular expression."""
    text = words.next(missing)
    try:
        return compile_pattern(to_bytes(text))
    except ValueError as error:
        message = str(error)
        if not message.startswith("regex "):
            message = f"regex '{text}' is invalid (error={message.replace(', erroffset', ', erroffset')})"
        raise ConfigError(f"{prefix}{message}", words.last_span) from None


_REFERENCE = re.compile(rb"\\(?:(\d)|x([0-9A-Fa-f]{2})|(.))", re.DOTALL)


def expand(template: bytes, found: re.Match[bytes]) -> bytes:
    r"""A replacement text: `\0` to `\9` are groups, `\xHH` a byte, any other escaped byte itself."""
    if b"\\" not in template:
        return template

    def value(reference: re.Match[bytes]) -> bytes:
        if reference[1]:
            number = int(reference[1])
            return (found[number] or b"") if number <= found.re.groups else b""
        return bytes((int(reference[2], 16),)) if reference[2] else reference[3]

    return _REFERENCE.sub(value, template)


_UNSAFE = re.compile(rb"[\x00-\x20\x7f]")


def safe_target(target: bytes) -> bytes:
    """A request target without blanks and controls, which would end it early or split the request line."""
    if _UNSAFE.search(target) is None:
        return target
    return _UNSAFE.sub(lambda found: b"%%%02X" % found[0][0], target)


def host_changed(request: Request) -> None:
    """Keeps `request.host` and an absolute target in step with the Host field after rules touched it."""
    host = next((one[1] for one in request.fields if one[3] == HOST), None)
    request.host = host
    scheme, mark, rest = request.target.partition(b"://")
    if host is not None and mark and b"/" not in scheme:
        slash = min((at for at in (rest.find(b"/"), rest.find(b"?")) if at >= 0), default=len(rest))
        request.target = scheme + mark + host + rest[slash:]


def target_changed(request: Request) -> None:
    """Gives the authority of a target to the Host field after rules set the whole URI: what stands behind a scheme, or
    where a path does not begin (`www.example.org:443`)."""
    target = request.target
    if target[:1] in (b"/", b"*"):
        return
    scheme, mark, rest = target.partition(b"://")
    if not mark or b"/" in scheme:
        rest = target
    host = re.split(rb"[/?]", rest, maxsplit=1)[0].rpartition(b"@")[2]
    if not mark and not host:
        return
    fields = request.fields
    for index, one in enumerate(fields):
        if one[3] == HOST:
            fields[index] = field(b"host", host)
            break
    request.host = host
