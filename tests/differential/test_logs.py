"""Log lines of the real HAProxy beside ours, field by field.

HAProxy logs each request with a format that first prints plain facts (ports, timers, counts) and then, behind `@@`, the
format under test. From the facts a finished Stream is made, and ours must print the same bytes behind the `@@`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pylb import counters, standard
from pylb.clock import clock
from pylb.config import reader
from pylb.http.message import Request
from pylb.log import formats
from pylb.records.proxy import Backend, Frontend
from pylb.records.session import Session
from pylb.records.stream import Stream
from pylb.sample import logformat
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from tests.harness.client import RawClient
from tests.harness.differential import run_site
from tests.harness.origin import response
from tests.harness.peers import requires
from tests.harness.syslog import message, split_httplog, split_tcplog

pytestmark = requires("haproxy")

FACTS = [
    "ci",
    "cp",
    "fi",
    "fp",
    "bi",
    "bp",
    "si",
    "sp",
    "Ts",
    "ms",
    "Th",
    "Ti",
    "TR",
    "Tw",
    "Tc",
    "Tr",
    "Ta",
    "ST",
    "B",
    "U",
    "pid",
    "rt",
    "lc",
    "ac",
    "fc",
    "bc",
    "sc",
    "rc",
    "sq",
    "bq",
    "ts",
    "tsc",
    "b",
    "s",
]
REFERENCE = " ".join(f"%{name}" for name in FACTS)

NUMBERS = (
    "%B %bi %bp %Ta %Tc %Td %Th %Ti %Tq %TR %Tr %Tt %Tu %Tw %U %ac %bc %bq %cp %fc %fp %lc %ms %pid %rc %rt %sc %sp "
    "%sq %ST %Ts"
)
TEXTS = "%CC %CS %H %HM %HP %HPO %HQ| %HU %HV %ID %b %ci %f %fi %ft %hr %hrl| %hs %hsl| %r %s %si %sslc %sslv %ts %tsc"
DATES = "%t %T %Tl %tr %trg %trl"


def flagged(text: str, flags: str) -> str:
    return text.replace("%", "%{" + flags + "}")


FORMATS = [
    *(formats.TEXTS[name].replace("/%[ssl_fc_is_resumed]", "") for name in formats.TEXTS),
    *(
        one
        for text in (NUMBERS, TEXTS, DATES)
        for one in (text, *(flagged(text, f) for f in ("+Q", "+X", "+E", "+Q,+X", "+Q,+E")))
    ),
    "%{+Q}o %r %{-Q}s %ST %ci text  with   spaces %b %%",
    "%{+X}o %Ts %rt %pid %cp %ci",
]

REQUESTS = {
    "plain": b"GET /a/b?x=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "captures": b'GET /a?y="2" HTTP/1.1\r\nHost: h"o#s{t}|x\r\nUser-Agent: my "ua" \\ ]x\r\nX-E: \r\n'
    b"Cookie: ck=abc; o=1\r\n\r\n",
    "old": b"GET /old HTTP/1.0\r\n\r\n",
    "absolute": b"GET http://h/p?q HTTP/1.1\r\nHost: h\r\n\r\n",
    "post": b"POST /post HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    "denied": b"GET /deny HTTP/1.1\r\nHost: h\r\n\r\n",
    "redirected": b"GET /redirect HTTP/1.1\r\nHost: h\r\n\r\n",
    "nowhere": b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n",
    "bad": b"GARBAGE\r\n\r\n",
    "long": b"GET /" + b"l" * 1200 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
}

CONFIG = """
global
 nbthread 1
defaults
 mode http
 timeout client 3s
 timeout server 3s
 timeout connect 3s
frontend fe
 bind 127.0.0.1:$(fe)
 log 127.0.0.1:$(syslog) len 65535 format raw local0
 option http-server-close
 capture request header Host len 30
 capture request header Nope len 30
 capture request header User-Agent len 30
 capture request header X-E len 30
 capture response header Server len 30
 capture response header X-R len 30
 capture cookie ck len 20
 unique-id-format id-%ci
 log-format "{format}"
 http-request deny if {{ path /deny }}
 http-request redirect location /x if {{ path /redirect }}
 use_backend empty if {{ path /nowhere }}
 default_backend be
backend empty
backend be
 server s1 127.0.0.1:$(s1)
"""

ANSWER = response(b"hello", fields=(("Server", 'te"s|t'), ("X-R", ""), ("Set-Cookie", "sc=zzz; path=/")))


def serve(conversation: Any) -> None:
    while True:
        conversation.read_request()
        conversation.send(ANSWER)


@pytest.fixture(scope="module", autouse=True)
def _words() -> Iterator[None]:
    standard.load()
    yield
    clock.resync()


def rebuilt(facts: dict[str, str], name: str) -> Stream:
    """A finished Stream with these facts, on a clock that stands at its end."""
    frontend = Frontend("fe", 2, None)
    frontend.http = True
    frontend.capture_slots = (4, 2)
    frontend.unique_id = lambda stream: b"id-127.0.0.1"
    frontend.log = SimpleNamespace(count=int(facts["lc"]), asap=False, early=False, marks=False)
    counters.process.conn_cur = int(facts["ac"])
    frontend.counters.conn_cur = int(facts["fc"])
    wall = int(facts["Ts"]) + int(facts["ms"]) / 1000 + 0.0004
    session = Session(frontend, SimpleNamespace(id=1), None, (facts["ci"], int(facts["cp"])), 1000.0, wall)
    session.local = (facts["fi"], int(facts["fp"]))
    session.streams = 1
    idle, handshake = int(facts["Ti"]) / 1000, int(facts["Th"]) / 1000
    assert handshake == 0
    stream = Stream(session, 1000.0 + idle, wall + idle)
    stream.idle_time = idle + 0.0001 if idle else 0.0
    at = stream.start
    for timer, attribute in (
        ("TR", "request_end"), ("Tw", "connect_start"), ("Tc", "server_connected"), ("Tr", "response_end"),
    ):  # fmt: skip
        if facts[timer] != "-1":
            at += int(facts[timer]) / 1000
            setattr(stream, attribute, at + 0.0002)
    clock.now = stream.start + int(facts["Ta"]) / 1000 + 0.0004
    if name != "bad":
        raw = REQUESTS[name]
        stream.request = Request(raw.split(b" ")[0], raw.split(b" ")[1], 11, [])
        stream.request.line = raw.partition(b"\r\n")[0]
        fields = dict(line.split(b": ", 1) for line in raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
        stream.captures_request = [fields.get(one) for one in (b"Host", b"Nope", b"User-Agent", b"X-E")]
    if facts["b"] != "fe":
        stream.backend = Backend(facts["b"], 3, None)
        stream.backend.counters.conn_cur = int(facts["bc"])
    if facts["s"] != "<NOSRV>":
        address = (facts["si"], int(facts["sp"]))
        stream.server = SimpleNamespace(label=facts["s"].encode(), served=int(facts["sc"]), sockaddr=address)
        stream.source = (facts["bi"], int(facts["bp"]))
        stream.captures_response = [b'te"s|t', b""]
    if name == "captures":
        stream.cookie_captured = (b"ck=abc", None)
    stream.status, stream.bytes_out, stream.bytes_in = int(facts["ST"]), int(facts["B"]), int(facts["U"])
    stream.number, stream.retries = int(facts["rt"]), int(facts["rc"])
    stream.queue_server, stream.queue_backend = int(facts["sq"]), int(facts["bq"])
    state = facts["tsc"].encode()
    stream.end_state, stream.end_cause = state[:1], state[1:2]
    stream.cookie_request, stream.cookie_response = state[2:3], state[3:4]
    return stream


def ours(text: str) -> Any:
    config = reader.parse_text("defaults\n mode http\nfrontend fe\n")
    parsed = logformat.parse("x @@ " + text, Site(config, config.proxies[0], "log-format", Point.LOG))
    return parsed.compile(SimpleNamespace(config=config))


@pytest.mark.parametrize("text", FORMATS)
def test_lines_equal_haproxys(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    render = ours(text)
    escaped = (REFERENCE + " @@ " + text).replace('"', '\\"')
    with run_site("haproxy", CONFIG.format(format=escaped), {"s1": serve}) as site:
        for count, (name, request) in enumerate(REQUESTS.items(), 1):
            with RawClient(site.port("fe")) as client:
                client.send(request).read_reply()
            line = site.syslog.wait(count)[count - 1]
            head, _, expected = line.partition(" @@ ")
            facts = dict(zip(FACTS, head.split(" "), strict=True))
            monkeypatch.setattr(os, "getpid", lambda facts=facts: int(facts["pid"]))
            got = render(rebuilt(facts, name)).decode("utf-8", "replace").partition(" @@ ")[2]
            monkeypatch.undo()
            assert got == expected, name


# -- the running programs side by side ---------------------------------------------------------------------------------

LIVE = """
global
 nbthread 1
defaults
 mode http
 timeout client 3s
 timeout server 3s
 timeout connect 3s
 log 127.0.0.1:$(syslog) local0
frontend fe
 bind 127.0.0.1:$(fe)
 option httplog
 http-request deny if { path /deny }
 http-request redirect location /x if { path /redirect }
 use_backend empty if { path /nowhere }
 default_backend be
frontend plain
 bind 127.0.0.1:$(plain)
 default_backend be
frontend custom
 bind 127.0.0.1:$(custom)
 unique-id-format "%{+X}o %ci-%fi"
 unique-id-header X-Unique-ID
 log-format "%ft %b %s %ST %ts %HM %HP %HQ| %HV %ID %rc"
 default_backend be
frontend separate
 bind 127.0.0.1:$(separate)
 option httplog
 option log-separate-errors
 option dontlog-normal
 use_backend empty if { path /nowhere }
 default_backend be
frontend tcp
 mode tcp
 bind 127.0.0.1:$(tcp)
 option tcplog
 default_backend tbe
backend empty
backend tbe
 mode tcp
 server s1 127.0.0.1:$(s1)
backend be
 server s1 127.0.0.1:$(s1)
"""

VISITS = [
    ("fe", "plain"), ("fe", "old"), ("fe", "post"), ("fe", "denied"), ("fe", "redirected"), ("fe", "nowhere"),
    ("fe", "bad"),
    ("plain", "plain"), ("custom", "plain"), ("custom", "nowhere"), ("separate", "nowhere"), ("tcp", "plain"),
]  # fmt: skip


def live(site: Any) -> list[Any]:
    for count, (port, name) in enumerate(VISITS, 1):
        with RawClient(site.port(port)) as client:
            client.send(REQUESTS[name]).read_reply()
        site.syslog.wait(count)
    return [comparable(line) for line in site.syslog.lines]


def comparable(line: str) -> Any:
    """Fields by name where the line has them. What differs from run to run is left out: ports, dates, times,
    connections (the one before may still be closing); and byte counts of mode http: HAProxy counts parsed elements."""
    priority = line.partition(">")[0]
    if '"' in line:
        fields = split_httplog(line)
        timers = {name: fields[name] == "-1" for name in ("TR", "Tw", "Tc", "Tr", "Ta")}
        dropped = ("client_port", "date", "bytes", "actconn", "feconn", *timers)
    elif " tcp tbe/" in line:
        fields = split_tcplog(line)
        timers = {name: fields[name] == "-1" for name in ("Tw", "Tc", "Tt")}
        dropped = ("client_port", "date", "actconn", "feconn", *timers)
    else:
        return priority, re.sub(r":\d+", ":port", message(line))
    return priority, {name: value for name, value in fields.items() if name not in dropped}, timers


def test_running_programs_write_the_same_lines(differential: Any) -> None:
    differential(LIVE, live, origins={"s1": serve})
