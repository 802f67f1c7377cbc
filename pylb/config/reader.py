"""Configuration files -> Configuration: the only door from text to records.

    files -> lines -> words (lexer) -> conditional blocks -> sections -> keyword factories of the registry

Promises: no text raises; every problem of a load is in `configuration.report`, in order; a line that is wrong is
skipped and reading goes on; the text itself is kept (`configuration.sources`), byte for byte. The room knows no
keyword: what a section or a keyword means is beside its declaration.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from pathlib import Path

from pylb import registry
from pylb.config import blocks, lexer, misplaced
from pylb.config.conditions import HAPROXY_BRANCH, HAPROXY_VERSION
from pylb.config.environment import PREDEFINED
from pylb.config.model import Configuration, Record, SourceFile
from pylb.config.words import Line
from pylb.errors import ConfigError, Report, Severity, Span, did_you_mean
from pylb.registry import Kind, Status, Word

MAX_NAME_WORDS = 3
_NO_SCOPE = re.compile(r"[^A-Za-z0-9_.:-]")
_AFTER_SCOPE = re.compile(r"[ \t]*([^#\r]?)")
Seen = Callable[[list[str], bool], None]


def load(
    paths: Iterable[str],
    *,
    environment: MutableMapping[str, str] | None = None,
    report: Report | None = None,
    seen: Seen | None = None,
) -> Configuration:
    """Reads files, and of directories every `*.cfg` in order of name, as one configuration.

    `environment` is what `$NAME` sees and `setenv` changes: the process's own unless another mapping is given.
    `seen` is called with the words of each statement that counts, and whether it opens a section.
    """
    reader = Reader(os.environ if environment is None else environment, report, seen)
    files = [file for path in paths for file in _expand(path, reader.config.report)]
    reader.announce(files)
    for file in files:
        try:
            data = Path(file).read_bytes()
        except OSError as error:
            reader.config.report.alert(f"Could not open configuration file {file} : {error.strerror}")
        else:
            reader.read(file, data)
    return reader.finish()


def parse_text(
    text: str | bytes,
    name: str = "test.cfg",
    *,
    environment: MutableMapping[str, str] | None = None,
    report: Report | None = None,
) -> Configuration:
    """Reads one text as if it were the file `name`."""
    reader = Reader({} if environment is None else environment, report)
    reader.announce([name])
    reader.read(name, text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape"))
    return reader.finish()


def _expand(path: str, report: Report) -> list[str]:
    if not os.path.isdir(path):
        return [path]
    try:
        names = sorted(os.listdir(path))
    except OSError as error:
        report.alert(f"Cannot open configuration file/directory {path} : {error.strerror}")
        return []
    chosen = [os.path.join(path, name) for name in names if name.endswith(".cfg") and not name.startswith(".")]
    return [file for file in chosen if os.path.isfile(file)]


class Reader:
    """State of one load: the open section, the conditional blocks, the environment."""

    def __init__(
        self, environment: MutableMapping[str, str], report: Report | None = None, seen: Seen | None = None
    ) -> None:
        self.config = Configuration(report)
        self.seen = seen
        self.files: list[str] = []
        self.late = False  # a section that should follow `global` has been opened in this file
        self.environment = self.config.environment = environment
        self.place = ""  # section word of the open section
        self.record: Record | None = None
        self.file = ""
        self.number = 0
        self.blocks = blocks.Blocks(self.config.report, environment)
        self.lookup = self.variable  # one bound method for all lines
        self.sections = registry.table(Kind.SECTION)
        self.ordinary: Mapping[str, Word] = {}  # of the open section; see `ordinary_words`
        self.ordinary_of: dict[str, Mapping[str, Word]] = {}

    def announce(self, files: list[str]) -> None:
        """Sets the variables that HAProxy defines for its configuration."""
        self.files = files
        self.environment.pop("HAPROXY_CFGFILES", None)  # not known while the files are read
        self.environment.update(PREDEFINED)
        self.environment["HAPROXY_BRANCH"] = HAPROXY_BRANCH
        self.environment.setdefault("HAPROXY_STARTUP_VERSION", HAPROXY_VERSION)
        if "HAPROXY_LOCALPEER" not in self.environment:
            self.environment["HAPROXY_LOCALPEER"] = os.uname().nodename

    def variable(self, name: str) -> str | None:
        """Value of `$name`, pseudo-variables included."""
        if name.startswith("."):
            record = self.record
            values = {".FILE": self.file, ".LINE": str(self.number), ".SECTION": record.name if record else ""}
            if name == ".SECTION" and not values[name]:
                return self.place
            return values.get(name)
        return self.environment.get(name)

    def read(self, name: str, data: bytes) -> None:
        """Reads one file; a section never continues in the next one."""
        source = SourceFile(name, lexer.from_bytes(data).split("\n"))
        self.config.sources.append(source)
        self.file = name
        self.place, self.record, self.ordinary = "", None, {}
        self.late = False
        for number, text in enumerate(source.lines, 1):
            if text:
                self.number = number
                self.line(text)
        last = source.lines[-1]
        if last:
            position = len(last.encode("utf-8", "surrogateescape")) + 1
            self.config.report.alert(
                f"Missing LF on last line, file might have been truncated at position {position}.",
                Span(name, len(source.lines), len(last), len(last) + 1, last),
            )
        self.blocks.end(Span(name, len(source.lines) - (not last)))

    def line(self, text: str) -> None:
        plain = lexer.plain(text)
        if plain and plain[0] in self.ordinary and self.seen is None and self.blocks.active:
            self.ordinary_line(self.ordinary[plain[0]], plain, text)
            return
        if plain is not None and not (plain and plain[0][0] == "["):
            if plain:
                self.words(plain, lexer.Spans(self.file, self.number, text))
            return
        if text.lstrip(" \t").startswith("["):
            self.scope(text)
            return
        words, edges, error = lexer.split(text, self.lookup)
        if error is not None:
            if error.position < 0:
                self.config.report.alert(error.message, Span(self.file, self.number, text=text))
            else:  # the message shows the line itself
                self.config.report.alert(error.shown(text), Span(self.file, self.number, error.position))
            return
        if not words:
            return
        self.words(words, lexer.Spans(self.file, self.number, text, edges))

    def ordinary_line(self, word: Word, words: list[str], text: str) -> None:
        """What `words`, `statement` and `dispatch` come to for most lines, in one step."""
        line = Line(words, lexer.Spans(self.file, self.number, text), self.config, self.record, self.place)
        line.name = words[0]
        try:
            run(word, line)
        except ConfigError as error:
            self.config.report.error(error, line.span)

    def scope(self, text: str) -> None:
        """`[name]` on a line of its own, before anything else is looked at, begins a scope. Scopes are for files of
        filters, where they choose an engine; here they change nothing."""
        begin, end = text.index("[") + 1, text.find("]")
        odd = _NO_SCOPE.search(text, begin, max(begin, end))
        rest = _AFTER_SCOPE.match(text, end + 1)
        assert rest is not None
        if end <= begin:
            at, message = begin, "empty scope name is forbidden."
        elif odd is not None:
            at, message = odd.start(), f"character '{odd[0]}' is not permitted in a scope name."
        elif rest[1]:
            at, message = rest.start(1), f"character '{rest[1]}' is not permitted after scope declaration."
        else:
            return
        self.config.report.alert(message, Span(self.file, self.number, at, at + 1, text))

    def words(self, words: list[str], spans: lexer.Spans) -> None:
        if words[0][:1] == ".":
            self.blocks.directive(words, spans)
        elif self.blocks.active:
            self.statement(words, spans)

    def statement(self, words: list[str], spans: lexer.Spans) -> None:
        """One line of a section, or one that opens a section."""
        if "" in words:
            # An empty word ends the arguments, as in HAProxy; nothing at all is no statement.
            cut = words.index("")
            if cut < len(words) - 1 and cut:
                self.config.report.notice(
                    f"argument number {cut} is empty and ends the line: '{words[cut + 1]}' is ignored.",
                    spans[cut],
                )
            words, spans = words[:cut], lexer.Spans(spans.file, spans.line, spans.text, spans.edges[:cut])
            if not words:
                return
        section = self.sections.get(words[0])
        if self.seen is not None:
            self.seen(words, section is not None)
        if section is not None:
            self.open(section, Line(words, spans, self.config, None, words[0]))
            return
        prefix = words[0]
        if prefix in ("no", "default"):
            words, spans = (
                words[1:] or [""],
                lexer.Spans(spans.file, spans.line, spans.text, spans.edges[1:] or spans.edges),
            )
        line = Line(words, spans, self.config, self.record, self.place)
        line.negated, line.reset = prefix == "no", prefix == "default"
        try:
            self.dispatch(line)
        except ConfigError as error:
            self.config.report.error(error, line.span)

    def open(self, section: Word, line: Line) -> None:
        line.name = self.place = place = line.words[0]
        ordinary = self.ordinary_of.get(place)
        if ordinary is None:
            ordinary = self.ordinary_of[place] = ordinary_words(place)
        self.ordinary = ordinary
        # Lines of a section whose header is wrong are still checked, against a record that belongs to nothing.
        self.record = Record(self.place, line.words[1] if len(line.words) > 1 else "", line.span)
        self.config.use(section, line.span)
        if not section.facts.get("first"):
            self.late = True
        elif self.late:
            self.config.report.diag(
                f"{self.place} section detected after a non-{self.place} one, the prevalence of their statements is "
                "unspecified",
                line.span,
            )
        try:
            self.record = section.factory(line)
        except ConfigError as error:
            self.config.report.error(error, line.span)
            orphan = section.facts.get("orphan")
            if orphan is not None:
                self.record = orphan(line)

    def dispatch(self, line: Line) -> None:
        if not self.place:
            raise ConfigError(f"unknown keyword '{line.words[0]}' out of section.", line.span, _section_hint(line))
        word = find_keyword(line)
        if word is not None:
            misplaced.check_anonymous(line)
            run(word, line)
            return
        if (line.negated or line.reset) and line.words[0] not in NEGATABLE:
            self.config.report.alert(NEGATION, line.span)
        misplaced.judge(line, MAX_NAME_WORDS)

    def finish(self) -> Configuration:
        """Adds what can only be said at the end, and gives the result."""
        self.environment["HAPROXY_CFGFILES"] = ";".join(self.files)
        for name in PREDEFINED:
            self.environment.pop(name, None)
        for tail in self.config.tails.values():
            for use in tail.uses:
                use.count += tail.again
        self.config.tails.clear()
        self.config.pieces.clear()
        announce_inert(self.config)
        return self.config


def ordinary_words(place: str) -> dict[str, Word]:
    """The keywords of a section that the first word of a line alone decides: no longer name starts with it, no section
    has its name, and nothing else is asked of such a line."""
    if place == "defaults":
        return {}  # misplaced.check_anonymous
    sections, longest = registry.table(Kind.SECTION), registry.longest(Kind.KEYWORD, place)
    special = ("no", "default")
    return {
        name: word
        for name, word in registry.table(Kind.KEYWORD, place).items()
        if " " not in name and longest.get(name, 1) == 1 and name not in sections and name not in special
    }


def find_keyword(line: Line) -> Word | None:
    """The registered word that the line starts with, the longest name first; sets `line.name`."""
    words = line.words
    table, longest = _tables_of(line.place)
    name = words[0]
    for count in range(min(longest.get(name, 0), MAX_NAME_WORDS, len(words)), 1, -1):
        several = " ".join(words[:count])
        if several in table:
            line.name = several
            return table[several]
    word = table.get(name)
    if word is not None:
        line.name = name
    return word


@functools.cache
def _tables_of(place: str) -> tuple[Mapping[str, Word], Mapping[str, int]]:
    return registry.table(Kind.KEYWORD, place), registry.longest(Kind.KEYWORD, place)


NEGATION = (
    "negation/default currently supported only for options, log, busy-polling, set-dumpable, strict-limits, "
    "insecure-fork-wanted and numa-cpu-mapping."
)
NEGATABLE = frozenset(
    ("option", "log", "busy-polling", "set-dumpable", "strict-limits", "insecure-fork-wanted", "numa-cpu-mapping")
)


def run(word: Word, line: Line) -> None:
    """Checks prefix and arity, then lets the keyword parse its line."""
    if (line.negated or line.reset) and not word.facts.get("negatable"):
        kind, _, name = line.name.partition(" ")
        if kind == "option" and name:
            raise ConfigError(f"negation/default is not supported for option '{name}'.", line.span)
        raise ConfigError(NEGATION, line.span)
    if line.reset and word.facts.get("negatable") == "no":
        raise ConfigError(f"'{line.name}' cannot handle unexpected argument '{line.name}'.", line.span)
    if "arity" in word.facts:
        check_arity(word, line)
    known = line.config.used.get(id(word))
    if known is None:
        line.config.use(word, line.span)
    else:
        known.count += 1
    word.factory(line)


def check_arity(word: Word, line: Line) -> None:
    """Compares the number of arguments with the word's `arity`; `expects` is its sentence for too few."""
    arity = word.facts.get("arity")
    if arity is None:
        return
    low, high = arity
    first = line.name.count(" ") + 1
    count = len(line.words) - first
    if high is not None and count > high:
        surplus = first + high
        raise ConfigError(
            f"'{line.name}' cannot handle unexpected argument '{line.words[surplus]}'.", line.spans[surplus]
        )
    if count < low:
        expects = word.facts.get("expects")
        raise ConfigError(expects or f"'{line.name}' expects {word.usage or f'{low} arguments'}.", line.span)


def run_as(line: Line, words: list[str], spans: Sequence[Span] | None = None) -> None:
    """Runs other words in the place of `line`: how old spellings reach today's keywords."""
    other = Line(words, spans if spans is not None else [line.span] * len(words), line.config, line.record, line.place)
    word = find_keyword(other)
    if word is None:
        raise ConfigError(f"unknown keyword '{words[0]}' in '{line.place}' section", line.span)
    run(word, other)


def _section_hint(line: Line) -> str:
    near = did_you_mean(line.words[0], registry.names(Kind.SECTION))
    return near.lstrip("; ") if near else ""


def in_inert_section(word: Word) -> bool:
    """Whether a word stands only in sections that have no effect themselves."""
    sections = [registry.find(Kind.SECTION, place) for place in word.places] if word.kind is Kind.KEYWORD else []
    return bool(sections) and all(section is not None and section.status.inert for section in sections)


def announce_inert(config: Configuration) -> None:
    """One notice for every word that is understood but not acted upon, one diagnostic for partial ones."""
    meanings = {
        Status.HARMLESS: (Severity.NOTICE, "is understood but has no effect yet"),
        Status.UNSAFE: (Severity.NOTICE, "is understood but not enforced yet: starting needs --allow-inert"),
        Status.PARTIAL: (Severity.DIAG, "works in part"),
    }
    for status, (severity, meaning) in meanings.items():
        for use in config.inert(status):
            word = use.word
            if status is Status.HARMLESS and in_inert_section(word):
                continue  # the notice about the section says it all
            times = f" ({use.count} uses, the first here)" if use.count > 1 else ""
            note = f" ({word.note})" if word.note else ""
            emit = config.report.notice if severity is Severity.NOTICE else config.report.diag
            emit(f"'{word.name}' {meaning}{note}{times}.", use.span)
