"""Exit codes and answers of command lines, beside the real HAProxy where it is there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.harness import requires
from tests.harness.ports import free_port
from tests.harness.programs import command, surroundings
from tests.harness.waiting import wait_until

OK = "frontend f\n timeout client 1s\n bind 127.0.0.1:{port}\n"
WARNS = "frontend f\n bind 127.0.0.1:{port}\n"
BAD = "frontend f\n bond :80\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    port = free_port()
    (tmp_path / "ok.cfg").write_text(OK.format(port=port))
    (tmp_path / "warns.cfg").write_text(WARNS.format(port=port))
    (tmp_path / "bad.cfg").write_text(BAD)
    (tmp_path / "none.cfg").write_text("frontend f\n timeout client 1s\n")
    (tmp_path / "cut.cfg").write_text(OK.format(port=port).rstrip("\n"))
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a.cfg").write_text(OK.format(port=port))
    (tmp_path / "dir" / "b.cfg").write_text("backend b\n timeout connect 1s\n timeout server 1s\n")
    (tmp_path / "empty").mkdir()
    return tmp_path


def run(kind: str, where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(kind), *words],
        cwd=where,
        env=surroundings(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


LINES = [
    "-c -f ok.cfg",
    "-c -V -f ok.cfg",
    "-c -q -f ok.cfg",
    "-c -f warns.cfg",
    "-c -dW -f warns.cfg",
    "-c -f bad.cfg",
    "-c -q -f bad.cfg",
    "-c -f none.cfg",
    "-c -f cut.cfg",
    "-c -f nosuch.cfg",
    "-f nosuch.cfg",
    "-db -f bad.cfg",
    "-db -dW -f warns.cfg",
    "-c -f dir",
    "-c -f ok.cfg -f dir/b.cfg",
    "-c -- ok.cfg dir/b.cfg",
    "-c -f empty",
    "-c ok.cfg",
    "-c",
    "",
    "-Z",
    "-h",
    "-f",
    "-n x -c -f ok.cfg",
    "-m 1000 -c -f ok.cfg",
    "-C dir -c -f a.cfg",
    "-C nosuch -c -f ok.cfg",
    "-cc true",
    "-cc 1",
    "-cc 0",
    "-cc foo(",
    "-cc version_atleast(2.4)",
    "-cc version_atleast(9.0)",
    "-cc",
    "-dM -dI -dW -cc feature(OPENSSL_WOLFSSL)",
    "-dM -dI -dW -c -f ok.cfg",
    "-dMfoo -c -f ok.cfg",
    "-dMhelp",
    "-dKcfg -c -f ok.cfg",
    "-dL -c -f ok.cfg",
    "-dD -c -f ok.cfg",
    "-dG -dS -dV -dr -dp -de -dR -dF -dC -dZ -c -f ok.cfg",
    "-N 100 -c -f ok.cfg",
    "-L me -c -f ok.cfg",
    "-S m.sock -W -c -f ok.cfg",
    "-S /tmp/m.sock -W -c -f ok.cfg",
    "-S /tmp/m.sock,level,admin -W -c -f ok.cfg",
    "-x /nosuch -c -f ok.cfg",
    "-x",
    "-sf -c -f ok.cfg",
    "-sf abc -c -f ok.cfg",
    "-st 999999 -c -f ok.cfg",
    "-v",
    "-vv",
    "-v -c -f bad.cfg",
]


def verdicts(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(("Configuration file", "Warnings were"))]


@requires("haproxy")
@pytest.mark.parametrize("line", LINES)
def test_exit_code_and_standard_output_are_haproxys(files, line):
    ours, theirs = run("pylb", files, *line.split()), run("haproxy", files, *line.split())
    assert (ours.returncode, bool(ours.stderr)) == (theirs.returncode, bool(theirs.stderr)), ours.stderr
    assert verdicts(ours.stdout) == verdicts(theirs.stdout)


CONDITIONS = [
    'streq("$TESTVAR","1")',
    "streq(foo,'foo')",
    "streq(\"foo bar\",'foo bar')",
    'streq("a b",a\\ b)',
    'streq(a,"a)',
    "streq($NOPE,x)",
    '"1"',
    "1\\ &&\\ 1",
    "1&&!0&&!((streq(a,b)||!streq(a,a)&&1)||strneq(a,a))",
    "1 && !0 && !((streq(a,a) || !streq(a,a) && 1) || strneq(a,a))",
    "-1000 && 200",
    "",
    "200rrr",
    "!(0))",
    "defined(TESTVAR) && !defined(NOPE)",
]


@requires("haproxy")
@pytest.mark.parametrize("text", CONDITIONS)
def test_conditions_are_read_as_a_line_of_a_file(tmp_path, monkeypatch, text):
    monkeypatch.setenv("TESTVAR", "1")
    ours, theirs = run("pylb", tmp_path, "-cc", text), run("haproxy", tmp_path, "-cc", text)
    assert (ours.returncode, bool(ours.stderr)) == (theirs.returncode, bool(theirs.stderr)), (
        ours.stderr,
        theirs.stderr,
    )


def test_the_version_can_be_read_like_haproxys(tmp_path):
    text = run("pylb", tmp_path, "-vv").stdout
    assert re.match(r"HAProxy version (\d\S*) \d{4}/\d\d/\d\d", text)
    assert re.search(r"^  TARGET  = linux-glibc$", text, re.M)
    features = re.search(r"^Feature list : (.*)$", text, re.M)
    assert features is not None and "+EPOLL" in features[1].split()
    assert run("pylb", tmp_path, "-v").stdout == "".join(text.splitlines(keepends=True)[:3])


def test_features_agree_with_conditions(tmp_path):
    text = run("pylb", tmp_path, "-vv").stdout
    features = re.search(r"^Feature list : (.*)$", text, re.M)
    assert features is not None
    for mark in features[1].split()[::6]:
        assert run("pylb", tmp_path, "-cc", f"feature({mark[1:]})").returncode == (0 if mark[0] == "+" else 1)


def test_all_words_are_listed(files):
    text = run("pylb", files, "-dKall", "-c", "-f", "ok.cfg").stdout
    for word in (
        "\tbind <addr> accept-proxy\n",
        "\tmaxconn",
        "\tserver <name> <addr> weight +1\n",
        "\tpath_beg\n",
        "\tlower",
    ):
        assert word in text


def test_words_that_matter_and_do_nothing_stop_a_start_but_not_a_check(files):
    path = files / "inert.cfg"
    path.write_text(OK.format(port=free_port()).rstrip("\n") + " quic-force-retry\n")
    assert run("pylb", files, "-c", "-dW", "-f", "inert.cfg").returncode == 0
    done = run("pylb", files, "-db", "-f", "inert.cfg")
    assert done.returncode == 1
    assert "'quic-force-retry' is not enforced by this version" in done.stderr


def test_a_port_in_use_stops_the_start_with_haproxys_words(files):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = files / "taken.cfg"
        path.write_text(OK.format(port=taken.getsockname()[1]))
        done = run("pylb", files, "-db", "-f", "taken.cfg")
    assert done.returncode == 1
    assert "frontend f: cannot bind socket (Address already in use) for [127.0.0.1:" in done.stderr
    assert "[haproxy.main()] Some protocols failed to start their listeners! Exiting." in done.stderr


def test_a_demo_is_one_of_our_own_commands(tmp_path):
    done = run("pylb", tmp_path, "demo", "--help")
    assert done.returncode == 0 and "usage: pylb demo" in done.stdout


def test_an_inherited_descriptor_serves(files):
    with socket.socket() as given:
        given.bind(("127.0.0.1", 0))
        given.listen()
        port = given.getsockname()[1]
        path = files / "fd.cfg"
        path.write_text(
            f"frontend f\n mode http\n timeout client 1s\n bind fd@{given.fileno()}\n http-request return status 204\n"
        )
        process = subprocess.Popen(
            [*command("pylb"), "-db", "-f", str(path)], env=surroundings(), pass_fds=[given.fileno()]
        )
        try:
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.settimeout(15)
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert client.recv(100).startswith(b"HTTP/1.1 204")
        finally:
            process.terminate()
            process.wait(10)


def test_the_first_connection_is_accepted_soon_after_the_start(files, tmp_path):
    """The target is 0.3 s of a quiet machine; processor time does not depend on who else is busy."""
    port = free_port()
    (files / "quick.cfg").write_text(OK.format(port=port))
    process = subprocess.Popen([*command("pylb"), "-db", "-f", str(files / "quick.cfg")], env=surroundings())
    try:

        def accepted() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(accepted, 10)
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        assert (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") < 0.8
    finally:
        process.terminate()
        process.wait(10)
