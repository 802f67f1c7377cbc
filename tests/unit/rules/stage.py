"""A small stage for rules: configuration text, compiled by the real rooms, run on hand-made streams."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pylb import standard
from pylb.clock import clock
from pylb.config import userlists
from pylb.config.model import Configuration
from pylb.config.reader import parse_text
from pylb.errors import Severity
from pylb.http import codec
from pylb.http.message import Refusal, Request, Response
from pylb.records.proxy import Backend, Frontend
from pylb.records.session import Session
from pylb.records.stream import Stream
from pylb.rules import captures, replies, ruleset, switching
from pylb.sample import references

standard.load()


class Waits:
    """Waits as plain records."""

    @staticmethod
    def sleep(seconds: float) -> Any:
        return SimpleNamespace(kind="sleep", seconds=seconds)

    @staticmethod
    def body(seconds: float | None, size: int = 0) -> Any:
        return SimpleNamespace(kind="body", seconds=seconds, size=size)


class Program:
    """What rooms ask of the program, for one configuration without servers."""

    def __init__(self, text: str) -> None:
        self.config: Configuration = parse_text(text)
        self.report = self.config.report
        assert not self.report.fatal, self.alerts
        for record in self.config.sections.get("userlist", {}).values():
            assert not userlists.resolve(record)
        self.waits = Waits
        self.clock = clock
        self.references = references.of(self.config)
        self.frontends = [Frontend(c.name, c.number, c) for c in self.config.proxies if c.is_front]
        self.backends = {c.name: Backend(c.name, c.number, c) for c in self.config.proxies if c.is_back}
        for proxy in [*self.frontends, *self.backends.values()]:
            proxy.http = proxy.config.http
            proxy.replies = replies.compile(proxy.config, self)
            proxy.http_request = self.rules(proxy.config, "http-request")
            proxy.http_response = self.rules(proxy.config, "http-response")
            proxy.http_after_response = self.rules(proxy.config, "http-after-response")
            proxy.tcp_content = self.rules(proxy.config, "tcp-request content")
        for frontend in self.frontends:
            frontend.tcp_connection = self.rules(frontend.config, "tcp-request connection")
            frontend.switching = switching.compile(frontend.config, self)
            self.capture = captures.compile(frontend.config, self)
            self.capture_cookies = captures.compile_cookies(frontend.config)

    def rules(self, config: Any, place: str) -> ruleset.Ruleset | None:
        return ruleset.compile(config.rules.get(place, []), self)

    @property
    def alerts(self) -> list[str]:
        return [item.message for item in self.report.items if item.severity is Severity.ALERT]

    def frontend(self, name: str) -> Frontend | None:
        return next((front for front in self.frontends if front.name == name), None)

    def backend(self, name: str) -> Backend | None:
        return self.backends.get(name)

    def server(self, backend: Any, name: str) -> None:
        return None

    def userlist(self, name: str) -> Any:
        return self.config.section("userlist", name)

    def stream(
        self, head: bytes = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n", *, frontend: int = 0, data: bytes = b""
    ) -> Stream:
        """A stream of the nth frontend whose request head has arrived; `data` makes one of raw bytes instead."""
        front = self.frontends[frontend]
        session = Session(
            front, SimpleNamespace(id=1, name="l1", counters=front.counters), None, ("192.0.2.7", 4711), 1.0, 1e9
        )
        session.local = ("192.0.2.1", 80)
        session.streams = 1
        stream = Stream(session, 1.0, 1e9)
        if data or not head:
            stream.data = data
        else:
            stream.request = request(head)
        return stream


def http(rules: str, *, more: str = "", options: str = "") -> Program:
    """An HTTP frontend `f` with these lines and a backend `b`."""
    lines = "".join(f"    {line.strip()}\n" for line in rules.strip().splitlines())
    return Program(
        f"frontend f\n    mode http\n    bind 127.0.0.1:80\n{options}{lines}    default_backend b\n"
        f"backend b\n    mode http\n{more}"
    )


def tcp(rules: str) -> Program:
    lines = "".join(f"    {line.strip()}\n" for line in rules.strip().splitlines())
    return Program(
        f"frontend f\n    mode tcp\n    bind 127.0.0.1:80\n{lines}    default_backend b\nbackend b\n    mode tcp\n"
    )


def request(head: bytes) -> Request:
    found = codec.fast.parse_request(head, len(head), codec.DEFAULT_LIMITS)
    assert not isinstance(found, Refusal), found.reason
    return found


def response(head: bytes) -> Response:
    found = codec.fast.parse_response(head, len(head), b"GET", codec.DEFAULT_LIMITS)
    assert not isinstance(found, Refusal), found.reason
    return found


def fields(message: Any) -> list[tuple[bytes, bytes]]:
    return [(one[0], one[1]) for one in message.fields]


def problems(line: str, *, section: str = "frontend", mode: str = "http") -> list[str]:
    """What is reported of one line in a section."""
    head = "frontend f\n    bind 127.0.0.1:80\n" if section == "frontend" else f"{section} b\n"
    config = parse_text(f"{head}    mode {mode}\n    acl A src 127.0.0.1\n    {line}\n")
    return [item.message for item in config.report.items if item.severity >= Severity.WARNING]
