"""How the program ends: softly under traffic, at once, at its limit; exit codes as HAProxy's."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from tests.harness import RawClient
from tests.harness.ports import listening_inodes
from tests.harness.waiting import wait_until
from tests.process.traffic import answered, asking, failures

CONFIG = """
global
    hard-stop-after 20s
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
backend be
    server s1 127.0.0.1:$(s1)
"""


def test_soft_stop_under_traffic_loses_no_request(pylb, origin):
    server = origin()
    program = pylb(CONFIG, values={"s1": server.port})
    with asking(program.port("fe"), clients=6) as clients:
        wait_until(lambda: answered(clients) > 200)
        program.signal(signal.SIGUSR1)
        assert program.wait() == 0
        for client in clients:
            client.stop()
    assert failures(clients) == []
    assert "Proxy fe stopped (cumulated conns: FE: " in program.output


def test_an_idle_client_may_have_one_more_response(both, origin):
    server = origin()
    program = both(
        CONFIG.replace("defaults\n", "defaults\n    option idle-close-on-response\n"), values={"s1": server.port}
    )
    with RawClient(program.port("fe")) as client:
        assert client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status == 200
        program.signal(signal.SIGUSR1)
        wait_until(lambda: not listening_inodes(program.port("fe")), what="the listener to close")
        reply = client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply()
        assert (reply.status, dict(reply.fields)[b"connection"]) == (200, b"close")
        assert client.read_all() == b""
    assert program.wait() == 0


def test_a_request_under_way_is_finished_by_a_soft_stop(both, origin):
    release = threading.Event()

    def slow(conversation):
        conversation.read_request()
        release.wait(10)
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")

    server = origin(slow)
    program = both(CONFIG, values={"s1": server.port})
    with RawClient(program.port("fe")) as client:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        server.wait_conversations(1)
        program.signal(signal.SIGUSR1)
        wait_until(lambda: not listening_inodes(program.port("fe")), what="the listener to close")
        release.set()
        reply = client.read_reply()
        assert (reply.status, reply.body) == (200, b"done")
    assert program.wait() == 0


def test_hard_stop_after_cuts_what_takes_too_long(pylb, origin):
    def never(conversation):
        conversation.read_request()
        time.sleep(30)

    program = pylb(CONFIG.replace("20s", "300ms"), values={"s1": origin(never).port})
    with RawClient(program.port("fe")) as client:
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        time.sleep(0.1)
        began = time.monotonic()
        program.signal(signal.SIGUSR1)
        assert program.wait() == 0
        assert 0.25 < time.monotonic() - began < 3
    assert "soft-stop running for too long, performing a hard-stop." in program.output


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, -15), (signal.SIGINT, -2), (signal.SIGUSR1, 0)])
def test_exit_codes_of_one_process(both, number, code):
    program = both(CONFIG, values={"s1": 1})
    program.signal(number)
    assert program.wait() == code


def test_grace_delays_the_end_of_listening(pylb, origin):
    program = pylb(CONFIG.replace("hard-stop-after", "grace 400\n    hard-stop-after"), values={"s1": origin().port})
    began = time.monotonic()
    program.signal(signal.SIGUSR1)
    time.sleep(0.1)
    with RawClient(program.port("fe")) as client:
        assert client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status == 200
    assert program.wait() == 0
    assert time.monotonic() - began >= 0.4


def test_hup_shows_servers_and_goes_on(pylb, origin):
    program = pylb(CONFIG, values={"s1": origin().port})
    program.signal(signal.SIGHUP)
    wait_until(lambda: "SIGHUP: Server be/s1 is UP. Conn: 0 act, 0 pend, 0 tot." in program.output)
    with RawClient(program.port("fe")) as client:
        assert client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status == 200


def test_pause_refuses_connections_until_resume(pylb, origin):
    program = pylb(CONFIG, values={"s1": origin().port})
    program.signal(signal.SIGTTOU)
    wait_until(lambda: not listening_inodes(program.port("fe")), what="the pause")
    with pytest.raises(ConnectionRefusedError):
        RawClient(program.port("fe"))
    program.signal(signal.SIGTTIN)
    wait_until(lambda: program.owns(program.port("fe")), what="listening again")
    with RawClient(program.port("fe")) as client:
        assert client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").read_reply().status == 200
