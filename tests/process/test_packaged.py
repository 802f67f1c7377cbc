"""The configurations that people have: Debian's package and the Docker image's documentation, as they are."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness import RawClient
from tests.harness.ports import free_port
from tests.harness.programs import Program, command, surroundings
from tests.harness.waiting import wait_until
from tests.process.test_daemon import gone, run
from tests.process.traffic import answered, asking, failures

DEBIAN = Path("/etc/haproxy/haproxy.cfg")

needs_debian = pytest.mark.skipif(
    os.geteuid() != 0 or not DEBIAN.exists(), reason="needs root and Debian's haproxy package"
)

DOCKER = """\
global
  stats socket /tmp/pylb-docker-{port}.sock user haproxy group haproxy mode 660 level admin
  log stdout format raw local0 info

defaults
  mode http
  timeout client 10s
  timeout connect 5s
  timeout server 10s
  timeout http-request 10s
  log global

frontend stats
  bind 127.0.0.1:{stats}
  http-request return status 200 content-type text/plain string up if {{ path /up }}

frontend myfrontend
  bind 127.0.0.1:{port}
  default_backend webservers

backend webservers
  server s1 127.0.0.1:{s1} check
  server s2 127.0.0.1:{s2} check
"""


def ask(path: str, text: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(path)
        sock.sendall(text)
        data = b""
        while piece := sock.recv(65536):
            data += piece
        return data


@needs_debian
def test_debians_file_runs_as_it_is(tmp_path):
    """As systemd runs it, except for the daemon's pid file."""
    Path("/run/haproxy").mkdir(exist_ok=True)
    pidfile = tmp_path / "pid"
    assert run("pylb", "-c", "-f", str(DEBIAN)).returncode == 0
    done = run("pylb", "-f", str(DEBIAN), "-p", str(pidfile))
    assert done.returncode == 0, done.stdout
    pid = int(pidfile.read_text())
    try:
        assert os.readlink(f"/proc/{pid}/root") == "/var/lib/haproxy"
        assert f"Pid: {pid}".encode() in ask("/run/haproxy/admin.sock", b"show info\n")
        assert Path("/run/haproxy/admin.sock").stat().st_mode & 0o777 == 0o660
    finally:
        os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: gone(pid))


@needs_debian
def test_debians_file_with_a_site_stops_softly_under_traffic(tmp_path, origin):
    Path("/run/haproxy").mkdir(exist_ok=True)
    port = free_port()
    site = tmp_path / "site.cfg"
    site.write_text(f"listen site\n    bind 127.0.0.1:{port}\n    server s1 127.0.0.1:{origin().port}\n")
    program = Program("pylb", "", tmp_path, {})
    program.launch(
        [*command("pylb"), "-Ws", "-f", str(DEBIAN), "-f", str(site), "-S", "/run/haproxy-master.sock"], None, {}
    )
    try:
        program.wait_ready([port], timeout=20)
        with asking(port) as clients:
            wait_until(lambda: answered(clients) > 100)
            program.signal(signal.SIGUSR1)
            assert program.wait() == 0, program.output
            for client in clients:
                client.stop()
        assert failures(clients) == []
    finally:
        program.stop()


@needs_debian
def test_the_docker_file_runs_under_a_master(tmp_path, origin):
    """What the image's documentation shows, with its command line."""
    ports = {"port": free_port(), "stats": free_port()}
    config = tmp_path / "haproxy.cfg"
    config.write_text(DOCKER.format(**ports, s1=origin(name="a").port, s2=origin(name="b").port))
    program = Program("pylb", "", tmp_path, {})
    program.launch([*command("pylb"), "-W", "-db", "-f", str(config)], surroundings(), {})
    try:
        program.wait_ready(list(ports.values()), timeout=20)
        for _ in range(4):
            with RawClient(ports["port"]) as client:
                assert client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status == 200
        wait_until(lambda: program.output.count("(myfrontend/HTTP)") >= 4, what="the log lines on stdout")
        with asking(ports["port"]) as clients:
            wait_until(lambda: answered(clients) > 100)
            program.signal(signal.SIGUSR1)
            assert program.wait() == 0, program.output
            for client in clients:
                client.stop()
        assert failures(clients) == []
    finally:
        program.stop()
        Path(f"/tmp/pylb-docker-{ports['port']}.sock").unlink(missing_ok=True)
