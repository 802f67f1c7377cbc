"""`tcp-request content` and `tcp-response content` rules beside HAProxy: data in pieces, ends, resets and silence while
they wait. Compared are the client's bytes, how its connection ends, and the line of option tcplog.

What is not compared, because it is a race on both sides: rules that look at the first bytes without an inspect-delay,
and a server that closes without reading what was sent to it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.differential.pairs import Pair, log_lines, paired
from tests.harness import Conversation, RawClient, Site, requires, silent, wait_until
from tests.harness.origin import Script
from tests.harness.syslog import split_tcplog

pytestmark = requires("haproxy")

DELAY = "tcp-request inspect-delay 120ms\n"
LATE = "tcp-request inspect-delay 5s\n"
GOOD = "{ req.payload(0,4) -m str good }"

# name: lines of a frontend; without a backend among them it goes to `raw`
REQUESTS = {
    "length": DELAY + "tcp-request content accept if { req.len gt 4 }",
    "too_long": DELAY + "tcp-request content reject if { req.len gt 4 }",
    "payload": DELAY + f"tcp-request content reject unless {GOOD}",
    "payload_end": DELAY + f"tcp-request content accept if {GOOD}\ntcp-request content reject if WAIT_END",
    "all": DELAY + "tcp-request content accept if { req.payload(0,0) -m str abcdef }\ntcp-request content reject",
    "end": DELAY + "tcp-request content accept if WAIT_END",
    "variable": DELAY + "tcp-request content set-var(txn.a) req.payload(0,4) if { req.len ge 4 }\n"
    "tcp-request content reject if { var(txn.a) -m str evil }",
    "waits_long": LATE + "tcp-request content accept if { req.len gt 400 }",
    "waits_long_reject": LATE + "tcp-request content reject if { req.len gt 400 }",
    "waits_long_reject_all": LATE + "tcp-request content accept if { req.len gt 400 }\ntcp-request content reject",
    "waits_long_switch": LATE + "tcp-request content accept if { req.len gt 400 }\nuse_backend nobody if TRUE",
    "in_backend": "default_backend inspects",
    "in_both": DELAY + "tcp-request content accept if { req.len gt 2 }\ndefault_backend inspects",
    "long_in_backend": "default_backend waits",
    "no_server": DELAY + "tcp-request content accept if { req.len gt 4 }\nuse_backend nobody if TRUE",
    "session": "tcp-request session set-var(sess.a) src\ntcp-request content reject if { var(sess.a) -m found }",
}
BACKENDS = f"""
backend raw
    server s1 127.0.0.1:$(s1)
backend inspects
    {DELAY}    tcp-request content accept if {{ req.len gt 4 }}
    tcp-request content reject
    server s1 127.0.0.1:$(s1)
backend waits
    {LATE}    tcp-request content accept if {{ req.len gt 400 }}
    server s1 127.0.0.1:$(s1)
backend nobody
"""

RDELAY = "tcp-response inspect-delay 120ms\n"
RLATE = "tcp-response inspect-delay 5s\n"
RGOOD = "{ res.payload(0,4) -m str good }"
RESPONSES = {
    "r_too_long": RDELAY + "tcp-response content reject if { res.len gt 3 }",
    "r_too_long_at_once": "tcp-response content reject if { res.len gt 3 }",
    "r_payload": RDELAY + f"tcp-response content reject unless {RGOOD}",
    "r_accept": RDELAY + f"tcp-response content accept if {RGOOD}\ntcp-response content reject",
    "r_reject": "tcp-response content reject",
    "r_reject_delay": RDELAY + "tcp-response content reject",
    "r_close": "tcp-response content close",
    "r_close_later": RDELAY + "tcp-response content close if { res.len gt 3 }",
    "r_end": RDELAY + "tcp-response content reject if WAIT_END",
    "r_accepts": "tcp-response content accept\ntcp-response content reject",
    "r_waits_long": RLATE + "tcp-response content accept if { res.len gt 400 }",
    "r_waits_long_reject": RLATE + "tcp-response content reject if WAIT_END",
}


def section(kind: str, name: str, lines: str, server: str) -> str:
    body = "".join(f"    {line.strip()}\n" for line in lines.splitlines())
    return f"{kind} {name}\n    bind 127.0.0.1:$({name})\n{body}{server}"


CONFIG = (
    """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 2s
    timeout client 300ms
    timeout server 700ms
"""
    + "".join(
        section("frontend", name, lines, "" if "default_backend" in lines else "    default_backend raw\n")
        for name, lines in REQUESTS.items()
    )
    + section(
        "listen",
        "counts",
        "timeout client 600ms\ntcp-request inspect-delay 500ms\ntcp-request content accept if { req.len gt 4 }",
        "    server s1 127.0.0.1:$(s1)\n",
    )
    + BACKENDS
    + "".join(section("listen", name, lines, "    server s1 127.0.0.1:$(s1)\n") for name, lines in RESPONSES.items())
)
pair = paired(CONFIG)

Client = Callable[[RawClient], None]
RESET, HALF, STAYS = "resets", "half-closes", "stays"


def pieces(*steps: bytes | float, end: str = HALF) -> Client:
    """Sends the pieces with the pauses between them, then ends."""

    def act(client: RawClient) -> None:
        with contextlib.suppress(OSError):  # the other side has ended already
            for step in steps:
                client.send(step) if isinstance(step, bytes) else time.sleep(step)
            if end == HALF:
                client.half_close()
        if end == RESET:
            client.reset()

    return act


def says(*steps: bytes | float, end: str = STAYS) -> Script:
    def script(conversation: Conversation) -> None:
        for step in steps:
            conversation.send(step) if isinstance(step, bytes) else conversation.pause(step)
        if end == RESET:
            conversation.reset()
        elif end == HALF:
            conversation.half_close()
        silent(conversation)

    return script


def echo(conversation: Conversation) -> None:
    while data := conversation.receive():
        conversation.send(data)


def play(front: str, act: Client) -> Callable[[Site], Any]:
    def scenario(site: Site) -> dict[str, Any]:
        with RawClient(site.port(front)) as client:
            act(client)
            answered = client.read_all() if client.sock.fileno() >= 0 else b""
            line = split_tcplog(log_lines(site, client.source_port)[-1])
            if line["Tc"] != "-1" and not front.startswith("r_"):
                conversations = site.servers["s1"].conversations
                wait_until(lambda: conversations and conversations[0].ended, 3, "the end at the server")
                line["server saw"] = conversations[0].ended
        for timer in ("Tw", "Tc"):
            line[timer] = "-1" if line[timer] == "-1" else "+"
        for name in ("Tt", "client", "client_port", "date", "actconn", "feconn", "beconn", "srv_conn"):
            line.pop(name, None)
        return {"answer": answered, "ended": client.ended, **line}

    return scenario


CLIENTS: dict[str, Client] = {
    "is silent": pieces(end=STAYS),
    "resets": pieces(0.05, end=RESET),
    "says little": pieces(b"ab"),
    "says little, stays": pieces(b"ab", end=STAYS),
    "says little, resets": pieces(b"ab", 0.05, end=RESET),
    "says it in pieces": pieces(b"ab", 0.05, b"cdef", 0.02),
    "says it late": pieces(b"ab", 0.2, b"cdef", 0.02),
    "is good": pieces(b"go", 0.03, b"odday", 0.02),
    "is evil": pieces(b"evilday", 0.02),
}

# front, what the client does, the state that is logged
ASKED: list[tuple[str, str, str]] = [
    ("length", "resets", "CR"),
    ("length", "says little", "--"),
    ("length", "says little, resets", "CR"),
    ("length", "says it in pieces", "--"),
    ("length", "says it late", "--"),
    ("too_long", "resets", "CR"),
    ("too_long", "says it in pieces", "PR"),
    ("too_long", "says it late", "--"),
    ("payload", "is silent", "PR"),
    ("payload", "is good", "--"),
    ("payload", "is evil", "PR"),
    ("payload", "says little", "PR"),
    ("payload", "resets", "PR"),
    ("payload_end", "is good", "--"),
    ("payload_end", "is evil", "PR"),
    ("payload_end", "is silent", "PR"),
    ("all", "says it in pieces", "--"),
    ("all", "says it late", "PR"),
    ("all", "is evil", "PR"),
    ("end", "is silent", "cD"),
    ("end", "says little, resets", "CR"),
    ("variable", "is evil", "PR"),
    ("variable", "is good", "--"),
    ("variable", "says little, resets", "CR"),
    ("waits_long_reject_all", "is silent", "PR"),
    ("waits_long_reject_all", "resets", "PR"),
    ("waits_long", "is silent", "cR"),
    ("waits_long", "says little, stays", "cR"),
    ("waits_long", "resets", "CR"),
    ("waits_long", "says little, resets", "CR"),
    ("waits_long", "says little", "--"),
    ("waits_long_reject", "says little, resets", "CR"),
    ("waits_long_switch", "is silent", "cR"),
    ("waits_long_switch", "resets", "CR"),
    ("waits_long_switch", "says little", "SC"),
    ("in_backend", "says it in pieces", "--"),
    ("in_backend", "says little", "PR"),
    ("in_backend", "resets", "PR"),
    ("in_both", "says it in pieces", "--"),
    ("in_both", "says little", "PR"),
    ("long_in_backend", "is silent", "cR"),
    ("long_in_backend", "says little, resets", "CR"),
    ("no_server", "says it in pieces", "SC"),
    ("no_server", "resets", "CR"),
    ("session", "is evil", "PR"),
    ("session", "is silent", "PR"),
]


@pytest.mark.parametrize(("front", "client", "state"), ASKED, ids=lambda value: str(value))
def test_a_client_is_inspected_as_in_haproxy(pair: Pair, front: str, client: str, state: str) -> None:
    assert pair.same(play(front, CLIENTS[client]), echo)["state"] == state


SERVERS: dict[str, Script] = {
    "is silent": says(),
    "ends": says(end=HALF),
    "resets": says(0.05, end=RESET),
    "is good": says(b"go", 0.03, b"odday"),
    "is late": says(b"go", 0.2, b"odday"),
    "is evil": says(b"evilday"),
    "says little": says(b"ab"),
    "says little, resets": says(b"ab", 0.05, end=RESET),
    "says little, ends": says(b"ab", end=HALF),
    "is good, ends": says(b"goodday", end=HALF),
}

# front, what the server does, whether the client stays, resets or half-closes, the state that is logged
ANSWERED: list[tuple[str, str, str, str]] = [
    ("r_too_long", "is silent", STAYS, "cD"),
    ("r_too_long", "is evil", STAYS, "PD"),
    ("r_too_long", "says little", HALF, "--"),
    ("r_too_long", "says little", RESET, "CD"),
    ("r_too_long", "says little, resets", STAYS, "SD"),
    ("r_too_long", "says little, ends", HALF, "--"),
    ("r_too_long_at_once", "is evil", HALF, "--"),
    ("r_too_long_at_once", "is silent", STAYS, "cD"),
    ("r_payload", "is good", HALF, "--"),
    ("r_payload", "is evil", STAYS, "PD"),
    ("r_payload", "is late", STAYS, "PD"),
    ("r_payload", "is silent", STAYS, "PD"),
    ("r_accept", "is good", HALF, "--"),
    ("r_accept", "is good, ends", HALF, "--"),
    ("r_accept", "is evil", STAYS, "PD"),
    ("r_accept", "ends", STAYS, "PD"),
    ("r_accept", "resets", STAYS, "PD"),
    ("r_accept", "says little, resets", STAYS, "PD"),
    ("r_reject", "is silent", STAYS, "PD"),
    ("r_reject_delay", "is silent", STAYS, "PD"),
    ("r_close", "is silent", STAYS, "--"),
    ("r_close_later", "is good", STAYS, "--"),
    ("r_close_later", "says little", HALF, "--"),
    ("r_end", "is good", STAYS, "PD"),
    ("r_end", "resets", STAYS, "PD"),
    ("r_accepts", "is silent", STAYS, "cD"),
    ("r_accepts", "is evil", HALF, "--"),
    ("r_waits_long", "says little", STAYS, "cD"),
    ("r_waits_long", "is good", RESET, "CD"),
    ("r_waits_long", "says little, resets", STAYS, "SD"),
    ("r_waits_long_reject", "says little", STAYS, "cD"),
    ("r_waits_long_reject", "says little, resets", STAYS, "PD"),
    ("r_waits_long_reject", "ends", STAYS, "PD"),
]


@pytest.mark.parametrize(("front", "server", "end", "state"), ANSWERED, ids=lambda value: str(value))
def test_a_server_is_inspected_as_in_haproxy(pair: Pair, front: str, server: str, end: str, state: str) -> None:
    client = pieces(*((b"hi", 0.08) if end != STAYS else ()), end=end)  # an early end without a word is a race, too
    assert pair.same(play(front, client), SERVERS[server])["state"] == state


def test_rules_see_a_buffer_without_its_reserve(pair: Pair) -> None:
    """15360 bytes: tune.bufsize without tune.maxrewrite. More is not waited for."""
    pours = says(bytes(40_000))
    assert pair.same(play("r_waits_long_reject", pieces(end=STAYS)), pours)["bytes"] == "15360"


def test_the_time_of_the_inspection_is_the_clients(pair: Pair) -> None:
    """`timeout client` begins when the client was last heard, not when its server was reached."""

    def scenario(site: Site) -> bool:
        with RawClient(site.port("counts")) as client:
            assert client.read_all() == b""
            line = split_tcplog(log_lines(site, client.source_port)[-1])
            assert (line["state"], line["server"]) == ("cD", "s1")
            return 600 <= int(line["Tt"]) < 1050

    assert pair.same(scenario, silent)
