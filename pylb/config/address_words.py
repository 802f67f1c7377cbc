"""Kinds of addresses that bind and server lines may name while nothing is done with them yet (manual 4.2).

Each counts as a word of its own, with the name of its prefix: `-c` accepts it, a start with it is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.config.addresses import parsed_only
from pylb.config.shapes import EXPERIMENTAL
from pylb.registry import Kind, Status, declare

if TYPE_CHECKING:
    from pylb.config.model import Address
    from pylb.config.words import Words
    from pylb.registry import Word


def _no_option(words: Words, line: Any) -> None:
    words.fail(f"'{words.line.words[words.index - 1]}' is an address, not an option.")


def _declared(kind: Kind, name: str, note: str, doc: str, experimental: bool) -> Word:
    return declare(kind, name, _no_option, status=Status.UNSAFE, note=note, doc=doc, experimental=experimental)


_BIND: Final = {
    "quic4@": _declared(
        Kind.BIND,
        "quic4@",
        "nobody listens",
        "Addresses `quic4@...`, `quic6@...` and `quic+fd@...`: datagrams that carry QUIC, with TLS, for HTTP/3.",
        False,
    ),
    "rhttp@": _declared(
        Kind.BIND,
        "rhttp@",
        "nobody connects",
        "Addresses `rhttp@<backend>/<server>`: connections that are opened to that server, and on which it sends "
        "requests. Experimental in HAProxy.",
        True,
    ),
    "sockpair@": _declared(
        Kind.BIND,
        "sockpair@",
        "nobody takes connections from there",
        "Addresses `sockpair@<number>`: an inherited pair of sockets through which connections are handed over.",
        False,
    ),
}
_SERVER: Final = {
    "quic4@": _declared(
        Kind.SERVER,
        "quic4@",
        "QUIC is not spoken",
        "Addresses `quic4@...` and `quic6@...` of servers, which are reached by QUIC with TLS. Experimental in "
        "HAProxy.",
        True,
    ),
    "rhttp@": _declared(
        Kind.SERVER,
        "rhttp@",
        "it never has a connection",
        "The address `rhttp@` of a server that connects to us: `attach-srv` gives it connections. Experimental in "
        "HAProxy.",
        True,
    ),
    "sockpair@": _declared(
        Kind.SERVER,
        "sockpair@",
        "connections are not handed over",
        "Addresses `sockpair@<number>`: an inherited pair of sockets through which connections are handed over.",
        False,
    ),
}


def note(words: Words, kind: Kind, address: Address) -> None:
    """Counts the use of such an address, and demands what it demands; nothing for all other addresses."""
    name = parsed_only(address)
    if not name:
        return
    word = (_BIND if kind is Kind.BIND else _SERVER)[name]
    if word.facts["experimental"] and not words.line.config.globals.get(EXPERIMENTAL):
        words.fail(f"address '{address.text}' is experimental, must be allowed via a global '{EXPERIMENTAL}'")
    words.use(word)
