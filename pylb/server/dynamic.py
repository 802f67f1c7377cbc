"""Servers that come, go and change names at run time: the commands `add server`, `del server`, `set server ... name`.

A new server starts in maintenance unless its words say `enabled`; what the configuration's `default-server` says is not
taken over, and a name as its address is not resolved (management manual 9.3). A server may go when nothing of the
configuration names it, when it is in maintenance, and when nobody uses a connection to it.
Sentences are HAProxy's; they carry no prefix, because the command has just named the server.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from pylb.config.words import Line
from pylb.errors import ConfigError, Report, Severity, Span
from pylb.registry import Status
from pylb.server import equip, line_checks, outgoing, pool, state, templates
from pylb.server.server import Server, build
from pylb.server.waiting import Queue

if TYPE_CHECKING:
    from pylb.config.model import Configuration, ServerLine
    from pylb.records.proxy import Backend

REFUSED: Final = frozenset(
    (
        *("cookie", "init-addr", "log-bufsize", "log-proto", "max-reuse", "namespace", "no-agent-check", "no-check"),
        *("no-check-ssl", "no-send-proxy-v2-ssl", "no-send-proxy-v2-ssl-cn", "no-ssl", "non-stick", "redir"),
        *("resolve-net", "resolve-opts", "resolve-prefer", "resolvers", "socks4", "ssl-reuse", "stick", "tcp-ut"),
    )
)
"""Options that servers of a file may have and these may not (observed)."""


def add(backend: Backend, words: list[str], program: Any) -> Server:
    """A server from its words (`<name> <address> [options]`), in maintenance. ConfigError when it cannot be."""
    if backend.disabled or not backend.algorithm.grows:
        raise ConfigError(f"backend '{backend.name}' uses a non dynamic load balancing method")
    config = _view(program.config)
    line = _parse(backend, words, config)
    server = _build(line, backend, config)
    line_checks.check_dynamic(config, backend.config, line)
    equip.check_ports(server, config.report, late=True)
    _complain(config.report, server)
    if not program.allow_inert:
        _refuse_unsafe(config)
    leader = equip.leader_of(server, program) if line.values.get("track") else None
    _join(server, program)
    if leader is not None:
        equip.join(server, leader)
    return server


def _view(config: Configuration) -> Configuration:
    """The configuration with a report, and a list of uses, that are the command's own."""
    view = copy.copy(config)
    view.report = Report()
    view.used, view.tails, view.pieces = {}, {}, {}
    return view


def _parse(backend: Backend, words: list[str], config: Configuration) -> ServerLine:
    text = " ".join(("server", *words))
    span = Span("runtime", 0, text=text)
    line = Line(["server", *words], [span] * (len(words) + 1), config, backend.config, "backend")
    line.name = "server"
    return templates.dynamic(line, REFUSED, backend.by_name)


def _refuse_unsafe(config: Configuration) -> None:
    unsafe = config.inert(Status.UNSAFE)
    if unsafe:
        raise ConfigError(
            f"'{unsafe[0].word.name}' is not enforced by this version and could let through what it forbids."
        )


def _build(line: ServerLine, backend: Backend, config: Configuration) -> Server:
    number = line.values.get("id")
    for other in backend.servers:
        if other.id == number:
            where = f"{other.line.span.file}:{other.line.span.line}" if other.line is not None else ""
            raise ConfigError(f"'id' : custom id {number} already used at {where} ('server {other.name}').")
    line.values["init-addr"] = ("none",)
    server = build(line, backend, 1 + max((other.number for other in backend.servers), default=-1))
    server.dynamic = True
    if number is None:
        taken = {other.id for other in backend.servers}
        server.id = next(free for free in range(1, len(taken) + 2) if free not in taken)
    if "disabled" not in line.values:
        server.admin |= state.Admin.MAINT
    outgoing.equip(server, backend.program)
    return server


def _complain(report: Report, server: Server) -> None:
    label = f"'server {server.backend.name}/{server.name}' : "
    alerts = [item.message.removeprefix(label) for item in report.items if item.severity is Severity.ALERT]
    if alerts:
        raise ConfigError("\n".join(alerts))


def _join(server: Server, program: Any) -> None:
    backend = server.backend
    server.queue = Queue(server)
    backend.servers.append(server)
    backend.by_name[server.name] = backend.by_label[server.label] = server
    if backend.persistence is not None:
        backend.persistence.learn(server)
    if program.worker is not None:
        program.worker.watch(server)
    server.usable = False  # `refresh` shall see it come up where its words say `enabled`
    state.refresh(server, "add server")


def rename(server: Server, name: str) -> None:
    """Another name, until the next reload. Whatever holds the server goes on with it."""
    backend = server.backend
    backend.by_name.pop(server.name)
    backend.by_label.pop(server.label)
    server.name = name
    server.label = name.encode("utf-8", "surrogateescape")
    backend.by_name[name] = backend.by_label[server.label] = server


def obstacle(server: Server) -> str:
    """Why the server cannot be removed at all as things are; "" when it only has to become idle."""
    if server.pinned:
        return "This server cannot be removed at runtime due to other configuration elements pointing to it."
    if not server.admin & state.IN_MAINT:
        return "Only servers in maintenance mode can be deleted."
    return ""


def busy(server: Server) -> bool:
    """Somebody uses a connection to it, or waits for one, or one is kept open."""
    return bool(server.served or server.idle or server.queue.length)


def remove(server: Server, program: Any) -> None:
    """Takes a server out that neither has an `obstacle` nor is `busy`."""
    backend = server.backend
    backend.servers.remove(server)
    backend.by_name.pop(server.name)
    backend.by_label.pop(server.label)
    backend.algorithm.forget(server)
    persistence = backend.persistence
    if persistence is not None:
        persistence.forget(server)
    if server.track is not None:
        server.track.trackers.remove(server)
        server.track = None
    if program.worker is not None:
        program.worker.forget(server)
    pool.close_all(server)
