"""Kernel pipes between sockets: nothing is lost or kept, whoever stops, ends, or is refused by the system."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pylb.engine.poller import Poller
from pylb.engine.splice import AUTO, REQUEST, RESPONSE, UNABLE, Pipe, Pipes, wanted
from pylb.engine.transport import Transport

DATA = os.urandom(1 << 20)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


class Bench:
    """A source and a target with the peers at their far ends."""

    def __init__(self) -> None:
        self.poller = Poller()
        self.pipes = Pipes()
        self.pipes.limit = 2
        listener = socket.create_server(("127.0.0.1", 0))
        self.far_source = socket.create_connection(listener.getsockname())
        near_source, _ = listener.accept()
        self.far_target = socket.socket()
        self.far_target.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.far_target.connect(listener.getsockname())
        near_target, _ = listener.accept()
        near_target.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        listener.close()
        self.source, self.target = (self.transport(one) for one in (near_source, near_target))
        self.far_source.settimeout(5)
        self.far_target.settimeout(5)

    def transport(self, sock: Any) -> Transport:
        sock.setblocking(False)
        transport = Transport(sock, self.poller)
        transport.register()
        transport.readable = True
        return transport

    def fill(self, size: int) -> None:
        """Lets so much arrive at the source."""
        self.far_source.sendall(DATA[:size])
        while len(self.source.sock.recv(size, socket.MSG_PEEK)) < min(size, 65536):
            pass

    def drained(self, size: int) -> bytes:
        """Reads at the far end while the target is flushed."""
        got = b""
        while len(got) < size:
            self.target.flush()
            got += self.far_target.recv(65536)
        return got

    def close(self) -> None:
        for one in (self.source, self.target, self.far_source, self.far_target, self.poller):
            one.close()


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_bytes_pass_and_the_pipe_goes_back(bench: Bench) -> None:
    bench.fill(100)
    assert bench.pipes.move(bench.source, bench.target) == 100
    assert bench.far_target.recv(1000) == DATA[:100]
    assert not bench.target.out and (bench.pipes.used, len(bench.pipes.free)) == (0, 1)
    assert bench.pipes.move(bench.source, bench.target) is None and not bench.source.readable
    assert (bench.pipes.used, bench.pipes.moved) == (0, 100)


def test_what_the_target_does_not_take_waits_in_the_pipe_in_order(bench: Bench) -> None:
    bench.fill(300_000)
    total = 0
    while not bench.target.out:
        total += bench.pipes.move(bench.source, bench.target) or 0
    assert isinstance(bench.target.out, Pipe) and 0 < len(bench.target.out) <= bench.target.out.size
    assert bench.pipes.used == 1
    bench.target.put(b"behind")
    assert bench.drained(total + 6) == DATA[:total] + b"behind"
    assert bench.target.flush() and bench.target.out == b"" and bench.pipes.used == 0


def test_a_piece_is_no_larger_than_asked_nor_than_a_pipe(bench: Bench) -> None:
    bench.pipes.size = 65536
    bench.fill(200_000)
    assert bench.pipes.move(bench.source, bench.target, 10) == 10
    bench.drained(10)
    assert 0 < (bench.pipes.move(bench.source, bench.target) or 0) <= 65536


def test_there_are_no_more_pipes_than_the_limit(bench: Bench) -> None:
    bench.pipes.limit = 1
    bench.fill(300_000)
    while not bench.target.out:
        bench.pipes.move(bench.source, bench.target)
    other = Bench()
    try:
        other.fill(10)
        assert bench.pipes.move(other.source, other.target) == UNABLE
        assert other.source.read(100) == DATA[:10]
    finally:
        other.close()
    assert bench.pipes.opened == 1


def test_a_pipe_is_closed_with_the_connection_that_its_bytes_were_for(bench: Bench) -> None:
    before = descriptors()
    bench.fill(300_000)
    while not bench.target.out:
        bench.pipes.move(bench.source, bench.target)
    assert descriptors() == before + 2
    bench.target.fail(errno.EPIPE)
    assert descriptors() == before and bench.pipes.opened == 0


def test_the_end_and_the_failure_of_a_source_show_as_in_read(bench: Bench) -> None:
    bench.fill(10)
    bench.far_source.close()
    assert bench.pipes.move(bench.source, bench.target) == 10
    assert bench.pipes.move(bench.source, bench.target) == 0
    assert bench.source.eof and not bench.source.error and bench.pipes.used == 0
    other = Bench()
    try:
        other.far_source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        other.far_source.close()
        while other.pipes.move(other.source, other.target) is None:
            other.source.readable = True
        assert other.source.eof and other.source.error == errno.ECONNRESET
    finally:
        other.close()


def test_a_target_that_is_gone_fails_as_in_put(bench: Bench) -> None:
    bench.far_target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    bench.far_target.close()
    bench.fill(10)
    while bench.source.readable and not bench.target.error:
        assert bench.pipes.move(bench.source, bench.target) == 10
        if not bench.target.error:
            bench.fill(10)
    assert bench.target.error in (errno.EPIPE, errno.ECONNRESET) and bench.pipes.used == 0


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL])
def test_a_system_without_splicing_is_asked_once(bench: Bench, monkeypatch: Any, code: int) -> None:
    calls = []

    def refuses(*args: Any) -> int:
        calls.append(args)
        raise OSError(code, "not here")

    monkeypatch.setattr("pylb.engine.splice.os.splice", refuses)
    bench.fill(10)
    assert bench.pipes.move(bench.source, bench.target) == UNABLE
    assert bench.pipes.move(bench.source, bench.target) == UNABLE
    assert len(calls) == 1 and bench.source.read(100) == DATA[:10] and not bench.source.error


def test_what_is_in_a_pipe_that_cannot_be_spliced_out_is_sent_otherwise(bench: Bench, monkeypatch: Any) -> None:
    splice = os.splice

    def only_in(source: int, *args: Any) -> int:
        if source != bench.source.fd:
            raise OSError(errno.EINVAL, "not here")
        return splice(source, *args)

    monkeypatch.setattr("pylb.engine.splice.os.splice", only_in)
    bench.fill(5000)
    assert bench.pipes.move(bench.source, bench.target) == 5000
    assert bench.drained(5000) == DATA[:5000]
    assert bench.pipes.limit == 0 and bench.pipes.used == 0


def test_pipes_that_cannot_be_large_enough_are_not_used(bench: Bench, monkeypatch: Any) -> None:
    def refuses(fd: int, command: int, value: int = 0) -> int:
        if value:
            raise PermissionError(errno.EPERM, "too many pages")
        return 8192

    monkeypatch.setattr("pylb.engine.splice.fcntl.fcntl", refuses)
    before = descriptors()
    bench.fill(10)
    assert bench.pipes.move(bench.source, bench.target) == UNABLE
    assert (descriptors(), bench.pipes.opened) == (before, 0)


def test_options_say_what_is_wanted() -> None:
    assert wanted(frozenset(("splice-auto", "httplog"))) == AUTO
    assert wanted(frozenset(("splice-request", "splice-response"))) == REQUEST | RESPONSE
    assert wanted(frozenset()) == 0
