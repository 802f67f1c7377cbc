"""The places where rules run, and how a line of each becomes a RuleLine.

A place knows its check points on either side, who may hold it and how HAProxy words its mistakes. Actions are found in
the registry (Kind.ACTION, place); an action written `name(argument)` is found by its name, families such as
`track-sc0` by their declared prefix.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from typing import Any, Final

from pylb import registry
from pylb.config import units
from pylb.config.model import ProxyConfig, RuleLine
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import BACK, FRONT, PROXY, Kind, Status, Word, keyword
from pylb.rules.ruleset import ADDED, BLOCK, LATE, PROXIED, RAW, REDIRECT
from pylb.sample import condition as conditions
from pylb.sample.scopes import Point
from pylb.sample.site import Site


@dataclass(frozen=True, slots=True)
class Place:
    """One ruleset of a proxy. `front` and `back` are the points at which it runs there, 0 where it does not."""

    name: str
    front: Point
    back: Point
    order: int = 0  # position in the life of a request, among those that warn when written out of order
    said: str = ""  # how it is named in such a warning
    http: bool = False

    def points(self, proxy: ProxyConfig) -> Point:
        """All points at which the rules of this proxy run."""
        points = Point(0)
        if proxy.is_front:
            points |= self.front
        if proxy.is_back:
            points |= self.back
        return points or self.front | self.back  # defaults: rules of either side may start there


NOWHERE: Final = Point(0)
PLACES: Final[dict[str, Place]] = {
    place.name: place
    for place in (
        Place("quic-initial", Point.FE_CONNECTION, NOWHERE, 0, "", True),
        Place("tcp-request connection", Point.FE_CONNECTION, NOWHERE, 10, "tcp-request"),
        Place("tcp-request session", Point.FE_SESSION, NOWHERE, 20, "tcp-request"),
        Place("tcp-request content", Point.FE_CONTENT, Point.BE_CONTENT, 30, "tcp-request"),
        Place("tcp-response content", NOWHERE, Point.BE_RESPONSE_CONTENT),
        Place("http-request", Point.FE_REQUEST, Point.BE_REQUEST, 50, "http-request", True),
        Place("http-response", Point.FE_RESPONSE, Point.BE_RESPONSE, 0, "", True),
        Place("http-after-response", Point.FE_RESPONSE, Point.BE_RESPONSE, 0, "", True),
    )
}

# What may stand before a rule and still runs after it: (order, how it is named, where it is kept).
_LATER: Final[tuple[tuple[int, str, str], ...]] = (
    (20, "a 'tcp-request session'", "tcp-request session"),
    (30, "a 'tcp-request content'", "tcp-request content"),
    (40, "a 'monitor fail'", "monitor fail"),
    (45, "a 'block'", BLOCK),
    (50, "an 'http-request'", "http-request"),
    (52, "a 'reqxxx'", RAW),
    (54, "a 'reqadd'", ADDED),
    (60, "a 'redirect'", REDIRECT),
    (70, "a 'use_backend'", "use_backend"),
    (80, "a 'use-server'", "use-server"),
)
_REQUEST: Final = (BLOCK, "http-request", RAW, ADDED, REDIRECT, PROXIED)
"""What is kept among the http-request rules of a proxy, in this order."""


def kind_of(proxy: ProxyConfig) -> str:
    """HAProxy's word for the kind of a proxy in messages."""
    return "proxy" if proxy.kind == "listen" else proxy.kind


def warn_order(line: Line, said: str, order: int) -> None:
    """Warns when something that runs later stands before this line."""
    for later, name, store in _LATER:
        if later > order and _stands(line.proxy, store):
            line.warning(f"a '{said}' rule placed after {name} rule will still be processed before.")
            return


def _stands(proxy: ProxyConfig, store: str) -> bool:
    """Whether the section itself has something of that kind so far. Own rules stand behind inherited ones of their
    kind, so the last one tells."""
    among = store in _REQUEST
    key = "http-request" if among else store
    rules = proxy.rules.get(key, ())
    if store == BLOCK:
        rules = list(itertools.takewhile(lambda rule: rule.place in (BLOCK, "monitor"), rules))
    for rule in reversed(rules):
        if among and rule.place != store:
            if rule.place in _REQUEST[_REQUEST.index(store) :]:
                continue
            break
        if store == BLOCK and rule.action.name != "deny":  # a monitor, which warns of nothing
            continue
        if proxy.origin is None or not any(rule is known for known in proxy.origin.rules.get(key, ())):
            return True
        break
    return not among and bool(proxy.get(store))


def find_action(place: str, word: str) -> Word | None:
    """The action that a word names: itself, its name before a parenthesis, or a family's prefix."""
    found = registry.find(Kind.ACTION, word, place)
    if found is None and "(" in word:
        found = registry.find(Kind.ACTION, word.partition("(")[0], place)
    if found is not None:
        return found
    for name in registry.names(Kind.ACTION, place):
        candidate = registry.find(Kind.ACTION, name, place)
        if candidate is not None and candidate.facts.get("prefix") and word.startswith(name):
            return candidate
    # HAProxy compares no more than the name where an argument is part of the word; the action judges the rest.
    longest = max((n for n in _with_argument(place) if word.startswith(n)), key=len, default="")
    return registry.find(Kind.ACTION, longest, place) if longest else None


@functools.cache
def _with_argument(place: str) -> tuple[str, ...]:
    """The actions of a place that are written `name(argument)`."""
    words = ((name, registry.find(Kind.ACTION, name, place)) for name in registry.names(Kind.ACTION, place))
    return tuple(name for name, word in words if word is not None and word.facts.get("parenthesis"))


def argument(words: Words, message: str = "") -> str:
    """What stands in parentheses behind the action's name: `set-var(<this>)`. For action factories."""
    text = words.line.words[words.index - 1]
    name, bracket, rest = text.partition("(")
    if not bracket or not rest.endswith(")"):
        raise ConfigError(message or f"'{name}' expects an argument in parentheses", words.last_span)
    return rest[:-1]


def known_actions(place: str) -> list[str]:
    """Names as HAProxy lists them, with `(*)` where an argument is part of the name."""
    found = []
    for name in registry.names(Kind.ACTION, place):
        word = registry.find(Kind.ACTION, name, place)
        facts = word.facts if word is not None else {}
        found.append(
            f"'{name}(*)'" if facts.get("parenthesis") else f"'{name}*'" if facts.get("prefix") else f"'{name}'"
        )
    return found


def take_action(line: Line, words: Words, place: Place) -> tuple[Word, Site, Any]:
    """The action of a rule with its arguments: registry word, site and build function."""
    proxy = line.proxy
    name = words.peek()
    word = find_action(place.name, name) if name is not None else None
    if name is None or word is None:
        raise _unknown(line, words, place, name)
    words.next()
    words.use(word)
    rule = f"{place.name} {name}"
    site = Site(line.config, proxy, place.name, place.points(proxy), line.span, rule)
    try:
        build = word.factory(words, site)
    except ConfigError as error:
        if place.http and "must be allowed via a global" not in error.message:
            message = error.message.removesuffix(".")
            prefix = f"error detected in {kind_of(proxy)} '{proxy.name}' while parsing '{rule}' rule : "
            raise ConfigError(f"{prefix}{message}.", error.span, error.hint) from None
        raise
    return word, site, build


_ONE_PLACE: Final = ("capture", "expect-proxy", "expect-netscaler-cip")
"""Actions of one kind of tcp-request rules, which HAProxy knows in all of them."""


def _unknown(line: Line, words: Words, place: Place, name: str | None) -> ConfigError:
    expected = ", ".join(known_actions(place.name))
    hint = did_you_mean(name or "", registry.names(Kind.ACTION, place.name)).lstrip("; ")
    if place.http:
        got = f"but got '{name or ''}'{'' if name else ' (missing argument)'}"
        return ConfigError(f"'{place.name}' expects {expected}, {got}.", words.span, hint)
    proxy = line.proxy
    where = f"in {kind_of(proxy)} '{proxy.name}'"
    if name in _ONE_PLACE and place.name.startswith("tcp-request"):
        argument = words.peek(1) or ""
        if name != "capture" and argument != "layer4":
            return ConfigError(f"'{place.name} {name}' only supports 'layer4' {where} (got '{argument}')", words.span)
        return ConfigError(f"'{name} {argument}' is not allowed in '{place.name}' rules {where}", words.span)
    message = f"'{place.name}' expects {expected} {where} (got '{name or ''}')."
    return ConfigError(message, words.span, hint)


def word_of_redirect(rule: str) -> bool:
    """Whether a rule redirects: HAProxy has other words for mistakes in the conditions of those."""
    return rule.endswith(" redirect")


def take_condition(line: Line, words: Words, site: Site, place: Place) -> Any:
    """The `if`/`unless` of a rule, or None; nothing else may follow an action."""
    following = words.peek()
    if following is None:
        return None
    proxy = line.proxy
    rule = site.what
    if following not in ("if", "unless"):
        if place.http:
            message = f"'{rule}' expects either 'if' or 'unless' followed by a condition but found '{following}'."
        else:
            message = f"'{rule}' only accepts 'if' or 'unless', in {kind_of(proxy)} '{proxy.name}' (got '{following}')"
        raise ConfigError(message, words.span)
    complaint = ""
    if word_of_redirect(rule):
        complaint = (
            f"error detected in {kind_of(proxy)} '{proxy.name}' while parsing '{rule}' rule : error in condition"
        )
        try:
            return conditions.parse(words, site, complaint=complaint)
        except ConfigError as error:
            message = error.message.replace("error in condition : ", "error in condition: ")
            raise ConfigError(message, error.span, error.hint) from None
    if not place.http:
        complaint = (
            f"'{rule}' : error detected in {kind_of(proxy)} '{proxy.name}' while parsing '{following}' condition"
        )
    return conditions.parse(words, site, complaint=complaint)


def parse(line: Line, words: Words, place: Place) -> RuleLine:
    """One rule, checked and not yet compiled."""
    word, site, build = take_action(line, words, place)
    condition = take_condition(line, words, site, place)
    text = " ".join(line.words)
    return RuleLine(place.name, word, condition, line.span, text, build)


def store(line: Line, rule: RuleLine, place: str) -> None:
    """Appends a rule to its ruleset, before what always comes later (redirects, and old rules on raw lines)."""
    rules = line.proxy.rules.setdefault(place, [])
    later = LATE[LATE.index(rule.place) + 1 :] if rule.place in LATE else LATE
    at = len(rules)
    while at and rules[at - 1].place in later:
        at -= 1
    rules.insert(at, rule)


def add(line: Line, place: Place) -> None:
    """Takes a whole rule line."""
    words = line.args()
    rule = parse(line, words, place)
    if place.order:
        warn_order(line, place.said, place.order)
    rules = line.proxy.rules.get(place.name, ())
    previous = next((known for known in reversed(rules) if known.place == place.name), None)
    inherited = line.proxy.origin.rules.get(place.name, ()) if line.proxy.origin is not None else ()
    if place.http and previous is not None and unconditional(previous) and previous not in inherited:
        line.warning(
            f"previous '{place.name}' action is final and has no condition attached, further entries are NOOP."
        )
    store(line, rule, place.name)


PASSES = "passes"  # attribute of the `build` of a final action whose arguments let it do nothing at times


def unconditional(rule: RuleLine) -> bool:
    """Whether nothing behind this rule can ever run."""
    final = rule.action.facts.get("final") and not getattr(rule.build, PASSES, False)
    return rule.condition is None and bool(final)


def _declare(name: str, places: tuple[str, ...], doc: str, status: Status = Status.FULL) -> None:
    place = PLACES[name]
    keyword(name, places=places, usage="<action> [<arguments>] [{if | unless} <condition>]", doc=doc, status=status)(
        lambda line: add(line, place)
    )


_declare(
    "quic-initial", FRONT, "A rule for the first datagram of a QUIC connection. HAProxy 3.1 and later. Manual 4.2.",
    Status.UNSAFE,
)  # fmt: skip
_declare("http-request", PROXY, "A rule for each request, in order, once its head is complete. Manual 4.2.")
_declare("http-response", PROXY, "A rule for each response of a server, the backend's first. Manual 4.2.")
_declare("http-after-response", PROXY, "A rule for every response that goes out, those made here included. Manual 4.2.")
_declare("tcp-request connection", FRONT, "A rule for each new connection, before anything is read of it. Manual 4.2.")
_declare("tcp-request session", FRONT, "A rule for each session, after PROXY header and TLS handshake. Manual 4.2.")
_declare("tcp-request content", PROXY, "A rule for the first bytes of a request, while they arrive. Manual 4.2.")
_declare("tcp-response content", BACK, "A rule for the first bytes of an answer, while they arrive. Manual 4.2.")


def _delay(line: Line) -> None:
    proxy = line.proxy
    text = line.args().peek()
    message = f"'{line.name}' expects a positive delay in milliseconds, in {kind_of(proxy)} '{proxy.name}'"
    if text is None:
        raise ConfigError(message, line.span)
    try:
        delay = units.parse_time(text)
    except units.TimeOverflow:
        limit = "maximum value is 2147483647 ms or ~24.8 days"
        raise ConfigError(f"{message} (timer overflow in '{text}', {limit})", line.spans[-1]) from None
    except ValueError as error:
        raise ConfigError(f"{message} ({str(error).rstrip('.')})", line.spans[-1]) from None
    inherited = proxy.origin is not None and proxy.origin.where.get(line.name) == proxy.where.get(line.name)
    if proxy.get(line.name) and not inherited:
        line.warning(f"ignoring {line.name} (was already defined) in {kind_of(proxy)} '{proxy.name}'")
        return
    line.set(delay)


@keyword("tcp-request inspect-delay", places=PROXY, usage="<time>")
def request_delay(line: Line) -> None:
    """How long `tcp-request content` rules may wait for data before they must decide. In milliseconds by default."""
    _delay(line)


@keyword("tcp-response inspect-delay", places=BACK, usage="<time>")
def response_delay(line: Line) -> None:
    """How long `tcp-response content` rules may wait for data before they must decide. In milliseconds by default."""
    _delay(line)


@keyword("tcp-request", places=PROXY, usage="{connection | session | content | inspect-delay} ...")
def bare_tcp_request(line: Line) -> None:
    """One of the `tcp-request` lines above."""
    _bare(line, "'inspect-delay', 'connection', or 'content'")


@keyword("tcp-response", places=BACK, usage="{content | inspect-delay} ...")
def bare_tcp_response(line: Line) -> None:
    """One of the `tcp-response` lines above."""
    _bare(line, "'inspect-delay' or 'content'")


def _bare(line: Line, expected: str) -> None:
    proxy = line.proxy
    where = f"in {kind_of(proxy)} '{proxy.name}'"
    got = line.args().peek()
    if got is None:
        raise ConfigError(f"missing argument for '{line.name}' {where}", line.span)
    if proxy.kind == "backend" and got in ("connection", "session"):
        raise ConfigError(f"{line.name} {got} is not allowed because backend {proxy.name} is not a frontend", line.span)
    raise ConfigError(f"'{line.name}' expects {expected} {where} (got '{got}')", line.spans[-1])
