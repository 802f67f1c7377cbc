"""`silent-drop` at every place, beside HAProxy: the client hears nothing; with `rst-ttl` who is near hears a reset."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, requires
from tests.harness.origin import answer, response

pytestmark = requires("haproxy")

PLACES = {
    "connection": "tcp-request connection silent-drop{}",
    "session": "tcp-request session silent-drop{}",
    "content": "tcp-request inspect-delay 2s\n    tcp-request content silent-drop{} if {{ req.len gt 0 }}",
    "response": "tcp-response inspect-delay 2s\n    tcp-response content silent-drop{} if {{ res.len gt 0 }}",
    "http-request": "http-request silent-drop{}",
    "http-response": "http-response silent-drop{}",
}
HEAD = """
defaults
    timeout connect 1s
    timeout client 5s
    timeout server 5s
"""


def configuration(more: str) -> str:
    text = HEAD
    for name, rule in PLACES.items():
        port = name.replace("-", "")
        mode = "http" if name.startswith("http") else "tcp"
        text += (
            f"listen {port}\n    mode {mode}\n    bind 127.0.0.1:$({port})\n    {rule.format(more)}\n"
            "    server s1 127.0.0.1:$(s1)\n"
        )
    return text


pair = paired(configuration(""))
OK = answer(response(b"hello"))
EARLY = ("connection", "session")
GET = http("GET", "/", "host: h")


def heard(site: Any, name: str) -> str:
    """How the client's wait ends."""
    try:
        with RawClient(site.port(name.replace("-", "")), timeout=0.4) as client:
            if name not in EARLY:  # what comes behind a drop is answered by the kernel
                client.send(GET)
            client.read_all()
            return client.ended
    except TimeoutError:
        return "nothing"
    except OSError:
        return "reset"  # as early as while sending


@pytest.mark.parametrize("name", PLACES)
def test_a_dropped_client_hears_nothing(pair: Pair, name: str) -> None:
    assert pair.same(lambda site: heard(site, name), OK) == "nothing" or not privileged()


def privileged() -> bool:
    """Whether connections can be forgotten (CAP_NET_ADMIN); without it a reset is sent as far as it gets."""
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, 19, 1)
        except OSError:
            return False
        return True


def test_a_reset_with_few_hops_reaches_who_is_near(pylb: Any, origin: Any) -> None:
    program = pylb(configuration(" rst-ttl 3"), values={"s1": origin(OK).port})
    assert {name: heard(program, name) for name in PLACES} == dict.fromkeys(PLACES, "reset")
