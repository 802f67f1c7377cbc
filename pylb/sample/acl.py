"""ACLs: a named test, made of one or more expressions with their patterns; any of them may match.

An `Acl` is evaluated anew at each use, since an earlier rule may have changed what it reads. Its closure has three
answers: True, False, WAIT (what it reads may still come). Every occurrence of a header is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.registry import PROXY, Kind, declare, keyword
from pylb.sample import expression, fusing, patterns
from pylb.sample.expression import Expression, Trace
from pylb.sample.patterns import PatternList, Test
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import WAIT, Absent

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line, Words

Check = Callable[[Any], Any]  # closure(ctx) -> True | False | WAIT

# ACL keywords: a fetch with a built-in match method. `<family>` alone has the method str, `<family>_<method>` the other
# ones (manual 7.3.6); the second table has the rest.
_FAMILIES: Final = {
    "base": "base",
    "cook": "req.cook",
    "hdr": "req.hdr",
    "path": "path",
    "scook": "res.cook",
    "shdr": "res.hdr",
    "url": "url",
    "urlp": "urlp",
}
_METHODS: Final = ("beg", "dir", "dom", "end", "len", "reg", "sub")
# Written by articles of the days of 1.5 and known by no version: the fetch's full name with a method.
_MIXED: Final = {
    f"{fetch}_{method}": f"{family}_{method}"
    for family, fetch in _FAMILIES.items()
    if "." in fetch
    for method in _METHODS
}
_OTHERS: Final = (
    ("http_auth_group", "http_auth_group", "str"),
    ("method", "method", "str"),
    ("payload", "req.payload", "bin"),
    ("payload_lv", "req.payload_lv", "bin"),
    ("req.ssl_ver", "req.ssl_ver", "int"),
    ("req_rdp_cookie", "req.rdp_cookie", "str"),
    ("req_rdp_cookie_cnt", "req.rdp_cookie_cnt", "int"),
    ("req_ssl_sni", "req.ssl_sni", "str"),
    ("req_ssl_ver", "req.ssl_ver", "int"),
    ("req_ver", "req.ver", "str"),
    ("resp_ver", "res.ver", "str"),
    ("ssl_fc_sni_end", "ssl_fc_sni", "end"),
    ("ssl_fc_sni_reg", "ssl_fc_sni", "reg"),
)


def _declare(name: str, fetch: str, method: str) -> None:
    declare(
        Kind.ACL, name, _declare, doc=f"The fetch `{fetch}` matched with `-m {method}`.", fetch=fetch, method=method
    )


for _family, _fetch in _FAMILIES.items():
    _declare(_family, _fetch, "str")
    for _method in _METHODS:
        _declare(f"{_family}_{_method}", _fetch, _method)
for _row in _OTHERS:
    _declare(*_row)
_DOTTED: Final = ("req.ssl_ver", "req_ssl_ver")

# Names of the check points as warnings print them.
POINT_NAMES: Final[dict[Point, str]] = {
    Point.FE_CONNECTION: "frontend tcp-request connection rule",
    Point.FE_SESSION: "frontend tcp-request session rule",
    Point.FE_CONTENT: "frontend tcp-request content rule",
    Point.FE_REQUEST: "frontend http-request header rule",
    Point.FE_REQUEST_BODY: "frontend http-request body rule",
    Point.FE_SWITCH: "frontend use-backend rule",
    Point.BE_CONTENT: "backend tcp-request content rule",
    Point.BE_REQUEST: "backend http-request header rule",
    Point.BE_REQUEST_BODY: "backend http-request body rule",
    Point.BE_SERVER: "backend use-server, balance or stick-match rule",
    Point.BE_CONNECT: "server source selection",
    Point.BE_RESPONSE_CONTENT: "backend tcp-response content rule",
    Point.BE_RESPONSE: "backend http-response header rule",
    Point.BE_RESPONSE_BODY: "backend http-response body rule",
    Point.BE_STORE: "backend stick-store rule",
    Point.FE_RESPONSE_CONTENT: "frontend tcp-response content rule",
    Point.FE_RESPONSE: "frontend http-response header rule",
    Point.FE_RESPONSE_BODY: "frontend http-response body rule",
    Point.LOG: "logs",
    Point.CHECK: "check",
    Point.CONFIG: "configuration parsing",
    Point.CLI: "CLI parser",
}


@dataclass(slots=True)
class Term:
    """One expression with its patterns. `word` is the criterion as written, for messages."""

    expression: Expression
    patterns: PatternList
    word: str
    span: Span

    def compile(self, program: Any, trace: Trace | None) -> Check:
        """closure(ctx) -> True | False | WAIT."""
        takes = self.patterns.takes or self.expression.type
        test = self.patterns.tester()
        check = self._generic(takes, test, program, trace)
        if trace is not None:
            return _tracing(self, check, trace)
        return fusing.fuse(self, test, check) or check

    def _generic(self, takes: str, test: Test, program: Any, trace: Trace | None) -> Check:
        each = self.expression.compile_each(takes, program, trace)
        if each is not None:
            return _each(each[0], each[1], test)
        read = self.expression.compile_as(takes, program, trace)
        if self.expression.constant and trace is None:
            return _constant(read, test)
        return _changing(read, test) if self.expression.changing else _single(read, test)


def _tracing(term: Any, check: Check, trace: Trace) -> Check:
    def traced(ctx: Any) -> Any:
        result = check(ctx)
        trace(term, result)
        return result

    return traced


def _constant(read: Any, test: Test) -> Check:
    value = read(None)
    result = value.__class__ is not Absent and test(value)
    return always if result else never


def always(ctx: Any) -> bool:
    return True


def never(ctx: Any) -> bool:
    return False


def _single(read: Any, test: Test) -> Check:
    def check(ctx: Any) -> Any:
        value = read(ctx)
        if value.__class__ is Absent:
            return WAIT if value is WAIT and not ctx.final else False
        return test(value)

    return check


def _changing(read: Any, test: Test) -> Check:
    """For data that is still arriving: what does not match yet may do so later."""

    def check(ctx: Any) -> Any:
        value = read(ctx)
        if value.__class__ is not Absent and test(value):
            return True
        return False if ctx.final else WAIT

    return check


def _each(occurrences: Any, steps: list[Any], test: Test) -> Check:
    if not steps:

        def check_plain(ctx: Any) -> Any:
            found = occurrences(ctx)
            if found.__class__ is Absent:
                return WAIT if found is WAIT and not ctx.final else False
            for value in found:  # noqa: SIM110 - any() makes a generator per evaluation
                if test(value):
                    return True
            return False

        return check_plain
    run = expression.apply

    def check(ctx: Any) -> Any:
        found = occurrences(ctx)
        if found.__class__ is Absent:
            return WAIT if found is WAIT and not ctx.final else False
        for value in found:
            value = run(steps, value, ctx)
            if value.__class__ is not Absent and test(value):
                return True
        return False

    return check


@dataclass(slots=True)
class Acl:
    """A named ACL, or an anonymous one (name ""). Terms of one name are alternatives."""

    name: str
    terms: list[Term] = field(default_factory=list)

    def misplaced(self, site: Site) -> Term | None:
        """The first term whose fetch cannot be read at a site."""
        for term in self.terms:
            if not term.expression.scope.allows(site.points):
                return term
        return None

    def compile(self, site: Site, program: Any = None, trace: Trace | None = None) -> Check:
        """closure(ctx) -> True | False | WAIT; terms that are misplaced at the site never match."""
        checks = [t.compile(program, trace) for t in self.terms if t.expression.scope.allows(site.points)]
        if not checks:
            return never
        return checks[0] if len(checks) == 1 else _any(tuple(checks))


def _any(checks: tuple[Check, ...]) -> Check:
    def any_of(ctx: Any) -> Any:
        result: Any = False
        for check in checks:
            answer = check(ctx)
            if answer is True:
                return True
            if answer is WAIT:
                result = WAIT
        return result

    return any_of


_illegal = re.compile(r"[^A-Za-z0-9_.:-]").search


def declared(words: Words, site: Site, name: str) -> Term:
    """Parses what follows an ACL's name up to the end of the line."""
    try:
        return take(words, site, closing=False, name=name)
    except ConfigError as error:
        raise ConfigError(
            f"error detected while parsing ACL '{name}' : {error.message}.", error.span, error.hint
        ) from None


def take(words: Words, site: Site, *, closing: bool, name: str = "") -> Term:
    """Parses `<criterion> [flags] [patterns]`, up to `}` when `closing`, which stays on the line.

    `name` is the ACL's, for messages; nothing for an anonymous one.
    """
    owner = name
    span = words.span
    text = "" if words.end or (closing and words.peek() == "}") else words.peek() or ""
    if not text:
        raise ConfigError("missing fetch method in ACL expression ''", span)
    name = re.split(r"[(),]", text, maxsplit=1)[0]
    meant = _MIXED.get(name)
    if meant is not None:
        site.config.report.notice(f"'{name}' is no ACL keyword of HAProxy, '{meant}' is used instead.", span)
        name, text = meant, meant + text[len(name) :]
    word = registry.find(Kind.ACL, name)
    parsed = _criterion(words, site, text, name, word, span)
    parsed.criterion = name
    implied = word.facts["method"] if word is not None and not parsed.converters else ""
    listed = patterns.parse(
        words, parsed.type, implied, site, parsed.fetch.name, closing=closing, dotted=name in _DOTTED
    )
    try:
        parsed.final_cast(listed.takes or parsed.type)
    except ConfigError:
        # Types that cannot be cast are accepted and never match (observed with -m on foreign types).
        listed.patterns.clear()
        listed.files.clear()
    if listed.empty and not listed.ended:
        _warn_empty(site, text, span)
    elif parsed.fetch.name == "http_auth_group":
        site.config.wants.append(lambda config: _check_groups(config, site, owner, parsed, listed))
    return Term(parsed, listed, text, span)


def _criterion(words: Words, site: Site, text: str, name: str, word: registry.Word | None, span: Span) -> Expression:
    """The expression of an ACL: an ACL keyword stands for its fetch."""
    words.next()
    if word is not None:
        fetch = word.facts["fetch"]
        if registry.find(Kind.FETCH, fetch) is None:
            raise ConfigError(f"unknown fetch method '{fetch}' in ACL expression '{text}'", span)
        text_of = fetch + text[len(name) :]
        try:
            parsed, end = expression.parse_text(text_of, 0, site, span)
        except ConfigError as error:
            message = error.message.replace(f"fetch method '{fetch}' : ", "", 1)
            if message.startswith("invalid args in ") and not message.startswith("invalid args in converter"):
                message = f"in argument to '{name}', {message.removeprefix('invalid args in ')}"
                raise ConfigError(message, error.span, error.hint) from None
            if message.startswith(("unknown converter", "converter ", "invalid arg")):
                message += "."
            raise ConfigError(f"ACL keyword '{name}' : {message}", error.span, error.hint) from None
        if end < len(text_of):
            after = f"converter '{parsed.nodes[-1].name}'" if parsed.converters else "fetch keyword"
            raise ConfigError(f"ACL keyword '{name}' : missing comma after {after}.", span)
        return parsed
    known = [*registry.names(Kind.FETCH), *registry.names(Kind.ACL)]
    try:
        parsed, end = expression.parse_text(text, 0, site, span)
    except ConfigError as error:
        hint = error.hint or (did_you_mean(name, known) if error.message.startswith("unknown fetch") else "")
        raise ConfigError(f"{error.message} in ACL expression '{text}'", error.span, hint.lstrip("; ")) from None
    if end < len(text):
        noun = "converter" if parsed.converters else "fetch keyword"
        raise ConfigError(f"missing comma after {noun} '{parsed.nodes[-1].name}' in ACL expression '{text}'", span)
    try:
        # The old spelling: converters may be words of their own here, but not behind an ACL keyword (observed).
        expression.add_following(parsed, words)
    except ConfigError as error:
        raise ConfigError(f"{error.message} in ACL expression '{text}'", error.span, error.hint) from None
    return parsed


def _check_groups(config: Configuration, site: Site, name: str, parsed: Expression, listed: PatternList) -> None:
    """Patterns of `http_auth_group` are groups of the user list, and there has to be one."""
    users = config.section("userlist", parsed.fetch.arguments[0].name)
    if users is None or (site.proxy is not None and site.proxy.get("disabled")):
        return
    begin = f"proxy {site.proxy.name if site.proxy is not None else ''}: acl {name} http_auth_group():"
    files = (key for file in listed.files for key, _ in file.reference)
    wanted = [*(pattern.text for pattern in listed.patterns), *files]
    if not wanted or parsed.converters:
        config.report.alert(f"{begin} no groups specified.", parsed.span)
        return
    groups = users.get("groups", {})
    for group in (text.decode("utf-8", "surrogateescape") for text in wanted):
        if group not in groups:
            near = did_you_mean(group, groups).removeprefix("; ")
            config.report.alert(f"{begin} invalid group '{group}'.", parsed.span, near)
            return


def _warn_empty(site: Site, text: str, span: Span) -> None:
    site.config.report.warning(
        f"parsing acl keyword '{text}' :\n"
        "  no pattern to match against were provided, so this ACL will never match.\n"
        "  If this is what you intended, please add '--' to get rid of this warning.\n"
        "  If you intended to match only for existence, please use '-m found'.\n"
        "  If you wanted to force an int to match as a bool, please use '-m bool'.\n",
        span,
    )


@keyword("acl", places=PROXY, arity=(1, None), usage="<name> <criterion> [flags] [operator] [<value>] ...")
def declare_acl(line: Line) -> None:
    """Adds a test to a named ACL; tests of one name are alternatives.

    The name has letters, digits and `-_.:`. The criterion is a sample expression or an ACL keyword (hdr_beg ...);
    flags are -i (ignore case), -m <method>, -f <file>, -M (the file is a map), -n (no name resolution), -u <id>, --
    (end of flags). Stored in proxy.acls[name]. Source: manual 4.2 "acl" and 7.1.
    """
    words = line.args()
    name = words.next()
    bad = _illegal(name)
    if bad:
        words.fail(f"character '{bad[0]}' is not permitted in acl name '{name}'.")
    if name in ("or", "||"):
        words.fail(
            f"acl name '{name}' will never match. '{name}' is used to express a logical disjunction within a condition."
        )
    site = Site(line.config, line.proxy, "acl", Point(0), line.span, f"ACL '{name}'")
    term = declared(words, site, name)
    known = line.proxy.acls.get(name)
    # A new object: a list inherited from defaults must not grow.
    line.proxy.acls[name] = Acl(name, [*known.terms, term] if known is not None else [term])


# Manual 7.4.
PREDEFINED: Final = {
    "TRUE": ("always_true",),
    "FALSE": ("always_false",),
    "HTTP": ("req.proto_http",),
    "HTTP_1.0": ("req.ver", "1.0"),
    "HTTP_1.1": ("req.ver", "1.1"),
    "HTTP_2.0": ("req.ver", "2.0"),
    "HTTP_3.0": ("req.ver", "3.0"),
    "HTTP_CONTENT": ("req.hdr_val(content-length)", "gt", "0"),
    "HTTP_URL_ABS": ("url_reg", "^[^/:]*://"),
    "HTTP_URL_SLASH": ("url_beg", "/"),
    "HTTP_URL_STAR": ("url", "*"),
    "LOCALHOST": ("src", "127.0.0.1/8", "::1"),
    "METH_CONNECT": ("method", "CONNECT"),
    "METH_DELETE": ("method", "DELETE"),
    "METH_GET": ("method", "GET", "HEAD"),
    "METH_HEAD": ("method", "HEAD"),
    "METH_OPTIONS": ("method", "OPTIONS"),
    "METH_POST": ("method", "POST"),
    "METH_PUT": ("method", "PUT"),
    "METH_TRACE": ("method", "TRACE"),
    "RDP_COOKIE": ("req.rdp_cookie_cnt", "gt", "0"),
    "REQ_CONTENT": ("req.len", "gt", "0"),
    "WAIT_END": ("wait_end",),
}
