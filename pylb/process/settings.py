"""Words of the global section that shape the process: identity, privileges, limits, mode (manual 3.1 and 3.2).

Each stores its value under its own name; who acts on it is named in the docstring. A second occurrence of a word that
may stand once is reported and changes nothing, as in HAProxy.
"""

from __future__ import annotations

import grp
import pwd
import re
from typing import Any

from pylb.config.argument_kinds import numbers
from pylb.config.units import BadCharacter, parse_integer, parse_time, time_error
from pylb.config.words import Line, Words
from pylb.errors import ConfigError
from pylb.registry import Kind, Status, declare, keyword


def _once(line: Line, value: Any, stored: str = "", message: str = "") -> None:
    """Stores a value unless there is one already."""
    name = stored or line.name
    if name in line.record.values:
        line.notice(message or f"'{line.name}' already specified. Continuing.")
    else:
        line.record.set(name, value, line.span)


def _text(line: Line, missing: str) -> str:
    words = line.args()
    text = words.next(missing)
    words.finish()
    return text


def _number(line: Line) -> int:
    """A number as HAProxy reads most of them: leading digits, else 0."""
    words = line.args()
    text = words.next(f"'{line.name}' expects an integer argument.")
    words.finish()
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        line.notice(f"'{line.name}' : '{text}' is not a whole number and counts as {parse_integer(text)}.")
    return parse_integer(text)


_SPECIFIED = "user/uid already specified. Continuing."
_GROUP_SPECIFIED = "gid/group was already specified. Continuing."


@keyword("user", places="global", usage="<name>", arity=(0, 1))
def user(line: Line) -> None:
    """User to become once sockets are bound and the chroot is entered. Errors: no such user. See also `uid`."""
    words = line.args()
    name = words.peek() or ""
    try:
        value = pwd.getpwnam(name).pw_uid
    except KeyError:
        raise ConfigError(f"cannot find user id for '{name}' (0:Success)", words.span) from None
    words.next()
    words.finish()
    _once(line, value, "uid", _SPECIFIED)


@keyword("group", places="global", usage="<name>", arity=(0, 1))
def group(line: Line) -> None:
    """Group to become; supplementary groups are dropped. Errors: no such group. See also `gid`."""
    words = line.args()
    name = words.peek() or ""
    try:
        value = grp.getgrnam(name).gr_gid
    except KeyError:
        raise ConfigError(f"cannot find group id for '{name}' (0:Success)", words.span) from None
    words.next()
    words.finish()
    _once(line, value, "gid", _GROUP_SPECIFIED)


def _identity(name: str, other: str, message: str) -> None:
    def store(line: Line) -> None:
        text = _text(line, f"'{name}' expects an integer argument.")
        if not (text.isascii() and text.isdigit() and int(text[:11]) < 2**32 - 1):
            line.warning(
                f" {name}: string '{text}' is not a number.\n"
                f"   | You might want to use the '{other}' parameter to use a system {other} name.\n"
            )
            return
        _once(line, int(text), name, message)

    declare(
        Kind.KEYWORD,
        name,
        store,
        places="global",
        usage="<number>",
        doc=f"Like `{other}`, by number. Anything else is a warning and changes nothing.",
    )


_identity("uid", "user", _SPECIFIED)
_identity("gid", "group", _GROUP_SPECIFIED)


@keyword("chroot", places="global", usage="<directory>")
def chroot(line: Line) -> None:
    """Directory that becomes the root of the file system before privileges are dropped. Needs root."""
    _once(line, _text(line, "'chroot' expects a directory as an argument."))


@keyword("pidfile", places="global", usage="<file>")
def pidfile(line: Line) -> None:
    """File for the process id of a daemon or a master, written before privileges are dropped. `-p` wins over it."""
    _once(line, _text(line, "'pidfile' expects a file name as an argument."))


def _flag(name: str, doc: str, **facts: Any) -> None:
    def store(line: Line) -> None:
        line.set(not line.negated)

    declare(Kind.KEYWORD, name, store, places="global", arity=(0, 0), doc=doc, **facts)


_flag("daemon", "Runs in the background; `-db` and `-d` win over it.")
_flag("quiet", "No messages during start, as `-q`.")
_flag("zero-warning", "A warning stops the start, as `-dW`.")
_flag("strict-limits", "A limit that cannot be reached stops the start (on by default).", negatable="no")
_flag(
    "set-dumpable",
    "The process may write core files although it changed its user (PR_SET_DUMPABLE).",
    negatable="no",
)
_flag(
    "insecure-fork-wanted",
    "Allows starting other programs later. Nothing here forbids it to begin with.",
    negatable="no",
)
_flag("insecure-setuid-wanted", "Allows set-user-id programs. Without it they gain nothing (PR_SET_NO_NEW_PRIVS).")
_flag("noreuseport", "Listening sockets are not shared with other processes (SO_REUSEPORT), as `-dR`.")
_flag("noepoll", "Kept: readiness always comes from epoll.", status=Status.HARMLESS)


@keyword("maxconn", places="global", usage="<number>")
def maxconn(line: Line) -> None:
    """Most client connections of the process at a time; new ones wait in the kernel. `-n` wins over it.

    0 or absent: as many as the limit of open files allows, two descriptors each. Otherwise that limit is raised to fit.
    """
    _once(line, max(0, _number(line)))


@keyword("ulimit-n", places="global", usage="<number>")
def ulimit_n(line: Line) -> None:
    """Limit of open files to ask for, instead of the one that follows from `maxconn`."""
    _once(line, max(0, _number(line)))


@keyword("fd-hard-limit", places="global", usage="<number>")
def fd_hard_limit(line: Line) -> None:
    """Highest limit of open files that the process ever counts on, below the system's own."""
    line.set(max(0, _number(line)))


def _time_word(name: str, doc: str) -> None:
    def store(line: Line) -> None:
        words = line.args()
        text = words.next(f"'{name}' expects <time> as argument.\n")
        try:
            line.set(parse_time(text))
        except BadCharacter as error:
            words.fail(f"unexpected character '{error.character}' in argument to <{name}>.\n")
        except ValueError as error:
            words.fail(time_error(error, text, name))

    declare(Kind.KEYWORD, name, store, places="global", usage="<time>", doc=doc)


_time_word("hard-stop-after", "Longest time that a soft stop may take; what still runs then is cut. Milliseconds.")
_time_word("grace", "Time between SIGUSR1 and the moment at which listening ends. Milliseconds; 0 by default.")


@keyword("master-worker", places="global", usage="[no-exit-on-failure]", arity=(0, 1))
def master_worker(line: Line) -> None:
    """A master supervises the worker and reloads on SIGUSR2, as `-W`. Value: True, or the option's name."""
    words = line.args()
    word = words.peek()
    if word is not None and word != "no-exit-on-failure":
        raise ConfigError("'master-worker' only supports 'no-exit-on-failure' option.", words.span)
    line.set(word or True)


@keyword("mworker-max-reloads", places="global", usage="<number>")
def max_reloads(line: Line) -> None:
    """Reloads that an old worker may live through; then the master ends it with SIGTERM."""
    words = line.args()
    if words.end:
        line.warning("'mworker-max-reloads' expects an integer argument.")
        return
    value = _number(line)
    if value < 0:
        line.warning(f"'mworker-max-reloads' : invalid value {value}, must be >= 0")
        return
    line.set(value)


def _count(name: str, highest: int, doc: str) -> None:
    def store(line: Line) -> None:
        words = line.args()
        text = words.peek() or ""
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ConfigError(f"'{name}' passed a missing or unparsable integer value in '{text}'", words.span)
        words.next()
        words.finish()
        value = int(text[:20])
        if not 1 <= value <= highest:
            raise ConfigError(f"'{name}' value must be between 1 and {highest} (was {value})", words.last_span)
        if line.record.values.get(name):
            line.config.report.diag(f"'{name}' is already defined and will be overridden.", line.span)
        line.set(value)
        if value > 1:
            line.notice(f"'{name} {value}': one worker serves everything; its result is the same.")

    declare(
        Kind.KEYWORD,
        name,
        store,
        places="global",
        usage="<number>",
        doc=doc,
        status=Status.PARTIAL,
        note="one worker serves everything",
    )


_count("nbthread", 64, "Threads in HAProxy; here the number of workers that behave as one.")
_count("thread-groups", 16, "Groups of threads. Kept.")


@keyword("nbproc", places="global", usage="<number>", status=Status.PARTIAL, note="one worker serves everything")
def nbproc(line: Line) -> None:
    """Workers with tables and checks of their own, as old HAProxy had them (it left in 2.5; files of that age load)."""
    value = _number(line)
    if not 1 <= value <= 64:
        raise ConfigError(f"'nbproc' must be between 1 and 64 (was {value}).", line.span)
    line.set(value)
    if value > 1:
        line.notice(f"'nbproc {value}': one worker serves everything.")


@keyword("localpeer", places="global", usage="<name>")
def localpeer(line: Line) -> None:
    """Name of this machine in peers sections; the host name by default. `-L` wins over it."""
    name = _text(line, "'localpeer' expects a name as an argument.")
    line.set(name)


@keyword("node", places="global", usage="<name>")
def node(line: Line) -> None:
    """Name of this machine in statistics: letters, digits, dots, hyphens, underscores."""
    words = line.args()
    text = words.peek() or ""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", text):
        raise ConfigError(
            "'node' requires valid node name - non-empty string with digits(0-9), letters(A-Z, a-z), dot(.), hyphen(-) "
            "or underscode(_).",
            words.span,
        )
    words.next()
    words.finish()
    line.set(text)


@keyword("description", places="global", usage="<text>")
def description(line: Line) -> None:
    """A text about this machine, shown in statistics."""
    words = line.args().rest()
    if not words:
        raise ConfigError("'description' expects a string argument.", line.span)
    line.set(" ".join(words))


@keyword("cpu-map", places="global", usage="[auto:]<group>[/<threads>] <cpu-set> ...", status=Status.HARMLESS)
def cpu_map(line: Line) -> None:
    """Which processors which thread may use. Kept; the kernel places the one worker."""
    words = line.args()
    usage = (
        "cpu-map expects a process number  ('all', 'odd', 'even', a number from 1 to 64 or a range),  "
        "followed by a list of CPU ranges with numbers from 0 to 63."
    )
    target = words.next(usage)
    if words.end:
        raise ConfigError(usage, words.last_span)
    group, slash, threads = target.removeprefix("auto:").partition("/")
    ranges = [group, threads] if slash else [group]
    try:
        spans = [numbers(part, 64) for part in ranges]
        processors = [_processors(part) for word in words.rest() for part in word.split(",")]
    except ValueError as error:
        raise ConfigError(f"cpu-map : {error}", line.span) from None
    first = spans[0]
    if target.startswith("auto:") and isinstance(first, tuple) and first[1] > first[0]:
        given = sum(high - low + 1 for low, high in processors)
        if first[1] - first[0] + 1 != given:
            raise ConfigError(
                "cpu-map : PROC/THREAD range and CPU sets must have the same size to be automatically bound", line.span
            )
    line.record.append("cpu-map", line.words[1:], line.span)


def _processors(text: str) -> tuple[int, int]:
    """A processor, N-M, or N- for all from there; letters behind the digits are not looked at."""
    match = re.match(r"([0-9]+)(-([0-9]*))?", text)
    if match is None:
        raise ValueError(f"'{text}' is not a CPU range.")
    low = int(match[1][:12])
    high = int(match[3][:12]) if match[3] else 1023 if match[2] else low
    if low > 1023 or high > 1023:
        raise ValueError("supports CPU numbers from 0 to 1023.")
    return min(low, high), max(low, high)


@keyword(
    "unix-bind", places="global", usage="[prefix <path>] [mode <octal>] [user <name>] [uid <id>] [group ...] [gid ...]"
)
def unix_bind(line: Line) -> None:
    """Defaults for unix sockets of `bind` and `stats socket`: a prefix for paths, mode and owner of files.

    Value: a dict with prefix, mode, uid, gid, used when the sockets are opened.
    """
    words = line.args()
    values: dict[str, Any] = dict(line.record.get("unix-bind", {}))
    while not words.end:
        name = words.next()
        taker = _UNIX.get(name)
        if taker is None:
            options = "'prefix', 'mode', 'uid', 'gid', 'user' and 'group'"
            words.fail(f"'unix-bind' only supports the {options} options.")
        stored, convert = taker
        text = _unix_value(words, name)
        try:
            values[stored] = convert(text)
        except KeyError:
            words.fail(f"'unix-bind' : '{text}' unknown {name}.")
        except ValueError:
            words.fail(f"'unix-bind' : '{text}' is not a valid {name}.")
    line.set(values)


def _unix_value(words: Words, name: str) -> str:
    """The word behind `name`; HAProxy takes a missing or odd number for 0, which is said here."""
    if name == "prefix":
        return words.next("unix_bind 'prefix' expects a path as an argument.")
    if name in ("user", "group"):
        return words.next(f"'unix-bind' : '' unknown {name}.")
    text = "" if words.end else words.next()
    if not re.fullmatch(r"[0-7]+" if name == "mode" else r"[0-9]+", text):
        words.line.notice(f"'unix-bind' : '{name} {text}' counts as {_leading(text, 8 if name == 'mode' else 10)}.")
    return text


def _leading(text: str, base: int) -> int:
    """A number as HAProxy reads it here: the digits in front, 0 when there are none."""
    match = re.match(r"[0-7]+" if base == 8 else r"[0-9]+", text)
    return int(match[0][:20], base) if match else 0


_UNIX: dict[str, tuple[str, Any]] = {
    "prefix": ("prefix", str),
    "mode": ("mode", lambda text: _leading(text, 8)),
    "uid": ("uid", lambda text: _leading(text, 10)),
    "gid": ("gid", lambda text: _leading(text, 10)),
    "user": ("uid", lambda text: pwd.getpwnam(text).pw_uid),
    "group": ("gid", lambda text: grp.getgrnam(text).gr_gid),
}
