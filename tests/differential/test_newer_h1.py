"""HTTP/1 words that HAProxy 2.6 does not know, judged by the manual of 3.5: trailers that are dropped, odd framing that
does not end connections, glitches; and files for h1-case-adjust, which 2.6 knows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.pairs import http
from tests.differential.test_runtime import ask as command
from tests.harness import RawClient, Site
from tests.harness.differential import run_site
from tests.harness.origin import Conversation, Gone, response

CONFIG = """
global
    h1-do-not-close-on-insecure-transfer-encoding
    h1-case-adjust-file $(names)
    tune.h1.fe.glitches-threshold 4
    tune.h1.be.glitches-threshold 4
    stats socket $(dir)/admin.sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend drops
    bind 127.0.0.1:$(drops)
    option http-drop-response-trailers
    default_backend plain
frontend plain
    bind 127.0.0.1:$(plain)
    use_backend drops if { path_beg /drop }
    use_backend lax if { path_beg /lax }
    default_backend plain
frontend lax
    bind 127.0.0.1:$(lax)
    option accept-unsafe-violations-in-http-request
    http-response set-header x-glitches "%[fc_glitches]"
    default_backend plain
frontend cased
    bind 127.0.0.1:$(cased)
    option h1-case-adjust-bogus-client
    default_backend plain
backend plain
    server s1 127.0.0.1:$(s1)
backend drops
    option http-drop-request-trailers
    server s1 127.0.0.1:$(s1)
backend lax
    option accept-unsafe-violations-in-http-response
    http-response set-header x-glitches "%[bc_glitches]"
    server s1 127.0.0.1:$(s1)
"""
CHUNKED = "transfer-encoding: chunked"
BODY = b"3\r\nabc\r\n0\r\nX-T: 1\r\nY-T: 2\r\n\r\n"
ODD = b"HTTP/1.1 200 OK\r\nX(a): 1\r\ncontent-length: 2\r\n\r\nok"


def play(conversation: Conversation) -> None:
    with contextlib.suppress(Gone):
        while True:
            head = conversation.read_head()
            conversation.requests.append(head + conversation.read_body(head))
            if b"/trailers" in head:
                conversation.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + BODY)
            elif b"/both" in head:
                conversation.send(
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                )
            else:
                conversation.send(ODD if b"/lax" in head else response(b"ok", fields=(("x-name", "1"),)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    names = Path(tmp_path_factory.mktemp("names")) / "names"
    names.write_text("# comment\n\n  x-name \tX-Name  \ncontent-length Content-LENGTH\n")
    config = CONFIG.replace("$(names)", str(names))
    with run_site("pylb", config, {"s1": play}) as running:
        yield running


def ask(site: Site, port: str, *requests: bytes) -> tuple[list[bytes], list[bytes], bool]:
    """What the origin and the client get for requests on one connection, and whether it has been closed."""

    def requests_now() -> list[bytes]:
        return [one for one in site.servers["s1"].requests if b" /last " not in one]

    before = [id(one) for one in requests_now()]
    with RawClient(site.port(port)) as client:
        raw = []
        for data in requests:
            client.send(data)
            raw.append(client.read_reply().raw)
        closed = True
        with contextlib.suppress(OSError, AssertionError):
            client.send(http("GET", "/last", "host: a"))
            client.read_reply()
            closed = False
    return raw, [one for one in requests_now() if id(one) not in before], closed


def test_trailers_of_requests_are_dropped_by_the_backend(site: Site) -> None:
    _, kept, _ = ask(site, "plain", http("POST", "/keep", "host: a", CHUNKED, body=BODY))
    _, dropped, _ = ask(site, "plain", http("POST", "/drop", "host: a", CHUNKED, body=BODY))
    assert kept[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\ny-t: 2\r\n\r\n")
    assert dropped[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")


def test_trailers_of_responses_are_dropped_by_the_frontend(site: Site) -> None:
    kept, _, _ = ask(site, "plain", http("GET", "/trailers", "host: a"))
    dropped, _, closed = ask(site, "drops", http("GET", "/trailers", "host: a"))
    assert kept[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\ny-t: 2\r\n\r\n")
    assert dropped[0].endswith(b"\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    assert not closed


def test_a_coding_beside_a_length_ends_no_connection_where_that_is_allowed(site: Site) -> None:
    both = http("POST", "/both", "host: a", CHUNKED, "content-length: 3", body=b"3\r\nabc\r\n0\r\n\r\n")
    raw, seen, closed = ask(site, "plain", both, both)
    assert not closed
    assert [b"content-length" in one for one in (*raw, *seen)] == [False] * 4
    assert [b"connection" in one for one in raw] == [False] * 2
    old = both.replace(b"HTTP/1.1", b"HTTP/1.0")
    assert ask(site, "plain", old)[2], "a transfer coding in HTTP/1.0 ends the connection in any case"


def test_names_come_from_a_file(site: Site) -> None:
    raw, _, _ = ask(site, "cased", http("GET", "/", "host: a"))
    assert raw[0] == b"HTTP/1.1 200 OK\r\nContent-LENGTH: 2\r\nX-Name: 1\r\n\r\nok"


def test_violations_of_a_client_are_counted_until_its_connection_ends(site: Site) -> None:
    odd = http("GET", "/a#b", "host: a")
    good = http("GET", "/", "host: a")
    raw, _, closed = ask(site, "lax", good, odd, good, odd)
    assert not closed
    assert [b"x-glitches: %d" % count in one for count, one in zip((0, 1, 1, 2), raw, strict=True)] == [True] * 4
    with RawClient(site.port("lax")) as client:
        client.send(odd * 3)
        replies = [client.read_reply() for _ in range(3)]
        assert [reply.get("connection") for reply in replies] == [None, None, b"close"]  # three quarters
        assert client.read_all() == b""


def test_violations_of_a_server_end_its_connection_in_the_end(site: Site) -> None:
    raw, _, closed = ask(site, "plain", *[http("GET", "/lax", "host: a")] * 5)
    counts = [1, 2, 3, 1, 2]  # from three quarters of the threshold on it is not kept
    assert [b"x-glitches: %d\r\n" % count in one for count, one in zip(counts, raw, strict=True)] == [True] * 5
    assert not any(b"x(a)" in one for one in raw)
    assert not closed


def test_messages_with_violations_are_shown_as_errors(site: Site) -> None:
    ask(site, "lax", http("GET", "/seen#here", "host: a"))
    ask(site, "plain", http("GET", "/lax", "host: a"))
    shown = command(str(site.program.directory / "admin.sock"), "show errors")
    assert "/seen#here" in shown and "invalid request" in shown
    assert "X(a): 1" in shown and "invalid response" in shown
