"""Rules written in another order than they run: HAProxy's warnings, for every pair and triple of kinds of rules."""

from __future__ import annotations

import itertools
from pathlib import Path

from tests.differential.mistakes import _said_by_haproxy, _said_by_pylb
from tests.harness import requires

pytestmark = requires("haproxy")

RULES = [
    "tcp-request connection accept if TRUE",
    "tcp-request session accept if TRUE",
    "tcp-request content accept if TRUE",
    "monitor fail if FALSE",
    "monitor-uri /alive",
    "http-request set-header A 1",
    "redirect location /x if FALSE",
    "use_backend b if TRUE",
    "use-server s if TRUE",
    "http-response set-header A 1",
    "http-after-response set-header A 1",
    "tcp-response content accept if TRUE",
    "stick on src",
    "acl a src 192.0.2.1",
]
HEAD = """defaults
 mode http
 timeout client 5s
 timeout connect 5s
 timeout server 5s
backend b
 server s 127.0.0.1:1
"""


def test_warnings_about_the_order_of_rules_are_haproxys(tmp_path: Path) -> None:
    text = HEAD
    orders = [*itertools.permutations(RULES, 2), *itertools.permutations(RULES, 3)]
    for count, rules in enumerate(orders):
        text += f"listen p{count}\n bind unix@{tmp_path}/{count}\n stick-table type ip size 10\n server s 127.0.0.1:2\n"
        text += "".join(f" {rule}\n" for rule in rules)
    path = tmp_path / "order.cfg"
    path.write_text(text)
    theirs, ours = (
        {(line, message) for _, line, message in said(path) if "still be processed before" in message}
        for said in (_said_by_haproxy, _said_by_pylb)
    )
    assert len(theirs) > 500
    assert ours == theirs
