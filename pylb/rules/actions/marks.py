"""Marks of connections to servers: set-bc-mark and set-bc-tos (HAProxy 2.9 and later, manual 4.3).

A rule notes what the stream wants; the socket gets it before it connects (server/outgoing.py), and an idle connection
serves only streams that want the same (server/pool.py). Servers know of it where a configuration has such rules at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb.config.words import Words
from pylb.registry import action
from pylb.sample import expression
from pylb.sample.site import Site
from pylb.sample.values import Absent

Act = Callable[[Any], None]
Build = Callable[[Any], Act]
_PLACES: Final = ("tcp-request content", "http-request")


def _noting(words: Words, site: Site, name: str, mask: int) -> Build:
    """`<number>`, decimal or 0x hexadecimal, or an expression; what that does not yield leaves things as they are."""
    text = words.next("expects exactly 1 argument (integer/hex value or expression)")
    site.config.marks = True
    try:
        fixed = int(text, 0) & mask
    except ValueError:
        words.index -= 1
        parsed = expression.parse(words, site)
        parsed.final_cast("int")
        return lambda program: _reading(parsed.compile_as("int", program), name, mask)
    return lambda program: lambda ctx: ctx.stream.override(name, fixed)


def _reading(read: Callable[[Any], Any], name: str, mask: int) -> Act:
    def act(ctx: Any) -> None:
        value = read(ctx)
        if not isinstance(value, Absent):
            ctx.stream.override(name, value & mask)

    return act


@action("set-bc-mark", places=_PLACES, usage="{<number> | <expression>}")
def set_bc_mark(words: Words, site: Site) -> Build:
    """Sets the netfilter mark of packets to the server, 32 bits; needs CAP_NET_ADMIN. Manual 4.3."""
    return _noting(words, site, "bc_mark", 0xFFFFFFFF)


@action("set-bc-tos", places=_PLACES, usage="{<number> | <expression>}")
def set_bc_tos(words: Words, site: Site) -> Build:
    """Sets the TOS (DSCP) byte of packets to the server; the kernel keeps its two lowest bits. Manual 4.3."""
    return _noting(words, site, "bc_tos", 0xFF)
