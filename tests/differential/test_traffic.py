"""Requests as the origin sees them and responses as the client sees them, through HAProxy and through pylb.

Bytes are compared as they are. What a connection carries afterwards (kept or closed, by whom) is part of each result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import Conversation, RawClient, Site, answer, free_port, requires, wait_until
from tests.harness.origin import Script, response

pytestmark = requires("haproxy")

CONFIG = """
defaults
    mode http
    retries 1
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout http-keep-alive 2s
frontend fe
    bind 127.0.0.1:$(fe)
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    default_backend be_plain
frontend fe_close
    bind 127.0.0.1:$(fe_close)
    option httpclose
    default_backend be_plain
frontend fe_quick
    bind 127.0.0.1:$(fe_quick)
    timeout http-keep-alive 200ms
    timeout http-request 300ms
    default_backend be_plain
frontend fe_forward
    bind 127.0.0.1:$(fe_forward)
    option forwardfor except 10.0.0.0/8 header X-Client
    default_backend be_plain
frontend fe_rules
    bind 127.0.0.1:$(fe_rules)
    http-request set-header X-One 1
    http-request add-header X-Two %[src]
    http-request del-header X-Gone
    http-request set-path /prefix%[path]
    http-request set-method PUT if { path_end /put }
    http-response set-header X-Three %[status]
    http-response del-header Server
    http-after-response set-header X-Four 4
    default_backend be_plain
frontend fe_buffer
    bind 127.0.0.1:$(fe_buffer)
    option http-buffer-request
    http-request deny if { req.body -m sub evil }
    http-request set-header X-Length %[req.body_len]
    default_backend be_plain
backend be_plain
    http-reuse never
    server s1 127.0.0.1:$(s1)
backend be_server_close
    option http-server-close
    server s1 127.0.0.1:$(s1)
backend be_httpclose
    option httpclose
    server s1 127.0.0.1:$(s1)
backend be_pretend
    option http-server-close
    option http-pretend-keepalive
    server s1 127.0.0.1:$(s1)
backend be_never
    http-reuse never
    server s1 127.0.0.1:$(s1)
backend be_safe
    http-reuse safe
    server s1 127.0.0.1:$(s1)
backend be_aggressive
    http-reuse aggressive
    server s1 127.0.0.1:$(s1)
backend be_always
    http-reuse always
    server s1 127.0.0.1:$(s1)
backend be_prefer
    option prefer-last-server
    balance static-rr
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend be_forward
    option forwardfor
    server s1 127.0.0.1:$(s1)
backend be_both_gone
    balance static-rr
    option redispatch 1
    retries 2
    server g1 127.0.0.1:$(gone)
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG, origins=("s1", "s2"), codecs=("fast", "strict"), values={"gone": free_port()})

OK = response(b"hello")
OLD = b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"
CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
TRAILERS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\nhello"
GET = http("GET", "/x", "host: h")
Act = Callable[[RawClient, Site], Any]


def once(data: bytes) -> Script:
    """Answers one request, then closes."""

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.send(data)

    return script


def pieces(*data: bytes) -> Script:
    """Answers each request with several segments."""

    def script(conversation: Conversation) -> None:
        while True:
            conversation.read_request()
            for piece in data:
                conversation.send(piece)
                conversation.pause(0.03)

    return script


def continues(conversation: Conversation) -> None:
    """A server that wants to be asked."""
    head = conversation.read_head()
    conversation.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = conversation.read_body(head)
    conversation.requests.append(head + body)
    conversation.send(OK)


def hints(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
    conversation.pause(0.05)
    conversation.send(b"HTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\n" + OK)


def answers_then_reads(conversation: Conversation) -> None:
    """The whole response first, the rest of the request behind it."""
    head = conversation.read_head()
    conversation.send(response(b"early"))
    conversation.requests.append(head + conversation.read_body(head))


def echo(conversation: Conversation) -> None:
    """Accepts any upgrade, then sends back what it gets, in capitals."""
    head = conversation.read_head()
    conversation.requests.append(head)
    if head.startswith(b"CONNECT"):
        conversation.send(b"HTTP/1.1 200 OK\r\n\r\n")
    else:
        conversation.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: echo\r\n\r\nready")
    while data := conversation.receive():
        conversation.send(data.upper())


def websocket(conversation: Conversation) -> None:
    conversation.requests.append(conversation.read_head())
    conversation.send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    while data := conversation.receive():
        conversation.send(data[::-1])


# -- what clients do; each returns what is compared besides the origin's view


def sends(*data: bytes, ends: bool = True, pause: float = 0.0) -> Act:
    """Sends, in one or several segments, half-closes, and reads to the end."""

    def act(client: RawClient, site: Site) -> Any:
        for part in data:
            client.send(part)
            if pause:
                from time import sleep

                sleep(pause)
        if ends:
            client.half_close()
        return client.read_all(), client.ended

    return act


def drips(data: bytes, size: int = 1) -> Act:
    def act(client: RawClient, site: Site) -> Any:
        client.drip(data, size)
        return client.read_reply()

    return act


def asks(*data: bytes, head_only: bool = False) -> Act:
    """One after the other on the same connection, each answer read before the next request."""

    def act(client: RawClient, site: Site) -> Any:
        replies = []
        for part in data:
            replies.append(client.send(part).read_reply(head_only=head_only).raw)
        return replies, client.half_close().read_all(), client.ended

    return act


def pipelines(count: int, data: bytes) -> Act:
    """So many requests at once; half-closes when all answers have come."""

    def act(client: RawClient, site: Site) -> Any:
        client.send(data)
        return [client.read_reply().raw for _ in range(count)], client.half_close().read_all(), client.ended

    return act


def clients(count: int, request: bytes, requests_each: int = 1, together: bool = False) -> Act:
    """Several connections, one after the other or open at the same time."""

    def act(client: RawClient, site: Site) -> Any:
        others = []
        replies = []
        for _ in range(count):
            other = RawClient(site.port("fe"))
            others.append(other)
            for _ in range(requests_each):
                replies.append(other.send(request).read_reply().body)
            if not together:
                other.close()
        for other in others:
            other.close()
        return replies

    return act


def talks(request: bytes, head: int) -> Act:
    """Opens a tunnel, speaks, hears, half-closes."""

    def act(client: RawClient, site: Site) -> Any:
        client.send(request)
        first = b""
        while not first.endswith(b"\r\n\r\n") and (more := client.read_exactly(1)):
            first += more
        greeting = client.read_exactly(head)
        client.send(b"one ")
        one = client.read_exactly(4)
        client.send(b"two ").half_close()
        return first, greeting, one, client.read_all(), client.ended

    return act


def waits_for_continue(client: RawClient, site: Site) -> Any:
    client.send(http("POST", "/x", "host: h", "expect: 100-continue", "content-length: 5"))
    interim = client.read_reply().raw
    client.send(b"12345")
    return interim, client.read_reply().raw


def uploads_late(client: RawClient, site: Site) -> Any:
    """Sends the rest of the body when the response has come."""
    client.send(http("POST", "/x", "host: h", "content-length: 10", body=b"12345"))
    reply = client.read_reply().raw
    client.send(b"67890")
    wait_until(lambda: site.servers["s1"].requests, 2, "the whole request at the origin")
    return reply


def uploads_late_and_asks(client: RawClient, site: Site) -> Any:
    return uploads_late(client, site), client.half_close().read_all(), client.ended


def keeps_quiet(client: RawClient, site: Site) -> Any:
    return client.send(GET).read_reply().raw, client.read_all(), client.ended


BIG = bytes(range(256)) * 4096  # a megabyte


def big_upload(client: RawClient, site: Site) -> Any:
    client.send(http("POST", "/x", "host: h", f"content-length: {len(BIG)}") + BIG)
    reply = client.read_reply()
    return reply.raw, site.servers["s1"].requests[0].endswith(BIG)


def big_download(client: RawClient, site: Site) -> Any:
    reply = client.send(GET).read_reply()
    return reply.fields, reply.complete, reply.body == BIG


def chunked(data: bytes, size: int) -> bytes:
    out = b"".join(b"%x\r\n%b\r\n" % (len(data[i : i + size]), data[i : i + size]) for i in range(0, len(data), size))
    return out + b"0\r\n\r\n"


def headers(*fields: str, method: str = "GET", target: str = "/x", version: str = "1.1", body: bytes = b"") -> bytes:
    return http(method, target, *fields, version=version, body=body)


def upgrade(*fields: str) -> bytes:
    return http("GET", "/x", "host: h", "connection: upgrade", *fields)


SOCKET = upgrade("upgrade: websocket", "sec-websocket-version: 13", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==")
POST = ("POST", "/x", "host: h", "content-length: 5")
IN_CHUNKS = http("POST", "/x", "host: h", "transfer-encoding: chunked")
COOKIES = ("Cookie: a=b; c=d", "Accept: */*", "User-Agent: x/1", "Accept-Encoding: gzip, br")

CASES: dict[str, tuple[str, Act, Script]] = {
    # versions and persistence
    "1.1 to 1.1": ("fe", asks(GET, GET), answer(OK)),
    "1.1 to 1.0": ("fe", asks(GET, GET), once(OLD)),
    "1.0 to 1.1": ("fe", sends(headers(version="1.0"), ends=False), answer(OK)),
    "1.0 to 1.0": ("fe", sends(headers(version="1.0"), ends=False), once(OLD)),
    "1.0 keep-alive to 1.1": (
        "fe",
        asks(*[headers("connection: keep-alive", version="1.0")] * 2),
        answer(OK),
    ),
    "1.0 keep-alive to 1.0": ("fe", asks(*[headers("connection: keep-alive", version="1.0")] * 2), once(OLD)),
    "1.0 keep-alive server": (
        "fe",
        asks(GET, GET),
        answer(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\na"),
    ),
    "1.1 close": ("fe", sends(headers("host: h", "connection: close"), ends=False), answer(OK)),
    "server closes": ("fe", asks(GET, GET), once(response(b"x", fields=(("Connection", "close"),)))),
    "until close to 1.1": ("fe", sends(GET, ends=False), once(ENDLESS)),
    "until close to 1.0": ("fe", sends(headers(version="1.0"), ends=False), once(ENDLESS)),
    "frontend httpclose": ("fe_close", sends(GET, ends=False), answer(OK)),
    "server-close": ("fe", asks(*[headers("host: h", target="/be_server_close/")] * 2), answer(OK)),
    "httpclose": ("fe", asks(*[headers("host: h", target="/be_httpclose/")] * 2), answer(OK)),
    "pretend keep-alive": ("fe", asks(*[headers("host: h", target="/be_pretend/")] * 2), answer(OK)),
    "keep-alive timeout": ("fe_quick", keeps_quiet, answer(OK)),
    "connection names other fields": (
        "fe",
        asks(headers("host: h", "connection: keep-alive, X-Hop", "X-Hop: 1", "Keep-Alive: 300")),
        answer(OK),
    ),
    "proxy-connection": ("fe", asks(headers("host: h", "Proxy-Connection: keep-alive")), answer(OK)),
    # forms of requests
    "many fields": ("fe", asks(headers("Host: h", *COOKIES, "X-A: 1", "x-a: 2", "X-A: 3")), answer(OK)),
    "odd blanks": ("fe", asks(headers("HOST:h", "X-A:\t a \t b ", "X-Empty:", "X-Blank:   ")), answer(OK)),
    "absolute": ("fe", asks(headers("host: h", target="http://h/p?q=1")), answer(OK)),
    "absolute without host": ("fe", asks(headers(target="http://h:80/p?q=1")), answer(OK)),
    "absolute with port": ("fe", asks(headers("Host: h:8080", target="http://h:8080/p")), answer(OK)),
    "no host": ("fe", asks(headers()), answer(OK)),
    "two equal hosts": ("fe", asks(headers("host: h", "Host: h")), answer(OK)),
    "options star": ("fe", asks(headers("host: h", method="OPTIONS", target="*")), answer(OK)),
    "odd method": ("fe", asks(headers("host: h", method="PROPFIND")), answer(OK)),
    "high bytes in a value": ("fe", asks(headers("host: h", "x: caf\xe9")), answer(OK)),
    "fragment and query": ("fe", asks(headers("host: h", target="/a/../b?x=%20&y=1&&z#f")), answer(OK)),
    "te": ("fe", asks(headers("host: h", "TE: trailers, deflate", "connection: te")), answer(OK)),
    "large head": ("fe", asks(headers("host: h", *[f"x-{n}: {'v' * 100}" for n in range(90)])), answer(OK)),
    "dripped": ("fe", drips(headers("host: h", "x: y")), answer(OK)),
    "split in the middle": ("fe", sends(GET[:9], GET[9:], ends=False, pause=0.05), once(ENDLESS)),
    "leading empty line": ("fe", asks(b"\r\n" + GET), answer(OK)),
    "pipeline": (
        "fe",
        pipelines(3, GET + headers("host: h", target="/y") + headers("host: h", target="/z")),
        answer(OK),
    ),
    "pipeline of 20": ("fe", pipelines(20, GET * 20), answer(OK)),
    "pipelined behind a body": ("fe", pipelines(2, http(*POST, body=b"12345") + GET), answer(OK)),
    "pipelined behind chunks": ("fe", pipelines(2, IN_CHUNKS + chunked(b"hello", 2) + GET), answer(OK)),
    # forms of responses
    "head": ("fe", asks(headers("host: h", method="HEAD"), head_only=True), pieces(OK[:-5])),
    "head, chunked": ("fe", asks(headers("host: h", method="HEAD"), head_only=True), pieces(CHUNKS[:-26])),
    "204": ("fe", asks(GET, GET), answer(b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n")),
    "304": ("fe", asks(GET, GET), answer(b"HTTP/1.1 304 Not Modified\r\netag: x\r\ncontent-length: 5\r\n\r\n")),
    "empty body": ("fe", asks(GET, GET), answer(response(b""))),
    "no reason": ("fe", asks(GET), answer(b"HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n")),
    "odd status": ("fe", asks(GET), answer(response(b"x", "299 Odd"))),
    "chunks": ("fe", asks(GET, GET), answer(CHUNKS)),
    "chunks in pieces": ("fe", asks(GET), pieces(CHUNKS[:50], CHUNKS[50:57], CHUNKS[57:])),
    "chunks to 1.0": ("fe", sends(headers(version="1.0"), ends=False), answer(CHUNKS)),
    "trailers": ("fe", asks(headers("host: h", "te: trailers", "connection: te")), answer(TRAILERS)),
    "body in pieces": ("fe", asks(GET), pieces(OK[:-5], b"hel", b"lo")),
    "cookies": ("fe", asks(GET), answer(response(b"", fields=(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))))),
    "more than the length": ("fe", asks(GET), once(response(b"x") + b"more")),
    "hints": ("fe", pipelines(3, GET), hints),
    "hints to 1.0": ("fe", sends(headers(version="1.0"), ends=False), hints),
    # requests with a body
    "post": ("fe", asks(http(*POST, body=b"12345"), GET), answer(OK)),
    "post in pieces": ("fe", sends(http(*POST), b"12", b"345", pause=0.05), answer(OK)),
    "post 1.0": ("fe", sends(headers("content-length: 3", method="POST", version="1.0", body=b"abc")), answer(OK)),
    "post in chunks": ("fe", asks(IN_CHUNKS + chunked(b"hello world", 4), GET), answer(OK)),
    "chunks with extensions": ("fe", asks(IN_CHUNKS + b"5;a=b\r\nhello\r\n0\r\n\r\n"), answer(OK)),
    "chunks and trailers": ("fe", asks(IN_CHUNKS + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", GET), answer(OK)),
    "get with a body": ("fe", asks(headers("host: h", "content-length: 2", body=b"hi"), GET), answer(OK)),
    "length zero": ("fe", asks(headers("host: h", "content-length: 0", method="POST"), GET), answer(OK)),
    "100-continue": ("fe", waits_for_continue, continues),
    "100-continue, body at once": (
        "fe",
        asks(http("POST", "/x", "host: h", "expect: 100-continue", "content-length: 5", body=b"12345")),
        answer(OK),
    ),
    "response before the body is through": ("fe", uploads_late, answers_then_reads),
    "big upload": ("fe", big_upload, answer(OK)),
    "big download": ("fe", big_download, answer(response(BIG))),
    "big chunked download": (
        "fe",
        big_download,
        answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked(BIG, 5000)),
    ),
    "buffered body": ("fe_buffer", asks(http(*POST, body=b"12345"), GET), answer(OK)),
    "buffered body in pieces": ("fe_buffer", sends(http(*POST), b"12", b"345", pause=0.05), answer(OK)),
    "buffered chunks": ("fe_buffer", asks(IN_CHUNKS + chunked(b"hello world", 4), GET), answer(OK)),
    "buffered body denied": ("fe_buffer", sends(http(*POST, body=b"evil!")), answer(OK)),
    "buffered 100-continue": ("fe_buffer", waits_for_continue, answer(OK)),
    # tunnels
    "upgrade": ("fe", talks(upgrade("upgrade: echo"), 5), echo),
    "websocket": ("fe", talks(SOCKET, 0), websocket),
    "upgrade refused": ("fe", asks(upgrade("upgrade: other"), GET), answer(OK)),
    "upgrade with early data": ("fe", talks(upgrade("upgrade: echo") + b"zero", 9), echo),
    "connect": ("fe", talks(headers("host: h:443", method="CONNECT", target="h:443"), 0), echo),
    "connect refused": (
        "fe",
        asks(headers("host: h:443", method="CONNECT", target="h:443"), GET),
        answer(response(b"no", "403 Forbidden")),
    ),
    # options and rules
    "forwardfor": ("fe", asks(headers("host: h", target="/be_forward/")), answer(OK)),
    "forwardfor beside the client's": (
        "fe",
        asks(headers("host: h", "X-Forwarded-For: 1.2.3.4", target="/be_forward/")),
        answer(OK),
    ),
    "forwardfor under another name": ("fe_forward", asks(GET), answer(OK)),
    "rewritten": ("fe_rules", asks(headers("host: h", "x-gone: 1", "X-One: 0", "X-Two: 0")), answer(OK)),
    "rewritten method": ("fe_rules", asks(headers("host: h", target="/a/put?b")), answer(OK)),
    "rewritten response": (
        "fe_rules",
        asks(GET),
        answer(response(b"x", fields=(("Server", "s"), ("X-Three", "0")))),
    ),
    "redispatched": ("fe", asks(*[headers("host: h", target="/be_both_gone/")] * 3), answer(OK)),
    # who shares connections to the server
    "reuse never": ("fe", clients(3, headers("host: h", target="/be_never/"), 2), answer(OK)),
    "reuse safe": ("fe", clients(3, headers("host: h", target="/be_safe/"), 2), answer(OK)),
    "reuse safe, one request each": ("fe", clients(3, headers("host: h", target="/be_safe/")), answer(OK)),
    "reuse aggressive": ("fe", clients(3, headers("host: h", target="/be_aggressive/"), 2), answer(OK)),
    "reuse aggressive, one request each": ("fe", clients(3, headers("host: h", target="/be_aggressive/")), answer(OK)),
    "reuse always": ("fe", clients(3, headers("host: h", target="/be_always/")), answer(OK)),
    "reuse never, together": ("fe", clients(3, headers("host: h", target="/be_never/"), 2, True), answer(OK)),
    "reuse safe, together": ("fe", clients(3, headers("host: h", target="/be_safe/"), 2, True), answer(OK)),
    "reuse, last server preferred": ("fe", clients(2, headers("host: h", target="/be_prefer/"), 4), answer(OK)),
}


#: What pylb does otherwise than 2.6, and why. The pylb side of each is tested below.
DIFFERENT = {
    "chunks to 1.0": "a client of HTTP/1.0 does not know chunks (RFC 9112 6.1): the payload, up to the close",
    "hints to 1.0": "a client of HTTP/1.0 does not know interim responses (RFC 9110 15.2)",
}


#: How many connections the first origin sees.
CONNECTIONS = {
    "reuse never": 3,
    "reuse safe": 3,
    "reuse safe, one request each": 3,
    "reuse aggressive": 1,
    "reuse aggressive, one request each": 3,
    "reuse always": 1,
    "reuse never, together": 3,
    "reuse safe, together": 3,
    "reuse, last server preferred": 2,
}


@pytest.mark.parametrize("name", [name for name in CASES if name not in DIFFERENT])
def test_both_sides_see_what_they_see_through_haproxy(pair: Pair, name: str) -> None:
    front, act, script = CASES[name]

    def scenario(site: Site) -> dict[str, Any]:
        with RawClient(site.port(front)) as client:
            seen = act(client, site)
        origins = [[conversation.requests for conversation in origin.conversations] for origin in site.origins]
        return {"client": seen, "origins": origins}

    scripts = {"s1": script, "s2": script}
    if name not in CONNECTIONS:
        pair.same(scenario, scripts)
        return
    # Which of several idle connections is taken is nobody's promise, and HAProxy now and then opens one more because
    # the last one is not idle yet.
    seen = pair.run(scenario, scripts)
    ours, theirs = ([sum(map(len, one)) for one in seen[kind]["origins"]] for kind in ("pylb", "haproxy"))
    assert (ours, seen["pylb"]["client"]) == (theirs, seen["haproxy"]["client"])
    count = len(seen["pylb"]["origins"][0])
    assert count == CONNECTIONS[name] <= len(seen["haproxy"]["origins"][0])


def test_a_client_of_1_0_gets_neither_chunks_nor_interim_responses(pair: Pair) -> None:
    def scenario(site: Site) -> bytes:
        with RawClient(site.port("fe")) as client:
            return client.send(headers(version="1.0")).read_all()

    assert pair.run(scenario, answer(CHUNKS))["pylb"] == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello world"
    assert pair.run(scenario, hints)["pylb"].startswith(b"HTTP/1.1 200 OK\r\n")
