"""The words of peers (manual 11.2): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from tests.unit.config.judging import alerts, said, section
from tests.unit.config.judging import judged as whole

GOOD = (
    "peer b 127.0.0.1:1025",
    "server b 127.0.0.1:1025 ssl verify none",
    "default-server maxconn 3",
    "shards 2",
    "table t type ip size 1k expire 30s store gpc0",
    "disabled",
    "enabled",
    "log 127.0.0.1:514 local0",
)
WRONG = {
    "peer b! 127.0.0.1:1": "character '!' is not permitted in peer name 'b!'.",
    "peer b zork": "'server (null)/b' : invalid address: 'zork' in 'zork'",
    "peer b 127.0.0.1:80-90": "'server (null)/b' : port range not permitted here in '127.0.0.1:80-90'",
    "peer b 127.0.0.1:1025 zork": "'server (null)/b' : unknown keyword 'zork'.",
    "peer here 127.0.0.1:1026": "'peer here' : local peer name already referenced at test.cfg:2. here",
    "bind 127.0.0.1:1": 'mixing "peer" and "bind" line is forbidden',
    "default-server zork": "unknown keyword 'zork'. Hint: no address was expected for this server.",
    "shards": "'shards' : missing value",
    "shards x": "'shards' : expects an integer argument, found 'x'",
    "shards 0": "'shards' : expects a strictly positive integer argument",
    "table t": "table: missing size.",
    "table t type zork size 1k": "table: unknown type 'zork'.",
    "table t type ip size 1k store zork": "table: unknown store option 'zork'.",
    "table t type ip size 1k peers p": "table: unknown argument 'peers'.",
    "no disabled": "negation/default currently supported only for options",
    "zork": "unknown keyword 'zork' in 'peers' section",
    "shrads 3": "unknown keyword 'shrads' in 'peers' section; did you mean 'shards' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("peers p", "peer here 127.0.0.1:1024", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_section_without_this_process_is_removed() -> None:
    config = whole(section("peers p", "peer other 127.0.0.1:1024"))
    assert "Removing incomplete section 'peers p' (no peer named 'here')." in said(config, Severity.WARNING)


def test_a_local_server_has_its_address_on_a_bind_line() -> None:
    assert alerts(section("peers p", "bind 127.0.0.1:1024", "server here", "server b 127.0.0.1:1025")) == []
