"""Names of one section in another, and words that do not fit together: what HAProxy says once all is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.mistakes import said_of
from tests.harness import requires

pytestmark = requires("haproxy")

TIMES = " timeout connect 1s\n timeout server 1s\n"
CLIENT = " bind 127.0.0.1:1\n timeout client 1s\n"

CASES: dict[str, str] = {
    "mailers": (
        f"mailers ma\n mailer x 1.2.3.4:25\nbackend b\n{TIMES} email-alert mailers mb\n"
        " email-alert from a\n email-alert to b\n"
    ),
    "mailers level only": "backend b\n email-alert level info\n",
    "errorfiles": "http-errors ha\n errorfile 400 /dev/null\nbackend b\n errorfiles hb\n",
    "peers": "peers pa\n peer x 1.2.3.4:5\nbackend b\n stick-table type ip size 1k peers pb\n",
    "resolvers": f"resolvers ra\n nameserver a 1.2.3.4:53\nbackend b\n{TIMES} server s 1.2.3.4:5 resolvers rb\n",
    "resolvers default-server": (
        f"resolvers ra\n nameserver a 1.2.3.4:53\nbackend b\n default-server resolvers rb\n{TIMES} server s 1.2.3.4:5\n"
    ),
    "defaults": "defaults da\nbackend b from db\n",
    "default_backend": f"backend ba\nfrontend f\n{CLIENT} default_backend bb\n",
    "default_backend in defaults": f"defaults\n default_backend bb\nfrontend f\n{CLIENT}",
    "default_backend is frontend": (
        f"frontend g\n bind 127.0.0.1:2\n timeout client 1s\nfrontend f\n{CLIENT} default_backend g\n"
    ),
    "use_backend": f"backend ba\nfrontend f\n{CLIENT} use_backend bb if TRUE\n",
    "use_backend dynamic": (
        "frontend f\n bind 127.0.0.1:1\n mode http\n timeout client 1s\n use_backend %[path] if TRUE\n"
    ),
    "use-server": f"backend b\n{TIMES} server sa 1.2.3.4:5\n use-server sb if TRUE\n",
    "track": f"backend b\n{TIMES} server sa 1.2.3.4:5 track sb\n",
    "track other": f"backend b\n{TIMES} server sa 1.2.3.4:5 track x/sb\n",
    "stick table": "backend b\n stick on src table x\n",
    "track-sc": f"frontend f\n{CLIENT} tcp-request connection track-sc0 src table x\n",
    "userlist": (
        "userlist ua\n user x insecure-password y\nbackend b\n mode http\n http-request deny if { http_auth(ub) }\n"
    ),
    "mode": f"backend b\n mode http\nfrontend f\n{CLIENT} default_backend b\n",
    "mode 2": (
        "backend b\n mode tcp\nfrontend f\n bind 127.0.0.1:1\n mode http\n timeout client 1s\n default_backend b\n"
    ),
    "log ring": "global\n log ring@x local0\nbackend b\n",
    "log backend": "backend b\n log global\n",
    "no listener": "backend b\n",
    "external": f"backend b\n{TIMES} option external-check\n external-check command /bin/true\n",
    "external path": "global\n external-check\nbackend b\n option external-check\n external-check command true\n",
    "external path ok": (
        "global\n external-check\n insecure-fork-wanted\nbackend b\n option external-check\n"
        " external-check command true\n external-check path /bin\n"
    ),
    "fcgi": "fcgi-app fa\n docroot /x\nbackend b\n mode http\n use-fcgi-app fb\n",
    "fcgi server": f"fcgi-app fa\n docroot /x\nbackend b\n mode http\n{TIMES} use-fcgi-app fa\n server s 1.2.3.4:5\n",
    "cookie tcp": "backend b\n cookie A insert\n",
    "dynamic cookie": f"backend b\n mode http\n cookie A insert dynamic\n{TIMES} server s 1.2.3.4:5\n",
    "unique-id": f"frontend f\n{CLIENT} unique-id-header X\n",
    "capture": f"frontend f\n{CLIENT} capture request header X len 5\n",
    "disabled": "frontend f\n disabled\n bind 127.0.0.1:1\n default_backend x\n",
    "httplog tcp": f"frontend f\n{CLIENT} option httplog\n log 127.0.0.1 local0\n",
    "server no port": f"backend b\n mode http\n{TIMES} server s 1.2.3.4 check\n",
    "balance uri tcp": f"backend b\n{TIMES} balance uri\n server s 1.2.3.4:5\n",
    "dispatch and server": f"backend b\n{TIMES} dispatch 1.2.3.4:5\n server s 1.2.3.4:5\n",
    "dispatch and balance": f"backend b\n{TIMES} balance roundrobin\n dispatch 1.2.3.4:5\n",
    "transparent": f"backend b\n{TIMES} option transparent\n dispatch 1.2.3.4:5\n",
    "same name": f"frontend a\n{CLIENT}listen a\n bind 127.0.0.1:2\n timeout client 1s\n{TIMES}",
    "fullconn": f"global\n maxconn 10\nfrontend f\n{CLIENT} maxconn 20\n",
    "retry-on tcp": "backend b\n retry-on 503\n",
    "http-reuse tcp": "backend b\n http-reuse always\n",
    "compression tcp": "backend b\n compression algo gzip\n",
    "hash bal": "backend b\n hash-balance-factor 50\n",
    "monitor tcp": f"frontend f\n{CLIENT} monitor fail if TRUE\n",
    "redirect tcp": "backend b\n redirect location /\n",
    "persist": "backend b\n persist rdp-cookie\n",
    "tune": "global\n tune.maxrewrite 20000\nbackend b\n",
    "id": "backend b\n id 5\nbackend c\n id 5\n",
    "server id": f"backend b\n{TIMES} server a 1.2.3.4:5 id 5\n server c 1.2.3.4:5 id 5\n",
}
CASES |= {
    f"check without port, {steps!r}": f"backend b\n mode {mode}\n{TIMES}{steps} server s 1.2.3.4 check\n"
    for mode, steps in (
        ("tcp", " option tcp-check\n"),
        ("tcp", " option tcp-check\n tcp-check connect\n"),
        ("tcp", " option tcp-check\n tcp-check connect default\n"),
        ("tcp", " option tcp-check\n tcp-check connect port 80\n"),
        ("tcp", " option tcp-check\n tcp-check connect port str(80)\n"),
        ("tcp", " option tcp-check\n tcp-check connect addr 127.0.0.1:80\n"),
        ("tcp", " option tcp-check\n tcp-check comment x\n tcp-check connect port 80\n"),
        ("tcp", " option tcp-check\n tcp-check connect port 80\n tcp-check connect\n"),
        ("tcp", " option tcp-check\n tcp-check send x\n"),
        ("tcp", " option ssl-hello-chk\n"),
        ("tcp", " option mysql-check\n"),
        ("http", " option httpchk\n"),
        ("http", " option httpchk\n http-check connect port 80\n"),
        ("http", " option httpchk\n http-check expect status 200\n"),
    )
}


@pytest.mark.parametrize("name", CASES)
def test_both_say_the_same(name: str, tmp_path: Path) -> None:
    path = tmp_path / "references.cfg"
    path.write_text(CASES[name])
    theirs, ours = said_of(path)
    assert ours == theirs
