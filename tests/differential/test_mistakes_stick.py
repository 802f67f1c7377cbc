"""Mistakes in stick tables, in `stick` rules and in references to stick tables, beside HAProxy."""

from __future__ import annotations

import pytest

from tests.differential.mistakes import Case, Difference, compare, spoilt
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
DATA = {
    "counter": ("server_id", "gpc0", "gpt0", "conn_cur", "bytes_out_cnt"),
    "rate": ("gpc0_rate", "conn_rate", "http_req_rate", "bytes_in_rate"),
    "array": ("gpc", "gpt", "gpc_rate"),
}
ARGUMENTS = (
    *("", "()", "(10s)", "(3)", "(3,10s)", "(0)", "(100)", "(101)", "(0,10s)", "(x)", "(10x)", "(3,)", "(,3)", "(10s"),
    *("10s)", "(-1)", "( 3)", "(3,0)", "(99999d)", "(99999999999999)", "(+3)", "(1.5)", "(us)", "(5us)", "(1s)x"),
)
STORES = (
    *("gpc0,gpc(2)", "gpc(2),gpc1", "gpc_rate(2,1s),gpc0_rate(1s)", "gpt0,gpt(2)", "gpc(2),gpc(3)", "gpc0,gpc0"),
    *("gpc0 gpc1", "gpc0,", "gpc0,,gpc1", ",gpc0", "gpc0 store gpc1", "gpc0 store gpc0", "gpc(2),gpc0_rate(1s)"),
    *(
        "conn_rate(1s),conn_rate(2s)",
        "",
        "gpc0,zork",
        "gpc0 , gpc1",
        "GPC0",
        "zork(3",
        "(",
        "(3)",
        ",",
        "gpc(2),gpc0,zork",
    ),
)
TABLE_LINES = (
    *("type ip size 1k expire 5s nopurge peers P store gpc0", "type string len 20 size 1k srvkey addr store gpt0"),
    *("type binary len 16 size 1m", "size 1k", "type ip size 0", "type ip size 5g", "type ip size 1k1", "type string"),
    *("type ip len 5 size 1k", "type string len size 1k", "type string len 0 size 1k", "type string len 5x size 1k"),
    *("type integer len 4 size 1k", "type ip size 1k expire 0", "type ip size 1k expire 25d", "type ip size 1k store"),
    *("type ip size 1k nopurge nopurge", "type ip size 1k peers zork", "type ip size 1k srvkey", "store gpc0 type ip"),
    *("type ip size 1k type ipv6", "type ip size 1k size 2k", "type IP size 1k", "TYPE ip size 1k", "type ip size 1K"),
    *("type ip size 1k expire 100us", "type ip size k", "type ip size 1k expire ms", "type ip size 1k expire 1s5", ""),
)
PEERS = "peers P\n peer vm 127.0.0.1:9\n"


def _told(differences: list[Difference]) -> str:
    """A length below zero is taken by 2.6."""
    return "\n".join(str(each) for each in differences if " len -1 " not in each.case.line)


@pytest.mark.parametrize("section", ["backend", "peers"])
def test_mistakes_in_tables_are_judged_alike(section: str) -> None:
    name = "stick-table" if section == "backend" else "table t"
    cases = [Case(section, wrong) for line in TABLE_LINES for wrong in spoilt(f"{name} {line}", name.count(" ") + 1)]
    cases = [case for case in cases if not case.line.startswith(("no ", "default "))]
    cases = cases if section == "backend" else cases[::4]
    assert not _told(list(compare(cases, PEERS)))


@pytest.mark.parametrize("kind", DATA)
def test_stored_data_are_judged_alike(kind: str) -> None:
    begin = "stick-table type ip size 1k store"
    cases = [Case("backend", f"{begin} {word}{arguments}") for word in DATA[kind] for arguments in ARGUMENTS]
    cases += [Case("backend", f"{begin} {store}") for store in STORES]
    assert not _told(list(compare(cases)))


def test_a_second_table_of_the_same_name_is_refused_alike() -> None:
    first = ("stick-table type ip size 1k",)
    cases = [Case(section, first[0], first) for section in ("frontend", "backend", "listen")]
    cases += [Case("peers", "table t type ip size 1", ("table t type ip size 1",))]
    cases += [Case(section, line) for section in ("global", "defaults", "peers") for line in ("stick-table", *first)]
    assert not _told(list(compare(cases)))


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
