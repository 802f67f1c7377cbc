"""TCP mode beside HAProxy: who may speak, who may stop, and bytes that arrive whole whatever the pace."""

from __future__ import annotations

import hashlib
import threading
from typing import Any

from tests.differential.pairs import Pair, paired
from tests.harness import Conversation, RawClient, Site, requires, silent, wait_until

pytestmark = requires("haproxy")

pair = paired("""
defaults
    mode tcp
    timeout connect 2s
    timeout client 5s
    timeout server 5s
listen tcp
    bind 127.0.0.1:$(tcp)
    server s1 127.0.0.1:$(s1)
listen inspected
    bind 127.0.0.1:$(inspected)
    tcp-request inspect-delay 2s
    tcp-request content accept if { req.len gt 4 }
    server s1 127.0.0.1:$(s1)
listen hello
    bind 127.0.0.1:$(hello)
    tcp-request inspect-delay 200ms
    tcp-request content reject if !{ req.ssl_hello_type 1 }
    server s1 127.0.0.1:$(s1)
""")

#: A ClientHello of TLS 1.0 without extensions.
HELLO = b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x01" + bytes(32) + b"\x00\x00\x04\x00\x2f\x00\xff\x01\x00"
BULK = hashlib.shake_128(b"pylb").digest(1 << 20) * 16


def echo(conversation: Conversation) -> None:
    while data := conversation.receive():
        conversation.send(data)


def digest_at_end(conversation: Conversation) -> None:
    while conversation.receive():
        pass
    conversation.send(hashlib.sha256(conversation.received).digest())


def pours(conversation: Conversation) -> None:
    conversation.send(BULK)


def test_a_server_may_speak_first_and_both_take_turns(pair: Pair) -> None:
    def smtp(conversation: Conversation) -> None:
        conversation.send(b"220 ready\r\n")
        conversation.read_until(b"\r\n")
        conversation.send(b"250 hello\r\n")
        silent(conversation)

    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp")) as client:
            greeting = client.read_exactly(11)
            answer = client.send(b"EHLO me\r\n").read_exactly(11)
            rest = client.half_close().read_all()
            return greeting, answer, rest, client.ended

    assert pair.same(scenario, smtp) == (b"220 ready\r\n", b"250 hello\r\n", b"", "eof")


def test_a_client_may_stop_speaking_and_still_be_answered(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp")) as client:
            return client.send(BULK[:100_000]).half_close().read_all(), client.ended

    assert pair.same(scenario, digest_at_end) == (hashlib.sha256(BULK[:100_000]).digest(), "eof")


def test_a_server_may_stop_speaking_and_still_listen(pair: Pair) -> None:
    def says_bye(conversation: Conversation) -> None:
        conversation.send(b"bye")
        conversation.half_close()
        silent(conversation)

    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp")) as client:
            first = client.read_all()
            client.send(b"one more thing").half_close()
            conversation = site.servers["s1"].conversations[0]
            wait_until(lambda: conversation.ended, 3, "the end at the origin")
            return first, bytes(conversation.received), conversation.ended

    assert pair.same(scenario, says_bye) == (b"bye", b"one more thing", "eof")


def test_a_large_answer_reaches_a_reader_that_pauses(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp"), receive_buffer=16384) as client:
            begin = client.read_exactly(1000)
            site.servers["s1"].wait_conversations(1)
            rest = client.read_all()
            return begin + rest == BULK, client.ended

    assert pair.same(scenario, pours) == (True, "eof")


def test_a_slow_reader_costs_a_buffer_not_the_whole_answer(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        before = site.program.resident_bytes()
        clients = [RawClient(site.port("tcp"), receive_buffer=4096) for _ in range(6)]
        try:
            site.servers["s1"].wait_conversations(6)
            for client in clients:
                client.read_exactly(100_000)
            return site.program.resident_bytes() - before < 24 << 20  # 6 answers are 96 MiB
        finally:
            for client in clients:
                client.reset()

    assert pair.run(scenario, pours)["pylb"]


def test_large_transfers_both_ways_at_once(pair: Pair) -> None:
    data = BULK[: 4 << 20]

    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp")) as client:
            sender = threading.Thread(target=lambda: client.send(data).half_close())
            sender.start()
            back = client.read_all()
            sender.join()
            return back == data, client.ended

    assert pair.same(scenario, echo) == (True, "eof")


def test_what_came_before_a_reset_is_delivered(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("tcp")) as client:
            client.send(b"last words")
            site.servers["s1"].wait_conversations(1)
            conversation = site.servers["s1"].conversations[0]
            wait_until(lambda: len(conversation.received) == 10, 3, "the words")
            client.reset()
            wait_until(lambda: conversation.ended, 3, "the end at the origin")
            return bytes(conversation.received)

    assert pair.same(scenario, silent) == b"last words"


def test_inspected_bytes_are_passed_on_once_and_first(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("inspected")) as client:
            client.send(b"abc")
            client.send(b"def")
            first = client.read_exactly(6)
            return first, client.send(b"ghi").half_close().read_all()

    assert pair.same(scenario, echo) == (b"abcdef", b"ghi")


def test_a_tls_hello_decides(pair: Pair) -> None:
    def scenario(site: Site) -> Any:
        results = []
        for data in (HELLO, b"GET / HTTP/1.1\r\n\r\n", HELLO[:20], HELLO[:-1]):
            with RawClient(site.port("hello")) as client:
                client.send(data)
                results.append((client.read_exactly(len(data)), client.ended))
        return results

    assert pair.same(scenario, echo) == [(HELLO, ""), (b"", "eof"), (b"", "eof"), (b"", "eof")]
