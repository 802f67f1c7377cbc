"""Where the settings of a server line begin: `from`, and `default-server` under names of their own (manual 5.2, 3.x).

    from none                     no settings at all
    from be:[<backend>]           what that backend's (or this proxy's) unnamed `default-server` lines have said so far
    from srv:[<backend>/]<name>   the settings of a server, or of a `default-server name <name>`

`from` stands before all other settings. A backend that is named has to stand before the line in the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.registry import server_option

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig, ServerLine
    from pylb.config.words import Words

NAMED: Final = "named default-server"  # ProxyConfig.values: name -> settings, each replaced and never changed
NOTHING: Final[dict[str, Any]] = {}
Settings = dict[str, Any]


@server_option("from", usage="{ none | be:[<backend>] | srv:[<backend>/]<name> }")
def from_(words: Words, server: ServerLine) -> None:
    """Settings are copied first: from a backend's `default-server`, a server, or a `default-server name <name>`;
    `none` forgets them. Only allowed before all other settings. Without it, servers of a file begin with their
    section's `default-server`, and those of the runtime socket with nothing."""
    words.fail("'from' must stand before all other settings of the server.")


def named(proxy: ProxyConfig) -> dict[str, Settings]:
    """The `default-server name <name>` lines of a proxy."""
    found: dict[str, Settings] = proxy.get(NAMED) or {}
    return found


def begin(words: Words, proxy: ProxyConfig, otherwise: Settings, label: str = "", *, late: bool = False) -> Settings:
    """Takes `from <origin>`, if it comes next, and returns the settings that it means; never to be changed.

    `late`: at run time, when default-servers may be purged.
    """
    if words.accept("from") is None:
        return otherwise
    text = words.next(f"{label}'from' expects an origin: none, be:[<backend>] or srv:[<backend>/]<name>.")
    kind, colon, rest = text.partition(":")
    if text == "none":
        return NOTHING
    if not colon or kind not in ("be", "srv"):
        words.fail(f"{label}unknown origin '{text}' in 'from', use none, be:[<backend>] or srv:[<backend>/]<name>.")
    config = words.line.config
    home, _, name = rest.rpartition("/") if kind == "srv" else (rest, "", "")
    backend = proxy if not home else config.proxy(home, back=True)
    if backend is None:
        words.fail(f"{label}unable to find backend '{home}' of 'from {text}' above this line.")
    gone = late and purged(config)
    if kind == "be":
        return NOTHING if gone else backend.default_server
    server = backend.server_names.get(name)
    if server is not None:
        return {key: value for key, value in server.values.items() if key != "id"}
    found = named(backend).get(name) if not gone else None
    if found is None:
        words.fail(f"{label}unable to find server or default-server '{name}' of 'from {text}' above this line.")
    return found


def purged(config: Configuration) -> bool:
    """`tune.defaults.purge`: once the file is read, the settings of default-server lines are gone."""
    chosen = str(config.globals.get("tune.defaults.purge") or "").split(",")
    return "all" in chosen or "servers" in chosen


def remaining(proxy: ProxyConfig) -> list[str]:
    """What `from` may name at run time: "" for the unnamed default-server, if it says anything, then the others."""
    return ([""] if proxy.default_server else []) + list(named(proxy))
