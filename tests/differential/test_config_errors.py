"""One mistake at a time, beside the real HAProxy: the same severity, the same line, the same sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pylb import standard
from pylb.config.reader import load
from pylb.config.resolve import resolve
from pylb.errors import Severity
from tests.harness import requires
from tests.harness.peers import find

standard.load()
pytestmark = requires("haproxy")

Said = tuple[str, int, str]

_LINE = re.compile(
    r"\[(ALERT|WARNING)\] +\(\d+\) : config : "
    r"(?:(?:[Pp]arsing )?\[[^\]]*?:(\d+)\] ?: ?(?:parsing \[[^\]]*?:\d+\] : )?)?(.*)"
)
_SUMMARIES = ("Error(s) found in configuration", "Fatal errors found in configuration", "Could not open configuration")

TIMEOUTS = " timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
LISTEN = f"listen a\n bind 127.0.0.1:1\n{TIMEOUTS}"

CASES: dict[str, str] = {
    # the lexer
    "weak quote": 'global\n  maxconn "12\n',
    "strong quote": "global\n  maxconn '12\n",
    "quote inside a word": 'frontend a"b\n',
    "no last line feed": "global\n maxconn 12",
    "lone dollar": 'global\n  setenv A "$"\n',
    "digit in a name": 'global\n  setenv A "${1X}"\n',
    "open brace": 'global\n  setenv A "${X"\n',
    "index": 'global\n  setenv A "${X[0]}"\n',
    "short hex": "global\n  setenv A \\x4\n",
    "wrong hex": "global\n  setenv A \\xzz\n",
    "NUL": "global\n maxconn 1\0 2\n quiet\n",
    "too many words": "global\n .notice " + "a " * 70 + "\n",
    "position in bytes": 'global\n  setenv é "\n',
    # conditional blocks
    "open if": ".if 1\nglobal\n",
    "lone else": ".else\n",
    "lone endif": ".endif\n",
    "lone elif": ".elif 1\n",
    "else twice": ".if 1\n.else\n.else\n.endif\n",
    "elif after else": ".if 1\n.else\n.elif 1\n.endif\n",
    "surplus condition": ".if 1 2\n.endif\n",
    "unknown predicate": ".if foo(1)\n.endif\n",
    "bare word": ".if foo\n.endif\n",
    "missing argument": ".if streq(1)\n.endif\n",
    "surplus argument": ".if defined(A,B)\n.endif\n",
    "size with a word": "backend b\n stick-table type ip size 16kb expire 1s\n",
    "size too large": "backend b\n stick-table type ip size 5g expire 1s\n",
    "surplus third argument": ".if streq(a,b,c)\n.endif\n",
    "open arguments": ".if streq(a\n.endif\n",
    "open argument": ".if 1 && defined(a\n.endif\n",
    "digit that is not octal": ".if 08\n.endif\n",
    "hexadecimal zero": ".if 0x0\n.alert a\n.elif 0x10\n.alert b\n.endif\n",
    "nothing to negate": ".if 1 && !\n.endif\n",
    "scope with words": "[a] x\nglobal\n",
    "scope without name": "  []\nglobal\n",
    "scope with a quote": "[a'b\nglobal\n",
    "odd scope": "[a b]\nglobal\n",
    "surplus behind from": f"{LISTEN}defaults d\nbackend b from d x\n",
    "lone dollar in an address": "frontend f\n bind $\n",
    "open parenthesis": ".if (1\n.endif\n",
    "dangling and": ".if 1 &&\n.endif\n",
    "letters after a number": ".if 1a\n.endif\n",
    "wrong switch": ".if enabled(FOO)\n.endif\n",
    "unknown directive": "global\n.foo\n",
    "unquoted message": ".notice a b\n",
    "alert": ".alert a\n",
    "warning": f".warning w\n{LISTEN}",
    "skipped quote": '.if 0\n foo "x\n.endif\n',
    # sections
    "word outside": "foo bar\n",
    "section with surplus": "global foo\n",
    "frontend without name": "frontend\n",
    "odd name": "frontend a$b\n",
    "frontend twice": "frontend a\n bind :1\n timeout client 1\nfrontend a\n bind :1\n timeout client 1\n",
    "listen twice": f"{LISTEN}{LISTEN}",
    "backend twice": f"{LISTEN}backend b\nbackend b\n",
    "defaults unknown": f"{LISTEN}backend b from x\n",
    "defaults ambiguous": f"defaults x\ndefaults x\n{LISTEN}backend f from x\n",
    "userlist without name": "userlist\n",
    "userlist with surplus": "userlist a b\n",
    "userlist odd name": "userlist a!\n",
    "userlist twice": f"{LISTEN}userlist a\nuserlist a\n",
    "user without name": "userlist a\n user\n",
    "user twice": f"{LISTEN}userlist a\n user x\n user x\n",
    "user option": "userlist a\n user x foo\n",
    "group without name": "userlist a\n group\n",
    "group option": "userlist a\n group g foo\n",
    "group unknown": "userlist a\n user x groups g\n",
    "user unknown": "userlist a\n group g users u\n",
    "word in a userlist": "userlist a\n zork\n",
    "cache without name": "cache\n",
    "cache with surplus": "cache a b\n total-max-size 4\n",
    "cache without size": "cache a\n",
    "word in a cache": "cache a\n total-max-size 4\n zork\n",
    "peers without name": "peers\n",
    "peers twice": f"{LISTEN}peers a\npeers a\n",
    "peers odd name": "peers a!\n",
    "resolvers without name": "resolvers\n",
    "resolvers without servers": f"{LISTEN}resolvers a\n",
    "mailers without name": "mailers\n",
    "mailers twice": f"{LISTEN}mailers a\n mailer m 127.0.0.1:25\nmailers a\n mailer m 127.0.0.1:25\n",
    "mailers without servers": f"{LISTEN}mailers a\n",
    "ring without name": "ring\n",
    "word in a ring": "ring a\n foo\n",
    "log-forward without name": "log-forward\n",
    "word in a log-forward": "log-forward a\n foo\n",
    "program without name": "program\n",
    "fcgi-app without name": "fcgi-app\n",
    # dispatch
    "unknown in global": "global\n foo bar\n",
    "unknown in defaults": "defaults\n tiemout client 4\n",
    "unknown in listen": f"{LISTEN} foo\n",
    "quoted keyword": f"{LISTEN} mode\\ http\n",
    "unknown option": f"{LISTEN} option foo\n",
    "misspelt option": f"{LISTEN} option httplo\n",
    "option without name": f"{LISTEN} option\n",
    "option with surplus": f"{LISTEN} option dontlognull x\n",
    "no with a word": f"{LISTEN} no mode http\n",
    "no with a plain option": f"{LISTEN} no option tcpka\n",
    "no with forwardfor": f"{LISTEN} no option forwardfor\n",
    "setenv without value": "global\n setenv A\n",
    "presetenv without value": "global\n presetenv A\n",
    "unsetenv without name": "global\n unsetenv\n",
    # words of proxies
    "mode": f"{LISTEN} mode foo\n",
    "mode without argument": f"{LISTEN} mode\n",
    "mode with surplus": f"{LISTEN} mode http tcp\n",
    "timeout alone": f"{LISTEN} timeout\n",
    "timeout unknown": f"{LISTEN} timeout foo 1\n",
    "timeout without value": f"{LISTEN} timeout queue\n",
    "timeout unit": f"{LISTEN} timeout queue 1x\n",
    "timeout overflow": f"{LISTEN} timeout queue 99999d\n",
    "timeout with surplus": f"{LISTEN} timeout queue 1 2\n",
    "timeout twice": f"{LISTEN} timeout queue 1\n timeout queue 2\n",
    "maxconn without value": f"{LISTEN} maxconn\n",
    "maxconn with surplus": f"{LISTEN} maxconn 1 2\n",
    "backlog without value": f"{LISTEN} backlog\n",
    "id zero": f"{LISTEN} id 0\n",
    "id without value": f"{LISTEN} id\n",
    "id twice": f"{LISTEN} id 5\nlisten b\n bind :2\n{TIMEOUTS} id 5\n",
    "id in defaults": "defaults\n id 4\n",
    "description in defaults": "defaults\n description x\n",
    # the wrong side
    "timeout server in a frontend": "frontend f\n bind :1\n timeout client 1\n timeout server 1\n",
    "timeout client in a backend": f"{LISTEN}backend b\n timeout client 1\n",
    "maxconn in a backend": f"{LISTEN}backend b\n maxconn 1\n",
    "fullconn in a frontend": "frontend f\n bind :1\n timeout client 1\n fullconn 1\n",
    "balance in a frontend": "frontend f\n bind :1\n timeout client 1\n balance roundrobin\n",
    "option in a frontend": "frontend f\n bind :1\n timeout client 1\n option allbackups\n",
    "option in a backend": f"{LISTEN}backend b\n option clitcpka\n",
    "bind in a backend": f"{LISTEN}backend b\n bind :1\n",
    "bind in defaults": "defaults\n bind :1\n",
    "server in a frontend": "frontend f\n bind :1\n timeout client 1\n server s 127.0.0.1:1\n",
    "stick in a frontend": "frontend f\n bind :1\n timeout client 1\n stick on src\n",
    "retry-on in a frontend": "frontend f\n bind :1\n timeout client 1\n retry-on none\n",
    "rate-limit in a backend": f"{LISTEN}backend b\n rate-limit sessions 4\n",
    "acl in anonymous defaults": "defaults\n acl x always_true\n",
    "http-request in anonymous defaults": "defaults\n http-request deny\n",
    "tcp-request in anonymous defaults": "defaults\n tcp-request content accept\n",
    "stick-table in defaults": "defaults\n stick-table type ip size 1\n",
    # stick-table
    **{
        f"stick-table {arguments}": f"backend b\n stick-table {arguments}\n"
        for arguments in (
            "",
            "type",
            "type foo",
            "type ip",
            "size 1k",
            "type ip size",
            "type ip size x",
            "type ip size 1k expire",
            "type ip size 1k expire x",
            "type ip size 1k store foo",
            "type ip size 1k store gpc0,foo(3)",
            "type ip size 1k store http_req_rate",
            "type ip size 1k store http_req_rate(10x)",
            "type ip size 1k store gpc0(4)",
            "type ip size 1k store gpc(200)",
            "type ip size 1k foo",
            "type string len 0 size 1k",
            "type ip size 1k srvkey x",
        )
    },
    # between sections
    "no bind": f"frontend f\n timeout client 1\n{LISTEN}",
    "no timeouts": "listen l\n bind :1\n",
    "no server timeouts": f"{LISTEN}backend b\n server s 127.0.0.1:1\n",
    "default_backend unknown": f"{LISTEN} default_backend x\n",
    "default_backend of another mode": f"{LISTEN} mode http\n default_backend x\nbackend x\n mode tcp\n",
    "external check": f"{LISTEN}backend b\n option external-check\n external-check command /x\n",
    "resolvers unknown": f"{LISTEN}backend b\n{TIMEOUTS.partition(chr(10))[2]} server s 127.0.0.1:1 resolvers r\n",
}


def by_haproxy(path: Path) -> list[Said]:
    program = find("haproxy")
    assert program is not None
    output = subprocess.run(
        [program, "-c", "-f", str(path)],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=30,
        check=False,
    ).stderr
    found = []
    for line in output.replace(str(path), "t.cfg").splitlines():
        match = _LINE.match(line)
        if match is not None and not match[3].startswith(_SUMMARIES):
            found.append((match[1], int(match[2] or 0), match[3].rstrip()))
    return found


def by_pylb(path: Path) -> list[Said]:
    config = load([str(path)], environment={})
    resolve(config)
    return [
        (item.severity.name, item.span.line, item.message.partition("\n")[0].replace(str(path), "t.cfg").rstrip())
        for item in config.report.items
        if item.severity >= Severity.WARNING
    ]


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_called_what_haproxy_calls_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "t.cfg"
    path.write_bytes(CASES[name].encode("utf-8", "surrogateescape"))
    theirs, ours = by_haproxy(path), by_pylb(path)
    assert theirs, "HAProxy says nothing: the case is no mistake"
    # HAProxy stops at the first fatal problem of some kinds; what it says has to be said here in the same words.
    assert theirs[0] in ours
    assert (theirs[0][0] == "ALERT") == any(severity == "ALERT" for severity, _, _ in ours)


DIAGNOSED = (
    f"{LISTEN} server s 127.0.0.1:1 weight 0\n server-template t 3 127.0.0.1:1 weight 0\nbackend b\n"
    " default-server weight 0\n server s 127.0.0.1:1\n server u 127.0.0.1:1 weight 1\nglobal\n.diag d\n"
    ".if 0\n.diag e\n.endif\n"
)
_DIAG = re.compile(r"\[DIAG\] +\(\d+\) : config : (?:parsing )?\[[^\]]*:(\d+)\] ?: (.*)")


def test_diagnostics_are_those_of_haproxy(tmp_path: Path) -> None:
    path = tmp_path / "a.cfg"
    path.write_text(DIAGNOSED, "ascii")
    program = find("haproxy")
    assert program is not None
    said = [
        subprocess.run([*command, "-dD", "-c", "-f", str(path)], capture_output=True, text=True, timeout=60, check=True)
        for command in ([program], [sys.executable, "-m", "pylb"])
    ]
    theirs, ours = (_DIAG.findall(run.stderr) for run in said)
    assert len(theirs) == 6
    assert theirs == [one for one in ours if "works in part" not in one[1]]
