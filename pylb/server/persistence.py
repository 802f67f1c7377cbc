"""Cookie persistence, as far as requests go: which server does the client's cookie name, and may it be used?

States for the log (manual 8.2.4): N no cookie, I unknown value, D the server is down, V valid. `prefix` cookies hold
`server~value`; dates that `insert` appends behind `|` are not judged here. Only mode http has a Persistence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pylb.records.proxy import Backend
    from pylb.server.cookie_keyword import CookieRule
    from pylb.server.server import Server


class Persistence:
    """The cookie of one backend and the rules that force or ignore it."""

    __slots__ = ("delimiter", "name", "persist", "rules", "values")

    def __init__(
        self, backend: Backend, cookie: CookieRule | None, rules: list[tuple[str, Callable[[Any], Any]]]
    ) -> None:
        self.name = cookie.name if cookie is not None else b""
        self.delimiter = b"~" if cookie is not None and cookie.mode == "prefix" else b"|"
        self.persist = backend.config.option("persist")
        self.rules = rules
        self.values: dict[bytes, Server] = {}
        for server in backend.servers:
            if server.cookie:
                self.values.setdefault(server.cookie, server)

    @classmethod
    def of(cls, backend: Backend, program: Any) -> Persistence | None:
        """None when the backend says nothing about persistence."""
        config = backend.config
        rules = [(name, condition.compile(program)) for name, condition in config.get("persist rules", ())]
        cookie = config.get("cookie")
        return cls(backend, cookie, rules) if cookie is not None or rules else None

    def forced(self, stream: Any) -> bool:
        return self._rule(stream) == "force-persist"

    def lookup(self, stream: Any) -> Server | None:
        """The server the client's cookie demands; sets `cookie_request` and `persistent` of the stream."""
        if not self.name or stream.request is None:
            return None
        rule = self._rule(stream) if self.rules else ""
        if rule == "ignore-persist":
            return None
        stream.cookie_request = b"N"
        for value in cookies(stream.request.fields, self.name):
            server = self.values.get(value.partition(self.delimiter)[0])
            if server is None:
                stream.cookie_request = b"I"
                continue
            if server.alive or self.persist or rule:
                stream.cookie_request = b"V" if server.alive else b"D"
                stream.persistent = True
                return server
            stream.cookie_request = b"D"
        return None

    def _rule(self, stream: Any) -> str:
        """The first force-persist or ignore-persist rule that holds."""
        for name, condition in self.rules:
            if condition(stream) is True:
                return name
        return ""


def cookies(fields: list[Any], name: bytes) -> list[bytes]:
    """Values of every cookie of that name in the request, in order. Quotes belong to the value."""
    found = []
    for header, value, _, _ in fields:
        if header != b"cookie":
            continue
        for part in value.split(b";"):
            key, equals, content = part.strip(b" \t").partition(b"=")
            if equals and key.rstrip(b" \t") == name:
                found.append(content.strip(b" \t"))
    return found
