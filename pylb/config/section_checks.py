"""What named sections lack, judged when every line is read: each section's own check, in one place to call.

Rooms above this one append theirs to `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pylb.config import (
    section_cache,
    section_certificates,
    section_log_forward,
    section_mailers,
    section_peers,
    section_program,
    section_resolvers,
    section_ring,
)

if TYPE_CHECKING:
    from pylb.config.model import Configuration

CHECKS: Final[list[Callable[[Configuration], None]]] = [
    section_cache.check,
    section_program.check,
    section_ring.check,
    section_log_forward.check,
    section_resolvers.check,
    section_mailers.check,
    section_peers.check,
    section_certificates.check,
]


def check(config: Configuration) -> None:
    for judge in CHECKS:
        judge(config)
