"""The chosen server, beside the real HAProxy: the same keys, the same sequences, servers going down and up.

HAProxy runs with servers that all lead to one listener of its own and adds the chosen server's name to each answer.
Our algorithm objects are driven in-process with the same requests and the same changes of states and weights.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pylb import standard
from pylb.config.reader import parse_text
from pylb.http.message import Request, field
from pylb.records.proxy import Backend
from pylb.sample import hashes
from pylb.server import state
from pylb.server.assign import ASSIGNED, release
from pylb.server.equip import equip
from tests.harness import RawClient, requires
from tests.harness.programs import Program, running

standard.load()
pytestmark = requires("haproxy")

CONFIG = """
global
    nbthread 1
    stats socket $(dir)/admin.sock level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
listen origin
    bind 127.0.0.1:$(origin)
    http-request return status 200
backend be
    http-response set-header x-server %[srv_name]
"""


class Stream:
    """Just what algorithms and assignment read of a stream."""

    def __init__(self, backend: Backend, target: bytes, headers: list[tuple[bytes, bytes]], source: bytes) -> None:
        self.request = Request(b"GET", target, 11, [field(name, value) for name, value in headers])
        self.response = None
        self.session = self
        self.src = source
        self.src_port = 0
        self.address = (socket.inet_ntop(socket.AF_INET, source), 0)
        self.backend = backend
        self.server: Any = None
        self.slot: Any = None
        self.waiting: Any = None
        self.priority: Any = None
        self.queue_server = self.queue_backend = 0
        self.persistent = False
        self.final = True
        self.data = b""


class Ours:
    def __init__(self, text: str) -> None:
        config = parse_text("backend be\n mode http\n" + text)
        assert not config.report.fatal, [item.headline() for item in config.report.items]
        record = config.proxies[-1]
        self.backend = Backend("be", 3, record)
        self.backend.http = True
        equip(self.backend, Programless(config.report))
        self.streams: list[Stream] = []

    def ask(
        self, target: bytes = b"/", headers: Iterable[tuple[bytes, bytes]] = (), source: str = "127.0.0.1"
    ) -> bytes:
        stream = Stream(self.backend, target, list(headers), socket.inet_aton(source))
        assert self.backend.assignment.assign(stream) == ASSIGNED
        self.streams.append(stream)
        name: bytes = stream.server.label
        release(stream)
        return name

    def command(self, what: str, server: str, value: str) -> None:
        record = self.backend.by_name[server]
        if what == "state":
            state.set_state(record, value)
        else:
            state.set_weight(record, int(value))


class Programless:
    """The parts of a program that a backend without traffic needs."""

    def __init__(self, report: Any) -> None:
        self.report = report

    def wake(self, stream: Any) -> None:
        raise AssertionError("nobody waits in these tests")


class Theirs:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.client = RawClient(program.port("fe"))

    def ask(
        self, target: bytes = b"/", headers: Iterable[tuple[bytes, bytes]] = (), source: str = "127.0.0.1"
    ) -> bytes:
        lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        request = b"GET %b HTTP/1.1\r\n%b\r\n" % (target, lines)
        if source != "127.0.0.1":
            with RawClient(self.program.port("fe"), source=source) as client:
                reply = client.send(request).read_reply()
        else:
            reply = self.client.send(request).read_reply()
        name = reply.get("x-server")
        assert name is not None, reply.raw
        return name

    def command(self, what: str, server: str, value: str) -> None:
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.program.directory / "admin.sock"))
            admin.sendall(f"set server be/{server} {what} {value}\n".encode())
            answer = admin.recv(4096)
        assert answer.strip() == b"", answer


@contextmanager
def pair(text: str) -> Iterator[tuple[Ours, Theirs]]:
    with running("haproxy", CONFIG + text) as program:
        theirs = Theirs(program)
        try:
            yield Ours(text.replace("$(origin)", "1")), theirs
        finally:
            theirs.client.close()


def servers(*words: str) -> str:
    return "".join(f"    server s{n} 127.0.0.1:$(origin) {w}\n" for n, w in enumerate(words, 1))


def compare(text: str, asks: Iterable[dict[str, Any] | tuple[str, str, str]]) -> list[bytes]:
    """Runs the script on both: dicts are requests, tuples are commands. Returns the common choices."""
    mine, real = [], []
    asks = list(asks)
    with pair(text) as (ours, theirs):
        for step in asks:
            if isinstance(step, tuple):
                ours.command(*step)
                theirs.command(*step)
                continue
            mine.append(ours.ask(**step))
            real.append(theirs.ask(**step))
    assert mine == real
    return real


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


def test_header_values_are_cut_alike() -> None:
    values = [b"a,b", b" a , b", b",b", b"a b", b'"a,b",c', b"x" * 300]
    steps: list[Any] = [{"headers": [(b"x-key", value)]} for value in values]
    steps += [{"headers": [(b"x-key", b"one"), (b"x-key", b"two")]}, {"headers": [(b"X-KEY", b"one")]}]
    compare("    balance hdr(X-Key)\n" + servers(*("",) * 11), steps)
