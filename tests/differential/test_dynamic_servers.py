"""Servers that come and go at run time, beside HAProxy's: answers byte by byte, and who is chosen afterwards.

Known differences, kept out of here: 2.6 never gives traffic to a server that was added with `enabled`, places one
without an `id` of its own on a consistent ring as if its id were 0, and refuses a static algorithm in other words.
"""

from __future__ import annotations

import os
import socket
import threading

import pytest

from tests.differential.test_runtime import masked
from tests.harness.client import exchange
from tests.harness.differential import Site, differential
from tests.harness.origin import Conversation, response
from tests.harness.peers import requires
from tests.harness.waiting import wait_until

pytestmark = requires("haproxy")

HEAD = """
global
 nbthread 1
 stats socket $(dir)/cli.sock level admin
 stats socket $(dir)/op.sock level operator
defaults
 mode http
 timeout client 5s
 timeout connect 5s
 timeout server 5s
frontend fe
 bind 127.0.0.1:$(fe)
 default_backend be
"""


def ask(site: Site, text: str, socket_name: str = "cli") -> str:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(site.program.directory / f"{socket_name}.sock"))
        client.sendall(text.encode() + b"\n")
        data = b""
        while piece := client.recv(65536):
            data += piece
    return data.decode()


def get(site: Site, path: str = "/", port: str = "fe") -> str:
    """The last byte of the answer: its body is one letter."""
    data = exchange(site.port(port), f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
    return data[-1:].decode()


def idle(site: Site) -> bool:
    """No stream is in the backend."""
    rows = [row.split(",") for row in ask(site, "show stat be 2 -1").splitlines() if row.startswith("be,BACKEND")]
    return rows[0][4] == "0"


CHANGES = """
add server
add server be
add server be/
add server /x
add server fe/x 127.0.0.1:1
add server nope/x 127.0.0.1:1
add server be/x
add server be/n1 127.0.0.1:1
add server be/n1 127.0.0.1:1
add server be/s1 127.0.0.1:1
add server be/s1
add server be/n3 127.0.0.1
add server be/n4 127.0.0.1:+1
add server be/n5 /tmp/x
add server be/n6 127.0.0.1:99999
add server be/n$ 127.0.0.1:1
add server hc/x 127.0.0.1:1
add server fst/x 127.0.0.1:1
add server lc/x 127.0.0.1:1
add server be/t1 127.0.0.1:1 track be/s2
add server be/t2 127.0.0.1:1 track s2
add server be/t3 127.0.0.1:1 track be/s4
add server be/t4 127.0.0.1:1 track be/t1
add server be/t5 127.0.0.1:1 track nope/t1
add server be/t6 127.0.0.1:1 track be/nope
add server be/t7 127.0.0.1:1 track be/s2 check
add server be/i2 127.0.0.1:1 id 77
add server be/i3 127.0.0.1:1 id 0
add server be/w1 127.0.0.1:1 weight 300
add server be/w2 127.0.0.1:1 weight 0
add server be/w3 127.0.0.1:1 weight 7 maxconn 10 backup disabled
add server be/w4 127.0.0.1:1 enabled
add server be/w5 127.0.0.1:1 foo
add server be/w6 127.0.0.1:1 chek
add server be/c1 127.0.0.1 check
add server be/c3 127.0.0.1:2 check agent-check
add server be/c8 127.0.0.1:2 minconn 4
add server be/c9 127.0.0.1:2 minconn 4 maxconn 2
add server be/c11 0.0.0.0:2
add server tc/p3 127.0.0.1:1 proto h2
add server be/l1 127.0.0.1:1 inter
show servers state be
del server
del server be
del server nope/x
del server be/nope
del server be/s1
del server be/s2
del server be/s3
del server be/s4
disable server be/s1
del server be/s1
disable server be/s4
del server be/s4
del server be/n1
enable server be/n1
del server be/n1
enable server be/t1
del server be/t1
set server be/t1 state maint
del server be/t1
del server be/t2
del server be/s2
del server ck/a
del server srr/a
add server be/n1 127.0.0.1:1
add server be/n0 127.0.0.1:1
show servers state
set server be/n0 fqdn
set server be/n0 fqdn foo
""".strip().split("\n")


def test_answers() -> None:
    config = (
        HEAD
        + """
 acl full srv_sess_rate(be/s1) gt 50
 http-request deny if full
backend be
 balance roundrobin
 use-server s3 unless { always_false }
 server s1 127.0.0.1:1
 server s2 127.0.0.1:1 check
 server s3 127.0.0.1:1 track s2
 server s4 127.0.0.1:1
backend hc
 balance uri
 hash-type consistent
backend fst
 balance first
backend lc
 balance leastconn
backend tc
 mode tcp
 balance roundrobin
backend ck
 cookie X insert
 server a 127.0.0.1:1 cookie a disabled
backend srr
 balance static-rr
 server a 127.0.0.1:1 disabled
 server b 127.0.0.1:1
"""
    )

    def scenario(site: Site) -> dict[str, str]:
        return {f"{number} {text}": ask(site, text) for number, text in enumerate(CHANGES)}

    def mask(answers: dict[str, str]) -> dict[str, str]:
        return {text: comparable(answer) for text, answer in answers.items()}

    differential(config, scenario, mask=mask)


def comparable(text: str) -> str:
    """Without what needs health checks: the state of s2 and of those that follow it, ports and kinds of checks."""
    lines = []
    for line in masked(text).split("\n"):
        words = line.split(" ")
        if len(words) == 25 and words[0].isdigit():
            for at in (5, 10, 11, 13, 14, 21, 22, 23, 24):
                words[at] = "-"
        lines.append(" ".join(words))
    return "\n".join(lines)


REFUSED = (
    *("cookie x", "init-addr none", "log-proto legacy", "max-reuse 3", "namespace x", "no-agent-check", "no-check"),
    *("no-check-ssl", "no-send-proxy-v2-ssl", "no-send-proxy-v2-ssl-cn", "no-ssl", "non-stick", "redir /x"),
    *("resolve-net 127.0.0.0/8", "resolve-opts allow-dup-ip", "resolve-prefer ipv4", "resolvers x", "ssl-reuse"),
    *("socks4 127.0.0.1:1", "stick", "tcp-ut 3s"),
)


def test_options_that_dynamic_servers_may_not_have() -> None:
    def scenario(site: Site) -> list[str]:
        return [ask(site, f"add server be/x{n} 127.0.0.1:1 {words}") for n, words in enumerate(REFUSED)]

    found = differential(HEAD + "backend be\n balance random\n", scenario)
    assert all("is not accepted for dynamic server" in answer for answer in found)


def test_an_operator_may_not() -> None:
    def scenario(site: Site) -> list[str]:
        return [ask(site, text, "op") for text in ("add server be/x 127.0.0.1:1", "del server be/x")]

    differential(HEAD + "backend be\n balance random\n", scenario)


STEPS: tuple[str | int, ...] = (
    *("add server be/b $b weight 3 id 7", 2, "enable server be/b", 9, "add server be/c $c weight 2 id 5", 3),
    *("enable server be/c", 17, "set weight be/b 1", 12, "disable server be/b", "del server be/b", 10),
    *("add server be/d $d id 9 weight 5", "enable server be/d", 20, "set server be/a state maint", "del server be/a"),
    *(9, "disable server be/c", "disable server be/d", "del server be/c", "del server be/d", 1),
    *("add server be/a $a id 3", "enable server be/a", 4),
)


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize(
    "algorithm",
    [
        "roundrobin",
        "leastconn",
        "first",
        "uri\n hash-type consistent",
        "uri whole\n hash-type consistent wt6\n hash-balance-factor 150",
        "source\n hash-type consistent",
    ],
)
def test_choices_after_servers_came_and_went(algorithm: str, before: int) -> None:
    config = f"{HEAD}backend be\n balance {algorithm}\n option httpclose\n server a 127.0.0.1:$(a)\n"
    bounded = "factor" in algorithm

    def scenario(site: Site) -> list[str]:
        seen = []
        asked = 0
        for step in (before, *STEPS):
            if isinstance(step, int):
                letters = ""
                for _ in range(step):
                    if bounded:
                        wait_until(lambda: idle(site), what="the last stream to be gone, which counts as load")
                    asked += 1
                    letters += get(site, f"/{asked * 7919 % 101}")
                seen.append(letters)
            else:
                for name, origin in site.servers.items():
                    step = step.replace(f"${name}", f"127.0.0.1:{origin.port}")
                seen.append(ask(site, step))
        return seen

    differential(config, scenario, origins=("a", "b", "c", "d"))


def test_connections_keep_a_server_until_they_are_gone() -> None:
    config = HEAD + "backend be\n http-reuse always\n server a 127.0.0.1:$(a)\n server b 127.0.0.1:$(b)\n"
    here, go = threading.Event(), threading.Event()

    def held(talk: Conversation) -> None:
        talk.read_head()
        here.set()
        go.wait(5)
        talk.send(response(b"a", fields=(("connection", "close"),)))

    def scenario(site: Site) -> list[str]:
        here.clear()
        go.clear()
        seen = []
        waiting = threading.Thread(target=get, args=(site,))
        waiting.start()
        assert here.wait(5)
        get(site)  # b, whose connection is idle then
        wait_until(lambda: " 1 " in ask(site, "show servers conn be"))
        seen += [ask(site, text) for text in ("disable server be/b", "del server be/b")]
        seen += [ask(site, text) for text in ("del server be/a", "disable server be/a", "del server be/a")]
        go.set()
        waiting.join()
        wait_until(lambda: ask(site, "del server be/a").startswith("Server deleted."))
        return seen

    differential(config, scenario, origins={"a": held, "b": None})


def test_the_first_of_two_bind_lines_on_one_descriptor_gets_the_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as shared:
        number = os.dup(shared.fileno())
        os.set_inheritable(number, True)
        config = (
            HEAD
            + f"""
frontend one
 bind fd@{number}
 http-request return status 200 content-type a/b string 1
frontend two
 bind fd@{number}
 http-request return status 200 content-type a/b string 2
backend be
"""
        )

        def asked(count: int) -> str:
            port = shared.getsockname()[1]
            return "".join(exchange(port, b"GET / HTTP/1.0\r\n\r\n")[-1:].decode() for _ in range(count))

        def scenario(site: Site) -> list[str]:
            seen = [asked(10)]
            for text, count in (("disable frontend one", 5), ("enable frontend one", 0), ("shutdown frontend one", 5)):
                seen += [ask(site, text), asked(count)]
            return seen

        found = differential(config, scenario, pass_fds=(number,))
        os.close(number)
    assert found == ["1" * 10, "\n", "22222", "\n", "", "\n", "22222"]
