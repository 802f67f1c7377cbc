"""The grammar of actions that are understood and not acted upon yet: those of rooms that are still to be built.

What decides who may pass (lookups, engines) is UNSAFE: a start refuses it. The rooms take their words over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pylb import registry
from pylb.config import units
from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Words
from pylb.errors import ConfigError
from pylb.registry import Kind, Status, action
from pylb.rules.actions.counting import Build, nothing
from pylb.rules.actions.parts import ALL, HTTP, TCP_CONTENT
from pylb.sample import expression
from pylb.sample.site import Site

_CONTENT: Final = (*TCP_CONTENT, "http-request", "http-response")
_REQUESTS: Final = ("tcp-request content", "http-request")


def want(site: Site, check: Callable[[Configuration, ProxyConfig], None]) -> None:
    """Has something checked for the rule's proxy when every section is known."""
    proxy = site.proxy
    if proxy is not None and proxy.kind != "defaults":
        site.config.wants.append(lambda config: None if proxy.get("disabled") else check(config, proxy))


@action(
    "do-resolve",
    places=_REQUESTS,
    usage="(<variable>,<resolvers>[,ipv4|ipv6]) <expression>",
    status=Status.UNSAFE,
    parenthesis=True,
)
def do_resolve(words: Words, site: Site) -> Build:
    """Resolves a name and stores the address in a variable. Manual 4.4."""
    text = words.line.words[words.index - 1]
    form = "Expects 'do-resolve(<varname>,<resolvers>[,<options>]) <expr>'. Available options are 'ipv4' and 'ipv6'"
    found = re.fullmatch(r"[^(]*\(([^,]*),([^,]*)(?:,(ipv4|ipv6))?\)", text)
    if found is None:
        words.fail(f"Can't parse '{text}'. {form}")
    try:
        parsed = expression.take(words, site)
    except ConfigError as error:
        at = words.line.words[words.index - 1] if words.last_span == error.span else words.peek() or ""
        got = at if at != text else ""
        raise ConfigError(f"Can't parse '{got}'. {form}", error.span, error.hint) from None
    source = parsed.misplaced()
    if source is not None:
        words.fail(
            f"fetch method '{parsed.text}' extracts information from '{source}', none of which is available here"
        )
    section, span = found[2], words.line.span

    def check(config: Configuration, proxy: ProxyConfig) -> None:
        if config.section("resolvers", section) is None:
            config.report.alert(
                f"Proxy '{proxy.name}': Can't find resolvers section '{section}' for do-resolve action.", span
            )

    want(site, check)
    return nothing


def _cache(words: Words, site: Site) -> Build:
    name = words.next("expects a cache name")
    span = words.last_span

    def check(config: Configuration, proxy: ProxyConfig) -> None:
        if config.section("cache", name) is None:
            config.report.alert(
                f"config: proxy '{proxy.name}': unable to find the cache '{name}' referenced by the filter 'cache'.",
                span,
            )

    want(site, check)
    if site.place == "http-request":
        words.accept("no-early-hints")  # since 3.5
    return nothing


action(
    "cache-use", places="http-request", usage="<cache> [no-early-hints]", status=Status.HARMLESS,
    doc="Answers from a cache; with `no-early-hints` never with 103 before. Manual 4.4.",
)(_cache)  # fmt: skip
action(
    "cache-store", places="http-response", usage="<cache>", status=Status.HARMLESS,
    doc="Keeps the response in a cache. Manual 4.4.",
)(_cache)  # fmt: skip


@action("send-spoe-group", places=_CONTENT, usage="<engine> <group>", status=Status.UNSAFE)
def send_spoe_group(words: Words, site: Site) -> Build:
    """Sends a group of messages to an SPOE agent. Manual 4.4."""
    following = words.peek(2)
    if words.peek() is None or words.peek(1) is None or following not in (None, "if", "unless"):
        words.fail("expects 2 arguments: <engine-id> <group-id>", last=False)
    engine, group = words.next(), words.next()
    span = words.last_span

    def check(config: Configuration, proxy: ProxyConfig) -> None:
        if not any(getattr(line, "kind", "") == "spoe" and line.name == engine for line in proxy.get("filter", ())):
            config.report.alert(
                f"Proxy '{proxy.name}': unable to find SPOE engine '{engine}' used by the send-spoe-group '{group}'.",
                span,
            )

    want(site, check)
    return nothing


@action("ot-group", places=(*TCP_CONTENT, *HTTP), usage="<filter> <group>", status=Status.HARMLESS)
def ot_group(words: Words, site: Site) -> Build:
    """Runs a group of an OpenTracing filter; HAProxy 2.6 to 3.2."""
    following = words.peek(2)
    if words.peek() is None or words.peek(1) is None or following not in (None, "if", "unless"):
        words.fail("expects: <filter-id> <group-id> [{ if | unless } ...]", last=False)
    name, group = words.next(), words.next()
    span = words.last_span

    def check(config: Configuration, proxy: ProxyConfig) -> None:
        if not any(
            getattr(line, "kind", "") == "opentracing" and line.name == name for line in proxy.get("filter", ())
        ):
            config.report.alert(
                f"Proxy '{proxy.name}': unable to find the OpenTracing filter '{name}' used by the ot-group '{group}'.",
                span,
            )

    want(site, check)
    return nothing


@action("lua.", places=ALL, usage="<function> [<arguments>]", status=Status.UNSAFE, prefix=True)
def lua(words: Words, site: Site) -> Build:
    """Runs a Lua function; how many arguments it takes is known to the Lua script alone. Manual 4.4."""
    while words.peek() not in (None, "if", "unless"):
        words.next()
    return nothing


def _prometheus(words: Words, site: Site) -> Build:
    """Metrics in the format of Prometheus; from HTTP requests only."""
    if site.place != "http-request":
        words.fail("Prometheus exporter service only available on 'http-request' rulesets")
    return nothing


if registry.find(Kind.SERVICE, "prometheus-exporter") is None:
    registry.declare(Kind.SERVICE, "prometheus-exporter", _prometheus, status=Status.UNSAFE)


def _lua(words: Words, site: Site) -> Build:
    """A service of a Lua script, by the name it is registered with."""
    return nothing


registry.declare(Kind.SERVICE, "lua.", _lua, status=Status.UNSAFE, note="scripts come later")

# -- newer than 2.6 ---------------------------------------------------------------------------------------------------


@action("attach-srv", places="tcp-request session", usage="<server> [name <expression>]", status=Status.UNSAFE)
def attach_srv(words: Words, site: Site) -> Build:
    """Gives the client's connection to a server as one of its idle ones (rhttp). HAProxy 2.9 and later. Manual 4.4."""
    words.next("expects <srvname> [name <expr>]")
    if words.accept("name"):
        expression.parse(words, site)
    return nothing


def _limit(words: Words, site: Site, name: str, read: Callable[[str], int]) -> None:
    text = words.next(f"missing {name} expression")
    if text[:1].isdigit():
        try:
            read(text)
        except ValueError as error:
            words.fail(f"invalid {name} value '{text}' : {error}")
        return
    words.index -= 1
    expression.parse(words, site).final_cast("int")


@action(
    "set-bandwidth-limit",
    places=_CONTENT,
    usage="<filter> [limit {<expression> | <size>}] [period {<expression> | <time>}]",
    status=Status.HARMLESS,
)
def set_bandwidth_limit(words: Words, site: Site) -> Build:
    """Switches a bandwidth limitation filter on. HAProxy 2.7 and later. Manual 4.4."""
    if words.peek() in (None, "if", "unless"):
        words.fail("missing bandwidth limitation filter name", last=False)
    words.next()
    while (word := words.accept("limit", "period")) is not None:
        _limit(words, site, word, units.parse_size if word == "limit" else units.parse_time)
    return nothing


def _headers_bin(words: Words, site: Site) -> Build:
    if words.end:
        words.fail("expects at least 1 argument", last=False)
    verb = words.line.words[words.index - 1]
    expression.parse(words, site).final_cast("bin")
    if verb == "del-headers-bin":
        if words.accept("-m"):
            method = words.next("-m flag expects exactly 1 argument")
            if method not in ("str", "beg", "end", "sub", "reg"):
                words.fail(f"-m flag only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '{method}')")
    elif words.accept("prefix"):
        words.next("'prefix' expects a string")
    return nothing


for _name, _usage, _doc in (
    ("add-headers-bin", "<expression> [prefix <text>]", "Adds header fields given in binary form."),
    ("set-headers-bin", "<expression> [prefix <text>]", "Replaces header fields by those given in binary form."),
    ("del-headers-bin", "<expression> [-m <method>]", "Removes the header fields whose names are given in binary."),
):
    action(_name, places=HTTP, usage=_usage, status=Status.UNSAFE, doc=f"{_doc} Manual 4.4.")(_headers_bin)


for _name in ("accept", "reject", "dgram-drop", "send-retry"):
    if registry.find(Kind.ACTION, _name, "quic-initial") is None:
        action(
            _name,
            places="quic-initial",
            final=True,
            status=Status.UNSAFE,
            doc="What happens to the first datagram of a QUIC connection. Manual 4.4.",
        )(lambda words, site: nothing)
