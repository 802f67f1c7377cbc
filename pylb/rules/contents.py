"""Warnings about `tcp-request content` rules that read what may not be there yet, or wait for what they do not read."""

from __future__ import annotations

from pylb.config.model import Configuration, ProxyConfig
from pylb.errors import Span
from pylb.sample.expression import Expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site


def _reads_contents(expression: Expression) -> bool:
    return not expression.scope.allows(Point.FE_SESSION)


def watch(site: Site, what: str, key: Expression, span: Span) -> None:
    """Has a rule that keeps or tracks `key` judged when the proxy is complete; only in `tcp-request content`."""
    proxy = site.proxy
    if proxy is not None and proxy.kind != "defaults" and site.place == "tcp-request content":
        site.config.wants.append(lambda config: _judge(config, proxy, what, key, span))


def _judge(config: Configuration, proxy: ProxyConfig, what: str, key: Expression, span: Span) -> None:
    if proxy.get("disabled") or proxy.get("tcp-request inspect-delay"):
        return
    label = f"{'proxy' if proxy.kind == 'listen' else proxy.kind} '{proxy.name}' : a 'tcp-request {what}' rule"
    if _reads_contents(key):
        config.report.warning(
            f"{label} explicitly depending on request contents without any 'tcp-request inspect-delay' setting. This "
            "means that this rule will randomly find its contents. This can be fixed by setting the tcp-request "
            "inspect-delay."
        )
    elif what != "capture" and proxy.http and proxy.is_front and not _condition_reads(proxy, span):
        config.report.warning(
            f"{label} not depending on request contents for an HTTP frontend should be executed at the session level, "
            "using a 'tcp-request session' rule (mandatory to track invalid HTTP requests)."
        )


def _condition_reads(proxy: ProxyConfig, span: Span) -> bool:
    for rule in proxy.rules.get("tcp-request content", ()):
        if rule.span == span and rule.condition is not None:
            uses = [use for alternative in rule.condition.alternatives for use in alternative]
            return any(_reads_contents(term.expression) for use in uses for term in use.acl.terms)
    return False
