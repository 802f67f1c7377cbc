"""The TLS words of a `bind` line, understood with their arguments and not acted upon.

Each of them decides whether and how a connection is encrypted or who may connect, so all are UNSAFE: a configuration
that has one passes `-c` with a notice and does not start.
"""

from __future__ import annotations

from pylb.config.model import BindLine
from pylb.config.words import Words
from pylb.registry import Kind, Status, declare

_VERSIONS = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_NOTE = "TLS is not there yet"

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
    "ca-sign-file": ("CAfile path", "CA that signs generated certificates."),
    "ca-sign-pass": ("CAkey password", "Password of the key in ca-sign-file."),
    "ca-verify-file": ("CAfile path", "Further authorities that are not announced to clients."),
    "ciphers": ("cipher suite", "Ciphers up to TLS 1.2, in OpenSSL's notation."),
    "ciphersuites": ("cipher suite", "Cipher suites of TLS 1.3."),
    "client-sigalgs": ("signature algorithm list", "Signature algorithms for client certificates."),
    "crl-file": ("CRLfile path", "Revocation list for client certificates."),
    "crt": ("certificate location", "Certificate and key: a PEM file or a directory of them."),
    "crt-ignore-err": ("error IDs list", "Verification errors of the client's certificate to overlook."),
    "crt-list": ("crt-list location", "File that lists certificates with their options and names."),
    "curves": ("curve suite", "Elliptic curves or groups, in order."),
    "default-crt": ("certificate location", "Certificate for clients whose name fits no other."),
    "ecdhe": ("named curve", "The curve for ephemeral Diffie-Hellman."),
    "ktls": ("value", "Kernel TLS on or off."),
    "npn": ("the comma-delimited NPN protocol suite", "Next-protocol names, the forerunner of ALPN."),
    "sigalgs": ("signature algorithm list", "Signature algorithms to offer."),
    "tcp-md5sig": ("password", "TCP MD5 signatures (RFC 2385), a BGP habit."),
    "tls-ticket-keys": ("TLS ticket keys file path", "File with the keys that seal session tickets."),
}


def _flag(name: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        bind.values[name] = True

    declare(Kind.BIND, name, store, status=Status.UNSAFE, note=_NOTE, doc=doc)


def _value(name: str, missing: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        text = words.next(f"'{name}' : missing {missing}")
        if name in _REPEATED:
            bind.values.setdefault(name, []).append(text)
        else:
            bind.values[name] = text

    declare(Kind.BIND, name, store, usage="<value>", status=Status.UNSAFE, note=_NOTE, doc=doc)


_REPEATED = frozenset({"crt", "crt-list", "default-crt"})


def _version(name: str, doc: str) -> None:
    def store(words: Words, bind: BindLine) -> None:
        text = words.next(f"'{name}' : missing the ssl/tls version")
        if text not in _VERSIONS:
            words.fail(f"'{text}' : unknown ssl/tls version")
        bind.values[name] = text

    declare(Kind.BIND, name, store, usage="|".join(_VERSIONS), status=Status.UNSAFE, note=_NOTE, doc=doc)


def _verify(words: Words, bind: BindLine) -> None:
    """Whether a client certificate is asked for, and demanded."""
    text = words.next("'verify' : missing verify method")
    if text not in ("none", "optional", "required"):
        words.fail(f"'verify' : unknown verify method '{text}', only 'none', 'optional', and 'required' are supported")
    bind.values["verify"] = text


for _name, _doc in _FLAGS.items():
    _flag(_name, _doc)
for _name, (_missing, _doc) in _VALUES.items():
    _value(_name, _missing, _doc)
_version("ssl-min-ver", "Lowest TLS version.")
_version("ssl-max-ver", "Highest TLS version.")
declare(Kind.BIND, "verify", _verify, usage="none|optional|required", status=Status.UNSAFE, note=_NOTE)
