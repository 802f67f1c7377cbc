"""`option http-restrict-req-hdr-names` beside HAProxy: which requests pass, and with which headers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential.pairs import Pair, difference, http, log_lines, paired
from tests.harness import RawClient, Site, requires
from tests.harness.syslog import split_httplog

pytestmark = requires("haproxy")

MODES = ("none", "preserve", "delete", "reject")
CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 2s
    timeout server 2s
""" + "".join(
    f"""
frontend f-{mode}
    bind 127.0.0.1:$(f_{mode})
    {"" if mode == "none" else f"option http-restrict-req-hdr-names {mode}"}
    http-request return status 200 if {{ path_end /early }}
    http-request allow if {{ path_end /allowed }}
    http-request set-header by_rule 1 if {{ path_end /ruled }}
    http-request set-header seen %[req.hdr(a_b)]
    use_backend b-%[path,field(2,/)]
backend b-{mode}
    {"" if mode == "none" else f"option http-restrict-req-hdr-names {mode}"}
    http-request set-header b_y_rule 1 if {{ path_end /ruled-there }}
    server s1 127.0.0.1:$(s1)
listen l-{mode}
    bind 127.0.0.1:$(l_{mode})
    {"" if mode == "none" else f"option http-restrict-req-hdr-names {mode}"}
    http-request set-header by_rule 1 if {{ path_end /ruled }}
    server s1 127.0.0.1:$(s1)
"""
    for mode in MODES
)

pair = paired(CONFIG)

REQUESTS = {
    "usual": ("x-a: 1", "X-B9: 2"),
    "underscore": ("a_b: 1", "a-b: 2"),
    "other characters": ("a.b: 1", "a!b: 2", "a~: 3"),
    "cookie": ("cookie: a_b=1",),
}


@pytest.mark.parametrize("name", REQUESTS)
@pytest.mark.parametrize("path", ["x", "early", "allowed", "ruled", "ruled-there"])
@pytest.mark.parametrize("back", MODES)
@pytest.mark.parametrize("front", MODES)
def test_names_are_judged_as_by_haproxy(pair: Pair, front: str, back: str, path: str, name: str) -> None:
    def ask(site: Site, port: str) -> Any:
        with RawClient(site.port(port)) as client:
            client.send(http("GET", f"/{back}/{path}", "host: h", *REQUESTS[name], "connection: close"))
            answered = client.read_all()
            log = split_httplog(log_lines(site, client.source_port)[-1])
        return answered, {key: log[key] for key in ("backend", "server", "status", "state")}

    def scenario(site: Site) -> Any:
        seen = [ask(site, f"f_{front}")]
        if front == back:
            seen.append(ask(site, f"l_{front}"))
        return {"seen": seen, "requests": site.servers["s1"].requests}

    seen = pair.run(scenario)
    assert seen["pylb"] == seen["haproxy"], difference(seen["haproxy"], seen["pylb"])
