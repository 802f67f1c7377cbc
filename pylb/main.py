"""The command: HAProxy's flags, and pylb's own gestures (`pylb demo` ...).

Imports stay light here: a master must not load what its workers do.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pylb.process import command_line
from pylb.process.command_line import Options, UsageError
from pylb.process.messages import alert, notice, voice, warning
from pylb.process.stop import Stop, flush

if TYPE_CHECKING:
    from pylb.process.master import Link
    from pylb.program import Program

COMMANDS: Final = {
    "demo": ("pylb.demo", "three small servers with pylb in front of them"),
    "fmt": ("pylb.editing.fmt", "one layout for configuration files"),
    "lint": ("pylb.editing.lint", "what in a configuration is legal but surely wrong or fragile"),
    "migrate": ("pylb.editing.migrate", "a configuration in the words of today"),
}
"""Gestures of our own: word -> (module with `main(argv) -> int`, what it does)."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words and words[0] in COMMANDS:
        module = importlib.import_module(COMMANDS[words[0]][0])
        return int(module.main(words[1:]))
    try:
        options = command_line.parse(words)
        code = run(options)
        if options.check and argv is None:
            # A large configuration takes a fifth of the time again to be taken apart, for nothing.
            flush()
            os._exit(code)
        return code
    except UsageError as error:
        if error.message:
            voice.introduce()
            alert(error.message)
        if error.usage:
            usage()
        return 1
    except Stop as stop:
        return stop.code
    finally:
        flush()


def usage() -> None:
    from pylb.process import version

    sys.stdout.write(version.short())
    sys.stdout.flush()
    sys.stderr.write(command_line.USAGE.replace("{commands}", " | ".join(COMMANDS)))


def run(options: Options) -> int:
    """What the options ask for, in HAProxy's order."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # an end, not a traceback
    voice.quiet = options.quiet
    if options.version:
        return _version(options.version)
    if options.memory_help:
        print(
            "HAProxy's allocator has options here; pylb accepts and checks them, Python's allocator has none of them."
        )
        return 0
    if options.condition is not None:
        from pylb.process import loading

        return loading.condition(options.condition)
    if options.directory:
        _change_directory(options.directory)
    if not options.files or not _expanded(options):
        raise UsageError
    if options.master and not options.check and (options.foreground or options.daemon):
        return _master(options)
    return _load_and_serve(options)


def _version(level: int) -> int:
    from pylb.process import version

    sys.stdout.write(version.short() if level == 1 else version.long())
    return 0


def _change_directory(path: str) -> None:
    try:
        os.chdir(path)
    except OSError as error:
        alert(f"Could not change to directory {path} : {error.strerror}")
        raise Stop(1) from None


def _expanded(options: Options) -> bool:
    """Whether anything is left to read when directories are opened."""
    try:
        return bool(command_line.expand(options.files))
    except OSError as error:
        alert(f"config : Cannot open configuration file/directory {error.filename} : {error.strerror}")
        raise Stop(1) from None


def _load_and_serve(options: Options) -> int:
    from pylb.process import loading

    environment = dict(os.environ)
    program = loading.load(options)
    _dumps(options)
    _master_socket(options)
    if options.check:
        return loading.verdict(options, program)
    _remarks(options)
    loading.refuse_inert(options, program)
    if options.master or program.globals.get("master-worker"):
        _again_as_master(options, program, environment)
    return _serve(options, program)


def _dumps(options: Options) -> None:
    if options.words is None and not options.objects and not options.archive:
        return
    from pylb.process import dump

    if options.words is not None:
        sys.stdout.write(dump.help_text() if "help" in options.words else dump.words(options.words))
    if options.objects:
        sys.stdout.write(dump.objects())
    if options.archive:
        try:
            dump.archive(options.archive)
        except OSError as error:
            alert(f"config : Cannot write the archive {options.archive} : {error.strerror}")
            raise Stop(1) from None


def _master_socket(options: Options) -> None:
    """Checks the address of `-S`."""
    from pylb.config.addresses import parse_address

    if not options.master_socket:
        return
    if not options.master:
        warning("config : a master CLI socket was defined, but master-worker mode (-W) is not enabled.")
        return
    try:
        parse_address(options.master_socket.partition(",")[0])
    except ValueError as error:
        alert("config : Cannot create the listener of the master CLI")
        alert(f"config : {error}")
        alert("config : Can't create the master's CLI.")
        raise Stop(1) from None


def _remarks(options: Options) -> None:
    """What was accepted and does nothing."""
    if options.master_socket and options.master:
        notice("config : -S is accepted; the master has no runtime socket yet.")
    if options.sockets_from:
        notice("config : -x is accepted; ports are shared (SO_REUSEPORT), and -W hands its sockets over by itself.")


def _again_as_master(options: Options, program: Program, environment: dict[str, str]) -> None:
    """The file asked for a master (or -W left open whether to go to the background): the same command, said clearly.

    A fresh process, because a master must not carry a loaded configuration. Does not return.
    """
    daemon = program.globals.get("daemon") and not options.foreground
    given = len(sys.argv) - 1
    ours, words = sys.orig_argv[: len(sys.orig_argv) - given], sys.argv[1:]
    clear = ["-W", "-D" if daemon or options.daemon else "-db"]
    flush()
    os.execve(sys.executable, [sys.executable, *ours[1:], *clear, *words], environment)


def _serve(options: Options, program: Program) -> int:
    """One process without a master."""
    from pylb.process import background, serving

    worker = serving.Worker(program, options)
    worker.bind()
    settings = program.globals
    if not (options.daemon or settings.get("daemon")) or options.foreground:
        return worker.run(worker.confine())
    daemon = background.detach(background.PidFile(settings.get("pidfile", "")))
    try:
        loop = worker.confine()
        worker.ready = daemon.ready
        return worker.run(loop)
    except Stop as stop:
        daemon.failed(stop.code)
        raise


def _master(options: Options) -> int:
    from pylb.process import background, master

    daemon = background.detach(None) if options.daemon and not options.foreground else None
    try:
        return master.Master(options, lambda link, inherited: _work(options, link, inherited), daemon).run()
    except Stop as stop:
        if daemon is not None:
            daemon.failed(stop.code)
        raise


def _work(options: Options, link: Link, inherited: dict[str, int]) -> int:
    """A master's worker, from fork to end."""
    from pylb.process import loading, serving

    program = loading.load(options)
    _master_socket(options)
    _remarks(options)
    loading.refuse_inert(options, program)
    options.old_pids = []  # the master tells them
    worker = serving.Worker(program, options)
    worker.bind(inherited)
    return worker.run_for(link, inherited)
