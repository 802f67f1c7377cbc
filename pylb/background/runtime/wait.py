"""`wait`: a pause between commands, which ends early when something has become removable (management manual 9.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pylb.background.runtime import dynamic_backends
from pylb.background.runtime.call import Call, CommandError
from pylb.background.runtime.dynamic_servers import existing
from pylb.clock import clock
from pylb.config.units import parse_time
from pylb.registry import command
from pylb.server import dynamic

LOOK_AGAIN: Final = 0.02
USAGE: Final = """Usage: wait {-h|<delay>} [<condition> [<args>...]]
  Waits for <delay> (milliseconds, or a number with its unit), or until <condition> holds:
    - be-removable <backend>       : the backend can be deleted
    - srv-removable <backend>/<server> : the server can be deleted
"""


def _server_removable(call: Call) -> bool:
    server = existing(call, 2)
    reason = dynamic.obstacle(server)
    if reason:
        raise CommandError(reason, "")
    return not dynamic.busy(server)


def _backend_removable(call: Call) -> bool:
    backend = call.backend(call.arg(2), "No such backend.", "")
    reason = dynamic_backends.obstacle(backend)
    if reason:
        raise CommandError(reason, "")
    return not dynamic_backends.busy(backend)


_CONDITIONS: Final[dict[str, Callable[[Call], bool]]] = {
    "srv-removable": _server_removable,
    "be-removable": _backend_removable,
}


@command("wait", usage="{-h|<delay>} [condition] [args...]")
async def wait(call: Call) -> None:
    """Waits for a delay, or until a condition holds: `srv-removable <b>/<s>` or `be-removable <b>`.

    Answers `Done.`, or that the delay is over; a condition that cannot hold as things are ends the wait, with its
    reason.
    """
    if "-h" in call.args[:2] or not call.args:
        call.write(USAGE)
        return
    try:
        delay = parse_time(call.arg(0)) / 1000
    except ValueError:
        raise CommandError("Invalid wait delay.") from None
    name = call.arg(1)
    if not name:
        await asyncio.sleep(delay)
        call.say("Done.")
        return
    condition = _CONDITIONS.get(name)
    if condition is None:
        raise CommandError(f"Unknown condition '{name}'.\n{USAGE}", "")
    end = clock.refresh() + delay
    while not condition(call):
        left = end - clock.refresh()
        if left <= 0:
            raise CommandError("Wait delay expired.")
        await asyncio.sleep(min(left, LOOK_AGAIN))
    call.say("Done.")
