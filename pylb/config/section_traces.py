"""traces: what developers of HAProxy want to see from the start (manual, chapter 12.1; management, 9.3 "trace").

Harmless without effect: traces change nothing of what is served, and pylb has none of the sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.config.model import Record
from pylb.config.section_shapes import choose
from pylb.config.sections import no_more_words
from pylb.errors import did_you_mean
from pylb.registry import Status, keyword, section

if TYPE_CHECKING:
    from pylb.config.words import Line, Words

SOURCES: Final = (
    *("applet", "check", "fd", "fcgi", "h1", "h2", "h3", "hstream", "peers", "qmux", "quic", "session", "spop"),
    *("ssl", "stconn", "stick", "stream", "acme", "httpclient", "resolvers", "haterm", "ssl_ocsp", "tcp"),
    *("pt", "qcm"),
)
LEVELS: Final = ("error", "user", "proto", "state", "data", "developer")
SETTINGS: Final = ("event", "follow", "level", "lock", "pause", "sink", "start", "stop", "verbosity")
FOR_ALL: Final = ("follow", "level", "sink", "stop")  # what may be said of all sources at once
SINKS: Final = ("none", "stdout", "stderr", "buf0")


@section("traces", usage="", status=Status.HARMLESS)
def open_traces(line: Line) -> Record:
    """Traces that developers of HAProxy want from the start (manual, chapter 12.1). pylb has none of its sources."""
    no_more_words(line, 1)
    return line.config.sections.setdefault("traces", {}).setdefault("", Record("traces", "", line.span))


@keyword(
    "trace",
    places="traces",
    usage="<source> [sink|event|level|lock|verbosity|start|stop|pause|follow <value>]... | all ... | 0",
    status=Status.HARMLESS,
)
def trace(line: Line) -> None:
    """One `trace` command of the runtime socket: a source, and pairs of settings for it; `all` takes sink, level,
    follow and stop; `0` stops all traces. A ring that is a sink has to stand before this section.

    Errors: a source, setting, level or sink that is not known. A setting without a value would list the values.
    """
    words = line.args()
    source = choose(words, ("0", "all", *SOURCES), "'trace' expects a source", "No such trace source '{got}'")
    if source == "0":
        words.finish()
    while not words.end:
        _setting(words, FOR_ALL if source == "all" else SETTINGS)
    line.record.append("trace", line.words[1:], line.span)


def _setting(words: Words, known: tuple[str, ...]) -> None:
    name = choose(words, known, "", "Unknown trace keyword '{got}'")
    if words.end:
        words.line.notice(f"'trace' : '{name}' without a value changes nothing.")
        return
    if name == "level":
        choose(words, LEVELS, "", "No such trace level '{got}'")
    elif name == "sink":
        rings = words.line.config.sections.get("ring", {})
        choose(words, (*SINKS, *rings), "", "No such trace sink '{got}'")
    elif name == "follow":
        choose(words, SOURCES, "", "No such trace source '{got}'")
    else:
        _event(words, name)


def _event(words: Words, name: str) -> None:
    """Events, criteria and verbosities differ from source to source; their signs may not stand alone."""
    value = words.next()
    bare = value.lstrip("+-!") if name in ("event", "start", "stop", "pause") else value
    if not bare:
        words.fail(f"'trace' : '{name}' expects a name, got '{value}'{did_you_mean(value, ('any', 'none')) or '.'}")
