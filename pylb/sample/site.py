"""Where an expression is written: what parsing needs to know of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pylb.errors import NOWHERE, Span
from pylb.sample.scopes import Point

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig


@dataclass(slots=True)
class Site:
    """One rule, format or option that holds expressions, conditions or formats.

    `proxy` is None outside proxies (global, checks of sections, -cc). `points` are all check points at which it will be
    evaluated. `what` names it in messages, as HAProxy does ("http-request deny").
    """

    config: Configuration
    proxy: ProxyConfig | None
    place: str  # ruleset or keyword: "http-request", "use_backend", "log-format" ...
    points: Point
    span: Span = NOWHERE
    what: str = ""
