"""How long checking a large configuration takes: `python -m benchmarks.large_files [per cent ...]`.

Two kinds of file, each with 100 backends and 1,000 servers per cent. `equal`: a program wrote it, the options of
servers repeat. `distinct`: no two server lines have equal options, every backend has a rule, and one frontend with an
ACL and a use_backend line for each chooses between them. Runs pylb and haproxy, where it is installed, in turn, and
prints CPU seconds (user and system), the largest resident size and the ratios of the medians of five runs each, as a
table for docs/size.md.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HEAD = """\
global
    maxconn 100
defaults
    mode http
    timeout client 30s
    timeout connect 5s
    timeout server 30s
    option httplog
frontend f
    bind 127.0.0.1:1
"""
BACKEND = """\
backend b{number}
    balance roundrobin
    option httpchk GET /health
    cookie SRV insert indirect nocache
"""
SERVERS = 10


def equal(backends: int) -> Iterator[str]:
    yield HEAD + "    default_backend b0\n"
    for number in range(backends):
        yield BACKEND.format(number=number)
        for own in range(SERVERS):
            yield f"    server s{own} {_address(number * SERVERS + own)} check inter 2s weight {1 + own} maxconn 100\n"


def distinct(backends: int) -> Iterator[str]:
    yield HEAD
    for number in range(backends):
        yield f"    acl host_{number} hdr(host) -i www{number}.example.com\n"
        yield f"    use_backend b{number} if host_{number}\n"
    yield "    default_backend b0\n"
    for number in range(backends):
        yield f"# customer {number}\n" + BACKEND.format(number=number)
        yield f"    http-request set-header X-Backend b{number}\n"
        for own in range(SERVERS):
            count = number * SERVERS + own
            yield (
                f"    server s{own} {_address(count)} check inter 2s weight {1 + own} maxconn {100 + count % 97}"
                f" cookie c{count}\n"
            )


def _address(count: int) -> str:
    return f"10.{count >> 16 & 255}.{count >> 8 & 255}.{count & 255}:8080"


KINDS = {"equal": equal, "distinct": distinct}


class Run(NamedTuple):
    """What one process took."""

    user: float
    system: float
    wall: float
    megabytes: int


def measure(command: list[str]) -> Run:
    began = time.monotonic()
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)],
    )
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(subprocess.run(command, capture_output=True, text=True, check=False).stderr[-500:])
    return Run(used.ru_utime, used.ru_stime, time.monotonic() - began, used.ru_maxrss // 1024)


def medians(commands: list[list[str]], rounds: int = 5) -> list[Run]:
    """Of each command the medians; the commands take turns, so that a busy machine disturbs them alike."""
    runs = [[measure(command) for command in commands] for _ in range(rounds)]
    return [Run(*map(statistics.median, zip(*own, strict=True))) for own in zip(*runs, strict=True)]


def main(words: list[str]) -> int:
    sizes = [int(word) for word in words] or [10, 20, 40, 80, 100]
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    print("| file | servers | lines | pylb user+sys s | MB | haproxy user+sys s | MB | user | total | wall |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in KINDS.items():
            for size in sizes:
                path = Path(folder, f"{kind}{size}.cfg")
                text = "".join(make(100 * size))
                path.write_text(text, "ascii")
                check = ["-c", "-q", "-f", str(path)]
                commands = [[sys.executable, "-m", "pylb", *check]] + ([[haproxy, *check]] if haproxy else [])
                row = [kind, f"{1000 * size:,}", f"{text.count(chr(10)):,}"]
                ours, *others = found = medians(commands)
                for run in found:
                    row += [f"{run.user:.2f}+{run.system:.2f}", str(run.megabytes)]
                for theirs in others:
                    total = (ours.user + ours.system) / (theirs.user + theirs.system)
                    row += [f"{ours.user / theirs.user:.1f}", f"{total:.1f}", f"{ours.wall / theirs.wall:.1f}"]
                print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
