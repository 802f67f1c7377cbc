"""Configurations for the editing gestures: written as people write them, and what each one comes to hold."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pylb import standard
from pylb.config.document import Document
from pylb.config.lexer import Spans
from pylb.config.reader import Reader
from pylb.config.words import to_bytes
from pylb.editing import lint_checks, lint_manual
from pylb.errors import Severity, Span

standard.load()
lint_manual.load_checks()
ROOT: Final = Path(__file__).resolve().parents[3]

OWN: Final[dict[str, str]] = {
    "columns": """\
#---------------------------------------------------------------------
# Example configuration for a possible web application.
#---------------------------------------------------------------------
global
    log         127.0.0.1 local2     # facility
    maxconn     4000
    daemon

defaults
    mode                    http
    option                  httplog
    option forwardfor       except 127.0.0.0/8
    retries                 3
    timeout http-request    10s
    timeout queue           1m


frontend  main
    bind *:5000
    acl url_static       path_beg       -i /static /images
    acl url_static       path_end       -i .jpg .gif .png

    use_backend static          if url_static
    default_backend             app

backend static
    balance     roundrobin
    server      static 127.0.0.1:4331 check
backend app
    server  app1 127.0.0.1:5001 check weight 10\t# tab
    server  app2 127.0.0.1:5002 check backup
""",
    "quotes": """\
defaults
  mode http
  log-format "%ci:%cp [%t] %ft %b/%s %TR/%Tw %ST %B \\"%r\\" 'x'"
frontend 'f'
  bind "127.0.0.1:8080"  name "a b"
  http-request set-header X-A 'one  two' if { path -m beg "/a b" }
  http-request set-header X\\ B \\%[path]
  http-request set-var(txn.a) 'str("a,b"),upper'
  http-request return status 200 content-type "text/plain" string "hash # in quotes" if { path /q }
  redirect prefix "https://www.example.com" code 301 if { hdr(host) -i example.com }  # move
""",
    "blocks": """\
.if defined(NOWHERE) && feature(OPENSSL)
frontend tls
  bind :443
.elif version_atleast(2.4)
# always
frontend web
  bind :8081
  .if streq("$MODE",tcp)
    mode tcp
  .else
    mode http
      http-request deny if { src 10.0.0.0/8 }
  .endif
.endif
backend b
.notice "a notice # of one line"
server s 127.0.0.1:80
""",
    "windows": (
        "global\r\n\tmaxconn 10\r\n\r\ndefaults\r\n  mode http\r\nlisten l\r\n  bind :82 \r\n  server s 127.0.0.1:1\r\n"
    ),
    "spread": "\n\n\n   global\n\n\n maxconn 5\n\n\n\nfrontend f\n bind :83\n\n\n # nothing\n\n",
    "unfinished": "defaults\n  mode http\n\nbackend b\n  server s 127.0.0.1:80",
    "odd bytes": "# caf\udce9\nfrontend f # \udcff\n  bind :84\n  http-request set-header X caf\udce9 # ü\n",
    "old": """\
global
\tdebug\t\t# loud
    nbproc  1
defaults
    mode http
    clitimeout   50000
    contimeout   5000
    redispatch
listen  webfarm  127.0.0.1:8085,127.0.0.1:8086
    reqadd    X-Proto:\\ http
    reqirep   ^Host:\\ www\\.(.*)   Host:\\ \\1     # without www
    acl       private path_beg /private
    block     if private
    rspidel   ^Server:.*
    redirect  location / if { path /old }
    server    s1 127.0.0.1:1 check
""",
}


def today() -> dict[str, bytes]:
    """Configurations without any old word."""
    found = {path.name: path.read_bytes() for path in sorted((ROOT / "conf").glob("*.cfg"))}
    found |= {name: to_bytes(text) for name, text in OWN.items() if name != "old"}
    for check in lint_checks.CHECKS.values():
        for kind, text in (("bad", check.bad), ("good", check.good)):
            found[f"{check.code} {kind}"] = to_bytes(lint_checks.framed(check, text))
    return found


def everything() -> dict[str, bytes]:
    found = {path.name: path.read_bytes() for path in sorted((ROOT / "tests/config").glob("*.txt"))}
    return {**today(), "old": to_bytes(OWN["old"]), **found}


# -- what a configuration came to hold

_OF_A_PLACE: Final = ("span", "where", "line", "site", "config", "record", "proxy", "origin", "number")


_LINE: Final = re.compile(r"\bx:[0-9]+|\bline [0-9]+|\bposition [0-9]+")


def neutral(value: Any, depth: int = 0) -> Any:
    """A value without its places in the file: what must not change when only the layout does."""
    if isinstance(value, (Span, Spans)):
        return None
    if isinstance(value, (str, bytes, int, float, bool, type(None), re.Pattern)):
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return [neutral(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {str(name): neutral(one, depth + 1) for name, one in value.items()}
    if isinstance(value, Callable):  # type: ignore[arg-type]
        return getattr(value, "__qualname__", type(value).__name__)
    if depth > 8:
        return type(value).__name__
    names = {name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())}
    names |= set(getattr(value, "__dict__", {}))
    held = {name: neutral(getattr(value, name, None), depth + 1) for name in sorted(names - set(_OF_A_PLACE))}
    return {"": type(value).__name__, **held}


def meaning(data: bytes) -> dict[str, Any]:
    """The program that a file makes: every record with its values, servers, addresses, ACLs and rules, and what the
    reader says against it."""
    reader = Reader({"MODE": "tcp"})
    reader.announce(["x"])
    reader.read("x", data)
    config = reader.finish()
    found: dict[str, Any] = {"global": neutral(config.globals.values)}
    for index, proxy in enumerate([*config.defaults, *config.proxies]):
        found[f"{index} {proxy.kind} {proxy.name}"] = {
            "values": neutral(proxy.values),
            "servers": neutral(proxy.servers),
            "binds": neutral(proxy.binds),
            "acls": neutral(proxy.acls),
            "rules": {place: neutral(rules) for place, rules in proxy.rules.items()},
        }
    for kind, records in config.sections.items():
        found[kind] = {name: neutral(record.values) for name, record in records.items() if hasattr(record, "values")}
    found[""] = sorted(
        _LINE.sub("", item.message)
        for item in config.report.items
        if item.severity >= Severity.WARNING and not item.message.startswith("Missing LF")
    )
    return found


def words(data: bytes) -> list[list[str]]:
    """The words of each line that has some, as they are written."""
    return [[token.raw for token in line.tokens] for line in Document.parse(data).lines if line.tokens]
