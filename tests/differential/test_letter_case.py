"""h1-case-adjust, trailers both ways, and the global words for odd payloads beside HAProxy: bytes at the origin, at the
client, and the log line. Dropping trailers is of later releases: it is judged by the manual."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, log_lines, paired
from tests.harness import RawClient, Site, requires
from tests.harness.origin import Conversation, Gone, response

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
    h1-case-adjust content-length Content-Length
    h1-case-adjust connection Connection
    h1-case-adjust host HOST
    h1-case-adjust x-t X-T
    h1-case-adjust x-set X-Set
    h1-case-adjust location LocaTion
    h1-case-adjust link LINK
    h1-case-adjust content-type Content-TYPE
    h1-case-adjust transfer-encoding Transfer-Encoding
    h1-case-adjust x-again X-AGAIN
    h1-accept-payload-with-any-method
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend plain
    bind 127.0.0.1:$(plain)
    default_backend plain
frontend client
    bind 127.0.0.1:$(client)
    option h1-case-adjust-bogus-client
    http-request redirect location /elsewhere if { path /redirect }
    http-request deny if { path /deny }
    http-request return status 200 content-type text/plain string hello hdr X-Set 2 hdr x-other 1 if { path /return }
    default_backend plain
frontend server
    bind 127.0.0.1:$(server)
    default_backend server
frontend both
    bind 127.0.0.1:$(both)
    option h1-case-adjust-bogus-client
    option httpclose
    default_backend server
frontend held
    bind 127.0.0.1:$(held)
    option http-buffer-request
    default_backend server
backend plain
    server s1 127.0.0.1:$(s1)
backend server
    option h1-case-adjust-bogus-server
    http-request set-header X-Set 1
    http-request set-header X-OTHER 1
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)

CHUNKED = "transfer-encoding: chunked"
TRAILED = b"3\r\nabc\r\n0\r\nX-T: 1\r\nb: 2\r\nX-T: 3\r\nA:  spaced \t\r\n\r\n"
ANSWERS = {
    "trailers": b"HTTP/1.1 200 OK\r\n" + CHUNKED.encode() + b"\r\nTrailer: X-T\r\n\r\n" + TRAILED,
    "hint": b"HTTP/1.1 103 Early Hints\r\nLink: x\r\nX-T: 1\r\n\r\n" + response(b"", fields=(("x-t", "2"),)),
    "old": b"HTTP/1.0 200 OK\r\nX-T: 1\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok",
    "switch": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\nX-T: 1\r\n\r\n",
}


def play(conversation: Conversation) -> None:
    """Answers as the path asks."""
    with contextlib.suppress(Gone):
        while True:
            head = conversation.read_head()
            conversation.requests.append(head + conversation.read_body(head))
            name = head.split(b" ", 2)[1].decode().strip("/")
            conversation.send(ANSWERS.get(name, response(b"ok", fields=(("X-T", "1"), ("x-Set", "2"), ("Z", "3")))))
            if name == "switch":
                return


def ask(site: Site, port: str, data: bytes) -> dict[str, Any]:
    """One request, read until the connection has been closed or is silent with a whole answer; and its log line."""
    origin = site.servers["s1"]
    before = len(origin.requests)
    with RawClient(site.port(port)) as client:
        client.send(data)
        replies = [client.read_reply()]
        while replies[-1].status in (100, 103):
            replies.append(client.read_reply())
        raw = bytes(client.received)
        line = log_lines(site, client.source_port)[0] if replies[-1].status != 101 else ""
    facts = line.split()
    return {
        "status": [reply.status for reply in replies],
        "client": b"" if replies[-1].status == 400 else raw,  # a page that HAProxy writes in its own way
        "origin": origin.requests[before:],
        "log": [facts[3], *facts[5:]] if facts else [],  # without date and timers
    }


PLAIN = http("GET", "/x", "host: a", "X-T: 2", "x-set: 3", "y: 4")
REQUESTS = {
    "head": PLAIN,
    "head to be closed": http("GET", "/x", "host: a", "connection: close"),
    "old head": http("GET", "/x", "host: a", "connection: keep-alive", version="1.0"),
    "redirect": http("GET", "/redirect", "host: a"),
    "deny": http("GET", "/deny", "host: a"),
    "return": http("GET", "/return", "host: a"),
    "hint": http("GET", "/hint", "host: a"),
    "old answer": http("GET", "/old", "host: a"),
    "upgrade": http("GET", "/switch", "host: a", "connection: upgrade", "upgrade: x"),
    "body": http("POST", "/x", "host: a", "content-length: 3", body=b"abc"),
    "trailers": http("POST", "/x", "host: a", CHUNKED, body=TRAILED),
    "trailers back": http("GET", "/trailers", "host: a"),
    "trailers both ways": http("POST", "/trailers", "host: a", CHUNKED, "te: trailers, gzip", body=TRAILED),
    "trailer alone": http("POST", "/x", "host: a", CHUNKED, body=b"0\r\nX-T: 1\r\n\r\n"),
    "GET of 1.0 with a body": http("GET", "/x", "host: a", "content-length: 3", version="1.0", body=b"abc"),
    "DELETE of 1.0 with a body": http("DELETE", "/x", "host: a", "content-length: 3", version="1.0", body=b"abc"),
    "HEAD of 1.0 with length 0": http("GET", "/x", "host: a", "content-length: 0", version="1.0"),
    "GET of 1.0 with chunks": http("GET", "/x", "host: a", CHUNKED, version="1.0", body=TRAILED),
    "100 trailers": http(
        "POST", "/x", "host: a", CHUNKED, body=b"0\r\n" + b"".join([b"x%d: 1\r\n" % i for i in range(100)]) + b"\r\n"
    ),
    "101 trailers": http(
        "POST", "/x", "host: a", CHUNKED, body=b"0\r\n" + b"".join([b"x%d: 1\r\n" % i for i in range(101)]) + b"\r\n"
    ),
    "102 trailers": http(
        "POST", "/x", "host: a", CHUNKED, body=b"0\r\n" + b"".join([b"x%d: 1\r\n" % i for i in range(102)]) + b"\r\n"
    ),
    "a long trailer": http("POST", "/x", "host: a", CHUNKED, body=b"0\r\nX-T: " + b"a" * 12000 + b"\r\n\r\n"),
}


@pytest.mark.parametrize("port", ["plain", "client", "server", "both", "held"])
@pytest.mark.parametrize("name", REQUESTS)
def test_heads_and_trailers_are_written_as_by_haproxy(pair: Pair, name: str, port: str) -> None:
    pair.same(lambda site: ask(site, port, REQUESTS[name]), play)
