"""Old words beside today's: pylb with the words of HAProxy 1.x does to traffic what HAProxy does with today's.

Each case is a pair of rules, the old one for pylb and the one of today for HAProxy; what the origin receives and the
client gets must be equal (but for who closes after a tarpit). Both programs run all cases in one configuration, a
frontend per case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness import RawClient, requires
from tests.harness.differential import Site, hide, run_site
from tests.harness.origin import answer

pytestmark = requires("haproxy")

GET = b"GET /static/page?q=1 HTTP/1.1\r\nHost: www.Example.org\r\nX-One: a\r\nx-Two: b\r\nCookie: SERVER=s1\r\n"
ABSOLUTE = GET.replace(b"/static", b"http://www.Example.org/static")
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: Apache/2.2\r\nX-Powered-By: PHP\r\nSet-Cookie: a=1\r\nContent-Length: 5\r\n\r\nhello"
)


@dataclass(slots=True)
class Case:
    old: str
    new: str
    request: bytes = GET


CASES: dict[str, Case] = {
    "add": Case(r"reqadd X-Proto:\ SSL", "http-request add-header X-Proto SSL"),
    "add-if": Case(r"reqadd X-Proto:\ SSL if { path_beg /no }", "http-request add-header X SSL if { path_beg /no }"),
    "add-response": Case(r"rspadd X-Frame:\ DENY", "http-response add-header X-Frame DENY"),
    "delete": Case("reqidel ^x-one:", "http-request del-header X-One"),
    "delete-several": Case("reqidel ^x-.*:", "http-request del-header ^x- -m reg"),
    "delete-in-case": Case("reqdel ^x-", "http-request del-header x-two"),
    "delete-by-value": Case(
        r"reqidel ^Cookie:.*SERVER=", "http-request del-header cookie if { hdr(cookie) -m sub SERVER= }"
    ),
    "delete-response": Case(
        "rspidel ^(server|x-powered-by):", "http-response del-header ^(server|x-powered-by)$ -m reg"
    ),
    "path": Case(r"reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2", r"http-request replace-path /static/(.*) /\1"),
    "path-misses": Case(r"reqrep ^([^\ :]*)\ /other/(.*) \1\ /\2", r"http-request replace-path /other/(.*) /\1"),
    "path-absolute": Case(r"reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2", "http-request allow", ABSOLUTE),
    "host": Case(r"reqirep ^Host:\ www.example.org Host:\ www", "http-request set-header Host www"),
    "method": Case(r"reqrep ^GET\ (.*) OPTIONS\ \1", "http-request set-method OPTIONS"),
    "header": Case(r"reqrep ^X-One:\ (.*) X-One:\ <\1>", r"http-request replace-header X-One (.*) <\1>"),
    "rename": Case(
        r"reqrep ^Cookie:\ (.*) X-Cookie:\ \1",
        "http-request set-header X-Cookie %[hdr(cookie)]\n http-request del-header Cookie",
    ),
    "response-header": Case(r"rspirep ^server:.* Server:\ none", "http-response replace-header Server .* none"),
    "status": Case(r"rsprep ^HTTP/1.1\ 200.* HTTP/1.1\ 404\ Gone", "http-response set-status 404 reason Gone"),
    "deny-line": Case(r"reqdeny ^GET\ /static", "http-request deny"),
    "deny-header": Case(r"reqideny ^host:.*example", "http-request deny"),
    "deny-case": Case(r"reqdeny ^host:", "http-request allow"),
    "allow": Case("reqallow ^GET\n reqdeny .", "http-request allow"),
    "pass": Case("reqpass ^GET\n reqdeny .\n reqdel .", "http-request allow"),
    "tarpit": Case("timeout tarpit 50ms\n reqtarpit ^GET", "timeout tarpit 50ms\n http-request tarpit"),
    "deny-response": Case("rspideny ^x-powered-by", "http-response deny"),
    "deny-status": Case(r"rspdeny ^HTTP/1.1\ 200", "http-response deny"),
    "block": Case(
        "http-request set-header X 1\n block if { path_beg /static }", "http-request deny if { path_beg /static }"
    ),
    "nonsense": Case(r"reqrep ^GET.* nothing", "http-request deny deny_status 400"),
    "order": Case("reqdel ^X-New:\n http-request set-header X-New 1", "http-request del-header X-New"),
    "allow-is-not-all": Case("http-request allow\n reqdeny ^GET", "http-request deny"),
    "redirect-last": Case("redirect location /r if { path / }\n reqrep ^GET\\ [^\\ ]* GET\\ /", "redirect location /r"),
    "backend": Case("use_backend c\n reqsetbe ^GET\\ /static d", "use_backend d"),
    "backend-first": Case("reqsetbe ^X-One:\\ a d\n reqsetbe . c", "use_backend d"),
    "backend-in-case": Case("reqsetbe ^host: c\n reqisetbe ^HOST: d", "use_backend d"),
    "backend-if": Case("reqsetbe . c if { path / }\n use_backend d", "use_backend d"),
    "backend-none": Case("reqsetbe ^POST c", "default_backend b"),
    "backend-after-rep": Case(
        "reqrep ^X-One:.* X-One:\\ new\n reqsetbe ^X-One:\\ a c\n reqsetbe new$ d",
        "http-request replace-header x-one .* new\n use_backend d",
    ),
    "backend-and-deny": Case("reqsetbe . d\n reqdeny ^GET", "http-request deny"),
}


def config(new: bool, cases: dict[str, Case] = CASES) -> str:
    text = "defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 5s\n"
    for name, case in cases.items():
        text += f"frontend {name}\n bind 127.0.0.1:$({name.replace('-', '_')})\n {case.new if new else case.old}\n"
        text += " default_backend b\n"
    for name in "bcd":
        own = "" if name == "b" else " reqsetbe . b\n" * (not new) + f" http-request set-header X-Backend {name}\n"
        text += f"backend {name}\n{own} server s1 127.0.0.1:$(s1)\n"
    return text


def run_all(site: Site, cases: dict[str, Case] = CASES) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, case in cases.items():
        before = len(site.origins[0].requests)
        with RawClient(site.port(name.replace("-", "_"))) as client:
            reply = client.send(case.request + b"\r\n").read_reply()
        sent = site.origins[0].requests[before:]
        found[name] = (
            reply.status,
            reply.reason,
            sorted((key.lower(), value) for key, value in reply.fields if key.lower() != b"connection"),
            reply.body if reply.status == 200 else b"",
            [(one.split(b"\r\n")[0], sorted(one.split(b"\r\n")[1:])) for one in sent],
        )
    return found


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    found = {}
    for kind, new in (("haproxy", True), ("pylb", False)):
        with run_site(kind, config(new), {"s1": answer(ANSWER)}) as site:
            found[kind] = run_all(site)
    return found


@pytest.mark.parametrize("name", CASES)
def test_old_and_new_do_the_same(results: dict[str, dict[str, Any]], name: str) -> None:
    assert hide(results["pylb"][name]) == hide(results["haproxy"][name])
