"""Servers behind a SOCKS4 proxy: what the proxy is asked, and what becomes of the request, beside HAProxy."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, log_lines, paired
from tests.harness import Conversation, RawClient, Site, requires, silent
from tests.harness.origin import Script, response
from tests.harness.syslog import split_httplog

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    retries 1
    timeout connect 300ms
    timeout client 2s
    timeout server 2s
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
backend be
    server s 127.0.0.9:8000 socks4 127.0.0.1:$(s1)
frontend headed
    bind 127.0.0.1:$(headed)
    default_backend headed
backend headed
    server s 127.0.0.9:8000 socks4 127.0.0.1:$(s1) send-proxy
listen tcp
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp)
    server s 127.0.0.9:8000 socks4 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)

GRANT = bytes((0, 90)) + bytes(6)


def proxy(*answers: bytes, then: bytes = response(b"hello")) -> Script:
    """Reads the request to the proxy, answers piece by piece, and plays the server when it has agreed."""

    def script(conversation: Conversation) -> None:
        conversation.requests.append(conversation.read_exactly(8) + conversation.read_until(b"\0"))
        for piece in answers:
            conversation.send(piece)
            conversation.pause(0.02)
        if not answers or not b"".join(answers).startswith(GRANT[:2]):
            return
        if b"PROXY" in conversation.read_exactly(5):
            conversation.read_until(b"\r\n")
        conversation.read_head()
        conversation.send(then)

    return script


CASES: dict[str, tuple[str, Script]] = {
    "granted": ("fe", proxy(GRANT)),
    "granted in pieces": ("fe", proxy(GRANT[:3], GRANT[3:])),
    "granted as version 4": ("fe", proxy(b"\x04" + GRANT[1:])),
    "refused": ("fe", proxy(bytes((0, 91)) + bytes(6))),
    "closed": ("fe", proxy()),
    "silent": ("fe", silent),
    "with a header": ("headed", proxy(GRANT)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_proxy_is_asked_as_by_haproxy(pair: Pair, name: str) -> None:
    front, script = CASES[name]

    def scenario(site: Site) -> Any:
        with RawClient(site.port(front)) as client:
            client.send(http("GET", "/x", "host: h", "connection: close"))
            answered = client.read_all()
            log = split_httplog(log_lines(site, client.source_port)[-1])
        asked = [one.requests for one in site.servers["s1"].conversations]
        sent = [bytes(one.received).replace(str(client.source_port).encode(), b"<port>") for one in
                site.servers["s1"].conversations]  # fmt: skip
        return {"answer": answered, "asked": asked, "sent": sent, **{key: log[key] for key in ("status", "state")}}

    seen = pair.run(scenario, script)
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])


def test_half_an_answer_is_a_failure_at_once(pair: Pair) -> None:
    """HAProxy waits for the rest until `timeout connect`, although the proxy has closed."""
    script = proxy(bytes((0, 91, 0)))

    def scenario(site: Site) -> str:
        with RawClient(site.port("fe")) as client:
            client.send(http("GET", "/x", "host: h", "connection: close")).read_all()
            return split_httplog(log_lines(site, client.source_port)[-1])["state"]

    assert pair.run(scenario, script) == {"haproxy": "sC--", "pylb": "SC--"}


def test_tcp_goes_through_the_proxy(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp")) as client:
            return client.send(http("GET", "/x", "host: h")).read_all()

    assert pair.same(scenario, proxy(GRANT)).endswith(b"hello")
