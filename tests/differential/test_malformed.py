"""What HAProxy answers to bad requests and what it forwards of odd ones, and that pylb does the same or less.

The real HAProxy is asked first. Then the same bytes go through each codec (head, gate, body, writer) without any
socket, and through the pylb program. Answers are statuses in order; forwarded are whole requests as the origin got
them. Responses of servers are compared as the client sees them.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import re
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote

import pytest

from pylb.http import codec as codecs
from pylb.http.h1_body import ChunkedReader
from pylb.http.message import Refusal, Request
from pylb.http.upgrade import judge_switch
from pylb.http.writer import request_head, response_head
from tests.codec.malformed import (
    CASES,
    OTHERWISE,
    OTHERWISE_RESPONSES,
    RESPONSES,
    SEVERAL,
    STRICTER,
    STRICTER_RESPONSES,
    TAKEN,
    UNSURE,
)
from tests.harness import RawClient, requires
from tests.harness.differential import Site, run_site
from tests.harness.origin import Conversation, Gone

pytestmark = requires("haproxy")

CONFIG = """
defaults
    mode http
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout http-request 2s
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
backend be
    http-reuse never
    server s1 127.0.0.1:$(s1)
"""

Answer = tuple[list[int], list[bytes]]


def record(conversation: Conversation) -> None:
    """Answers each whole request. A request that never becomes whole is not counted."""
    whole: list[bytes] = []
    conversation.requests = whole
    with contextlib.suppress(Gone):
        while True:
            head = conversation.read_head()
            body = b"" if head.startswith(b"CONNECT") else conversation.read_body(head)
            whole.append(head + body)
            conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def ask(site: Site, name: str) -> Answer:
    """Sends a case, ends the sending side, and reads until the end.

    An ended client gets the answer to one request only: where more follows, the end waits for a moment of silence.
    """
    origin = site.origins[0]
    before = len(origin.conversations)
    with RawClient(site.port("fe"), timeout=0.3 if name in SEVERAL else 5.0) as client:
        with contextlib.suppress(OSError):
            client.send(CASES[name])
            if name not in SEVERAL:
                client.half_close()
        with contextlib.suppress(OSError):
            while got := client.sock.recv(65536):
                client.received += got
        raw = bytes(client.received)
    statuses = [int(status) for status in re.findall(rb"HTTP/1\.[01] ([0-9]{3}) ", raw)]
    forwarded = [request for one in origin.conversations[before:] for request in one.requests]
    return statuses, forwarded


@pytest.fixture(scope="module")
def real() -> Iterator[Callable[[str], Answer]]:
    """HAProxy's answers."""
    with run_site("haproxy", CONFIG, {"s1": record}) as site:
        yield functools.cache(lambda name: ask(site, name))


def through_codec(codec: codecs.Codec, data: bytes) -> Answer:
    """What a proxy without sockets does: every request of `data`, then the end of input."""
    limits = codecs.DEFAULT_LIMITS
    statuses: list[int] = []
    forwarded: list[bytes] = []
    while data:
        request = codec.take_request(data, 0, limits)
        if request is None:
            if not statuses:
                statuses.append(400)
            break
        if isinstance(request, Refusal):
            statuses.append(request.status)
            break
        rest = data[request.head_size :]
        body = b""
        if request.chunked:
            reader = ChunkedReader()
            body = reader.relay(rest)
            rest = reader.rest
            if not reader.done:
                statuses.append(400)
                break
        elif request.length:
            body, rest = rest[: request.length], rest[request.length :]
            if len(body) < request.length:
                statuses.append(400)
                break
        statuses.append(200)
        forwarded.append(request_head(request, True) + body)
        data = b"" if request.close or request.method == b"CONNECT" else rest
    return statuses, forwarded


def need_program() -> None:
    """The rooms are built before the house: without an entry point there is nothing to start."""
    if importlib.util.find_spec("pylb.__main__") is None:
        pytest.skip("pylb has no entry point")


@pytest.fixture(scope="module", params=["fast", "strict", "socket"])
def ours(request: pytest.FixtureRequest) -> Iterator[Callable[[str], Answer]]:
    """pylb's answers: through each codec, and through the whole program."""
    if request.param == "socket":
        need_program()
        with run_site("pylb", CONFIG, {"s1": record}) as site:
            yield lambda name: ask(site, name)
    else:
        codec = codecs.choose(request.param)
        yield lambda name: through_codec(codec, CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_odd_requests_are_answered_and_forwarded_as_haproxy_does_or_refused(
    name: str, real: Callable[[str], Answer], ours: Callable[[str], Answer]
) -> None:
    expected = real(name)
    got = ours(name)
    if name in UNSURE:
        assert got == ([400], [])
    elif name in STRICTER:
        status, _ = STRICTER[name]
        assert expected != ([status], []), "HAProxy refuses it too: no exception is needed"
        assert got == ([status], [])
    elif name in TAKEN:
        assert expected == ([400], []), "HAProxy takes it too: no exception is needed"
        assert got == ([200], [TAKEN[name]])
    elif name in OTHERWISE:
        (old, new), _ = OTHERWISE[name]
        assert old in expected[1][0], "HAProxy does not do it any more: no exception is needed"
        assert got == (expected[0], [expected[1][0].replace(old, new), *expected[1][1:]])
    else:
        assert got == expected


def test_the_exceptions_name_cases_that_exist() -> None:
    assert {*STRICTER, *OTHERWISE, *TAKEN, *UNSURE, *SEVERAL} <= CASES.keys()
    assert len(CASES) >= 80


def respond(conversation: Conversation) -> None:
    """Sends the case that the request's path names, and closes."""
    head = conversation.read_head()
    name = unquote(head.split(b" ", 2)[1].decode())[1:]
    with contextlib.suppress(Gone):
        conversation.send(RESPONSES[name][1])


def ask_for(site: Site, name: str) -> bytes:
    """All that the client gets. Errors made by the proxy are cut to their status line."""
    head = b"%b /%b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % (RESPONSES[name][0], quote(name).encode())
    with RawClient(site.port("fe")) as client:
        client.send(head)
        while got := client.sock.recv(65536):
            client.received += got
        raw = bytes(client.received)
    return b"502" if raw.startswith(b"HTTP/1.1 502 Bad Gateway\r\n") else raw


@pytest.fixture(scope="module")
def real_site() -> Iterator[Site]:
    with run_site("haproxy", CONFIG, {"s1": respond}) as site:
        yield site


def response_through_codec(codec: codecs.Codec, name: str) -> bytes:
    """What a proxy without sockets makes of a server's bytes."""
    method, data = RESPONSES[name]
    limits = codecs.DEFAULT_LIMITS
    request = Request(method, b"/", 11, [])
    request.close = True
    out = b""
    while True:
        response = codec.take_response(data, 0, method, limits)
        if response is None or isinstance(response, Refusal):
            return b"502"
        rest = data[response.head_size :]
        if response.status == 101 and judge_switch(request, response) is not None:
            return b"502"
        out += response_head(response, request, False)
        if response.status >= 200:
            break
        data = rest
    if response.bodyless:
        return out
    if response.chunked:
        reader = ChunkedReader()
        return out + reader.relay(rest)
    return out + (rest if response.length is None else rest[: response.length])


@pytest.fixture(scope="module", params=["fast", "strict", "socket"])
def our_client(request: pytest.FixtureRequest) -> Iterator[Callable[[str], bytes]]:
    if request.param == "socket":
        need_program()
        with run_site("pylb", CONFIG, {"s1": respond}) as site:
            yield lambda name: ask_for(site, name)
    else:
        codec = codecs.choose(request.param)
        yield lambda name: response_through_codec(codec, name)


@pytest.mark.parametrize("name", RESPONSES)
def test_odd_responses_reach_the_client_as_through_haproxy_or_are_502(
    name: str, real_site: Site, our_client: Callable[[str], bytes]
) -> None:
    expected = ask_for(real_site, name)
    got = our_client(name)
    if name in STRICTER_RESPONSES:
        assert expected != b"502", "HAProxy refuses it too: no exception is needed"
        assert got == b"502"
    elif name in OTHERWISE_RESPONSES:
        (old, new), _ = OTHERWISE_RESPONSES[name]
        assert old in expected, "HAProxy does not do it any more: no exception is needed"
        assert got == expected.replace(old, new)
    else:
        assert got == expected
