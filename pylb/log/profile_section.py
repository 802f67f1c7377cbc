"""log-profile: how the lines of the log targets that name it look, step by step (manual, chapter 8.3.5).

What is written here is compiled for each proxy that names it (profiles.py).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

from pylb.config.section_shapes import choose, declare_section
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.registry import Status, keyword
from pylb.sample import logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line

PLACE: Final = "log-profile"
STEPS: Final = ("accept", "request", "connect", "response", "close", "error", "any")
ACTIONS: Final = (
    *("quic-init", "tcp-req-conn", "tcp-req-sess", "tcp-req-cont", "tcp-res-cont", "http-req", "http-res"),
    "http-after-res",
)
"""Where `do-log` may write a line."""
OPTIONS: Final = ("drop", "format", "sd")

declare_section(
    PLACE,
    "How the lines of the log targets that name it look (manual, chapter 8.3.5).",
    missing="'log-profile' expects a <name> argument.",
    status=Status.FULL,
    duplicate="log-profile section '{name}' already exists (declared at {where}).",
)


@keyword("log-tag", places=PLACE, usage="<text>")
def log_tag(line: Line) -> None:
    """The tag of the lines, in place of the process's or the proxy's."""
    words = line.args()
    line.set(words.next("'log-tag' expects a tag for use in syslog."))
    words.finish()


@keyword("on", places=PLACE, usage="<step> [drop] [format <format>] [sd <format>]")
def on_step(line: Line) -> None:
    """The format of the lines of one step, its structured data, or that there is none.

    Steps: accept, request, connect, response, close, error, any; and, for lines of `do-log`, quic-init, tcp-req-conn,
    tcp-req-sess, tcp-req-cont, tcp-res-cont, http-req, http-res, http-after-res. Formats are log formats.
    """
    words = line.args()
    step = choose(words, (*STEPS, *ACTIONS), "'on' expects a logging step", "'on' : unknown logging step '{got}'")
    values: dict[str, Any] = {}
    while not words.end:
        name = words.next()
        if name == "drop":
            values["drop"] = True
        elif name in OPTIONS:
            text = values[name] = words.next(f"'on {step}' : '{name}' expects a log-format string.")
            want = functools.partial(_format, text=text, span=words.last_span, what=f"on {step}")
            line.config.wants.append(want)
        else:
            near = did_you_mean(name, OPTIONS)
            words.fail(f"'on {step}' expects 'drop', 'format' or 'sd', got '{name}'{near or '.'}")
    if not values:
        raise ConfigError(f"'on {step}' expects 'drop', 'format' or 'sd'.", line.span)
    values["span"] = line.span
    line.record.values.setdefault("on", {})[step] = values


def _format(config: Configuration, *, text: str, span: Span, what: str) -> None:
    """Formats are read when all is known that they may name."""
    try:
        logformat.parse(text, Site(config, None, "log-format", Point.LOG, span, what), span=span)
    except ConfigError as error:
        config.report.alert(f"'{what}' : {error.message}", error.span, error.hint)
