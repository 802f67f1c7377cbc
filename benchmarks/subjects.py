"""Programs under test and the origin: started pinned to their cores, measured from /proc, ended."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import BULK
from benchmarks.scenario import MapFile, Scenario

ROOT = Path(__file__).resolve().parents[1]
TICK: int = os.sysconf("SC_CLK_TCK")
PAGE: int = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Subject:
    """A program to compare: how it is called in tables and how it is started."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def version(self) -> str:
        done = subprocess.run(
            [*self.argv, "-v"], capture_output=True, text=True, check=False, env={**os.environ, **self.environment}
        )
        return (done.stdout or done.stderr).strip().splitlines()[0] if done.stdout or done.stderr else "?"


def pylb(name: str = "pylb", root: Path = ROOT, python: str = sys.executable) -> Subject:
    """pylb of a checkout, run by an interpreter that has its dependencies."""
    return Subject(name, (python, "-m", "pylb"), {"PYTHONPATH": str(root)})


def haproxy(name: str = "haproxy", program: str | None = None) -> Subject:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])
    found = program or shutil.which("haproxy", path=path)
    if found is None:
        raise FileNotFoundError("haproxy is not installed")
    return Subject(name, (found,))


def cores() -> tuple[str, str]:
    """(core of the proxies, cores of everything else) in taskset's notation."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise RuntimeError("a benchmark needs two cores: one for the proxy, one for load and origin")
    return str(usable[0]), ",".join(map(str, usable[1:]))


def free_port() -> int:
    """A port nobody listens on, below the range of outgoing connections (HAProxy would share it silently)."""
    while True:
        port = random.randint(10240, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Running:
    """A started program; CPU and memory count its children too."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], output: Path) -> None:
        self.name = name
        self.process = process
        self.output = output
        self.started = 0.0  # seconds until it accepted the first connection

    def family(self) -> list[int]:
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    todo += [int(child) for child in task.read_text().split()]
        return found

    def cpu(self) -> float:
        """User and system seconds so far."""
        ticks = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
        return ticks / TICK

    def memory(self) -> int:
        """Resident bytes."""
        pages = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * PAGE

    def wait_accepting(self, port: int, begin: float, timeout: float) -> None:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                self.started = time.perf_counter() - begin
                return
            if self.process.poll() is not None or time.perf_counter() - begin > timeout:
                raise RuntimeError(f"{self.name} does not listen:\n{self.output.read_text(errors='replace')[-2000:]}")
            time.sleep(0.0005)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(3)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def launch(
    name: str, argv: Sequence[str], core: str, home: Path, port: int, *, environment: Mapping[str, str] | None = None,
    timeout: float = 60.0,
) -> Running:  # fmt: skip
    """Starts a program on a core and waits until it accepts connections on `port`."""
    output = home / f"{name}.out"
    with output.open("wb") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(
            ["taskset", "-c", core, *argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=home,
            start_new_session=True,
        )
    running = Running(name, process, output)
    try:
        running.wait_accepting(port, begin, timeout)
    except BaseException:
        running.stop()
        raise
    return running


_NGINX = """
daemon off; worker_processes 1; pid {home}/nginx.pid; error_log {home}/nginx.log;
worker_rlimit_nofile 65536;
events {{ worker_connections 32768; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 1h; server_tokens off;
    client_body_temp_path {home}/t1; proxy_temp_path {home}/t2; fastcgi_temp_path {home}/t3;
    uwsgi_temp_path {home}/t4; scgi_temp_path {home}/t5;
    server {{
        listen 127.0.0.1:{port} backlog=8192;
        location = /bulk {{ root {home}; default_type application/octet-stream; }}
        location / {{ default_type text/plain; return 200 "{body}"; }}
    }}
}}
"""


@contextlib.contextmanager
def origin(core: str) -> Iterator[int]:
    """nginx with a small answer on every path and 64 MiB on /bulk; yields its port."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="pylb-bench-", dir=memory if memory.is_dir() else None) as folder:
        home = Path(folder)
        # nginx's worker is not root.
        home.chmod(0o755)
        with (home / "bulk").open("wb") as body:
            for _ in range(BULK >> 20):
                body.write(os.urandom(1 << 20))
        port = free_port()
        config = home / "nginx.conf"
        config.write_text(_NGINX.format(home=home, port=port, body="x" * 120))
        path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
        program = shutil.which("nginx", path=path)
        if program is None:
            raise FileNotFoundError("nginx is not installed")
        running = launch("nginx", [program, "-c", str(config), "-p", folder, "-e", "stderr"], core, home, port)
        try:
            yield port
        finally:
            running.stop()


_NAME = re.compile(r"\$\((\w+)\)")


def write_map(path: Path, described: MapFile) -> None:
    with path.open("w") as out:
        for n in range(described.lines):
            out.write(f"h{n}.example.com b{n % described.backends}\n")


@contextlib.contextmanager
def proxy(
    subject: Subject, scenario: Scenario, values: Mapping[str, object], core: str
) -> Iterator[tuple[Running, int]]:
    """A subject on the scenario's configuration; yields it and the port of `$(fe)`."""
    with tempfile.TemporaryDirectory(prefix="pylb-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        ports = {"fe": free_port(), "dir": home, **values}
        if scenario.map is not None:
            write_map(home / scenario.map.file, scenario.map)
        config = home / "haproxy.cfg"
        config.write_text(_NAME.sub(lambda match: str(ports[match[1]]), scenario.text()))
        argv = [*subject.argv, "-db", "-f", str(config)]
        port = int(str(ports["fe"]))
        running = launch(subject.name, argv, core, home, port, environment=subject.environment)
        try:
            yield running, port
        finally:
            running.stop()


@contextlib.contextmanager
def log_sink() -> Iterator[int]:
    """A UDP port that takes log lines. Nobody reads them: the kernel drops what does not fit, alike for all."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        yield sink.getsockname()[1]
