"""Mistakes in options of bind and server lines, beside HAProxy: every word, missing, surplus and wrong arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.mistakes import Case, compare
from tests.harness import pem, requires

pytestmark = requires("haproxy")

ARGUMENTS = ("", "foo", "0", "-1", "12", "12x", "99999999999", "1,2", "foo bar", "/nonexistent", "on", "all", "1s")
BIND = (
    *("accept-netscaler-cip", "accept-proxy", "allow-0rtt", "alpn", "backlog", "ca-file", "ca-ignore-err"),
    *("ca-sign-file", "ca-sign-pass", "ca-verify-file", "ciphers", "ciphersuites", "crl-file", "crt"),
    *("crt-ignore-err", "crt-list", "curves", "defer-accept", "ecdhe", "expose-fd", "force-tlsv12", "gid", "group"),
    *("generate-certificates", "id", "interface", "level", "maxconn", "mode", "mss", "name", "namespace", "nice"),
    *("no-ca-names", "no-sslv3", "no-tls-tickets", "no-tlsv13", "npn", "prefer-client-ciphers", "process", "proto"),
    *("severity-output", "shards", "ssl-max-ver", "ssl-min-ver", "strict-sni", "tcp-ut", "tfo", "thread"),
    *("tls-ticket-keys", "transparent", "uid", "user", "v4v6", "v6only", "verify"),
)
SERVER = (
    *("addr", "agent-addr", "agent-inter", "agent-port", "agent-send", "allow-0rtt", "alpn", "backup"),
    *("ca-file", "check", "check-alpn", "check-proto", "check-send-proxy", "check-sni", "ciphers", "ciphersuites"),
    *("cookie", "crl-file", "crt", "disabled", "downinter", "enabled", "error-limit", "fall", "fastinter"),
    *("force-tlsv12", "id", "init-addr", "inter", "log-proto", "max-reuse", "maxconn", "maxqueue", "minconn"),
    *("namespace", "no-backup", "no-check", "no-ssl", "no-tlsv12", "non-stick", "npn", "observe", "on-error"),
    *("on-marked-down", "on-marked-up", "pool-low-conn", "pool-max-conn", "pool-purge-delay", "port", "proto"),
    *("proxy-v2-options", "redir", "resolve-net", "resolve-opts", "resolve-prefer", "rise", "send-proxy"),
    *("send-proxy-v2", "slowstart", "socks4", "ssl-max-ver", "ssl-min-ver", "stick", "tcp-ut", "tls-tickets"),
    *("track", "usesrc", "verify", "verifyhost", "weight", "ws"),
)


def judged_alike(cases: list[Case]) -> None:
    wrong = [difference for difference in compare(cases) if difference.weight == "severity"]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("secured", [False, True])
def test_bind_options_are_judged_alike(secured: bool, tmp_path: Path) -> None:
    tls = f"ssl crt {pem.write(tmp_path / 'a.pem')} " if secured else ""
    judged_alike([Case("frontend", f"bind 127.0.0.1:2 {tls}{name} {text}") for name in BIND for text in ARGUMENTS])


def test_server_options_are_judged_alike() -> None:
    judged_alike([Case("backend", f"server s 127.0.0.1:2 {name} {text}") for name in SERVER for text in ARGUMENTS])


def test_certificates_are_looked_at(tmp_path: Path) -> None:
    certificate, key = pem.pair()
    other, _ = pem.pair("other.invalid")
    files = {
        "whole": certificate + key,
        "alone": certificate,
        "key": key,
        "empty": b"",
        "noise": b"noise\n",
        "strangers": other + key,
        "halves": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + key,
    }
    for name, data in files.items():
        (tmp_path / f"{name}.pem").write_bytes(data)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a.pem").write_bytes(certificate + key)
    (tmp_path / "void").mkdir()
    paths = [str(tmp_path / name) for name in (*(f"{name}.pem" for name in files), "folder", "void", "absent")]
    lines = [f"bind 127.0.0.1:2 ssl {word} {path}" for path in paths for word in ("crt", "crt-list")[:1]]
    lines += [f"bind 127.0.0.1:2 ssl crt {paths[0]} ca-file {path} verify required" for path in paths]
    judged_alike([Case("frontend", line) for line in lines])


def test_lists_of_certificates_are_read(tmp_path: Path) -> None:
    path = pem.write(tmp_path / "a.pem")
    texts = (
        "{}\n", "{}", "# c\n\n{}\n", "absent\n", "{} [alpn h2]\n", "{} [alpn h2] a.b !c.d\n", "{} [zork x]\n",
        "{} [alpn]\n", "{} alpn h2]\n", "{} [verify foo]\n", "{} [ssl-min-ver foo]\n", "{} [ca-file absent]\n",
        "{} []\n", "{} [strict-sni]\n", "{} [alpn h2] [alpn h1]\n", "[alpn h2] {}\n", "{} x [alpn h2]\n", "",
    )  # fmt: skip
    lines = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.list").write_text(text.format(path))
        lines.append(f"bind 127.0.0.1:2 ssl crt-list {tmp_path / f'{number}.list'}")
    judged_alike([Case("frontend", line) for line in lines])
