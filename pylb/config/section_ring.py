"""ring: a buffer of messages, and the servers that it is emptied to (manual, chapter 12.5).

What is written here becomes a Ring of log/ring.py. HAProxy 2.6 took plain numbers of bytes where later versions take
k, m and g; both are accepted here.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pylb.config.addresses import parse_address
from pylb.config.defaults import odd_character
from pylb.config.model import ServerLine
from pylb.config.section_options import server_options
from pylb.config.section_shapes import declare_section, family, resolvable, take_timer
from pylb.config.units import parse_size
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Status, keyword

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line

DEFAULT_SIZE = 16384
FORMATS = ("iso", "local", "raw", "rfc3164", "rfc5424", "priority", "short", "timed")

declare_section(
    "ring",
    "A buffer of messages, filled by log lines and traces.",
    missing="missing ring name.",
    duplicate="sink named '{name}' already exists.",
    odd="invalid ring name '{name}' (character '{odd}' is not permitted).",
    words=None,
    status=Status.FULL,
)
family("timeout", "ring", "", "", silent=True)


def _bytes(line: Line) -> int:
    words = line.args()
    text = "" if words.end else words.next()
    try:
        value = parse_size(text)
    except ValueError:
        value = 0
    if value <= 0:
        words.fail(f"invalid size '{text}' for new sink buffer.")
    return value


@keyword("size", places="ring", usage="<size>")
def size(line: Line) -> None:
    """Size of the buffer in bytes. It can only grow: 16384 without this word, and not once a file keeps it."""
    value = _bytes(line)
    record = line.record
    if record.get("backing-file"):
        raise ConfigError(
            "cannot resize an already mapped file, please specify 'size' before 'backing-file'.", line.span
        )
    current = record.get("size", DEFAULT_SIZE)
    if value < current:
        raise ConfigError(
            f"ignoring new size '{value}' that is smaller than current size '{current}' for ring '{record.name}'.",
            line.spans[-1],
        )
    line.set(value)


@keyword("maxlen", places="ring", usage="<length>")
def maxlen(line: Line) -> None:
    """Longest message in bytes; longer ones are cut. 1024 unless given, at most the size of the buffer."""
    line.set(_bytes(line))


@keyword("format", places="ring", usage="|".join(FORMATS))
def ring_format(line: Line) -> None:
    """What precedes each message, as `format` of the `log` keyword."""
    words = line.args()
    text = "" if words.end else words.next()
    if text not in FORMATS:
        words.fail(f"unknown format '{text}'.", did_you_mean(text, FORMATS).removeprefix("; "))
    line.set(text)


@keyword("description", places="ring", usage="<text>")
def description(line: Line) -> None:
    """Free text, shown by the runtime socket."""
    line.set(line.args().next("missing ring description text."))


@keyword("backing-file", places="ring", usage="<path>")
def backing_file(line: Line) -> None:
    """A file that keeps the buffer, so that its lines outlive the process.

    It is made when the process starts (an older one becomes `<path>.bak`); what is checked here is that it could be.
    """
    words = line.args()
    path = "" if words.end else words.next()
    if line.record.get("backing-file"):
        known = line.record.get("backing-file")
        words.fail(f"'backing-file' already specified for ring '{line.record.name}' (was '{known}').")
    problem = ""
    if not os.path.isdir(os.path.dirname(path) or ".") or not path:
        problem = os.strerror(2)
    elif os.path.isdir(path):
        problem = os.strerror(21)
    elif not os.access(path if os.path.exists(path) else os.path.dirname(path) or ".", os.W_OK):
        problem = os.strerror(13)
    if problem:
        words.fail(f"cannot open backing-file '{path}' for ring '{line.record.name}': {problem}.")
    line.set(path)


@keyword("server", places="ring", usage="<name> <address> [param*]")
def server(line: Line) -> None:
    """A syslog server that receives the messages over a stream, with options of server lines.

    `log-proto octet-count` puts its length in front of each message, otherwise each ends with a line feed. While the
    server is away it is tried again and again, and the ring keeps the newest messages; while it is slow, new messages
    are dropped. Both losses are counted (`show events`, `DroppedLogs` of `show info`).
    """
    words = line.args()
    usage = "'server' expects <name> and <addr>[:<port>] as arguments."
    name = words.next(usage)
    name_span = words.last_span
    text = words.next(usage)
    stray = odd_character(name)
    if stray is not None:
        raise ConfigError(f"character '{stray}' is not permitted in server name '{name}'.", name_span)
    ring = line.record.name
    label = f"'server {ring}/{name}' : "
    try:
        address = parse_address(text, port="optional", offsets=True, zero_port=True, descriptors=False)
        resolvable(address)
    except ValueError as error:
        words.fail(f"{label}{error}")
    record = ServerLine(name, address, line.span)
    server_options(words, record, label)
    for other in line.record.get("server", ()):
        if other.name == name:
            raise ConfigError(
                f"backend '{ring}', another server named '{name}' was already defined at line {other.span.line}, "
                "please use distinct names.",
                name_span,
            )
    line.record.append("server", record, line.span)


@keyword("timeout connect", "timeout server", places="ring", usage="<time>")
def timeout(line: Line) -> None:
    """Longest time to connect to a server of the ring, and for messages to be taken by it."""
    line.set(take_timer(line.args(), line.name))


def check(config: Configuration) -> None:
    for record in config.sections.get("ring", {}).values():
        room, most = record.get("size", DEFAULT_SIZE), record.get("maxlen")
        if most is not None and most > room:
            config.report.warning(
                f"ring '{record.name}' event max length '{most}' exceeds size, forced to size '{room}'."
            )
        timed = record.get("timeout connect") and record.get("timeout server")
        if record.get("server") and not timed:
            config.report.warning(
                f"missing timeouts for backend '{record.name}'.\n"
                "   | While not properly invalid, you will certainly encounter various problems\n"
                "   | with such a configuration. To fix this, please ensure that all following\n"
                "   | timeouts are set to a non-zero value: 'client', 'connect', 'server'."
            )
