"""What follows a failed connection: another try on the same server, one on another server, or giving up.

Pure decisions (manual 4.2 `retries`, `option redispatch`, `retry-on`); carrying them out is the stream's matter. With
`option redispatch` a backend of several servers does not insist on the failed one at all, unless persistence or a hash
bound the client to it. The same server is left alone for a second after a refused connection, not after
a timeout (the time has passed already) and not after the loss of a reused connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from pylb.server.server import Server

CONNECT: Final = "conn-failure"
EMPTY: Final = "empty-response"
JUNK: Final = "junk-response"
LATE: Final = "response-timeout"
_ALL: Final = frozenset((CONNECT, EMPTY, JUNK, LATE, "0rtt-rejected", "500", "502", "503", "504"))

TURN_AROUND: Final = 1.0  # seconds, at most `timeout connect`


class Step(NamedTuple):
    """`again` False: give up. `redispatch`: ask for a server anew, avoid the failed one. `pause`: seconds to wait."""

    again: bool
    redispatch: bool = False
    pause: float = 0.0


GIVE_UP: Final = Step(False)


def causes(words: frozenset[str] | None) -> tuple[frozenset[str], frozenset[int]]:
    """What `retry-on` names: causes, and statuses of responses. None: the word was not given."""
    if words is None:
        return frozenset((CONNECT,)), frozenset()
    if "all-retryable-errors" in words:
        words |= _ALL
    statuses = frozenset(int(word) for word in words if word.isdigit())
    return frozenset(word for word in words if word in _ALL and not word.isdigit()), statuses


def next_step(stream: Any, *, timed_out: bool = False) -> Step:
    """What to do after a failed connection; `stream.retries` counts the tries that failed before this one."""
    backend = stream.backend
    attempt = stream.retries + 1
    if attempt > stream.setting("retries", backend) or CONNECT not in backend.retry_on:
        return GIVE_UP
    redispatch = redispatches(stream, attempt)
    algorithm = backend.algorithm
    alone = algorithm is None or algorithm.active <= 1
    if timed_out or (redispatch and not alone):
        return Step(True, redispatch)
    return Step(True, redispatch, min(TURN_AROUND, stream.setting("timeout_connect", backend) or TURN_AROUND))


def replay(stream: Any) -> Step:
    """What to do when a request has had no good response (the caller knows that the cause is one of `retry-on`). A
    server that could be reached is not left alone first."""
    attempt = stream.retries + 1
    if attempt > stream.setting("retries", stream.backend):
        return GIVE_UP
    return Step(True, redispatches(stream, attempt))


def redispatches(stream: Any, attempt: int) -> bool:
    """Whether retry number `attempt` (the first is 1) may go to another server."""
    backend = stream.backend
    every = backend.redispatch
    persistence = backend.persistence
    if not every or (persistence is not None and persistence.forced(stream)):
        return False
    algorithm = backend.algorithm
    if algorithm is not None and algorithm.any_server and algorithm.active > 1 and not stream.persistent:
        return True
    if every > 0:
        return bool(attempt % every == 0)
    period = stream.setting("retries", backend) + 1 + every
    return bool(period > 0 and attempt % period == 0)


def count(stream: Any, previous: Server | Any) -> None:
    """Counts a retry, or a redispatch when the server is another one now (call once the server is known)."""
    counters = stream.backend.counters
    if stream.server is previous:
        counters.retries += 1
        previous.counters.retries += 1
    else:
        move(stream, previous)
    stream.retries += 1


def move(stream: Any, previous: Server | Any) -> None:
    """Counts a redispatch: whatever bound the stream to `previous` does not hold any more."""
    stream.redispatched = True
    stream.persistent = False
    if stream.cookie_request == b"V":
        stream.cookie_request = b"D"
    stream.backend.counters.redispatches += 1
    previous.counters.redispatches += 1
