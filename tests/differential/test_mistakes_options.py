"""Mistakes in the `option` words of proxies that take arguments, and in certificates of bind lines, beside HAProxy.

Every word, with missing, surplus and wrong arguments.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.differential.mistakes import PROXIES, Case, compare, spoilt
from tests.harness import pem, requires

pytestmark = requires("haproxy")

OPTIONS = (
    *("option httpchk", "option httpchk GET /x HTTP/1.0", "option mysql-check", "option mysql-check user name post-41"),
    *("option pgsql-check user name", "option redis-check", "option smtpchk", "option smtpchk EHLO name"),
    *("option ldap-check", "option ssl-hello-chk", "option spop-check", "option tcp-check", "option forwardfor"),
    *("option forwardfor except 127.0.0.0/8 header X-For if-none", "option originalto except 127.0.0.0/8 header X-For"),
    *("option redispatch 3", "option persist", "option http-restrict-req-hdr-names reject", "option httplog clf"),
    *("option tcplog", "option transparent", "option log-health-checks", "option allbackups", "option splice-auto"),
)
LINES = (
    *(
        "option forwardfor except ::1/64",
        "option forwardfor except 127.0.0.1/33",
        "option forwardfor except name.invalid",
    ),
    *("option forwardfor except 127.0.0.1/255.0.0.0", "option forwardfor header", "option forwardfor except"),
    *("option forwardfor header a header b", "option forwardfor if-none if-none", "option originalto except ::1/64"),
    *("option forwardfor except 1.1.1.1 except 2.2.2.2", "option originalto if-none", "option originalto except"),
    *("option originalto except 127.0.0.1/", "option redispatch 1 2", "option redispatch -3", "option redispatch 3x"),
    *("option smtpchk zork name", "option smtpchk EHLO", "option smtpchk EHLO a b", "option smtpchk zork"),
    *("option httpchk /x", "option httpchk GET", "option httpchk GET /x HTTP/2", "option httpchk GET /x zork"),
    *(r"option httpchk GET /x HTTP/1.1\r\nHost:\ www", r"option httpchk GET / \r\n", r"option httpchk GET / x\n"),
    *("option mysql-check user", "option mysql-check user a b", "option mysql-check user a pre-41 x"),
    *("option pgsql-check user", "option pgsql-check zork a", "option pgsql-check user a b", "option zork", "option"),
    *("option http-restrict-req-hdr-names delete x", "option httplog clf x", "option httplog zork"),
)


def judged_alike(cases: list[Case]) -> None:
    wrong = [difference for difference in compare(cases) if difference.weight == "severity"]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("section", PROXIES)
def test_options_of_proxies_are_judged_alike(section: str) -> None:
    cases = [Case(section, line) for valid in OPTIONS for line in spoilt(valid, 2)]
    cases += [Case(section, line) for line in LINES]
    # Not `default`: 2.6 takes the option's own name for a surplus argument. Not a host of httpchk: since 3.0.
    asked = [case for case in cases if not case.line.startswith(("default ", "option httpchk GET /x HTTP/1.0 "))]
    wrong = list(compare(asked))
    assert not wrong, "\n".join(map(str, wrong))


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
