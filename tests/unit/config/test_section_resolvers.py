"""The words of resolvers (manual 5.3.2): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb.errors import Severity
from tests.unit.config.judging import alerts, said, section
from tests.unit.config.judging import judged as whole

GOOD = (
    "nameserver e 127.0.0.1:53",
    "nameserver e tcp@127.0.0.1:53 source 127.0.0.2",
    "parse-resolv-conf",
    "hold nx 30s",
    "hold obsolete 1s",
    "accepted_payload_size 8192",
    "resolve_retries 3",
    "timeout resolve 1s",
    "timeout retry 500",
)
WRONG = {
    "nameserver": "'nameserver' expects <name> and <addr>[:<port>] as arguments.",
    "nameserver e": "'nameserver' expects <name> and <addr>[:<port>] as arguments.",
    "nameserver e zork": "'nameserver e' : missing port specification in 'zork'",
    "nameserver e 127.0.0.1": "'nameserver e' : missing port specification in '127.0.0.1'",
    "nameserver e! 127.0.0.1:53": "character '!' is not permitted in server name 'e!'.",
    "nameserver d 127.0.0.1:54": "nameserver 'd' has same name as another nameserver (declared at test.cfg:2).",
    "nameserver e tcp@127.0.0.1:53 zork": "'server r/e' : unknown keyword 'zork'.",
    "hold": "'hold' expects an <event> and a <time> as arguments.",
    "hold nx": "'hold' expects an <event> and a <time> as arguments.",
    "hold zork 1s": "'hold' unknown <event>: 'zork', expects either 'nx', 'timeout', 'valid', 'obsolete' or 'other'",
    "hold nx x": "unexpected character 'x' in argument to <hold>.",
    "accepted_payload_size": "'accepted_payload_size' expects <nb> as argument.",
    "accepted_payload_size 11": "'accepted_payload_size' must be between 12 and 65535 inclusive (was 11).",
    "accepted_payload_size 65536": "'accepted_payload_size' must be between 12 and 65535 inclusive (was 65536).",
    "resolve_retries": "'resolve_retries' expects <nb> as argument.",
    "timeout": "'timeout' expects 'retry' or 'resolve' and <time> as arguments.",
    "timeout resolv 1s": "'timeout' expects 'retry' or 'resolve' and <time> as arguments got 'resolv'.",
    "timeout resolve": "'timeout resolve' expects <time> as argument.",
    "timeout resolve x": "unexpected character 'x' in argument to <timeout resolve>.",
    "resolution_pool_size 3": "'resolution_pool_size' directive is not supported anymore (it never appeared in a st",
    "zork": "unknown keyword 'zork' in 'resolvers' section",
    "holdd nx 1s": "unknown keyword 'holdd' in 'resolvers' section; did you mean 'hold' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("resolvers r", "nameserver d 127.0.0.1:53", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_a_section_without_name_servers_is_remarked() -> None:
    warnings = said(whole("resolvers r\n"), Severity.WARNING)
    assert "resolvers 'r' [test.cfg:1] has no nameservers configured!" in warnings


def test_servers_name_resolvers_that_are_there() -> None:
    backend = "backend b\n    server s 127.0.0.1:80 resolvers {}\n"
    section_of_names = section("resolvers dns", "nameserver a 127.0.0.1:53")
    assert alerts(backend.format("dns") + section_of_names) == []
    missing = "backend 'b', server 's': unable to find required resolvers 'dsn'"
    assert alerts(backend.format("dsn") + section_of_names) == [missing]
