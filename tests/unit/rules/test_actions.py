"""What actions do to messages and streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pylb.http.message import Request
from pylb.listener.proxy_protocol import ProxyHeader
from pylb.listener.proxy_protocol import apply as apply_header
from pylb.rules.actions.connection import restore_addresses
from pylb.rules.verdicts import Outcome
from pylb.sample import variables
from pylb.sample.values import MISS, Typed
from tests.unit.rules.stage import Program, fields, http, problems, response, tcp

HEAD = b"GET /a/b?q=1 HTTP/1.1\r\nhost: h\r\nx: 1, 2\r\ny: old\r\nx: 3\r\n\r\n"


def after(rules: str, head: bytes = HEAD) -> Request:
    program = http(rules)
    stream = program.stream(head)
    assert stream.frontend.http_request.run(stream) is None
    assert stream.request is not None
    return stream.request


HEADERS = [
    ("add-header X new", [b"host: h", b"x: 1, 2", b"y: old", b"x: 3", b"x: new"]),
    ("add-header Z %[path]", [b"host: h", b"x: 1, 2", b"y: old", b"x: 3", b"z: /a/b"]),
    ("set-header X new", [b"host: h", b"y: old", b"x: new"]),
    ("set-header X %[hdr(x)]", [b"host: h", b"y: old", b"x: 3"]),
    ("set-header new v", [b"host: h", b"x: 1, 2", b"y: old", b"x: 3", b"new: v"]),
    ("del-header X", [b"host: h", b"y: old"]),
    ("del-header nope", [b"host: h", b"x: 1, 2", b"y: old", b"x: 3"]),
    ("del-header ^[xy]$ -m reg", [b"host: h"]),
    ("del-header O -m sub", [b"x: 1, 2", b"y: old", b"x: 3"]),
    ("del-header Ho -m beg", [b"x: 1, 2", b"y: old", b"x: 3"]),
    ("del-header st -m end", [b"x: 1, 2", b"y: old", b"x: 3"]),
    ("replace-header X ([0-9]) <\\1>", [b"host: h", b"x: <1>", b"y: old", b"x: <3>"]),
    ("replace-header Y nope z", [b"host: h", b"x: 1, 2", b"y: old", b"x: 3"]),
    ("replace-value X ([0-9]) <\\1>", [b"host: h", b"x: <1>,<2>", b"y: old", b"x: <3>"]),
    ("replace-value X 2 \\x41%[method]", [b"host: h", b"x: 1,AGET", b"y: old", b"x: 3"]),
]


@pytest.mark.parametrize(("rule", "wanted"), HEADERS, ids=[row[0] for row in HEADERS])
def test_header_actions_edit_the_fields(rule: str, wanted: list[bytes]) -> None:
    request = after(f"http-request {rule}")
    assert [one[2] for one in request.fields] == [line + b"\r\n" for line in wanted]


def test_the_host_is_kept_in_step() -> None:
    request = after("http-request set-header Host other", b"GET http://h/p HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (request.host, request.target) == (b"other", b"http://other/p")
    assert after("http-request del-header host").host is None


URIS = [
    ("set-path /new", b"/new?q=1"),
    ("set-path /x%[path]", b"/x/a/b?q=1"),
    ("set-pathq /new", b"/new"),
    ("set-pathq /n?z", b"/n?z"),
    ("set-query z=2", b"/a/b?z=2"),
    ("set-query %[hdr(nope)]", b"/a/b?"),
    ("set-uri /u", b"/u"),
    ("set-path '/a b'", b"/a%20b?q=1"),
    ("replace-path ^/a(.*) \\1", b"/b?q=1"),
    ("replace-path a /whole", b"/whole?q=1"),
    ("replace-path nope /whole", b"/a/b?q=1"),
    ("replace-pathq (.*)\\?q=(.*) \\1/\\2", b"/a/b/1"),
    ("replace-uri ^/ http://o/", b"http://o/"),
]


@pytest.mark.parametrize(("rule", "target"), URIS, ids=[row[0] for row in URIS])
def test_uri_actions_rewrite_the_target(rule: str, target: bytes) -> None:
    assert after(f"http-request {rule}").target == target


def test_an_absolute_target_keeps_scheme_and_authority() -> None:
    head = b"GET http://h/p?q HTTP/1.1\r\nhost: h\r\n\r\n"
    assert after("http-request set-path /new", head).target == b"http://h/new?q"
    assert after("http-request replace-path ^/p /z", head).target == b"http://h/z?q"


def test_a_new_absolute_uri_sets_the_host() -> None:
    request = after("http-request set-uri http://new.example/p")
    assert (request.host, request.fields[0][1]) == (b"new.example", b"new.example")


def test_a_query_is_added_only_when_there_is_something_to_add() -> None:
    head = b"GET /p HTTP/1.1\r\nhost: h\r\n\r\n"
    assert after("http-request set-query a=b", head).target == b"/p?a=b"
    assert after("http-request set-query %[hdr(nope)]", head).target == b"/p"


def test_a_path_takes_the_place_of_the_asterisk_which_is_none() -> None:
    head = b"OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n"
    assert after("http-request replace-path .* /x", head).target == b"*"
    assert after("http-request set-path /p", head).target == b"/p"


def test_an_authority_becomes_the_host() -> None:
    request = after("http-request set-uri user@new.example:8080/p")
    assert (request.host, request.fields[0][1]) == (b"new.example:8080", b"new.example:8080")


def test_a_method_is_replaced() -> None:
    assert after("http-request set-method PUT").method == b"PUT"


def respond(rules: str, head: bytes = b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 0\r\n\r\n") -> Any:
    program = http(rules)
    stream = program.stream()
    stream.response = response(head)
    assert stream.frontend.http_response.run(stream) is None
    return stream.response


def test_response_rules_edit_the_response() -> None:
    answer = respond("http-response set-header x %[status]\nhttp-response set-status 404\nhttp-response del-header a")
    assert (answer.status, answer.reason) == (404, b"Not Found")
    assert fields(answer) == [(b"content-length", b"0"), (b"x", b"200")]
    assert respond("http-response set-status 299 reason 'my %[src]'").reason == b"my 192.0.2.7"


def run(rules: str, stream: Any = None, head: bytes = HEAD) -> Any:
    program = http(rules)
    stream = program.stream(head)
    return stream, stream.frontend.http_request.run(stream)


def test_variables_are_set_with_their_type_and_forgotten() -> None:
    stream, _ = run(
        "http-request set-var(txn.n) int(3)\nhttp-request set-var(sess.a) src\nhttp-request set-var(req.p) path,upper\n"
        "http-request set-var-fmt(txn.f) 'a %[path]'\nhttp-request set-var(txn.gone) str(x)\n"
        "http-request unset-var(txn.gone)\nhttp-request set-var(txn.none) hdr(nope)"
    )
    assert variables.get(stream, "txn.n") == Typed("int", 3)
    assert variables.get(stream, "sess.a") == Typed("addr", bytes((192, 0, 2, 7)))
    assert variables.get(stream, "req.p") == Typed("str", b"/A/B")
    assert variables.get(stream, "txn.f") == Typed("str", b"a /a/b")
    assert variables.get(stream, "txn.gone") is MISS
    assert variables.get(stream, "txn.none") is MISS


@pytest.mark.parametrize(
    ("condition", "value"), [("ifexists", 1), ("ifnotexists", 5), ("ifgt", 1), ("iflt", 5), ("ifempty", 5)]
)
def test_a_conditional_set_var_looks_first(condition: str, value: int) -> None:
    stream, _ = run(f"http-request set-var(txn.v) int(5)\nhttp-request set-var(txn.v,{condition}) int(1)")
    wanted = {"ifexists": 1, "ifnotexists": 5, "ifgt": 1, "iflt": 5, "ifempty": 5}
    assert wanted[condition] == value
    assert variables.get(stream, "txn.v") == Typed("int", value)


def test_maps_and_acl_files_change_for_every_use(tmp_path: Path) -> None:
    file = tmp_path / "hosts.map"
    file.write_text("a one\n")
    acl = tmp_path / "bad.lst"
    acl.write_text("x\n")
    program = http(
        f"http-request set-map({file}) %[path] new\nhttp-request del-map({file}) a\n"
        f"http-request add-acl({acl}) %[path]\nhttp-request del-acl({acl}) x\n"
        f"http-request set-header m '%[path,map({file},none)] %[str(a),map({file},none)]'\n"
        f"http-request set-header bad 1 if {{ path -f {acl} }}\nhttp-request set-header x 1 if {{ hdr(v) -f {acl} }}"
    )
    stream = program.stream(b"GET /p HTTP/1.1\r\nhost: h\r\nv: x\r\n\r\n")
    stream.frontend.http_request.run(stream)
    assert fields(stream.request)[2:] == [(b"m", b"new none"), (b"bad", b"1")]


def test_addresses_changed_by_a_request_are_given_back() -> None:
    stream, _ = run(
        "http-request set-src hdr(x,1)\nhttp-request set-src-port int(99)\nhttp-request set-dst ipv4(10.0.0.1)\n"
        "http-request set-header seen '%[src]:%[src_port] %[dst]:%[dst_port] %[fc_src]:%[fc_src_port]'",
        head=b"GET / HTTP/1.1\r\nhost: h\r\nx: 198.51.100.1\r\n\r\n",
    )
    assert fields(stream.request)[-1] == (b"seen", b"198.51.100.1:99 10.0.0.1:80 192.0.2.7:4711")
    restore_addresses(stream)
    session = stream.session
    assert session.src is None and session.dst is None and stream.addresses_before is None


def test_a_connection_rule_changes_the_address_for_good() -> None:
    program = tcp("tcp-request connection set-src ipv4(198.51.100.9)\ntcp-request connection set-dst-port int(8443)")
    session = program.stream(b"").session
    assert session.frontend.tcp_connection.run(session) is None
    assert session.address == ("198.51.100.9", 4711)
    assert session.local == ("192.0.2.1", 8443)


def test_session_rules_and_proxy_headers_leave_the_connections_own_addresses_alone() -> None:
    program = Program(
        "frontend f\n mode http\n bind 127.0.0.1:80\n tcp-request connection set-src ipv4(198.51.100.9)\n"
        " tcp-request session set-dst ipv4(10.0.0.2)\n"
        " http-request set-header seen '%[src]:%[src_port] %[dst]:%[dst_port]'\n"
        " http-request set-header real '%[fc_src]:%[fc_src_port] %[fc_dst]:%[fc_dst_port]'\n"
    )
    stream = program.stream()
    session = stream.session
    session.frontend.tcp_connection.run(session)
    header = ProxyHeader(1, 0)
    header.src, header.dst = ("203.0.113.1", 11), ("203.0.113.2", 22)
    apply_header(header, session)
    program.rules(session.frontend.config, "tcp-request session").run(session)
    stream.frontend.http_request.run(stream)
    assert [one[1] for one in stream.request.fields[-2:]] == [
        b"203.0.113.1:11 10.0.0.2:22",
        b"198.51.100.9:4711 192.0.2.1:80",
    ]


def test_a_method_changed_from_or_to_head_frames_the_answer_by_what_was_asked() -> None:
    for asked, rules, silent, keep in (
        (b"HEAD", "set-method GET", True, True),
        (b"HEAD", "set-method GET\nhttp-request set-method HEAD", False, True),
        (b"GET", "set-method HEAD", False, False),
        (b"GET", "set-method POST", False, True),
    ):
        stream, _ = run(f"http-request {rules}", head=b"%b / HTTP/1.1\r\nhost: h\r\n\r\n" % asked)
        assert (stream.request.silent, stream.keep) == (silent, keep)


def test_connection_rules_accept_reject_and_drop() -> None:
    for rule, kind in (("accept", Outcome.STOP), ("reject", Outcome.CLOSE), ("silent-drop", Outcome.DROP)):
        program = tcp(f"tcp-request connection {rule} if {{ src 192.0.2.0/24 }}")
        session = program.stream(b"").session
        assert session.frontend.tcp_connection.run(session).kind is kind


def test_a_tcp_frontend_can_switch_to_http() -> None:
    program = tcp("tcp-request content switch-mode http")
    stream = program.stream(b"", data=b"GET")
    assert stream.frontend.tcp_content.run(stream).kind is Outcome.UPGRADE


def test_a_body_is_waited_for_once() -> None:
    rules = "http-request wait-for-body time 2s at-least 10\nhttp-request set-header len %[req.body_len]"
    program = http(rules)
    stream = program.stream(b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 20\r\n\r\n")
    ruleset = stream.frontend.http_request
    verdict = ruleset.run(stream)
    assert (verdict.kind, verdict.at) == (Outcome.WAIT, 1)
    assert (verdict.wait.kind, verdict.wait.seconds, verdict.wait.size) == ("body", 2.0, 10)
    stream.request.body, stream.request.held = bytes(12), True
    assert ruleset.run(stream, verdict.at) is None
    assert fields(stream.request)[-1] == (b"len", b"12")
    assert ruleset.run(stream) is None
    assert http(rules).stream().frontend.http_request.run(program.stream()) is None


def test_streams_are_tuned() -> None:
    stream, _ = run(
        "http-request set-log-level silent\nhttp-request set-priority-class int(-9999)\n"
        "http-request set-priority-offset int(20)\nhttp-request disable-l7-retry\nhttp-request strict-mode off"
    )
    assert stream.log_level == "silent"
    assert stream.priority == (-2047, 20)
    assert stream.retry_disabled


def test_timeouts_are_set_where_there_is_a_backend() -> None:
    program = http("", more="    http-request set-timeout server 5s\n    http-request set-timeout tunnel int(1500)\n")
    stream = program.stream()
    assert program.backends["b"].http_request.run(stream) is None
    assert (stream.timeout_server, stream.overrides) == (5.0, {"timeout_tunnel": 1.5})
    assert problems("http-request set-timeout server 5s") == [
        "error detected in frontend 'f' while parsing 'http-request set-timeout' rule : "
        "proxy 'f' has no backend capability."
    ]


USERS = """
userlist people
    group admins users ann
    group staff
    user ann password $5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1
    user bob insecure-password secret groups staff
"""


@pytest.mark.parametrize(
    ("credentials", "seen"),
    [
        (b"Ym9iOnNlY3JldA==", b"1 staff bob"),
        (b"Ym9iOndyb25n", b"0"),
        (b"bm9ib2R5OnNlY3JldA==", b"0"),
        (b"YW5uOnBhc3N3b3Jk", b"1 admins ann"),
        (b"", b""),
    ],
)
def test_users_authenticate_with_their_groups(credentials: bytes, seen: bytes) -> None:
    from pylb.fetches.http_auth import crypt_function

    crypt = crypt_function()
    assert crypt is not None
    hashed = crypt(b"password", b"$5$salt$")
    assert hashed is not None
    users = USERS.replace("$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1", hashed.decode())
    program = Program(
        users
        + "frontend f\n    mode http\n    bind 127.0.0.1:80\n    http-request set-header ok %[http_auth(people)]\n"
        "    http-request set-header group admins if { http_auth_group(people) admins }\n"
        "    http-request set-header group staff if { http_auth_group(people) staff }\n"
        "    http-request set-header user %[http_auth_group(people)] if { http_auth(people) }\n"
    )
    line = b"authorization: Basic " + credentials + b"\r\n" if credentials else b""
    stream = program.stream(b"GET / HTTP/1.1\r\nhost: h\r\n" + line + b"\r\n")
    stream.frontend.http_request.run(stream)
    found = [value for name, value in fields(stream.request) if name in (b"ok", b"group", b"user")]
    assert b" ".join(found) == seen


def test_blanks_around_a_value_are_sent_and_not_read() -> None:
    program = http('http-request set-header a "a: "\nhttp-request set-header b "%[req.fhdr(a)]x %[req.fhdr(a)] "')
    stream = program.stream()
    stream.frontend.http_request.run(stream)
    a, b = stream.request.fields[-2:]
    assert (a[1], a[2]) == (b"a:", b"a: a: \r\n")
    assert (b[1], b[2]) == (b"a:x a:", b"b: a:x a: \r\n")


def test_timeouts_in_force_and_tlvs_can_be_read() -> None:
    program = http(
        "",
        more="http-request set-timeout server 3s\nhttp-request set-header t "
        "'%[cur_server_timeout] %[cur_tunnel_timeout] %[fc_pp_tlv(0xEA)]'\n",
    )
    stream = program.stream()
    stream.backend = program.backend("b")
    stream.backend.timeout_tunnel = 7.0
    stream.session.proxy_header = ProxyHeader(2, 0)
    stream.session.proxy_header.tlvs = ((0xEA, b"vpc"),)
    stream.backend.http_request.run(stream)
    assert stream.request.fields[-1][1] == b"3000 7000 vpc"
    assert "expects a TLV type between 0 and 255" in problems("http-request set-header x %[fc_pp_tlv(256)]")[0]
