"""The records that configuration text becomes. They know no sockets and no closures beyond what words parsed.

A keyword stores under its own name: `record.set("maxconn", 2000, line)`; the value's shape is documented in the
keyword's docstring. Reading: `record.get("maxconn", default)`. `record.where["maxconn"]` is the span to blame later.
Ordered things (rules, binds, servers, ACLs, log targets) have lists of their own. `defaults` are ProxyConfig too;
a proxy starts as a copy of its defaults (`ProxyConfig.inherit`).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from pylb.errors import NOWHERE, Report, Span

if TYPE_CHECKING:
    from pylb.registry import Status, Word

T = TypeVar("T")


class Record:
    """Base of every section: named values with the place where each was written."""

    def __init__(self, kind: str, name: str = "", span: Span = NOWHERE) -> None:
        self.kind = kind  # section word: global, defaults, frontend, backend, listen, userlist ...
        self.name = name
        self.span = span
        self.values: dict[str, Any] = {}
        self.where: dict[str, Span] = {}

    def set(self, name: str, value: Any, span: Span = NOWHERE) -> None:
        self.values[name] = value
        self.where[name] = span

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def append(self, name: str, value: Any, span: Span = NOWHERE) -> None:
        """Adds to a list value; inherited lists are copied by `inherit`, never shared."""
        self.values.setdefault(name, []).append(value)
        self.where.setdefault(name, span)

    def option(self, name: str, default: bool = False) -> bool:
        """State of a boolean `option <name>`; stored as values["option <name>"] = True | False."""
        return bool(self.values.get(f"option {name}", default))

    def timeout(self, name: str) -> float | None:
        """`timeout <name>` in seconds, None when not set or 0 (infinite)."""
        ms = self.values.get(f"timeout {name}")
        return ms / 1000 if ms else None


@dataclass(slots=True)
class Address:
    """A parsed address of bind, server, log, peer ...: see config/addresses.py for the grammar.

    family: "ipv4" | "ipv6" | "unix" | "abns" | "fd" | "sockpair" | "ring" ... ; host: text (name or numeric), path for
    unix and abns, "" for any; port and end_port: ints, `port_offset` True when the port was written +N or -N
    (servers); stream False for udp@ / unix-dgram@.
    """

    family: str
    host: str = ""
    port: int = 0
    end_port: int = 0
    port_offset: bool = False
    fd: int = -1
    stream: bool = True
    text: str = ""
    quic: bool = False  # datagrams that carry QUIC


@dataclass(slots=True)
class BindLine:
    """One `bind` line: its addresses and the values its options stored (values["accept-proxy"] = True ...)."""

    addresses: list[Address]
    span: Span
    values: dict[str, Any] = field(default_factory=dict)


class ServerLine:
    """One `server` line (or server-template, or the merged `default-server`)."""

    __slots__ = ("address", "name", "place", "template", "values")

    def __init__(
        self,
        name: str,
        address: Address | None,
        place: Span | Sequence[Span],
        values: dict[str, Any] | None = None,
        template: tuple[str, int, int] | None = None,
    ) -> None:
        self.name = name
        self.address = address
        self.place = place  # or those of all words of its line, of which the first is looked up when asked for
        self.values = {} if values is None else values
        self.template = template  # prefix, first, last

    @property
    def span(self) -> Span:
        place = self.place
        return place if isinstance(place, Span) else place[0]


@dataclass(slots=True)
class RuleLine:
    """One parsed rule: everything checked, nothing compiled.

    `condition` is a sample.condition tree or None; `action` the registry Word; `build(program)` makes the closure.
    """

    place: str  # "http-request", "tcp-request content" ...
    action: Any
    condition: Any
    span: Span
    text: str
    build: Any


class ProxyConfig(Record):
    """A defaults, frontend, backend or listen section."""

    def __init__(self, kind: str, name: str = "", span: Span = NOWHERE) -> None:
        super().__init__(kind, name, span)
        self.origin: ProxyConfig | None = None  # the defaults it started from
        self.binds: list[BindLine] = []
        self.servers: list[ServerLine] = []
        self.acls: dict[str, Any] = {}  # name -> sample.acl.Acl
        self.rules: dict[str, list[RuleLine]] = {}  # place -> rules in order
        self.default_server: dict[str, Any] = {}
        self.loggers: list[Any] = []  # log.lines records; "log global" is kept as the string "global"
        self.number = 0  # position in the file, HAProxy's proxy id when `id` is absent
        self.explicit_defaults = False  # the header line says `from`
        self.server_names: dict[str, ServerLine] = {}  # the servers by name, and by `id`
        self.server_ids: dict[int, ServerLine] = {}
        self.heirs: set[str] = set()  # kinds of the proxies that started from it
        self.named: set[str] = set()  # its servers that expressions name, used or not; "" is the proxy itself

    @property
    def is_front(self) -> bool:
        return self.kind in ("frontend", "listen")

    @property
    def is_back(self) -> bool:
        return self.kind in ("backend", "listen")

    @property
    def http(self) -> bool:
        return bool(self.get("mode", "tcp") == "http")

    def inherit(self, origin: ProxyConfig) -> None:
        """Takes everything a defaults section says. Rules and ACLs come along (named defaults only have them)."""
        self.origin = origin
        origin.heirs.add(self.kind)
        self.values = {k: copy.copy(v) for k, v in origin.values.items()}
        self.where = dict(origin.where)
        self.acls = dict(origin.acls)
        self.rules = {place: list(rules) for place, rules in origin.rules.items()}
        self.default_server = origin.default_server  # replaced, never changed
        self.loggers = list(origin.loggers)


@dataclass(slots=True)
class SourceFile:
    """One file as it was read: joining `lines` with line feeds and encoding them gives the same bytes again."""

    name: str
    lines: list[str]  # without their line feeds; the last is "" when the file ends with one

    def data(self) -> bytes:
        return "\n".join(self.lines).encode("utf-8", "surrogateescape")


@dataclass(slots=True)
class Use:
    """Where a registered word was used first, and how often."""

    word: Word
    span: Span
    count: int = 1


@dataclass(slots=True)
class Tail:
    """What the words behind a server's address made of its values; equal words make equal values (see `tails`)."""

    base: dict[str, Any]  # the default-server values they were added to; held, because keys contain its id
    values: dict[str, Any]
    uses: list[Use]  # of its words
    again: int = 0  # lines that had these words after the first


@dataclass(slots=True)
class Piece:
    """What a `plain` option of a server line made of each argument (see `pieces`)."""

    use: Use
    arguments: int  # 0 or 1
    made: dict[str, dict[str, Any]] = field(default_factory=dict)  # argument, "" without one -> values


class Configuration:
    """A whole configuration: what all files of one load said, and what was wrong with them."""

    def __init__(self, report: Report | None = None) -> None:
        self.report = report if report is not None else Report()
        self.globals = Record("global")
        self.proxies: list[ProxyConfig] = []
        self.defaults: list[ProxyConfig] = []
        self.named_defaults: dict[str, list[ProxyConfig]] = {}
        self.sections: dict[str, dict[str, Record]] = {}  # other sections: kind -> name -> record
        self.environment: MutableMapping[str, str] = {}  # what $NAME saw, as setenv and the like left it
        self._index: dict[tuple[str, bool, bool], ProxyConfig] = {}
        self._indexed = 0  # how many of `proxies` are in the index
        self.sources: list[SourceFile] = []  # every file of the load, line by line as it was written
        self.wants: list[Callable[[Configuration], None]] = []  # checks of references, run when everything is read
        self.used: dict[int, Use] = {}  # id of a registry Word -> where it was used; see `use`
        self.tails: dict[tuple[object, ...], Tail] = {}  # of server lines, by their words (server/templates.py)
        self.certificates: dict[str, Span] = {}  # files that bind lines have loaded, and where first
        self.pieces: dict[str, Piece] = {}  # the same of single options, by name
        self.marks = False  # rules set marks on connections to servers (rules/actions/marks.py)

    def use(self, word: Word, span: Span) -> Use:
        """Notes that a registered word occurs. Whoever looks a word up calls this, so that a word which is not acted
        upon is reported once, and a start with an unsafe one can be refused (`inert`)."""
        use = self.used.get(id(word))
        if use is None:
            use = self.used[id(word)] = Use(word, span)
        else:
            use.count += 1
        return use

    def inert(self, status: Status) -> list[Use]:
        """The uses of words with that status (HARMLESS, UNSAFE or PARTIAL), in order of first use."""
        return [use for use in self.used.values() if use.word.status is status]

    def proxy(self, name: str, *, front: bool = False, back: bool = False) -> ProxyConfig | None:
        """The first proxy of that name with the wanted side."""
        for new in self.proxies[self._indexed :]:
            for key in ((new.name, False, False), (new.name, new.is_front, False), (new.name, False, new.is_back)):
                self._index.setdefault(key, new)
            if new.kind == "listen":
                self._index.setdefault((new.name, True, True), new)
        self._indexed = len(self.proxies)
        return self._index.get((name, front, back))

    def section(self, kind: str, name: str) -> Record | None:
        return self.sections.get(kind, {}).get(name)
