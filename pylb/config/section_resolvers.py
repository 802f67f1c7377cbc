"""resolvers: name servers and how long their answers are believed (manual, chapter 5.3.2).

Names are resolved once, by the system, at start; the words here are checked and kept for the resolver to come.
All are harmless without effect: the section only says how names are asked for. What does not follow a name that moves
is the server, and what says so is its option `resolvers`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config.addresses import parse_address
from pylb.config.defaults import odd_character
from pylb.config.model import ServerLine
from pylb.config.section_options import server_options
from pylb.config.section_shapes import declare_section, family, resolvable, take_timer
from pylb.config.units import parse_integer
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Status, keyword

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line

EVENTS = ("nx", "refused", "timeout", "valid", "obsolete", "other")

declare_section(
    "resolvers",
    "Name servers that names of servers are asked of.",
    missing="missing name for resolvers section.",
    duplicate="resolvers '{name}' has same name as another resolvers (declared at {where}).",
    words=None,
)
family(
    "timeout",
    "resolvers",
    "'timeout' expects 'retry' or 'resolve' and <time> as arguments.",
    "'timeout' expects 'retry' or 'resolve' and <time> as arguments got '{word}'.",
)


@keyword("nameserver", places="resolvers", usage="<name> <address>[:port] [param*]", status=Status.HARMLESS)
def nameserver(line: Line) -> None:
    """A name server. `tcp@` makes it a server of its own, with options of server lines; UDP is the usual way.

    Errors: no port, a name that is taken or does not resolve, a file descriptor.
    """
    words = line.args()
    usage = "'nameserver' expects <name> and <addr>[:<port>] as arguments."
    name = words.next(usage)
    name_span = words.last_span
    text = words.next(usage)
    stray = odd_character(name)
    if stray is not None:
        raise ConfigError(f"character '{stray}' is not permitted in server name '{name}'.", name_span)
    for known, _, span in line.record.get("nameserver", ()):
        if known == name:
            where = f"{span.file}:{span.line}"
            raise ConfigError(
                f"nameserver '{name}' has same name as another nameserver (declared at {where}).", name_span
            )
    try:
        address = parse_address(text, descriptors=False, datagrams=True, stream=False)
        resolvable(address)
    except ValueError as error:
        words.fail(f"'nameserver {name}' : {error}")
    if address.stream and not words.end:
        server_options(words, ServerLine(name, address, line.span), f"'server {line.record.name}/{name}' : ")
    line.record.append("nameserver", (name, address, line.span), line.span)


@keyword("parse-resolv-conf", places="resolvers", status=Status.HARMLESS)
def parse_resolv_conf(line: Line) -> None:
    """Takes the name servers of /etc/resolv.conf too."""
    line.set(True)


@keyword("hold", places="resolvers", usage="<event> <time>", status=Status.HARMLESS)
def hold(line: Line) -> None:
    """How long the last good answer is believed once a given event happens instead of a new one."""
    words = line.args()
    usage = "'hold' expects an <event> and a <time> as arguments."
    event = words.next(usage)
    event_span = words.last_span
    value = take_timer(words, "hold", missing=usage, shown=event)
    if event not in EVENTS:
        raise ConfigError(
            f"'hold' unknown <event>: '{event}', expects either 'nx', 'timeout', 'valid', 'obsolete' or 'other'.",
            event_span,
            did_you_mean(event, EVENTS).removeprefix("; "),
        )
    line.record.values.setdefault("hold", {})[event] = value


@keyword("accepted_payload_size", places="resolvers", usage="<bytes>", status=Status.HARMLESS)
def accepted_payload_size(line: Line) -> None:
    """Largest datagram of an answer, announced to the name servers (RFC 6891); 12 to 65535, 512 unless given."""
    words = line.args()
    text = words.next("'accepted_payload_size' expects <nb> as argument.")
    value = parse_integer(text)
    if not 12 <= value <= 65535:
        words.fail(f"'accepted_payload_size' must be between 12 and 65535 inclusive (was {text}).")
    line.set(value)


@keyword("resolve_retries", places="resolvers", usage="<number>", status=Status.HARMLESS)
def resolve_retries(line: Line) -> None:
    """Queries that are sent before a name counts as failed; 3 unless given."""
    line.set(parse_integer(line.args().next("'resolve_retries' expects <nb> as argument.")))


def _timeout(line: Line) -> None:
    line.set(take_timer(line.args(), line.name))


@keyword("timeout resolve", places="resolvers", usage="<time>", status=Status.HARMLESS)
def timeout_resolve(line: Line) -> None:
    """Time between two resolutions of a name; 1 second unless given."""
    _timeout(line)


@keyword("timeout retry", places="resolvers", usage="<time>", status=Status.HARMLESS)
def timeout_retry(line: Line) -> None:
    """Time to wait for an answer before the query is sent again; 1 second unless given."""
    _timeout(line)


@keyword("resolution_pool_size", places="resolvers", usage="", status=Status.HARMLESS)
def resolution_pool_size(line: Line) -> None:
    """Never in a release of HAProxy; always a mistake."""
    raise ConfigError(
        "'resolution_pool_size' directive is not supported anymore (it never appeared in a stable release).", line.span
    )


def check(config: Configuration) -> None:
    for record in config.sections.get("resolvers", {}).values():
        where = f"{record.span.file}:{record.span.line}"
        if not record.get("nameserver") and not record.get("parse-resolv-conf"):
            config.report.warning(f"resolvers '{record.name}' [{where}] has no nameservers configured!")
        for name, address, _ in record.get("nameserver", ()):
            if address.family in ("unix", "abns", "abnsz") and not address.stream:
                config.report.alert(f"resolvers '{record.name}': can't create socket for nameserver '{name}'.")
