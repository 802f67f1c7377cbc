"""Backends for tests, equipped from configuration text with only the words of these rooms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pylb import standard
from pylb.config.reader import parse_text
from pylb.errors import Report
from pylb.http.message import Request, field
from pylb.records.proxy import Backend
from pylb.server.equip import equip, link

standard.load()


class Bench:
    """A program's stand-in that owns the backends and remembers who was woken."""

    def __init__(self, text: str) -> None:
        config = parse_text(text)
        self.config = config
        self.report: Report = config.report
        self.woken: list[Any] = []
        self.backends = {
            each.name: Backend(each.name, n, each) for n, each in enumerate(config.proxies) if each.is_back
        }
        for backend in self.backends.values():
            backend.http = backend.config.http
            equip(backend, self)
        link(self.backends.values(), self)

    @property
    def messages(self) -> list[str]:
        return [item.message for item in self.report.items if item.severity >= 2]

    def backend(self, name: str = "b") -> Backend | None:
        return self.backends.get(name)

    @property
    def b(self) -> Backend:
        return self.backends["b"]

    def wake(self, stream: Any) -> None:
        self.woken.append(stream)


class Stream:
    """What balancing and assignment read and write of a stream."""

    def __init__(self, backend: Backend, *headers: tuple[bytes, bytes]) -> None:
        self.backend = backend
        self.request = Request(b"GET", b"/", 11, [field(*pair) for pair in headers])
        self.session = self
        self.front: Any = SimpleNamespace(own=None)
        self.src: bytes | None = b"\x7f\0\0\1"
        self.server: Any = None
        self.slot: Any = None
        self.waiting: Any = None
        self.priority: Any = None
        self.persistent = False
        self.cookie_request = self.cookie_response = b"-"
        self.cookie_dates: tuple[int, int] | None = None
        self.persist_rule = ""
        self.queue_server = self.queue_backend = 0
        self.data = b""
        self.final = True


def backend_of(lines: str, *, http: bool = False) -> Bench:
    mode = "http" if http else "tcp"
    body = "".join(f"    {line.strip()}\n" for line in lines.strip().splitlines())
    bench = Bench(f"backend b\n    mode {mode}\n{body}")
    assert not bench.report.fatal, bench.messages
    return bench
