"""From a finished stream to datagrams: formats, headers, levels, lengths, sampling, dropping."""

from __future__ import annotations

import os
import socket
import timeit
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.counters import process
from pylb.log import formats
from pylb.records.stream import Stream
from pylb.sample import logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from tests.harness.syslog import Syslog
from tests.harness.waiting import wait_until
from tests.unit.log.conftest import BASE
from tests.unit.log.streams import finished, proxies

LINE = (
    b"10.0.0.1:4711 [22/Nov/2026:18:42:46.128] fe be/s1 1/2/3/5/16 200 93 - - ---- 0/0/0/0/0 0/0 "
    b'"GET /a/b?x=1 HTTP/1.1"'
)


def received(syslog: Syslog, count: int = 1) -> list[bytes]:
    """The first datagrams, all of them when there are more than expected."""
    wait_until(lambda: len(syslog.datagrams) >= count)
    return list(syslog.datagrams)


def on(built: Any, stream: Stream) -> Stream:
    stream.frontend.log = built.logger
    return stream


# -- the two formats written out by hand equal a compile of their texts ----------------------------------------------


def compiled(name: str) -> Callable[[Any], bytes]:
    from pylb import standard
    from pylb.config import reader

    standard.load()
    config = reader.parse_text(BASE + "frontend fe\n")
    site = Site(config, config.proxies[0], "log-format", Point.LOG)
    return logformat.parse(formats.TEXTS[name], site).compile(SimpleNamespace(config=config))


@given(
    times=st.lists(st.floats(0.0, 5.0), min_size=5, max_size=5),
    reached=st.integers(0, 4),
    idle=st.floats(0.0, 3.0),
    handshake=st.sampled_from([0.0, 0.0015, 1.2]),
    wall=st.floats(0, 0.9999),
    target=st.binary(min_size=1, max_size=1100),
    captures=st.lists(st.one_of(st.none(), st.binary(max_size=8)), max_size=3),
    has=st.sets(st.sampled_from(["backend", "server", "request", "tls", "redispatched", "src", "cookie", "unix"])),
    numbers=st.lists(st.integers(0, 10**12), min_size=6, max_size=6),
)
def test_fused_lines_equal_the_generic_ones(
    times: list[float],
    reached: int,
    idle: float,
    handshake: float,
    wall: float,
    target: bytes,
    captures: list[bytes | None],
    has: set[str],
    numbers: list[int],
) -> None:
    from pylb.clock import clock

    frontend, backend = proxies()
    stream = finished(b"GET " + target + b" HTTP/1.1", frontend, backend)
    at = stream.start
    names = ("request_end", "connect_start", "server_connected", "response_end")
    for place, name in enumerate(names):
        at += times[place]
        setattr(stream, name, at if place < reached else 0.0)
    clock.now = at + times[4]
    stream.idle_time = idle
    stream.session.handshake_time = handshake
    stream.start_wall = 1795372966 + wall
    frontend.capture_slots = (len(captures), len(captures))
    stream.captures_request = captures or None
    if "cookie" in has:
        stream.cookie_captured = (b'a="b', None)
    if "backend" not in has:
        stream.backend = None
    if "server" not in has:
        stream.server = None
    if "request" not in has:
        stream.request = None
    if "tls" in has:
        stream.session.tls = SimpleNamespace(version="TLSv1.3", cipher="x")
    if "src" in has:
        stream.session.src, stream.session.src_port = b"\x01\x02\x03\x04", 9
    if "unix" in has:
        stream.session.address = ""
    stream.redispatched = "redispatched" in has
    stream.bytes_out, stream.retries, stream.queue_server, stream.queue_backend, stream.status = numbers[:5]
    process.conn_cur = frontend.counters.conn_cur = numbers[5]
    try:
        assert formats.http_line(stream) == GENERIC["httplog"](stream)
        assert formats.tcp_line(stream) == GENERIC["tcplog"](stream)
    finally:
        process.conn_cur = 0
        clock.resync()


GENERIC = {name: compiled(name) for name in ("httplog", "tcplog")}


def test_the_default_line_is_cheap() -> None:
    stream = finished()
    best = min(timeit.repeat(lambda: formats.http_line(stream), number=2000, repeat=5)) / 2000
    assert best < 25e-6  # 2.2 us measured; the bound only tells a fused line from a generic one on a busy machine


# -- headers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "head", "options"),
    [
        ("", b"<134>Nov 22 18:42:46 haproxy[%d]: ", ""),
        ("format rfc3164", b"<134>Nov 22 18:42:46 localhost haproxy[%d]: ", ""),
        ("", b"<134>Nov 22 18:42:46 box haproxy[%d]: ", "log-send-hostname box"),
        ("format local", b"<134>Nov 22 18:42:46 haproxy[%d]: ", "log-send-hostname box"),
        ("", b"<134>Nov 22 18:42:46 tagged[%d]: ", "log-tag tagged"),
        ("format rfc5424", b"<134>1 2026-11-22T18:42:46.144600+00:00 - haproxy %d - - ", ""),
        ("format priority", b"<134>", ""),
        ("format short", b"<6>", ""),
        ("format timed", b"<6>2026-11-22T18:42:46.144600+00:00 ", ""),
        ("format iso", b"2026-11-22T18:42:46.144600+00:00 ", ""),
        ("format raw", b"", ""),
    ],
)
def test_headers(build: Any, syslog: Syslog, form: str, head: bytes, options: str) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} {form} local0\noption httplog", head=f"global\n {options}")
    built.logger.emit(on(built, finished()))
    (line,) = received(syslog)
    expected = head % os.getpid() if b"%d" in head else head
    assert _without_micro(line) == _without_micro(expected + LINE + b"\n")


def _without_micro(line: bytes) -> bytes:
    import re

    return re.sub(rb"\.\d{6}\+", b".*+", line)


def test_structured_data_stands_before_the_message(build: Any, syslog: Syslog) -> None:
    built = build(
        f"log 127.0.0.1:{syslog.port} format rfc5424 local0\noption httplog\n"
        'log-format-sd "[ex@1 b=\\"%B\\"]"\nlog-tag xx'
    )
    built.logger.emit(on(built, finished()))
    (line,) = received(syslog)
    assert b' xx %d - [ex@1 b="93"] 10.0.0.1:4711 ' % os.getpid() in line


@pytest.mark.parametrize(("form", "total"), [("local0", 81), ("format raw local0", 80), ("format short local0", 81)])
def test_lines_are_cut_as_haproxy_cuts_them(build: Any, syslog: Syslog, form: str, total: int) -> None:
    """The message fits a buffer of the greatest length less one, header and message are cut at their own length."""
    built = build(f"log 127.0.0.1:{syslog.port} len 80 {form}\noption httplog")
    built.logger.emit(on(built, finished(b"GET /" + b"a" * 500 + b" HTTP/1.1")))
    (line,) = received(syslog)
    assert len(line) == total and line.endswith(b"\n")


def test_a_longer_destination_lengthens_the_message(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} len 80 format raw local0\nlog ring@r len 3000 local0\noption httplog")
    built.logger.emit(on(built, finished(b"GET /" + b"a" * 500 + b" HTTP/1.1")))
    assert len(received(syslog)[0]) == 81


# -- levels and options ------------------------------------------------------------------------------------------------


def levels(build: Any, syslog: Syslog, lines: str, *streams: Stream) -> list[bytes]:
    built = build(f"log 127.0.0.1:{syslog.port} format short local0 {lines}\noption httplog")
    for stream in streams:
        built.logger.emit(on(built, stream))
    built.logger.event(0, b"END")
    _until_end(syslog)
    return [line[:3] for line in syslog.datagrams[:-1]]


def _until_end(syslog: Syslog) -> None:
    wait_until(lambda: bool(syslog.datagrams) and syslog.datagrams[-1].endswith(b"END\n"))


def changed(**facts: Any) -> Stream:
    stream = finished()
    for name, value in facts.items():
        setattr(stream, name, value)
    return stream


def test_failures_are_raised_to_err_when_asked(build: Any, syslog: Syslog) -> None:
    streams = (
        finished(),
        changed(status=503),
        changed(retries=1),
        changed(redispatched=True),
        changed(end_state=b"s", end_cause=b"H"),
        changed(end_state=b"L", end_cause=b"R", status=302),
        changed(status=404),
        changed(log_level="debug", status=500),
    )
    found = levels(build, syslog, "\noption log-separate-errors", *streams)
    assert found == [b"<6>", b"<3>", b"<3>", b"<3>", b"<3>", b"<6>", b"<6>", b"<7>"]


def test_normal_lines_can_be_left_out(build: Any, syslog: Syslog) -> None:
    found = levels(build, syslog, "\noption dontlog-normal", finished(), changed(status=500), changed(end_state=b"C"))
    assert found == [b"<6>", b"<6>"]


def test_connections_without_a_byte_can_be_left_out(build: Any, syslog: Syslog) -> None:
    nothing = {"request": None, "bytes_in": 0, "end_state": b"C", "end_cause": b"R"}
    found = levels(
        build, syslog, "\noption dontlognull", changed(**nothing), changed(**nothing, received=3), finished()
    )
    assert found == [b"<6>", b"<6>"]


def test_level_bounds(build: Any, syslog: Syslog) -> None:
    silent, notice = changed(log_level="silent"), changed(log_level=b"notice")
    assert levels(build, syslog, "notice", finished(), notice, silent) == [b"<5>"]


def test_a_minimum_level_caps_importance(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} format short local0 info err\noption httplog")
    built.logger.event(0, b"up")
    assert received(syslog) == [b"<3>up\n"]


def test_sampling_counts_round_and_round(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} format raw sample 1,3-4:5 local0\noption httplog")
    for number in range(10):
        built.logger.event(6, b"%d" % number)
    assert received(syslog, 6) == [b"%d\n" % number for number in (0, 2, 3, 5, 7, 8)]


def test_log_global_uses_the_global_destinations(build: Any, syslog: Syslog) -> None:
    head = f"global\n log 127.0.0.1:{syslog.port} format raw local0\n log 127.0.0.1:{syslog.port} format short local0"
    built = build("log global\noption httplog", head=head)
    built.logger.emit(on(built, finished()))
    assert received(syslog, 2) == [LINE + b"\n", b"<6>" + LINE + b"\n"]
    assert len(built.program.log_targets) == 1


def test_without_destination_there_is_no_logger_but_a_warning(build: Any) -> None:
    built = build("option httplog")
    assert built.logger is None
    assert built.messages == ["log format ignored for frontend 'fe' since it has no log address."]


def test_httplog_in_tcp_mode_falls_back(build: Any) -> None:
    built = build("mode tcp\nlog 127.0.0.1 local0\noption httplog")
    assert built.messages == [
        "'option httplog' not usable with frontend 'fe' (needs 'mode http'). Falling back to 'option tcplog'."
    ]
    assert built.logger.format is formats.tcp_line


def test_mistakes_in_formats_are_reported(build: Any) -> None:
    built = build("log 127.0.0.1 local0\nlog-format %foo")
    assert built.messages == [
        "failed to parse log-format : no such format variable 'foo'. If you wanted to emit the '%' character "
        "verbatim, you need to use '%%'"
    ]


def test_logasap_marks_totals(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} format raw local0\noption httplog\noption logasap")
    assert built.logger.asap and not built.logger.early
    stream = on(built, finished())
    stream.end = 0.0  # not over yet
    built.logger.emit(stream)
    assert b" 1/2/3/5/+11 200 +93 " in received(syslog)[0]


@pytest.mark.parametrize(
    ("text", "asap"),
    [("%ci:%cp [%t] %ft", True), ("%ST %r", True), ("%ci %[src]", True), ("%ci %B", False), ("x", True)],
)
def test_formats_without_what_the_end_tells_are_written_in_advance(build: Any, text: str, asap: bool) -> None:
    logger = build(f'log 127.0.0.1 local0\nlog-format "{text}"').logger
    assert (logger.early, logger.asap, logger.marks) == (False, asap, False)


def test_without_any_format_the_connection_is_announced(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} format raw local0")
    assert built.logger.early
    built.logger.emit(on(built, finished()))
    assert received(syslog) == [b"Connect from 10.0.0.1:4711 to 10.0.0.2:80 (fe/HTTP)\n"]


def test_refused_connections(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} format raw local0\noption httplog")
    stream = finished()
    built.logger.refused(on(built, stream), b"Connection error during SSL handshake")
    assert (
        received(syslog)[0]
        == b"10.0.0.1:4711 [22/Nov/2026:18:42:46.107] fe/li: Connection error during SSL handshake\n"
    )


def test_unique_ids(build: Any) -> None:
    from pylb.log import logger

    built = build('unique-id-format "%{+X}o%ci:%cp_%fi:%fp_%Ts_%rt"\nunique-id-header X-Unique-ID')
    config = built.program.config.proxies[0]
    add = logger.unique_id_header(config, built.program)
    assert add is not None
    stream = finished()
    stream.number = 10
    add(stream)
    assert stream.unique_id == b"0A000001:1267_0A000002:0050_6B0337A6_000A"
    assert stream.request is not None and stream.request.fields[-1][:2] == (b"x-unique-id", stream.unique_id)


def test_identifiers_may_use_the_request(build: Any) -> None:
    built = build('unique-id-format "T-%[req.hdr(host)]"')
    from pylb.log import logger

    assert logger.unique_id(built.program.config.proxies[0], built.program) is not None


@pytest.mark.parametrize(
    ("line", "wanted"),
    [('"%fi"', True), ('"%{+X}fp"', True), ('"%(x)fi"', True), ('"%[dst]"', True), ('"%ci %ft"', False)],
)
def test_formats_that_speak_of_the_arrival_ask_for_it_early(build: Any, line: str, wanted: bool) -> None:
    built = build(f"log 127.0.0.1:1 local0\nlog-format {line}")
    assert built.logger.needs_local is wanted


# -- targets -----------------------------------------------------------------------------------------------------------


def test_a_unix_socket_that_comes_back_is_found_again(build: Any, tmp_path: Path) -> None:
    from pylb.clock import clock

    path = str(tmp_path / "log")
    built = build(f"log {path} format raw local0\noption httplog")
    before = process.dropped_logs
    built.logger.event(6, b"lost")
    assert process.dropped_logs == before + 1
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    clock.now += 2
    built.logger.event(6, b"found")
    assert receiver.recv(99) == b"found\n"
    receiver.close()


def test_a_full_receiver_drops_and_counts(build: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(path)
    built = build(f"log {path} len 65535 format raw local0\noption httplog")
    before = process.dropped_logs
    for _ in range(2000):
        built.logger.event(6, b"x" * 60000)
    assert process.dropped_logs > before
    receiver.close()


def test_a_refused_datagram_does_not_cost_the_next_one(build: Any) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    sock.close()
    built = build(f"log 127.0.0.1:{port} format raw local0\noption httplog")
    built.logger.event(6, b"refused")
    again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    again.bind(("127.0.0.1", port))
    again.settimeout(5)
    built.logger.event(6, b"taken")
    assert again.recv(99) == b"taken\n"
    again.close()


def test_a_pipe_keeps_whole_lines_when_it_is_full(build: Any) -> None:
    out, inp = os.pipe()
    built = build(f"log fd@{inp} format raw local0\noption httplog")
    before = process.dropped_logs
    lines = [b"%06d" % number + b"x" * 993 for number in range(400)]
    for line in lines:
        built.logger.event(6, line)
    assert os.get_blocking(inp)
    data = b""
    os.set_blocking(out, False)
    (target,) = built.program.log_targets.values()
    while True:
        try:
            data += os.read(out, 65536)
        except BlockingIOError:
            if not target.rest:
                break
            target.flush()
    got = data.split(b"\n")[:-1]
    assert got == lines[: len(got)] and len(got) + process.dropped_logs - before == len(lines)
    assert process.dropped_logs > before
    os.close(out)
    os.close(inp)


@pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")
def test_a_unix_socket_is_still_written_to_from_an_empty_chroot(build: Any, tmp_path: Path) -> None:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log"))
    receiver.settimeout(5)
    built = build(f"log {tmp_path}/log format raw local0\noption httplog")
    (tmp_path / "empty").mkdir()
    child = os.fork()
    if child == 0:
        os.chroot(tmp_path / "empty")
        os.chdir("/")
        built.logger.event(6, b"from below")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert receiver.recv(99) == b"from below\n"
    receiver.close()


def test_a_fork_writes_its_own_process_id(build: Any, syslog: Syslog) -> None:
    built = build(f"log 127.0.0.1:{syslog.port} local0\noption httplog")
    built.logger.event(6, b"parent")
    child = os.fork()
    if child == 0:
        built.logger.event(6, b"child")
        os._exit(0)
    os.waitpid(child, 0)
    lines = received(syslog, 2)
    assert [line.split(b"[")[1].split(b"]")[0] for line in lines] == [b"%d" % os.getpid(), b"%d" % child]
