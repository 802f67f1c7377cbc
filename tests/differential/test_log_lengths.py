"""`tune.http.logurilen` and `tune.http.cookielen` beside HAProxy: what is left of long request lines and cookies."""

from __future__ import annotations

import pytest

from tests.differential.pairs import Pair, http, log_lines, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
    tune.http.logurilen 20
    tune.http.cookielen 6
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 1s
    timeout server 1s
frontend parts
    bind 127.0.0.1:$(parts)
    log-format "%ci:%cp [] %r|%HM|%HU|%HV|%HP|%HQ|%HPO|%[capture.req.uri]|%[capture.req.method]|%[capture.req.ver]|%CC"
    capture cookie SESS len 30
    default_backend be
frontend usual
    bind 127.0.0.1:$(usual)
    option httplog
    capture cookie SESS len 6
    default_backend be
backend be
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)

PATHS = ("/", "/abcdefghij", "/abcdefgh?ijk", "/abcdefghijklmn", "/abcdefghijklmno", "/abcdefghijklmnop?q", "/" * 99)


@pytest.mark.parametrize("port", ["parts", "usual"])
@pytest.mark.parametrize(
    "path",
    ["/", "/abcdefghij", "/abcdefgh?ijk", "/abcdefghijklmn", "/abcdefghijklmno", "/abcdefghijklmnop?q", "/" * 99],
)
def test_lines_and_cookies_are_cut_as_by_haproxy(pair: Pair, path: str, port: str) -> None:
    def scenario(site: Site) -> str:
        with RawClient(site.port(port)) as client:
            client.send(http("GET", path, "host: a", "cookie: SESSION=123456789", "connection: close"))
            client.read_all()
            line = log_lines(site, client.source_port)[0]
        if port == "usual":
            return line.split('"')[1] + " " + line.split(" be/s1 ")[1].split()[3]
        return line.split("] ")[1]

    pair.same(scenario)
