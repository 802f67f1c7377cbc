"""`-c` and `-cc` beside the real HAProxy: equal exit codes, alerts and warnings, equal standard output."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import requires
from tests.harness.peers import find

pytestmark = requires("haproxy")

PROXY = (
    "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\nfrontend f\n bind 127.0.0.1:1\n"
)

FILES: dict[str, bytes] = {
    name: text.encode("utf-8", "surrogateescape")
    for name, text in {
        "ok.cfg": PROXY,
        "crlf.cfg": PROXY.replace("\n", "\r\n"),
        "bom.cfg": f"\ufeff{PROXY}",
        "noend.cfg": f"{PROXY} # nothing behind",
        "blanks.cfg": f"{PROXY}   ",
        "nothing.cfg": "",
        "line.cfg": "\n",
        "inside.cfg": " timeout client 1s\n",
        "bad.cfg": f"{PROXY} warn x\n",
        "warning.cfg": f"{PROXY}frontend g\n",
        "bytes.cfg": f"{PROXY} option forwardfor # \udcff\udcfe\n",
        "quiet.cfg": f"global\n quiet\n{PROXY}",
        "zero.cfg": f"global\n zero-warning\n{PROXY}frontend g\n",
        "peer.cfg": f'{PROXY}.if streq("$HAPROXY_LOCALPEER",me)\n.alert "$HAPROXY_LOCALPEER"\n.endif\n',
        "list.cfg": '.alert "$HAPROXY_CFGFILES"\n',
        "folder/b.cfg": "global\n",
        "folder/a.cfg": PROXY,
        "folder/.hidden.cfg": "bad\n",
        "folder/other.txt": "bad\n",
        "folder/not.cfg/inner.cfg": "bad\n",
    }.items()
}

COMMANDS = [
    *(f"-c -f {name}" for name in FILES if "/" not in name),
    "-c -f folder",
    "-c -f folder/",
    "-c -f folder -f ok.cfg",
    "-c -f ok.cfg -f inside.cfg",
    "-c -f line.cfg -- list.cfg ok.cfg",
    "-c -- ok.cfg line.cfg",
    "-c -f missing.cfg",
    "-c -f ok.cfg -f missing",
    "-c -C folder -f a.cfg",
    "-c -C missing -f ok.cfg",
    "-c -L me -f peer.cfg",
    "-c -L you -f peer.cfg",
    "-c -f",
    "-c -q -f bad.cfg",
    "-c -q -f ok.cfg",
    "-c -V -f ok.cfg",
    "-c -q -V -f ok.cfg",
    "-c -V -f quiet.cfg",
    "-c -dW -f warning.cfg",
    "-c -dW -f ok.cfg",
    "-c -dD -dW -f ok.cfg",
    "-c -n 5 -N 3 -m 100 -f ok.cfg",
    "-c -f /dev/null",
    "-cc 1",
    "-cc 0",
    "-cc foo",
    "-cc",
    "-cc 08",
    "-cc !defined(NOWHERE)",
    "-cc streq(a,b,c)",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files")
    for name, data in FILES.items():
        (path / name).parent.mkdir(exist_ok=True, parents=True)
        (path / name).write_bytes(data)
    return path


def said(program: list[str], command: str, folder: Path) -> tuple[int, list[str], str]:
    run = subprocess.run(
        [*program, *command.split()], capture_output=True, cwd=folder, timeout=60, check=False, env={"PATH": ""}
    )
    error = run.stderr.decode("utf-8", "surrogateescape")
    lines = [
        re.sub(r"^\[(\w+)\] +\(\d+\) : |(?<=:\d\]) (?=:)", r"\1 ", line)
        .replace(" :", ":")
        .replace("Parsing", "parsing")
        for line in error.splitlines()
        if line.startswith(("[ALERT]", "[WARNING]"))
    ]
    # Where HAProxy gives up at once it does not say so; the usage has the program's own name and words.
    lines = [line for line in lines if "Fatal errors found in configuration" not in line]
    return run.returncode, lines, "" if "Usage" in error else run.stdout.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_check_says_what_haproxy_says(command: str, folder: Path) -> None:
    program = find("haproxy")
    assert program is not None
    theirs = said([program], command, folder)
    assert said([sys.executable, "-m", "pylb"], command, folder) == theirs
