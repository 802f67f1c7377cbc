"""The compiled configuration, and the named steps from text to a serving process.

    parse -> resolve -> compile -> check -> bind -> start

`Program` is what every room asks for objects by name while it compiles (`program.backend("b")`), and what the runtime
socket reads. Each step reports into `config.report`; a step is not entered when an earlier one has raised an alert.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import math
import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

from pylb.clock import clock
from pylb.config import resolve
from pylb.config.model import Configuration, ProxyConfig, Record
from pylb.engine import splice
from pylb.engine.poller import Poller
from pylb.errors import NOWHERE, ConfigError, Report
from pylb.fetches.internal import STATE
from pylb.http import codec, forwarded, letter_case
from pylb.http.h1_lax import Lax
from pylb.http.kept import Keeping
from pylb.http.semantics import Limits
from pylb.listener import accept
from pylb.listener.bind import Listener, compile_binds
from pylb.log import formats, logger
from pylb.mux.special import Traits
from pylb.records.proxy import Backend, Frontend, Proxy
from pylb.records.stream import Stream
from pylb.rules import captures, header_names, raw_lines, replies, ruleset, switching
from pylb.rules import forwarded as rfc7239
from pylb.sample import references, wanted
from pylb.server import equip, line_checks
from pylb.server.server import Server
from pylb.stream.waits import Waits
from pylb.stream.worker import Worker

DEFAULT_MAXCONN: Final = 2000
P = TypeVar("P", bound=Proxy)
BUFFER_SIZE: Final = 16384
MAX_REWRITE: Final = 1024
MAX_HEADERS: Final = 101


def both(
    first: Callable[[Stream], None] | None, second: Callable[[Stream], None] | None
) -> Callable[[Stream], None] | None:
    """One function that calls both; None when there is neither."""
    if first is None or second is None:
        return first or second

    def call(stream: Stream) -> None:
        first(stream)
        second(stream)

    return call


class Program:
    """A configuration made to run. One per load; the worker and its sessions hang from it."""

    def __init__(self, config: Configuration) -> None:
        self.config = config
        self.report: Report = config.report
        self.globals: Record = config.globals
        self.clock = clock
        self.waits = Waits
        self.frontends: list[Frontend] = []
        self._by_name: dict[str, Frontend] = {}
        self.backends: dict[str, Backend] = {}
        self.listeners: list[Listener] = []
        self.runtime_listeners: list[Listener] = []  # of the runtime sockets (background.runtime.keywords)
        self.references = references.of(config)  # maps and ACL files by path
        self.log_targets: dict[Any, Any] = {}
        self.variables: dict[str, Any] = {}  # scope proc
        self.maxconn = int(config.globals.get("maxconn", DEFAULT_MAXCONN))
        self.splicing = True  # not forbidden by -dS
        self.buffer_size = int(config.globals.get("tune.bufsize", BUFFER_SIZE))
        # Threads that words may name: HAProxy takes as many as there are processors unless told otherwise.
        self.threads = int(config.globals.get("nbthread") or len(os.sched_getaffinity(0)))
        self.worker: Worker | None = None
        self.allow_inert = False  # words that are understood but not enforced may be used
        self._letter_case: dict[bytes, bytes] = {}  # of field names, for peers that need it
        self.process: Any = None  # background.runtime.process_facts

    # -- what rooms ask for by name

    def frontend(self, name: str) -> Frontend | None:
        return self._by_name.get(name)

    def backend(self, name: str) -> Backend | None:
        return self.backends.get(name)

    def server(self, backend: str | Backend, name: str) -> Server | None:
        found = self.backends.get(backend) if isinstance(backend, str) else backend
        return found.by_name.get(name) if found is not None else None

    def userlist(self, name: str) -> Record | None:
        return self.config.section("userlist", name)

    def table(self, name: str) -> Any:
        """The line of that stick table, until tables are served."""
        return wanted.table(self.config, name)

    def wake(self, stream: Stream) -> None:
        assert self.worker is not None
        self.worker.poller.wake(stream.run)

    @property
    def sessions(self) -> list[Any]:
        """Every live Session of this worker."""
        return [] if self.worker is None else [run.subject for run in self.worker.sessions]

    @property
    def servers(self) -> list[Server]:
        return [server for backend in self.backends.values() for server in backend.servers]

    # -- compile

    def compile(self) -> None:
        """Builds every run-time object. Problems are reported, nothing is raised."""
        for config in self.config.proxies:
            number = int(config.get("id", config.number))
            if config.is_back:
                self.backends.setdefault(config.name, Backend(config.name, number, config))
            if config.is_front:
                frontend = Frontend(config.name, number, config)
                self.frontends.append(frontend)
                self._by_name.setdefault(config.name, frontend)
        formats.remember(self.globals.get("tune.http.logurilen"))
        try:
            self._letter_case = letter_case.names(self.globals)
        except ConfigError as error:
            self.report.error(error, NOWHERE)
        for frontend in self.frontends:
            self._attempt(self._bind, frontend)
        for backend in self.backends.values():
            self._attempt(self._backend, backend)
        equip.link(self.backends.values(), self)
        for backend in self.backends.values():
            self._attempt(self._rules, backend)  # they may name servers of any backend
        for frontend in self.frontends:
            self._attempt(self._frontend, frontend)
        self.settle_limits()
        for proxy in (*self.frontends, *self.backends.values()):
            proxy.settle()

    def settle_limits(self) -> None:
        """What follows from `maxconn`; called again when the system has said how many connections there can be."""
        equip.full_connections(self.frontends, self.backends, self.maxconn)

    def _attempt(self, step: Callable[[P], None], proxy: P) -> None:
        try:
            step(proxy)
        except ConfigError as error:
            self.report.error(error, proxy.config.span)

    def _bind(self, frontend: Frontend) -> None:
        frontend.listeners = compile_binds(frontend.config, frontend, self.report, self.threads)
        self.listeners += frontend.listeners

    def _common(self, proxy: Proxy) -> None:
        """What both sides of a proxy have."""
        config = proxy.config
        proxy.http = config.http
        proxy.disabled = bool(config.get("disabled", False))
        proxy.options = frozenset(
            name.removeprefix("option ") for name, on in config.values.items() if name.startswith("option ") and on
        )
        proxy.splices = splice.wanted(proxy.options)
        proxy.replies = replies.compile(config, self)
        proxy.buffer_body = config.http and config.option("http-buffer-request")

    def _rules(self, proxy: Proxy) -> None:
        config = proxy.config
        rules = config.rules
        proxy.http_request = header_names.restrict(
            ruleset.compile(rules.get("http-request", []), self), config.get("option http-restrict-req-hdr-names")
        )
        proxy.http_response = ruleset.compile(rules.get("http-response", []), self)
        proxy.http_after_response = ruleset.compile(rules.get("http-after-response", []), self)
        proxy.tcp_content = ruleset.compile(rules.get("tcp-request content", []), self)
        proxy.tcp_response = ruleset.compile(rules.get("tcp-response content", []), self)
        if proxy.http:
            proxy.http_response = ruleset.joined(proxy.tcp_response, proxy.http_response)
        delay = config.get("tcp-request inspect-delay")
        proxy.inspect_delay = delay / 1000 if delay else None

    def _frontend(self, frontend: Frontend) -> None:
        self._common(frontend)
        frontend.traits = self._traits(frontend, "client", "request", "fe")
        self._rules(frontend)
        config: ProxyConfig = frontend.config
        frontend.maxconn = int(config.get("maxconn", 0))
        frontend.rate_limit = int(config.get("rate-limit sessions", 0))
        frontend.timeout_client = config.timeout("client")
        frontend.timeout_client_fin = config.timeout("client-fin")
        frontend.timeout_request = config.timeout("http-request")
        frontend.timeout_keep_alive = config.timeout("http-keep-alive")
        frontend.timeout_tarpit = config.timeout("tarpit") or config.timeout("connect")
        frontend.keep_clients = not config.option("httpclose")
        frontend.keep_servers = frontend.keep_clients and not config.option("http-server-close")
        frontend.tcp_connection = ruleset.compile(config.rules.get("tcp-request connection", []), self)
        frontend.tcp_session = ruleset.compile(config.rules.get("tcp-request session", []), self)
        frontend.switch = switching.Switch(config, self)
        frontend.switching, frontend.default_backend = frontend.switch.ready()
        frontend.forwarded = forwarded.compile(config, None)
        frontend.capture_request, frontend.capture_response = captures.compile(config, self)
        frontend.unique_id = logger.unique_id(config, self)
        capture_cookie, frontend.capture_set_cookie = captures.compile_cookies(config)
        frontend.last_request_step = both(logger.unique_id_header(config, self), capture_cookie)
        frontend.log = log = logger.build(config, self)
        if log is not None:
            frontend.log_early, frontend.log_asap, frontend.log_source = log.early, log.asap, log.needs_source
            frontend.log_local = log.needs_local

    def _backend(self, backend: Backend) -> None:
        self._common(backend)
        backend.traits = self._traits(backend, "server", "response", "be")
        config: ProxyConfig = backend.config
        backend.timeout_connect = config.timeout("connect")
        backend.timeout_server = config.timeout("server")
        backend.timeout_server_or_never = backend.timeout_server or math.inf
        backend.timeout_server_fin = config.timeout("server-fin")
        backend.timeout_queue = config.timeout("queue")
        backend.timeout_tunnel = config.timeout("tunnel")
        backend.timeout_tarpit = config.timeout("tarpit") or config.timeout("connect")
        backend.timeout_check = config.timeout("check")
        backend.keep_alive = not (config.option("http-server-close") or config.option("httpclose"))
        delay = config.get("tcp-response inspect-delay")
        backend.response_delay = delay / 1000 if delay else None
        backend.pretend_keep_alive = config.option("http-pretend-keepalive")
        backend.forwarded = rfc7239.compile(self, config, forwarded.compile(None, config))
        line_checks.check(self.config, config)
        equip.equip(backend, self)

    def check(self) -> None:
        """parse is over: resolves names, compiles everything. Afterwards `report` knows every problem."""
        resolve.resolve(self.config)
        self.compile()

    # -- changes at run time

    def switch(self) -> None:
        """A backend was published or unpublished: who may be chosen is worked out anew."""
        for frontend in self.frontends:
            if frontend.switch is not None:
                frontend.switching, frontend.default_backend = frontend.switch.ready()

    def add_backend(self, config: ProxyConfig) -> Report:
        """Compiles a backend that no file has, unpublished. It serves nothing when the result is fatal."""
        kept, found = self.report, Report()
        self.report = self.config.report = found
        try:
            for check in resolve.CHECKS:
                check(self.config, config)
            taken = {proxy.uuid for proxy in (*self.frontends, *self.backends.values())}
            config.number = next(number for number in itertools.count(2) if number not in taken)
            backend = Backend(config.name, config.number, config)
            backend.unpublished = True
            self.backends[config.name] = backend  # its own rules may ask for it
            self._attempt(self._backend, backend)
            equip.link([backend], self)
            self._attempt(self._rules, backend)
            backend.settle()
        finally:
            self.report = self.config.report = kept
        if found.fatal:
            del self.backends[config.name]
        elif self.worker is not None:
            self.worker.after_response = self._after_response()
        return found

    def remove_backend(self, backend: Backend) -> None:
        """Forgets a backend without servers and streams that nothing names."""
        del self.backends[backend.name]

    # -- run

    def limits(self) -> Limits:
        tune = self.globals.get
        return Limits(
            self.buffer_size,
            int(tune("tune.maxrewrite", MAX_REWRITE)),
            int(tune("tune.http.maxhdr", MAX_HEADERS)),
            any_payload=bool(tune("h1-accept-payload-with-any-method")),
            insecure=bool(tune("h1-do-not-close-on-insecure-transfer-encoding")),
        )

    def _codec(self, lax: Lax | None = None) -> codec.Codec:
        chosen = self._plain_codec() if lax is None else lax
        return Keeping(chosen) if self._keeps_lines else chosen

    @functools.cached_property
    def _keeps_lines(self) -> bool:
        """Asked for each proxy, and looks at all of them."""
        return raw_lines.wanted(self.config.proxies)

    @staticmethod
    def _plain_codec() -> codec.Codec:
        return codec.choose(os.environ.get("PYLB_CODEC", "fast"))

    def _traits(self, proxy: Proxy, side: str, message: str, end: str) -> Traits | None:
        """What the options of a proxy make of its HTTP/1 connections on one side: mux/special.py."""
        option, limits = proxy.options, self.limits()
        lax = f"accept-unsafe-violations-in-http-{message}" in option
        reader = Lax(self._plain_codec(), limits) if lax else None
        traits = Traits(
            self._codec(reader),
            limits,
            names=self._letter_case if f"h1-case-adjust-bogus-{side}" in option else None,
            drops_trailers=f"http-drop-{'response' if side == 'client' else 'request'}-trailers" in option,
            lax=reader,
            threshold=int(self.globals.get(f"tune.h1.{end}.glitches-threshold") or 0),
        )
        return None if traits.ordinary else traits

    @property
    def maxpipes(self) -> int:
        """Most pipes of splicing: as configured, or one for four connections if a proxy asks for splicing."""
        given: int = self.globals.get("maxpipes") or 0
        spliced = any(proxy.splices for proxy in (*self.frontends, *self.backends.values()))
        return given or ((self.maxconn + 3) // 4 if spliced else 0)

    def make_worker(self, poller: Poller | None = None) -> Worker:
        """The worker that will carry traffic; before privileges drop, because it opens the epoll descriptor."""
        worker = Worker(
            poller if poller is not None else Poller(),
            self._codec(),
            self.limits(),
            maxconn=self.maxconn,
            buffer_size=self.buffer_size,
        )
        worker.after_response = self._after_response()
        accept.limit(worker, self.globals)
        if self.splicing and not self.globals.get("nosplice"):
            worker.pipes.limit = self.maxpipes
            worker.pipes.size = self.globals.get("tune.pipesize") or 0
        self.worker = worker
        STATE.connections = lambda: worker.counters.conn_cur
        return worker

    def _after_response(self) -> Callable[[Stream, Any], None] | None:
        """http-after-response rules run for every response, local ones too; None when there are none anywhere."""
        proxies: list[Proxy] = [*self.frontends, *self.backends.values()]
        if not any(proxy.http_after_response is not None for proxy in proxies):
            return None

        def after(stream: Stream, response: Any) -> None:
            backend, frontend = stream.backend, stream.frontend
            if backend is not None and backend.http_after_response is not None:
                backend.http_after_response.run(stream)
            same = backend is not None and backend.config is frontend.config
            if frontend.http_after_response is not None and not same:
                frontend.http_after_response.run(stream)

        return after

    async def start(self) -> None:
        """Begins to serve on the running event loop."""
        assert self.worker is not None
        loop = asyncio.get_running_loop()
        self.worker.attach(loop)
        open_listeners = [listener for listener in self.listeners if listener.sock is not None]
        self.worker.listen(open_listeners, self.servers)
