"""use-server, cookies, force-persist, ignore-persist and option persist together, beside HAProxy: who wins?

Drawn by seeded dice: rules in any order, servers that are down, drained or backups, values that several servers share.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.differential.pairs import Pair, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

RULES = (
    "use-server s1 if { req.hdr(x-a) 1 }",
    "use-server s2 if { req.hdr(x-a) 2 }",
    "use-server s3 unless { req.hdr(x-a) -m found }",
    "use-server %[req.hdr(x-name)] if { req.hdr(x-name) -m found }",
    "force-persist if { req.hdr(x-p) f }",
    "ignore-persist if { req.hdr(x-p) i }",
    "force-persist if { req.hdr(x-q) f }",
    "ignore-persist if { req.hdr(x-q) i }",
)
COOKIES = ("insert", "insert indirect", "insert nocache", "insert preserve", "rewrite", "prefix")
STATES = ("", "", "", "disabled", "weight 0", "backup", "backup disabled")
VALUES = ("c1", "c2", "c3", "c4", "same", "gone", "c2~x", "c3|x", "c1; C=c2", "c4; D=1")


def backend(dice: random.Random, name: str) -> str:
    lines = [
        f"backend {name}",
        f" balance {dice.choice(('roundrobin', 'static-rr', 'hdr(x-k)', 'leastconn', 'first'))}",
    ]
    cookie = dice.choice((None, *COOKIES))
    if cookie is not None:
        lines.append(f" cookie C {cookie}")
    lines += [f" option {word}" for word in ("persist", "redispatch", "allbackups") if dice.random() < 0.35]
    lines += [f" {rule}" for rule in dice.sample(RULES, dice.randint(0, 5))]
    lines.append(" http-response set-header x-server %[srv_name]")
    for n in range(1, 5):
        value = dice.choice((f"c{n}", f"c{n}", f"c{n}", "same", ""))
        words = dice.choice(STATES if n > 1 else STATES[:5])
        lines.append(f" server s{n} 127.0.0.1:$(origin) {'cookie ' + value if cookie and value else ''} {words}")
    return "\n".join(lines)


def request(dice: random.Random, name: str) -> bytes:
    fields = ["host: a", f"x-backend: {name}"]
    for field, values in (("x-a", "12"), ("x-p", "fi"), ("x-q", "fi"), ("x-k", "abc")):
        if dice.random() < 0.4:
            fields.append(f"{field}: {dice.choice(values)}")
    if dice.random() < 0.25:
        fields.append(f"x-name: {dice.choice(('s1', 's2', 's3', 's4', 'nope'))}")
    if dice.random() < 0.6:
        fields.append(f"cookie: C={dice.choice(VALUES)}")
    return "\r\n".join(("GET / HTTP/1.1", *fields)).encode() + b"\r\n\r\n"


def draw() -> tuple[str, dict[str, list[bytes]]]:
    dice = random.Random(1)
    names = [f"b{n}" for n in range(70)]
    text = "\n".join(backend(dice, name) for name in names)
    return text, {name: [request(dice, name) for _ in range(25)] for name in names}


BACKENDS, REQUESTS = draw()

CONFIG = f"""
global
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend fe
    bind 127.0.0.1:$(fe)
    use_backend %[req.hdr(x-backend)]
listen origin
    bind 127.0.0.1:$(origin)
    http-request return status 200
{BACKENDS}
"""

pair = paired(CONFIG, origins=())


@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_of_all_wishes_wins(pair: Pair, name: str) -> None:
    def scenario(site: Site) -> Any:
        seen = []
        with RawClient(site.port("fe")) as client:
            for text in REQUESTS[name]:
                reply = client.send(text).read_reply()
                seen.append((text, reply.status, reply.get("x-server"), reply.get("set-cookie")))
        return seen

    seen = pair.run(scenario)
    for expected, got in zip(seen["haproxy"], seen["pylb"], strict=True):
        assert got == expected
