"""Bytes behind `accept-proxy`, most of them wrong, beside HAProxy: each ends its connection alone, with the same
answer, the same end and the same log line; the frontend serves on.

The headers are made from good ones by a generator with a fixed seed: bytes changed, added, taken away, cut off; lengths
that lie; broken TLVs; noise. What pylb takes otherwise by intention is in `intended`.
"""

from __future__ import annotations

import contextlib
import random
import re
import socket
import struct
from typing import Any

from tests.differential.pairs import Pair, paired
from tests.harness import Site, requires, wait_until
from tests.harness.syslog import message

pytestmark = requires("haproxy")

pair = paired(
    """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 2s
    timeout server 1s
frontend proxy
    bind 127.0.0.1:$(proxy) accept-proxy name front
    http-request return status 200 hdr x %[src],%[src_port],%[dst],%[dst_port]
""",
    origins=(),
)

GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = socket.inet_aton("1.2.3.4") + socket.inet_aton("5.6.7.8") + struct.pack("!HH", 99, 88)
V6 = socket.inet_pton(socket.AF_INET6, "1::2") + socket.inet_pton(socket.AF_INET6, "3::4") + struct.pack("!HH", 99, 88)


def v2(first: int, family: int, payload: bytes, size: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", first, family, len(payload) if size is None else size) + payload


def tlv(kind: int, value: bytes, size: int | None = None) -> bytes:
    return struct.pack("!BH", kind, len(value) if size is None else size) + value


GOOD = [
    b"PROXY TCP4 1.2.3.4 5.6.7.8 99 88\r\n",
    b"PROXY TCP6 1::2 3::4 99 88\r\n",
    b"PROXY UNKNOWN\r\n",
    v2(0x21, 0x11, V4),
    v2(0x21, 0x21, V6),
    v2(0x20, 0x00, b""),
    v2(0x21, 0x11, V4 + tlv(0x04, bytes(3)) + tlv(0x02, b"name")),
]


def headers(count: int = 160) -> list[bytes]:
    dice = random.Random(20261123)
    found: dict[bytes, None] = dict.fromkeys(GOOD)
    lies = [v2(0x21, family, V4, size) for family in (0x11, 0x21, 0x00) for size in (0, 1, 11, 13, 36, 37, 0xFFFF)]
    lies += [v2(0x21, 0x11, V4 + tlv(kind, b"abc", size)) for kind in (1, 3, 4, 0xE0) for size in (0, 2, 4, 0xFFFF)]
    lies += [b"PROXY TCP4 " + b"1" * size + b"\r\n" for size in (80, 94, 95, 96, 120)]
    found |= dict.fromkeys(lies)
    while len(found) < count:
        data = bytearray(dice.choice(GOOD))
        how = dice.randrange(6)
        at = dice.randrange(len(data))
        if how == 0:
            data[at] = dice.randrange(256)
        elif how == 1:
            data[at] ^= 1 << dice.randrange(8)
        elif how == 2:
            del data[at]
        elif how == 3:
            data.insert(at, dice.choice(b" \r\n\0:.0A\xff"))
        elif how == 4:
            del data[at:]
        else:
            data = bytearray(dice.randbytes(dice.randrange(1, 60)))
        found[bytes(data)] = None
    return list(found)


def intended(data: bytes) -> bool:
    """Whether pylb takes it otherwise by intention: as the specification says where HAProxy is stricter, and strictly
    where HAProxy takes numbers that are none."""
    if data[:12] == SIGNATURE and len(data) >= 16:
        return data[13] not in (0x11, 0x21) and data[12] == 0x21
    words = data.partition(b"\r\n")[0].split(b" ")
    odd = [
        word
        for word in words[2:]
        if re.search(rb"(?:^|\.)0\d|\.\.|\.$", word) or (word.isdigit() and int(word) > 65535)
    ]
    return words[:1] == [b"PROXY"] and (bool(odd) or words[1:2] == [b"UNKNOWN"])


def talk(site: Site, data: bytes) -> tuple[bytes, str]:
    """What the client gets, and its log line without what differs from run to run."""
    before = len(site.syslog.datagrams)
    with socket.create_connection(("127.0.0.1", site.port("proxy")), 5) as client:
        own = client.getsockname()[1]
        got = b""
        with contextlib.suppress(OSError):
            client.sendall(data + GET)
            client.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # it depends on what was read how the end looks
            while more := client.recv(65536):
                got += more
    wait_until(lambda: len(site.syslog.datagrams) > before, 5, f"the line of {data!r}")  # each connection has one
    line = re.sub(r"\[\d\d/[^]]*\]", "[DATE]", message(site.syslog.lines[before]))
    line = re.sub(r" -?\d+(?:/-?\d+){4} (?=-?\d+ \d+ )", " TIMES ", line)
    if "PROXY protocol" in line:  # HAProxy shows the header's address where only what stands behind it is wrong
        line = re.sub(r"^\S+ ", "", line)
    line = re.sub(r"(?:\d+/){4}\d+ 0/0 ", "COUNTS ", line).replace(" CR-- ", " PR-- ")  # garbage, or the end behind it
    return got.replace(b",%d," % own, b",OWN,"), line.replace(f":{own} ", ":OWN ")


def test_what_is_no_header_ends_its_connection_alone(pair: Pair) -> None:
    every = headers()

    def scenario(site: Site) -> dict[bytes, Any]:
        return {data: talk(site, data) for data in every}

    seen = pair.run(scenario)
    different = {
        data: (seen["haproxy"][data], seen["pylb"][data])
        for data in every
        if seen["haproxy"][data] != seen["pylb"][data] and not intended(data)
    }
    assert not different
    refused = [data for data in every if not seen["haproxy"][data][0]]
    assert len(refused) > 100
