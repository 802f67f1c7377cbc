"""One run of wrk against a port: how many requests, how fast, and whether anything went wrong."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.scenario import Load

_SCRIPT = Path(__file__).parent / "wrk" / "load.lua"
BULK = 64 << 20  # bytes of a bulk body


@dataclass(frozen=True, slots=True)
class Outcome:
    """What wrk saw. Latencies in microseconds, errors by kind (`status` counts answers of 400 and above)."""

    requests: int
    bytes: int
    seconds: float
    connect: int
    read: int
    write: int
    status: int
    timeout: int
    p50: float
    p90: float
    p99: float
    p999: float
    max: float

    @property
    def errors(self) -> int:
        return self.connect + self.read + self.write + self.status + self.timeout

    def units(self, bulk: bool) -> float:
        """What CPU time is divided by: requests, or 64 MiB bodies moved (whole or not)."""
        return self.bytes / BULK if bulk else float(self.requests)


class LoadFailed(RuntimeError):
    """wrk itself could not run."""


def parse(output: str) -> Outcome:
    for line in output.splitlines():
        if line.startswith("RESULT "):
            return Outcome(**json.loads(line[7:]))
    raise LoadFailed(f"wrk printed no result:\n{output}")


def run(port: int, load: Load, variant: str, seconds: float, cores: str) -> Outcome:
    """Loads a port for so many seconds from the given cores."""
    argv = ["taskset", "-c", cores, "wrk", "-t1", f"-c{load.connections}", f"-d{max(1, round(seconds))}s"]
    argv += ["--timeout", "10s", "--latency", "-s", str(_SCRIPT), f"http://127.0.0.1:{port}{load.path}"]
    argv += ["--", variant, load.path, str(int(load.close)), str(load.hosts)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise LoadFailed(f"wrk ended with {done.returncode}: {done.stderr or done.stdout}")
    return parse(done.stdout)
