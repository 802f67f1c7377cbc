"""`-W`: a master that supervises workers and replaces them without losing a connection.

The master knows no configuration. It forks a worker that loads, binds and reports; the worker hands its listening
sockets over, so the next one inherits them and the queues of the kernel survive every reload. Before the first worker
is forked nothing heavy is imported: each reload runs the code that is installed at that moment.

    SIGUSR2, SIGHUP  reload: a new worker; when it serves, the old one stops softly; when it fails, the old one goes on
    SIGUSR1          all workers stop softly, then the master ends with 0
    SIGTERM, SIGINT  all workers end at once, then the master ends with 0 or 130
    a worker dies    unless no-exit-on-failure is set: the others are ended and the master exits with its code
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from pylb.process import background
from pylb.process.command_line import Options
from pylb.process.messages import alert, notice, warning
from pylb.process.notify import Notifier
from pylb.process.stop import Stop, flush, hold_signals, take_signals, tell

SIGNALS: Final = (
    signal.SIGCHLD,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
MOST_DESCRIPTORS: Final = 253  # SCM_MAX_FD, per message


@dataclass(slots=True)
class Child:
    """A worker as its master sees it."""

    pid: int
    channel: socket.socket
    serving: bool = False
    reloads: int = 0  # how many new workers it has seen


Work = Callable[["Link", dict[str, int]], int]


class Link:
    """The worker's end of the channel to its master."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel

    def report(self, facts: dict[str, Any], listening: dict[str, int]) -> None:
        """Says that the worker serves, and hands its listening sockets over."""
        keys = list(listening)
        self.channel.setblocking(True)
        batches = [keys[at : at + MOST_DESCRIPTORS] for at in range(0, len(keys), MOST_DESCRIPTORS)] or [[]]
        for number, batch in enumerate(batches):
            last = number == len(batches) - 1
            text = json.dumps({"keys": batch, "last": last, **(facts if last else {})}).encode()
            socket.send_fds(self.channel, [text], [listening[key] for key in batch])
        self.channel.setblocking(False)


class Master:
    """The supervising process; lives until its last worker has ended."""

    def __init__(self, options: Options, work: Work, daemon: background.Daemon | None = None) -> None:
        self.options = options
        self.work = work
        self.daemon = daemon
        self.pidfile = background.PidFile(options.pidfile)
        self.served = False  # a worker has served: from now on failures are failed reloads
        self.children: list[Child] = []
        self.listening: dict[str, int] = {}
        self.notifier = Notifier(os.environ.get("NOTIFY_SOCKET") if options.systemd else None)
        self.ending = 0  # the signal that ends us, 0 while we run
        self.code = 0
        self.exit_on_failure = True
        self.max_reloads = -1
        self.reloading: Child | None = None  # the worker that is being started
        self.reload_again = False
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Starts the first worker and supervises until the end. Returns the exit code."""
        os.environ["HAPROXY_MWORKER"] = "1"
        self._listen_to_signals()
        self._spawn()
        while self.children or self._waiting_for_reload():
            for key, _ in self.selector.select():
                key.data()
        if self.ending:
            warning(f"All workers exited. Exiting... ({self.code})")
        if self.daemon is not None:
            self.daemon.failed(self.code)
        return self.code

    def _waiting_for_reload(self) -> bool:
        """With no-exit-on-failure a master without workers stays, for the next reload."""
        return self.served and not self.exit_on_failure and not self.ending

    # -- signals

    def _listen_to_signals(self) -> None:
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in SIGNALS:
            signal.signal(number, _note)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._writer = writer
        self.selector.register(self._reader, selectors.EVENT_READ, self._signalled)

    def _signalled(self) -> None:
        seen = set(os.read(self._reader, 4096))
        for number in SIGNALS:
            if number in seen:
                _REACTIONS[number](self, number)

    def reload(self, number: int) -> None:
        if self.ending:
            return
        if self.reloading is not None:
            self.reload_again = True  # one at a time; the latest configuration wins
            return
        notice("Reloading pylb")
        self.notifier.reloading()
        self._spawn()

    def end(self, number: int) -> None:
        """SIGUSR1, SIGTERM, SIGINT: passes it on and waits for the workers to be gone."""
        if not self.ending:
            warning("Exiting Master process...")
            self.notifier.stopping()
        self.ending = number
        self.code = 130 if number == signal.SIGINT else 0
        self._forget(self.listening)  # else connections would queue in sockets that nobody serves
        self.pass_on(number)

    def _forget(self, sockets: dict[str, int]) -> None:
        for descriptor in sockets.values():
            os.close(descriptor)
        sockets.clear()

    def pass_on(self, number: int) -> None:
        for child in self.children:
            os.kill(child.pid, number)

    # -- workers

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        flush()
        hold_signals()  # the worker's stay held until it serves
        pid = os.fork()
        if pid == 0:
            ours.close()
            self._become_worker(theirs)
        take_signals()
        theirs.close()
        child = Child(pid, ours)
        self.children.append(child)
        self.reloading = child
        self._arriving: dict[str, int] = {}
        self.selector.register(ours, selectors.EVENT_READ, lambda: self._heard(child))
        notice(f"New worker ({pid}) forked")

    def _become_worker(self, channel: socket.socket) -> None:
        """In the child: forgets the master's state and works; never returns."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            os.close(self._reader)
            os.close(self._writer)
            self.selector.close()
            for child in self.children:
                child.channel.close()
            if self.daemon is not None and self.daemon.pipe >= 0:
                os.close(self.daemon.pipe)
            code = self.work(Link(channel), self.listening)
        except Stop as stop:
            code = stop.code
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            flush()
            os._exit(code)

    def _heard(self, child: Child) -> None:
        """A report of a worker, or the end of its channel (its exit is seen by SIGCHLD)."""
        try:
            data, descriptors, _, _ = socket.recv_fds(child.channel, 1 << 20, MOST_DESCRIPTORS)
        except ConnectionError:
            data, descriptors = b"", []
        if not data:
            self.selector.unregister(child.channel)
            child.channel.close()
            return
        facts = json.loads(data)
        self._arriving.update(zip(facts["keys"], descriptors, strict=True))
        if facts["last"]:
            self._took_over(child, facts)

    def _took_over(self, child: Child, facts: dict[str, Any]) -> None:
        """The new worker serves: its sockets are ours, its predecessors stop softly."""
        self._forget(self.listening)
        self.listening, self._arriving = self._arriving, {}
        self.exit_on_failure = facts["exit_on_failure"]
        self.max_reloads = facts["max_reloads"]
        child.serving = True
        self.reloading = None
        notice("Loading success.")
        for other in self.children:
            if other is not child:
                other.serving = False
                other.reloads += 1
                over = 0 <= self.max_reloads < other.reloads
                os.kill(other.pid, signal.SIGTERM if over else signal.SIGUSR1)
        if not self.served:
            self._first(facts)
        self.notifier.ready()
        if self.reload_again:
            self.reload_again = False
            self.reload(signal.SIGUSR2)

    def _first(self, facts: dict[str, Any]) -> None:
        """What is due once, when the first worker serves."""
        self.served = True
        tell(self.options.old_pids, signal.SIGUSR1 if self.options.old_signal == "finish" else signal.SIGTERM)
        try:
            if not self.options.pidfile:
                self.pidfile = background.PidFile(facts["pidfile"])
            self.pidfile.write(os.getpid())
        except Stop as stop:
            self.end(signal.SIGTERM)
            self.code = stop.code
        if self.daemon is not None and not self.code:
            self.daemon.ready()

    def reap(self, number: int) -> None:
        """Takes note of every worker that has ended. In a container we are init and collect others' orphans too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            for child in self.children:
                if child.pid == pid:
                    self.children.remove(child)
                    self._ended(child, _exit_code(status))
                    break

    def _ended(self, child: Child, code: int) -> None:
        if child is self.reloading:
            self.reloading = None
            self._failed_to_start(code)
            return
        kind = "Current" if child.serving else "Former"
        say = alert if child.serving and code else warning
        say(f"{kind} worker ({child.pid}) exited with code {code} ({_reason(code)})")
        if not child.serving or self.ending:
            return
        if not code:
            self.ending = signal.SIGUSR1  # somebody stopped the worker itself: nothing is left to supervise
        elif self.exit_on_failure:
            alert("exit-on-failure: killing every processes with SIGTERM")
            self.ending, self.code = signal.SIGTERM, code
            self.pass_on(signal.SIGTERM)

    def _failed_to_start(self, code: int) -> None:
        self._forget(self._arriving)
        if self.ending:
            return
        if not self.served:
            self.code = code or 1
            return
        warning("Loading failure!")
        self.notifier.failed()
        if self.reload_again and not self.ending:
            self.reload_again = False
            self.reload(signal.SIGUSR2)


def _note(number: int, frame: Any) -> None:
    """Signals are read from the wake-up descriptor; this only keeps their default actions away."""


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


def _reason(code: int) -> str:
    """HAProxy's word behind an exit code: Exit, or what the C library calls the signal."""
    if code <= 128:
        return "Exit"
    return signal.strsignal(code - 128) or "Unknown signal"


_REACTIONS: Final[dict[int, Callable[[Master, int], None]]] = {
    signal.SIGCHLD: Master.reap,
    signal.SIGHUP: Master.reload,
    signal.SIGUSR2: Master.reload,
    signal.SIGINT: Master.end,
    signal.SIGTERM: Master.end,
    signal.SIGUSR1: Master.end,
    signal.SIGTTIN: Master.pass_on,
    signal.SIGTTOU: Master.pass_on,
}
