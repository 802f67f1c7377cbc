"""Every fetch, converter and ACL keyword that HAProxy 2.6 lists, with good and bad arguments and in every place."""

from __future__ import annotations

import functools
import re
import subprocess

import pytest

from tests.differential.mistakes import Case, Difference, compare
from tests.harness import requires
from tests.harness.peers import find

pytestmark = requires("haproxy")

HTTP = ("mode http",)
PRELUDE = "backend tab from base\n stick-table type ip size 1k\n server s 127.0.0.1:1\nuserlist ul\n"
FORMS = ("(zork)", "(a,b,c,d,e,f)", "(", "(1", ")")  # of words without a signature too
PLACES = (
    "tcp-request connection accept if {{ {} -m found }}",
    "tcp-request session accept if {{ {} -m found }}",
    "tcp-request content accept if {{ {} -m found }}",
    "tcp-response content accept if {{ {} -m found }}",
    "http-request allow if {{ {} -m found }}",
    "http-response allow if {{ {} -m found }}",
    "http-after-response allow if {{ {} -m found }}",
    "use-server s if {{ {} -m found }}",
    "use_backend tab if {{ {} -m found }}",
    "http-request set-header a %[{}]",
    "http-response set-var(txn.a) {}",
    "tcp-request connection set-src {}",
)
FLAGS = (
    "acl a src 127.0.0.1",
    "acl a src 127.0.0.1/8 ::1 10.0.0.0/255.0.0.0",
    "acl a src 127.0.0.300",
    "acl a src 1.2.3.4/33",
    "acl a src name.invalid",
    "acl a src -n name.invalid",
    "acl a src -f /dev/null",
    "acl a src -f /nonexistent",
    "acl a src -M -f /dev/null",
    "acl a src -M",
    "acl a src -u 5 127.0.0.1",
    "acl a src -u x 127.0.0.1",
    "acl a src -u",
    "acl a src --",
    "acl a src -- 127.0.0.1",
    "acl a src -i 127.0.0.1",
    "acl a src -x 127.0.0.1",
    "acl a src -m",
    "acl a src -m zork",
    "acl a src -m ip 127.0.0.1",
    "acl a src -m str a",
    "acl a src -m reg (",
    "acl a src -m found",
    "acl a src -m found yes",
    "acl a src -m len 5",
    "acl a src -m int 5",
    "acl a path -m beg",
    "acl a path -m beg /a -i /b",
    "acl a path -i -m beg -- -i",
    "acl a path -m str -f /dev/null /a",
    "acl a path -m reg ^a(",
    "acl a path -m bool",
    "acl a path -m bin 00",
    "acl a path -m bin zz",
    "acl a path -m dom a.b",
    "acl a path_beg /a",
    "acl a path_beg -m end /a",
    "acl a path_len gt 5",
    "acl a path_len 5:6",
    "acl a path_len 6:5",
    "acl a path_len x",
    "acl a path,length gt 5",
    "acl a path,length gt",
    "acl a path,length gt 5 lt 7",
    "acl a path,length eq 1 2",
    "acl a path,length foo 1",
    "acl a src_port 80",
    "acl a src_port -5:5",
    "acl a src_port :5",
    "acl a src_port 5:",
    "acl a method GET POST",
    "acl a method -m reg G",
    "acl a method,lower -m str get",
    "acl a req.ver 1.1",
    "acl a hdr(host) a",
    "acl a hdr(host,1) a",
    "acl a hdr(host),lower a",
    "acl a hdr_beg(host),lower a",
    "acl a hdr_beg(host) a",
    "acl a hdr_zork(host) a",
    "acl a hdr_reg(host) -i ^A",
    "acl a hdr_dom(host) -i a.b c",
    "acl a hdr(host),zork a",
    "acl a hdr(host)lower a",
    "acl a hdr(host),, a",
    "acl a hdr(host), a",
    "acl a hdr_cnt(host) gt 1",
    "acl a always_true",
    "acl a always_true yes",
    "acl a always_true 1",
    "acl a zork a",
    "acl a",
    "acl",
    "acl a! src 1.2.3.4",
    "acl or src 1.2.3.4",
    "acl || src 1.2.3.4",
    "acl a,b src 1.2.3.4",
    "acl if src 1.2.3.4",
    "acl TRUE src 1.2.3.4",
    "acl a req.ssl_ver 3.1",
    "acl a req_ssl_ver 3.1:3.3",
    "acl a req_ssl_ver zork",
    "acl a ssl_fc",
    "acl a res.hdr(a) -m sub b",
    "acl a var(txn.a) a",
    "acl a var(txn.a) -m int gt 5",
    "acl a bin(00) 00",
    "acl a nbsrv lt 1",
    "acl a nbsrv(tab) lt 1",
    "acl a url_ip 1.2.3.4",
    "acl a wait_end",
)
CONDITIONS = (
    "if TRUE",
    "unless TRUE",
    "if",
    "unless",
    "if !TRUE",
    "if ! TRUE",
    "if !!TRUE",
    "if ! ! TRUE",
    "if !",
    "if TRUE FALSE",
    "if TRUE or FALSE",
    "if TRUE || FALSE",
    "if TRUE or",
    "if or TRUE",
    "if or or",
    "if TRUE and FALSE",
    "if true",
    "if zork",
    "if { src 1.2.3.4 }",
    "if !{ src 1.2.3.4 }",
    "if ! { src 1.2.3.4 }",
    "if {src 1.2.3.4 }",
    "if { src 1.2.3.4}",
    "if { src 1.2.3.4",
    "if { }",
    "if {}",
    "if { src } TRUE",
    "if { zork }",
    "if { src 1.2.3.4 } or { dst 1.2.3.4 } !TRUE",
    "if { hdr(a) -m zork b }",
    "if { hdr(a) -f /nonexistent }",
    "if { res.hdr(a) b }",
    "if { path_beg / } { nbsrv(zork) 1 }",
    "if TRUE }",
    "if { src 1.2.3.4 } }",
    "If TRUE",
    "when TRUE",
    "if HTTP_2.0",
    "if METH_GET LOCALHOST !HTTP_URL_STAR",
    "unless TRUE if FALSE",
)
RULES = (
    "http-request deny",
    "http-request set-header a b",
    "http-response deny",
    "http-after-response set-header a b",
    "tcp-request connection reject",
    "tcp-request session reject",
    "tcp-request content reject",
    "tcp-response content reject",
    "use_backend tab",
    "use-server s",
    "force-persist",
    "ignore-persist",
    "redirect location /",
    "monitor fail",
    "http-request redirect location /",
    "stick on src table tab",
    "http-request capture src len 5",
)


@functools.cache
def _listed(switch: str) -> dict[str, str]:
    """Names of HAProxy's list, with their signatures."""
    program = find("haproxy")
    assert program is not None
    run = subprocess.run([program, f"-dK{switch}", "-q", "-c", "-f", "/dev/null"], capture_output=True, timeout=20)
    names = {}
    for line in run.stdout.decode().splitlines():
        found = re.match(r"(?:\[[ .Y]+\] )?([^\s(:=]+)(\([^)]*\))?", line)
        if found and not line.startswith("#"):
            names[found[1]] = found[2] or ""
    return names


_GOOD = {"string": "txn.a", "integer": "1", "table": "tab", "backend": "tab", "frontend": "m0m", "server": "tab/s",
         "user list": "ul", "delay": "5", "regex": "a", "IPv4 mask": "24"}  # fmt: skip


def _valid(name: str, signature: str) -> str:
    """The word with the arguments that it requires."""
    required = signature.strip("()").split("[")[0].strip(",")
    given = [_GOOD.get(kind, "1") for kind in required.split(",") if kind]
    return f"{name}({','.join(given)})" if given else name


_WRONG = {
    "integer": ("zork", "1x", "99999999999999999999", "-1", "0", "1.5"),
    "delay": ("zork", "5x"),
    "size": ("zork", "5x"),
    "IPv4 address": ("zork", "1.2.3", "1.2.3.300", "::1"),
    "IPv6 address": ("zork", "1.2.3.4"),
    "IPv4 mask": ("zork", "33", "-1"),
    "IPv6 mask": ("zork", "129", "ffff::"),
    "table": ("zork", "b"),
    "frontend": ("zork", "tab"),
    "server": ("zork", "tab/zork", "zork/s"),
    "regex": ("(", "["),
}


def _typed(name: str, signature: str) -> list[str]:
    """The word without arguments, with each number of valid ones, with one too many, and with each one wrong."""
    kinds = [kind for kind in re.split(r"[,\[\]()]+", signature) if kind]
    good = [_GOOD.get(kind, "1") for kind in kinds]
    lists = [good[:count] for count in range(1, len(good) + 1)]
    lists += [[*good, "1"], [*good, ""], [*good[:1], "", ""]]
    for at, kind in enumerate(kinds):
        for wrong in ("zork", "1", "", *_WRONG.get(kind, ())):
            lists += [[*good[:at], wrong, *good[at + 1 :]], [*good[:at], wrong]]
    return list(dict.fromkeys([name, f"{name}()", *(f"{name}({','.join(given)})" for given in lists)]))


# What differs knowingly: HAProxy prints freed memory; a warning of several lines names no line and no section;
# PCRE's sentences; what later versions can read of requests while responses are processed.
_NOISE = ("parsing acl keyword", "\ufffd", "character '[ALERT]", "is not a dotted number")
# Options that words have since 2.6.
_NEWER = (
    *("query(", "body_param(txn.a,", "urlp(a,b,"),
    *(f"{name}(txn.a,{between}," for name in ("url_param", "urlp", "urlp_val") for between in ("txn.a", "")),
)
_ALIKE = re.compile(r"map_(?!str|beg_int|reg|ip)")  # maps differ by what they match, not by their arguments


def _told(differences: list[Difference]) -> str:
    return "\n".join(map(str, differences))


def _severities(cases: list[Case]) -> list[Difference]:
    """Where one side accepts what the other does not. HAProxy's sentences on arguments count positions oddly."""
    return [
        each
        for each in _asked(cases)
        if each.weight == "severity"
        and not any(word in each.case.line for word in _NEWER)
        and not re.search(r"response.*\breq[._]ver", each.case.line)
    ]


def _asked(cases: list[Case]) -> list[Difference]:
    """Differences; those that come out after parsing only are asked again alone."""
    found = []
    for each in compare(cases, PRELUDE):
        found += list(compare([each.case], PRELUDE)) if "accepted" in (each.theirs.level, each.ours.level) else [each]
    return [
        each
        for each in found
        if not any(noise in each.theirs.message or noise in each.ours.message for noise in _NOISE)
        and not ("-response" in each.case.line and "HTTP_2.0" in each.case.line)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_arguments_of_fetches_are_judged_alike(form: str) -> None:
    names = _listed("smp")
    assert len(names) > 400
    differences = _severities([Case("listen", f"acl a {name}{form} -m found", HTTP) for name in names])
    assert not differences, _told(differences)


@pytest.mark.parametrize("form", FORMS)
def test_arguments_of_converters_are_judged_alike(form: str) -> None:
    names = _listed("cnv")
    assert len(names) > 100
    differences = _severities([Case("listen", f"acl a path,{name}{form} -m found", HTTP) for name in names])
    assert not differences, _told(differences)


def test_typed_arguments_of_fetches_are_judged_alike() -> None:
    words = [word for name, signature in _listed("smp").items() for word in _typed(name, signature)]
    differences = _severities([Case("listen", f"acl a {word} -m found", HTTP) for word in words])
    assert not differences, _told(differences)


def test_typed_arguments_of_converters_are_judged_alike() -> None:
    names = {name: signature for name, signature in _listed("cnv").items() if not _ALIKE.match(name)}
    words = [word for name, signature in names.items() for word in _typed(name, signature)]
    differences = _severities([Case("listen", f"acl a path,{word} -m found", HTTP) for word in words])
    assert not differences, _told(differences)


def test_groups_of_user_lists_are_judged_alike() -> None:
    lines = [
        *(f"acl a http_auth_group(ul){rest}" for rest in (" g", " h", " g h", " -m found", ",lower -m found", " -- g")),
        *(f"http-request deny if {{ http_auth_group(ul){rest} }}" for rest in (" g", " h", " -f /dev/null")),
        "http-request set-header a %[http_auth_group(ul)]",
        "acl a http_auth(ul) x",
    ]
    differences = list(compare([Case("listen", line, HTTP) for line in lines], "userlist ul\n group g\n"))
    assert not differences, _told(differences)


@pytest.mark.parametrize("source", ["int(1)", "src", "bool(1)", "req.body", "method", "var(txn.a)"])
def test_converters_take_the_same_types(source: str) -> None:
    words = [_valid(name, signature) for name, signature in _listed("cnv").items()]
    differences = _severities([Case("listen", f"acl a {source},{word} -m found", HTTP) for word in words])
    assert not differences, _told(differences)


@pytest.mark.parametrize("place", PLACES)
def test_fetches_may_be_read_in_the_same_places(place: str) -> None:
    words = [_valid(name, signature) for name, signature in _listed("smp").items()]
    differences = _severities([Case("listen", place.format(word), (*HTTP, "server s 127.0.0.1:1")) for word in words])
    assert not differences, _told(differences)


def test_acl_keywords_are_known_alike() -> None:
    names = _listed("acl")
    assert len(names) > 70
    cases = [Case("listen", f"acl a {name}{form} 1", HTTP) for name in names for form in ("", "(a)", "(1)", ",lower")]
    differences = _severities(cases)
    assert not differences, _told(differences)


def test_lines_of_acls_are_judged_alike() -> None:
    differences = _asked([Case("listen", line, HTTP) for line in FLAGS])
    assert not differences, _told(differences)


@pytest.mark.parametrize("rule", RULES)
def test_conditions_are_judged_alike(rule: str) -> None:
    before = (*HTTP, "server s 127.0.0.1:1")
    differences = _asked([Case("listen", f"{rule} {condition}", before) for condition in CONDITIONS])
    assert not differences, _told(differences)
