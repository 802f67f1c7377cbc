"""Starting pylb, HAProxy and nginx on a configuration text, and ending them again.

A text may hold `$(name)`: `$(dir)` is the program's own scratch directory, a name given in `values` stands for its
value, every other name becomes a free port (`program.port("name")`). A program counts as ready when each port that
a `bind` or `listen` line mentions is in LISTEN state *and owned by the program*: no connection is made, so counters,
logs and balancing turns are untouched, and a stranger on the same port (SO_REUSEPORT) is noticed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.peers import find, need
from tests.harness.ports import family, free_port, listening_inodes, socket_inodes
from tests.harness.waiting import wait_until

_NAME = re.compile(r"\$\((\w+)\)")
_NGINX = """daemon off; worker_processes 1; error_log stderr; pid nginx.pid;
events {{ worker_connections 1024; }}
http {{ access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{text}
}}
"""
_PATH = re.compile(r"(?:unix@)?(/\S+)")
_BIND = re.compile(r"(?:^|[{;])\s*(?:bind|listen|stats\s+socket)\s+(.*)$", re.M)


class ProgramFailed(AssertionError):
    """A program ended while it should run, with what it printed."""


@dataclass(frozen=True, slots=True)
class Check:
    """Result of `-c`: exit code and everything printed."""

    code: int
    output: str


def expand(text: str, values: Mapping[str, object], given: dict[str, int] | None = None) -> str:
    """Replaces each `$(name)`; names that `values` does not have get a free port, noted in `given`."""
    ports = {} if given is None else given

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name in values:
            return str(values[name])
        if name not in ports:
            ports[name] = free_port()
        return str(ports[name])

    return _NAME.sub(replace, text)


class Program:
    """A running program; lives from `start` until `stop` or the end of the test that asked for it."""

    def __init__(self, kind: str, config: str, directory: Path, ports: dict[str, int]) -> None:
        self.kind = kind
        self.config = config
        self.directory = directory
        self.ports = ports
        self.process: subprocess.Popen[bytes]
        self._output = bytearray()
        self._reader: threading.Thread | None = None

    def port(self, name: str) -> int:
        return self.ports[name]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        """Everything printed so far, stdout and stderr together."""
        return self._output.decode("utf-8", "replace")

    def launch(self, argv: Sequence[str], environment: Mapping[str, str] | None, options: dict[str, Any]) -> None:
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**surroundings(), **(environment or {})},
            cwd=self.directory,
            start_new_session=True,
            **options,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        pipe = self.process.stdout
        assert pipe is not None
        while data := os.read(pipe.fileno(), 65536):
            self._output += data

    def owns(self, port: int) -> bool:
        """True when this program, or a child of it, listens on the port."""
        inodes = listening_inodes(port)
        return bool(inodes) and any(inodes & socket_inodes(pid) for pid in family(self.pid))

    def wait_ready(self, ports: Sequence[int], paths: Sequence[str] = (), timeout: float = 10.0) -> None:
        """Waits until every port is listened on by this program and every unix socket is there."""

        def ready() -> bool:
            if self.process.poll() is not None:
                self._join()
                raise ProgramFailed(f"{self.kind} ended with code {self.process.returncode}:\n{self.output}")
            return all(self.owns(port) for port in ports) and all(map(os.path.exists, paths))

        try:
            wait_until(ready, timeout, f"{self.kind} to listen on {[*ports, *paths]}")
        except ProgramFailed:
            raise
        except AssertionError as late:
            raise ProgramFailed(f"{late}; it printed:\n{self.output}") from None

    def wait(self, timeout: float = 10.0) -> int:
        """Waits for the program to end by itself; returns its exit code."""
        code = self.process.wait(timeout)
        self._join()
        return code

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def cpu_seconds(self) -> float:
        """User and system time of the program and its children so far."""
        ticks = 0
        for pid in family(self.pid):
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Resident memory of the program and its children."""
        pages = 0
        for pid in family(self.pid):
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self, timeout: float = 5.0) -> int:
        """Ends the program and every child it left (only processes of its own session)."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait(timeout)
        self._join()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _join(self) -> None:
        if self._reader is not None:
            self._reader.join(2)


def surroundings() -> dict[str, str]:
    """The environment of programs: this checkout's pylb is found whatever the working directory is.

    Where Python is told to keep no bytecode beside the sources, it is kept elsewhere: to compile all of pylb at each
    start costs three times what the start itself does.
    """
    root = str(Path(__file__).resolve().parents[2])
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    if found.pop("PYTHONDONTWRITEBYTECODE", None):
        found["PYTHONPYCACHEPREFIX"] = os.path.join(tempfile.gettempdir(), f"pylb-bytecode-{os.getuid()}")
    return found


def command(kind: str) -> list[str]:
    """Command line of a program; PYLB_COMMAND replaces pylb's (another checkout, another interpreter)."""
    if kind == "pylb":
        other = os.environ.get("PYLB_COMMAND")
        return other.split() if other else [sys.executable, "-m", "pylb"]
    need(kind)
    found = find(kind)
    assert found is not None
    return [found]


def start(
    kind: str,
    config: str,
    *,
    values: Mapping[str, object] | None = None,
    files: Mapping[str, str | bytes] | None = None,
    args: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    wait: bool = True,
    directory: Path | None = None,
    **options: Any,
) -> Program:
    """Starts `kind` ("pylb", "haproxy" or "nginx") on a configuration text and waits until it listens.

    `files` are written into `$(dir)` first. `args` follow the `-f` argument; the program runs in the foreground
    (`-db`) unless `args` holds `-D` or `-W`. `options` go to Popen (`pass_fds=`, `preexec_fn=` ...).
    """
    home = Path(tempfile.mkdtemp(prefix=f"pylb-{kind}-", dir=directory))
    # A chrooted or unprivileged child must be able to reach its own scratch files.
    home.chmod(0o755)
    ports: dict[str, int] = {}
    known = {"dir": home, **(values or {})}
    for name, content in (files or {}).items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(expand(content, known, ports).encode() if isinstance(content, str) else content)
    text = expand(config, known, ports)
    program = Program(kind, text, home, ports)
    path = home / f"{kind}.cfg"
    path.write_text(text)
    if kind == "nginx":
        if "events" not in text:
            text = _NGINX.format(text=text)
        path.write_text(text)
        argv = [*command(kind), "-c", str(path), "-p", str(home), "-e", "stderr", *args]
    else:
        plain = [] if {"-D", "-W", "-Ws"} & set(args) else ["-db"]
        argv = [*command(kind), "-f", str(path), *plain, *args]
    program.launch(argv, environment, options)
    binds = [line[1] for line in _BIND.finditer(text)]
    bound = [port for port in ports.values() if any(str(port) in line for line in binds)]
    paths = [found[1] for line in binds if (found := _PATH.match(line))]
    if wait:
        try:
            if not bound and not paths:
                raise ValueError("nothing tells when it is ready: bind to $(some_name), or pass wait=False")
            program.wait_ready(bound, paths)
        except BaseException:
            program.stop()
            shutil.rmtree(home, ignore_errors=True)
            raise
    return program


def check(kind: str, config: str, *, values: Mapping[str, object] | None = None, args: Sequence[str] = ()) -> Check:
    """Runs `-c` on a configuration text; the file is called `test.cfg` in its messages."""
    with tempfile.TemporaryDirectory(prefix=f"pylb-{kind}-") as home:
        path = Path(home, "test.cfg")
        path.write_text(expand(config, {"dir": home, **(values or {})}))
        argv = [*command(kind), "-c", "-f", "test.cfg", *args]
        done = subprocess.run(
            argv,
            cwd=home,
            env=surroundings(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
    return Check(done.returncode, done.stdout.decode("utf-8", "replace"))


@contextlib.contextmanager
def running(kind: str, config: str, **details: Any) -> Iterator[Program]:
    """`start` as a context manager; removes the scratch directory at the end."""
    program = start(kind, config, **details)
    try:
        yield program
    finally:
        program.stop()
        shutil.rmtree(program.directory, ignore_errors=True)
