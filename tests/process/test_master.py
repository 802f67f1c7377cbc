"""-W: supervising, reloading, failing; a successor takes over without a lost request."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.harness import RawClient, requires
from tests.harness.ports import family, free_port, listening_inodes, socket_inodes
from tests.harness.programs import command, surroundings
from tests.harness.waiting import wait_until
from tests.process.traffic import answered, asking, failures

CONFIG = """
global
    hard-stop-after 5s
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend fe
    bind 127.0.0.1:$(fe)
    bind unix@$(dir)/fe.sock mode 600
    http-request return status 200 content-type text/plain string one if { path /who }
    default_backend be
backend be
    server s1 127.0.0.1:$(s1)
"""


def workers(master: int) -> list[int]:
    return [pid for pid in family(master) if pid != master]


def text_of(program, old: str, new: str) -> None:
    path = program.directory / "pylb.cfg"
    path.write_text(path.read_text().replace(old, new))


def who(program) -> bytes:
    with RawClient(program.port("fe")) as client:
        return client.send(b"GET /who HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().body


def test_reload_under_traffic_loses_no_request(pylb, origin):
    program = pylb(CONFIG, values={"s1": origin().port}, args=("-W",))
    first = workers(program.pid)
    with asking(program.port("fe"), clients=4) as clients:
        wait_until(lambda: answered(clients) > 100)
        for turn in range(2):
            program.signal(signal.SIGUSR2)
            wait_until(lambda turn=turn: program.output.count("Loading success.") == turn + 2, 15, "the reload")
        before = answered(clients)
        wait_until(lambda: answered(clients) > before + 100)
    assert failures(clients) == []
    assert sum(client.refused for client in clients) == 0
    wait_until(lambda: len(workers(program.pid)) == 1, what="the former workers to end")
    assert workers(program.pid) != first
    program.signal(signal.SIGUSR1)
    assert program.wait() == 0


def test_a_reload_reads_the_file_again(pylb, origin):
    program = pylb(CONFIG, values={"s1": origin().port}, args=("-W",))
    assert who(program) == b"one"
    text_of(program, "string one", "string two")
    program.signal(signal.SIGHUP)
    wait_until(lambda: who(program) == b"two", 15)
    with RawClient(str(program.directory / "fe.sock")) as client:
        assert client.send(b"GET /who HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().body == b"two"


def test_a_broken_file_leaves_the_old_worker_in_place(pylb, origin):
    program = pylb(CONFIG, values={"s1": origin().port}, args=("-W",))
    first = workers(program.pid)
    text_of(program, "default_backend", "defualt_backend")
    program.signal(signal.SIGUSR2)
    wait_until(lambda: "Loading failure!" in program.output, 15)
    assert "unknown keyword 'defualt_backend'" in program.output
    assert workers(program.pid) == first
    assert who(program) == b"one"
    text_of(program, "defualt_backend", "default_backend")
    program.signal(signal.SIGUSR2)
    wait_until(lambda: program.output.count("Loading success.") == 2, 15)


def test_a_changed_address_is_opened_and_the_old_one_closed(pylb, origin):
    program = pylb(CONFIG + "frontend more\n    bind 127.0.0.1:$(more)\n", values={"s1": origin().port}, args=("-W",))
    text_of(program, f"127.0.0.1:{program.port('more')}", f"127.0.0.1:{program.port('more') + 0} accept-proxy")
    text_of(program, f"bind 127.0.0.1:{program.port('fe')}", "bind abns@pylb-test-$$".replace("$$", str(os.getpid())))
    program.signal(signal.SIGUSR2)
    wait_until(lambda: not program.owns(program.port("fe")), 15, "the old address to close")
    with pytest.raises(ConnectionRefusedError):
        RawClient(program.port("fe"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGUSR1, 0)])
def test_exit_codes_of_a_master(both, number, code):
    program = both(CONFIG, values={"s1": 1}, args=("-W", "-db"))
    wait_until(lambda: "Loading success." in program.output)
    program.signal(number)
    assert program.wait() == code


def test_a_killed_worker_ends_the_master_with_its_code(both):
    program = both(CONFIG, values={"s1": 1}, args=("-W", "-db"))
    wait_until(lambda: "Loading success." in program.output)
    os.kill(workers(program.pid)[0], signal.SIGKILL)
    assert program.wait() == 137
    assert "exit-on-failure: killing every processes with SIGTERM" in program.output


def test_without_exit_on_failure_a_reload_starts_a_new_worker(pylb):
    text = CONFIG.replace("hard-stop-after 5s", "master-worker no-exit-on-failure")
    program = pylb(text, values={"s1": 1})
    wait_until(lambda: "Loading success." in program.output, 15)
    os.kill(workers(program.pid)[0], signal.SIGKILL)
    wait_until(lambda: "exited with code 137" in program.output)
    program.signal(signal.SIGUSR2)
    wait_until(lambda: program.output.count("Loading success.") == 2, 15)
    assert who(program) == b"one"


def test_a_worker_follows_its_master_into_death(pylb):
    program = pylb(CONFIG, values={"s1": 1}, args=("-W",))
    (worker,) = workers(program.pid)
    os.kill(program.pid, signal.SIGKILL)
    program.process.wait()
    wait_until(lambda: not Path(f"/proc/{worker}").exists() or "(zombie)" in Path(f"/proc/{worker}/status").read_text())


def test_a_first_worker_that_cannot_bind_ends_the_master(pylb):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        program = pylb(CONFIG, values={"s1": 1, "fe": port}, args=("-W",), wait=False)
        assert program.wait() == 1
    assert f"cannot bind socket (Address already in use) for [127.0.0.1:{port}]" in program.output
    assert not (program.directory / "fe.sock").exists()


def test_more_sockets_than_one_message_can_carry_are_handed_over(pylb):
    first = free_range(300)
    text = CONFIG + f"frontend many\n    bind 127.0.0.1:{first}-{first + 299}\n    http-request return status 204\n"
    program = pylb(text, values={"s1": 1}, args=("-W",))
    (old,) = workers(program.pid)
    kept = socket_inodes(old)
    program.signal(signal.SIGUSR2)
    wait_until(lambda: workers(program.pid) not in ([], [old]) and len(workers(program.pid)) == 1, 15, "the reload")
    assert len(kept & socket_inodes(workers(program.pid)[0])) >= 302  # the very same sockets
    for port in (first, first + 299):
        with RawClient(port) as client:
            assert client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status == 204


def test_an_address_that_is_bound_twice_survives_reloads(pylb):
    program = pylb(
        CONFIG + "frontend twin\n    bind 127.0.0.1:$(fe)\n    default_backend be\n", values={"s1": 1}, args=("-W",)
    )
    for _ in range(2):
        (old,) = workers(program.pid)
        kept = socket_inodes(old)
        program.signal(signal.SIGUSR2)
        wait_until(lambda old=old: workers(program.pid) not in ([], [old]) and len(workers(program.pid)) == 1, 15)
        assert len(kept & listening_inodes(program.port("fe")) & socket_inodes(workers(program.pid)[0])) == 2


def free_range(count: int) -> int:
    """The first of `count` ports in a row that nobody uses."""
    while True:
        first = free_port()
        if first + count < 65536 and all(unused(port) for port in range(first, first + count)):
            return first


def unused(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_a_master_that_is_stopped_while_its_worker_loads_ends_well(pylb):
    program = pylb(CONFIG, values={"s1": 1}, args=("-W",), wait=False)
    wait_until(lambda: "New worker" in program.output)
    program.signal(signal.SIGTERM)
    assert program.wait() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="process namespaces need root")
@pytest.mark.parametrize("args", [("-db",), ("-W", "-db")], ids=["alone", "master"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, (0, 143)), (signal.SIGUSR1, (0,))])
@requires("unshare")
def test_as_init_of_a_container_it_obeys(tmp_path, args, number, code):
    """The kernel keeps default actions of signals away from process 1."""
    port = free_port()
    (tmp_path / "a.cfg").write_text(f"frontend f\n    bind 127.0.0.1:{port}\n    timeout client 1s\n")
    inside = [*command("pylb"), *args, "-f", str(tmp_path / "a.cfg")]
    outer = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", *inside], env=surroundings())
    try:
        wait_until(lambda: listening_inodes(port), 15)
        wait_until(lambda: len(family(outer.pid)) > len(args), 15)
        init = int(Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        # In the master's case the worker listens a moment before the master has heard of it.
        time.sleep(0.2)
        os.kill(init, number)
        assert outer.wait(10) in code
    finally:
        outer.kill()
        outer.wait()


def test_systemd_hears_ready_reloading_stopping(pylb, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        path = str(tmp_path / "notify")
        listener.bind(path)
        listener.settimeout(15)
        program = pylb(CONFIG, values={"s1": 1}, args=("-Ws",), environment={"NOTIFY_SOCKET": path})

        def heard() -> dict[str, str]:
            return dict(line.split("=", 1) for line in listener.recv(4096).decode().splitlines())

        ready = heard()
        assert (ready["READY"], ready["MAINPID"]) == ("1", str(program.pid))
        program.signal(signal.SIGUSR2)
        assert heard()["RELOADING"] == "1"
        assert heard()["READY"] == "1"
        program.signal(signal.SIGUSR1)
        assert heard()["STOPPING"] == "1"
