"""Conditions of `.if`, `.elif` and `-cc` (HAProxy manual, section 2.4).

    condition := term { "||" term }      term := factor { "&&" factor }
    factor    := "!" factor | "(" condition ")" | integer | predicate "(" arguments ")"

Predicates are entered by the decorator below. They answer for what pylb is: `feature(X)` is true when the words that
X stands for work here, and version predicates compare with the HAProxy version whose language pylb speaks.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pylb import registry
from pylb.registry import Kind

HAPROXY_VERSION = "3.5-dev5"
"""The HAProxy version whose configuration language pylb claims to speak (`version_atleast`, HAPROXY_BRANCH)."""
HAPROXY_BRANCH = "3.5"


class ConditionError(ValueError):
    """A condition that cannot be read; `position` is the 0-based index of the character at fault."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(message)
        self.message = message
        self.position = position


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What predicates may look at."""

    environment: Mapping[str, str] = field(default_factory=dict)
    switches: frozenset[str] = frozenset({"EPOLL", "GETADDRINFO", "REUSEPORT"})
    """Run-time switches that are on (`-dR` and friends turn them off)."""


Predicate = Callable[[Surroundings, list[str]], bool]
_predicates: dict[str, tuple[int, Predicate]] = {}


def predicate(name: str, arguments: int) -> Callable[[Predicate], Predicate]:
    """Enters a predicate that takes `arguments` strings."""

    def enter(function: Predicate) -> Predicate:
        _predicates[name] = arguments, function
        return function

    return enter


def evaluate(text: str, surroundings: Surroundings | None = None) -> bool:
    """Truth of a condition; the empty one is false. Raises ConditionError."""
    if not text.strip(" "):
        return False
    reader = _Reader(text, surroundings or Surroundings())
    value = reader.condition()
    reader.skip()
    if reader.at < len(text):
        raise ConditionError(
            f"unexpected character '{text[reader.at]}' at the end of conditional expression '{text}'", reader.at
        )
    return value


_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)")  # as C's strtol() reads them
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Reader:
    """Recursive descent over one condition. Everything is parsed, also behind the term that decides."""

    def __init__(self, text: str, surroundings: Surroundings) -> None:
        self.text = text
        self.surroundings = surroundings
        self.at = 0
        self.depth = 0

    def skip(self) -> None:
        while self.text.startswith(" ", self.at):
            self.at += 1

    def accept(self, token: str) -> bool:
        self.skip()
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def condition(self) -> bool:
        value = self.term()
        while self.accept("||"):
            value = self.term() or value
        return value

    def term(self) -> bool:
        value = self.factor()
        while self.accept("&&"):
            value = self.factor() and value
        return value

    def factor(self) -> bool:
        start, negated = self.at, False
        while self.accept("!"):
            negated = not negated
        self.skip()
        return self.operand(start) is not negated

    def operand(self, start: int) -> bool:
        if self.text.startswith("(", self.at):
            return self.parenthesis()
        number = _INTEGER.match(self.text, self.at)
        if number is not None:
            self.at = number.end()
            return number.group().lstrip("+-0xX") != ""
        word = _WORD.match(self.text, self.at)
        if word is not None and word.group() in _predicates and self.text.startswith("(", word.end()):
            return self.call(word.group(), word.end() + 1, start)
        raise self.unreadable(start)

    def unreadable(self, start: int) -> ConditionError:
        start += len(self.text[start:]) - len(self.text[start:].lstrip(" "))
        # An operator with nothing behind it is blamed itself, as HAProxy does.
        if start >= len(self.text):
            start = max(self.text.rfind("&&"), self.text.rfind("||"), self.text.rfind("!"), 0)
        return ConditionError(f"unparsable conditional expression '{self.text[start:]}'", start)

    def parenthesis(self) -> bool:
        start = self.at
        self.at += 1
        self.depth += 1
        if self.depth > 64:
            raise ConditionError(f"conditional expression nested too deeply in '{self.text}'", start)
        value = self.condition()
        self.depth -= 1
        if not self.accept(")"):
            raise ConditionError(f"expected ')' after conditional expression '{self.text[start:]}'", start)
        return value

    def call(self, name: str, at: int, start: int) -> bool:
        count, function = _predicates[name]
        values, self.at, stop = read_arguments(self.text, at)
        where = f"of predicate '{name}' used in conditional expression"
        if len(values) < count:
            # One empty argument is an argument: defined() asks for the variable "".
            raise ConditionError(
                f"missing arguments (got {len(values)}/{count}), type 'string' expected in argument {len(values)} "
                f"{where}",
                self.at - (stop == ")"),
            )
        if len(values) > count:
            cut = self._cut(at, count)
            raise ConditionError(f"expected ')' before '{self.text[cut:]}' in argument 1 {where}", cut)
        if stop != ")":
            raise ConditionError(f"expected ')' in argument 1 {where}", self.at)
        try:
            return function(self.surroundings, values)
        except LookupError:
            raise self.unreadable(start) from None

    def _cut(self, at: int, count: int) -> int:
        """Where the argument list should have ended."""
        for _ in range(count):
            _, at, stop = read_argument(self.text, at)
            if stop != ",":
                break
        return at - 1 if at > 0 and self.text[at - 1 : at] == "," else at


def read_argument(text: str, at: int) -> tuple[str, int, str]:
    """One argument from `at`: its value without quotes and escapes, the index behind its delimiter, the delimiter."""
    parts: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if char == "\\" and quote != "'" and at + 1 < len(text):
            parts.append(text[at + 1])
            at += 2
            continue
        at += 1
        if quote:
            if char == quote:
                quote = ""
            else:
                parts.append(char)
        elif char in "'\"":
            quote = char
        elif char in ",)":
            return "".join(parts), at, char
        else:
            parts.append(char)
    return "".join(parts), at, ""


def read_arguments(text: str, at: int) -> tuple[list[str], int, str]:
    """All arguments up to the closing parenthesis, the index behind it, and `)` or nothing if it is missing."""
    values: list[str] = []
    stop = ","
    while stop == ",":
        value, at, stop = read_argument(text, at)
        values.append(value)
    return values, at, stop


@predicate("defined", 1)
def defined(here: Surroundings, values: list[str]) -> bool:
    """An environment variable of that name exists."""
    return values[0] in here.environment


@predicate("streq", 2)
def streq(here: Surroundings, values: list[str]) -> bool:
    """Both strings are equal."""
    return values[0] == values[1]


@predicate("strneq", 2)
def strneq(here: Surroundings, values: list[str]) -> bool:
    """The strings differ."""
    return values[0] != values[1]


@predicate("strstr", 2)
def strstr(here: Surroundings, values: list[str]) -> bool:
    """The second string is found in the first."""
    return values[1] in values[0]


@predicate("enabled", 1)
def enabled(here: Surroundings, values: list[str]) -> bool:
    """A run-time switch is on."""
    if values[0] not in SWITCHES:
        raise LookupError(values[0])
    return values[0] in here.switches


SWITCHES = frozenset(
    {
        "POLL",
        "EPOLL",
        "KQUEUE",
        "EVPORTS",
        "SPLICE",
        "GETADDRINFO",
        "REUSEPORT",
        "FAST-FORWARD",
        "SERVER-SSL-VERIFY-NONE",
    }
)


@predicate("version_atleast", 1)
def version_atleast(here: Surroundings, values: list[str]) -> bool:
    """The HAProxy version whose language this is, is that one or newer."""
    return version_key(HAPROXY_VERSION) >= version_key(values[0])


@predicate("version_before", 1)
def version_before(here: Surroundings, values: list[str]) -> bool:
    """The HAProxy version whose language this is, is older than that."""
    return version_key(HAPROXY_VERSION) < version_key(values[0])


_VERSION = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-(dev|rc)([0-9]+))?")
_OPENSSL = re.compile(r"([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([a-z]?)(?![a-z])(-(?:alpha|beta|dev|pre)[0-9]*)?")


def version_key(text: str) -> tuple[int, ...]:
    """Orders versions: 2.4-dev19 < 2.4-rc1 < 2.4.0 = 2.4 < 2.4.1. Text that is no version comes before all."""
    match = _VERSION.match(text)
    if match is None:
        return (0, 0, 0, 0, 0)
    major, minor, patch = (int(group or 0) for group in match.group(1, 2, 3))
    stage = {"dev": -2, "rc": -1, None: 0}[match.group(4)]
    return (major, minor, patch if stage == 0 else -1, stage, int(match.group(5) or 0))


def openssl_key(text: str) -> tuple[int, ...]:
    """Orders OpenSSL versions: 1.1.1-beta < 1.1.1 < 1.1.1a < 3.0.0."""
    match = _OPENSSL.match(text)
    if match is None:
        return (0, 0, 0, 0, 0)
    numbers = (int(group or 0) for group in match.group(1, 2, 3))
    return (*numbers, 0 if match.group(5) else 1, ord(match.group(4)) if match.group(4) else 0)


def _ssl_library() -> tuple[str, str]:
    """Name and version of the TLS library: ("OpenSSL", "3.0.19")."""
    name, _, rest = ssl.OPENSSL_VERSION.partition(" ")
    return name, rest.partition(" ")[0]


@predicate("openssl_version_atleast", 1)
def openssl_version_atleast(here: Surroundings, values: list[str]) -> bool:
    """The OpenSSL library in use is that version or newer."""
    return openssl_key(_ssl_library()[1]) >= openssl_key(values[0])


@predicate("openssl_version_before", 1)
def openssl_version_before(here: Surroundings, values: list[str]) -> bool:
    """The OpenSSL library in use is older than that."""
    return openssl_key(_ssl_library()[1]) < openssl_key(values[0])


@predicate("ssllib_name_startswith", 1)
def ssllib_name_startswith(here: Surroundings, values: list[str]) -> bool:
    """The name of the TLS library starts with that."""
    return _ssl_library()[0].startswith(values[0])


@predicate("awslc_api_atleast", 1)
def awslc_api_atleast(here: Surroundings, values: list[str]) -> bool:
    """The TLS library is AWS-LC of that API number or newer: never, CPython is not built on it here."""
    return False


@predicate("awslc_api_before", 1)
def awslc_api_before(here: Surroundings, values: list[str]) -> bool:
    """The TLS library is AWS-LC of an older API number: never, see awslc_api_atleast."""
    return False


@predicate("fips_mode", 0)
def fips_mode(here: Surroundings, values: list[str]) -> bool:
    """The TLS library runs in FIPS mode (the kernel's switch, which distributions' OpenSSL follows)."""
    try:
        with open("/proc/sys/crypto/fips_enabled", encoding="ascii") as switch:
            return switch.read().strip() == "1"
    except OSError:
        return False


@predicate("feature", 1)
def feature(here: Surroundings, values: list[str]) -> bool:
    """A feature of HAProxy's `-vv` list exists in pylb."""
    return has_feature(values[0])


ALWAYS = frozenset({"ACCEPT4", "CRYPT_H", "EPOLL", "GETADDRINFO", "LIBCRYPT", "PCRE2", "POLL"})
"""Features that the language or the operating system gives to pylb. PCRE2 is the dialect of regular expressions
(sample/regexes.py), which is what a configuration that asks wants to know."""

BY_WORD: dict[str, tuple[tuple[Kind, str, str], ...]] = {
    "OPENSSL": ((Kind.BIND, "ssl", ""), (Kind.SERVER, "ssl", "")),
    "LUA": ((Kind.KEYWORD, "lua-load", "global"),),
    "PROMEX": ((Kind.SERVICE, "prometheus-exporter", ""),),
    "QUIC": ((Kind.KEYWORD, "quic-initial", "frontend"),),
    "SLZ": ((Kind.FILTER, "compression", ""),),
    "ZLIB": ((Kind.FILTER, "compression", ""),),
    "TFO": ((Kind.BIND, "tfo", ""),),
    "NS": ((Kind.BIND, "namespace", ""),),
    "TPROXY": ((Kind.BIND, "transparent", ""),),
    "LINUX_TPROXY": ((Kind.BIND, "transparent", ""),),
    "LINUX_SPLICE": ((Kind.KEYWORD, "option splice-auto", "defaults"),),
    "CPU_AFFINITY": ((Kind.KEYWORD, "cpu-map", "global"),),
    "51DEGREES": ((Kind.FETCH, "51d.all", ""),),
    "DEVICEATLAS": ((Kind.FETCH, "da-csv-fetch", ""),),
    "WURFL": ((Kind.FETCH, "wurfl-get", ""),),
    "OT": ((Kind.FILTER, "opentracing", ""),),
    "SYSTEMD": ((Kind.KEYWORD, "master-worker", "global"),),
}
"""Features that exist when all of these words work: (kind, name, place)."""


def has_feature(name: str) -> bool:
    if name in ALWAYS:
        return True
    for kind, word_name, place in BY_WORD.get(name, ()):
        word = registry.find(kind, word_name, place)
        if word is None or word.status.inert:
            return False
    return name in BY_WORD


def features() -> dict[str, bool]:
    """Every feature name that HAProxy's list has a counterpart for here, and whether it is present."""
    return {name: has_feature(name) for name in sorted({*ALWAYS, *BY_WORD})}
