"""Which server is chosen, beside HAProxy's.

Tables of algorithms, hash types, weights, ids and backups, and sequences of commands on both runtime sockets with
requests between them.

Everything is drawn by seeded dice. A backend is one case; its requests go through one connection, in batches.
One difference is kept out: where all backup servers share the traffic and active ones come back, HAProxy's turn of
requests without a key stays among the backups until the end of their ring; ours does not.
"""

from __future__ import annotations

import csv
import random
import socket
from typing import Any

import pytest

from tests.differential.pairs import Pair, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

TURNS = ("roundrobin", "static-rr", "leastconn", "first")
KEYED = (
    *("source", "uri", "uri len 5", "uri depth 1", "uri depth 3 len 12", "uri whole", "uri path-only"),
    *("uri whole path-only depth 2", "url_param user", "hdr(x-key)", "rdp-cookie", "hash req.fhdr(x-key),lower"),
    *("hash src,ipmask(24)", "hash path,length", "hash req.hdr(x-n),add(0)", "hash url_param(user)"),
)
HASHES = tuple(
    f"{method} {function}{mixed}"
    for method in ("map-based", "consistent")
    for function in ("sdbm", "djb2", "wt6", "crc32")
    for mixed in ("", " avalanche")
)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789.-_~"


def server_lines(dice: random.Random, count: int, backups: str) -> list[str]:
    lines = []
    for n in range(1, count + 1):
        words = [f" server s{n} 127.0.0.1:$(origin)"]
        if dice.random() < 0.6:
            words.append(f"weight {dice.choice((0, 1, 1, 2, 3, 5, 7, 10, 33, 100, 255, 256))}")
        if dice.random() < 0.25:
            words.append(f"id {dice.choice((n * 100 + 7, n * 7919 + 100000, 2**20 + n * 3))}")
        if backups == "all" or (backups == "some" and n % 3 == 0) or (backups == "most" and n > 1):
            words.append("backup")
        if dice.random() < 0.08:
            words.append("disabled")
        lines.append(" ".join(words))
    return lines


def backend(dice: random.Random, name: str, algorithm: str, kind: str, sizes: tuple[int, ...]) -> list[str]:
    lines = [f"backend {name}", f" balance {algorithm}", f" hash-type {kind}"]
    lines.append(" http-response set-header x-server %[srv_name]")
    if dice.random() < 0.35 and not kind.startswith("consistent"):
        lines.append(" option allbackups")
    return lines + server_lines(dice, dice.choice(sizes), dice.choice(("none", "none", "some", "most", "all")))


def request(dice: random.Random, name: str) -> bytes:
    def text(most: int) -> str:
        return "".join(dice.choice(LETTERS) for _ in range(dice.randint(1, most)))

    host = dice.choice((f"www.{text(5)}.org", "a.b.example.com", f"x.{text(4)}.net:8080"))
    target = "/" + "/".join(text(6) for _ in range(dice.randint(0, 4)))
    if dice.random() < 0.5:
        target += dice.choice(("?user=", "?a=1&user=", "?User=", "?xuser=", "?")) + text(8)
        target += dice.choice(("", "&b=2", ";c=3", "?x=1"))
    if dice.random() < 0.15:
        target = f"http://{host}{target}"
    fields = [f"host: {host}", f"x-backend: {name}"]
    if dice.random() < 0.7:
        fields.append(f"x-key: {dice.choice((text(20), text(5) + ',' + text(5), text(3)))}")
    if dice.random() < 0.2:
        fields.append("x-key: " + dice.choice(("", text(20))))
    if dice.random() < 0.7:
        fields.append(f"x-n: {dice.choice((0, 1, 5, -3, 70000, 2**31, 2**33))}")
    return "\r\n".join((f"GET {target} HTTP/1.1", *fields)).encode() + b"\r\n\r\n"


def plan(dice: random.Random, name: str, servers: list[str], static: bool) -> list[str | list[bytes]]:
    """Batches of requests, and commands."""
    steps: list[str | list[bytes]] = []
    for _ in range(12):
        steps.append([request(dice, name) for _ in range(dice.choice((1, 2, 3, 5, 9, 20, 40)))])
        for _ in range(dice.choice((1, 1, 1, 2, 4))):
            one = f"{name}/{dice.choice(servers)}"
            weights = ("0", "100%", "0%", "3") if static else ("0", "1", "5", "17", "256", "257", "50%", "200%", "3%")
            weight = dice.choice(weights)
            steps.append(
                dice.choice(
                    (
                        f"set server {one} weight {weight}",
                        f"set weight {one} {weight}",
                        f"disable server {one}",
                        f"enable server {one}",
                        f"set server {one} state {dice.choice(('ready', 'ready', 'maint', 'drain'))}",
                        f"set server {one} health {dice.choice(('up', 'up', 'down', 'stopping'))}",
                        f"set maxconn server {one} {dice.choice((0, 1, 3))}",
                        f"get weight {one}",
                    )
                )
            )
            if not static and dice.random() < 0.15 and "new" not in servers:
                steps.append(f"add server {name}/new 127.0.0.1:$(origin) id 5001 weight {dice.choice((1, 3, 20))}")
                steps.append(f"enable server {name}/new")
                servers.append("new")
            elif "new" in servers and dice.random() < 0.15:
                steps += [f"disable server {name}/new", f"del server {name}/new"]
                servers.remove("new")
        if dice.random() < 0.2:
            steps.append(f"show stat {name} 6 -1")
    return steps


def draw() -> tuple[str, dict[str, list[bytes]], dict[str, list[str | list[bytes]]]]:
    dice = random.Random(1)
    lines: list[str] = []
    tables: dict[str, list[bytes]] = {}
    plans: dict[str, list[str | list[bytes]]] = {}
    for algorithm in (*TURNS, *KEYED):
        for kind in dice.sample(("map-based", "consistent", *HASHES), 6 if algorithm in KEYED else 2):
            name = f"t{len(tables)}"
            lines += backend(dice, name, algorithm, kind, (1, 2, 3, 4, 5, 8, 13, 20, 50))
            tables[name] = [request(dice, name) for _ in range(40)]
    for number in range(36):
        name = f"q{number}"
        algorithm = dice.choice((*TURNS, "source", "uri", "hdr(x-key)", "rdp-cookie", "url_param user", KEYED[-1]))
        kind = dice.choice(("map-based", "consistent", *HASHES))
        made = backend(dice, name, algorithm, kind, (2, 3, 3, 4, 5, 8))
        lines += made
        servers = [line.split()[1] for line in made if line.startswith(" server ")]
        static = algorithm == "static-rr" or (algorithm not in TURNS and kind.startswith("map-based"))
        plans[name] = plan(dice, name, servers, static)
    return "\n".join(lines), tables, plans


BACKENDS, TABLES, PLANS = draw()

CONFIG = f"""
global
    nbthread 1
    stats socket $(dir)/cli.sock level admin
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
    timeout queue 5s
frontend fe
    bind 127.0.0.1:$(fe)
    use_backend %[req.hdr(x-backend)]
frontend proxied
    bind 127.0.0.1:$(proxied) accept-proxy
    use_backend %[req.hdr(x-backend)]
listen origin
    bind 127.0.0.1:$(origin)
    http-request return status 200
{BACKENDS}
"""
for _number, _kind in enumerate(("map-based", "consistent", "map-based wt6 avalanche", "consistent crc32")):
    CONFIG += f"backend source{_number}\n balance source\n hash-type {_kind}\n"
    CONFIG += " http-response set-header x-server %[srv_name]\n"
    CONFIG += "".join(f" server s{n} 127.0.0.1:$(origin) weight {n}\n" for n in range(1, 8))

pair = paired(CONFIG, origins=())


def ask(site: Site, command: str) -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(site.program.directory / "cli.sock"))
        client.sendall(command.replace("$(origin)", str(site.port("origin"))).encode() + b"\n")
        data = b""
        while piece := client.recv(65536):
            data += piece
    return data.decode()


def send(client: RawClient, requests: list[bytes]) -> str:
    """The servers that answer a batch; the status of answers without one."""
    client.send(b"".join(requests))
    replies = [client.read_reply() for _ in requests]
    return " ".join((reply.get("x-server") or b"%d" % reply.status).decode() for reply in replies)


@pytest.mark.parametrize("name", TABLES)
def test_keys_lead_to_the_same_servers(pair: Pair, name: str) -> None:
    def scenario(site: Site) -> Any:
        with RawClient(site.port("fe"), source=f"127.{int(name[1:]) % 250}.7.9") as client:
            return [send(client, TABLES[name][at : at + 20]) for at in range(0, len(TABLES[name]), 20)]

    pair.same(scenario)


COLUMNS = ("svname", "status", "weight", "uweight", "act", "bck", "lbtot", "stot")


@pytest.mark.parametrize("name", PLANS)
def test_servers_are_the_same_after_every_command(pair: Pair, name: str) -> None:
    def scenario(site: Site) -> Any:
        seen: list[Any] = []
        with RawClient(site.port("fe"), source=f"127.0.{name[1:]}.5") as client:
            for step in PLANS[name]:
                if isinstance(step, list):
                    seen.append(send(client, step))
                elif step.startswith("show stat"):
                    rows = csv.DictReader(ask(site, step).removeprefix("# ").splitlines())
                    seen.append([" ".join(row[column] for column in COLUMNS) for row in rows])
                else:
                    seen.append((step, ask(site, step)))
        return seen

    seen = pair.run(scenario)
    for at, (expected, got) in enumerate(zip(seen["haproxy"], seen["pylb"], strict=True)):
        before = [entry for entry in seen["haproxy"][:at] if isinstance(entry, tuple)]
        assert got == expected, f"after {before}"


def sources(dice: random.Random) -> list[str]:
    old = [f"TCP4 {dice.randint(1, 223)}.{dice.randint(0, 255)}.0.{dice.randint(1, 254)} 10.0.0.1" for _ in range(30)]
    new = [f"TCP6 2001:db8:{dice.randint(0, 65535):x}::{dice.randint(0, 65535):x} 2001:db8::1" for _ in range(30)]
    return old + new


@pytest.mark.parametrize("number", range(4))
def test_addresses_of_both_families_lead_to_the_same_servers(pair: Pair, number: int) -> None:
    def scenario(site: Site) -> Any:
        seen = []
        for source in sources(random.Random(number)):
            with RawClient(site.port("proxied")) as client:
                client.send(f"PROXY {source} 1000 80\r\n".encode())
                seen.append(send(client, [f"GET / HTTP/1.1\r\nhost: a\r\nx-backend: source{number}\r\n\r\n".encode()]))
        return seen

    assert len(set(pair.same(scenario))) == 7
