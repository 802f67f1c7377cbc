"""The TLS words of a `bind` line, understood with their arguments and not acted upon.

`ssl` is UNSAFE: a configuration that has it passes `-c` with a notice and does not start. The others refine it: without
`ssl` on their line HAProxy does nothing with them either.
"""

from __future__ import annotations

from collections.abc import Callable

from pylb.config import tls_files
from pylb.config.model import BindLine
from pylb.config.units import parse_integer, wrapped
from pylb.config.words import Words
from pylb.registry import Kind, Status, declare

_VERSIONS = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_NOTE = "TLS is not there yet"
_REFINES = "refines `ssl`, which comes later"

_FLAGS = {
    "ssl": "Connections of this line are TLS.",
    "allow-0rtt": "Accepts TLS 1.3 early data.",
    "force-sslv3": "SSLv3 only.",
    "force-tlsv10": "TLS 1.0 only.",
    "force-tlsv11": "TLS 1.1 only.",
    "force-tlsv12": "TLS 1.2 only.",
    "force-tlsv13": "TLS 1.3 only.",
    "generate-certificates": "Makes a certificate for the name that the client asks for.",
    "no-alpn": "Offers no application protocol.",
    "no-ca-names": "Sends no CA names with the request for a client certificate.",
    "no-sslv3": "Refuses SSLv3.",
    "no-strict-sni": "Answers unknown names with the default certificate.",
    "no-tls-tickets": "No session tickets.",
    "no-tlsv10": "Refuses TLS 1.0.",
    "no-tlsv11": "Refuses TLS 1.1.",
    "no-tlsv12": "Refuses TLS 1.2.",
    "no-tlsv13": "Refuses TLS 1.3.",
    "prefer-client-ciphers": "The client's order of ciphers decides.",
    "strict-sni": "Refuses handshakes for names without a certificate.",
    "tls-tickets": "Session tickets again, after a default without them.",
}
_VALUES = {
    "alpn": ("the comma-delimited ALPN protocol suite", "Application protocols to offer, in order."),
    "ca-file": ("CAfile path", "Certificate authorities that client certificates are checked against."),
    "ca-ignore-err": ("error IDs list", "Verification errors of CA certificates to overlook."),
    "ca-sign-pass": ("CAkey password", "Password of the key in ca-sign-file."),
    "ca-verify-file": ("CAfile path", "Further authorities that are not announced to clients."),
    "ciphers": ("cipher suite", "Ciphers up to TLS 1.2, in OpenSSL's notation."),
    "ciphersuites": ("cipher suite", "Cipher suites of TLS 1.3."),
    "client-sigalgs": ("signature algorithm list", "Signature algorithms for client certificates."),
    "crl-file": ("CRLfile path", "Revocation list for client certificates."),
    "crt": ("certificate location", "Certificate and key: a PEM file or a directory of them."),
    "crt-ignore-err": ("error IDs list", "Verification errors of the client's certificate to overlook."),
    "crt-list": ("certificate location", "File that lists certificates with their options and names."),
    "curves": ("curve suite", "Elliptic curves or groups, in order."),
    "default-crt": ("certificate location", "Certificate for clients whose name fits no other."),
    "ecdhe": ("named curve", "The curve for ephemeral Diffie-Hellman."),
    "ktls": ("value", "Kernel TLS on or off."),
    "npn": ("the comma-delimited NPN protocol suite", "Next-protocol names, the forerunner of ALPN."),
    "sigalgs": ("signature algorithm list", "Signature algorithms to offer."),
    "tls-ticket-keys": ("TLS ticket keys file path", "File with the keys that seal session tickets."),
}


def _flag(name: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        bind.values[name] = True

    decides = name == "ssl"
    status, note = (Status.UNSAFE, _NOTE) if decides else (Status.HARMLESS, _REFINES)
    declare(Kind.BIND, name, store, status=status, note=note, doc=doc)


def _value(name: str, missing: str, doc: str) -> None:
    look = _LOOKS.get(name)

    def store(words: Words, bind: BindLine) -> None:
        text = words.next(f"'{name}' : missing {missing}")
        if look is not None:
            look(words, bind, name, text)
        if name in _REPEATED:
            bind.values.setdefault(name, []).append(text)
        else:
            bind.values[name] = text

    declare(Kind.BIND, name, store, usage="<value>", status=Status.HARMLESS, note=_REFINES, doc=doc)


# -- what is looked at while the configuration is read


def _certificate(words: Words, bind: BindLine, name: str, text: str) -> None:
    if text.startswith("@"):
        return _stored(words, bind, text)
    config = words.line.config
    path = tls_files.located(text, tls_files.base_of(config, "crt-base"))
    try:
        count = 1 if tls_files.in_store(config, path) else tls_files.check_certificate(path, folders=name == "crt")
    except ValueError as error:
        words.fail(str(error))
    config.certificates.setdefault(path, words.last_span)
    bind.values["certificates"] = bind.values.get("certificates", 0) + count


def _stored(words: Words, bind: BindLine, text: str) -> None:
    """`@store/name` or `@/name`: a certificate that a crt-store has loaded under that name."""
    try:
        tls_files.check_stored(words.line.config, text)
    except ValueError as error:
        words.fail(str(error))
    bind.values["certificates"] = bind.values.get("certificates", 0) + 1


def _list(words: Words, bind: BindLine, name: str, text: str) -> None:
    try:
        count = tls_files.check_list(text, words)
    except ValueError as error:
        words.fail(f"'{name}' : {error}")
    bind.values["certificates"] = bind.values.get("certificates", 0) + count


def _authorities(words: Words, bind: BindLine, name: str, text: str) -> None:
    config = words.line.config
    path = text if text.startswith("@") else tls_files.located(text, tls_files.base_of(config, "ca-base"))
    if not tls_files.reported(config, path, words.last_span):
        words.fail(f"'{name}' : unable to load {path}")


def _ticket_keys(words: Words, bind: BindLine, name: str, text: str) -> None:
    try:
        tls_files.ticket_keys(text)
    except ValueError as error:
        words.fail(str(error))


def _ignored_errors(words: Words, bind: BindLine, name: str, text: str) -> None:
    """Numbers of OpenSSL's verification errors, or (3.x) their names, or `all`."""
    if text == "all":
        return
    for part in text.split(","):
        if part.startswith("X509_V_ERR_"):
            continue
        value = parse_integer(part)
        if not 1 <= value <= _HIGHEST_ERROR:
            words.fail(
                f"'{name}' : ID '{wrapped(value)}' out of range (1..{_HIGHEST_ERROR}) in error IDs list '{text}'"
            )


def _ktls(words: Words, bind: BindLine, name: str, text: str) -> None:
    if text not in ("on", "off"):
        words.fail(f"'{name}' : expects 'on' or 'off', got '{text}'")


def _protocols(words: Words, bind: BindLine, name: str, text: str) -> None:
    if any(len(part) > 255 for part in text.split(",")):
        words.fail(f"'{name}' : {name.upper()} protocol name too long")


_HIGHEST_ERROR = 94
_LOOKS: dict[str, Callable[[Words, BindLine, str, str], None]] = {
    "alpn": _protocols,
    "ca-file": _authorities,
    "ca-ignore-err": _ignored_errors,
    "ca-verify-file": _authorities,
    "crl-file": _authorities,
    "crt": _certificate,
    "crt-ignore-err": _ignored_errors,
    "crt-list": _list,
    "default-crt": _certificate,
    "ktls": _ktls,
    "npn": _protocols,
    "tls-ticket-keys": _ticket_keys,
}
_REPEATED = frozenset({"crt", "crt-list", "default-crt"})


def _version(name: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        text = words.next(f"'{name}' : missing the ssl/tls version")
        if text not in _VERSIONS:
            words.fail(f"'{text}' : unknown ssl/tls version")
        bind.values[name] = text

    declare(Kind.BIND, name, store, usage="|".join(_VERSIONS), status=Status.HARMLESS, note=_REFINES, doc=doc)


def _verify(words: Words, bind: BindLine) -> None:
    """Whether a client certificate is asked for, and demanded."""
    text = words.next("'verify' : missing verify method")
    if text not in ("none", "optional", "required"):
        words.fail(f"'verify' : unknown verify method '{text}', only 'none', 'optional', and 'required' are supported")
    bind.values["verify"] = text


def _signer(words: Words, bind: BindLine) -> None:
    """CA that signs generated certificates, with its key; looked at when `generate-certificates` is there too."""
    path = words.next("'ca-sign-file' : missing CAfile path")
    bind.values["ca-sign-file"] = tls_files.located(path, tls_files.base_of(words.line.config, "ca-base"))


for _name, _doc in _FLAGS.items():
    _flag(_name, _doc)
for _name, (_missing, _doc) in _VALUES.items():
    _value(_name, _missing, _doc)
_version("ssl-min-ver", "Lowest TLS version.")
_version("ssl-max-ver", "Highest TLS version.")
declare(Kind.BIND, "verify", _verify, usage="none|optional|required", status=Status.HARMLESS, note=_REFINES)
declare(Kind.BIND, "ca-sign-file", _signer, usage="<path>", status=Status.HARMLESS, note=_REFINES)
