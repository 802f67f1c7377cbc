"""Old words for what today's rules say: monitor-net, mode health, option http_proxy, http-request lua.

Manuals of 1.5 to 2.0, chapter 4.2.

Monitors become rules in front of all others. HAProxy answered them before anything was read; here a client in mode http
is answered when its request has come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from pylb import registry
from pylb.config.model import RuleLine
from pylb.config.words import Line, Words
from pylb.errors import ConfigError
from pylb.registry import FRONT, PROXY, Kind, Status, action, keyword
from pylb.rules import hooks, ruleset
from pylb.rules.legacy import modern_rule
from pylb.rules.ruleset import BLOCK, PROXIED
from pylb.rules.verdicts import Verdict
from pylb.sample.site import Site

Act = Callable[[Any], "Verdict | None"]


def _first(line: Line, place: str, rule: RuleLine) -> None:
    rule.place = BLOCK
    line.proxy.rules.setdefault(place, []).insert(0, rule)


def _without_http(build: Callable[[Any], Act]) -> Callable[[Any], Act]:
    """The rule in mode tcp alone; the proxy is known at run time only, since defaults hand the rule on."""

    def made(program: Any) -> Act:
        close = build(program)
        return lambda session: None if session.frontend.http else close(session)

    return made


def _unlogged(build: Callable[[Any], Act]) -> Callable[[Any], Act]:
    def made(program: Any) -> Act:
        answer = build(program)

        def act(stream: Any) -> Verdict | None:
            stream.log_level = "silent"
            return answer(stream)

        return act

    return made


@keyword("monitor-net", places=FRONT, usage="<network>")
def monitor_net(line: Line) -> None:
    """Clients of that network get 200 in mode http and a closed connection in mode tcp; none of it is logged. Today:
    `http-request return status 200 if { src <network> }`."""
    words = line.args()
    network = words.next("'monitor-net' expects <source> as an argument.")
    words.finish()
    condition = ["if", "{", "src", network, "}"]
    try:
        answer = modern_rule(line, "http-request", ["return", "status", "200", *condition])
        close = modern_rule(line, "tcp-request connection", ["reject", *condition])
    except ConfigError as error:
        raise ConfigError(f"'monitor-net' : {error.message}", line.spans[1]) from None
    answer.build = _unlogged(answer.build)
    close.build = _without_http(close.build)
    _first(line, "http-request", answer)
    _first(line, "tcp-request connection", close)
    line.set(network)
    line.notice(
        "'monitor-net' does not exist since HAProxy 2.5.",
        f"write 'http-request return status 200 if {{ src {network} }}'",
    )


@keyword("mode health", places=PROXY, arity=(0, 0))
def mode_health(line: Line) -> None:
    """Every request is answered with 200 and the text OK, not logged, and its connection is closed. Today:
    `http-request return status 200`."""
    proxy = line.proxy
    proxy.set("mode", "http", line.span)
    proxy.set("option httpclose", True, line.span)
    words = ["return", "status", "200", "content-type", "text/plain", "string", "OK"]
    answer = modern_rule(line, "http-request", words)
    answer.build = _unlogged(answer.build)
    answer.place = BLOCK
    proxy.rules.setdefault("http-request", []).insert(0, answer)
    line.notice(
        "'mode health' does not exist since HAProxy 2.1.", "write 'mode http' and 'http-request return status 200'"
    )


_PROXIED: Final = (
    ["deny", "deny_status", "400", "unless", "{", "url_ip", "-m", "found", "}"],
    ["set-dst", "url_ip"],
    ["set-dst-port", "url_port"],
    ["set-uri", "/", "unless", "{", "path_beg", "/", "}"],
    ["set-uri", "%[pathq]"],
)
_DONE: Final = "txn.option*http_proxy"
"""A variable that no configuration can name."""


@keyword(
    "option http_proxy",
    places=PROXY,
    arity=(0, 0),
    negatable=True,
    status=Status.PARTIAL,
    note="a backend with servers connects to those; HAProxy went where the target says even then",
)
def http_proxy(line: Line) -> None:
    """Requests go to the IP address and port in their target, and are sent on with the path alone; a target without an
    IP address is refused with 400. For backends without servers. Today: `http-request set-dst url_ip`,
    `set-dst-port url_port` and a server 0.0.0.0:0."""
    proxy = line.proxy
    rules = proxy.rules.setdefault("http-request", [])
    rules[:] = [rule for rule in rules if rule.place != PROXIED]
    proxy.set("option http_proxy", not (line.negated or line.reset), line.span)
    if line.negated or line.reset:
        return
    steps = [modern_rule(line, "http-request", list(words)) for words in _PROXIED]

    def build(program: Any) -> Act:
        compiled = ruleset.compile(steps, program)
        assert compiled is not None
        run = compiled.run

        def act(stream: Any) -> Verdict | None:
            if stream.backend is None and stream.frontend.config.kind != "listen":
                return None  # a frontend that has the option from its defaults section
            if _DONE in (stream.variables or {}):
                return None
            stream.variables = {**(stream.variables or {}), _DONE: True}
            return run(stream)

        return act

    word = registry.find(Kind.KEYWORD, line.name, line.place)
    hooks.store(line, RuleLine(PROXIED, word, None, line.span, " ".join(line.words), build), "http-request")
    line.notice(
        "'option http_proxy' is not supported by HAProxy since 2.5.",
        "write 'http-request set-dst url_ip', 'http-request set-dst-port url_port' and a server 0.0.0.0:0",
    )


@action("lua", places=("http-request", "http-response"), usage="<function> [<arguments>]", status=Status.UNSAFE)
def lua(words: Words, site: Site) -> Any:
    """Runs a Lua function, as it was written while HAProxy 1.6 was made. Today: `lua.<function>`."""
    function = words.next("'lua' expects a function name")
    site.config.report.notice(f"'lua {function}' is written 'lua.{function}' since HAProxy 1.6.", words.last_span)
    modern = registry.find(Kind.ACTION, "lua.", site.place)
    assert modern is not None
    return modern.factory(words, site)
