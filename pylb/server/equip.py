"""From a backend's section to its servers, algorithm, queue and slots: `equip` per backend, then `link` across them.

Every problem goes into `program.report`; a backend with problems is still complete enough to be checked further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pylb import registry
from pylb.balance.keywords import Balance, kind_of_proxy
from pylb.config.model import Address
from pylb.counters import ProxyCounters
from pylb.errors import NOWHERE, ConfigError
from pylb.registry import Kind
from pylb.server import outgoing, responding, retries, state
from pylb.server.assign import Assignment, Bypass
from pylb.server.keywords import RETRIES_DEFAULT, UseServer
from pylb.server.persistence import Persistence
from pylb.server.server import Server, build

if TYPE_CHECKING:
    from pylb.config.model import ProxyConfig
    from pylb.records.proxy import Backend


def equip(backend: Backend, program: Any) -> None:
    """Fills servers, by_name, algorithm, queue, assignment, retries, redispatch, reuse, fullconn of a backend.

    `program` offers `report`, `wake(stream)` and what expressions need when they compile.
    """
    config = backend.config
    backend.program = program
    backend.counters.members = backend.servers
    report = program.report
    for number, line in enumerate(config.servers):
        try:
            server = build(line, backend, number)
        except ConfigError as error:
            report.error(error, line.span)
            continue
        backend.servers.append(server)
        backend.by_name[server.name] = backend.by_label[server.label] = server
        check_ports(server, report)
    number_servers(backend.servers)
    for server in backend.servers:
        try:
            outgoing.equip(server, program)
        except ConfigError as error:
            report.error(error, server.line.span if server.line is not None else NOWHERE)
    backend.retries = max(0, config.get("retries", RETRIES_DEFAULT))
    backend.retry_on, backend.retry_statuses = retries.causes(config.get("retry-on"))
    backend.redispatch = config.get("option redispatch", 0)
    backend.send_name = config.get("http-send-name-header", b"")
    backend.reuse = config.get("http-reuse", "safe")
    backend.fullconn = config.get("fullconn", 0) or 1  # see `full_connections`
    balance = config.get("balance")
    if balance is None:
        balance = _roundrobin()
    if balance.http and not config.http:
        report.warning(
            f"Layer 7 hash not possible for {kind_of_proxy(config)} '{backend.name}' (needs 'mode http'). "
            "Falling back to round robin."
        )
        balance = _roundrobin()
    backend.algorithm = balance.build(backend)
    if config.http:
        backend.persistence = Persistence.of(backend, program)
    else:
        _without_http(backend, report)
    if config.http:
        backend.respond = responding.compile(backend)
    beside = None if "balance" in config.values else config.get("dispatch")
    if beside is None and (config.option("transparent") or (config.option("http_proxy") and not backend.servers)):
        beside = ANYWHERE
    if beside is not None:
        Bypass(backend, program.wake, _dispatched(backend, beside))
    else:
        Assignment(backend, program.wake)


ANYWHERE: Final = Address("ipv4", "0.0.0.0", text="0.0.0.0")
"""Where the client wanted to go, port included."""


def _roundrobin() -> Balance:
    word = registry.find(Kind.BALANCE, "roundrobin")
    assert word is not None
    return Balance("roundrobin", word.factory(None, None), False)


def check_ports(server: Server, report: Any, *, late: bool = False) -> None:
    """A check needs a port to connect to. `late`: once it runs, HAProxy's backends all have steps of a check."""
    values = server.values
    span = server.line.span if server.line is not None else NOWHERE
    if late and values.get("agent-check") and not values.get("agent-port"):  # the lines of files are asked at once
        report.alert(
            f"'server {server.backend.name}/{server.name}' : server {server.name} does not have agent port. "
            "Agent check has been disabled.",
            span,
        )
    somewhere = server.address is not None and any(server.address)  # 0.0.0.0 is wherever the client wanted to go
    if values.get("check") and somewhere and not server.port and "port" not in values:
        addressed = values.get("addr")
        if addressed is None or not addressed.port:
            lacking = _port_of_steps(server.backend.config)
            if lacking is not None:
                if late and not lacking:
                    lacking = _LACKING
                report.alert(
                    f"config: {kind_of_proxy(server.backend.config)} '{server.backend.name}': server '{server.name}' "
                    f"has neither service port nor check port{lacking}."
                )


_PROTOCOLS: Final = (
    *("httpchk", "ssl-hello-chk", "smtpchk", "pgsql-check", "redis-check", "mysql-check", "ldap-check", "spop-check"),
)


_LACKING: Final = " nor tcp_check rule 'connect' with port information"


def _port_of_steps(config: ProxyConfig) -> str | None:
    """None when the steps of a TCP check name a port wherever they connect; else the end of HAProxy's sentence.

    An expression is none before the check runs; HTTP checks have steps of their own before those of the file.
    """
    lacking = _LACKING
    if not config.get("option tcp-check"):
        return lacking if any(f"option {name}" in config.values for name in _PROTOCOLS) else ""
    steps = [step for step in config.get("tcp-check", ()) if step.kind not in ("comment", "set")]
    if not steps:
        return ""
    if steps[0].kind != "connect" or not _named(steps[0]):
        return lacking
    if all(_named(step) for step in steps if step.kind == "connect"):
        return None
    return ", and a tcp_check rule 'connect' with no port information"


def _named(step: Any) -> bool:
    address = step.values.get("addr")
    return isinstance(step.values.get("port"), int) or bool(address is not None and address.port)


def _without_http(backend: Backend, report: Any) -> None:
    """What HAProxy says about cookies in TCP mode."""
    kind = kind_of_proxy(backend.config)
    if backend.config.get("cookie") is not None:
        report.warning(f"cookie will be ignored for {kind} '{backend.name}' (needs 'mode http').")
    for server in backend.servers:
        if server.redirect:
            report.alert(f"{kind} '{backend.name}' : server cannot have cookie or redirect prefix in non-HTTP mode.")
        if server.cookie:
            report.warning(
                f"{kind} '{backend.name}' : ignoring cookie for server '{server.name}' as HTTP mode is disabled."
            )


def link(backends: Iterable[Backend], program: Any) -> None:
    """What needs all backends: tracked servers, use-server rules, who is named. Called once, after every `equip`."""
    for backend in backends:
        backend.pinned = backend.pinned or "" in backend.config.named
        for server in backend.servers:
            server.pinned = server.pinned or server.name in backend.config.named
            if server.values.get("track"):
                try:
                    _track(server, program)
                except ConfigError as error:
                    program.report.error(error)
        rules = backend.config.get("use-server", ())
        if rules:
            backend.server_rules = _compile_rules(backend, rules, program)


def full_connections(frontends: Iterable[Any], backends: Mapping[str, Backend], maxconn: int) -> None:
    """The `fullconn` of backends that have none of their own: a tenth of the connections of all frontends that can lead
    there by a static name (manual 4.2). `maxconn`: the process's, for frontends without a limit of their own."""
    arriving = dict.fromkeys(backends, 0)
    for frontend in frontends:
        config = frontend.config
        names = {rule.name for rule in config.get("use_backend", ()) if rule.format is None}
        names.add(config.get("default_backend") or config.name)
        for name in names:
            if name in arriving:
                arriving[name] += frontend.maxconn or maxconn
    for name, backend in backends.items():
        backend.fullconn = backend.config.get("fullconn", 0) or max(1, (arriving[name] + 9) // 10)


def number_servers(servers: list[Server]) -> None:
    """Ids: those given, else the position, or the next free number where that is taken."""
    taken = {server.values["id"] for server in servers if "id" in server.values}
    for position, server in enumerate(servers, 1):
        if "id" in server.values:
            continue
        number = position
        while number in taken:
            number += 1
        taken.add(number)
        server.id = number


def _dispatched(backend: Backend, address: Any) -> Server:
    from pylb.server.places import place

    server = Server("<NOSRV>", backend, -1)
    server.counters = ProxyCounters()  # it is none of the backend's servers
    place(server, address)
    outgoing.equip(server, backend.program)
    return server


def _track(server: Server, program: Any) -> None:
    label = f"'server {server.backend.name}/{server.name}' : "
    span = server.line.span if server.line is not None else NOWHERE
    try:
        leader = leader_of(server, program)
    except ConfigError as error:
        raise ConfigError(f"{label}{error.message}", span) from None
    join(server, leader)


def leader_of(server: Server, program: Any) -> Server:
    """The server that this one's `track` names; the messages carry no prefix."""
    proxy, slash, name = server.values["track"].rpartition("/")
    backend = program.backend(proxy) if slash else server.backend
    if backend is None:
        raise ConfigError(f"unable to find required proxy '{proxy}' for tracking.")
    leader: Server | None = backend.by_name.get(name)
    if leader is None:
        raise ConfigError(f"unable to find required server '{name}' for tracking.")
    if server.checked:
        raise ConfigError("unable to enable checks and tracking at the same time!")
    if leader.dynamic:
        raise ConfigError(f"unable to use {backend.name}/{leader.name} for tracking as it is a dynamic server.")
    if not leader.checked and not leader.values.get("track"):
        raise ConfigError(
            f"unable to use {backend.name}/{leader.name} for tracking as it does not have any check nor agent enabled."
        )
    follower: Any = leader
    while follower is not None:
        if follower is server:
            raise ConfigError(f"unable to track {backend.name}/{name} because of a tracking loop.")
        follower = follower.track
    return leader


def join(server: Server, leader: Server) -> None:
    """From now on the server's state follows the leader's."""
    server.track = leader
    leader.trackers.append(server)
    leader.pinned = True
    if leader.admin or leader.operation is not server.operation:
        state.follow(server, leader)


def _compile_rules(backend: Backend, rules: list[UseServer], program: Any) -> Callable[[Any], Server | None]:
    compiled: list[tuple[Callable[[Any], Any], Server | None, Callable[[Any], bytes] | None]] = []
    for rule in rules:
        server = backend.by_name.get(rule.name)
        if server is None and rule.format is None:
            program.report.alert(
                f"{kind_of_proxy(backend.config)} '{backend.name}' : unable to find server '{rule.name}' "
                "referenced in a 'use-server' rule.",
                rule.span,
            )
            continue
        if server is not None:
            server.pinned = True
        name = None if server is not None else rule.format.compile(program)
        compiled.append((rule.condition.compile(program), server, name))
    by_label = backend.by_label
    persist = backend.config.option("persist")
    persistence = backend.persistence
    forces = persistence.forces if persistence is not None and persistence.rules else None

    def choose(stream: Any) -> Server | None:
        for condition, fixed, name in compiled:
            if condition(stream) is not True:
                continue
            server = fixed if fixed is not None else by_label.get(name(stream))  # type: ignore[misc]
            if server is None:
                return None  # a name that there is not ends the rules; a server that is down does not
            if server.alive or persist or (forces is not None and forces(stream)):
                return server
        return None

    return choose
