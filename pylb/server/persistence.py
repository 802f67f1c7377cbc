"""Cookie persistence (manual 4.2 `cookie`): which server does the client's cookie name, what does the server see of it,
and what is the client told?

In a request each cookie of that name is judged; with `prefix` its value is `server~value`, with `insert` it may carry
the dates of the last and the first visit, `server|last|first`. In a response the server's own cookie of that name is
rewritten, prefixed, removed or left alone, and with `insert` ours is added where the client does not have it yet.

What the log shows (8.5). Request: N no cookie, I it names no server, D a server that is down, V a server that is used,
E its last visit is too long ago, O its first one is, U it was not looked at. Response: N none, P the server's, D the
server's was removed, R rewritten, I inserted, U the date was renewed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pylb.clock import clock
from pylb.http import cacheability
from pylb.http.cookies import pairs
from pylb.http.message import Field, field
from pylb.sample.hashes import xxh64
from pylb.server.visits import decode, encode

if TYPE_CHECKING:
    from pylb.records.proxy import Backend
    from pylb.server.cookie_keyword import CookieRule
    from pylb.server.server import Server

FUTURE: Final = 86400  # seconds that a date may lie ahead: clocks differ

_BETWEEN: Final = b" \t;,"

PRIVATE: Final = field(b"cache-control", b"private")


class Persistence:
    """The cookie of one backend and the rules that force or ignore it. Only mode http has one."""

    __slots__ = (
        "attributes",
        "delimiter",
        "name",
        "persist",
        "removes",
        "respond",
        "rule",
        "rules",
        "secret",
        "shown",
        "values",
    )

    def __init__(
        self, backend: Backend, cookie: CookieRule | None, rules: list[tuple[str, Callable[[Any], Any]]]
    ) -> None:
        self.name = cookie.name if cookie is not None else b""
        self.rule: Any = cookie
        self.delimiter = b"~" if cookie is not None and cookie.mode == "prefix" else b"|"
        self.persist = backend.config.option("persist")
        self.rules = rules
        self.shown = cookie is not None and bool(cookie.mode or cookie.indirect)  # in the log
        self.removes = cookie is not None and cookie.indirect and cookie.mode == "insert"
        self.values: dict[bytes, list[Server]] = {}
        self.attributes = b"" if cookie is None else _attributes(cookie)
        self.secret = backend.config.get("dynamic-cookie-key") if cookie is not None and cookie.dynamic else None
        for server in backend.servers:
            self.learn(server)
        self.respond: Callable[[Any, Any], None] | None = None if cookie is None else self.answer

    @classmethod
    def of(cls, backend: Backend, program: Any) -> Persistence | None:
        """None when the backend says nothing about persistence."""
        config = backend.config
        rules = [(name, condition.compile(program)) for name, condition in config.get("persist rules", ())]
        cookie = config.get("cookie")
        return cls(backend, cookie, rules) if cookie is not None or rules else None

    def learn(self, server: Server) -> None:
        """A server's cookie value is valid from now on. Servers may share one; the first that is usable gets it."""
        if self.secret is not None and not server.values.get("cookie"):
            server.cookie = _computed(self.secret, server)
        if server.cookie:
            self.values.setdefault(server.cookie, []).append(server)

    def moved(self, server: Server) -> None:
        """A server's address has changed, and with it a value that is computed from that."""
        known = server in self.values.get(server.cookie, ())
        if known and self.secret is not None and not server.values.get("cookie"):
            self.forget(server)
            self.learn(server)

    def forget(self, server: Server) -> None:
        found = self.values.get(server.cookie)
        if found is not None and server in found:
            found.remove(server)
            if not found:
                del self.values[server.cookie]

    # -- the request

    def forced(self, stream: Any) -> bool:
        return bool(stream.persist_rule == "force-persist")

    def forces(self, stream: Any) -> bool:
        """Whether a server that is down is to be used, before `lookup` has noted that."""
        return self._rule(stream) == "force-persist"

    def lookup(self, stream: Any, chosen: Server | None = None) -> Server | None:
        """The server that the client's cookie demands. Sets `persist_rule`, `cookie_request`, `cookie_dates` and
        `persistent` of the stream, and takes out of the request what is not for servers. `chosen` by a use-server rule
        goes first."""
        rule = stream.persist_rule = self._rule(stream) if self.rules else ""
        stream.cookie_dates = None
        server = chosen
        request = stream.request
        if not self.name or request is None:
            return server
        stream.cookie_request = stream.cookie_response = b"N"
        for at, one in enumerate(request.fields):
            if one[0] == b"cookie" and self.name in one[1]:
                value, server = self._read(stream, one[1], server, rule)
                if value is not one[1]:
                    request.fields[at] = field(b"cookie", value) if value else None
        if None in request.fields:
            request.fields = [one for one in request.fields if one is not None]
        if not self.shown:
            stream.cookie_request = stream.cookie_response = b"-"
        return server

    def _read(self, stream: Any, value: bytes, server: Server | None, rule: str) -> tuple[bytes, Server | None]:
        """One Cookie field: its new value (the same object when nothing changed), and the server."""
        cuts: list[tuple[int, int, bytes | None]] = []
        for name, content, start, end in pairs(value):
            if name != self.name:
                continue
            length = content.find(self.delimiter)
            prefix = self.rule.mode == "prefix"
            key = content[:length] if length >= 0 else content
            if not prefix:
                if length >= 0:
                    _note_dates(stream, content[length + 1 :])
                judged = self._age(stream)
                if judged:
                    stream.cookie_request = judged
                    key = b""
            if server is None and key and rule != "ignore-persist":
                server = self._server(stream, key, rule)
                found = server is not None
            else:
                found = False
            if not found and stream.cookie_request not in (b"D", b"E", b"O", b"V"):
                unused = server is not None or rule == "ignore-persist"
                stream.cookie_request = b"U" if unused else b"I"
            bare = value[:start].rstrip(b" \t")[:-1].rstrip(b" \t")  # without `=` and the blanks around it
            if self.removes:
                cuts.append((len(bare) - len(name), end, None))
                continue
            if len(bare) + 1 < start:
                cuts.append((len(bare), start, b"="))
            if prefix and length >= 0:
                cuts.append((start, start + length + 1, b""))
        for start, end, glue in reversed(cuts):
            value = _without(value, start, end) if glue is None else value[:start] + glue + value[end:]
        return value, server

    def _server(self, stream: Any, key: bytes, rule: str) -> Server | None:
        for server in self.values.get(key, ()):
            if server.alive or self.persist or rule:
                stream.cookie_request = b"V" if server.alive else b"D"
                stream.persistent = True
                return server
            stream.cookie_request = b"D"
        return None

    def _age(self, stream: Any) -> bytes:
        """E or O for a cookie whose dates are over; they are forgotten then."""
        if stream.cookie_dates is None:
            return b""
        last, first = stream.cookie_dates
        now = int(clock.wall)
        rule = self.rule
        if first and rule.maxlife and not -FUTURE <= now - first <= rule.maxlife // 1000:
            judged = b"O"
        elif last and rule.maxidle and not -FUTURE <= now - last <= rule.maxidle // 1000:
            judged = b"E"
        else:
            return b""
        stream.cookie_dates = None
        return judged

    def _rule(self, stream: Any) -> str:
        """The first force-persist or ignore-persist rule that holds."""
        for name, condition in self.rules:
            if condition(stream) is True:
                return name
        return ""

    # -- the response

    def answer(self, stream: Any, response: Any) -> None:
        """Changes the server's own cookie and adds ours."""
        stream.cookie_response = b"N"
        server = stream.server
        rule = self.rule
        own = False
        fields = response.fields
        for at, one in enumerate(fields):
            if one[0] in (b"set-cookie", b"set-cookie2"):
                changed = self._own(stream, server, one)
                if changed is not one:
                    fields[at] = changed
                    own = own or changed is None
        if own:
            response.fields = fields = [one for one in fields if one is not None]
        if rule.mode == "insert" and server.number >= 0 and self._wanted(stream):  # a nameless one has no number
            self._insert(stream, server, response)
        if not self.shown:
            stream.cookie_response = b"-"

    def _own(self, stream: Any, server: Server, one: Field) -> Field | None:
        """The server's own Set-Cookie: as it is, changed, or None where the client must not see it."""
        value = one[1]
        pair = next(pairs(value.partition(b";")[0]), None)
        if pair is None or pair[0] != self.name:
            return one
        rule = self.rule
        start, end = pair[2], pair[3]
        stream.cookie_response = b"P"
        bare = value[:start].rstrip(b" \t")[:-1].rstrip(b" \t")
        if len(bare) + 1 < start:  # blanks around the `=`
            value = bare + b"=" + value[start:]
            one = field(one[0], value)
            end -= start - len(bare) - 1
            start = len(bare) + 1
        if rule.preserve:
            return one
        if rule.mode == "insert" or (rule.indirect and stream.persistent):
            stream.cookie_response = b"D"
            return None
        if server.cookie and rule.mode == "rewrite":
            stream.cookie_response = b"R"
            return field(one[0], value[:start] + server.cookie + value[end:])
        if server.cookie and rule.mode == "prefix":
            stream.cookie_response = b"R"
            return field(one[0], b"%b%b~%b" % (value[:start], server.cookie, value[start:]))
        return one

    def _wanted(self, stream: Any) -> bool:
        """Whether the client has to be told which server it belongs to."""
        rule = self.rule
        if rule.preserve and stream.cookie_response == b"P":
            return False
        if rule.postonly and stream.request.method != b"POST":
            return False
        if stream.persist_rule == "ignore-persist":
            return False
        if not stream.persistent:
            return True
        last, first = stream.cookie_dates or (0, 0)
        now = int(clock.wall)
        if (rule.maxidle or last) and (not last or last < now):
            return True
        return bool(rule.maxlife) != bool(first)

    def _insert(self, stream: Any, server: Server, response: Any) -> None:
        rule = self.rule
        fields = response.fields
        if not server.cookie:
            value = b"%b=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/" % self.name
        else:
            dates = b""
            if rule.maxidle or rule.maxlife:
                today = encode(int(clock.wall) + 3)
                dates = b"|" + today
                if rule.maxlife:
                    first = stream.cookie_dates[1] if stream.cookie_dates is not None else 0
                    dates += b"|" + (encode(first) if first else today)
            value = b"%b=%b%b; path=/" % (self.name, server.cookie, dates)
        fields.append(field(b"set-cookie", value + self.attributes))
        stream.cookie_response = b"U" if server.cookie and stream.persistent else b"I"
        if rule.nocache and cacheability.judge(stream.request.method, response.status, fields)[0]:
            fields.append(PRIVATE)


def _computed(secret: bytes, server: Server) -> bytes:
    """The value of a `dynamic` cookie: the same wherever the key, the address and the port are."""
    if server.address is None:
        return b""
    return b"%016x" % xxh64(secret + server.address + server.port.to_bytes(4, "big"))


def _attributes(rule: CookieRule) -> bytes:
    """What follows the path in every cookie that is inserted."""
    text = b""
    if rule.domains:
        text += b"; domain=" + b"; domain=".join(rule.domains)
    if rule.httponly:
        text += b"; HttpOnly"
    if rule.secure:
        text += b"; Secure"
    if rule.attributes:
        text += b"; " + b"; ".join(rule.attributes)
    return text


def _note_dates(stream: Any, text: bytes) -> None:
    """Keeps the dates of `last|first` where they can be read."""
    last, bar, first = text.partition(b"|")
    seen = stream.cookie_dates or (0, 0)
    stream.cookie_dates = (decode(last) or seen[0], (decode(first) if bar else 0) or seen[1])


def _without(value: bytes, begin: int, end: int) -> bytes:
    """A Cookie field's value without what lies there; empty when only attributes like $Version are left."""
    parts = (value[:begin].rstrip(_BETWEEN), value[end:].lstrip(_BETWEEN))
    left = b"; ".join([part for part in parts if part])
    return left if next(pairs(left), None) is not None else b""
