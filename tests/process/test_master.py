"""-W: supervising, reloading, failing; a successor takes over without a lost request."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.harness import RawClient
from tests.harness.ports import family
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
