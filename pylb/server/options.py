"""The words of `server`, `default-server` and `server-template` lines (configuration manual, chapter 5.2).

Each stores its value in `server.values` under its name; server/server.py copies what the data plane reads into
attributes. Times are milliseconds. Messages carry no prefix: server/templates.py puts the server's name before them.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Final

from pylb.balance.weights import WEIGHT_MAX
from pylb.config.addresses import check_numeric, parse_address
from pylb.config.section_shapes import resolvable
from pylb.config.units import BadCharacter, TimeOverflow, parse_integer, parse_time, wrapped
from pylb.config.words import to_bytes
from pylb.registry import Kind, Status, declare, server_option
from pylb.server.option_shapes import delay, flag, number, warn_unit
from pylb.server.places import numeric

if TYPE_CHECKING:
    from pylb.config.model import ServerLine
    from pylb.config.words import Words

# -- balancing, limits, states ---------------------------------------------------------------------------------------


@server_option("weight", usage="<weight>", plain=1)
def weight(words: Words, server: ServerLine) -> None:
    """Share of the load relative to the other servers, 0 to 256, default 1. 0 takes no new clients."""
    text = "" if words.end else words.next()  # HAProxy takes none for 0
    value = parse_integer(text)
    if not 0 <= value <= WEIGHT_MAX:
        words.fail(f"weight of server {server.name} is not within 0 and {WEIGHT_MAX} ({wrapped(value)})..")
    server.values["weight"] = value


for _name, _doc in (
    ("maxconn", "Streams served at a time, 0 for any number; further ones wait in the server's or backend's queue."),
    ("minconn", "Lower end of a limit that grows to `maxconn` as the backend's streams approach its `fullconn`."),
    ("maxqueue", "Streams that may wait for this very server, 0 for any number; beyond it they go elsewhere."),
    ("pool-max-conn", "Idle connections kept, -1 for no limit of its own, 0 for none."),
):
    number(_name, optional=_name != "pool-max-conn", status=Status.FULL, note="", doc=_doc)
number(
    "pool-low-conn",
    status=Status.FULL,
    note="",
    doc="Connections that are kept, in use or idle, also when fewer were needed at a time lately.",
)
number(
    "max-reuse",
    status=Status.FULL,
    note="",
    doc="How often a connection may be used again after its first request, -1 for any number of times.",
)

flag("backup", "backup", True, doc="Serves only while no server without this word is usable.")
flag("no-backup", "backup", False, doc="Takes back `backup` of a default-server line.")
flag("disabled", "disabled", True, doc="Starts in maintenance.")
flag("enabled", "disabled", False, doc="Takes back `disabled` of a default-server line.")
flag(
    "non-stick",
    "non-stick",
    True,
    status=Status.HARMLESS,
    note="stick tables come later",
    doc="Never learned by stick tables.",
)
flag("stick", "non-stick", False, doc="Takes back `non-stick` of a default-server line.")
delay(
    "slowstart",
    status=Status.FULL,
    note="",
    doc="Time over which the weight of a server that came up grows to full.",
)


@server_option("pool-purge-delay", usage="<delay>")
def pool_purge_delay(words: Words, server: ServerLine) -> None:
    """Time between two purges of the idle connections, 5 s unless given."""
    text = words.next("'pool-purge-delay' expects <value> as argument..")
    try:
        server.values["pool-purge-delay"] = parse_time(text)
    except BadCharacter as error:
        words.fail(f"unexpected character '{error.character}' in argument to <pool-purge-delay>..")
    except TimeOverflow:
        words.fail(
            f"timer overflow in argument '{text}' to 'pool-purge-delay' (maximum value is 2147483647 ms or ~24.8 days)."
        )
    warn_unit(words, server, text)


@server_option("id", usage="<number>")
def server_id(words: Words, server: ServerLine) -> None:
    """A number for this server, unique in its backend; consistent hashing places it by this number.

    Default: the smallest free one, in the order of the file.
    """
    if server.name == "default-server":
        words.line.warning("'id' option is not accepted in default-server sections")
        words.index += 1
        return
    value = wrapped(parse_integer(words.next("'id' : expects an integer argument.")))
    if value <= 0:
        words.fail("'id' : custom id has to be > 0.")
    server.values["id"] = value


@server_option("cookie", usage="<value>", plain=1)
def cookie(words: Words, server: ServerLine) -> None:
    """The value by which a client's persistence cookie names this server (see the proxy keyword `cookie`)."""
    server.values["cookie"] = to_bytes(words.next("'cookie' expects <value> as argument.."))


@server_option("redir", usage="<prefix>")
def redir(words: Words, server: ServerLine) -> None:
    """Answers GET and HEAD with a redirect to <prefix> followed by the request's URI."""
    server.values["redir"] = to_bytes(words.next("'redir' expects <prefix> as argument.."))


@server_option("track", usage="[<backend>/]<server>")
def track(words: Words, server: ServerLine) -> None:
    """Follows the state of another server, which must have checks or track a third one itself."""
    server.values["track"] = words.next("'track' expects [<proxy>/]<server> as argument..")


# -- connecting --------------------------------------------------------------------------------------------------------

for _name, _version, _note in (
    ("send-proxy", 1, ""),
    ("send-proxy-v2", 2, ""),
    ("send-proxy-v2-ssl", 2, "TLS facts come with TLS"),
    ("send-proxy-v2-ssl-cn", 2, "TLS facts come with TLS"),
):
    flag(
        _name,
        "send-proxy",
        _version,
        status=Status.PARTIAL if _note else Status.FULL,
        note=_note,
        doc="Opens each connection with a PROXY protocol header (proxy-protocol.txt) that tells the client's address.",
    )
    flag(f"no-{_name}", "send-proxy", 0, doc=f"Takes back `{_name}` of a default-server line.")

_PROXY_OPTIONS: Final = ("ssl", "cert-cn", "ssl-cipher", "cert-sig", "cert-key", "authority", "crc32c", "unique-id")


@server_option("proxy-v2-options", usage="<option>[,<option>]*")
def proxy_v2_options(words: Words, server: ServerLine) -> None:
    """Extra records of the PROXY v2 header: ssl cert-cn ssl-cipher cert-sig cert-key authority crc32c unique-id."""
    if words.end:
        words.fail("'' : proxy v2 option not implemented.")
    options = tuple(words.next().split(","))
    for option in options:
        if option not in _PROXY_OPTIONS:
            words.fail(f"'{option}' : proxy v2 option not implemented.")
    server.values["proxy-v2-options"] = options


@server_option("source", usage="<addr>[:<port>[-<port>]] [usesrc ... | interface <name>]")
def source(words: Words, server: ServerLine) -> None:
    """The local address to connect from, with a port or a range of ports that are tried in turn."""
    shape = "<addr>[:<port>[-<port>]], and optionally 'usesrc' <addr>, and 'interface' <name>"
    take_source(words, server.values, words.next(f"'source' expects {shape} as argument.."))


def take_source(words: Words, values: dict[str, Any], text: str, name: str = "source") -> None:
    """The rest of `source`, on server lines and as a proxy keyword; what decides who we seem to be counts as unsafe."""
    try:
        address = parse_address(text, port="optional", ranges=True, descriptors=False)
        check_numeric(address)
    except ValueError as error:
        words.fail(f"'{name} {text}' : {error}")
    packed = numeric(address.host)
    if packed is not None:
        port = address.port if address.end_port == address.port else 0
        values["source address"] = (address.host, port) if len(packed) == 4 else (address.host, port, 0, 0)
    elif not address.host or address.family in ("unix", "abns", "abnsz"):
        values["source address"] = None
    else:
        try:
            found = socket.getaddrinfo(address.host, None, socket.AF_UNSPEC, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            words.fail(f"'{name} {text}' : invalid address: '{address.host}' in '{text}'")
        values["source address"] = (*found[0][4][:1], address.port, *found[0][4][2:])
    values["source"] = text
    values["source ports"] = (address.port, address.end_port)
    while word := words.accept("usesrc", "interface"):
        option = _SOURCE_OPTIONS[word]
        words.use(option)
        option.factory(words, values)


def _usesrc(words: Words, values: dict[str, Any]) -> None:
    """Connects from an address that need not be ours: the client's (`clientip`, `client` with its port), the one in a
    header (`hdr_ip(name[,occurrence])`, the last one unless told otherwise) or a fixed one. Needs CAP_NET_ADMIN; such a
    connection serves no other client."""
    shape = "<addr>[:<port>], 'client', 'clientip', or 'hdr_ip(name,#)'"
    text = values["usesrc"] = words.next(f"'usesrc' expects {shape} as argument.")
    if text not in ("client", "clientip") and not text.startswith("hdr_ip("):
        try:
            resolvable(parse_address(text, port="optional", descriptors=False))
        except ValueError as error:
            words.fail(f"'usesrc {text}' : {error}")


def _interface(words: Words, values: dict[str, Any]) -> None:
    """Binds outgoing connections to a network device (SO_BINDTODEVICE)."""
    values["interface"] = words.next(f"'{words.line.name}' : missing interface name.")


_SOURCE_OPTIONS: Final = {
    "usesrc": declare(Kind.SERVER, "source usesrc", _usesrc, usage="client|clientip|hdr_ip(<name>)|<addr>"),
    "interface": declare(Kind.SERVER, "source interface", _interface, usage="<name>"),
}


@server_option("usesrc", usage="")
def stray_usesrc(words: Words, server: ServerLine) -> None:
    """Only allowed behind `source`: a mistake anywhere else."""
    words.fail("'usesrc' only allowed after a 'source' statement..")


@server_option(
    "init-addr", usage="{last|libc|none|<ip>},[...]*", status=Status.PARTIAL, note="`last` needs the state file"
)
def init_addr(words: Words, server: ServerLine) -> None:
    """How a server's name gets its first address: methods tried in turn (last, libc, none, or an address)."""
    methods = tuple(("none" if words.end else words.next()).split(","))
    for method in methods:
        if method not in ("last", "libc", "none") and numeric(method) is None:
            known = "'libc', 'last', 'none'"
            words.fail(f"'init-addr' : unknown init-addr method '{method}', supported methods are {known}..")
    server.values["init-addr"] = methods
