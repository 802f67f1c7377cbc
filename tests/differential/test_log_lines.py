"""Whole log lines of real traffic beside HAProxy's: httplog, tcplog and formats of one's own, byte counts included."""

from __future__ import annotations

import pytest

from tests.differential.pairs import Pair, http, log_lines, paired
from tests.harness import Conversation, RawClient, Site, answer, requires
from tests.harness.differential import without_times
from tests.harness.origin import Script, response

pytestmark = requires("haproxy")

pair = paired("""
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend web
    bind 127.0.0.1:$(web)
    option httplog
    capture request header Host len 20
    capture request header User-Agent len 8
    capture response header Server len 10
    declare capture request len 16
    http-request capture path id 2
    http-request return status 200 content-type text/plain string here if { path /return }
    http-request redirect location /there if { path /redirect }
    http-request deny if { path /deny }
    http-request set-header X-Long 0123456789012345678901234567890123456789 if { path /longer }
    default_backend app
frontend counted
    bind 127.0.0.1:$(counted)
    log-format "%ci %fi %f %ft %b %s %ST %U %B %ts %tsc %HM %HP %HQ %HU %HV %{+Q}r %rc %sq/%bq %CC|%CS|%hr|%hs"
    http-request return status 200 content-type text/plain string here if { path /return }
    http-request deny if { path /deny }
    default_backend app
backend app
    http-reuse never
    http-response set-header X-Long 0123456789012345678901234567890123456789 if { status 201 }
    server s1 127.0.0.1:$(s1)
listen raw
    mode tcp
    bind 127.0.0.1:$(raw)
    option tcplog
    server s1 127.0.0.1:$(s1)
listen raw_counted
    mode tcp
    bind 127.0.0.1:$(raw_counted)
    log-format "%f %ft %b %s %U %B %ts %rc"
    server s1 127.0.0.1:$(s1)
""")

CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n"
TRAILERS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: yy\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + response(b"ok")
OK = response(b"hello", fields=(("Server", "apache/2.4.57"),))
POST = ("POST", "/", "host: h", "connection: close")

GET = ("GET", "/", "host: h", "connection: close")

HTTP: dict[str, tuple[bytes, Script]] = {
    "plain": (
        http("GET", "/a?b=c", "Host: www.example.com", "User-Agent: curl/7.88.1", "connection: close"),
        answer(OK),
    ),
    "old": (http("GET", "/", version="1.0"), answer(OK)),
    "other options of the connection": (http("GET", "/", "host: h", "connection: close, x-y"), answer(OK)),
    "absolute": (http("GET", "http://h/p?q", "host: h", "connection: close"), answer(OK)),
    "two hosts": (http("GET", "/", "host: h", "host: h", "connection: close"), answer(OK)),
    "added to the request": (http("GET", "/longer", "host: h", "connection: close"), answer(OK)),
    "added to the response": (http(*GET), answer(response(b"x", "201 Created"))),
    "server's connection: close": (
        http(*GET),
        answer(response(b"x", fields=(("Connection", "close"),))),
    ),
    "chunks": (http(*GET), answer(CHUNKS)),
    "trailers": (http(*GET), answer(TRAILERS)),
    "hints": (http(*GET), answer(HINTS)),
    "head": (
        http("HEAD", "/", "host: h", "connection: close"),
        answer(OK[: OK.index(b"hello")]),
    ),
    "304": (http(*GET), answer(b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n")),
    "post": (http(*POST, "content-length: 5", body=b"12345"), answer(OK)),
    "post in chunks": (http(*POST, "transfer-encoding: chunked", body=b"5\r\n12345\r\n0\r\n\r\n"), answer(OK)),
    "post with trailers": (
        http(*POST, "transfer-encoding: chunked", body=b"5\r\n12345\r\n0\r\na: b\r\n\r\n"),
        answer(OK),
    ),
    "return": (http("GET", "/return", "host: h", "connection: close"), answer(OK)),
    "redirect": (http("GET", "/redirect", "host: h", "connection: close"), answer(OK)),
    "deny": (http("GET", "/deny", "host: h", "connection: close"), answer(OK)),
    "bad request": (b"GET / HTTP/1.1\r\nbad header: x\r\n\r\n", answer(OK)),
    "quotes and controls": (
        http("GET", '/"q"{x}%7f', "host: h", 'user-agent: "q" \xe9', "connection: close"),
        answer(OK),
    ),
    "long line": (http("GET", "/" + "x" * 1500, "host: h", "connection: close"), answer(OK)),
}


@pytest.mark.parametrize("front", ["web", "counted"])
@pytest.mark.parametrize("name", HTTP)
def test_a_request_leaves_the_same_line(pair: Pair, name: str, front: str) -> None:
    request, script = HTTP[name]

    def scenario(site: Site) -> str:
        before = len(site.syslog.traffic)
        with RawClient(site.port(front)) as client:
            client.send(request).read_all()
        return without_times(site.syslog.wait(before + 1)[-1])

    pair.same(scenario, script)


def test_requests_of_one_connection_leave_a_line_each(pair: Pair) -> None:
    def scenario(site: Site) -> list[str]:
        with RawClient(site.port("web")) as client:
            for target in ("/1", "/2", "/3"):
                client.send(http("GET", target, "host: h")).read_reply()
            return [without_times(line) for line in log_lines(site, client.source_port, 3)]

    pair.same(scenario, answer(OK))


@pytest.mark.parametrize("front", ["raw", "raw_counted"])
def test_a_connection_leaves_the_same_line(pair: Pair, front: str) -> None:
    def talk(conversation: Conversation) -> None:
        conversation.send(b"220 ready\r\n")
        conversation.read_until(b"\r\n")
        conversation.send(b"bye\r\n")

    def scenario(site: Site) -> str:
        before = len(site.syslog.traffic)
        with RawClient(site.port(front)) as client:
            client.read_exactly(11)
            client.send(b"QUIT\r\n").read_exactly(5)
            client.half_close().read_all()
        return without_times(site.syslog.wait(before + 1)[-1])

    pair.same(scenario, talk)
