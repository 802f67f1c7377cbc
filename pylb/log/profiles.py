"""Compiled log profiles: what a `log ... profile <name>` line, or `do-log`, makes of each step (manual, 8.3.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.config.words import to_bytes
from pylb.log.origins import current, spelt

if TYPE_CHECKING:
    from pylb.config.model import ProxyConfig
    from pylb.sample.logformat import Format

Write = Callable[[Any], bytes]
Parse = Callable[[Any, Any, Any, str], "Format | None"]


class Style:
    """What one `on` line says of a step. Lives as long as its profile."""

    __slots__ = ("drop", "format", "sd")

    def __init__(self, *, drop: bool, text: Write | None, sd: Write | None) -> None:
        self.drop = drop
        self.format = text
        self.sd = sd


class Profile:
    """One profile for one proxy and one header format. Lives as long as the program."""

    __slots__ = ("styles", "tag")

    def __init__(self, tag: bytes, styles: dict[str, Style]) -> None:
        self.tag = tag
        self.styles = styles

    def style(self, step: str, text: bytes, structured: Write | None, stream: Any) -> tuple[bytes, Write | None] | None:
        """Text and structured data of a line for that step, None where it is dropped."""
        style = self.styles.get(step) or self.styles.get("any")
        if style is None:
            return text, structured
        if style.drop:
            return None
        if style.format is not None:
            current.name = spelt(step)
            text = style.format(stream)
            current.name = b""
        return text, style.sd if style.sd is not None and structured is not None else structured


def compile(name: str, proxy: ProxyConfig, program: Any, parse: Parse) -> Profile | None:
    """The profile of that name, with the formats as the proxy understands them; None when there is no such section."""
    record = program.config.sections.get("log-profile", {}).get(name)
    if record is None:
        return None
    styles = {}
    for step, values in (record.get("on") or {}).items():
        made = {
            what: _compiled(values.get(what), values.get("span"), proxy, program, parse) for what in ("format", "sd")
        }
        styles[step] = Style(drop=bool(values.get("drop")), text=made["format"], sd=made["sd"])
    tag = record.get("log-tag")
    return Profile(to_bytes(tag) if tag else b"", styles)


def _compiled(text: str | None, span: Any, proxy: ProxyConfig, program: Any, parse: Parse) -> Write | None:
    if text is None:
        return None
    parsed = parse(text, span, proxy, program)
    return None if parsed is None else parsed.compile(program)
