"""What a bind line with `ssl` lacks, judged when the line is complete: certificates, authorities, versions, ciphers.

Nothing is encrypted yet; the questions are those that HAProxy asks at the same moment, with its answers. Ciphers and
curves are put to the system's OpenSSL, as it is that decides.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING, Final

from pylb.config import tls_files

if TYPE_CHECKING:
    from pylb.config.model import BindLine
    from pylb.errors import Report

VERSIONS: Final = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_OLDEST: Final = 1  # SSLv3 is not in today's OpenSSL
_DEFAULT_OLDEST: Final = 3  # TLSv1.2, unless a lower one is asked for
SUITES: Final = frozenset(
    (
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    )
)
_CURVES: Final = frozenset(
    (
        *(
            "X25519",
            "X448",
            "P-256",
            "P-384",
            "P-521",
            "prime256v1",
            "secp384r1",
            "secp521r1",
            "secp256k1",
            "secp224r1",
        ),
        *("prime192v1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "ffdhe2048", "ffdhe3072", "ffdhe4096"),
        *("ffdhe6144", "ffdhe8192", "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"),
    )
)


_HASH: Final = "(?:224|256|384|512)"
_SCHEME: Final = re.compile(
    rf"(?:RSA|RSA-PSS|PSS|DSA|ECDSA)\+(?:SHA|sha)(?:1|{_HASH})"
    rf"|(?:rsa_pkcs1|dsa|ecdsa)_sha(?:1|{_HASH})|rsa_pss_(?:rsae|pss)_sha{_HASH}"
    r"|ecdsa_secp256r1_sha256|ecdsa_secp384r1_sha384|ecdsa_secp521r1_sha512|ed25519|ed448|mldsa(?:44|65|87)"
    r"|ecdsa_brainpoolP(?:256r1(?:tls13)?_sha256|384r1(?:tls13)?_sha384|512r1(?:tls13)?_sha512)"
)


def check(name: str, bind: BindLine, report: Report) -> None:
    """Reports what is wrong with the TLS of one bind line of the proxy `name`."""
    values = bind.values
    if not values.get("ssl"):
        return
    place = f"[{bind.span.file}:{bind.span.line}]"
    where = f"for bind '{values.get('text', '')}' at {place}"
    generated = values.get("generate-certificates")
    if not values.get("certificates"):
        if generated or not values.get("strict-sni"):
            report.alert(f"Proxy '{name}': no SSL certificate specified {where} (use 'crt').")
            return
        report.warning(f"Proxy '{name}': no SSL certificate specified {where}, ssl connections will fail (use 'crt').")
    if values.get("verify") in ("optional", "required") and not (values.get("ca-file") or values.get("ca-verify-file")):
        report.alert(f"Proxy '{name}': verify is enabled but no CA file specified {where}.")
    _check_versions(name, values, where, report)
    _check_algorithms(name, values, where, report)
    if generated:
        _check_signer(name, values.get("ca-sign-file", ""), place, report)


def _check_signer(name: str, path: str, place: str, report: Report) -> None:
    """Who generates certificates needs an authority to sign them."""
    if not path:
        report.alert(
            f"Proxy '{name}': cannot enable certificate generation, no CA certificate File configured at {place}."
        )
        return
    try:
        tls_files.check_signer(path)
    except ValueError as error:
        report.alert(
            f"Proxy '{name}': Failed to read CA certificate file '{path}' at {place}. Chain loading failed: {error}"
        )


def _check_versions(name: str, values: dict[str, object], where: str, report: Report) -> None:
    forced = [index for index, version in enumerate(VERSIONS) if values.get(f"force-{_short(version)}")]
    refused = [index for index, version in enumerate(VERSIONS) if values.get(f"no-{_short(version)}")]
    low = VERSIONS.index(str(values["ssl-min-ver"])) if "ssl-min-ver" in values else None
    high = VERSIONS.index(str(values["ssl-max-ver"])) if "ssl-max-ver" in values else None
    if forced:
        low = high = forced[-1]
    if refused and (low is not None or high is not None):
        report.warning(
            f"Proxy '{name}': no-sslv3/no-tlsv1x are ignored {where}. Use only 'ssl-min-ver' and 'ssl-max-ver' to fix."
        )
        refused = []
    if low is None and high is not None and high < _DEFAULT_OLDEST:
        report.warning(
            f"Proxy '{name}': Ambiguous configuration {where}: the ssl-min-ver value is not configured and the "
            f"ssl-max-ver value is lower than the default ssl-min-ver value ({VERSIONS[_DEFAULT_OLDEST]}). Setting the "
            f"ssl-min-ver to {VERSIONS[high]}. Use 'ssl-min-ver' to fix this."
        )
        low = high
    start = low if low is not None else _DEFAULT_OLDEST
    if refused:
        start = _OLDEST
    usable = [i for i in range(max(_OLDEST, start), (high if high is not None else 4) + 1) if i not in refused]
    if not usable:
        report.alert(f"Proxy '{name}': all SSL/TLS versions are disabled {where}.")


def _short(version: str) -> str:
    return version.lower().replace(".", "")


def _check_algorithms(name: str, values: dict[str, object], where: str, report: Report) -> None:
    ciphers, suites, curves = values.get("ciphers"), values.get("ciphersuites"), values.get("curves")
    if isinstance(ciphers, str):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ciphers(ciphers)
        except ssl.SSLError:
            report.alert(f"Proxy '{name}': unable to set SSL cipher list to '{ciphers}' {where}.")
    if isinstance(suites, str) and any(suite and suite not in SUITES for suite in suites.split(":")):
        report.alert(f"Proxy '{name}': unable to set TLS 1.3 cipher suites to '{suites}' {where}.")
    if isinstance(curves, str) and not curves_known(curves):
        report.alert(f"Proxy '{name}': unable to set SSL curves list to '{curves}' {where}.")
    named = values.get("ecdhe")
    if isinstance(named, str) and curves is None and not curves_known(named):
        report.alert(f"Proxy '{name}': unable to set elliptic named curve to '{named}' {where}.")
    for option, text in signatures_unknown(values):
        report.alert(f"Proxy '{name}': unable to set '{option}' to '{text}' {where}.")


def curves_known(text: str) -> bool:
    """Whether OpenSSL knows all groups of a list."""
    return all(curve.lstrip("?*").partition("/")[0] in _CURVES for curve in text.split(":"))


def signatures_unknown(values: dict[str, object]) -> list[tuple[str, str]]:
    """Options of a line whose lists name signature algorithms that OpenSSL does not know, and these lists."""
    lists = ((option, values.get(option)) for option in ("sigalgs", "client-sigalgs"))
    return [(option, text) for option, text in lists if isinstance(text, str) and not _signatures_known(text)]


def _signatures_known(text: str) -> bool:
    """The notation of SSL_CTX_set1_sigalgs_list(3): names of RFC 8446, or algorithm+hash; `?` marks optional ones."""
    return all(name.startswith("?") or _SCHEME.fullmatch(name) for name in text.split(":"))
