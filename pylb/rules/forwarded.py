"""`option forwarded`: which parameters of the Forwarded header (RFC 7239) servers are sent (manual 4.2, since 2.8).

The parameters are kept by name under the option, each with its expression or None. `compile` makes the closure that
writes the header, behind that of `option forwardfor` and `option originalto`.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any, Final

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Line, Words
from pylb.errors import NOWHERE, ConfigError, did_you_mean
from pylb.http.message import field
from pylb.registry import BACK, keyword
from pylb.sample import expression
from pylb.sample.expression import Expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import MISS, WAIT, Fetch, Typed

PARAMETERS: Final = ("proto", "host", "by", "by_port", "for", "for_port")
NATURAL: Final = {  # what a parameter says without an expression
    "host": "req.hdr(host)",
    "by": "dst",
    "by_port": "dst_port",
    "for": "src",
    "for_port": "src_port",
}
_label = re.compile(rb"_?[A-Za-z0-9._\-]+").fullmatch
_legal_host = re.compile(rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=%]++|\[[0-9A-Fa-f:.]++\])(?::[0-9]*+)?+").fullmatch

Add = Callable[[Any], None]

WORDS: Final = (*PARAMETERS, *(f"{name}-expr" for name in PARAMETERS[1:]))


@keyword(
    "option forwarded",
    places=BACK,
    usage="[proto] [host | host-expr <expr>] [by | by-expr <expr>] [by_port | by_port-expr <expr>] "
    "[for | for-expr <expr>] [for_port | for_port-expr <expr>]",
    negatable=True,
)
def forwarded(line: Line) -> None:
    """Requests get a Forwarded header (RFC 7239): `proto for` unless parameters are written (since 2.8).

    A parameter followed by `-expr` takes its value from an expression, in one word, that reads the request. A port
    counts only beside its node (`by_port` beside `by` or `by-expr`).

    Parameters are written in the order proto, host, by, for. A host is quoted, and so is a node with a port or of an
    IPv6 address. A node that is no address is written as an identifier with a leading underscore, `unknown` if that is
    not legal; what is not legal elsewhere is left out. The field is appended, never merged. Manual 4.2, RFC 7239.
    """
    words = line.args()
    if line.negated or line.reset:
        words.finish()
        if line.negated:
            line.set(False)
        else:
            line.record.values.pop(line.name, None)
        return
    chosen: dict[str, Expression | None] = {}
    while not words.end:
        word = words.next()
        if word not in WORDS:
            near = did_you_mean(word, WORDS).removeprefix("; ")
            words.fail(f"'option forwarded' : unknown parameter '{word}'.", near)
        name = word.removesuffix("-expr")
        if name in chosen:
            words.fail(f"'option forwarded' : parameter '{name}' is already set.")
        chosen[name] = _expression(words, word) if name != word else None
    line.set(chosen or {"proto": None, "for": None})


def _expression(words: Words, name: str) -> Expression:
    text = words.next(f"'option forwarded' : '{name}' expects an expression.")
    line, span = words.line, words.last_span
    site = Site(line.config, line.proxy, line.name, Point.BE_REQUEST, span, line.name)
    where = f"'option forwarded' : '{name}' : "
    try:
        parsed, end = expression.parse_text(text, 0, site, span)
    except ConfigError as error:
        raise ConfigError(where + error.message, error.span, error.hint) from None
    if end < len(text):
        words.fail(f"{where}missing comma behind '{parsed.text}'")
    source = parsed.misplaced()
    if source is not None:
        words.fail(f"{where}'{text}' reads from '{source}', which is not available here")
    parsed.final_cast("str")
    return parsed


def compile(program: Any, config: ProxyConfig, inner: Add | None) -> Add | None:
    """The closure of a backend: what `inner` adds, or else its frontend's closure, and then Forwarded.

    `inner` itself when the backend has not asked for the header.
    """
    chosen: dict[str, Expression | None] | bool | None = config.get("option forwarded")
    if not isinstance(chosen, dict):
        return inner
    values = {
        name: _typed(given or _natural(program.config, config, name), program)
        for name, given in chosen.items()
        if name != "proto"
    }
    parts: list[Callable[[Any], bytes]] = []
    if "proto" in chosen:
        parts.append(_proto(program, config))
    if "host" in values:
        parts.append(_host(values["host"]))
    for name in ("by", "for"):
        if name in values:
            parts.append(_node(name.encode(), values[name], values.get(f"{name}_port")))

    def add(stream: Any) -> None:
        first = inner or stream.frontend.forwarded
        if first is not None:
            first(stream)
        value = b";".join([text for part in parts if (text := part(stream))])
        if value:
            stream.request.fields.append(field(b"forwarded", value))

    return add


def _natural(configuration: Configuration, config: ProxyConfig, name: str) -> Expression:
    site = Site(configuration, config, "option forwarded", Point.BE_REQUEST, NOWHERE, "option forwarded")
    return expression.parse_text(NATURAL[name], 0, site, NOWHERE)[0]


def _typed(parsed: Expression, program: Any) -> Fetch:
    """closure(ctx) -> Typed | MISS. What has not come by now does not count."""
    read, kind = parsed.compile(program), parsed.type

    def take(ctx: Any) -> Any:
        value = read(ctx)
        if value is MISS or value is WAIT:
            return MISS
        return value if kind == "any" else Typed(kind, value)

    return take


def _proto(program: Any, config: ProxyConfig) -> Callable[[Any], bytes]:
    site = Site(program.config, config, "option forwarded", Point.BE_REQUEST, NOWHERE, "option forwarded")
    encrypted = expression.parse_text("ssl_fc", 0, site, NOWHERE)[0].compile(program)
    return lambda stream: b"proto=https" if encrypted(stream) is True else b"proto=http"


def _host(read: Fetch) -> Callable[[Any], bytes]:
    def write(stream: Any) -> bytes:
        found = read(stream)
        if found is MISS or not isinstance(found.value, bytes) or _legal_host(found.value) is None:
            return b""
        return b'host="%b"' % found.value

    return write


def _node(name: bytes, read: Fetch, read_port: Fetch | None) -> Callable[[Any], bytes]:
    def write(stream: Any) -> bytes:
        node = _node_name(read(stream))
        port = _node_port(read_port(stream)) if read_port is not None else b""
        if port:
            return b'%b="%b:%b"' % (name, node, port)
        return b'%b="%b"' % (name, node) if node[:1] == b"[" else b"%b=%b" % (name, node)

    return write


def _node_name(found: Any) -> bytes:
    """RFC 7239 6: an address, an identifier, or unknown."""
    if found is MISS:
        return b"unknown"
    value = found.value
    if found.type in ("ipv4", "ipv6", "addr"):
        if len(value) == 4:
            return socket.inet_ntop(socket.AF_INET, value).encode()
        return b"[%b]" % socket.inet_ntop(socket.AF_INET6, value).encode()
    return _identifier(value) or b"unknown"


def _node_port(found: Any) -> bytes:
    """RFC 7239 6.3: a number, an identifier, or nothing."""
    if found is MISS:
        return b""
    if found.type == "int":
        return b"%d" % found.value if 0 <= found.value <= 65535 else b""
    return _identifier(found.value)


def _identifier(value: Any) -> bytes:
    if not isinstance(value, bytes) or _label(value) is None:
        return b""
    return value if value[:1] == b"_" else b"_" + value
