"""`bind`: which sockets a frontend listens on.

Parse time: the keyword turns a line into a BindLine (addresses and the plain values of options.py). Compile time:
`compile_binds` resolves host names and makes one `Listener` per socket. The sockets themselves are opened in the bind
step, all together (sockets.py).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.config import address_words
from pylb.config.addresses import parse_address
from pylb.config.model import Address, BindLine, ProxyConfig
from pylb.config.section_shapes import resolvable
from pylb.config.words import Line, Words
from pylb.counters import ProxyCounters
from pylb.engine.transport import NoLinger, Transport
from pylb.errors import ConfigError, Report, Span, did_you_mean
from pylb.listener import options, quic_words, tls_checks, tls_words  # noqa: F401  (three declare words)
from pylb.listener.socket_stats import CountedSession
from pylb.records.handshakes import NETSCALER, PROXY
from pylb.records.session import Session
from pylb.registry import Kind, keyword

if TYPE_CHECKING:
    from pylb.records.proxy import Frontend

MAX_THREADS = 64
USAGE = "'bind' expects {<path>|[addr1]:port1[-end1]}{,[addr]:port[-end]}... as arguments."


class Listener:
    """One listening socket of a frontend. Lives from compile time to the end of the program.

    `sock` is None before the bind step and after the listener was closed; `acceptor` is set by who accepts, `paused` by
    whoever pauses (the runtime API, signals).
    """

    __slots__ = (
        "accept_proxy",
        "acceptor",  # listener.accept.Acceptor once it serves
        "address",  # config.model.Address, numeric
        "backlog",
        "counters",
        "defer",
        "family",  # socket.AF_INET, AF_INET6 or AF_UNIX
        "frontend",
        "handshakes",  # headers that every connection begins with, bits of records/handshakes.py
        "id",
        "inherited",  # the socket was open before this process bound anything (fd@, a reload)
        "interface",
        "label",
        "magic",  # of the NetScaler headers, 0 for none
        "maxconn",  # connections at a time, 0: the frontend's limit only
        "name",
        "options",  # values of the bind line
        "paused",
        "port",  # 0 for unix sockets
        "proto",
        "session",  # class of its sessions
        "sock",
        "span",
        "text",  # the bind line's address word as written, for messages
        "tls",  # TLS set-up, None for clear connections
        "transport",  # class of its connections
    )

    def __init__(self, frontend: Any, address: Address, values: dict[str, Any], span: Span, number: int) -> None:
        self.frontend: Any = frontend
        self.address = address
        self.options = values
        self.span = span
        self.id: int = values.get("id", number)
        self.name: str = values.get("name", f"sock-{number}")
        self.label = self.name.encode("utf-8", "surrogateescape")
        self.text: str = values.get("text", address.text)
        self.port = address.port
        self.family = _family(address)
        self.accept_proxy: bool = values.get("accept-proxy", False)
        self.magic: int = values.get("accept-netscaler-cip", 0)
        self.handshakes = (PROXY if self.accept_proxy else 0) | (NETSCALER if self.magic else 0)
        self.maxconn: int = values.get("maxconn", 0)
        self.backlog: int = values.get("backlog", 0)
        self.interface: str = values.get("interface", "")
        self.defer: bool = values.get("defer-accept", False)
        self.proto: str = values.get("proto", "")
        self.counters = ProxyCounters()
        self.sock: socket.socket | None = None
        self.paused = False
        self.acceptor: Any = None
        self.inherited = address.family == "fd"
        self.tls: Any = None
        config = getattr(frontend, "config", None)
        nolinger = config is not None and config.option("nolinger")
        self.transport: type[Transport] = NoLinger if nolinger else Transport
        counted = config is not None and config.option("socket-stats")
        self.session: type[Session] = CountedSession if counted else Session

    @property
    def is_unix(self) -> bool:
        return self.family == socket.AF_UNIX

    @property
    def where(self) -> str:
        """The address as HAProxy prints it behind a message: 0.0.0.0:80, :::80, /path, fd 3."""
        if self.address.family == "unix":
            return self.address.host
        if self.address.family in ("abns", "abnsz"):
            return f"abns@{self.address.host}"
        if self.address.family == "fd":
            return f"fd@{self.address.fd}"
        return f"{self.address.host}:{self.address.port}"

    def __repr__(self) -> str:
        return f"<Listener {self.name} {self.where}>"


def _family(address: Address) -> int:
    if address.family == "ipv6":
        return socket.AF_INET6
    if address.family in ("unix", "abns", "abnsz"):
        return socket.AF_UNIX
    if address.family in ("fd", "sockpair"):
        return _descriptor_family(address)
    return socket.AF_INET


def _descriptor_family(address: Address) -> int:
    """Family of an inherited socket; AF_UNSPEC when there is no such socket here (`check_descriptor` reports it)."""
    try:
        probe = socket.socket(fileno=address.fd)
    except OSError:
        return socket.AF_UNSPEC
    family = probe.family
    probe.detach()
    return int(family)


@keyword("bind", places=("frontend", "listen"))
def bind(line: Line) -> None:
    """Listens on one or more addresses, separated by commas, with the options that follow.

    An address is `[host]:port[-last]` (no host or `*`: every IPv4 address, `::` every IPv6 address), a path or
    `unix@path`, `abns@name`, `fd@number` (a socket that was open at start), or has the prefix `ipv4@` or `ipv6@`.
    Errors: a port is missing, 0 or above 65535; a name that does not resolve; an option that is not known.
    Source: HAProxy manual, "bind" and "Bind options". Value: appended to `proxy.binds`.
    """
    words = line.args()
    text = words.next(USAGE)
    parsed = BindLine(parse_addresses(text, "'bind'", words, quic=True), line.span, {"text": text})
    if any(address.quic for address in parsed.addresses):
        parsed.values["ssl"] = True  # without saying so
    line.proxy.binds.append(parsed)  # a line whose options are wrong is a bind line all the same
    parse_options(words, parsed, f"'bind {text}' in section '{line.place}'")


def _ignored_bind(line: Line) -> None:
    """Accepted with a warning where there is no frontend side, as HAProxy does."""
    line.warning(f"'bind' ignored because {line.place} '{line.record.name}' has no frontend capability.")


registry.declare(
    Kind.KEYWORD,
    "bind",
    _ignored_bind,
    places=("backend",),
    doc="Nothing: a backend listens nowhere, which HAProxy says in a warning.",
)


def parse_addresses(text: str, who: str, words: Words, *, quic: bool = False) -> list[Address]:
    """The addresses of one comma-separated word; `who` starts the messages."""
    if text.endswith(","):
        text = text[:-1]
    found = []
    for part in text.split(","):
        try:
            address = parse_address(part, ranges=True, reverse=True, quic_allowed=quic)
            found.append(resolvable(address))
            address_words.note(words, Kind.BIND, address)
        except ValueError as error:
            words.fail(f"{who} : {error}")
        except ConfigError as error:
            words.fail(f"{who} : {error.message}")
    return found


def parse_options(words: Words, bind: BindLine, who: str) -> None:
    """Takes the rest of the line as bind options, for `bind` itself and for sockets of other statements."""
    while not words.end:
        name = words.next()
        word = registry.find(Kind.BIND, name)
        if word is None:
            near = did_you_mean(name, registry.names(Kind.BIND))
            words.fail(f"{who}: unknown keyword '{name}'{near or '.'}")
        words.use(word)
        try:
            word.factory(words, bind)
        except ConfigError as error:
            raise ConfigError(f"{who} : {error.message}", error.span, error.hint) from None


def compile_binds(
    config: ProxyConfig, frontend: Frontend, report: Report, threads: int = MAX_THREADS
) -> list[Listener]:
    """The listeners of a frontend, in order, one per address and port. Mistakes go to the report."""
    numbers = _free_ids(line.values.get("id") for line in config.binds)
    listeners: list[Listener] = []
    for line in config.binds:
        tls_checks.check(config.name, line, report)
        _check_use(config, line, threads, report)
        for address in line.addresses:
            try:
                numeric = resolve(address, report, line.span)
                check_descriptor(numeric)
            except ValueError as error:
                report.alert(f"'bind' : {error}", line.span)
                continue
            for one in _ports(numeric):
                listeners.append(Listener(frontend, one, line.values, line.span, next(numbers)))
    return listeners


def _check_use(config: ProxyConfig, line: BindLine, threads: int, report: Report) -> None:
    """Options that a complete proxy contradicts."""
    where = f"'bind {line.values.get('text', '')}' at [{line.span.file}:{line.span.line}]"
    proto = line.values.get("proto")
    quic = any(address.quic for address in line.addresses)
    if (proto is not None and (config.http == (proto == "none") or (proto == "quic") != quic)) or proto in _OF_SERVERS:
        report.alert(f"frontend '{config.name}' : MUX protocol '{proto}' is not usable for {where}.")
    if line.values.get("lowest thread", 1) > threads:
        report.alert(f"Proxy '{config.name}': 'thread' directive contains threads that belong to no group in {where}.")


_OF_SERVERS: Final = ("fcgi", "spop")


def _free_ids(taken: Iterable[int | None]) -> Any:
    """1, 2, 3 ... without the ids that bind lines chose themselves."""
    fixed = {value for value in taken if value}
    number = 0
    while True:
        number += 1
        if number not in fixed:
            yield number


def resolve(address: Address, report: Report, span: Span) -> Address:
    """The same address with a numeric host: what a name means is asked once, at start."""
    if address.family not in ("ip", "ipv4", "ipv6"):
        return address
    host, family = address.host, address.family
    if not host:
        family = "ipv6" if family == "ipv6" else "ipv4"
        host = "::" if family == "ipv6" else "0.0.0.0"
    elif not (re.fullmatch(r"[0-9.]+", host) and family == "ipv4" and host.count(".") == 3) and ":" not in host:
        wanted = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}.get(family, socket.AF_UNSPEC)
        try:
            found = socket.getaddrinfo(host, None, wanted, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ValueError(f"invalid address: '{host}' in '{address.text}'") from None
        family = "ipv6" if found[0][0] == socket.AF_INET6 else "ipv4"
        host = str(found[0][4][0])
        others = {entry[4][0] for entry in found} - {host}
        if others:
            report.diag(f"'{address.text}' has further addresses; only {host} is used.", span)
    elif ":" in host:
        family = "ipv6"
    return replace(address, family=family, host=host)


def check_descriptor(address: Address) -> None:
    """Demands that `fd@N` is an open socket."""
    if address.family not in ("fd", "sockpair"):
        return
    try:
        probe = socket.socket(fileno=address.fd)
    except OSError as error:
        raise ValueError(f"cannot use file descriptor '{address.fd}' : {error.strerror}.") from None
    probe.detach()


def _ports(address: Address) -> list[Address]:
    """One address for each port of a range."""
    last = max(address.port, address.end_port)
    if last == address.port:
        return [address]
    return [replace(address, port=port, end_port=port) for port in range(address.port, last + 1)]
