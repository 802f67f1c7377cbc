"""Every timeout beside HAProxy's: which one ends a stream, when, and what the log says of it.

Compared are the answer, how the connection ends, the termination state, which timers of the log are -1, and all times
to a tenth of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.differential.pairs import Play, Rehearsal, difference, http, log_lines, rehearsed
from tests.harness import Conversation, RawClient, Site, requires, silent
from tests.harness.origin import Script, response
from tests.harness.syslog import split_httplog, split_tcplog

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
    nbthread 1
defaults
    mode http
    log global
    option httplog
    retries 0
    timeout connect 2s
    timeout client 2s
    timeout server 2s
frontend fe
    bind 127.0.0.1:$(fe)
    http-request tarpit if { path /tarpit }
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    default_backend be
frontend heads
    bind 127.0.0.1:$(heads)
    timeout http-request 300ms
    timeout client 800ms
    default_backend be
frontend keeps
    bind 127.0.0.1:$(keeps)
    timeout http-request 500ms
    timeout http-keep-alive 200ms
    default_backend be
frontend keeps_request
    bind 127.0.0.1:$(keeps_request)
    timeout http-request 300ms
    default_backend be
frontend keeps_client
    bind 127.0.0.1:$(keeps_client)
    timeout client 300ms
    default_backend be
frontend client
    bind 127.0.0.1:$(client)
    timeout client 300ms
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    default_backend be
frontend fin
    bind 127.0.0.1:$(fin)
    timeout client-fin 200ms
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    default_backend be
frontend tarpits
    bind 127.0.0.1:$(tarpits)
    timeout tarpit 300ms
    http-request tarpit if { path /tarpit }
    default_backend be_tarpit
backend be
    server s1 127.0.0.1:$(s1)
backend be_quick
    timeout server 300ms
    server s1 127.0.0.1:$(s1)
backend be_tarpit
    timeout tarpit 500ms
    http-request tarpit
backend be_tarpit_connect
    timeout connect 250ms
    http-request tarpit
backend be_set
    timeout server 200ms
    http-request set-timeout server 450ms
    server s1 127.0.0.1:$(s1)
backend be_set_less
    http-request set-timeout server req.hdr(x-time)
    server s1 127.0.0.1:$(s1)
backend be_set_tunnel
    timeout tunnel 200ms
    http-request set-timeout tunnel 450ms
    server s1 127.0.0.1:$(s1)
backend be_tunnel
    timeout tunnel 300ms
    server s1 127.0.0.1:$(s1)
backend be_tunnel_fin
    timeout tunnel 1500ms
    timeout server-fin 300ms
    server s1 127.0.0.1:$(s1)

defaults tcp
    mode tcp
    log global
    option tcplog
    retries 0
    timeout connect 2s
    timeout client 2s
    timeout server 2s
listen t_client
    bind 127.0.0.1:$(t_client)
    timeout client 300ms
    server s1 127.0.0.1:$(s1)
listen t_server
    bind 127.0.0.1:$(t_server)
    timeout server 300ms
    server s1 127.0.0.1:$(s1)
listen t_tunnel
    bind 127.0.0.1:$(t_tunnel)
    timeout client 200ms
    timeout server 200ms
    timeout tunnel 500ms
    server s1 127.0.0.1:$(s1)
listen t_client_fin
    bind 127.0.0.1:$(t_client_fin)
    timeout client-fin 300ms
    server s1 127.0.0.1:$(s1)
listen t_server_fin
    bind 127.0.0.1:$(t_server_fin)
    timeout server-fin 300ms
    server s1 127.0.0.1:$(s1)
listen t_tunnel_fin
    bind 127.0.0.1:$(t_tunnel_fin)
    timeout tunnel 1500ms
    timeout client-fin 300ms
    timeout server-fin 600ms
    server s1 127.0.0.1:$(s1)
listen t_inspect
    bind 127.0.0.1:$(t_inspect)
    timeout client 200ms
    tcp-request inspect-delay 500ms
    tcp-request content accept if { req.len gt 100 }
    tcp-request content reject
    server s1 127.0.0.1:$(s1)
listen t_response
    bind 127.0.0.1:$(t_response)
    tcp-response inspect-delay 300ms
    tcp-response content accept if { res.len gt 100 }
    tcp-response content reject
    server s1 127.0.0.1:$(s1)
listen t_response_slow
    bind 127.0.0.1:$(t_response_slow)
    timeout server 200ms
    tcp-response inspect-delay 600ms
    tcp-response content accept if { res.len gt 100 }
    tcp-response content reject
    server s1 127.0.0.1:$(s1)
"""


Client = Callable[[RawClient], None]
GET = http("GET", "/", "host: h")
LAST = http("GET", "/", "host: h", "connection: close")
OK = response(b"ok")
UPGRADE = http("GET", "/", "host: h", "connection: upgrade", "upgrade: echo")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"


def sends(*pieces: bytes | float) -> Client:
    """Bytes and pauses; what cannot be sent any more is not."""

    def act(client: RawClient) -> None:
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                client.drip(piece, len(piece))

    return act


def half_closes(*pieces: bytes | float) -> Client:
    def act(client: RawClient) -> None:
        sends(*pieces)(client)
        client.half_close()

    return act


def does_not_read(data: bytes, seconds: float) -> Client:
    def act(client: RawClient) -> None:
        client.send(data)
        time.sleep(seconds)

    return act


def pours(client: RawClient) -> None:
    """As much as is taken; the connection is shut by the proxy then."""
    client.sock.settimeout(0.6)
    try:
        while True:
            client.send(bytes(65536))
    except OSError:
        client.sock.settimeout(5)


def after(wait: int, *pieces: bytes | float, end: Callable[[Conversation], object] = silent) -> Script:
    """Once so many bytes have come: bytes and pauses, then `end`."""

    def script(conversation: Conversation) -> None:
        while len(conversation.received) < wait and conversation.receive():
            pass
        for piece in pieces:
            if isinstance(piece, float):
                conversation.pause(piece)
            else:
                conversation.send(piece)
        end(conversation)

    return script


def floods(conversation: Conversation) -> None:
    conversation.receive()
    if conversation.received.startswith(b"GET"):
        conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    while True:
        conversation.send(bytes(65536))


def takes_nothing(conversation: Conversation) -> None:
    conversation.pause(0.9)


def stays(conversation: Conversation) -> None:
    """Does not care for the client's end."""
    conversation.pause(0.8)


def half_closed(conversation: Conversation) -> None:
    conversation.half_close()
    silent(conversation)


STEPS = [part for _ in range(4) for part in (b"x", 0.15)]
DRIP = [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", *STEPS]

CASES: dict[str, tuple[str, Client, Script | None]] = {
    # heads
    "head, nothing": ("heads", sends(), None),
    "head, part": ("heads", sends(b"GET / HTTP/1.1\r\nhost"), None),
    "head, dripping": ("heads", sends(b"GET ", 0.15, b"/ HTTP", 0.15, b"/1.1", 0.15, b"\r\n"), None),
    "head, in time": (
        "heads",
        sends(b"GET / HTTP/1.1\r\n", 0.2, b"connection: close\r\nhost: h\r\n\r\n"),
        after(1, OK),
    ),
    # between requests
    "keep-alive": ("keeps", sends(GET), after(1, OK)),
    "keep-alive, next one slow": ("keeps", sends(GET, 0.1, b"GET / HT"), after(1, OK)),
    "keep-alive, next one in time": ("keeps", sends(GET, 0.1, b"GET / HT", 0.3, LAST[8:]), after(1, OK, 0.1, OK)),
    "keep-alive by http-request": ("keeps_request", sends(GET), after(1, OK)),
    "keep-alive by client": ("keeps_client", sends(GET), after(1, OK)),
    # tarpits
    "tarpit": ("tarpits", sends(http("GET", "/tarpit", "host: h", "connection: close")), None),
    "tarpit of a backend": ("tarpits", sends(LAST), None),
    "tarpit by connect": ("fe", sends(http("GET", "/be_tarpit_connect/", "host: h", "connection: close")), None),
    # servers
    "server": ("fe", sends(http("GET", "/be_quick/", "host: h", "connection: close")), silent),
    "server, late body": (
        "fe",
        sends(http("GET", "/be_quick/", "host: h", "connection: close")),
        after(1, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nx"),
    ),
    "server, dripping": ("fe", sends(http("GET", "/be_quick/", "host: h", "connection: close")), after(1, *DRIP)),
    "server, dripping head": (
        "fe",
        sends(http("GET", "/be_quick/", "host: h", "connection: close")),
        after(1, b"HTTP/1.1", 0.2, b" 200 OK\r\n", 0.2, b"content-length: 0\r\n"),
    ),
    "server and client in an upload": (
        "client",
        sends(http("POST", "/be_quick/", "host: h", "content-length: 4"), 0.2, b"x", 0.2, b"x", 0.2, b"x", 0.2, b"x"),
        after(10_000),
    ),
    "set-timeout server": ("fe", sends(http("GET", "/be_set/", "host: h", "connection: close")), silent),
    "set-timeout server, body": (
        "fe",
        sends(http("GET", "/be_set/", "host: h", "connection: close")),
        after(1, b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nx"),
    ),
    "set-timeout server, expression": (
        "fe",
        sends(http("GET", "/be_set_less/", "host: h", "x-time: 300", "connection: close")),
        silent,
    ),
    # clients
    "client takes nothing": ("client", does_not_read(LAST, 0.5), floods),
    # tunnels
    "tunnel": ("fe", sends(UPGRADE.replace(b"/ ", b"/be_tunnel/ ")), after(1, SWITCH)),
    "tunnel, alive": (
        "fe",
        sends(UPGRADE.replace(b"/ ", b"/be_tunnel/ "), 0.2, b"a", 0.2, b"b"),
        after(1, SWITCH, 0.1, *STEPS[:4]),
    ),
    "tunnel without a timeout": ("client", sends(UPGRADE.replace(b"/ ", b"/be_quick/ ")), after(1, SWITCH)),
    "set-timeout tunnel": ("fe", sends(UPGRADE.replace(b"/ ", b"/be_set_tunnel/ ")), after(1, SWITCH)),
    "tunnel, server half-closes": (
        "fin",
        sends(UPGRADE.replace(b"/ ", b"/be_tunnel_fin/ ")),
        after(1, SWITCH, end=half_closed),
    ),
    "tunnel, client half-closes": (
        "fe",
        half_closes(UPGRADE.replace(b"/ ", b"/be_tunnel_fin/ "), 0.1),
        after(1, SWITCH),
    ),
    # tcp
    "tcp client": ("t_client", sends(b"x"), silent),
    "tcp client, nothing": ("t_client", sends(), silent),
    "tcp client, server speaks": ("t_client", sends(b"x"), after(1, *STEPS)),
    "tcp client, client speaks": ("t_client", sends(*STEPS), silent),
    "tcp server": ("t_server", sends(b"x"), silent),
    "tcp server, client speaks": ("t_server", sends(*STEPS), silent),
    "tcp tunnel": ("t_tunnel", sends(b"x"), after(1, b"y")),
    "tcp tunnel, nothing": ("t_tunnel", sends(), silent),
    "tcp client takes nothing": ("t_client", does_not_read(b"x", 0.5), floods),
    "tcp server takes nothing": ("t_server", pours, takes_nothing),
    "client-fin, server half-closes": ("t_client_fin", sends(b"x"), after(1, b"y", end=half_closed)),
    "client-fin, client half-closes": ("t_client_fin", half_closes(b"x"), stays),
    "server-fin, client half-closes": ("t_server_fin", half_closes(b"x", 0.05), stays),
    "server-fin, server half-closes": ("t_server_fin", sends(b"x"), after(1, b"y", end=half_closed)),
    "tunnel and both fins, client half-closes": ("t_tunnel_fin", half_closes(b"x", 0.05), stays),
    "tunnel and both fins, server half-closes": ("t_tunnel_fin", sends(b"x"), after(1, b"y", end=half_closed)),
    "inspected longer than the client has": ("t_inspect", sends(b"x"), silent),
    "response inspected": ("t_response", sends(b"x"), after(1, b"y")),
    "response inspected, nothing": ("t_response", sends(b"x"), silent),
    "response inspected longer than the server has": ("t_response_slow", sends(b"x"), after(1, b"y")),
}

#: What pylb does otherwise than 2.6, and why.
DIFFERENT: dict[str, dict[str, Any]] = {}

TIMERS = ("TR", "Tw", "Tc", "Tr", "Ta", "Tt")
STEP = 0.1


def close_to(one: float, other: float) -> bool:
    return one == other or (one >= 0 and other >= 0 and abs(one - other) < STEP)


def scenario(front: str, act: Client) -> Callable[[Site], Any]:
    def play(site: Site) -> Any:
        with RawClient(site.port(front)) as client:
            began = time.monotonic()
            act(client)
            answered = client.read_all()
            seconds = time.monotonic() - began
            if len(answered) > 1000:
                answered = b"much"
            client.close()
            split = split_tcplog if front.startswith("t_") else split_httplog
            fields = split(log_lines(site, client.source_port, answered.count(b"HTTP/1.1 ") or 1)[-1])
            times = {name: int(fields[name].lstrip("+")) / 1000 for name in TIMERS if name in fields}
            kept = {name: fields.get(name) for name in ("server", "state", "status")}
            pages = [b"HTTP/1.1 " + page for page in answered.split(b"HTTP/1.1 ")]
            return {"answer": pages, "ended": client.ended, **kept, "seconds": seconds, **times}

    return play


def play(name: str) -> Play:
    front, act, script = CASES[name]
    return scenario(front, act), script


rehearsal = rehearsed(CONFIG, play)


@pytest.mark.parametrize("name", CASES)
def test_timeouts_end_streams_as_in_haproxy(rehearsal: Rehearsal, name: str) -> None:
    ours, theirs = alike(rehearsal.run(name))
    if ours != theirs and name not in DIFFERENT:
        ours, theirs = alike(rehearsal.alone(name))  # on a busy machine others may have cost it a tenth of a second
    if name in DIFFERENT:
        assert DIFFERENT[name].items() <= ours.items()
        assert not DIFFERENT[name].items() <= theirs.items(), "no difference any more"
        return
    assert ours == theirs, difference(theirs, ours)


def alike(seen: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both results without the times that are close to each other."""
    ours, theirs = dict(seen["pylb"]), dict(seen["haproxy"])
    for timer in ("seconds", *TIMERS):
        if timer in ours and timer in theirs and close_to(ours[timer], theirs[timer]):
            del ours[timer], theirs[timer]
    return ours, theirs
