"""The chosen server, beside the real HAProxy: the same keys, the same sequences, servers going down and up."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from pylb.sample import hashes
from pylb.server.assign import release
from tests.differential.balancing import HOLDING, HoldingOurs, Stream, compare, compare_holding, holder, pair, servers
from tests.harness import RawClient, requires
from tests.harness.origin import Origin
from tests.harness.programs import running

pytestmark = requires("haproxy")


def changes(
    seed: int, names: list[str], count: int, weights: bool = True
) -> Iterator[dict[str, Any] | tuple[str, str, str]]:
    """A reproducible sequence of requests with servers going down and up and changing weight; s1 stays."""
    dice = random.Random(seed)
    for _ in range(count):
        for _ in range(dice.randint(1, 40)):
            yield {}
        name = dice.choice(names[1:])
        if weights and dice.random() < 0.5:
            yield ("weight", name, str(dice.choice((0, 1, 2, 5, 10, 33, 256))))
        else:
            yield ("state", name, dice.choice(("maint", "ready", "drain")))


WEIGHTS: list[tuple[str, ...]] = [
    ("",) * 3,
    ("weight 1", "weight 3", "weight 5"),
    ("weight 10", "weight 20", "weight 30", "weight 1", "weight 256"),
    ("weight 5", "weight 5", "weight 0", "weight 1"),
    ("weight 3", "weight 2"),
    tuple(f"weight {(n * 7) % 23 + 1}" for n in range(20)),
]


@pytest.mark.parametrize("words", WEIGHTS)
def test_roundrobin_gives_the_same_order(words: tuple[str, ...]) -> None:
    compare("    balance roundrobin\n" + servers(*words), [{}] * 700)


@pytest.mark.parametrize("seed", range(4))
def test_roundrobin_follows_changes_alike(seed: int) -> None:
    words = random.Random(seed).choice(WEIGHTS[1:])
    names = [f"s{n}" for n in range(1, len(words) + 1)]
    compare("    balance roundrobin\n" + servers(*words), changes(seed, names, 60))


@pytest.mark.parametrize("words", WEIGHTS)
def test_static_rr_gives_the_same_order(words: tuple[str, ...]) -> None:
    compare("    balance static-rr\n" + servers(*words), [{}] * 700)


@pytest.mark.parametrize("name", ["static-rr", "leastconn", "first"])
@pytest.mark.parametrize("seed", range(3))
def test_other_algorithms_follow_changes_alike(name: str, seed: int) -> None:
    words = WEIGHTS[1 + seed % 3]
    names = [f"s{n}" for n in range(1, len(words) + 1)]
    compare(f"    balance {name}\n" + servers(*words), changes(seed, names, 60, weights=name != "static-rr"))


@pytest.mark.parametrize("options", ["", "    option allbackups\n"])
@pytest.mark.parametrize("name", ["roundrobin", "static-rr", "leastconn", "first", "source", "hdr(k)"])
@pytest.mark.parametrize("hash_type", ["map-based", "consistent"])
def test_backup_servers_take_over_alike(name: str, options: str, hash_type: str) -> None:
    steps: list[Any] = []
    for state_of_1, state_of_2 in (("maint", "ready"), ("maint", "maint"), ("ready", "maint"), ("maint", "maint")):
        steps += [("state", "s1", state_of_1), ("state", "s2", state_of_2)]
        steps += [{"headers": [(b"k", b"%d" % n)]} if n % 3 else {} for n in range(30)]
    text = f"    balance {name}\n    hash-type {hash_type}\n" + options
    compare(text + servers("", "weight 3", "backup weight 2", "backup", "backup weight 3"), steps)


HASHES = [
    "",
    "map-based sdbm",
    "map-based djb2 avalanche",
    "map-based wt6",
    "map-based crc32 avalanche",
    "consistent",
    "consistent sdbm",
    "consistent djb2",
    "consistent wt6 avalanche",
    "consistent crc32",
]


def keys(seed: int, count: int) -> list[bytes]:
    dice = random.Random(seed)
    letters = b"abcdefghijklmnopqrstuvwxyzABCXYZ0123456789.-_~%/"
    return [bytes(dice.choice(letters) for _ in range(dice.randint(1, 24))) for _ in range(count)]


@pytest.mark.parametrize("kind", HASHES)
def test_header_keys_lead_to_the_same_server(kind: str) -> None:
    text = "    balance hdr(x-key)\n" + (f"    hash-type {kind}\n" if kind else "")
    steps: list[Any] = [{"headers": [(b"x-key", key)]} for key in keys(1, 1200)]
    steps[400:400] = [("state", "s2", "maint"), {}, {}, {}, {"headers": [(b"x-key", b"")]}]
    steps[800:800] = [("state", "s2", "ready"), ("state", "s3", "drain"), {}, {}, {}]
    chosen = compare(text + servers("", "weight 3", "weight 5", "id 77", "weight 0"), steps)
    assert set(chosen) == {b"s1", b"s2", b"s3", b"s4"}


@pytest.mark.parametrize("kind", ["", "consistent", "map-based wt6 avalanche"])
def test_source_addresses_lead_to_the_same_server(kind: str) -> None:
    dice = random.Random(5)
    steps = [
        {"source": f"127.{dice.randint(0, 255)}.{dice.randint(0, 255)}.{dice.randint(1, 254)}"} for _ in range(300)
    ]
    text = "    balance source\n" + (f"    hash-type {kind}\n" if kind else "")
    compare(text + servers("", "weight 3", "weight 5", ""), steps)


TARGETS = [
    *(b"/" + key.replace(b"%", b"_") for key in keys(2, 120)),
    *(b"/a/b/c/d/" + b"x/" * n + b"?q=1/2/3&d=%d" % n for n in range(12)),
    *(b"/same?number=%d" % n for n in range(12)),
    *(b"http://host%d.example/path/%d?x=%d" % (n, n % 3, n) for n in range(24)),
    b"*",
    b"/",
    b"//",
    b"/?",
    b"/a?b?c",
]


@pytest.mark.parametrize(
    "words", ["", "len 5", "depth 1", "depth 3 len 12", "whole", "path-only", "whole path-only depth 2", "whole len 20"]
)
@pytest.mark.parametrize("kind", ["map-based", "consistent"])
def test_uris_lead_to_the_same_server(words: str, kind: str) -> None:
    text = f"    balance uri {words}\n    hash-type {kind}\n"
    compare(text + servers(*("weight 2",) * 7), [{"target": target} for target in TARGETS if target != b"*"])


@pytest.mark.parametrize("kind", ["map-based", "consistent djb2"])
def test_url_parameters_lead_to_the_same_server(kind: str) -> None:
    targets = [b"/?user=%d" % n for n in range(60)]
    targets += [b"/p?a=1&user=%b&b=2" % key.replace(b"%", b"_") for key in keys(3, 60)]
    targets += [b"/", b"/?", b"/?user", b"/?user=", b"/?user=&a=1", b"/?User=1", b"/?xuser=1&user=2", b"/?user=1;b=3"]
    targets += [b"/?a=1;user=2", b"/?user=1?user=2", b"/?a?user=5", b"/?&user=9", b"/?a=user=4"]
    targets += [b"/?user=a&user=b", b"http://h/?user=7", b"/?useruser=3&user=4", b"/?user=%41"]
    text = f"    balance url_param user\n    hash-type {kind}\n"
    compare(text + servers("", "weight 2", "", "", ""), [{"target": target} for target in targets])


def test_domains_lead_to_the_same_server() -> None:
    hosts = [b"www.%b.org" % key.strip(b".-~%/_").replace(b"/", b"").replace(b".", b"") for key in keys(4, 100)]
    hosts += [b"example.com", b"a.example.com", b"b.example.com", b"x.y.z.example.net"]
    text = "    balance hdr(x-host) use_domain_only\n" + servers("", "", "", "", "", "", "")
    with pair(text) as (ours, theirs):
        for host in hosts:
            asked = {"headers": [(b"x-host", host)]}
            mine, real = ours.ask(**asked), theirs.ask(**asked)
            # HAProxy looks at the byte behind the value: when a dot happens to stand there, it hashes the last label.
            slip = b"s%d" % (hashes.sdbm(host.rpartition(b".")[2]) % 7 + 1)
            assert mine == real or real == slip, host


@pytest.mark.parametrize("kind", ["map-based", "consistent"])
def test_expressions_lead_to_the_same_server(kind: str) -> None:
    steps: list[Any] = [{"headers": [(b"x-key", key)]} for key in keys(6, 200)]
    steps[50:50] = [{}, {}, {}, {"headers": [(b"x-key", b"")]}]
    text = f"    balance hash req.fhdr(x-key),lower\n    hash-type {kind}\n"
    compare(text + servers("", "weight 2", "", "weight 4"), steps)


def test_header_values_are_cut_alike() -> None:
    values = [b"a,b", b" a , b", b",b", b"a b", b'"a,b",c', b"x" * 300]
    steps: list[Any] = [{"headers": [(b"x-key", value)]} for value in values]
    steps += [{"headers": [(b"x-key", b"one"), (b"x-key", b"two")]}, {"headers": [(b"X-KEY", b"one")]}]
    compare("    balance hdr(X-Key)\n" + servers(*("",) * 11), steps)


def crowd(seed: int, count: int, most: int, names: int = 0) -> Iterator[tuple[Any, ...]]:
    """Streams that come and go at random, `most` at a time; with `names`, servers that go down and come back."""
    dice = random.Random(seed)
    here: list[int] = []
    for number in range(count):
        if here and (len(here) >= most or dice.random() < 0.4):
            yield ("close", here.pop(dice.randrange(len(here))))
        if names and dice.random() < 0.15:
            yield ("state", f"s{dice.randint(2, names)}", dice.choice(("drain", "ready", "ready")))
        here.append(number)
        yield ("open", number)
    for number in here:
        yield ("close", number)


@pytest.mark.parametrize("words", [("",) * 3, ("weight 1", "weight 3", "weight 5"), ("weight 100", "weight 150")])
@pytest.mark.parametrize("names", [0, 2])
def test_leastconn_counts_load_alike(words: tuple[str, ...], names: int) -> None:
    compare_holding("    balance leastconn\n", words, crowd(1, 60, 25, names))


@pytest.mark.parametrize("name", ["roundrobin", "static-rr", "leastconn", "first"])
def test_full_servers_are_passed_over_and_queues_move_alike(name: str) -> None:
    words = ("maxconn 2", "maxconn 3 weight 3", "maxconn 1 weight 2")
    compare_holding(f"    balance {name}\n", words, crowd(2, 50, 12))


def test_hashed_streams_wait_for_their_own_server() -> None:
    compare_holding("    balance source\n", ("maxconn 2", "maxconn 2"), crowd(3, 15, 6))


def test_limits_grow_with_the_load_of_the_backend() -> None:
    words = ("minconn 1 maxconn 5", "minconn 2 maxconn 4")
    compare_holding("    fullconn 8\n    balance roundrobin\n", words, crowd(4, 40, 10))


def test_leastconn_may_fill_queues_of_servers() -> None:
    words = ("maxconn 1 maxqueue 2", "maxconn 1 maxqueue 1")
    compare_holding("    balance leastconn\n", words, crowd(5, 30, 8))


def rdp_request(cookie: bytes) -> bytes:
    """TPKT and X.224 headers, then the cookie line that remote desktop clients send (MS-RDPBCGR 2.2.1.1)."""
    payload = cookie + b"\x01\x00\x08\x00\x00\x00\x00\x00"
    return (
        b"\x03\x00" + (11 + len(payload)).to_bytes(2, "big") + bytes([6 + len(payload)]) + b"\xe0\0\0\0\0\0" + payload
    )


def test_rdp_cookies_lead_to_the_same_server() -> None:
    packets = [rdp_request(b"Cookie: mstshash=%b\r\n" % key.replace(b"%", b"")) for key in keys(7, 40)]
    packets += [rdp_request(b"cookie:   MSTSHASH=joe\r\n"), rdp_request(b"Cookie: msts=3640205228.15629.0000\r\n")]
    packets += [rdp_request(b"Cookie: mstshash=\r\n"), rdp_request(b"Cookie: mstshash=joe")]
    with contextlib.ExitStack() as stack:
        ports = [stack.enter_context(Origin(holder(f"s{n}"), name=f"s{n}")).port for n in range(1, 6)]
        lines = "    balance rdp-cookie\n" + "".join(f"    server s{n} 127.0.0.1:{p}\n" for n, p in enumerate(ports, 1))
        wait = "    tcp-request inspect-delay 10s\n    tcp-request content accept if { req.len gt 11 }\n"
        program = stack.enter_context(running("haproxy", HOLDING + wait + lines))
        ours = HoldingOurs(lines)
        mine, real = [], []
        for packet in packets:
            stream = Stream(ours.backend, b"/", [], bytes(4))
            stream.data = packet
            ours.backend.assignment.assign(stream)
            mine.append(stream.server.name)
            release(stream)
            with RawClient(program.port("fe")) as client:
                real.append(client.send(packet).read_exactly(2).decode())
    assert mine == real


@pytest.mark.parametrize("factor", [101, 150, 300])
def test_bounded_loads_overflow_to_the_same_servers(factor: int) -> None:
    text = f"    balance source\n    hash-type consistent\n    hash-balance-factor {factor}\n"
    compare_holding(text, ("", "weight 3", "weight 2", "id 9"), crowd(8, 50, 20))
