"""The words that describe replies: files, payloads, formats, fields; and the keywords that set error pages.

`take` parses what stands behind `deny`, `return`, `tarpit` and `http-error`; `read_error_file` reads a complete HTTP
message from a file. Files are read here, once, while parsing: later the process may have no file system.
"""

from __future__ import annotations

import functools
import operator
import re
from dataclasses import dataclass, field
from typing import Any, Final

from pylb.config import units
from pylb.config.model import Record
from pylb.config.section_shapes import open_section
from pylb.config.words import Line, Words, to_bytes
from pylb.errors import NOWHERE, ConfigError, Span
from pylb.http.message import Field
from pylb.http.message import field as make_field
from pylb.registry import PROXY, keyword, section
from pylb.rules.pages import BODIES
from pylb.sample import logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site

BUFFER: Final = 16384
MAX_REWRITE: Final = 1024


@dataclass(slots=True)
class ErrorFile:
    """A parsed error file: a message that keeps its own status line."""

    status: int
    reason: bytes
    version: int
    fields: list[Field]
    body: bytes
    framing: Field | None
    close: bool = False
    extra: int = 0  # bytes of its Connection fields, which are counted and not sent


@dataclass(slots=True)
class ReplyLine:
    """A checked, uncompiled description of a reply. `kind` is the word that defined it, "" for an empty body."""

    kind: str = ""
    status: int = 0
    content_type: bytes = b""
    body: bytes = b""
    format: Any = None  # sample.logformat.Format
    file: ErrorFile | None = None
    section: str = ""  # name of an http-errors section
    statuses: tuple[int, ...] = ()
    code: int = 0  # errorloc: status of the redirect
    fields: list[tuple[bytes, Any]] = field(default_factory=list)
    proxy: str = ""
    span: Span = NOWHERE


_ANY_TIME: Final = functools.reduce(operator.or_, Point)  # pages are made whenever something fails: all may be read

_STATUS_LINE = re.compile(rb"HTTP/(\d)\.(\d) +(\d{3})(?: +([^\r\n]*+))?+\r?\n")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[ \t]*+([^\r\n]*+)\r?\n")
_END = re.compile(rb"\r?\n")


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            data = file.read(BUFFER + 1)
    except OSError:
        raise ValueError(f"error opening file '{path}'.") from None
    if len(data) > BUFFER - MAX_REWRITE:
        raise ValueError(f"file '{path}' exceeds the buffer size ({BUFFER - MAX_REWRITE})")
    return data


def read_error_file(path: str) -> ErrorFile:
    """Parses a file that holds a complete response. ValueError carries HAProxy's message."""
    return parse_message(_read(path), path)


def parse_message(data: bytes, path: str) -> ErrorFile:
    """Status line, fields and body. An empty file is a message too: nothing is sent, the connection ends."""
    if not data:
        return ErrorFile(0, b"", 0, [], b"", None)
    start = _STATUS_LINE.match(data)
    if start is None:
        raise ValueError(f"'{path}': unable to parse headers (error offset: {_offset(data)})")
    version = int(start[1]) * 10 + int(start[2])
    at = start.end()
    fields: list[Field] = []
    framing: Field | None = None
    extra, close = 0, False
    while (end := _END.match(data, at)) is None:
        found = _FIELD.match(data, at)
        if found is None:
            raise ValueError(f"'{path}': unable to parse headers (error offset: {at})")
        at = found.end()
        name, value = found[1].lower(), found[2].rstrip(b" \t")
        if name == b"transfer-encoding":
            raise ValueError(f"'{path}': chunk-encoded payload not supported")
        if name == b"connection":
            extra += len(name) + len(value)
            close = close or b"close" in value.lower()
            continue
        one = make_field(name, value)
        if name == b"content-length":
            if framing is not None:
                continue
            framing = one
        fields.append(one)
    body = data[end.end() :]
    if framing is not None and (not framing[1].isdigit() or int(framing[1]) != len(body)):
        raise ValueError(
            f"'{path}': payload size does not match the announced content-length "
            f"({len(body)} != {framing[1].decode(errors='replace')})"
        )
    return ErrorFile(int(start[3]), start[4] or b"", min(version, 11), fields, body, framing, close, extra)


def _offset(data: bytes) -> int:
    """Index of the first byte that cannot belong to a status line."""
    for at, (have, want) in enumerate(zip(data, b"HTTP/", strict=False)):
        if have != want:
            return at
    line = data.find(b"\n")
    return len(data) if line < 0 else line


def status_of(text: str) -> int:
    """A status as HAProxy reads it: into 32 bits, a larger number is another one."""
    return (units.parse_integer(text) + 2**31) % 2**32 - 2**31


_PAYLOADS: Final = ("string", "file", "lf-string", "lf-file")
_SOURCES: Final = ("default-errorfiles", "errorfile", "errorfiles", *_PAYLOADS)


def take(words: Words, site: Site, default: int, *, error: bool) -> ReplyLine:
    """Takes the arguments of a reply up to the first word that is none of its own.

    `error` replies (deny, tarpit) show the error page of their status when nothing else is said; their status must then
    be one that has a page.
    """
    reply = ReplyLine(status=default, proxy=site.proxy.name if site.proxy is not None else "", span=site.span)
    seen_status = False
    while (word := words.peek()) is not None:
        if word in ("status", "deny_status") and not seen_status and (error or word == "status"):
            words.next()
            reply.status = _status(words, low=200, high=599)
            seen_status = True
            error = error and word != "status"  # `deny status 403` alone has no page
        elif word in _SOURCES:
            words.next()
            _source(words, site, reply, word)
        elif word == "content-type":
            words.next()
            reply.content_type = to_bytes(words.next("'content-type' expects <ctype> as argument"))
        elif word == "hdr":
            words.next()
            _header(words, site, reply)
        else:
            break
    return _settle(words, reply, error)


def _status(words: Words, *, low: int, high: int) -> int:
    text = words.next("'status' expects <status_code> as argument")
    status = status_of(text)
    if not low <= status <= high:
        words.fail(f"Unexpected status code '{status}'")
    return status


def _source(words: Words, site: Site, reply: ReplyLine, word: str) -> None:
    if reply.kind:
        words.fail(f"unexpected '{word}' argument, '{reply.kind}' already defined")
    reply.kind = word
    if word == "default-errorfiles":
        return
    expected = {"errorfile": "<file>", "errorfiles": "<http-errors>", "string": "<str>", "lf-string": "<fmt>"}
    value = words.next(f"'{word}' expects {expected.get(word, '<file>')} as argument")
    try:
        if word == "errorfile":
            reply.file = read_error_file(value)
        elif word == "errorfiles":
            reply.section = value
        elif word == "string":
            reply.body = to_bytes(value)
        elif word == "file":
            reply.body = _read(value)
        elif word == "lf-string":
            reply.format = logformat.parse(value, site)
        else:
            reply.format = logformat.parse(_read(value).decode("utf-8", "surrogateescape"), site)
    except ValueError as error:
        words.fail(str(error).rstrip("."))


def _header(words: Words, site: Site, reply: ReplyLine) -> None:
    message = "'hdr' expects <name> and <value> as arguments"
    name = words.next(message)
    value = words.next(message)
    if name.lower() in ("content-length", "transfer-encoding"):
        words.line.warning(f"header '{name}' always ignored by the http reply.")
        return
    reply.fields.append((to_bytes(name).lower(), logformat.parse(value, site)))


def _settle(words: Words, reply: ReplyLine, error: bool) -> ReplyLine:
    """Fills in what was not said, and reports what is said for nothing."""
    line = words.line
    kind = reply.kind
    if not kind:
        if error and not reply.fields:
            reply.kind = "default-errorfiles"
        if reply.content_type:
            line.warning(
                f"content-type '{_text(reply.content_type)}' ignored by the http reply because neither errorfile nor "
                "payload defined."
            )
            reply.content_type = b""
    elif kind in _PAYLOADS:
        if not reply.content_type and (reply.body or reply.format is not None):
            words.fail("a content type must be defined when non-empty payload is configured")
        if reply.status in (204, 304) and (reply.body or reply.format is not None):
            words.fail(f"No body expected for {reply.status} responses")
    else:
        if reply.content_type:
            line.warning(
                f"content-type '{_text(reply.content_type)}' ignored by the http reply when used with an erorrfile."
            )
        if reply.fields:
            line.warning("hdr parameters ignored by the http reply when used with an erorrfile.")
            reply.fields = []
    if reply.kind in ("default-errorfiles", "errorfiles") and reply.status not in BODIES:
        words.fail(f"status code '{reply.status}' not handled by default with '{reply.kind}' argument.")
    return reply


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


# -- keywords ---------------------------------------------------------------------------------------------------------


def _keep(line: Line, reply: ReplyLine) -> None:
    """Adds an error page to the proxy; a later one for the same status wins."""
    line.proxy.append("error replies", reply, line.span)


def _page_status(line: Line, text: str, what: str) -> int:
    status = status_of(text)
    if status not in BODIES:
        raise ConfigError(f"{what} status code '{status}' not handled.", line.spans[1])
    return status


@keyword("errorfile", places=(*PROXY, "http-errors"), usage="<status> <file>")
def errorfile(line: Line) -> None:
    """The complete response (status line, fields, body) sent in place of the built-in page of an error. Manual 4.2."""
    words = line.args()
    colon = ":" if line.place == "http-errors" else " :"
    message = f"errorfile{colon} expects <status_code> and <file> as arguments."
    code, path = words.next(message), words.next(message)
    status = _page_status(line, code, "errorfile :")
    try:
        parsed = read_error_file(path)
    except ValueError as error:
        raise ConfigError(f"errorfile : {error}", words.last_span) from None
    if line.place == "http-errors":
        line.record.values.setdefault("errorfile", {})[status] = parsed
    else:
        _keep(line, ReplyLine("errorfile", status, file=parsed, proxy=line.proxy.name, span=line.span))


def _errorloc(line: Line, code: int) -> None:
    words = line.args()
    message = f"{line.name} : expects <status_code> and <url> as arguments."
    status = _page_status(line, words.next(message), f"{line.name} :")
    url = to_bytes(words.next(message))
    _keep(line, ReplyLine("errorloc", status, body=url, code=code, proxy=line.proxy.name, span=line.span))


@keyword("errorloc", "errorloc302", places=PROXY, usage="<status> <url>")
def errorloc302(line: Line) -> None:
    """A 302 redirect to <url> in place of the page of an error. Manual 4.2."""
    _errorloc(line, 302)


@keyword("errorloc303", places=PROXY, usage="<status> <url>")
def errorloc303(line: Line) -> None:
    """A 303 redirect to <url> in place of the page of an error, which a client fetches with GET. Manual 4.2."""
    _errorloc(line, 303)


@keyword("errorfiles", places=PROXY, usage="<section> [<status> ...]")
def errorfiles(line: Line) -> None:
    """Takes the pages of an http-errors section, all of them or those of the given statuses. Manual 4.2."""
    words = line.args()
    name = words.next("errorfiles : expects <name> as argument.")
    statuses = tuple(_page_status(line, code, "errorfiles :") for code in words.rest())
    _keep(line, ReplyLine("errorfiles", section=name, statuses=statuses, proxy=line.proxy.name, span=line.span))


@keyword("http-error", places=PROXY, usage="status <status> [<reply arguments>]")
def http_error(line: Line) -> None:
    """The reply sent in place of the page of an error, described as by `http-request return`. Manual 4.2."""
    words = line.args()
    proxy = line.proxy
    site = Site(line.config, proxy, "http-error", _ANY_TIME, line.span, "http-error")
    if words.peek() != "status":
        raise ConfigError("http-error : expects at least a <status> as arguments.", line.span)
    try:
        reply = take(words, site, 0, error=False)
    except ConfigError as error:
        raise ConfigError(f"http-error : {error.message}", error.span, error.hint) from None
    if reply.status not in BODIES:
        raise ConfigError(f"http-error: status code '{reply.status}' not handled.", line.spans[-1])
    if not words.end:
        raise ConfigError(f"http-error : unknown keyword '{words.peek()}'.", words.span)
    _keep(line, reply)


@section("http-errors", usage="<name>")
def open_http_errors(line: Line) -> Record:
    """A set of error files that proxies take with `errorfiles`. Manual 3.8."""
    return open_section(
        line,
        missing="missing name for http-errors section.",
        duplicate="http-errors section '{name}' already exists (declared at {where}).",
        words=None,
    )
