"""ssl-f-use: certificates of a frontend, for all its `ssl` bind lines (manual 4.2, HAProxy 3.2 on).

A line has what a line of a crt-list has: bind options of one certificate, and the words of `load` in a crt-store.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from pylb import registry
from pylb.config import tls_files
from pylb.config.model import BindLine
from pylb.config.section_shapes import want_section
from pylb.config.shapes import EXPERIMENTAL
from pylb.errors import ConfigError, did_you_mean
from pylb.registry import Kind, Status, keyword

if TYPE_CHECKING:
    from pylb.config.words import Line, Words

OPTIONS: Final = (
    *("allow-0rtt", "alpn", "ca-file", "ca-verify-file", "ciphers", "ciphersuites", "client-sigalgs", "crl-file"),
    *("curves", "ecdhe", "ktls", "no-alpn", "no-ca-names", "npn", "sigalgs", "ssl-min-ver", "ssl-max-ver", "verify"),
)
"""Bind options that hold for one certificate."""
FILES: Final = ("key", "ocsp", "issuer", "sctl")


@keyword(
    "ssl-f-use",
    places=("frontend", "listen"),
    usage="[<option> [<value>]] ...",
    status=Status.UNSAFE,
    note="TLS comes later",
)
def frontend_certificate(line: Line) -> None:
    """A certificate of all TLS addresses of the frontend, with options of bind lines (allow-0rtt, alpn, ca-file,
    ca-verify-file, ciphers, ciphersuites, client-sigalgs, crl-file, curves, ecdhe, ktls, no-alpn, no-ca-names, npn,
    sigalgs, ssl-min-ver, ssl-max-ver, verify) and words of the `load` lines of a crt-store (crt, key, ocsp, issuer,
    sctl, ocsp-update, acme, domains ...).

    Errors: an option or value that is not known, a file that is not there or does not fit.
    """
    words = line.args()
    bind = BindLine([], line.span)
    given: dict[str, str] = {}
    known = (*OPTIONS, *tls_files.LOAD)
    while not words.end:
        name = words.next()
        if name in OPTIONS:
            _bind_option(words, bind, name)
        elif name in tls_files.LOAD:
            given[name] = _load_word(words, name)
        else:
            near = did_you_mean(name, known).removeprefix("; ")
            words.fail(f"'ssl-f-use' : unknown option '{name}'.", near)
    _check_files(line, given)
    line.record.append(line.name, given, line.span)


def _bind_option(words: Words, bind: BindLine, name: str) -> None:
    word = registry.find(Kind.BIND, name)
    if word is None:
        raise LookupError(name)
    words.line.config.use(word, words.last_span)
    try:
        word.factory(words, bind)
    except ConfigError as error:
        raise ConfigError(f"'ssl-f-use' : {error.message}", error.span, error.hint) from None


def _load_word(words: Words, name: str) -> str:
    config, span = words.line.config, words.last_span
    value = words.next(f"'ssl-f-use' : '{name}' expects a value.")
    choices = tls_files.LOAD[name]
    if choices and value not in choices:
        words.fail(f"'ssl-f-use' : '{name}' expects {' or '.join(map(repr, choices))}, got '{value}'.")
    if name == "acme":
        if not config.globals.get(EXPERIMENTAL):
            raise ConfigError(f"'acme' directive is experimental, must be allowed via a global '{EXPERIMENTAL}'", span)
        want = functools.partial(want_section, kind="acme", name=value, span=span, who="'ssl-f-use'")
        config.wants.append(want)
    return value


def _check_files(line: Line, given: dict[str, str]) -> None:
    """The certificate with its key, unless a crt-store has loaded it or it is made."""
    if "crt" not in given or given["crt"].startswith("@") or given.get("generate-dummy") == "on":
        return
    config = line.config
    path = tls_files.located(given["crt"], tls_files.base_of(config, "crt-base"))
    try:
        if not tls_files.in_store(config, path):
            if "key" not in given:
                tls_files.check_certificate(path, folders=False)
            else:
                tls_files.check_present(path)
        for name in FILES:
            if name in given:
                base = tls_files.base_of(config, "key-base") if name == "key" else None
                tls_files.check_present(tls_files.located(given[name], base))
    except ValueError as error:
        raise ConfigError(f"'ssl-f-use' : {error}", line.span) from None
    config.certificates.setdefault(path, line.span)
