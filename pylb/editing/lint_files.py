"""Lint checks of the files and hosts that a configuration names: absent ones, maps and lists whose lines do nothing."""

from __future__ import annotations

import os
from pathlib import Path

from pylb.editing.lint_checks import Found, check
from pylb.editing.lint_subject import Subject
from pylb.errors import Span
from pylb.sample import references


@check(
    "L801",
    "absent-file",
    "warning",
    "A file that the configuration names is not there. Reported with `--no-files` only.",
    why="""The configuration does not load without it. With `--no-files`, a configuration can be checked on a machine
    that lacks the certificates, maps and pages of the one it is for; everything else is checked as if they were
    there.""",
    frame="frontend",
    bad="http-request deny if { src -f /etc/haproxy/absent.lst }",
    good="http-request deny if { src 198.51.100.0/24 }",
)
def absent_file(subject: Subject) -> Found:
    for span, path in subject.absent:
        yield span, f"'{path}' is not there"


@check(
    "L802",
    "empty-list",
    "hint",
    "A file of patterns holds none.",
    why="""The test never matches, and its opposite always does. That is right for a list which the runtime socket or a
    rule fills; otherwise the file lost its contents, or has only comments.""",
    frame="frontend",
    bad="http-request deny if { src -f /etc/haproxy/empty.lst }",
    good="http-request deny if { src -f /etc/haproxy/networks.lst }",
)
def empty_list(subject: Subject) -> Found:
    for path, reference in references.of(subject.config).lists.items():
        if reference.entries or not os.path.exists(path):
            continue
        filled = any(path in word for line in subject.lines for word in line.words if word.startswith("add-acl("))
        span = _named(subject, path)
        if span is not None and not filled:
            yield span, f"'{path}' holds no pattern: the test never matches"


@check(
    "L803",
    "repeated-key",
    "warning",
    "A map file has a key twice.",
    why="The first line with a key is the one that counts; what the others say is never used.",
    frame="frontend",
    bad="use_backend %[req.hdr(host),map(/etc/haproxy/twice.map,app)]",
    good="use_backend %[req.hdr(host),map(/etc/haproxy/once.map,app)]",
)
def repeated_key(subject: Subject) -> Found:
    for path, reference in references.of(subject.config).maps.items():
        if not reference.repeated or _named(subject, path) is None:
            continue
        known: dict[bytes, int] = {}
        for number, line in enumerate(Path(path).read_bytes().split(b"\n"), 1):
            words = line.split(None, 1)
            if not words or line.startswith(b"#"):
                continue
            text = line.rstrip(b"\r").decode("utf-8", "replace")
            first = known.setdefault(words[0], number)
            if first != number:
                start = len(text) - len(text.lstrip())
                key = words[0].decode("utf-8", "replace")
                yield Span(path, number, start, start + len(key), text), f"never used: '{key}' stands in line {first}"


@check(
    "L804",
    "unknown-host",
    "warning",
    "A host name has no address on this machine. Reported with `--no-files` only.",
    why="""Where the name is unknown, the configuration does not load: log targets, peers and mailers are looked up
    while it is read. With `--no-files` the rest of the line is checked as if the host had an address.""",
    frame="global",
    bad="log loghost.invalid:514 local0",
    good="log 192.0.2.1:514 local0",
)
def unknown_host(subject: Subject) -> Found:
    for span, name in subject.unknown_hosts:
        yield span, f"'{name}' has no address here"


def _named(subject: Subject, path: str) -> Span | None:
    """The first word that names a file."""
    for line in subject.lines:
        for index, word in enumerate(line.words):
            if path in word:
                return line.spans[index]
    return None
