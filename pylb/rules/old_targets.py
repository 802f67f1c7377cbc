"""Old words that send a client to a server or a backend: appsession, reqsetbe (manuals of 1.3 to 1.5, chapter 4.2).

Their grammar is checked in full, and they are not acted upon. Both are UNSAFE: without them a client lands somewhere
else, without its session or at a backend that was not meant for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pylb.config.section_shapes import choose, take_timer
from pylb.config.units import take_integer
from pylb.config.words import to_bytes
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.registry import PROXY, Status, keyword
from pylb.rules import hooks
from pylb.sample import condition as conditions
from pylb.sample.regexes import compile_pattern
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.config.model import Configuration
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


def _choosing(line: Line) -> None:
    words = line.args()
    expects = f"'{line.name}' expects <search> and <target> as arguments."
    search = words.next(expects)
    try:
        compile_pattern(to_bytes(search), ignore_case=line.name == "reqisetbe")
    except ValueError as error:
        raise ConfigError(f"'{line.name}' : {error}", words.last_span) from None
    backend = words.next(expects)
    span = words.last_span
    if words.peek() not in (None, "if", "unless"):
        raise ConfigError(
            f"'{line.name}' expects either 'if' or 'unless' followed by a condition but found '{words.peek()}'.",
            words.span,
        )
    points = hooks.PLACES["http-request"].points(line.proxy)
    condition = conditions.parse(words, Site(line.config, line.proxy, "http-request", points, line.span, line.name))
    who = f"{hooks.kind_of(line.proxy)} '{line.proxy.name}'"
    line.config.wants.append(lambda config: _want_backend(config, backend, span, f"{who} : '{line.name}'"))
    hooks.warn_order(line, line.name, 52)
    line.record.append(line.name, (search, backend, condition), line.span)
    line.notice(f"'{line.name}' is not supported by HAProxy since 1.9; today: 'use_backend' with a condition.")


def _want_backend(config: Configuration, name: str, span: Span, who: str) -> None:
    if config.proxy(name, back=True) is None:
        near = did_you_mean(name, [proxy.name for proxy in config.proxies if proxy.is_back])
        config.report.alert(f"{who} : unable to find the backend '{name}'.", span, near.removeprefix("; "))


for _name, _case in (("reqsetbe", ""), ("reqisetbe", ", in any case")):
    keyword(
        _name,
        places=PROXY,
        usage="<regex> <backend> [{if | unless} <condition>]",
        status=Status.UNSAFE,
        note="no backend is chosen by it; today `use_backend`",
        doc=f"Chooses the backend of requests that have a raw line which matches{_case}. Today: `use_backend`.",
    )(_choosing)
