"""Words of proxies whose arguments are a small grammar of their own, and the families that say what they know.

All are understood and checked; they are acted upon where another room declares them, else not yet.
"""

from __future__ import annotations

import re
from typing import Final

from pylb.config import misplaced
from pylb.config.argument_kinds import numbers
from pylb.config.proxy import overwrites
from pylb.config.shapes import Row, ignore_surplus, storing
from pylb.config.units import BadCharacter, parse_size, parse_time
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import BACK, PROXY, Kind, Status, declare, keyword

HARMLESS = Status.HARMLESS

_ALGORITHMS: Final = ("identity", "gzip", "deflate", "raw-deflate")


def _algorithms(line: Line, words: Words) -> None:
    if words.end:
        raise ConfigError("'compression' expects <algorithm>.", line.span)
    names = words.rest()
    for at, name in enumerate(names):
        if name not in _ALGORITHMS:
            near = did_you_mean(name, _ALGORITHMS).removeprefix("; ")
            spans = line.spans[len(line.words) - len(names) + at]
            raise ConfigError(f"'compression' : '{name}' is not a supported algorithm.", spans, near)
    line.record.append(line.name, names, line.span)


def _types(line: Line, words: Words) -> None:
    if words.end:
        raise ConfigError("'compression' expects <type>.", line.span)
    line.record.append(line.name, words.rest(), line.span)


def _offload(line: Line, words: Words) -> None:
    if line.place == "defaults":
        line.warning("'compression' : 'offload' ignored in 'defaults' section.")
    ignore_surplus(words)
    line.set(True)


def _direction(line: Line, words: Words) -> None:
    got = words.peek() or ""
    if got not in ("request", "response", "both"):
        raise ConfigError("'compression' expects 'request', 'response', or 'both'.", words.span)
    line.set(words.next())
    ignore_surplus(words)


def _least(line: Line, words: Words) -> None:
    text = words.next(f"'{line.name}' expects a size.")
    try:
        line.set(parse_size(text))
    except BadCharacter as error:
        words.fail(f"unexpected character '{error.character}' in argument to '{line.name}'.")
    ignore_surplus(words)


_COMPRESSION: Final = {
    "algo": (_algorithms, "<algorithm> ...", "With what responses are compressed."),
    "algo-req": (_algorithms, "<algorithm>", "With what requests are compressed."),
    "algo-res": (_algorithms, "<algorithm> ...", "With what responses are compressed."),
    "type": (_types, "<type> ...", "Which types of responses are compressed."),
    "type-req": (_types, "<type> ...", "Which types of requests are compressed."),
    "type-res": (_types, "<type> ...", "Which types of responses are compressed."),
    "offload": (_offload, "", "Servers are not told that the client takes compressed responses."),
    "direction": (_direction, "{request | response | both}", "Which messages are compressed."),
    "minsize-req": (_least, "<size>", "Smaller requests are not compressed."),
    "minsize-res": (_least, "<size>", "Smaller responses are not compressed."),
}


def compression(line: Line) -> None:
    """Hands the line to the word behind `compression`."""
    _COMPRESSION[line.words[1]][0](line, line.args())


for _name, (_, _usage, _doc) in _COMPRESSION.items():
    declare(Kind.KEYWORD, f"compression {_name}", compression, places=PROXY, usage=_usage, status=HARMLESS, doc=_doc)


def family(name: str, sentence: str, known: tuple[str, ...], doc: str, usage: str = "<word> ...") -> None:
    """Declares what is said of a word of a family that there is not; {got} is that word."""

    def refuse(line: Line) -> None:
        if misplaced.elsewhere(line, " ".join(line.words[:2])):
            return
        got = line.words[1] if len(line.words) > 1 else ""
        near = did_you_mean(got, known).removeprefix("; ") if got else ""
        raise ConfigError(sentence.format(got=got), line.spans[min(1, len(line.spans) - 1)], near)

    declare(Kind.KEYWORD, name, refuse, places=PROXY, usage=usage, doc=doc)


STATS: Final = (
    "admin",
    "uri",
    "realm",
    "auth",
    "scope",
    "enable",
    "hide-version",
    "show-node",
    "show-desc",
    "show-legends",
    "show-modules",
    "show-version",
    "refresh",
    "http-request",
)
family(
    "stats",
    "unknown stats parameter '{got}', expects 'admin', 'uri', 'realm', 'auth', 'scope', 'enable', 'hide-version', "
    "'show-node', 'show-desc' or 'show-legends'.",
    STATS,
    "The statistics page: one of the words above.",
)
family(
    "compression",
    "'compression' expects 'algo', 'type' or 'offload'",
    tuple(_COMPRESSION),
    "Compression of messages: one of the words above.",
)
family(
    "email-alert",
    "email-alert: unknown argument '{got}'.",
    ("from", "to", "level", "mailers", "myhostname"),
    "Mail about servers: one of the words above.",
)


@keyword("external-check", places=PROXY, usage="{command | path} ...")
def external_check(line: Line) -> None:
    """The program of external checks: one of the words above."""
    if len(line.words) < 2:
        raise ConfigError("missing argument after 'external-check'.", line.span)
    if not misplaced.elsewhere(line, " ".join(line.words[:2])):
        raise ConfigError(
            f"'external-check' only supports 'command' and 'path'. but got '{line.words[1]}'.", line.spans[1]
        )


@keyword("rate-limit", places=("defaults", "frontend", "listen"), usage="sessions <rate>")
def rate_limit(line: Line) -> None:
    """Only sessions are limited so."""
    got = line.words[1] if len(line.words) > 1 else ""
    raise ConfigError(f"'rate-limit' only supports 'sessions' (got '{got}')", line.spans[min(1, len(line.spans) - 1)])


_sessions = storing(
    Row(
        "rate-limit sessions",
        "number",
        Status.FULL,
        "",
        missing="'{name}' expects expects an integer value (in sessions/second)",
        wrong="'{name}' : unexpected character '{character}' in integer value '{got}'",
        loose=True,
    )
)


@keyword("rate-limit sessions", places=("defaults", "frontend", "listen"), usage="<number>")
def rate_limit_sessions(line: Line) -> None:
    """Most new sessions of a frontend per second."""
    again = overwrites(line, line.name)
    _sessions(line)
    if again:
        line.warning("overwriting rate-limit sessions which was already specified")


@keyword("persist", places=BACK, usage="rdp-cookie[(<name>)]", status=HARMLESS)
def persist(line: Line) -> None:
    """A client goes to the server that its RDP cookie (`msts` unless named) tells. Not acted upon yet. Manual 4.2."""
    words = line.args()
    text = words.next("missing persist method.")
    match = re.fullmatch(r"rdp-cookie(?:\((.*)\))?", text)
    if match is None:
        if text.startswith("rdp-cookie("):
            words.fail(f"persist rdp-cookie : wrong arguments, expects ')' in '{text}'.")
        words.fail("unknown persist method.", "the only one is 'rdp-cookie'")
    if match[1] is not None:
        words.finish()
    ignore_surplus(words)
    line.set(match[1] or "msts")


@keyword("bind-process", places=PROXY, usage="{all | odd | even | <number>[-[<number>]]} ...", status=HARMLESS)
def bind_process(line: Line) -> None:
    """Old: the processes that a proxy runs in. There is one; it has had no effect since 2.5."""
    line.warning("'bind-process' has no effect, is deprecated, and will be removed in version 2.7.")
    words = line.args()
    sets = [text for word in words.rest() for text in word.split(",")]  # HAProxy looked no further than a comma
    if sets[:1] != ["all"]:
        for text in sets:
            try:
                numbers(text, 64)
            except ValueError as error:
                raise ConfigError(f"bind-process : {error}", line.span) from None
    line.set(sets)


@keyword("stats refresh", places=PROXY, usage="<time>", status=HARMLESS)
def stats_refresh(line: Line) -> None:
    """How often the statistics page renews itself; seconds unless there is a unit."""
    words = line.args()
    text = words.peek() or ""
    try:
        value = parse_time(text, "s")
    except BadCharacter as error:
        shown = f"unexpected character '{error.character}' in argument to stats refresh interval."
        raise ConfigError(shown, words.span) from None
    except ValueError:
        raise ConfigError(
            f"timer overflow in argument <{text}> to stats refresh interval, maximum value is 2147483647 s "
            "(~68 years).",
            words.span,
        ) from None
    words.next()
    ignore_surplus(words)
    line.set(value)


@keyword("stats show-desc", places=PROXY, usage="[<text> ...]", status=HARMLESS)
def stats_description(line: Line) -> None:
    """The text that the statistics page shows; global's `description` when nothing is written."""
    text = " ".join(line.args().rest())
    if not text and not line.config.globals.get("description"):
        line.warning("'show-desc' requires a parameter or 'desc' to be set in the global section.")
    line.set(text or True)


@keyword("option httpchk", places=BACK, usage="[<uri> | <method> <uri> [<version> [<host>]]]", arity=(0, 4),
         status=HARMLESS)  # fmt: skip
def http_check(line: Line) -> None:
    """Health checks send an HTTP request: `OPTIONS / HTTP/1.0` unless written, with a host since 3.0.

    A warning says that header lines behind the version (`HTTP/1.1\\r\\nHost:...`) belong to `http-check send`.
    """
    given = line.args().rest()
    if len(given) > 2 and "\r\n" in given[2]:
        line.warning(
            "'option httpchk' : hiding headers or body at the end of the version string is deprecated. Please, "
            "consider to use 'http-check send' directive instead."
        )
    line.set(tuple(given) or True)


@keyword("option mysql-check", places=BACK, usage="[user <name> [post-41 | pre-41 | post-80]]", status=HARMLESS)
def mysql_check(line: Line) -> None:
    """Health checks log in to MySQL as a user, or only read the greeting. Health checks do not run yet."""
    words = line.args()
    if words.end:
        line.set(True)
        return
    got = words.next()
    if got != "user":
        words.fail(f"'option mysql-check' only supports optional values: 'user' (got '{got}').")
    name = words.next("'option mysql-check user' expects <username> as argument.")
    version = "post-41" if words.end else words.next()
    if version not in ("post-41", "pre-41", "post-80"):  # the last since 2.8
        words.fail(f"keyword 'user' only supports 'post-41' and 'pre-41' (got '{version}').")
    words.finish()
    line.set((name, version))


@keyword("option pgsql-check", places=BACK, usage="user <name>", status=HARMLESS)
def pgsql_check(line: Line) -> None:
    """Health checks log in to PostgreSQL. They do not run yet."""
    words = line.args()
    expects = "'option pgsql-check' expects 'user <username>' as argument."
    got = words.next(expects)
    if words.end:
        raise ConfigError(expects, line.span)
    if got != "user":
        words.fail("'option pgsql-check' only supports optional values: 'user'.")
    line.set(words.next())
    words.finish()


_STEPS: Final = ("accept", "connect", "request", "response", "close", "error", "all", "any")


@keyword("filter-sequence", places=("frontend", "listen", "backend"), usage="{request | response} <filter>[,...]",
         status=HARMLESS)  # fmt: skip
def filter_sequence(line: Line) -> None:
    """The order of filters for one direction (since 3.4)."""
    words = line.args()
    direction = words.next("'filter-sequence' expects 'request' or 'response'.")
    if direction not in ("request", "response"):
        words.fail(f"'filter-sequence' expects 'request' or 'response' but got '{direction}'.")
    names = words.next("'filter-sequence' expects a list of filters.").split(",")
    words.finish()
    line.record.append(line.name, (direction, names), line.span)
