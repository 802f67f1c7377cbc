r"""The rules of HAProxy before 2.1 that work on raw lines of a head: reqrep, rspdel, reqideny ... (manual of 2.0, 4.2).

All of one proxy and direction run as one rule, in the order of the file, behind its `http-request` (`http-response`)
rules and before `reqadd` and `redirect`. Each looks at the start line and then at every header line, as far as earlier
rules have left them:

    allow    later deny and tarpit rules do not apply any more, nor those of the backend behind a frontend
    pass     no later rule of the proxy applies
    deny     403, of a response 502      tarpit    500 after `timeout tarpit`
    del      a matching header line is removed; a start line never is
    rep      a matching line becomes the replacement text, all of it; `\0` to `\9` are groups
    setbe    the backend is chosen, before the `use_backend` rules; the first that matches counts, of frontends only

Lines are as they came (http/kept.py), without their ends; a start line is what it would be sent as. A replacement with
line feeds makes several lines. A start line that is none any more, and a header line without a name, are refused (400,
or 502 for a response); an empty line vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from pylb.config.model import ProxyConfig
from pylb.errors import Span
from pylb.http.kept import Kept, line_of
from pylb.http.message import HOST, Field, Request, Response, field
from pylb.http.semantics import TOKEN, VALUE
from pylb.rules.actions.parts import host_changed, target_changed
from pylb.rules.actions.uri import change_method
from pylb.rules.ruleset import RAW
from pylb.rules.verdicts import Verdict
from pylb.sample.regexes import Regex, expand

JUDGING: Final = ("deny", "tarpit")
Act = Callable[[Any], "Verdict | None"]
Build = Callable[[Any], Act]

_request_line = re.compile(rb"(" + TOKEN + rb"+) +([!-~]+)(?: +HTTP/1\.([01]))? *").fullmatch
_status_line = re.compile(rb"HTTP/1\.[01] +([1-9][0-9][0-9])(?: +(" + VALUE + rb"*))?").fullmatch
_header_line = re.compile(rb"(" + TOKEN + rb"{1,255})[ \t]*:[ \t]*(" + VALUE + rb"*?)[ \t]*").fullmatch
_ends = re.compile(rb"[\r\n]+").split


_ALLOWED: Final = "txn.req*allow"
"""A variable that no configuration can name."""


CHOSEN: Final = "txn.req*setbe"
"""Where the name of the backend that `reqsetbe` has chosen waits for rules/switching.py."""


class Broken(Exception):
    """A rewritten line that cannot be part of a head."""


@dataclass(frozen=True, slots=True)
class RawRule:
    """One line of the configuration, checked."""

    verb: str  # allow, deny, pass, tarpit, del, rep, setbe
    regex: Regex
    replacement: list[bytes | int] | None
    condition: Any
    verdict: Build | None  # of deny and tarpit
    span: Span
    text: str
    backend: str = ""  # of setbe


@dataclass(frozen=True, slots=True)
class RawRules:
    """All such rules of one proxy and direction: the `build` of their RuleLine."""

    request: bool
    refuse: Build  # what a rewriting that makes no head leads to
    rules: tuple[RawRule, ...]

    def __call__(self, program: Any) -> Act:
        refuse = self.refuse(program)
        steps = [
            (
                rule,
                rule.regex.search,
                None if rule.condition is None else rule.condition.compile(program),
                None if rule.verdict is None else rule.verdict(program),
            )
            for rule in self.rules
        ]
        start_of, rewrite = (_request_start, _rewrite_request) if self.request else (_status_start, _rewrite_response)
        request = self.request

        def run(ctx: Any) -> Verdict | None:
            message = ctx.request if request else ctx.response
            allowed = request and ctx.variables is not None and _ALLOWED in ctx.variables
            for rule, search, condition, verdict in steps:
                if allowed and verdict is not None:
                    continue
                if condition is not None and condition(ctx) is not True:
                    continue
                if rule.replacement is not None:
                    try:
                        rewrite(ctx, message, rule.regex, rule.replacement)
                    except Broken:
                        return refuse(ctx)
                elif rule.verb == "del":
                    _delete(message, search, request)
                elif search(start_of(message)) or any(search(line_of(one)) for one in message.fields):
                    if verdict is not None:
                        return verdict(ctx)
                    if rule.verb == "pass":
                        return None
                    if rule.verb == "setbe":
                        ctx.variables = {CHOSEN: rule.backend, **(ctx.variables or {})}
                        continue
                    allowed = True
                    ctx.variables = {**(ctx.variables or {}), _ALLOWED: True}
            return None

        return run


def wanted(proxies: Iterable[ProxyConfig]) -> bool:
    """Whether any proxy has rules that need the lines as they came."""
    return any(rule.place == RAW for proxy in proxies for rules in proxy.rules.values() for rule in rules)


def chooses(config: ProxyConfig) -> bool:
    """Whether rules on raw lines may choose a frontend's backend."""
    lines = config.rules.get("http-request", [])
    return any(rule.verb == "setbe" for line in lines if line.place == RAW for rule in line.build.rules)


def _request_start(request: Request) -> bytes:
    return b"%b %b HTTP/1.%d" % (request.method, request.target, request.version - 10)


def _status_start(response: Response) -> bytes:
    return b"HTTP/1.%d %d %b" % (response.version - 10, response.status, response.reason)


def _delete(message: Any, search: Any, request: bool) -> None:
    kept = [one for one in message.fields if not search(line_of(one))]
    if len(kept) < len(message.fields):
        message.fields = kept
        if request:
            host_changed(message)


def _rewrite_request(ctx: Any, request: Request, regex: Regex, replacement: list[bytes | int]) -> None:
    before = _request_start(request)
    found = regex.search(before)
    first: list[Field] = []
    if found is not None:
        start, *others = [line for line in _ends(expand(replacement, regex, found)) if line] or [b""]
        parts = _request_line(start)
        if parts is None:
            raise Broken
        first = _parsed(others)
    if _rewrite_fields(request, regex, replacement, first):
        host_changed(request)
    if found is not None:
        method, target = parts[1], parts[2]  # type: ignore[index]
        if method != request.method:
            change_method(ctx, method)
        if target != request.target:
            request.target = target
            target_changed(request)


def _rewrite_response(ctx: Any, response: Response, regex: Regex, replacement: list[bytes | int]) -> None:
    found = regex.search(_status_start(response))
    first: list[Field] = []
    if found is not None:
        start, *others = [line for line in _ends(expand(replacement, regex, found)) if line] or [b""]
        parts = _status_line(start)
        if parts is None:
            raise Broken
        first = _parsed(others)
        response.status = int(parts[1])
        response.reason = parts[2] or b""
    _rewrite_fields(response, regex, replacement, first)


def _rewrite_fields(message: Any, regex: Regex, replacement: list[bytes | int], first: list[Field]) -> bool:
    """Puts `first` before the fields, and rewrites those whose line matches; whether Host was among the changed."""
    search = regex.search
    changed = bool(first)
    host = any(one[3] == HOST for one in first)
    fields: list[Field] = list(first)
    for one in message.fields:
        found = search(line_of(one))
        if found is None:
            fields.append(one)
            continue
        changed = True
        new = _parsed(_ends(expand(replacement, regex, found)))
        host = host or one[3] == HOST or any(other[3] == HOST for other in new)
        fields += new
    if changed:
        message.fields = fields
    return host


def _parsed(lines: Iterable[bytes]) -> list[Field]:
    """Fields of rewritten lines, which later rules see as they were written."""
    fields: list[Field] = []
    for line in lines:
        if not line:
            continue
        parts = _header_line(line)
        if parts is None:
            raise Broken
        one = Kept(field(parts[1], parts[2]))
        one.line = line
        fields.append(one)
    return fields
