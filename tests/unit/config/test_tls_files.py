"""Certificates, authorities, ticket keys and crt-lists: what is accepted, and what is said of the rest."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from pylb.config import tls_files
from tests.harness import pem
from tests.unit.config import judging

CERTIFICATE, KEY = pem.pair()
OTHER_KEY = pem.pair("other.invalid")[1]


def sealed_key() -> bytes:
    """A private key that needs a pass phrase."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def revocations() -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca.invalid")])
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer)
    builder = builder.last_update(now).next_update(now + datetime.timedelta(days=1))
    signed = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def written(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


# -- paths


@pytest.mark.parametrize(
    ("path", "base", "found"),
    [
        ("a.pem", None, "a.pem"),
        ("a.pem", "", "a.pem"),
        ("a.pem", "/etc/certs", "/etc/certs/a.pem"),
        ("/x/a.pem", "/etc/certs", "/x/a.pem"),
    ],
)
def test_only_relative_paths_are_below_the_base(path: str, base: str | None, found: str) -> None:
    assert tls_files.located(path, base) == found


def test_a_base_is_a_text_of_the_global_section() -> None:
    assert tls_files.base_of(judging.judged(""), "crt-base") is None
    assert tls_files.base_of(judging.judged("global\n    crt-base /etc/certs\n"), "crt-base") == "/etc/certs"


# -- certificates with their keys


def test_one_file_holds_both_in_either_order(tmp_path: Path) -> None:
    assert tls_files.check_certificate(written(tmp_path, "a", CERTIFICATE + KEY)) == 1
    assert tls_files.check_certificate(written(tmp_path, "b", KEY + CERTIFICATE)) == 1


def test_the_key_may_stand_beside_its_certificate(tmp_path: Path) -> None:
    path = written(tmp_path, "a.pem", CERTIFICATE)
    written(tmp_path, "a.pem.key", KEY)
    assert tls_files.check_certificate(path) == 1


def test_beside_a_crt_file_the_key_may_replace_the_suffix(tmp_path: Path) -> None:
    path = written(tmp_path, "a.crt", CERTIFICATE)
    written(tmp_path, "a.key", KEY)
    assert tls_files.check_certificate(path) == 1


def test_a_bundle_is_counted_by_its_parts(tmp_path: Path) -> None:
    for suffix in (".rsa", ".ecdsa"):
        written(tmp_path, f"site{suffix}", CERTIFICATE + KEY)
    assert tls_files.check_certificate(str(tmp_path / "site")) == 2


def test_a_folder_is_read_without_what_belongs_to_certificates(tmp_path: Path) -> None:
    written(tmp_path, "a.pem", CERTIFICATE + KEY)
    written(tmp_path, "b.pem", CERTIFICATE)
    written(tmp_path, "b.pem.key", KEY)
    for name in ("a.pem.ocsp", "a.pem.sctl", "a.pem.issuer", ".hidden"):
        written(tmp_path, name, b"not a certificate")
    (tmp_path / "deeper").mkdir()
    assert tls_files.check_certificate(str(tmp_path)) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "unable to load certificate from file '{}'."),
        (KEY, "unable to load certificate from file '{}'."),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "unable to load certificate from file '{}'.",
        ),
        (CERTIFICATE, "No Private Key found in '{}.key'."),
        (CERTIFICATE + sealed_key(), "No Private Key found in '{}.key'."),
        (CERTIFICATE + OTHER_KEY, "inconsistencies between private key and certificate loaded '{}'."),
    ],
    ids=["empty", "key alone", "garbage", "no key", "sealed key", "another's key"],
)
def test_wrong_certificates_are_told(tmp_path: Path, data: bytes, message: str) -> None:
    path = written(tmp_path, "a.pem", data)
    with pytest.raises(ValueError) as caught:
        tls_files.check_certificate(path)
    assert str(caught.value) == message.format(path)


def test_one_wrong_file_spoils_its_folder(tmp_path: Path) -> None:
    written(tmp_path, "a.pem", CERTIFICATE + KEY)
    wrong = written(tmp_path, "z.pem", b"nothing")
    with pytest.raises(ValueError, match=f"unable to load certificate from file '{wrong}'"):
        tls_files.check_certificate(str(tmp_path))


def test_a_missing_file_is_told_with_the_systems_words(tmp_path: Path) -> None:
    sentence = f"unable to stat SSL certificate from file '{tmp_path}/no' : No such file or directory."
    for check in (tls_files.check_certificate, tls_files.check_present, tls_files.check_public):
        with pytest.raises(ValueError) as caught:
            check(f"{tmp_path}/no")
        assert str(caught.value) == sentence


def test_a_server_has_no_folder_of_certificates(tmp_path: Path) -> None:
    tls_files.check_client_certificate(written(tmp_path, "a.pem", CERTIFICATE + KEY))
    with pytest.raises(ValueError, match="unable to load certificate"):
        tls_files.check_client_certificate(str(tmp_path))


def test_to_check_signatures_a_certificate_is_enough(tmp_path: Path) -> None:
    tls_files.check_public(written(tmp_path, "a.pem", CERTIFICATE))
    with pytest.raises(ValueError, match="unable to load certificate from file"):
        tls_files.check_public(written(tmp_path, "b.pem", KEY))


@given(st.binary(max_size=200))
def test_no_bytes_of_a_file_are_more_than_a_mistake(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = written(tmp_path_factory.getbasetemp(), "any.pem", CERTIFICATE[: len(data)] + data)
    for check in (tls_files.check_certificate, tls_files.authorities, tls_files.ticket_keys):
        try:
            check(path)
        except ValueError as error:
            assert path in str(error)


# -- authorities


def test_authorities_are_certificates_or_revocations(tmp_path: Path) -> None:
    tls_files.authorities(written(tmp_path, "ca", CERTIFICATE))
    tls_files.authorities(written(tmp_path, "crl", revocations()))
    tls_files.authorities(str(tmp_path))
    tls_files.authorities("@system-ca")


@pytest.mark.parametrize(
    ("data", "reason"), [(None, "No such file or directory"), (KEY, "no certificate or crl found")]
)
def test_what_is_no_authority_is_told(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = str(tmp_path / "ca") if data is None else written(tmp_path, "ca", data)
    with pytest.raises(ValueError) as caught:
        tls_files.authorities(path)
    assert str(caught.value) == f"Couldn't open the ca-file '{path}' ({reason})."


def test_an_empty_folder_of_authorities_is_a_warning(tmp_path: Path) -> None:
    config = judging.judged(f"frontend f\n    bind :1 ca-file {tmp_path}\n")
    assert any(
        f"ca-file: 0 CA were loaded from '{tmp_path}'" in text
        for text in judging.said(config, judging.Severity.WARNING)
    )
    written(tmp_path, "ca", CERTIFICATE)
    assert not judging.said(
        judging.judged(f"frontend f\n    mode tcp\n    timeout client 1s\n    bind :1 ca-file {tmp_path}\n"),
        judging.Severity.WARNING,
    )


# -- keys of session tickets


def ticket(size: int) -> bytes:
    return base64.b64encode(bytes(size)) + b"\n"


@pytest.mark.parametrize("size", [48, 80])
def test_three_keys_of_one_size_seal_tickets(tmp_path: Path, size: int) -> None:
    tls_files.ticket_keys(written(tmp_path, "t", ticket(size) + b"\n" + ticket(size) * 2))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ticket(48) * 2, "please supply at least 3 keys in the tls-tickets-file"),
        (ticket(48) * 2 + b"%%%\n", "unable to decode base64 key on line 3"),
        (ticket(48) + ticket(47), "unable to decode base64 key on line 2"),
        (ticket(48) + ticket(80), "unable to decode base64 key on line 2"),
        (None, "unable to load ssl tickets keys file"),
    ],
)
def test_wrong_ticket_keys_are_told(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = str(tmp_path / "t") if data is None else written(tmp_path, "t", data)
    with pytest.raises(ValueError) as caught:
        tls_files.ticket_keys(path)
    assert str(caught.value) == f"'{path}' : {reason}"


# -- crt-lists


def listed(folder: Path, text: str) -> list[str]:
    """The alerts of a bind line whose crt-list has this text; `CERT` stands for a good certificate."""
    good = folder / "good.pem"
    if not good.exists():
        good.write_bytes(CERTIFICATE + KEY)
    path = written(folder, "list", text.replace("CERT", str(good)).encode())
    frame = "defaults\n    mode tcp\n    timeout client 1s\n"
    return judging.alerts(frame + f"frontend f\n    bind :1 ssl crt-list {path}\n")


@pytest.mark.parametrize(
    "text",
    [
        "CERT\n",
        "# nothing\n\nCERT *.example.com !x.example.com\n",
        "CERT [alpn h2 ssl-min-ver TLSv1.2] example.com # the end\n",
        "CERT []\n",
        "CERT [ocsp-update on verify none]\n",
        "made.pem [generate-dummy on domains a.invalid]\n",
    ],
)
def test_good_lists_are_accepted(tmp_path: Path, text: str) -> None:
    assert listed(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[alpn h2]\n", "file must start with a cert"),
        ("CERT [alpn h2] [npn x]\n", "too many '['"),
        ("CERT [alpn h2] x]\n", "too many ']'"),
        ("CERT alpn h2]\n", "missing '['"),
        ("CERT [foo]\n", "unknown ssl keyword foo"),
        ("CERT [alpn]\n", "ssl args out of '[]' for alpn"),
        ("CERT [ocsp-update]\n", "ssl args out of '[]' for ocsp-update"),
        ("CERT [ocsp-update maybe]\n", "'ocsp-update' expects off or on, got 'maybe'"),
        ("CERT [keytype DSA]\n", "'keytype' expects RSA or ECDSA, got 'DSA'"),
        ("CERT [ssl-min-ver x]\n", "unknown ssl/tls version"),
        ("/no/such.pem\n", "unable to stat SSL certificate from file '/no/such.pem'"),
        ("CERT\nCERT", "Missing LF on last line"),
    ],
)
def test_wrong_lists_are_told_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    found = listed(tmp_path, text)
    assert any(message in alert for alert in found), found


def test_the_line_of_a_list_is_named(tmp_path: Path) -> None:
    assert any(
        f"parsing [{tmp_path}/list:3]: unknown ssl keyword foo" in x for x in listed(tmp_path, "CERT\n\nCERT [foo]\n")
    )


def test_lists_name_certificates_of_a_store(tmp_path: Path) -> None:
    good = pem.write(tmp_path / "good.pem")
    path = written(tmp_path, "list", b"@site/one a.example.com\n")
    frame = "defaults\n    mode tcp\n    timeout client 1s\n"
    line = f"frontend f\n    bind :1 ssl crt-list {path}\n"
    store = f"crt-store site\n    load crt {good} alias {{}}\n"
    assert judging.alerts(frame + store.format("one") + line) == []
    missing = "unable to stat SSL certificate from file '@site/one' : No such file or directory."
    assert any(missing in text for text in judging.alerts(frame + store.format("two") + line))
    assert any(missing in text for text in judging.alerts(frame + line))


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    found = judging.alerts(f"frontend f\n    bind :1 ssl crt-list {tmp_path}/no\n")
    assert any(f"'crt-list' : cannot open file '{tmp_path}/no' : No such file or directory" in text for text in found)


def test_names_before_the_options_are_a_warning(tmp_path: Path) -> None:
    good = pem.write(tmp_path / "good.pem")
    path = written(tmp_path, "list", f"{good} example.com [alpn h2]\n".encode())
    config = judging.judged(f"frontend f\n    bind :1 ssl crt-list {path}\n")
    assert any(
        "filters can't be between filename and options!" in x for x in judging.said(config, judging.Severity.WARNING)
    )
