"""Which connection to a server carries which request: `http-reuse`, what makes a connection a client's own, what a
connection is told apart by, how many are kept. Origins answer with the number of the connection they were asked on."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, paired
from tests.harness import RawClient, Site, requires, wait_until
from tests.harness.origin import Conversation, response

pytestmark = requires("haproxy")

CONFIG = """
global
    nbthread 1
    stats socket $(dir)/cli.sock
defaults
    mode http
    timeout connect 1s
    timeout client 3s
    timeout server 3s
    timeout queue 3s
    default-server pool-purge-delay 1h
frontend fe
    bind 127.0.0.1:$(fe)
    http-request set-dst hdr(x-dst) if { hdr(x-dst) -m found }
    use_backend %[path,field(2,/)]
backend never
    http-reuse never
    server s1 127.0.0.1:$(s1)
backend safe
    server s1 127.0.0.1:$(s1)
backend aggressive
    http-reuse aggressive
    server s1 127.0.0.1:$(s1)
backend always
    http-reuse always
    server s1 127.0.0.1:$(s1)
backend low
    http-reuse always
    server s1 127.0.0.1:$(s1) pool-low-conn 2
backend low_never
    http-reuse never
    server s1 127.0.0.1:$(s1) pool-low-conn 2
backend two
    balance roundrobin
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend two_never
    http-reuse never
    balance roundrobin
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last
    balance roundrobin
    option prefer-last-server
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last_never
    http-reuse never
    balance roundrobin
    option prefer-last-server
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last_hash
    balance hdr(x-key)
    option prefer-last-server
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last_random
    balance leastconn
    option prefer-last-server
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last_close
    balance roundrobin
    option prefer-last-server
    option http-server-close
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend hashed
    balance hdr(x-key)
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend proxied
    http-reuse always
    server s1 127.0.0.1:$(s1) send-proxy pool-low-conn 4
backend proxied_few
    http-reuse always
    server s1 127.0.0.1:$(s1) send-proxy
backend anywhere
    retries 0
    http-reuse always
    server s1 0.0.0.0:$(s1)
backend anywhere_low
    retries 0
    http-reuse always
    server s1 0.0.0.0:$(s1) pool-low-conn 3
backend last_hash_never
    http-reuse never
    balance hdr(x-key)
    option prefer-last-server
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last_weights
    http-reuse never
    balance static-rr
    option prefer-last-server
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend last_cookie
    http-reuse never
    balance roundrobin
    option prefer-last-server
    cookie SRV insert
    server s1 127.0.0.1:$(s1) cookie one
    server s2 127.0.0.1:$(s2) cookie two
backend last_rule
    http-reuse never
    balance roundrobin
    option prefer-last-server
    use-server s2 if { hdr(x-key) 2 }
    server s1 127.0.0.1:$(s1)
    server s2 127.0.0.1:$(s2)
backend stays
    http-reuse never
    balance roundrobin
    option prefer-last-server
    use-server s1 if { path_end /s1 /hold }
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2)
backend goes
    http-reuse never
    balance roundrobin
    option prefer-last-server
    max-keep-alive-queue 0
    use-server s1 if { path_end /s1 /hold }
    server s1 127.0.0.1:$(s1) maxconn 1
    server s2 127.0.0.1:$(s2)
backend shown1
    server s1 127.0.0.1:$(s1) pool-purge-delay 7s pool-max-conn 9
backend shown2
    server s1 127.0.0.1:$(s1) pool-purge-delay 7s pool-max-conn 9
backend other
    server s2 127.0.0.1:$(s2)
frontend fe1
    bind 127.0.0.1:$(fe1)
    max-session-srv-conns 1
    use_backend %[path,field(2,/)]
frontend fe0
    bind 127.0.0.1:$(fe0)
    max-session-srv-conns 0
    use_backend %[path,field(2,/)]
"""

pair = paired(CONFIG, origins=("s1", "s2"))

CHALLENGES = {
    b"/ntlm": (401, "WWW-Authenticate", "NTLM"),
    b"/negotiate": (401, "WWW-Authenticate", "Negotiate abc"),
    b"/lower": (401, "www-authenticate", "ntlm"),
    b"/basic": (401, "WWW-Authenticate", "Basic realm=x"),
    b"/mixed": (401, "WWW-Authenticate", "Basic realm=x, NTLM"),
    b"/407": (407, "Proxy-Authenticate", "NTLM"),
    b"/407nego": (407, "Proxy-Authenticate", "Negotiate"),
    b"/407basic": (407, "Proxy-Authenticate", "Basic realm=x"),
    b"/200": (200, "WWW-Authenticate", "NTLM"),
    b"/other": (401, "Proxy-Authenticate", "NTLM"),
}


def numbered(name: str) -> Any:
    """Answers with its name and the number of the connection; some paths get a challenge, or no answer at all."""

    def script(conversation: Conversation) -> None:
        while True:
            request = conversation.read_request()
            if request.startswith(b"PROXY"):
                request = request.partition(b"\r\n")[2]
            last = b"/" + request.split(b" ")[1].rpartition(b"/")[2]
            said = f"{name}.{conversation.number}".encode()
            if last == b"/die":
                return
            if last == b"/first" and len(conversation.requests) > 1:
                return
            if last == b"/hold":
                conversation.pause(1)
            status, field, value = CHALLENGES.get(last, (200, "x-a", "b"))
            conversation.send(response(said, f"{status} X", ((field, value),)))
            if last == b"/end":
                return

    return script


def play(site: Site, steps: list[tuple[str, ...]], frontend: str = "fe") -> list[str]:
    """Clients (their names) that ask one after the other; what answered each."""
    seen = []
    with contextlib.ExitStack() as stack:
        clients: dict[str, RawClient] = {}
        for name, path, *fields in steps:
            if name not in clients:
                clients[name] = stack.enter_context(RawClient(site.port(frontend)))
            method = "POST" if path.startswith("POST ") else "GET"
            more = ("content-length: 0",) if method == "POST" else ()
            request = http(method, path.removeprefix("POST "), "host: h", *more, *fields)
            try:
                reply = clients[name].send(request).read_reply()
            except (EOFError, OSError, AssertionError) as error:
                seen.append(type(error).__name__)
                continue
            seen.append(f"{reply.status} {reply.body.decode() if len(reply.body) < 9 else ''}")
    return seen


REPLAYED = {
    "dies under a first request": "aggressive always low",
    "dies under a second request": "never safe aggressive always low low_never",
    "only the first is answered": "never safe aggressive always low low_never",
}
"""Cases (and modes) where a reused connection is lost under a request that may be repeated. HAProxy 2.6 gives up, and
leaves it to the client to ask again (502 for a first request); here a new connection is tried, once."""

SCRIPTS = {"s1": numbered("s1"), "s2": numbered("s2")}


def steps(text: str) -> list[tuple[str, ...]]:
    """`a /safe/x` per step, separated by `;`; fields follow after `|`."""
    found = []
    for one in text.split(";"):
        head, *fields = one.strip().split("|")
        name, _, path = head.strip().partition(" ")
        found.append((name, path.strip(), *(part.strip() for part in fields)))
    return found


ANYWHERE = "a1 a1 a2 a1 a2 b1 b2 b3 b3 b1 b2"  # clients and destinations

CASES: dict[str, str] = (
    {
        f"{mode}: {name}": text.replace("M", mode)
        for mode in ("never", "safe", "aggressive", "always", "low", "low_never")
        for name, text in {
            "one client": "a /M/x; a /M/x; a /M/x",
            "two clients in turn": "a /M/x; b /M/x; a /M/x; b /M/x; c /M/x; c /M/x",
            "a connection used before": "a /M/x; a /M/x; b /M/x; b /M/x; a /M/x; c /M/x",
            "POST first": "a /M/x; a /M/x; b POST /M/x; b POST /M/x",
            "dies under a first request": "a /M/x; a /M/x; b /M/die; b /M/x",
            "dies under a second request": "a /M/x; a /M/die; b /M/x",
            "dies under a POST": "a /M/x; a POST /M/die; b /M/x",
            "only the first is answered": "a /M/first; a /M/first; b /M/first",
            "only the first is answered, POST": "a /M/first; a POST /M/first",
            "ntlm": "a /M/x; a /M/ntlm; a /M/x; b /M/x; b /M/x; a /M/x; c /M/x",
        }.items()
    }
    | {
        f"challenge: {name}": f"a /two/x; a /two/{name}; a /two/x; a /two/x; b /two/x; b /two/x; a /two/x"
        for name in ("ntlm", "negotiate", "lower", "basic", "mixed", "407", "407nego", "407basic", "200", "other")
    }
    | {
        f"{backend}": text.replace("M", backend)
        for backend in ("two", "two_never", "last", "last_never", "last_random", "last_close", "last_weights")
        for text in ("a /M/x; a /M/x; a /M/x; b /M/x; b /M/x; a /M/x",)
    }
    | {
        "last_hash": "; ".join(f"a /last_hash/x|x-key: {key}" for key in range(5)),
        "last_hash_never": "; ".join(f"a /last_hash_never/x|x-key: {key}" for key in range(8)),
        "last_cookie": "a /last_cookie/x; a /last_cookie/x; a /last_cookie/x|cookie: SRV=two; a /last_cookie/x",
        "last_rule": "a /last_rule/x; a /last_rule/x|x-key: 2; a /last_rule/x; a /last_rule/x|x-key: 2; a /last_rule/x",
        "fe1: never": "a /two_never/x; a /two_never/x; a /two_never/x; a /two_never/x; a /two_never/x",
        "fe0: never": "a /two_never/x; a /two_never/x; a /two_never/x; a /two_never/x; a /two_never/x",
        "fe0: safe": "a /two/x; a /two/x; a /two/x; a /two/x; a /two/x",
        "fe0: ntlm": "a /two/ntlm; a /two/x; a /two/x; a /two/x; a /two/x",
        "hashed challenge": "a /hashed/ntlm|x-key: 1; a /hashed/x|x-key: 2; a /hashed/x|x-key: 3; a /hashed/x|x-key: 4",
        "proxied": "a /proxied/x; a /proxied/x; b /proxied/x; b /proxied/x; a /proxied/x",
        "proxied_few": "a /proxied_few/x; a /proxied_few/x; b /proxied_few/x; b /proxied_few/x; a /proxied_few/x",
    }
    | {
        backend: ";".join(f"{step[0]} /{backend}/x|x-dst: 127.0.0.{step[1]}" for step in ANYWHERE.split())
        for backend in ("anywhere", "anywhere_low")
    }
)


@pytest.mark.parametrize("name", CASES)
def test_requests_go_on_connections_as_in_haproxy(pair: Pair, name: str) -> None:
    taken = steps(CASES[name])
    frontend = name[:3] if name[:3] in ("fe0", "fe1") else "fe"
    seen = pair.run(lambda site: play(site, taken, frontend), SCRIPTS)
    mode, _, what = name.partition(": ")
    if mode in REPLAYED.get(what, "").split():
        assert len(set(seen["pylb"]) - set(seen["haproxy"])) == 1, difference(seen["haproxy"], seen["pylb"])
        return
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])


@pytest.mark.parametrize(("backend", "expected"), [("stays", "s1"), ("goes", "s2")])
def test_a_queue_is_too_long_to_stay(pair: Pair, backend: str, expected: str) -> None:
    """`max-keep-alive-queue`: the server is busy with somebody else."""

    def scenario(site: Site) -> str:
        with RawClient(site.port("fe")) as one, RawClient(site.port("fe")) as other:
            one.send(http("GET", f"/{backend}/s1", "host: h")).read_reply()
            other.send(http("GET", f"/{backend}/hold", "host: h"))
            site.servers["s1"].wait_requests(2)
            name: str = one.send(http("GET", f"/{backend}/x", "host: h")).read_reply().body.decode().partition(".")[0]
            other.read_reply()
            return name

    assert pair.same(scenario, SCRIPTS) == expected


@pytest.mark.parametrize("mode", ["never", "safe", "always"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_idle_connections_that_servers_have_closed_are_not_used(pair: Pair, mode: str, method: str) -> None:
    def scenario(site: Site) -> list[str]:
        with RawClient(site.port("fe")) as client:
            first = client.send(http("GET", f"/{mode}/end", "host: h")).read_reply()
            ended = site.servers["s1"].conversations[0]
            wait_until(lambda: ended.sock.fileno() < 0, 5, "the origin closes")
            with RawClient(site.port("fe")) as other:  # whoever answers this has seen that
                for _ in range(3):
                    other.send(http("GET", "/other/x", "host: h")).read_reply()
            second = client.send(http(method, f"/{mode}/x", "host: h", "content-length: 0")).read_reply()
            return [first.body.decode(), second.body.decode()]

    assert pair.same(scenario, SCRIPTS) == ["s1.0", "s1.1"]


@pytest.mark.parametrize("count", [1, 2])
def test_the_pool_is_shown(pair: Pair, count: int) -> None:
    """`show servers conn`: in use, most in use, needed, idle ones that were not used again and that were."""

    def scenario(site: Site) -> str:
        with RawClient(site.port("fe")) as client:
            for _ in range(count):
                client.send(http("GET", f"/shown{count}/x", "host: h")).read_reply()
        with socket.socket(socket.AF_UNIX) as asked:
            asked.settimeout(5)
            asked.connect(str(site.program.directory / "cli.sock"))
            asked.sendall(f"show servers conn shown{count}\n".encode())
            line = asked.makefile().read().splitlines()[1]
        return line.partition(" - ")[2]

    assert pair.same(scenario, SCRIPTS) == ("7000 0 1 1 1 0 9 1 1" if count == 1 else "7000 0 1 1 0 1 9 1 1")
