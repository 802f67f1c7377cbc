"""Words of QUIC listeners: understood and checked, and refused at start, because nobody listens on them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pylb.config.quic_words import take_algorithm
from pylb.registry import Status, bind_option

if TYPE_CHECKING:
    from pylb.config.model import BindLine
    from pylb.config.words import Words


@bind_option("quic-cc-algo", usage="{ cubic | newreno | bbr | nocc }[(<window>)]", status=Status.UNSAFE)
def quic_cc_algo(words: Words, bind: BindLine) -> None:
    """Congestion control of QUIC connections, with the largest window in parentheses. Kept for when these exist."""
    missing = "'quic-cc-algo' : missing control congestion algorithm"
    bind.values["quic-cc-algo"] = take_algorithm(words, missing)


@bind_option("quic-force-retry", status=Status.UNSAFE)
def quic_force_retry(words: Words, bind: BindLine) -> None:
    """QUIC clients must prove their address first. Kept for when they exist."""
    bind.values["quic-force-retry"] = True


@bind_option("quic-socket", usage="{ connection | listener }", status=Status.UNSAFE)
def quic_socket(words: Words, bind: BindLine) -> None:
    """Whether QUIC connections get sockets of their own. Kept for when they exist."""
    mode = words.next("'quic-socket' : missing value")
    if mode not in ("connection", "listener"):
        words.fail(f"'quic-socket' : unknown value '{mode}', expects 'connection' or 'listener'")
    bind.values["quic-socket"] = mode
