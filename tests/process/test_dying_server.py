"""A server dies, restarts or errs under load: with `retry-on` and `option redispatch` no idempotent request is lost."""

from __future__ import annotations

import http.client
import itertools
import threading

import pytest

from tests.harness import Conversation, Origin, wait_until
from tests.harness.differential import Site, run_site
from tests.harness.origin import Script, name_server, response

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    log global
    option httplog
    mode http
    retries 3
    timeout connect 1s
    timeout client 5s
    timeout server 2s
    option http-buffer-request  # a body must be here before it can be sent twice
    option redispatch 1
    retry-on all-retryable-errors
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
backend be
    balance roundrobin
    http-reuse %s
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
"""


class Load:
    """Clients that ask one request after the other on kept connections until they are told to stop."""

    def __init__(self, site: Site, clients: int) -> None:
        self.site = site
        self.done = threading.Event()
        self.statuses: list[int] = []
        self.bodies: list[bytes] = []
        self.failures: list[BaseException] = []
        self.threads = [threading.Thread(target=self.ask, args=(number,)) for number in range(clients)]
        for thread in self.threads:
            thread.start()

    def ask(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.site.port("fe"), timeout=10)
        try:
            while not self.done.is_set() and len(self.statuses) < 20_000:
                method = ("GET", "HEAD", "PUT", "DELETE")[number % 4]
                connection.request(method, "/x", body=b"some body" if method == "PUT" else None)
                answer = connection.getresponse()
                self.bodies.append(answer.read())
                self.statuses.append(answer.status)
        except BaseException as failure:
            self.failures.append(failure)
        finally:
            connection.close()

    def more(self, count: int, body: bytes = b"") -> None:
        """Waits for so many more answers, those with this body or all."""

        def have() -> int:
            return self.bodies.count(body) if body else len(self.statuses)

        wanted = have() + count
        wait_until(lambda: have() >= wanted or self.failures, 15, f"{count} more answers {body!r}")

    def finish(self) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(15)


def all_good(site: Site, load: Load) -> None:
    assert not load.failures
    assert set(load.statuses) == {200}, [line for line in site.syslog.lines if " 200 " not in line][:20]


@pytest.mark.parametrize("reuse", ["never", "safe", "always"])
def test_no_idempotent_request_is_lost_when_a_server_dies(reuse: str) -> None:
    with run_site("pylb", CONFIG % reuse, ("s1", "s2")) as site:
        load = Load(site, 8)
        try:
            wait_until(lambda: load.bodies.count(b"s1") > 100 or load.failures, 10, "both servers at work")
            site.servers["s1"].close()
            before = len(load.statuses)
            wait_until(lambda: len(load.statuses) > before + 400 or load.failures, 20, "the other server at work")
        finally:
            load.finish()
        all_good(site, load)
        assert b"s2" in load.bodies[before:]


@pytest.mark.parametrize("reuse", ["never", "safe"])
def test_no_idempotent_request_is_lost_while_a_server_restarts_again_and_again(reuse: str) -> None:
    with run_site("pylb", CONFIG % reuse, ("s1", "s2")) as site:
        load = Load(site, 8)
        first = site.servers["s1"]
        try:
            for _ in range(4):
                load.more(40, b"s1")
                first.close()  # refused from now on
                load.more(80)
                first = Origin(name_server("s1"), name="s1", port=first.port)
        finally:
            load.finish()
            first.close()
        all_good(site, load)


def cuts_off(conversation: Conversation) -> None:
    """Half a head, then a reset."""
    conversation.send(b"HTTP/1.1 200 OK\r\ncontent-le")
    conversation.reset()


ENDS = {
    "half a head and a reset": cuts_off,
    "a reset": Conversation.reset,
    "the end": Conversation.close,
    "no HTTP": lambda conversation: conversation.send(b"what do you want?\r\n\r\n"),
    "503": lambda conversation: conversation.send(response(b"busy", "503 Service Unavailable")),
}


def moody(end: Script, every: int) -> Script:
    """Answers with its name, but every n-th request goes wrong."""
    turns = itertools.count(1)

    def script(conversation: Conversation) -> None:
        while True:
            conversation.read_request()
            if next(turns) % every == 0:
                end(conversation)
                return
            conversation.send(response(b"s1"))

    return script


@pytest.mark.parametrize("end", ENDS)
def test_no_idempotent_request_is_lost_to_answers_that_go_wrong(end: str) -> None:
    with run_site("pylb", CONFIG % "safe", {"s1": moody(ENDS[end], 3), "s2": None}) as site:
        load = Load(site, 6)
        try:
            wait_until(lambda: len(load.statuses) > 400 or load.failures, 20, "400 answers")
        finally:
            load.finish()
        all_good(site, load)
        assert b"s1" in load.bodies
        assert "internal error" not in site.program.output
