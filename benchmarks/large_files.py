"""How long checking a large configuration takes: `python -m benchmarks.large_files [per cent ...]`.

Two kinds of file, each with 100 backends and 1,000 servers per cent. `equal`: a program wrote it, the options of
servers repeat. `distinct`: no two server lines have equal options, every backend has a rule, and one frontend with an
ACL and a use_backend line for each chooses between them. Prints CPU seconds (user and system) and the largest resident
size of one process each, pylb and haproxy where it is installed, as a table for docs/size.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

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


def measure(command: list[str]) -> tuple[float, float, int]:
    """User and system seconds and the peak size in megabytes of one run."""
    pid = os.posix_spawn(
        command[0],
        command,
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)],
    )
    _, status, used = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(subprocess.run(command, capture_output=True, text=True, check=False).stderr[-500:])
    return used.ru_utime, used.ru_stime, used.ru_maxrss // 1024


def best(command: list[str], rounds: int = 3) -> tuple[float, float, int]:
    """The run with the least user time, which is the least disturbed one."""
    return min(measure(command) for _ in range(rounds))


def main(words: list[str]) -> int:
    sizes = [int(word) for word in words] or [10, 20, 40, 80, 100]
    haproxy = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    print("| file | servers | lines | pylb user+sys s | MB | haproxy user+sys s | MB | ratio user | ratio total |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in KINDS.items():
            for size in sizes:
                path = Path(folder, f"{kind}{size}.cfg")
                text = "".join(make(100 * size))
                path.write_text(text, "ascii")
                ours = best([sys.executable, "-m", "pylb", "-c", "-q", "-f", str(path)])
                row = [
                    kind,
                    f"{1000 * size:,}",
                    f"{text.count(chr(10)):,}",
                    f"{ours[0]:.2f}+{ours[1]:.2f}",
                    str(ours[2]),
                ]
                if haproxy is not None:
                    theirs = best([haproxy, "-c", "-q", "-f", str(path)])
                    row += [f"{theirs[0]:.2f}+{theirs[1]:.2f}", str(theirs[2])]
                    row += [f"{ours[0] / theirs[0]:.1f}", f"{sum(ours[:2]) / sum(theirs[:2]):.1f}"]
                print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
