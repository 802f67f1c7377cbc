"""Mistakes in every option of `server`, `default-server` and `server-template`, beside HAProxy.

`OPTIONS` has a valid form of every option that 2.6 lists; `test_mistakes_complete` looks whether one is missing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.differential.mistakes import Case, Difference, Verdict, confirmed
from tests.differential.test_mistakes_bind import mistakes
from tests.harness import pem, requires

pytestmark = requires("haproxy")

PRELUDE = """resolvers rs
 nameserver a 127.0.0.1:53
backend other from base
 server s0 127.0.0.1:1 check
"""
FIRST = ("mode http", "server s0 127.0.0.1:1 check")
OPTIONS = (
    "addr 127.0.0.1",
    "agent-addr 127.0.0.1",
    "agent-check agent-port 5",
    "agent-inter 5s",
    "agent-port 80",
    "agent-send text",
    "allow-0rtt",
    "alpn h2,http/1.1",
    "backup",
    "ca-file PEM",
    "check",
    "check-alpn h2",
    "check-proto h1",
    "check-send-proxy",
    "check-sni name",
    "check-ssl",
    "check-via-socks4",
    "ciphers AES128-SHA",
    "ciphersuites TLS_AES_128_GCM_SHA256",
    "cookie value",
    "crl-file PEM",
    "crt PEM",
    "disabled",
    "downinter 5s",
    "enabled",
    "error-limit 5",
    "fall 5",
    "fastinter 5s",
    "force-sslv3",
    "force-tlsv10",
    "force-tlsv11",
    "force-tlsv12",
    "force-tlsv13",
    "id 100",
    "init-addr last,libc,none,127.0.0.1",
    "inter 5s",
    "log-proto octet-count",
    "max-reuse 5",
    "maxconn 5",
    "maxqueue 5",
    "minconn 5",
    "namespace net",
    "namespace *",
    "no-agent-check",
    "no-backup",
    "no-check",
    "no-check-send-proxy",
    "no-check-ssl",
    "no-send-proxy",
    "no-send-proxy-v2",
    "no-send-proxy-v2-ssl",
    "no-send-proxy-v2-ssl-cn",
    "no-ssl",
    "no-ssl-reuse",
    "no-sslv3",
    "no-tfo",
    "no-tls-tickets",
    "no-tlsv10",
    "no-tlsv11",
    "no-tlsv12",
    "no-tlsv13",
    "no-verifyhost",
    "non-stick",
    "npn http/1.1",
    "observe layer4",
    "on-error mark-down",
    "on-marked-down shutdown-sessions",
    "on-marked-up shutdown-backup-sessions",
    "pool-low-conn 5",
    "pool-max-conn 5",
    "pool-purge-delay 5s",
    "port 80",
    "proto h2",
    "proxy-v2-options ssl,cert-cn,crc32c",
    "redir http://a/",
    "resolve-net 10.0.0.0/8,11.0.0.0/8",
    "resolve-opts allow-dup-ip,prevent-dup-ip",
    "resolve-prefer ipv4",
    "resolvers rs",
    "rise 5",
    "send-proxy",
    "send-proxy-v2",
    "send-proxy-v2-ssl",
    "send-proxy-v2-ssl-cn",
    "slowstart 5s",
    "sni req.hdr(host)",
    "socks4 127.0.0.1:1080",
    "source 127.0.0.1:80 usesrc clientip",
    "source 0.0.0.0 interface lo",
    "ssl verify none",
    "ssl-max-ver TLSv1.2",
    "ssl-min-ver TLSv1.2",
    "ssl-reuse",
    "stick",
    "tcp-ut 5s",
    "tfo",
    "tls-tickets",
    "track other/s0",
    "track s0",
    "usesrc clientip",
    "verify required ca-file PEM",
    "verifyhost name",
    "weight 5",
    "ws h1",
)
ADDRESSES = (
    *("", "a", "a 127.0.0.1", "a 127.0.0.1:", "a :", "a :2", "a *:2", "a *", "a 127.0.0.1:0", "a 127.0.0.1:70000"),
    *("a 127.0.0.1:-1", "a 127.0.0.1:+1", "a 127.0.0.1:x", "a 127.0.0.1:2x", "a 127.0.0.1:2-3", "a 127.0.0.1:2,:3"),
    *("a [::1]:2", "a ::1:2", "a [::1", "a [::1]", "a ipv4@127.0.0.1:2", "a ipv6@::1:2", "a ipv4@::1:2", "a ipv6@"),
    *("a tcp@127.0.0.1:2", "a udp@127.0.0.1:2", "a unix@/tmp/x", "a unix@", "a abns@x", "a /tmp/x", "a fd@3", "a fd@x"),
    *("a sockpair@0", "a quic4@127.0.0.1:2", "a stream+ipv4@127.0.0.1:2", "a zork@1", "a 127.0.0.1/8:2", "a! :2"),
    *("a 127.0.0.300:2", "a 127.0.0.1:2 127.0.0.1:3", "a nonexistent.invalid:2", "a,b 127.0.0.1:2", "a/b 127.0.0.1:2"),
    *("s0 127.0.0.1:2", "a /" + "a" * 120, "a -", "a 127.0.0.1:2 zork", "127.0.0.1:2", "a 127.0.0.1:2 weight"),
)
TEMPLATES = (
    *(
        "",
        "a",
        "a 2",
        "a 2 127.0.0.1:1",
        "a 0 127.0.0.1:1",
        "a -1 127.0.0.1:1",
        "a 2- 127.0.0.1:1",
        "a 3-2 127.0.0.1:1",
    ),
    *("a 1-3 127.0.0.1:1", "a 2x 127.0.0.1:1", "a x 127.0.0.1:1", "a 1-x 127.0.0.1:1", "a! 2 127.0.0.1:1", "a 2 zork"),
    *("a 2 127.0.0.1:1 zork", "a 2 127.0.0.1:1-2", "a 2 nonexistent.invalid:1", "a 2 127.0.0.1:1 weight", "a 2 :1"),
    *("a -2 127.0.0.1:1", "a 1-2-3 127.0.0.1:1", "a 2,3 127.0.0.1:1", "a 2 127.0.0.1:1 id 5", "a 5-5 127.0.0.1:1"),
)
VALUES = (
    *("foo", "12", "12x", "1,2", "/nonexistent", "all", "1s", "none", "h2", "127.0.0.1:80", "b/s0", "src", "ipv4"),
    *("str(a)", "layer7", "ssl", "crc32c"),
)
FORMS = ("server s 127.0.0.1:2", "default-server")
BRIEFLY = ("server s 127.0.0.1:2 ssl verify none", "server-template s 2 127.0.0.1:2")  # what differs is how they end

OPEN = "which descriptors are open is known when sockets are made"
CUT = "2.6 cuts its own sentence: at a new line, or at freed memory"
LATER = "servers of a ring are read, and not looked at after parsing: nothing is sent to them"
DIFFERENT: tuple[tuple[str, str], ...] = (
    (r"\bquic4@", "2.6 has no QUIC in Debian's build; servers may have such addresses here"),
    (
        r"^server a (127\.0\.0\.1:2,:3|\[::1|ipv4@::1:2|zork@1)$",
        "a host with a colon is told while reading, not when it is looked up",
    ),
    (r"\b(fd|sockpair)@[0-9]", OPEN),
    (
        r"^default-server (.* )?(id|no-tlsv1\d|no-sslv3)\b",
        "HAProxy calls it an alert and goes on; here it is a warning",
    ),
    (r"\bslowstart$", CUT),
    (r"\bsni \S*/", "the sentence of 2.6 names a fetch method up to the first character that no name has"),
)


def reason(difference: Difference) -> str:
    """Why a case may be judged differently; an empty string when it may not."""
    if difference.case.section == "ring" and re.search(
        r" (check-ssl|proto h2|redir \S+|track s0)$", difference.case.line
    ):
        return LATER
    return next((why for pattern, why in DIFFERENT if re.search(pattern, difference.case.line)), "")


def _plain(verdict: Verdict) -> str:
    """The sentence without what differs on purpose: 2.6 has no name yet for servers of a template."""
    message = re.sub(r"^'server(-template)? NAME/[^']*' :", "", verdict.message)
    message = re.sub(r"\bserver (\(null\)|s1?)(?=[ .,]|$)", "server S", message)
    return message.partition(" Hint: ")[0].strip().removesuffix(".")


def _alike(difference: Difference) -> bool:
    theirs, ours = _plain(difference.theirs), _plain(difference.ours)
    # 2.6 writes the sentence about an address on a line of its own
    return difference.weight == "sentence" and (theirs == ours or (not theirs and "invalid address" in ours))


def judged_alike(cases: list[Case]) -> None:
    wrong = [each for each in confirmed(cases, PRELUDE) if not _alike(each) and not reason(each)]
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("form", FORMS)
def test_mistakes_in_options_are_judged_alike(form: str, tmp_path: Path) -> None:
    path = str(pem.write(tmp_path / "a.pem"))
    lines = [line.replace("PEM", path) for option in OPTIONS for line in mistakes(option, VALUES)]
    judged_alike([Case("backend", f"{form} {line}", FIRST) for line in lines])


@pytest.mark.parametrize("form", BRIEFLY)
def test_options_of_other_lines_are_judged_alike(form: str, tmp_path: Path) -> None:
    path = str(pem.write(tmp_path / "a.pem"))
    lines = []
    for option in OPTIONS:
        name, *arguments = option.replace("PEM", path).split(" ")
        lines += [name, " ".join([name, *arguments]), " ".join([name, *arguments, "zork"])]
        lines += [f"{name} {wrong}" for wrong in ("zork", "0", "-1", "99999999999")[: 4 * len(arguments)]]
    judged_alike([Case("backend", f"{form} {line}", FIRST) for line in dict.fromkeys(lines)])


def test_addresses_and_names_are_judged_alike() -> None:
    lines = [f"{no}server {rest}".rstrip() for no in ("", "no ", "default ") for rest in ADDRESSES]
    lines += [f"server-template {rest}".rstrip() for rest in TEMPLATES]
    judged_alike([Case(section, line, FIRST) for section in ("backend", "listen") for line in lines])


@pytest.mark.parametrize("section", ["frontend", "defaults", "peers", "ring"])
def test_servers_of_other_sections_are_judged_alike(section: str) -> None:
    judged_alike([Case(section, f"server {rest}".rstrip()) for rest in ADDRESSES])
    judged_alike(
        [
            Case(section, f"{word} {option}")
            for option in OPTIONS
            if "PEM" not in option
            for word in ("default-server", "server a 127.0.0.1:2")
        ]
    )
