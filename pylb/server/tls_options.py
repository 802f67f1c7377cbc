"""Words of a server line that concern TLS, protocols and other features of later issues: parsed and kept.

`ssl` itself is unsafe while nothing encrypts; what only refines it is harmless without it. Words that would change
whom we connect to, or through what, are unsafe as well.
"""

from __future__ import annotations

import ipaddress
import os
import re
from typing import TYPE_CHECKING, Final

from pylb.config import protocol_words, tls_files
from pylb.config.addresses import parse_address
from pylb.config.section_shapes import resolvable
from pylb.config.units import TimeOverflow, parse_time
from pylb.errors import ConfigError
from pylb.listener.tls_checks import VERSIONS
from pylb.registry import Kind, Status, declare, server_option
from pylb.sample import expression, logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.server.option_shapes import choice, flag, text, warn_unit

if TYPE_CHECKING:
    from pylb.config.model import ServerLine
    from pylb.config.words import Words

_REFINES: Final = "refines `ssl`, which comes later"

flag(
    "ssl",
    "ssl",
    True,
    status=Status.UNSAFE,
    note="connections to servers are not encrypted yet",
    doc="Speaks TLS to the server.",
)
flag("no-ssl", "ssl", False, doc="Takes back `ssl` of a default-server line.")

for _name, _key, _value in (
    ("check-ssl", "check-ssl", True),
    ("no-check-ssl", "check-ssl", False),
    ("allow-0rtt", "allow-0rtt", True),
    ("ssl-reuse", "ssl-reuse", True),
    ("no-ssl-reuse", "ssl-reuse", False),
    ("tls-tickets", "tls-tickets", True),
    ("no-tls-tickets", "tls-tickets", False),
    ("renegotiate", "renegotiate", True),
    ("no-renegotiate", "renegotiate", False),
    ("sni-auto", "sni-auto", True),
    ("no-sni-auto", "sni-auto", False),
    ("check-sni-auto", "check-sni-auto", True),
    ("no-check-sni-auto", "check-sni-auto", False),
    *((f"force-{v}", "force version", v) for v in ("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13")),
):
    flag(_name, _key, _value, status=Status.HARMLESS, note=_REFINES, doc=f"Sets `{_key}` of the server's TLS.")

for _name, _missing in (
    ("alpn", "'alpn' : missing the comma-delimited ALPN protocol suite."),
    ("npn", "'npn' : missing the comma-delimited NPN protocol suite."),
    ("check-alpn", "'check-alpn' : missing the comma-delimited ALPN protocol suite."),
    ("crt", "'crt' : missing certificate file path."),
    ("ciphers", "'ciphers' : missing cipher suite."),
    ("ciphersuites", "'ciphersuites' : missing cipher suite."),
    ("curves", "'curves' : missing curve suite."),
    ("sigalgs", "'sigalgs' : missing signature algorithm list."),
    ("client-sigalgs", "'client-sigalgs' : missing signature algorithm list."),
    ("check-sni", "'check-sni' : missing SNI."),
    ("verifyhost", "'verifyhost' : missing hostname to verify against."),
):
    text(_name, _missing, status=Status.HARMLESS, note=_REFINES, doc=f"`{_name}` of the server's TLS.")


def _refused(version: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        if server.name == "default-server":
            return words.line.warning(f"'no-{version}' option is not accepted in default-server sections")
        server.values[f"no {version}"] = True

    declare(Kind.SERVER, f"no-{version}", take, status=Status.HARMLESS, note=_REFINES, doc="Refuses a version of TLS.")


for _version in ("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13"):
    _refused(_version)


def _bound(name: str, doc: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        version = words.next(f"'{name}' : missing the ssl/tls version.")
        if version not in VERSIONS:
            words.fail(f"'{version}' : unknown ssl/tls version.")
        server.values[name] = version

    declare(Kind.SERVER, name, take, usage="|".join(VERSIONS), status=Status.HARMLESS, note=_REFINES, doc=doc, plain=1)


_bound("ssl-min-ver", "Lowest version of TLS.")
_bound("ssl-max-ver", "Highest version of TLS.")


def _authorities(name: str, what: str, doc: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        path = words.next(f"'{name}' : missing {what} path.")
        if not path.startswith("@"):
            path = tls_files.located(path, tls_files.base_of(words.line.config, "ca-base"))
        try:
            tls_files.authorities(path)
        except ValueError as error:
            words.fail(str(error))
        server.values[name] = path

    declare(Kind.SERVER, name, take, usage="<path>", status=Status.HARMLESS, note=_REFINES, doc=doc, plain=1)


_authorities("ca-file", "CAfile", "Authorities that the server's certificate is checked against: a file or a folder.")
_authorities("crl-file", "CRLfile", "Revocation list for the server's certificate.")


@server_option("ktls", usage="on|off", status=Status.HARMLESS, note=_REFINES)
def ktls(words: Words, server: ServerLine) -> None:
    """Encryption by the kernel."""
    switch = words.next("'ktls' : missing on/off value.")
    if switch not in ("on", "off"):
        words.fail(f"'ktls' : expects 'on' or 'off', got '{switch}'.")
    server.values["ktls"] = switch


@server_option("sni", usage="<expression>", status=Status.HARMLESS, note=_REFINES)
def sni(words: Words, server: ServerLine) -> None:
    """An expression for the name that is asked for in the handshake."""
    text = words.next("'sni' : missing sni expression.")
    if server.name != "default-server":
        line = words.line
        site = Site(line.config, line.record, "server", Point.BE_SERVER, line.span, "sni")
        words.index -= 1
        try:
            expression.parse(words, site)
        except ConfigError as error:
            words.fail(f"error detected while parsing sni expression : {error.message.rstrip('.')}.")
    server.values["sni"] = text


@server_option("set-proxy-v2-tlv-fmt", usage="(<id>) [<format>]", parens=True)
def set_proxy_tlv(words: Words, server: ServerLine) -> None:
    """An extra record of the PROXY v2 header: its number (0 to 255, also 0x..) in parentheses, and a log-format.

    HAProxy 2.9 on. Errors: no parentheses, a number that is none or out of range, a format that cannot be read.
    """
    word = words.line.words[words.index - 1]
    found = re.fullmatch(r"set-proxy-v2-tlv-fmt\((0[xX][0-9a-fA-F]+|[0-9]+)\)", word)
    number = int(found[1], 0 if found[1][:2].lower() == "0x" else 10) if found else -1
    if not 0 <= number <= 255:
        words.fail("'set-proxy-v2-tlv-fmt' : expects a TLV id between 0 and 255 in parentheses.")
    text = "" if words.end else words.next()  # without a value the field is sent empty
    line = words.line
    if server.name != "default-server":
        site = Site(line.config, line.record, "server", Point.BE_SERVER, line.span, "set-proxy-v2-tlv-fmt")
        logformat.parse(text, site)
    server.values["set-proxy-v2-tlv-fmt"] = [*server.values.get("set-proxy-v2-tlv-fmt", ()), (number, text)]


@server_option("verify", usage="none|required", status=Status.HARMLESS, note=_REFINES)
def verify(words: Words, server: ServerLine) -> None:
    """Whether the server's certificate is checked."""
    method = words.next("'verify' : missing verify method.")
    if method not in ("none", "required"):
        words.fail(f"'verify' : unknown verify method '{method}', only 'none' and 'required' are supported.")
    server.values["verify"] = method


text(
    "tcp-md5sig",
    "'tcp-md5sig' : missing password.",
    status=Status.FULL,
    note="",
    doc="Every segment of connections to the server is signed with this password (RFC 2385, Linux).",
)

flag("tfo", "tfo", True, doc="TCP fast open towards the server (TCP_FASTOPEN_CONNECT): the request goes with the SYN.")
flag("no-tfo", "tfo", False, doc="Takes back `tfo` of a default-server line.")
flag(
    "strict-maxconn",
    "strict-maxconn",
    True,
    status=Status.PARTIAL,
    note="idle connections that clients keep for themselves are not counted",
    doc="Counts idle connections against `maxconn`, too: never more connections than that.",
)
choice(
    "log-proto",
    ("legacy", "octet-count"),
    "'log-proto' expects one of 'legacy' or 'octet-count' but got '{}'.",
    status=Status.FULL,
    note="",
    doc="Framing of log messages sent to this server of a ring: a line feed behind each, or its length in front.",
)
choice(
    "ws",
    ("auto", "h1", "h2"),
    "'ws' has to be 'auto', 'h1' or 'h2'.",
    status=Status.HARMLESS,
    note="WebSockets always go over HTTP/1",
    doc="Which HTTP version carries WebSockets to this server.",
)
choice(
    "resolve-prefer",
    ("ipv4", "ipv6"),
    "'resolve-prefer' expects either ipv4 or ipv6 as argument..",
    status=Status.HARMLESS,
    note="run-time resolution comes later",
    doc="Which family to prefer when the name has both.",
)
choice(
    "hash-key",
    ("id", "id32", "guid", "addr", "addr-port"),
    "'hash-key' has to be 'id', 'id32', 'guid', 'addr', or 'addr-port'",
    status=Status.FULL,
    note="",
    doc="What places a server on the ring of `hash-type consistent`: its id (the default), all 32 bits of it, its "
    "guid, its address, or address and port, so that several balancers agree whatever the order of their servers. "
    "Where a server does not have it, the id takes its place. Manual 5.2 (3.0 and later).",
)


@server_option(
    "resolve-net", usage="<network>[,<network>]*", status=Status.HARMLESS, note="run-time resolution comes later"
)
def resolve_net(words: Words, server: ServerLine) -> None:
    """Networks to prefer among the addresses of a name."""
    networks = []
    for network in words.next("'resolve-net' expects a list of networks..").split(","):
        try:
            networks.append(ipaddress.ip_network(network, strict=False))
        except ValueError:
            words.fail(f"'resolve-net' invalid network '{network}'..")
    server.values["resolve-net"] = tuple(networks)


@server_option(
    "resolve-opts", usage="<option>[,<option>]*", status=Status.HARMLESS, note="run-time resolution comes later"
)
def resolve_opts(words: Words, server: ServerLine) -> None:
    """How answers are used: allow-dup-ip, ignore-weight, prevent-dup-ip."""
    if words.end:
        return  # HAProxy takes none
    options = tuple(words.next().split(","))
    for option in options:
        if option not in ("allow-dup-ip", "ignore-weight", "prevent-dup-ip"):
            words.fail(
                f"'resolve-opts' : unknown resolve-opts option '{option}', "
                "supported methods are 'allow-dup-ip', 'ignore-weight', and 'prevent-dup-ip'.."
            )
    server.values["resolve-opts"] = options


@server_option("tcp-ut", usage="<delay>")
def tcp_user_timeout(words: Words, server: ServerLine) -> None:
    """Time after which unacknowledged data breaks the connection (TCP_USER_TIMEOUT)."""
    value = words.next("'tcp-ut' : missing TCP User Timeout value.")
    try:
        server.values["tcp-ut"] = parse_time(value)
    except TimeOverflow:
        words.fail(f"timer overflow in argument '{value}' to 'tcp-ut' (maximum value is 2147483647 ms or ~24.8 days)")
    except ValueError:
        words.fail("'tcp-ut' : expects a positive delay in milliseconds.")
    warn_unit(words, server, value)


@server_option("resolvers", usage="<section>", status=Status.HARMLESS, note="the name is resolved once, at start")
def resolvers(words: Words, server: ServerLine) -> None:
    """The resolvers section that knows the server's name; it must exist, except for `default`."""
    server.values["resolvers"] = "" if words.end else words.next()


@server_option("namespace", usage="<name>|*")
def namespace(words: Words, server: ServerLine) -> None:
    """The network namespace (/var/run/netns/<name>) from which the server is reached; `*`: the one that the client's
    PROXY header names, if the configuration knows it. Linux, needs CAP_SYS_ADMIN."""
    name = words.next("'namespace' : expects <name> as argument.")
    if name != "*" and not os.path.exists(f"/var/run/netns/{name}"):
        words.fail(f"Cannot open namespace '{name}'.")
    server.values["namespace"] = name


@server_option("socks4", usage="<addr>:<port>")
def socks4(words: Words, server: ServerLine) -> None:
    """A SOCKS4 proxy through which the server is reached; it can only be asked for IPv4 addresses."""
    text = words.next("'socks4' expects <addr>:<port> as argument..")
    try:
        server.values["socks4"] = resolvable(parse_address(text, port="required", descriptors=False))
    except ValueError as error:
        words.fail(f"'socks4 {text}' : {error}")


@server_option("proto", usage="<name>", status=Status.PARTIAL, note="h1 and none; the others come with their codecs")
def proto(words: Words, server: ServerLine) -> None:
    """The protocol spoken to the server: `h1` in HTTP mode, `none` in TCP mode. `h2`, `fcgi`, `spop`, `quic` and `qmux`
    (experimental) are understood and not started."""
    server.values["proto"] = protocol_words.forced(words, Kind.SERVER, ".")


@server_option("check-proto", usage="<name>", status=Status.HARMLESS, note="checks come later")
def check_proto(words: Words, server: ServerLine) -> None:
    """The protocol that checks speak to the server."""
    server.values["check-proto"] = protocol_words.known(words, "check-proto", ".")
