"""From the command line to a checked program: the steps parse, resolve, compile, check, and what `-c` says of them."""

from __future__ import annotations

import os
import sys
from typing import Any

from pylb import standard
from pylb.background import log_forward
from pylb.background.runtime.keywords import listeners as runtime_listeners
from pylb.config import lexer, reader
from pylb.config.conditions import ConditionError, Surroundings, evaluate
from pylb.config.model import Configuration
from pylb.config.resolve import resolve
from pylb.errors import Report, Severity
from pylb.process import collector, config_dump
from pylb.process.command_line import Options, expand
from pylb.process.messages import alert, voice
from pylb.process.stop import Stop
from pylb.program import Program
from pylb.registry import Status


def load(options: Options) -> Program:
    """Reads and compiles. Prints every problem; raises Stop when there is one that counts."""
    collector.loading()
    try:
        return _load(options)
    finally:
        collector.loaded()


def _load(options: Options) -> Program:
    standard.load()
    if options.localpeer:
        os.environ["HAPROXY_LOCALPEER"] = options.localpeer
    report = Report()
    try:
        files = expand(options.files)
    except OSError as error:
        alert(f"config : Cannot open configuration file/directory {error.filename} : {error.strerror}")
        raise Stop(1) from None
    dump = config_dump.Dump(options.dump_key) if options.dump else None
    config = reader.load(files, report=report, seen=dump.seen if dump is not None else None)
    if dump is not None:
        sys.stdout.write(dump.text())
        sys.stdout.flush()
    apply(options, config)
    program = Program(config)
    # What is wrong in the text would only cause follow-up errors in what is made of it.
    broken = report.fatal
    if options.master:
        config.globals.values["command line -W"] = True
    if not broken:
        resolve(config)
        if options.diagnostics:
            diagnose(config)
        if not report.fatal:
            program.compile()
            log_forward.compile_all(program)
            program.runtime_listeners = runtime_listeners(program)
    voice.report(report, diagnostics=options.diagnostics)
    _judge(options, report, broken)
    return program


def diagnose(config: Configuration) -> None:
    """What -dD says of a whole configuration: servers that share a cookie value."""
    for proxy in config.proxies:
        owners = set()
        for server in proxy.servers:
            value = server.values.get("cookie")
            if not value or server.values.get("backup"):
                continue
            if value in owners:
                config.report.diag(
                    f"'server {server.name}' : same cookie value is set for a previous non-backup server in the same "
                    "backend, it may break connection persistence",
                    server.span,
                )
            owners.add(value)


def apply(options: Options, config: Configuration) -> None:
    """What the command line says wins over the file."""
    settings = config.globals
    if options.localpeer:
        settings.set("localpeer", options.localpeer)
    if options.maxconn:
        settings.set("maxconn", options.maxconn)
    if options.pidfile:
        settings.set("pidfile", options.pidfile)
    if options.proxy_maxconn:
        for proxy in config.proxies:
            if proxy.is_front and "maxconn" not in proxy.values:
                proxy.set("maxconn", options.proxy_maxconn)
    if options.resolve_failures:
        for proxy in config.proxies:
            for server in proxy.servers:
                server.values.setdefault("init-addr", ("last", "libc", "none"))
    if settings.get("quiet") and not options.verbose:
        voice.quiet = True
    if settings.get("zero-warning"):
        options.zero_warning = True


def _judge(options: Options, report: Report, broken: bool) -> None:
    """The sentences that follow the problems; `broken` when the text itself is wrong."""
    if report.fatal:
        named = dict.fromkeys(item.span.file for item in report.items if item.severity is Severity.ALERT)
        for file in filter(None, named if broken else ()):
            alert(f"config : Error(s) found in configuration file : {file}")
        alert("config : Fatal errors found in configuration.")
        raise Stop(1)
    if options.zero_warning and report.count(Severity.WARNING):
        alert("config : Some warnings were found and 'zero-warning' is set. Aborting.")
        raise Stop(1)


def verdict(options: Options, program: Program) -> int:
    """The last words and the exit code of `-c`."""
    say = _silent if voice.quiet else print
    if program.report.count(Severity.WARNING):
        say("Warnings were found.")
    if not has_listener(program):
        say("Configuration file has no error but will not start (no listener) => exit(2).")
        return 2
    say("Configuration file is valid")
    return 0


def _silent(text: str) -> None:
    pass


def has_listener(program: Any) -> bool:
    """Whether there is anything to listen on: a bind line, a runtime socket, a peers or log-forward section."""
    if log_forward.of(program):
        return True
    return bool(program.listeners or program.runtime_listeners or program.config.sections.get("peers"))


def refuse_inert(options: Options, program: Program) -> None:
    """A start with words that decide something and have no effect is refused unless it is asked for."""
    program.allow_inert = options.allow_inert
    if options.allow_inert:
        return
    unsafe = program.config.inert(Status.UNSAFE)
    for use in unsafe:
        place = f"parsing [{use.span.file}:{use.span.line}] : " if use.span.line else ""
        alert(
            f"config : {place}'{use.word.name}' is not enforced by this version and could let through what it forbids."
        )
    if unsafe:
        alert("config : Refusing to start without these words (--allow-inert starts all the same).")
        raise Stop(1)


def condition(text: str) -> int:
    """`-cc`: 0 when the condition holds, 1 when not, 2 when it cannot be read.

    The text is one line of a configuration: quotes, backslashes and environment variables have their meaning.
    """
    standard.load()
    words, _, wrong = lexer.split(text, os.environ.get)
    if wrong is not None:
        alert(f"config : Syntax Error in condition: {wrong.message}.")
        return 2
    try:
        return 0 if evaluate(" ".join(words), Surroundings(environment=dict(os.environ))) else 1
    except ConditionError as error:
        alert(f"config : Failed to evaluate condition: {error.message}")
        return 2
