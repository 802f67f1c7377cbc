"""Words of the statistics page: parsed and checked here, not acted upon."""

from __future__ import annotations

from typing import Final

from pylb.config.words import Line
from pylb.errors import ConfigError
from pylb.registry import Status, keyword
from pylb.rules import hooks
from pylb.sample import condition
from pylb.sample.scopes import Point
from pylb.sample.site import Site

SIDES: Final = ("frontend", "listen", "backend")
_LEVELS: Final = ("allow", "deny", "auth")


@keyword("stats admin", places=SIDES, usage="{if | unless} <condition>", status=Status.HARMLESS)
def stats_admin(line: Line) -> None:
    """When the statistics page may change the state of servers. There is no such page yet. Manual 4.2."""
    words = line.args()
    if words.peek() not in ("if", "unless"):
        raise ConfigError("'stats admin' requires either 'if' or 'unless' followed by a condition.", words.span)
    site = Site(line.config, line.proxy, "stats admin", Point.FE_REQUEST, line.span, "stats admin")
    tree = condition.parse(words, site, complaint="error detected while parsing a 'stats admin' rule")
    line.record.append("stats admin", tree, line.span)


@keyword("stats http-request", places=SIDES, usage="{allow | deny | auth [realm <realm>]} [{if | unless} <condition>]",
         status=Status.HARMLESS)  # fmt: skip
def stats_http_request(line: Line) -> None:
    """Who may see the statistics page; the actions and conditions of `http-request`. There is no such page yet."""
    rule = hooks.parse(line, line.args(), hooks.PLACES["http-request"])
    if rule.action.name not in _LEVELS:
        line.notice(f"'stats http-request' is meant for {', '.join(_LEVELS)}.")
    known = line.record.get("stats http-request")
    if known and known[-1].condition is None:
        line.warning("previous 'stats' action has no condition attached, further entries are NOOP.")
    line.record.append("stats http-request", rule, line.span)
