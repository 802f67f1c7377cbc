"""What expressions name and the configuration must have: proxies, servers, tables, user lists.

Names are looked for when every section has been read (`Configuration.wants`), for each expression that was parsed, used
or not, as HAProxy does; what is missing is reported with the place of the argument that names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.config import tables
from pylb.sample import casts
from pylb.sample.arguments import Later

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ProxyConfig
    from pylb.sample.expression import Expression, Node


def note(node: Node) -> None:
    """Remembers the references of a fetch or converter for `check`."""
    assert node.owner is not None
    references = [argument for argument in node.arguments if isinstance(argument, Later)]
    proxy = node.owner.site.proxy
    if references and proxy is not None:
        node.owner.site.config.wants.append(lambda config: _check(config, proxy, node, references))


def _check(config: Configuration, proxy: ProxyConfig, node: Node, references: list[Later]) -> None:
    if proxy.get("disabled"):
        return
    for later in references:
        if later.name or proxy.kind != "defaults":
            missing = absent(config, proxy, later)
            if missing:
                assert node.owner is not None
                config.report.alert(f"{missing} {node.place(later.position)}.", node.owner.span)


def absent(config: Configuration, proxy: ProxyConfig, later: Later) -> str:
    """What HAProxy says of a reference to nothing, up to the place; "" when it exists, and is noted as named then."""
    name = later.name or proxy.name
    if later.shape in ("frontend", "backend"):
        found: Any = config.proxy(name, front=later.shape == "frontend", back=later.shape == "backend")
        if found is not None and found is not proxy:
            found.named.add("")
        return "" if found is not None else f"unable to find {later.shape} '{name}' referenced in"
    if later.shape == "table":
        return "" if table(config, name) is not None else f"unable to find table '{name}' referenced in"
    if not later.name:
        return f"missing {'server' if later.shape == 'server' else 'userlist'} name in"
    if later.shape == "userlist":
        found = config.section("userlist", name)
        return "" if found is not None else f"unable to find userlist '{name}' referenced in"
    return _absent_server(config, proxy, name)


def _absent_server(config: Configuration, proxy: ProxyConfig, name: str) -> str:
    backend, slash, server = name.rpartition("/")
    home = config.proxy(backend, back=True) if slash else proxy
    if home is None:
        return f"unable to find proxy '{backend}' referenced in"
    if server in home.server_names or any(line.name == server for line in home.servers):
        home.named.add(server)
        return ""
    return f"unable to find server '{server}' in proxy '{home.name}', referenced in"


table: Final = tables.find

_KEY_TYPES: Final = {"ip": "ipv4", "ipv6": "ipv6", "integer": "int", "string": "str", "binary": "bin"}


def fits(key: Expression, kind: str) -> bool:
    """Whether the values of an expression can be keys of a table of that type."""
    return key.type == "any" or casts.find(key.type, _KEY_TYPES.get(kind, kind)) is not None
