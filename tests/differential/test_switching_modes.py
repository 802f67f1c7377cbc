"""TCP connections that turn out to speak HTTP, and rules on connections and bytes, beside the real HAProxy.

Each case is a frontend of its own; compared are the client's bytes, how the connection ends, and the log line.
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, log_lines, paired
from tests.harness import RawClient, Site, free_port, requires
from tests.harness.origin import Conversation, response

pytestmark = requires("haproxy")

LAST = "connection: close"
GET = http("GET", "/x", "host: h", LAST)
TWO = http("GET", "/one", "host: h") + http("GET", "/two", "host: h", LAST)
GARBAGE = b"\x16\x03\x01garbage\r\n\r\n"
DENIED = http("GET", "/denied", "host: h", LAST)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SENDS: dict[str, bytes] = {
    "get": GET,
    "two": TWO,
    "post": http("POST", "/p", "host: h", "content-length: 3", LAST, body=b"abc"),
    "denied": DENIED,
    "garbage": GARBAGE,
    "nothing": b"",
    "part": b"GET /x HT",
}

# name: lines of a frontend in TCP mode
FRONTS: dict[str, str] = {
    "default": "default_backend web",
    "rule": "use_backend web if TRUE\ndefault_backend raw",
    "http": "tcp-request inspect-delay 300ms\ntcp-request content switch-mode http if HTTP\ndefault_backend web",
    "always": "tcp-request content switch-mode http\ndefault_backend web",
    "proto": "tcp-request content switch-mode http proto h1\ndefault_backend web",
    "rules": "tcp-request inspect-delay 300ms\ntcp-request content set-var(txn.a) str(kept)\n"
    "tcp-request content switch-mode http if HTTP\nhttp-request deny if { path /denied }\n"
    "http-request return status 200 content-type text/plain lf-string %[var(txn.a)] if { path /x }\n"
    "http-response set-header X y\ndefault_backend web",
    "waits": "tcp-request inspect-delay 300ms\ntcp-request content accept if { req.len gt 3 }\n"
    "use_backend web if HTTP\ndefault_backend raw",
    "reject": "tcp-request inspect-delay 300ms\ntcp-request content reject if HTTP\ndefault_backend raw",
    "accept-first": "tcp-request content accept\ntcp-request content switch-mode http\ndefault_backend raw",
    "backend-rules": "default_backend judged",
    "down": "default_backend gone",
    "to-raw": "tcp-request inspect-delay 300ms\ntcp-request content switch-mode http if HTTP\ndefault_backend raw",
    "bound": "bind 127.0.0.1:$(boundnone) proto none\ntcp-request inspect-delay 300ms\n"
    "tcp-request content switch-mode http if HTTP\ndefault_backend web",
    "implied": "bind 127.0.0.1:$(impliednone) proto none\ndefault_backend web",
    "one": "bind 127.0.0.1:$(oneh1)\ntcp-request inspect-delay 300ms\n"
    "tcp-request content switch-mode http proto h1 if HTTP\ntcp-request content reject\ndefault_backend web",
    "session": "tcp-request session reject\ndefault_backend raw",
    "session-accept": "tcp-request session accept\ntcp-request session reject\ndefault_backend raw",
    "response-accept": "default_backend accepts",
}
# name: lines of a frontend in HTTP mode
WEB: dict[str, str] = {
    "w-content": "tcp-request content reject if { path /denied }\ndefault_backend web",
    "w-delay": "tcp-request inspect-delay 200ms\n"
    "tcp-request content reject if { req.len gt 10000 }\ndefault_backend web",
    "w-accept": "tcp-request content accept\ntcp-request content reject\ndefault_backend web",
    "w-reject": "tcp-request content reject\ndefault_backend web",
    "w-back": "default_backend judged",
    "w-response-reject": "default_backend rejects",
    "w-response-accept": "default_backend accepts",
    "w-session": "tcp-request session reject\ndefault_backend web",
    "w-h1": "bind 127.0.0.1:$(webh1) proto h1\ndefault_backend web",
    "w-switch": "tcp-request content switch-mode http\nhttp-request deny if { path /denied }\ndefault_backend web",
    "w-drop-response": "http-response deny if { res.hdr(x) -m found }\ndefault_backend web",
}

HEAD = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    log global
    option httplog
    timeout connect 2s
    timeout client 300ms
    timeout server 2s
"""
BACK = """
backend raw
    mode tcp
    server s1 127.0.0.1:$(s1)
backend web
    mode http
    http-request set-header Seen yes
    server s1 127.0.0.1:$(s1)
backend gone
    mode http
    retries 0
    server s1 127.0.0.1:$(gone)
backend judged
    mode http
    tcp-request inspect-delay 300ms
    tcp-request content reject if { path /denied }
    server s1 127.0.0.1:$(s1)
backend closes
    mode MODE
    tcp-response inspect-delay 200ms
    tcp-response content close
    server s1 127.0.0.1:$(s1)
backend rejects
    mode MODE
    tcp-response content reject
    server s1 127.0.0.1:$(s1)
backend accepts
    mode MODE
    tcp-response content accept
    tcp-response content reject
    server s1 127.0.0.1:$(s1)
backend rejects-if
    mode http
    tcp-response content reject if { status 200 }
    server s1 127.0.0.1:$(s1)
"""


def configuration(mode: str, fronts: dict[str, str]) -> str:
    text = HEAD
    for name, lines in fronts.items():
        port = name.replace("-", "")
        body = "".join(f"    {line}\n" for line in lines.splitlines())
        log = "option tcplog" if mode == "tcp" else "option httplog"
        text += f"frontend {port}\n    mode {mode}\n    {log}\n    bind 127.0.0.1:$({port})\n{body}"
    return text + BACK.replace("MODE", mode)


GONE = {"gone": free_port()}
tcp = paired(configuration("tcp", FRONTS), values=GONE)
web = paired(configuration("http", WEB), values=GONE)

OK = response(b"hello")
SILENT = ("session", "wsession")
UPGRADED = ("default", "rule", "http", "always", "proto", "rules", "backend-rules", "down")
BOUND = ("bound", "implied", "one", "to-raw")  # which have tests of their own
INSPECTED = ("http", "rules")  # 2.6 forgets who has not said enough when the delay is over, without answer and log
_COUNTS = re.compile(r"(?<= )\d+/\d+/\d+/\d+/\d+ \d+/\d+")


def origin(conversation: Conversation) -> None:
    while conversation.read_request():
        conversation.send(OK)


def greeting(conversation: Conversation) -> None:
    """For bytes that are no requests."""
    while conversation.receive():
        conversation.send(b"some bytes\n")
        return


def talk(site: Site, port: str, data: bytes, *, end: bool = False) -> dict[str, Any]:
    with RawClient(site.port(port)) as client:
        number = client.source_port
        if data:
            client.send(data)
        if end or not data:
            time.sleep(0.05)  # HAProxy gives up who ends without a word while the server is connected to
            client.half_close()
        got = client.read_all()
    lines = [] if port in SILENT else log_lines(site, number, max(1, len(re.findall(rb"HTTP/1.1 \d\d\d", got))))
    return {"client": got, "log": [told(line) for line in lines]}


def told(line: str) -> str:
    """A log line without its date and without its times, but for those that are -1."""
    _, _, rest = line.partition("] ")
    words = rest.split(" ")
    words[2] = "/".join("-1" if part == "-1" else "+" for part in words[2].split("/"))
    return _COUNTS.sub("", " ".join(words))  # streams of cases before may still end


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        (name, sent)
        for name in FRONTS
        for sent in SENDS
        if sent != "part"  # 2.6 answers 408 and logs, or does neither: it depends on when the bytes came
        and (name not in INSPECTED or sent != "nothing")
        and (name in UPGRADED or sent in ("get", "garbage", "nothing"))
        and name not in BOUND
    ],
)
def test_a_connection_becomes_http(tcp: Pair, name: str, sent: str) -> None:
    script = origin if SENDS[sent].startswith((b"GET /x HTTP", b"GET /one", b"POST", b"GET /denied")) else greeting
    tcp.same(lambda site: talk(site, name.replace("-", ""), SENDS[sent]), script)


@pytest.mark.parametrize("name", [name for name in UPGRADED if name not in INSPECTED])
def test_an_upgraded_connection_breaks_off_in_a_head(tcp: Pair, name: str) -> None:
    seen = tcp.same(lambda site: talk(site, name.replace("-", ""), SENDS["part"], end=True), greeting)
    assert seen["log"][0].endswith(" PR ")


@pytest.mark.parametrize("sent", ["get", "garbage", "preface"])
@pytest.mark.parametrize("port", ["boundnone", "impliednone"])
def test_a_bind_line_can_forbid_the_upgrade(tcp: Pair, port: str, sent: str) -> None:
    assert tcp.same(lambda site: talk(site, port, SENDS.get(sent, PREFACE)), greeting)["client"] == b""


@pytest.mark.parametrize(("port", "fixture"), [("oneh1", "tcp"), ("proto", "tcp"), ("webh1", "web")])
def test_the_preface_of_http2_is_no_request_where_http1_is_demanded(
    request: pytest.FixtureRequest, port: str, fixture: str
) -> None:
    pair = request.getfixturevalue(fixture)
    assert pair.same(lambda site: talk(site, port, PREFACE), greeting)["client"].startswith(b"HTTP/1.1 400 ")


def test_requests_have_no_way_to_a_backend_of_bytes(tcp: Pair) -> None:
    """An internal error in both; HAProxy says nothing to the client."""
    seen = tcp.run(lambda site: talk(site, "toraw", GET), greeting)
    assert seen["haproxy"] == {"client": b"", "log": ["toraw raw/<NOSRV> -1/-1/+ 0 IR "]}
    assert seen["pylb"]["client"].startswith(b"HTTP/1.1 503 ")
    assert seen["pylb"]["log"] == ["toraw raw/<NOSRV> -1/-1/+ 217 IR "]


@pytest.mark.parametrize("name", WEB)
@pytest.mark.parametrize("sent", SENDS)
def test_rules_on_bytes_see_requests(web: Pair, name: str, sent: str) -> None:
    web.same(lambda site: talk(site, name.replace("-", ""), SENDS[sent]), origin)
