"""crt-store and acme: certificates under names, and how they are renewed (manual 12.7 and 12.8; HAProxy 3.0 on).

Files are looked at while the section is read, as those of bind lines are. Nothing is renewed yet. All of it is
harmless without effect: TLS itself refuses to start, and what names a certificate (a bind line, a JWT) decides alone.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from pylb.config.addresses import numeric_family
from pylb.config.model import Record
from pylb.config.section_shapes import choose, open_section, take_timer, want_section
from pylb.config.sections import check_name, no_more_words
from pylb.config.shapes import EXPERIMENTAL
from pylb.config.tls_files import LOAD, base_of, check_certificate, check_present, check_public, located
from pylb.config.units import parse_integer
from pylb.errors import ConfigError, Span, did_you_mean
from pylb.registry import Status, keyword, section

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.config.words import Line, Words


def _experimental(line: Line, what: str, span: Span) -> None:
    if not line.config.globals.get(EXPERIMENTAL):
        line.config.report.alert(
            f"'{what}' directive is experimental, must be allowed via a global '{EXPERIMENTAL}'", span
        )


READY = ("cli", "dns", "delay", "none")


@section("crt-store", usage="[<name>]", status=Status.HARMLESS)
def open_store(line: Line) -> Record:
    """Certificates that bind lines name as @<store>/<certificate or alias>; the store without a name as @/<...>."""
    name = line.words[1] if len(line.words) > 1 else ""
    if name:
        check_name(line, name)
    no_more_words(line, 2)
    return line.config.sections.setdefault("crt-store", {}).setdefault(name, Record("crt-store", name, line.span))


def _folder(line: Line) -> None:
    words = line.args()
    path = words.next(f"'{line.name}' requires a <path> argument.")
    words.finish()
    if line.record.get("names"):
        words.fail(f"'{line.name}' can't be used after a load line, please put it at the beginning of the section.")
    line.set(path)


@keyword("crt-base", places="crt-store", usage="<dir>", status=Status.HARMLESS)
def crt_base(line: Line) -> None:
    """Folder of the section's certificates, instead of the global one; stands before the `load` lines."""
    _folder(line)


@keyword("key-base", places="crt-store", usage="<dir>", status=Status.HARMLESS)
def key_base(line: Line) -> None:
    """Folder of the keys of this section; stands before its `load` lines."""
    _folder(line)


@keyword(
    "load",
    places="crt-store",
    usage="crt <file> [key <file>] [alias <name>] [ocsp <file>] [issuer <file>] [sctl <file>] [ocsp-update on|off] "
    "[jwt on|off] [acme <section> [domains <name>[,...]] [ips <address>[,...]]] "
    "[generate-dummy on|off [keytype RSA|ECDSA] [bits <number>] [curves <name>]]",
    status=Status.HARMLESS,
)
def load(line: Line) -> None:
    """Loads a certificate, with the key and other files that are not in the same PEM file.

    Errors: no `crt`, a word or value that is not known, a word given twice, a file that is not there or does not fit,
    a certificate that a line above has loaded without this section, an acme section that does not exist.
    """
    words = line.args()
    given: dict[str, str] = {}
    while not words.end:
        name = words.next()
        if name not in LOAD:
            near = did_you_mean(name, LOAD)
            words.fail(f"unknown parameter '{name}' for 'load' in 'crt-store' section{near or '.'}")
        if name in given:
            words.fail(f"'{name}' is set twice on this 'load' line.")
        given[name] = _parameter(line, words, name)
    if "crt" not in given:
        raise ConfigError("'load' expects a 'crt' parameter with the name of a certificate.", line.span)
    record: Record = line.record
    names = record.values.setdefault("names", set())
    known = {given["crt"], *([given["alias"]] if "alias" in given else [])}
    if "alias" in given and given["alias"] in names:
        raise ConfigError(f"alias '{given['alias']}' is already used in this 'crt-store'.", line.span)
    names.update(known)
    record.append("load", given, line.span)
    if "acme" in given:
        who = f"'load crt {given['crt']}'"
        want = functools.partial(want_section, kind="acme", name=given["acme"], span=line.span, who=who)
        line.config.wants.append(want)
    _check_files(line, record, given)


def _parameter(line: Line, words: Words, name: str) -> str:
    value = words.next(f"'{name}' expects a value on a 'load' line.")
    choices = LOAD[name]
    if choices and value not in choices:
        words.fail(f"'{name}' expects {' or '.join(repr(choice) for choice in choices)}, got '{value}'.")
    if name == "bits" and parse_integer(value) <= 0:
        words.fail(f"'bits' expects a positive number, got '{value}'.")
    if name == "acme":
        _experimental(line, name, words.last_span)
    if name == "ips":
        for address in value.split(","):
            if not numeric_family(address):
                words.fail(f"'ips' expects IP addresses separated by commas, got '{address}'.")
    if name == "domains" and not all(value.split(",")):
        words.fail(f"'domains' expects names separated by commas, got '{value}'.")
    return value


def _check_files(line: Line, record: Record, given: dict[str, str]) -> None:
    """What a line names must be there, unless the certificate is made or fetched; and nobody may use it before."""
    crt = located(given["crt"], record.get("crt-base") or base_of(line.config, "crt-base"))
    used = line.config.certificates.get(crt)
    if used is not None:
        raise ConfigError(
            f"'load' : the certificate '{crt}' is already in use at {used.file}:{used.line}, "
            "a 'crt-store' has to stand before.",
            line.span,
        )
    record.values.setdefault("paths", set()).add(crt)
    if "acme" in given or given.get("generate-dummy") == "on":
        return
    try:
        if "key" in given:
            check_present(crt)
        elif given.get("jwt") == "on":
            check_public(crt)
        else:
            check_certificate(crt, folders=False)
        for name in ("key", "ocsp", "issuer", "sctl"):
            if name in given:
                base = (record.get("key-base") or base_of(line.config, "key-base")) if name == "key" else None
                check_present(located(given[name], base))
    except ValueError as error:
        raise ConfigError(str(error), line.span) from None


# -- acme ------------------------------------------------------------------------------------------------------------


@section("acme", usage="<name>", status=Status.HARMLESS)
def open_acme(line: Line) -> Record:
    """An account and the way to renew certificates from it (RFC 8555). Needs `expose-experimental-directives`."""
    record = open_section(
        line,
        missing="'acme' expects a <name> argument.",
        duplicate="acme section '{name}' already exists (declared at {where}).",
    )
    _experimental(line, "acme", line.span)
    return record


def _text(line: Line) -> str:
    words = line.args()
    text = words.next(f"'{line.name}' in 'acme' section requires an argument.")
    words.finish()
    line.set(text)
    return text


for _name, _doc in (
    ("directory", "URL of the authority's directory. The section cannot be used without."),
    ("contact", "Mail address of the account."),
    ("account-key", "File of the account's key; <section>.account.key unless given."),
    ("curves", "Curve of ECDSA keys, P-384 unless given."),
    ("map", "Map in which tokens are kept while they are asked for."),
    ("profile", "Profile to ask the authority for."),
    ("provider-name", "Name of the DNS provider, for the tool that writes its records."),
    ("acme-vars", "Further settings for the tool that writes DNS records."),
):
    keyword(_name, places="acme", usage="<text>", status=Status.HARMLESS, doc=_doc)(_text)


def _account_file(line: Line) -> None:
    path = _text(line)
    if not os.path.isfile(path):
        raise ConfigError(f"'{line.name}' in 'acme' section : cannot open the file '{path}'.", line.spans[1])


for _name, _doc in (
    ("eab-key-id", "File with the key identifier of an external account; it has to be there, and may be empty."),
    ("eab-mac-key", "File with the key of an external account in base64; it has to be there, and may be empty."),
):
    keyword(_name, places="acme", usage="<file>", status=Status.HARMLESS, doc=_doc)(_account_file)


def _choice(name: str, choices: tuple[str, ...], doc: str) -> None:
    def store(line: Line) -> None:
        words = line.args()
        listed = ", ".join(f"'{choice}'" for choice in choices)
        wrong = f"'{name}' in 'acme' section supports {listed}, got '{{got}}'"
        text = choose(words, choices, f"'{name}' in 'acme' section requires an argument", wrong)
        words.finish()
        line.set(text)

    keyword(name, places="acme", usage="|".join(choices), status=Status.HARMLESS, doc=doc)(store)


_choice("challenge", ("http-01", "dns-01", "dns-persist-01"), "How the authority is convinced; http-01 unless given.")
_choice("keytype", ("RSA", "ECDSA"), "Kind of the keys that are made.")
_choice("eab-mac-alg", ("HS256", "HS384", "HS512"), "Algorithm of the external account binding.")
_choice("reuse-key", ("on", "off"), "Whether a renewed certificate keeps its key.")


@keyword("bits", places="acme", usage="<number>", status=Status.HARMLESS)
def bits(line: Line) -> None:
    """Length of RSA keys, 2048 unless given; at least 1024."""
    words = line.args()
    text = words.next("'bits' in 'acme' section requires an argument.")
    if not text.isdecimal() or int(text) < 1024:
        words.fail(f"'bits' in 'acme' section expects a number of at least 1024, got '{text}'.")
    words.finish()
    line.set(int(text))


@keyword("challenge-ready", places="acme", usage="cli|dns|delay[,...] | none", status=Status.HARMLESS)
def challenge_ready(line: Line) -> None:
    """What must have happened before the authority is told to look at a DNS record; `none` stands alone."""
    words = line.args()
    text = words.next("'challenge-ready' in 'acme' section requires an argument.")
    chosen = text.split(",")
    for choice in chosen:
        if choice not in READY:
            near = did_you_mean(choice, READY)
            words.fail(
                "'challenge-ready' in 'acme' section supports 'cli', 'dns', 'delay' and 'none', "
                f"got '{choice}'{near or '.'}"
            )
    if "none" in chosen and len(chosen) > 1:
        words.fail("'challenge-ready' in 'acme' section cannot combine 'none' with other values.")
    words.finish()
    line.set(tuple(chosen))


@keyword("dns-delay", "dns-timeout", places="acme", usage="<time>", status=Status.HARMLESS)
def dns_time(line: Line) -> None:
    """Time between two looks at a DNS record (30 seconds), and how long it is looked for (10 minutes). Seconds."""
    words = line.args()
    line.set(take_timer(words, line.name, missing=f"'{line.name}' in 'acme' section requires an argument.", unit="s"))
    words.finish()


def check(config: Configuration) -> None:
    """An account needs its directory."""
    for record in config.sections.get("acme", {}).values():
        where = f"acme section '{record.name}' (declared at {record.span.file}:{record.span.line})"
        if not record.get("directory"):
            config.report.alert(f"{where} has no 'directory'.")
        if record.get("challenge-ready") and not str(record.get("challenge", "")).startswith("dns"):
            config.report.notice(f"{where}: 'challenge-ready' is for the challenges dns-01 and dns-persist-01.")
