"""Words that came after HAProxy 2.6, checked by the manual of 3.5: what they take, and what is said of the rest."""

from __future__ import annotations

import pytest

from pylb import standard
from pylb.config.reader import parse_text
from pylb.errors import Severity

standard.load()


def alerts(text: str) -> list[str]:
    config = parse_text(text, environment={})
    return [item.message for item in config.report.items if item.severity is Severity.ALERT]


GOOD = (
    "acme.scheduler auto",
    "anonkey 12",
    "cpu-affinity per-group loose",
    "cpu-affinity per-ccx",
    "cpu-policy group-by-2-clusters threads-per-core 1",
    "cpu-policy none",
    "cpu-set reset drop-cpu 0-3,7 only-node 1",
    "debug.counters on",
    "dns-accept-family ipv4,auto",
    "expose-deprecated-directives",
    "external-check preserve-env",
    "harden.reject-privileged-ports.tcp on",
    "http-err-codes 400-499 -450 +500",
    "http-fail-codes 500,502-504",
    "httpclient.retries 3",
    "httpclient.timeout.connect 5s",
    "key-base /etc",
    "limited-quic",
    "max-threads-per-group 16",
    "ocsp-update.mode on",
    "profiling.tasks auto lock no-memory",
    "setcap cap_net_raw,cap_net_admin",
    "shm-stats-file-max-objects 100",
    "ssl-default-bind-options strict-sni",
    "ssl-default-server-sigalgs ECDSA+SHA256",
    "ssl-security-level 2",
    "stats-file /none",
    "stress-level 1",
    "thread-group 2 1-8",
    "thread-hard-limit 8",
    "tune.applet.zero-copy-forwarding on",
    "tune.bufsize.large 64k",
    "tune.defaults.purge proxies,servers",
    "tune.defaults.purge",
    "tune.disable-zero-copy-forwarding",
    "tune.epoll.mask-events err,hup",
    "tune.glitches.kill.cpu-usage 80",
    "tune.h2.be.initial-window-size 65536",
    "tune.h2.fe.max-total-streams 100",
    "tune.idle-pool.shared full",
    "tune.listener.default-shards by-group",
    "tune.listener.multi-queue fair",
    "tune.lua.bool-sample-conversion normal",
    "tune.lua.burst-timeout 1s",
    "tune.lua.log.stderr auto",
    "tune.lua.openlibs string,math",
    "tune.lua.openlibs none",
    "tune.notsent-lowat.client 16k",
    "tune.quic.fe.sock-per-conn force-off",
    "tune.quic.fe.stream.max-concurrent 100",
    "tune.renice.startup -5",
    "tune.ring.queues 4",
    "tune.ssl.certificate-compression off",
    "tune.ssl.keyupdate-rate-limit 0",
    "tune.takeover-other-tg-connections restricted",
    "warn-blocked-traffic-after 200ms",
)


@pytest.mark.parametrize("line", GOOD)
def test_a_valid_line_of_global_is_accepted(line: str) -> None:
    assert alerts(f"global\n {line}\n") == []


BAD = {
    "acme.scheduler on": "'acme.scheduler' expects 'auto' or 'off' but got 'on'.",
    "cpu-affinity per-cpu": "'cpu-affinity' : unknown affinity 'per-cpu'.",
    "cpu-affinity per-core loose": "'cpu-affinity' cannot handle unexpected argument 'loose'.",
    "cpu-policy fast": "'cpu-policy' : unknown policy 'fast'.",
    "cpu-policy none threads-per-core 2": "'cpu-policy' : 'threads-per-core' expects '1' or 'auto' but got '2'.",
    "cpu-set drop-cpu": "'cpu-set drop-cpu' expects a set of numbers.",
    "cpu-set drop-cpu a": "'cpu-set drop-cpu' : 'a' is not a set of numbers.",
    "cpu-set keep-cpu 1": "'cpu-set' : unknown directive 'keep-cpu'.",
    "dns-accept-family ipv5": (
        "'dns-accept-family' : unknown word 'ipv5', expects one or more of 'ipv4', 'ipv6', 'auto'."
    ),
    "force-cfg-parser-pause 1s": (
        "'force-cfg-parser-pause' directive is experimental, must be allowed via a global "
        "'expose-experimental-directives'"
    ),
    "http-err-codes 600": "'http-err-codes' : '600' is not a status or a range of statuses between 100 and 599.",
    "http-err-codes 499-400": (
        "'http-err-codes' : '499-400' is not a status or a range of statuses between 100 and 599."
    ),
    "profiling.tasks auto fast": "'profiling.tasks' expects either 'on', 'auto', or 'off' but got 'fast'.",
    "setcap cap_all": (
        "'setcap' : unsupported capability 'cap_all', supported ones are 'cap_net_admin', 'cap_net_bind_service', "
        "'cap_net_raw', 'cap_sys_admin'."
    ),
    "ssl-security-level 7": "'ssl-security-level' expects a number of at least 0 and at most 5, got '7'.",
    "thread-group 17 1": "'thread-group' thread-group number must be between 1 and 16 (was 17)",
    "tune.defaults.purge x": (
        "'tune.defaults.purge' : unknown word 'x', expects one or more of 'all', 'none', 'proxies', 'servers'."
    ),
    "tune.fd.tables shared": (
        "'tune.fd.tables' directive is experimental, must be allowed via a global 'expose-experimental-directives'"
    ),
    "tune.idle-pool.shared some": "'tune.idle-pool.shared' expects either 'on', 'full' or 'off' but got 'some'.",
    "tune.lua.openlibs none,math": (
        "'tune.lua.openlibs' : unknown library 'none', expects 'all', 'none' or some of 'table', 'io', 'os', 'string', "
        "'math', 'utf8', 'package', 'debug'."
    ),
    "tune.ssl.keyupdate-rate-limit x": "'tune.ssl.keyupdate-rate-limit' expects a positive numeric value.",
}


@pytest.mark.parametrize("line", BAD)
def test_a_mistake_in_global_is_told(line: str) -> None:
    assert alerts(f"global\n {line}\n") == [BAD[line]]


def test_experimental_words_need_permission_above_them() -> None:
    assert alerts("global\n expose-experimental-directives\n tune.fd.tables shared\n") == []


PROXIES = {
    "compression algo-req gzip": "",
    "compression minsize-res 1k": "",
    "compression minsize-res x": "unexpected character 'x' in argument to 'compression minsize-res'.",
    "compression direction both": "",
    "compression direction up": "'compression' expects 'request', 'response', or 'both'.",
    "filter-sequence request comp-req,cache": "",
    "filter-sequence up a": "'filter-sequence' expects 'request' or 'response' but got 'up'.",
    "force-be-switch if TRUE": "",
    "force-be-switch always": "'force-be-switch' requires either 'if' or 'unless' followed by a condition.",
    "guid a-b": "",
    "hash-preserve-affinity maxconn": "",
    "log-steps accept,close": "",
    "log-steps start": (
        "'log-steps' : unknown word 'start', expects one or more of 'accept', 'connect', 'request', 'response', "
        "'close', 'error', 'all', 'any'."
    ),
    "max-session-srv-conns 5": "",
    "option forwarded proto host by_port-expr dst_port": "",
    "no option forwarded": "",
    "option forwarded host-expr str(a) for-expr src,xxh32,hex for_port-expr int(10)": "",
    "option forwarded for-expr zork": "'option forwarded' : 'for-expr' : unknown fetch method 'zork'",
    "option forwarded for-expr src,zork": "'option forwarded' : 'for-expr' : unknown converter 'zork'",
    "option forwarded by-expr res.hdr(a)": (
        "'option forwarded' : 'by-expr' : 'res.hdr(a)' reads from 'HTTP response headers', which is not available here"
    ),
    "option forwarded proto-expr src": "'option forwarded' : unknown parameter 'proto-expr'.",
    "no option forwarded zork": "'option forwarded' cannot handle unexpected argument 'zork'.",
    "option mysql-check user a post-80": "",
    "option httpchk GET / HTTP/1.1 www.example.com": "",
    "option httpchk GET / HTTP/1.1 www.example.com x": "'option httpchk' cannot handle unexpected argument 'x'.",
    "option forwarded proto proto": "'option forwarded' : parameter 'proto' is already set.",
    "option forwarded for-expr": "'option forwarded' : 'for-expr' expects an expression.",
    "option forwarded from": "'option forwarded' : unknown parameter 'from'.",
    "option http-drop-request-trailers": "",
    "stats show-version": "",
}


@pytest.mark.parametrize("line", PROXIES)
def test_words_of_proxies(line: str) -> None:
    assert alerts(f"listen a\n bind :1\n mode http\n {line}\n") == ([PROXIES[line]] if PROXIES[line] else [])


def test_a_word_of_the_wrong_side_is_still_checked() -> None:
    config = parse_text("frontend a\n bind :1\n timeout queue x\n", environment={})
    assert [(item.severity, item.message) for item in config.report.items] == [
        (Severity.WARNING, "'timeout queue' will be ignored because frontend 'a' has no backend capability"),
        (Severity.ALERT, "unexpected character 'x' in 'timeout queue'"),
    ]
