"""normalize-uri on random targets. Rules are without conditions: behind `if`, HAProxy 2.6 takes some for others."""

from __future__ import annotations

import random
from typing import Any

from pylb.rules.actions.normalize import _NORMALIZERS
from tests.harness import RawClient

NORMALIZERS = [*_NORMALIZERS, *(f"{name} {one.option}" for name, one in _NORMALIZERS.items() if one.option)]
BASE = """
global
 expose-experimental-directives
defaults
 mode http
 timeout client 5s
 timeout server 5s
 timeout connect 5s
"""
CONFIG = BASE + "".join(
    f"frontend fe{number}\n bind 127.0.0.1:$(fe{number})\n http-request normalize-uri {name}\n"
    ' http-request return status 200 content-type text/plain lf-string "%[url]|%[path]|%[query]"\n'
    for number, name in enumerate(NORMALIZERS)
)
PIECES = [
    "/",
    "/",
    "/",
    ".",
    "..",
    "...",
    "a",
    "b=2",
    "a=1",
    "%41",
    "%2e",
    "%2F",
    "%3f",
    "%zz",
    "%",
    "%4",
    "%6a",
    "//",
    "/./",
    "/../",
    "?",
    "&",
    "=",
]
FIXED = ["http://h/", "http://h/a/../b", "/", "/?", "/..", "/a/../..", "//..", "/..//..", "/?b&&a", "/?&"]


def targets(count: int) -> list[str]:
    choice = random.Random(26)
    return [*FIXED, *("/" + "".join(choice.choices(PIECES, k=choice.randint(1, 8))) for _ in range(count))]


def test_targets_become_the_same(differential: Any) -> None:
    def scenario(site: Any) -> Any:
        found = []
        for number, name in enumerate(NORMALIZERS):
            for target in targets(60):
                with RawClient(site.port(f"fe{number}")) as client:
                    reply = client.send(b"GET %b HTTP/1.1\r\nhost: h\r\n\r\n" % target.encode()).read_reply()
                found.append((name, target, reply.status, reply.body if reply.status == 200 else b""))
        return found

    seen = differential(CONFIG, scenario, origins=())
    assert {status for _, _, status, _ in seen} == {200, 400}
