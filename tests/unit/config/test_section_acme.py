"""The words of acme (manual 12.8): what they take, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.errors import Severity
from tests.unit.config.judging import EXPERIMENTAL, alerts, said, section
from tests.unit.config.judging import judged as whole

BEFORE = EXPERIMENTAL
GOOD = (
    "contact a@x.example",
    "account-key /x.key",
    "bits 4096",
    "challenge dns-01",
    "challenge-ready dns,delay",
    "curves P-384",
    "dns-delay 30s",
    "dns-timeout 10m",
    "keytype ECDSA",
    "map virt@acme",
    "profile shortlived",
    "provider-name x",
    "acme-vars a=b",
    "reuse-key on",
    "eab-mac-alg HS256",
)
WRONG = {
    "directory": "'directory' in 'acme' section requires an argument.",
    "contact": "'contact' in 'acme' section requires an argument.",
    "contact a b": "'contact' cannot handle unexpected argument 'b'.",
    "bits": "'bits' in 'acme' section requires an argument.",
    "bits x": "'bits' in 'acme' section expects a number of at least 1024, got 'x'.",
    "bits 512": "'bits' in 'acme' section expects a number of at least 1024, got '512'.",
    "challenge": "'challenge' in 'acme' section requires an argument.",
    "challenge dns-1": "'challenge' in 'acme' section supports 'http-01', 'dns-01', 'dns-persist-01', got 'dns-1'; ",
    "challenge-ready": "'challenge-ready' in 'acme' section requires an argument.",
    "challenge-ready dns,dely": "'challenge-ready' in 'acme' section supports 'cli', 'dns', 'delay' and 'none', got",
    "challenge-ready none,dns": "'challenge-ready' in 'acme' section cannot combine 'none' with other values.",
    "dns-delay x": "unexpected character 'x' in argument to <dns-delay>.",
    "dns-timeout": "'dns-timeout' in 'acme' section requires an argument.",
    "keytype DSA": "'keytype' in 'acme' section supports 'RSA', 'ECDSA', got 'DSA'; did you mean 'ECDSA' maybe ?",
    "reuse-key maybe": "'reuse-key' in 'acme' section supports 'on', 'off', got 'maybe'.",
    "eab-mac-alg HS25": "'eab-mac-alg' in 'acme' section supports 'HS256', 'HS384', 'HS512', got 'HS25'; did you me",
    "eab-key-id /nonexistent/k": "'eab-key-id' in 'acme' section : cannot open the file '/nonexistent/k'.",
    "eab-mac-key": "'eab-mac-key' in 'acme' section requires an argument.",
    "zork": "unknown keyword 'zork' in 'acme' section",
    "chalenge x": "unknown keyword 'chalenge' in 'acme' section; did you mean 'challenge' maybe ?",
}


def judged(line: str) -> list[str]:
    return alerts(BEFORE + section("acme LE", "directory https://x.example/d", line))


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_is_accepted(line: str) -> None:
    assert judged(line) == []


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_line_is_an_error(line: str) -> None:
    assert judged(line)[0].startswith(WRONG[line])


def test_the_section_has_to_be_allowed() -> None:
    text = section("acme LE", "directory https://x.example/d")
    assert alerts(text) == [
        "'acme' directive is experimental, must be allowed via a global 'expose-experimental-directives'"
    ]


def test_the_section_needs_a_directory() -> None:
    wanted = "acme section 'LE' (declared at test.cfg:3) has no 'directory'."
    assert alerts(EXPERIMENTAL + section("acme LE", "contact x")) == [wanted]


def test_files_of_an_external_account_may_be_empty(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("")
    assert judged(f"eab-mac-key {key}") == []


def test_conditions_for_records_are_remarked_without_such_a_challenge() -> None:
    config = whole(EXPERIMENTAL + section("acme LE", "directory https://x.example/d", "challenge-ready dns"))
    assert any("'challenge-ready' is for the challenges" in remark for remark in said(config, Severity.NOTICE))
