"""`option http-restrict-req-hdr-names`: what becomes of requests with unusual header names (manual 4.2).

Letters, digits and `-` are usual. Applications behind CGI-like interfaces write `-` as `_`, so that `x_real_ip` could
pass for `x-real-ip`, which rules here have taken out. HAProxy looks after the http-request rules of the section; so do
we, as the last step of its ruleset.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pylb.rules.verdicts import Outcome, Verdict

_UNUSUAL: Final = re.compile(rb"[^a-zA-Z0-9-]").search
REJECTED: Final = Verdict(Outcome.DENY)


class Restricted:
    """A section's http-request rules (or None) and, when they let the request pass, the look at its names."""

    __slots__ = ("delete", "rules")

    def __init__(self, rules: Any, *, delete: bool) -> None:
        self.rules = rules
        self.delete = delete

    def run(self, stream: Any, at: int = 0) -> Verdict | None:
        verdict: Verdict | None = None if self.rules is None else self.rules.run(stream, at)
        if verdict is not None and verdict.kind is not Outcome.STOP:
            return verdict
        fields = stream.request.fields
        if not any(_UNUSUAL(one[0]) for one in fields):
            return verdict
        if not self.delete:
            return REJECTED
        stream.request.fields = [one for one in fields if _UNUSUAL(one[0]) is None]
        return verdict


def restrict(rules: Any, wanted: str | None) -> Any:
    """The rules as they are, unless the option says `delete` or `reject`."""
    if wanted not in ("delete", "reject"):
        return rules
    return Restricted(rules, delete=wanted == "delete")
