"""Sections that are parsed only, with their words: one row each. Declared by config/later.py.

Each section becomes a Record in `configuration.sections[kind][name]`. None of them does anything by itself: what would
use it (a server's `resolvers`, a table's `peers`) has a status of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pylb.config.shapes import Row
from pylb.registry import Status

HARMLESS, UNSAFE = Status.HARMLESS, Status.UNSAFE


@dataclass(frozen=True, slots=True)
class Section:
    """A named section: HAProxy's sentences for a missing and a repeated name, and the words inside."""

    kind: str
    meaning: str
    missing: str
    rows: tuple[Row, ...]
    duplicate: str = ""
    words: int | None = 2
    named: bool = True
    strict_name: bool = True


_CHECKS = (
    "http-check comment, http-check connect, http-check expect, http-check send, http-check disable-on-404, "
    "http-check send-state, tcp-check comment, tcp-check connect, tcp-check expect, tcp-check send, tcp-check send-lf, "
    "tcp-check send-binary, tcp-check send-binary-lf"
)

SECTIONS = (
    Section(
        "acme",
        "Renewal of certificates.",
        "'acme' expects a <name> argument",
        (
            Row(
                "account-key, acme-vars, challenge, challenge-ready, contact, curves, directory, keytype, map, "
                "profile, provider-name, eab-key-id, eab-mac-key",
                "str:value",
                HARMLESS,
                "Settings of an ACME account.",
            ),
            Row("bits", "int", HARMLESS, "Size of RSA keys."),
            Row("dns-delay, dns-timeout", "time", HARMLESS, "Times of DNS challenges."),
            Row("eab-mac-alg", "HS256|HS384|HS512", HARMLESS, "Algorithm of the account binding."),
            Row("reuse-key", "on|off", HARMLESS, "Whether a renewed certificate keeps its key."),
        ),
    ),
    Section(
        "cache",
        "A small cache of responses.",
        "'cache' expects a <name> argument",
        (
            Row("early-hints", "on|off|only str*:argument", HARMLESS, "Hints from cached responses."),
            Row("max-age", "int", HARMLESS, "Longest life of an entry in seconds."),
            Row("max-object-size", "int", HARMLESS, "Largest cached object."),
            Row("max-secondary-entries", "int", HARMLESS, "Variants of one object."),
            Row("process-vary", "on|off", HARMLESS, "Whether Vary is honoured."),
            Row("total-max-size", "int(1,4095)", HARMLESS, "Size of the cache in megabytes."),
        ),
        strict_name=False,
    ),
    Section(
        "crt-store",
        "Where certificates and their parts are.",
        "",
        (
            Row("crt-base, key-base", "path", HARMLESS, "Folder of the files."),
            Row("load", "str+:argument", HARMLESS, "A certificate.", many=True),
        ),
        named=False,
    ),
    Section(
        "dynamic-update",
        "Files that are fetched anew while the process runs.",
        "",
        (Row("update", "str+:argument", UNSAFE, "A file and where it comes from.", many=True),),
        named=False,
    ),
    Section(
        "fcgi-app",
        "A FastCGI application.",
        "'fcgi-app' expects <name> as argument.",
        (
            Row("acl", "str:name str+:criterion", HARMLESS, "A condition of the rules below.", many=True),
            Row("docroot", "path", HARMLESS, "Folder of the scripts."),
            Row("index", "str:script", HARMLESS, "Script of a path that ends with a slash."),
            Row("log-stderr", "str+:target", HARMLESS, "Where the application's messages go.", many=True),
            Row("pass-header", "str:name str*:condition", HARMLESS, "A header that is passed on.", many=True),
            Row("path-info", "str:regex", HARMLESS, "How PATH_INFO is found."),
            Row("option get-values, option keep-conn, option mpxs-conns", "", HARMLESS, "Connections.", negatable=True),
            Row("option max-reqs", "int", HARMLESS, "Requests on one connection at the same time."),
            Row("set-param", "str:name str:format str*:condition", HARMLESS, "A parameter.", many=True),
        ),
        duplicate="fcgi-app section '{name}' already exists (declared at {where}).",
    ),
    Section(
        "healthcheck",
        "A health check that servers refer to.",
        "'healthcheck' expects a <name> argument",
        (
            Row("type", "str+:type", HARMLESS, "Kind of the check."),
            Row(_CHECKS, "str*:argument", HARMLESS, "Steps of the check.", many=True),
        ),
    ),
    Section(
        "http-errors",
        "Error pages under a common name.",
        "missing name for http-errors section.",
        (Row("errorfile", "int(200,599) path", HARMLESS, "A page for a status.", many=True),),
        words=None,
        duplicate="http-errors section '{name}' already exists (declared at {where}).",
    ),
    Section(
        "log-forward",
        "Log messages that are received and sent on.",
        "missing name for ip-forward section.",
        (
            Row("bind, dgram-bind", "str:address str*:option", HARMLESS, "Where messages are received.", many=True),
            Row("backlog, maxconn", "int", HARMLESS, "Limits of its listeners."),
            Row("log", "str+:target", HARMLESS, "Where messages go.", many=True),
            Row("timeout client", "time", HARMLESS, "Longest inactivity of a sender."),
            Row(
                "option assume-rfc6587-ntf, option dont-parse-log",
                "",
                HARMLESS,
                "How messages are read.",
                negatable=True,
            ),
            Row("option host", "replace|fill|keep|append", HARMLESS, "What becomes of the host name."),
        ),
        duplicate="log-forward section '{name}' has the same name as another log-forward section declared at {where}.",
    ),
    Section(
        "log-profile",
        "How log lines of one target look.",
        "'log-profile' expects a <name> argument",
        (
            Row("log-tag", "str:tag", HARMLESS, "Tag of the lines."),
            Row("on", "str:step str*:argument", HARMLESS, "Format of the lines of a step.", many=True),
        ),
    ),
    Section(
        "mailers",
        "Mail servers for alerts.",
        "missing name for mailers section.",
        (
            Row("mailer", "str:name str:address", HARMLESS, "A mail server.", many=True),
            Row("timeout mail", "time", HARMLESS, "Longest time of a mail."),
        ),
        words=None,
        duplicate="mailers section '{name}' has the same name as another mailers section declared at {where}.",
    ),
    Section(
        "peers",
        "Processes that share their tables.",
        "missing name for peers section.",
        (
            Row("bind", "str:address str*:option", HARMLESS, "Address of the local peer.", many=True),
            Row("default-bind, default-server", "str+:option", HARMLESS, "Options of the lines below.", many=True),
            Row("disabled, enabled", "", HARMLESS, "Whether peers are used."),
            Row("log", "str+:target", HARMLESS, "Where messages go.", many=True, negatable=True),
            Row("peer, server", "str:name str*:argument", HARMLESS, "A peer.", many=True),
            Row("shards", "int", HARMLESS, "Over how many peers tables are spread."),
            Row("table", "str:name str+:argument", HARMLESS, "A table.", many=True),
        ),
        duplicate="peers section '{name}' has the same name as another peers section declared at {where}.",
    ),
    Section(
        "program",
        "A program that runs beside the workers.",
        "'program' expects an <id> argument",
        (
            Row("command", "str:command str*:argument", HARMLESS, "The program."),
            Row("user, group", "str:name", HARMLESS, "Who runs it."),
            Row("option start-on-reload", "", HARMLESS, "Whether a reload starts it anew.", negatable=True),
        ),
    ),
    Section(
        "resolvers",
        "Name servers.",
        "missing name for resolvers section.",
        (
            Row("accepted_payload_size", "int(512,65535)", HARMLESS, "Largest datagram of an answer."),
            Row("hold", "str:status time", HARMLESS, "How long an answer is believed.", many=True),
            Row("nameserver", "str:name str:address str*:option", HARMLESS, "A name server.", many=True),
            Row("parse-resolv-conf", "", HARMLESS, "The system's name servers."),
            Row("resolve_retries", "int", HARMLESS, "Attempts before a name has failed."),
            Row("timeout resolve, timeout retry", "time", HARMLESS, "Times of resolution."),
        ),
        words=None,
        duplicate="resolvers '{name}' has same name as another resolvers (declared at {where}).",
    ),
    Section(
        "ring",
        "A buffer of messages.",
        "missing ring name.",
        (
            Row("backing-file", "path", HARMLESS, "File that keeps the buffer."),
            Row("description", "str+:text", HARMLESS, "Free text."),
            Row("format", "iso|local|raw|rfc3164|rfc5424|priority|short|timed", HARMLESS, "Format of the messages."),
            Row("maxlen", "int", HARMLESS, "Longest message."),
            Row("server", "str:name str:address str*:option", HARMLESS, "Where messages go.", many=True),
            Row("size", "size", HARMLESS, "Size of the buffer."),
            Row("timeout connect, timeout server", "time", HARMLESS, "Times of the server's connection."),
        ),
        words=None,
        duplicate="sink named '{name}' already exists.",
    ),
    Section(
        "traces",
        "What developers want to see.",
        "",
        (Row("trace", "str+:argument", HARMLESS, "A trace.", many=True),),
        named=False,
    ),
)
