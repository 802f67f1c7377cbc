"""Protocols that bind and server lines may force on their connections (manual 5.1 and 5.2 `proto`).

Those that are not spoken yet count as words of their own: `-c` accepts them, a start with one is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.config.shapes import EXPERIMENTAL
from pylb.registry import Kind, Status, declare

if TYPE_CHECKING:
    from pylb.config.words import Words

SPOKEN: Final = ("h1", "none")
PROTOCOLS: Final = (*SPOKEN, "h2", "fcgi", "spop", "quic", "qmux")
_EXPERIMENTAL: Final = ("qmux",)


def _no_option(words: Words, line: Any) -> None:
    words.fail(f"'{words.line.words[words.index - 1]}' is two words.")


_WORDS: Final = {
    (kind, name): declare(
        kind,
        f"proto {name}",
        _no_option,
        status=Status.UNSAFE,
        note=f"{name} is not spoken yet",
        doc=f"The protocol {name} on these connections, whatever was negotiated."
        + (" Experimental in HAProxy." if name in _EXPERIMENTAL else ""),
    )
    for kind, names in (
        (Kind.BIND, ("h2", "quic", "qmux")),
        (Kind.SERVER, ("h2", "fcgi", "spop", "quic", "qmux")),
    )
    for name in names
}


def known(words: Words, name: str, stop: str = "") -> str:
    """Takes a protocol's name behind the option `name`; `stop` ends the messages."""
    protocol = words.next(f"'{name}' : missing value{stop}")
    if protocol not in PROTOCOLS:
        words.fail(f"'{name}' :  unknown MUX protocol '{protocol}'{stop}")
    if protocol in _EXPERIMENTAL and not words.line.config.globals.get(EXPERIMENTAL):
        words.fail(f"'{name}' : '{protocol}' is experimental, must be allowed via a global '{EXPERIMENTAL}'{stop}")
    return protocol


def forced(words: Words, kind: Kind, stop: str = "") -> str:
    """Takes the protocol of a line's connections, and counts its use where it is not spoken."""
    protocol = known(words, "proto", stop)
    word = _WORDS.get((kind, protocol))
    if word is not None:
        words.use(word)
    return protocol
