"""Mistakes in every option of `bind`, beside HAProxy: arguments missing, surplus, of the wrong type, misspelt.

Each option is asked on a plain and on a TLS line. `OPTIONS` has a valid form of every option that 2.6 lists;
`test_mistakes_complete` looks whether one is missing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.differential.mistakes import Case, Difference, confirmed, spoilt
from tests.harness import pem, requires

pytestmark = requires("haproxy")

OPTIONS = (
    "accept-netscaler-cip 5",
    "accept-proxy",
    "allow-0rtt",
    "alpn h2,http/1.1",
    "backlog 10",
    "ca-file PEM",
    "ca-ignore-err 2,19",
    "ca-ignore-err all",
    "ca-sign-file PEM",
    "ca-sign-pass secret",
    "ca-verify-file PEM",
    "ciphers AES128-SHA",
    "ciphersuites TLS_AES_128_GCM_SHA256",
    "crl-file PEM",
    "crt PEM",
    "crt-ignore-err 2,19",
    "crt-list LIST",
    "curves P-256",
    "defer-accept",
    "ecdhe prime256v1",
    "expose-fd listeners",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "generate-certificates",
    "gid 0",
    "group root",
    "id 100",
    "interface lo",
    "level admin",
    "maxconn 10",
    "mode 600",
    "mss 1400",
    "name text",
    "namespace net",
    "nice 5",
    "no-ca-names",
    "no-sslv3",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "npn http/1.1",
    "prefer-client-ciphers",
    "process 1",
    "process all/odd",
    "proto h1",
    "proto h2",
    "severity-output number",
    "shards 2",
    "shards by-thread",
    "ssl",
    "ssl-max-ver TLSv1.2",
    "ssl-min-ver TLSv1.2",
    "strict-sni",
    "tcp-ut 5s",
    "tfo",
    "thread 1",
    "thread 1/1-2",
    "thread odd",
    "tls-ticket-keys /nonexistent",
    "transparent",
    "uid 0",
    "user root",
    "v4v6",
    "v6only",
    "verify optional",
)
ADDRESSES = (
    *("", "127.0.0.1", "127.0.0.1:", ":", ":2", "*:2", "*", "127.0.0.1:0", "127.0.0.1:70000", "127.0.0.1:-1", "zork"),
    *("127.0.0.1:x", "127.0.0.1:2x", "127.0.0.1:+5", "127.0.0.1:2-3", "127.0.0.1:3-2", "127.0.0.1:2-", "127.0.0.1:-3"),
    *("127.0.0.1:2-x", "127.0.0.1:2-70000", "127.0.0.1:2,127.0.0.1:3", "127.0.0.1:2,", ",127.0.0.1:2", "127.0.0.1:2,,"),
    *("[::1]:2", "::1:2", ":::2", "[::1", "[::1]", "[zork]:2", "ipv4@127.0.0.1:2", "ipv6@::1:2", "ipv4@::1", "ipv6@"),
    *("ipv6@127.0.0.1:2", "tcp@127.0.0.1:2", "tcp4@127.0.0.1:2", "tcp6@::1:2", "tcp4@::1:2", "udp@127.0.0.1:2"),
    *("udp6@::1:2", "uxst@/tmp/x", "uxdg@/tmp/x", "unix@/tmp/x", "unix@", "unix@x", "abns@x", "abns@", "/tmp/x", "/"),
    *(
        "/" + "a" * 120,
        "fd@",
        "fd@x",
        "fd@-1",
        "fd@99999",
        "sockpair@",
        "sockpair@x",
        "sockpair@0",
        "quic4@127.0.0.1:2",
    ),
    *("stream+ipv4@127.0.0.1:2", "dgram+ipv4@127.0.0.1:2", "stream+udp@127.0.0.1:2", "zork@1", "127.0.0.1/8:2", "-"),
    *("127.0.0.300:2", "1.2.3:2", "127.0.0.1:2 127.0.0.1:3", "localhost:2", "nonexistent.invalid:2", "127.0.0.1::2"),
)
VALUES = ("foo", "12", "12x", "1,2", "/nonexistent", "all", "1s", "none")


def mistakes(option: str, values: tuple[str, ...] = VALUES) -> list[str]:
    """The option of a line, spoilt; only its arguments, and once its name."""
    found = [line for line in spoilt(option) if not line.startswith(("no ", "default "))]
    name, *arguments = option.split(" ")
    if len(arguments) == 1:
        found += [f"{name} {value}" for value in values]
    return list(dict.fromkeys(found))


DIFFERENT: tuple[tuple[str, str, str], ...] = (
    ("log-forward", r"^bind ", "HAProxy calls wrong addresses there alerts and goes on; here they are warnings"),
    ("", r"\bquic4@", "2.6 has no QUIC in Debian's build; listeners may have such addresses here"),
    ("", r"\b(fd|sockpair)@[0-9]", "which descriptors are open is known when sockets are made"),
)


def reason(difference: Difference) -> str:
    """Why a case may be judged differently; an empty string when it may not."""
    case = difference.case
    return next((why for place, text, why in DIFFERENT if place in case.section and re.search(text, case.line)), "")


def judged_alike(cases: list[Case]) -> None:
    wrong = [each for each in confirmed(cases) if not reason(each)]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
def test_mistakes_in_options_are_judged_alike(secured: bool, tmp_path: Path) -> None:
    path = pem.write(tmp_path / "a.pem")
    (tmp_path / "a.list").write_text(f"{path}\n")
    tls = f"ssl crt {path} " if secured else ""
    lines = [
        line.replace("PEM", str(path)).replace("LIST", str(tmp_path / "a.list"))
        for option in OPTIONS
        for line in mistakes(option)
    ]
    judged_alike([Case("frontend", f"bind 127.0.0.1:2 {tls}{line}") for line in lines])


@pytest.mark.parametrize("section", ["frontend", "listen", "peers", "log-forward"])
def test_addresses_are_judged_alike(section: str) -> None:
    judged_alike([Case(section, f"{no}bind {address}".rstrip()) for no in ("", "no ") for address in ADDRESSES])
