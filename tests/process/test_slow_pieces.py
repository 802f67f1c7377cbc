"""Messages that come in two pieces, cut at each byte, the second one together with the end of the connection: nothing
waits for an event that has already been.

Readiness is edge-triggered: who stops reading before a read has said that nothing is left is told nothing more. Such a
mistake shows as an exchange that lasts until its timeout, which is ten seconds here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.harness import Conversation, RawClient, Site
from tests.harness.differential import run_site

CONFIG = """
defaults
    mode http
    http-reuse never
    timeout connect 10s
    timeout client 10s
    timeout server 10s
frontend fe
    bind 127.0.0.1:$(fe) backlog 2048
    use_backend %[path,field(2,/)]
backend plain
    server s1 127.0.0.1:$(s1)
backend ruled
    option http-buffer-request
    http-request wait-for-body time 10s
    http-response wait-for-body time 10s
    http-response set-header x-size %[res.body_size]
    server s1 127.0.0.1:$(s1)
listen tcp
    mode tcp
    bind 127.0.0.1:$(tcp) backlog 2048
    tcp-request inspect-delay 10s
    tcp-request content accept if { req.len gt 20 }
    server s1 127.0.0.1:$(s1)
"""
SOON = 4.0  # seconds: half a timeout; a machine that is this slow has other worries

RESPONSES = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
    "chunks": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\nx-t: 1\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\n\r\n0123456789",
    "interim": b"HTTP/1.1 103 Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
    "empty": b"HTTP/1.1 204 No Content\r\n\r\n",
}
REQUESTS = {
    "get": b"GET /%b/length-999-stay HTTP/1.1\r\nhost: h\r\n\r\n",
    "post": b"POST /%b/length-999-stay HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n0123456789",
    "chunks": b"POST /%b/length-999-stay HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
    b"0\r\n\r\n",
}


def origin(conversation: Conversation) -> None:
    """The path says which response, where it is cut, and what comes with the second piece."""
    request = conversation.read_request()
    kind, at, end = request.split(b" ")[1].split(b"/")[-1].decode().split("-")
    data = RESPONSES[kind]
    if int(at) < len(data):
        conversation.send(data[: int(at)])
        if end.startswith("half"):  # and that was all
            end = end[4:]
            data = b""
        else:
            conversation.pause(0.002)
    conversation.sock.sendall(data[int(at) :] if int(at) < len(data) else data)
    if end == "close":
        conversation.close()
    elif end == "reset":
        conversation.reset()
    else:
        while conversation.receive():
            pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with run_site("pylb", CONFIG, {"s1": origin}) as running:
        yield running


def late(site: Site, port: str, pieces: tuple[bytes, bytes], half_close: bool) -> tuple[float, bytes]:
    """How long an exchange lasts, and what came; the client leaves after the first answer that ends."""
    began = time.monotonic()
    with RawClient(site.port(port), timeout=15) as client:
        client.send(pieces[0])
        if pieces[1]:
            time.sleep(0.002)
            client.drip(pieces[1], len(pieces[1]))
        if half_close:
            client.half_close()
        while not client.ended and not complete(bytes(client.received)):
            client._more()
        return time.monotonic() - began, bytes(client.received)


def complete(data: bytes) -> bool:
    if data.startswith(b"HTTP/1.1 103") and data.count(b"HTTP/1.1 ") < 2:
        return False
    return data.endswith((b"0123456789", b"204 No Content\r\n\r\n", b"x-t: 1\r\n\r\n", b"0\r\n\r\n", b"</html>\n"))


@pytest.mark.parametrize("backend", ["plain", "ruled"])
@pytest.mark.parametrize("end", ["close", "reset", "stay"])
def test_no_response_waits_for_a_timeout_wherever_it_is_cut(site: Site, end: str, backend: str) -> None:
    cases = [
        (kind, at) for kind, data in RESPONSES.items() for at in range(1, len(data), 1 if backend == "plain" else 3)
    ]
    cases = [(kind, at) for kind, at in cases if kind != "close" or end != "stay"]

    def play(case: tuple[str, int]) -> tuple[float, bytes]:
        request = b"GET /%b/%b-%d-%b HTTP/1.1\r\nhost: h\r\n\r\n" % (
            backend.encode(),
            case[0].encode(),
            case[1],
            end.encode(),
        )
        return late(site, "fe", (request, b""), False)

    with ThreadPoolExecutor(16) as pool:
        for case, (seconds, data) in zip(cases, pool.map(play, cases), strict=True):
            assert seconds < SOON, (case, data)
            if end != "reset":  # a reset may overtake what was sent before it
                assert b" 200 OK" in data or b" 204 " in data, (case, data)


@pytest.mark.parametrize("backend", ["plain", "ruled"])
@pytest.mark.parametrize("end", ["halfclose", "halfreset"])
def test_a_response_that_breaks_off_is_noticed_at_once_wherever_it_does(site: Site, end: str, backend: str) -> None:
    cases = [(kind, at) for kind, data in RESPONSES.items() for at in range(1, len(data) - 1, 2)]

    def play(case: tuple[str, int]) -> tuple[float, bytes]:
        path = f"/{backend}/{case[0]}-{case[1]}-{end}"
        return late(site, "fe", (f"GET {path} HTTP/1.1\r\nhost: h\r\n\r\n".encode(), b""), False)

    with ThreadPoolExecutor(16) as pool:
        for case, (seconds, data) in zip(cases, pool.map(play, cases), strict=True):
            assert seconds < SOON, (case, data)


@pytest.mark.parametrize("half_close", [False, True])
@pytest.mark.parametrize("backend", ["plain", "ruled"])
def test_no_request_waits_for_a_timeout_wherever_it_is_cut(site: Site, backend: str, half_close: bool) -> None:
    texts = [text % backend.encode() for text in REQUESTS.values()]
    cases = [(text[:at], text[at:]) for text in texts for at in range(1, len(text) + 1)]
    with ThreadPoolExecutor(16) as pool:
        for case, (seconds, data) in zip(
            cases, pool.map(lambda case: late(site, "fe", case, half_close), cases), strict=True
        ):
            assert seconds < SOON, (case, data)
            assert data.startswith(b"HTTP/1.1 200 OK"), (case, data)


@pytest.mark.parametrize("half_close", [False, True])
def test_nothing_in_tcp_mode_waits_for_a_timeout_wherever_it_is_cut(site: Site, half_close: bool) -> None:
    text = REQUESTS["post"] % b"x"
    cases = [(text[:at], text[at:]) for at in range(1, len(text) + 1)]
    with ThreadPoolExecutor(16) as pool:
        for case, (seconds, data) in zip(
            cases, pool.map(lambda case: late(site, "tcp", case, half_close), cases), strict=True
        ):
            assert seconds < SOON, (case, data)
            assert data == RESPONSES["length"], (case, data)
