"""Every kind of configuration that the articles print is accepted by `-c`, with the words of its own day.

The texts are ours; each shows one recipe. `today` tells whether HAProxy 2.6 accepts it as well: old words and words of
the enterprise edition it does not know, and pylb translates or keeps them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness import requires
from tests.harness.programs import command, surroundings

HTTP = "defaults\n mode http\n timeout connect 1s\n timeout client 5s\n timeout server 5s\n"
TCP = HTTP.replace("mode http", "mode tcp")
SHOP = "backend shop\n server s1 127.0.0.1:8081\n"

TODAY = {
    "quotes": HTTP + 'backend shop\n option httpchk GET / "HTTP/1.1\\r\\nHost: shop.example\\r\\nConnection: close"\n'
    " server s1 127.0.0.1:8081 check\nlisten l\n bind :18001\n",
    "captures": HTTP
    + """frontend f
 bind :18001
 declare capture request len 32 # slot 0
 declare capture request len 64 # slot 1
 http-request capture req.hdr(Host) id 0
 http-request capture req.hdr(User-Agent) id 1
 http-response set-header X-Asked %[capture.req.hdr(0)]
 default_backend shop
"""
    + SHOP,
    "log variables": HTTP + 'listen l\n bind :18001\n log 127.0.0.1 local0\n log-format "%HM %HP %HQ %HU %HV"\n',
    "a container's name, followed by resolvers": "resolvers docker\n nameserver dnsmasq 127.0.0.1:5353\n"
    + HTTP
    + "listen l\n bind :18001\n server s1 app.invalid:80 check resolvers docker resolve-prefer ipv4\n",
    "rules with a table": HTTP
    + """frontend f
 bind :18001
 stick-table type ip size 10k store gpc0,gpt0
 http-request track-sc0 src
 http-request set-method POST if { path /m }
 http-request set-uri /x if { path /y }
 http-request set-map(hosts.map) %[src] %[hdr(host)]
 http-request sc-inc-gpc0(0)
 http-request sc-set-gpt0(0) 3
 http-request silent-drop if { path /z }
 http-response set-var(txn.b) src
 http-response redirect location /elsewhere if { status 404 }
 use_backend shop if { src,map(hosts.map) -m found }
"""
    + SHOP,
    "limits of variables": "global\n tune.vars.global-max-size 1048576\n tune.vars.reqres-max-size 512\n"
    " tune.vars.sess-max-size 2048\n tune.vars.txn-max-size 256\n"
    + HTTP
    + "listen l\n bind :18001\n http-request set-var(txn.host) req.hdr(Host)\n"
    " http-response set-header X-Host %[var(txn.host)]\n",
    "mail": TCP
    + """mailers post
 mailer one 127.0.0.1:587
listen l
 bind :18001
 email-alert mailers post
 email-alert from lb@example.org
 email-alert to root@example.org
 server s1 127.0.0.1:8081
""",
    "request bodies": HTTP + "listen l\n bind :18001\n option http-buffer-request\n timeout http-request 5s\n"
    ' http-request deny if { req.body -m reg "SELECT \\*" }\n',
    "states of servers": "global\n stats socket unix@socket\n server-state-file states\n"
    + HTTP
    + "listen l\n bind :18001\n load-server-state-from-file global\n server s1 127.0.0.1:8081 check weight 11\n",
    "external checks": "global\n external-check\n insecure-fork-wanted\n"
    + HTTP
    + 'listen l\n bind :18001\n option external-check\n external-check path "/usr/bin:/bin"\n'
    " external-check command /bin/true\n server s1 127.0.0.1:8081 check\n",
    "blanks behind backslashes": HTTP
    + "listen l\n bind :18001\n http-response set-header Strict-Transport-Security max-age=16000000;\\ preload;\n",
    "sticky desktops": "peers both\n peer one 127.0.0.1:18010\n peer two 127.0.0.1:18011\nglobal\n localpeer one\n"
    + TCP
    + """frontend desktops
 bind :18001 name rdp
 tcp-request inspect-delay 2s
 tcp-request content accept if RDP_COOKIE
 default_backend farm
backend farm
 balance leastconn
 stick-table type string len 32 size 10k expire 8h peers both
 stick on rdp_cookie(mstshash)
 option tcp-check
 tcp-check connect port 3389
 default-server inter 3s rise 2 fall 3
 server s1 127.0.0.1:3389 weight 10 check
""",
    "a service of a script": "global\n lua-load hello.lua\n"
    + TCP
    + "listen l\n bind :18001\n tcp-request content use-service lua.hello\n",
    "a check of several conditions": HTTP
    + """listen l
 bind :18001
 option tcp-check
 tcp-check send GET\\ /check\\ HTTP/1.1\\r\\n
 tcp-check send Host:\\ shop\\r\\n
 tcp-check send \\r\\n
 tcp-check expect string HTTP/1.1\\ 200\\ OK
 tcp-check expect ! string Error
 tcp-check send-binary 01 # version
 tcp-check expect binary 706f6e67 # pong
 server s1 127.0.0.1:8081 check
""",
    "a map of hosts": HTTP
    + "frontend f\n bind :18001\n use_backend %[req.hdr(host),lower,map(hosts.map,shop)]\n"
    + SHOP,
    "old TLS clients": TCP + "listen l\n bind :18001\n tcp-request inspect-delay 2s\n acl sslv3 req.ssl_ver 3\n"
    " tcp-request content reject if sslv3\n use-server ecc if { req.ssl_ec_ext 1 }\n"
    " server ecc unix@ecc.sock send-proxy-v2\n",
}

OLD = {
    "raw lines of the head": HTTP + 'listen l\n bind :18001\n reqirep "^Host: www.(.*)" "Host: shop\\1"\n'
    " reqdeny  ^[^:]+:\\s*\\(\\s*\\)\\s+\\{\n reqdeny  ^[^:]+:\\s+.*?(<<[^<;]+){5,}\n server s1 127.0.0.1:8081\n",
    "many processes": """global
 nbproc 3
"""
    + HTTP
    + """frontend tls
 bind-process 1,2
 bind :18001
 log-tag TLS
 default_backend lo
backend lo
 bind-process 1,2
 server clear unix@clear.sock send-proxy-v2
frontend clear
 bind-process 3
 bind unix@clear.sock accept-proxy
 default_backend shop
backend shop
 bind-process 3
 stick-table type ip size 10k
 stick on src
 server s1 127.0.0.1:8081 check
""",
    "a fetch and a method in one word": HTTP
    + "frontend f\n bind :18001\n acl static req.hdr_beg(Host) -i static. images.\n use_backend shop if static\n"
    + SHOP,
    "a hash of host and address": HTTP
    + "listen l\n bind :18001\n http-request set-header X-LB %[req.hdr(Host),lower]%[req.uri,lower]\n"
    " balance hdr(X-LB)\n hash-type consistent\n server s1 127.0.0.1:8081\n",
    "an action of a script": "global\n lua-load mirror.lua\n"
    + HTTP
    + "listen l\n bind :18001\n acl debug req.hdr_cnt(X-Debug) ge 1\n http-request lua mirror if debug\n",
    "a map that is fetched": HTTP
    + "dynamic-update\n update id hosts.map url http://127.0.0.1/hosts.map delay 60s timeout 5s retries 3 map\n"
    "frontend f\n bind :18001\n use_backend %[req.hdr(host),lower,map(hosts.map,shop)]\n" + SHOP,
}

FILES = {
    "hosts.map": "#domain  backend\nshop.example shop\n",
    "states": "1\n",
    "hello.lua": 'core.register_service("hello", "tcp", function(applet)\n  applet:send("hello\\n")\nend)\n',
    "mirror.lua": 'core.register_action("mirror", {"http-req"}, function(txn)\nend)\n',
}


def verdict(kind: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    for name, content in FILES.items():
        (folder / name).write_text(content)
    (folder / "test.cfg").write_text(text)
    return subprocess.run(
        [*command(kind), "-c", "-f", "test.cfg"],
        cwd=folder,
        env=surroundings(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", [*TODAY, *OLD])
def test_pylb_accepts_what_articles_print(name: str, tmp_path: Path) -> None:
    done = verdict("pylb", {**TODAY, **OLD}[name], tmp_path)
    assert done.returncode == 0, done.stdout


@requires("haproxy")
@pytest.mark.parametrize("name", TODAY)
def test_haproxy_of_today_accepts_it_too(name: str, tmp_path: Path) -> None:
    done = verdict("haproxy", TODAY[name], tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", [name for name in OLD if "hash" not in name])
def test_old_words_are_remarked_upon(name: str, tmp_path: Path) -> None:
    done = verdict("pylb", OLD[name], tmp_path)
    assert "parsing [test.cfg:" in done.stdout, done.stdout
