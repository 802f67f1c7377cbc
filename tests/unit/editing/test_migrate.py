"""`pylb migrate`: old words in, today's words out, everything else untouched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.editing import migrate
from pylb.http.codec import DEFAULT_LIMITS, fast
from pylb.http.kept import Keeping
from pylb.http.message import Request
from tests.unit.rules.stage import Program


def rewritten(text: str, **details: Any) -> str:
    return migrate.migrate(text, **details)[0]


def in_frontend(line: str) -> tuple[list[str], list[str]]:
    """The lines that one line of a frontend becomes, and the remarks."""
    head = "frontend f\n    mode http\n"
    text, remarks = migrate.migrate(f"{head}    {line}\n")
    return [one.strip() for one in text.removeprefix(head).splitlines()], [remark.message for remark in remarks]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("clitimeout 5s", "timeout client 5s"),
        ("contimeout 5000", "timeout connect 5000"),
        ("timeout srvtimeout 1m", "timeout server 1m"),
        ("cliexp 5s", "timeout client 5s"),
        ("redispatch", "option redispatch"),
        ("no option independant-streams", "no option independent-streams"),
        ("option forceclose", "option httpclose"),
        ("option accept-invalid-http-request", "option accept-unsafe-violations-in-http-request"),
        (r"reqadd X-Proto:\ a\ b", "http-request add-header X-Proto 'a b'"),
        (r"rspadd X-Load:\ 100% unless slow", "http-response add-header X-Load 100%% unless slow"),
        ("block if { path /x }", "http-request deny if { path /x }"),
        ("reqidel ^X-One:", "http-request del-header X-One"),
        ("reqidel ^X-One:.*", "http-request del-header X-One"),
        ("rspidel ^(Server|Via):", "http-response del-header ^(server|via)$ -m reg"),
        (r"reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2", r"http-request replace-pathq ^/static/(.*) '/\1'"),
        (r"reqirep ^([^\ ]*)\ /a[/]?(.*) \1\ /\2 if x", r"http-request replace-pathq (?i)^/a[/]?(.*) '/\1' if x"),
        (r"reqrep ^(GET|POST)\ /a/(.*) \1\ /\2", r"http-request replace-pathq ^/a/(.*) '/\1' if { method GET POST }"),
        (r"reqrep ^(.*)\ /a/(.*)\ (.*) \1\ /b/\2\ \3", r"http-request replace-pathq ^/a/(.*)$ '/b/\1'"),
        (r"reqirep ^Host:\ a.b(.*) Host:\ c\1", r"http-request replace-header Host (?i)^a.b(.*) 'c\1'"),
        ("reqideny ^User-Agent:.*bot", "http-request deny if { req.fhdr(User-Agent) -m reg -i ^.*bot }"),
        ("reqitarpit ^X-Bad:", "http-request tarpit if { req.fhdr(X-Bad) -m found }"),
        ("monitor-net 10.0.0.0/8", "http-request return status 200 if { src 10.0.0.0/8 }"),
        ("bind :80 process 1", "bind :80"),
        ("bind :443 ssl crt /a npn http/1.1 no-sslv3", "bind :443 ssl crt /a alpn http/1.1 ssl-min-ver TLSv1.0"),
        ("http-request lua check a if x", "http-request lua.check a if x"),
    ],
)
def test_one_line(old: str, new: str) -> None:
    assert in_frontend(old)[0] == [new]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            'option httpchk GET /x "HTTP/1.1\\r\\nHost: a b"',
            ["option httpchk", "http-check send meth GET uri /x ver HTTP/1.1 hdr Host 'a b'"],
        ),
        ("option httpchk GET /x HTTP/1.1", ["option httpchk GET /x HTTP/1.1"]),
        ("dispatch 127.0.0.1:80", ["server dispatch 127.0.0.1:80"]),
        ("transparent", ["server transparent 0.0.0.0"]),
        (
            "appsession SID len 32 timeout 1h",
            [
                "stick-table type string len 32 size 1m expire 1h",
                "stick match req.cook(SID)",
                "stick store-response res.cook(SID)",
            ],
        ),
    ],
)
def test_lines_of_a_backend(old: str, new: list[str]) -> None:
    text = rewritten(f"backend b\n {old}\n")
    assert text == "backend b\n" + "".join(f" {line}\n" for line in new)


@pytest.mark.parametrize(
    "old",
    [
        r"reqrep ^([^\ ].*)a/b(.*) \1\2",
        r"reqrep ^Host:\ (.*) X-Host:\ \1",
        r"reqrep ^GET\ (.*) POST\ \1",
        r"rsprep ^HTTP/1.1\ 404 HTTP/1.1\ 200",
        "reqallow ^GET\n    reqdeny .",
        "reqideny cmd.exe",
        'reqrep "^Host: ${NAME}" "Host: a"',
    ],
)
def test_what_has_no_exact_form_is_kept_and_listed(old: str) -> None:
    lines, remarks = in_frontend(old)
    assert lines == [line.strip() for line in old.split("\n")]
    assert len(remarks) == len(lines)
    assert all(f"'{line.split()[0]}' is kept: " in remark for line, remark in zip(lines, remarks, strict=True))


def test_rules_stay_behind_the_acls_that_they_name() -> None:
    text = "frontend f\n mode http\n reqidel ^A:\n acl x path /\n block if !x\n"
    assert rewritten(text) == (
        "frontend f\n mode http\n acl x path /\n http-request deny if !x\n http-request del-header A\n"
    )
    text = "frontend f\n mode http\n http-request set-header B 1\n acl x path /\n block if !x\n"
    written, remarks = migrate.migrate(text)
    assert written == text
    assert [one.message for one in remarks] == [
        "'block' is kept: its place is before line 3, where 'x' is not known yet"
    ]


def test_a_backend_that_old_rules_choose() -> None:
    assert in_frontend(r"reqisetbe ^Host:\ img static") == (
        ["use_backend static if { req.fhdr(Host) -m reg -i ^img }"],
        [],
    )
    assert in_frontend(r"reqsetbe ^[^\ ]*\ /(img|css)/ static")[0] == [
        "use_backend static if { pathq -m reg ^/(img|css)/ }"
    ]
    assert in_frontend("use_backend a if TRUE\n    reqsetbe ^GET b")[1] == [
        "'reqsetbe' is kept: it decides before the 'use_backend' rules above it"
    ]


def test_programs_keep_their_master() -> None:
    text = "global\n master-worker\nprogram p\n command true\n"
    written, remarks = migrate.migrate(text)
    assert (written, [remark.line for remark in remarks if remark.kept]) == (text, [2, 3])
    assert rewritten("global\n master-worker # -W\n") == "global\n # -W\n"


def test_what_a_frontend_allows_counts_in_backends_too() -> None:
    text = "frontend f\n reqallow ^GET\nbackend b\n reqdeny ^X-Bad:\n"
    written, remarks = migrate.migrate(text)
    assert (written, [remark.line for remark in remarks]) == (text, [2, 4])
    assert rewritten("frontend f\n reqallow ^GET\nbackend b\n reqdel ^A:\n") == (
        "frontend f\nbackend b\n http-request del-header A\n"
    )


def test_a_kept_rule_keeps_its_neighbours_because_of_their_order() -> None:
    lines, remarks = in_frontend("reqidel ^A:\n    reqideny cmd\n    reqadd B:\\ 1")
    assert lines == ["reqidel ^A:", "reqideny cmd", "http-request add-header B 1"]
    assert remarks[0] == "'reqidel' is kept: it runs in one order with line 4"


def test_a_case_that_gets_lost_is_a_remark() -> None:
    assert in_frontend("reqdel ^X-One:")[1] == ["today's rules find the header whatever the case of its name"]
    assert in_frontend("reqidel ^X-One:")[1] == []


def test_comments_layout_and_line_ends_stay() -> None:
    text = "# top\r\n\r\nglobal\r\n\tmaxconn  10 # ten\r\ndefaults\r\n\tclitimeout   5s\t# five\r\n\r\n# end"
    assert rewritten(text) == text.replace("clitimeout", "timeout client")


def test_a_comment_outlives_its_line() -> None:
    assert rewritten("global\n    debug # loud\n") == "global\n    # loud\n"


def test_a_file_of_today_is_not_touched() -> None:
    text = (
        "global\n  nbthread 2\nfrontend f\n  bind   :80  name x\n  mode http\n  option httpchk  GET /\n"
        "backend b\n  server s 1.2.3.4:5   check"
    )
    assert migrate.migrate(text) == (text, [])


def test_addresses_leave_the_header() -> None:
    assert rewritten("listen web 0.0.0.0:80,:81 # both\n  mode http\n") == (
        "listen web # both\n  bind 0.0.0.0:80,:81\n  mode http\n"
    )
    assert rewritten("frontend f from d\n") == "frontend f from d\n"


def test_rules_move_to_where_they_ran() -> None:
    text = (
        "frontend f\n mode http\n reqadd A:\\ 1 # a\n http-request set-header B 1\n reqidel ^C:\n block if TRUE\n"
        " redirect location /x if FALSE\n"
    )
    assert rewritten(text) == (
        "frontend f\n mode http\n http-request deny if TRUE\n http-request set-header B 1\n"
        " http-request del-header C\n http-request add-header A 1 # a\n redirect location /x if FALSE\n"
    )


def test_block_stays_before_what_ran_behind_it() -> None:
    text = "frontend f\n mode http\n reqidel ^A:\n block if TRUE\n"
    assert rewritten(text) == "frontend f\n mode http\n http-request deny if TRUE\n http-request del-header A\n"


def test_an_older_target_keeps_what_it_still_knows() -> None:
    text = "global\n master-worker\nbackend b\n dispatch :80\n option accept-invalid-http-response\n"
    assert rewritten(text, to=(2, 6)) == text
    assert "master-worker" not in rewritten(text)


RULES = [
    r"reqrep ^([^\ :]*)\ /static/(.*) \1\ /\2",
    r"reqirep ^([^\ ]*)\ /a[/]?(.*) \1\ /x\2",
    r"reqrep ^(GET|PUT)\ (/.*/)b/(.*) \1\ \2\3",
    r"reqrep ^([^\ :]*)\ (.*)/b/(.*)\ (.*) \1\ \2/\3\ \4",
    r"reqirep ^Host:\ www.(.*) Host:\ \1",
    r"reqirep ^x-one:\ *(a)(.*) X-One:\ <\2\1>",
    "reqidel ^x-.*:",
    "reqidel ^X-One:",
    r"reqideny ^x-one:\ *a",
    r"reqideny ^x-one:",
    r"reqdeny ^[^\ ]*\ /static/a",
    r"reqdeny ^PUT\ /a",
    r"reqadd X-New:\ 50%",
    "block if { path_beg /b }",
    r"reqitarpit ^Host:\ b",
]
PATHS = st.lists(st.sampled_from(["static", "a", "b", "A", "c.d", ""]), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(
    st.lists(st.sampled_from(RULES), min_size=1, max_size=3, unique=True),
    st.sampled_from(["GET", "PUT", "HEAD"]),
    PATHS,
    st.sampled_from(["", "?q=/static/b/"]),
    st.lists(st.sampled_from(["X-One: a", "x-one: ab", "X-ONE: c", "X-Two: a", "Y: a"]), max_size=3),
    st.sampled_from(["www.a", "b", "WWW.c"]),
)
def test_migrated_rules_do_what_the_old_ones_did(
    rules: list[str], method: str, path: str, query: str, lines: list[str], host: str
) -> None:
    text = "frontend f\n mode http\n bind :80\n" + "".join(f" {rule}\n" for rule in rules)
    new, remarks = migrate.migrate(text)
    assert not any(remark.kept for remark in remarks), remarks
    head = "\r\n".join([f"{method} {path}{query} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode()
    assert outcome(text, head) == outcome(new, head)


def outcome(text: str, head: bytes) -> Any:
    stream = Program(text).stream()
    request = Keeping(fast).parse_request(head, len(head), DEFAULT_LIMITS)
    assert isinstance(request, Request)
    stream.request = request
    verdict = stream.frontend.http_request.run(stream)
    if verdict is not None:
        return verdict.kind, verdict.reply.status
    return request.method, request.target, [one[:2] for one in request.fields], request.host


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "a.cfg", tmp_path / "b.cfg"
    path.write_bytes(b"defaults\n clitimeout 5s\n")
    assert migrate.main([str(path)]) == 0
    assert capsys.readouterr().out == "defaults\n timeout client 5s\n"
    path.write_bytes(b"global\n nbproc 2 # \xff\n")
    assert migrate.main([str(path), "-o", str(out)]) == 1
    assert out.read_bytes() == b"global\n nbthread 2 # \xff\n"
    assert capsys.readouterr().err.startswith(f"{path}:2: look: processes have become threads")
    assert migrate.main([str(path), "--write"]) == 1
    assert path.read_bytes() == out.read_bytes()
    assert migrate.main([str(tmp_path / "none")]) == 2
    with pytest.raises(SystemExit) as caught:
        migrate.main([str(path), "--to", "1.5"])
    assert caught.value.code == 2
