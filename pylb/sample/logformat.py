"""Log formats: text with `%[expression]`, `%{flags}alias`, `%(name)`, `%%`, compiled to one closure that returns bytes.

Flags: Q quotes, X hexadecimal (aliases only), E puts a backslash before `"`, `\\` and `]`; `%{...}o` sets them for
all that follows. Three dialects, by where the format stands (observed):

    log     spaces merge; nothing becomes `-` (`""` under Q); expressions are quoted under Q
    http    (rules) spaces stay; nothing becomes nothing; controls in expressions are written %XX, Q leaves them alone
    text    (unique-id-format) as http, but controls stay and spaces merge
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.config.words import to_bytes
from pylb.errors import NOWHERE, ConfigError, Span, nearest
from pylb.registry import Kind, Word
from pylb.sample import expression
from pylb.sample.expression import Expression
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent

if TYPE_CHECKING:
    from pylb.sample.site import Site

Render = Callable[[Any], bytes]
LOG_PLACES: Final = frozenset(("log-format", "log-format-sd", "error-log-format", "option httplog", "option tcplog"))

_flags = re.compile(r"([+-])([A-Za-z])").findall
_alias_name = re.compile(r"[A-Za-z][A-Za-z0-9]*").match
_no_name = re.compile(r"[^A-Za-z0-9 \t]").match
_needs_escape = re.compile(rb'["\\\]]')
_control = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True)
class Alias:
    """`%{flags}name`: a word of the log room, its `argument` the flags in force."""

    word: Word
    name: str
    flags: frozenset[str]


@dataclass(slots=True)
class Sample:
    """`%[expression]`."""

    expression: Expression
    flags: frozenset[str]


@dataclass(slots=True)
class Format:
    """A parsed format. Pieces are bytes, Alias and Sample; `text` is the source."""

    text: str
    site: Site
    pieces: list[bytes | Alias | Sample] = field(default_factory=list)
    dialect: str = "http"
    span: Span = NOWHERE

    @property
    def constant(self) -> bytes | None:
        """The text, when nothing in it depends on traffic."""
        return b"".join(p for p in self.pieces if isinstance(p, bytes)) if self._literal else None

    @property
    def _literal(self) -> bool:
        return all(isinstance(piece, bytes) for piece in self.pieces)

    @property
    def words(self) -> set[str]:
        """Names of the aliases in it."""
        return {piece.name for piece in self.pieces if isinstance(piece, Alias)}

    def compile(self, program: Any = None) -> Render:
        """closure(ctx) -> bytes."""
        made = [piece if isinstance(piece, bytes) else self._piece(piece, program) for piece in self.pieces]
        return _join(_folded(made))

    def _piece(self, piece: Alias | Sample, program: Any) -> Any:
        if isinstance(piece, Alias):
            return _alias(piece, self.dialect)
        render = _sample(piece, self.dialect, program)
        return render(None) if piece.expression.constant else render


class _Optional:
    """An alias that may yield nothing at all and then takes the following space along (registry.alias)."""

    __slots__ = ("read",)

    def __init__(self, read: Callable[[Any], bytes | None]) -> None:
        self.read = read


def _folded(pieces: list[Any]) -> list[Any]:
    """Neighbouring constants become one."""
    folded: list[Any] = []
    for piece in pieces:
        if isinstance(piece, bytes) and folded and isinstance(folded[-1], bytes):
            folded[-1] += piece
        elif piece != b"":
            folded.append(piece)
    return folded


def _join(pieces: list[Any]) -> Render:
    """One closure over the pieces; the frequent shapes (one piece, text around one piece) are written out."""
    if any(isinstance(piece, _Optional) for piece in pieces):
        return _joined_loosely(pieces)
    constants = [isinstance(piece, bytes) for piece in pieces]
    if not pieces:
        return lambda ctx: b""
    if constants == [True]:
        (text,) = pieces
        return lambda ctx: text
    if constants == [False]:
        only: Render = pieces[0]
        return only
    if constants == [True, False]:
        head, read = pieces
        return lambda ctx: head + read(ctx)
    if constants == [False, True]:
        read, tail = pieces
        return lambda ctx: read(ctx) + tail
    if constants == [True, False, True]:
        head, read, tail = pieces
        return lambda ctx: head + read(ctx) + tail
    template = b"".join(
        b"%b" if not c else piece.replace(b"%", b"%%") for c, piece in zip(constants, pieces, strict=True)
    )
    reads = tuple(piece for c, piece in zip(constants, pieces, strict=True) if not c)
    if len(reads) == 2:
        first, second = reads
        return lambda ctx: template % (first(ctx), second(ctx))
    if len(reads) == 3:
        first, second, third = reads
        return lambda ctx: template % (first(ctx), second(ctx), third(ctx))
    return lambda ctx: template % tuple([read(ctx) for read in reads])


def _joined_loosely(pieces: list[Any]) -> Render:
    def render(ctx: Any) -> bytes:
        out: list[bytes] = []
        dropped = False
        for piece in pieces:
            if isinstance(piece, bytes):
                out.append(piece[1:] if dropped and piece[:1] == b" " else piece)
                dropped = False
            elif isinstance(piece, _Optional):
                text = piece.read(ctx)
                dropped = text is None
                if text is not None:
                    out.append(text)
            else:
                out.append(piece(ctx))
                dropped = False
        return b"".join(out)

    return render


def _escape(text: bytes) -> bytes:
    return _needs_escape.sub(rb"\\\g<0>", text) if _needs_escape.search(text) else text


def _percent(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]


def _sample(piece: Sample, dialect: str, program: Any) -> Render:
    read = piece.expression.compile_as("str", program)
    escape, quote = "E" in piece.flags, "Q" in piece.flags
    if dialect == "log":
        return _log_text(read, escape, quote)
    control = _control
    if dialect == "http":

        def render_http(ctx: Any) -> bytes:
            value = read(ctx)
            if value.__class__ is Absent:
                return b""
            if control.search(value):
                value = control.sub(_percent, value)
            return _escape(value) if escape else value

        return render_http

    def render(ctx: Any) -> bytes:
        value = read(ctx)
        if value.__class__ is Absent or not value:
            return b'""' if quote else b""
        value = _escape(value) if escape else value
        return b'"%b"' % value if quote else value

    return render


def _log_text(read: Callable[[Any], Any], escape: bool, quote: bool) -> Render:
    nothing = b'""' if quote else b"-"
    if not escape and not quote:

        def plain(ctx: Any) -> bytes:
            value = read(ctx)
            return nothing if value.__class__ is Absent else value or nothing

        return plain

    def decorated(ctx: Any) -> bytes:
        value = read(ctx)
        if value.__class__ is Absent or not value:
            return nothing
        if escape:
            value = _escape(value)
        return b'"%b"' % value if quote else value

    return decorated


def _alias(piece: Alias, dialect: str) -> Any:
    """A closure over an alias' own; see registry.alias for what it may return."""
    argument = "".join(sorted(piece.flags))
    read = piece.word.factory(argument)
    escape, quote = "E" in piece.flags, "Q" in piece.flags
    verbatim = bool(piece.word.facts.get("verbatim"))
    nothing = b'""' if quote else b"-" if dialect == "log" else b""

    def render(ctx: Any) -> bytes | None:
        stream = ctx.stream
        value: Any = MISS if stream is None else read(stream)
        if value.__class__ is bytes:
            if verbatim:
                return bytes(value)
            if not value:
                return nothing
            if escape:
                value = _escape(value)
            return b'"%b"' % value if quote else value
        if value is None:
            return None
        return nothing if value.__class__ is Absent else b"%d" % value

    if piece.word.facts.get("optional", piece.name in ("hr", "hs", "hrl", "hsl")):
        return _Optional(render)

    def always_text(ctx: Any) -> bytes:
        return render(ctx) or b""

    return always_text


def parse(text: str, site: Site, *, span: Span | None = None, log: bool | None = None) -> Format:
    """Parses a format. `log` overrides what the site's place implies (see the dialects above)."""
    where = site.span if span is None else span
    is_log = site.place in LOG_PLACES if log is None else log
    dialect = "log" if is_log else "text" if site.place == "unique-id-format" else "http"
    return _Parser(text, site, dialect, where).run()


class _Parser:
    """State of one parse."""

    def __init__(self, text: str, site: Site, dialect: str, span: Span) -> None:
        self.text = text
        self.site = site
        self.span = span
        self.format = Format(text, site, dialect=dialect, span=span)
        self.flags: frozenset[str] = frozenset()
        self.literal: list[str] = []

    def run(self) -> Format:
        text, at = self.text, 0
        while at < len(text):
            percent = text.find("%", at)
            if percent < 0:
                percent = len(text)
            self.literal.append(text[at:percent])
            at = percent if percent == len(text) else self._percent(percent)
        self._flush()
        if self.format.dialect in ("log", "text"):
            _merge_spaces(self.format.pieces)
        return self.format

    def _flush(self) -> None:
        if literal := "".join(self.literal):
            self.format.pieces.append(to_bytes(literal))
        self.literal.clear()

    def _fail(self, message: str, hint: str = "") -> ConfigError:
        return ConfigError(message, self.span, hint)

    def _percent(self, start: int) -> int:
        text, at = self.text, start + 1
        if at >= len(text):
            raise self._fail("truncated line after '%'")
        if text[at] == "%":
            self.literal.append("%")
            return at + 1
        if text[at] == "(":
            # A name for structured encodings; it says nothing about the value.
            end = text.find(")", at)
            if end < 0:
                raise self._fail(f"truncated line after '{text[at + 1 :]}'")
            at = end + 1
        flags, modified = self.flags, text[at : at + 1] == "{"
        if modified:
            end = text.find("}", at)
            if end < 0:
                raise self._fail(f"truncated line after '{text[at + 1 :]}'")
            flags = _changed(flags, text[at + 1 : end])
            at = end + 1
        if text[at : at + 1] == "[":
            return self._expression(at + 1, flags)
        if modified and (at >= len(text) or _no_name(text, at)):
            raise self._fail(f"parse argument modifier without variable name near '{text[start:]}'")
        if at == start + 1 and _no_name(text, at):
            return at  # no name can begin like this: the character stands for itself
        return self._alias(at, flags)

    def _expression(self, at: int, flags: frozenset[str]) -> int:
        text = self.text
        close = text.find("]", at)
        if close < 0:
            raise self._fail(f"missing ']' after '{text[at:]}'")
        try:
            parsed, end = expression.parse_text(text, at, self.site, self.span, in_format=True)
        except ConfigError as error:
            message = f"failed to parse sample expression <{text[at:]}> : {error.message}"
            raise ConfigError(message, error.span, error.hint) from None
        if text[end : end + 1] != "]":
            if end >= len(text):
                raise self._fail(f"missing ']' after '{text[at:]}'")
            raise self._fail(f"expected ']' after '{text[at:end]}', but found '{text[end]}'")
        parsed.final_cast("str")
        self._check_place(parsed, text[at:])
        self._flush()
        self.format.pieces.append(Sample(parsed, flags))
        return end + 1

    def _check_place(self, parsed: Expression, rest: str) -> None:
        source = parsed.misplaced()
        if source is not None:
            raise self._fail(
                f"sample fetch <{rest}> may not be reliably used here because it needs '{source}' "
                "which is not available here."
            )
        if parsed.reads_raw_bytes and self.site.place.startswith("http-"):
            self.site.config.report.warning(f"L6 sample fetch <{rest}> ignored in HTTP log-format string", self.span)

    def _alias(self, at: int, flags: frozenset[str]) -> int:
        found = _alias_name(self.text, at)
        if found is None:
            raise self._fail(
                f"unexpected variable name near '{self.text[at : at + 1]}' at position {at} line : '{self.text}'. "
                "Maybe you want to write a single '%', use the syntax '%%'"
            )
        name = found[0]
        if name == "o":
            self.flags = flags
            return found.end()
        word = registry.find(Kind.ALIAS, name)
        if word is None:
            near = nearest(name, registry.names(Kind.ALIAS))
            raise self._fail(
                f"no such format variable '{name}'. If you wanted to emit the '%' character verbatim, "
                "you need to use '%%'",
                f"did you mean '{near}' ?" if near else "",
            )
        if word.facts.get("http") and self.site.proxy is not None and not self.site.proxy.http:
            raise self._fail(f"format variable '{name}' is reserved for HTTP mode.")
        self._flush()
        self.format.pieces.append(Alias(word, name, flags))
        return found.end()


def _changed(flags: frozenset[str], text: str) -> frozenset[str]:
    """Flags after `+Q,-X` and the like; what is none of them is ignored, as HAProxy does."""
    result = set(flags)
    for sign, letter in _flags(text):
        if letter in "QXE":
            (result.add if sign == "+" else result.discard)(letter)
    return frozenset(result)


def _merge_spaces(pieces: list[bytes | Alias | Sample]) -> None:
    """Runs of spaces become one, also where only flags stood between them; a leading one goes."""
    before_is_space = True
    for at, piece in enumerate(pieces):
        if isinstance(piece, bytes):
            merged = re.sub(rb" +", b" ", piece)
            if before_is_space:
                merged = merged[1:] if merged[:1] == b" " else merged
            pieces[at] = merged
            if merged:
                before_is_space = merged.endswith(b" ")
        else:
            before_is_space = False


def has_scope(format_: Format, scope: Scope) -> bool:
    """Whether some expression of a format reads in a window (what decides when a log line can be written)."""
    return any(isinstance(piece, Sample) and piece.expression.scope is scope for piece in format_.pieces)
