"""The grammar of `filter` lines (manual 9): which filters there are, and what each of them may be told.

Lines are checked in full and kept in order as FilterLine records under "filter", until filters are built. A filter that
judges, slows or translates what passes is UNSAFE; the line itself is harmless, so that only the filter it names counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pylb import registry
from pylb.config import units
from pylb.config.model import Configuration, ProxyConfig
from pylb.config.resolve import label
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.registry import Kind, Status, keyword
from pylb.rules.actions.parts import scripted
from pylb.sample import expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site


@dataclass(slots=True)
class FilterLine:
    """One filter of a proxy: its kind, the name it is known by ("" when it has none), and what else its line said."""

    kind: str
    name: str
    span: Span
    values: dict[str, Any] = field(default_factory=dict)


Parser = Callable[[Words, FilterLine], None]


@keyword("filter", places=("frontend", "listen", "backend"), usage="<name> [<arguments>]", status=Status.HARMLESS)
def take_filter(line: Line) -> None:
    """Puts a filter on the traffic of the proxy; filters run in the order of their lines. Manual 4.2 and 9."""
    proxy = line.proxy
    words = line.args()
    name = words.next(f"missing argument for 'filter' in {'proxy' if proxy.kind == 'listen' else proxy.kind} "
                      f"'{proxy.name}'.")  # fmt: skip
    word = registry.find(Kind.FILTER, name)
    if word is None and name.startswith("lua.") and scripted(line.config):
        word = registry.find(Kind.FILTER, "lua.")
    if word is None:
        known = sorted(each for each in registry.names(Kind.FILTER) if not each.endswith("."))
        listed = "".join(f"\n\t{each}" for each in known)
        hint = did_you_mean(name, known).lstrip("; ")
        raise ConfigError(f"'filter' : unknown keyword '{name}'. Registered keywords :{listed}", words.last_span, hint)
    words.use(word)
    parsed = FilterLine(name, "", line.span)
    try:
        word.factory(words, parsed)
    except ConfigError as error:
        raise ConfigError(f"'filter' : '{error.message}'", error.span, error.hint) from None
    if not words.end:
        raise ConfigError(f"'filter {name}' : unknown keyword '{words.peek()}'.", words.span)
    line.record.append("filter", parsed, line.span)


def _named(words: Words, line: FilterLine, kind: str) -> None:
    line.name = words.next(f"{kind} : expects a <name> argument")


def _lua(words: Words, line: FilterLine) -> None:
    """A filter of a Lua script, by the name it is registered with; its arguments are the script's business."""
    line.values["arguments"] = words.rest()


def _compression(words: Words, line: FilterLine) -> None:
    """Compresses as the `compression` lines say; once in a section."""
    proxy = words.line.proxy
    if any(other.kind == "compression" for other in proxy.get("filter", ())):
        raise ConfigError(f"{proxy.name}: Proxy supports only one compression filter", line.span)


def _cache(words: Words, line: FilterLine) -> None:
    """Uses a cache; the line says where among other filters."""
    _named(words, line, "cache")
    proxy, name = words.line.proxy, line.name
    if any(other.kind == "cache" and other.name == name for other in proxy.get("filter", ())):
        raise ConfigError(f"{proxy.name}: multiple explicit declarations of the cache filter '{name}'", line.span)

    def check(config: Configuration) -> None:
        if config.section("cache", name) is None and not proxy.get("disabled"):
            config.report.alert(
                f"config: {label(proxy)}: unable to find the cache '{name}' referenced by the filter 'cache'.",
                line.span,
            )

    words.line.config.wants.append(check)


def _fcgi(words: Words, line: FilterLine) -> None:
    """Speaks FastCGI with the servers; the line says where among other filters."""
    _named(words, line, "fcgi-app")
    proxy, name = words.line.proxy, line.name

    def check(config: Configuration) -> None:
        if not proxy.get("disabled"):
            _check_application(config, proxy, name, line.span)

    words.line.config.wants.append(check)


def _check_application(config: Configuration, proxy: ProxyConfig, name: str, span: Span) -> None:
    if config.section("fcgi-app", name) is None:
        config.report.alert(f"proxy '{proxy.name}' : fcgi-app '{name}' not found.", span)
    elif not any(server.values.get("proto") == "fcgi" for server in proxy.servers):
        config.report.alert(f"proxy '{proxy.name}': FCGI app configured but no FCGI server found.", span)


def _trace(words: Words, line: FilterLine) -> None:
    """Prints what passes, for developers."""
    while (word := words.accept("name", "random-parsing", "random-forwarding", "hexdump", "quiet")) is not None:
        if word == "name":
            line.name = words.next("'trace' : 'name' option without value")
        else:
            line.values[word] = True


def _file(words: Words, path: str, missing: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        words.fail(missing.format(path=path, reason=error.strerror or "cannot be read"))


def _spoe(words: Words, line: FilterLine) -> None:
    """Asks an agent outside, as its configuration file says."""
    while not words.end:
        word = words.next()
        if word not in ("engine", "config"):
            words.fail(f"unknown keyword '{word}'")
        value = words.next(f"'spoe' : '{word}' option without value")
        line.values[word] = value
    if "config" not in line.values:
        words.fail("'spoe' : missing config file")
    line.name = line.values.get("engine", "")
    path = line.values["config"]
    _file(words, path, "Could not open configuration file {path} : {reason}")
    if not _has_agent(path, line.name):
        words.fail(f"No SPOE agent found in file {path}")


def _has_agent(path: str, engine: str) -> bool:
    """Whether an agent is described in the part of the file that belongs to the engine: behind a line `[engine]`."""
    scope = ""
    with open(path, encoding="utf-8", errors="surrogateescape") as lines:
        for text in lines:
            word = text.strip()
            if word.startswith("[") and "]" in word:
                scope = word[1 : word.index("]")]
            elif scope == engine and word.split(" ", 1)[0] == "spoe-agent":
                return True
    return False


def _tracing(words: Words, line: FilterLine) -> None:
    """Tells a tracing library what happens."""
    while (word := words.accept("id", "config")) is not None:
        if word == "id":
            line.name = words.next(f"'{line.kind}' : no name set")
        else:
            line.values[word] = words.next(f"'{line.kind}' : no configuration file set")
    if not words.end and "config" not in line.values:
        words.fail(f"'{line.kind}' : unknown keyword '{words.peek()}'", last=False)
    if not line.name:
        line.name = "ot-filter"
        words.line.warning(f"parsing : 'filter' : '{line.kind}' : 'no filter id set, using default id '{line.name}'")
    if "config" not in line.values:
        words.fail(f"'{line.kind}' : no configuration file specified")
    _file(words, line.values["config"], "'{path}' : {reason}")


def _size(words: Words, name: str, read: Callable[[str], int]) -> int:
    text = words.next(f"'{name}' : missing value")
    try:
        return read(text)
    except ValueError as error:
        words.fail(f"'{name}' : {error}")


def _limit(words: Words, line: FilterLine) -> None:
    """Limits bandwidth: of each stream (default-limit, default-period), or shared by key (limit, key, table)."""
    line.name = words.next(f"{line.kind} : expects a <name> argument")
    source = words.line
    point = Point.FE_REQUEST | Point.BE_REQUEST
    site = Site(source.config, source.proxy, "filter", point, source.span, f"filter {line.kind}")
    while (word := words.accept("default-limit", "limit", "default-period", "min-size", "key", "table")) is not None:
        if word == "key":
            line.values[word] = expression.parse(words, site)
        elif word == "table":
            line.values[word] = words.next("'table' : missing table name")
        else:
            read = units.parse_time if word == "default-period" else units.parse_size
            line.values[word] = _size(words, word, read)
    per_stream = {"default-limit", "default-period"} & line.values.keys()
    shared = {"limit", "key", "table"} & line.values.keys()
    if per_stream and shared:
        words.fail(f"{line.kind} : '{min(per_stream)}' and '{min(shared)}' cannot be set together")
    if shared and not {"limit", "key"} <= line.values.keys():
        words.fail(f"{line.kind} : 'limit' and 'key' are both required")
    if not shared and per_stream != {"default-limit", "default-period"}:
        words.fail(f"{line.kind} : 'default-limit' and 'default-period' are both required")


_FILTERS: Final[tuple[tuple[str, Parser, str, Status], ...]] = (
    ("compression", _compression, "", Status.HARMLESS),
    ("comp-req", _compression, "", Status.HARMLESS),
    ("comp-res", _compression, "", Status.HARMLESS),
    ("cache", _cache, "<cache>", Status.HARMLESS),
    ("trace", _trace, "[name <name>] [random-parsing] [random-forwarding] [hexdump] [quiet]", Status.HARMLESS),
    ("opentracing", _tracing, "[id <id>] config <file>", Status.HARMLESS),
    ("opentelemetry", _tracing, "[id <id>] config <file>", Status.HARMLESS),
    ("spoe", _spoe, "[engine <name>] config <file>", Status.UNSAFE),
    ("fcgi-app", _fcgi, "<application>", Status.UNSAFE),
    ("lua.", _lua, "[<arguments>]", Status.UNSAFE),
    ("bwlim-in", _limit, "<name> default-limit <size> default-period <time> [min-size <size>]", Status.UNSAFE),
    ("bwlim-out", _limit, "<name> default-limit <size> default-period <time> [min-size <size>]", Status.UNSAFE),
)
for _name, _parse, _usage, _status in _FILTERS:
    registry.declare(Kind.FILTER, _name, _parse, usage=_usage, status=_status, note="checked, and not run yet")
