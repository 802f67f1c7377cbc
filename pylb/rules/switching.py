"""From frontend to backend: `use_backend`, `default_backend`; and what a frontend answers itself to monitors.

A `use_backend` name may be a log format; a name made at run time that names no backend falls straight to
`default_backend`. Nothing here waits: data that has not come by now is taken as missing (observed), so rules that look
at raw data need `tcp-request content` rules before them, which do wait.

A backend that is disabled or unpublished is passed over: the next rule is looked at, then `default_backend`, then
nothing is left (a listen section keeps its own servers), unless a `force-be-switch` rule holds. Static rules that
lead to such a backend are left out when the closure is made, and it is made anew when a backend is published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from pylb import registry
from pylb.config.model import ProxyConfig, RuleLine
from pylb.config.words import Line
from pylb.errors import NOWHERE, ConfigError, Span, did_you_mean
from pylb.http.uri import pathq
from pylb.registry import FRONT, Kind, action, keyword
from pylb.rules import hooks, raw_lines, replies
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


@keyword("force-be-switch", places=("frontend", "listen"), usage="{if | unless} <condition>")
def force_be_switch(line: Line) -> None:
    """Switching rules may choose a disabled or unpublished backend where the condition holds. Manual 4.2 (3.x)."""
    words = line.args()
    if words.peek() not in ("if", "unless"):
        raise ConfigError("'force-be-switch' requires either 'if' or 'unless' followed by a condition.", words.span)
    site = Site(line.config, line.proxy, "force-be-switch", Point.FE_SWITCH, line.span, "force-be-switch")
    line.record.append("force-be-switch", conditions.parse(words, site), line.span)


@keyword("be-unpublished", places=("listen", "backend"), arity=(0, 0))
def be_unpublished(line: Line) -> None:
    """The backend starts unpublished: no switching rule of another proxy chooses it, until the runtime command
    `publish backend` says so. Its servers are ready and checked meanwhile. Manual 4.2 (3.x)."""
    line.set(True)


def compile(config: ProxyConfig, program: Any) -> Choose | None:
    """closure(stream) -> Backend, or None when there is none; None when the frontend has no way on at all.

    Unknown names raise ConfigError after all of them were reported.
    """
    choose, fallback = Switch(config, program).ready()
    if choose is not None:
        return choose
    return None if fallback is None else lambda stream: fallback


class Step(NamedTuple):
    """A compiled `use_backend` line: a static backend, or how to find one by name."""

    condition: Any
    backend: Any
    find: Callable[[Any], Any] | None


class Switch:
    """The switching of one frontend, compiled once. `ready` may be asked again whenever a backend's state has changed.

    Lives as long as its frontend.
    """

    __slots__ = ("fallback", "find", "forced", "own", "raw", "steps", "tunes", "upgrades")

    def __init__(self, config: ProxyConfig, program: Any) -> None:
        self.own = program.backend(config.name) if config.kind == "listen" else None
        name = config.get("default_backend")
        where = config.where.get("default_backend", NOWHERE)
        self.fallback = self.own if name is None else _known(config, name, "default_backend", where, program)
        rules: list[SwitchLine] = config.get("use_backend", [])
        self.steps = [_step(config, rule, program) for rule in rules]
        self.forced = [condition.compile(program) for condition in config.get("force-be-switch", [])]
        self.raw = raw_lines.chooses(config)
        self.tunes = config.kind == "listen" and any(
            line.action is not None and line.action.name in BACKEND_SIDE
            for place in ("http-request", "tcp-request content")
            for line in config.rules.get(place, ())
        )
        self.upgrades = not config.http and any(
            line.action is not None and line.action.name == "switch-mode"
            for line in config.rules.get("tcp-request content", ())
        )
        self.find = program.backend

    def ready(self) -> tuple[Choose | None, Any]:
        """The closure that chooses for a stream, None where every stream goes the same way; and that way."""
        choose, fallback = self._modern()
        if self.raw:
            choose = _after_raw(choose, fallback, self.find)
        if self.tunes and (choose is not None or fallback is not self.own):
            choose = _untuned(choose, fallback, self.own)
        if self.upgrades:
            choose = _speaking_http(choose, fallback)
        return choose, fallback

    def _modern(self) -> tuple[Choose | None, Any]:
        fallback = self.fallback
        if fallback is not None and fallback is not self.own and _closed(fallback):
            if self.forced:
                return _forcible(self.steps, fallback, self.own, self.forced), self.own
            fallback = self.own
        if self.forced and any(step.find is not None or _shut(step) for step in self.steps):
            return _forcible(self.steps, fallback, self.own, self.forced), fallback
        steps = [step for step in self.steps if not _shut(step)]
        return (_chooser(steps, fallback) if steps else None), fallback


def _closed(backend: Any) -> bool:
    return bool(backend.disabled or backend.unpublished)


def _shut(step: Step) -> bool:
    return step.backend is not None and _closed(step.backend)


def _chooser(steps: list[Step], fallback: Any) -> Choose:
    """Without `force-be-switch`: only dynamic names can lead to a backend that is closed."""
    known = [(step.condition, step.backend or fallback, step.find) for step in steps]

    def choose(stream: Any) -> Any:
        final = stream.final
        stream.final = True
        backend = fallback
        for condition, static, find in known:
            if condition is None or condition(stream) is True:
                if find is None:
                    backend = static
                    break
                found = find(stream)
                if found is None:
                    break
                if found.disabled or found.unpublished:
                    continue
                backend = found
                break
        stream.final = final
        return backend

    return choose


def _forcible(steps: list[Step], fallback: Any, own: Any, forced: list[Any]) -> Choose:
    """With `force-be-switch`: its conditions are looked at for streams that meet a closed backend only."""

    def may(stream: Any, backend: Any) -> bool:
        return not _closed(backend) or any(condition(stream) is True for condition in forced)

    def choose(stream: Any) -> Any:
        final = stream.final
        stream.final = True
        backend = fallback if fallback is None or fallback is own or may(stream, fallback) else own
        for condition, static, find in steps:
            if condition is None or condition(stream) is True:
                found = static if find is None else find(stream)
                if found is None:
                    break
                if may(stream, found):
                    backend = found
                    break
        stream.final = final
        return backend

    return choose


def _after_raw(choose: Choose | None, fallback: Any, find: Callable[[str], Any]) -> Choose:
    """With `reqsetbe`, whose choice stands before every other; a backend that is closed is passed over."""

    def chosen(stream: Any) -> Any:
        name = (stream.variables or {}).get(raw_lines.CHOSEN)
        backend = None if name is None else find(name)
        if backend is not None and not _closed(backend):
            return backend
        return fallback if choose is None else choose(stream)

    return chosen


BACKEND_SIDE = ("set-timeout", "set-retries")
"""Rules that set what belongs to the backend (and to the client, which stays)."""


def _untuned(choose: Choose | None, fallback: Any, own: Any) -> Choose:
    """For listen sections whose rules set timeouts of servers, or retries: in another backend that one's hold again.
    As in newer HAProxy; 2.6 keeps what the section has set."""

    def chosen(stream: Any) -> Any:
        backend = fallback if choose is None else choose(stream)
        if backend is not own:
            stream.forget_backend()
        return backend

    return chosen


def _speaking_http(choose: Choose | None, fallback: Any) -> Choose:
    """For TCP frontends that take connections as HTTP by a rule: requests have no way to a backend in TCP mode. That is
    an internal error (IR) as in HAProxy, which closes; here the client is told 503."""

    def chosen(stream: Any) -> Any:
        backend = fallback if choose is None else choose(stream)
        if backend is None or backend.http or stream.request is None:
            return backend
        stream.backend = backend
        stream.keep = False
        backend.counters.sess_total += 1
        backend.counters.conn_cur += 1  # `finish` counts it back
        stream.end_state, stream.end_cause = b"I", b"R"
        return None

    return chosen


def _step(config: ProxyConfig, rule: SwitchLine, program: Any) -> Step:
    condition = None if rule.condition is None else rule.condition.compile(program)
    if rule.format is None:
        return Step(condition, _known(config, rule.name, "use_backend", rule.span, program), None)
    render = rule.format.compile(program)
    find = program.backend

    def by_name(stream: Any) -> Any:
        name: str = render(stream).decode("utf-8", "surrogateescape")
        backend = find(name)
        if backend is None or (not backend.http and (stream.frontend.http or stream.request is not None)):
            return None
        return backend

    return Step(condition, None, by_name)


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
    found.pinned = True
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
        target = stream.request.target
        if target != uri and (target.startswith(b"/") or pathq(target) != uri):  # a proxy's client names the host too
            return None
        stream.log_level = "silent"
        return ill if any(check(stream) is True for check in checks) else well

    return act
