"""The grammar of `stick`: which server a client goes back to, and what is remembered for it (manual 4.2, 11.1).

Rules are checked in full and kept in order as StickLine records under "stick", until stick tables are served; without
them every connection is balanced, which lets nobody in who could not come otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span
from pylb.registry import PROXY, Status, keyword
from pylb.sample import condition as conditions
from pylb.sample import expression, wanted
from pylb.sample.scopes import Point
from pylb.sample.site import Site


@dataclass(slots=True)
class StickLine:
    """One rule: `match` finds the server, `store` remembers it; `response` keys come with the response."""

    match: bool
    store: bool
    response: bool
    key: expression.Expression
    table: str  # "" for the proxy's own
    condition: Any
    span: Span


# Word -> (matches, stores, with the response), and where HAProxy says that a key is missing.
_KINDS: Final = {
    "on": (True, True, False),
    "match": (True, False, False),
    "store-request": (False, True, False),
    "store-response": (False, True, True),
}


@keyword(
    "stick",
    places=PROXY,
    usage="{on | match | store-request | store-response} <key> [table <table>] [{if | unless} <condition>]",
    status=Status.HARMLESS,
    note="stick tables come later",
)
def stick(line: Line) -> None:
    """Sends a client back to the server of its entry in a stick table (`match`), remembers the server (`store-request`,
    `store-response`), or both (`on`). The key is an expression that the table's type can hold. Manual 4.2."""
    proxy = line.proxy
    if line.place == "defaults":
        raise ConfigError("'stick' not allowed in 'defaults' section.", line.span)
    if line.place == "frontend":
        line.warning(f"'stick' ignored because frontend '{proxy.name}' has no backend capability.")
        return
    words = line.args()
    kind = words.peek()
    if kind not in _KINDS:
        words.fail("'stick' expects 'on', 'match', or 'store'.", last=False)
    words.next()
    match, store, response = _KINDS[kind]
    if not words.peek():
        words.fail("'stick' expects a fetch method.")
    point = Point.BE_STORE if response else Point.BE_SERVER
    site = Site(line.config, proxy, "stick", point, line.span, "stick")
    key = _key(words, site, "response" if response else "request")
    table = ""
    named = bool(words.accept("table"))
    if named and not words.end:
        table = words.next()
    condition = None
    if words.peek() in ("if", "unless"):
        complaint = "'stick': error detected while parsing sticking condition"
        condition = conditions.parse(words, site, complaint=complaint)
    elif not words.end:
        words.fail(f"'stick': unknown keyword '{words.peek()}'.", last=False)
    rule = StickLine(match, store, response, key, table, condition, line.span)
    line.record.append("stick", rule, line.span)
    own = proxy.name if not named else table
    line.config.wants.append(lambda config: _check_table(config, proxy, rule, own))


def _key(words: Words, site: Site, during: str) -> expression.Expression:
    try:
        key = expression.take(words, site)
    except ConfigError as error:
        raise ConfigError(f"'stick': {error.message}", error.span, error.hint) from None
    source = key.misplaced()
    if source is not None:
        words.fail(
            f"'stick': fetch method '{key.fetch.name}' extracts information from '{source}', "
            f"none of which is available during {during}."
        )
    return key


def _check_table(config: Configuration, proxy: ProxyConfig, rule: StickLine, name: str) -> None:
    if proxy.get("disabled"):
        return
    found = wanted.table(config, name)
    if found is None:
        what = "store table" if rule.response else "stick-table"
        config.report.alert(f"Proxy '{proxy.name}': unable to find {what} '{name}'.", rule.span)
    elif not wanted.fits(rule.key, found.type):
        config.report.alert(
            f"Proxy '{proxy.name}': type of fetch not usable with type of stick-table '{name}'.", rule.span
        )
