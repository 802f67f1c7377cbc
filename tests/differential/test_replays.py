"""`retry-on`: what is sent again after which failure, where to, and what the client and the log see of it.

Each connection of the origin gets the next of the case's scripts, so that a case says what every try meets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, log_lines, paired
from tests.harness import Conversation, RawClient, Site, answer, requires, silent
from tests.harness.origin import Script, name_server, response
from tests.harness.syslog import split_httplog

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    retries 2
    timeout connect 1s
    timeout client 2s
    timeout server 250ms
    http-reuse never
frontend fe
    bind 127.0.0.1:$(fe)
    http-request disable-l7-retry if { path_end /forbidden }
    use_backend %[path,field(2,/)]
backend none
    retry-on none
    server s1 127.0.0.1:$(s1)
backend default
    server s1 127.0.0.1:$(s1)
backend empty
    retry-on empty-response
    server s1 127.0.0.1:$(s1)
backend junk
    retry-on junk-response
    server s1 127.0.0.1:$(s1)
backend late
    retry-on response-timeout
    server s1 127.0.0.1:$(s1)
backend codes
    retry-on 404 503
    server s1 127.0.0.1:$(s1)
backend all
    retry-on all-retryable-errors
    server s1 127.0.0.1:$(s1)
backend held
    option http-buffer-request
    retry-on all-retryable-errors
    server s1 127.0.0.1:$(s1)
backend once
    retries 1
    retry-on all-retryable-errors
    server s1 127.0.0.1:$(s1)
backend zero
    retries 0
    retry-on all-retryable-errors
    server s1 127.0.0.1:$(s1)
backend other
    balance roundrobin
    option redispatch 1
    retry-on all-retryable-errors
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend rules
    retry-on 503
    http-response set-header x-seen "%[status]"
    server s1 127.0.0.1:$(s1)
backend gone_empty
    retry-on empty-response
    server gone 127.0.0.1:$(gone)
backend gone_none
    retry-on none
    server gone 127.0.0.1:$(gone)
"""

pair = paired(CONFIG, origins=("s1", "s2"))

Step = Callable[[Conversation], None]


def closes(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.close()


def resets(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.reset()


def half(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.send(b"HTTP/1.1 200 OK\r\nx")
    conversation.close()


def garbage(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.send(b"what is this\r\n\r\n")
    silent(conversation)


def stalls_in_body(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")
    conversation.pause(0.05)
    conversation.close()


def status(line: str) -> Step:
    """A response with that status, and the end: HAProxy would repeat the request on the same connection."""

    def step(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.send(response(line.encode(), line, (("connection", "close"),)))
        conversation.close()

    return step


def interim_then_closes(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.send(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    conversation.pause(0.05)
    conversation.close()


GOOD = answer(response(b"good"))
GET = http("GET", "/%s/x", "host: h", "connection: close")
POST = http("POST", "/%s/x", "host: h", "connection: close", "content-length: 5", body=b"hello")
CHUNKED = (
    http("POST", "/%s/x", "host: h", "connection: close", "transfer-encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n"
)
FORBIDDEN = http("GET", "/%s/forbidden", "host: h", "connection: close")

#: name: (backend, request, what each try meets at s1)
CASES: dict[str, tuple[str, bytes, tuple[Step, ...]]] = {
    "by default nothing is repeated": ("default", GET, (closes, GOOD)),
    "none": ("none", GET, (closes, GOOD)),
    "empty": ("empty", GET, (closes, GOOD)),
    "empty, reset": ("empty", GET, (resets, GOOD)),
    "empty twice": ("empty", GET, (closes, closes, GOOD)),
    "empty too often": ("empty", GET, (closes, closes, closes, GOOD)),
    "half a head is empty": ("empty", GET, (half, GOOD)),
    "half a head is no junk": ("junk", GET, (half, GOOD)),
    "junk": ("junk", GET, (garbage, GOOD)),
    "junk is not empty": ("empty", GET, (garbage, GOOD)),
    "late": ("late", GET, (silent, GOOD)),
    "late twice": ("late", GET, (silent, silent, GOOD)),
    "late too often": ("late", GET, (silent, silent, silent, GOOD)),
    "late is not empty": ("empty", GET, (silent, GOOD)),
    "404": ("codes", GET, (status("404 Not Found"), GOOD)),
    "503": ("codes", GET, (status("503 No"), status("404 No"), GOOD)),
    "the last of too many": ("codes", GET, (status("503 No"), status("503 No"), status("503 No"), GOOD)),
    "500 is not listed": ("codes", GET, (status("500 No"), GOOD)),
    "404 is not retryable": ("all", GET, (status("404 No"), GOOD)),
    "all": ("all", GET, (closes, garbage, GOOD)),
    "all, statuses": ("all", GET, (status("502 No"), status("504 No"), GOOD)),
    "a status, then silence": ("all", GET, (status("502 No"), silent, silent)),
    "one retry": ("once", GET, (closes, GOOD)),
    "one retry is not enough": ("once", GET, (closes, status("500 No"), GOOD)),
    "no retry": ("zero", GET, (closes, GOOD)),
    "a body that came with the head": ("all", POST, (closes, GOOD)),
    "chunks that came with the head": ("all", CHUNKED, (closes, GOOD)),
    "a body that was waited for": ("held", POST, (closes, status("503 No"), GOOD)),
    "chunks that were waited for": ("held", CHUNKED, (closes, GOOD)),
    "forbidden by a rule": ("all", FORBIDDEN, (closes, GOOD)),
    "a body is never repeated": ("all", GET, (stalls_in_body, GOOD)),
    "another server": ("other", GET, (closes, GOOD)),
    "another server, by status": ("other", GET, (status("503 No"), GOOD)),
    "rules see the last response": ("rules", GET, (status("503 No"), GOOD)),
    "no connection is no empty response": ("gone_empty", GET, ()),
    "no connection, never": ("gone_none", GET, ()),
}


DIFFERENT: dict[str, tuple[str, bytes, tuple[Step, ...]]] = {
    # 2.6 sends nothing on the second connection and answers 500 with the state IH
    "an interim response first": ("empty", GET, (interim_then_closes, GOOD)),
}


def by_turns(steps: tuple[Step, ...]) -> Script:
    """The n-th connection since the case began gets the n-th script, later ones the last."""
    turn = iter(steps)
    last: list[Step] = [name_server("s1")]

    def script(conversation: Conversation) -> None:
        last[0] = next(turn, last[0])
        last[0](conversation)

    return script


@pytest.mark.parametrize("name", CASES)
def test_a_request_is_repeated_as_in_haproxy(pair: Pair, name: str) -> None:
    seen = pair.run(playing(*CASES[name]))
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_request_is_repeated_where_haproxy_fails(pair: Pair, name: str) -> None:
    seen = pair.run(playing(*DIFFERENT[name]))
    assert seen["pylb"]["status"] == "200"
    assert seen["haproxy"]["status"] != "200", "no difference any more"


def playing(backend: str, request: bytes, steps: tuple[Step, ...]) -> Callable[[Site], Any]:
    def scenario(site: Site) -> Any:
        site.servers["s1"].perform(by_turns(steps))
        with RawClient(site.port("fe")) as client:
            client.send(request.replace(b"%s", backend.encode()))
            answered = client.read_all()
            fields = split_httplog(log_lines(site, client.source_port)[-1])
        seen = {field: fields[field] for field in ("backend", "server", "status", "bytes", "state", "retries")}
        tries = [bytes(one.received) for one in site.servers["s1"].conversations]
        return {"answer": answered, "tries": tries, **seen}

    return scenario
