"""Each way a stream can end, made to happen in HAProxy and in pylb: what the client gets and what the log says.

Compared are the answer, how the connection ends, and of the log line: backend and server, which timers are -1, status,
bytes, captured cookies, the four characters of the termination state, retries, both queue positions and the request.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, log_lines, paired
from tests.harness import Conversation, RawClient, Site, answer, free_port, requires, silent, wait_until
from tests.harness.origin import Script, response
from tests.harness.ports import full_listener
from tests.harness.syslog import split_httplog, split_tcplog

pytestmark = requires("haproxy")


FULL, _FILLERS = full_listener()

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
    stats timeout 1s
defaults
    mode http
    log global
    option httplog
    retries 1
    timeout connect 2s
    timeout client 1500ms
    timeout server 1500ms
    timeout tarpit 250ms
    timeout queue 300ms
frontend fe
    bind 127.0.0.1:$(fe)
    monitor-uri /alive
    http-request deny if { path /denied }
    http-request deny deny_status 429 if { path /many }
    http-request tarpit if { path /tarpit }
    http-request tarpit deny_status 429 if { path /tarpit429 }
    http-request redirect location /there if { path /redirect }
    http-request return status 200 content-type text/plain string "here" if { path /return }
    http-request reject if { path /reject }
    http-request wait-for-body time 250ms if { path_beg /body }
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    use_backend %[path,field(2,/)] if { path_beg /nobody/ }
    default_backend be_plain
frontend quick
    bind 127.0.0.1:$(quick)
    timeout client 300ms
    timeout http-request 300ms
    timeout http-keep-alive 300ms
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    default_backend be_plain
frontend quick_client
    bind 127.0.0.1:$(quick_client)
    timeout client 300ms
    use_backend %[path,field(2,/)] if { path_beg /be_ }
    default_backend be_plain
frontend quiet
    bind 127.0.0.1:$(quiet)
    timeout http-request 300ms
    option dontlognull
    option http-ignore-probes
    default_backend be_plain
frontend lonely
    bind 127.0.0.1:$(lonely)
backend be_plain
    http-reuse never
    server s1 127.0.0.1:$(s1)
backend be_none
backend be_slow
    timeout server 300ms
    server s1 127.0.0.1:$(s1)
backend be_refused
    server gone 127.0.0.1:$(gone)
backend be_refused0
    retries 0
    server gone 127.0.0.1:$(gone)
backend be_redispatch
    balance static-rr
    option redispatch 1
    retries 2
    server gone 127.0.0.1:$(gone) weight 1
    server s1 127.0.0.1:$(s1) weight 1
backend be_full
    timeout connect 300ms
    retries 0
    server full 127.0.0.1:$(full)
backend be_full_retry
    timeout connect 200ms
    retries 1
    server full 127.0.0.1:$(full)
backend be_abort
    option abortonclose
    timeout server 2s
    server s1 127.0.0.1:$(s1)
backend be_abort_full
    option abortonclose
    timeout connect 1500ms
    retries 0
    server full 127.0.0.1:$(full)
backend be_one
    server s1 127.0.0.1:$(s1) maxconn 1
backend be_one_abort
    option abortonclose
    timeout queue 2s
    server s1 127.0.0.1:$(s1) maxconn 1
backend be_maxqueue
    timeout queue 2s
    server s1 127.0.0.1:$(s1) maxconn 1 maxqueue 1
backend be_tarpit
    http-request tarpit
backend be_rdeny
    http-response deny
    server s1 127.0.0.1:$(s1)
backend be_rdeny500
    http-response deny deny_status 500 if { status 200 }
    server s1 127.0.0.1:$(s1)
backend be_rreturn
    http-response return status 201 content-type text/plain string "instead"
    server s1 127.0.0.1:$(s1)
backend be_rredirect
    http-response redirect location /elsewhere
    server s1 127.0.0.1:$(s1)
backend be_deny
    http-request deny
    server s1 127.0.0.1:$(s1)
backend be_return
    http-request return status 200 content-type text/plain string "from the backend"
    server s1 127.0.0.1:$(s1)
backend be_disabled
    server s1 127.0.0.1:$(s1) disabled
backend be_close
    option http-server-close
    server s1 127.0.0.1:$(s1)
backend be_tunnel
    timeout tunnel 300ms
    server s1 127.0.0.1:$(s1)

listen tcp
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp)
    server s1 127.0.0.1:$(s1)
listen tcp_quick_client
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_quick_client)
    timeout client 300ms
    server s1 127.0.0.1:$(s1)
listen tcp_quick_server
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_quick_server)
    timeout server 300ms
    server s1 127.0.0.1:$(s1)
listen tcp_gone
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_gone)
    server gone 127.0.0.1:$(gone)
listen tcp_full
    mode tcp
    option tcplog
    timeout connect 300ms
    retries 0
    bind 127.0.0.1:$(tcp_full)
    server full 127.0.0.1:$(full)
listen tcp_none
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_none)
listen tcp_one
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_one)
    server s1 127.0.0.1:$(s1) maxconn 1
listen tcp_one_long
    mode tcp
    option tcplog
    timeout queue 2s
    option abortonclose
    bind 127.0.0.1:$(tcp_one_long)
    server s1 127.0.0.1:$(s1) maxconn 1
listen tcp_reject
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_reject)
    tcp-request inspect-delay 300ms
    tcp-request content reject if { req.len gt 3 }
    tcp-request content accept if { req.len gt 0 }
    server s1 127.0.0.1:$(s1)
listen tcp_wait
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_wait)
    tcp-request inspect-delay 300ms
    tcp-request content reject if !{ req.len gt 0 }
    server s1 127.0.0.1:$(s1)
listen tcp_response
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_response)
    tcp-response inspect-delay 300ms
    tcp-response content reject if { res.payload(0,3) -m str bad }
    server s1 127.0.0.1:$(s1)
listen tcp_fin
    mode tcp
    option tcplog
    bind 127.0.0.1:$(tcp_fin)
    timeout client-fin 300ms
    timeout server-fin 300ms
    server s1 127.0.0.1:$(s1)
"""

GONE = free_port()
pair = paired(CONFIG, values={"full": FULL.getsockname()[1], "gone": GONE})

OK = response(b"hello")
Client = Callable[[RawClient, Site], None]


def says(data: bytes) -> Script:
    """Reads one request, sends `data`, closes."""

    def script(conversation: Conversation) -> None:
        conversation.read_request()
        conversation.send(data)

    return script


def resets_after(data: bytes, head_only: bool = False) -> Script:
    def script(conversation: Conversation) -> None:
        conversation.read_head() if head_only else conversation.read_request()
        if data:
            conversation.send(data)
            conversation.pause(0.1)
        conversation.reset()

    return script


def stalls_after(*data: bytes) -> Script:
    """Sends `data` and keeps the connection open."""

    def script(conversation: Conversation) -> None:
        conversation.read_head()
        for piece in data:
            conversation.send(piece)
            conversation.pause(0.05)
        silent(conversation)

    return script


def early(conversation: Conversation) -> None:
    """A final answer before the body has come, then the end."""
    conversation.read_head()
    conversation.send(response(b"big", "413 Too Large", (("connection", "close"),)))
    conversation.half_close()
    silent(conversation)


def hangs_up(conversation: Conversation) -> None:
    """Accepts and closes at once."""


def flood(conversation: Conversation) -> None:
    conversation.read_request()
    conversation.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
    piece = bytes(1 << 16)
    while True:
        conversation.send(piece)


def greets_then_waits(conversation: Conversation) -> None:
    conversation.send(b"banner\r\n")
    silent(conversation)


def switches(then: Callable[[Conversation], None]) -> Script:
    def script(conversation: Conversation) -> None:
        conversation.read_head()
        conversation.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")
        then(conversation)

    return script


# -- what clients do


def get(path: str, *fields: str, method: str = "GET", version: str = "1.1") -> Client:
    """One request on a connection that the proxy is to close."""

    def act(client: RawClient, site: Site) -> None:
        client.send(http(method, path, "host: h", "connection: close", *fields, version=version))

    return act


def sends(data: bytes) -> Client:
    def act(client: RawClient, site: Site) -> None:
        client.send(data)

    return act


def sends_and_half_closes(data: bytes) -> Client:
    def act(client: RawClient, site: Site) -> None:
        client.send(data).half_close()

    return act


def leaves_when_served(data: bytes, how: str = "reset") -> Client:
    """Sends, and goes when the origin has the connection."""

    def act(client: RawClient, site: Site) -> None:
        client.send(data)
        site.servers["s1"].wait_conversations(1)
        wait_until(lambda: site.servers["s1"].conversations[0].received, 3, "the request at the origin")
        if how:
            getattr(client, how)()

    return act


def then(first: Client, data: bytes) -> Client:
    def act(client: RawClient, site: Site) -> None:
        first(client, site)
        client.send(data)

    return act


def later(first: bytes, second: bytes) -> Client:
    """Sends the second part in a packet of its own, when the first has surely been read."""

    def act(client: RawClient, site: Site) -> None:
        client.send(first)
        time.sleep(0.05)
        client.send(second)

    return act


def leaves_after(data: bytes, count: int, how: str = "reset", seconds: float = 0.1) -> Client:
    """Sends, reads some bytes, and goes."""

    def act(client: RawClient, site: Site) -> None:
        client.send(data)
        if count:
            client.read_exactly(count)
        else:
            time.sleep(seconds)
        getattr(client, how)()

    return act


def never_reads(data: bytes) -> Client:
    def act(client: RawClient, site: Site) -> None:
        client.send(data)
        log_lines(site, client.source_port, 1)

    return act


POST = http("POST", "/p", "host: h", "content-length: 10", "connection: close")
CHUNKS = "transfer-encoding: chunked"
WAITED = http("POST", "/body", "host: h", "content-length: 9", "connection: close", body=b"1")
CHUNKED = http("POST", "/p", "host: h", "transfer-encoding: chunked", "connection: close")
PLAIN = http("GET", "/x", "host: h", "connection: close")
CUT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this"
CUT_CHUNK = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n8\r\nhal"
SWITCH = ("connection: upgrade", "upgrade: echo")
UPGRADE = http("GET", "/be_plain/u", "host: h", *SWITCH)
UPGRADE_TUNNEL = http("GET", "/be_tunnel/u", "host: h", *SWITCH)

# name: (frontend, what the client does, what the origin does, expected state or None)
HTTP: dict[str, tuple[str, Client, Script | None, str]] = {
    "plain": ("fe", get("/x"), answer(OK), "----"),
    "head": ("fe", get("/x", method="HEAD"), says(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), "----"),
    "204": ("fe", get("/x"), says(b"HTTP/1.1 204 No Content\r\n\r\n"), "----"),
    "304": ("fe", get("/x"), says(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"), "----"),
    "until close": ("fe", get("/x"), says(b"HTTP/1.1 200 OK\r\n\r\nhello"), "----"),
    "http/1.0": ("fe", sends(b"GET /x HTTP/1.0\r\n\r\n"), answer(OK), "----"),
    "server-close": ("fe", get("/be_close/x"), answer(OK), "----"),
    # the proxy refuses or answers
    "denied": ("fe", get("/denied"), None, "PR--"),
    "denied 429": ("fe", get("/many"), None, "PR--"),
    "denied by the backend": ("fe", get("/be_deny/x"), None, "PR--"),
    "garbage": ("fe", sends(b"\x16\x03\x01\x00\xff\x01garbage\r\n\r\n"), None, "PR--"),
    "bad header": ("fe", sends(b"GET /x HTTP/1.1\r\nhost: h\r\nbad header: 1\r\n\r\n"), None, "PR--"),
    "bad length": ("fe", sends(b"POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: x\r\n\r\n"), None, "PR--"),
    "unknown coding": ("fe", sends(b"POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: odd\r\n\r\n"), None, "PR--"),
    "too large": ("fe", sends(b"GET / HTTP/1.1\r\nhost: h\r\nx: " + b"a" * 20000 + b"\r\n\r\n"), None, "PR--"),
    "reject": ("fe", get("/reject"), None, "PR--"),
    "redirect": ("fe", get("/redirect"), None, "LR--"),
    "return": ("fe", get("/return"), None, "LR--"),
    "return of the backend": ("fe", get("/be_return/x"), None, "LR--"),
    "monitor": ("fe", get("/alive"), None, ""),
    "tarpit": ("fe", get("/tarpit"), None, "PT--"),
    "tarpit, kept alive": ("quick", sends(http("GET", "/be_tarpit/x", "host: h")), None, "PT--"),
    "tarpit 429": ("fe", get("/tarpit429"), None, "PT--"),
    "response denied": ("fe", get("/be_rdeny/x"), answer(OK), "PH--"),
    "response denied 500": ("fe", get("/be_rdeny500/x"), answer(OK), "PH--"),
    "response replaced": ("fe", get("/be_rreturn/x"), answer(OK), "LH--"),
    "response redirected": ("fe", get("/be_rredirect/x"), answer(OK), "LH--"),
    # the request does not come
    "half a head, half-close": ("fe", sends_and_half_closes(b"GET / HT"), None, "CR--"),
    "half a head, reset": ("fe", leaves_after(b"GET / HT", 0), None, "CR--"),
    "nothing, half-close": ("fe", sends_and_half_closes(b""), None, "CR--"),
    "nothing, close": ("fe", leaves_after(b"", 0, "close"), None, "CR--"),
    "nothing, quiet": ("quiet", sends_and_half_closes(b""), None, ""),
    "nothing in time, quiet": ("quiet", sends(b""), None, ""),
    "half a head, quiet": ("quiet", sends_and_half_closes(b"GET / HT"), None, "CR--"),
    "nothing in time": ("quick", sends(b""), None, "cR--"),
    "half a head in time": ("quick", sends(b"GET / HT"), None, "cR--"),
    "nothing in client time": ("quick_client", sends(b""), None, "cR--"),
    "body waited for": ("fe", sends(WAITED), None, "cR--"),
    "body waited for, half-close": ("fe", sends_and_half_closes(WAITED), None, "CR--"),
    "body waited for, close": ("fe", leaves_after(WAITED, 0, "close"), None, "CR--"),
    "body waited for, reset": ("fe", leaves_after(WAITED, 0), None, "CR--"),
    "body waited for, then wrong": ("fe", later(http("POST", "/body", "host: h", CHUNKS), b"zz\r\n"), None, "PR--"),
    "body waited for, late": ("fe", later(WAITED, b"23456789"), answer(OK), "----"),
    # no server
    "no backend": ("lonely", get("/x"), None, "SC--"),
    "empty backend": ("fe", get("/be_none/x"), None, "SC--"),
    "unknown dynamic backend": ("fe", get("/nobody/x"), answer(OK), "----"),
    "disabled": ("fe", get("/be_disabled/x"), None, "SC--"),
    "refused": ("fe", get("/be_refused0/x"), None, "SC--"),
    "refused twice": ("fe", get("/be_refused/x"), None, "SC--"),
    "redispatched": ("fe", get("/be_redispatch/x"), answer(OK), "----"),
    "connect timeout": ("fe", get("/be_full/x"), None, "sC--"),
    "connect timeout twice": ("fe", get("/be_full_retry/x"), None, "sC--"),
    "left during the connect": ("fe", leaves_after(http("GET", "/be_abort_full/x"), 0, "close"), None, "CC--"),
    # the server fails before its head
    "server timeout": ("fe", get("/be_slow/x"), silent, "sH--"),
    "empty reply": ("fe", get("/x"), says(b""), "SH--"),
    "hangs up": ("fe", get("/x"), hangs_up, "SH--"),
    "reset before the head": ("fe", get("/x"), resets_after(b""), "SH--"),
    "half a head": ("fe", get("/x"), says(b"HTTP/1.1 200 OK\r\nx"), "SH--"),
    "half a head, stall": ("fe", get("/be_slow/x"), stalls_after(b"HTTP/1.1 200 OK\r\nx"), "sH--"),
    "server garbage": ("fe", get("/x"), says(b"what is this\r\n\r\n"), "PH--"),
    "large response head": ("fe", get("/x"), says(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 20000 + b"\r\n\r\n"), "PH--"),
    "bad response length": ("fe", get("/x"), says(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), "PH--"),
    "101 out of the blue": ("fe", get("/x"), says(b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n"), "PH--"),
    # ... or in its body
    "body cut": ("fe", get("/x"), says(CUT), "SD--"),
    "body reset": ("fe", get("/x"), resets_after(CUT), "SD--"),
    "chunks cut": ("fe", get("/x"), says(CUT_CHUNK), "SD--"),
    "until close, reset": ("fe", get("/x"), resets_after(b"HTTP/1.1 200 OK\r\n\r\nhello"), "SD--"),
    "bad chunk": ("fe", get("/x"), stalls_after(CUT_CHUNK[:-8] + b"zz\r\n"), "PH--"),
    "bad chunk later": ("fe", get("/x"), stalls_after(CUT_CHUNK[:-8], b"zz\r\n"), "SD--"),
    "body stalls": ("fe", get("/be_slow/x"), stalls_after(CUT), "sD--"),
    "chunks stall": ("fe", get("/be_slow/x"), stalls_after(CUT_CHUNK), "sD--"),
    # the client fails
    "client resets in the body": ("fe", leaves_after(PLAIN, 100), flood, "CD--"),
    "client closes in the body": ("fe", leaves_after(PLAIN, 100, "close"), flood, "CD--"),
    "client does not read": ("quick_client", never_reads(PLAIN), flood, "cD--"),
    "client resets, no answer yet": ("fe", leaves_when_served(http("GET", "/be_abort/x")), silent, "CH--"),
    "client leaves, abortonclose": ("fe", leaves_when_served(http("GET", "/be_abort/x"), "half_close"), silent, "CH--"),
    "client half-closes": ("fe", sends_and_half_closes(PLAIN), answer(OK), "----"),
    "half-close, then the server is late": (
        "fe",
        sends_and_half_closes(http("GET", "/be_slow/x", "host: h")),
        silent,
        "sH--",
    ),
    "upload stalls": ("quick_client", sends(POST + b"123"), silent, "cD--"),
    "upload stalls, both timeouts": ("quick_client", sends(POST.replace(b"/p", b"/be_slow/p") + b"123"), silent, "cD"),
    "upload cut by half-close": ("fe", leaves_when_served(POST + b"123", "half_close"), silent, "CD--"),
    "upload cut by reset": ("fe", leaves_when_served(POST + b"123"), silent, "CD--"),
    "chunked upload cut": ("fe", leaves_when_served(CHUNKED + b"5\r\nhe", "half_close"), silent, "CD--"),
    "chunked upload wrong": (
        "fe",
        then(leaves_when_served(CHUNKED + b"5\r\nhe", ""), b"llo\r\nzz\r\n"),
        silent,
        "PH--",
    ),
    "upload": ("fe", sends(POST + b"1234567890"), says(OK), "----"),
    "upload in chunks": ("fe", sends(CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"), says(OK), "----"),
    "early answer": ("fe", sends(POST + b"123"), early, "----"),
    "server resets an upload": ("fe", sends(POST + b"123"), resets_after(b"", True), "SD--"),
    # tunnels
    "tunnel, server closes": ("fe", sends(UPGRADE), switches(lambda c: None), "----"),
    "tunnel, client closes": ("fe", sends_and_half_closes(UPGRADE), switches(silent), "----"),
    "tunnel, silence": ("fe", sends(UPGRADE_TUNNEL), switches(silent), "cD--"),
    "tunnel, server resets": ("fe", sends(UPGRADE), switches(lambda c: (c.pause(0.1), c.reset())[0]), "SD--"),
    "tunnel, client resets": ("fe", leaves_after(UPGRADE, 30), switches(silent), "CD--"),
}

#: What pylb does otherwise than HAProxy 2.6, and why.
DIFFERENT: dict[str, dict[str, str]] = {
    # 2.6 sees a client leave only with abortonclose in the frontend's section; newer versions and pylb in the backend's
    "left during the connect": {"state": "CC--", "status": "-1"},
    "client resets, no answer yet": {"state": "CH--", "status": "400"},
    "client leaves, abortonclose": {"state": "CH--", "status": "400"},
    # 2.6 waits for the server although it is the client that is late (`timeout client` in the manual)
    "upload stalls": {"state": "cD--", "status": "408"},
    "upload stalls, both timeouts": {"state": "cD--", "status": "408"},
    # 2.6 holds the client's connection for `timeout client` although the server has closed and nobody takes the rest
    "early answer": {"state": "----", "status": "413"},
    # 2.6 says nothing and logs -1; newer versions answer 400
    "body waited for, half-close": {"state": "CR--", "status": "400", "backend": "be_plain", "server": "<NOSRV>"},
    "body waited for, close": {"state": "CR--", "status": "400", "backend": "be_plain", "server": "<NOSRV>"},
    "body waited for, reset": {"state": "CR--", "status": "400", "backend": "be_plain", "server": "<NOSRV>"},
    # 2.6 closes without a word; the client deserves its 502
    "server resets an upload": {"state": "SH--", "status": "502"},
}


def seen_of(site: Site, client: RawClient, split: Callable[[str], dict[str, str]], lines: int = 1) -> dict[str, Any]:
    """Log line and answer, without ports and times."""
    fields = split(log_lines(site, client.source_port, lines)[-1])
    for timer in ("TR", "Tw", "Tc", "Tr", "Ta", "Tt"):
        if timer in fields:
            fields[timer] = "-1" if fields[timer] == "-1" else "+"
    if int(fields["bytes"].lstrip("+")) > 50_000:
        fields["bytes"] = "much"  # as far as it came
    for name in ("client", "client_port", "date", "actconn", "feconn", "beconn", "srv_conn"):
        fields.pop(name, None)
    return fields


def play(front: str, act: Client, logged: bool, split: Callable[[str], dict[str, str]]) -> Callable[[Site], Any]:
    def scenario(site: Site) -> Any:
        with RawClient(site.port(front)) as client:
            act(client, site)
            if client.sock.fileno() >= 0 and client.sock.gettimeout():
                answered = client.read_all()
            else:
                answered = b""
            if len(answered) > 1000:
                answered = b"much"
            result = {"answer": answered, "ended": client.ended}
            if logged:
                return {**result, **seen_of(site, client, split)}
            port = client.source_port
        with RawClient(site.port("fe")) as later:  # its line comes behind one that must not be there
            later.send(PLAIN).read_all()
            log_lines(site, later.source_port)
        return {**result, "lines": [line for line in site.syslog.lines[site.syslog.since :] if f":{port} [" in line]}

    return scenario


@pytest.mark.parametrize("name", HTTP)
def test_an_http_stream_ends_as_in_haproxy(pair: Pair, name: str) -> None:
    front, act, script, state = HTTP[name]
    seen = pair.run(play(front, act, bool(state), split_httplog), script)
    if name in DIFFERENT:
        assert DIFFERENT[name].items() <= seen["pylb"].items()
        assert not DIFFERENT[name].items() <= seen["haproxy"].items(), "no difference any more"
        return
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
    if state:
        assert seen["pylb"]["state"] == state


def banner(conversation: Conversation) -> None:
    """The server speaks first."""
    conversation.send(b"220 hello\r\n")
    silent(conversation)


def replies(then: Callable[[Conversation], object] = lambda c: None, data: bytes = b"answer") -> Script:
    def script(conversation: Conversation) -> None:
        conversation.receive()
        conversation.send(data)
        conversation.pause(0.05)
        then(conversation)

    return script


def collects(conversation: Conversation) -> None:
    """Answers when the client has closed its side."""
    while conversation.receive():
        pass
    conversation.send(b"got %d" % len(conversation.received))


def half_closes(conversation: Conversation) -> None:
    """Closes its side first, and takes what the client still says."""
    conversation.send(b"bye")
    conversation.half_close()
    silent(conversation)


def only_connects(client: RawClient, site: Site) -> None:
    site.servers["s1"].wait_conversations(1)
    client.half_close()


TCP: dict[str, tuple[str, Client, Script | None, str]] = {
    "server closes": ("tcp", leaves_after(b"hi", 6, "half_close"), replies(), "--"),
    "client closes": ("tcp", sends_and_half_closes(b"hello"), collects, "--"),
    "server closes its side first": ("tcp", leaves_after(b"", 3, "half_close"), half_closes, "--"),
    "client only connects": ("tcp", only_connects, collects, "--"),
    "server resets": ("tcp", sends(b"hi"), replies(Conversation.reset), "SD"),
    "server resets at once": ("tcp", sends(b"hi"), lambda c: (c.receive(), c.reset())[0] and None, "SD"),
    "client resets": ("tcp", leaves_when_served(b"hi"), silent, "CD"),
    "refused": ("tcp_gone", sends(b"hi"), None, "SC"),
    "connect timeout": ("tcp_full", sends(b"hi"), None, "sC"),
    "no server": ("tcp_none", sends(b""), None, "SC"),
    "client timeout": ("tcp_quick_client", sends(b"hi"), silent, "cD"),
    "server timeout": ("tcp_quick_server", sends(b"hi"), silent, "sD"),
    "silence behind a banner": ("tcp_quick_client", sends(b""), banner, "cD"),
    "server closes, client stays": ("tcp_fin", sends(b"hi"), half_closes, "cD"),
    "client closes, server stays": ("tcp_fin", sends_and_half_closes(b"hi"), silent, "--"),
    "rejected by its data": ("tcp_reject", sends(b"too long"), silent, "PR"),
    "accepted by its data": ("tcp_reject", sends_and_half_closes(b"ok"), collects, "--"),
    "rejected for silence": ("tcp_wait", sends(b""), silent, "PR"),
    "left while inspected": ("tcp_wait", sends_and_half_closes(b""), silent, "PR"),
    "reset while inspected": ("tcp_wait", leaves_after(b"", 0), silent, "PR"),
    "inspected in time": ("tcp_wait", sends_and_half_closes(b"x"), collects, "--"),
    "response rejected": ("tcp_response", sends(b"hi"), replies(data=b"bad news"), "PD"),
    "response accepted": ("tcp_response", leaves_after(b"hi", 9, "half_close"), replies(data=b"good news"), "--"),
}


@pytest.mark.parametrize("name", TCP)
def test_a_tcp_stream_ends_as_in_haproxy(pair: Pair, name: str) -> None:
    front, act, script, state = TCP[name]
    seen = pair.run(play(front, act, True, split_tcplog), script)
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
    assert seen["pylb"]["state"] == state


QUEUED = {
    # front, request of both clients, how the second one leaves, its state
    "queue timeout": ("fe", http("GET", "/be_one/x", "host: h", "connection: close"), "", "sQ--"),
    "left the queue, abortonclose": ("fe", http("GET", "/be_one_abort/x", "host: h"), "reset", "CQ--"),
    "queue of one is full": ("fe", http("GET", "/be_maxqueue/x", "host: h", "connection: close"), "third", "sQ--"),
    "tcp queue timeout": ("tcp_one", b"hi", "", "sQ"),
    "tcp, left the queue": ("tcp_one_long", b"hi", "reset", "CQ"),
}


@pytest.mark.parametrize("name", QUEUED)
def test_a_stream_in_a_queue_ends_as_in_haproxy(pair: Pair, name: str) -> None:
    front, request, how, state = QUEUED[name]
    split = split_httplog if front == "fe" else split_tcplog

    def scenario(site: Site) -> Any:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(RawClient(site.port(front))).send(request)
            site.servers["s1"].wait_conversations(1)
            wait_until(lambda: site.servers["s1"].conversations[0].received, 3, "the first request")
            if how == "third":
                stack.enter_context(RawClient(site.port(front))).send(request)
                time.sleep(0.1)  # nothing shows from outside that it is queued
            last = stack.enter_context(RawClient(site.port(front))).send(request)
            if how == "reset":
                time.sleep(0.1)
                last.reset()
                first.reset()
                answered = b""
            else:
                answered = last.read_all()
            return {"answer": answered, **seen_of(site, last, split)}

    seen = pair.run(scenario, silent)
    if how == "reset":  # 2.6 sees it later, when the time in the queue or the other stream is over
        assert seen["pylb"]["state"] == state
        return
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
    assert seen["pylb"]["state"] == state
