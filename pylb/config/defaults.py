"""The defaults section: initial settings of the proxies that follow it or name it."""

from __future__ import annotations

from pylb.config.model import ProxyConfig
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
            record.inherit(origin)
    config.defaults.append(record)
    return record


def named_defaults(line: Line, name: str, user: ProxyConfig) -> ProxyConfig | None:
    """The defaults section called `name`, which must be the only one."""
    found = [record for record in line.config.defaults if record.name == name]
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
