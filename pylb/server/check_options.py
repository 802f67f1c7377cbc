"""Words of a server line about health checks and agents: parsed and kept for the room that carries them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.config.addresses import parse_address
from pylb.config.section_shapes import resolvable
from pylb.registry import Kind, Status, declare
from pylb.server.option_shapes import choice, delay, flag, number, text

if TYPE_CHECKING:
    from pylb.config.model import ServerLine
    from pylb.config.words import Words

NO_CHECKS: Final = "health checks are not carried out yet: the server counts as up"

for _name, _key, _value in (
    ("check", "check", True),
    ("no-check", "check", False),
    ("agent-check", "agent-check", True),
    ("no-agent-check", "agent-check", False),
    ("check-send-proxy", "check-send-proxy", True),
    ("no-check-send-proxy", "check-send-proxy", False),
    ("check-via-socks4", "check-via-socks4", True),
    ("check-reuse-pool", "check-reuse-pool", True),
    ("no-check-reuse-pool", "check-reuse-pool", False),
):
    flag(
        _name, _key, _value, status=Status.HARMLESS, note=NO_CHECKS, doc=f"Sets `{_key}` of the server's health check."
    )
for _name in ("inter", "fastinter", "downinter", "agent-inter"):
    delay(
        _name,
        least=1,
        shown="agent-inter",
        status=Status.HARMLESS,
        note=NO_CHECKS,
        doc="Time between two health checks.",
    )
for _name in ("rise", "fall"):
    number(
        _name,
        least=1,
        missing=f"'{_name}' expects an integer argument..",
        low=f"'{_name}' has to be > 0..",
        status=Status.HARMLESS,
        note=NO_CHECKS,
        doc="Checks in a row that change the server's state.",
    )
number(
    "error-limit",
    least=1,
    missing="'error-limit' expects an integer argument..",
    low="error-limit has to be > 0..",
    status=Status.HARMLESS,
    note=NO_CHECKS,
    doc="Errors in a row, seen by `observe`, that trigger `on-error`.",
)
for _name, _missing in (
    ("port", "'port' expects a port number as argument.."),
    ("agent-port", "'agent-port' expects a port number as argument.."),
):
    number(_name, missing=_missing, status=Status.HARMLESS, note=NO_CHECKS, doc="Port that checks connect to.")


def _check_address(name: str, missing: str) -> None:
    def take(words: Words, server: ServerLine) -> None:
        text = words.next(missing)
        try:
            address = parse_address(text, port="none" if name == "agent-addr" else "optional", descriptors=False)
            if name == "agent-addr" and address.family not in ("ip", "ipv4", "ipv6"):
                raise ValueError(text)
            resolvable(address)
        except ValueError as error:
            words.fail(
                f"'addr' : {error}"
                if name == "addr"
                else f"parsing agent-addr failed. Check if '{text}' is correct address.."
            )
        server.values[name] = address

    declare(
        Kind.SERVER,
        name,
        take,
        usage="<addr>",
        status=Status.HARMLESS,
        note=NO_CHECKS,
        doc="Address that checks connect to.",
    )


_check_address("addr", "'addr' expects <ipv4|ipv6> as argument..")
_check_address("agent-addr", "'agent-addr' expects an address as argument..")
text(
    "agent-send",
    "'agent-send' expects a string as argument..",
    status=Status.HARMLESS,
    note=NO_CHECKS,
    doc="Bytes sent to the agent first.",
)
choice(
    "observe",
    ("none", "layer4", "layer7"),
    "'observe' expects one of 'none', 'layer4', 'layer7' but got '{}'.",
    missing="'observe' expects <mode> as argument..",
    status=Status.HARMLESS,
    note=NO_CHECKS,
    doc="Judges the server by live traffic too.",
)
choice(
    "on-error",
    ("fastinter", "fail-check", "sudden-death", "mark-down"),
    "'on-error' expects one of 'fastinter', 'fail-check', 'sudden-death' or 'mark-down' but got '{}'.",
    status=Status.HARMLESS,
    note=NO_CHECKS,
    doc="What too many errors in a row do.",
)
choice(
    "on-marked-down",
    ("shutdown-sessions",),
    "'on-marked-down' expects 'shutdown-sessions' but got '{}'.",
    doc="Ends the streams of a server that goes down or into maintenance; their termination state begins with `D`.",
    status=Status.FULL,
    note="",
)
choice(
    "on-marked-up",
    ("shutdown-backup-sessions",),
    "'on-marked-up' expects 'shutdown-backup-sessions' but got '{}'.",
    doc="Ends the streams of backup servers when this one, which is none, comes up; their state begins with `U`.",
    status=Status.FULL,
    note="",
)
