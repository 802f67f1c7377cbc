"""Server options since HAProxy 2.7 whose subjects come later; their arguments are checked all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config import guids
from pylb.config.quic_words import take_algorithm
from pylb.errors import ConfigError
from pylb.registry import Status, server_option
from pylb.sample import expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.server.option_shapes import choice, number, take_delay, text

if TYPE_CHECKING:
    from pylb.config.model import ServerLine
    from pylb.config.words import Words


@server_option("guid", usage="<guid>", status=Status.HARMLESS, note="for statistics files")
def guid(words: Words, server: ServerLine) -> None:
    """A name of the server that no other object has: letters, digits and `:_.-`, 127 characters at most."""
    name = words.next("'guid' : expects an argument.")
    if wrong := guids.mistake(name):
        words.fail(f"'guid' : {wrong}.")
    server.values["guid"] = name


number(
    "shard",
    least=1,
    missing="'shard' expects an integer argument.",
    low="'shard' : shards are counted from 1.",
    status=Status.HARMLESS,
    note="peers come later",
    doc="Which part of the tables this peer gets, from 1 to the section's `shards`.",
)
number(
    "log-bufsize",
    least=1,
    missing="'log-bufsize' expects an integer argument.",
    low="'log-bufsize' : expects a size above zero.",
    doc="Size in bytes of the ring in front of this server of a log backend (mode log, stream address); "
    "`tune.bufsize` without it.",
)


@server_option("idle-ping", usage="<delay>", status=Status.HARMLESS, note="HTTP/2 comes later")
def idle_ping(words: Words, server: ServerLine) -> None:
    """Interval of pings on idle HTTP/2 connections."""
    server.values["idle-ping"] = take_delay(words, server, "idle-ping")


@server_option(
    "pool-conn-name",
    usage="<expression>",
)
def pool_conn_name(words: Words, server: ServerLine) -> None:
    """A name for the connections of the pool: only requests for which the expression gives the same one use them."""
    written = words.next("'pool-conn-name' expects an expression.")
    if server.name != "default-server":
        line = words.line
        site = Site(line.config, line.record, "server", Point.BE_SERVER, line.span, "pool-conn-name")
        words.index -= 1
        try:
            expression.parse(words, site)
        except ConfigError as error:
            words.fail(f"error detected while parsing pool-conn-name expression : {error.message.rstrip('.')}.")
    server.values["pool-conn-name"] = written


for _name, _doc in (
    ("check-pool-conn-name", "The name of the pool's connections that checks may use."),
    ("healthcheck", "The healthcheck section that says how the server is checked."),
):
    text(_name, f"'{_name}' expects a name.", status=Status.HARMLESS, note="health checks come later", doc=_doc)

text(
    "cc",
    "'cc' expects a name.",
    status=Status.FULL,
    note="",
    doc="The TCP congestion control towards the server, as the kernel names it (TCP_CONGESTION).",
)
choice(
    "init-state",
    ("fully-up", "up", "down", "fully-down"),
    "'init-state' : expects 'fully-up', 'up', 'down' or 'fully-down'.",
    status=Status.HARMLESS,
    note="health checks come later",
    doc="The state in which a checked server begins: whether one check or all of them decide about the other one.",
)


@server_option("quic-cc-algo", usage="<name>[(<window>)]", status=Status.HARMLESS, note="QUIC is not spoken")
def quic_cc_algo(words: Words, server: ServerLine) -> None:
    """Congestion control of QUIC connections: cubic, newreno, bbr or nocc, with the largest window in parentheses."""
    server.values["quic-cc-algo"] = take_algorithm(words, "'quic-cc-algo' expects an algorithm.")
