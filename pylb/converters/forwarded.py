"""The header Forwarded: whether a value is sound, its parameters, and nodes taken apart or put together (RFC 7239)."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any, Final

from pylb.registry import converter
from pylb.sample.values import MISS, Typed

Step = Callable[[Any, Any], Any]

# One pair: token "=" ( token / quoted-string ), RFC 7239 section 4. The text of a quoted string has no need of escapes
# in any parameter that is known here; a backslash makes the value one that nothing matches.
_pair = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]++)=(?:([!#$%&'*+\-.^_`|~0-9A-Za-z]++)|\"((?:[^\"\\]|\\.)*+)\")", re.S
).match
_node = re.compile(rb"(?:\[([0-9A-Fa-f:.]++)\]|([^:\[\]]++))(?::([^:]*+))?", re.S).fullmatch
_obfuscated = re.compile(rb"_[A-Za-z0-9._\-]+").fullmatch
_label = re.compile(rb"[A-Za-z0-9._\-]+").fullmatch
_digits = re.compile(rb"[0-9]{1,5}").fullmatch
_host = re.compile(
    rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]++|%[0-9A-Fa-f]{2})+(?::([0-9]{1,5}))?|\[([0-9A-Fa-f:.]+)\](?::([0-9]{1,5}))?"
).fullmatch


def _packed(family: int, text: bytes) -> bytes | None:
    try:
        return socket.inet_pton(family, text.decode("ascii"))
    except (OSError, ValueError):
        return None


def _port(text: bytes) -> Typed | None:
    if _digits(text) and int(text) <= 65535:
        return Typed("int", int(text))
    return Typed("str", text) if _obfuscated(text) else None


def node(text: bytes) -> tuple[Typed, Typed | None] | None:
    """Name and port of a node (section 6); None when it is malformed."""
    found = _node(text)
    if found is None:
        return None
    ipv6, other, port_text = found.groups()
    port = None
    if port_text is not None:
        port = _port(port_text)
        if port is None:
            return None
    if ipv6 is not None:
        packed = _packed(socket.AF_INET6, ipv6)
        return None if packed is None else (Typed("ipv6", packed), port)
    packed = _packed(socket.AF_INET, other)
    if packed is not None:
        return Typed("ipv4", packed), port
    return (Typed("str", other), port) if other == b"unknown" or _obfuscated(other) else None


def _is_host(text: bytes) -> bool:
    found = _host(text)
    if found is None or int(found[1] or found[3] or 0) > 65535:
        return False
    return found[2] is None or _packed(socket.AF_INET6, found[2]) is not None


_KNOWN: Final[dict[bytes, Callable[[bytes], bool]]] = {
    b"proto": lambda text: text.lower() in (b"http", b"https"),
    b"host": _is_host,
    b"for": lambda text: node(text) is not None,
    b"by": lambda text: node(text) is not None,
}


def parameters(value: bytes) -> dict[bytes, bytes] | None:
    """Parameters of one element by their lower-case names; None when anything about it is wrong."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(value):
        if found:
            if value[at : at + 1] != b";":
                return None
            at += 1
        pair = _pair(value, at)
        if pair is None:
            return None
        name, text = pair[1].lower(), pair[2] if pair[3] is None else pair[3]
        check = _KNOWN.get(name)
        if check is None or name in found or not check(text):
            return None
        found[name] = text
        at = pair.end()
    return found or None


@converter("rfc7239_is_valid", takes="str", out="bool", pure=True)
def rfc7239_is_valid() -> Step:
    """True when the text is one sound element of a Forwarded header.

    Parameters are proto (http, https), host, for and by, each once at most, and nothing else. Addresses of IPv6 and
    ports need quotes. Source: RFC 7239 sections 4 to 6.
    """
    return lambda value, ctx: parameters(value) is not None


@converter("rfc7239_field", takes="str", out="str", args=("str",), usage="(<field>)", pure=True)
def rfc7239_field(field: bytes) -> Step:
    """The parameter proto, host, for or by of a sound Forwarded element, without quotes."""
    name = field.lower()
    if name not in _KNOWN:
        raise ValueError(f"wrong field '{field.decode('utf-8', 'surrogateescape')}': proto, host, for or by")

    def read(value: bytes, ctx: Any) -> Any:
        found = parameters(value)
        return MISS if found is None else found.get(name, MISS)

    return read


def _of_node(index: int) -> Step:
    def read(value: bytes, ctx: Any) -> Any:
        found = node(value)
        part = None if found is None else found[index]
        return MISS if part is None else part

    return read


@converter("rfc7239_n2nn", takes="str", out="any", pure=True)
def rfc7239_n2nn() -> Step:
    """Name of a node (`for`, `by`): an address, or the text `unknown` or `_<identifier>`."""
    return _of_node(0)


@converter("rfc7239_n2np", takes="str", out="any", pure=True)
def rfc7239_n2np() -> Step:
    """Port of a node (`for`, `by`): an integer, or the text `_<identifier>`; nothing when the node has none."""
    return _of_node(1)


@converter("rfc7239_nn", takes="any", out="str", pure=True)
def rfc7239_nn() -> Step:
    """A node name from an address, or from a text: `_<text>`, and `unknown` from an empty one. Not quoted."""

    def make(value: Typed, ctx: Any) -> Any:
        data = value.value
        if value.type in ("ipv4", "ipv6", "addr"):
            if len(data) == 4:
                return socket.inet_ntop(socket.AF_INET, data).encode()
            return b"[%b]" % socket.inet_ntop(socket.AF_INET6, data).encode()
        if value.type != "str":
            return MISS
        if not data:
            return b"unknown"
        return b"_" + data if _label(data) else MISS

    return make


@converter("rfc7239_np", takes="any", out="str", pure=True)
def rfc7239_np() -> Step:
    """A node port from an integer, or from a text: `_<text>`."""

    def make(value: Typed, ctx: Any) -> Any:
        if value.type == "int":
            return b"%d" % value.value if 0 <= value.value <= 65535 else MISS
        return b"_" + value.value if value.type == "str" and _label(value.value) else MISS

    return make
