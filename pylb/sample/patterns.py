"""Patterns of one ACL expression: flags, match method, operators and files, and the closure that tests a value.

    [-i] [-n] [-u <id>] [-m <method>] [-M] [-f <file>]... [--] <pattern>...

A `PatternList` is what the text says. `tester()` picks the cheapest closure for it: a set, `startswith` of a tuple, one
comparison, or an index; patterns from files always go through the index of their `Reference`, which can change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pylb.config.words import to_bytes
from pylb.errors import ConfigError, Span
from pylb.registry import Kind, declare
from pylb.sample import indexes, references, regexes
from pylb.sample.indexes import Range, parse_range

if TYPE_CHECKING:
    from pylb.config.words import Words
    from pylb.sample.site import Site

Test = Callable[[Any], bool]

# Match method -> the type to which the sample is cast, and the manual's sentence.
METHODS: Final[dict[str, tuple[str, str]]] = {
    "found": ("", "True when the sample exists, whatever its value; takes no pattern."),
    "bool": ("bool", "True when the sample is true or not zero; takes no pattern."),
    "int": (
        "int",
        "Integer equal to a value, within a range `low:high`, or as `eq ge gt le lt` before the values say.",
    ),
    "len": ("str", "Length of the sample, as integers are matched."),
    "ip": ("addr", "Address within a network: `address`, `address/bits`, `address/mask`."),
    "bin": ("bin", "The sample's bytes are those of a hexadecimal pattern."),
    "str": ("str", "The sample is exactly the pattern."),
    "beg": ("str", "The sample begins with the pattern."),
    "end": ("str", "The sample ends with the pattern."),
    "sub": ("str", "The sample contains the pattern."),
    "dir": ("str", "The pattern is one or several whole components between slashes."),
    "dom": ("str", "The pattern is one or several whole labels between dots, colons, slashes and question marks."),
    "reg": ("str", "The regular expression (PCRE2) is found in the sample."),
}
for _method, (_type, _doc) in METHODS.items():
    declare(Kind.MATCH, _method, indexes.METHODS.get(_method, object), doc=_doc, takes=_type, usage=f"-m {_method}")

# The method that a type implies; what is not here needs -m.
DEFAULTS: Final = {
    "bool": "bool",
    "int": "int",
    "addr": "ip",
    "ipv4": "ip",
    "ipv6": "ip",
    "str": "str",
    "meth": "str",
}
OPERATORS: Final = ("eq", "ge", "gt", "le", "lt")
_SCAN = 8  # up to so many patterns, trying one after the other beats any index


@dataclass(slots=True)
class Pattern:
    """One pattern: its text, its span, and whether -i stood before it. `range` is set for integers."""

    text: bytes
    span: Span
    ignore_case: bool = False
    range: Range | None = None


@dataclass(slots=True)
class File:
    """One `-f`: the reference and how this list reads it."""

    reference: references.Reference
    ignore_case: bool
    index: indexes.Index


@dataclass(slots=True)
class PatternList:
    """The patterns of one ACL expression; `method` is a name of METHODS."""

    method: str
    patterns: list[Pattern] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    dotted: bool = False
    number: int = -1  # -u
    ended: bool = False  # `--` stood there: an empty list is meant

    @property
    def takes(self) -> str:
        """Type to which the sample is cast; "" where it is not looked at."""
        return METHODS[self.method][0]

    @property
    def empty(self) -> bool:
        return not self.patterns and not self.files and self.method not in ("found", "bool")

    def texts(self, ignore_case: bool) -> list[bytes]:
        return [p.text.lower() if ignore_case else p.text for p in self.patterns if p.ignore_case is ignore_case]

    def single_case(self) -> bool | None:
        """The -i of all patterns where they agree and no file is there; else None."""
        cases = {pattern.ignore_case for pattern in self.patterns}
        return None if self.files or len(cases) != 1 else cases.pop()

    def tester(self) -> Test:
        """closure(value) -> bool; the value has been cast to `takes`."""
        if self.method == "found":
            return lambda value: True
        if self.method == "bool":
            return bool
        tests = [self._inline(case) for case in (False, True) if self.texts(case)]
        tests += [_finding(file.index) for file in self.files]
        if not tests:
            return lambda value: False
        if len(tests) == 1:
            return tests[0]
        alternatives = tuple(tests)

        def any_of(value: Any) -> bool:
            for test in alternatives:  # noqa: SIM110 - any() makes a generator per evaluation
                if test(value):
                    return True
            return False

        return any_of

    def _inline(self, ignore_case: bool) -> Test:
        small = _SMALL.get(self.method)
        texts = self.texts(ignore_case)
        if small is not None and (len(texts) <= _SCAN or self.method in ("str", "beg", "end")):
            return small(texts, ignore_case)
        index = _index(self.method, self.dotted, ignore_case)
        for pattern in self.patterns:
            if pattern.ignore_case is not ignore_case:
                continue
            if isinstance(index, indexes.Integers):
                assert pattern.range is not None
                index.add_range(pattern.range, True)
            else:
                if isinstance(index, indexes.Addresses):
                    index.by_name = True  # parsed before: the answer is the C library's again
                index.add(pattern.text, True)
        if isinstance(index, indexes.Addresses):
            return _networks(index)
        if self.method == "int":
            return _integers(index)
        return _finding(index)


def _index(method: str, dotted: bool, ignore_case: bool) -> indexes.Index:
    return indexes.Dotted(ignore_case) if dotted else indexes.METHODS[method](ignore_case)


def _finding(index: indexes.Index) -> Test:
    find = index.find
    return lambda value: find(value) is not None


def _networks(index: indexes.Addresses) -> Test:
    """Networks that do not change: IPv4 samples against IPv4 networks without a further call."""
    if index.v6 or index.odd:
        return _finding(index)
    find = index.find
    tables = tuple((shift, frozenset(table)) for shift, table in index.v4.items())

    def within(value: bytes) -> bool:
        if len(value) != 4:
            return find(value) is not None
        number = int.from_bytes(value, "big")
        for shift, prefixes in tables:  # noqa: SIM110 - any() makes a generator per evaluation
            if number >> shift in prefixes:
                return True
        return False

    return within


def _integers(index: indexes.Index) -> Test:
    assert isinstance(index, indexes.Integers)
    if not index.ranges:
        exact = index.exact
        return lambda value: value in exact
    if len(index.ranges) == 1 and not index.exact:
        (low, high), _ = index.ranges[0]
        if high is None and low is not None:
            least = low
            return lambda value: value >= least
        if low is None and high is not None:
            most = high
            return lambda value: value <= most
        if low is not None and high is not None:
            bottom, top = low, high
            return lambda value: bottom <= value <= top
    return _finding(index)


def _equals(texts: list[bytes], ignore_case: bool) -> Test:
    if len(texts) == 1:
        (only,) = texts
        if ignore_case:
            return lambda value: value.lower() == only
        return lambda value: value == only
    several = frozenset(texts)
    if ignore_case:
        return lambda value: value.lower() in several
    return lambda value: value in several


def _begins(texts: list[bytes], ignore_case: bool) -> Test:
    prefixes = tuple(texts)
    if len(prefixes) > 50:  # startswith tries them in turn; the index looks up one slice per length
        return _indexed("beg", texts, ignore_case)
    if ignore_case:
        return lambda value: value.lower().startswith(prefixes)
    return lambda value: value.startswith(prefixes)


def _ends(texts: list[bytes], ignore_case: bool) -> Test:
    suffixes = tuple(texts)
    if len(suffixes) > 50:
        return _indexed("end", texts, ignore_case)
    if ignore_case:
        return lambda value: value.lower().endswith(suffixes)
    return lambda value: value.endswith(suffixes)


def _contains(texts: list[bytes], ignore_case: bool) -> Test:
    if len(texts) == 1:
        (only,) = texts
        if ignore_case:
            return lambda value: only in value.lower()
        return lambda value: only in value
    parts = tuple(texts)

    def contains(value: bytes) -> bool:
        if ignore_case:
            value = value.lower()
        for part in parts:  # noqa: SIM110 - any() makes a generator per evaluation
            if part in value:
                return True
        return False

    return contains


def _indexed(method: str, texts: list[bytes], ignore_case: bool) -> Test:
    index = indexes.METHODS[method](ignore_case)
    for text in texts:
        index.add(text, True)
    return _finding(index)


def _searches(texts: list[bytes], ignore_case: bool) -> Test:
    searches = [regexes.compile_pattern(text, ignore_case=ignore_case).search for text in texts]
    if len(searches) == 1:
        (only,) = searches
        return lambda value: only(value) is not None
    several = tuple(searches)

    def search(value: bytes) -> bool:
        for look in several:  # noqa: SIM110 - any() makes a generator per evaluation
            if look(value):
                return True
        return False

    return search


_SMALL: Final[dict[str, Callable[[list[bytes], bool], Test]]] = {
    "str": _equals,
    "beg": _begins,
    "end": _ends,
    "sub": _contains,
}


def parse(
    words: Words, type_: str, implied: str, site: Site, fetch: str, *, closing: bool, dotted: bool
) -> PatternList:
    """Takes flags and patterns up to the end of the line, or up to `}` when `closing`.

    `implied` is the method of an ACL keyword (hdr_beg ...), "" without one; `type_` the sample's static type.
    """
    flags = _Flags(words, implied or DEFAULTS.get(type_, ""), site, fetch, closing)
    flags.take()
    result = flags.result(dotted)
    if result.method in ("int", "len"):
        _take_integers(words, result, flags, closing)
    else:
        if type_ == "meth" and not flags.chosen:
            flags.ignore_case = False  # methods are case-sensitive whatever the flags say (observed)
        while not _over(words, closing):
            result.patterns.append(_pattern(words, result.method, flags))
    if not closing:
        words.rest()
    return result


def _over(words: Words, closing: bool) -> bool:
    """At the end of the patterns; an empty word ends them too (observed)."""
    return words.end or not words.peek() or (closing and words.peek() == "}")


class _Flags:
    """The flags before the patterns. State of one parse."""

    def __init__(self, words: Words, method: str, site: Site, fetch: str, closing: bool) -> None:
        self.words = words
        self.method = method
        self.site = site
        self.fetch = fetch
        self.closing = closing
        self.ignore_case = False
        self.by_name = True
        self.as_map = False
        self.number = -1
        self.ended = False
        self.chosen = False
        self.files: list[tuple[str, bool, bool, Span]] = []

    def take(self) -> None:
        words = self.words
        while (word := words.peek()) is not None and word.startswith("-") and not (self.closing and word == "}"):
            if word not in _FLAGS:
                # A lone "-" and negative numbers are no flags either: they need `--` before them.
                words.next()
                words.fail(
                    f"'{word}' is not a valid ACL option. Please use '--' before any pattern beginning with a '-'"
                )
            words.next()
            if word == "--":
                self.ended = True
                return
            _FLAGS[word](self)

    def _argument(self) -> str:
        return "" if _over(self.words, self.closing) else self.words.next()

    def case(self) -> None:
        self.ignore_case = True

    def no_names(self) -> None:
        self.by_name = False

    def map_file(self) -> None:
        self.as_map = True

    def identity(self) -> None:
        if self.words.end:
            return  # as HAProxy takes it
        text = self._argument()
        if not text.isdecimal():
            self.words.fail("the argument of -u must be an integer")
        self.number = int(text)

    def choose(self) -> None:
        if self.files:
            self.words.fail("'-m' must only be specified before patterns and files in parsing ACL expression")
        name = self._argument()
        if name not in METHODS:
            self.words.fail(f"unknown matching method '{name}' when parsing ACL expression")
        self.method = name
        self.chosen = True

    def file(self) -> None:
        self.files.append((self._argument(), self.ignore_case, self.as_map, self.words.last_span))

    def result(self, dotted: bool) -> PatternList:
        if not self.method:
            self.words.fail(
                "matching method must be specified first (using '-m') when using a sample fetch of this type "
                f"('{self.fetch}')"
            )
        result = PatternList(self.method, number=self.number, ended=self.ended, dotted=dotted and self.method == "int")
        for path, ignore_case, as_map, span in self.files:
            try:
                known = references.of(self.site.config)
                reference = known.map(path) if as_map else known.list(path)
                method = self.method if self.method in indexes.METHODS else "str"
                index = reference.index(method, ignore_case=ignore_case, by_name=self.by_name)
            except ValueError as error:
                raise ConfigError(str(error), span) from None
            result.files.append(File(reference, ignore_case, index))
        return result


_FLAGS: Final[dict[str, Callable[[_Flags], None]]] = {
    "-i": _Flags.case,
    "-n": _Flags.no_names,
    "-u": _Flags.identity,
    "-m": _Flags.choose,
    "-M": _Flags.map_file,
    "-f": _Flags.file,
    "--": _Flags.case,  # never called: ends the flags
}


def _pattern(words: Words, method: str, flags: _Flags) -> Pattern:
    """One pattern, checked by the method it is for."""
    text = to_bytes(words.next())
    made = Pattern(text, words.last_span, flags.ignore_case)
    if method in indexes.METHODS:
        index = indexes.METHODS[method](flags.ignore_case)
        if isinstance(index, indexes.Addresses):
            index.by_name = flags.by_name
        try:
            index.add(text, True)
        except ValueError as error:
            raise ConfigError(str(error), made.span) from None
    return made


def _take_integers(words: Words, result: PatternList, flags: _Flags, closing: bool) -> None:
    """Integers with operators: an operator holds until the next one (`ge 4 le 2` is "at least 4, or at most 2"), and
    says nothing about ranges (`le 3 5:6` is "at most 3, or 5 to 6")."""
    operator = ""
    while not _over(words, closing):
        word = words.next()
        if word in OPERATORS:
            operator = word
            continue
        try:
            span = parse_range(to_bytes(word), dotted=result.dotted)
        except ValueError as error:
            message = f"'{word}' is neither a number nor a supported operator" if operator else str(error)
            raise ConfigError(message, words.last_span) from None
        if operator and ":" not in word and "-" not in word:
            span = _OPERATIONS[operator](span)
        result.patterns.append(Pattern(to_bytes(word), words.last_span, False, span))


def _least(span: Range) -> int:
    return span.low if span.low is not None else -0x8000000000000000


_OPERATIONS: Final[dict[str, Callable[[Range], Range]]] = {
    "eq": lambda span: span,
    "ge": lambda span: Range(_least(span), None),
    "gt": lambda span: Range(_least(span) + 1, None),
    "le": lambda span: Range(None, _least(span)),
    "lt": lambda span: Range(None, _least(span) - 1),
}
