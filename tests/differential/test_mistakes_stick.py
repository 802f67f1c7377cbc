"""Mistakes in `stick` rules and in references to stick tables, beside HAProxy."""

from __future__ import annotations

import pytest

from tests.differential.mistakes import Case, compare, spoilt
from tests.harness import requires

pytestmark = requires("haproxy")

KINDS = ("ip", "ipv6", "integer", "string", "binary")
TABLES = "".join(f"backend t-{kind} from base\n stick-table type {kind} size 1k\n" for kind in KINDS)
TABLES += "backend none from base\n"
HTTP = ("mode http",)
LINES = (
    "stick on src table t-ip if TRUE",
    "stick on src,ipmask(24) table t-ip unless { src 127.0.0.1 }",
    "stick on src ipmask(24) table t-ip",
    "stick on src, ipmask(24) table t-ip",
    "stick match hdr(a) table t-string",
    "stick store-request url table t-string",
    "stick store-response res.cook(a) table t-string if { res.hdr(a) b }",
    "stick store-response hdr(a) table t-string",
    "stick store-request res.cook(a) table t-string",
    "stick on src",
    "stick on src table none",
    "stick on path_beg table t-ip",
    "stick on hdr(a table t-ip",
)
KEYS = ("src", "int(1)", "str(a)", "bin(00)", "bool(1)", "base32+src", "method", "hdr(a)", "hdr_ip(a)", "url32", "date",
        "src,lower", "hdr(a),hex", "var(txn.a)", "req.rdp_cookie(a)", "src_port", "ssl_fc")  # fmt: skip
REFERENCES = (
    "acl a src_conn_rate({}) gt 1",
    "acl a sc0_conn_rate({}) gt 1",
    "acl a sc_conn_rate(0,{}) gt 1",
    "acl a src,table_conn_rate({}) gt 1",
    "acl a src,in_table({})",
    "acl a table_avl({}) gt 1",
    "acl a src_get_gpc(0,{}) gt 1",
    "http-request deny if { src_conn_rate({}) gt 1 }",
    "http-request set-header a %[src_conn_rate({})]",
    "http-request set-var(txn.a) src,table_conn_rate({})",
    "acl a be_conn({}) gt 1",
    "acl a fe_conn({}) gt 1",
    "acl a nbsrv({}) gt 1",
    "acl a srv_conn({}/s) gt 1",
    "acl a srv_conn(s) gt 1",
    "acl a http_auth({})",
    "http-request track-sc0 src table {}",
    "http-request track-sc1 hdr(a) table {}",
    "http-request track-sc2 base32+src table {}",
    "http-request track-sc0 int(1) table {}",
)


def test_mistakes_in_stick_rules_are_judged_alike() -> None:
    cases = [Case("backend", wrong, HTTP) for line in LINES for wrong in spoilt(line, 2)]
    differences = list(compare(cases, TABLES))
    assert not differences, "\n".join(map(str, differences))


@pytest.mark.parametrize("kind", KINDS)
def test_keys_fit_the_same_tables(kind: str) -> None:
    cases = [Case("backend", f"stick on {key} table t-{kind}", HTTP) for key in KEYS]
    differences = list(compare(cases, TABLES))
    assert not differences, "\n".join(map(str, differences))


def test_stick_rules_outside_backends_are_judged_alike() -> None:
    lines = ("stick on src table t-ip", "stick on src", "stick on", "stick zork", "stick")
    cases = [Case(section, line) for section in ("frontend", "listen", "defaults") for line in lines]
    differences = list(compare(cases, TABLES))
    assert not differences, "\n".join(map(str, differences))


def test_references_are_looked_for_alike() -> None:
    names = ("t-ip", "t-integer", "t-binary", "none", "nothing", "")
    cases = [Case("listen", line.replace("{}", name), HTTP) for line in REFERENCES for name in names]
    differences = list(compare(cases, TABLES))
    assert not differences, "\n".join(map(str, differences))
