"""What complete server lines contradict: TLS without authorities, versions, algorithms, protocols, early data."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb.config.model import ServerLine
from pylb.config.reader import parse_text
from pylb.errors import Severity
from pylb.server import line_checks
from tests.harness import pem
from tests.unit.config import judging

FRAME = "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n"
UNTRUSTED = "verify is enabled by default but no CA file specified."
DISABLED = "all SSL/TLS versions are disabled for server 's'."
HOLE = "SSL/TLS versions range not contiguous for server 's'. Hole find for {}. "
IGNORED = "no-sslv3/no-tlsv1x are ignored for this server. "


def judged(
    options: str, *, header: str = "backend b", before: str = "", lines: str = ""
) -> tuple[list[str], list[str]]:
    """Alerts and warnings about one server with these options."""
    section = f"{header}\n{lines}    server s 127.0.0.1:80 {options}\n"
    config = judging.judged(before + FRAME + section)
    line_checks.check(config, config.proxies[-1])
    return judging.said(config), judging.said(config, Severity.WARNING)


def only(found: list[str], part: str) -> bool:
    return len(found) == 1 and part in found[0]


# -- whom to trust


@pytest.mark.parametrize("options", ["ssl", "check-ssl", "ssl verify required"])
def test_servers_certificates_are_checked_unless_told_otherwise(options: str) -> None:
    alerts, warnings = judged(options)
    assert only(alerts, f"'server b/s' : {UNTRUSTED}") and not warnings


def test_authorities_settle_it(tmp_path: Path) -> None:
    authority = pem.write(tmp_path / "ca.pem")
    assert judged(f"ssl ca-file {authority}") == ([], [])
    assert judged("ssl verify none") == ([], [])
    assert judged("verify required") == ([], [])  # without TLS there is nothing to check


def test_the_global_section_may_trust_everybody() -> None:
    trusting = "global\n    ssl-server-verify none\n"
    assert judged("ssl", before=trusting) == ([], [])
    assert only(judged("ssl verify required", before=trusting)[0], UNTRUSTED)


def test_a_certificate_that_cannot_be_read_is_told_alone(tmp_path: Path) -> None:
    alerts, _ = judged(f"ssl crt {tmp_path}/no ciphers zork")
    assert only(alerts, f"'server b/s' : unable to stat SSL certificate from file '{tmp_path}/no' : No such file")


def test_certificates_are_below_their_base(tmp_path: Path) -> None:
    pem.write(tmp_path / "client.pem")
    assert judged("ssl verify none crt client.pem", before=f"global\n    crt-base {tmp_path}\n") == ([], [])
    assert judged("ssl verify none crt client.pem")[0]


# -- versions


@pytest.mark.parametrize(
    "options",
    [
        "ssl-min-ver TLSv1.2",
        "ssl-max-ver TLSv1.0",
        "no-tlsv10 no-tlsv11",
        "no-tlsv13",
        "no-sslv3",
        "force-tlsv10",
        "force-tlsv12 ssl-max-ver TLSv1.0",
    ],
)
def test_some_version_is_left(options: str) -> None:
    assert judged(f"ssl verify none {options}") == ([], [])


@pytest.mark.parametrize(
    "options",
    [
        "ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2",
        "ssl-max-ver SSLv3",
        "force-sslv3",
        "no-tlsv10 no-tlsv11 no-tlsv12 no-tlsv13",
    ],
)
def test_no_version_is_left(options: str) -> None:
    assert only(judged(f"ssl verify none {options}")[0], f"'server b/s' : backend 'b': {DISABLED}")
    assert only(judged(f"ssl verify none {options}", header="listen l\n    bind :1")[0], f"proxy 'l': {DISABLED}")


@pytest.mark.parametrize(
    ("options", "holes"),
    [
        ("no-tlsv12", ["TLSv1.2"]),
        ("no-tlsv11 no-tlsv12", ["TLSv1.2"]),
        ("no-tlsv10 no-tlsv12", ["TLSv1.2"]),
        ("no-tlsv12 no-tlsv13", []),
    ],
)
def test_holes_between_versions_are_warnings(options: str, holes: list[str]) -> None:
    alerts, warnings = judged(f"ssl verify none {options}")
    assert not alerts
    assert [any(HOLE.format(hole) in text for text in warnings) for hole in holes] == [True] * len(holes)
    assert len(warnings) == len(holes)


@pytest.mark.parametrize("bound", ["ssl-min-ver TLSv1.2", "ssl-max-ver TLSv1.2", "force-tlsv12"])
def test_bounds_overrule_what_is_refused(bound: str) -> None:
    alerts, warnings = judged(f"ssl verify none no-tlsv12 {bound}")
    assert not alerts and only(warnings, f"'server b/s' : {IGNORED}")


# -- algorithms


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("ciphers zork", "unable to set SSL cipher list to 'zork'."),
        ("ciphersuites TLS_AES_128_GCM_SHA256:zork", "unable to set TLS 1.3 cipher suites to '"),
        ("curves X25519:zork", "unable to set SSL curves list to 'X25519:zork'."),
        ("sigalgs zork", "unable to set 'sigalgs' to 'zork'."),
        ("client-sigalgs RSA+SHA256:", "unable to set 'client-sigalgs' to 'RSA+SHA256:'."),
    ],
)
def test_what_openssl_does_not_know_is_told(options: str, message: str) -> None:
    assert only(judged(f"ssl verify none {options}")[0], message)
    assert judged(options) == ([], [])


def test_what_openssl_knows_is_accepted() -> None:
    assert judged("ssl verify none ciphers AES128-SHA:!aNULL ciphersuites TLS_AES_256_GCM_SHA384") == ([], [])


# -- protocols


@pytest.mark.parametrize(
    ("header", "protocol", "usable"),
    [
        ("backend b", "h1", True),
        ("backend b", "h2", True),
        ("backend b", "none", False),
        ("backend b", "spop", False),
        ("backend b\n    mode tcp", "none", True),
        ("backend b\n    mode tcp", "h1", False),
    ],
)
def test_protocols_have_to_fit_the_mode(header: str, protocol: str, usable: bool) -> None:
    alerts, _ = judged(f"proto {protocol}", header=header)
    sentence = f"backend 'b' : MUX protocol '{protocol}' is not usable for server 's' at [test.cfg:"
    assert (alerts == []) if usable else only(alerts, sentence)


@pytest.mark.parametrize(
    ("check", "protocol", "usable"),
    [
        ("", "none", True),
        ("", "h1", False),
        ("option tcp-check", "fcgi", False),
        ("option smtpchk", "h2", False),
        ("option httpchk", "h1", True),
        ("option httpchk", "none", False),
        ("option httpchk\n    option tcp-check", "none", True),
        ("option tcp-check\n    option httpchk", "none", False),
    ],
)
def test_protocols_of_checks_have_to_fit_the_last_kind_of_check(check: str, protocol: str, usable: bool) -> None:
    lines = f"    {check}\n"
    sentence = "config: backend 'b': server 's' uses an incompatible MUX protocol for the selected check type"
    assert judged(f"check check-proto {protocol}", lines=lines)[0] == ([] if usable else [sentence])
    assert judged(f"check-proto {protocol}", lines=lines) == ([], [])  # nobody checks


def test_fcgi_servers_need_an_application() -> None:
    assert judged("proto fcgi")[0] == ["proxy 'b': FCGI server 's' has no FCGI app configured."]
    application = "fcgi-app a\n    docroot /srv\n"
    assert judged("proto fcgi", before=application, lines="    use-fcgi-app a\n") == ([], [])


# -- data with the SYN


def test_early_data_asks_for_retries() -> None:
    alerts, warnings = judged("tfo")
    assert not alerts and only(warnings, "server has tfo activated, the backend should be configured with at least")
    assert judged("tfo", lines="    retry-on conn-failure\n")[1]
    assert judged("tfo", lines="    retry-on conn-failure empty-response response-timeout\n") == ([], [])


# -- servers that come at run time


def dynamic(options: str) -> list[str]:
    """What a client of the runtime socket is told about a server with these options."""
    config = parse_text(FRAME + f"backend b\n    server s 127.0.0.1:80 {options}\n")
    proxy = config.proxies[-1]
    server: ServerLine = proxy.servers[0]
    line_checks.check_dynamic(config, proxy, server)
    return judging.said(config)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("ssl verify none", ""),
        ("ssl", UNTRUSTED),
        ("ssl verify none ciphers zork", "unable to set SSL cipher list to 'zork'."),
        ("proto none", "MUX protocol is not usable for server."),
    ],
)
def test_at_run_time_the_sentences_have_no_prefix(options: str, said: str) -> None:
    found = dynamic(options)
    assert not found if not said else len(found) == 1 and found[0].startswith(said)
