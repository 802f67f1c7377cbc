"""log-hash and sticky: how a backend in mode log chooses the server that a message goes to (manual 4.2, `balance`).

Log backends are not served yet. Both words are harmless without effect, since `mode log` itself says that nothing is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.balance.static_rr import StaticRoundRobin
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span
from pylb.registry import Status, algorithm
from pylb.sample import expression

if TYPE_CHECKING:
    from pylb.balance.algorithm import Algorithm
    from pylb.config.model import Configuration, ProxyConfig
    from pylb.sample.site import Site

_NOTE = "log backends come later"


def _want_mode(words: Words, site: Site, name: str) -> None:
    """The mode may be written below the algorithm."""
    proxy = site.proxy
    if proxy is not None and proxy.kind != "defaults":
        site.config.wants.append(functools.partial(_check_mode, proxy=proxy, name=name, span=words.last_span))


def _check_mode(config: Configuration, *, proxy: ProxyConfig, name: str, span: Span) -> None:
    if proxy.get("mode", "tcp") != "log" and not proxy.get("disabled"):
        config.report.alert(f"backend '{proxy.name}' : 'balance {name}' is for backends in mode log.", span)


@algorithm("log-hash", usage="<converter>[,...]", status=Status.HARMLESS, note=_NOTE)
def log_hash(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The server whose share of the hash falls on what the converters make of a message. HAProxy 2.9 and later."""
    _want_mode(words, site, "log-hash")
    text = words.next("'balance log-hash' expects a list of converters.")
    span = words.last_span
    line = Line(["balance", f"str(x),{text}"], [span, span], site.config, site.proxy, words.line.place)
    try:
        expression.parse(Words(line, 1), site)
    except ConfigError as error:
        raise ConfigError(f"'balance log-hash' : {error.message}", span, error.hint) from None
    return StaticRoundRobin


@algorithm("sticky", status=Status.HARMLESS, note=_NOTE)
def sticky(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The same server for all messages, until it is down. HAProxy 2.9 and later."""
    _want_mode(words, site, "sticky")
    return StaticRoundRobin
