"""`pylb lint`: every check fires on its own example and is silent on the right one; comments, formats, exit codes."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pylb import standard
from pylb.editing import lint, lint_checks, lint_logic, lint_manual, lint_subject

standard.load()
lint_manual.load_checks()
CHECKS = lint_checks.CHECKS
ROOT = Path(__file__).resolve().parents[3]


LISTS = {
    "empty.lst": "# nothing\n\n",
    "networks.lst": "192.0.2.0/24\n",
    "twice.map": "a.example app\nb.example app\n  a.example  api # again\n",
    "once.map": "a.example app\nb.example app\n",
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> str:
    """A self-signed certificate with its key: what the examples call /etc/ssl/site.pem and /etc/ssl/ca.pem."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    words = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    words += ["-subj", "/CN=example.com", "-days", "2", "-keyout", str(path), "-out", f"{path}.crt"]
    subprocess.run(words, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return str(path)


def findings_in_example(check: lint_checks.Check, text: str, path: Path, certificate: str) -> list[lint_checks.Finding]:
    text = lint_checks.framed(check, text)
    for name, content in LISTS.items():
        path.with_name(name).write_text(content)
        text = text.replace(f"/etc/haproxy/{name}", str(path.with_name(name)))
    path.write_text(text.replace("/etc/ssl/site.pem", certificate).replace("/etc/ssl/ca.pem", certificate))
    path.chmod(0o644)
    subject = lint_subject.read_files([str(path)], absent=check.code in ("L801", "L804"))
    problems = lint.loaded(subject)
    assert not problems.fatal, [item.headline() for item in problems.items]
    return lint.examine(subject)


def codes(text: str) -> list[str]:
    return [finding.check.code for finding in lint.lint_text(text)]


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_fires_on_its_example(code, tmp_path, certificate):
    check = CHECKS[code]
    found = findings_in_example(check, check.bad, tmp_path / "bad.cfg", certificate)
    mine = [finding for finding in found if finding.check is check]
    assert mine, [finding.check.code for finding in found]
    for finding in mine:
        assert finding.span.line > 0 and finding.span.text and finding.message


@pytest.mark.parametrize("code", CHECKS)
def test_a_check_is_silent_on_the_right_form(code, tmp_path, certificate):
    check = CHECKS[code]
    found = findings_in_example(check, check.good, tmp_path / "good.cfg", certificate)
    assert not [finding.message for finding in found if finding.check is check]


@pytest.mark.parametrize("code", CHECKS)
def test_the_right_form_of_a_check_has_no_errors_of_other_checks(code, tmp_path, certificate):
    check = CHECKS[code]
    found = findings_in_example(check, check.good, tmp_path / "good.cfg", certificate)
    assert not [finding for finding in found if finding.check.severity == "error"]


HTTP = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-request 10s

"""
BACKENDS = """
backend app
    option forwardfor
    server a1 192.0.2.1:80

backend api
    option forwardfor
    server b1 192.0.2.2:80
"""


def frontend(*lines: str, bind: str = "bind :80") -> str:
    body = "".join(f"    {line}\n" for line in (bind, *lines))
    return f"{HTTP}frontend web\n{body}    default_backend app\n{BACKENDS}"


def tcp(*lines: str) -> str:
    return frontend(*lines).replace("mode http", "mode tcp").replace("    option forwardfor\n", "")


def backend(*lines: str) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    return f"{HTTP}frontend web\n    bind :80\n    default_backend app\n\nbackend app\n    option forwardfor\n{body}"


# -- shadowing and implication


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{ path_beg /a }", "{ path_beg /a/b }"),
        ("{ path_beg /a }", "{ path /a/b }"),
        ("{ path_beg -i /A }", "{ path_beg /a/b }"),
        ("{ path_end .jpg .png }", "{ path_end .png }"),
        ("{ src 10.0.0.0/8 }", "{ src 10.1.0.0/16 }"),
        ("{ src_port lt 1024 }", "{ src_port 80:90 }"),
        ("{ path_beg /a } or { path_beg /b }", "{ path_beg /b/c }"),
        ("{ path_beg /a }", "{ path_beg /a } { method POST }"),
        ("!{ path_beg /a/b }", "!{ path_beg /a }"),
        ("!{ path_beg /a }", "{ path_beg /b }"),
        ("{ hdr(x-kind) -m found }", "{ hdr(X-Kind) json }"),
        ("{ hdr(host) -i a.example.com b.example.com }", "{ req.hdr(Host) -i b.example.com }"),
    ],
)
def test_a_rule_behind_a_wider_one_is_shadowed(first, second):
    text = frontend(f"use_backend app if {first}", f"use_backend api if {second}")
    assert codes(text).count("L103") == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("{ path_beg /a/b }", "{ path_beg /a }"),
        ("{ path_beg /a }", "{ path_beg -i /a/b }"),
        ("{ path /a }", "{ path /a/b }"),
        ("{ path_beg /a } { method POST }", "{ path_beg /a }"),
        ("{ src 10.0.0.0/8 }", "{ src 192.0.2.1 10.0.0.1 }"),
        ("{ rand(100) lt 10 }", "{ rand(100) lt 10 }"),
        ("{ hdr(x-kind) json }", "{ hdr(x-kind) -m found }"),
        ("{ hdr(a) x }", "{ hdr(b) x }"),
        ("{ path,lower -m beg /a }", "{ path -m beg /a }"),
        ("{ url_param(a) -m str x }", "{ url_param(b) -m str x }"),
        ("{ path_reg ^/a }", "{ path_reg ^/ab }"),
        ("{ queue(api) gt 5 }", "{ queue(api) gt 5 }"),
        ("{ path_dom a }", "{ path_dom a.b }"),
    ],
)
def test_a_rule_that_may_still_match_is_not_called_shadowed(first, second):
    text = frontend(f"use_backend app if {first}", f"use_backend api if {second}")
    assert "L103" not in codes(text)


def test_unless_is_understood_when_rules_are_compared():
    assert "L103" in codes(frontend("use_backend app unless { path_beg /a }", "use_backend api if { path_beg /b }"))
    assert "L103" not in codes(frontend("use_backend app unless { path_beg /a }", "use_backend api if { path_beg /a }"))


def test_a_dynamic_backend_may_fall_through_and_shadows_nothing():
    assert "L103" not in codes(
        frontend("use_backend %[path] if { path_beg /a }", "use_backend api if { path_beg /a/b }")
    )


def test_a_rewriting_between_two_rules_separates_them():
    plain = ("http-request deny if { path_beg /a }", "http-request return status 200 if { path /a/b }")
    assert "L104" in codes(frontend(*plain))
    assert "L104" not in codes(frontend(plain[0], "http-request set-path /a/b", plain[1]))


def test_named_acls_are_seen_through():
    text = frontend(
        "acl wide path_beg /a", "acl narrow path_beg /a/b", "use_backend app if wide", "use_backend api if narrow"
    )
    assert "L103" in codes(text)


# -- conditions that never or always hold


@pytest.mark.parametrize(
    "condition",
    [
        "{ path /a } { path /b }",
        "{ method GET } { method POST }",
        "METH_GET METH_POST",
        "{ hdr(host) -i a.example.com } { hdr(host) -i b.example.com }",
        "{ src 10.0.0.0/8 } { src 192.0.2.0/24 }",
        "{ path_beg /a } !{ path_beg /a }",
        "{ path_beg /a/b } !{ path_beg /a }",
        "{ path_end .jpg } { path_end .png }",
        "{ path /a } { path_beg /b }",
        "{ dst_port 80 } { dst_port 443 }",
    ],
)
def test_tests_that_exclude_each_other_are_found(condition):
    assert "L105" in codes(frontend(f"http-request deny if {condition}"))


@pytest.mark.parametrize(
    "condition",
    [
        "{ path_beg /a } { path_end .jpg }",
        "{ path_beg /a } { path_beg /a/b }",
        "{ hdr(x-forwarded-for) 10.0.0.1 } { hdr(x-forwarded-for) 10.0.0.2 }",
        "{ path_beg /a } !{ path_beg /a/b }",
        "{ cook(a) x } { cook(a) y }",
        "{ src 10.0.0.0/8 } { src 10.1.0.0/16 }",
        "{ hdr(host) -i a.example.com } { hdr_beg(host) -i a }",
        "{ path_sub a } { path_sub b }",
        "{ rand(10) lt 5 } !{ rand(10) lt 5 }",
    ],
)
def test_tests_that_can_hold_together_are_left_alone(condition):
    assert not {"L105", "L106"} & set(codes(frontend(f"http-request deny if {condition}")))


def test_a_test_or_its_opposite_always_holds():
    assert "L106" in codes(frontend("http-request deny if { path_beg /a } or !{ path_beg /a }"))
    assert "L106" in codes(frontend("http-request deny if { path_beg /a } or !{ path_beg /a/b }"))
    assert "L106" not in codes(frontend("http-request deny if { path_beg /a/b } or !{ path_beg /a }"))


# -- order


def test_redirects_run_behind_an_allow_and_are_not_dead():
    assert "L101" not in codes(frontend("http-request allow", "redirect prefix https://example.com"))


def test_a_redirect_that_may_be_empty_ends_nothing():
    text = frontend("http-request redirect location %[path] ignore-empty", "http-request set-header X-A b")
    assert "L101" not in codes(text)


def test_rules_behind_a_reject_of_connections_are_dead():
    assert "L101" in codes(frontend("tcp-request connection reject", "tcp-request connection accept"))


def test_a_condition_of_true_counts_as_none():
    assert "L101" in codes(frontend("http-request deny if TRUE", "http-request set-header X-A b"))


@pytest.mark.parametrize(
    "rewrite",
    ["replace-path /api(.*) /v1\\\\1", "set-path /v1", "set-path %[path,regsub(^/api,)]"],
)
def test_a_path_that_was_rewritten_is_not_found_again(rewrite):
    text = frontend(f"http-request {rewrite} if {{ path_beg /api }}", "use_backend api if { path_beg /api }")
    assert "L120" in codes(text)


@pytest.mark.parametrize(
    "rewrite",
    ["replace-path /api(.*) /api/v1\\\\1", "set-path /api/x", "set-path %[path,lower]", "set-query a=b"],
)
def test_a_path_that_may_still_match_after_rewriting_is_left_alone(rewrite):
    text = frontend(f"http-request {rewrite} if {{ path_beg /api }}", "use_backend api if { path_beg /api }")
    assert "L120" not in codes(text)


# -- what is used


@pytest.mark.parametrize(
    "use",
    [
        "http-request deny if office",
        "http-request deny if !office",
        "http-request deny if { acl(office) }",
        "http-request set-header X-Office %[acl(office)]",
        "redirect prefix https://example.com if { path /x } office",
        "monitor fail if office",
    ],
)
def test_an_acl_is_used_wherever_it_is_named(use):
    assert "L201" not in codes(frontend("acl office src 192.0.2.0/24", use))


@pytest.mark.parametrize("rule", ["use_backend %[path]", "use_backend %[path,field(2,/)]-old"])
def test_a_backend_that_a_format_may_name_counts_as_used(rule):
    text = frontend(rule) + "\nbackend shop-old\n    option forwardfor\n    server c1 192.0.2.3:80\n"
    unused = [f.span.text for f in lint.lint_text(text) if f.check.code == "L401"]
    assert "backend shop-old" not in unused


def test_a_backend_that_no_format_can_name_is_unused():
    text = frontend("use_backend %[path]-new") + "\nbackend shop-old\n    server c1 192.0.2.3:80\n"
    found = [f for f in lint.lint_text(text) if f.check.code == "L401"]
    assert [f.span.text for f in found] == ["backend api", "backend shop-old"]


def test_a_file_without_frontends_is_a_part_and_its_backends_are_not_unused():
    assert "L401" not in codes(
        "backend app\n    timeout connect 5s\n    timeout server 5s\n    server a1 192.0.2.1:80\n"
    )


# -- limits, listeners, servers


@pytest.mark.parametrize(("line", "fires"), [("timeout client 50", True), ("timeout client 5000", False)])
def test_only_times_of_a_few_milliseconds_miss_a_unit(line, fires):
    assert ("L303" in codes(frontend(line))) is fires


def test_check_intervals_miss_their_unit_too():
    assert "L303" in codes(backend("server a1 192.0.2.1:80 check inter 2"))
    assert "L303" not in codes(backend("server a1 192.0.2.1:80 check inter 2s"))


def test_timeouts_of_defaults_count():
    assert "L301" not in codes(frontend())


@pytest.mark.parametrize(
    ("one", "other", "fires"),
    [
        ("bind :80", "bind 0.0.0.0:80", True),
        ("bind :80-90", "bind :85", True),
        ("bind 192.0.2.1:80", "bind 192.0.2.2:80", False),
        ("bind :80", "bind [::]:80", False),
        ("bind :80 interface eth0", "bind :80 interface eth1", False),
    ],
)
def test_addresses_that_two_frontends_share(one, other, fires):
    text = frontend(bind=one) + f"\nfrontend other\n    {other}\n    default_backend api\n"
    assert ("L406" in codes(text)) is fires


def test_one_finding_for_a_backend_in_which_nothing_is_checked():
    text = backend(*(f"server s{n} 192.0.2.{n}:80" for n in range(1, 5)))
    assert codes(text).count("L441") == 1


def test_a_tracked_server_counts_as_checked():
    lines = ("server a1 192.0.2.1:80 check", "server a2 192.0.2.2:80 track app/a1")
    assert "L441" not in codes(backend(*lines))


def test_default_server_gives_checks_to_all():
    lines = ("default-server check", "server a1 192.0.2.1:80", "server a2 192.0.2.2:80")
    assert "L441" not in codes(backend(*lines))


def test_a_template_is_one_server_line():
    found = codes(backend("server-template s 1-3 app.example.com:80 check"))
    assert not {"L443", "L440"} & set(found)


# -- tcp


def test_a_tcp_proxy_that_waits_for_the_hello_is_right():
    lines = (
        "tcp-request inspect-delay 5s",
        "tcp-request content accept if { req.ssl_hello_type 1 }",
        "use_backend api if { req.ssl_sni -i api.example.com }",
    )
    assert "L123" not in codes(tcp(*lines))
    assert "L123" in codes(tcp(*lines[1:]))
    assert "L123" in codes(tcp(lines[0], lines[2]))


# -- security


@pytest.mark.parametrize(
    ("line", "fires"),
    [
        ("http-request deny unless { hdr(x-forwarded-for) 10.0.0.1 }", True),
        ("http-request deny if { hdr_ip(x-real-ip) 192.0.2.0/24 }", True),
        ("http-request set-header X-Office 1 if { hdr_ip(x-forwarded-for) 10.0.0.0/8 }", False),
        ("http-request deny if !{ src 192.0.2.1 } { hdr(x-forwarded-for) 10.0.0.1 }", False),
    ],
)
def test_addresses_that_clients_claim(line, fires):
    assert ("L530" in codes(frontend(line))) is fires


def test_a_header_that_was_deleted_or_comes_through_a_proxy_is_trusted():
    rule = "http-request deny if { hdr_ip(x-real-ip) 192.0.2.0/24 }"
    assert "L530" not in codes(frontend("http-request set-header X-Real-IP %[src]", rule))
    assert "L530" not in codes(frontend(rule, bind="bind 127.0.0.1:8080"))
    assert "L530" not in codes(frontend(rule, bind="bind :80 accept-proxy"))


@pytest.mark.parametrize("extra", ["stats auth alice:x9-Tz", "http-request deny unless { src 10.0.0.0/8 }"])
def test_statistics_behind_a_password_or_a_rule_are_closed(extra):
    lines = "    mode http\n    bind :8404\n    timeout client 9s\n    stats enable\n"
    assert "L520" in codes(f"frontend s\n{lines}")
    assert "L520" not in codes(f"frontend s\n{lines}    {extra}\n")


def test_ciphers_that_are_excluded_are_not_offered():
    assert "L504" not in codes("global\n    ssl-default-bind-ciphers HIGH:!aNULL:!MD5:!3DES\n")
    assert "L504" in codes("global\n    ssl-default-bind-ciphers ECDHE-RSA-RC4-SHA\n")


def test_passwords_from_the_environment_are_not_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "x9-Tz")
    path = tmp_path / "a.cfg"
    path.write_text('userlist staff\n    user alice insecure-password "$SECRET"\n')
    assert "L505" not in [f.check.code for f in lint.examine(lint_subject.read_files([str(path)]))]


def test_a_file_that_only_its_owner_reads_may_hold_passwords(tmp_path):
    path = tmp_path / "a.cfg"
    path.write_text("userlist staff\n    user alice insecure-password wonderland\n")
    path.chmod(0o600)
    assert "L507" not in [f.check.code for f in lint.examine(lint_subject.read_files([str(path)]))]


# -- tables


def test_counters_of_other_tables_are_looked_up_by_name():
    table = "stick-table type ip size 100k expire 1m store http_req_rate(10s)"
    other = "\nbackend rates\n    stick-table type ip size 100k expire 1m store conn_cur\n"
    lines = ("http-request track-sc0 src table rates", "http-request deny if { sc_http_req_rate(0) gt 9 }")
    assert "L701" in codes(frontend(table, *lines) + other)
    named = ("http-request track-sc0 src", "http-request deny if { sc0_http_req_rate gt 9 }")
    assert "L701" not in codes(frontend(table, *named) + other)


# -- comments, formats, exit codes


def test_a_comment_on_the_line_silences_a_check():
    assert "L201" not in codes(frontend("acl x path /  # lint: ignore L201"))
    assert "L201" not in codes(frontend("acl x path /  # lint: ignore L303, unused-acl"))
    assert "L201" in codes(frontend("acl x path /  # lint: ignore L303"))


def test_a_comment_above_silences_only_the_next_line():
    text = frontend("# lint: ignore L201", "acl x path /a", "acl y path /b")
    found = [f for f in lint.lint_text(text) if f.check.code == "L201"]
    assert [f.span.text.strip() for f in found] == ["acl y path /b"]


def test_a_comment_behind_a_line_does_not_reach_the_next():
    text = frontend("acl x path /a  # lint: ignore L201", "acl y path /b")
    assert codes(text).count("L201") == 1


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> str:
        path = tmp_path / "a.cfg"
        path.write_text(text)
        path.chmod(0o600)
        return str(path)

    return write


def run(*words: str) -> tuple[int, str]:
    out = io.StringIO()
    return lint.main(list(words), out), out.getvalue()


def test_exit_code_0_for_a_clean_file_and_for_hints_alone(file):
    assert run("--ignore", "L", file(frontend())) == (0, "")
    code, text = run(file(frontend("use_backend api if { path_beg / }")))
    assert code == 0 and "hint L220 every-path" in text


def test_exit_code_1_and_the_place_of_a_finding(file):
    path = file("frontend web\n    mode http\n    bind :80\n    timeout client 30\n    http-request deny\n")
    code, text = run("--select", "L303", path)
    assert code == 1
    assert text == f"{path}:4:20: error L303 time-without-unit: 30 milliseconds: a unit is missing ('30s'?)\n"


def test_exit_code_2_when_it_does_not_load(file, tmp_path, capsys):
    assert run(file("frontend web\n    bnd :80\n"))[0] == 2
    assert "unknown keyword 'bnd'" in capsys.readouterr().err
    assert run(file(frontend("use_backend nowhere")))[0] == 2
    assert run(str(tmp_path / "missing.cfg"))[0] == 2
    assert run()[0] == 2


def test_files_that_are_not_there_can_be_findings(file, capsys):
    path = file(
        "global\n    lua-load /no/x.lua\n"
        + frontend(
            "errorfile 503 /no/503.http",
            "acl known src -f /no/known.lst",
            "http-request set-var(txn.a) path,map_beg(/no/a.map,x) if known",
            "http-request return status 200 content-type text/plain file /no/page if { var(txn.a) x }",
            "http-request use-service lua.page if { path /l }",
            "use_backend %[path,map(/no/b.map,api)]",
            "bind :443 ssl crt site.pem ca-file /no/ca.pem verify required alpn h2",
            "bind :444 ssl crt-list /no/list strict-sni",
        ).replace("192.0.2.1:80", "192.0.2.1:80 ssl verify required ca-file /no/ca2.pem")
    )
    assert run(path)[0] == 2
    assert "--no-files reports" in capsys.readouterr().err
    code, text = run("--no-files", "--format", "json", "--select", "L801,L201,L406,L402", path)
    found = json.loads(text)
    assert code == 1 and {one["code"] for one in found} == {"L801"}
    assert [one["message"].split("'")[1] for one in found] == [
        "/no/x.lua",
        "/no/503.http",
        "/no/known.lst",
        "/no/a.map",
        "/no/page",
        "/no/b.map",
        "site.pem",
        "/no/ca.pem",
        "/no/list",
        "/no/ca2.pem",
    ]
    assert run("--no-files", "--ignore", "L", path)[0] == 0


def test_hosts_that_are_not_known_can_be_findings(file, capsys):
    text = "global\n    log loghost.invalid:514 local0\n" + frontend() + "mailers m\n    mailer a mail.invalid:25\n"
    assert run(file(text))[0] == 2
    assert "--no-files reports" in capsys.readouterr().err
    code, said = run("--no-files", "--select", "L804", file(text))
    assert code == 1
    assert [line.partition("L804 ")[2] for line in said.splitlines()] == [
        "unknown-host: 'loghost.invalid' has no address here",
        "unknown-host: 'mail.invalid' has no address here",
    ]
    assert run("--no-files", file(text.replace("loghost.invalid", "300.0.2.1")))[0] == 2


def test_a_mistake_beside_an_absent_file_is_still_one(file, capsys):
    path = file(frontend("acl known src -f /no/known.lst", "http-request deny if unknown", "bnd :80"))
    assert run("--no-files", path)[0] == 2
    said = capsys.readouterr().err
    assert "unknown keyword 'bnd'" in said and "no such ACL : 'unknown'" in said
    assert "/no/known.lst" not in said


def test_a_repeated_key_is_shown_in_its_own_file(tmp_path):
    hosts = tmp_path / "hosts.map"
    hosts.write_text("a 1\n# a 2\nb 1\n a  3\n")
    found = lint.lint_text(frontend(f"http-request set-header X %[path,map({hosts})]"))
    mine = [f for f in found if f.check.code == "L803"]
    assert [(f.span.file, f.span.line, f.span.column, f.message) for f in mine] == [
        (str(hosts), 4, 1, "never used: 'a' stands in line 1")
    ]


def test_a_list_that_rules_fill_may_be_empty(tmp_path):
    path = tmp_path / "bad.lst"
    path.write_text("")
    rules = [f"http-request deny if {{ src -f {path} }}", f"http-request add-acl({path}) %[src] if {{ path /x }}"]
    assert "L802" in codes(frontend(rules[0]))
    assert "L802" not in codes(frontend(*rules))


def test_a_comment_in_quotes_silences_nothing():
    assert "L201" in codes(frontend("acl x path '/# lint: ignore L201'"))


def test_an_unknown_user_is_a_matter_of_the_machine_not_of_the_file(file):
    assert run(file("global\n    user nobody-knows-me\n" + frontend("use_backend api if { path /x }")))[0] == 0


def test_json_has_everything_text_has(file):
    path = file(frontend("acl x path /a"))
    code, text = run("--format", "json", "--select", "unused-acl", path)
    assert code == 1
    line = frontend("acl x path /a").splitlines().index("    acl x path /a") + 1
    assert json.loads(text) == [
        {
            "code": "L201",
            "name": "unused-acl",
            "severity": "warning",
            "file": path,
            "line": line,
            "column": 9,
            "end": 10,
            "message": "no condition uses the ACL 'x'",
        }
    ]


def test_codes_are_chosen_by_beginning_and_by_name(file, capsys):
    path = file(frontend("acl x path /a", "timeout client 30"))
    assert "L303" in run("--select", "L3", path)[1] and "L201" not in run("--select", "L3", path)[1]
    assert "L303" not in run("--ignore", "L3,unused-acl", path)[1]
    assert run("--select", "unused-alc", path)[0] == 2
    assert "did you mean 'unused-acl'?" in capsys.readouterr().err


def test_a_terminal_gets_the_line_and_a_caret(file, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    out = Terminal()
    lint.main(["--select", "L201", file(frontend("acl strange path /a"))], out)
    first, second, third = out.getvalue().splitlines()
    assert "\033[33;1mwarning L201 unused-acl\033[0m" in first
    assert second == "      acl strange path /a"
    assert third == "          \033[31;1m^^^^^^^\033[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    lint.main(["--select", "L201", file(frontend("acl strange path /a"))], out)
    assert "\033" not in out.getvalue() and out.getvalue().splitlines()[2] == "          ^^^^^^^"


def test_explain_says_what_a_check_is_about():
    code, text = run("--explain", "L110")
    assert code == 0
    assert text.startswith("### L110 https-redirect-loop (error)")
    assert "http-request redirect scheme https unless { ssl_fc }" in text


def test_several_files_are_one_configuration(tmp_path):
    front, back = tmp_path / "1.cfg", tmp_path / "2.cfg"
    front.write_text(frontend("use_backend shop if { path_beg /shop }"))
    back.write_text(HTTP + "backend shop\n    option forwardfor\n    server c1 192.0.2.9:80\n")
    code, text = run("--select", "L401", str(front), str(back))
    assert code == 1 and "'api'" in text and "'shop'" not in text
    assert run("--select", "L401", str(tmp_path)) == (code, text)


def test_the_manual_page_is_what_the_checks_say():
    assert (ROOT / "docs/lint.md").read_text() == lint_manual.page()


def test_every_check_has_a_chapter_and_says_why():
    assert {code[:2] for code in CHECKS} == set(lint_manual.CHAPTERS)
    for check in CHECKS.values():
        assert check.rule.endswith(".") and check.why.endswith((".", "`"))
        assert check.bad != check.good


SNIPPETS = sorted(
    {line for c in CHECKS.values() if c.frame == "frontend" for line in (c.bad + "\n" + c.good).split("\n")}
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(SNIPPETS), max_size=8), st.lists(st.sampled_from(SNIPPETS), max_size=4))
def test_whatever_loads_can_be_examined(front, back):
    """No combination of lines makes a check fail, and every finding has a place in the file."""
    text = (
        frontend(*front) + "".join(f"    {line}\n" for line in back) + "\nbackend static\n    server c1 192.0.2.3:80\n"
    )
    subject = lint_subject.read_text(text)
    lint.loaded(subject)
    for finding in lint.examine(subject):
        assert text.split("\n")[finding.span.line - 1] == finding.span.text


# -- what each check leaves alone


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("L109", frontend(*["http-request set-header X-A b if { path_beg /a }"] * 3)),
        ("L110", frontend("http-request redirect scheme https")),
        ("L111", frontend("http-request set-header X-A 1", "http-request set-header X-A %[req.hdr(x-a)]2")),
        ("L112", frontend(*["http-request replace-header X-A (.*)a \\1b"] * 2)),
        ("L115", frontend("http-request redirect location https://a.example.com%[path]?%[query]")),
        ("L121", frontend("http-request del-header X-A if { path /x }", "http-request deny if { hdr(x-a) b }")),
        (
            "L121",
            frontend(
                "http-request del-header X-A", "http-request set-header X-A c", "http-request deny if { hdr(x-a) b }"
            ),
        ),
        ("L124", frontend("http-request set-header X-A %[src]", "http-request deny if { hdr(x-a) b }")),
        ("L124", frontend("http-request set-header X-A b", "http-request deny if { hdr(x-a) b }")),
        ("L202", frontend("acl METH_GET method GET HEAD", "http-request deny unless METH_GET")),
        ("L204", frontend("acl a hdr(host) -i x.example.com", "acl a hdr_beg(host) -i y.", "http-request deny if a")),
        ("L206", frontend("http-request deny if { path_end .php }", "http-request deny if { path_sub admin }")),
        ("L207", frontend("http-request deny if { path_reg ^/a?b }", "http-request deny if { url_beg /a?b }")),
        ("L208", frontend("http-request deny if { path_reg ^/a.*b$ }", "http-request deny if { hdr(user-agent) * }")),
        ("L209", frontend("http-request deny if { path_reg ^/(a|b)/[0-9]+ }")),
        ("L211", frontend("http-request deny if { method -i PATCH }")),
        ("L213", frontend("http-request deny if { hdr(host),lower a.example.com }")),
        ("L215", frontend("http-request deny if { hdr_reg(host) -i ^.*\\.example\\.com$ }")),
        ("L216", frontend("use_backend api if { hdr_end(host) -i .example.com }")),
        ("L217", frontend("http-request deny if { hdr_sub(host) -i evil.example.com }")),
        ("L218", frontend("use_backend api if { hdr(host) -i a.example.com }", bind="bind :443 ssl")),
        ("L220", frontend("use_backend api if { path / }")),
        ("L221", frontend("use_backend api if { path -- -i }")),
        ("L304", frontend("timeout tunnel 48h", "timeout client 12h")),
        ("L305", backend("server a1 192.0.2.1:80 maxconn 0")),
        ("L307", "global\n    maxconn 1000\n    ulimit-n 20000\n"),
        ("L407", "frontend s\n    mode http\n    bind :80\n    timeout client 9s\n    stats enable\n"),
        ("L408", frontend("use_backend api if { path /x }")),
        ("L409", tcp("tcp-request connection reject if { src 192.0.2.1 }")),
        ("L410", frontend(bind="bind 127.0.0.1:443")),
        ("L411", frontend("timeout client 9s", "timeout client 9s")),
        ("L420", backend("http-request deny")),
        ("L421", backend("cookie APP prefix", "server a1 192.0.2.1:80 cookie a", "server a2 192.0.2.2:80 cookie b")),
        ("L422", backend("cookie S insert", "server a1 192.0.2.1:80 cookie a")),
        ("L425", backend("option httpclose", "http-reuse never", "server a1 192.0.2.1:80")),
        ("L430", backend("option httpchk GET / HTTP/1.0", "server a1 192.0.2.1:80 check")),
        ("L440", backend("server a1 localhost:80")),
        ("L443", backend("server a1 192.0.2.1:80", "server a2 192.0.2.1:81")),
        ("L446", tcp().replace("192.0.2.1:80", "192.0.2.1")),
        ("L448", backend("option httpchk", "http-check expect status 200", "server a1 192.0.2.1:80 check")),
        ("L501", backend("server a1 127.0.0.1:443 ssl verify none")),
        ("L503", "global\n    ssl-default-bind-options no-sslv3 no-tlsv10 ssl-min-ver TLSv1.2\n"),
        ("L511", "global\n    nbproc 1\n"),
        ("L524", "global\n    stats socket /run/h.sock mode 600 level admin\n"),
        ("L532", frontend("http-request del-header X-Real-IP", "http-request add-header X-Real-IP %[src]")),
        ("L602", "global\n    log 127.0.0.1 local0\n" + frontend("log global")),
        ("L703", frontend("stick-table type ip size 1k nopurge store conn_cur")),
    ],
)
def test_what_is_right_is_left_alone(code, text):
    assert code not in codes(text)


def test_thousands_of_rules_are_not_compared_with_each_other(monkeypatch):
    calls = 0
    implies = lint_logic.implies

    def counted(*conditions):
        nonlocal calls
        calls += 1
        return implies(*conditions)

    monkeypatch.setattr(lint_logic, "implies", counted)
    rules = [f"use_backend api if {{ hdr(host) -i h{n}.example.com }}" for n in range(300)]
    rules += [f"use_backend api if {{ path_beg /p{n}x }}" for n in range(300)]
    assert codes(frontend(*rules, "use_backend api if { hdr(host) -i H7.example.com }")).count("L103") == 1
    assert calls < 10
