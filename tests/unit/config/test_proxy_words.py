"""mode, timeouts, limits, identity and flags of proxies; old spellings; parsed-only tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb import registry
from pylb.config import later_global, later_options, later_proxy, tuning
from pylb.config.model import Configuration, ProxyConfig
from pylb.config.reader import parse_text
from pylb.config.shapes import Row, shape
from pylb.config.tables import TableLine
from pylb.errors import Severity
from pylb.registry import Kind, Status


def proxy(lines: str, kind: str = "listen") -> ProxyConfig:
    config = parse_text(f"{kind} x\n{lines}\n", environment={})
    assert not config.report.fatal, [item.message for item in config.report.items]
    return config.proxies[0]


def alert(text: str) -> str:
    config = parse_text(text, environment={})
    found = [item.message for item in config.report.items if item.severity is Severity.ALERT]
    assert len(found) == 1, found
    return found[0]


def notices(config: Configuration) -> list[str]:
    return [item.message for item in config.report.items if item.severity is Severity.NOTICE]


def test_timeouts_are_kept_in_milliseconds_and_read_in_seconds() -> None:
    record = proxy(" timeout client 1500\n timeout tunnel 0\n timeout queue 2m")
    assert record.get("timeout client") == 1500
    assert record.timeout("client") == 1.5
    assert record.timeout("tunnel") is None
    assert record.timeout("queue") == 120


def test_setting_a_timeout_twice_warns_but_overriding_defaults_does_not() -> None:
    config = parse_text("defaults\n timeout client 1\nlisten x\n timeout client 2\n timeout client 3\n", environment={})
    warnings = [item for item in config.report.items if item.severity is Severity.WARNING]
    assert [(item.span.line, item.message) for item in warnings] == [
        (5, "overwriting 'timeout client' which was already specified")
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("timeout client", "'timeout client' expects an integer value (in milliseconds)"),
        ("timeout client 1 2", "'timeout client' : unexpected extra argument '2' after value '1'."),
        (
            "timeout foo 1",
            "'timeout' supports 'client', 'server', 'connect', 'check', 'queue', 'http-keep-alive', 'http-request', "
            "'tunnel', 'tarpit', 'client-fin' and 'server-fin' (got 'foo')",
        ),
        ("maxconn", "'maxconn' expects an integer argument."),
        ("backlog", "'backlog' expects an integer argument."),
        ("id", "'id' expects an integer argument."),
        ("id 0", "custom id has to be > 0."),
        ("description", "'description' expects a string argument."),
        ("mode", "unknown proxy mode ''."),
        ("option", "'option' expects an option name."),
    ],
)
def test_mistakes_speak_haproxys_words(line: str, message: str) -> None:
    assert alert(f"listen x\n {line}\n") == message


def test_the_last_connection_mode_counts() -> None:
    record = proxy(" option httpclose\n option http-server-close")
    assert record.option("http-server-close")
    assert not record.option("httpclose")
    record = proxy(" option httpclose\n no option httpclose")
    assert not record.option("httpclose")


def test_tcpka_is_both_sides() -> None:
    record = proxy(" option tcpka")
    assert record.option("clitcpka")
    assert record.option("srvtcpka")


@pytest.mark.parametrize(
    ("old", "name", "value"),
    [
        ("clitimeout 5000", "timeout client", 5000),
        ("contimeout 5000", "timeout connect", 5000),
        ("srvtimeout 5000", "timeout server", 5000),
        ("timeout clitimeout 5s", "timeout client", 5000),
        ("option forceclose", "option httpclose", True),
        ("option http-tunnel", "option http-keep-alive", True),
        ("option independant-streams", "option independent-streams", True),
        ("transparent", "option transparent", True),
        ("option accept-invalid-http-request", "option accept-unsafe-violations-in-http-request", True),
    ],
)
def test_old_spellings_do_what_the_new_ones_do(old: str, name: str, value: object) -> None:
    assert proxy(f" {old}").get(name) == value


def test_old_spellings_are_told_in_a_notice() -> None:
    assert "'clitimeout' is old syntax." in notices(parse_text("listen x\n clitimeout 5\n", environment={}))


def test_inert_words_are_told_once_and_can_be_refused() -> None:
    config = parse_text("global\n maxsslrate 5\n cpu-map 1 0\n cpu-map 2 1\n", environment={})
    assert [use.word.name for use in config.inert(Status.UNSAFE)] == ["maxsslrate"]
    assert [(use.word.name, use.count) for use in config.inert(Status.HARMLESS)] == [("cpu-map", 2)]
    assert notices(config) == [
        "'cpu-map' is understood but has no effect yet (2 uses, the first here).",
        "'maxsslrate' is understood but not enforced yet: starting needs --allow-inert.",
    ]


def test_parsed_only_words_check_their_arguments() -> None:
    assert alert("global\n tune.sched.low-latency maybe\n") == (
        "'tune.sched.low-latency' expects either 'on' or 'off' but got 'maybe'."
    )
    assert alert("global\n ca-base\n") == "global statement 'ca-base' expects a directory path as an argument."
    assert alert("global\n ca-base a b\n") == "'ca-base' cannot handle unexpected argument 'b'."
    assert alert("global\n tune.comp.maxlevel 12\n") == ("'tune.comp.maxlevel' expects a numeric value between 1 and 9")


def test_what_a_shape_stores(tmp_path: Path) -> None:
    script = tmp_path / "f.lua"
    script.write_text("")
    record = parse_text(
        "global\n ca-base /x\n ssl-default-bind-options no-sslv3 ssl-min-ver TLSv1.2\n noepoll\n"
        f" lua-load {script} a\n lua-load {script}\n",
        environment={},
    ).globals
    assert record.get("ca-base") == "/x"
    assert record.get("ssl-default-bind-options") == ["no-sslv3", "ssl-min-ver", "TLSv1.2"]
    assert record.get("noepoll") is True
    assert record.get("lua-load") == [[str(script), "a"], [str(script)]]


def rows() -> list[Row]:
    tables = [*later_global.TABLES, *tuning.TABLES, *(rows for rows, _ in later_proxy.TABLES)]
    tables += [later_options.BIND, later_options.SERVER]
    return [row for table in tables for row in table]


def test_every_row_can_be_read_and_says_something() -> None:
    for row in rows():
        assert shape(row.shape).usage is not None
        assert row.meaning.endswith((".", ")")), row
        assert row.status in (Status.HARMLESS, Status.UNSAFE, Status.FULL)


def test_no_name_stands_in_one_table_twice() -> None:
    for table in (*later_global.TABLES, *tuning.TABLES):
        names = [name for row in table for name in row.names.split(", ")]
        assert len(names) == len(set(names))


def test_the_words_of_the_language_are_there() -> None:
    for place, names in {
        "global": ("tune.bufsize", "ca-base", "lua-load", "setenv", "h1-case-adjust", "ssl-server-verify"),
        "frontend": ("rate-limit sessions", "option dontlognull", "timeout client", "stats uri", "compression"),
        "backend": ("option httpchk", "tcp-check", "stick", "retry-on", "email-alert to", "reqrep", "block"),
        "peers": ("peer", "table"),
        "resolvers": ("nameserver", "hold"),
    }.items():
        for name in names:
            assert registry.find(Kind.KEYWORD, name, place) is not None, (place, name)


class TestStickTable:
    def test_everything(self) -> None:
        record = proxy(
            " stick-table type string len 20 size 1m expire 10s nopurge peers p store gpc0_rate(1s),gpc(3),gpt(2)"
        )
        table = record.get("stick-table")
        assert table == TableLine(
            "string",
            20,
            1 << 20,
            10_000,
            True,
            False,
            "p",
            store={"gpc0_rate": (1, 1000), "gpc": (3, 0), "gpt": (2, 0)},
        )

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("", "stick-table: missing size."),
            ("size 1k", "stick-table: missing type."),
            ("type foo", "stick-table: unknown type 'foo'."),
            ("type ip size", "stick-table: missing argument after 'size'."),
            ("type ip size x", "stick-table: unexpected character 'x' in argument of 'size'."),
            ("type ip size 1k expire x", "stick-table: unexpected character 'x' in argument of 'expire'."),
            ("type ip size 1k foo", "stick-table: unknown argument 'foo'."),
            ("type ip size 1k store gpc2", "stick-table: unknown store option 'gpc2'."),
            ("type ip size 1k store http_req_rate", "stick-table: missing argument to store option 'http_req_rate'."),
            ("type ip size 1k store gpc0(4)", "stick-table: unexpected argument to store option 'gpc0'."),
            (
                "type ip size 1k store gpc(0)",
                "stick-table: array size is out of allowed range (1-100) for store option 'gpc'.",
            ),
            (
                "type ip size 1k store gpc0 store gpc(2)",
                "stick-table: simultaneous usage of 'gpc' and 'gpc[0/1]' in a same table is not permitted as 'gpc' "
                "overrides 'gpc[0/1]'.",
            ),
            (
                "type ip size 1k brates-factor 0",
                "'brates-factor' expects a number of at least 1 and at most 1024, got '0'.",
            ),
            ("type ip size 1k write-to", "stick-table: missing argument after 'write-to'."),
            ("type ip size 1k srvkey x", "stick-table : unknown server key type 'x'."),
        ],
    )
    def test_mistakes(self, arguments: str, message: str) -> None:
        assert alert(f"backend b\n stick-table {arguments}\n") == message

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ("type ip size 1k write-to same", ""),
            ("type ipv4 size 1k write-to P/remote recv-only", ""),
            ("type ip size 1k write-to nothing", "there is no such table"),
            ("type ip size 1k write-to b", "a table cannot be its own target"),
            ("type string size 1k write-to same", "its keys have another type or length"),
            ("type string len 5 size 1k write-to text", "its keys have another type or length"),
        ],
    )
    def test_targets_have_the_same_keys(self, arguments: str, problem: str) -> None:
        config = parse_text(
            "peers P\n peer x 127.0.0.1:9\n table remote type ip size 1\n"
            "backend same\n stick-table type ip size 1k\nbackend text\n stick-table type string size 1k\n"
            f"backend b\n stick-table {arguments}\n"
        )
        for want in config.wants:
            want(config)
        found = [item.message.partition(" : ")[2] for item in config.report.items if item.severity is Severity.ALERT]
        assert found == ([f"{problem}."] if problem else [])
