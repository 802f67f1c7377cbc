"""The defaults section: initial settings of the proxies that follow it or name it."""

from __future__ import annotations

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Line
from pylb.registry import section

_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.:")


def odd_character(name: str) -> str | None:
    """The first character that names of proxies and other objects may not have."""
    return next((char for char in name if char not in _NAME_CHARACTERS), None)


@section("defaults", usage="[<name>] [from <defaults>]")
def open_defaults(line: Line) -> ProxyConfig:
    """Initial settings of the proxies that follow, until the next defaults section.

    A named one can be chosen by proxies and other defaults with `from`; only such a name has to be unique.
    """
    words = line.words
    named = len(words) > 1 and not (words[1] == "from" and len(words) > 2)
    record = ProxyConfig("defaults", words[1] if named else "", line.span)
    config = line.config
    after = 2 if named else 1
    if len(words) > after + 1 and words[after] == "from":
        origin = named_defaults(line, words[after + 1], record)
        if origin is not None:
            check_heritage(config, origin, record)
            record.inherit(origin)
    config.defaults.append(record)
    config.named_defaults.setdefault(record.name, []).append(record)
    return record


def named_defaults(line: Line, name: str, user: ProxyConfig) -> ProxyConfig | None:
    """The defaults section called `name`, which must be the only one."""
    found = line.config.named_defaults.get(name, [])
    report = line.config.report
    if not found:
        report.alert(f"defaults section '{name}' not found for {user.kind} '{user.name}'.", line.span)
        return None
    if len(found) > 1:
        first, second = (f"{record.span.file}:{record.span.line}" for record in (found[0], found[-1]))
        report.alert(
            f"ambiguous defaults section name '{name}' referenced by {user.kind} '{user.name}' exists at least at "
            f"{first} and {second}.",
            line.span,
        )
        return None
    odd = odd_character(name)
    if odd is not None:
        report.alert(
            f"character '{odd}' is not permitted in defaults section name '{name}' when designated by its name "
            f"(section found at {found[0].span.file}:{found[0].span.line}).",
            line.span,
        )
        return None
    return found[0]


def check_heritage(config: Configuration, origin: ProxyConfig, heir: ProxyConfig) -> None:
    """Rules of a defaults section run on one side of the proxies that it begins: frontends or backends, never both."""
    # Old words (monitor-net, block, reqadd ...) stand among the rules under places of their own and go to both sides.
    rules = {place for place, lines in origin.rules.items() if any(line.place == place for line in lines)}
    if not rules:
        return
    kind = heir.kind
    seen = f"(defaults section at {origin.span.file}:{origin.span.line})."
    message = ""
    if kind == "defaults":
        message = f"a defaults section cannot inherit from a defaults section defining TCP/HTTP rules {seen}"
    elif kind == "listen":
        message = "a listen section cannot inherit from a defaults section defining TCP/HTTP rules."
    elif kind == "backend" and rules & {"tcp-request connection", "tcp-request session"}:
        message = (
            "a backend section cannot inherit from a defaults section defining 'tcp-request connection' or "
            f"'tcp-request session' rules {seen}"
        )
    elif kind == "frontend" and "tcp-response content" in rules:
        message = (
            f"a frontend section cannot inherit from a defaults section defining 'tcp-response content' rules {seen}"
        )
    elif origin.heirs - {kind, "defaults"}:
        message = (
            f"frontends and backends cannot inherit from the same defaults section if it defines TCP/HTTP rules {seen}"
        )
    if message:
        config.report.alert(message, heir.span)
