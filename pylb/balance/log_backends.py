"""log-hash and sticky: how a backend in mode log chooses the server that a message goes to (manual 4.2, `balance`).

A message is handed in as an object whose `text` is the message without what precedes it (log/backends.py).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.balance.algorithm import Algorithm
from pylb.balance.keyed import by_bytes
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span
from pylb.registry import algorithm
from pylb.sample import expression
from pylb.sample.values import Absent

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig
    from pylb.sample.site import Site
    from pylb.server.server import Server


def _want_mode(words: Words, site: Site, name: str) -> None:
    """The mode may be written below the algorithm."""
    proxy = site.proxy
    if proxy is not None and proxy.kind != "defaults":
        site.config.wants.append(functools.partial(_check_mode, proxy=proxy, name=name, span=words.last_span))


def _check_mode(config: Configuration, *, proxy: ProxyConfig, name: str, span: Span) -> None:
    if proxy.get("mode", "tcp") != "log" and not proxy.get("disabled"):
        config.report.alert(f"backend '{proxy.name}' : 'balance {name}' is for backends in mode log.", span)


class Sticky(Algorithm):
    """Servers in the order in which they became usable, at first that of the file; backups when there is no other."""

    def __init__(self, backend: Any) -> None:
        super().__init__(backend)
        self.line: list[Server] = []
        self.update()

    def settle(self) -> None:
        self.line = [server for server in self.servers if self.weights.get(server)]

    def moved(self, server: Server, old: int, new: int) -> None:
        if not self.settled:
            return
        if not new:
            self.line.remove(server)
        elif not old:
            self.line.append(server)

    def choose(self, stream: Any, avoid: Server | None = None) -> Server | None:
        return next((server for server in self.line if not server.backup), self.line[0] if self.line else None)


@algorithm("log-hash", usage="<converter>[,...]")
def log_hash(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The server whose share of the hash falls on what the converters make of a message. HAProxy 2.9 and later."""
    _want_mode(words, site, "log-hash")
    text = words.next("'balance log-hash' expects a list of converters.")
    span = words.last_span
    line = Line(["balance", f"str(x),{text}"], [span, span], site.config, site.proxy, words.line.place)
    try:
        tree = expression.parse(Words(line, 1), site)
        tree.final_cast("bin")
    except ConfigError as error:
        raise ConfigError(f"'balance log-hash' : {error.message}", span, error.hint) from None

    def build(backend: Any) -> Algorithm:
        steps = tree.text_steps(backend.program)

        def key(message: Any) -> bytes | None:
            value = expression.apply(steps, message.text, message)
            return None if value.__class__ is Absent else value

        return by_bytes(key)(backend)

    return build


@algorithm("sticky")
def sticky(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The same server for all messages, until it is down. HAProxy 2.9 and later."""
    _want_mode(words, site, "sticky")
    return Sticky
