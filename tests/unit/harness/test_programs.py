"""The harness itself, shown on the real programs."""

import socket

import pytest

from tests.harness import (
    ProgramFailed,
    RawClient,
    Syslog,
    check,
    exchange,
    expand,
    free_port,
    requires,
    split_httplog,
    start,
)
from tests.harness.differential import hide, run_site, without_times
from tests.harness.ports import listening_inodes
from tests.harness.programs import running

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
    log 127.0.0.1:$(syslog) local0
    option httplog

frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be

backend be
    server s1 127.0.0.1:$(s1)
"""


def test_names_become_values_or_the_same_free_port():
    ports = {}
    text = expand("$(a) $(b) $(a) $(given) ${ENV}", {"given": "x"}, ports)
    assert text == f"{ports['a']} {ports['b']} {ports['a']} x ${{ENV}}"
    assert ports["a"] != ports["b"]


def test_a_free_port_is_given_out_once():
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_a_listening_port_is_seen():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert listening_inodes(port)
    assert not listening_inodes(port)


@requires("haproxy")
def test_haproxy_serves_and_everything_is_recorded():
    with run_site("haproxy", CONFIG) as site:
        reply = exchange(site.port("fe"), b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n") and reply.endswith(b"\r\n\r\ns1")
        assert site.origins[0].requests == [b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"]
        fields = split_httplog(site.syslog.wait()[0])
        assert (fields["status"], fields["server"], fields["state"]) == ("200", "s1", "----")
        assert fields["request"] == "GET /x HTTP/1.1"


@requires("haproxy")
def test_waiting_for_readiness_makes_no_connection():
    with run_site("haproxy", CONFIG.replace("mode http", "mode tcp").replace("httplog", "tcplog")) as site:
        with RawClient(site.port("fe")) as client:
            client.send(b"GET / HTTP/1.0\r\n\r\n").read_reply()
        assert len(site.syslog.wait()) == 1


@requires("haproxy")
def test_a_program_that_does_not_start_says_why():
    with pytest.raises(ProgramFailed, match="unknown keyword 'nonsense'"):
        start("haproxy", "frontend fe\n    nonsense\n    bind 127.0.0.1:$(fe)\n")


@requires("haproxy")
def test_check_gives_code_and_output():
    assert check("haproxy", "global\n    nonsense ten\n").code == 1
    good = "frontend f\n    mode http\n    timeout client 1s\n    bind 127.0.0.1:$(fe)\n"
    assert check("haproxy", good).code == 0
    assert "Configuration file is valid\n" in check("haproxy", good, args=["-V"]).output


@requires("nginx")
def test_nginx_runs_on_server_blocks_alone():
    with running("nginx", "server { listen 127.0.0.1:$(web); return 200 'hello'; }") as web:
        assert b"hello" in exchange(web.port("web"), b"GET / HTTP/1.0\r\n\r\n")


def test_a_unix_syslog_receives(tmp_path):
    path = str(tmp_path / "log")
    with Syslog(path) as log, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"<134>Jan  1 00:00:00 haproxy[12]: Proxy fe started.\n", path)
        sender.sendto(b"<134>Jan  1 00:00:00 haproxy[12]: 127.0.0.1:4000 [x] fe be/s\n", path)
        assert log.wait() == ["127.0.0.1:4000 [x] fe be/s"]
        assert log.wait_for("started")


def test_differences_of_a_run_are_hidden():
    line = "haproxy[77]: 127.0.0.1:40312 [22/Nov/2025:18:00:01.123] fe be/s1 0/0/1/2/3 200 10"
    assert hide(line) == "<program>[<pid>]: 127.0.0.1:<port> [<date>] fe be/s1 0/0/1/2/3 200 10"
    assert without_times(line).endswith("be/s1 +/+/+/+/+ 200 10")
    assert hide({"a": [b"to 18080"]}, {"18080": "<fe>"}) == {"a": [b"to <fe>"]}
