"""A worker's life: bind, give up privileges, serve, stop softly or at once.

    open sockets -> [background] -> event loop and epoll -> freeze -> chroot, user -> seal -> serve -> soft stop

Nothing that needs the file system or rights comes after the seal.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import uvloop

from pylb.background import log_forward
from pylb.background.base import Service
from pylb.background.log_rings import Feeding
from pylb.background.runtime import process_facts
from pylb.background.runtime.service import Runtime
from pylb.errors import Diagnostic, Severity
from pylb.listener import sockets
from pylb.log import targets
from pylb.process import background, collector, limits, privileges, sealed
from pylb.process.command_line import Options
from pylb.process.loading import has_listener
from pylb.process.messages import alert, voice, warning
from pylb.process.stop import Stop, hold_signals, take_signals, tell
from pylb.program import Program

if TYPE_CHECKING:
    from pylb.process.master import Link

START_TRIES: Final = 200
START_PAUSE: Final = 0.01
QUEUE_ROUNDS: Final = 100  # batches of connections taken from a listener that is about to close
KILL_SECONDS: Final = 1.0  # how long killed sessions may take to write their log lines


class Worker:
    """One process that carries traffic. `ready` is called when it does. Lives from bind to the end of the process."""

    def __init__(self, program: Program, options: Options) -> None:
        self.program = program
        self.options = options
        self.settings = program.globals
        self.services: list[Service] = []
        self.feeding: Feeding | None = None  # lines on their way to syslog servers, until the very end
        self.control: list[Any] = []  # listeners of the runtime sockets and of log-forward sections
        self.ready: Callable[[], None] = _nothing
        self.channel = -1  # descriptor that tells, by its end, that the master is gone
        self._stop = asyncio.Event()
        self._stopping = False

    # -- before the loop

    def bind(self, inherited: Mapping[str, int] | None = None) -> None:
        """Opens every socket, or prints why not and raises Stop."""
        hold_signals()  # whoever sees the port open may signal us already
        program = self.program
        if not has_listener(program):
            alert("[haproxy.main()] No enabled listener found (check for 'bind' directives) ! Exiting.")
            raise Stop(1)
        self.control = [*program.runtime_listeners, *log_forward.listeners(program)]
        wanted = [*(one for one in program.listeners if not one.frontend.disabled), *self.control]
        checks = sum(server.checked for server in program.servers)
        maxconn, problems = limits.settle(
            self.settings, len(wanted) + checks, self.options.maxconn, splicing=program.maxpipes > 0
        )
        program.splicing = "-dS" not in self.options.switches
        program.maxconn = maxconn
        program.settle_limits()
        problems += limits.memory(self.options.memory)
        self._check(problems)
        problems = self._open(wanted, inherited)
        if not any(problem.severity is Severity.ALERT for problem in problems):
            problems += log_forward.open_datagrams(program, reuse_port=self._share)
        voice.problems(problems)
        if any(problem.severity is Severity.ALERT for problem in problems):
            alert("[haproxy.main()] Some protocols failed to start their listeners! Exiting.")
            raise Stop(1)
        self._zero_warning(problems)

    def _open(self, wanted: list[Any], inherited: Mapping[str, int] | None) -> list[Diagnostic]:
        """Tries again for a while when an old process may be about to let go of an address."""
        tries = START_TRIES if self.options.old_pids else 1
        while True:
            problems = sockets.open_sockets(
                wanted,
                inherited=inherited,
                reuse_port=self._share,
                settings=self.settings.values,
                maxconn=self.program.maxconn,
            )
            tries -= 1
            if not tries or not any(problem.severity is Severity.ALERT for problem in problems):
                return problems
            if tries == START_TRIES - 1:
                tell(self.options.old_pids, signal.SIGTTOU)
            elif tries == 1:
                tell(self.options.old_pids, signal.SIGTTIN)
            time.sleep(START_PAUSE)

    @property
    def _share(self) -> bool:
        """Whether other processes may have the same addresses."""
        return bool(self.options.share_ports and not self.settings.get("noreuseport"))

    def _check(self, problems: list[Diagnostic]) -> None:
        voice.problems(problems)
        if any(problem.severity is Severity.ALERT for problem in problems):
            raise Stop(1)
        self._zero_warning(problems)

    def _zero_warning(self, problems: list[Diagnostic]) -> None:
        if problems and self.options.zero_warning:
            alert("[haproxy.main()] Some warnings were found and 'zero-warning' is set. Aborting.")
            raise Stop(1)

    def confine(self) -> asyncio.AbstractEventLoop:
        """Everything that needs rights or files, then their end. Returns the event loop to serve on."""
        loop = uvloop.new_event_loop()
        program = self.program
        program.make_worker()
        targets.open_all(program)
        facts = process_facts.of(program)
        facts.refresh()
        facts.maxconn = facts.hard_maxconn = program.maxconn
        sealed.prepare()
        collector.settle()
        try:
            privileges.drop(self.settings)
        except privileges.PrivilegeError as error:
            alert(str(error))
            raise Stop(1) from None
        sealed.seal()
        return loop

    # -- the loop

    def run(self, loop: asyncio.AbstractEventLoop) -> int:
        """Serves until told to stop; returns the exit code."""
        asyncio.set_event_loop(loop)
        try:
            return loop.run_until_complete(self._serve(loop))
        finally:
            asyncio.set_event_loop(None)

    def run_for(self, link: Link, inherited: Mapping[str, int]) -> int:
        """Serves under a master, which gets the listening sockets and hears when we are ready."""
        opened = [one for one in [*self.program.listeners, *self.control] if one.sock is not None]
        listening = {name: one.sock.fileno() for name, one in sockets.keyed(opened) if one.sock is not None}
        for descriptor in set(inherited.values()) - set(listening.values()):
            os.close(descriptor)  # addresses that the configuration no longer has
        null = background.open_null()
        settings = self.settings
        facts = {
            "exit_on_failure": settings.get("master-worker") != "no-exit-on-failure",
            "max_reloads": settings.get("mworker-max-reloads", -1),
            "pidfile": settings.get("pidfile", ""),
        }

        def ready() -> None:
            link.report(facts, listening)
            if self.options.daemon:
                background.silence(null)

        loop = self.confine()
        self.channel = link.channel.fileno()
        self.ready = ready
        return self.run(loop)

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> int:
        self._signals(loop)
        self.services = [Runtime(self.program)]
        if log_forward.of(self.program):
            self.services.append(log_forward.Forwarding(self.program))
        self.feeding = Feeding(self.program)
        await self.feeding.start()
        await self.program.start()
        for service in self.services:
            await service.start()
        if self.channel >= 0:
            loop.add_reader(self.channel, self._master_gone)
        self.ready()
        tell(self.options.old_pids, signal.SIGUSR1 if self.options.old_signal == "finish" else signal.SIGTERM)
        await self._stop.wait()
        return await self._finish()

    def _signals(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_signal_handler(signal.SIGUSR1, self.stop_softly)
        loop.add_signal_handler(signal.SIGHUP, self.dump_servers)
        loop.add_signal_handler(signal.SIGTTOU, self.pause)
        loop.add_signal_handler(signal.SIGTTIN, self.resume)
        loop.add_signal_handler(signal.SIGUSR2, _nothing)
        if os.getpid() == 1:
            # The default action of SIGTERM and SIGINT is the fastest end, but the kernel protects init from it.
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, os._exit, 128 + number)
        take_signals()

    def _master_gone(self) -> None:
        try:
            data = os.read(self.channel, 64)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            alert("The master process is gone: exiting.")
            os._exit(1)

    def stop_softly(self) -> None:
        self._stop.set()

    async def _finish(self) -> int:
        """SIGUSR1: no new connections, those under way may end; `hard-stop-after` cuts what takes too long."""
        grace = self.settings.get("grace")
        if grace:
            await asyncio.sleep(grace / 1000)
        worker = self.program.worker
        assert worker is not None
        process_facts.of(self.program).stopping = True
        empty_queues(worker)
        worker.soft_stop()
        for service in self.services:
            await service.stop()
        for listener in [*self.program.listeners, *self.control]:
            sockets.close(listener)
        self._say_stopped()
        limit = self.settings.get("hard-stop-after")
        try:
            async with asyncio.timeout(limit / 1000 if limit else None):
                await worker.drained()
        except TimeoutError:
            warning("soft-stop running for too long, performing a hard-stop.")
            await self._kill(worker)
        if self.feeding is not None:
            await self.feeding.finish()
        worker.close()
        return 0

    async def _kill(self, worker: Any) -> None:
        worker.kill_all()
        try:
            async with asyncio.timeout(KILL_SECONDS):
                await worker.drained()
        except TimeoutError:
            warning("Some tasks resisted to hard-stop, exiting now.")

    def _say_stopped(self) -> None:
        for name, front, back, log in self._proxies():
            text = f"Proxy {name} stopped (cumulated conns: FE: {front}, BE: {back})."
            warning(text)
            if log is not None:
                log.event(4, text.encode("utf-8", "surrogateescape"))

    def _proxies(self) -> list[tuple[str, int, int, Any]]:
        """Name, connections of either side and log of every proxy, a `listen` once."""
        found: dict[str, tuple[str, int, int, Any]] = {}
        for frontend in self.program.frontends:
            found[frontend.name] = (frontend.name, frontend.counters.conn_total, 0, frontend.log)
        for backend in self.program.backends.values():
            name, front, _, log = found.get(backend.name, (backend.name, 0, 0, None))
            found[backend.name] = (name, front, backend.counters.sess_total, log)
        return list(found.values())

    # -- other signals

    def dump_servers(self) -> None:
        """SIGHUP: the state of every server and proxy, on stderr."""
        warning("SIGHUP received, dumping servers states.")
        for backend in self.program.backends.values():
            for server in backend.servers:
                state = "UP" if server.alive else "DOWN"
                waiting = len(server.queue) if server.queue is not None else 0
                warning(
                    f"SIGHUP: Server {backend.name}/{server.name} is {state}. "
                    f"Conn: {server.served} act, {waiting} pend, {server.counters.sess_total} tot."
                )
        for frontend in self.program.frontends:
            counters = frontend.counters
            warning(
                f"SIGHUP: Proxy {frontend.name} Conn: act(FE): {counters.conn_cur}, tot(FE): {counters.conn_total}."
            )

    def pause(self) -> None:
        """SIGTTOU: connections are refused until SIGTTIN."""
        warning("Pausing all proxies.")
        self._each_acceptor("pause")
        for listener in self.program.listeners:
            sockets.pause(listener)

    def resume(self) -> None:
        for listener in self.program.listeners:
            if not sockets.resume(listener):
                warning(f"Cannot listen again on {listener.where}.")
        self._each_acceptor("resume")

    def _each_acceptor(self, gesture: str) -> None:
        assert self.program.worker is not None
        for acceptor in self.program.worker.acceptors:
            getattr(acceptor, gesture)()


def empty_queues(worker: Any) -> None:
    """Takes the connections that already wait in the kernel: closing their listener would reset them."""
    for acceptor in list(worker.acceptors):
        if acceptor.armed:
            for _ in range(QUEUE_ROUNDS):
                acceptor.on_events(1)
                if acceptor.batch == 1 or not acceptor.armed:
                    break


def _nothing() -> None:
    pass
