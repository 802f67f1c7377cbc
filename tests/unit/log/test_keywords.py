"""Words of the log room: what they store and HAProxy's sentences for what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from pylb import standard
from pylb.config import reader
from pylb.config.model import Configuration
from pylb.log.lines import LogLine

standard.load()

BASE = "defaults\n mode http\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"


def load(line: str, section: str = "frontend f") -> Configuration:
    text = f"global\n {line}\n" if section == "global" else f"{BASE}{section}\n {line}\n"
    return reader.parse_text(text)


def messages(config: Configuration) -> list[str]:
    return [item.message for item in config.report.items if item.severity >= 2]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("log", "log : expects <address> and <facility> or global as arguments"),
        ("log 127.0.0.1", "log : expects <address> and <facility> or global as arguments"),
        ("no log global", "log : 'no log' does not expect arguments"),
        ("log global foo", "log : unknown log facility 'foo'"),
        ("log 127.0.0.1 local9", "log : unknown log facility 'local9'"),
        ("log 127.0.0.1 local0 foo", "log : unknown optional log level 'foo'"),
        ("log 127.0.0.1 local0 info foo", "log : unknown optional minimum log level 'foo'"),
        ("log 127.0.0.1 local0 info err bar", "log : cannot handle unexpected argument 'bar'"),
        ("log 127.0.0.1 len local0", "log : invalid log length 'local0', must be between 80 and 65535"),
        ("log 127.0.0.1 len 20 local0", "log : invalid log length '20', must be between 80 and 65535"),
        ("log 127.0.0.1 len", "log : invalid log length '', must be between 80 and 65535"),
        ("log 127.0.0.1 format foo local0", "log : unknown log format 'foo'"),
        ("log 127.0.0.1 format raw len 100 local0", "log : unknown log facility 'len'"),
        (
            "log 127.0.0.1 sample 3:2 local0",
            "log : sample size 2 should be greater or equal to 3 the maximum of the high ranges limits",
        ),
        ("log 127.0.0.1 profile", "log : missing log-profile name"),
        ("log 127.0.0.1 sample 0:2 local0", "log : wrong sample range '0'"),
        ("log 127.0.0.1 sample 2-1:3 local0", "log : wrong sample range '2-1'"),
        ("log 127.0.0.1 sample 1-2,2:3 local0", "log : ranges are overlapping"),
        ("log 127.0.0.1 sample 1:0 local0", "log : wrong sample size '0' for sample range '1'"),
        ("log fd@abc daemon", "log : file descriptor 'abc' is not a valid integer in 'fd@abc'"),
        ("log 127.0.0.1:99999 local0", "log : invalid port '99999'"),
        ("log 127.0.0.1:10-20 local0", "log : port range not permitted here in '127.0.0.1:10-20'"),
        ("log-tag", "'log-tag' expects a tag for use in syslog."),
        ("log-format", "log-format expects an argument."),
        ("log-format a b", "log-format expects only one argument, don't forget to escape spaces!"),
        ("log-format-sd", "log-format-sd expects an argument."),
        ("error-log-format", "error-log-format expects an argument."),
        ("unique-id-format a b", "unique-id-format expects only one argument, don't forget to escape spaces!"),
        ("unique-id-header", "unique-id-header expects an argument."),
        ("option httplog foo", "keyword 'httplog' only supports option 'clf'."),
        ("option httplog clf foo", "'option httplog' cannot handle unexpected argument 'foo'."),
        ("option tcplog x", "'option tcplog' cannot handle unexpected argument 'x'."),
        ("no option tcplog", "negation/default is not supported for option 'tcplog'."),
        ("option log-health-checks", "'log-health-checks' ignored because frontend 'f' has no backend capability."),
    ],
)
def test_mistakes_in_a_frontend(line: str, message: str) -> None:
    assert messages(load(line)) == [message]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("log", "log : expects <address> and <facility>  as arguments"),
        ("log global", "log : 'global' is not supported for a global syslog server"),
        ("log-tag a b", "'log-tag' cannot handle unexpected argument 'b'."),
        ("stats timeout foo", "'stats timeout' : unexpected character 'f'"),
        ("stats timeout 0", "'stats timeout' expects a positive value"),
        ("stats maxconn -1", "'stats maxconn' expects a positive value"),
        ("stats socket", "'stats socket' in global section expects an address or a path to a UNIX socket"),
    ],
)
def test_mistakes_in_global(line: str, message: str) -> None:
    assert messages(load(line, "global")) == [message]


def test_a_second_host_name_is_left_out() -> None:
    config = load("log-send-hostname x\n log-send-hostname y", "global")
    assert not messages(config)
    assert config.globals.get("log-send-hostname") == "x"


@pytest.mark.parametrize("word", ["option httplog", "log-format x", "log-format-sd x"])
def test_formats_are_ignored_in_backends_with_a_warning(word: str) -> None:
    name = word.removesuffix(" x")
    assert messages(load(word, "backend b")) == [f"backend 'b' : '{name}' directive is ignored in backends."]


def lines(config: Configuration) -> list[Any]:
    return config.proxies[0].loggers


def test_a_full_log_line() -> None:
    (line,) = lines(load("log 10.0.0.1:5514 len 2000 format rfc5424 sample 1,3-4:5 local3 warning crit"))
    assert isinstance(line, LogLine)
    assert (line.address.host, line.address.port, line.address.stream) == ("10.0.0.1", 5514, False)
    assert (line.length, line.form, line.facility, line.most, line.least) == (2000, "rfc5424", 19, 4, 2)
    assert (line.ranges, line.size) == (((1, 1), (3, 4)), 5)


def test_defaults_of_a_log_line() -> None:
    (line,) = lines(load("log 10.0.0.1 local0"))
    assert (line.address.port, line.length, line.form, line.most, line.least) == (514, 1024, None, 7, 0)


@pytest.mark.parametrize(
    ("text", "family", "detail"),
    [
        ("stdout", "fd", 1),
        ("stderr", "fd", 2),
        ("fd@7", "fd", 7),
        ("/dev/log", "unix", "/dev/log"),
        ("ring@r", "ring", "r"),
    ],
)
def test_addresses(text: str, family: str, detail: object) -> None:
    (line,) = lines(load(f"log {text} local0"))
    assert line.address.family == family and detail in (line.address.fd, line.address.host)


def test_log_global_once_and_no_log_forgets() -> None:
    assert lines(load("log global\n log global")) == ["global"]
    assert lines(load("log global\n log 1.2.3.4 local0\n no log")) == []


def test_the_last_chosen_format_wins() -> None:
    config = load("log-format x\n option httplog clf")
    assert config.proxies[0].get("log-format").name == "httplog clf"
    config = load("option httplog\n log-format x")
    assert config.proxies[0].get("log-format").text == "x"
