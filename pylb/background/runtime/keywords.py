"""`stats socket`, `stats timeout` and `stats maxconn` of the global section.

A runtime socket is a Listener like those of `bind` (same options, opened by the same code), of a frontend called
GLOBAL.
"""

from __future__ import annotations

from typing import Any

from pylb.config.model import BindLine
from pylb.config.units import BadCharacter, parse_integer, parse_time, time_error
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, did_you_mean
from pylb.listener.bind import Listener, parse_addresses, parse_options, resolve
from pylb.records.proxy import Frontend
from pylb.registry import keyword


@keyword("stats socket", places="global", usage="[<address:port>|<path>] [param*]")
def stats_socket(line: Line) -> None:
    """Answers runtime commands on a unix socket or a TCP address, with the options of `bind`.

    `level user|operator|admin` bounds what its clients may do (operator by default), `mode`, `user` and `group` who may
    connect. Manual, section 3.1; the commands are in the management manual, section 9.3.
    """
    words = line.args()
    text = words.next("'stats socket' in global section expects an address or a path to a UNIX socket")
    parsed = BindLine(parse_addresses(text, "'stats socket'", words), line.span, {"text": text})
    _options(words, parsed)
    line.record.append("stats socket", parsed, line.span)


def _options(words: Words, parsed: BindLine) -> None:
    """The options of `bind`, with mistakes told as HAProxy tells them here: what an option says stands in quotes."""
    try:
        parse_options(words, parsed, "'stats socket'")
    except ConfigError as error:
        said = error.message.removeprefix("'stats socket'")
        if said.startswith(": "):  # an unknown word
            said = f" {said}".replace("; did you", ". Did you")
        else:
            said = f" : '{said.removeprefix(' : ')}'"
        raise ConfigError(f"'stats socket'{said}", error.span, error.hint) from None


@keyword("stats timeout", places="global", usage="<time>")
def stats_timeout(line: Line) -> None:
    """How long a runtime connection may be idle, 10 seconds by default. Milliseconds, or a number with its unit."""
    words = line.args()
    try:
        value = parse_time(words.peek() or "")
    except BadCharacter as error:
        raise ConfigError(f"'stats timeout' : unexpected character '{error.character}'", line.span) from None
    except ValueError as error:
        raise ConfigError(time_error(error, words.peek() or "", "stats timeout"), line.span) from None
    if value == 0:
        raise ConfigError("'stats timeout' expects a positive value", line.span)
    line.set(value)


@keyword("stats maxconn", places="global", usage="<number>")
def stats_maxconn(line: Line) -> None:
    """How many runtime connections there may be at a time, 10 by default."""
    value = parse_integer(line.args().peek() or "")
    if value <= 0:
        raise ConfigError("'stats maxconn' expects a positive value", line.span)
    line.set(value)


@keyword("stats", places="global", usage="{ socket | timeout | maxconn | bind-process } ...")
def stats(line: Line) -> None:
    """The runtime socket: the words above."""
    got = line.words[1] if len(line.words) > 1 else ""
    raise ConfigError(
        f"'stats' only supports 'socket', 'maxconn', 'bind-process' and 'timeout' (got '{got}')",
        line.spans[min(1, len(line.spans) - 1)],
        did_you_mean(got, ("socket", "maxconn", "timeout")).removeprefix("; "),
    )


def listeners(program: Any) -> list[Listener]:
    """The Listeners of all runtime sockets, to be opened together with the others."""
    config = program.config
    owner = Frontend("GLOBAL", 1, None)
    found: list[Listener] = []
    for bind in config.globals.get("stats socket") or []:
        for address in bind.addresses:
            try:
                numeric = resolve(address, config.report, bind.span)
            except ValueError as error:
                config.report.alert(f"'stats socket' : {error}", bind.span)
                continue
            found.append(Listener(owner, numeric, bind.values, bind.span, len(found) + 1))
    return found
