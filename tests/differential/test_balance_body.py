"""balance url_param check_post beside HAProxy: the parameter in bodies, whole, in parts, in chunks, and missing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.differential.pairs import Pair, paired
from tests.harness import RawClient, Site, requires

pytestmark = requires("haproxy")

CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 1s
    timeout server 5s
frontend fe
    bind 127.0.0.1:$(fe)
    default_backend be
listen both
    bind 127.0.0.1:$(both)
    balance url_param user check_post
    http-after-response set-header x-server %[srv_name]
    server-template b 7 127.0.0.1:$(s1)
backend be
    balance url_param user check_post 20
    http-response set-header x-server %[srv_name]
    server-template s 7 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)


def post(body: bytes, target: bytes = b"/", method: bytes = b"POST", length: int = -1) -> bytes:
    size = len(body) if length < 0 else length
    return b"%b %b HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%b" % (method, target, size, body)


def chunks(*parts: bytes) -> bytes:
    head = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


BODIES = [
    *(b"user=k%d" % n for n in range(12)),
    *(b"a=1&user=k%d&b=2" % n for n in range(6)),
    *(b"user=" + b"x" * n for n in range(0, 40, 7)),
    *(b"user=k1;b", b"user=k1 b", b"user=k1\nb", b"xuser=1&user=k1", b"user=%6b1", b"a&user=k1", b"&user=k1"),
    b"x" * 12000 + b"&user=k2",
]
CASES: dict[str, tuple[tuple[bytes, ...], ...]] = {
    "bodies": tuple((post(body),) for body in BODIES),
    "chunks": (
        (chunks(b"user=k1"),),
        (chunks(b"a=1&", b"user=k1"),),
        (chunks(b"us", b"er=k2&b=1"),),
        (chunks(b"user=k3&", b"b=1"),),
    ),
    "parts": ((post(b"user=k1")[:-7], b"user=k1"), (post(b"user=k2")[:-1], b"2")),
    "the query string comes first": tuple((post(b"user=zz", b"/?user=k%d" % n),) for n in range(7)),
    "only POST": tuple((post(b"user=k3", method=method),) for method in (b"PUT", b"PATCH", b"PUT")),
    "others wait for their body too": ((post(b"", b"/?user=k1", b"PUT", 3), b"abc"), (post(b"", length=3), b"abc")),
    "without it in turn": tuple(
        (post(body),) for body in (b"", b"x=1", b"?user=k1", b"a?user=k1", b"User=k1", b"user")
    ),
    "too slow": ((post(b"user=k1", length=20),),),
}


@pytest.mark.parametrize("entry", ["fe", "both"])
@pytest.mark.parametrize("name", CASES)
def test_parameters_in_bodies_lead_to_the_same_server(pair: Pair, name: str, entry: str) -> None:
    def scenario(site: Site) -> Any:
        seen = []
        for parts in CASES[name]:
            with RawClient(site.port(entry)) as client:
                for number, part in enumerate(parts):
                    if number:
                        time.sleep(0.1)  # so that it comes in a segment of its own
                    client.send(part)
                answer = client.read_reply()
            seen.append((answer.status, answer.get("x-server")))
        return seen

    pair.same(scenario)
