"""Responses made here: error pages, error files, `return`, `deny` and their like (manual 3.8, 4.2).

A Reply is compiled once; `render(stream)` gives a fresh Response that http-after-response rules may change and the
codec sends; one of version 0 says that nothing is to be sent and the connection ends. Which page an error status shows
is looked up in this order: the backend's own, the frontend's own, the default.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from pylb.errors import ConfigError
from pylb.http.message import Field, Response, field
from pylb.http.status import reason as reason_of
from pylb.rules.pages import BODIES, PAGE_REASONS

if TYPE_CHECKING:
    from pylb.config.model import ProxyConfig
    from pylb.rules.reply_lines import ErrorFile, ReplyLine

HANDLED: Final = tuple(BODIES)
"""Statuses that have a page by default: the ones that errorfile, errorloc and http-error take."""

BODYLESS: Final = frozenset((*range(100, 200), 204, 304))

UNSENT_LENGTH: Final = 15  # `content-length: 0`, which a 204 does not show, as it is counted
_CLOSE: Final = 15  # `connection: close`

_NO_CACHE: Final = field(b"cache-control", b"no-cache")
_HTML: Final = field(b"content-type", b"text/html")
_EMPTY_LENGTH: Final = field(b"content-length", b"0")


class Local(Response):
    """A response made here, with what the log says of it."""

    __slots__ = ("extra", "logged")

    def __init__(self, status: int, reason: bytes, fields: list[Field], version: int = 11) -> None:
        super().__init__(status, reason, fields, version)
        self.logged = status  # a rule's status, whatever its error file answers
        self.extra = 0  # bytes that HAProxy stores, and counts, for fields that it does not send


class Reply(Protocol):
    """Something that can answer. `status` is what it is going to say (0: known only when rendered)."""

    status: int

    def render(self, stream: Any) -> Response: ...


class Fixed:
    """A reply whose bytes are known. Shared by all streams; the field list is copied for each."""

    __slots__ = ("body", "close", "extra", "fields", "framing", "logged", "reason", "status", "version")

    def __init__(
        self,
        status: int,
        reason: bytes,
        fields: Sequence[Field],
        body: bytes = b"",
        *,
        version: int = 11,
        close: bool = False,
        framing: Field | None = None,
        extra: int = 0,
        logged: int = 0,
    ) -> None:
        self.status = status
        self.reason = reason
        self.fields = list(fields)
        self.body = body
        self.version = version
        self.close = close
        self.framing = framing
        self.extra = extra
        self.logged = logged or status

    def render(self, stream: Any) -> Response:
        response = Local(self.status, self.reason, self.fields.copy(), self.version)
        response.logged = self.logged
        response.extra = self.extra
        framing = self.framing
        if framing is not None:
            response.framing = framing
            response.length = len(self.body)
        response.body = self.body
        response.bodyless = self.status in BODYLESS
        if self.close:
            response.close = True
            if stream is not None:
                stream.keep = False
        return response


class Silent:
    """An empty error file: the connection is closed without a word. The status is only for the log."""

    __slots__ = ("status",)

    def __init__(self, status: int) -> None:
        self.status = status

    def render(self, stream: Any) -> Response:
        response = Local(self.status, b"", [], 0)
        response.close = True
        if stream is not None:
            stream.keep = False
        return response


class Inherited:
    """An error page that this proxy does not define: the frontend's own, or the default one."""

    __slots__ = ("fallback", "status")

    def __init__(self, status: int) -> None:
        self.status = status
        self.fallback = default(status)

    def render(self, stream: Any) -> Response:
        frontend = stream.frontend if stream is not None else None
        if frontend is not None:
            reply = frontend.replies.get(self.status)
            if reply is not None and not isinstance(reply, Inherited):
                response: Response = reply.render(stream)
                return response
        return self.fallback.render(stream)


class Standard:
    """The error page of a status, whichever proxy of the stream defines it."""

    __slots__ = ("status",)

    def __init__(self, status: int) -> None:
        self.status = status

    def render(self, stream: Any) -> Response:
        backend = stream.backend
        proxy = stream.frontend if backend is None else backend
        reply = proxy.replies.get(self.status) or default(self.status)
        response: Response = reply.render(stream)
        return response


class Written:
    """A reply with fields or a body that are formatted for each stream."""

    __slots__ = ("body", "fields", "reason", "status", "text", "type")

    def __init__(
        self,
        status: int,
        fields: Sequence[tuple[bytes, Callable[[Any], bytes]]],
        body: Callable[[Any], bytes] | None,
        content_type: bytes,
    ) -> None:
        self.status = status
        self.reason = reason_of(status)
        self.fields = list(fields)
        self.text = body
        self.type = field(b"content-type", content_type) if content_type else None

    def render(self, stream: Any) -> Response:
        stream.status = self.status  # %ST is known to the formats
        fields = [
            field(name, value) for name, make in self.fields if (value := make(stream))
        ]  # empty ones are left out
        body = self.text(stream) if self.text is not None else b""
        response = Local(self.status, self.reason, fields)
        if self.status == 204:
            response.extra = UNSENT_LENGTH
        else:
            response.framing = framing = field(b"content-length", b"%d" % len(body))
            response.length = len(body)
            fields.append(framing)
        if body and self.type is not None:
            fields.append(self.type)
        response.body = body
        response.bodyless = self.status in BODYLESS
        return response


class WithField:
    """Another reply with one more field: `auth` asks for credentials on top of the 401 page."""

    __slots__ = ("inner", "make", "status")

    def __init__(self, inner: Reply, make: Callable[[Any], Field]) -> None:
        self.inner = inner
        self.make = make
        self.status = inner.status

    def render(self, stream: Any) -> Response:
        response = self.inner.render(stream)
        response.fields.append(self.make(stream))
        return response


def _page(status: int) -> Fixed:
    body = BODIES[status]
    framing = field(b"content-length", b"%d" % len(body))
    close = status in (400, 408)
    extra = _CLOSE if close else 0
    fields = (framing, _NO_CACHE, _HTML)
    return Fixed(status, PAGE_REASONS[status], fields, body, close=close, framing=framing, extra=extra)


_defaults: Final = {status: _page(status) for status in HANDLED}


def default(status: int) -> Reply:
    """The built-in page of an error status; an empty answer for other ones."""
    return _defaults.get(status) or empty(status)


def empty(status: int) -> Reply:
    """A status line and nothing else."""
    if status == 204:
        return Fixed(status, reason_of(status), (), extra=UNSENT_LENGTH)
    return Fixed(status, reason_of(status), (_EMPTY_LENGTH,), framing=_EMPTY_LENGTH)


def location(status: int, url: bytes, error: int) -> Reply:
    """`errorloc302` and `errorloc303`: a redirect in place of the page of `error`, which is what the log shows."""
    reason = {302: b"Found", 303: b"See Other"}[status]
    fields = (_NO_CACHE, _EMPTY_LENGTH, field(b"location", url))
    return Fixed(status, reason, fields, framing=_EMPTY_LENGTH, logged=error)


def from_file(parsed: ErrorFile, status: int = 0) -> Reply:
    """A complete message as a file gave it; an empty file stands for `status` without an answer. The log shows the
    status of the rule or page that the file is for."""
    if not parsed.status:
        return Silent(status)
    return Fixed(
        parsed.status,
        parsed.reason,
        parsed.fields,
        parsed.body,
        version=parsed.version,
        close=parsed.close or (parsed.framing is None and parsed.status not in (204, 304)),
        framing=parsed.framing,
        extra=parsed.extra,
        logged=status,
    )


def compile_line(line: ReplyLine, program: Any) -> Reply:
    """The reply that a rule or an http-error line describes."""
    kind = line.kind
    if kind == "default-errorfiles":
        return Standard(line.status)
    if kind == "errorfile":
        assert line.file is not None
        return from_file(line.file, line.status)
    if kind == "errorfiles":
        found = _section(program, line).get(line.status)
        return from_file(found, line.status) if found is not None else empty(line.status)
    fields = [(name, text.compile(program)) for name, text in line.fields]
    if kind in ("lf-string", "lf-file"):
        assert line.format is not None
        return Written(line.status, fields, line.format.compile(program), line.content_type)
    if not fields:
        return _plain(line)
    body = line.body
    return Written(line.status, fields, (lambda stream: body) if body else None, line.content_type)


def _plain(line: ReplyLine) -> Reply:
    if not line.body:
        return empty(line.status)
    framing = field(b"content-length", b"%d" % len(line.body))
    fields = [framing, field(b"content-type", line.content_type)] if line.content_type else [framing]
    return Fixed(line.status, reason_of(line.status), fields, line.body, framing=framing)


def _section(program: Any, line: ReplyLine) -> dict[int, ErrorFile]:
    record = program.config.section("http-errors", line.section)
    if record is None:
        raise ConfigError(
            f"Proxy '{line.proxy}': unknown http-errors section '{line.section}' referenced by an http reply .",
            line.span,
        )
    files: dict[int, ErrorFile] = record.get("errorfile", {})
    if line.status not in files:
        program.report.warning(
            f"Proxy '{line.proxy}': status '{line.status}' referenced by an http reply not declared in http-errors "
            f"section '{line.section}'."
        )
    return files


def compile(config: ProxyConfig, program: Any) -> dict[int, Reply]:
    """The error pages of a proxy by status: its own ones, and for the rest what it inherits."""
    pages = _inherited().copy()
    for line in config.get("error replies", ()):
        if line.kind == "errorfiles" and not line.status:
            pages.update(_imported(config, line, program))
        elif line.kind == "errorloc":
            pages[line.status] = location(line.code, line.body, line.status)
        elif line.kind == "default-errorfiles" or (
            line.kind == "errorfiles" and line.status not in _section(program, line)
        ):
            pages[line.status] = default(line.status)  # the page cannot be looked up here: this is where it is made
        else:
            pages[line.status] = compile_line(line, program)
    return pages


@functools.cache
def _inherited() -> dict[int, Reply]:
    return {status: Inherited(status) for status in HANDLED}


def _imported(config: ProxyConfig, line: ReplyLine, program: Any) -> dict[int, Reply]:
    """`errorfiles <section> [<status> ...]`: all or some pages of an http-errors section."""
    record = program.config.section("http-errors", line.section)
    if record is None:
        where = f"{line.span.file}:{line.span.line}"
        raise ConfigError(
            f"proxy '{config.name}': unknown http-errors section '{line.section}' (at {where}).", line.span
        )
    files: dict[int, ErrorFile] = record.get("errorfile", {})
    wanted = line.statuses or tuple(files)
    for status in wanted:
        if status not in files:
            program.report.warning(
                f"proxy '{config.name}' : status '{status}' not declared in http-errors section '{line.section}' "
                f"(at {line.span.file}:{line.span.line})."
            )
    return {status: from_file(files[status], status) for status in wanted if status in files}
