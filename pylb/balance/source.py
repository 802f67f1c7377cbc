"""`balance source`: a client's address always leads to the same server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.balance.keyed import by_address
from pylb.records.addresses import source as source_address
from pylb.registry import algorithm

if TYPE_CHECKING:
    from pylb.balance.algorithm import Algorithm
    from pylb.config.words import Words
    from pylb.sample.site import Site


@algorithm("source")
def source(words: Words, site: Site) -> Callable[[Any], Algorithm]:
    """The client's address, hashed. Which server it gives is decided by `hash-type`. Manual 4.2, `balance`."""
    return by_address(lambda stream: source_address(stream.session))
