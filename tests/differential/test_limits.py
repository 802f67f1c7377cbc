"""Limits of accepting beside HAProxy: who waits in the kernel, who comes next, and what the runtime socket says."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.differential.pairs import paired, rehearsed
from tests.harness import requires, wait_until
from tests.harness.differential import run_site

pytestmark = requires("haproxy")

GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"

CONFIG = """
global
    maxconn 20
    stats socket $(dir)/admin.sock level admin
defaults d
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 1s
    http-request return status 200
frontend plain from d
    bind 127.0.0.1:$(plain)
frontend narrow from d
    maxconn 2
    bind 127.0.0.1:$(narrow)
frontend rated from d
    rate-limit sessions 4
    bind 127.0.0.1:$(rated)
"""
pair = paired(CONFIG, origins=())


def command(site, text: str) -> str:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(5)
        admin.connect(f"{site.program.directory}/admin.sock")
        admin.sendall(text.encode() + b"\n")
        answer = b""
        while more := admin.recv(65536):
            answer += more
    return answer.decode()


def connect(site, name: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", site.port(name)), 5)


def answered(client: socket.socket, seconds: float = 0.25) -> bool:
    client.settimeout(seconds)
    try:
        return client.recv(12) == b"HTTP/1.1 200"
    except TimeoutError:
        return False


@pytest.mark.parametrize(("name", "most"), [("narrow", 2)])
def test_connections_above_maxconn_wait_and_are_served_in_order(pair, name, most):
    def scenario(site):
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(connect(site, name)) for _ in range(most)]
            for client in held:
                client.sendall(b"GET /")  # it is theirs until they end
            time.sleep(0.1)
            waiting = [stack.enter_context(connect(site, name)) for _ in range(3)]
            for client in waiting:
                client.sendall(GET)
            early = [answered(client, 0.1) for client in waiting]
            held[0].close()
            return early, [answered(client, 3) for client in waiting]

    assert pair.same(scenario) == ([False] * 3, [True] * 3)


def answered_by(site, name: str) -> bool:
    with connect(site, name) as client:
        client.sendall(GET)
        return answered(client, 2)


def test_maxconn_of_a_frontend_changes_at_run_time(pair):
    """HAProxy 2.6.12 dies here: its watchdog finds it waiting for a lock of its own when the limit is raised."""
    site = pair.sites["pylb"]
    assert command(site, "set maxconn frontend narrow 1") == "\n"
    with connect(site, "narrow") as held, connect(site, "narrow") as waiting:
        held.sendall(b"GET /")
        waiting.sendall(GET)
        assert not answered(waiting)
        assert command(site, "set maxconn frontend narrow 2") == "\n"
        assert answered(waiting, 3)


def within(site, name: str, count: int, seconds: float) -> int:
    """How many of `count` connections, all made at once, are served within some time."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(site, name)) for _ in range(count)]
        for client in clients:
            client.sendall(GET)
        limit = time.monotonic() + seconds
        return sum(answered(client, max(0.001, limit - time.monotonic())) for client in clients)


def at_rest(site) -> None:
    """Waits until rates of earlier cases are forgotten, at the start of a second."""

    def rates() -> list[str]:
        return [line for line in command(site, "show info").splitlines() if line.startswith(("ConnRate:", "SessRate:"))]

    wait_until(lambda: all(line.endswith(" 0") for line in rates()), 5, "the rates to fall")
    time.sleep(1.05 - time.time() % 1)


def of_a_frontend(site):
    at_rest(site)
    return within(site, "rated", 8, 0.3)


def of_the_process(kind):
    def scenario(site):
        at_rest(site)
        said = command(site, f"set rate-limit {kind} global 3")
        limits = [
            line for line in command(site, "show info").splitlines() if "nRateLimit" in line or "sRateLimit" in line
        ]
        served = within(site, "plain", 8, 0.3)
        said += command(site, f"set rate-limit {kind} global 0")
        return said, limits, site.kind == "haproxy" or 3 <= served <= 4, within(site, "plain", 8, 3)

    return scenario


RATES = {
    "of a frontend": of_a_frontend,
    "of connections": of_the_process("connections"),
    "of sessions": of_the_process("sessions"),
}
rehearsal = rehearsed(CONFIG, lambda name: (RATES[name], None), origins=())


@pytest.mark.parametrize("name", ["of a frontend"])
def test_rate_limit_sessions_lets_the_others_wait(rehearsal, name):
    seen = rehearsal.run(name)
    if seen["pylb"] < 4:
        seen = rehearsal.alone(name)  # three tenths of a second are short on a busy machine
    assert 4 <= seen["pylb"] <= 5
    assert 4 <= seen["haproxy"] < 8  # it counts a session later than it accepts the next connection


@pytest.mark.parametrize("name", ["of connections", "of sessions"])
def test_rates_of_the_process_change_at_run_time(rehearsal, name):
    seen = rehearsal.run(name)
    if not all(result[2] for result in seen.values()):
        seen = rehearsal.alone(name)
    assert seen["pylb"] == seen["haproxy"]
    assert seen["haproxy"][2:] == (True, 8)


@pytest.mark.parametrize(
    "text",
    [
        "set rate-limit",
        "set rate-limit connections",
        "set rate-limit connections frontend 3",
        "set rate-limit connections global",
        "set rate-limit connections global -1",
        "set rate-limit requests global 1",
        "set maxconn frontend none 3",
        "set maxconn global",
        "set maxconn global 21",
    ],
)
def test_what_the_runtime_socket_says_of_limits(pair, text):
    pair.same(lambda site: command(site, text))


RATED = """
global
    %s
defaults d
    mode http
    timeout client 5s
frontend plain from d
    bind 127.0.0.1:$(plain)
    http-request return status 200
"""


def test_rates_of_the_file():
    """All at the same time, because each waits for some seconds."""

    def served(kind, line):
        with run_site(kind, RATED % line, ()) as site:
            time.sleep(1.05 - time.time() % 1)
            return within(site, "plain", 8, 0.3), within(site, "plain", 2, 3)

    cases = [(kind, line) for kind in ("haproxy", "pylb") for line in ("maxconnrate 3", "maxsessrate 3")]
    with ThreadPoolExecutor(len(cases)) as pool:
        for case, (at_once, later) in zip(cases, pool.map(lambda case: served(*case), cases), strict=True):
            assert 3 <= at_once <= (4 if case[0] == "pylb" else 7), case
            assert later == 2, case


@pytest.mark.parametrize(("line", "served"), [("tune.maxaccept -1", 30), ("tune.maxaccept 1", 30)])
@pytest.mark.parametrize("kind", ["haproxy", "pylb"])
def test_every_connection_of_a_burst_is_taken(kind, line, served):
    with run_site(kind, RATED % line, ()) as site:
        assert within(site, "plain", 30, 3) == served


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a privileged port")
@pytest.mark.parametrize(("state", "expected"), [("on", b""), ("off", b"HTTP/1.1 200")])
def test_clients_from_privileged_ports_are_refused(state, expected):
    with run_site("pylb", RATED % f"harden.reject-privileged-ports.tcp {state}", ()) as site:
        with socket.socket() as client:
            client.settimeout(5)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("127.0.0.1", free_below(1024)))
            client.connect(("127.0.0.1", site.port("plain")))
            try:
                client.sendall(GET)
                got = client.recv(12)
            except ConnectionError:
                got = b""
        assert got == expected
        assert answered_by(site, "plain")


def free_below(limit: int) -> int:
    for port in range(limit - 1, limit - 200, -1):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")
