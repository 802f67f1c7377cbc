"""Persistence cookies: every mode beside HAProxy: what the server sees, what the client gets, what the log says."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, log_lines, paired
from tests.harness import Conversation, RawClient, Site, requires
from tests.harness.origin import Script

pytestmark = requires("haproxy")

BACKENDS = {
    "plain": "cookie SRV",
    "rewrite": "cookie SRV rewrite",
    "prefix": "cookie SRV prefix",
    "prefix_indirect": "cookie SRV prefix indirect",
    "insert": "cookie SRV insert",
    "indirect": "cookie SRV insert indirect",
    "nocache": "cookie SRV insert indirect nocache",
    "postonly": "cookie SRV insert indirect postonly",
    "preserve": "cookie SRV insert preserve",
    "preserve_indirect": "cookie SRV insert indirect preserve",
    "passive_indirect": "cookie SRV indirect preserve",
    "only_indirect": "cookie SRV indirect",
    "attributes": "cookie SRV insert httponly secure domain .a.b domain c.d attr SameSite=None attr x",
    "idle": "cookie SRV insert indirect maxidle 100",
    "life": "cookie SRV insert indirect maxlife 100",
    "both": "cookie SRV insert indirect maxidle 50 maxlife 100",
    "no_dates": "cookie SRV insert",
    "dynamic": "cookie SRV insert dynamic\n    dynamic-cookie-key abc",
    "ignored": "cookie SRV insert\n    ignore-persist if { hdr(x-ignore) 1 }",
    "chosen": "cookie SRV insert\n    use-server s2 if { hdr(x-use) s2 }",
    "rules": "cookie SRV insert\n    http-response set-header x-rule yes\n    http-response del-header set-cookie",
    "check": "option checkcache",
    "check_cookie": "option checkcache\n    cookie SRV insert indirect nocache",
    "check_late": "option checkcache\n    http-response set-header set-cookie a=b",
}

SERVERS = """
    server s1 127.0.0.1:$(s1) cookie one
    server s2 127.0.0.1:$(s2) cookie two
    server s3 127.0.0.1:$(s3) cookie down disabled
    server s4 127.0.0.1:$(s1) cookie shared disabled
    server s5 127.0.0.1:$(s2) cookie shared weight 0
    server s6 127.0.0.1:$(s2) weight 0
"""

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    balance first
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend fe
    bind 127.0.0.1:$(fe)
    capture cookie SRV len 30
    use_backend %[path,field(2,/)]
backend persist
    cookie SRV insert
    option persist
    retries 0
    server s1 127.0.0.1:$(s1) cookie one
    server s3 127.0.0.1:$(gone) cookie down disabled
backend redispatched
    cookie SRV insert
    retries 1
    option redispatch 1
    server s1 127.0.0.1:$(s1) cookie one
    server s3 127.0.0.1:$(gone) cookie gone weight 0
backend backup
    cookie SRV insert indirect
    server s3 127.0.0.1:$(gone) cookie one disabled
    server s1 127.0.0.1:$(s1) backup
backend forced
    cookie SRV insert
    retries 0
    force-persist if { hdr(x-force) 1 }
    server s1 127.0.0.1:$(s1) cookie one
    server s3 127.0.0.1:$(s2) cookie down disabled
""" + "".join(
    f"backend {name}\n    {lines}" + (re.sub("cookie (one|two)", "", SERVERS) if name == "dynamic" else SERVERS)
    for name, lines in BACKENDS.items()
)

pair = paired(CONFIG, origins=("s1", "s2", "s3"))


def date(offset: int) -> str:
    """A moment so many seconds from now as the cookie carries it: units of four seconds in five characters."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    number = (int(time.time()) + offset + 3) >> 2
    return "".join(alphabet[number >> shift & 63] for shift in (24, 18, 12, 6, 0))


MODES = [name for name in BACKENDS if name not in ("dynamic", "ignored", "chosen", "rules") and "check" not in name]
REQUESTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "known": ("cookie: SRV=two",),
    "known prefix": ("cookie: SRV=two~value",),
    "unknown": ("cookie: SRV=other",),
    "unknown prefix": ("cookie: SRV=other~v",),
    "down": ("cookie: SRV=down",),
    "shared": ("cookie: SRV=shared~v; x=1",),
    "empty": ("cookie: SRV=",),
    "empty prefix": ("cookie: SRV=~value",),
    "first": ("cookie: SRV=two; a=1",),
    "middle": ("cookie: a=1; SRV=two; b=2",),
    "last": ("cookie: a=1; SRV=two",),
    "tight": ("cookie: a=1;SRV=two;b=2",),
    "spaces": ("cookie: a=1 ;  SRV = two  ; b=2 ",),
    "several": ("cookie: SRV=other; SRV=two; SRV=one",),
    "two lines": ("cookie: a=1; SRV=two", "cookie: SRV=one; b=2"),
    "alone and others": ("cookie: SRV=two", "cookie: b=2"),
    "longer name": ("cookie: SRVX=two; XSRV=two",),
    "quoted": ('cookie: SRV="two"; a="x;y"',),
    "attribute": ("cookie: $Version=1; SRV=two; $Path=/",),
    "comma": ("cookie: a=1,SRV=two",),
    "dated": ("cookie: SRV=two|%(now)s",),
    "dated twice": ("cookie: SRV=two|%(now)s|%(now)s",),
    "idle too long": ("cookie: SRV=two|%(old)s",),
    "too old": ("cookie: SRV=two|%(now)s|%(old)s",),
    "a bit old": ("cookie: SRV=two|%(bit)s|%(bit)s",),
    "future": ("cookie: SRV=two|%(future)s|%(future)s",),
    "bad date": ("cookie: SRV=two|!!!!!|x",),
    "short date": ("cookie: SRV=two|abc",),
    "case": ("cookie: srv=two",),
}
RESPONSES: dict[str, tuple[str, ...]] = {
    "sets it": ("set-cookie: SRV=app; path=/",),
    "sets another": ("set-cookie: x=1", "set-cookie: SRVX=1"),
    "sets both": ("set-cookie: x=1; path=/", "set-cookie: SRV=app;httponly", "x-y: z"),
    "sets it empty": ("set-cookie: SRV=; expires=Thu, 01-Jan-1970 00:00:01 GMT",),
    "odd": ("Set-Cookie: SRV = app ; Path=/x",),
    "set-cookie2": ("set-cookie2: SRV=app; path=/",),
    "says cache": ("cache-control: max-age=10",),
}


def replies(fields: tuple[str, ...]) -> Script:
    lines = "".join(f"{field}\r\n" for field in fields)

    def script(conversation: Conversation) -> None:
        while True:
            conversation.read_request()
            conversation.send(f"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n{lines}\r\nok".encode())

    return script


def asked(pair: Pair, backend: str, fields: tuple[str, ...], set_fields: tuple[str, ...], method: str) -> Any:
    dates = {"now": date(-8), "bit": date(-30), "old": date(-400), "future": date(200_000)}
    lines = [field % dates for field in fields]

    def scenario(site: Site) -> Any:
        with RawClient(site.port("fe")) as client:
            length = ["content-length: 0"] if method == "POST" else []
            client.send(http(method, f"/{backend}/x", "host: h", *lines, *length, "connection: close"))
            answered = client.read_all()
            logged = log_lines(site, client.source_port)[-1].partition("] ")[2]
        return {
            "answer": re.sub(
                rb"\|[A-Za-z0-9+/]{5}", b"|<date>", re.sub(rb"SRV=[0-9a-f]{16}", b"SRV=<computed>", answered)
            ),
            "seen": {name: one.requests for name, one in site.servers.items()},
            "log": re.sub(r"( |\|)[-\w/+]{5}(?=[| ;])|\b\d+(?=/)|(?<=/)\+?\d+\b", r"\1*", logged),
        }

    return pair.run(scenario, replies(set_fields))


def ask(
    pair: Pair, backend: str, fields: tuple[str, ...], set_fields: tuple[str, ...] = (), method: str = "GET"
) -> None:
    seen = asked(pair, backend, fields, set_fields, method)
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("mode", MODES)
def test_requests_are_treated_as_by_haproxy(pair: Pair, mode: str, name: str) -> None:
    ask(pair, mode, REQUESTS[name])


@pytest.mark.parametrize("name", RESPONSES)
@pytest.mark.parametrize("mode", MODES)
def test_responses_are_treated_as_by_haproxy(pair: Pair, mode: str, name: str) -> None:
    ask(pair, mode, (), RESPONSES[name])
    ask(pair, mode, REQUESTS["known"], RESPONSES[name])
    ask(pair, mode, REQUESTS["known prefix"], RESPONSES[name], "POST")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "fields",
    [
        ("set-cookie: x=1",),
        ("set-cookie: x=1", "etag: y"),
        ("set-cookie: x=1", "cache-control: max-age=5"),
        ("set-cookie: x=1", "cache-control: max-age=0"),
        ("set-cookie: x=1", "cache-control: public"),
        ("set-cookie: x=1", "cache-control: PUBLIC"),
        ("set-cookie: x=1", "cache-control: private", "last-modified: x"),
        ("set-cookie: x=1", 'cache-control: max-age=5, no-cache="set-cookie"'),
        ("set-cookie: x=1", "cache-control: max-age=5", 'cache-control: no-cache="set-cookie2"'),
        ("set-cookie: x=1", "cache-control: no-cache, max-age=5"),
        ("set-cookie: x=1", "expires: x"),
        ("set-cookie: x=1", "pragma: no-cache", "etag: x"),
        ("set-cookie: x=1", "pragma: no-cache", "cache-control: max-age=5"),
        ("set-cookie: SRV=app", "etag: x"),
        ("set-cookie2: x=1", "etag: x"),
        ("etag: x",),
    ],
)
@pytest.mark.parametrize("backend", ["check", "check_cookie", "check_late"])
def test_cookies_that_caches_would_keep_are_haproxys(
    pair: Pair, backend: str, fields: tuple[str, ...], method: str
) -> None:
    for request in ((), REQUESTS["known"]):
        seen = asked(pair, backend, request, fields, method)
        if b"<h1>200 OK</h1>" in seen["haproxy"]["answer"]:  # 2.6 blocks with the page of the server's status
            assert seen["pylb"]["answer"].startswith(b"HTTP/1.1 502 ")
            assert " PH" in seen["pylb"]["log"]
        else:
            assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])


@pytest.mark.parametrize(
    ("backend", "fields"),
    [
        ("persist", ("cookie: SRV=down",)),
        ("persist", ("cookie: SRV=one",)),
        ("redispatched", ("cookie: SRV=gone",)),
        ("redispatched", ("cookie: SRV=one",)),
        ("redispatched", ()),
        ("backup", ()),
        ("backup", ("cookie: SRV=one",)),
        ("backup", ("cookie: SRV=",)),
        ("forced", ("cookie: SRV=down",)),
        ("forced", ("cookie: SRV=down", "x-force: 1")),
        ("forced", ("cookie: SRV=one", "x-force: 1")),
        ("ignored", ("cookie: SRV=two",)),
        ("ignored", ("cookie: SRV=two", "x-ignore: 1")),
        ("ignored", ("x-ignore: 1",)),
        ("chosen", ("x-use: s2",)),
        ("chosen", ("x-use: s2", "cookie: SRV=one")),
        ("chosen", ("cookie: SRV=one",)),
        ("dynamic", ()),
        ("dynamic", ("cookie: SRV=0123456789abcdef",)),
        ("rules", ()),
    ],
)
def test_choices_around_the_cookie_are_haproxys(pair: Pair, backend: str, fields: tuple[str, ...]) -> None:
    ask(pair, backend, fields, ("set-cookie: SRV=app",) if backend == "rules" else ())
