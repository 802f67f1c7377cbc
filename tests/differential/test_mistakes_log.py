"""Mistakes in log lines, tags and formats, beside HAProxy; newer forms of targets beside the manual of 3.5."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.config.reader import parse_text
from pylb.config.resolve import resolve
from pylb.errors import Severity
from tests.differential.mistakes import Case, compare, said_of, spoilt
from tests.harness import requires

FORMATS = ("log-format", "log-format-sd", "error-log-format", "unique-id-format")
ADDRESSES = (
    *("127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:514-520", "127.0.0.1:+5", "127.0.0.1:x"),
    *("[::1]:514", "::1", "::1:514", "[::1", "udp@127.0.0.1:5", "udp4@127.0.0.1:5", "udp6@::1:5", "udp4@::1:5"),
    *("udp6@127.0.0.1:5", "tcp@127.0.0.1:5", "tcp6@[::1]:5", "ipv4@::1", "unix@/tmp/x", "uxst@/tmp/x", "uxdg@/tmp/x"),
    *("uxdg@", "abns@x", "abns@", "/dev/log", "/", "/" + "a" * 120, "fd@1", "fd@x", "fd@-1", "fd@", "stdout", "stderr"),
    *("stdin", "ring@r", "ring@", "ring@none", "quic4@127.0.0.1:5", "stream+udp@127.0.0.1:5", "dgram+tcp@127.0.0.1:5"),
    *("stream+ipv4@127.0.0.1:5", "*:514", ":514", "zork@1", "localhost:514", "nonexistent.invalid:514", "127.0.0.300"),
    *("1.2.3", "1", "+5", "127.0.0.1:514:5", "127.0.0.1/8", "global"),
)
ARGUMENTS = (
    *("len", "len 79", "len 80", "len 65535", "len 65536", "len -1", "len x", "len 80x", "len 080", "len +80"),
    *("format", "format raw", "format zork", "format RAW", "format raw format raw", "format raw len 100"),
    *("sample", "sample 1", "sample 1:", "sample :1", "sample 0:1", "sample 2:1", "sample 1-2:2", "sample 2-1:2"),
    *("sample 1-1:2", "sample 1,1:2", "sample 1-3,2-4:5", "sample 1,2,3:3", "sample 1,,3:3", "sample ,1:3"),
    *("sample 1,:3", "sample 1-:3", "sample -1:3", "sample 1--2:3", "sample 1:3x", "sample 1x:3", "sample 1:-3"),
    *("sample 1:0", "sample 1:3:5", "sample 3,1:3", "sample a-b:3", "sample 1-2-3:3", "sample 1:99999999999"),
    *("sample 1:4294967296", "sample 1:1 len 100", "sample 1:1 format raw", "sample 1:1 sample 1:1"),
)
LEVELS = (
    *("local0", "local8", "kern", "cron2", "LOCAL0", "23", "-1", "local0 local0", "local0 INFO", "local0 info zork"),
    *("local0 zork info", "local0 7", "local0 info err zork", "local0 err info", "local0 error", "local0 warn"),
)
WHOLE = (
    *("log", "log x", "log global", "log global zork", "log global local0", "no log", "no log global", "no log zork"),
    *("default log", "log 127.0.0.1", "log 127.0.0.1 len", "log-tag", "log-tag a b", "no log-tag"),
    *("log-send-hostname", "log-send-hostname a b", "option httpslog zork", "option httplog zork", "no option tcplog"),
)
TEXTS = (
    *("%", "%%", "% x", "%zork", "%ci", "%cix", "%{+Q}ci", "%{+Z}ci", "%{+Q", "%{+Q}", "%{}ci", "%{+X,-E}ID", "%{+Q}o"),
    *(
        "%[src]",
        "%[src",
        "%[]",
        "%[zork]",
        "%[src,zork]",
        "%[src]]",
        "%{+Q}[src]",
        "%[src,lower]",
        "%[src,]",
        "%[path]",
    ),
    *("%[res.hdr(a)]", "%[srv_id]", "%HM", "%HU", "%ST", "%tr", "%Tr", "%ID", "%hr", "%r", "%B", "%o", "%-", "%{+Q}[]"),
    *("%[env(HOME)]", "%[nbsrv(zork)]", "%[var(txn.a)]", "%[var(zork)]", "%sslv", "%[ssl_fc]", "%[req.body]"),
)
RING = "ring r\n size 32768\nbackend b from base\n"


def told(cases: list[Case]) -> str:
    return "\n".join(map(str, compare(cases, RING)))


@requires("haproxy")
@pytest.mark.parametrize("section", ["global", "listen"])
def test_mistakes_in_log_lines_are_judged_alike(section: str) -> None:
    cases = [Case(section, f"log {address} local0") for address in ADDRESSES]
    cases += [Case(section, f"log 127.0.0.1 {arguments}{rest}") for arguments in ARGUMENTS for rest in ("", " local0")]
    cases += [Case(section, f"log 127.0.0.1 {levels}") for levels in LEVELS]
    assert not told(cases)


@requires("haproxy")
def test_log_words_in_every_section_are_judged_alike() -> None:
    sections = ("global", "defaults", "frontend", "backend", "listen", "peers", "fcgi-app", "log-forward", "ring")
    assert not told([Case(section, line) for section in sections for line in WHOLE])


@requires("haproxy")
@pytest.mark.parametrize("word", FORMATS)
def test_mistakes_in_formats_are_judged_alike(word: str) -> None:
    texts = TEXTS if word != "log-format-sd" else ()  # 2.6 names a wrong line there; see below
    cases = [Case("listen", f"{word} {text}", mode) for text in texts for mode in ((), ("mode http",))]
    cases += [Case(section, line) for section in ("frontend", "backend", "defaults") for line in spoilt(f"{word} text")]
    assert not told([case for case in cases if not case.line.startswith("default ")])


@requires("haproxy")
@pytest.mark.parametrize("text", ["%", "%zork", "%HM", "%{+Q}", "%[src", "%[zork]", "%[path]", "%-", "%[nbsrv(zork)]"])
def test_structured_data_is_judged_alike(text: str, tmp_path: Path) -> None:
    path = tmp_path / "sd.cfg"
    path.write_text(
        "defaults\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
        f"listen l\n bind 127.0.0.1:1\n log 127.0.0.1 local0\n log-format-sd {text}\n"
    )
    theirs, ours = said_of(path)
    assert theirs == ours


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("backend@logs local0", ""),
        ("127.0.0.1 profile p local0", ""),
        ("127.0.0.1 len 100 format raw sample 1:2 profile p local0 info err", ""),
        ("ring@buf0 local0", ""),
        ("backend@lgos local0", "log : unknown backend 'lgos'"),
        ("backend@plain local0", "log : backend 'plain' is not in mode 'log'"),
        ("127.0.0.1 profile q local0", "log : unknown log-profile 'q'"),
        ("127.0.0.1 profile", "log : missing log-profile name"),
        ("127.0.0.1 profile p", "log : unknown log facility ''"),
        ("127.0.0.1 profile p sample 1:2 local0", "log : unknown log facility 'sample'"),
    ],
)
def test_newer_targets_have_to_exist(target: str, sentence: str) -> None:
    text = f"""log-profile p
 on any format x
backend logs
 mode log
 server s udp@127.0.0.1:514
backend plain
listen l
 bind 127.0.0.1:1
 mode http
 timeout client 1s
 timeout connect 1s
 timeout server 1s
 log {target}
"""
    config = parse_text(text)
    resolve(config)
    alerts = [item.message for item in config.report.items if item.severity is Severity.ALERT]
    assert alerts == ([sentence] if sentence else [])
