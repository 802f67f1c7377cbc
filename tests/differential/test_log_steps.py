"""Formats of errors beside HAProxy; log profiles, log-steps, do-log and log backends as the manual of 3.x has them."""

from __future__ import annotations

import re

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, Site, Syslog, answer, requires, run_site, wait_until
from tests.harness.differential import without_times
from tests.harness.origin import Script, response

pytestmark = requires("haproxy")

pair = paired("""
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    option httplog
    error-log-format "wrong %f %ST %tsc %{+Q}r %ci"
    timeout connect 1s
    timeout client 150ms
    timeout server 150ms
frontend web
    bind 127.0.0.1:$(web)
    default_backend app
frontend apart
    bind 127.0.0.1:$(apart)
    option log-separate-errors
    default_backend app
frontend secure
    bind 127.0.0.1:$(secure)
    option httpslog
    no log
    log 127.0.0.1:$(syslog) format rfc5424 local1
    log-format-sd [x@1\\ status=\\"%ST\\"\\ uri=\\"%{+E}HP\\"]
    default_backend app
backend app
    http-reuse never
    server s1 127.0.0.1:$(s1)
""")
GET = http("GET", '/a]"b', "host: h", "connection: close")
CASES: dict[str, tuple[bytes, Script]] = {
    "served": (GET, answer(response(b"ok"))),
    "not readable": (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", answer(b"")),
    "too late": (b"GET / HTTP/1.1\r\n", answer(b"")),
    "nothing": (b"", answer(b"")),
    "no answer": (GET, lambda conversation: conversation.read_head()),
}


@pytest.mark.parametrize("front", ["web", "apart", "secure"])
@pytest.mark.parametrize("name", CASES)
def test_the_line_of_an_error(pair: Pair, name: str, front: str) -> None:
    data, script = CASES[name]

    def scenario(site: Site) -> str:
        before = len(site.syslog.datagrams)
        with RawClient(site.port(front)) as client:
            client.send(data).read_all()
        wait_until(lambda: len(site.syslog.datagrams) > before, 5.0, "a line")
        line = site.syslog.lines[-1]
        line = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00 - (haproxy|pylb) \d+", "<head>", line)
        return without_times(line)

    pair.same(scenario, script)


PROFILES = """
global
    stats socket $(dir)/control level admin
defaults
    mode http
    timeout connect 1s
    timeout client 150ms
    timeout server 1s
log-profile close
    on close format "closed %ST" sd "[s %f]"
log-profile origin
    log-tag custom
    on error format "failed %ST"
    on any format "%OG"
log-profile errors
    on error format "only %ST"
    on any drop
log-profile here
    on http-req format "here %HP"
frontend web
    bind 127.0.0.1:$(web)
    log-format "own %ST"
    log 127.0.0.1:$(syslog) format rfc5424 local0
    log 127.0.0.1:$(syslog) format rfc5424 profile close local0
    log 127.0.0.1:$(syslog) format raw profile close local0
    log 127.0.0.1:$(syslog) format rfc5424 profile origin local0
    log 127.0.0.1:$(syslog) format raw profile errors local0
    default_backend app
frontend steps
    bind 127.0.0.1:$(steps)
    log-format "%OG %ST"
    log-steps all
    log 127.0.0.1:$(syslog) format raw local0
    default_backend app
frontend some
    bind 127.0.0.1:$(some)
    log-format "%OG %ST"
    log-steps connect,close
    log 127.0.0.1:$(syslog) format raw local0
    default_backend app
frontend tcp
    mode tcp
    bind 127.0.0.1:$(tcp)
    log-format "%OG %B"
    log-steps all
    log 127.0.0.1:$(syslog) format raw local0
    default_backend raw
frontend now
    bind 127.0.0.1:$(now)
    log-format "%OG %ST"
    log 127.0.0.1:$(syslog) format raw local0
    tcp-request connection do-log
    tcp-request session do-log
    http-request do-log
    http-request do-log profile here
    http-response do-log
    http-after-response do-log
    default_backend app
frontend spread
    bind 127.0.0.1:$(spread)
    log-format "%HP"
    log backend@turns format raw local0
    log backend@hashed local0
    log backend@stays format raw local0
    http-request return status 200
backend app
    server s1 127.0.0.1:$(s1)
backend raw
    mode tcp
    server s1 127.0.0.1:$(s1)
backend turns
    mode log
    balance roundrobin
    server a udp@127.0.0.1:$(one)
    server b udp@127.0.0.1:$(two)
backend hashed
    mode log
    balance log-hash 'field(2,/)'
    hash-type map-based none
    server a udp@127.0.0.1:$(three)
    server b udp@127.0.0.1:$(four)
backend stays
    mode log
    balance sticky
    server a udp@127.0.0.1:$(five)
    server b udp@127.0.0.1:$(six)
"""
RECEIVERS = ("one", "two", "three", "four", "five", "six")
OK = answer(response(b"ok"))


@pytest.fixture(scope="module")
def receivers():
    opened = {name: Syslog() for name in RECEIVERS}
    yield opened
    for one in opened.values():
        one.close()


@pytest.fixture(scope="module")
def site(receivers):
    ports = {name: one.port for name, one in receivers.items()}
    with run_site("pylb", PROFILES, {"s1": OK}, values=ports) as running:
        yield running


def lines(site: Site, front: str, count: int, data: bytes = GET) -> list[str]:
    """The lines that one exchange leaves, dates and pids hidden."""
    before = len(site.syslog.datagrams)
    with RawClient(site.port(front)) as client:
        client.send(data).half_close().read_all()
    wait_until(lambda: len(site.syslog.datagrams) >= before + count, 5.0, f"{count} lines of {front}")
    return [re.sub(r"1 \S+ - (\w+) \d+", r"\1", line) for line in site.syslog.lines[before:]]


def test_a_profile_decides_what_a_target_gets(site: Site) -> None:
    assert lines(site, "web", 4) == [
        "<134>haproxy - - own 200",
        "<134>haproxy - [s web] closed 200",
        "closed 200",
        "<134>custom - - txn_close",
    ]


def test_a_profile_decides_what_errors_leave(site: Site) -> None:
    assert lines(site, "web", 5, b"garbage\r\n\r\n") == [
        "<134>haproxy - - own 400",
        "<134>haproxy - - own 400",
        "own 400",
        "<134>custom - - failed 400",
        "only 400",
    ]


def test_every_step_has_its_line(site: Site) -> None:
    steps = [("accept", -1), ("request", -1), ("connect", 200), ("response", 200), ("close", 200)]
    assert lines(site, "steps", 5) == [f"txn_{step} {status}" for step, status in steps]
    assert lines(site, "some", 2) == ["txn_connect 200", "txn_close 200"]


def test_steps_of_a_connection(site: Site) -> None:
    found = [line.split()[0] for line in lines(site, "tcp", 4)]
    assert found == ["txn_accept", "txn_request", "txn_connect", "txn_close"]


def test_do_log_writes_now(site: Site) -> None:
    assert lines(site, "now", 7) == [
        "tcp-req-conn -1",
        "tcp-req-sess -1",
        "http-req -1",
        "here /a]#22b",
        "http-res 200",
        "http-after-res 200",
        "txn_response 200",
    ]


def test_log_backends_choose_among_their_servers(site: Site, receivers: dict[str, Syslog]) -> None:
    for number in range(8):
        with RawClient(site.port("spread")) as client:
            client.send(http("GET", f"/{number}", "host: h", "connection: close")).read_all()
    wait_until(lambda: sum(len(one.datagrams) for one in receivers.values()) >= 24, 5.0, "lines")
    got = {name: [int(line[-1]) for line in one.lines] for name, one in receivers.items()}
    assert sorted([got["one"], got["two"]]) == [[0, 2, 4, 6], [1, 3, 5, 7]]
    assert (got["three"], got["four"]) == ([0, 2, 4, 6], [1, 3, 5, 7])
    assert (got["five"], got["six"]) == (list(range(8)), [])
