"""Actions that are understood and not acted upon yet: those of rooms that are still to be built.

What decides who may pass (tracking, lookups, engines) is UNSAFE: a start refuses it. The rooms take their words over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb.config.words import Words
from pylb.registry import Status, action
from pylb.rules.actions.parts import HTTP, TCP
from pylb.sample import expression
from pylb.sample.site import Site

Build = Callable[[Any], Callable[[Any], None]]
_BEFORE: Final = tuple(place for place in (*TCP, *HTTP) if place != "http-after-response")


def _nothing(program: Any) -> Callable[[Any], None]:
    return lambda ctx: None


def _to_condition(words: Words) -> None:
    while words.peek() is not None and words.peek() not in ("if", "unless"):
        words.next()


@action(
    "track-sc",
    places=tuple(place for place in _BEFORE if place != "tcp-response content"),
    usage="<number> <expression> [table <table>]",
    prefix=True,
    status=Status.UNSAFE,
    note="stick tables come later",
)
def track_sc(words: Words, site: Site) -> Build:
    """Counts the stream under a key in a stick table. Manual 4.2."""
    text = words.line.words[words.index - 1]
    number = text.removeprefix("track-sc")
    if number.isdigit() and int(number) > 2:
        words.fail(f"{number} track-sc number exceeding 2 (MAX_SESS_STKCTR-1) value")
    expression.parse(words, site)
    if words.accept("table"):
        words.next("missing table name")
    return _nothing


for _name, _takes in (
    ("sc-inc-gpc", False),
    ("sc-inc-gpc0", False),
    ("sc-inc-gpc1", False),
    ("sc-add-gpc", True),
    ("sc-set-gpt", True),
    ("sc-set-gpt0", True),
):

    def _counting(words: Words, site: Site, takes: bool = _takes) -> Build:
        if takes and (words.peek() or "").isdigit():
            words.next()
        elif takes:
            expression.parse(words, site)
        return _nothing

    action(
        _name,
        places=(*TCP, *HTTP),
        usage="(<index>[,<counter>])" + (" {<number> | <expression>}" if _takes else ""),
        parenthesis=True,
        status=Status.UNSAFE,
        note="stick tables come later",
        doc="Changes a counter or tag of the tracked entry. Manual 4.2.",
    )(_counting)


def _skipped(words: Words, site: Site) -> Build:
    _to_condition(words)
    return _nothing


def _declare(name: str, places: tuple[str, ...], usage: str, status: Status, doc: str, **facts: bool) -> None:
    action(name, places=places, usage=usage, status=status, doc=doc, **facts)(_skipped)


_CONTENT: Final = ("tcp-request content", "tcp-response content", "http-request", "http-response")
_declare(
    "do-resolve",
    ("http-request", "tcp-request content"),
    "(<variable>,<resolvers>[,ipv4|ipv6]) <expression>",
    Status.UNSAFE,
    "Resolves a name and stores the address in a variable. Manual 4.2.",
    parenthesis=True,
)
_declare("send-spoe-group", _CONTENT, "<engine> <group>", Status.UNSAFE, "Asks an SPOE agent. Manual 4.2.")
_declare("lua.", _CONTENT, "<function> [<arguments>]", Status.UNSAFE, "Runs a Lua function. Manual 4.2.", prefix=True)
_declare("cache-use", ("http-request",), "<cache>", Status.HARMLESS, "Answers from a cache. Manual 6.2.")
_declare("cache-store", ("http-response",), "<cache>", Status.HARMLESS, "Keeps the response in a cache. Manual 6.2.")
_declare(
    "expect-netscaler-cip",
    ("tcp-request connection",),
    "layer4",
    Status.UNSAFE,
    "Demands a NetScaler client IP header of the connections that match. Manual 4.2.",
)
