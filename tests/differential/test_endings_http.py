"""The table of endings, HTTP: every state of manual 8.5 that can be provoked, with cookies, bodies and second requests.

Compared with HAProxy 2.6: what the client gets, and of each log line backend and server, all timers (which are -1, and
the others to 0.2 s), status, bytes of both directions, the four characters, retries and queue positions.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.differential.endings import FORMAT, Act, Case, Place, Table, played
from tests.differential.pairs import http
from tests.harness import Conversation, RawClient, free_port, requires, silent
from tests.harness.origin import Script, response
from tests.harness.ports import full_listener

pytestmark = requires("haproxy")

FULL, _FILLERS = full_listener()
GONE = free_port()
SLOW = 0.35  # seconds; longer than what the comparison of timers allows

#: A backend with one slot for each case that queues.
ONES = "".join(
    f"""
backend {one}
    server s1 127.0.0.1:$(s1) maxconn 1
"""
    for one in ("one_late", "one_late_body")
)

CONFIG = f"""
global
    log 127.0.0.1:$(syslog) local0
    tune.sndbuf.client 8192
defaults
    mode http
    log global
    log-format {FORMAT}
    http-reuse never
    retries 1
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout queue 400ms
    timeout tarpit 450ms
frontend fe
    bind 127.0.0.1:$(fe)
    http-request redirect location /there if {{ path_beg /redirect/ }}
    http-request wait-for-body time 400ms if {{ path_beg /be/body }}
    use_backend %[path,field(2,/)]
frontend quick
    bind 127.0.0.1:$(quick)
    timeout client 400ms
    use_backend %[path,field(2,/)]
frontend heads
    bind 127.0.0.1:$(heads)
    timeout http-request 400ms
    timeout http-keep-alive 700ms
    use_backend %[path,field(2,/)]
frontend asap
    bind 127.0.0.1:$(asap)
    option logasap
    log-format {FORMAT.replace(" U=%U", "")}
    timeout client 400ms
    use_backend %[path,field(2,/)]
backend be
    server s1 127.0.0.1:$(s1)
backend slow
    timeout server 400ms
    server s1 127.0.0.1:$(s1)
backend tunnel
    timeout tunnel 400ms
    server s1 127.0.0.1:$(s1)
{ONES}
backend one
    timeout queue 2s
    server s1 127.0.0.1:$(s1) maxconn 1
backend gone
    timeout connect 300ms
    server gone 127.0.0.1:$(gone)
backend full
    timeout connect 400ms
    server full 127.0.0.1:$(full)
backend over
    timeout connect 300ms
    retries 3
    option redispatch 1
    balance static-rr
    server gone 127.0.0.1:$(gone)
    server full 127.0.0.1:$(full)
backend redir
    server s1 127.0.0.1:$(s1) redir http://elsewhere
backend tarpit
    http-request tarpit
backend ports
    retries 0
    server s1 127.0.0.1:$(s1) source 127.0.0.1:$(taken)-$(taken)
backend late
    http-request deny if {{ path_end 9 }}
    http-response deny if {{ res.hdr(x-bad) 1 }}
    http-response return status 418 if {{ res.hdr(x-bad) 2 }}
    http-response redirect location /there if {{ res.hdr(x-bad) 3 }}
    server s1 127.0.0.1:$(s1)
backend cookies
    cookie SRV insert indirect nocache maxidle 100 maxlife 1000
    timeout queue 250ms
    timeout connect 400ms
    timeout server 400ms
    server s1 127.0.0.1:$(s1) cookie one
    server s2 127.0.0.1:$(s1) cookie two disabled
    server full 127.0.0.1:$(full) cookie full weight 0
    server gone 127.0.0.1:$(gone) cookie gone weight 0
    server busy 127.0.0.1:$(s1) cookie busy weight 0 maxconn 1
backend cookies_denied
    cookie SRV insert indirect nocache
    http-request deny if {{ path_end /denied }}
    http-request redirect location /there if {{ path_end /moved }}
    http-request tarpit if {{ path_end /tarpit }}
    http-response deny if {{ res.hdr(x-bad) 1 }}
    http-response return status 418 if {{ res.hdr(x-bad) 2 }}
    server s1 127.0.0.1:$(s1) cookie one
backend cookies_over
    cookie SRV insert indirect nocache
    option redispatch 1
    retries 1
    timeout connect 300ms
    server s1 127.0.0.1:$(s1) cookie one
    server gone 127.0.0.1:$(gone) cookie gone weight 0
backend cookies_none
    cookie SRV insert indirect nocache
    server s2 127.0.0.1:$(s1) cookie two disabled
backend rewrite
    cookie SRV rewrite
    server s1 127.0.0.1:$(s1) cookie one
backend provided
    cookie SRV insert indirect preserve
    use-server s1 if {{ req.hdr(x-use) 1 }}
    server s1 127.0.0.1:$(s1) cookie one
    server s2 127.0.0.1:$(s1) cookie two weight 0

defaults aborts
    mode http
    log global
    log-format {FORMAT}
    http-reuse never
    option abortonclose
    retries 1
    timeout connect 1s
    timeout client 2s
    timeout server 1s
    timeout queue 2s
    timeout tarpit 2s
frontend fa
    bind 127.0.0.1:$(fa)
    use_backend %[path,field(2,/)]
backend a_be
    server s1 127.0.0.1:$(s1)
backend a_full
    server full 127.0.0.1:$(full)
backend a_gone
    server gone 127.0.0.1:$(gone)
backend a_one
    server s1 127.0.0.1:$(s1) maxconn 1
backend a_one_half
    server s1 127.0.0.1:$(s1) maxconn 1
backend a_tarpit
    http-request tarpit
"""

OK = response(b"hello")
LAST = "connection: close"
LENGTH = "content-length: 10"
CHUNKS = "transfer-encoding: chunked"
SWITCH = ("connection: upgrade", "upgrade: echo")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"


# -- what origins do


def says(*pieces: bytes | float, end: Callable[[Conversation], object] = lambda c: None, whole: bool = True) -> Script:
    """Reads a request (`whole`: with its body), then bytes and pauses, then the end: closes where nothing is said."""

    def script(conversation: Conversation) -> None:
        conversation.read_request() if whole else conversation.read_head()
        for piece in pieces:
            if isinstance(piece, float):
                conversation.pause(piece)
            else:
                conversation.send(piece)
        end(conversation)

    return script


def turns(*scripts: Script) -> Script:
    """One script after the other on one connection, one per request."""

    def script(conversation: Conversation) -> None:
        for one in scripts:
            one(conversation)

    return script


def resets(conversation: Conversation) -> None:
    conversation.pause(0.1)
    conversation.reset()


def floods(conversation: Conversation) -> None:
    while True:
        conversation.send(bytes(65536))


def floods_chunks(conversation: Conversation) -> None:
    while True:
        conversation.send(b"10000\r\n" + bytes(65536) + b"\r\n")


def answers(*pieces: bytes | float) -> Script:
    return says(*pieces, end=silent)


# -- what clients do


def ask(path: str, *fields: str, method: str = "GET", body: bytes = b"", version: str = "1.1") -> bytes:
    return http(method, path, "host: h", *fields, body=body, version=version)


def sends(*pieces: bytes | float) -> Act:
    """Bytes and pauses; what cannot be sent any more is not."""

    def act(client: RawClient, place: Place) -> None:
        for piece in pieces:
            if isinstance(piece, float):
                time.sleep(piece)
            else:
                client.drip(piece, len(piece))

    return act


def half_closes(*pieces: bytes | float) -> Act:
    def act(client: RawClient, place: Place) -> None:
        sends(*pieces)(client, place)
        with contextlib.suppress(OSError):
            client.half_close()

    return act


def leaves(data: bytes, how: str = "reset", *, read: int = 0, seconds: float = 0.0) -> Act:
    """Sends, reads so many bytes or waits until the origin has the request, and goes."""

    def act(client: RawClient, place: Place) -> None:
        client.send(data)
        if read:
            client.read_exactly(read)
        elif not seconds:
            place.arrived()
            time.sleep(0.05)
        time.sleep(seconds)
        getattr(client, how)()

    return act


def never_reads(data: bytes, seconds: float = 1.2) -> Act:
    """Asks and takes nothing until the proxy has had enough."""

    def act(client: RawClient, place: Place) -> None:
        client.send(data)
        time.sleep(seconds)

    return act


def twice(first: bytes, *rest: bytes | float, how: str = "") -> Act:
    """A request and its answer, then more on the same connection."""

    def act(client: RawClient, place: Place) -> None:
        client.send(first)
        client.read_reply()
        sends(*rest)(client, place)
        if how:
            time.sleep(0.1)
            getattr(client, how)()

    return act


def behind(first: bytes, second: bytes, how: str = "", seconds: float = 0.1) -> Act:
    """Another client has the server's only slot when this one asks."""

    def act(client: RawClient, place: Place) -> None:
        with RawClient(place.site.port("fe" if b"/a_" not in first else "fa")) as other:
            other.send(first)
            place.arrived()
            client.send(second)
            if how:
                time.sleep(seconds)
                getattr(client, how)()
                time.sleep(0.1)
            else:
                client.read_all()
            other.reset()

    return act


def reads_slowly(data: bytes, size: int, seconds: float) -> Act:
    def act(client: RawClient, place: Place) -> None:
        client.send(data)
        client.read_exactly(size)
        time.sleep(seconds)

    return act


CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"
LONG = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
WRONG = b"5\r\nhello\r\nzz\r\n"
KEPT = b"GET / HTTP/1.1\r\n"

CASES: dict[str, Case] = {
    # normal endings, and where delays go
    "ok": Case("----", "fe", sends(ask("/be/ok", LAST)), says(OK)),
    "slow_head": Case("----", "fe", sends(ask("/be/slow_head", LAST)), says(SLOW, OK)),
    "slow_body": Case("----", "fe", sends(ask("/be/slow_body", LAST)), says(CUT, SLOW, bytes(100))),
    "slow_chunks": Case(
        "----", "fe", sends(ask("/be/slow_chunks", LAST)), says(CHUNKED, b"1\r\na\r\n", SLOW, b"0\r\n\r\n")
    ),
    "slow_request": Case(
        "----",
        "fe",
        sends(b"GET /be/slow_req", SLOW, b"uest HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n"),
        says(OK),
    ),
    "idle_first": Case("----", "fe", sends(SLOW, ask("/be/idle_first", LAST)), says(OK)),
    "slow_upload": Case(
        "----", "fe", sends(ask("/be/slow_upload", LAST, LENGTH, method="POST"), b"12345", SLOW, b"67890"), says(OK)
    ),
    "slow_second": Case(
        "----",
        "fe",
        twice(ask("/be/slow_second"), SLOW, ask("/be/slow_second", LAST)),
        turns(says(OK), says(SLOW, OK)),
        2,
    ),
    "interim": Case(
        "----", "fe", sends(ask("/be/interim", LAST)), says(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", SLOW, OK)
    ),
    "queue_then_served": Case(
        "----", "fe", behind(ask("/one/queue_then_served", LAST), ask("/one/queue_then_served", LAST)), says(0.3, OK)
    ),
    "early_answer": Case(
        "----",
        "fe",
        sends(
            ask("/be/early_answer", LENGTH, method="POST", body=b"123"), SLOW, b"4567890", ask("/be/early_answer", LAST)
        ),
        turns(says(OK, whole=False), says(OK)),
        2,
    ),
    # nothing came of the request
    "half_first": Case("CR--", "fe", half_closes(b"GET /be/half", 0.05)),
    "half_second": Case("CR--", "fe", twice(ask("/be/half_second"), b"GET /be/ha", how="half_close"), answers(OK), 2),
    "half_second_reset": Case(
        "CR--", "fe", twice(ask("/be/half_second_reset"), b"GET /be/ha", how="reset"), answers(OK), 2
    ),
    "late_first": Case("cR--", "heads", sends(b"GET /be/late")),
    "late_second": Case("cR--", "heads", twice(ask("/be/late_second"), SLOW, b"GET /be/la"), answers(OK), 2),
    "late_client": Case("cR--", "quick", sends(b"GET /be/late")),
    "bad_second": Case("PR--", "fe", twice(ask("/be/bad_second"), b"GET nonsense\r\n\r\n"), answers(OK), 2),
    "bad_chunk_waited": Case(
        "PR--", "fe", sends(ask("/be/body_bad_chunk_waited", CHUNKS, method="POST"), 0.05, b"zz\r\n")
    ),
    "late_body_waited": Case("cR--", "fe", sends(ask("/be/body_late", LENGTH, method="POST", body=b"123"))),
    "denied_second": Case("PR--", "fe", twice(ask("/late/denied_second"), ask("/late/9", LAST)), answers(OK), 2),
    "redirect": Case("LR--", "fe", sends(ask("/redirect/x", LAST))),
    "redirect_body": Case("LR--", "fe", sends(ask("/redirect/x", LAST, LENGTH, method="POST", body=b"1234567890"))),
    # tarpits
    "tarpit": Case("PT--", "fe", sends(ask("/tarpit/tarpit", LAST))),
    "tarpit_body": Case("PT--", "fe", sends(ask("/tarpit/tarpit_body", LAST, LENGTH, method="POST", body=b"123"))),
    "tarpit_left": Case("PT--", "fe", leaves(ask("/tarpit/tarpit_left"), "close", seconds=0.1), ours={"state": "PT--"}),
    "tarpit_aborted": Case("PT--", "fa", leaves(ask("/a_tarpit/tarpit_aborted"), "reset", seconds=0.25)),
    # queues
    "queue_late": Case("sQ--", "fe", behind(ask("/one_late/queue_late"), ask("/one_late/queue_late", LAST)), silent),
    "queue_late_body": Case(
        "sQ--",
        "fe",
        behind(
            ask("/one_late_body/queue_late_body"),
            ask("/one_late_body/queue_late_body", LAST, LENGTH, method="POST", body=b"12345"),
        ),
        silent,
    ),
    # connects
    "refused": Case("SC--", "fe", sends(ask("/gone/refused", LAST))),
    "refused_body": Case(
        "SC--", "fe", sends(ask("/gone/refused_body", LAST, LENGTH, method="POST", body=b"1234567890"))
    ),
    "refused_kept": Case("SC--", "fe", twice(ask("/be/refused_kept"), ask("/gone/refused_kept", LAST)), answers(OK), 2),
    "no_connect": Case("sC--", "fe", sends(ask("/full/no_connect", LAST))),
    "no_connect_body": Case(
        "sC--", "fe", sends(ask("/full/no_connect_body", LAST, CHUNKS, method="POST", body=b"5\r\nhello\r\n"))
    ),
    # 2.6 says SC when its own connections have used the range up, and RC when the kernel refuses a port
    "no_source_port": Case(
        "RC--",
        "fe",
        behind(ask("/ports/no_source_port"), ask("/ports/no_source_port", LAST)),
        silent,
        ours={"state": "RC--", "status": "503"},
    ),
    "sent_away": Case("LC--", "fe", sends(ask("/redir/sent_away"))),
    # the server before its head
    "no_head": Case("sH--", "fe", sends(ask("/slow/no_head", LAST)), silent),
    "no_head_body": Case(
        "sH--", "fe", sends(ask("/slow/no_head_body", LAST, LENGTH, method="POST", body=b"1234567890")), silent
    ),
    "no_head_second": Case(
        "sH--", "fe", twice(ask("/slow/no_head_second"), ask("/slow/no_head_second", LAST)), answers(OK), 2
    ),
    "no_head_interim": Case(
        "sH--", "fe", sends(ask("/slow/no_head_interim", LAST)), answers(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n")
    ),
    "head_half": Case("SH--", "fe", sends(ask("/be/head_half", LAST)), says(b"HTTP/1.1 200 OK\r\nconte")),
    "head_half_reset": Case(
        "SH--", "fe", sends(ask("/be/head_half_reset", LAST)), says(b"HTTP/1.1 200 OK\r\nconte", end=Conversation.reset)
    ),
    "head_half_later": Case(
        "SH--", "fe", sends(ask("/be/head_half_later", LAST)), says(b"HTTP/1.1 200 OK\r\nconte", SLOW)
    ),
    "head_reset": Case("SH--", "fe", sends(ask("/be/head_reset", LAST)), says(end=resets)),
    "head_closed": Case(
        "SH--", "fe", sends(ask("/be/head_closed", LAST, LENGTH, method="POST", body=b"1234567890")), says()
    ),
    "head_closed_slow": Case("SH--", "fe", sends(ask("/be/head_closed_slow", LAST)), says(SLOW)),
    "head_closed_second": Case(
        "----",
        "fe",
        twice(
            ask("/be/head_closed_second"),
            ask("/be/head_closed_second", LAST, LENGTH, method="POST", body=b"1234567890"),
        ),
        turns(says(OK), says()),
    ),
    "head_interim_closed": Case(
        "SH--", "fe", sends(ask("/be/head_interim_closed", LAST)), says(b"HTTP/1.1 103 Early\r\nlink: x\r\n\r\n", 0.05)
    ),
    "head_garbage": Case("PH--", "fe", sends(ask("/be/head_garbage", LAST)), says(b"garbage\r\n\r\n")),
    "head_garbage_body": Case(
        "PH--",
        "fe",
        sends(ask("/be/head_garbage_body", LAST, LENGTH, method="POST", body=b"1234567890")),
        says(b"garbage\r\n\r\n"),
    ),
    "head_denied": Case(
        "PH--", "fe", sends(ask("/late/head_denied", LAST)), says(response(b"hello", fields=(("x-bad", "1"),)))
    ),
    "head_denied_long": Case(
        "PH--",
        "fe",
        sends(ask("/late/head_denied_long", LAST)),
        answers(CUT.replace(b"\r\n\r\n", b"\r\nx-bad: 1\r\n\r\n") + b"some"),
    ),
    "head_replaced": Case(
        "LH--", "fe", sends(ask("/late/head_replaced", LAST)), says(response(b"hello", fields=(("x-bad", "2"),)))
    ),
    "head_redirected": Case(
        "LH--", "fe", sends(ask("/late/head_redirected", LAST)), says(response(b"hello", fields=(("x-bad", "3"),)))
    ),
    # bodies of responses
    "body_cut": Case("SD--", "fe", sends(ask("/be/body_cut", LAST)), says(CUT, b"only this")),
    "body_cut_reset": Case("SD--", "fe", sends(ask("/be/body_cut_reset", LAST)), says(CUT, b"only this", end=resets)),
    "body_cut_second": Case(
        "SD--", "fe", twice(ask("/be/body_cut_second"), ask("/be/body_cut_second")), turns(says(OK), says(CUT, b"x")), 2
    ),
    "chunks_cut": Case("SD--", "fe", sends(ask("/be/chunks_cut", LAST)), says(CHUNKED, b"5\r\nhello\r\n8\r\nhal")),
    "chunks_wrong": Case(
        "SD--", "fe", sends(ask("/be/chunks_wrong", LAST)), says(CHUNKED, b"5\r\nhello\r\n", 0.1, b"zz\r\n", end=silent)
    ),
    "endless_reset": Case("SD--", "fe", sends(ask("/be/endless_reset", LAST)), says(ENDLESS, b"hello", end=resets)),
    "body_stalls": Case("sD--", "fe", sends(ask("/slow/body_stalls", LAST)), answers(CUT, b"hello")),
    "chunks_stall": Case(
        "sD--", "fe", sends(ask("/slow/chunks_stall", LAST)), answers(CHUNKED, b"5\r\nhello\r\n8\r\nhal")
    ),
    "endless_stalls": Case("sD--", "fe", sends(ask("/slow/endless_stalls", LAST)), answers(ENDLESS, b"hello")),
    "body_left": Case("CD--", "fe", leaves(ask("/be/body_left"), read=200), says(LONG, end=floods)),
    "body_left_close": Case(
        "CD--", "fe", leaves(ask("/be/body_left_close"), "close", read=200), says(LONG, end=floods)
    ),
    "chunks_left": Case("CD--", "fe", leaves(ask("/be/chunks_left"), read=200), says(CHUNKED, end=floods_chunks)),
    "body_left_quiet": Case("sD--", "fe", leaves(ask("/slow/body_left_quiet"), read=50), answers(CUT, b"some")),
    "body_left_half": Case(
        "sD--", "fe", leaves(ask("/slow/body_left_half"), "half_close", read=50), answers(CUT, b"some")
    ),
    "body_not_taken": Case("cD--", "quick", never_reads(ask("/be/body_not_taken")), says(LONG, end=floods)),
    "chunks_not_taken": Case(
        "cD--", "quick", never_reads(ask("/be/chunks_not_taken")), says(CHUNKED, end=floods_chunks)
    ),
    "body_not_taken_server_done": Case(
        "cD--", "quick", never_reads(ask("/be/body_not_taken_server_done")), says(response(bytes(3_000_000)))
    ),
    # uploads
    "upload_left": Case("CD--", "fe", leaves(ask("/be/upload_left", LENGTH, method="POST", body=b"123")), silent),
    "upload_left_half": Case(
        "CD--",
        "fe",
        leaves(ask("/be/upload_left_half", CHUNKS, method="POST", body=b"5\r\nhello\r\n2\r\n"), "half_close"),
        silent,
    ),
    "upload_stalls": Case(
        "cD--",
        "quick",
        sends(ask("/be/upload_stalls", LENGTH, method="POST", body=b"123")),
        silent,
        ours={"state": "cD--", "status": "408"},
    ),
    "upload_stalls_answered": Case(
        "cD--",
        "quick",
        sends(ask("/be/upload_stalls_answered", LENGTH, method="POST", body=b"123")),
        says(OK, end=silent, whole=False),
    ),
    "upload_wrong": Case(
        "PH--",
        "fe",
        sends(ask("/be/upload_wrong", CHUNKS, method="POST", body=b"5\r\nhello\r\n"), 0.1, b"zz\r\n"),
        silent,
    ),
    "upload_wrong_answered": Case(
        "PD--",
        "fe",
        sends(ask("/be/upload_wrong_answered", CHUNKS, method="POST", body=b"5\r\nhello\r\n"), 0.1, b"zz\r\n"),
        says(CUT, b"some", end=silent, whole=False),
    ),
    "upload_reset": Case(
        "SH--",
        "fe",
        sends(ask("/be/upload_reset", LENGTH, method="POST", body=b"123")),
        says(end=resets, whole=False),
        ours={"state": "SH--", "status": "502"},
    ),
    # tunnels
    "tunnel_done": Case(
        "----", "fe", half_closes(ask("/be/tunnel_done", *SWITCH), SLOW, b"abc"), says(SWITCHING, b"xyz")
    ),
    "tunnel_half": Case(
        "----",
        "fe",
        half_closes(ask("/be/tunnel_half", *SWITCH), SLOW, b"abc"),
        says(SWITCHING, b"xyz", 0.2, end=lambda c: (c.half_close(), silent(c))),
    ),
    "tunnel_client_stays": Case(
        "----",
        "quick",
        sends(ask("/be/tunnel_client_stays", *SWITCH), SLOW, SLOW),
        says(SWITCHING, b"xyz", 0.1, end=lambda c: (c.half_close(), silent(c))),
    ),
    "tunnel_silent": Case("cD--", "fe", sends(ask("/tunnel/tunnel_silent", *SWITCH)), answers(SWITCHING, b"xyz")),
    "tunnel_reset": Case("SD--", "fe", sends(ask("/be/tunnel_reset", *SWITCH)), says(SWITCHING, b"xyz", end=resets)),
    "tunnel_left": Case("CD--", "fe", leaves(ask("/be/tunnel_left", *SWITCH), read=70), answers(SWITCHING, b"xyz")),
    # abortonclose
    "left_connect": Case("CC--", "fa", leaves(ask("/a_full/left_connect"), "close", seconds=0.3)),
    "left_connect_half": Case("CC--", "fa", leaves(ask("/a_full/left_connect_half"), "half_close", seconds=0.3)),
    "left_connect_reset": Case("CC--", "fa", leaves(ask("/a_full/left_connect_reset"), "reset", seconds=0.3)),
    "left_pause": Case("CC--", "fa", leaves(ask("/a_gone/left_pause"), "close", seconds=0.3)),
    "left_queue": Case("CQ--", "fa", behind(ask("/a_one/left_queue"), ask("/a_one/left_queue"), "reset", 0.3), silent),
    "left_queue_half": Case(
        "CQ--",
        "fa",
        behind(ask("/a_one_half/left_queue_half"), ask("/a_one_half/left_queue_half"), "half_close", 0.3),
        silent,
    ),
    "left_head": Case("CH--", "fa", leaves(ask("/a_be/left_head"), "close", seconds=0.3), silent),
    "left_head_half": Case("CH--", "fa", leaves(ask("/a_be/left_head_half"), "half_close", seconds=0.3), silent),
    "left_head_reset": Case(
        "CH--",
        "fa",
        leaves(ask("/a_be/left_head_reset"), "reset", seconds=0.3),
        silent,
        ours={"state": "CH--", "status": "400"},
    ),
    "left_head_body": Case(
        "CH--",
        "fa",
        leaves(ask("/a_be/left_head_body", LENGTH, method="POST", body=b"1234567890"), "half_close", seconds=0.3),
        silent,
    ),
    "left_body_half": Case(
        "----", "fa", leaves(ask("/a_be/left_body_half"), "half_close", read=50), says(CUT, SLOW, bytes(100))
    ),
    "left_upload": Case(
        "CD--", "fa", leaves(ask("/a_be/left_upload", LENGTH, method="POST", body=b"123"), "close", seconds=0.3), silent
    ),
    # logasap
    "asap": Case("----", "asap", sends(ask("/be/asap", LAST)), says(response(bytes(1000)))),
    "asap_cut": Case("----", "asap", sends(ask("/be/asap_cut", LAST)), says(CUT + b"12345")),
    "asap_no_head": Case("SH--", "asap", sends(ask("/be/asap_no_head", LAST)), says()),
    "asap_upload": Case(
        "----", "asap", sends(ask("/be/asap_upload", LENGTH, method="POST", body=b"123"), 0.1, b"4567890"), says(OK)
    ),
    # cookies
    "c_new": Case("--NI", "fe", sends(ask("/cookies/c_new", LAST)), says(OK)),
    "c_valid": Case("--VU", "fe", sends(ask("/cookies/c_valid", LAST, "cookie: SRV=one")), says(OK)),
    "c_unknown": Case("--II", "fe", sends(ask("/cookies/c_unknown", LAST, "cookie: SRV=what")), says(OK)),
    "c_down": Case("--DI", "fe", sends(ask("/cookies/c_down", LAST, "cookie: SRV=two")), says(OK)),
    "c_expired": Case("--EI", "fe", sends(ask("/cookies/c_expired", LAST, "cookie: SRV=one|BAAAA")), says(OK)),
    "c_old": Case("--OI", "fe", sends(ask("/cookies/c_old", LAST, "cookie: SRV=one||BAAAA")), says(OK)),
    "c_provided": Case(
        "--NP",
        "fe",
        sends(ask("/provided/c_provided", LAST)),
        says(response(b"x", fields=(("set-cookie", "SRV=mine"),))),
    ),
    "c_none": Case("--VN", "fe", sends(ask("/provided/c_none", LAST, "cookie: SRV=one")), says(OK)),
    "c_use_server": Case(
        "--UN", "fe", sends(ask("/provided/c_use_server", LAST, "cookie: SRV=two", "x-use: 1")), says(OK)
    ),
    "c_rewritten": Case(
        "--NR",
        "fe",
        sends(ask("/rewrite/c_rewritten", LAST)),
        says(response(b"x", fields=(("set-cookie", "SRV=mine"),))),
    ),
    "c_rewrite_none": Case("--NN", "fe", sends(ask("/rewrite/c_rewrite_none", LAST)), says(OK)),
    "c_deleted": Case(
        "--VD",
        "fe",
        sends(ask("/cookies_denied/c_deleted", LAST, "cookie: SRV=one")),
        says(response(b"x", fields=(("set-cookie", "SRV=mine"),))),
    ),
    "c_redispatched": Case(
        "--DI", "fe", sends(ask("/cookies_over/c_redispatched", LAST, "cookie: SRV=gone")), says(OK)
    ),
    "c_denied": Case("PRNN", "fe", sends(ask("/cookies_denied/denied", LAST))),
    "c_denied_valid": Case("PRVN", "fe", sends(ask("/cookies_denied/denied", LAST, "cookie: SRV=one"))),
    "c_moved": Case("LRNN", "fe", sends(ask("/cookies_denied/moved", LAST, "cookie: SRV=one"))),
    "c_tarpit": Case("PTVN", "fe", sends(ask("/cookies_denied/tarpit", LAST, "cookie: SRV=one"))),
    "c_head_denied": Case(
        "PHVN",
        "fe",
        sends(ask("/cookies_denied/c_head_denied", LAST, "cookie: SRV=one")),
        says(response(b"x", fields=(("x-bad", "1"),))),
    ),
    "c_head_replaced": Case(
        "LHVN",
        "fe",
        sends(ask("/cookies_denied/c_head_replaced", LAST, "cookie: SRV=one")),
        says(response(b"x", fields=(("x-bad", "2"),))),
    ),
    "c_head_replaced_new": Case(
        "LHNN",
        "fe",
        sends(ask("/cookies_denied/c_head_replaced_new", LAST)),
        says(response(b"x", fields=(("x-bad", "2"),))),
    ),
    "c_no_head": Case("sHVN", "fe", sends(ask("/cookies/c_no_head", LAST, "cookie: SRV=one")), silent),
    "c_no_head_new": Case("sHNN", "fe", sends(ask("/cookies/c_no_head_new", LAST)), silent),
    "c_head_closed": Case("SHVN", "fe", sends(ask("/cookies/c_head_closed", LAST, "cookie: SRV=one")), says()),
    "c_garbage": Case(
        "PHIN", "fe", sends(ask("/cookies/c_garbage", LAST, "cookie: SRV=what")), says(b"garbage\r\n\r\n")
    ),
    "c_body_cut": Case("SDNI", "fe", sends(ask("/cookies/c_body_cut", LAST)), says(CUT, b"x")),
    "c_body_stalls": Case(
        "sDVU", "fe", sends(ask("/cookies/c_body_stalls", LAST, "cookie: SRV=one")), answers(CUT, b"x")
    ),
    "c_body_left": Case(
        "CDVU", "fe", leaves(ask("/cookies/c_body_left", LAST, "cookie: SRV=one"), read=50), says(LONG, end=floods)
    ),
    "c_upload_left": Case(
        "CDVN",
        "fe",
        leaves(ask("/cookies/c_upload_left", LENGTH, "cookie: SRV=one", method="POST", body=b"12")),
        silent,
    ),
    "c_no_connect": Case("sCVN", "fe", sends(ask("/cookies/c_no_connect", LAST, "cookie: SRV=full"))),
    "c_refused": Case("SCVN", "fe", sends(ask("/cookies/c_refused", LAST, "cookie: SRV=gone"))),
    "c_queue": Case(
        "sQVN",
        "fe",
        behind(ask("/cookies/c_queue", "cookie: SRV=busy"), ask("/cookies/c_queue", LAST, "cookie: SRV=busy")),
        silent,
    ),
    "c_none_up": Case("SCDN", "fe", sends(ask("/cookies_none/c_none_up", LAST, "cookie: SRV=two"))),
    "c_none_up_new": Case("SCNN", "fe", sends(ask("/cookies_none/c_none_up_new", LAST))),
}

play = played(CONFIG, CASES, {"full": FULL.getsockname()[1], "gone": GONE})


@pytest.mark.parametrize("name", CASES)
def test_an_http_stream_ends_as_in_haproxy(play: Table, name: str) -> None:
    play.compare(name)
