"""mailers: mail servers for alerts (manual, chapter 3.6). HAProxy 3.3 reads the section and sends nothing by itself.

All words are harmless without effect: what would be mailed is in the logs as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config.addresses import parse_address
from pylb.config.defaults import odd_character
from pylb.config.section_shapes import declare_section, family, resolvable, take_timer
from pylb.registry import Status, keyword

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line

declare_section(
    "mailers",
    "Mail servers to which alerts about servers would go.",
    missing="missing name for mailers section.",
    duplicate="mailers section '{name}' has the same name as another mailers section declared at {where}.",
    words=None,
)
family(
    "timeout",
    "mailers",
    "'timeout' expects 'mail' and <time> as arguments.",
    "'timeout' expects 'mail' and <time> as arguments got '{word}'.",
)


@keyword("mailer", places="mailers", usage="<name> <ip>:<port>", status=Status.HARMLESS)
def mailer(line: Line) -> None:
    """A mail server: its name and address. Errors: no port, a name that does not resolve, a path or a datagram."""
    words = line.args()
    usage = "'mailer' expects <name> and <addr>[:<port>] as arguments."
    name = words.next(usage)
    stray = odd_character(name)
    if stray is not None:
        words.fail(f"character '{stray}' is not permitted in server name '{name}'.")
    text = words.next(usage)
    try:
        address = parse_address(text, descriptors=False)
        resolvable(address)
    except ValueError as error:
        words.fail(f"'mailer {name}' : {error}")
    if address.family not in ("ip", "ipv4", "ipv6"):
        words.fail(f"'mailer {name}' : TCP not supported for this address family.")
    line.record.append("mailer", (name, address), line.span)


@keyword("timeout mail", places="mailers", usage="<time>", status=Status.HARMLESS)
def timeout_mail(line: Line) -> None:
    """Longest time for a mail and its connection; 10 seconds unless given."""
    line.set(take_timer(line.args(), "timeout mail"))


def check(config: Configuration) -> None:
    """A section is kept when it has a mail server and a proxy uses it."""
    mailers = config.sections.get("mailers", {})
    used = {proxy.get("email-alert mailers") for proxy in config.proxies}
    for record in mailers.values():
        if not record.get("mailer") or record.name not in used:
            config.report.warning(f"Removing incomplete section 'mailers {record.name}'.")
