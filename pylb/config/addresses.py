"""Text of an address -> Address (HAProxy manual, section "Address formats").

    [stream+|dgram+|quic+] [family@] host [:port | :first-last | :+offset | :-offset]
    or  /path, unix@path, abns@name, fd@N, rhttp@backend/server (bind), rhttp@ (server)

The room knows no sockets: a host that is not numeric stays a name (family "ip" when either family may answer) and is
resolved by whoever opens it. Mistakes are ValueErrors with HAProxy's words, to be put behind `'bind' : ` and the like.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, replace
from typing import Literal

from pylb.config.model import Address

Ports = Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True)
class _Prefix:
    family: str
    stream: bool | None = None  # None: what the statement uses by default
    quic: bool = False


_PREFIXES = {
    "unix": _Prefix("unix"),
    "uxst": _Prefix("unix", True),
    "uxdg": _Prefix("unix", False),
    "abns": _Prefix("abns"),
    "abnsz": _Prefix("abnsz"),
    "ip": _Prefix("ip"),
    "ipv4": _Prefix("ipv4"),
    "ipv6": _Prefix("ipv6"),
    "tcp": _Prefix("ip", True),
    "tcp4": _Prefix("ipv4", True),
    "tcp6": _Prefix("ipv6", True),
    "mptcp": _Prefix("ip", True),
    "mptcp4": _Prefix("ipv4", True),
    "mptcp6": _Prefix("ipv6", True),
    "udp": _Prefix("ip", False),
    "udp4": _Prefix("ipv4", False),
    "udp6": _Prefix("ipv6", False),
    "quic4": _Prefix("ipv4", False, True),
    "quic6": _Prefix("ipv6", False, True),
    "fd": _Prefix("fd"),
    "sockpair": _Prefix("sockpair"),
    "rhttp": _Prefix("rhttp"),
}
_PARSED_ONLY = frozenset(("rhttp", "sockpair"))
_NAMES = ("unix", "abns", "abnsz", "rhttp")  # what follows is not a host and a port
_PORT = re.compile(r"[0-9]+")
_LONGEST_PATH = 97  # what a sockaddr_un holds, less the suffix of a temporary name

# Addresses have variables even outside quotes, where the lexer leaves them (observed; in ports since HAProxy 3). They
# are those of the process, which `setenv` changes too.
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w*))", re.A)


def _expanded(found: re.Match[str]) -> str:
    return os.environ.get(found[1] or found[2], "")


def parse_address(
    text: str,
    *,
    port: Ports = "required",
    ranges: bool = False,
    offsets: bool = False,
    zero_port: bool = False,
    descriptors: bool = True,
    stream: bool = True,
    datagrams: bool = False,
    streams: bool = True,
    reverse: bool = False,
    quic_allowed: bool = False,
    default_port: int = 0,
    default_host: str = "",
) -> Address:
    """Parses one address.

    port        whether a port must, may or cannot follow an IP address
    ranges      `80-90` is allowed (bind); offsets: `+N` and `-N` are (server)
    zero_port   port 0 is allowed
    descriptors `fd@N` is allowed
    reverse     `rhttp@` is allowed
    quic_allowed `quic4@`, `quic6@` and `quic+` are allowed
    stream      the socket type without a prefix; `streams`, `datagrams` say which types are acceptable
    """
    if stream and streams and port != "none" and (address := literal(text)) is not None:
        return address
    rest, wanted, quic = _VARIABLE.sub(_expanded, text), stream, False
    if not rest:
        raise ValueError(f"'{text}' resolves to an empty address (environment variable missing?)")
    for word, value in (("stream+", True), ("dgram+", False), ("quic+", False)):
        if rest.startswith(word):
            rest, wanted, quic = rest[len(word) :], value, word == "quic+"
    head, at, tail = rest.partition("@")
    prefix = _PREFIXES.get(head) if at else None
    if prefix is not None:
        rest = tail
        wanted = wanted if prefix.stream is None else prefix.stream
    elif rest.startswith("/"):
        prefix = _Prefix("unix")
    else:
        prefix = _Prefix("ip")
    quic = quic or prefix.quic
    if quic and not quic_allowed:
        raise ValueError(
            f"unsupported stream protocol for datagram family 2 address '{text}'; "
            "QUIC is not compiled in if this is what you were looking for."
        )
    if wanted and not streams:
        raise ValueError(f"stream-type address not acceptable in '{text}'")
    if not wanted and not datagrams and not quic:
        raise ValueError(f"dgram-type address not acceptable in '{text}'")
    if prefix.family in ("fd", "sockpair"):
        address = _descriptor(prefix.family, rest, text, wanted, descriptors)
        return replace(address, quic=True) if quic else address
    if prefix.family == "rhttp" and not reverse:
        raise ValueError(f"invalid address: 'rhttp@' in '{text}'")
    if prefix.family in _NAMES:
        if prefix.family == "unix" and len(rest.encode()) > _LONGEST_PATH:
            raise ValueError(f"socket path '{rest}' too long (max {_LONGEST_PATH})")
        return Address(prefix.family, host=rest, stream=wanted, text=text)
    family = prefix.family
    address = _internet(family, rest, text, wanted, port, ranges, offsets, zero_port, default_port, default_host)
    return replace(address, quic=True) if quic else address


def parsed_only(address: Address) -> str:
    """The prefix of an address that is understood while nobody listens there or connects to it; "" for the others."""
    if address.quic:
        return "quic4@"
    return f"{address.family}@" if address.family in _PARSED_ONLY else ""


def _descriptor(family: str, rest: str, text: str, stream: bool, allowed: bool) -> Address:
    if not rest.isascii() or not rest.isdigit():
        raise ValueError(f"file descriptor '{rest}' is not a valid integer in '{text}'")
    if family == "fd" and not allowed:
        raise ValueError(f"a file descriptor is not acceptable here in '{text}'")
    return Address(family, fd=int(rest), stream=stream, text=text)


def _internet(
    family: str,
    rest: str,
    text: str,
    stream: bool,
    port: Ports,
    ranges: bool,
    offsets: bool,
    zero_port: bool,
    default_port: int,
    default_host: str,
) -> Address:
    cut = rest.rfind(":")
    if cut <= rest.rfind("]"):  # the colons of [::1] do not introduce a port
        host, ports = rest, ""
    else:
        host, ports = rest[:cut], rest[cut + 1 :]
    first, last, relative = _ports(ports, text, port, ranges, offsets, zero_port)
    family, host = _host(family, host or default_host)
    return Address(family, host, first if ports else default_port, last, port_offset=relative, stream=stream, text=text)


def _ports(ports: str, text: str, port: Ports, ranges: bool, offsets: bool, zero_port: bool) -> tuple[int, int, bool]:
    """First and last port of the part behind the colon, and whether it is an offset."""
    if not ports:
        if port == "required":
            raise ValueError(f"missing port specification in '{text}'")
        return 0, 0, False
    if port == "none":
        raise ValueError(f"port specification not permitted here in '{text}'")
    if ports[0] in "+-":
        if not offsets:
            raise ValueError(f"port offset not permitted here in '{text}'")
        digits = _PORT.match(ports[1:])
        value = int(digits.group()[:9]) if digits else 0
        return (-value if ports[0] == "-" else value), 0, True
    if not ("0" <= ports[0] <= "9"):
        raise ValueError(f"invalid character '{ports[0]}' in port number '{ports}' in '{text}'")
    first_text, dash, last_text = ports.partition("-")
    if dash and not ranges:
        raise ValueError(f"port range not permitted here in '{text}'")
    first = _port(first_text, zero_port)
    if not dash:
        return first, first, False
    last = _port(last_text, zero_port)
    if last < first:
        raise ValueError(f"invalid port range '{ports}'")
    return first, last, False


def _port(text: str, zero: bool) -> int:
    digits = _PORT.match(text)
    value = int(digits.group()[:9]) if digits else 0
    if not (0 if zero and digits else 1) <= value <= 65535:
        raise ValueError(f"invalid port '{text}'")
    return value


_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}\Z")
_LITERAL = re.compile(rf"({_OCTET}(?:\.{_OCTET}){{3}}):([0-9]{{1,5}})\Z")  # what most servers have


def literal(text: str) -> Address | None:
    """`1.2.3.4:80`, which means the same wherever a stream address with a port may stand; None for anything else."""
    match = _LITERAL.match(text)
    if match is None:
        return None
    host, port = match.groups()
    number = int(port)
    return Address("ipv4", host, number, number, False, -1, True, text) if 0 < number <= 65535 else None


def numeric_family(host: str) -> str:
    """The family of a numeric address (ipv4, ipv6), nothing for a name."""
    if _IPV4.match(host):
        return "ipv4"
    if ":" not in host:
        return ""
    try:
        ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return ""
    return "ipv6"


def _host(family: str, host: str) -> tuple[str, str]:
    """The family that a host's spelling settles, and the host without brackets ("" for any)."""
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if bare in ("", "*"):
        return ("ipv4" if family == "ip" else family), ""
    numeric = numeric_family(bare)
    if not numeric:
        return family, host
    return (numeric if family == "ip" else family), bare


def check_numeric(address: Address) -> None:
    """Refuses hosts that no resolver could accept: a numeric address of the other family, or stray colons."""
    if address.family not in ("ip", "ipv4", "ipv6") or not address.host:
        return
    numeric = numeric_family(address.host)
    odd = any(char in address.host for char in ":[@ ") if not numeric else address.family != numeric
    if odd:
        raise ValueError(f"invalid address: '{address.host}' in '{address.text}'")
