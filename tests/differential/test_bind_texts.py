"""What `-c` says about bind lines and process words, beside the real HAProxy 2.6."""

from __future__ import annotations

import re

import pytest

from tests.harness import requires
from tests.harness.programs import check

pytestmark = requires("haproxy")

BIND = """
bind|bind :80 foo|bind :80 accept-prox|bind :80 maxconn|bind :80 maxconn -1|bind :80 maxconn 0|bind :80 mss
bind :80 mss 10|bind :80 mss 70000|bind :80 mss -2000|bind :80 tcp-ut|bind :80 tcp-ut x|bind :80 mode
bind :80 mode 9|bind :80 user|bind :80 user nosuch|bind :80 group|bind :80 group nosuch|bind :80 uid|bind :80 gid
bind :80 level|bind :80 level foo|bind :80 severity-output foo|bind :80 severity-output|bind :80 expose-fd
bind :80 expose-fd foo|bind :80 nice|bind :80 nice 5000|bind :80 process|bind :80 process foo|bind :80 process 1/1
bind :80 process 1|bind :80 thread foo|bind :80 thread|bind :80 thread 1/1|bind :80 shards foo|bind :80 shards
bind :80 namespace|bind :80 namespace nosuch|bind :80 proto|bind :80 proto foo|bind :80 accept-netscaler-cip
bind :80 accept-netscaler-cip x|bind :80 crt|bind :80 alpn|bind :80 verify foo|bind :80 verify|bind 127.0.0.1
bind 127.0.0.1:0|bind 127.0.0.1:80-70|bind 127.0.0.1:99999|bind 127.0.0.1:+8|bind nosuch.invalid:80
bind :80,:81,,:82|bind :80, name x|bind fd@x|bind udp@:80|bind :80 transparent|bind ""|bind 127.0.0.1:80-82 id 4
bind *|bind ipv4@::1:80|bind ipv6@127.0.0.1:80|bind :::80|bind [::1]:80|bind 80|bind abns@x|bind unix@relative
bind :80 tls-ticket-keys|bind :80 curves|bind :80 ssl-min-ver|bind :80 ssl-min-ver x|bind :80 ca-ignore-err
bind :80 ciphers|bind ipv4@:80 v4v6|bind :80 v6only v4v6|bind tcp4@:80|bind tcp@:80|bind uxst@/tmp/x
bind stream+unix@/tmp/x|bind :80 id 0|bind :80 id x|bind :80 id|bind :80 name|bind :80 interface|bind :80 backlog
bind :80 backlog -1|bind fd@77
"""

GLOBAL = """
daemon x|daemon|user|user nosuch|user nobody|user nobody x|uid|uid x|uid 0|uid 4294967296|group|group nosuch|gid
gid x|group 3 4|chroot|chroot /nosuch|chroot /tmp x|pidfile|maxconn|maxconn x|maxconn 0|maxconn 3 4|ulimit-n
ulimit-n 3 4|nbthread|nbthread x|nbthread 0|nbthread 3|nbthread 99|hard-stop-after|hard-stop-after x
hard-stop-after 10|grace 3|grace|grace x|master-worker|master-worker x|master-worker no-exit-on-failure|localpeer
localpeer a|localpeer a b|node|node a b|node a.b|description|description a b c|set-dumpable|set-dumpable off
no set-dumpable|cpu-map|cpu-map 1|cpu-map 1 0|cpu-map x 0|cpu-map 1 x|cpu-map auto:1/1-4 0-3|thread-groups
thread-groups x|insecure-fork-wanted|no insecure-fork-wanted|insecure-setuid-wanted|strict-limits|no strict-limits
strict-limits x|noepoll|noepoll x|noreuseport|fd-hard-limit|fd-hard-limit 100|unix-bind|unix-bind prefix
unix-bind foo|unix-bind user nosuch|unix-bind prefix /tmp/x mode 600 uid 3|quiet x|zero-warning|no daemon|daemon
"""


def cases(text: str) -> list[str]:
    return [line for row in text.strip().splitlines() for line in row.split("|")]


def verdict(kind: str, config: str) -> tuple[int, list[str]]:
    """Exit code, warnings and alerts without process ids and without the sentences that follow every error."""
    done = check(kind, config)
    # HAProxy forgets a blank here and there.
    lines = [re.sub(r"\(\d+\)", "(pid)", line).replace("]: ", "] : ") for line in done.output.splitlines()]
    told = [line.rstrip() for line in lines if line.startswith(("[WARNING]", "[ALERT]"))]
    return done.code, [line for line in told if "Error(s) found in configuration file" not in line]


@pytest.mark.parametrize("line", cases(BIND))
def test_bind_lines_get_the_same_verdict_and_words(line):
    config = f"defaults\n timeout client 1s\nfrontend f\n {line}\n"
    assert verdict("pylb", config) == verdict("haproxy", config)


@pytest.mark.parametrize("line", cases(GLOBAL))
def test_process_words_get_the_same_verdict_and_words(line):
    config = f"global\n {line}\nfrontend f\n timeout client 1s\n bind 127.0.0.1:1\n"
    assert verdict("pylb", config) == verdict("haproxy", config)


@pytest.mark.parametrize(
    "config",
    [
        "",
        "frontend f\n timeout client 1s\n",
        "global\n stats socket /tmp/x\n",
        "backend b\n timeout connect 1s\n timeout server 1s\n",
    ],
)
def test_what_listens_nowhere_gets_the_same_exit_code(config):
    assert verdict("pylb", config)[0] == verdict("haproxy", config)[0]
