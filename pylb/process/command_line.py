"""HAProxy's command line (management manual, section 3) -> Options. Reads words, opens nothing, imports little."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

USAGE = """\
Usage : pylb [-f <cfgfile|cfgdir>]* [ -vdVD ] [ -n <maxconn> ] [ -N <maxpconn> ]
        [ -p <pidfile> ] [ -m <max megs> ] [ -C <dir> ] [-- <cfgfile>*]
        -v shows the version ; -vv also what it is built of.
        -d shows what happens and stays in the foreground ; -db only stays in the foreground.
        -c checks the configuration and ends ; -cc <condition> evaluates a condition.
        -V says more ; -q says nothing.
        -D goes to the background ; -C changes to <dir> before loading files.
        -W runs a master and its worker ; -Ws also tells systemd.
        -S <bind>[,<bind options>...] names the master's runtime socket (accepted).
        -n limits the number of connections ; -N the default of each proxy.
        -m limits the memory of the process (in MB).
        -L sets the local peer's name (default to hostname).
        -p writes the process id to this file.
        -sf/-st [pid ]* ends old processes softly / at once, when this one serves.
        -x <unix_socket> gets listening sockets from a runtime socket (accepted).
        -dD also shows diagnostics about the configuration.
        -dK{class[,...]} lists the known words (use 'help' for the classes).
        -dL lists the object files that are loaded.
        -dR does not share ports (SO_REUSEPORT) ; -dV does not verify servers' certificates.
        -dW makes every warning fatal.
        -dr starts although a server's name does not resolve.
        -dC[key] writes the configuration as it was understood ; with a key, without its names and addresses.
        -dA<file> writes an archive of the loaded object files.
        -dS splices nothing (like `nosplice`).
        -4 -dF -dG -dI -dM[...] -dT -dZ -dc -de -dk -dp -dt -dv are accepted.
        --allow-inert starts although a word that matters has no effect yet.

Other commands : pylb {commands}   (each with --help)
"""


class UsageError(Exception):
    """The command line cannot be understood; the text, if any, is an alert to print before the usage."""

    def __init__(self, message: str = "", *, usage: bool = True) -> None:
        super().__init__(message)
        self.message = message
        self.usage = usage


@dataclass(slots=True)
class Options:
    """What the command line said."""

    files: list[str] = field(default_factory=list)
    check: bool = False
    condition: str | None = None
    debug: bool = False
    foreground: bool = False
    daemon: bool = False
    master: bool = False
    systemd: bool = False
    quiet: bool = False
    verbose: bool = False
    version: int = 0
    diagnostics: bool = False
    zero_warning: bool = False
    directory: str = ""
    pidfile: str = ""
    maxconn: int = 0
    proxy_maxconn: int = 0
    memory: int = 0
    localpeer: str = ""
    old_pids: list[int] = field(default_factory=list)
    old_signal: str = ""  # "", "finish" (-sf) or "terminate" (-st)
    sockets_from: str = ""  # -x
    master_socket: str = ""  # -S
    words: list[str] | None = None  # -dK: classes asked for
    objects: bool = False  # -dL
    archive: str = ""  # -dA: file for the objects themselves
    dump: bool = False  # -dC
    dump_key: int = 0
    share_ports: bool = True
    resolve_failures: bool = False  # -dr
    verify_servers: bool = True
    allow_inert: bool = False
    memory_help: bool = False
    switches: set[str] = field(default_factory=set)  # accepted letters without a counterpart here


def parse(argv: Sequence[str]) -> Options:
    """Reads the words behind the program's name. Raises UsageError."""
    options = Options()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            options.files += words
            break
        if word == "--allow-inert":
            options.allow_inert = True
        elif word in _VALUED:
            if not words:
                message = "Unix socket path expected with the -x flag\n" if word == "-x" else "failed to copy argv."
                raise UsageError(message, usage=word == "-x")
            _VALUED[word](options, words.pop(0))
        elif word in ("-sf", "-st"):
            options.old_signal = "finish" if word == "-sf" else "terminate"
            while words and not words[0].startswith("-"):
                options.old_pids.append(_pid(word, words.pop(0)))
        elif word == "-cc":
            if not words:
                raise UsageError
            options.condition = words.pop(0)
        elif word in _PLAIN:
            _PLAIN[word](options)
        else:
            _debug_word(options, word)
    return options


def _pid(word: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text) or int(text) == 0:
        raise UsageError(f"{word} option: some bytes unconsumed in PID list {{{text}}}", usage=False)
    return int(text)


def _leading(text: str) -> int:
    match = re.match(r"[0-9]+", text)
    return int(match.group()) if match else 0


def _setter(name: str, value: object = True) -> Callable[[Options], None]:
    return lambda options: setattr(options, name, value)


def _verbose(options: Options) -> None:
    options.verbose, options.quiet = True, False


def _debug(options: Options) -> None:
    options.debug = options.foreground = True


def _systemd(options: Options) -> None:
    options.master = options.systemd = options.foreground = True


_PLAIN: dict[str, Callable[[Options], None]] = {
    "-c": _setter("check"),
    "-d": _debug,
    "-db": _setter("foreground"),
    "-D": _setter("daemon"),
    "-W": _setter("master"),
    "-Ws": _systemd,
    "-q": _setter("quiet"),
    "-V": _verbose,
    "-v": _setter("version", 1),
    "-vv": _setter("version", 2),
    "-dD": _setter("diagnostics"),
    "-dW": _setter("zero_warning"),
    "-dL": _setter("objects"),
    "-dR": _setter("share_ports", False),
    "-dr": _setter("resolve_failures"),
    "-dV": _setter("verify_servers", False),
}


def _integer(name: str) -> Callable[[Options, str], None]:
    return lambda options, text: setattr(options, name, _leading(text))


def _string(name: str) -> Callable[[Options, str], None]:
    return lambda options, text: setattr(options, name, text)


_VALUED: dict[str, Callable[[Options, str], None]] = {
    "-f": lambda options, text: options.files.append(text),
    "-C": _string("directory"),
    "-p": _string("pidfile"),
    "-L": _string("localpeer"),
    "-S": _string("master_socket"),
    "-x": _string("sockets_from"),
    "-n": _integer("maxconn"),
    "-N": _integer("proxy_maxconn"),
    "-m": _integer("memory"),
}

_ACCEPTED = ("-dF", "-dG", "-dI", "-dS", "-dT", "-dZ", "-dc", "-de", "-dk", "-dp", "-dt", "-dv")
_MEMORY = ("fail", "cold-first", "merge", "integrity", "global", "cache", "caller", "tag", "poison", "uaf", "backup")


def _debug_word(options: Options, word: str) -> None:
    """Words of which the first letters say what they are, and -vvv."""
    if re.fullmatch(r"-vv+", word):
        options.version = 2
    elif word.startswith("-dK"):
        options.words = [name for name in word[3:].split(",") if name]
    elif word.startswith("-dC"):
        options.dump, options.dump_key = True, _leading(word[3:]) & 0xFFFFFFFF
    elif word.startswith("-dA"):
        options.archive = word[3:]
    elif word == "-4":
        options.switches.add(word)
    elif word.startswith("-dM"):
        _memory_debugging(options, word[3:])
    elif word.startswith(_ACCEPTED):
        options.switches.add(word[:3])
    else:
        raise UsageError


def _memory_debugging(options: Options, text: str) -> None:
    """-dM[<byte>[,keywords]]: HAProxy's allocator; checked, without effect on Python's."""
    for position, part in enumerate(filter(None, text.split(","))):
        if part == "help":
            options.memory_help = True
        elif part.removeprefix("no-") not in _MEMORY and not (
            position == 0 and re.fullmatch(r"(0x)?[0-9a-fA-F]+", part)
        ):
            raise UsageError(f"-dM: unknown pool debugging feature <{part}>", usage=False)
    options.switches.add("-dM")


def expand(files: Sequence[str]) -> list[str]:
    """Files and directories as they will be read. Raises OSError with the path that is not there."""
    found: list[str] = []
    for path in files:
        os.stat(path)
        if not os.path.isdir(path):
            found.append(path)
            continue
        names = sorted(name for name in os.listdir(path) if name.endswith(".cfg") and not name.startswith("."))
        found += [os.path.join(path, name) for name in names if os.path.isfile(os.path.join(path, name))]
    return found
