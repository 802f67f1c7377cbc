"""log-forward beside HAProxy: what arrives at a receiver in each format, for good and odd messages, and framing."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import pytest

from tests.differential.pairs import Pair, paired
from tests.harness import RawClient, Site, requires, wait_until

pytestmark = requires("haproxy")

FORMATS = ("", "rfc3164", "rfc5424", "raw", "short", "timed", "iso", "priority", "local")

pair = paired(
    """
global
    nbthread 1
log-forward all
    bind 127.0.0.1:$(stream)
    dgram-bind 127.0.0.1:$(stream)
"""
    + "".join(f"    log 127.0.0.1:$(syslog) {form and 'format ' + form} local3\n" for form in FORMATS)
    + """
log-forward bounded
    bind 127.0.0.1:$(bounded)
    dgram-bind 127.0.0.1:$(bounded)
    log 127.0.0.1:$(syslog) format short local3 err
    log 127.0.0.1:$(syslog) format short local3 debug err
    log 127.0.0.1:$(syslog) len 80 local3
log-forward shares
    bind 127.0.0.1:$(shares)
    dgram-bind 127.0.0.1:$(shares)
    log 127.0.0.1:$(syslog) format rfc3164 sample 1,3-4:4 local3
    log 127.0.0.1:$(syslog) format priority sample 2:4 local3
log-forward once
    bind 127.0.0.1:$(once)
    timeout client 200ms
    log 127.0.0.1:$(syslog) local3
""",
    origins=(),
)

MODERN = b"<14>1 2026-11-23T10:00:00.123456+00:00 host app 77 mid "
MESSAGES = (
    b"<14>Nov 23 10:00:00 host app[123]: hello",
    b"<14>Nov 23 10:00:00 host app: hello",
    b"<14>Nov 23 10:00:00 host app hello world",
    b"<14>Nov  3 10:00:00 app[5]: no host",
    b"<14>Nov 03 10:00:00 host app: x",
    b"<14>Nov 33 99:00:00 host app: x",
    b"<14>Nov 23 10:00:00 1.2.3.4 a/b-c.d[77]: z",
    b"<14>Nov 23 10:00:00 host kernel: [ 12.3] usb: x",
    b"<14>Nov 23 10:00:00 host [5]: x",
    b"<14>Nov 23 10:00:00 host [: y",
    b"<14>Nov 23 10:00:00 host a[12:x",
    b"<14>Nov 23 10:00:00 host a[1]b: x",
    b"<14>Nov 23 10:00:00 host a[1][2]: x",
    b"<14>Nov 23 10:00:00 host a]: x",
    b"<14>Nov 23 10:00:00 host a[]: x",
    b"<14>Nov 23 10:00:00 host a:x y: z",
    b"<14>Nov 23 10:00:00 host a[1]:x",
    b"<14>Nov 23 10:00:00 host a[1] x: y",
    b"<14>Nov 23 10:00:00 host :x",
    b"<14>Nov 23 10:00:00 host a: ",
    b"<14>Nov 23 10:00:00 host a:",
    b"<14>Nov 23 10:00:00 host ",
    b"<14>Nov 23 10:00:00 host",
    b"<14>Nov 23 10:00:00  host a: x",
    b"<14> Nov 23 10:00:00 host app: x",
    b"<14>nov 23 10:00:00 host a: x",
    MODERN + b'[a b="c"] message text',
    MODERN + b"- \xef\xbb\xbfmessage",
    MODERN + b"- ",
    b"<14>1 - - - - - - message",
    b"<14>1 2026-11-23T10:00:00Z - - - - - message",
    b"<14>1 - host - - - - message",
    b"<14>1 - - app - - - message",
    b"<14>1 - - app 77 - - message",
    b"<14>1 - - - 77 - - message",
    b"<14>1 - - - - mid - message",
    b"<14>1 - - - - - [x] message",
    b"<3>1 2026-13-45T10:00:00Z h a p m - x",
    b"<3>1 2026-01-02T10:00:00.1+02:00 h a p m [x] ",
    b"<3>2 2026-11-23T10:00:00Z h a p m - x",
    b"<14>hello world",
    b"<7>  two spaces",
    b"hello",
    b"",
    b"\n",
    b"<14>",
    b"<0>x\n",
    b"<01>x",
    b"<0014>x",
    b"<999>x",
    b"<10000>x",
    b"<>x",
    b"<14x",
    b"<-1>x",
    b"<14 >x",
    b" <14>x",
    b"<14>line one\nline two\n",
    b"a\n\n",
    b"a\r\n",
    b"<14>a\0",
    b"<14>\0a\0b",
    b"<14>" + b"y" * 2000,
)


def alike(data: bytes) -> bytes:
    """A message without the moment at which it went through."""
    return re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00(?<!123456\+00:00)", b"<now>", data)


def sent(site: Site, port: str, send: Callable[[], None], count: int) -> list[bytes]:
    """The datagrams that arrive after `send`."""
    before = len(site.syslog.datagrams)
    send()
    wait_until(lambda: len(site.syslog.datagrams) >= before + count, 3.0, f"{count} messages")
    return [alike(data) for data in site.syslog.datagrams[before:]]


def datagrams(site: Site, port: str, *messages: bytes) -> Callable[[], None]:
    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for message in messages:
                sock.sendto(message, ("127.0.0.1", site.port(port)))

    return send


@pytest.mark.parametrize("message", MESSAGES, ids=[repr(message[:40]) for message in MESSAGES])
def test_a_datagram_leaves_in_every_format(pair: Pair, message: bytes) -> None:
    seen = pair.same(lambda site: sent(site, "stream", datagrams(site, "stream", message), len(FORMATS)))
    assert len(seen) == len(FORMATS)


@pytest.mark.parametrize("message", [b"<11>a", b"<14>b", b"<8>c", b"none", b"<14>" + b"y" * 200])
def test_levels_and_lengths_bound_what_leaves(pair: Pair, message: bytes) -> None:
    count = 3 if message[:4] in (b"<11>", b"none") or message.startswith(b"<8>") else 2
    pair.same(lambda site: sent(site, "bounded", datagrams(site, "bounded", message), count))


def test_samples_share_the_messages(pair: Pair) -> None:
    messages = [b"<14>%d" % number for number in range(12)]
    seen = pair.same(lambda site: sent(site, "shares", datagrams(site, "shares", *messages), 12))
    assert [data.startswith(b"<14><date>") for data in seen][:4] == [True, False, True, True]


STREAMS: dict[str, tuple[bytes, int]] = {
    "lines": (b"<14>one\n<14>two\n", 2),
    "counted": (b"7 <14>one7 <14>two", 2),
    "counted, with a line feed inside": (b"9 <14>a\nb\nc", 1),
    "mixed": (b"7 <14>one<14>two\n", 2),
    "carriage returns": (b"<14>one\r\n<14>two\n", 2),
    "zero byte": (b"<14>a\0b\n", 1),
    "long": (b"<14>" + b"z" * 3000 + b"\n", 1),
}
MISTAKES = (b"0 x", b"x y\n<14>z\n", b"99999 <14>", b"\n<14>k\n", b"07 <14>one")


@pytest.mark.parametrize("name", STREAMS)
def test_messages_of_a_stream(pair: Pair, name: str) -> None:
    data, count = STREAMS[name]

    def scenario(site: Site) -> list[bytes]:
        with RawClient(site.port("once")) as client:
            return sent(site, "once", lambda: client.send(data), count)

    pair.same(scenario)


@pytest.mark.parametrize("data", MISTAKES, ids=[repr(data[:12]) for data in MISTAKES])
def test_a_mistake_ends_the_stream_without_a_message(pair: Pair, data: bytes) -> None:
    def scenario(site: Site) -> tuple[int, str]:
        before = len(site.syslog.datagrams)
        with RawClient(site.port("once")) as client:
            try:
                client.send(data).read_all()
                how = "closed"
            except ConnectionError:
                how = "closed"
        return len(site.syslog.datagrams) - before, how

    assert pair.same(scenario) == (0, "closed")


def test_a_good_message_before_a_mistake_leaves(pair: Pair) -> None:
    def scenario(site: Site) -> list[bytes]:
        with RawClient(site.port("once")) as client:
            return sent(site, "once", lambda: client.send(b"7 <14>one\n<14>abc\n"), 1)

    pair.same(scenario)


def test_a_silent_stream_is_closed(pair: Pair) -> None:
    """HAProxy 2.6 does not look at `timeout client` here."""
    with RawClient(pair.sites["pylb"].port("once")) as client:
        assert client.read_all() == b""
