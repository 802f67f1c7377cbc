"""What is said of a complete bind line with `ssl`: certificates, authorities, versions, algorithms."""

from __future__ import annotations

from pathlib import Path

import pytest

from pylb import standard
from pylb.config.model import BindLine
from pylb.errors import Report, Severity, Span
from pylb.listener import tls_checks
from tests.harness import pem

standard.load()

WHERE = "for bind ':443' at [a.cfg:7]"
DISABLED = f"Proxy 'f': all SSL/TLS versions are disabled {WHERE}."
IGNORED = f"Proxy 'f': no-sslv3/no-tlsv1x are ignored {WHERE}. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix."
UNVERIFIABLE = f"Proxy 'f': verify is enabled but no CA file specified {WHERE}."


def judged(values: dict[str, object]) -> tuple[list[str], list[str]]:
    """Alerts and warnings about a bind line with these values."""
    report = Report()
    bind = BindLine([], Span("a.cfg", 7), {"text": ":443", **values})
    tls_checks.check("f", bind, report)
    alerts = [item.message for item in report.items if item.severity is Severity.ALERT]
    return alerts, [item.message for item in report.items if item.severity is Severity.WARNING]


def served(**values: object) -> tuple[list[str], list[str]]:
    """The same of a line that has a certificate."""
    return judged({"ssl": True, "certificates": 1, **{name.replace("_", "-"): value for name, value in values.items()}})


def test_lines_without_ssl_are_not_asked() -> None:
    assert judged({"verify": "required", "ciphers": "zork", "ssl-min-ver": "TLSv1.3", "ssl-max-ver": "TLSv1.0"}) == (
        [],
        [],
    )


def test_a_line_with_a_certificate_is_complete() -> None:
    assert served() == ([], [])


def test_ssl_needs_a_certificate() -> None:
    missing = f"Proxy 'f': no SSL certificate specified {WHERE} (use 'crt')."
    assert judged({"ssl": True, "ciphers": "zork"}) == ([missing], [])
    assert judged({"ssl": True, "generate-certificates": True, "strict-sni": True}) == ([missing], [])


def test_with_strict_names_certificates_may_come_later() -> None:
    alerts, warnings = judged({"ssl": True, "strict-sni": True})
    assert not alerts
    assert warnings == [f"Proxy 'f': no SSL certificate specified {WHERE}, ssl connections will fail (use 'crt')."]


# -- authorities


@pytest.mark.parametrize("method", ["optional", "required"])
def test_client_certificates_need_authorities(method: str) -> None:
    assert served(verify=method) == ([UNVERIFIABLE], [])
    assert served(verify=method, ca_file="/ca") == ([], [])
    assert served(verify=method, ca_verify_file="/ca") == ([], [])


def test_unverified_clients_need_none() -> None:
    assert served(verify="none") == ([], [])


def test_who_generates_certificates_signs_them(tmp_path: Path) -> None:
    signer = pem.write(tmp_path / "ca.pem")
    assert served(generate_certificates=True, ca_sign_file=str(signer)) == ([], [])
    nobody = "Proxy 'f': cannot enable certificate generation, no CA certificate File configured at [a.cfg:7]."
    assert served(generate_certificates=True) == ([nobody], [])


def test_the_signer_is_a_certificate_with_its_key(tmp_path: Path) -> None:
    certificate, key = pem.pair()
    other = pem.pair()[1]
    path = tmp_path / "ca.pem"
    begins = f"Proxy 'f': Failed to read CA certificate file '{path}' at [a.cfg:7]. Chain loading failed: "
    for data, reason in (
        (None, f"cannot open the file '{path}'."),
        (key, f"unable to load certificate from file '{path}'."),
        (certificate, f"No Private Key found in '{path}.key'."),
        (certificate + other, f"inconsistencies between private key and certificate loaded '{path}'."),
    ):
        if data is not None:
            path.write_bytes(data)
        assert served(generate_certificates=True, ca_sign_file=str(path)) == ([begins + reason], [])
        assert served(ca_sign_file=str(path)) == ([], [])  # nobody uses it


# -- versions


@pytest.mark.parametrize(
    "values",
    [
        {"ssl_min_ver": "TLSv1.2"},
        {"ssl_min_ver": "SSLv3", "ssl_max_ver": "TLSv1.0"},
        {"ssl_max_ver": "TLSv1.2"},
        {"force_tlsv10": True},
        {"force_tlsv11": True, "ssl_max_ver": "TLSv1.0"},
        {"no_tlsv12": True},
        {"no_tlsv10": True, "no_tlsv11": True, "no_tlsv12": True},
        {"no_sslv3": True},
    ],
)
def test_some_version_is_left(values: dict[str, object]) -> None:
    assert served(**values) == ([], [])


@pytest.mark.parametrize(
    "values",
    [
        {"ssl_min_ver": "TLSv1.3", "ssl_max_ver": "TLSv1.2"},
        {"ssl_min_ver": "SSLv3", "ssl_max_ver": "SSLv3"},
        {"force_sslv3": True},
        {f"no_{version}": True for version in ("sslv3", "tlsv10", "tlsv11", "tlsv12", "tlsv13")},
    ],
)
def test_no_version_is_left(values: dict[str, object]) -> None:
    assert served(**values) == ([DISABLED], [])


@pytest.mark.parametrize("bound", [{"ssl_min_ver": "TLSv1.2"}, {"ssl_max_ver": "TLSv1.2"}, {"force_tlsv12": True}])
def test_bounds_overrule_what_is_refused(bound: dict[str, object]) -> None:
    assert served(no_tlsv12=True, **bound) == ([], [IGNORED])


@pytest.mark.parametrize("highest", ["TLSv1.0", "TLSv1.1"])
def test_an_old_highest_version_lowers_the_lowest_one(highest: str) -> None:
    alerts, warnings = served(ssl_max_ver=highest)
    assert not alerts
    assert warnings == [
        f"Proxy 'f': Ambiguous configuration {WHERE}: the ssl-min-ver value is not configured and the ssl-max-ver "
        f"value is lower than the default ssl-min-ver value (TLSv1.2). Setting the ssl-min-ver to {highest}. "
        "Use 'ssl-min-ver' to fix this."
    ]


# -- algorithms


@pytest.mark.parametrize(
    "values",
    [
        {"ciphers": "ECDHE-RSA-AES128-GCM-SHA256:!aNULL:@SECLEVEL=0"},
        {"ciphersuites": "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"},
        {"ciphersuites": ""},
        {"curves": "X25519:P-256"},
        {"curves": "?X25519MLKEM768:*X25519"},
        {"ecdhe": "secp384r1"},
        {"ecdhe": "zork", "curves": "X25519"},  # `curves` decides
        {"sigalgs": "RSA+SHA256:rsa_pss_rsae_sha384:ecdsa_secp256r1_sha256:ed25519"},
        {"client_sigalgs": "ECDSA+SHA1:?zork"},
    ],
)
def test_what_openssl_knows_is_accepted(values: dict[str, object]) -> None:
    assert served(**values) == ([], [])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ciphers": "zork"}, "unable to set SSL cipher list to 'zork'"),
        ({"ciphersuites": "TLS_AES_128_GCM_SHA256:zork"}, "unable to set TLS 1.3 cipher suites to '{}'"),
        ({"curves": "X25519:zork"}, "unable to set SSL curves list to '{}'"),
        ({"ecdhe": "zork"}, "unable to set elliptic named curve to '{}'"),
        ({"sigalgs": "RSA+SHA256:zork"}, "unable to set 'sigalgs' to '{}'"),
        ({"client_sigalgs": "RSA+SHA3"}, "unable to set 'client-sigalgs' to '{}'"),
    ],
)
def test_what_openssl_does_not_know_is_told(values: dict[str, object], message: str) -> None:
    assert served(**values) == ([f"Proxy 'f': {message.format(*values.values())} {WHERE}."], [])
