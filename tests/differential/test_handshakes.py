"""Headers before a client's first byte beside HAProxy: PROXY and NetScaler, what fails, what is logged and counted."""

from __future__ import annotations

import contextlib
import re
import socket
import struct

import pytest

from tests.differential.pairs import log_lines, paired
from tests.harness import requires, wait_until

pytestmark = requires("haproxy")

pair = paired(
    """
global
    log 127.0.0.1:$(syslog) local0
    stats socket $(dir)/admin.sock level admin
defaults
    mode http
    log global
    option httplog
    timeout connect 1s
    timeout client 400ms
    timeout server 1s
frontend proxy
    bind 127.0.0.1:$(proxy) accept-proxy name front
    http-request return status 200 hdr x %[src],%[src_port],%[dst],%[dst_port]
frontend quiet
    bind 127.0.0.1:$(quiet) accept-proxy
    option dontlognull
    http-request return status 200
frontend own
    bind 127.0.0.1:$(own) accept-proxy
    error-log-format "%ci:%cp [%[fc_err] %[fc_err_str]"
    http-request return status 200
frontend apart
    bind 127.0.0.1:$(apart) accept-proxy
    option log-separate-errors
    http-request return status 200
frontend cip
    bind 127.0.0.1:$(cip) accept-netscaler-cip 1234
    http-request return status 200 hdr x %[src],%[src_port],%[dst],%[dst_port],%[fc_src],%[fc_rcvd_proxy]
frontend both
    bind 127.0.0.1:$(both) accept-netscaler-cip 1234 accept-proxy
    http-request return status 200 hdr x %[src],%[src_port],%[dst],%[dst_port],%[fc_src],%[fc_rcvd_proxy]
frontend some
    bind 127.0.0.1:$(some)
    tcp-request connection expect-proxy layer4 if { src 127.0.0.2 }
    tcp-request connection expect-netscaler-cip layer4 if { src 127.0.0.3 }
    http-request return status 200 hdr x %[src],%[src_port]
frontend first
    bind 127.0.0.1:$(first)
    tcp-request connection reject
frontend second
    bind 127.0.0.1:$(second) accept-proxy
    tcp-request session reject if { src 1.2.3.4 }
    http-request return status 200
""",
    origins=(),
)

GET = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
PROXY = b"PROXY TCP4 1.2.3.4 5.6.7.8 99 88\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n"


def packet(protocol: int = 6, first: int = 0x45) -> bytes:
    ends = socket.inet_aton("1.2.3.4") + socket.inet_aton("5.6.7.8")
    ip = struct.pack("!BBHHHBBH", first, 0, 40, 1, 0, 64, protocol, 0) + ends
    return ip + struct.pack("!HHIIBBHHH", 99, 88, 0, 0, 0x50, 2, 100, 0, 0)


def packet6(protocol: int = 6) -> bytes:
    ends = socket.inet_pton(socket.AF_INET6, "1::2") + socket.inet_pton(socket.AF_INET6, "3::4")
    return struct.pack("!IHBB", 6 << 28, 20, protocol, 64) + ends + packet()[20:]


def legacy(data: bytes, magic: int = 1234) -> bytes:
    return struct.pack("!II", magic, len(data)) + data


def standard(data: bytes) -> bytes:
    return struct.pack("!IIHH", 1234, len(data) + 12, 1, len(data)) + data


def talk(site, name, data, *, end=False, source="127.0.0.1"):
    """What a client gets (None: a reset), and its port."""
    with socket.create_connection(("127.0.0.1", site.port(name)), 5, (source, 0)) as client:
        own = client.getsockname()[1]
        got = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError, OSError):
            client.sendall(data)
            if end:
                client.shutdown(socket.SHUT_WR)
        try:
            while more := client.recv(65536):
                got += more
        except ConnectionResetError:
            got = got or None
        return got, own


def dated(line: str, own: int) -> str:
    line = re.sub(r"\[\d\d/[^]]*\]", "[DATE]", line)
    return line.replace(f":{own} ", ":OWN ")


FAILING = {
    "nothing": (b"", True),
    "silence": (b"", False),
    "cut": (b"PROXY TC", True),
    "cut v2": (V2 + b"\x21", True),
    "other protocol": (GET, False),
    "no address": (b"PROXY TCP4 1.2 3\r\n", False),
    "no version": (V2 + b"\x01\x11\0\x0c" + bytes(12), False),
    "no version at all": (V2 + b"\x11\x11\0\x0c" + bytes(12), False),
    "no command": (V2 + b"\x22\x11\0\x0c" + bytes(12), False),
    "no family": (V2 + b"\x21\x41\0\x0c" + bytes(12), False),
    "no protocol": (b"PROXY FOO 1 2\r\n", False),
    "almost": (b"PUT / HTTP/1.1\r\nhost: a\r\n\r\n", False),
    "short v2": (V2 + b"\x21\x11\0\x04" + bytes(4), False),
}


@pytest.mark.parametrize("case", FAILING)
@pytest.mark.parametrize("name", ["proxy", "own", "apart"])
def test_a_failed_proxy_header_is_logged_as_by_haproxy(pair, name, case):
    data, end = FAILING[case]

    def scenario(site):
        got, own = talk(site, name, data, end=end)
        return got, [dated(line, own) for line in log_lines(site, own)]

    pair.same(scenario)


def test_dontlognull_is_quiet_only_where_nothing_came(pair):
    def scenario(site):
        seen = [talk(site, "quiet", data, end=True) for data in (b"", b"PROXY T", GET)]
        lines = [dated(log_lines(site, own)[0], own) for _, own in seen[1:]]
        return [got for got, _ in seen], lines, [line for line in site.syslog.lines if f":{seen[0][1]} [" in line]

    assert pair.same(scenario)[2] == []


CIP = {
    "legacy": legacy(packet()) + GET,
    "legacy v6": legacy(packet6()) + GET,
    "options": legacy(packet(first=0x46)[:20] + bytes(4) + packet()[20:]) + GET,
    "standard": standard(packet()) + GET,
    "standard v6": standard(packet6()) + GET,
    "tail": standard(packet() + b"options!") + GET,
    "magic": legacy(packet(), 1235) + GET,
    "udp": legacy(packet(17)) + GET,
    "udp v6": standard(packet6(17)) + GET,
    "version": standard(packet(first=0x55)) + GET,
    "long": struct.pack("!II", 1234, 20000) + packet() + bytes(19960),
    "http": GET,
}


@pytest.mark.parametrize("case", CIP)
def test_netscaler_headers_are_read_and_refused_as_by_haproxy(pair, case):
    def scenario(site):
        got, own = talk(site, "cip", CIP[case])
        return got if got else [got, [dated(line, own) for line in log_lines(site, own)]]

    pair.same(scenario)


@pytest.mark.parametrize(("data", "end"), [(b"", True), (b"", False), (legacy(packet())[:30], True)])
def test_netscaler_headers_that_do_not_come(pair, data, end):
    def scenario(site):
        got, own = talk(site, "cip", data, end=end)
        return got, [dated(line, own) for line in log_lines(site, own)]

    pair.same(scenario)


def test_with_both_the_netscaler_header_comes_first_and_the_proxy_header_counts(pair):
    def scenario(site):
        right, _ = talk(site, "both", legacy(packet6()) + PROXY + GET)
        wrong, _ = talk(site, "both", PROXY + legacy(packet6()) + GET)
        return right, wrong

    right, wrong = pair.same(scenario)
    assert b"x: 1.2.3.4,99,5.6.7.8,88,127.0.0.1,1" in right
    assert wrong is None


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
@pytest.mark.parametrize("data", [GET, PROXY + GET, legacy(packet(), 0) + GET])
def test_rules_of_connections_demand_headers(pair, source, data):
    pair.same(lambda site: hidden(*talk(site, "some", data, source=source)))


def hidden(got, own):
    return got and got.replace(b",%d\r" % own, b",OWN\r")


COUNTED = ("scur", "stot", "ereq", "dcon", "dses", "conn_tot", "req_tot")


def counters(site, name):
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(f"{site.program.directory}/admin.sock")
        admin.sendall(b"show stat\n")
        text = b""
        while more := admin.recv(65536):
            text += more
    lines = [line.split(",") for line in text.decode().removeprefix("# ").splitlines()]
    row = next(line for line in lines if line[:2] == [name, "FRONTEND"])
    numbers = dict(zip(lines[0], row, strict=False))
    return {key: numbers[key] for key in COUNTED}


@pytest.mark.parametrize("name", ["first", "second"])
def test_connections_count_when_they_come_and_sessions_when_they_are_established(pair, name):
    def scenario(site):
        for data in (GET, PROXY + GET, PROXY.replace(b"1.2.3.4", b"1.2.3.5") + GET, b"PROX"):
            with contextlib.suppress(ConnectionError):
                talk(site, name, data, end=True)
        wait_until(lambda: counters(site, name)["scur"] == "0", 5, "the connections to end")
        return counters(site, name)

    pair.same(scenario)
