"""`option forwarded`: which parameters of the Forwarded header (RFC 7239) servers are sent (manual 4.2, since 2.8).

The parameters are kept by name under the option, each with its expression or None, until the header is written.
"""

from __future__ import annotations

from typing import Final

from pylb.config.words import Line, Words
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import BACK, Status, keyword
from pylb.sample import expression
from pylb.sample.expression import Expression
from pylb.sample.scopes import Point
from pylb.sample.site import Site

PARAMETERS: Final = ("proto", "host", "by", "by_port", "for", "for_port")
WORDS: Final = (*PARAMETERS, *(f"{name}-expr" for name in PARAMETERS[1:]))


@keyword(
    "option forwarded",
    places=BACK,
    usage="[proto] [host | host-expr <expr>] [by | by-expr <expr>] [by_port | by_port-expr <expr>] "
    "[for | for-expr <expr>] [for_port | for_port-expr <expr>]",
    negatable=True,
    status=Status.HARMLESS,
    note="requests get no Forwarded header yet",
)
def forwarded(line: Line) -> None:
    """Requests get a Forwarded header (RFC 7239): `proto for` unless parameters are written (since 2.8).

    A parameter followed by `-expr` takes its value from an expression, in one word, that reads the request. A port
    counts only beside its node (`by_port` beside `by` or `by-expr`).
    """
    words = line.args()
    if line.negated or line.reset:
        words.finish()
        if line.negated:
            line.set(False)
        else:
            line.record.values.pop(line.name, None)
        return
    chosen: dict[str, Expression | None] = {}
    while not words.end:
        word = words.next()
        if word not in WORDS:
            near = did_you_mean(word, WORDS).removeprefix("; ")
            words.fail(f"'option forwarded' : unknown parameter '{word}'.", near)
        name = word.removesuffix("-expr")
        if name in chosen:
            words.fail(f"'option forwarded' : parameter '{name}' is already set.")
        chosen[name] = _expression(words, word) if name != word else None
    line.set(chosen or {"proto": None, "for": None})


def _expression(words: Words, name: str) -> Expression:
    text = words.next(f"'option forwarded' : '{name}' expects an expression.")
    line, span = words.line, words.last_span
    site = Site(line.config, line.proxy, line.name, Point.BE_REQUEST, span, line.name)
    where = f"'option forwarded' : '{name}' : "
    try:
        parsed, end = expression.parse_text(text, 0, site, span)
    except ConfigError as error:
        raise ConfigError(where + error.message, error.span, error.hint) from None
    if end < len(text):
        words.fail(f"{where}missing comma behind '{parsed.text}'")
    source = parsed.misplaced()
    if source is not None:
        words.fail(f"{where}'{text}' reads from '{source}', which is not available here")
    parsed.final_cast("str")
    return parsed
