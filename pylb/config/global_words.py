"""Words of `global` whose arguments are a small grammar of their own. Understood and checked; what acts on them is said
in each.
"""

from __future__ import annotations

import os
import re
from typing import Final

from pylb.config.shapes import ignore_surplus
from pylb.config.units import parse_integer
from pylb.config.words import Line
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Kind, Status, declare, keyword

HARMLESS = Status.HARMLESS

_PATH_MODES: Final = "supported modes include 'current', 'config', 'parent', and 'origin'."


@keyword("default-path", places="global", usage="{ current | config | parent | origin <path> }", status=HARMLESS)
def default_path(line: Line) -> None:
    """What relative file names start from: where the process was started, the folder of the file or its parent, or a
    folder of its own. Only one base may be in force over all files. Manual 3.1.
    """
    words = line.args()
    mode = words.peek() or ""
    if mode not in ("current", "config", "parent", "origin"):
        kind = "unsupported" if mode else "missing"
        raise ConfigError(f"{kind} default-path mode '{mode}' for 'default-path', {_PATH_MODES}", words.span)
    words.next()
    value = [mode]
    if mode == "origin":
        folder = words.next("'default-path origin' expects a directory as an argument.")
        if not os.path.isdir(folder):
            words.fail(f"couldn't set 'default-path' to origin '{folder}': No such file or directory.")
        value.append(folder)
    ignore_surplus(words)
    line.set(value)


@keyword("h1-case-adjust", places="global", usage="<from> <to>", arity=(0, 2))
def case_adjust(line: Line) -> None:
    """A field name that is sent in another case to peers that need it (`option h1-case-adjust-bogus-client`,
    `-server`); once per name. Manual 3.1."""
    names = line.args().rest()
    if len(names) < 2:
        raise ConfigError("'h1-case-adjust' expects <from> and <to> as argument.", line.span)
    old, new = names
    if old.lower() != new.lower():
        raise ConfigError("<from> and <to> must not differ execpt the case", line.spans[2])
    if any(other == old for other, _ in line.record.get("h1-case-adjust", [])):
        raise ConfigError(f"duplicate entry '{old}'", line.spans[1])
    line.record.append("h1-case-adjust", (old, new), line.span)


_VERSIONS: Final = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_METHODS: Final = tuple(
    f"{verb}-{version}" for verb in ("no", "force") for version in ("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13")
)
_TLS_OPTIONS: Final = {
    "ssl-default-bind-options": (*_METHODS, "no-tls-tickets", "prefer-client-ciphers", "strict-sni"),
    "ssl-default-server-options": (*_METHODS, "no-tls-tickets", "renegotiate", "no-renegotiate"),
}


def tls_options(line: Line) -> None:
    """Stores the words, `ssl-min-ver` and `ssl-max-ver` with their version behind them."""
    words = line.args()
    place = f"on global statement '{line.name}'."
    known = _TLS_OPTIONS[line.name]
    option: str | None = words.next(f"global statement '{line.name}' expects an option as an argument.")
    while option is not None:
        if option in ("ssl-min-ver", "ssl-max-ver"):
            version = words.next(f"'{option}' : missing the ssl/tls version {place}")
            if version not in _VERSIONS:
                words.fail(f"'{version}' : unknown ssl/tls version {place}", f"one of {', '.join(_VERSIONS)}")
        elif option not in known:
            near = did_you_mean(option, (*known, "ssl-min-ver", "ssl-max-ver")).removeprefix("; ")
            words.fail(f"unknown option '{option}' {place}", near)
        option = None if words.end else words.next()
    line.set(line.args().rest())


for _name in _TLS_OPTIONS:
    declare(
        Kind.KEYWORD,
        _name,
        tls_options,
        places="global",
        usage="<option> ...",
        status=HARMLESS,
        doc="TLS versions and options of all lines: no-*, force-*, ssl-min-ver, ssl-max-ver, no-tls-tickets ...",
    )

_EXTRA: Final = ("bundle", "sctl", "ocsp", "issuer", "key")


@keyword(
    "ssl-load-extra-files",
    places="global",
    usage="{ none | all | {bundle | sctl | ocsp | issuer | key} ... }",
    status=HARMLESS,
)
def extra_files(line: Line) -> None:
    """Which files beside a certificate are loaded with it. `none` and `all` stand alone. Manual 3.1."""
    kinds = line.args().rest()
    alone = [kind for kind in kinds if kind in ("none", "all")]
    if (kinds[:1] != alone[:1] and any(kind not in _EXTRA for kind in kinds)) or not kinds:
        raise ConfigError(
            "'ssl-load-extra-files' expects one or multiple arguments (none, all, bundle, sctl, ocsp, issuer).",
            line.span,
        )
    if alone and len(kinds) > 1:
        raise ConfigError("'ssl-load-extra-files' 'none' and 'all' can be only used alone", line.span)
    line.set(kinds)


@keyword("thread-group", places="global", usage="<group> [<thread-range> ...]", status=HARMLESS)
def thread_group(line: Line) -> None:
    """Which threads form a group; the last line for a group counts. One worker serves everything here. Manual 3.1."""
    words = line.args()
    text = words.peek() or ""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ConfigError(f"'thread-group' passed a missing or unparsable integer value in '{text}'", words.span)
    words.next()
    group = int(text[:12])
    if not 1 <= group <= 16:
        words.fail(f"'thread-group' thread-group number must be between 1 and 16 (was {text})")
    groups = line.record.values.setdefault("thread-group", {})
    if group in groups:
        line.warning(f"'thread-group {group}' was already defined and will be overridden.")
    threads: set[int] = set()
    while not words.end:
        part = words.next()
        match = re.fullmatch(r"([0-9]+)(?:-([0-9]+))?", part)
        low = int(match[1][:9]) if match else 0
        high = int((match[2] or match[1])[:9]) if match else 0
        if not (1 <= low <= 4096 and 1 <= high <= 4096):
            words.fail(
                f"'thread-group {group}' passed an unparsable or invalid thread number '{part}' "
                "(valid range is 1 to 64)"
            )
        for thread in range(min(low, high), max(low, high) + 1):
            if thread in threads:
                words.fail(f"'thread-group {group}': thread {thread} assigned more than once on the same line.")
            threads.add(thread)
    groups[group] = sorted(threads)


@keyword("tune.ssl.capture-cipherlist-size", places="global", usage="<number>", arity=(0, 1), status=HARMLESS)
def cipherlist_size(line: Line) -> None:
    """Old name of `tune.ssl.capture-buffer-size`."""
    line.warning(
        "'tune.ssl.capture-cipherlist-size' is deprecated and will be removed in version 2.7. Please use "
        "'tune.ssl.capture-buffer-size' instead."
    )
    words = line.args()
    value = parse_integer(words.next("'tune.ssl.capture-cipherlist-size' expects an integer argument."))
    if value < 0:
        words.fail("'tune.ssl.capture-cipherlist-size' expects a positive numeric value.")
    if line.record.get("tune.ssl.capture-buffer-size"):
        raise ConfigError("'tune.ssl.capture-cipherlist-size' is already configured.", line.span)
    line.record.set("tune.ssl.capture-buffer-size", value, line.span)


_CPU_SETS: Final = tuple(
    f"{verb}-{unit}" for verb in ("drop", "only") for unit in ("cpu", "node", "cluster", "core", "thread")
)


@keyword(
    "cpu-set",
    places="global",
    usage="{ reset | {drop | only}-{cpu | node | cluster | core | thread} <set> } ...",
    status=HARMLESS,
)
def cpu_set(line: Line) -> None:
    """On which processors the process may run (since 3.2). Kept; the kernel places the one worker. Manual 3.1."""
    words = line.args()
    rules = []
    directive: str | None = words.next("'cpu-set' expects 'reset' or one of " + ", ".join(f"'{s}'" for s in _CPU_SETS))
    while directive is not None:
        chosen = ""
        if directive != "reset":
            if directive not in _CPU_SETS:
                near = did_you_mean(directive, _CPU_SETS).removeprefix("; ")
                words.fail(f"'cpu-set' : unknown directive '{directive}'.", near)
            chosen = words.next(f"'cpu-set {directive}' expects a set of numbers.")
            if not re.fullmatch(r"[0-9]+(-[0-9]*)?(,[0-9]+(-[0-9]*)?)*", chosen):
                words.fail(f"'cpu-set {directive}' : '{chosen}' is not a set of numbers.")
        rules.append((directive, chosen))
        directive = None if words.end else words.next()
    line.set(rules)


_POLICIES: Final = (
    "none",
    "performance",
    "efficiency",
    "resource",
    "first-usable-node",
    "group-by-ccx",
    "group-by-2-ccx",
    "group-by-3-ccx",
    "group-by-4-ccx",
    "group-by-cluster",
    "group-by-2-clusters",
    "group-by-3-clusters",
    "group-by-4-clusters",
)


@keyword("cpu-policy", places="global", usage="<policy> [threads-per-core {1 | auto}]", status=HARMLESS)
def cpu_policy(line: Line) -> None:
    """How threads are spread over processors (since 3.2). Kept; the kernel places the one worker. Manual 3.1."""
    words = line.args()
    policy = words.next("'cpu-policy' expects a policy: " + ", ".join(f"'{name}'" for name in _POLICIES))
    if policy not in _POLICIES:
        near = did_you_mean(policy, _POLICIES).removeprefix("; ")
        words.fail(f"'cpu-policy' : unknown policy '{policy}'.", near)
    if words.accept("threads-per-core"):
        count = words.next("'cpu-policy' : 'threads-per-core' expects '1' or 'auto'.")
        if count not in ("1", "auto"):
            words.fail(f"'cpu-policy' : 'threads-per-core' expects '1' or 'auto' but got '{count}'.")
    words.finish()
    line.set(line.args().rest())


@keyword("cpu-affinity", places="global", usage="{ auto | per-core | per-group [auto | loose] | per-thread | per-ccx }",
         status=HARMLESS)  # fmt: skip
def cpu_affinity(line: Line) -> None:
    """How threads are bound to processors (since 3.3). Kept; the kernel places the one worker. Manual 3.1."""
    words = line.args()
    known = ("auto", "per-core", "per-group", "per-thread", "per-ccx")
    affinity = words.next("'cpu-affinity' expects " + ", ".join(f"'{name}'" for name in known))
    if affinity not in known:
        near = did_you_mean(affinity, known).removeprefix("; ")
        words.fail(f"'cpu-affinity' : unknown affinity '{affinity}'.", near)
    if affinity == "per-group":
        words.accept("auto", "loose")
    words.finish()
    line.set(line.args().rest())
