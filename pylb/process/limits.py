"""Descriptors and memory: how many connections fit, and the limits to ask the system for (manual, `maxconn`).

maxconn given    the limit of open files is raised to what it needs (or to `ulimit-n`)
maxconn absent   it is what the hard limit of open files allows, two descriptors a connection
"""

from __future__ import annotations

import resource
from typing import Any

from pylb.errors import Diagnostic, Severity

RESERVE = 26  # beside connections and listeners: epoll, signals, logs, checks, the runtime socket's clients
PER_CONNECTION = 2
PER_PIPE = 2


def settle(settings: Any, listeners: int, wanted: int = 0, *, splicing: bool = False) -> tuple[int, list[Diagnostic]]:
    """maxconn of the process, the limit of open files raised to fit it, and what was wrong.

    `settings` is the global section, `wanted` the `-n` of the command line. With `splicing` there are pipes, too: as
    many as `maxpipes` says, or one for four connections.
    """
    problems: list[Diagnostic] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = 1 << 20
    ceiling = unlimited if hard == resource.RLIM_INFINITY else hard
    capped = settings.get("fd-hard-limit")
    ceiling = min(ceiling, capped) if capped else ceiling
    reserve = RESERVE + listeners
    maxconn = wanted or settings.get("maxconn") or 0
    asked = settings.get("ulimit-n") or 0
    pipes = settings.get("maxpipes") or 0
    reserve += PER_PIPE * pipes
    shared = 4 if splicing and not pipes else 0  # connections that have a pipe together
    if not maxconn:
        room = ceiling - reserve
        maxconn = max(1, room * shared // (PER_CONNECTION * shared + PER_PIPE) if shared else room // PER_CONNECTION)
    if shared:
        reserve += PER_PIPE * ((maxconn + shared - 1) // shared)
    need = asked or maxconn * PER_CONNECTION + reserve
    if not (wanted or settings.get("maxconn")):
        need = asked or min(ceiling, need)
    problems += _raise_files(need, soft, hard, ceiling, strict=settings.get("strict-limits", True))
    return maxconn, problems


def _raise_files(need: int, soft: int, hard: int, ceiling: int, *, strict: bool) -> list[Diagnostic]:
    """Raises the soft limit, and the hard one when we may. A limit that is high enough already is left alone."""
    if soft == resource.RLIM_INFINITY or (soft >= need and need <= ceiling):
        return []
    try:
        if need > ceiling and ceiling != hard:
            raise ValueError  # fd-hard-limit forbids it
        top = hard if hard == resource.RLIM_INFINITY else max(hard, need)
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, top))
        return []
    except (ValueError, OSError):
        best = ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
        if best > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (best, hard))
        severity = Severity.ALERT if strict else Severity.WARNING
        return [Diagnostic(severity, f"[haproxy.main()] Cannot raise FD limit to {need}, limit is {best}.")]


def memory(megabytes: int) -> list[Diagnostic]:
    """`-m`: most memory that the process may map."""
    if megabytes <= 0:
        return []
    size = megabytes << 20
    try:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    except (ValueError, OSError):
        return [Diagnostic(Severity.ALERT, f"[haproxy.main()] Cannot fix MEM limit to {megabytes} megs.")]
    return []
