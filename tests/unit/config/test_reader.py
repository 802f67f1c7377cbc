"""Files to records: sections, dispatch, prefixes, blocks, environment, losslessness."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config.model import Configuration
from pylb.config.reader import load, parse_text
from pylb.errors import Severity


def problems(config: Configuration, severity: Severity = Severity.ALERT) -> list[tuple[int, str]]:
    return [(item.span.line, item.message) for item in config.report.items if item.severity is severity]


def test_sections_become_records() -> None:
    config = parse_text("global\n description x\ndefaults d\n mode http\nfrontend f\nbackend b\nlisten l\nuserlist u\n")
    assert [(proxy.kind, proxy.name, proxy.number) for proxy in config.proxies] == [
        ("frontend", "f", 1),
        ("backend", "b", 2),
        ("listen", "l", 3),
    ]
    assert all(proxy.http and proxy.origin is config.defaults[0] for proxy in config.proxies)
    assert config.proxy("l", front=True, back=True) is config.proxies[2]
    assert config.proxy("f", back=True) is None
    assert config.section("userlist", "u") is not None


def test_every_problem_of_a_file_is_reported_in_one_run() -> None:
    config = parse_text(
        "nowhere\nglobal\n zork\ndefaults\n timeout client 1x\n mode udp\n option foo\nfrontend a!\n zork\n"
    )
    assert problems(config) == [
        (1, "unknown keyword 'nowhere' out of section."),
        (3, "unknown keyword 'zork' in 'global' section"),
        (5, "unexpected character 'x' in 'timeout client'"),
        (6, "unknown proxy mode 'udp'."),
        (7, "unknown option 'foo'."),
        (8, "character '!' is not permitted in 'frontend' name 'a!'."),
        (9, "unknown keyword 'zork' in 'frontend' section"),
    ]


def test_a_misspelt_word_gets_a_suggestion() -> None:
    config = parse_text("defaults\n tiemout client 4\n option httplo\n")
    assert problems(config) == [
        (2, "unknown keyword 'tiemout' in 'defaults' section; did you mean 'timeout' maybe ?"),
        (3, "unknown option 'httplo'; did you mean 'httplog' maybe ?"),
    ]


def test_the_span_is_the_word_at_fault() -> None:
    config = parse_text("defaults\n  timeout   client  1x\n")
    span = config.report.items[0].span
    assert span.text[span.column : span.end] == "1x"


def test_words_of_the_other_side_are_ignored_with_a_warning() -> None:
    config = parse_text("frontend f\n timeout server 1\n option srvtcpka\n retries 3\nbackend b\n maxconn 3\n")
    assert problems(config, Severity.WARNING) == [
        (2, "'timeout server' will be ignored because frontend 'f' has no backend capability"),
        (3, "'srvtcpka' ignored because frontend 'f' has no backend capability."),
        (4, "'retries' ignored because frontend 'f' has no backend capability."),
        (
            6,
            "'maxconn' ignored because backend 'b' has no frontend capability. Maybe you want 'fullconn' instead ?",
        ),
    ]
    assert config.proxies[0].timeout("server") is None


def test_servers_in_frontends_are_refused() -> None:
    config = parse_text("frontend f\n server s 127.0.0.1:1\n")
    assert problems(config) == [(2, "'server' not allowed because frontend 'f' has no backend capability.")]


def test_rules_need_a_named_defaults_section() -> None:
    config = parse_text("defaults\n acl a always_true\n http-request deny\ndefaults d\n acl a always_true\n")
    assert problems(config) == [
        (2, "'acl' not allowed in anonymous 'defaults' section."),
        (3, "'http-request' not allowed in anonymous 'defaults' section."),
    ]


def test_no_and_default_stand_before_words_that_take_them() -> None:
    text = "defaults\n option srvtcpka\nbackend b\n no option srvtcpka\nbackend c\n default option srvtcpka\n"
    config = parse_text(text)
    assert config.defaults[0].option("srvtcpka") is True
    assert config.proxies[0].values["option srvtcpka"] is False
    assert "option srvtcpka" not in config.proxies[1].values
    config = parse_text("global\n no tune.bufsize 5\nbackend b\n no option tcpka\n no zork\n")
    messages = [message for _, message in problems(config)]
    assert messages[0].startswith("negation/default currently supported only for options, log, busy-polling")
    assert messages[1] == "negation/default is not supported for option 'tcpka'."
    assert messages[3] == "unknown keyword 'zork' in 'backend' section"


def test_surplus_words_are_refused() -> None:
    config = parse_text("global x\nlisten a\n mode http tcp\n option srvtcpka x\n disabled x\n")
    assert problems(config) == [
        (1, "'global' cannot handle unexpected argument 'x'."),
        (3, "'mode' cannot handle unexpected argument 'tcp'."),
        (4, "'option srvtcpka' cannot handle unexpected argument 'x'."),
        (5, "'disabled' cannot handle unexpected argument 'x'."),
    ]


def test_an_empty_word_ends_the_line() -> None:
    config = parse_text('listen a\n mode http "" zork\n "" zork\n')
    assert config.proxies[0].http
    assert problems(config) == []
    assert problems(config, Severity.NOTICE) == [
        (2, "argument number 2 is empty and ends the line: 'zork' is ignored.")
    ]


def test_a_file_ends_with_a_line_feed() -> None:
    config = parse_text("global\n  quiet")
    assert problems(config) == [(2, "Missing LF on last line, file might have been truncated at position 8.")]


def test_carriage_returns_and_odd_bytes_are_read() -> None:
    config = parse_text(b"listen a\r\n description \xff\xc3\xa9\r\n mode http\r\n")
    assert problems(config) == []
    assert config.proxies[0].get("description") == "\udcffé"


class TestDefaults:
    def test_proxies_take_the_last_section_or_the_one_they_name(self) -> None:
        config = parse_text(
            "defaults one\n mode http\n timeout client 1s\ndefaults two from one\n timeout client 2s\n"
            "frontend a\nfrontend b from one\ndefaults\nfrontend c\n"
        )
        assert problems(config) == []
        assert [(proxy.http, proxy.timeout("client")) for proxy in config.proxies] == [
            (True, 2),
            (True, 1),
            (False, None),
        ]

    def test_names_must_exist_and_be_unique(self) -> None:
        config = parse_text("defaults x\ndefaults x\nfrontend f from x\nfrontend g from y\n", "t.cfg")
        assert problems(config) == [
            (
                3,
                "ambiguous defaults section name 'x' referenced by frontend 'f' exists at least at "
                "t.cfg:1 and t.cfg:2.",
            ),
            (4, "defaults section 'y' not found for frontend 'g'."),
        ]

    def test_lists_are_copied_not_shared(self) -> None:
        config = parse_text("defaults\n stats auth a:b\nlisten x\n stats auth c:d\nlisten y\n")
        assert [proxy.get("stats auth") for proxy in config.proxies] == [["a:b", "c:d"], ["a:b"]]


class TestNames:
    def test_two_proxies_of_one_side_may_not_share_a_name(self) -> None:
        config = parse_text("frontend a\nbackend a\nlisten a\nbackend b\nbackend b\n", "t.cfg")
        assert problems(config) == [
            (3, "proxy 'a' has the same name as frontend 'a' declared at t.cfg:1."),
            (5, "backend 'b' has the same name as backend 'b' declared at t.cfg:4."),
        ]

    def test_the_old_address_on_the_section_line_is_a_bind_line(self) -> None:
        config = parse_text("listen web 127.0.0.1:8080 name x\nfrontend f :81,:82\nbackend b :83\n")
        assert [address.port for bind in config.proxies[0].binds for address in bind.addresses] == [8080]
        assert [address.port for bind in config.proxies[1].binds for address in bind.addresses] == [81, 82]
        assert problems(config) == []
        assert config.proxies[2].binds == [], "a backend listens nowhere, whatever stands behind its name"


def test_default_log_formats_are_variables_while_files_are_read() -> None:
    environment: dict[str, str] = {}
    text = '.if defined(HAPROXY_TCP_LOG_FMT)\ndefaults\n log-format "${HAPROXY_HTTP_LOG_FMT} more"\n.endif\n'
    config = parse_text(text, environment=environment)
    assert problems(config) == []
    assert "HAPROXY_HTTP_LOG_FMT" not in environment
    assert config.defaults[0].get("log-format").text.endswith("%{+Q}r more")


@pytest.mark.parametrize("side", ["fc", "bc"])
def test_key_logs_are_variables_with_a_line_for_each_secret(side: str) -> None:
    text = f'defaults\n mode http\n log-format "${{HAPROXY_KEYLOG_{side.upper()}_LOG_FMT}}"\n'
    config = parse_text(text, environment={})
    assert problems(config) == []
    lines = config.defaults[0].get("log-format").text.split("\n")
    assert len(lines) == 7
    assert lines[3] == f"CLIENT_TRAFFIC_SECRET_0 %[ssl_{side}_client_random,hex] %[ssl_{side}_client_traffic_secret_0]"


def test_scope_lines_change_nothing() -> None:
    config = parse_text("[a]\n  [b.c:d_e-f] # scope\nfrontend f\n[g]\t\n bind :1\n")
    assert problems(config) == []
    assert len(config.proxies[0].binds) == 1


class TestBlocks:
    def lines(self, text: str, **environment: str) -> list[str]:
        config = parse_text(text, environment=dict(environment))
        return [item.message for item in config.report.items]

    def test_the_first_true_branch_is_read(self) -> None:
        text = '.if "$A"\n.notice a\n.elif "$B"\n.notice b\n.else\n.notice c\n.endif\n'
        assert self.lines(text, A="1", B="1") == ["'a'."]
        assert self.lines(text, B="1") == ["'b'."]
        assert self.lines(text) == ["'c'."]

    def test_blocks_nest_and_conditions_inside_skipped_ones_are_not_read(self) -> None:
        text = ".if 0\n.if nonsense\n.notice a\n.else\n.notice b\n.endif\n.zork\n.else\n.notice c\n.endif\n"
        assert self.lines(text) == ["'c'."]

    def test_skipped_lines_still_have_to_be_well_quoted(self) -> None:
        assert self.lines('.if 0\n foo "x\n.endif\n') == ['unmatched quote at position 6:\n  foo "x\n      ^']

    def test_mistakes(self) -> None:
        assert self.lines(".else\n") == ["lone '.else' with no matching '.if'."]
        assert self.lines(".elif 1\n") == ["lone '.elif' with no matching '.if'."]
        assert self.lines(".endif\n") == ["lone '.endif' with no matching '.if'."]
        assert self.lines(".if 1\n.else\n.else\n.endif\n") == ["'.else' after '.else' is not permitted."]
        assert self.lines(".if 1\n.else\n.elif 1\n.endif\n") == ["'.elif' after '.else' is not permitted."]
        assert self.lines(".if 1\n") == ["non-terminated '.if' block."]
        assert self.lines(".zork\n") == ["unknown directive '.zork'."]
        assert self.lines(".if 1 2\n.endif\n") == [
            "unexpected character '2' at the end of conditional expression '1 2' in '.if' at position 3:\n"
            "  .if 1 2\n        ^"
        ]

    def test_messages_have_their_level(self) -> None:
        config = parse_text('.diag d\n.notice "n n"\n.warning w\n.alert a\n.notice a b\n.notice\n')
        assert [(item.severity.name, item.message) for item in config.report.items] == [
            ("DIAG", "'d'."),
            ("NOTICE", "'n n'."),
            ("WARNING", "'w'."),
            ("ALERT", "'a'."),
            ("ALERT", "Unexpected argument 'b' for '.notice'. Use quotes if the message should contain spaces."),
            ("NOTICE", "''."),
        ]


class TestEnvironment:
    def test_variables_are_set_and_removed_while_reading(self) -> None:
        environment = {"KEEP": "k", "GONE": "g"}
        text = (
            "global\n setenv A 1\n setenv A 2\n presetenv A 3\n presetenv B 4\n unsetenv GONE\n"
            ' .notice "$A$B$GONE$KEEP"\n'
            ' resetenv KEEP\n .notice "$A$KEEP"\n'
        )
        config = parse_text(text, environment=environment)
        assert [item.message for item in config.report.items] == ["'24k'.", "'k'."]
        assert environment == {"KEEP": "k", "HAPROXY_CFGFILES": "test.cfg"}
        assert config.environment is environment

    def test_mistakes(self) -> None:
        config = parse_text("global\n setenv A\n presetenv\n unsetenv\n")
        assert problems(config) == [
            (2, "'setenv' expects a name and a value."),
            (3, "'presetenv' expects a name and a value."),
            (4, "'unsetenv' expects at least one variable name."),
        ]

    def test_pseudo_variables_say_where_the_line_is(self) -> None:
        config = parse_text(
            '.notice "$.FILE:$.LINE:$.SECTION"\nglobal\n.notice "$.SECTION"\nlisten x\n.notice "$.SECTION"\n', "a.cfg"
        )
        assert [item.message for item in config.report.items if item.severity is Severity.NOTICE] == [
            "'a.cfg:1:'.",
            "'global'.",
            "'x'.",
        ]


class TestFiles:
    def test_directories_are_read_in_order_of_name(self, tmp_path: Path) -> None:
        (tmp_path / "b.cfg").write_text("backend b\n")
        (tmp_path / "a.cfg").write_text("backend a\n")
        (tmp_path / "c.txt").write_text("zork\n")
        (tmp_path / ".d.cfg").write_text("zork\n")
        extra = tmp_path / "c.txt"
        extra.write_text("backend c\n")
        environment: dict[str, str] = {}
        config = load([str(tmp_path), str(extra)], environment=environment)
        assert [proxy.name for proxy in config.proxies] == ["a", "b", "c"]
        assert environment["HAPROXY_CFGFILES"] == ";".join(str(tmp_path / name) for name in ("a.cfg", "b.cfg", "c.txt"))

    def test_a_section_does_not_continue_in_the_next_file(self, tmp_path: Path) -> None:
        (tmp_path / "a.cfg").write_text("listen a\n.if 1\n")
        (tmp_path / "b.cfg").write_text(" mode http\n")
        config = load([str(tmp_path)], environment={})
        assert [message for _, message in problems(config)] == [
            "non-terminated '.if' block.",
            "unknown keyword 'mode' out of section.",
        ]

    def test_a_missing_file_is_an_alert(self) -> None:
        config = load(["/nonexistent/x.cfg"], environment={})
        assert "Could not open configuration file /nonexistent/x.cfg" in problems(config)[0][1]


@given(st.binary(max_size=300))
def test_what_was_read_can_be_written_back(data: bytes) -> None:
    config = parse_text(data, environment={})
    assert config.sources[0].data() == data


_LINES = st.sampled_from(
    [
        b"global",
        b"defaults",
        b"frontend f",
        b"listen l",
        b"backend b",
        b"mode",
        b"timeout",
        b"option",
        b"no",
        b"default",
        b"maxconn",
        b"stick-table type",
        b"userlist u",
        b"user x",
        b"peers p",
        b"cache c",
        b".if 1",
        b".endif",
        b"bind",
        b"server s",
        b"balance",
        b"tune.bufsize",
        b"compression",
        b"http-check expect",
        b"stats uri",
        b"setenv A",
    ]
)


@given(st.lists(st.tuples(_LINES, st.binary(max_size=20)), max_size=12))
def test_any_text_after_known_words_is_reported_and_never_raises(lines: list[tuple[bytes, bytes]]) -> None:
    data = b"".join(word + b" " + rest.replace(b"\n", b" ") + b"\n" for word, rest in lines)
    assert parse_text(data, environment={}).sources[0].data() == data


def test_reading_takes_time_linear_in_the_size_of_the_file() -> None:
    def cost(count: int) -> float:
        text = "defaults\n mode http\n" + "".join(
            f"backend b{i}\n timeout connect 1s\n timeout server 5s\n option srvtcpka # x\n" for i in range(count)
        )
        start = time.process_time()
        config = parse_text(text, environment={})
        assert len(config.proxies) == count
        return time.process_time() - start

    cost(100)
    small, large = min(cost(400) for _ in range(3)), min(cost(3200) for _ in range(3))
    assert large < 20 * small
