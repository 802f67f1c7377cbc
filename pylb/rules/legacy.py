"""Words of HAProxy before 2.1 that edit requests and responses: req*, rsp*, block (manual of 2.0, chapter 4.2).

What today's rules express becomes such a rule, with a notice that names the modern form. The words that work on raw
header lines with regular expressions are only parsed so far: they decide who gets what, so a start refuses them.
"""

from __future__ import annotations

from typing import Final

from pylb import registry
from pylb.config.model import RuleLine
from pylb.config.words import Line, to_bytes
from pylb.errors import ConfigError
from pylb.http.message import field
from pylb.registry import PROXY, Kind, Status, keyword
from pylb.rules import hooks
from pylb.sample import condition as conditions
from pylb.sample.site import Site

BLOCK: Final = "block"
"""Place of RuleLines written as `block ...`: they stand before the other http-request rules."""


@keyword("block", places=PROXY, usage="{if | unless} <condition>")
def block(line: Line) -> None:
    """Refuses requests with 403, before all http-request rules. Today: `http-request deny`."""
    words = line.args()
    if words.peek() not in ("if", "unless"):
        raise ConfigError("'block' requires either 'if' or 'unless' followed by a condition.", words.span)
    place = hooks.PLACES["http-request"]
    modern = ["http-request", "deny", *words.rest()]
    other = Line(modern, [line.span] * len(modern), line.config, line.record, line.place)
    other.name = "http-request"
    rule = hooks.parse(other, other.args(), place)
    rule.place = BLOCK
    rules = line.proxy.rules.setdefault("http-request", [])
    at = sum(known.place in (BLOCK, "monitor") for known in rules)
    rules.insert(at, rule)
    line.notice("'block' is written 'http-request deny' since HAProxy 2.1.")


def _adding(place: str, modern: str) -> None:
    word = "reqadd" if place == "http-request" else "rspadd"

    def factory(line: Line) -> None:
        words = line.args()
        name, colon, value = words.next(f"'{line.name}' expects <header> as an argument.").partition(":")
        if not colon:
            words.fail(f"'{line.name}' expects a header line, such as 'X-Name: value'.")
        where = hooks.PLACES[place]
        site = Site(line.config, line.proxy, place, where.points(line.proxy), line.span, line.name)
        condition = conditions.parse(words, site)
        one = field(to_bytes(name.strip()), to_bytes(value.strip()))
        request = place == "http-request"

        def add(ctx: object) -> None:
            (ctx.request if request else ctx.response).fields.append(one)  # type: ignore[attr-defined]

        action = registry.find(Kind.ACTION, "add-header", place)
        rule = RuleLine(place, action, condition, line.span, " ".join(line.words), lambda program: add)
        hooks.store(line, rule, place)
        line.notice(f"'{line.name}' is written '{modern}' since HAProxy 2.1.")

    keyword(word, places=PROXY, usage="<field>: <value> [{if | unless} <condition>]", doc=f"Today: `{modern}`.")(
        factory
    )


_adding("http-request", "http-request add-header")
_adding("http-response", "http-response add-header")

# Word -> (arguments before the condition, today's form).
_RAW: Final = {
    "allow": (1, "http-{} allow"),
    "del": (1, "http-{} del-header"),
    "deny": (1, "http-{} deny"),
    "pass": (1, "http-{} allow"),
    "rep": (2, "http-{} replace-header"),
    "tarpit": (1, "http-{} tarpit"),
}
_OF_RESPONSES: Final = ("del", "deny", "rep")


def _raw(word: str, arguments: int, modern: str) -> None:
    def factory(line: Line) -> None:
        words = line.args()
        for what in ("<search>", "<replace>")[:arguments]:
            words.next(f"'{line.name}' expects {what} as an argument.")
        place = "http-request" if word.startswith("req") else "http-response"
        site = Site(line.config, line.proxy, place, hooks.PLACES[place].points(line.proxy), line.span, line.name)
        conditions.parse(words, site)
        line.proxy.append("raw header rules", list(line.words), line.span)

    keyword(
        word,
        places=PROXY,
        usage=f"<regex>{' <text>' if arguments > 1 else ''} [{{if | unless}} <condition>]",
        status=Status.UNSAFE,
        note=f"today: {modern}",
        doc=f"Works on raw header lines by regular expression. Today: `{modern}`.",
    )(factory)


for _verb, (_count, _modern) in _RAW.items():
    for _case in ("", "i"):
        _raw(f"req{_case}{_verb}", _count, _modern.format("request"))
        if _verb in _OF_RESPONSES:
            _raw(f"rsp{_case}{_verb}", _count, _modern.format("response"))
