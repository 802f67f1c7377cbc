"""The steps of health checks apart from `expect`: connect, send, comment, and the switches of http-check."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from pylb.config.addresses import check_numeric, numeric_family, parse_address
from pylb.config.model import Address
from pylb.config.words import Words
from pylb.errors import ConfigError
from pylb.rules.check_rules import HTTP, TCP, CheckStep, Parser, defer_format, take_expression, take_format, take_text
from pylb.sample import logformat
from pylb.sample.site import Site

MUXES: Final = {"h1": "http-check", "h2": "http-check", "fcgi": "http-check", "none": "tcp-check"}
"""Protocols of connections (manual "proto"), and the checks that may use them."""


def _switch(words: Words, site: Site, step: CheckStep) -> None:
    pass


def _comment(words: Words, site: Site, step: CheckStep) -> None:
    if not words.peek():
        words.fail("expects a string as argument.")
    step.values["text"] = words.next()
    words.rest()  # HAProxy does not look at what follows


def take_comment(words: Words, site: Site, step: CheckStep) -> None:
    step.values["comment"] = take_text(words, "comment")


# -- connect ----------------------------------------------------------------------------------------------------------


def _port(words: Words, site: Site, step: CheckStep) -> None:
    text = words.peek()
    if not text:
        words.fail("'port' expects a port number or a sample expression as argument..")
    if not (text.isascii() and text.isdigit()):
        step.values["port"] = take_expression(words, site, "port")
        return
    words.next()
    if not 1 <= int(text[:9]) <= 65535:
        words.fail(f"expects a valid TCP port (from range 1 to 65535) or a sample expression, got {text}..")
    step.values["port"] = int(text)


def _addr(words: Words, site: Site, step: CheckStep) -> None:
    text = take_text(words, "addr", what="<ipv4|ipv6>")
    try:
        address = parse_address(text, port="optional", descriptors=False)
        check_numeric(address)
        step.values["addr"] = resolved(address)
    except ValueError as error:
        words.fail(f"'addr' : {error}{'..' if str(error).startswith('port ') else ''}")


def resolved(address: Address) -> Address:
    """Host names are looked up once, while parsing: a check may not wait for a resolver."""
    if address.family not in ("ip", "ipv4", "ipv6") or not address.host or numeric_family(address.host):
        return address
    try:
        socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ValueError(f"invalid address: '{address.host}' in '{address.text}'") from None
    return address


def _sni(words: Words, site: Site, step: CheckStep) -> None:
    step.values["sni"] = take_text(words, "sni")


def _alpn(words: Words, site: Site, step: CheckStep) -> None:
    text = words.next("'alpn' : missing the comma-delimited ALPN protocol suite.")
    names = [name.encode("utf-8", "surrogateescape") for name in text.split(",")]
    if any(len(name) > 255 for name in names):
        words.fail(f"'alpn' : ALPN protocol name too long in '{text}'.")
    step.values["alpn"] = names


def _proto(words: Words, site: Site, step: CheckStep) -> None:
    name = take_text(words, "proto", what="a MUX protocol")
    owner = MUXES.get(name)
    if owner is None:
        words.fail(f"'proto' : unknown MUX protocol '{name}'..")
    if owner != site.place:
        words.fail(f"'proto' : invalid MUX protocol '{name}' for {site.place}.")
    step.values["proto"] = name


def _flag(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        step.values[name] = True

    return take


_CONNECT: Final[dict[str, Parser]] = {
    "default": _flag("default"),
    "port": _port,
    "addr": _addr,
    "send-proxy": _flag("send-proxy"),
    "via-socks4": _flag("via-socks4"),
    "linger": _flag("linger"),
    "ssl": _flag("ssl"),
    "sni": _sni,
    "alpn": _alpn,
    "proto": _proto,
    "comment": take_comment,
}
_CONNECT_WORDS: Final = (
    "expects 'comment', 'port', 'addr', 'send-proxy', 'ssl', 'sni', 'alpn' or 'via-socks4', 'linger', 'default' "
    "but got '{}' as argument.."
)


def _walk(words: Words, site: Site, step: CheckStep, table: dict[str, Parser], expected: str) -> None:
    """Takes words of a table up to the end of the line."""
    while not words.end:
        take = table.get(words.peek() or "")
        if take is None:
            words.fail(expected.format(words.peek()), last=False)
        words.next()
        take(words, site, step)


def _connect(words: Words, site: Site, step: CheckStep) -> None:
    _walk(words, site, step, _CONNECT, _CONNECT_WORDS)


# -- send -------------------------------------------------------------------------------------------------------------


def _text(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        step.values[name] = take_text(words, name)

    return take


def _format(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        defer_format(words, site, step, name)

    return take


def _header(words: Words, site: Site, step: CheckStep) -> None:
    if not words.peek() or not words.peek(1):
        words.rest()
        words.fail("'hdr' expects <name> and <value> as arguments.")
    name = words.next()
    headers: list[object] = step.values.setdefault("hdr", [])

    def read(cursor: Words) -> list[object]:
        text = cursor.next()
        try:
            headers.append((name, logformat.parse(text, site, span=cursor.last_span)))
        except ConfigError as error:
            raise ConfigError(f"{error.message.rstrip('.')}.", error.span, error.hint) from None
        return headers

    step.defer("hdr", read, words)


_SEND: Final[dict[str, Parser]] = {
    "comment": take_comment,
    "meth": _text("meth"),
    "uri": _text("uri"),
    "uri-lf": _format("uri-lf"),
    "ver": _text("ver"),
    "hdr": _header,
    "body": _text("body"),
    "body-lf": _format("body-lf"),
}
_SEND_WORDS: Final = (
    "expects 'comment', 'meth', 'uri', 'uri-lf', 'ver', 'hdr', 'body' or 'body-lf' but got '{}' as argument.."
)


def _http_send(words: Words, site: Site, step: CheckStep) -> None:
    _walk(words, site, step, _SEND, _SEND_WORDS)


def hexadecimal(text: str) -> bytes:
    """Bytes from their hexadecimal digits. ValueError carries HAProxy's reason."""
    if len(text) % 2:
        raise ValueError("an even number of hex digit is expected")
    for char in text:
        if char not in "0123456789abcdefABCDEF":
            raise ValueError(f"an hex digit is expected (found '{char}')")
    return bytes.fromhex(text)


def _tcp_send(name: str, what: str, read: Callable[[Words, Site], object]) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        step.kind = "send"
        if not words.peek():
            words.fail(f"'{what}' expects a {name} as argument.")
        step.defer(name, lambda cursor: read(cursor, site), words)
        _walk(words, site, step, {"comment": take_comment}, "expects 'comment' but got '{}' as argument..")

    return take


def _binary(words: Words, site: Site) -> bytes:
    text = words.next()
    try:
        return hexadecimal(text)
    except ValueError as error:
        words.fail(f"'{text}' invalid binary string ({error}).")


def _declare() -> None:
    for table in (HTTP, TCP):
        table["comment"] = _comment
        table["connect"] = _connect
    HTTP["disable-on-404"] = HTTP["send-state"] = _switch
    HTTP["send"] = _http_send
    TCP["send"] = _tcp_send("send", "string", lambda words, site: words.next())
    TCP["send-lf"] = _tcp_send("send-lf", "string", lambda words, site: take_format(words, site))
    TCP["send-binary"] = _tcp_send("send-binary", "binary string", _binary)
    TCP["send-binary-lf"] = _tcp_send("send-binary-lf", "string", lambda words, site: take_format(words, site))


_declare()
