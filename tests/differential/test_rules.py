"""Rules beside the real HAProxy: the request as the origin sees it and the response as the client sees it are equal.

All cases share one configuration per mode: a request says which case it is in its field `case`, and each rule of a case
carries that as its condition. Both programs run all cases once; then every case is compared on its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness import RawClient, requires
from tests.harness.differential import Site, hide, run_site
from tests.harness.origin import answer
from tests.harness.peers import need

pytestmark = requires("haproxy")

GET = b"GET /dir/page?q=1&r=two HTTP/1.1\r\nHost: www.example.org\r\nX: 1, 2\r\nY: old\r\nx: 3\r\n"
ABSOLUTE = b"GET http://www.example.org/dir/page?q=1 HTTP/1.1\r\nHost: www.example.org\r\n"
COOKIE = GET + b"Cookie: a=1; b=two\r\n"
POST = b"POST /form?q=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nServer: origin\r\nX: 1, 2\r\nSet-Cookie: s=1; Path=/\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 5\r\n\r\nhello"
)


@dataclass(slots=True)
class Case:
    """Rules that get the case's condition, and the request (its last empty line is added)."""

    rules: str
    request: bytes = GET
    body: bytes = b""
    conditions: bool = True


CASES: dict[str, Case] = {
    # fields of the request
    "streams-of-a-backend": Case("use_backend counted"),
    "add": Case("http-request add-header X new"),
    "add-format": Case("http-request add-header Z '%[path] %[src] %[query]'"),
    "set": Case("http-request set-header X new"),
    "set-own-value": Case("http-request set-header X %[hdr(x)],%[hdr(x,1)],%[req.fhdr(x)]"),
    "set-empty": Case("http-request set-header X %[hdr(nope)]"),
    "set-new": Case("http-request set-header New-Name 'a  b'"),
    "set-host": Case("http-request set-header Host other.example"),
    "set-host-absolute": Case("http-request set-header Host other.example", ABSOLUTE),
    "del": Case("http-request del-header x"),
    "del-regex": Case("http-request del-header ^[xy]$ -m reg"),
    "del-beg": Case("http-request del-header y -m beg"),
    "del-sub": Case("http-request del-header OS -m sub"),
    "replace-header": Case("http-request replace-header X ([0-9]) <\\1>"),
    "replace-header-misses": Case("http-request replace-header X nope <\\1>"),
    "replace-value": Case("http-request replace-value X ([0-9]) <\\1>"),
    "replace-value-format": Case("http-request replace-value X ^2$ %[path]"),
    "replace-value-middle": Case(
        "http-request replace-value Y b B", b'GET / HTTP/1.1\r\nHost: h\r\nY: a ,  b , c, "d,b" ,b\r\n'
    ),
    "replace-cookie": Case("http-request replace-header Cookie (.*)a=1(.*) \\1A=2\\2", COOKIE),
    "controls": Case("http-request set-header Z %[str(a%0d%0ab),url_dec]"),
    "order": Case("http-request set-header A 1\nhttp-request set-header B %[hdr(a)]\nhttp-request del-header a"),
    # the request line
    "path": Case("http-request set-path /new"),
    "path-prefix": Case("http-request set-path /pre%[path]"),
    "path-absolute": Case("http-request set-path /new", ABSOLUTE),
    "pathq": Case("http-request set-pathq /new?x"),
    "query": Case("http-request set-query a=b"),
    "query-empty": Case("http-request set-query %[hdr(nope)]"),
    "query-new": Case("http-request set-query a=b", b"GET /p HTTP/1.1\r\nHost: h\r\n"),
    "query-regsub": Case("http-request set-query %[query,regsub(q=1&?,)]"),
    "uri": Case("http-request set-uri /whole"),
    "uri-absolute": Case("http-request set-uri http://new.example/p"),
    "method": Case("http-request set-method PUT"),
    "replace-path": Case("http-request replace-path (.*)/page(.*) \\1/sheet\\2"),
    "replace-path-part": Case("http-request replace-path page /whole"),
    "replace-pathq": Case("http-request replace-pathq ([^?]*)(\\?(.*))? \\1?\\3&z"),
    "replace-uri": Case("http-request replace-uri ^/dir/(.*) /new/\\1"),
    "replace-uri-absolute": Case("http-request replace-uri ^http://[^/]*(.*) \\1", ABSOLUTE),
    "asterisk": Case("http-request set-header P '%[path]|%[url]|%[base]'", b"OPTIONS * HTTP/1.1\r\nHost: h\r\n"),
    # values
    "variables": Case(
        "http-request set-var(txn.a) path,upper\nhttp-request set-var(req.n) int(3)\n"
        "http-request set-var-fmt(txn.f) '%[var(txn.a)]-%[var(req.n)]'\nhttp-request set-header V %[var(txn.f)]"
    ),
    "unset-variable": Case(
        "http-request set-var(txn.a) path\nhttp-request unset-var(txn.a)\nhttp-request set-header V '[%[var(txn.a)]]'"
    ),
    "typed-variable": Case(
        "http-request set-var(txn.s) src\nhttp-request set-header V %[var(txn.s)]\n"
        "http-request set-header W %[var(txn.s),ipmask(8)]"
    ),
    "cookies": Case("http-request set-header C '%[req.cook(a)] %[cook_cnt] %[req.cook(b)]'", COOKIE),
    "parameters": Case("http-request set-header P '%[urlp(q)] %[urlp(r)] %[url_param(nope)]|'"),
    "bases": Case("http-request set-header B '%[base] %[base32] %[url32] %[baseq]'"),
    "names": Case("http-request set-header N %[req.hdr_names]"),
    "addresses": Case(
        "http-request set-src hdr(y)\nhttp-request set-header S '%[src] %[fc_src]'",
        GET.replace(b"old", b"192.0.2.33"),
    ),
    "body": Case(
        "http-request wait-for-body time 1s\n"
        "http-request set-header B '%[req.body] %[req.body_len] %[req.body_param(c)]'",
        POST,
        b"a=b%20&c=d+",
    ),
    "first-request": Case("http-request set-header F '%[http_first_req] %[req.ver] %[method] %[fe_name] %[so_id]'"),
    "authorized": Case(
        "http-request auth unless { http_auth(people) }\nhttp-request set-header U %[http_auth_user]",
        GET + b"Authorization: Basic Ym9iOnNlY3JldA==\r\n",
        conditions=False,
    ),
    # answers
    "deny": Case("http-request deny"),
    "deny-400": Case("http-request deny deny_status 400"),
    "deny-429": Case("http-request deny deny_status 429"),
    "deny-file": Case("http-request deny errorfile $(dir)/page.http"),
    "deny-404-own": Case("http-request deny deny_status 404"),
    "deny-string": Case("http-request deny status 418 content-type text/plain string nope hdr X %[path]"),
    "return": Case("http-request return"),
    "return-204": Case("http-request return status 204"),
    "return-string": Case("http-request return status 200 content-type text/plain string hello hdr A b"),
    "return-format": Case("http-request return content-type text/plain lf-string '%[path] %[hdr(x)]'"),
    "return-file": Case("http-request return content-type text/plain lf-file $(dir)/text"),
    "return-head": Case("http-request return content-type text/plain string hello", b"HEAD / HTTP/1.1\r\nHost: h\r\n"),
    "auth": Case("http-request auth realm 'my realm'"),
    "redirect-location": Case("http-request redirect location /new%[path] code 301"),
    "redirect-prefix": Case("http-request redirect prefix http://o.example drop-query append-slash"),
    "redirect-scheme": Case("http-request redirect scheme https code 308 if { path_beg /dir }", conditions=False),
    "redirect-cookie": Case("http-request redirect location / set-cookie A=1"),
    "redirect-behind-allow": Case("redirect location /last\nhttp-request allow"),
    "reject": Case("http-request reject"),
    "old-http": Case("http-request deny", b"GET / HTTP/1.0\r\n"),
    # responses
    "response-add": Case("http-response add-header X new"),
    "response-set": Case("http-response set-header X '%[status] %[res.hdr(x)] %[res.cook(s)]'"),
    "response-del": Case("http-response del-header server"),
    "response-replace": Case("http-response replace-header Set-Cookie (.*) '\\1; Secure'"),
    "response-value": Case("http-response replace-value X 1 one"),
    "response-status": Case("http-response set-status 503"),
    "response-reason": Case("http-response set-status 503 reason 'Slow Down'"),
    "response-deny": Case("http-response deny"),
    "response-return": Case("http-response return status 200 content-type text/plain string mine"),
    "response-redirect": Case("http-response redirect location /elsewhere"),
    "response-variable": Case("http-request set-var(txn.p) path\nhttp-response set-header P %[var(txn.p)]"),
    "response-capture": Case(
        "http-response capture res.hdr(server) id 0\nhttp-response set-header C %[capture.res.hdr(0)]"
    ),
    "request-capture": Case("http-request capture path id 0\nhttp-response set-header C %[capture.req.hdr(0)]"),
    "after-origin": Case("http-after-response set-header After %[status]"),
    "after-deny": Case("http-request deny\nhttp-after-response set-header After %[status]"),
    "after-status": Case("http-request return\nhttp-after-response set-status 202"),
    # the backend's rules
    "switched": Case("use_backend two"),
    "dynamic": Case("use_backend %[path,field(2,/)]", b"GET /two/x HTTP/1.1\r\nHost: h\r\n"),
    "dynamic-unknown": Case("use_backend %[path,field(2,/)]", b"GET /nowhere HTTP/1.1\r\nHost: h\r\n"),
}
NO_REPLY = ("reject",)

HEAD = """
global
    maxconn 200
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
userlist people
    user bob insecure-password secret
"""
FRONT = """
frontend {name}
    bind 127.0.0.1:$({name})
    declare capture request len 20
    declare capture response len 20
    errorfile 404 $(dir)/page.http
    http-request set-var(txn.case) req.hdr(case)
{rules}
    default_backend one
"""
BACK = """
backend one
    http-request set-header Backend one
    http-response set-header Backend one
    server s1 127.0.0.1:$(s1)
backend two
    http-request set-header Backend two
    http-response set-header Backend two
    server s1 127.0.0.1:$(s1)
"""
BACK += """
backend counted
    http-request set-header Streams "%[be_conn] %[be_conn(counted)] %[be_conn(two)] %[srv_conn(counted/s1)] %[queue]"
    http-response set-header Streams "%[be_conn] %[be_conn(counted)] %[srv_conn(counted/s1)]"
    server s1 127.0.0.1:$(s1)
"""
FILES = {
    "page.http": "HTTP/1.1 403 Mine\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nmine\n",
    "text": "file %[path]\n",
}


def front_of(name: str) -> str:
    """A port name of a case: rules that cannot carry the condition have a frontend of their own."""
    return "fe" if CASES[name].conditions else "fe" + name.replace("-", "")


def configuration() -> str:
    shared: list[str] = []
    own: dict[str, list[str]] = {}
    for name, case in CASES.items():
        for rule in case.rules.splitlines():
            if case.conditions:
                shared.append(f"    {rule} if {{ var(txn.case) -m str {name} }}")
            else:
                own.setdefault(front_of(name), []).append(f"    {rule}")
    shared.sort(key=lambda rule: rule.split()[0] in ("redirect",))
    shared.sort(key=lambda rule: rule.split()[0] in ("use_backend",))
    fronts = [FRONT.format(name="fe", rules="\n".join(shared))]
    fronts += [FRONT.format(name=name, rules="\n".join(rules)) for name, rules in own.items()]
    return HEAD + "".join(fronts) + BACK


def ask(site: Site, name: str) -> dict[str, Any]:
    case = CASES[name]
    origin = site.origins[0]
    before = len(origin.requests)
    with RawClient(site.port(front_of(name))) as client:
        client.send(case.request + b"case: " + name.encode() + b"\r\n\r\n" + case.body)
        if name in NO_REPLY:
            reply = client.read_all()
        else:
            reply = client.read_reply(head_only=case.request.startswith(b"HEAD")).raw
    return {"origin": [bytes(seen) for seen in origin.requests[before:]], "client": reply}


Seen = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What both programs did in every case."""
    need("haproxy")
    found: Seen = {}
    for kind in ("haproxy", "pylb"):
        with run_site(kind, configuration(), {"s1": answer(ANSWER)}, files=FILES) as site:
            names = {str(port): f"<{name}>" for name, port in site.program.ports.items()}
            found[kind] = {name: hide(ask(site, name), names, kind) for name in CASES}
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_rule_does_as_haproxys(seen: Seen, name: str) -> None:
    assert seen["pylb"][name] == seen["haproxy"][name]


def test_the_cases_do_something(seen: Seen) -> None:
    """The comparison would be worth nothing if both programs ignored the rules."""
    plain = seen["haproxy"]["replace-header-misses"]
    same = [name for name in CASES if seen["haproxy"][name] == plain]
    assert same == ["replace-header-misses"]
