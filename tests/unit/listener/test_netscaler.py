"""The client IP header of NetScaler switches: both layouts, their limits, and that no bytes upset the parser."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.listener import netscaler
from pylb.listener.netscaler import ClientHeader, Malformed, parse
from pylb.records.handshakes import CIP_CUT, CIP_MAGIC, CIP_UNHANDLED

MAGIC = 1234
PORTS = st.integers(0, 65535)


def tcp(source: int, destination: int) -> bytes:
    return struct.pack("!HHIIBBHHH", source, destination, 0, 0, 0x50, 2, 100, 0, 0)


def ip(source: str, destination: str, *, version: int = 0, words: int = 5, protocol: int = 6) -> bytes:
    src, dst = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    if len(src) == 16:
        return struct.pack("!IHBB", (version or 6) << 28, 20, protocol, 64) + src + dst
    first = (version or 4) << 4 | words
    return struct.pack("!BBHHHBBH", first, 0, 40, 1, 0, 64, protocol, 0) + src + dst + bytes(4 * (words - 5))


PACKET = ip("192.0.2.1", "198.51.100.2") + tcp(4321, 80)
PACKET6 = ip("2001:db8::1", "2001:db8::2") + tcp(4321, 80)


def legacy(packet: bytes, magic: int = MAGIC, length: int | None = None) -> bytes:
    return struct.pack("!II", magic, len(packet) if length is None else length) + packet


def standard(packet: bytes, kind: int = 1, whole: int | None = None, length: int | None = None) -> bytes:
    whole = len(packet) + 12 if whole is None else whole
    return struct.pack("!IIHH", MAGIC, whole, kind, len(packet) if length is None else length) + packet


def taken(data: bytes) -> ClientHeader:
    header = parse(data, MAGIC)
    assert isinstance(header, ClientHeader)
    return header


@pytest.mark.parametrize("wrap", [legacy, standard])
def test_both_layouts_tell_addresses_and_their_size(wrap):
    data = wrap(PACKET)
    header = taken(data + b"GET")
    assert (header.src, header.dst) == (("192.0.2.1", 4321), ("198.51.100.2", 80))
    assert header.size == len(data)
    data = wrap(PACKET6)
    header = taken(data + b"GET")
    assert (header.src, header.dst) == (("2001:db8::1", 4321, 0, 0), ("2001:db8::2", 80, 0, 0))
    assert header.size == len(data)


def test_ip_options_and_what_follows_the_tcp_header_belong_to_the_header():
    data = legacy(ip("192.0.2.1", "198.51.100.2", words=6) + tcp(1, 2) + b"options!")
    header = taken(data)
    assert (header.src, header.size) == (("192.0.2.1", 1), len(data))


@pytest.mark.parametrize("whole", [0, 40, 52, 2**32 - 1])
def test_the_whole_length_of_the_standard_layout_is_not_used(whole):
    assert taken(standard(PACKET, whole=whole)).size == 52


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (legacy(PACKET, magic=1235), CIP_MAGIC),
        (b"GET / HTTP/1.1\r\n\r\n", CIP_MAGIC),
        (b"G", CIP_MAGIC),
        (legacy(ip("192.0.2.1", "198.51.100.2", protocol=17) + tcp(1, 2)), CIP_UNHANDLED),
        (legacy(ip("2001:db8::1", "2001:db8::2", protocol=17) + tcp(1, 2)), CIP_UNHANDLED),
        (legacy(ip("192.0.2.1", "198.51.100.2", version=5) + tcp(1, 2)), CIP_UNHANDLED),
        (standard(ip("192.0.2.1", "198.51.100.2", version=5) + tcp(1, 2)), CIP_UNHANDLED),
        (legacy(ip("192.0.2.1", "198.51.100.2", words=5)[:1].replace(b"\x45", b"\x44") + PACKET[1:]), CIP_UNHANDLED),
        (standard(PACKET, kind=0), CIP_UNHANDLED),
        (standard(PACKET, kind=2), CIP_UNHANDLED),
        (legacy(PACKET, length=39), CIP_CUT),
        (legacy(PACKET6, length=59), CIP_CUT),
        (legacy(PACKET, length=0), CIP_CUT),
        (legacy(PACKET, length=netscaler.MOST + 1), CIP_CUT),
        (legacy(PACKET, length=2**32 - 1), CIP_CUT),
        (standard(PACKET, length=0), CIP_CUT),
    ],
)
def test_what_cannot_be_a_header_is_refused(data, failure):
    header = parse(data, MAGIC)
    assert isinstance(header, Malformed)
    assert header.failure == failure


@given(
    st.sampled_from([legacy, standard]),
    st.one_of(
        st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)), st.tuples(st.ip_addresses(v=6), st.ip_addresses(v=6))
    ),
    PORTS,
    PORTS,
    st.binary(max_size=9),
)
def test_what_was_written_is_read_and_every_piece_of_it_asks_for_more(wrap, ends, source, destination, rest):
    data = wrap(ip(str(ends[0]), str(ends[1])) + tcp(source, destination))
    header = taken(data + rest)
    assert header.size == len(data)
    assert ipaddress.ip_address(header.src[0]) == ends[0]
    assert ipaddress.ip_address(header.dst[0]) == ends[1]
    assert (header.src[1], header.dst[1]) == (source, destination)
    for end in range(1, len(data)):
        assert parse(data[:end], MAGIC) is None


@given(st.one_of(st.binary(min_size=1, max_size=90), st.binary(max_size=90).map(lambda rest: legacy(b"")[:4] + rest)))
def test_no_bytes_upset_it_and_a_refusal_is_final(data):
    header = parse(data, MAGIC)
    if isinstance(header, Malformed):
        assert isinstance(parse(data + b"x", MAGIC), Malformed)
    elif header is not None:
        assert 0 < header.size <= len(data)
    else:
        assert len(data) < 12 + netscaler.MOST


@given(st.sampled_from([legacy(PACKET), standard(PACKET6)]), st.integers(0, 71), st.integers(0, 255))
def test_one_changed_byte_is_refused_or_read_but_never_reaches_behind_the_header(data, at, value):
    changed = bytearray(data)
    changed[at % len(data)] = value
    header = parse(bytes(changed) + b"y" * 300, MAGIC)
    if isinstance(header, ClientHeader):
        assert header.size >= 48
