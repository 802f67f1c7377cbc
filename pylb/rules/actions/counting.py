"""The grammar of actions on stick tables: track-sc0 to track-sc2, and the sc- family that changes tracked entries.

They are checked in full and not acted upon until stick tables are served. What they count decides who may pass, so a
start refuses them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Words
from pylb.errors import ConfigError, Span
from pylb.registry import Status, action
from pylb.rules import contents
from pylb.rules.actions.parts import ALL, TCP
from pylb.sample import expression, wanted
from pylb.sample.site import Site

Build = Callable[[Any], Callable[[Any], None]]
COUNTERS: Final = 3  # HAProxy's compiled-in number of tracked entries (tune.stick-counters)
_NOTE: Final = "stick tables come later"


def nothing(program: Any) -> Callable[[Any], None]:
    return lambda ctx: None


@action(
    "track-sc",
    places=(*(place for place in TCP if place != "tcp-response content"), "http-request", "http-response"),
    usage="<number> <expression> [table <table>]",
    prefix=True,
    status=Status.UNSAFE,
    note=_NOTE,
)
def track_sc(words: Words, site: Site) -> Build:
    """Counts the stream under a key in a stick table: the proxy's own, or the one named. Manual 4.4."""
    text = words.line.words[words.index - 1]
    number = text.removeprefix("track-sc")
    if number and not number.isdigit():
        words.fail(f"Wrong track-sc number '{number}'")
    if number and int(number) >= COUNTERS:
        words.fail(f"{number} track-sc number exceeding {COUNTERS - 1} (MAX_SESS_STKCTR-1) value")
    in_tcp = site.place in TCP
    try:
        key = expression.parse(words, site)
    except ConfigError as error:
        if not in_tcp:
            raise
        raise ConfigError(f"'{site.what}' : {error.message}", error.span, error.hint) from None
    table = site.proxy.name if site.proxy is not None else ""
    if words.accept("table"):
        table = "" if in_tcp and words.end else words.next("missing table name")
    contents.watch(site, "content track-sc*", key, words.line.span)
    proxy = site.proxy
    if proxy is not None:
        counter = int(number or 0)
        span = words.line.span
        site.config.wants.append(lambda config: _check_table(config, proxy, key, table, counter, span))
    return nothing


def _check_table(
    config: Configuration, proxy: ProxyConfig, key: expression.Expression, name: str, counter: int, span: Span
) -> None:
    if proxy.get("disabled") or (proxy.kind == "defaults" and all(one.origin is not proxy for one in config.proxies)):
        return  # a defaults section is judged under its own name, when a proxy starts from it (observed)
    found = wanted.table(config, name)
    if found is None:
        config.report.alert(
            f"Proxy '{proxy.name}': unable to find table '{name}' referenced by track-sc{counter}.", span
        )
    elif not wanted.fits(key, found.type):
        config.report.alert(
            f"Proxy '{proxy.name}': stick-table '{name}' uses a type incompatible with the 'track-sc{counter}' rule.",
            span,
        )


# -- counters and tags ------------------------------------------------------------------------------------------------

_ONE = re.compile(r"[^(]*+(?:\(([0-9]*+)\))?")
_TWO = re.compile(r"[^(]*+\(([0-9]++),")


def _written(words: Words) -> str:
    return words.line.words[words.index - 1]


def _tracked(words: Words, number: str, shown: str = "") -> None:
    if number and int(number) >= COUNTERS:
        words.fail(f"invalid stick table track ID{shown}. The max allowed ID is {COUNTERS - 1}")


def _one(words: Words, shown: bool) -> None:
    """`name(<counter>)`; the parentheses may be missing, which means counter 0."""
    text = _written(words)
    name = f" '{text}'" if shown else ""
    found = _ONE.fullmatch(text)
    if found is None:
        words.fail(f"invalid stick table track ID{name}. Expects {text}(<Track ID>)")
    _tracked(words, found[1] or "", name)


def _two(words: Words, kind: str) -> None:
    """`name(<index>,<counter>)`."""
    text = _written(words)
    name, bracket, _ = text.partition("(")
    form = f"Expects {name}(<{kind.upper()} ID>,<Track ID>)"
    if not bracket:
        words.fail(f"invalid {kind} ID '{text}'. {form}")
    found = _TWO.match(text)
    if found is None:
        words.fail(f"Missing {kind} ID '{text}'. {form}")
    counter = re.fullmatch(r"([0-9]*)\)", text[found.end() :])
    if counter is None:
        words.fail(f"invalid stick table track ID '{text}'. {form}")
    _tracked(words, counter[1], f" '{text}'")


def _value(words: Words, site: Site) -> None:
    """A number, or an expression; HAProxy takes nothing at all for zero."""
    text = words.peek()
    if text is None:
        return
    if re.fullmatch(r"[+-]?[0-9]+", text):
        words.next()
        return
    expression.parse(words, site)


def _counting(kind: str, arrays: bool, takes: bool) -> Callable[[Words, Site], Build]:
    def take(words: Words, site: Site) -> Build:
        if arrays:
            _two(words, kind)
        else:
            _one(words, takes)
        if takes:
            _value(words, site)
        return nothing

    return take


_WORDS: Final = (
    ("sc-inc-gpc", "gpc", True, False, "Adds one to an element of the tracked entry's counters."),
    ("sc-inc-gpc0", "gpc", False, False, "Adds one to the tracked entry's first counter."),
    ("sc-inc-gpc1", "gpc", False, False, "Adds one to the tracked entry's second counter."),
    ("sc-add-gpc", "gpc", True, True, "Adds to an element of the tracked entry's counters."),
    ("sc-set-gpt", "gpt", True, True, "Sets an element of the tracked entry's tags."),
    ("sc-set-gpt0", "gpt", False, True, "Sets the tracked entry's tag."),
)
for _name, _kind, _arrays, _takes, _doc in _WORDS:
    action(
        _name,
        places=ALL,
        usage=("(<index>,<counter>)" if _arrays else "(<counter>)") + (" {<number> | <expression>}" if _takes else ""),
        parenthesis=True,
        status=Status.UNSAFE,
        note=_NOTE,
        doc=f"{_doc} Manual 4.4.",
    )(_counting(_kind, _arrays, _takes))
