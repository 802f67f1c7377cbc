"""The words of healthcheck (manual 12.9): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from tests.unit.config.judging import alerts, said, section
from tests.unit.config.judging import judged as whole

GOOD = (
    "type httpchk GET /health HTTP/1.1 %[srv_name]",
    "type tcp-check",
    "type ssl-hello-chk",
    "type smtpchk EHLO domain.tld",
    "type pgsql-check user postgres",
    "type redis-check",
    "type mysql-check user u",
    "type ldap-check",
    "type spop-check",
    "http-check send meth GET uri /health ver HTTP/1.1",
    "http-check expect status 200",
    "http-check connect port 81 ssl",
    "http-check disable-on-404",
    "http-check send-state",
    "http-check set-var(check.x) str(a)",
    "tcp-check connect port 81",
    "tcp-check send-lf %[srv_name]",
    "http-check comment text",
)
WRONG = {
    "type": "'type' expects a health-check type.",
    "type httpchkk": "'type' : unknown health-check type 'httpchkk'; did you mean 'httpchk' maybe ?",
    "type redis-check x": "'option redis-check' cannot handle unexpected argument 'x'.",
    "type pgsql-check": "'option pgsql-check' expects 'user <username>' as argument.",
    "type pgsql-check usr x": "'option pgsql-check' only supports optional values: 'user'.",
    "type mysql-check user u zork": "keyword 'user' only supports 'post-41' and 'pre-41' (got 'zork').",
    "type httpchk a b c d e": "'option httpchk' cannot handle unexpected argument 'e'.",
    "http-check": "'http-check' only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', 'expect",
    "http-check sendd": "'http-check' only supports 'disable-on-404', 'send-state', 'comment', 'connect', 'send', '",
    "http-check expect": "'http-check expect' : expects at least a matching pattern as arguments.",
    "http-check expect statuss 200": "'http-check expect' : 'only supports min-recv, [!]string', '[!]rstring', '[!]",
    "http-check expect status x": "'http-check expect' : invalid character 'x' in the list of status codes.",
    "http-check send meth": "'http-check send' : 'meth' expects a string as argument..",
    "http-check send-state x": "'http-check' cannot handle unexpected argument 'x'.",
    "http-check set-var(check.x)": "'http-check set-var(check.x)' : 'set-var' : missing fetch method.",
    "http-check set-var(x) str(a)": "'http-check set-var(x)' : 'set-var' : invalid variable name 'x'. A variable na",
    "http-check set-var(check.x) zork": "'http-check set-var(check.x)' : 'set-var' : unknown fetch method 'zork'.",
    "tcp-check expect string": "'tcp-check expect' : 'string' expects a <pattern> as argument.",
    "tcp-check connect port 99999": "'tcp-check connect' : expects a valid TCP port (from range 1 to 65535) or a sa",
    "tcp-check send": "'tcp-check send' : 'string' expects a send as argument.",
    "tcp-check send-binary 0g": "'tcp-check send-binary' : '0g' invalid binary string (an hex digit is expected (fo",
    "tcp-check send-lf %[zork]": "'tcp-check send-lf' : '%[zork]' invalid log-format string (failed to parse sample",
    "http-chekc send": "unknown keyword 'http-chekc' in 'healthcheck' section; did you mean 'http-check' maybe ?",
    "zork": "unknown keyword 'zork' in 'healthcheck' section",
}


def judged(line: str) -> list[str]:
    return alerts(section("healthcheck h", "type httpchk", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_section_without_a_type_is_an_error() -> None:
    assert alerts("healthcheck h\n") == ["healthcheck section 'h' (declared at test.cfg:1) has no 'type'."]


def test_a_server_names_a_section_that_is_there() -> None:
    check = section("healthcheck api", "type httpchk")
    backend = "backend b\n    server s 127.0.0.1:80 check healthcheck {}\n"
    assert alerts(backend.format("api") + check) == []
    missing = "backend 'b', server 's' : unable to find the healthcheck section 'app'."
    assert alerts(backend.format("app") + check) == [missing]


def test_steps_of_another_type_are_remarked() -> None:
    config = whole(section("healthcheck h", "type redis-check", "http-check expect status 200"))
    assert said(config) == []
    remark = "healthcheck section 'h' has http-check rules, which its type 'redis-check' does not use."
    assert remark in said(config, Severity.NOTICE)


def test_steps_come_in_the_order_of_a_backend() -> None:
    text = section("healthcheck h", "type tcp-check", "tcp-check send a", "tcp-check connect")
    assert alerts(text)[0].startswith("'tcp-check connect' : first step MUST also be a 'connect'")
