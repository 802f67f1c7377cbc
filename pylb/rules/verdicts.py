"""What a ruleset says to the stream. One small object per outcome, made at compile time where it carries nothing.

`run(rules, ctx, at)` returns None when no rule decided, else a Verdict. `kind` is what the stream switches on.
"""

from __future__ import annotations

import enum
from typing import Any


class Outcome(enum.Enum):
    STOP = "stop"  # accept / allow: no further rule of this ruleset
    DENY = "deny"  # answer `reply` (default 403, 502 for responses), end
    TARPIT = "tarpit"  # wait `timeout tarpit`, then answer `reply` (default 500)
    REPLY = "reply"  # return / redirect / auth: answer `reply`, not an error
    CLOSE = "close"  # tcp reject: close without an answer
    HANG_UP = "hang up"  # tcp-response close: the server's connection ends, what it has said goes to the client
    DROP = "drop"  # silent-drop
    SERVICE = "service"  # use-service: `service` answers
    UPGRADE = "upgrade"  # switch-mode http
    ERROR = "error"  # an action failed in a way that ends the stream (500, "internal error")
    WAIT = "wait"  # resume at rule `at` when `wait` is over (None: more data, or the deadline)


class Verdict:
    """An outcome. Constant ones are shared; only WAIT and per-request replies are made at run time.

    `reply` is a rules.replies.Reply; `wait` an object of stream/waits.py; `at` the rule index to resume at, for
    DROP how many hops a reset may go (0: none is sent);
    `rule` the RuleLine that spoke (for logs of `show trace`, explain and counters), may be None.
    """

    __slots__ = ("at", "kind", "reply", "rule", "service", "wait")

    def __init__(
        self,
        kind: Outcome,
        reply: Any = None,
        *,
        at: int = 0,
        wait: Any = None,
        service: Any = None,
        rule: Any = None,
    ) -> None:
        self.kind = kind
        self.reply = reply
        self.at = at
        self.wait = wait
        self.service = service
        self.rule = rule


STOP = Verdict(Outcome.STOP)
CLOSE = Verdict(Outcome.CLOSE)
DROP = Verdict(Outcome.DROP)
ERROR = Verdict(Outcome.ERROR)
