"""Expressions: `fetch(args),converter,converter(args)`, from text to a checked tree, from the tree to one closure.

Parsing checks everything that text can tell: names, argument shapes, types along the chain, and whether the fetch may
be read where it stands. Factories run once, when the expression is compiled (at parse time where no argument waits for
the program), and the closures they make are composed without any look-up left for run time.

`compile(program, trace)` makes the same leaves, each wrapped: `trace(node, value)` hears every step.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pylb import registry
from pylb.errors import NOWHERE, ConfigError, Span, nearest
from pylb.registry import Kind, Word
from pylb.sample import arguments, casts, regexes, wanted
from pylb.sample.arguments import Later
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch, Occurrences

if TYPE_CHECKING:
    from pylb.config.words import Words
    from pylb.sample.site import Site

Trace = Callable[[Any, Any], None]
Step = Callable[[Any, Any], Any]  # (value, ctx) -> value | MISS

_name = re.compile(r"[^(),]*+").match
_name_in_format = re.compile(r"[^(),\] ]*+").match


@dataclass(slots=True)
class Node:
    """One fetch or converter of an expression, with its bound arguments and its place in the text."""

    word: Word
    name: str
    arguments: list[Any]
    start: int
    end: int
    owner: Expression | None = None
    takes: str = ""  # converters: the input type, and the cast in front of it
    cast: casts.Cast = casts.IDENTITY
    out: str = ""
    made: Any = None  # the closure, once made

    @property
    def text(self) -> str:
        return self.owner.text[self.start : self.end] if self.owner else self.name

    def __repr__(self) -> str:
        return f"<{self.word.kind.value} {self.text}>"

    def make(self, program: Any) -> Any:
        """The closure (or Occurrences) of this node. ConfigError when a reference cannot be resolved."""
        if self.made is None:
            self.made = self._build(program)
        return self.made

    @property
    def waits(self) -> bool:
        """Whether an argument exists only once the program is compiled."""
        return bool(self.word.facts.get("program")) or any(isinstance(a, Later) for a in self.arguments)

    def _build(self, program: Any) -> Any:
        assert self.owner is not None
        if any(self._inherited(a) for a in self.arguments):
            return self._for_each_proxy(program)
        bound = [self._resolve(a, program) if isinstance(a, Later) else a for a in self.arguments]
        return self._call(bound, program)

    def _call(self, bound: list[Any], program: Any) -> Any:
        assert self.owner is not None
        extra = {"program": program} if self.word.facts.get("program") else {}
        try:
            return self.word.factory(*bound, **extra)
        except regexes.BadPattern as error:
            raise self.owner.wrong(f"error in regex '{error.source}' in {self.place(1)} : {error}") from None
        except ValueError as error:
            raise self.owner.wrong(f"invalid args in {self._noun} '{self.name}' : {error}") from None

    def _inherited(self, argument: Any) -> bool:
        """Whether an argument means the own proxy of an expression that stands in a defaults section."""
        assert self.owner is not None
        proxy = self.owner.site.proxy
        return (
            isinstance(argument, Later)
            and not argument.name
            and argument.shape in ("frontend", "backend")
            and proxy is not None
            and proxy.kind == "defaults"
        )

    def _for_each_proxy(self, program: Any) -> Any:
        """A closure for rules that many proxies inherit: one is made for each frontend or backend that comes by."""
        shared = [a if self._inherited(a) or not isinstance(a, Later) else self._resolve(a, program)
                  for a in self.arguments]  # fmt: skip
        shape = next(a.shape for a in self.arguments if self._inherited(a))
        made: dict[int, Any] = {}

        def run(*values: Any) -> Any:
            ctx = values[-1]
            proxy = ctx.backend if shape == "backend" else ctx.frontend
            if proxy is None:
                return MISS
            closure = made.get(id(proxy))  # proxies live as long as the program
            if closure is None:
                bound = [proxy if isinstance(a, Later) else a for a in shared]
                closure = made[id(proxy)] = self._call(bound, program)
            return closure(*values)

        return run

    @property
    def _noun(self) -> str:
        return "fetch method" if self.word.kind is Kind.FETCH else "converter"

    def _resolve(self, later: Later, program: Any) -> Any:
        owner = self.owner
        assert owner is not None
        home = owner.site.proxy.name if owner.site.proxy is not None else ""
        if program is None:
            raise owner.wrong(f"'{self.text}' refers to a {later.shape} and cannot be used here")
        try:
            return arguments.resolve(later, home, program)
        except LookupError as error:
            raise owner.wrong(f"{error.args[0]} {self.place(later.position)}") from None

    def place(self, position: int) -> str:
        """An argument's place, as messages about things found late say it."""
        assert self.owner is not None
        site = self.owner.site
        criterion = self.owner.criterion
        first = f"ACL keyword '{criterion}'" if criterion else f"sample fetch keyword '{self.owner.fetch.name}'"
        which = first if self.word.kind is Kind.FETCH else f"conversion keyword '{self.name}' for {first}"
        inside = "" if criterion else f" in {_PLACES.get(site.place, f'{site.place} expression')}"
        where = f" in proxy '{site.proxy.name}'" if site.proxy is not None else ""
        return f"arg {position} of {which}{inside}{where}"


# Places whose expressions HAProxy names otherwise in messages.
_PLACES = {
    "log-format": "log-format string",
    "error-log-format": "log-format string",
    "log-format-sd": "log-format-sd string",
    "unique-id-format": "unique-id-format string",
    "balance": "use-server or balance expression",
}


@dataclass(slots=True)
class Expression:
    """A checked expression. `type` is its static type, "any" where it is not known before run time."""

    fetch: Node
    converters: list[Node]
    text: str
    site: Site
    span: Span = NOWHERE
    type: str = ""
    cells: dict[Any, Any] = field(default_factory=dict)
    criterion: str = ""  # the word of an ACL that stands before it

    @property
    def scope(self) -> Scope:
        scope: Scope = self.fetch.word.facts["scope"]
        return scope

    @property
    def nodes(self) -> list[Node]:
        return [self.fetch, *self.converters]

    @property
    def constant(self) -> bool:
        """Whether every evaluation yields the same value."""
        return bool(self.fetch.word.facts.get("constant")) and all(n.word.facts.get("pure") for n in self.converters)

    @property
    def changing(self) -> bool:
        """Whether a value found early may still become another one (data that is still arriving)."""
        changes = self.fetch.word.facts.get("changes")
        return bool(changes(*self.fetch.arguments) if callable(changes) else changes)

    @property
    def reads_raw_bytes(self) -> bool:
        """Whether it looks at bytes as they come, of which nothing is left once a head has been read."""
        return source_of(self.fetch) in _RAW

    def wrong(self, message: str) -> ConfigError:
        return ConfigError(message, self.span)

    def misplaced(self) -> str | None:
        """What the fetch reads, when that does not exist at every point of the site; else None."""
        return None if self.scope.allows(self.site.points) else source_of(self.fetch)

    def compile(self, program: Any = None, trace: Trace | None = None) -> Fetch:
        """closure(ctx) -> value | MISS | WAIT, of the static type (`Typed` where that is "any")."""
        return _chain(_value(self.fetch.make(program), self.fetch, trace), self._steps(program, trace))

    def compile_as(self, target: str, program: Any = None, trace: Trace | None = None) -> Fetch:
        """closure(ctx) -> value of type `target` | MISS | WAIT. ConfigError when the types do not fit."""
        steps = [*self._steps(program, trace), *_cast_step(self.final_cast(target))]
        return _chain(_value(self.fetch.make(program), self.fetch, trace), steps)

    def final_cast(self, target: str) -> casts.Cast:
        cast = casts.find(self.type, target)
        if cast is None:
            raise self.wrong(f"expression '{self.text}' of type {self.type} cannot be used as {target}")
        return cast

    def compile_each(self, target: str, program: Any = None, trace: Trace | None = None) -> Any:
        """For ACLs: (closure(ctx) -> occurrences | WAIT, steps) where the fetch has several, else None."""
        made = self.fetch.make(program)
        if not isinstance(made, Occurrences):
            return None
        steps = [*self._steps(program, trace), *_cast_step(self.final_cast(target))]
        return made.each, steps

    def text_steps(self, program: Any = None) -> list[Step]:
        """The converters alone, for `apply` to a text that is no sample; what they make is cast to bytes."""
        return [*self._steps(program, None), *_cast_step(self.final_cast("bin"))]

    def _steps(self, program: Any, trace: Trace | None) -> list[Step]:
        steps: list[Step] = []
        for node in self.converters:
            convert = node.make(program)
            step = _with_cast(convert, node.cast)
            steps.append(step if trace is None else _traced_step(step, node, trace))
        return steps


def _value(made: Any, node: Node, trace: Trace | None) -> Fetch:
    read: Fetch = made.value if isinstance(made, Occurrences) else made
    if trace is None:
        return read

    def traced(ctx: Any) -> Any:
        value = read(ctx)
        trace(node, value)
        return value

    return traced


def _traced_step(step: Step, node: Node, trace: Trace) -> Step:
    def traced(value: Any, ctx: Any) -> Any:
        result = step(value, ctx)
        trace(node, result)
        return result

    return traced


def _cast_step(cast: casts.Cast) -> list[Step]:
    if cast is casts.IDENTITY:
        return []
    convert = cast.convert
    return [lambda value, ctx: convert(value)]


def _with_cast(convert: Step, cast: casts.Cast) -> Step:
    if cast is casts.IDENTITY:
        return convert
    prepare = cast.convert
    if not cast.fallible:
        return lambda value, ctx: convert(prepare(value), ctx)

    def checked(value: Any, ctx: Any) -> Any:
        value = prepare(value)
        return value if value.__class__ is Absent else convert(value, ctx)

    return checked


def _chain(read: Fetch, steps: list[Step]) -> Fetch:
    """fetch, then steps, stopping at the first absence. Short chains are written out: no loop at run time."""
    if not steps:
        return read
    if len(steps) == 1:
        (only,) = steps

        def one(ctx: Any) -> Any:
            value = read(ctx)
            return value if value.__class__ is Absent else only(value, ctx)

        return one
    if len(steps) == 2:
        first, second = steps

        def two(ctx: Any) -> Any:
            value = read(ctx)
            if value.__class__ is Absent:
                return value
            value = first(value, ctx)
            return value if value.__class__ is Absent else second(value, ctx)

        return two
    chain = tuple(steps)

    def many(ctx: Any) -> Any:
        value = read(ctx)
        for step in chain:
            if value.__class__ is Absent:
                return value
            value = step(value, ctx)
        return value

    return many


def apply(steps: list[Step], value: Any, ctx: Any) -> Any:
    """Runs the steps of a chain on one occurrence."""
    for step in steps:
        value = step(value, ctx)
        if value.__class__ is Absent:
            return value
    return value


# What fetches read, as messages name it (observed): by first letters of the name, else by window.
_BUFFERS = (
    ("response buffer", ("res.len", "res.payload", "res.ssl", "rep_ssl")),
    (
        "request buffer",
        ("req.len", "req_len", "req.payload", "req.ssl", "req_ssl", "req.rdp", "rdp_", "req_rdp", "payload"),
    ),
    ("server address", ("bc_src", "bc_dst")),
)
_RAW = ("request buffer", "response buffer")
_SOURCES = {
    Scope.INTERNAL: "internal state",
    Scope.CLIENT: "client-side connection",
    Scope.CLIENT_STREAM: "listener",
    Scope.SESSION: "client-side connection",
    Scope.REQUEST_DATA: "HTTP request headers",
    Scope.REQUEST_INFO: "HTTP request",
    Scope.REQUEST_VARS: "HTTP request headers,HTTP response headers",
    Scope.BACKEND: "backend",
    Scope.SERVER: "server",
    Scope.SERVER_CONNECTION: "server",
    Scope.RESPONSE_DATA: "HTTP response headers",
    Scope.RESPONSE_INFO: "HTTP response",
}


def source_of(node: Node) -> str:
    """The data that a fetch needs, in HAProxy's words; a fetch may declare its own with `source=`."""
    declared = node.word.facts.get("source")
    if declared:
        return str(declared)
    for source, beginnings in _BUFFERS:
        if node.name.startswith(beginnings):
            return source
    if node.name == "res.ver":
        return "HTTP response headers"
    if node.name.startswith("ssl_bc"):
        return "server-side connection"
    return _SOURCES.get(node.word.facts["scope"], "internal state")


def parse(words: Words, site: Site) -> Expression:
    """Takes one expression from the line: a word, and the words behind it that are converters (the old spelling).

    A fetch that cannot be read at the site is an error; conditions and formats decide on their own.
    """
    expression = take(words, site)
    source = expression.misplaced()
    if source is not None:
        raise expression.wrong(
            f"fetch method '{expression.text}' extracts information from '{source}', none of which is available here"
        )
    return expression


def take(words: Words, site: Site) -> Expression:
    """`parse` without the look at the place."""
    span = words.span
    text = words.peek() or ""
    if not text:
        raise ConfigError("missing fetch method", span)
    words.next()
    expression, end = parse_text(text, 0, site, span)
    rest = text[end:]
    if rest:
        raise expression.wrong(f"missing comma after {_last_noun(expression)} '{expression.nodes[-1].name}'")
    add_following(expression, words)
    return expression


def add_following(expression: Expression, words: Words) -> None:
    """Takes the next words of the line into the expression as long as they are converters."""
    while (following := words.peek()) is not None and _is_converter(following):
        words.next()
        add_converters(expression, following, words.last_span)


def _last_noun(expression: Expression) -> str:
    return "converter" if expression.converters else "fetch keyword"


def _is_converter(text: str) -> bool:
    found = _name(text)
    return found is not None and registry.find(Kind.CONVERTER, found[0]) is not None


def add_converters(expression: Expression, text: str, span: Span) -> None:
    """Appends the converters of another word to an expression."""
    offset = len(expression.text) + 1
    end = _converters(expression, text, 0, span, _name, offset)
    if end < len(text):
        raise ConfigError(f"missing comma after converter '{expression.nodes[-1].name}'", span)
    expression.text = f"{expression.text},{text}"


def parse_text(text: str, at: int, site: Site, span: Span, *, in_format: bool = False) -> tuple[Expression, int]:
    """Parses an expression that begins at `at`; returns it with the index of what follows (a format's `]`)."""
    find_name = _name_in_format if in_format else _name
    found = find_name(text, at)
    name = found[0] if found else ""
    if not name:
        raise ConfigError("missing fetch method", span)
    word = registry.find(Kind.FETCH, name)
    if word is None:
        near = nearest(name, registry.names(Kind.FETCH))
        raise ConfigError(f"unknown fetch method '{name}'", span, f"did you mean '{near}' ?" if near else "")
    try:
        bound, end = arguments.take(text, at + len(name), word.facts.get("args", ()))
    except arguments.BadArgument as error:
        raise ConfigError(f"fetch method '{name}' : {error.message}", span) from None
    node = Node(word, name, _check(bound, word, name, "fetch method", site, span), at, end)
    node.out = word.facts["out"]
    expression = Expression(node, [], text, site, span, node.out)
    node.owner = expression
    _made(node)
    end = _converters(expression, text, end, span, find_name, 0)
    expression.text = text[at:end]
    for each in expression.nodes:
        each.start -= at
        each.end -= at
    return expression, end


def _check(bound: list[Any], word: Word, name: str, noun: str, site: Site, span: Span) -> list[Any]:
    try:
        return arguments.check(bound, word.facts.get("args", ()), site)
    except ValueError as error:
        raise ConfigError(f"invalid args in {noun} '{name}' : {error}", span) from None


def _made(node: Node) -> None:
    """Runs the factory while parsing, so that its complaints belong to the line; what needs the program is noted."""
    owner = node.owner
    assert owner is not None
    owner.site.config.use(node.word, owner.span)
    if node.waits:
        wanted.note(node)
    else:
        node.make(None)


def _converters(expression: Expression, text: str, at: int, span: Span, find_name: Any, offset: int) -> int:
    """Takes `,name(args)` as long as there are any; a first name may stand without its comma (a new word)."""
    first = at == 0
    while at < len(text) and (first or text[at] == ","):
        if not first:
            at += 1
        first = False
        found = find_name(text, at)
        name = found[0] if found else ""
        if not name:
            if text[at : at + 1] not in ("", ","):
                raise ConfigError("unknown converter ''", span)
            continue  # `a,,b` and a comma at the end are accepted
        at = _converter(expression, text, at, name, span, offset)
    return at


def _converter(expression: Expression, text: str, at: int, name: str, span: Span, offset: int) -> int:
    word = registry.find(Kind.CONVERTER, name)
    if word is None:
        near = nearest(name, registry.names(Kind.CONVERTER))
        raise ConfigError(f"unknown converter '{name}'", span, f"did you mean '{near}' ?" if near else "")
    takes, out = word.facts["takes"], word.facts["out"]
    cast = casts.find(expression.type, takes)
    if cast is None:
        raise ConfigError(f"converter '{name}' cannot be applied", span)
    try:
        bound, end = arguments.take(text, at + len(name), word.facts.get("args", ()))
    except arguments.BadArgument as error:
        raise ConfigError(f"invalid arg {error.position} in converter '{name}' : {error.message}", span) from None
    node = Node(word, name, _check(bound, word, name, "converter", expression.site, span), at + offset, end + offset)
    node.owner, node.takes, node.cast = expression, takes, cast
    node.out = expression.type = (expression.type if takes == "same" else takes) if out == "same" else out
    expression.converters.append(node)
    _made(node)
    return end
