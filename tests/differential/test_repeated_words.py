"""Words that stand twice: what HAProxy calls alerts and goes on is a notice here, the rest is alike."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.differential.mistakes import Case, compare, said_of
from tests.harness import requires
from tests.harness.peers import find

pytestmark = requires("haproxy")

LIMITS = (
    *("spread-checks 5", "maxconnrate 5", "maxsessrate 5", "maxsslrate 5", "maxpipes 5", "maxconn 50", "ulimit-n 1000"),
    *("tune.rcvbuf.client 8192", "tune.rcvbuf.server 8192", "tune.sndbuf.client 8192", "tune.sndbuf.server 8192"),
    *("log-send-hostname a", "chroot /", "pidfile /x", "server-state-base /x", "server-state-file x", "node a"),
    *("maxzlibmem 5", "maxsslconn 5", "description a", "log-tag a", "hard-stop-after 5s", "tune.bufsize 16384"),
)
PROXY = """
defaults a
 mode http
 timeout client 1s
 timeout connect 1s
 timeout server 1s
 rate-limit sessions 7
 log-format a
 error-log-format b
defaults b from a
 timeout client 2s
 timeout client 3s
 rate-limit sessions 8
 rate-limit sessions 9
 log-format c
 option httplog
 option httplog clf
 option httpslog
 option tcplog
 log-format d
 error-log-format b
 log-format-sd x
 log-format-sd x
 unique-id-format a
 unique-id-format a
listen l from a
 bind 127.0.0.1:1
 log 127.0.0.1 local0
 timeout client 1s
 timeout client 1s
 timeout client 2s
 timeout client 1s
 timeout client 3s
 timeout client 4s
 rate-limit sessions 7
 rate-limit sessions 8
 rate-limit sessions 9
 stats http-request deny if TRUE
 stats http-request deny
 stats http-request allow
 log-format d
 option httplog
"""


def printed(program: list[str], path: Path, pattern: str) -> list[str]:
    run = subprocess.run([*program, "-c", "-f", str(path)], capture_output=True, timeout=60, check=False)
    found = re.findall(rf"parsing \[[^\]]*:(\d+)\] ?: (.*{pattern}.*)", run.stderr.decode())
    return [f"{line} {message}" for line, message in found]


def both(path: Path, pattern: str, *options: str) -> tuple[list[str], list[str]]:
    theirs = printed([str(find("haproxy")), *options], path, pattern)
    return theirs, printed([sys.executable, "-m", "pylb", *options], path, pattern)


def test_limits_are_said_to_be_specified_already(tmp_path: Path) -> None:
    path = tmp_path / "twice.cfg"
    path.write_text("global\n" + "".join(f" {line}\n {line}\n" for line in LIMITS))
    theirs, ours = both(path, "already specified. Continuing")
    assert theirs == ours
    assert len(theirs) > 10


def test_threads_are_overridden_in_diagnostics(tmp_path: Path) -> None:
    path = tmp_path / "threads.cfg"
    path.write_text("global\n nbthread 1\n nbthread 1\n thread-groups 1\n thread-groups 1\n")
    theirs, ours = both(path, "already defined", "-dD")
    assert theirs == ours
    assert len(theirs) == 2


def test_words_of_proxies_override_alike(tmp_path: Path) -> None:
    path = tmp_path / "proxies.cfg"
    path.write_text(PROXY)
    theirs, ours = said_of(path)
    assert theirs == ours
    assert len([message for _, message in theirs if "overrid" in message or "overwriting" in message]) > 5


def test_a_second_number_or_folder_is_refused_alike() -> None:
    cases = [Case("backend", "id 120", ("id 12",))]  # one of them: more confuse the tree that HAProxy looks into
    cases += [Case("global", f"{word} /tmp", (f"{word} /",)) for word in ("ca-base", "crt-base")]
    assert not "\n".join(map(str, compare(cases)))


SPELLINGS = """global
 spread-checks x
 no maxconn 5
 node a/b
defaults
 cookie a maxidle x
 stats zork
 balance zork
backend b
 server s 127.0.0.1:80 weight x
 server s2
 default-server inter x
 id 0
 no option httplog
 timeout server x
"""


def test_places_are_spelt_alike(tmp_path: Path) -> None:
    path = tmp_path / "spelt.cfg"
    path.write_text(SPELLINGS)
    lines = []
    for program in ([str(find("haproxy"))], [sys.executable, "-m", "pylb"]):
        run = subprocess.run([*program, "-c", "-f", str(path)], capture_output=True, timeout=60, check=False)
        found = re.findall(r"^\[ALERT\] .* config : (.*\[[^\]]*:\d+\] ?: ).*", run.stderr.decode(), re.MULTILINE)
        lines.append(found)
    assert lines[0] == lines[1]
    assert {line.partition("[")[0] for line in lines[0]} == {"", "parsing "}
