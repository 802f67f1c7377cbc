"""Conditions: `if|unless [!]acl ... [or ...]`, terms and-ed, alternatives or-ed, with three answers.

True, False, or WAIT when what decides may still arrive; `!` of WAIT is WAIT. A context whose `final` is set never
yields WAIT: the terms turn it into a miss (a miss negated is true). Evaluation stops at the first term that decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pylb.config.words import Line, Words
from pylb.errors import NOWHERE, ConfigError, Span, nearest
from pylb.sample import acl
from pylb.sample.acl import Acl, Check, always, never
from pylb.sample.expression import Trace
from pylb.sample.values import WAIT

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.sample.site import Site


@dataclass(slots=True)
class Use:
    """One term of a condition: an ACL as it stood when the condition was read, maybe negated."""

    acl: Acl
    negated: bool
    span: Span


@dataclass(slots=True)
class Condition:
    """A parsed condition: alternatives of conjunctions. `unless` negates the whole."""

    site: Site
    unless: bool = False
    alternatives: list[list[Use]] = field(default_factory=list)
    text: str = ""
    span: Span = NOWHERE

    def compile(self, program: Any = None, trace: Trace | None = None) -> Check:
        """closure(ctx) -> True | False | WAIT."""
        groups = [self._conjunction(group, program, trace) for group in self.alternatives]
        check = _disjunction([group for group in groups if group is not never])
        if self.unless:
            check = _negate(check)
        if trace is None:
            return check

        def traced(ctx: Any) -> Any:
            result = check(ctx)
            trace(self, result)
            return result

        return traced

    def _conjunction(self, uses: list[Use], program: Any, trace: Trace | None) -> Check:
        checks = []
        for use in uses:
            check = use.acl.compile(self.site, program, trace)
            checks.append(_negate(check) if use.negated else check)
        if never in checks:
            # What stands before a constant miss must still be able to answer WAIT; behind it nothing runs.
            before = checks[: checks.index(never)]
            checks = [check for check in before if check is not always]
            return _conjoined([*checks, never]) if checks else never
        return _conjoined([check for check in checks if check is not always])


def _negate(check: Check) -> Check:
    if check is always:
        return never
    if check is never:
        return always

    def negated(ctx: Any) -> Any:
        result = check(ctx)
        return result if result is WAIT else not result

    return negated


def _conjoined(checks: list[Check]) -> Check:
    if not checks:
        return always
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks

        def both(ctx: Any) -> Any:
            result = first(ctx)
            return second(ctx) if result is True else result

        return both
    several = tuple(checks)

    def all_of(ctx: Any) -> Any:
        for check in several:
            result = check(ctx)
            if result is not True:
                return result
        return True

    return all_of


def _disjunction(checks: list[Check]) -> Check:
    if not checks:
        return never
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks

        def either(ctx: Any) -> Any:
            result = first(ctx)
            if result is True:
                return True
            other = second(ctx)
            return other if other is True or result is False else result

        return either
    several = tuple(checks)

    def any_of(ctx: Any) -> Any:
        result: Any = False
        for check in several:
            answer = check(ctx)
            if answer is True:
                return True
            if answer is WAIT:
                result = WAIT
        return result

    return any_of


def parse(words: Words, site: Site, *, complaint: str = "") -> Condition | None:
    """Takes `if|unless ...` to the end of the line; None when nothing is left.

    `complaint` replaces the beginning of messages where HAProxy has another than "error detected while parsing an '...'
    condition" (switching rules, for one).
    """
    if words.end:
        return None
    keyword = words.next()
    if keyword not in ("if", "unless"):
        words.fail(f"'{site.what}' expects either 'if' or 'unless' followed by a condition but found '{keyword}'.")
    return conditions_of(words, site, unless=keyword == "unless", complaint=complaint)


def conditions_of(words: Words, site: Site, *, unless: bool = False, complaint: str = "") -> Condition:
    """Takes the condition itself, without `if`, to the end of the line."""
    condition = Condition(site, unless, text=" ".join(words.line.words[words.index :]), span=words.span)
    try:
        condition.alternatives = _alternatives(words, site)
    except ConfigError as error:
        raise ConfigError(f"{complaint or _complaint(site)} : {error.message}.", error.span, error.hint) from None
    _warn_raw_bytes(condition, site)
    return condition


def _warn_raw_bytes(condition: Condition, site: Site) -> None:
    """HTTP proxies have parsed heads where such conditions look for raw bytes; the mode may be set further down."""
    proxy = site.proxy
    terms = [term for uses in condition.alternatives for use in uses for term in use.acl.terms]
    if proxy is None or proxy.kind == "defaults" or not any(term.expression.reads_raw_bytes for term in terms):
        return
    place = f"{site.span.file}:{site.span.line}"

    def check(config: Configuration) -> None:
        if proxy.http:
            config.report.warning(
                f"Proxy '{proxy.name}': L6 sample fetches ignored on HTTP proxies (declared at {place})."
            )

    site.config.wants.append(check)


def _complaint(site: Site) -> str:
    if site.place in ("use_backend", "use-server"):
        return "error detected while parsing switching rule"
    what = site.what or site.place
    article = "an" if what[:1] in "aeiouhAEIOU" else "a"
    return f"error detected while parsing {article} '{what}' condition"


def _alternatives(words: Words, site: Site) -> list[list[Use]]:
    alternatives: list[list[Use]] = []
    current: list[Use] | None = None
    negated = False
    while not words.end and words.peek():
        word = words.next()
        if word in ("or", "||"):
            current, negated = None, False
            continue
        while word.startswith("!"):
            word, negated = word[1:], not negated
        if not word:
            continue
        use = Use(_anonymous(words, site) if word == "{" else _named(word, words, site), negated, words.last_span)
        _warn_misplaced(use, site)
        if current is None:
            current = []
            alternatives.append(current)
        current.append(use)
        negated = False
    words.rest()
    return alternatives


def _anonymous(words: Words, site: Site) -> Acl:
    if not any(word == "}" for word in words.line.words[words.index :]):
        words.fail("missing closing '}' in condition")
    term = acl.take(words, site, closing=True)
    if words.accept("}") is None:
        words.fail("missing closing '}' in condition")
    return Acl("", [term])


def _named(name: str, words: Words, site: Site) -> Acl:
    known: dict[str, Acl] = site.proxy.acls if site.proxy is not None else {}
    found = known.get(name)
    if found is not None:
        return found
    text = acl.PREDEFINED.get(name)
    if text is None:
        near = nearest(name, [*known, *acl.PREDEFINED])
        raise ConfigError(f"no such ACL : '{name}'", words.last_span, f"did you mean '{near}' ?" if near else "")
    return predefined(name, site)


def predefined(name: str, site: Site) -> Acl:
    """A predefined ACL (manual 7.4), parsed for a site."""
    span = site.span
    text = list(acl.PREDEFINED[name])
    line = Line(text, [span] * len(text), site.config, site.proxy, site.place)
    return Acl(name, [acl.take(Words(line, 0), site, closing=False)])


def _warn_misplaced(use: Use, site: Site) -> None:
    term = use.acl.misplaced(site)
    if term is None:
        return
    if site.place == "monitor fail":
        return  # as HAProxy
    which = f"acl '{use.acl.name}'" if use.acl.name else "anonymous acl"
    where = f" in '{site.place}'" if site.place.startswith("tcp-re") else ""
    point = next((name for p, name in acl.POINT_NAMES.items() if p & site.points), site.place)
    keyword = f"keyword '{re_name(term.word)}' which is incompatible with '{point}'"
    if not use.acl.name:
        text = f"{which} will never match{where} because it uses {keyword}"
    elif all(not each.expression.scope.allows(site.points) for each in use.acl.terms):
        text = f"{which} will never match{where} because it only involves keywords that are incompatible with '{point}'"
    else:
        text = f"{which} involves {keyword.replace('keyword', 'keywords', 1)}{where}"
    site.config.report.warning(text, use.span)


def re_name(text: str) -> str:
    """The criterion's keyword without arguments and converters."""
    return text.split("(", 1)[0].split(",", 1)[0]


Evaluate = Callable[[Any], bool]


def settled(check: Check) -> Evaluate:
    """closure(ctx) -> bool for places where nothing can be waited for: WAIT counts as a miss."""
    return lambda ctx: check(ctx) is True
