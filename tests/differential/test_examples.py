"""The configurations of conf/ carry traffic: the same as under HAProxy, and what their comments promise."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Site, exchange, parse_replies, requires, split_httplog, split_tcplog
from tests.harness.differential import without_times

pytestmark = requires("haproxy")
CONF = Path(__file__).resolve().parents[2] / "conf"
ORIGINS = ("s1", "s2", "s3")


def example(name: str) -> tuple[str, dict[str, bytes]]:
    """A file of conf/ with its ports made free ones (`$(p8080)`), its origins ours, and the files it reads."""
    text = (CONF / f"{name}.cfg").read_text()
    text = re.sub(r":1808([123])\b", r":$(s\1)", text)
    text = re.sub(r":18514\b", ":$(syslog)", text)
    text = re.sub(r"(?<=[:*])(\d{4,5})\b", r"$(p\1)", text)
    text = re.sub(r"(?<=bind ):(?=\$\(p)", "127.0.0.1:", text)
    text = text.replace("/tmp/", "$(dir)/").replace("maps/", "$(dir)/maps/").replace("pages/", "$(dir)/pages/")
    text = text.replace("dst_port 8443", "dst_port $(p8443)")
    files = {str(path.relative_to(CONF)): path.read_bytes() for path in CONF.glob("*/*")}
    return text, files


def get(site: Site, path: str = "/", host: str = "a.example.com", port: str = "p8080", fields: str = "") -> Any:
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}Connection: close\r\n\r\n"
    (reply,) = parse_replies(exchange(site.port(port), request.encode()))
    return reply


def body(site: Site, *args: Any, **details: Any) -> str:
    return get(site, *args, **details).body.decode()


def same(differential: Any, name: str, scenario: Any, **details: Any) -> Any:
    text, files = example(name)
    return differential(text, scenario, origins=ORIGINS, files=files, **details)


def test_quickstart_balances_and_follows_its_rules(differential):
    def scenario(site):
        balanced = [body(site) for _ in range(6)]
        one = [body(site, "/one") for _ in range(3)]
        answers = [get(site, path) for path in ("/forbidden/x", "/old")]
        return balanced, one, answers, site.origins[0].requests[0], get(site).get("x-proxy")

    balanced, one, (denied, moved), request, proxied = same(differential, "quickstart", scenario)
    assert balanced == ["s1", "s2", "s3"] * 2 and one == ["s1"] * 3
    assert denied["status"] == 403 and moved["status"] == 302
    assert b"x-forwarded-for: 127.0.0.1\r\n" in request and proxied == b"pylb"


def test_static_content_goes_to_the_caches(differential):
    def scenario(site):
        static = [
            ("/a.jpg", "www.example.com"),
            ("/b.css", "www.example.com"),
            ("/", "static.example.com"),
            ("/x", "IMAGES.example.com"),
        ]
        return [body(site, *one) for one in static], [
            body(site, path, "www.example.com") for path in ("/", "/jpg", "/a.jpgx")
        ]

    static, dynamic = same(differential, "content-switching", scenario)
    assert static == ["s1", "s2", "s1", "s2"] and dynamic == ["s3"] * 3


def test_host_names_choose_their_backend_through_the_map(differential):
    hosts = [
        "www.example.com",
        "SHOP.example.com",
        "pay.example.com:80",
        "api.example.com",
        "nobody.example.com",
        "example.com",
    ]

    def scenario(site):
        return [(reply.status, reply.body[:2]) for reply in (get(site, host=host) for host in hosts)]

    seen = same(differential, "host-map", scenario)
    assert [name for status, name in seen if status == 200] == [b"s1", b"s2", b"s2", b"s3", b"s1"]
    assert seen[4][0] == 404


def test_the_cache_farm_hashes_as_haproxy_does(differential):
    def scenario(site):
        return [
            [body(site, f"/img/{n}.png?v={n % 3}") for n in range(40)],
            [body(site, f"/img/1.png?v={n}", port="p8081") for n in range(40)],
            [body(site, f"/image.php?width={n}&id={n % 7}&height=2", port="p8082") for n in range(40)],
            [body(site, "/", f"site{n}.example.com", port="p8083") for n in range(40)],
            [body(site, f"/P{n}", "Site.example.com", port="p8084") for n in range(40)],
        ]

    paths, uris, parameters, hosts, composed = same(differential, "cache-farm", scenario)
    for spread in (paths, uris, hosts, composed):
        assert set(spread) == {"s1", "s2", "s3"}
    assert parameters[:7] == parameters[7:14] == parameters[28:35]


def test_every_answer_carries_hsts_redirects_too(differential):
    def scenario(site):
        return [get(site, "/x", port=port) for port in ("p8080", "p8443")]

    clear, secure = same(differential, "hsts", scenario)
    header = (b"strict-transport-security", b"max-age=16000000; includeSubDomains; preload;")
    for reply in (clear, secure):
        assert header in [(name.lower(), value) for name, value in reply["fields"]]
    assert clear["status"] == 301 and (b"location", b"https://a.example.com/x") in clear["fields"]
    assert secure["body"] == b"s1"


def test_each_frontend_has_its_log_tag(differential):
    def scenario(site):
        for port in ("p8080", "p8081", "p8082"):
            get(site, port=port)
        site.syslog.wait(3)
        lines = [line for line in site.syslog.lines if '"GET ' in line]
        return [re.search(r"(\w+)\[\d+\]: ", line)[1] for line in lines]

    assert same(differential, "log-tag", scenario) == ["PUBLIC", "PARTNERS", "edge"]


def test_log_lines_are_the_same_field_by_field(differential):
    def scenario(site):
        get(site, "/a?b=c", port="p8080")
        site.syslog.wait(1)
        get(site, "/a?b=c", port="p8081")
        classic, custom = site.syslog.wait(2)
        split_httplog(classic)
        return without_times(classic), re.sub(r"\d+ ms", "N ms", custom)

    classic, custom = same(differential, "logging", scenario)
    assert classic.endswith('---- 1/1/0/0/0 0/0 "GET /a?b=c HTTP/1.1"')
    assert custom.endswith('127.0.0.1 "GET /a?b=c HTTP/1.1" 200 app/s2 N ms ----')


def test_users_of_an_old_protocol_get_their_page(differential):
    def scenario(site):
        return get(site, fields="X-SSL-Protocol: SSLv3\r\n"), get(site, fields="X-SSL-Protocol: TLSv1.3\r\n")

    old, new = same(differential, "old-protocol-page", scenario)
    assert old["status"] == 200 and b"Your browser uses SSLv3" in old["body"]
    assert new["body"] == b"s1"


def test_requests_are_rewritten(differential):
    def scenario(site):
        answers = [
            get(site, "/ping"),
            get(site, "/x", "example.com"),
            get(site, "/api/users?x=1", fields="X-Debug: 1\r\n"),
        ]
        return answers, site.origins[0].requests

    (pong, moved, _), (request,) = same(differential, "rewriting", scenario)
    assert pong["body"] == b"pong" and moved["status"] == 301
    assert request.startswith(b"GET /v2/api/users?x=1 HTTP/1.1\r\n")
    assert b"x-debug" not in request and b"x-original-host: a.example.com\r\n" in request


def test_tcp_goes_through(differential):
    def scenario(site):
        replies = [
            exchange(site.port(port), b"GET / HTTP/1.0\r\n\r\n", half_close=True) for port in ("p15432", "p10025")
        ]
        return replies, site.origins[0].requests

    replies, _ = same(differential, "tcp-passthrough", scenario)
    assert replies[0].endswith(b"\r\n\r\ns1")


def test_the_clients_address_survives_a_chain(differential):
    def scenario(site):
        get(site)
        return site.origins[0].requests

    (request,) = same(differential, "proxy-protocol", scenario)
    assert b"x-forwarded-for: 127.0.0.1\r\n" in request


@pytest.mark.parametrize("name", ["limits", "runtime-socket"])
def test_it_serves(differential, name):
    assert same(differential, name, lambda site: [body(site) for _ in range(4)])[0] == "s1"


def test_the_splitter_of_tcp_lines_reads_both(differential):
    config = """
defaults
    mode tcp
    log 127.0.0.1:$(syslog) local0
    option tcplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
listen fe
    bind 127.0.0.1:$(fe)
    server s1 127.0.0.1:$(s1)
"""

    def scenario(site):
        exchange(site.port("fe"), b"GET / HTTP/1.0\r\n\r\n", half_close=True)
        fields = split_tcplog(site.syslog.wait(1)[0])
        return {name: fields[name] for name in ("frontend", "backend", "server", "bytes", "state", "retries")}

    assert differential(config, scenario)["state"] == "--"
