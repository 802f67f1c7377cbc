"""Words of HAProxy before 2.1 that edit requests and responses: req*, rsp*, block (manual of 2.0, chapter 4.2).

They run in HAProxy's order: `block`, the `http-request` rules, the rules on raw lines (raw_lines.py), `reqadd`, then
`redirect`; for responses the `http-response` rules, the raw ones, `rspadd`. Each use is a notice that names the form of
today, which `pylb migrate` writes where it says exactly the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.config.model import RuleLine
from pylb.config.words import Line, Words, to_bytes
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.http.message import field
from pylb.registry import PROXY, Kind, keyword
from pylb.rules import hooks
from pylb.rules.raw_lines import RawRule, RawRules
from pylb.rules.ruleset import ADDED, BLOCK, RAW
from pylb.sample import condition as conditions
from pylb.sample.regexes import Regex, compile_pattern, template
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.config.model import Configuration


@keyword("block", places=PROXY, usage="{if | unless} <condition>")
def block(line: Line) -> None:
    """Refuses requests with 403, before all http-request rules. Today: `http-request deny`."""
    words = line.args()
    if words.peek() not in ("if", "unless"):
        raise ConfigError("'block' requires either 'if' or 'unless' followed by a condition.", words.span)
    rule = modern_rule(line, "http-request", ["deny", *words.rest()])
    rule.place = BLOCK
    hooks.warn_order(line, "block", 45)
    rules = line.proxy.rules.setdefault("http-request", [])
    at = sum(known.place in (BLOCK, "monitor") for known in rules)
    rules.insert(at, rule)
    line.notice("'block' is written 'http-request deny' since HAProxy 2.1.")


def modern_rule(line: Line, place: str, words: list[str]) -> RuleLine:
    """The rule that today's words would be, at the place of this line."""
    written = [*place.split(), *words]
    other = Line(written, [line.span] * len(written), line.config, line.record, line.place)
    other.name = place
    return hooks.parse(other, other.args(), hooks.PLACES[place])


def _condition(line: Line, words: Words, place: str) -> Any:
    site = Site(line.config, line.proxy, place, hooks.PLACES[place].points(line.proxy), line.span, line.name)
    following = words.peek()
    if following is not None and following not in ("if", "unless"):
        raise ConfigError(
            f"'{line.name}' expects either 'if' or 'unless' followed by a condition but found '{following}'.",
            words.span,
        )
    return conditions.parse(words, site)


def _declare_adding(word: str, place: str) -> None:
    modern = f"{place} add-header"

    def factory(line: Line) -> None:
        words = line.args()
        name, colon, value = words.next(f"'{line.name}' expects <header> as an argument.").partition(":")
        if not colon or not name.strip():
            words.fail(f"'{line.name}' expects a header line, such as 'X-Name: value'.")
        condition = _condition(line, words, place)
        one = field(to_bytes(name.strip()), to_bytes(value.strip()))
        request = place == "http-request"

        def add(ctx: Any) -> None:
            (ctx.request if request else ctx.response).fields.append(one)

        action = registry.find(Kind.ACTION, "add-header", place)
        rule = RuleLine(ADDED, action, condition, line.span, " ".join(line.words), lambda program: add)
        if request:
            hooks.warn_order(line, line.name, 54)
        hooks.store(line, rule, place)
        line.notice(f"'{line.name}' is written '{modern}' since HAProxy 2.1.")

    keyword(
        word,
        places=PROXY,
        usage="<field>: <value> [{if | unless} <condition>]",
        doc=f"Adds a line behind the others, after all other rules but `redirect`. Today: `{modern}`.",
    )(factory)


_declare_adding("reqadd", "http-request")
_declare_adding("rspadd", "http-response")

_MODERN: Final = {
    "allow": "'http-request allow'",
    "del": "'http-{} del-header'",
    "deny": "'http-{} deny'",
    "pass": "'http-request allow'",
    "rep": "'http-request replace-path', 'http-request replace-uri' or 'http-request replace-header'",
    "tarpit": "'http-request tarpit'",
}
_MEANING: Final = {
    "allow": "A request with a line that matches is not denied or held by later such rules.",
    "del": "Removes the header lines that match.",
    "deny": "Refuses a {} with a line that matches.",
    "pass": "A request with a line that matches skips the rest of these rules.",
    "rep": r"Replaces each line that matches, the start line included; `\1` to `\9` are groups of the expression.",
    "tarpit": "Keeps a client waiting whose request has a line that matches.",
}
_OF_RESPONSES: Final = ("del", "deny", "rep")


def _regex(words: Words, text: str, ignore_case: bool) -> Regex:
    try:
        return compile_pattern(to_bytes(text), ignore_case=ignore_case)
    except ValueError as error:
        raise ConfigError(f"'{words.line.name}' : {error}", words.last_span) from None


def _declare_raw(word: str, verb: str, ignore_case: bool, place: str) -> None:
    request = place == "http-request"
    rewrites = verb == "rep"
    modern = _MODERN[verb].format(place.removeprefix("http-"))
    if rewrites and not request:
        modern = "'http-response replace-header'"

    def factory(line: Line) -> None:
        words = line.args()
        expects = f"'{line.name}' expects <search>{' and <replace> as arguments' if rewrites else ' as an argument'}."
        regex = _regex(words, words.next(expects), ignore_case)
        replacement = template(to_bytes(words.next(expects))) if rewrites else None
        condition = _condition(line, words, place)
        verdict = modern_rule(line, place, [verb]).build if verb in ("deny", "tarpit") else None
        rule = RawRule(verb, regex, replacement, condition, verdict, line.span, " ".join(line.words))
        if request:
            hooks.warn_order(line, line.name, 52)
        _append(line, rule, request, place)
        line.notice(f"'{line.name}' is not supported by HAProxy since 2.1; today: {modern}.")

    keyword(
        word,
        places=PROXY,
        usage=f"<regex>{' <text>' if rewrites else ''} [{{if | unless}} <condition>]",
        doc=f"{_MEANING[verb].format(place.removeprefix('http-'))} Works on raw lines"
        f"{', in any case' if ignore_case else ''}. Today: {modern.replace(chr(39), '`')}.",
    )(factory)


def _choosing(line: Line) -> None:
    words = line.args()
    expects = f"'{line.name}' expects <search> and <target> as arguments."
    regex = _regex(words, words.next(expects), line.name == "reqisetbe")
    backend = words.next(expects)
    span = words.last_span
    condition = _condition(line, words, "http-request")
    who = f"{hooks.kind_of(line.proxy)} '{line.proxy.name}' : '{line.name}'"
    line.config.wants.append(lambda config: _want_backend(config, backend, span, who))
    hooks.warn_order(line, line.name, 52)
    rule = RawRule("setbe", regex, None, condition, None, line.span, " ".join(line.words), backend)
    _append(line, rule, True, "http-request")
    line.notice(f"'{line.name}' is not supported by HAProxy since 1.9; today: 'use_backend' with a condition.")


def _want_backend(config: Configuration, name: str, span: Span, who: str) -> None:
    known = config.proxy(name, back=True)
    if known is None:
        near = did_you_mean(name, [proxy.name for proxy in config.proxies if proxy.is_back])
        config.report.alert(f"{who} : unable to find the backend '{name}'.", span, near.removeprefix("; "))
    elif not known.http:
        config.report.alert(f"{who} : the backend '{name}' is not in HTTP mode.", span)


def _append(line: Line, rule: RawRule, request: bool, place: str) -> None:
    """Joins the rule to those before it. A RuleLine that came from a defaults section is replaced, never changed."""
    rules = line.proxy.rules.setdefault(place, [])
    at = next((index for index, known in enumerate(rules) if known.place == RAW), -1)
    if at < 0:
        refuse = modern_rule(line, place, ["deny", "deny_status", "400" if request else "502"]).build
        build, span, text = RawRules(request, refuse, (rule,)), rule.span, rule.text
    else:
        known = rules.pop(at)
        build = RawRules(request, known.build.refuse, (*known.build.rules, rule))
        span, text = known.span, known.text
    action = registry.find(Kind.KEYWORD, line.name, line.place)
    hooks.store(line, RuleLine(RAW, action, None, span, text, build), place)


for _verb in _MODERN:
    for _case in ("", "i"):
        _declare_raw(f"req{_case}{_verb}", _verb, bool(_case), "http-request")
        if _verb in _OF_RESPONSES:
            _declare_raw(f"rsp{_case}{_verb}", _verb, bool(_case), "http-response")

for _name, _case in (("reqsetbe", ""), ("reqisetbe", ", in any case")):
    keyword(
        _name,
        places=PROXY,
        usage="<regex> <backend> [{if | unless} <condition>]",
        doc=f"Chooses the backend of requests that have a raw line which matches{_case}, before all `use_backend`\n"
        "rules; the first that matches counts. In a backend it does nothing: the choice has been made. Today:\n"
        "`use_backend`. Manual of 1.3.",
    )(_choosing)
