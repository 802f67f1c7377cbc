"""What tests of the expression language stand on: all words, a site in a frontend, and streams made of plain values."""

from __future__ import annotations

import importlib
import pkgutil
import types
from typing import Any

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Severity, Span
from pylb.http.message import Request, field
from pylb.records.session import Session
from pylb.records.stream import Stream
from pylb.sample import acl, condition, expression, logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import Typed

for _room in ("pylb.fetches", "pylb.converters", "pylb.log"):
    for _module in sorted(
        pkgutil.iter_modules(importlib.import_module(_room).__path__), key=lambda m: (m.name == "later", m.name)
    ):
        importlib.import_module(f"{_room}.{_module.name}")


class Scene:
    """One frontend that is being read. `words` makes a line of it, `site` says where an expression stands."""

    def __init__(self, points: Point = Point.FE_REQUEST, place: str = "http-request") -> None:
        self.config = Configuration()
        self.proxy = ProxyConfig("frontend", "f")
        self.proxy.set("mode", "http")
        self.points = points
        self.place = place

    def words(self, *words: str) -> Words:
        text = " ".join(words)
        spans, column = [], 0
        for word in words:
            spans.append(Span("test.cfg", 1, column, column + len(word), text))
            column += len(word) + 1
        line = Line(list(words), spans or [Span("test.cfg", 1)], self.config, self.proxy, "frontend")
        return Words(line, 0)

    @property
    def site(self) -> Site:
        return Site(self.config, self.proxy, self.place, self.points, Span("test.cfg", 1), f"{self.place} deny")

    def parse(self, *words: str) -> expression.Expression:
        return expression.parse(self.words(*words), self.site)

    def value(self, text: str, ctx: Any = None) -> Any:
        """The value of an expression for a context."""
        return self.parse(text).compile()(stream() if ctx is None else ctx)

    def acl(self, name: str, *words: str) -> None:
        line = self.words("acl", name, *words).line
        line.name = "acl"
        acl.declare_acl(line)

    def condition(self, *words: str) -> condition.Condition:
        found = condition.parse(self.words(*words), self.site)
        assert found is not None
        return found

    def holds(self, text: str, ctx: Any = None) -> Any:
        """What a condition, words separated by spaces, answers."""
        return self.condition("if", *text.split()).compile()(stream() if ctx is None else ctx)

    def format(self, text: str, ctx: Any = None, **options: Any) -> bytes:
        return logformat.parse(text, self.site, **options).compile()(stream() if ctx is None else ctx)

    @property
    def warnings(self) -> list[str]:
        return [item.message for item in self.config.report.items if item.severity is Severity.WARNING]


def complaint(parse: Any, *arguments: Any) -> str:
    """The message of the ConfigError that a call raises."""
    try:
        parse(*arguments)
    except ConfigError as error:
        return error.message
    raise AssertionError(f"{arguments} was accepted")


def stream(
    target: bytes = b"/a/b?c=d",
    *fields: tuple[bytes, bytes],
    method: bytes = b"GET",
    final: bool = True,
    variables: dict[str, Typed] | None = None,
    address: str = "127.0.0.1",
) -> Stream:
    """A stream whose request head has arrived."""
    made = _bare(final, address)
    made.request = Request(method, target, 11, [field(name, value) for name, value in fields])
    made.variables = variables
    return made


def waiting(final: bool = False, data: bytes = b"") -> Stream:
    """A stream of which nothing has arrived yet."""
    made = _bare(final, "127.0.0.1")
    made.data = data
    return made


def _bare(final: bool, address: str) -> Stream:
    frontend = types.SimpleNamespace(http=True, name="f", label=b"f")
    made = Stream(Session(frontend, None, None, (address, 1234), 0.0, 0.0), 0.0, 0.0)
    made.final = final
    return made
