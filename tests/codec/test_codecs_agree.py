"""What the fast grammar takes, h11 takes with equal events, or the case stands in the table of exceptions."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylb.http import codec, h1_fast
from pylb.http.message import Refusal, Request, Response
from tests.codec.malformed import CASES, RESPONSES

LIMITS = codec.DEFAULT_LIMITS

# What h11 refuses and pylb takes as HAProxy does: h11's words -> an example. The gate has decided in its place.
EXCEPTIONS = {
    "Missing mandatory Host: header": b"GET / HTTP/1.1\r\n\r\n",
    "Found multiple Host: headers": b"GET / HTTP/1.1\r\nHost: a\r\nHost: A\r\n\r\n",
    "conflicting Content-Length headers": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 03\r\n\r\n",
    "bad Content-Length": b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 000000000000000000003\r\n\r\n",
}


def facts(message: Request | Response | Refusal | None) -> object:
    """Everything a message says, in a form that can be compared."""
    if message is None:
        return None
    if isinstance(message, Refusal):
        return message.status
    names = [name for name in message.__slots__ if name not in ("raw", "line", "reason", "shared", "ready")]
    return [getattr(message, name) for name in names]


def h11_request(data: bytes) -> tuple[object, ...] | str:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    try:
        event = connection.next_event()
    except h11.RemoteProtocolError as error:
        return str(error)
    assert isinstance(event, h11.Request)
    return event.method, event.target, event.http_version, list(event.headers)


def excepted(words: str) -> bool:
    return any(known in words for known in EXCEPTIONS)


def check_request(data: bytes) -> None:
    end = codec.find_end(data)
    if end < 0:
        return
    taken = h1_fast.read_request(data, end, LIMITS)
    if isinstance(taken, Request):
        theirs = h11_request(data[:end])
        if isinstance(theirs, str):
            assert excepted(theirs), theirs
        else:
            method, target, version, headers = theirs
            assert (taken.method, taken.version) == (method, 11 if version == b"1.1" else 10)
            assert data.split(b" ")[1] == target
            ours = [(one[0], one[1]) for one in taken.fields]
            left = [one for one in headers if one in ours or one[0] not in FRAMING]
            assert [one for one in ours if one[0] not in FRAMING] == [one for one in left if one[0] not in FRAMING]
    if taken is not None:
        assert facts(taken) == facts(codec.strict.parse_request(data, end, LIMITS))


# What the gate rewrites or drops: compared between our two codecs, not with h11's own list.
FRAMING = {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade"}


def check_response(data: bytes, method: bytes) -> None:
    end = codec.find_end(data)
    if end < 0:
        return
    taken = h1_fast.read_response(data, end, method, LIMITS)
    if taken is not None:
        assert facts(taken) == facts(codec.strict.parse_response(data, end, method, LIMITS))


@pytest.mark.parametrize("words", EXCEPTIONS)
def test_each_exception_is_needed(words: str) -> None:
    data = EXCEPTIONS[words]
    assert words in str(h11_request(data))
    assert isinstance(h1_fast.read_request(data, len(data), LIMITS), Request)


@pytest.mark.parametrize("name", CASES)
def test_both_codecs_agree_on_odd_requests(name: str) -> None:
    check_request(CASES[name])
    fast = codec.fast.take_request(CASES[name], 0, LIMITS)
    strict = codec.strict.take_request(CASES[name], 0, LIMITS)
    assert facts(fast) == facts(strict)


@pytest.mark.parametrize("name", RESPONSES)
def test_both_codecs_agree_on_odd_responses(name: str) -> None:
    method, data = RESPONSES[name]
    check_response(data, method)
    fast = codec.fast.take_response(data, 0, method, LIMITS)
    strict = codec.strict.take_response(data, 0, method, LIMITS)
    assert facts(fast) == facts(strict)


TOKEN = st.text("ab!#$%&'*+-.^_`|~09AZ", min_size=1, max_size=6).map(str.encode)
NAME = st.one_of(
    TOKEN,
    st.sampled_from(
        [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect", b"TE", b"Cookie"]
    ),
)
VALUE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"a", b"a:80", b"3", b"03", b"3,3", b"chunked", b"close", b"keep-alive", b"upgrade", b"x, close"]),
)
LINE = st.tuples(NAME, st.sampled_from([b":", b": ", b":\t", b" :", b""]), VALUE, st.sampled_from([b"", b" ", b"\t "]))
TARGET = st.one_of(
    st.binary(max_size=8).map(lambda tail: b"/" + tail),
    st.sampled_from([b"/", b"*", b"http://a/", b"http://a:80/b?c", b"a:80", b"http://b/"]),
)
EOL = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\n ", b"\r\r\n"])


@st.composite
def request_heads(draw: st.DrawFn) -> bytes:
    method = draw(st.one_of(TOKEN, st.sampled_from([b"GET", b"POST", b"CONNECT", b"OPTIONS", b"HEAD"])))
    version = draw(st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1"]))
    space = draw(st.sampled_from([b" "] * 8 + [b"  ", b"\t"]))
    head = method + space + draw(TARGET) + b" " + version + draw(EOL)
    for parts in draw(st.lists(LINE, max_size=5)):
        head += b"".join(parts) + draw(EOL)
    return head + b"\r\n"


@st.composite
def response_heads(draw: st.DrawFn) -> bytes:
    status = draw(
        st.sampled_from([b"200 OK", b"100 C", b"101 S", b"204 N", b"304 N", b"404", b"999 ", b"099 x", b"20"])
    )
    version = draw(st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0"]))
    head = version + draw(st.sampled_from([b" ", b"  "])) + status + draw(EOL)
    for parts in draw(st.lists(LINE, max_size=5)):
        head += b"".join(parts) + draw(EOL)
    return head + b"\r\n"


@settings(max_examples=600)
@given(request_heads())
def test_what_the_fast_codec_takes_h11_takes_with_equal_events(head: bytes) -> None:
    check_request(head)


@settings(max_examples=400)
@given(response_heads(), st.sampled_from([b"GET", b"HEAD", b"CONNECT"]))
def test_what_the_fast_codec_takes_of_responses_the_strict_one_reads_alike(head: bytes, method: bytes) -> None:
    check_response(head, method)
