"""peers: processes that tell each other the entries of their stick tables (manual 11.2). Only checked so far.

A section knows one local peer, the one called as `localpeer` (or `-L`, or the host) is. Its address stands on its
`peer` line, or on a `bind` line; then `server` names it without an address.

All words are harmless without effect as long as tables are: a rule that counts in one is UNSAFE itself. With tables, a
limit that peers were to share would hold for each process alone, and `peer`, `server` and `table` become UNSAFE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config import tables
from pylb.config.addresses import parse_address
from pylb.config.defaults import odd_character
from pylb.config.model import BindLine, ServerLine
from pylb.config.section_options import bind_options, server_options
from pylb.config.section_shapes import declare_section, resolvable, whole
from pylb.config.units import parse_integer
from pylb.errors import ConfigError
from pylb.registry import Status, keyword

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line

IGNORED = ("check", "agent-check", "resolvers", "init-addr")

declare_section(
    "peers",
    "Processes that share the entries of their stick tables.",
    missing="missing name for peers section.",
    duplicate="peers section '{name}' has the same name as another peers section declared at {where}.",
)


def local_name(config: Configuration) -> str:
    """How this process is called among its peers."""
    return str(config.globals.get("localpeer") or config.environment.get("HAPROXY_LOCALPEER", ""))


def _bind_values(line: Line) -> dict[str, object]:
    return dict(line.record.values.get("default-bind", {}))


@keyword("bind", places="peers", usage="<address> [param*]", status=Status.HARMLESS)
def bind(line: Line) -> None:
    """The local peer's address, with options of bind lines; once in a section."""
    words = line.args()
    if words.end:
        return
    text = words.next()
    addresses = []
    for part in text.removesuffix(",").split(","):
        try:
            address = parse_address(part, ranges=True)
            resolvable(address)
        except ValueError as error:
            words.fail(f"'bind {text}' : {error}")
        addresses.append(address)
    known = line.record.get("bind")
    if known is not None:
        where = f"{known.span.file}:{known.span.line}"
        words.fail(f'One listener per "peers" section is authorized but another is already configured at [{where}].')
    if any(peer.name == local_name(line.config) and peer.address for peer in line.record.get("peers", ())):
        raise ConfigError('mixing "peer" and "bind" line is forbidden', line.span)
    record = BindLine(addresses, line.span, {**_bind_values(line), "text": text})
    line.set(record)
    bind_options(words, record, f"'bind {text}' in section 'peers'")


@keyword("default-bind", places="peers", usage="[param*]", status=Status.HARMLESS)
def default_bind(line: Line) -> None:
    """Options of the section's bind line."""
    words = line.args()
    record = BindLine([], line.span, _bind_values(line))
    who = f"'default-bind {words.peek() or ''}' in section 'peers'"
    bind_options(words, record, who)
    line.set(record.values)


@keyword("default-server", places="peers", usage="[param*]", status=Status.HARMLESS)
def default_server(line: Line) -> None:
    """Options of the peers that follow."""
    words = line.args()
    record = ServerLine("default-server", None, line.span, dict(line.record.values.get("default-server", {})))
    server_options(words, record, "", addressed=False)
    line.set(record.values)


def _peer(line: Line) -> None:
    words, record, word = line.args(), line.record, line.name
    if words.end:
        return
    name = words.next()
    stray = odd_character(name)
    if stray is not None:
        words.fail(f"character '{stray}' is not permitted in {word} name '{name}'.")
    name_span = words.last_span
    local = name == local_name(line.config)
    if local and word == "peer" and record.get("bind") is not None:
        raise ConfigError('mixing "peer" and "bind" line is forbidden', line.span)
    if local:
        _only_local(line, name)
    label = f"'server {name if local else '(null)'}/{name}' : "
    addressed = not local or word == "peer"
    peer = ServerLine(name, None, line.span, dict(record.values.get("default-server", {})))
    if addressed and not words.end:
        text = words.next()
        try:
            peer.address = parse_address(text, port="optional", offsets=True, zero_port=True, descriptors=False)
            resolvable(peer.address)
        except ValueError as error:
            words.fail(f"{label}{error}")
    server_options(words, peer, label, addressed=addressed)
    if any(peer.values.get(option) for option in IGNORED):
        line.warning(f"'{word} {name}' : init_addr, resolvers, check and agent are ignored for peers.")
    record.append("peers", peer, name_span)


def _only_local(line: Line, name: str) -> None:
    known = next((peer for peer in line.record.get("peers", ()) if peer.name == name), None)
    if known is not None:
        where = f"{known.span.file}:{known.span.line}"
        raise ConfigError(f"'{line.name} {name}' : local peer name already referenced at {where}. {name}", line.span)


@keyword("peer", places="peers", usage="<name> [<address>:<port>] [param*]", status=Status.HARMLESS)
def peer(line: Line) -> None:
    """A peer and its address, with options of server lines. The local one listens there."""
    _peer(line)


@keyword("server", places="peers", usage="<name> [<address>:<port>] [param*]", status=Status.HARMLESS)
def server(line: Line) -> None:
    """A peer and its address, with options of server lines. The local one has no address here: `bind` gives it."""
    _peer(line)


@keyword("disabled", places="peers", status=Status.HARMLESS)
def disabled(line: Line) -> None:
    """The section is not used."""
    line.record.set("disabled", True, line.span)


@keyword("enabled", places="peers", status=Status.HARMLESS)
def enabled(line: Line) -> None:
    """Takes back `disabled`."""
    line.record.set("disabled", False, line.span)


@keyword("shards", places="peers", usage="<number>", arity=(0, 1), status=Status.HARMLESS)
def shards(line: Line) -> None:
    """Over how many of the peers the entries of a table are spread, by their keys; see the server option `shard`."""
    words = line.args()
    text = words.next("'shards' : missing value")
    if not whole(text):
        words.fail(f"'shards' : expects an integer argument, found '{text}'")
    value = parse_integer(text)
    if value <= 0:
        words.fail("'shards' : expects a strictly positive integer argument")
    line.set(value)


@keyword(
    "table",
    places="peers",
    usage="<name> type <type> size <size> [expire <time>] [write-to <table>] [nopurge] [store <data>[,...]] ...",
    status=Status.HARMLESS,
)
def table(line: Line) -> None:
    """A table of this section; proxies name it <section>/<name>. Its words are those of `stick-table`."""
    words = line.args()
    name = "" if words.end else words.next()
    parsed = tables.parse(words, "table", peers=False)
    line.record.values.setdefault("tables", {})[name] = parsed


def check(config: Configuration) -> None:
    """A section without the local peer is dropped."""
    local = local_name(config)
    for record in config.sections.get("peers", {}).values():
        if record.get("disabled"):
            continue
        if not any(peer.name == local for peer in record.get("peers", ())):
            config.report.warning(f"Removing incomplete section 'peers {record.name}' (no peer named '{local}').")
