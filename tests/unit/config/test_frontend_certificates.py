"""ssl-f-use: options of bind lines and of crt-store lines, with files that are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb import registry
from pylb.config.frontend_certificates import OPTIONS
from pylb.registry import Kind
from tests.harness import pem
from tests.unit.config.judging import EXPERIMENTAL, alerts, section

GOOD = (
    "",
    "alpn h2,http/1.1",
    "allow-0rtt no-ca-names",
    "verify none ssl-min-ver TLSv1.2 ssl-max-ver TLSv1.3",
    "ciphers ALL curves X25519:P-256 sigalgs RSA-PSS+SHA256",
    "ocsp-update on jwt off",
)
WRONG = {
    "cert x": "'ssl-f-use' : unknown option 'cert'.",
    "alnp h2": "'ssl-f-use' : unknown option 'alnp'.",
    "crt": "'ssl-f-use' : 'crt' expects a value.",
    "crt /nonexistent/a.pem": "'ssl-f-use' : unable to stat SSL certificate from file '/nonexistent/a.pem'",
    "ocsp-update maybe": "'ssl-f-use' : 'ocsp-update' expects 'off' or 'on', got 'maybe'.",
    "verify maybe": "'ssl-f-use' : 'verify' : unknown verify method 'maybe'",
    "ssl-min-ver TLSv9": "'ssl-f-use' : ",
    "acme LE": "'acme' directive is experimental",
}


def frontend(line: str) -> str:
    return section("frontend f", "bind 127.0.0.1:1", f"ssl-f-use {line}")


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str, tmp_path: Path) -> None:
    assert alerts(frontend(f"crt {pem.write(tmp_path / 'a.pem')} {line}")) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert alerts(frontend(line))[0].startswith(WRONG[line])


def test_every_option_is_one_of_bind_lines() -> None:
    assert [name for name in OPTIONS if registry.find(Kind.BIND, name) is None] == []


def test_the_account_has_to_be_there(tmp_path: Path) -> None:
    line = frontend(f"crt {pem.write(tmp_path / 'a.pem')} acme LE domains a.example,b.example")
    account = section("acme LE", "directory https://x.example/d")
    assert alerts(EXPERIMENTAL + line + account) == []
    assert alerts(EXPERIMENTAL + line) == ["'ssl-f-use' : unable to find the acme section 'LE'."]


def test_the_key_may_be_elsewhere_or_known_to_a_store(tmp_path: Path) -> None:
    certificate, key = pem.pair()
    (tmp_path / "a.crt").write_bytes(certificate)
    (tmp_path / "other.key").write_bytes(key)
    crt, beside = tmp_path / "a.crt", tmp_path / "other.key"
    assert alerts(frontend(f"crt {crt}")) != []
    assert alerts(frontend(f"crt {crt} key {beside}")) == []
    assert alerts(section("crt-store", f"load crt {crt} key {beside}") + frontend(f"crt {crt}")) == []
