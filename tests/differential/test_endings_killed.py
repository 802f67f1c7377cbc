"""The table of endings, TCP and kills: what ends connections in TCP mode, what an operator or a server's state ends.

As in the table of HTTP endings all of a log line is compared with HAProxy 2.6, timers to 0.2 s. Kills come through the
runtime socket: `shutdown sessions server` (K), a server that goes into maintenance under `on-marked-down
shutdown-sessions` (D), an active server that comes back over a backup under `on-marked-up` (U).
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable

import pytest

from tests.differential.endings import FORMAT, FORMAT_TCP, Act, Case, Place, Table, played
from tests.differential.pairs import http
from tests.harness import Conversation, RawClient, Site, free_port, requires, silent
from tests.harness.origin import Script
from tests.harness.ports import full_listener

pytestmark = requires("haproxy")

FULL, _FILLERS = full_listener()
GONE = free_port()
SLOW = 0.35  # seconds

#: One backend and one front per kill: what is shut down for one case must not end another one.
KILLS = "".join(
    f"""
backend k_{one}
    server s1 127.0.0.1:$(s1)
backend d_{one}
    server s1 127.0.0.1:$(s1) on-marked-down shutdown-sessions
backend u_{one}
    server s1 127.0.0.1:$(s1) disabled on-marked-up shutdown-backup-sessions
    server s2 127.0.0.1:$(s1) backup
"""
    for one in ("head", "body", "upload", "tunnel")
)

CONFIG = f"""
global
    log 127.0.0.1:$(syslog) local0
    stats socket $(dir)/sock level admin
defaults
    mode http
    log global
    log-format {FORMAT}
    http-reuse never
    retries 1
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout queue 2s
frontend fe
    bind 127.0.0.1:$(fe)
    use_backend %[path,field(2,/)]
{KILLS}
backend k_connect
    server s1 127.0.0.1:$(full)
backend d_connect
    server s1 127.0.0.1:$(full) on-marked-down shutdown-sessions
backend k_pause
    server s1 127.0.0.1:$(gone)
backend k_queue
    server s1 127.0.0.1:$(s1) maxconn 1

defaults tcp
    mode tcp
    log global
    log-format {FORMAT_TCP}
    retries 1
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout queue 400ms
listen tcp
    bind 127.0.0.1:$(tcp)
    server s1 127.0.0.1:$(s1)
listen quick_client
    bind 127.0.0.1:$(quick_client)
    timeout client 400ms
    server s1 127.0.0.1:$(s1)
listen quick_server
    bind 127.0.0.1:$(quick_server)
    timeout server 400ms
    server s1 127.0.0.1:$(s1)
listen t_gone
    bind 127.0.0.1:$(t_gone)
    timeout connect 300ms
    server gone 127.0.0.1:$(gone)
listen t_full
    bind 127.0.0.1:$(t_full)
    timeout connect 400ms
    server full 127.0.0.1:$(full)
listen t_full_long
    bind 127.0.0.1:$(t_full_long)
    server full 127.0.0.1:$(full)
listen t_aborts
    option abortonclose
    bind 127.0.0.1:$(t_aborts)
    server full 127.0.0.1:$(full)
listen t_aborts_pause
    option abortonclose
    bind 127.0.0.1:$(t_aborts_pause)
    server gone 127.0.0.1:$(gone)
listen t_none
    bind 127.0.0.1:$(t_none)
listen t_over
    bind 127.0.0.1:$(t_over)
    balance static-rr
    option redispatch 1
    server gone 127.0.0.1:$(gone)
    server s1 127.0.0.1:$(s1)
listen t_one
    bind 127.0.0.1:$(t_one)
    server s1 127.0.0.1:$(s1) maxconn 1
listen t_one_aborts
    option abortonclose
    timeout queue 2s
    bind 127.0.0.1:$(t_one_aborts)
    server s1 127.0.0.1:$(s1) maxconn 1
listen t_waits
    bind 127.0.0.1:$(t_waits)
    tcp-request inspect-delay 400ms
    tcp-request content reject if !{{ req.len gt 0 }}
    server s1 127.0.0.1:$(s1)
listen t_rejects
    bind 127.0.0.1:$(t_rejects)
    tcp-request inspect-delay 1s
    tcp-request content reject if {{ req.len gt 0 }}
    server s1 127.0.0.1:$(s1)
listen t_judges
    bind 127.0.0.1:$(t_judges)
    tcp-response inspect-delay 1s
    tcp-response content reject if {{ res.payload(0,3) -m str bad }}
    server s1 127.0.0.1:$(s1)
listen t_asap
    option logasap
    log-format {FORMAT_TCP.replace(" U=%U", "")}
    bind 127.0.0.1:$(t_asap)
    server s1 127.0.0.1:$(s1)
listen tk
    bind 127.0.0.1:$(tk)
    server s1 127.0.0.1:$(s1)
listen tk_connect
    bind 127.0.0.1:$(tk_connect)
    server s1 127.0.0.1:$(full)
listen td
    bind 127.0.0.1:$(td)
    server s1 127.0.0.1:$(s1) on-marked-down shutdown-sessions
listen tu
    bind 127.0.0.1:$(tu)
    server s1 127.0.0.1:$(s1) disabled on-marked-up shutdown-backup-sessions
    server s2 127.0.0.1:$(s1) backup
"""

LENGTH = "content-length: 10"
SWITCH = ("connection: upgrade", "upgrade: echo")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"


def command(site: Site, text: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(5)
        sock.connect(str(site.program.directory / "sock"))
        sock.sendall(text.encode() + b"\n")
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return answer.decode()


def answers(*pieces: bytes | float, end: Callable[[Conversation], object] = silent, lines: int = 1) -> Script:
    """Reads lines (all of a head when there is one), then bytes and pauses, then the end."""

    def script(conversation: Conversation) -> None:
        conversation.read_head() if b" HTTP/1." in conversation._buffer else conversation.read_until(b"\n")
        for piece in pieces:
            if isinstance(piece, float):
                conversation.pause(piece)
            else:
                conversation.send(piece)
        end(conversation)

    return script


def closes(conversation: Conversation) -> None:
    """Nothing more."""


def resets(conversation: Conversation) -> None:
    conversation.pause(0.1)
    conversation.reset()


def half_closes_then_takes(conversation: Conversation) -> None:
    conversation.half_close()
    silent(conversation)


def floods(conversation: Conversation) -> None:
    while True:
        conversation.send(bytes(65536))


def ask(path: str, *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    return http(method, path, "host: h", *fields, body=body)


def sends(*pieces: bytes | float, how: str = "") -> Act:
    """Bytes and pauses, then leaves as told, or waits for the end."""

    def act(client: RawClient, place: Place) -> None:
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                client.drip(piece, len(piece))
        if how:
            with contextlib.suppress(OSError):
                getattr(client, how)()

    return act


def told(data: bytes, text: str, read: int = 0, arrives: bool = True, before: str = "") -> Act:
    """Sends, reads so many bytes, and then an operator says something."""

    def act(client: RawClient, place: Place) -> None:
        if before:
            command(place.site, before)
        client.send(data)
        if read:
            client.read_exactly(read)
        elif arrives:
            place.arrived()
        time.sleep(SLOW)
        assert command(place.site, text).strip() == ""

    return act


def shut(backend: str) -> str:
    return f"shutdown sessions server {backend}/s1"


def down(backend: str) -> str:
    return f"set server {backend}/s1 state maint"


def up(backend: str) -> str:
    return f"set server {backend}/s1 state ready"


CASES: dict[str, Case] = {
    # -- HTTP, killed
    "k_head": Case("KH--", "fe", told(ask("/k_head/k_head"), shut("k_head")), silent),
    "k_body": Case("KD--", "fe", told(ask("/k_body/k_body"), shut("k_body"), 40), answers(CUT, b"some")),
    "k_upload": Case(
        "K---", "fe", told(ask("/k_upload/k_upload", LENGTH, method="POST", body=b"123"), shut("k_upload")), silent
    ),
    "k_tunnel": Case(
        "K---", "fe", told(ask("/k_tunnel/k_tunnel", *SWITCH), shut("k_tunnel"), 70), answers(SWITCHING, b"x")
    ),
    "k_connect": Case("K---", "fe", told(ask("/k_connect/k_connect"), shut("k_connect"), arrives=False)),
    "d_head": Case("DH--", "fe", told(ask("/d_head/d_head"), down("d_head"), before=up("d_head")), silent),
    "d_body": Case(
        "DD--", "fe", told(ask("/d_body/d_body"), down("d_body"), 40, before=up("d_body")), answers(CUT, b"some")
    ),
    "d_upload": Case(
        "D---",
        "fe",
        told(ask("/d_upload/d_upload", LENGTH, method="POST", body=b"123"), down("d_upload"), before=up("d_upload")),
        silent,
    ),
    "d_tunnel": Case(
        "D---",
        "fe",
        told(ask("/d_tunnel/d_tunnel", *SWITCH), down("d_tunnel"), 70, before=up("d_tunnel")),
        answers(SWITCHING, b"x"),
    ),
    "d_connect": Case(
        "D---", "fe", told(ask("/d_connect/d_connect"), down("d_connect"), arrives=False, before=up("d_connect"))
    ),
    "u_head": Case("UH--", "fe", told(ask("/u_head/u_head"), up("u_head"), before=down("u_head")), silent),
    "u_body": Case(
        "UD--", "fe", told(ask("/u_body/u_body"), up("u_body"), 40, before=down("u_body")), answers(CUT, b"some")
    ),
    "u_upload": Case(
        "U---",
        "fe",
        told(ask("/u_upload/u_upload", LENGTH, method="POST", body=b"123"), up("u_upload"), before=down("u_upload")),
        silent,
    ),
    "u_tunnel": Case(
        "U---",
        "fe",
        told(ask("/u_tunnel/u_tunnel", *SWITCH), up("u_tunnel"), 70, before=down("u_tunnel")),
        answers(SWITCHING, b"x"),
    ),
    # -- TCP, killed
    "tk": Case("K-", "tk", told(b"tk\r\n", shut("tk")), silent),
    "tk_connect": Case(
        "K-", "tk_connect", told(b"x\r\n", shut("tk_connect"), arrives=False), ours={"state": "K-", "rc": "0"}
    ),  # 2.6 waits for the connect
    "td": Case("D-", "td", told(b"td\r\n", down("td"), before=up("td")), silent),
    "tu": Case("U-", "tu", told(b"tu\r\n", up("tu"), before=down("tu")), silent),
    # -- TCP, normal
    "t_ok": Case("--", "tcp", sends(b"t_ok\r\n", how="half_close"), answers(b"bye", end=closes)),
    "t_slow": Case("--", "tcp", sends(b"t_slow\r\n", SLOW, b"more", how="half_close"), answers(SLOW, b"bye")),
    "t_server_first": Case(
        "--",
        "tcp",
        sends(b"t_server_first\r\n", SLOW, b"more", how="half_close"),
        answers(b"bye", end=half_closes_then_takes),
    ),
    "t_asap": Case("--", "t_asap", sends(b"t_asap\r\n", how="half_close"), answers(SLOW, b"bye", end=closes)),
    # -- TCP, cut
    "t_left": Case("CD", "tcp", sends(b"t_left\r\n", SLOW, how="reset"), silent),
    "t_left_pouring": Case("CD", "tcp", sends(b"t_left_pouring\r\n", SLOW, how="close"), answers(end=floods)),
    "t_reset": Case("SD", "tcp", sends(b"t_reset\r\n"), answers(b"some", end=resets)),
    "t_client_silent": Case("cD", "quick_client", sends(b"t_client_silent\r\n"), silent),
    "t_server_silent": Case("sD", "quick_server", sends(b"t_server_silent\r\n"), silent),
    "t_not_taken": Case("cD", "quick_client", sends(b"t_not_taken\r\n", 1.0), answers(end=floods)),
    "t_client_stays": Case(
        "cD", "quick_client", sends(b"t_client_stays\r\n", 0.9), answers(b"bye", end=half_closes_then_takes)
    ),
    "t_server_stays": Case("sD", "quick_server", sends(b"t_server_stays\r\n", how="half_close"), answers(b"x", 0.9)),
    # -- TCP, no connection
    "t_refused": Case("SC", "t_gone", sends(b"x\r\n")),
    "t_refused_left": Case("SC", "t_gone", sends(b"x\r\n", 0.1, how="half_close")),
    "t_full": Case("sC", "t_full", sends(b"x\r\n")),
    "t_none": Case("SC", "t_none", sends(b"x\r\n")),
    "t_over": Case("--", "t_over", sends(b"t_over\r\n", how="half_close"), answers(b"x", end=closes)),
    "t_left_connect": Case("CC", "t_full_long", sends(b"x\r\n", SLOW, how="reset"), ours={"state": "CC"}),  # 2.6: CD
    "t_left_connect_close": Case("CC", "t_aborts", sends(b"x\r\n", SLOW, how="close")),
    "t_left_connect_half": Case("CC", "t_aborts", sends(b"x\r\n", SLOW, how="half_close")),
    "t_left_pause": Case("CC", "t_aborts_pause", sends(b"x\r\n", SLOW, how="close")),
    "t_queue_late": Case("sQ", "t_one", sends(b"t_queue_late\r\n"), silent, first=b"t_queue_late\r\n"),
    "t_left_queue": Case(
        "CQ", "t_one_aborts", sends(b"t_left_queue\r\n", SLOW, how="close"), silent, first=b"t_left_queue\r\n"
    ),
    # -- TCP, rules
    "t_rejected": Case("PR", "t_rejects", sends(b"x\r\n")),
    "t_rejected_late": Case("PR", "t_rejects", sends(SLOW, b"x\r\n")),
    "t_waited": Case("PR", "t_waits", sends()),
    "t_waited_left": Case("PR", "t_waits", sends(0.1, how="reset")),
    "t_judged": Case("PD", "t_judges", sends(b"t_judged\r\n"), answers(SLOW, b"bad news")),
    "t_judged_good": Case("--", "t_judges", sends(b"t_judged_good\r\n"), answers(b"good news", end=closes)),
}

play = played(CONFIG, CASES, {"full": FULL.getsockname()[1], "gone": GONE})


@pytest.mark.parametrize("name", CASES)
def test_a_stream_ends_as_in_haproxy(play: Table, name: str) -> None:
    play.compare(name)
