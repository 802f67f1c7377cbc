"""The words of fcgi-app (manual 10.1): what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from tests.unit.config.judging import alerts, section

GOOD = (
    "index index.php",
    "path-info ^(/.+)(/.*)?$",
    "log-stderr global",
    "log-stderr 127.0.0.1:514 local0",
    "acl x path /a",
    "pass-header x-y if TRUE",
    "set-param A %[src]",
    "option get-values",
    "no option keep-conn",
    "option max-reqs 1",
    "option mpxs-conns",
)
WRONG = {
    "docroot": "'docroot' expects <path> as argument.",
    "docroot / x": "'docroot /' cannot handle unexpected argument 'x'.",
    "index": "'index' expects <filename> as argument.",
    "index a b": "'index a' cannot handle unexpected argument 'b'.",
    "path-info": "'path-info' expects <regex> as argument.",
    "path-info (": "'(' : regex '(' is invalid (error=missing closing parenthesis, erroffset=1).",
    "acl": "'acl' expects a name and a criterion.",
    "acl a!": "character '!' is not permitted in acl name 'a!'.",
    "acl a zork": "error detected while parsing ACL 'a' : unknown fetch method 'zork' in ACL expression 'zork'.",
    "pass-header": "'pass-header' expects <name> as arguments.",
    "pass-header a b": "'a' : (null).",
    "pass-header a if zork": "'a' : no such ACL : 'zork'.",
    "set-param": "'set-param' expects <name> and <value> as arguments.",
    "set-param a": "'set-param' expects <name> and <value> as arguments.",
    "set-param a b c": "'a' : (null).",
    "option": "'option' expects an option name.",
    "option keep-con": "unknown option 'keep-con'.",
    "option keep-conn x": "'option keep-conn' cannot handle unexpected argument 'x'.",
    "option max-reqs": "option 'max-reqs' expects an integer argument.",
    "option max-reqs 0": "option 'max-reqs' expects a strictly positive integer argument.",
    "log-stderr": "log-stderr : expects <address> and <facility> or global as arguments",
    "log-stderr x": "log-stderr : expects <address> and <facility> or global as arguments",
    "zork": "unknown keyword 'zork' in 'fcgi-app' section",
    "docrot /": "unknown keyword 'docrot' in 'fcgi-app' section; did you mean 'docroot' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(section("fcgi-app php", "docroot /srv", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_an_application_needs_a_root() -> None:
    assert alerts("fcgi-app php\n") == ["fcgi-app 'php': no docroot configured."]


def test_parameters_are_read_for_every_proxy_that_uses_them() -> None:
    application = section("fcgi-app php", "docroot /srv", "set-param A %[zork]")
    assert alerts(application) == []
    backend = section("backend b", "mode http", "use-fcgi-app php", "server s 127.0.0.1:1 proto fcgi")
    assert alerts(application + backend) == [
        "proxy 'b' : failed to parse sample expression <zork]> : unknown fetch method 'zork'."
    ]
