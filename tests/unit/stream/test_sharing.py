"""What connections to servers may be shared, and what a session must know before its socket is gone."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pylb.config.model import RuleLine
from pylb.errors import NOWHERE
from pylb.rules import ruleset
from pylb.rules.verdicts import Outcome, Verdict
from pylb.server import pool
from tests.unit.stream.stage import Stage
from tests.unit.stream.test_laws import Origin


@pytest.fixture
def origin() -> Iterator[Origin]:
    one = Origin()
    yield one
    one.close()


REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def heard(stage: Stage, conn: socket.socket) -> bytes:
    """What arrives on a socket until a blank line has come."""
    data = b""

    def more() -> bool:
        nonlocal data
        try:
            data += conn.recv(65536)
        except BlockingIOError:
            return False
        return b"\r\n\r\n" in data

    stage.until(more)
    return data


def accepted(stage: Stage, origin: Origin) -> socket.socket:
    found: list[Any] = []

    def come() -> bool:
        conn = origin.accept()
        if conn is not None:
            found.append(conn)
        return bool(found)

    stage.until(come)
    conn: socket.socket = found[0]
    return conn


def client(stack: contextlib.ExitStack, address: tuple[str, int]) -> socket.socket:
    sock = stack.enter_context(socket.create_connection(address))
    sock.setblocking(False)
    return sock


@pytest.mark.parametrize("reuse", ["safe", "aggressive", "always"])
def test_a_connection_with_a_proxy_header_serves_the_client_it_names(
    reuse: str, origin: Origin, stack: contextlib.ExitStack
) -> None:
    stage = Stage([origin.address])
    stack.callback(stage.close)
    server = stage.backend.servers[0]
    server.send_proxy = 1
    server.values["pool-low-conn"] = 2
    server.settle()
    stage.backend.reuse = reuse
    address = stage.listen()
    ports = []
    for _ in range(2):
        front = client(stack, address)
        front.sendall(REQUEST)
        back = accepted(stage, origin)
        line, _, head = heard(stage, back).partition(b"\r\n")
        assert line.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ") and head.startswith(b"GET / ")
        ports.append((line.split()[4], b"%d" % front.getsockname()[1]))
        back.sendall(RESPONSE)
        assert heard(stage, front).startswith(b"HTTP/1.1 200")
        front.sendall(REQUEST)
        assert heard(stage, back).startswith(b"GET / ")  # its own connection, without another header
        back.sendall(RESPONSE)
        assert heard(stage, front).startswith(b"HTTP/1.1 200")
    assert [told for told, _ in ports] == [real for _, real in ports]
    assert len(server.idle) == 2


def test_a_header_that_would_differ_takes_another_connection(origin: Origin, stack: contextlib.ExitStack) -> None:
    stage = Stage([origin.address])
    stack.callback(stage.close)
    server = stage.backend.servers[0]
    server.send_proxy = 2
    server.proxy_options = ("unique-id",)
    server.settle()
    numbers = iter((b"first", b"second"))
    stage.frontend.unique_id = lambda stream: next(numbers)
    front = client(stack, stage.listen())
    for name in (b"first", b"second"):
        front.sendall(REQUEST)
        back = accepted(stage, origin)
        assert name in heard(stage, back)
        back.sendall(RESPONSE)
        assert heard(stage, front).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("reuse", ["never", "safe", "aggressive", "always"])
def test_a_connection_serves_only_requests_that_go_where_it_leads(
    reuse: str, origin: Origin, stack: contextlib.ExitStack
) -> None:
    """Transparent servers and mapped ports: one server, several destinations."""
    other = Origin()
    stack.callback(other.close)
    stage = Stage([origin.address])
    stack.callback(stage.close)
    server = stage.backend.servers[0]
    stage.backend.reuse = reuse
    wanted = origin
    server.sockaddr, server.destination = None, lambda session: wanted.address
    server.values["pool-low-conn"] = 2
    server.settle()
    front = client(stack, stage.listen())
    opened: dict[Origin, socket.socket] = {}
    for wanted in (origin, origin, other, origin, other, other):
        front.sendall(REQUEST)
        if wanted not in opened:
            opened[wanted] = accepted(stage, wanted)
        assert heard(stage, opened[wanted]).startswith(b"GET / ")
        opened[wanted].sendall(RESPONSE)
        assert heard(stage, front).startswith(b"HTTP/1.1 200")
    assert [one.accept() for one in (origin, other)] == [None, None]


def test_a_client_keeps_a_few_connections_of_its_own(origin: Origin, stack: contextlib.ExitStack) -> None:
    origins = [origin, *(Origin() for _ in range(pool.OWN_MAX))]
    for one in origins[1:]:
        stack.callback(one.close)
    stage = Stage([one.address for one in origins])
    stack.callback(stage.close)
    stage.backend.reuse = "never"
    front = client(stack, stage.listen())
    backs = []
    for one in origins:  # round robin
        front.sendall(REQUEST)
        backs.append(accepted(stage, one))
        heard(stage, backs[-1])
        backs[-1].sendall(RESPONSE)
        heard(stage, front)
    assert gone(stage, backs[-1])  # there is room for five
    for back in backs[:-1]:
        with pytest.raises(BlockingIOError):
            back.recv(1)
    front.close()
    for back in backs[:-1]:
        assert gone(stage, back)


def gone(stage: Stage, conn: socket.socket) -> bool:
    """Waits for the end of a connection."""
    ended = []

    def more() -> bool:
        try:
            ended.extend([True] if not conn.recv(1) else [])
        except BlockingIOError:
            pass
        except ConnectionResetError:
            ended.append(True)
        return bool(ended)

    stage.until(more)
    return True


def test_the_address_that_a_log_wants_is_asked_for_at_once(stack: contextlib.ExitStack) -> None:
    stage = Stage([])
    stack.callback(stage.close)
    stage.frontend.log_local = True
    address = stage.listen()
    front = client(stack, address)
    front.sendall(REQUEST)
    assert heard(stage, front).startswith(b"HTTP/1.1 503")
    front.close()
    assert stage.log.streams[0].session.local == address


@pytest.mark.parametrize("framing", ["length", "chunks", "late"])
def test_a_client_that_asked_for_a_head_gets_no_body_whatever_method_rules_made_of_it(
    framing: str, origin: Origin, stack: contextlib.ExitStack
) -> None:
    stage = Stage([origin.address])
    stack.callback(stage.close)
    ask = action("set-method")
    stage.frontend.http_request = ruleset.compile([ask], None)
    front = client(stack, stage.listen())
    front.sendall(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    back = accepted(stage, origin)
    assert heard(stage, back).startswith(b"GET / ")
    head = b"transfer-encoding: chunked" if framing == "chunks" else b"content-length: 5"
    body = b"5\r\nhello\r\n0\r\n\r\n" if framing == "chunks" else b"hello"
    back.sendall(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % head + (b"" if framing == "late" else body))
    answer = heard(stage, front)
    assert head in answer and answer.endswith(b"\r\n\r\n")
    if framing == "late":
        back.sendall(body)
    front.sendall(REQUEST)
    assert heard(stage, back).startswith(b"GET / ")  # the same connection: its body has been read
    back.sendall(RESPONSE)
    assert heard(stage, front).startswith(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n")


def action(name: str) -> RuleLine:
    """`http-request set-method GET`, compiled without a configuration."""
    from pylb.rules.actions.uri import change_method

    return RuleLine("http-request", None, None, NOWHERE, name, lambda program: lambda ctx: change_method(ctx, b"GET"))


def test_what_was_no_request_has_no_rules_for_its_answer(stack: contextlib.ExitStack) -> None:
    stage = Stage([])
    stack.callback(stage.close)
    seen: list[Any] = []
    stage.worker.after_response = lambda stream, response: seen.append(response.status)
    front = client(stack, stage.listen())
    front.sendall(b"BAD\r\n\r\n")
    assert heard(stage, front).startswith(b"HTTP/1.1 400")
    assert seen == []


@pytest.mark.parametrize("by_rule", [True, False])
def test_a_tcp_connection_goes_on_as_http(by_rule: bool, origin: Origin, stack: contextlib.ExitStack) -> None:
    """Its rules have been run for the first request, what they noted is still there, and they run for the next ones."""
    stage = Stage([origin.address], http=False)
    stack.callback(stage.close)
    stage.backend.http = True
    runs: list[bool] = []

    def inspect(stream: Any) -> Verdict:
        runs.append(stream.request is None)
        if stream.variables is None:
            stream.variables = {"req.seen": len(runs)}
        return Verdict(Outcome.UPGRADE)

    noted: list[Any] = []
    if by_rule:
        stage.frontend.tcp_content = ruleset.compile([RuleLine("", None, None, NOWHERE, "", lambda _: inspect)], None)
    note = RuleLine("", None, None, NOWHERE, "", lambda _: lambda stream: noted.append(stream.variables))
    stage.backend.http_request = ruleset.compile([note], None)
    front = client(stack, stage.listen())
    front.sendall(REQUEST)
    back = accepted(stage, origin)
    for _ in range(2):
        assert heard(stage, back).startswith(b"GET / ")
        back.sendall(RESPONSE)
        assert heard(stage, front).startswith(b"HTTP/1.1 200")
        front.sendall(REQUEST)
    assert runs == ([True, False] if by_rule else [])
    assert noted == ([{"req.seen": 1}, {"req.seen": 2}] if by_rule else [None, None])


@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_an_empty_chunked_body_has_its_end(version: bytes, origin: Origin, stack: contextlib.ExitStack) -> None:
    """The whole response in one piece. A connection does not outlive chunks of a 1.0 server."""
    stage = Stage([origin.address])
    stack.callback(stage.close)
    address = stage.listen()
    for _ in range(3):  # the third time the head is a known one
        front = client(stack, address)
        front.sendall(REQUEST)
        back = accepted(stage, origin)
        heard(stage, back)
        back.sendall(b"HTTP/%b 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" % version)
        answer = heard(stage, front)
        if not answer.endswith(b"\r\n0\r\n\r\n"):
            answer += heard(stage, front)
        assert answer == b"HTTP/%b 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" % version
        back.close()
        front.close()
        stage.until(lambda: not stage.backend.servers[0].idle)
    assert [stream.keep for stream in stage.log.streams] == [version == b"1.1"] * 3


def test_a_buffered_body_that_breaks_off_is_not_passed_on(origin: Origin, stack: contextlib.ExitStack) -> None:
    stage = Stage([origin.address])
    stack.callback(stage.close)
    stage.frontend.buffer_body = True
    front = client(stack, stage.listen())
    front.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")
    front.shutdown(socket.SHUT_WR)
    stage.until(lambda: stage.log.streams)
    ended = stage.log.streams[0]
    assert (ended.end_state + ended.end_cause, ended.server, ended.status) == (b"CR", None, 400)
    assert heard(stage, front).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("head", [REQUEST, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"])
def test_a_timeout_of_the_stream_replaces_the_backends(
    head: bytes, origin: Origin, stack: contextlib.ExitStack
) -> None:
    stage = Stage([origin.address])
    stack.callback(stage.close)
    hurry = RuleLine("", None, None, NOWHERE, "", lambda _: lambda stream: setattr(stream, "timeout_server", 0.05))
    stage.frontend.http_request = ruleset.compile([hurry], None)
    front = client(stack, stage.listen())
    front.sendall(head)
    accepted(stage, origin)
    assert heard(stage, front).startswith(b"HTTP/1.1 504 ")
