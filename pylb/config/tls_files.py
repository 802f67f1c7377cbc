"""Certificates, keys, authorities and crt-list files as they are looked at while a configuration is read.

HAProxy opens all of them during `-c`; so does this room, and says what is wrong in the same words. What it finds is not
kept: whoever serves TLS loads the files itself. Mistakes are ValueErrors without the name of the option.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import TYPE_CHECKING, Any

from pylb import registry
from pylb.config.model import BindLine
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span
from pylb.registry import Kind

if TYPE_CHECKING:
    from pylb.config.model import Configuration

BUNDLE = (".rsa", ".ecdsa", ".dsa")
_SKIPPED = (".issuer", ".ocsp", ".sctl", ".key")
_IN_LISTS = frozenset(
    (
        *("allow-0rtt", "alpn", "ca-file", "ca-verify-file", "ciphers", "ciphersuites", "client-sigalgs", "crl-file"),
        *("curves", "ecdhe", "no-alpn", "no-ca-names", "npn", "sigalgs", "ssl-max-ver", "ssl-min-ver", "verify"),
    )
)
# What a line of a crt-list or of a crt-store may say of its certificate (manual, chapter 12.7.1), with its values.
LOAD: dict[str, tuple[str, ...]] = {
    "acme": (),
    "alias": (),
    "bits": (),
    "crt": (),
    "curves": (),
    "domains": (),
    "generate-dummy": ("off", "on"),
    "ips": (),
    "issuer": (),
    "jwt": ("off", "on"),
    "key": (),
    "keytype": ("RSA", "ECDSA"),
    "ocsp": (),
    "ocsp-update": ("off", "on"),
    "sctl": (),
}
_BLOCK = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?-----END [A-Z0-9 ]*PRIVATE KEY-----", re.DOTALL)


def located(path: str, base: str | None) -> str:
    """The path below crt-base or ca-base, unless it is absolute."""
    return path if path.startswith("/") or not base else f"{base}/{path}"


def base_of(config: Configuration, name: str) -> str | None:
    found = config.globals.get(name)
    return found if isinstance(found, str) else None


def in_store(config: Configuration, path: str) -> bool:
    """Whether a crt-store has loaded the certificate, perhaps with a key from elsewhere."""
    return any(path in store.get("paths", ()) for store in config.sections.get("crt-store", {}).values())


def check_stored(config: Configuration, text: str) -> None:
    """`@store/name` or `@/name`: demands a certificate that a crt-store has loaded under that name."""
    store, slash, name = text[1:].partition("/")
    record = config.section("crt-store", store) if slash else None
    if record is None or name not in record.get("names", ()):
        raise ValueError(f"unable to stat SSL certificate from file '{text}' : {os.strerror(2)}.")


def check_present(path: str) -> None:
    """Demands a file, whatever is in it."""
    if not os.path.exists(path):
        raise ValueError(f"unable to stat SSL certificate from file '{path}' : {os.strerror(2)}.")


def check_public(path: str) -> None:
    """Demands a certificate; its key need not be known to check signatures."""
    from cryptography import x509

    check_present(path)
    try:
        x509.load_pem_x509_certificates(_read(path))
    except ValueError:
        raise ValueError(f"unable to load certificate from file '{path}'.") from None


def check_certificate(path: str, *, folders: bool = True) -> int:
    """Demands a certificate with its key, or a folder of them; how many there were."""
    try:
        os.stat(path)
    except OSError as error:
        bundle = [path + suffix for suffix in BUNDLE if os.path.exists(path + suffix)]
        if not bundle:
            raise ValueError(
                f"unable to stat SSL certificate from file '{path}' : {os.strerror(error.errno or 0)}."
            ) from None
        for part in bundle:
            _check_pair(part)
        return len(bundle)
    if not (folders and os.path.isdir(path)):
        _check_pair(path)
        return 1
    try:
        names = sorted(os.listdir(path))
    except OSError:
        raise ValueError(f"unable to scan directory '{path}'.") from None
    files = [os.path.join(path, name) for name in names if not name.endswith(_SKIPPED) and not name.startswith(".")]
    files = [file for file in files if os.path.isfile(file)]
    for file in files:
        _check_pair(file)
    return len(files)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _check_pair(path: str) -> None:
    from cryptography import x509

    data = _read(path)
    try:
        chain = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ValueError(f"unable to load certificate from file '{path}'.") from None
    key, beside = _key(data), f"{path}.key"
    if key is None:
        key = _key(_read(beside))
    if key is None and path.endswith(".crt"):
        key = _key(_read(path[:-4] + ".key"))
    if key is None:
        raise ValueError(f"No Private Key found in '{beside}'.")
    if _public(key) != _public(chain[0]):
        raise ValueError(f"inconsistencies between private key and certificate loaded '{path}'.")


def _key(data: bytes) -> Any:
    """The first private key of a PEM text that needs no pass phrase."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    found = _BLOCK.search(data)
    if found is None:
        return None
    try:
        return load_pem_private_key(found[0], None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _public(holder: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    data: bytes = holder.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return data


def check_client_certificate(path: str) -> None:
    """The certificate of a server line: HAProxy's words are those of bind lines, but no folder will do."""
    check_certificate(path, folders=False)


def check_signer(path: str) -> None:
    """An authority that signs what is generated: one file with its certificate and key."""
    if not os.path.exists(path):
        raise ValueError(f"cannot open the file '{path}'.")
    _check_pair(path)


def authorities(path: str) -> None:
    """Demands a file with certificates or revocation lists, or a folder."""
    if path == "@system-ca" or os.path.isdir(path):
        return
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise ValueError(f"Couldn't open the ca-file '{path}' ({os.strerror(error.errno or 0)}).") from None
    if not _authority(data):
        raise ValueError(f"Couldn't open the ca-file '{path}' (no certificate or crl found).")


def _authority(data: bytes) -> bool:
    """Whether a PEM text holds a certificate or a revocation list that can be read."""
    from cryptography import x509

    for load in (x509.load_pem_x509_certificates, x509.load_pem_x509_crl):
        try:
            load(data)
        except ValueError:
            continue
        return True
    return b"-----BEGIN TRUSTED CERTIFICATE-----" in data


def ticket_keys(path: str) -> None:
    """Demands at least three keys in base64, of 48 or 80 bytes each."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except OSError:
        raise ValueError(f"'{path}' : unable to load ssl tickets keys file") from None
    sizes = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        try:
            sizes.append(len(base64.b64decode(text, validate=True)))
        except binascii.Error:
            raise ValueError(f"'{path}' : unable to decode base64 key on line {number}") from None
        if sizes[-1] not in (48, 80) or sizes[-1] != sizes[0]:
            raise ValueError(f"'{path}' : unable to decode base64 key on line {number}")
    if len(sizes) < 3:
        raise ValueError(f"'{path}' : please supply at least 3 keys in the tls-tickets-file")


# -- crt-list --------------------------------------------------------------------------------------------------------

_WORD = re.compile(r"[^ \t\[\]]+|[\[\]]")


def check_list(path: str, words: Words) -> int:
    """Reads a crt-list (manual 5.1): a certificate, options in brackets, server names; how many there were."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise ValueError(f"cannot open file '{path}' : {os.strerror(error.errno or 0)}") from None
    count = 0
    for number, text in enumerate(lines, 1):
        where = f"parsing [{path}:{number}]:"
        if number == len(lines) and text:
            raise ValueError(
                f"{where} Missing LF on last line, file might have been truncated at position {len(text) + 1}."
            )
        if text.strip() and not text.lstrip().startswith("#"):
            count += _check_entry(text, where, words)
    return count


def _check_entry(text: str, where: str, words: Words) -> int:
    parts = _WORD.findall(text.partition(" #")[0])
    if parts[0] in "[]":
        raise ValueError(f"{where} file must start with a cert")
    opened = [index for index, part in enumerate(parts) if part == "["]
    closed = [index for index, part in enumerate(parts) if part == "]"]
    if len(opened) > 1:
        raise ValueError(f"{where} too many '['")
    if len(closed) > 1:
        raise ValueError(f"{where} too many ']'")
    if closed and not opened:
        raise ValueError(f"{where} missing '['")
    config = words.line.config
    options: list[str] = []
    if opened:
        options = parts[opened[0] + 1 : closed[0] if closed else len(parts)]
        if opened[0] > 1:
            words.line.warning(
                f"'bind' : 'crt-list' : {where} malformated line, filters can't be between filename and options!"
            )
    given = _check_options(options, where, words)
    path = located(parts[0], base_of(config, "crt-base"))
    if parts[0].startswith("@"):
        check_stored(config, parts[0])
        return 1
    if in_store(config, path):
        return 1
    if "generate-dummy" not in given and "key" not in given:
        check_certificate(path)
    config.certificates.setdefault(path, words.last_span)
    return 1


def _check_options(options: list[str], where: str, words: Words) -> set[str]:
    """The options of one certificate, read by the factories of bind lines."""
    line = Line(options, [words.last_span] * max(1, len(options)), words.line.config, words.line.record, "crt-list")
    cursor, scratch = Words(line, 0), BindLine([], words.last_span)
    given: set[str] = set()
    while not cursor.end:
        name = cursor.next()
        given.add(name)
        if name in LOAD and name not in _IN_LISTS:
            if cursor.end:
                raise ValueError(f"{where} ssl args out of '[]' for {name}")
            value = cursor.next()
            if LOAD[name] and value not in LOAD[name]:
                raise ValueError(f"{where} '{name}' expects {' or '.join(LOAD[name])}, got '{value}'")
            continue
        word = registry.find(Kind.BIND, name) if name in _IN_LISTS else None
        if word is None:
            raise ValueError(f"{where} unknown ssl keyword {name}")
        if word.usage and cursor.peek() is None:
            raise ValueError(f"{where} ssl args out of '[]' for {name}")
        try:
            word.factory(cursor, scratch)
        except ConfigError as error:
            raise ValueError(error.message) from None
    return given


def reported(config: Configuration, path: str, span: Span) -> bool:
    """Whether a CA file can be used; reports when it cannot (HAProxy says so in a line of its own first)."""
    try:
        authorities(path)
    except ValueError as error:
        config.report.alert(str(error), Span("", 0), hint=f"see {span.file}:{span.line}")
        return False
    if os.path.isdir(path) and not any(os.path.isfile(os.path.join(path, name)) for name in os.listdir(path)):
        config.report.warning(f"ca-file: 0 CA were loaded from '{path}'")
    return True
