"""Every file of conf/ says the same to both programs, and the quickstart does what it promises."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import RawClient, exchange, free_port, requires, wait_until
from tests.harness.ports import listening_inodes
from tests.harness.programs import command, surroundings

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
FILES = sorted(CONF.glob("*.cfg"))


def verdict(kind: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(kind), "-c", "-dW", "-f", path.name],
        cwd=CONF,
        env={**surroundings(), "APP": "127.0.0.1:18081"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pylb_accepts_without_a_warning(path):
    done = verdict("pylb", path)
    assert done.returncode == 0, done.stdout
    assert "[WARNING]" not in done.stdout


@requires("haproxy")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_haproxy_accepts_too(path):
    done = verdict("haproxy", path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_first_line_says_what_it_is_about(path):
    assert path.read_text().startswith(f"# {path.stem}: ")


def test_the_readme_names_every_file():
    readme = (ROOT / "README.md").read_text()
    assert not [path.name for path in FILES if f"conf/{path.name}" not in readme]


class Demo:
    def __init__(self, port: int) -> None:
        self.port = port
        argv = [sys.executable, "-m", "pylb", "demo", "--port", str(port)]
        self.process = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=surroundings(),
            text=True,
            start_new_session=True,
        )
        wait_until(lambda: listening_inodes(port) or self.process.poll() is not None, 15, "the demo to listen")

    def ask(self, path: str) -> bytes:
        return exchange(self.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    def end(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=10)[0]


@pytest.fixture
def demo() -> Iterator[Demo]:
    one = Demo(free_port())
    yield one
    with contextlib.suppress(ProcessLookupError):
        os.killpg(one.process.pid, signal.SIGKILL)
    if one.process.stdout is not None and not one.process.stdout.closed:
        one.process.communicate(timeout=10)


def test_the_demo_balances_over_three_servers_and_prints_what_to_try(demo):
    names = [re.search(rb"x-server: (s\d)", demo.ask("/"))[1] for _ in range(6)]
    assert names == [b"s1", b"s2", b"s3"] * 2
    assert {re.search(rb"x-server: (s\d)", demo.ask("/one"))[1] for _ in range(3)} == {b"s1"}
    assert demo.ask("/forbidden").startswith(b"HTTP/1.1 403 ")
    redirected = demo.ask("/old")
    assert redirected.startswith(b"HTTP/1.1 302 ") and b"location: /\r\n" in redirected
    assert b"x-forwarded-for: 127.0.0.1" in demo.ask("/") and b"x-proxy: pylb" in demo.ask("/")
    printed = demo.end()
    assert demo.process.returncode == 0
    assert f"curl localhost:{demo.port}/one" in printed
    assert '"GET /one HTTP/1.1"' in printed, "the log line of a request"


def test_the_demo_says_when_a_port_is_taken(demo):
    with RawClient(demo.port):
        pass
    argv = [sys.executable, "-m", "pylb", "demo", "--port", str(demo.port)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, env=surroundings(), check=False)
    assert done.returncode == 1
    assert f"port {demo.port} is in use" in done.stderr
    assert os.environ.get("HOME", "/") not in done.stderr
