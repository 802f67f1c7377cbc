"""Clients in TCP mode that close their side while a server is connected to or waited for, beside HAProxy: who has said
nothing wants nothing, who has said something is served, unless `option abortonclose` says otherwise."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest

from tests.differential.pairs import Pair, log_lines, paired
from tests.harness import RawClient, Site, free_port, requires, silent
from tests.harness.ports import full_listener
from tests.harness.syslog import split_tcplog

pytestmark = requires("haproxy")

FULL, _FILLERS = full_listener()

pair = paired(
    """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode tcp
    log global
    option tcplog
    retries 0
    timeout connect 400ms
    timeout queue 400ms
    timeout client 3s
    timeout server 3s
listen connecting
    bind 127.0.0.1:$(connecting)
    server full 127.0.0.1:$(full)
listen connecting_abort
    bind 127.0.0.1:$(connecting_abort)
    option abortonclose
    server full 127.0.0.1:$(full)
listen retrying
    bind 127.0.0.1:$(retrying)
    retries 1
    server gone 127.0.0.1:$(gone)
listen queued
    bind 127.0.0.1:$(queued)
    server s1 127.0.0.1:$(s1) maxconn 1
listen queued_abort
    bind 127.0.0.1:$(queued_abort)
    option abortonclose
    server s1 127.0.0.1:$(s1) maxconn 1
listen mute
    bind 127.0.0.1:$(mute)
    timeout client 200ms
    server full 127.0.0.1:$(full)
listen mute_retrying
    bind 127.0.0.1:$(mute_retrying)
    timeout client 200ms
    retries 1
    server gone 127.0.0.1:$(gone)
listen mute_queued
    bind 127.0.0.1:$(mute_queued)
    timeout client 200ms
    timeout server 3s
    timeout tunnel 3s
    server s1 127.0.0.1:$(s1) maxconn 1
""",
    values={"full": FULL.getsockname()[1], "gone": free_port()},
)

CASES = [
    ("connecting", b"", "CC"),
    ("connecting", b"hi", "sC"),
    ("connecting_abort", b"", "CC"),
    ("connecting_abort", b"hi", "CC"),
    ("retrying", b"", "CC"),
    ("retrying", b"hi", "SC"),
    ("queued", b"", "CQ"),
    ("queued", b"hi", "sQ"),
    ("queued_abort", b"", "CQ"),
    ("queued_abort", b"hi", "CQ"),
]


@pytest.mark.parametrize(("front", "said", "state"), CASES)
def test_a_client_that_ends_early_is_kept_or_let_go(pair: Pair, front: str, said: bytes, state: str) -> None:
    def scenario(site: Site) -> dict[str, Any]:
        with contextlib.ExitStack() as stack:
            if front.startswith("queued"):
                stack.enter_context(RawClient(site.port(front))).send(b"first")
                site.servers["s1"].wait_conversations(1)
            client = stack.enter_context(RawClient(site.port(front)))
            if said:
                client.send(said)
            time.sleep(0.05)  # it is connected to, or queued, by then: nothing shows that from outside
            client.half_close()
            result: dict[str, Any] = {"answer": client.read_all(), "ended": client.ended}
            line = split_tcplog(log_lines(site, client.source_port)[-1])
            for timer in ("Tw", "Tc"):
                line[timer] = "-1" if line[timer] == "-1" else "+"
            names = ("backend", "server", "Tw", "Tc", "bytes", "state", "retries")
            return result | {name: line[name] for name in names}

    assert pair.same(scenario, silent)["state"] == state


MUTE = [
    ("mute", b"", "cC"),
    ("mute", b"hi", "sC"),
    ("mute_retrying", b"", "cC"),
    ("mute_retrying", b"hi", "SC"),
    ("mute_queued", b"", "cQ"),
    ("mute_queued", b"hi", "sQ"),
]


@pytest.mark.parametrize(("front", "said", "state"), MUTE)
def test_who_is_silent_for_too_long_is_not_waited_for(pair: Pair, front: str, said: bytes, state: str) -> None:
    """`timeout client` runs while a server is waited for, as long as there is nothing to send to it. HAProxy finishes
    the connect first."""

    def scenario(site: Site) -> dict[str, Any]:
        with contextlib.ExitStack() as stack:
            if front.endswith("queued"):
                stack.enter_context(RawClient(site.port(front))).send(b"first")
                site.servers["s1"].wait_conversations(1)
            client = stack.enter_context(RawClient(site.port(front)))
            if said:
                client.send(said)
            result: dict[str, Any] = {"answer": client.read_all(), "ended": client.ended}
            line = split_tcplog(log_lines(site, client.source_port)[-1])
            return result | {name: line[name] for name in ("backend", "server", "bytes", "state")}

    assert pair.same(scenario, silent)["state"] == state
