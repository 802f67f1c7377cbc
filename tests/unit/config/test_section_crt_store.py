"""The words of crt-store (manual 12.7): what they take, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness import pem
from tests.unit.config.judging import EXPERIMENTAL, alerts, section

BEFORE = EXPERIMENTAL + "acme LE\n    directory https://x.example/d\n"
GOOD = (
    "load crt a.pem acme LE domains a.example,b.example ips 192.0.2.1,::1",
    "load crt a.pem generate-dummy on keytype ECDSA curves P-384 jwt on",
    "load crt a.pem generate-dummy on keytype RSA bits 2048 alias x ocsp-update off",
    "crt-base /x",
    "key-base /x",
)
WRONG = {
    "load": "'load' expects a 'crt' parameter with the name of a certificate.",
    "load crt": "'crt' expects a value on a 'load' line.",
    "load key /x": "'load' expects a 'crt' parameter with the name of a certificate.",
    "load crt /nonexistent/a.pem": "unable to stat SSL certificate from file '/nonexistent/a.pem' : No such file or",
    "load crt a.pem acme": "'acme' expects a value on a 'load' line.",
    "load crt a.pem acme LEE": "'load crt a.pem' : unable to find the acme section 'LEE'.",
    "load crt a.pem acme LE ips x": "'ips' expects IP addresses separated by commas, got 'x'.",
    "load crt a.pem acme LE domains a,,b": "'domains' expects names separated by commas, got 'a,,b'.",
    "load crt a.pem crt b.pem": "'crt' is set twice on this 'load' line.",
    "load crt a.pem jwt maybe": "'jwt' expects 'off' or 'on', got 'maybe'.",
    "load crt a.pem ocsp-update maybe": "'ocsp-update' expects 'off' or 'on', got 'maybe'.",
    "load crt a.pem generate-dummy on bits 0": "'bits' expects a positive number, got '0'.",
    "load crt a.pem generate-dummy on keytype DSA": "'keytype' expects 'RSA' or 'ECDSA', got 'DSA'.",
    "load crt a.pem ipps 1": "unknown parameter 'ipps' for 'load' in 'crt-store' section; did you mean 'ips' maybe ",
    "crt-base": "'crt-base' requires a <path> argument.",
    "crt-base /a b": "'crt-base' cannot handle unexpected argument 'b'.",
    "key-base": "'key-base' requires a <path> argument.",
    "zork": "unknown keyword 'zork' in 'crt-store' section",
    "laod crt x": "unknown keyword 'laod' in 'crt-store' section; did you mean 'load' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(BEFORE + section("crt-store web", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def bound(text: str) -> str:
    return f"frontend f\n    bind 127.0.0.1:1 ssl crt {text}\n    timeout client 1s\n"


def test_a_key_may_be_elsewhere(tmp_path: Path) -> None:
    certificate, key = pem.pair()
    (tmp_path / "a.crt").write_bytes(certificate)
    (tmp_path / "other.key").write_bytes(key)
    store = section("crt-store", f"load crt {tmp_path}/a.crt key {tmp_path}/other.key")
    assert alerts(store + bound(f"{tmp_path}/a.crt")) == []
    assert alerts(bound(f"{tmp_path}/a.crt")) != []


def test_a_store_stands_before_what_uses_its_certificates(tmp_path: Path) -> None:
    path = pem.write(tmp_path / "a.pem")
    store = section("crt-store", f"load crt {path} key {path}")
    assert alerts(store + bound(str(path))) == []
    wrong = f"'load' : the certificate '{path}' is already in use at test.cfg:2, a 'crt-store' has to stand before."
    assert alerts(bound(str(path)) + store) == [wrong]


def test_certificates_are_named_by_store_and_alias(tmp_path: Path) -> None:
    path = pem.write(tmp_path / "a.pem")
    store = section("crt-store web", f"crt-base {tmp_path}", "load crt a.pem alias site")
    assert alerts(store + bound("@web/site")) == []
    assert alerts(store + bound("@web/a.pem")) == []
    assert alerts(store + bound("@web/sites")) != []
    assert alerts(store + bound("@/site")) != []
    assert path.exists()


def test_an_account_has_to_be_allowed() -> None:
    allowed = "'acme' directive is experimental, must be allowed via a global 'expose-experimental-directives'"
    assert allowed in alerts(section("crt-store", "load crt a.pem acme LE"))


def test_folders_stand_before_the_certificates() -> None:
    text = section("crt-store", "load crt a.pem generate-dummy on", "crt-base /x")
    assert alerts(text)[0].startswith("'crt-base' can't be used after a load line")


def test_tokens_are_checked_with_a_certificate_alone(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_bytes(pem.pair()[0])
    assert alerts(section("crt-store", f"load crt {tmp_path}/a.pem jwt on")) == []
    assert alerts(section("crt-store", f"load crt {tmp_path}/a.pem jwt off")) != []
    (tmp_path / "b.pem").write_bytes(b"nothing")
    unreadable = [f"unable to load certificate from file '{tmp_path}/b.pem'."]
    assert alerts(section("crt-store", f"load crt {tmp_path}/b.pem jwt on")) == unreadable
