"""What a backend does to responses behind its rules: persistence cookies (manual 4.2 `cookie`), `option checkcache`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.http import cacheability
from pylb.log.levels import ALERT
from pylb.rules.verdicts import Outcome, Verdict

if TYPE_CHECKING:
    from pylb.records.proxy import Backend

Respond = Callable[[Any, Any], Verdict | None]

BLOCKED: Final = Verdict(Outcome.DENY)


def compile(backend: Backend) -> Respond | None:
    """closure(stream, response), or None where there is nothing to do. A verdict replaces the response."""
    persistence = backend.persistence
    cookies: Callable[[Any, Any], None] | None = None if persistence is None else persistence.respond
    check = backend.config.option("checkcache") and backend.config.http
    if cookies is None and not check:
        return None

    def respond(stream: Any, response: Any) -> Verdict | None:
        unsafe = check and _cookie_in_caches(stream, response)
        if cookies is not None:
            cookies(stream, response)
        if not unsafe or (stream.cookie_response in (b"I", b"U") and persistence.rule.nocache):
            return None  # `nocache` has told caches to keep nothing
        log = stream.frontend.log
        if log is not None:
            server = stream.server
            log.event(
                ALERT,
                b"Blocking cacheable cookie in response from instance %b, server %b."
                % (backend.label, b"<dispatch>" if server is None else server.label),
            )
        return BLOCKED

    return respond


def _cookie_in_caches(stream: Any, response: Any) -> bool:
    """Whether a cache between here and the client would give one client's cookie to another."""
    fields = response.fields
    if not any(one[0] in (b"set-cookie", b"set-cookie2") for one in fields):
        return False
    return cacheability.judge(stream.request.method, response.status, fields) == (True, True)
