"""Background, pid file, successors with -sf and -st, privileges and the seal."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import RawClient
from tests.harness.ports import free_port, listening_inodes
from tests.harness.programs import command, surroundings
from tests.harness.waiting import wait_until
from tests.process.traffic import asking, failures

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="chroot and other users need root")

CONFIG = """
global
    hard-stop-after 5s
    {globals}
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend fe
    bind 127.0.0.1:{port}
    default_backend be
backend be
    server s1 127.0.0.1:{server}
"""


def run(kind: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a program that is expected to return by itself."""
    return subprocess.run(
        [*command(kind), *words],
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=30,
        check=False,
    )


def gone(pid: int) -> bool:
    """Ended; a zombie that nobody collects in a container counts too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


@contextlib.contextmanager
def ended(pidfile: Path) -> Iterator[None]:
    """Ends whatever the pid file names at last."""
    try:
        yield
    finally:
        if pidfile.exists():
            for pid in map(int, pidfile.read_text().split()):
                if not gone(pid):
                    os.kill(pid, signal.SIGTERM)
                    wait_until(lambda pid=pid: gone(pid))


def credentials(pid: int) -> dict[str, str]:
    """What the kernel says of a process. The program listens (and counts as ready) before it gives up its rights."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def status(port: int) -> int:
    with RawClient(port) as client:
        return client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status


def write(tmp_path: Path, origin, name: str = "a.cfg", **values: object) -> tuple[Path, int]:
    path = tmp_path / name
    details = {"port": free_port(), "server": origin.port, "globals": "", **values}
    path.write_text(CONFIG.format(**details))
    return path, int(str(details["port"]))


@pytest.mark.parametrize("how", ["flag", "word"])
def test_a_daemon_serves_when_the_command_returns(tmp_path, origin, how):
    pidfile = tmp_path / "pid"
    words = {"flag": ("-D", "-p", str(pidfile)), "word": ()}[how]
    config, port = write(tmp_path, origin(), globals="" if words else f"daemon\n    pidfile {pidfile}")
    with ended(pidfile):
        done = run("pylb", "-f", str(config), *words)
        assert (done.returncode, done.stdout) == (0, "")
        assert status(port) == 200
        pid = int(pidfile.read_text())
        assert os.getsid(pid) != os.getsid(0)
        assert [os.readlink(f"/proc/{pid}/fd/{number}") for number in range(3)] == ["/dev/null"] * 3
        os.kill(pid, signal.SIGUSR1)
        wait_until(lambda: gone(pid))


def test_a_daemon_that_cannot_bind_says_so_and_fails(tmp_path, origin):
    pidfile = tmp_path / "pid"
    config, _ = write(tmp_path, origin(), port="1", globals="uid 0")
    config.write_text(config.read_text().replace("bind 127.0.0.1:1", "bind 192.0.2.1:80"))
    done = run("pylb", "-D", "-f", str(config), "-p", str(pidfile))
    assert done.returncode == 1
    assert "cannot bind socket (Cannot assign requested address) for [192.0.2.1:80]" in done.stdout
    assert not pidfile.exists()


@needs_root
def test_a_daemon_whose_chroot_is_missing_fails_in_the_foreground(tmp_path, origin):
    config, port = write(tmp_path, origin(), globals="chroot /nonexistent")
    done = run("pylb", "-D", "-f", str(config))
    assert done.returncode == 1
    assert "[haproxy.main()] Cannot chroot(/nonexistent)." in done.stdout
    assert not listening_inodes(port)


def test_a_pid_file_that_cannot_be_made_stops_the_start(tmp_path, origin):
    config, _ = write(tmp_path, origin())
    for kind in ("haproxy", "pylb"):
        done = run(kind, "-D", "-f", str(config), "-p", str(tmp_path / "no" / "pid"))
        assert (kind, done.returncode) == (kind, 1)
        assert f"Cannot create pidfile {tmp_path}/no/pid" in done.stdout


def test_a_file_that_asks_for_a_master_and_a_daemon_gets_both(tmp_path, origin):
    pidfile = tmp_path / "pid"
    config, port = write(tmp_path, origin(), globals=f"master-worker\n    daemon\n    pidfile {pidfile}")
    with ended(pidfile):
        done = run("pylb", "-f", str(config))
        assert done.returncode == 0
        master = int(pidfile.read_text())
        assert status(port) == 200
        os.kill(master, signal.SIGUSR2)
        children = Path(f"/proc/{master}/task/{master}/children")
        first = children.read_text()
        wait_until(lambda: children.read_text() not in ("", first) and len(children.read_text().split()) == 1, 15)
        assert status(port) == 200


@pytest.mark.parametrize("flag", ["-sf", "-st"])
def test_a_successor_takes_over_and_ends_the_old_process(tmp_path, origin, flag):
    pidfile = tmp_path / "pid"
    config, port = write(tmp_path, origin())
    with ended(pidfile):
        assert run("pylb", "-D", "-f", str(config), "-p", str(pidfile)).returncode == 0
        old = int(pidfile.read_text())
        if flag == "-sf":
            with asking(port, clients=4) as clients:
                time.sleep(0.3)
                done = run("pylb", "-D", "-f", str(config), "-p", str(pidfile), flag, str(old))
                wait_until(lambda: gone(old))
            assert failures(clients) == []
        else:
            done = run("pylb", "-D", "-f", str(config), "-p", str(pidfile), flag, str(old))
            wait_until(lambda: gone(old))
        assert done.returncode == 0
        assert int(pidfile.read_text()) != old
        assert status(port) == 200


LATE = """
global
    user nobody
    group nogroup
    chroot $(dir)/empty
    log 127.0.0.1:$(syslog) local0
    stats socket 127.0.0.1:$(admin) level admin
defaults
    mode http
    log global
    option httplog
    timeout connect 200ms
    timeout client 10s
    timeout server 1s
    timeout http-request 300ms
frontend fe
    bind 127.0.0.1:$(fe)
    option forwardfor
    acl admin path_beg /admin
    http-request deny if admin
    http-request redirect location /new if { path /old }
    http-request return status 200 content-type text/plain lf-string %[src,ipmask(24)]%T if { path /self }
    http-request set-header x-date %[date,http_date]
    http-request set-path %[path,regsub(^/x,/y)] if { path_reg ^/x }
    use_backend dead if { path /dead }
    use_backend slow if { path /slow }
    default_backend be
backend be
    balance leastconn
    cookie SRV insert
    server s1 127.0.0.1:$(s1) cookie a
backend slow
    balance hdr(x-key)
    server s1 127.0.0.1:$(s2)
backend dead
    balance source
    server s1 127.0.0.1:1
"""
ASKED = {
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n": 200,
    b"GET /admin HTTP/1.1\r\nhost: a\r\n\r\n": 403,
    b"GET /old HTTP/1.1\r\nhost: a\r\n\r\n": 302,
    b"GET /self HTTP/1.1\r\nhost: a\r\n\r\n": 200,
    b"GET /xy HTTP/1.0\r\n\r\n": 200,
    b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n": 200,
    b"GET /dead HTTP/1.1\r\nhost: a\r\n\r\n": 503,
    b"GET /slow HTTP/1.1\r\nhost: a\r\nx-key: 1\r\n\r\n": 504,
    b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n": 400,
    b"GE\x00 / HTTP/1.1\r\n\r\n": 400,
    b"GET / HTTP/1.1\r\nhos": 408,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
}


@needs_root
def test_confined_to_an_empty_root_without_rights_it_serves_and_imports_nothing(pylb, origin, syslog):
    """Every kind of answer, commands, log lines and the end, in an empty directory as nobody."""
    from tests.harness.origin import silent

    values = {"s1": origin().port, "s2": origin(silent).port, "syslog": syslog.port}
    program = pylb(LATE, values=values, files={"empty/.keep": ""})
    (program.directory / "empty" / ".keep").unlink()
    process = Path(f"/proc/{program.pid}")
    wait_until(lambda: credentials(program.pid)["NoNewPrivs"] == "1", what="the seal")
    assert os.readlink(process / "root") == str(program.directory / "empty")
    facts = credentials(program.pid)
    assert facts["Uid"].split() == ["65534"] * 4
    assert facts["Gid"].split() == ["65534"] * 4
    assert facts["Groups"].strip() == ""
    for request, expected in ASKED.items():
        with RawClient(program.port("fe")) as client:
            assert (request, client.send(request).read_reply().status) == (request, expected)
    for line in ("help", "show info", "show stat", "show sess", "show servers state", "show errors", "show env"):
        with RawClient(program.port("admin")) as client:
            answer = client.send(f"{line}\n".encode()).read_all()
        assert answer.endswith(b"\n"), line
    program.signal(signal.SIGHUP)
    program.signal(signal.SIGUSR1)
    assert program.wait() == 0
    assert "imported after the process was sealed" not in program.output
    assert "Traceback" not in program.output
    assert not re.search(r"\[ALERT\]", program.output)


@needs_root
def test_a_low_port_is_bound_before_the_user_changes(pylb, origin):
    program = pylb(
        CONFIG.replace("{port}", "$(fe)").replace("{server}", "$(s1)").replace("{globals}", "user nobody"),
        values={"s1": origin().port},
    )
    wait_until(lambda: credentials(program.pid)["Uid"].split() == ["65534"] * 4, what="another user")
    assert status(program.port("fe")) == 200
