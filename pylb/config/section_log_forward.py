"""log-forward: log messages that are received and sent on (manual, chapter 12.6).

`log` in this section is declared by the room log; background/log_forward.py makes the section run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb import registry
from pylb.config import units
from pylb.config.addresses import parse_address
from pylb.config.model import BindLine
from pylb.config.section_options import bind_options
from pylb.config.section_shapes import odd_unit, open_section, resolvable
from pylb.config.units import parse_integer
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Kind, keyword, section

if TYPE_CHECKING:
    from pylb.config.model import Address, Configuration, Record
    from pylb.config.words import Line, Words

HOST = ("replace", "fill", "keep", "append")


@section("log-forward", usage="<name>")
def open_log_forward(line: Line) -> Record:
    """Log messages that are received on its sockets and sent on to its targets."""
    record = open_section(
        line,
        missing="missing name for ip-forward section.",
        duplicate="log-forward section '{name}' has the same name as another log-forward section declared at {where}.",
    )
    for proxy in line.config.proxies:
        if proxy.name == record.name:
            kind = "proxy" if proxy.kind == "listen" else proxy.kind
            line.config.report.alert(
                f"log forward section '{record.name}' has the same name as {kind} '{proxy.name}' "
                f"declared at {proxy.span.file}:{proxy.span.line}.",
                line.span,
            )
            break
    return record


def _addresses(line: Line, words: Words, *, stream: bool) -> list[Address]:
    """The addresses of the next word. HAProxy reports a wrong one of a stream socket and goes on without it."""
    text = words.next()
    found = []
    for part in text.removesuffix(",").split(","):
        try:
            address = parse_address(part, ranges=True, stream=stream, streams=stream, datagrams=not stream)
            resolvable(address)
        except ValueError as error:
            words.fail(f"'{line.name} {text}' : {error}")
        found.append(address)
    return found


@keyword("bind", places="log-forward", usage="<address> [param*]")
def bind(line: Line) -> None:
    """A stream socket on which messages are received, with options of bind lines."""
    words = line.args()
    if words.end:
        return
    try:
        addresses = _addresses(line, words, stream=True)
    except ConfigError as error:
        return line.warning(error.message)
    record = BindLine(addresses, line.span, {"text": line.words[1]})
    line.record.append("bind", record, line.span)
    bind_options(words, record, f"'bind {line.words[1]}' in section 'log-forward'")


@keyword("dgram-bind", places="log-forward", usage="<address> [param*]")
def dgram_bind(line: Line) -> None:
    """A datagram socket on which messages are received. Options of bind lines are read; few have a meaning here."""
    words = line.args()
    if words.end:
        return
    addresses = _addresses(line, words, stream=False)
    record = BindLine(addresses, line.span, {"text": line.words[1]})
    line.record.append("dgram-bind", record, line.span)
    while not words.end:
        name = words.next()
        word = registry.find(Kind.BIND, name)
        if word is None:
            words.fail(f"unknown keyword '{name}' in 'log-forward' section.")
        word.factory(words, record)


def _number(line: Line) -> None:
    line.set(parse_integer(line.args().next(f"'{line.name}' expects an integer argument.")))


@keyword("backlog", places="log-forward", usage="<number>", arity=(0, 1))
def backlog(line: Line) -> None:
    """Connections that may wait to be accepted by its stream sockets."""
    _number(line)


@keyword("maxconn", places="log-forward", usage="<number>", arity=(0, 1))
def maxconn(line: Line) -> None:
    """Connections at a time on its stream sockets."""
    _number(line)


@keyword("timeout client", places="log-forward", usage="<time>")
def timeout_client(line: Line) -> None:
    """Longest inactivity of a sender that is connected."""
    words = line.args()
    text = words.next("missing timeout client value.")
    try:
        line.set(units.parse_time(text))
    except ValueError as error:
        words.fail(f"timeout : {units.time_error(error, text, 'timeout client')}")
    odd_unit(line, text)


def _unknown_timeout(line: Line) -> None:
    """`timeout` with another name: a mistake."""
    words = line.args()
    got = words.peek() or ""
    near = did_you_mean(got, ("client",)).removeprefix("; ")
    raise ConfigError(f"unknown keyword 'timeout {got}' in log-forward section.", words.span, near)


def _unknown_option(line: Line) -> None:
    """`option` with another name: a mistake."""
    names = ("assume-rfc6587-ntf", "dont-parse-log", "host")
    near = did_you_mean(line.args().peek() or "", names).removeprefix("; ")
    raise ConfigError("unknown keyword 'option' in log-forward section.", line.span, near)


registry.declare(Kind.KEYWORD, "timeout", _unknown_timeout, places="log-forward")
registry.declare(Kind.KEYWORD, "option", _unknown_option, places="log-forward", negatable=True)


@keyword("option assume-rfc6587-ntf", places="log-forward", negatable=True, arity=(0, 0))
def assume_ntf(line: Line) -> None:
    """Stream messages end at a line feed, even those that begin with a digit (RFC 6587, non-transparent framing)."""
    line.set(not line.negated)


@keyword("option dont-parse-log", places="log-forward", negatable=True, arity=(0, 0))
def dont_parse_log(line: Line) -> None:
    """Messages are sent on as they came. Targets must have the format raw, or none of their own."""
    line.set(not line.negated)


@keyword("option host", places="log-forward", usage="|".join(HOST), arity=(0, 1))
def option_host(line: Line) -> None:
    """What becomes of the host name in messages that leave as rfc3164 or rfc5424.

    `replace`: the sender's address takes its place; `fill`: where it is absent; `append`: behind it and a comma;
    `keep`: it stays, or stays absent (`localhost`, `-`), which also holds without this word, as in HAProxy 2.6.
    """
    words = line.args()
    choice = words.accept(*HOST)
    if choice is None:
        near = did_you_mean(words.peek() or "", HOST).removeprefix("; ")
        words.fail("option host expects {replace|fill|keep|append}.", near, last=False)
    line.set(choice)


def check(config: Configuration) -> None:
    for record in config.sections.get("log-forward", {}).values():
        if not record.get("bind") and not record.get("dgram-bind"):
            config.report.warning(
                f"frontend '{record.name}' has no 'bind' directive. "
                "Please declare it as a backend if this was intended."
            )
    names = config.sections.get("log-forward", {})
    for proxy in config.proxies:
        other = names.get(proxy.name)
        if other is None:
            continue
        if (proxy.span.file, proxy.span.line) > (other.span.file, other.span.line):
            kind = "proxy" if proxy.kind == "listen" else proxy.kind
            config.report.alert(
                f"{kind} '{proxy.name}' has the same name as log forward section '{other.name}' "
                f"declared at {other.span.file}:{other.span.line}.",
                proxy.span,
            )
