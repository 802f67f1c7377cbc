"""Receivers of log lines that are slow, full or away: traffic goes on, memory stays, losses are counted."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

from tests.differential.pairs import http
from tests.harness import RawClient, Site, free_port, run_site, wait_until

CONFIG = """
global
    nbthread 1
    stats socket $(dir)/control mode 600 level admin
defaults
    mode http
    timeout client 5s
    log-format "%HP"
frontend web
    bind 127.0.0.1:$(web)
    http-request return status 200
"""


def dropped(site: Site) -> int:
    """`DroppedLogs` of `show info`."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(site.program.directory / "control"))
        sock.sendall(b"show info\n")
        text = b""
        while piece := sock.recv(65536):
            text += piece
    found = re.search(rb"DroppedLogs: (\d+)", text)
    assert found
    return int(found[1])


def ask(site: Site, count: int, size: int = 700) -> None:
    """Requests on one connection, numbered; each is answered whatever becomes of its line."""
    with RawClient(site.port("web")) as client:
        for number in range(count):
            reply = client.send(http("GET", f"/{number:05}{'x' * size}", "host: h")).read_reply()
            assert reply.status == 200


def test_a_reader_that_stops_costs_lines_and_nothing_else() -> None:
    reading, writing = os.pipe()
    try:
        config = CONFIG + f"    log fd@{writing} format raw local0\n"
        with run_site("pylb", config, (), pass_fds=(writing,)) as site:
            ask(site, 400)
            first, before = dropped(site), site.program.resident_bytes()
            assert first > 100, "the pipe and the lines kept behind it hold less than half of that"
            ask(site, 1500)
            assert dropped(site) == first + 1500
            assert site.program.resident_bytes() - before < 1 << 20
            assert os.get_blocking(writing)
            os.set_blocking(reading, False)
            data = b""

            def come() -> bool:
                nonlocal data
                try:
                    data += os.read(reading, 1 << 20)
                except BlockingIOError:
                    return data.count(b"\n") == 400 - first
                return False

            wait_until(come, 5.0, "the lines that were kept, without a new one that pushes them")
            kept = [int(line[1:6]) for line in data.splitlines()]
            assert kept == list(range(400 - first)), "whole lines, in order"
            assert all(len(line) == 706 for line in data.splitlines())
            ask(site, 3)
            wait_until(lambda: not come() and data.count(b"\n") == 403 - first, 5.0, "new lines")
            assert dropped(site) == first + 1500
    finally:
        os.close(reading)
        os.close(writing)


def test_a_reader_that_leaves_costs_lines_and_nothing_else() -> None:
    reading, writing = os.pipe()
    try:
        config = CONFIG + f"    log fd@{writing} format raw local0\n"
        with run_site("pylb", config, (), pass_fds=(writing,)) as site:
            ask(site, 2)
            assert dropped(site) == 0, "which is answered behind the second line"
            os.close(reading)
            ask(site, 20)
            assert dropped(site) == 20
    finally:
        os.close(writing)


def test_a_unix_socket_that_is_full_away_and_back(tmp_path: Path) -> None:
    path = str(tmp_path / "log")
    config = CONFIG + f"    log {path} format raw local0\n"
    with run_site("pylb", config, ()) as site:
        ask(site, 5)
        assert dropped(site) == 5, "nobody is there yet"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.bind(path)
            receiver.setblocking(False)

            def arrives() -> bool:
                ask(site, 1)
                try:
                    return receiver.recv(65536).startswith(b"/00000")
                except BlockingIOError:
                    return False

            wait_until(arrives, 5.0, "a line, a second after the last attempt")
            lost = dropped(site)
            ask(site, 2000)  # nobody reads
            before = site.program.resident_bytes()
            ask(site, 500)
            assert dropped(site) - lost > 500
            assert site.program.resident_bytes() - before < 1 << 20
        os.unlink(path)
        lost = dropped(site)
        ask(site, 3)
        assert dropped(site) == lost + 3


def test_a_closed_port_costs_no_time() -> None:
    config = CONFIG + f"    log 127.0.0.1:{free_port()} format raw local0\n"
    with run_site("pylb", config, ()) as site:
        ask(site, 200)
        assert dropped(site) <= 200
