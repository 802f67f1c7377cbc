"""Client and origin, talking to each other."""

import pytest

from tests.harness import Origin, RawClient, answers, parse_replies, silent, wait_until

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


def test_scripted_answers_come_one_per_request():
    with Origin(answers(b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nto the end")) as origin:
        with RawClient(origin.port) as client:
            first = client.send(REQUEST).read_reply()
            second = client.send(REQUEST).read_reply()
        assert (first.status, second.status, second.body) == (204, 200, b"to the end")
        assert client.ended == "eof"
        assert origin.requests == [REQUEST, REQUEST]


def test_a_chunked_request_is_recorded_with_its_framing():
    data = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nt: v\r\n\r\n"
    with Origin() as origin, RawClient(origin.port) as client:
        client.drip(data)
        assert client.read_reply().body == b"origin"
        assert origin.requests == [data]


def test_a_reset_is_told_from_an_end():
    def script(conversation):
        conversation.read_head()
        conversation.reset()

    with Origin(script) as origin, RawClient(origin.port) as client:
        assert client.send(REQUEST).read_all() == b""
        assert client.ended == "reset"


def test_what_the_client_does_is_seen():
    with Origin(silent) as origin:
        with RawClient(origin.port) as client:
            client.send(b"half").half_close()
            client.read_all()
        with RawClient(origin.port) as client:
            client.send(b"x")
            origin.wait_conversations(2)
            client.reset()
        first, second = origin.wait_conversations(2)
        assert wait_until(lambda: second.ended) == "reset"
        assert first.ended == "eof"
    assert bytes(origin.conversations[0].received) == b"half"


def test_a_mistake_in_a_script_fails_the_test():
    def script(conversation):
        conversation.read_head()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Origin(script) as origin, RawClient(origin.port) as client:
        client.send(REQUEST).read_all()


def test_replies_are_split_like_the_protocol_says():
    data = (
        b"HTTP/1.1 100 Continue\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort"
    )
    replies = parse_replies(data, methods=("HEAD", "GET", "GET"))
    assert [(r.status, r.body, r.complete) for r in replies] == [
        (100, b"", True),
        (200, b"", True),
        (200, b"ab", True),
        (200, b"short", False),
    ]
