"""`http-check expect` and `tcp-check expect`: what an answer must, or with `!` must not, look like (manual 4.2)."""

from __future__ import annotations

import re
from typing import Final

from pylb.config import units
from pylb.config.words import Words
from pylb.errors import ConfigError
from pylb.rules.actions.parts import take_regex
from pylb.rules.check_rules import HTTP, TCP, CheckStep, Parser, defer_format, take_expression, take_text
from pylb.rules.check_steps import hexadecimal
from pylb.sample.site import Site

_STATUSES: Final = {
    "ok-status": (("L4OK", "L6OK", "L7OK", "L7OKC"), "'L4OK', 'L6OK', 'L7OK' or 'L7OKC'"),
    "error-status": (("L4CON", "L6RSP", "L7RSP", "L7STS"), "'L4CON', 'L6RSP', 'L7RSP' or 'L7STS'"),
    "tout-status": (("L4TOUT", "L6TOUT", "L7TOUT"), "'L4TOUT', 'L6TOUT' or 'L7TOUT'"),
}
_METHODS: Final = ("str", "beg", "end", "sub", "reg")
_HTTP_WORDS: Final = (
    "'only supports min-recv, [!]string', '[!]rstring', '[!]string-lf', '[!]status', '[!]rstatus', [!]hdr, [!]fhdr "
    "or comment but got '{}' as argument.."
)
_TCP_WORDS: Final = (
    "'only supports min-recv, '[!]binary', '[!]string', '[!]rstring', '[!]string-lf''[!]rbinary', '[!]binary-lf' "
    "or comment but got '{}' as argument.."
)

# -- patterns ---------------------------------------------------------------------------------------------------------


def _pattern(words: Words, name: str) -> str:
    return take_text(words, name, what="a <pattern>", end=".")


def _string(words: Words, site: Site, step: CheckStep) -> None:
    step.values["pattern"] = _pattern(words, "string")


def _regex(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        if not words.peek():
            _pattern(words, name)
        step.defer("pattern", _checked_regex, words)

    return take


def _checked_regex(words: Words) -> object:
    try:
        return take_regex(words, "")
    except ConfigError as error:
        raise ConfigError(f"{error.message.rstrip('.')}.", error.span, error.hint) from None


def _format(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        defer_format(words, site, step, name, key="pattern", what="a <pattern>", end=".")

    return take


def _binary(words: Words, site: Site, step: CheckStep) -> None:
    def read(cursor: Words) -> bytes:
        try:
            return hexadecimal(cursor.next())
        except ValueError as error:
            cursor.fail(f"invalid binary string ({error}).")

    if not words.peek():
        _pattern(words, "binary")
    step.defer("pattern", read, words)


def _custom(words: Words, site: Site, step: CheckStep) -> None:
    """HAProxy takes this word, with which its own check types are made, from configurations too."""


_RANGE = re.compile(r"([0-9]*)(?:(-)([0-9]*))?")


def _status(words: Words, site: Site, step: CheckStep) -> None:
    """Codes and ranges between commas."""
    if not words.peek():
        _pattern(words, "status")
    step.defer("pattern", _ranges, words)


def _ranges(words: Words) -> list[tuple[int, int]]:
    text = words.next()
    ranges = []
    for part in text.split(","):
        found = _RANGE.match(part)
        assert found is not None  # it may be empty
        low = int(found[1] or 0)
        high = int(found[3] or 0) if found[2] else low
        if high < low or part[found.end() :].startswith("-"):
            words.fail(f"invalid range of status codes '{text}'.")
        if found.end() < len(part):
            words.fail(f"invalid character '{part[found.end()]}' in the list of status codes.")
        ranges.append((low, high))
    return ranges


def _operand(words: Words, site: Site, step: CheckStep, what: str, form: bool, missing: str) -> None:
    """`[-m <method>] <text>` of a header's name or value."""
    method = "str"
    if words.accept("-m"):
        if not words.peek():
            words.fail(f"'{step.values['match']}' : '-m' expects at a matching pattern "
                       "('str', 'beg', 'end', 'sub' or 'reg').")  # fmt: skip
        method = words.peek() or ""
        if method not in _METHODS:
            words.fail(
                f"'{step.values['match']}' : '-m' only supports 'str', 'beg', 'end', 'sub' or 'reg' (got '{method}').",
                last=False,
            )
        words.next()
        if form and method == "reg":
            words.fail(f"'{step.values['match']}': log-format string is not supported with a regex matching method.")
    if words.end and method != "str" and what == "name":
        step.values[what] = ""  # as HAProxy takes it
        return
    if words.end:
        words.fail(missing)
    step.values[f"{what} method"] = method
    if form:
        defer_format(words, site, step, what)
    elif method == "reg":
        step.defer(what, _checked_regex, words)
    else:
        step.values[what] = words.next()


def _header(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        missing = f"'{name}' expects at the name keyword as first argument followed by a pattern."
        if words.peek() not in ("name", "name-lf") or not words.peek(1):
            words.fail(missing)
        step.values["match"] = name
        _operand(words, site, step, "name", words.next() == "name-lf", missing)
        given = words.accept("value", "value-lf")
        if given:
            _operand(
                words, site, step, "value", given == "value-lf", f"'{name}' expect a pattern with the value keyword."
            )

    return take


_HTTP: Final[dict[str, Parser]] = {
    "string": _string,
    "rstring": _regex("rstring"),
    "string-lf": _format("string-lf"),
    "status": _status,
    "rstatus": _regex("rstatus"),
    "hdr": _header("hdr"),
    "fhdr": _header("fhdr"),
    "custom": _custom,
}
_TCP: Final[dict[str, Parser]] = {
    "string": _string,
    "rstring": _regex("rstring"),
    "string-lf": _format("string-lf"),
    "binary": _binary,
    "rbinary": _regex("rbinary"),
    "binary-lf": _format("binary-lf"),
    "custom": _custom,
}


# -- options ----------------------------------------------------------------------------------------------------------


def _comment(words: Words, site: Site, step: CheckStep) -> None:
    step.values["comment"] = take_text(words, "comment", end=".")


def _min_recv(words: Words, site: Site, step: CheckStep) -> None:
    size = units.parse_integer(take_text(words, "min-recv", what="a integer", end="."))
    if not -1 <= size <= 0x7FFFFFFF:
        words.fail("'min-recv' expects -1 or an integer from 0 to INT_MAX.")
    step.values["min-recv"] = size


def _message(name: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        defer_format(words, site, step, name, end=".")

    return take


def _outcome(name: str) -> Parser:
    allowed, listed = _STATUSES[name]

    def take(words: Words, site: Site, step: CheckStep) -> None:
        status = take_text(words, name, end=".")
        if status not in allowed:
            words.fail(f"'{name}' only supports {listed} status (got '{status}')..")
        step.values[name] = status

    return take


def _code(words: Words, site: Site, step: CheckStep) -> None:
    if not words.peek():
        words.fail("'status-code' expects an expression as argument.")
    step.values["status-code"] = take_expression(words, site, "status-code")


_OPTIONS: Final[dict[str, Parser]] = {
    "comment": _comment,
    "min-recv": _min_recv,
    "on-success": _message("on-success"),
    "on-error": _message("on-error"),
    **{name: _outcome(name) for name in _STATUSES},
    "status-code": _code,
}
_NEVER_INVERTED: Final = ("comment", "min-recv", *_STATUSES, "on-success", "on-error", "status-code")


def _expect(patterns: dict[str, Parser], expected: str) -> Parser:
    def take(words: Words, site: Site, step: CheckStep) -> None:
        if words.peek() is None:
            words.fail("expects at least a matching pattern as arguments.")
        while not words.end:
            inverted = False
            while words.accept("!"):
                inverted = True
            name = words.peek() or ""
            if name.startswith("!"):
                name, inverted = name[1:], True
            parse = patterns.get(name) or _OPTIONS.get(name)
            if parse is None:
                words.fail(expected.format(name), last=False)
            if name in patterns and "type" in step.values:
                words.fail("only on pattern expected.", last=False)
            words.next()
            if inverted and name in _NEVER_INVERTED:
                words.fail(f"[!] not supported with '{name}'.")
            if name in patterns:
                step.values["type"], step.values["inverted"] = name, inverted
            parse(words, site, step)
        if "type" not in step.values:
            words.fail("pattern not found.")

    return take


HTTP["expect"] = _expect(_HTTP, _HTTP_WORDS)
TCP["expect"] = _expect(_TCP, _TCP_WORDS)
