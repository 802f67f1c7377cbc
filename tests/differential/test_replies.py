"""Answers made by the proxy, beside the real HAProxy: bytes at the client, what becomes of the connection, log lines.

Each case is a path; behind it the client asks for something ordinary on the same connection, so that what is kept open
and what is drained shows in the answers.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, log_lines, paired
from tests.harness import RawClient, Site, requires, wait_until
from tests.harness.origin import Conversation, Script, response
from tests.harness.syslog import split_httplog

pytestmark = requires("haproxy")

STATUSES = (200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 425, 429, 500, 501, 502, 503, 504)
OTHERS = (200, 201, 202, 204, 206, 301, 304, 402, 418, 451, 505, 599)

FILES = {
    "lf.http": "HTTP/1.0 403 Lines\nContent-Type: text/plain\nX-A: 1\n\nlines\n",
    "crlf.http": "HTTP/1.1 403 Own\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nX-A: 1\r\nx-a: 2\r\n\r\nown\n",
    "old.http": "HTTP/1.0 403 Old\r\nCache-Control: no-cache\r\nConnection: close\r\nX: y\r\n\r\nold",
    "noreason.http": "HTTP/1.1 403\r\nContent-Length: 2\r\n\r\nnr",
    "status.http": "HTTP/1.1 200 Changed\r\nContent-Length: 2\r\n\r\nok",
    "empty204.http": "HTTP/1.1 204 None\r\n\r\n",
    "headonly.http": "HTTP/1.1 403 Head\r\nX: y\r\n\r\n",
    "zero.http": "HTTP/1.1 403 Zero\r\nContent-Length: 0\r\n\r\n",
    "silent.http": "",
    "keepalive.http": "HTTP/1.1 403 K\r\nKeep-Alive: timeout=3\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nk",
    "upper.http": "HTTP/1.1 403 Up\r\nX-Upper: A  B \t\r\nContent-LENGTH: 1\r\nEmpty:\r\n\r\nu",
    "big.http": "HTTP/1.1 403 Big\r\nContent-Length: 15000\r\n\r\n" + "b" * 15000,
    "connclose.http": "HTTP/1.1 403 C\r\nConnection: close\r\nContent-Length: 1\r\n\r\nc",
    "moved.http": "HTTP/1.1 302 Moved\r\nLocation: /moved\r\nContent-Length: 0\r\n\r\n",
    "dup.http": "HTTP/1.1 403 Dup\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\ndd",
    "text": "text of a file\n",
    "lf-text": "path %[path] status\n",
    "nothing": "",
}

PAGES = [name for name in FILES if name.endswith(".http")]

CASES: dict[str, str] = {
    **{f"deny{status}": f"http-request deny deny_status {status}" for status in STATUSES},
    **{f"dstatus{status}": f"http-request deny status {status}" for status in (401, 503)},
    **{f"return{status}": f"http-request return status {status}" for status in (*STATUSES, *OTHERS)},
    **{f"default{status}": f"http-request return status {status} default-errorfiles" for status in STATUSES},
    **{
        f"text{status}": f"http-request return status {status} content-type text/plain string body"
        for status in OTHERS
        if status not in (204, 304)
    },
    **{f"file-{name[:-5]}": f"http-request deny errorfile $(dir)/{name}" for name in PAGES},
    **{f"rfile-{name[:-5]}": f"http-request return errorfile $(dir)/{name}" for name in PAGES},
    "rfile-status": "http-request return status 404 errorfile $(dir)/crlf.http",
    "section": "http-request return status 404 errorfiles mine",
    "section-deny": "http-request deny deny_status 404 errorfiles mine",
    "section-missing": "http-request deny deny_status 403 errorfiles mine",
    "section-500": "http-request deny deny_status 500 errorfiles mine",
    "file": "http-request return content-type text/plain file $(dir)/text",
    "file-empty": "http-request return file $(dir)/nothing",
    "lf-file": "http-request return content-type text/plain lf-file $(dir)/lf-text",
    "lf-string": 'http-request return content-type text/plain lf-string "%[method] %[path]"',
    "lf-string-empty": 'http-request return content-type text/plain lf-string "%[req.hdr(nope)]"',
    "headers": "http-request return status 200 content-type a/b string x hdr X-One 1 hdr X-Two %[path] hdr X-One 2",
    "headers-empty": "http-request return status 200 hdr X-One %[req.hdr(nope)] hdr X-Two 2",
    "headers-only": "http-request return status 204 hdr X-One 1",
    "headers-deny": "http-request deny hdr X-One 1",
    "headers-304": 'http-request return status 304 hdr ETag "abc"',
    "deny-text": "http-request deny content-type text/plain string no",
    "deny-lf": 'http-request deny deny_status 429 content-type text/plain lf-string "no %[path]" hdr Retry-After 3',
    "deny-default": "http-request deny deny_status 429 default-errorfiles",
    "tarpit": "http-request tarpit",
    "tarpit-429": "http-request tarpit deny_status 429",
    "tarpit-text": "http-request tarpit status 400 content-type text/plain string slow hdr X y",
    "tarpit-silent": "http-request tarpit errorfile $(dir)/silent.http",
    "auth": "http-request auth",
    "auth-realm": "http-request auth realm my\\ realm",
    "location": "http-request redirect location /l%[path]",
    "location-301": "http-request redirect location /l code 301",
    "location-303": "http-request redirect location /l code 303",
    "location-307": "http-request redirect location /l code 307",
    "location-308": "http-request redirect location /l code 308",
    "location-empty": "http-request redirect location %[req.hdr(nope)]",
    "location-ignore": "http-request redirect location %[req.hdr(nope)] ignore-empty",
    "location-drop": "http-request redirect location /l?x=1 drop-query",
    "location-slash": "http-request redirect location /l append-slash",
    "cookie": "http-request redirect location /l set-cookie A=1",
    "cookie-clear": "http-request redirect location /l clear-cookie A=",
    "cookie-both": "http-request redirect location /l clear-cookie A= set-cookie B=2 code 308",
    "prefix": "http-request redirect prefix /p",
    "prefix-slash": "http-request redirect prefix /",
    "prefix-drop": "http-request redirect prefix http://o/p drop-query",
    "prefix-append": "http-request redirect prefix /p append-slash",
    "prefix-both": "http-request redirect prefix /p drop-query append-slash",
    "scheme": "http-request redirect scheme https",
    "scheme-fmt": "http-request redirect scheme %[path,regsub(/.*,ftp)] code 301",
    "scheme-drop": "http-request redirect scheme https drop-query append-slash",
    "hint": "http-request early-hint Link '<%[path]>; rel=preload'",
    "hint-deny": "http-request early-hint Link %[path]\nhttp-request deny",
    "reject": "http-request reject",
    "wait": "http-request wait-for-body time 200ms",
    "wait-size": "http-request wait-for-body time 200ms at-least 3",
    "wait-redirect": "http-request wait-for-body time 200ms\nhttp-request redirect location /x",
    "wait-deny": "http-request wait-for-body time 200ms\nhttp-request deny",
}

RESPONSES: dict[str, str] = {
    "rs-deny": "http-response deny",
    "rs-hints": "http-request early-hint Link a\nhttp-request early-hint Link b\nhttp-request early-hint Other c",
    "rs-hints-apart": "http-request early-hint Link a\nhttp-request early-hint Link b if TRUE\n"
    "http-request set-header a b\nhttp-request early-hint Link c\nhttp-request early-hint Link d",
    "rs-deny-404": "http-response deny deny_status 404",
    "rs-deny-text": "http-response deny status 410 content-type text/plain string gone hdr A b",
    "rs-deny-file": "http-response deny errorfile $(dir)/crlf.http",
    "rs-deny-silent": "http-response deny errorfile $(dir)/silent.http",
    "rs-deny-section": "http-response deny deny_status 404 errorfiles mine",
    "rs-return": "http-response return",
    "rs-return-text": 'http-response return status 200 content-type text/plain lf-string "%[src]"',
    "rs-return-204": "http-response return status 204",
    "rs-return-304": "http-response return status 304 hdr E %[src]",
    "rs-return-503": "http-response return status 503 default-errorfiles",
    "rs-return-silent": "http-response return errorfile $(dir)/silent.http",
    "rs-location": "http-response redirect location /e%[status]",
    "rs-location-308": "http-response redirect location /e code 308 set-cookie A=1",
    "rs-ignore": "http-response redirect location %[res.hdr(nope)] ignore-empty",
    "rs-allow": "http-response allow\nhttp-response deny",
    "rs-wait": "http-response wait-for-body time 200ms\nhttp-response set-header Len %[res.body_len]",
    "rs-wait-size": "http-response wait-for-body time 200ms at-least 3\nhttp-response set-header Len %[res.body_len]",
    "rs-wait-deny": "http-response wait-for-body time 200ms\nhttp-response deny if { res.body -m sub llo }",
}

HEAD = """
global
    log 127.0.0.1:$(syslog) local0
    tune.bufsize 16384
defaults
    mode http
    log global
    option httplog
    http-reuse never
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    timeout tarpit 100ms
http-errors mine
    errorfile 404 $(dir)/lf.http
    errorfile 500 $(dir)/silent.http
"""

# -- which page a status shows, by proxy
PROXIES = """
defaults pages
    mode http
    log global
    option httplog
    timeout connect 2s
    timeout client 2s
    timeout server 2s
    errorfile 403 $(dir)/crlf.http
    errorloc 404 http://l/404
    errorloc303 429 /429
    http-error status 500 content-type text/plain lf-string "own %[path]"
    http-error status 503 errorfile $(dir)/silent.http
    http-error status 401 errorfiles mine
    errorfiles mine 404
"""
STATUS_RULES = "".join(
    f"    http-request deny deny_status {status} if {{ path_end /{status} }}\n" for status in STATUSES
)
PROXIES += f"""
frontend pages_plain
    bind 127.0.0.1:$(pages_plain)
{STATUS_RULES}    default_backend none
frontend pages_own from pages
    bind 127.0.0.1:$(pages_own)
    errorfile 410 $(dir)/upper.http
    errorloc302 403 /mine
    http-error status 400 default-errorfiles
    http-error status 405 file $(dir)/text content-type text/plain
    http-error status 408 file $(dir)/nothing
    http-error status 502 content-type text/plain lf-file $(dir)/lf-text
    http-error status 504 content-type text/plain string fe504
    use_backend %[path,field(2,/)] if {{ path_beg /be_ }}
{STATUS_RULES}    default_backend none
frontend pages_section
    bind 127.0.0.1:$(pages_section)
    errorfiles mine
    http-after-response set-header After %[status]
    http-after-response set-status 418 if {{ path /sec/429 }}
    http-after-response del-header content-type if {{ path /sec/410 }}
    http-after-response set-header Content-Length 3 if {{ path /sec/413 }}
    use_backend %[path,field(2,/)] if {{ path_beg /be_ }}
{STATUS_RULES}    default_backend none
backend none
backend be_plain
    http-request set-header x y
{STATUS_RULES}
backend be_own
    errorfile 403 $(dir)/old.http
    http-error status 504 content-type text/plain string be504
    errorloc 503 http://be/503
{STATUS_RULES}
backend be_pages from pages
{STATUS_RULES}
backend be_section
    errorfiles mine 404 500
{STATUS_RULES}
frontend monitor
    bind 127.0.0.1:$(monitor)
    monitor-uri /alive
    monitor fail if {{ nbsrv(none) gt 3 }}
    default_backend none
frontend monitor_fail
    bind 127.0.0.1:$(monitor_fail)
    monitor-uri /alive
    acl dead nbsrv(none) lt 1
    monitor fail if dead
    errorfile 503 $(dir)/crlf.http
    http-request deny if {{ path /alive }}
    http-after-response set-header After %[status]
    default_backend none
frontend monitor_own
    bind 127.0.0.1:$(monitor_own)
    monitor-uri /alive
    errorfile 200 $(dir)/status.http
    default_backend none
"""


def configuration() -> str:
    front: list[str] = []
    back: list[str] = []
    for name, rules in CASES.items():
        for rule in rules.splitlines():
            front.append(f"    {rule} if {{ path /{name} }}")
    for name, rules in RESPONSES.items():
        text = "\n".join(f"    {rule}" for rule in rules.splitlines())
        back.append(f"backend {name}\n{text}\n    server s1 127.0.0.1:$(s1)")
    shared = "\n".join(front)
    return (
        f"{HEAD}\nfrontend fe\n    bind 127.0.0.1:$(fe)\n{shared}\n    use_backend %[path,field(2,/)] if "
        "{ path_beg /rs- }\n    default_backend be\n"
        f"frontend other\n    bind 127.0.0.1:$(other)\n    use_backend rules if {{ path_beg / }}\n"
        "backend be\n    server s1 127.0.0.1:$(s1)\n"
        f"backend rules\n{shared}\n    server s1 127.0.0.1:$(s1)\n" + "\n".join(back) + PROXIES
    )


pair = paired(configuration(), files=FILES)

OK = response(b"hello", fields=(("x", "of the server"),))


def origin(conversation: Conversation) -> None:
    while conversation.read_request():
        conversation.send(OK)


LAST = "connection: close"
UNLIKE = ("date", "client", "client_port", "pid", "actconn", "feconn")  # connections before it may still be closing
FINAL = re.compile(rb"HTTP/1\.[01] [2-5]\d\d")


def talk(site: Site, port: str, data: bytes) -> dict[str, Any]:
    with RawClient(site.port(port)) as client:
        number = client.source_port
        client.send(data if LAST.encode() in data else data + http("GET", "/after", "host: h", LAST))
        got = client.read_all()
    lines = log_lines(site, number, max(1, len(FINAL.findall(got))))
    return {"client": got, "log": [told(line) for line in lines]}


def told(line: str) -> dict[str, Any]:
    """What of a log line is no matter of time."""
    parts = dict(split_httplog(line))
    for name in ("Tq", "Tw", "Tc", "Tr", "Tt", "TR", "Ta"):
        if name in parts:
            parts[name] = "-1" if str(parts[name]) == "-1" else "+"
    return {name: value for name, value in parts.items() if name not in UNLIKE}


@pytest.mark.parametrize("port", ["fe", "other"])
@pytest.mark.parametrize("name", CASES)
def test_a_rule_answers(pair: Pair, name: str, port: str) -> None:
    pair.same(lambda site: talk(site, port, http("GET", f"/{name}?q=1", "host: h")), origin)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_answers_head(pair: Pair, name: str) -> None:
    pair.same(lambda site: talk(site, "fe", http("HEAD", f"/{name}?q=1", "host: h")), origin)


@pytest.mark.parametrize("name", CASES)
def test_a_rule_answers_requests_with_a_body(pair: Pair, name: str) -> None:
    data = http("POST", f"/{name}?q=1", "host: h", "content-length: 5", body=b"12345")
    pair.same(lambda site: talk(site, "fe", data), origin)


@pytest.mark.parametrize("name", [name for name in CASES if "wait" not in name])
def test_a_rule_answers_old_clients(pair: Pair, name: str) -> None:
    data = http("GET", f"/{name}?q=1", "connection: keep-alive", version="1.0")
    pair.same(lambda site: talk(site, "fe", data), origin)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("name", RESPONSES)
def test_a_rule_replaces_a_response(pair: Pair, name: str, method: str) -> None:
    body = b"12345" if method == "POST" else b""
    fields = ("host: h", *(["content-length: 5"] if body else []))

    def serve(conversation: Conversation) -> None:
        while request := conversation.read_request():
            conversation.send(OK[: OK.index(b"\r\n\r\n") + 4] if request.startswith(b"HEAD") else OK)

    pair.same(lambda site: talk(site, "fe", http(method, f"/{name}/x?q=1", *fields, body=body)), serve)


def sends(*pieces: bytes, close: bool = False) -> Script:
    """Answers each request with the pieces, one packet and 30 ms each; an empty piece is a pause of 300 ms."""

    def script(conversation: Conversation) -> None:
        while conversation.read_request():
            for piece in pieces:
                if piece:
                    conversation.send(piece)
                    conversation.pause(0.03)
                else:
                    conversation.pause(0.3)
            if close:
                return

    return script


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n"
OPEN = b"HTTP/1.1 200 OK\r\n\r\n"
BODIES: dict[str, Script] = {
    "length": sends(LENGTH, b"01234", b"56789"),
    "slow": sends(LENGTH, b"01", b"", b"23456789"),
    "late": sends(LENGTH, b"", b"0123456789"),
    "chunks": sends(CHUNKED, b"5\r\nhello\r\n", b"4\r\n you\r\n0\r\n\r\n"),
    "trailers": sends(CHUNKED, b"5\r\nhello\r\n0\r\nX-T: y\r\n\r\n"),
    "slow chunks": sends(CHUNKED, b"2\r\nhe\r\n", b"", b"3\r\nllo\r\n0\r\n\r\n"),
    "broken chunks": sends(CHUNKED, b"2\r\nhe\r\nxyz\r\n", close=True),
    "until close": sends(OPEN, b"hello", close=True),
    "cut": sends(LENGTH, b"hello", close=True),
    "cut chunks": sends(CHUNKED, b"5\r\nhello\r\n", close=True),
    "large": sends(b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n" + b"x" * 60000),
    "none": sends(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("name", ["rs-wait", "rs-wait-size", "rs-wait-deny"])
def test_a_rule_waits_for_the_body_of_a_response(pair: Pair, name: str, body: str) -> None:
    def ask(site: Site) -> dict[str, Any]:
        seen = talk(site, "fe", http("GET", f"/{name}/x", "host: h", LAST))
        if body == "large":  # how much of it has come in a buffer's time is no matter of rules
            seen["client"] = re.sub(rb"len: \d+", b"len: +", seen["client"])
        return seen

    pair.same(ask, BODIES[body])


PLACES = {
    "pages_plain": ("/p", "/be_own", "/be_pages"),
    "pages_own": ("/p", "/be_plain", "/be_own", "/be_pages", "/be_section"),
    "pages_section": ("/sec", "/be_plain", "/be_own", "/be_pages", "/be_section"),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("port", PLACES)
def test_a_status_shows_its_proxys_page(pair: Pair, port: str, status: int) -> None:
    def ask(site: Site) -> list[Any]:
        return [talk(site, port, http("GET", f"{place}/{status}", "host: h", LAST)) for place in PLACES[port]]

    pair.same(ask, origin)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", ["/alive", "/alive?x", "/alive/x", "http://h/alive"])
@pytest.mark.parametrize("port", ["monitor", "monitor_fail", "monitor_own"])
def test_a_monitor_uri_is_answered(pair: Pair, port: str, path: str, method: str) -> None:
    """A request for it is logged only where the frontend's lines are those of every request."""
    fields = ("content-length: 2",) if method == "POST" else ()
    data = http(method, path, "host: h", *fields, body=b"ab" if fields else b"")
    silent = (port, path) == ("monitor_fail", "/alive?x")  # both lose the answer to /after, and log that with 0 bytes
    pair.same(lambda site: talk_unlogged(site, port, data, silent))


def talk_unlogged(site: Site, port: str, data: bytes, silent: bool) -> dict[str, Any]:
    with RawClient(site.port(port)) as client:
        number = client.source_port
        client.send(data + http("GET", "/after", "host: h", "connection: close"))
        got = client.read_all()
    if silent or len(FINAL.findall(got)) == 2:
        wait_until(lambda: any("/after " in line for line in log_lines(site, number)), what="the line of /after")
    return {"client": got, "log": [told(line) for line in log_lines(site, number)]}
