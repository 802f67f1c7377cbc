"""Bind and server options on lines of other sections: peers, ring, log-forward, resolvers.

The words themselves are declared by the rooms listener and server; here they are only looked up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb import registry
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Kind

if TYPE_CHECKING:
    from pylb.config.model import BindLine, ServerLine
    from pylb.config.words import Words

HINT: Final = " Hint: no address was expected for this server."


def bind_options(words: Words, bind: BindLine, who: str) -> None:
    """Takes the rest of the line as bind options; `who` starts the messages."""
    while not words.end:
        name = words.next()
        word = registry.find(Kind.BIND, name)
        if word is None:
            near = did_you_mean(name, registry.names(Kind.BIND))
            words.fail(f"{who}: unknown keyword '{name}'{near or '.'}")
        words.use(word)
        try:
            word.factory(words, bind)
        except ConfigError as error:
            raise ConfigError(f"{who} : {error.message}", error.span, error.hint) from None


def server_options(words: Words, server: ServerLine, label: str, *, addressed: bool = True) -> None:
    """Takes the rest of the line as server options; `addressed` says whether the line had an address before them."""
    known = registry.names(Kind.SERVER)
    while not words.end:
        name = words.next()
        word = registry.find(Kind.SERVER, name)
        if word is None:
            guess = did_you_mean(name, known) or "."
            words.fail(f"{label}unknown keyword '{name}'{guess}{'' if addressed else HINT}")
        words.use(word)
        try:
            word.factory(words, server)
        except ConfigError as error:
            raise ConfigError(f"{label}{error.message}", error.span, error.hint) from None
