"""`option socket-stats` beside HAProxy: the line of each socket in `show stat`, after all kinds of traffic."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, Site, requires, wait_until
from tests.harness.origin import answer, response

pytestmark = requires("haproxy")

pair = paired(
    """
global
    stats socket $(dir)/admin.sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 1s
frontend web
    bind 127.0.0.1:$(one) name first
    bind 127.0.0.1:$(two) id 77 maxconn 50
    option socket-stats
    tcp-request session reject if { src 127.0.0.3 }
    tcp-request content reject if { path /rejected }
    http-request deny if { path /denied }
    http-request return status 200 content-type text/plain string here if { path /here }
    http-request set-var(txn.path) path
    http-response deny if { var(txn.path) -m str /secret }
    default_backend servers
frontend bytes
    mode tcp
    bind 127.0.0.1:$(three)
    bind $(dir)/bytes.sock
    bind 127.0.0.1:$(four)
    option socket-stats
    tcp-request connection reject if { dst_port $(four) }
    default_backend raw
frontend plain
    bind 127.0.0.1:$(five)
    default_backend servers
backend servers
    server s1 127.0.0.1:$(s1)
backend raw
    mode tcp
    server s1 127.0.0.1:$(s1)
"""
)

ORIGIN = answer(response(b"hello", fields=(("connection", "close"),)))
LAST = "connection: close"
TRAFFIC: list[tuple[str, bytes, str]] = [
    ("one", http("GET", "/", "host: h", LAST), "127.0.0.1"),
    ("one", http("GET", "/denied", "host: h", LAST), "127.0.0.1"),
    ("one", http("GET", "/here", "host: h") + http("GET", "/", "host: h", LAST), "127.0.0.1"),
    ("one", http("GET", "/secret", "host: h", LAST), "127.0.0.1"),
    ("one", http("GET", "/", "host: h", LAST), "127.0.0.3"),
    ("two", b"nonsense\r\n\r\n", "127.0.0.1"),
    ("two", http("GET", "/rejected", "host: h", LAST), "127.0.0.1"),
    ("two", http("POST", "/", "host: h", LAST, "content-length: 5", body=b"hello"), "127.0.0.1"),
    ("three", http("GET", "/", LAST), "127.0.0.1"),
    ("four", http("GET", "/", LAST), "127.0.0.1"),
    ("five", http("GET", "/", LAST), "127.0.0.1"),
]


def ask(site: Site, command: str) -> list[dict[str, str]]:
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(5)
        admin.connect(f"{site.program.directory}/admin.sock")
        admin.sendall(command.encode() + b"\n")
        text = b""
        while more := admin.recv(65536):
            text += more
    lines = [line.split(",") for line in text.decode().removeprefix("# ").splitlines() if line]
    return [dict(zip(lines[0], row, strict=False)) for row in lines[1:]]


def lines_of_sockets(site: Site) -> list[dict[str, str]]:
    return ask(site, "show stat -1 8 -1")


@pytest.fixture(scope="module")
def counted(pair: Pair) -> dict[str, Any]:
    def scenario(site: Site) -> list[dict[str, str]]:
        for name, data, source in TRAFFIC:
            with contextlib.suppress(OSError), RawClient(site.port(name), source=source) as client:
                client.send(data).read_all()
        wait_until(lambda: all(row["scur"] == "0" for row in lines_of_sockets(site)), 5, "the sessions to end")
        rows = lines_of_sockets(site)
        for row in rows:
            row.pop("smax")  # a session may end later than its client's
        return rows

    return pair.run(scenario, ORIGIN)


def test_each_socket_has_its_line(counted: dict[str, Any]) -> None:
    assert [row["svname"] for row in counted["haproxy"]] == ["first", "sock-77", "sock-1", "sock-2", "sock-3"]
    assert [list(row) for row in counted["pylb"]] == [list(row) for row in counted["haproxy"]]


@pytest.mark.parametrize("index", range(5))
def test_a_socket_counts_as_in_haproxy(counted: dict[str, Any], index: int) -> None:
    assert counted["pylb"][index] == counted["haproxy"][index]


def test_what_was_counted_is_not_nothing(counted: dict[str, Any]) -> None:
    first = counted["haproxy"][0]
    assert (first["stot"], first["dreq"], first["dresp"], first["dses"]) == ("5", "1", "1", "1")
    assert (counted["haproxy"][1]["ereq"], counted["haproxy"][4]["dcon"]) == ("1", "1")


@pytest.mark.parametrize("command", ["show stat web 8 77", "show stat bytes 8 2", "show stat plain 8 -1"])
def test_sockets_are_selected_by_their_numbers(pair: Pair, command: str) -> None:
    pair.same(lambda site: [(row["pxname"], row["svname"], row["status"]) for row in ask(site, command)])


def test_a_running_session_and_the_highest_number_show(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("two")), RawClient(site.port("two")):

            def seen() -> Any:
                row = ask(site, "show stat web 8 77")[0]
                return (row["scur"], row["smax"], row["slim"]) if row["scur"] == "2" else None

            return wait_until(seen, 5, "two sessions")

    assert pair.same(scenario) == ("2", "2", "50")
