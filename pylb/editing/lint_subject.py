"""What the checks look at: a Configuration, and every line of it as the reader understood it and as it is written.

`Subject` answers questions the records cannot: which lines stand in a section, what the words of a rule were, what a
proxy says itself and what it inherited. Nothing is compiled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pylb.config.document import Document
from pylb.config.model import Address, BindLine, Configuration, ProxyConfig, Record, ServerLine
from pylb.config.reader import Reader
from pylb.config.words import Line, to_bytes
from pylb.editing.lint_absent import AbsentFile, AbsentFiles
from pylb.errors import Severity, Span
from pylb.rules.hooks import PASSES
from pylb.sample.condition import Condition

_SPECIAL = re.compile(r"[A-Za-z0-9_.:-]+")
LOOPBACK = re.compile(r"127\.|::1$|localhost$")


class Recorder(Reader):
    """The reader, keeping each line that was understood."""

    def __init__(self, environment: MutableMapping[str, str], absent: AbsentFiles | None = None) -> None:
        super().__init__(environment, None, lambda words, opens: None)  # with a witness, every line is dispatched
        self.lines: list[Line] = []
        self.headers: list[Line] = []
        self.documents: dict[str, Document] = {}
        self.absent = absent

    def take(self, document: Document) -> None:
        """Reads a file that is a document already."""
        self.documents[document.name] = document
        self.read(document.name, document.write())

    def dispatch(self, line: Line) -> None:
        if self.absent is None:
            super().dispatch(line)
        else:
            self.absent.dispatch(line, super().dispatch, self.config.report)
        self.lines.append(line)

    def open(self, section: Any, line: Line) -> None:
        super().open(section, line)
        line.record = self.record
        self.headers.append(line)


@dataclass(slots=True)
class Rule:
    """One rule of one proxy: `place` is its ruleset, `words` the line without keyword and condition."""

    proxy: ProxyConfig
    place: str
    action: str
    final: bool
    condition: Condition | None
    span: Span
    words: list[str]
    line: Line | None

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Subject:
    """One configuration under examination."""

    def __init__(self, recorder: Recorder) -> None:
        self.config: Configuration = recorder.config
        self.documents = list(recorder.documents.values())
        self.lines = recorder.lines
        self.headers = recorder.headers
        self._of: dict[int, list[Line]] = {}
        self._at: dict[tuple[str, int], Line] = {}
        for line in self.lines:
            self._of.setdefault(id(line.record), []).append(line)
            self._at[line.span.file, line.span.line] = line
        self._rules: dict[tuple[int, str], list[Rule]] = {}
        self.absent: list[AbsentFile] = recorder.absent.found if recorder.absent is not None else []
        self.unknown_hosts: list[AbsentFile] = recorder.absent.hosts if recorder.absent is not None else []
        self.excuses = recorder.absent.excuses if recorder.absent is not None else lambda message, span: False

    # -- records

    @property
    def proxies(self) -> list[ProxyConfig]:
        """Proxies that are not disabled."""
        return [proxy for proxy in self.config.proxies if not proxy.get("disabled")]

    @property
    def fronts(self) -> list[ProxyConfig]:
        return [proxy for proxy in self.proxies if proxy.is_front]

    @property
    def backs(self) -> list[ProxyConfig]:
        return [proxy for proxy in self.proxies if proxy.is_back]

    @property
    def sections(self) -> Iterator[ProxyConfig]:
        """Everything with proxy keywords, defaults included."""
        yield from self.config.defaults
        yield from self.proxies

    def servers(self, proxy: ProxyConfig) -> list[ServerLine]:
        """Servers, a template counting once."""
        once = {(server.span.line, server.span.file): server for server in reversed(proxy.servers)}
        return list(reversed(once.values()))

    # -- lines

    def lines_of(self, record: Record, *names: str) -> list[Line]:
        """The lines of a section, all or those with one of the keywords."""
        lines = self._of.get(id(record), [])
        return [line for line in lines if line.name in names] if names else lines

    def line_at(self, span: Span) -> Line | None:
        return self._at.get((span.file, span.line))

    def own(self, proxy: ProxyConfig, name: str) -> Span | None:
        """Where a proxy says a keyword itself; None when it was inherited or is not there."""
        if name not in proxy.values:
            return None
        span = proxy.where.get(name)
        inherited = proxy.origin.where.get(name) if proxy.origin is not None else None
        return span if span is not None and span.line and span != inherited else None

    @cached_property
    def mentions(self) -> dict[str, set[int]]:
        """Each name-like piece of any line -> ids of the records whose lines hold it (header lines: 0)."""
        found: dict[str, set[int]] = {}
        for line in self.lines:
            for word in line.words[1:]:
                for piece in _SPECIAL.findall(word):
                    for name in (piece, *re.split("[.:]", piece)):
                        found.setdefault(name, set()).add(id(line.record))
        return found

    def mentioned(self, name: str, outside: Record | None = None) -> bool:
        """Whether a name occurs in any line, or in any line of another section."""
        return bool(self.mentions.get(name, set()) - ({id(outside)} if outside is not None else set()))

    # -- rules

    def rules(self, proxy: ProxyConfig, place: str) -> list[Rule]:
        """A proxy's own rules of one place, in order of evaluation; `use_backend` is a place here."""
        key = (id(proxy), place)
        if key not in self._rules:
            self._rules[key] = list(self._make(proxy, place))
        return self._rules[key]

    def _make(self, proxy: ProxyConfig, place: str) -> Iterator[Rule]:
        if place == "use_backend":
            for switch in proxy.get("use_backend", []):
                line = self.line_at(switch.span)
                yield Rule(proxy, place, "use_backend", True, switch.condition, switch.span, [switch.name], line)
            return
        inherited = {id(rule) for rule in proxy.origin.rules.get(place, ())} if proxy.origin is not None else set()
        for rule in proxy.rules.get(place, ()):
            if id(rule) in inherited or rule.place == "monitor":
                continue
            line = self.line_at(rule.span)
            final = bool(rule.action.facts.get("final")) and not getattr(rule.build, PASSES, False)
            yield Rule(proxy, rule.place, rule.action.name, final, rule.condition, rule.span, _body(line), line)

    def all_rules(self, proxy: ProxyConfig) -> Iterator[Rule]:
        for place in proxy.rules:
            yield from self.rules(proxy, place)
        yield from self.rules(proxy, "use_backend")

    # -- networks

    def listens(self, proxy: ProxyConfig) -> Iterator[tuple[BindLine, Address]]:
        for bind in proxy.binds:
            for address in bind.addresses:
                yield bind, address

    def exposed(self, proxy: ProxyConfig) -> bool:
        """Whether a proxy listens on an address that others than this machine can reach."""
        return any(reachable(address) for _, address in self.listens(proxy))

    def trusted_peer(self, proxy: ProxyConfig) -> bool:
        """Whether the client's address comes from a PROXY header or a local socket: another proxy stands in front."""
        return bool(proxy.binds) and all(
            bind.values.get("accept-proxy") or not reachable(address) for bind, address in self.listens(proxy)
        )

    def fronts_of(self, backend: ProxyConfig) -> list[ProxyConfig]:
        """Frontends that certainly lead to a backend."""
        if backend.kind == "listen":
            return [backend]
        return self._leading.get(backend.name, [])

    @cached_property
    def _leading(self) -> dict[str, list[ProxyConfig]]:
        """Name of a backend -> the frontends that name it."""
        found: dict[str, list[ProxyConfig]] = {}
        for front in self.fronts:
            names = [front.get("default_backend"), *(rule.name for rule in front.get("use_backend", []))]
            for name in dict.fromkeys(names):
                if name:
                    found.setdefault(name, []).append(front)
        return found


def _body(line: Line | None) -> list[str]:
    """The words of a rule between its keyword and its condition."""
    if line is None:
        return []
    words = line.words[line.name.count(" ") + 1 :]
    for index, word in enumerate(words):
        if word in ("if", "unless"):
            return words[:index]
    return words


def reachable(address: Address) -> bool:
    return address.family in ("ip", "ipv4", "ipv6") and not LOOPBACK.match(address.host)


def read_files(paths: Iterable[str], *, absent: bool = False) -> Subject:
    """Reads files, and of directories every `*.cfg`, as one configuration. OSError when one cannot be read. With
    `absent`, files that they name and that are not there are findings, no mistakes."""
    recorder = Recorder(dict(os.environ), AbsentFiles() if absent else None)
    files: list[str] = []
    for path in paths:
        files += sorted(str(p) for p in Path(path).glob("*.cfg")) if os.path.isdir(path) else [path]
    recorder.announce(files)
    for file in files:
        recorder.take(Document.parse(Path(file).read_bytes(), file))
    recorder.finish()
    return Subject(recorder)


def read_text(text: str, name: str = "test.cfg") -> Subject:
    recorder = Recorder({})
    recorder.announce([name])
    recorder.take(Document.parse(to_bytes(text), name))
    recorder.finish()
    return Subject(recorder)


# Complaints that are about this machine and not about the file.
_MACHINE = ("cannot find user id", "cannot find group id")


def alerts(subject: Subject) -> list[Any]:
    """Why the configuration does not load."""
    return [
        item
        for item in subject.config.report.items
        if item.severity is Severity.ALERT
        and not item.message.startswith(_MACHINE)
        and not subject.excuses(item.message, item.span)
    ]
