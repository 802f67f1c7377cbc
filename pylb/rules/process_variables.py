"""Variables of the process that the global section sets: `set-var`, `set-var-fmt` (manual 3.1).

They are evaluated and stored while the configuration is read, in order, so that one may be made from another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pylb.clock import clock
from pylb.errors import ConfigError
from pylb.records.proxy import Frontend
from pylb.records.session import Session
from pylb.records.stream import Stream
from pylb.registry import keyword
from pylb.sample import expression, logformat, variables
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import Absent, Typed

if TYPE_CHECKING:
    from pylb.config.words import Line, Words


def _nobody() -> Stream:
    """What formats print from when there is no client: empty addresses, the time of now, a proxy called CFG."""
    session = Session(Frontend("CFG", 0, None), None, None, ("", 0), clock.now, clock.wall)
    stream = Stream(session, clock.now, clock.wall)
    stream.final = True
    return stream


def _store(line: Line, what: str, evaluate: Callable[[Words, Site], Any]) -> None:
    words = line.args()
    if words.end or words.peek(1) is None:
        words.rest()
        raise ConfigError(
            f"'{line.name}' requires a process-wide variable name ('proc.<name>') and a {what}.", line.span
        )
    text = words.next()
    try:
        name = variables.parse_name(text)
    except ValueError as error:
        raise ConfigError(str(error), words.last_span) from None
    if name.scope != "proc":
        words.fail(
            f"'{line.name}': cannot set variable '{text}', only scope 'proc' is permitted in the global section."
        )
    value = evaluate(words, Site(line.config, None, line.name, Point.CONFIG, line.span, line.name))
    ignored = words.rest()
    if ignored:
        line.notice(f"'{line.name}' : '{' '.join(ignored)}' behind the {what} is ignored.")
    if not isinstance(value, Absent):
        variables.process[name.key] = value


@keyword("set-var", places="global", usage="<name> <expression>")
def set_var(line: Line) -> None:
    """Sets a variable of the process (`proc.<name>`) to the value of an expression, at once.

    Only constants and the state of the process can be read, variables set before included; the variable stays as it is
    when the expression yields nothing.
    """

    def evaluate(words: Words, site: Site) -> Any:
        parsed = expression.parse(words, site)
        value = parsed.compile()(_nobody())
        return value if isinstance(value, Typed | Absent) else Typed(parsed.type, value)

    _store(line, "sample expression", evaluate)


@keyword("set-var-fmt", places="global", usage="<name> <format>")
def set_var_fmt(line: Line) -> None:
    """Sets a variable of the process (`proc.<name>`) to a formatted text, at once. See `set-var`."""

    def evaluate(words: Words, site: Site) -> Any:
        return Typed("str", logformat.parse(words.next(), site).compile()(_nobody()))

    _store(line, "format string", evaluate)
