"""The grammar of `http-check` and `tcp-check`: the steps of health checks, checked in full and kept in order.

Every step is stored as a CheckStep in the proxy's record, under the keyword's name, for the checks to be built from;
until they are, a start only says that servers are not checked (manual 4.2 "http-check ..." and "tcp-check ...").
The words that a step may have stand in tables: `check_expect` has those of `expect`, `check_steps` the other ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span
from pylb.registry import PROXY, Status, keyword
from pylb.rules.actions import variables
from pylb.sample import expression, logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site


@dataclass(slots=True)
class CheckStep:
    """One rule: `kind` is connect, send, expect, comment or set; `values` what its words said."""

    kind: str
    span: Span
    values: dict[str, Any] = field(default_factory=dict)
    later: list[Callable[[], None]] = field(default_factory=list)  # checks that come when all words are known

    def defer(self, name: str, take: Callable[[Words], Any], words: Words) -> None:
        """Leaves the next word to `take`, after the others; its value is kept under `name`."""
        cursor = Words(words.line, words.index)
        words.next()

        def check() -> None:
            self.values[name] = take(cursor)

        self.later.append(check)


Parser = Callable[[Words, Site, CheckStep], None]
HTTP: Final[dict[str, Parser]] = {}
TCP: Final[dict[str, Parser]] = {}
_TABLES: Final = {"http-check": HTTP, "tcp-check": TCP}
_HTTP_WORDS: Final = "'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect'"
_TCP_WORDS: Final = "'comment', 'connect', 'send', 'send-binary', 'expect'"
_VARIABLES: Final = "'set-var-fmt(*)', 'set-var(*)', 'unset-var(*)'"
_SETTERS: Final[dict[str, Callable[[Words, Site], Any]]] = {
    "set-var-fmt": variables.set_var_fmt,
    "set-var": variables.set_var,
    "unset-var": variables.unset_var,
}
_QUIET: Final = ("comment", "set")


def take_text(words: Words, name: str, *, what: str = "a string", end: str = "..") -> str:
    """The argument of a step's word."""
    if not words.peek():
        words.fail(f"'{name}' expects {what} as argument{end}")
    return words.next()


def defer_format(
    words: Words, site: Site, step: CheckStep, name: str, *, key: str = "", what: str = "a string", end: str = ".."
) -> None:
    """A log format as argument, read when all words are known."""
    if not words.peek():
        take_text(words, name, what=what, end=end)
    step.defer(key or name, lambda cursor: take_format(cursor, site), words)


def take_format(words: Words, site: Site) -> logformat.Format:
    """A log format."""
    text = words.next()
    try:
        return logformat.parse(text, site, span=words.last_span)
    except ConfigError as error:
        raise ConfigError(
            f"'{text}' invalid log-format string ({error.message.rstrip('.')}).", error.span, error.hint
        ) from None


def take_expression(words: Words, site: Site, name: str) -> expression.Expression:
    """An expression as argument; it must be readable while checking, and its mistakes name the word."""
    start = f"error detected while parsing {name} expression : "
    try:
        parsed = expression.take(words, site)
    except ConfigError as error:
        raise ConfigError(f"{start}{error.message}.", error.span, error.hint) from None
    source = parsed.misplaced()
    if source is not None:
        words.fail(
            f"{start} fetch method '{parsed.text}' extracts information from '{source}', "
            "none of which is available here."
        )
    return parsed


def _wanted(line: Line, table: dict[str, Parser]) -> str:
    """The name of the step, or of the family a name such as `set-var(txn.x)` begins with."""
    got = line.words[1] if len(line.words) > 1 else ""
    if got in table:
        return got
    for name in _SETTERS:
        if got.startswith(name):
            return name
    own = _HTTP_WORDS if table is HTTP else _TCP_WORDS
    message = f"'{line.name}' only supports {own}, {_VARIABLES}. but got '{got}'"
    raise ConfigError(message, line.spans[min(1, len(line.spans) - 1)])


def _set(words: Words, site: Site, step: CheckStep, name: str) -> None:
    step.kind = "set"
    written = words.line.words[words.index - 1]
    try:
        if written.partition("(")[0] != name:
            words.fail(f"invalid or incomplete action '{written}'. {variables.FORMS}")
        step.values["build"] = _SETTERS[name](words, site)
    except ConfigError as error:
        raise ConfigError(f"'{name}' : {error.message.rstrip('.')}.", error.span, error.hint) from None
    words.rest()  # HAProxy does not look at what follows


def take(line: Line) -> None:
    """Reads one step of a proxy, or of the backend that a healthcheck section keeps."""
    if line.place == "frontend":
        line.warning(f"'{line.name}' ignored because frontend '{line.proxy.name}' has no backend capability.")
    table = _TABLES[line.name]
    name = _wanted(line, table)
    words = line.args()
    written = words.next()
    site = Site(line.config, line.proxy, line.name, Point.CHECK, line.span, f"{line.name} {written}")
    step = CheckStep(name, line.span)
    steps = _steps(line)
    try:
        if name in table:
            table[name](words, site, step)
            if not words.end:
                raise ConfigError(f"cannot handle unexpected argument '{words.peek()}'.", words.span)
            for check in step.later:
                check()
            step.later.clear()
        else:
            _set(words, site, step, name)
        _check_order(line.name, steps, step)
    except ConfigError as error:
        start = f"'{line.name}'" if name in SWITCHES else f"'{line.name} {written}' :"
        raise ConfigError(f"{start} {error.message}", error.span, error.hint) from None
    line.record.append(line.name, step, line.span)


def _steps(line: Line) -> list[CheckStep]:
    """The steps of this section so far; those of its defaults are replaced by the first one of its own."""
    origin = line.proxy.origin
    steps: list[CheckStep] = line.record.get(line.name, [])
    if origin is not None and steps and steps == origin.get(line.name):
        steps = []
        line.record.set(line.name, steps, line.span)
    return [step for step in steps if step.kind not in SWITCHES]


def _check_order(family: str, steps: list[CheckStep], new: CheckStep) -> None:
    """A connection must come first where there is one; HTTP requests take turns with what is expected of answers."""
    loud = [step for step in steps if step.kind not in _QUIET]
    last = loud[-1].kind if loud else ""
    number = len(steps) + 1 - any(step.kind == "connect" for step in steps)
    if new.kind == "connect" and loud and loud[0].kind != "connect":
        raise ConfigError(
            "first step MUST also be a 'connect', optionally preceded by a 'set-var', an 'unset-var' or a 'comment', "
            "when there is a 'connect' step in the tcp-check ruleset.",
            new.span,
        )
    if family != "http-check" or new.kind not in _AFTER:
        return
    allowed, missing = _AFTER[new.kind]
    if last and last not in allowed:
        raise ConfigError(
            f"unable to add http-check {new.kind} rule at step {number} (missing {missing} rule)..", new.span
        )


_AFTER: Final = {"connect": (("expect",), "expect"), "send": (("connect",), "connect"),
                 "expect": (("send", "expect"), "send")}  # fmt: skip
"""What may stand before a step, and what is missing when something else does."""
SWITCHES: Final = ("disable-on-404", "send-state")


@keyword("http-check", places=PROXY, usage="<step> ...", status=Status.HARMLESS, note="waits for health checks")
def http_check(line: Line) -> None:
    """One step of an HTTP health check (`option httpchk`): connect, send, expect, set-var, set-var-fmt, unset-var,
    comment; or one of the switches disable-on-404 and send-state. Steps run in order. Manual 4.2."""
    take(line)


@keyword("tcp-check", places=PROXY, usage="<step> ...", status=Status.HARMLESS, note="waits for health checks")
def tcp_check(line: Line) -> None:
    """One step of a TCP health check (`option tcp-check`): connect, send, send-lf, send-binary, send-binary-lf,
    expect, set-var, set-var-fmt, unset-var, comment. Steps run in order. Manual 4.2."""
    take(line)
