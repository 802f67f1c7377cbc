from __future__ import annotations

import ipaddress
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.listener import proxy_protocol as pp
from pylb.listener.proxy_protocol import Malformed, ProxyHeader, parse
from pylb.records.session import Session
from pylb.sample.hashes import crc32c

SIG = pp.SIGNATURE
ports = st.integers(0, 65535)
v4 = st.ip_addresses(v=4)
v6 = st.ip_addresses(v=6)
pairs = st.one_of(st.tuples(v4, v4), st.tuples(v6, v6))
records = st.lists(st.tuples(st.sampled_from([1, 2, 5, 0x20, 0x30, 0xE0]), st.binary(max_size=100)), max_size=5)


def ends(pair: Any, src_port: int, dst_port: int) -> pp.Ends:
    family = socket.AF_INET if pair[0].version == 4 else socket.AF_INET6
    return family, pair[0].packed, pair[1].packed, src_port, dst_port


def told(header: Any) -> tuple[str, str, int, int]:
    assert isinstance(header, ProxyHeader), getattr(header, "reason", header)
    return header.src[0], header.dst[0], header.src[1], header.dst[1]


def same_address(text: str, address: Any) -> bool:
    return ipaddress.ip_address(text) == address


def in_pieces(data: bytes) -> Any:
    """What the parser says when bytes come one by one; every answer before the last must be "more"."""
    for end in range(1, len(data)):
        answer = parse(data[:end])
        if answer is not None:
            return answer
    return parse(data)


@given(pairs, ports, ports, st.binary(max_size=20))
def test_a_v1_line_is_read_back_as_it_was_built(pair, src_port, dst_port, rest):
    line = pp.build_v1(ends(pair, src_port, dst_port))
    header = parse(line + rest)
    src, dst, *numbers = told(header)
    assert same_address(src, pair[0]) and same_address(dst, pair[1]) and numbers == [src_port, dst_port]
    assert (line + rest)[header.size :] == rest
    assert len(line) <= pp.V1_MOST


@given(pairs, ports, ports, records, st.booleans(), st.binary(max_size=20))
def test_a_v2_header_is_read_back_as_it_was_built(pair, src_port, dst_port, tlvs, checksum, rest):
    data = pp.build_v2(ends(pair, src_port, dst_port), tlvs, checksum=checksum)
    header = parse(data + rest)
    src, dst, *numbers = told(header)
    assert same_address(src, pair[0]) and same_address(dst, pair[1]) and numbers == [src_port, dst_port]
    assert header.tlvs == tuple(tlvs)
    assert (data + rest)[header.size :] == rest


@given(pairs, ports, ports, records, st.sampled_from([1, 2]))
def test_byte_by_byte_gives_the_same_as_at_once(pair, src_port, dst_port, tlvs, version):
    both = ends(pair, src_port, dst_port)
    data = pp.build_v1(both) if version == 1 else pp.build_v2(both, tlvs, checksum=True)
    assert told(in_pieces(data)) == told(parse(data))


@given(st.binary(max_size=300))
def test_any_bytes_give_a_header_a_refusal_or_more(data):
    for text in (data, SIG + data, b"PROXY " + data, SIG + b"\x21\x11" + data):
        assert parse(text) is None or isinstance(parse(text), (ProxyHeader, Malformed))


@given(pairs, records, st.data())
def test_a_flipped_bit_under_a_checksum_never_passes_for_the_original(pair, tlvs, data):
    good = pp.build_v2(ends(pair, 1, 2), tlvs, checksum=True)
    at = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[at // 8] ^= 1 << at % 8
    answer = parse(bytes(bad) + b"x" * 100)
    if isinstance(answer, ProxyHeader):
        # Only a flip that makes the record something else than a checksum can get through.
        assert not any(kind == pp.PP2_CRC32C for kind, _ in answer.tlvs) and at // 8 >= 12


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 1.2.3.4 5.6.7.8 0001 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
        b"PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
        b"PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY TCP6 ::1%1 ::2 1 2\r\n",
        b"PROXY UNIX\r\n",
        b"PROXY UNKNOWNx\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        b"proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"PROXY UNKNOWN " + b"x" * 100 + b"\r\n",
        b"GET / HTTP/1.1\r\n",
        b"\x16\x03\x01\x00\x00",
    ],
)
def test_v1_lines_that_are_refused(line):
    assert isinstance(parse(line), Malformed)


@pytest.mark.parametrize(
    "data",
    [
        b"\x22\x11\x00\x0c" + bytes(12),  # unknown command
        b"\x11\x11\x00\x0c" + bytes(12),  # version 1 in a binary header
        b"\x21\x41\x00\x0c" + bytes(12),  # unknown family
        b"\x21\x13\x00\x0c" + bytes(12),  # unknown transport
        b"\x21\x11\x00\x0b" + bytes(11),  # too short for IPv4
        b"\x21\x21\x00\x0c" + bytes(12),  # too short for IPv6
        b"\x21\x11\x00\x0e" + bytes(12) + b"\x01\x00",  # half a TLV
        b"\x21\x11\x00\x10" + bytes(12) + b"\x01\x00\x05a",  # a TLV longer than the header
        b"\x21\x11\x00\x13" + bytes(12) + b"\x03\x00\x04" + bytes(4),  # wrong checksum
        b"\x20\x00\x00\x07\x03\x00\x04" + bytes(4),  # wrong checksum of a LOCAL header
        b"\x21\x11\x00\x12" + bytes(12) + b"\x03\x00\x03" + bytes(3),  # checksum of 3 bytes
        b"\x21\x11\xff\xff",  # longer than any buffer
    ],
)
def test_v2_headers_that_are_refused(data):
    assert isinstance(parse(SIG + data), Malformed)


@pytest.mark.parametrize(
    ("data", "local"),
    [
        (b"PROXY UNKNOWN\r\n", False),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", False),
        (SIG + b"\x20\x00\x00\x00", True),
        (SIG + b"\x20\x11\x00\x0c" + bytes(12), True),
        (SIG + b"\x21\x00\x00\x00", False),
        (SIG + b"\x21\x31\x00\xd8" + b"/a".ljust(108, b"\0") * 2, False),
        (SIG + b"\x21\x12\x00\x0c" + bytes(12), False),
    ],
)
def test_headers_that_leave_the_sockets_addresses(data, local):
    header = parse(data + b"rest")
    assert isinstance(header, ProxyHeader)
    assert (header.src, header.dst, header.local, header.size) == (None, None, local, len(data))


def test_noop_records_are_skipped_and_known_ones_have_names():
    tlvs = [(4, b"padding"), (1, b"h2"), (2, b"example.com"), (5, b"id-1"), (0x30, b"blue"), (0xE0, b"own")]
    header = parse(pp.build_v2((socket.AF_INET, bytes(4), bytes(4), 1, 2), tlvs))
    assert isinstance(header, ProxyHeader)
    assert (header.alpn, header.authority, header.unique_id, header.netns) == (b"h2", b"example.com", b"id-1", b"blue")
    assert header.tlv(0xE0) == b"own"
    assert header.tlv(0x77) is None
    assert 4 not in dict(header.tlvs)


def test_the_checksum_is_the_one_of_the_specification():
    data = pp.build_v2((socket.AF_INET, bytes(4), bytes(4), 1, 2), [], checksum=True)
    assert crc32c(data[:-4] + bytes(4)) == int.from_bytes(data[-4:], "big")


def session(address: Any, local: Any) -> Session:
    made = Session(SimpleNamespace(unique_id=None), None, None, address, 0.0, 0.0)
    made.local = local
    return made


def server(version: int, *options: str) -> Any:
    return SimpleNamespace(send_proxy=version, proxy_options=options, records=())


def test_the_header_for_a_server_tells_the_clients_addresses():
    client = session(("192.0.2.1", 1000), ("192.0.2.2", 80))
    assert pp.build(client, server(1)) == b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n"
    assert told(parse(pp.build(client, server(2)))) == ("192.0.2.1", "192.0.2.2", 1000, 80)


def test_families_that_differ_are_both_told_as_ipv6():
    client = session(("192.0.2.1", 1000), ("2001:db8::1", 80, 0, 0))
    assert pp.build(client, server(1)) == b"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1000 80\r\n"


@pytest.mark.parametrize("client", [None, session("", "/run/socket")])
def test_without_addresses_it_is_unknown_or_local(client):
    assert pp.build(client, server(1)) == b"PROXY UNKNOWN\r\n"
    assert pp.build(client, server(2)) == SIG + b"\x20\x00\x00\x00"


def test_a_header_replaces_the_sessions_addresses_and_keeps_the_sockets():
    client = session(("192.0.2.1", 1000), ("192.0.2.2", 80))
    pp.build(client, server(1))  # what rules asked for before is forgotten
    header = parse(b"PROXY TCP6 2001:db8::1 2001:db8::2 5 6\r\n")
    assert isinstance(header, ProxyHeader)
    pp.apply(header, client)
    assert client.original == (("192.0.2.1", 1000), ("192.0.2.2", 80))
    assert pp.build(client, server(1)) == b"PROXY TCP6 2001:db8::1 2001:db8::2 5 6\r\n"


def test_unique_id_and_ssl_records_are_made_on_request():
    client = session(("192.0.2.1", 1000), ("192.0.2.2", 80))
    client.frontend.unique_id = lambda stream: b"u-1"
    header = parse(pp.build(client, server(2, "ssl", "unique-id", "crc32c")))
    assert isinstance(header, ProxyHeader)
    assert header.tlvs == ((pp.PP2_UNIQUE_ID, b"u-1"), (pp.PP2_SSL, bytes(5)))
