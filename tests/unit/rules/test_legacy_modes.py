"""Old words for what rules of today say: monitor-net, mode health, http-request lua."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from pylb.registry import Status
from pylb.rules.verdicts import Outcome
from tests.unit.rules.stage import Program, http, tcp


def test_monitor_net_answers_its_clients_before_all_other_rules_and_without_a_log() -> None:
    program = http("http-request deny\nblock if TRUE\nmonitor-net 192.0.2.0/24")
    stream = program.stream()
    verdict = stream.frontend.http_request.run(stream)
    assert (verdict.kind, verdict.reply.status) == (Outcome.REPLY, 200)
    assert stream.log_level == "silent"
    assert stream.frontend.tcp_connection.run(stream.session) is None


def test_monitor_net_leaves_others_alone() -> None:
    program = http("monitor-net 198.51.100.1")
    stream = program.stream()
    assert stream.frontend.http_request.run(stream) is None
    assert stream.log_level != "silent"


def test_monitor_net_closes_in_mode_tcp() -> None:
    program = tcp("monitor-net 192.0.2.7")
    stream = program.stream(data=b"x")
    assert stream.frontend.tcp_connection.run(stream.session).kind is Outcome.CLOSE


def test_monitor_net_of_defaults_follows_the_mode_of_each_proxy() -> None:
    program = Program(
        "defaults\n mode http\n monitor-net 192.0.2.7\nfrontend f\n bind :1\nfrontend g\n bind :2\n mode tcp\n"
    )
    web, raw = (program.stream(frontend=number) for number in (0, 1))
    assert web.frontend.tcp_connection.run(web.session) is None
    assert raw.frontend.tcp_connection.run(raw.session).kind is Outcome.CLOSE


def test_mode_health_answers_everybody() -> None:
    program = Program("frontend f\n mode health\n bind :1\n")
    stream = program.stream()
    verdict = stream.frontend.http_request.run(stream)
    assert (verdict.kind, verdict.reply.status) == (Outcome.REPLY, 200)
    assert verdict.reply.render(stream).body == b"OK"
    assert stream.frontend.config.option("httpclose")


def test_option_http_proxy_runs_once_in_the_proxy_that_connects() -> None:
    program = Program("defaults\n mode http\n option http_proxy\nfrontend f\n bind :1\nbackend b\nlisten l\n bind :2\n")
    stream = program.stream(frontend=0, head=b"GET http://192.0.2.9:81/x?y HTTP/1.1\r\nHost: 192.0.2.9:81\r\n\r\n")
    assert stream.frontend.http_request.run(stream) is None
    assert stream.request.target == b"http://192.0.2.9:81/x?y"
    stream.backend = program.backends["b"]
    for _ in range(2):
        assert stream.backend.http_request.run(stream) is None
        assert (stream.request.target, stream.session.dst, stream.session.dst_port) == (
            b"/x?y",
            b"\xc0\x00\x02\x09",
            81,
        )
    other = program.stream(frontend=1)
    assert other.frontend.http_request.run(other).reply.status == 400


def test_no_option_http_proxy_takes_the_inherited_one_back() -> None:
    program = Program("defaults\n mode http\n option http_proxy\nbackend b\n no option http_proxy\n")
    assert program.backends["b"].http_request is None
    assert not program.backends["b"].config.option("http_proxy")


def test_the_first_form_of_lua_rules_is_that_of_today() -> None:
    program = http("http-request lua check if { path / }")
    assert [use.word.name for use in program.config.inert(Status.UNSAFE)] == ["lua"]


@pytest.mark.parametrize(
    ("rule", "word", "hint"),
    [
        ("monitor-net 10.0.0.0/8", "monitor-net", "write 'http-request return status 200 if { src 10.0.0.0/8 }'"),
        ("mode health", "mode health", "write 'mode http' and 'http-request return status 200'"),
    ],
)
def test_each_use_is_one_notice(rule: str, word: str, hint: str) -> None:
    notices = [item for item in http(rule).report.items if item.severity is Severity.NOTICE]
    assert [item.hint for item in notices if word in item.message] == [hint]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("monitor-net", "'monitor-net' expects <source> as an argument."),
        ("monitor-net 1.2.3.4 5", "'monitor-net' cannot handle unexpected argument '5'."),
        ("monitor-net 1.2.3.4/99", "'monitor-net' : "),
        ("http-request lua", "'lua' expects a function name"),
    ],
)
def test_mistakes(rule: str, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        http(rule)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "line", ["monitor-net 10.0.0.1", "mode health", "rspadd A:\\ b", "block if FALSE", "reqdel ^A:"]
)
def test_old_words_of_defaults_go_to_both_sides(line: str) -> None:
    program = Program(f"defaults\n mode http\n {line}\nlisten l\n bind :1\nfrontend f\n bind :2\nbackend b\n")
    assert not program.alerts
