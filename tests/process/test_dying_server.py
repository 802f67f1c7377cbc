"""A server dies under load: with `retry-on` and `option redispatch` no idempotent request is lost."""

from __future__ import annotations

import http.client
import threading

import pytest

from tests.harness import wait_until
from tests.harness.differential import Site, run_site

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

    def finish(self) -> None:
        self.done.set()
        for thread in self.threads:
            thread.join(15)


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
        assert not load.failures
        assert set(load.statuses) == {200}, [line for line in site.syslog.lines if " 200 " not in line]
        assert b"s2" in load.bodies[before:]
