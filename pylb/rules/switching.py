"""From frontend to backend: `use_backend`, `default_backend`; and what a frontend answers itself to monitors.

A `use_backend` name may be a log format; a name made at run time that names no backend falls straight to
`default_backend`. Nothing here waits: data that has not come by now is taken as missing (observed), so rules that look
at raw data need `tcp-request content` rules before them, which do wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pylb import registry
from pylb.config.model import ProxyConfig, RuleLine
from pylb.config.words import Line
from pylb.errors import NOWHERE, ConfigError, Span, did_you_mean
from pylb.registry import FRONT, Kind, action, keyword
from pylb.rules import hooks, replies
from pylb.rules.verdicts import Outcome, Verdict
from pylb.sample import condition as conditions
from pylb.sample import logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site

Choose = Callable[[Any], Any]


@dataclass(slots=True)
class SwitchLine:
    """One `use_backend` line: its name as written, the format when it depends on traffic, the condition or None."""

    name: str
    format: Any
    condition: Any
    span: Span


@keyword("use_backend", places=("frontend", "listen"), usage="<backend format> [{if | unless} <condition>]")
def use_backend(line: Line) -> None:
    """Chooses the backend of requests that match; the first rule that matches counts. Manual 4.2."""
    words = line.args()
    name = words.next("'use_backend' expects a backend name.")
    site = Site(line.config, line.proxy, "use_backend", Point.FE_SWITCH, line.span, "use_backend")
    following = words.peek()
    if following is not None and following not in ("if", "unless"):
        raise ConfigError(
            f"unexpected keyword '{following}' after switching rule, only 'if' and 'unless' are allowed.", words.span
        )
    text: Any = None
    if "%" in name:
        try:
            text = logformat.parse(name, site, span=words.last_span)
        except ConfigError as error:
            raise ConfigError(
                f"failed to parse use_backend rule '{name}' : {error.message}", error.span, error.hint
            ) from None
        if text.constant is not None:
            name, text = text.constant.decode("utf-8", "surrogateescape"), None
    condition = conditions.parse(words, site, complaint="error detected while parsing switching rule")
    line.proxy.append("use_backend", SwitchLine(name, text, condition, line.span), line.span)


@keyword("default_backend", places=FRONT, usage="<backend>")
def default_backend(line: Line) -> None:
    """The backend of everything that no `use_backend` rule takes. Manual 4.2."""
    words = line.args()
    name = words.next("'default_backend' expects a backend name.")
    words.finish()
    line.set(name)


def compile(config: ProxyConfig, program: Any) -> Choose | None:
    """closure(stream) -> Backend, or None when there is none; None when the frontend has no way on at all.

    Unknown names raise ConfigError after all of them were reported.
    """
    fallback = _default(config, program)
    rules: list[SwitchLine] = config.get("use_backend", [])
    steps = [_step(config, rule, program) for rule in rules]
    if not steps:
        return None if fallback is None else lambda stream: fallback

    def choose(stream: Any) -> Any:
        final = stream.final
        stream.final = True
        backend = fallback
        for condition, static, by_name in steps:
            if condition is None or condition(stream) is True:
                found = static if by_name is None else by_name(stream)
                if found is not None:
                    backend = found
                break
        stream.final = final
        return backend

    return choose


def _step(config: ProxyConfig, rule: SwitchLine, program: Any) -> tuple[Any, Any, Any]:
    """Condition, static backend, or how to find it by name."""
    condition = None if rule.condition is None else rule.condition.compile(program)
    if rule.format is None:
        return condition, _known(config, rule.name, "use_backend", rule.span, program), None
    render = rule.format.compile(program)
    find = program.backend

    def by_name(stream: Any) -> Any:
        name: str = render(stream).decode("utf-8", "surrogateescape")
        backend = find(name)
        if backend is None or (not backend.http and (stream.frontend.http or stream.request is not None)):
            return None
        return backend

    return condition, None, by_name


def _default(config: ProxyConfig, program: Any) -> Any:
    name = config.get("default_backend")
    if name is None:
        return program.backend(config.name) if config.kind == "listen" else None
    return _known(config, name, "default_backend", config.where.get("default_backend", NOWHERE), program)


def _known(config: ProxyConfig, name: str, word: str, span: Span, program: Any) -> Any:
    """The backend of a static name; reports what is wrong with it."""
    found = program.backend(name)
    if found is None and config.get("disabled"):
        return None  # nobody comes there
    if found is None:
        near = did_you_mean(name, program.backends).removeprefix("; ")
        program.report.alert(f"Proxy '{config.name}': unable to find required {word}: '{name}'.", hint=near)
        return None
    if found.config is config and word == "use_backend":
        return found
    theirs = found.config
    if config.http and not theirs.http:  # the other way round the connection is upgraded to HTTP
        program.report.alert(
            f"{hooks.kind_of(config)} '{config.name}' ({config.span.file}:{config.span.line}) tries to use "
            f"incompatible tcp {hooks.kind_of(theirs)} '{name}' ({theirs.span.file}:{theirs.span.line}) in a "
            f"'{word}' rule (see 'mode').",
        )
    return found


# -- monitors ---------------------------------------------------------------------------------------------------------

MONITOR = "monitor"
"""Place of the RuleLine that answers monitors: always the first of the http-request rules."""


@keyword("monitor-uri", places=FRONT, usage="<uri>")
def monitor_uri(line: Line) -> None:
    """Requests for exactly this URI are answered here with 200, or 503 when a `monitor fail` condition holds; they are
    not logged and never reach a server. Manual 4.2."""
    words = line.args()
    uri = words.next("'monitor-uri' expects an URI.")
    words.finish()
    line.set(uri)
    _install(line)


@keyword("monitor fail", places=("frontend", "listen"), usage="{if | unless} <condition>")
def monitor_fail(line: Line) -> None:
    """A condition under which `monitor-uri` answers 503. Manual 4.2."""
    words = line.args()
    if words.peek() not in ("if", "unless"):
        raise ConfigError("'monitor fail' requires either 'if' or 'unless' followed by a condition.", words.span)
    site = Site(line.config, line.proxy, "monitor fail", Point.FE_REQUEST, line.span, "monitor fail")
    condition = conditions.parse(words, site, complaint="error detected while parsing a 'monitor fail' condition")
    hooks.warn_order(line, "monitor fail", 40)
    line.proxy.append("monitor fail", condition, line.span)
    if line.proxy.get("monitor-uri"):
        _install(line)


@keyword("monitor", places=("frontend", "listen"), usage="fail {if | unless} <condition>")
def monitor(line: Line) -> None:
    """`monitor fail` is the only form."""
    raise ConfigError("'monitor' only supports 'fail'.", line.span)


def _install(line: Line) -> None:
    """Puts the monitor's rule in front of the http-request rules, in place of an older one."""
    proxy = line.proxy
    rules = proxy.rules.setdefault("http-request", [])
    rules[:] = [rule for rule in rules if rule.place != MONITOR]
    word = registry.find(Kind.ACTION, "monitor-uri", MONITOR)
    rules.insert(
        0, RuleLine(MONITOR, word, None, line.span, " ".join(line.words), lambda program: _watch(proxy, program))
    )


@action("monitor-uri", places=MONITOR)
def _watch(proxy: ProxyConfig, program: Any) -> Callable[[Any], Verdict | None]:
    """Answers monitors; made by the keywords monitor-uri and monitor fail."""
    uri = str(proxy.get("monitor-uri")).encode("utf-8", "surrogateescape")
    checks = [condition.compile(program) for condition in proxy.get("monitor fail", [])]
    well = Verdict(Outcome.REPLY, replies.Standard(200))
    ill = Verdict(Outcome.REPLY, replies.Standard(503))

    def act(stream: Any) -> Verdict | None:
        if stream.request.target != uri:
            return None
        stream.log_level = "silent"
        return ill if any(check(stream) is True for check in checks) else well

    return act
