"""ClientHello bytes as a real TLS library makes them, whole, dripped, fragmented and damaged."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.fetches import client_hello
from pylb.sample.values import MISS, WAIT, Absent


def hello(name: str | None = "www.example.org", alpn: tuple[str, ...] = ("h2", "http/1.1")) -> bytes:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


HELLO = hello()


def test_a_whole_hello_is_read() -> None:
    found = client_hello.read(HELLO)
    assert not isinstance(found, Absent)
    assert client_hello.server_name(found) == b"www.example.org"
    assert client_hello.alpn(found) == b"h2,http/1.1"
    assert found.version == (3, 3)
    assert len(found.random) == 32
    assert len(found.ciphers) % 2 == 0 and found.ciphers
    assert client_hello.SUPPORTED_GROUPS in found.extensions


def test_without_a_name_there_is_none() -> None:
    found = client_hello.read(hello(None, ()))
    assert not isinstance(found, Absent)
    assert client_hello.server_name(found) is MISS
    assert client_hello.alpn(found) is MISS


def test_every_prefix_waits_and_never_answers_early() -> None:
    for size in range(len(HELLO)):
        assert client_hello.read(HELLO[:size]) is WAIT, size


def test_type_and_version_need_few_bytes() -> None:
    assert [client_hello.hello_type(HELLO[:size]) for size in (0, 1, 6, -1)] == [WAIT, WAIT, WAIT, WAIT]
    assert client_hello.hello_type(HELLO) == 1
    assert [client_hello.hello_version(HELLO[:size]) for size in (0, 10, 11)] == [WAIT, WAIT, 0x30003]


def test_a_hello_in_several_records_is_put_together() -> None:
    body = HELLO[5:]
    records = b"".join(HELLO[:3] + len(part).to_bytes(2, "big") + part for part in (body[:7], body[7:100], body[100:]))
    assert client_hello.read(records) == client_hello.read(HELLO)


def test_an_sslv2_hello_tells_its_version() -> None:
    data = bytes((0x80, 0x2E, 0x01, 0x03, 0x01)) + bytes(40)
    assert client_hello.hello_version(data) == 0x30001
    assert client_hello.hello_version(data[:4]) is WAIT


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", b"\x15\x03\x01\x00\x02", b"\x16\x02\x00", b"SSH-2.0-x\r\n"]
)
def test_other_protocols_are_no_hello(data: bytes) -> None:
    assert client_hello.read(data) is MISS
    assert client_hello.hello_type(data) is MISS


@given(st.binary(max_size=300))
def test_random_bytes_never_raise(data: bytes) -> None:
    client_hello.read(data)
    client_hello.hello_type(data)
    client_hello.hello_version(data)
    client_hello.read(b"\x16\x03\x01" + data)


@given(st.integers(5, len(HELLO) - 1), st.integers(0, 255))
def test_a_damaged_hello_never_raises(at: int, byte: int) -> None:
    found = client_hello.read(HELLO[:at] + bytes((byte,)) + HELLO[at + 1 :])
    if not isinstance(found, Absent):
        client_hello.server_name(found)
        client_hello.alpn(found)
