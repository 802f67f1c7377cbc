"""Lint checks of TLS, passwords and privileges."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from typing import Any, Final

from pylb.config.words import Line
from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject
from pylb.errors import Span


@check(
    "L501",
    "no-verification",
    "warning",
    "The certificate of a server is not checked (verify none).",
    why="""Whoever stands between can answer in its place: the connection is encrypted, but to nobody in particular.
    `verify required` with `ca-file` (and `verifyhost` or `sni`) makes it worth its cost.""",
    frame="backend",
    bad="server a1 192.0.2.1:443 ssl verify none",
    good="server a1 192.0.2.1:443 ssl verify required ca-file /etc/ssl/ca.pem verifyhost app.example.com",
)
def no_verification(subject: Subject) -> Found:
    for section in subject.sections:
        for line in subject.lines_of(section, "server", "default-server", "server-template"):
            span = _pair(line, "verify", "none")
            loopback = len(line.words) > 2 and line.words[2].startswith(("127.", "localhost", "unix@", "/", "[::1]"))
            if span is not None and not loopback and ("ssl" in line.words or line.name == "default-server"):
                yield span, "anybody can answer in the place of this server"
    for line in subject.lines_of(subject.config.globals, "ssl-server-verify"):
        if line.words[-1] == "none":
            yield line.span, "anybody can answer in the place of any server"


def _pair(line: Line, name: str, value: str) -> Span | None:
    """Where an option with that value stands in a line."""
    for at in range(1, len(line.words) - 1):
        if line.words[at] == name and line.words[at + 1] == value:
            return line.spans[at]
    return None


@check(
    "L502",
    "no-ca-file",
    "warning",
    "A server speaks TLS, and nothing says against which authorities its certificate is checked.",
    why="Verification is on by default and needs `ca-file`: HAProxy refuses such a line.",
    frame="backend",
    bad="server a1 192.0.2.1:443 ssl check",
    good="server a1 192.0.2.1:443 ssl check verify required ca-file /etc/ssl/ca.pem",
)
def no_ca_file(subject: Subject) -> Found:
    if subject.config.globals.get("ssl-server-verify") == "none":
        return
    for proxy in subject.backs:
        for server in subject.servers(proxy):
            values = server.values
            if values.get("ssl") and not values.get("ca-file") and values.get("verify") != "none":
                yield server.span, "'ssl' checks the server's certificate, and there is no 'ca-file' to check it with"


_OLD: Final = ("SSLv3", "TLSv1.0", "TLSv1.1")
_FORCED: Final = ("force-sslv3", "force-tlsv10", "force-tlsv11")


def _tls_lines(subject: Subject) -> Iterator[Line]:
    for section in subject.sections:
        yield from subject.lines_of(section, "bind", "server", "default-server", "server-template")
    names = ("bind", "server")
    yield from subject.lines_of(subject.config.globals, *(f"ssl-default-{name}-options" for name in names))


@check(
    "L503",
    "old-tls",
    "warning",
    "SSL 3.0, TLS 1.0 or TLS 1.1 is allowed or forced.",
    why="These versions are deprecated (RFC 7568, RFC 8996): attacks on them are known, and no browser needs them.",
    frame="global",
    bad="ssl-default-bind-options ssl-min-ver TLSv1.0",
    good="ssl-default-bind-options ssl-min-ver TLSv1.2",
)
def old_tls(subject: Subject) -> Found:
    for line in _tls_lines(subject):
        for at, word in enumerate(line.words):
            old = at and word in _OLD and line.words[at - 1] in ("ssl-min-ver", "ssl-max-ver")
            if old or word in _FORCED:
                yield line.spans[at], f"{word.removeprefix('force-')} is deprecated and open to known attacks"


_WEAK: Final = re.compile(
    r"(?:^|-|_)(RC4|3DES|DES|NULL|EXPORT|EXP|MD5|ADH|AECDH|aNULL|eNULL|LOW|IDEA|SEED|RC2)(?:$|-|_)"
)


@check(
    "L504",
    "weak-ciphers",
    "warning",
    "A list of ciphers has ones that are broken.",
    why="RC4, DES, export and anonymous ciphers protect nothing any more; they are here because a list was copied.",
    frame="global",
    bad="ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256:RC4-SHA",
    good="ssl-default-bind-ciphers ECDHE-RSA-AES128-GCM-SHA256:!RC4",
)
def weak_ciphers(subject: Subject) -> Found:
    lists: list[tuple[str, Span]] = []
    for line in subject.lines_of(subject.config.globals, "ssl-default-bind-ciphers", "ssl-default-server-ciphers"):
        lists.append((line.words[-1], line.spans[-1]))
    for line in _tls_lines(subject):
        lists += [(line.words[at + 1], line.spans[at + 1]) for at, w in enumerate(line.words[:-1]) if w == "ciphers"]
    for text, span in lists:
        parts = re.split("[:, ]", text)
        excluded = {part[1:] for part in parts if part.startswith("!")}
        for part in parts:
            match = None if part.startswith(("!", "-")) else _WEAK.search(part)
            if match is not None and match[1] not in excluded and part not in excluded:
                yield span, f"'{part}' is broken"
                break


@check(
    "L505",
    "clear-password",
    "warning",
    "A password stands in clear in a userlist.",
    why="""Whoever reads the file, or a copy of it, has the password. `password` takes a hash, as `mkpasswd -m sha-256`
    makes it.""",
    bad="""
    userlist staff
        user alice insecure-password wonderland
    """,
    good="""
    userlist staff
        user alice password $5$k6S2dx1L$VZ0wq7zq8FZpQW0y
    """,
)
def clear_password(subject: Subject) -> Found:
    for record in subject.config.sections.get("userlist", {}).values():
        for line in subject.lines_of(record, "user"):
            if "insecure-password" in line.words and "$" not in line.spans[0].text:
                yield line.spans[line.words.index("insecure-password")], "the password stands here in clear"


_GUESSED: Final = ("admin", "password", "haproxy", "123456", "12345678", "changeme", "secret", "test", "pass", "stats")


@check(
    "L506",
    "guessable-password",
    "warning",
    "The password of the statistics page is one of the first that everybody tries.",
    why="admin:admin, admin:password and their like are in every tutorial, and in every scanner.",
    frame="frontend",
    bad="""
    stats enable
    stats auth admin:admin
    """,
    good="""
    stats enable
    stats auth admin:correct-horse-battery
    """,
)
def guessable_password(subject: Subject) -> Found:
    for section in subject.sections:
        for line in subject.lines_of(section, "stats auth"):
            user, _, password = line.words[-1].partition(":")
            if password.lower() in (*_GUESSED, user.lower(), ""):
                yield line.spans[-1], "this password is tried first"


@check(
    "L507",
    "readable-secrets",
    "hint",
    "A file with passwords can be read by everybody on this machine.",
    why="Passwords of the statistics page, and clear ones of userlists, are for who starts the proxy: chmod 640.",
    bad="""
    userlist staff
        user alice insecure-password wonderland    # in a file of mode 644
    """,
    good="""
    userlist staff
        user alice password $5$k6S2dx1L$VZ0wq7zq8FZpQW0y
    """,
)
def readable_secrets(subject: Subject) -> Found:
    seen = set()
    for line in subject.lines:
        secret = line.name == "stats auth" or (line.name == "user" and "insecure-password" in line.words)
        if secret and line.span.file not in seen:
            seen.add(line.span.file)
            if _readable(line.span.file):
                yield line.span, "everybody on this machine can read this file and the password in it"


def _readable(file: str) -> bool:
    try:
        return bool(os.stat(file).st_mode & stat.S_IROTH)
    except OSError:
        return False


@check(
    "L508",
    "no-user",
    "hint",
    "The global section names no user, and a port below 1024 is opened.",
    why="""Such ports need privileges at start. Without `user` (or uid) the process keeps them while it reads what
    anybody sends.""",
    bad="""
    global
        maxconn 1000

    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200
    """,
    good="""
    global
        maxconn 1000
        user haproxy
        group haproxy

    frontend web
        mode http
        bind :80
        timeout client 30s
        http-request return status 200
    """,
)
def no_user(subject: Subject) -> Found:
    if not _global(subject) or subject.lines_of(subject.config.globals, "user", "uid"):
        return
    for proxy in subject.fronts:
        if any(0 < address.port < 1024 for _, address in subject.listens(proxy)):
            yield subject.config.globals.span, "no 'user': privileges stay after the ports are open"
            return


def _global(subject: Subject) -> Any:
    """Whether there is a global section at all: files without one are often a part of a configuration."""
    return subject.config.globals.span.line


@check(
    "L509",
    "no-chroot",
    "hint",
    "The global section has user and no chroot.",
    why="The process needs no files once it runs: an empty directory as its root takes most of what an intruder needs.",
    frame="global",
    bad="user haproxy",
    good="""
    user haproxy
    chroot /var/empty
    """,
)
def no_chroot(subject: Subject) -> Found:
    settings = subject.config.globals
    lines = subject.lines_of(settings, "user", "uid")
    if _global(subject) and lines and not subject.lines_of(settings, "chroot"):
        yield lines[0].span, "gives privileges up, and keeps the whole file system: 'chroot' is missing"


@check(
    "L510",
    "small-dh",
    "warning",
    "Parameters for Diffie-Hellman of less than 2048 bits.",
    why="1024 bits can be broken by those with money (Logjam); 2048 is the least that clients should be offered.",
    frame="global",
    bad="tune.ssl.default-dh-param 1024",
    good="tune.ssl.default-dh-param 2048",
)
def small_dh(subject: Subject) -> Found:
    for line in subject.lines_of(subject.config.globals, "tune.ssl.default-dh-param"):
        if line.words[-1].isdecimal() and int(line.words[-1]) < 2048:
            yield line.spans[-1], f"{line.words[-1]} bits are not enough any more"


@check(
    "L511",
    "nbproc",
    "warning",
    "nbproc asks for several processes.",
    why="""HAProxy 2.5 has dropped it: each process had its own checks, tables and statistics. Threads (`nbthread`)
    took its place.""",
    frame="global",
    bad="nbproc 4",
    good="nbthread 4",
)
def nbproc(subject: Subject) -> Found:
    for line in subject.lines_of(subject.config.globals, "nbproc"):
        if line.words[-1] != "1":
            yield line.span, "gone since HAProxy 2.5: processes shared neither tables nor checks"
