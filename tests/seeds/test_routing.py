"""The routing configurations that articles about HAProxy made popular, live, with origins that record.

The texts are ours, in the spirit of the articles. Each runs in HAProxy and in pylb: every request must reach the same
server, and the client must see the same bytes.
"""

from __future__ import annotations

from typing import Any

from tests.harness import RawClient, Site, requires
from tests.harness.origin import answer as answers_with
from tests.harness.origin import response

pytestmark = requires("haproxy")

DEFAULTS = """
defaults
    mode http
    timeout connect 1s
    timeout client 5s
    timeout server 5s
"""


def ask(site: Site, front: str, target: str = "/", host: str = "www.example.com", *fields: str) -> bytes:
    """The body of the answer: the name of the server that gave it."""
    lines = "".join(f"{field}\r\n" for field in fields)
    with RawClient(site.port(front)) as client:
        client.send(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n".encode("latin-1"))
        return client.read_reply().body


STATIC = (
    DEFAULTS
    + """
frontend ft_web
    bind 127.0.0.1:$(ft)
    acl static_path path_beg -i /images /css /js /static
    acl static_name path_end -i .jpg .png .gif .css .js .ico
    acl static_host hdr_beg(host) -i img. static. cdn.
    acl api path_reg ^/api/v[0-9]+/
    use_backend bk_api if api !static_name
    use_backend bk_static if static_path or static_name or static_host
    default_backend bk_dynamic
backend bk_static
    server static 127.0.0.1:$(static)
backend bk_dynamic
    server dynamic 127.0.0.1:$(dynamic)
backend bk_api
    server api 127.0.0.1:$(api)
"""
)


def test_static_and_dynamic_content_part_ways(differential: Any) -> None:
    cases = [
        ("/", "www.example.com"),
        ("/images/a", "www.example.com"),
        ("/IMAGES/a", "www.example.com"),
        ("/x/logo.PNG?v=1", "www.example.com"),
        ("/index.php?f=a.png", "www.example.com"),
        ("/", "Static.example.com"),
        ("/", "not-static.example.com"),
        ("/api/v2/users", "www.example.com"),
        ("/api/v2/logo.png", "www.example.com"),
        ("/api/vx/users", "www.example.com"),
    ]

    def scenario(site: Site) -> list[bytes]:
        return [ask(site, "ft", target, host) for target, host in cases]

    seen = differential(STATIC, scenario, origins=("static", "dynamic", "api"))
    assert seen == [
        *(b"dynamic", b"static", b"static", b"static", b"dynamic"),
        *(b"static", b"dynamic", b"api", b"static", b"dynamic"),
    ]


HOSTS = (
    DEFAULTS
    + """
frontend ft_allapps
    bind 127.0.0.1:$(ft)
    use_backend %[req.hdr(host),lower,map($(dir)/domain2backend.map,bk_default)]
backend bk_default
    server default 127.0.0.1:$(default)
"""
    + "".join(f"backend bk_app{n}\n    server app{n} 127.0.0.1:$(app{n % 4})\n" for n in range(40))
)
MAP = "#domainname  backendname\n\n" + "".join(f"site{n}.example.com   bk_app{n % 40}\n" for n in range(600))


def test_hundreds_of_hosts_reach_tens_of_backends_through_a_map(differential: Any) -> None:
    hosts = [f"{'SITE' if n % 3 else 'site'}{n}.example.com" for n in range(0, 600, 7)]

    def scenario(site: Site) -> list[bytes]:
        return [ask(site, "ft", host=host) for host in [*hosts, "site600.example.com", "site1", "domainname"]]

    seen = differential(
        HOSTS, scenario, origins=("app0", "app1", "app2", "app3", "default"), files={"domain2backend.map": MAP}
    )
    assert seen[:-3] == [b"app%d" % (n % 40 % 4) for n in range(0, 600, 7)]
    assert seen[-3:] == [b"default"] * 3


CACHES = DEFAULTS + "".join(
    f"""
listen {name}
    bind 127.0.0.1:$({name})
    {rule}
    balance {balance}
    {kind}
    server varnish1 127.0.0.1:$(varnish1)
    server varnish2 127.0.0.1:$(varnish2)
    server varnish3 127.0.0.1:$(varnish3)
"""
    for name, balance, kind, rule in (
        ("uri", "uri", "", ""),
        ("whole", "uri whole", "", ""),
        ("depth", "uri depth 2", "hash-type consistent", ""),
        ("param", "url_param id", "hash-type consistent", ""),
        ("header", "hdr(X-Key)", "hash-type consistent wt6", ""),
        ("composed", "hdr(X-LB)", "hash-type consistent", "http-request set-header X-LB %[req.hdr(Host),lower]%[path]"),
        ("consistent", "uri", "hash-type consistent sdbm avalanche", ""),
    )
)


def test_a_farm_of_caches_keeps_each_object_in_one_place(differential: Any) -> None:
    fronts = ("uri", "whole", "depth", "param", "header", "composed", "consistent")

    def scenario(site: Site) -> dict[str, list[bytes]]:
        return {
            front: [
                ask(site, front, f"/shop/{n % 7}/item{n}?id={n % 11}&page={n}", f"h{n % 3}.EXAMPLE.com", f"X-Key: {n}")
                for n in range(24)
            ]
            for front in fronts
        }

    seen = differential(CACHES, scenario, origins=("varnish1", "varnish2", "varnish3"))
    for front in fronts:
        assert len(set(seen[front])) > 1, front


HSTS = (
    DEFAULTS
    + """
frontend ft_secure
    bind 127.0.0.1:$(rule)
    http-response set-header Strict-Transport-Security "max-age=16000000; includeSubDomains; preload;"
    default_backend bk
frontend ft_everywhere
    bind 127.0.0.1:$(everywhere)
    http-after-response set-header Strict-Transport-Security "max-age=16000000"
    http-request redirect scheme https code 301 if !{ path_beg /plain }
    default_backend bk
frontend ft_redirect
    bind 127.0.0.1:$(redirect)
    http-request redirect code 301 location https://%[hdr(host)]%[capture.req.uri] if !{ ssl_fc }
    default_backend bk
frontend ft_returns
    bind 127.0.0.1:$(returns)
    http-request return status 301 hdr Location "https://%[hdr(host)]%[path]" hdr Strict-Transport-Security "max-age=1"
backend bk
    server s1 127.0.0.1:$(s1)
"""
)


def test_hsts_stands_in_responses_and_in_redirects(differential: Any) -> None:
    def scenario(site: Site) -> dict[str, bytes]:
        replies = {}
        for front in ("rule", "everywhere", "redirect", "returns"):
            for target in ("/a?b=c", "/plain"):
                with RawClient(site.port(front)) as client:
                    client.send(f"GET {target} HTTP/1.1\r\nHost: www.example.com\r\n\r\n".encode())
                    replies[front + target] = client.read_reply().raw
        return replies

    seen = differential(HSTS, scenario, origins={"s1": answers_with(response(b"ok"))})
    assert b"strict-transport-security: max-age=16000000" in seen["everywhere/a?b=c"]
    assert b"location: https://www.example.com/a?b=c" in seen["everywhere/a?b=c"]


TAGS = """
global
    log 127.0.0.1:$(syslog) local0
    log-tag OURS
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 5s
    timeout server 5s
frontend f_scalessl
    bind 127.0.0.1:$(ssl)
    log-tag SSL
    default_backend b_myapp
frontend f_myapp
    bind 127.0.0.1:$(clear)
    log-tag CLEAR
    default_backend b_myapp
frontend f_plain
    bind 127.0.0.1:$(plain)
    default_backend b_myapp
backend b_myapp
    server s1 127.0.0.1:$(s1)
"""


def test_each_frontend_logs_under_its_tag(differential: Any) -> None:
    def scenario(site: Site) -> list[str]:
        for count, front in enumerate(("ssl", "clear", "plain"), 1):
            ask(site, front)
            site.syslog.wait_for(f"f_{ {'ssl': 'scalessl', 'clear': 'myapp', 'plain': 'plain'}[front] } b_myapp")
            assert count <= len(site.syslog.traffic)
        return [line.split("[")[0].rsplit(" ", 1)[-1] for line in site.syslog.lines if "b_myapp/s1" in line]

    assert differential(TAGS, scenario) == ["SSL", "CLEAR", "OURS"]


POODLE = (
    DEFAULTS
    + """
frontend ft_www
    bind 127.0.0.1:$(ft)
    acl old_client hdr(X-Protocol) SSLv3
    http-request deny if { path /forbidden } !old_client
    http-request allow if old_client
    http-request redirect location /elsewhere if { path /moved }
    use_backend bk_sslv3 if old_client
    default_backend bk_app
backend bk_app
    server s1 127.0.0.1:$(s1)
backend bk_sslv3
    errorfile 503 $(dir)/sslv3.http
"""
)
PAGE = (
    "HTTP/1.0 200 OK\r\nCache-Control: no-cache\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n"
    "<html><body><h1>Too old</h1>Please use a newer browser.</body></html>\n"
)


def test_old_clients_are_shown_a_page_of_their_own(differential: Any) -> None:
    def scenario(site: Site) -> list[bytes]:
        replies = []
        for target in ("/", "/moved", "/forbidden"):
            for line in ("X-Protocol: SSLv3", "X-Protocol: TLSv1.2"):
                with RawClient(site.port("ft")) as client:
                    client.send(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{line}\r\n\r\n".encode())
                    replies.append(client.read_all())
        return replies

    seen = differential(POODLE, scenario, files={"sslv3.http": PAGE})
    assert b"Too old" in seen[0]
    assert seen[0] == seen[2] == seen[4]
