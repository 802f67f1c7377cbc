"""The old word that keeps a client at its server by an application's cookie: appsession (manual of 1.5, chapter 4.2).

Its grammar is checked in full, and it is not acted upon. It is UNSAFE: without it a client lands at another server,
without its session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.config.section_shapes import choose, take_timer
from pylb.config.units import take_integer
from pylb.errors import ConfigError
from pylb.registry import Status, keyword

if TYPE_CHECKING:
    from pylb.config.words import Line, Words

USAGE: Final = "<cookie> len <number> timeout <time> [request-learn] [prefix] [mode path-parameters|query-string]"
OPTIONS: Final = ("request-learn", "prefix", "mode")
MODES: Final = ("path-parameters", "query-string")


@keyword(
    "appsession",
    places=("listen", "backend"),
    usage=USAGE,
    status=Status.UNSAFE,
    note="sessions are not followed; today `stick-table` with `stick on`, which `pylb migrate` writes",
)
def appsession(line: Line) -> None:
    """Keeps a client at the server that has set an application's cookie: `len` characters of its value are remembered,
    and forgotten after `timeout` without use. The cookie is looked for in requests and as a parameter of the URL.

    `request-learn` takes it from requests too; `prefix` takes the name as the beginning of a cookie's name; `mode`
    says where the parameter is: behind semicolons of the path, or in the query. HAProxy 1.6 and later refuse it.
    """
    words = line.args()
    expects = f"'appsession' expects {USAGE.partition(' [')[0]}."
    cookie = words.next(expects)
    _literal(words, "len", expects)
    length = take_integer(words, "len", low=1, missing=expects)
    _literal(words, "timeout", expects)
    values: dict[str, str | int | bool] = {
        "cookie": cookie,
        "len": length,
        "timeout": take_timer(words, "timeout", missing=expects),
    }
    while not words.end:
        option = choose(words, OPTIONS, expects, "'appsession' : unknown option '{got}'")
        values[option] = True
        if option == "mode":
            values[option] = choose(
                words,
                MODES,
                "'appsession' : 'mode' expects 'path-parameters' or 'query-string'",
                "'appsession' : unknown mode '{got}'",
            )
    line.set(values)


def _literal(words: Words, wanted: str, expects: str) -> None:
    if words.accept(wanted) is None:
        raise ConfigError(expects, words.span)
