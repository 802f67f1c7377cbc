"""fcgi-app: a FastCGI application, as `use-fcgi-app` names it (manual, chapter 10.1). Parsed and checked only.

All words are harmless without effect: `use-fcgi-app`, without which nobody is asked in FastCGI, is UNSAFE itself.

Conditions and ACLs of the section belong to it alone; they are parsed as those of a backend of the application's name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pylb.config import section_checks
from pylb.config.model import ProxyConfig, Record
from pylb.config.section_shapes import family, open_section
from pylb.config.units import parse_integer
from pylb.config.words import Line, Words
from pylb.errors import ConfigError
from pylb.registry import Status, keyword, section
from pylb.sample import acl, condition, logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site

if TYPE_CHECKING:
    from pylb.config.model import Configuration

PLACE = "fcgi-app"


@section(PLACE, usage="<name>", status=Status.HARMLESS)
def open_application(line: Line) -> Record:
    """A FastCGI application: where its scripts are, and what it is told."""
    record = open_section(
        line,
        missing="'fcgi-app' expects <name> as argument.",
        duplicate="fcgi-app section '{name}' has the same name as another one declared at {where}.",
        fatal=True,
    )
    record.values["proxy"] = ProxyConfig("backend", record.name, line.span)
    return record


family("option", PLACE, "'option' expects an option name.", "unknown option '{word}'.")


def _inside(line: Line) -> Line:
    """The line as one of the application's own backend."""
    proxy = line.record.values.setdefault("proxy", ProxyConfig("backend", line.record.name, line.span))
    inner = Line(line.words, line.spans, line.config, proxy, "backend")
    inner.name = line.name
    return inner


def _single(line: Line, expected: str) -> str:
    words = line.args()
    value = words.next(f"'{line.name}' expects {expected} as argument.")
    if not words.end:
        words.fail(f"'{line.name} {value}' cannot handle unexpected argument '{words.peek()}'.", last=False)
    line.set(value)
    return value


@keyword("docroot", places=PLACE, usage="<path>", status=Status.HARMLESS)
def docroot(line: Line) -> None:
    """Folder of the scripts on the application's machine. The section cannot be used without."""
    _single(line, "<path>")


@keyword("index", places=PLACE, usage="<script>", status=Status.HARMLESS)
def index(line: Line) -> None:
    """Script for paths that end with a slash."""
    _single(line, "<filename>")


@keyword("path-info", places=PLACE, usage="<regex>", status=Status.HARMLESS)
def path_info(line: Line) -> None:
    """A regular expression whose first group is the script and whose second is PATH_INFO."""
    text = _single(line, "<regex>")
    try:
        re.compile(text)
    except re.error as error:
        reason = error.msg.replace("missing ), unterminated subpattern", "missing closing parenthesis")
        raise ConfigError(
            f"'{text}' : regex '{text}' is invalid (error={reason}, erroffset={len(text)}).", line.spans[1]
        ) from None


@keyword("acl", places=PLACE, usage="<name> <criterion> [flags] [operator] [<value>] ...", status=Status.HARMLESS)
def application_acl(line: Line) -> None:
    """A condition for the rules of this section, as `acl` of a proxy."""
    if len(line.words) < 2:
        raise ConfigError("'acl' expects a name and a criterion.", line.span)
    acl.declare_acl(_inside(line))


def _condition(line: Line, words: Words, name: str) -> None:
    if words.end:
        return
    inner = _inside(line)
    cursor = Words(inner, words.index)
    if cursor.peek() not in ("if", "unless"):
        words.fail(f"'{name}' : (null).", last=False)
    if cursor.peek(1) is None:
        words.rest()
        return
    site = Site(line.config, inner.proxy, PLACE, Point.BE_REQUEST | Point.BE_RESPONSE, line.span, line.name)
    condition.parse(cursor, site, complaint=f"'{name}'")
    words.rest()


@keyword("pass-header", places=PLACE, usage="<name> [if|unless <condition>]", status=Status.HARMLESS)
def pass_header(line: Line) -> None:
    """A request header that is passed to the application although it is not by default (Authorization, Connection)."""
    words = line.args()
    name = words.next("'pass-header' expects <name> as arguments.")
    _condition(line, words, name)
    line.record.append("pass-header", name, line.span)


@keyword("set-param", places=PLACE, usage="<name> <format> [if|unless <condition>]", status=Status.HARMLESS)
def set_param(line: Line) -> None:
    """A parameter of the application, made from a log-format string, which is read when a proxy uses the section."""
    words = line.args()
    usage = "'set-param' expects <name> and <value> as arguments."
    name, value = words.next(usage), words.next(usage)
    span = words.last_span
    _condition(line, words, name)
    line.record.append("set-param", (name, value, span), line.span)


def _switch(line: Line) -> None:
    line.set(not line.negated)


for _name, _doc in (
    ("get-values", "Asks the application how many connections and requests it takes."),
    ("keep-conn", "Keeps connections to the application open; on unless `no` stands before."),
    ("mpxs-conns", "Several requests at the same time on one connection."),
):
    keyword(f"option {_name}", places=PLACE, negatable=True, arity=(0, 0), status=Status.HARMLESS, doc=_doc)(_switch)


@keyword("option max-reqs", places=PLACE, usage="<number>", arity=(0, 1), status=Status.HARMLESS)
def max_requests(line: Line) -> None:
    """Requests at the same time on one connection; more than one needs `option mpxs-conns`."""
    words = line.args()
    if words.end:
        words.fail("option 'max-reqs' expects an integer argument.")
    value = parse_integer(words.next())
    if value <= 0:
        words.fail("option 'max-reqs' expects a strictly positive integer argument.")
    line.set(value)


def check(config: Configuration) -> None:
    """What an application needs once it is read."""
    for record in config.sections.get(PLACE, {}).values():
        if record.get("docroot") is None:
            config.report.alert(f"fcgi-app '{record.name}': no docroot configured.")
        requests = record.get("option max-reqs", 1)
        if requests > 1 and not record.get("option mpxs-conns"):
            config.report.warning(
                f"fcgi-app '{record.name}': multiplexing not supported, ignore the option 'max-reqs'."
            )
    for proxy in config.proxies:
        name = proxy.get("use-fcgi-app")
        application = config.section(PLACE, name) if isinstance(name, str) and proxy.is_back else None
        if application is not None:
            _check_formats(config, proxy, application)


def _check_formats(config: Configuration, proxy: ProxyConfig, application: Record) -> None:
    """HAProxy reads the values for every proxy that uses the application, and stops at the first wrong one."""
    for _, text, span in application.get("set-param", ()):
        try:
            logformat.parse(text, Site(config, proxy, "log-format", Point.BE_REQUEST, span, "set-param"), span=span)
        except ConfigError as error:
            message = f"proxy '{proxy.name}' : {error.message.rstrip('.')}."
            config.report.alert(message, hint=error.hint or f"see {span.file}:{span.line}")
            return


section_checks.CHECKS.append(check)
