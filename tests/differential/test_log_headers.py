"""The bytes of log messages beside HAProxy's: headers, levels, facilities, lengths, samples, switches."""

from __future__ import annotations

import re

import pytest

from pylb.log.header import FORMATS
from pylb.log.levels import FACILITIES, LEVELS
from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, Site, answer, requires, wait_until
from tests.harness.differential import without_times
from tests.harness.origin import Script, response

pytestmark = requires("haproxy")

LENGTHS = (80, 81, 100, 200, 1024, 65535)
BOUNDS = [(most, least) for most in LEVELS for least in LEVELS]
SAMPLES = ("1:1", "1:2", "2:2", "1,3:3", "2-4:5", "1-2,4-5:5", "7:9")
SWITCHES = {
    "plain": "",
    "asap": "option logasap",
    "abnormal": "option dontlog-normal",
    "apart": "option log-separate-errors",
    "quiet": "option dontlognull",
    "every": "option logasap\n    option dontlog-normal\n    option log-separate-errors\n    option dontlognull",
    "states": 'log-format "%ts %tsc %{+Q}tsc"',
    "early": 'log-format "%ci %f"',
    "unread": 'error-log-format "failed %ST %tsc %B %U"',
}
HTTP_SWITCHES = SWITCHES | {
    "clf": "option httplog clf",
    "clf_asap": "option httplog clf\n    option logasap",
    "https": "option httpslog",
    "https_asap": "option httpslog\n    option logasap",
    "of_tcp": "option tcplog",
    "of_tcp_asap": "option tcplog\n    option logasap",
    "identified": "unique-id-format %{+X}o-%ci-%rc\n    unique-id-header X-Unique\n"
    '    log-format "%ID %[unique-id] %hr"\n    capture request header x-unique len 30',
}
BECOMING = {
    "announced": "",
    "logged": "option tcplog",
    "asap": "option tcplog\n    option logasap",
    "early": 'log-format "%ci %b"',
}
UNFORMATTED = {
    **{name: SWITCHES[name] for name in ("plain", "asap", "abnormal", "apart", "quiet", "unread")},
    "structured": 'log-format-sd "[a]"',
    "unique": "unique-id-format %rc",
}


def frontend(name: str, entries: list[str], *more: str) -> str:
    words = "".join(f"    {line}\n" for line in more)
    lines = "".join(f"    log 127.0.0.1:$(syslog) {entry}\n" for entry in entries)
    return f"frontend {name}\n    bind 127.0.0.1:$({name})\n{words}{lines}"


def switched(mode: str, log: str, table: dict[str, str]) -> str:
    return "".join(
        frontend(f"{mode}_{name}", ["format short local0"], f"mode {mode}", log, text, f"default_backend of_{mode}")
        for name, text in table.items()
    )


def unformatted() -> str:
    """Frontends without any format, whose lines announce connections."""
    return "".join(
        f"frontend {mode}_none_{name} from plain\n    mode {mode}\n    bind 127.0.0.1:$({mode}_none_{name})\n"
        f"    {text}\n    log 127.0.0.1:$(syslog) format rfc5424 local0\n    default_backend of_{mode}\n"
        for mode in ("http", "tcp")
        for name, text in UNFORMATTED.items()
    )


def configuration(global_words: str = "", rest: str = "") -> str:
    every = [f"format {form} local0" for form in FORMATS]
    levels = "".join(f"    http-request set-log-level {n} if {{ path -m beg /{n} }}\n" for n in (*LEVELS, "silent"))
    return (
        f"""
global
    nbthread 1
{global_words}
defaults plain
    mode http
    timeout client 200ms
    timeout connect 1s
    timeout server 400ms
defaults base
    mode http
    timeout client 200ms
    log-format "%HP says %{{+Q}}ST"
    option httpclose
{levels}
    http-request return status 200 if {{ req.hdr(host) here }}
"""
        + frontend("mark", ["format raw local0"], "log-format mark")
        + frontend("forms", [*every, "local1"])
        + frontend("tagged", [*every, "local1"], "log-tag own-tag")
        + frontend("structured", ["format rfc5424 local0", "local1"], 'log-format-sd "[a@1 b=\\"%ST\\"] %{+E}HP"')
        + frontend("bare", ["format rfc5424 local0"], 'log-format-sd "%[var(txn.none)]"')
        + rest
    )


pair = paired(
    configuration(
        rest=frontend("facilities", [f"format priority {name}" for name in FACILITIES])
        + frontend("bounds", [f"len 1000 format priority local0 {most} {least}" for most, least in BOUNDS])
        + frontend("lengths", [f"len {length} format {form} local0" for form in FORMATS for length in LENGTHS])
        + frontend("short", ["len 80 format raw local0", "len 100 format short local0"])
        + frontend("samples", [f"format raw sample {ranges} {FACILITIES[n]}" for n, ranges in enumerate(SAMPLES)])
        + switched("http", "option httplog", HTTP_SWITCHES)
        + switched("tcp", "option tcplog", SWITCHES)
        + unformatted()
        + "".join(
            f"frontend becomes_{name} from plain\n    mode tcp\n    bind 127.0.0.1:$(becomes_{name})\n    {text}\n"
            f"    log 127.0.0.1:$(syslog) format short local0\n    default_backend of_http\n"
            for name, text in BECOMING.items()
        )
        + """
backend of_http from plain
    server s1 127.0.0.1:$(s1)
backend of_tcp from plain
    mode tcp
    server s1 127.0.0.1:$(s1)
"""
    )
)
named = paired(configuration("    log-send-hostname a-host\n    log-tag global-tag"), origins=())

HERE = ("host: here", "connection: close")


def undated(data: bytes, pid: int) -> bytes:
    """A datagram without its moment and process."""
    data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", b"<iso>", data)
    data = re.sub(rb"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d", b"<date>", data)
    return re.sub(rb"(?<=[ \[])%d(?=[ \]])" % pid, b"<pid>", data)


def sent(site: Site, front: str, data: bytes, count: int = 1) -> list[bytes]:
    """The datagrams that one connection leaves: at least `count`."""
    before = len(site.syslog.datagrams)
    with RawClient(site.port(front)) as client:
        if data:
            client.send(data)
            if front.startswith("tcp") and data != LATE:
                client.half_close()
            client.read_all()
    wait_until(lambda: len(site.syslog.datagrams) >= before + count, 5.0, f"{count} lines")
    for _ in range(1 if count else 2):  # whatever else it leaves has come before
        count = site.syslog.datagrams.count(b"mark\n")
        with RawClient(site.port("mark")) as client:
            client.send(http("GET", "/", *HERE)).read_all()
        wait_until(lambda count=count: site.syslog.datagrams.count(b"mark\n") > count, 5.0, "the mark")
    return [undated(line, site.program.pid) for line in site.syslog.datagrams[before:] if line != b"mark\n"]


@pytest.mark.parametrize("path", ["/", "/%20\"'", "/x]y", "/" + "x" * 900])
@pytest.mark.parametrize("front", ["forms", "tagged", "structured", "bare"])
def test_every_format(pair: Pair, front: str, path: str) -> None:
    seen = pair.same(lambda site: sent(site, front, http("GET", path, *HERE)))
    assert len(seen) >= 1


@pytest.mark.parametrize("front", ["forms", "tagged", "structured", "bare"])
def test_every_format_with_a_host_and_a_tag(named: Pair, front: str) -> None:
    named.same(lambda site: sent(site, front, http("GET", "/x", *HERE)))


def test_every_facility(pair: Pair) -> None:
    seen = pair.same(lambda site: sent(site, "facilities", http("GET", "/", *HERE)))
    assert len(seen) == len(FACILITIES)


@pytest.mark.parametrize("level", ["default", *LEVELS, "silent"])
def test_every_level_within_all_bounds(pair: Pair, level: str) -> None:
    seen = pair.same(lambda site: sent(site, "bounds", http("GET", f"/{level}", *HERE), int(level != "silent")))
    assert bool(seen) == (level != "silent")


@pytest.mark.parametrize("length", [1, 30, 60, 70, 80, 100, 150, 180, 200, 900, 1020])
@pytest.mark.parametrize("front", ["lengths", "short"])
def test_lines_are_cut(pair: Pair, front: str, length: int) -> None:
    def sizes(site: Site) -> list[tuple[int, bytes]]:
        return [(len(data), data[-12:]) for data in sent(site, front, http("GET", "/" + "y" * length, *HERE))]

    pair.same(sizes)


def test_samples(pair: Pair) -> None:
    def scenario(site: Site) -> list[bytes]:
        return [line for number in range(11) for line in sent(site, "samples", http("GET", f"/{number}", *HERE))]

    pair.same(scenario)


LATE = b"GET / HTTP/1.1\r\n"
GET = http("GET", "/a]?b", "host: h", "connection: close")
TALKS: dict[str, tuple[bytes, Script | None]] = {
    "served": (GET, answer(response(b"ok"))),
    "long": (GET, answer(response(b"o" * 5000))),
    "error of the server": (GET, answer(response(b"x", "503 Busy"))),
    "not readable": (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", answer(b"")),
    "too late": (LATE, answer(b"")),
    "nothing": (b"", answer(b"")),
    "no answer": (GET, lambda conversation: conversation.read_head()),
    "returned": (http("GET", "/", *HERE), None),
    "silent": (http("GET", "/silent", "host: h"), answer(response(b"ok"))),
    "raised": (http("GET", "/alert", "host: h"), answer(response(b"ok"))),
}


def untimed(line: str) -> str:
    """A line without its timers; that of `clf` has them and the client's port apart."""
    line = re.sub(r'(?<="" "") \d+ \d{3} ', " <port> <ms> ", line)
    line = re.sub(r'(?<=" )(-?\+?\d+ ){5}', lambda m: re.sub(r"(?<!-)\b\d+", "+", m[0]), line)
    return without_times(line)


ORDERLY = ("served", "long", "returned", "raised")
OF_TCP = ("served", "too late", "no answer")


def leaves_a_line(front: str, talk: str) -> bool:
    mode, _, switch = front.partition("_")
    if talk == "silent" or (talk == "nothing" and switch in ("quiet", "every")):
        return False
    return switch not in ("abnormal", "every") or (talk not in ORDERLY if mode == "http" else talk == "too late")


WAITING = ("plain", "every", "unread", "clf_asap")
CASES = [
    (f"{mode}_{switch}", talk)
    for mode, switches, talks in (("http", HTTP_SWITCHES, TALKS), ("tcp", SWITCHES, OF_TCP))
    for switch in switches
    for talk in talks
    if talk != "too late" or switch in WAITING
]


@pytest.mark.parametrize(("front", "talk"), CASES)
def test_what_the_options_leave(pair: Pair, front: str, talk: str) -> None:
    data, script = TALKS[talk]
    count = int(leaves_a_line(front, talk))

    def scenario(site: Site) -> list[str]:
        return [untimed(line.decode("latin-1")) for line in sent(site, front, data, count)]

    assert len(pair.same(scenario, script)) == count


@pytest.mark.parametrize("switch", UNFORMATTED)
@pytest.mark.parametrize(("mode", "talk"), [("http", "served"), ("http", "not readable"), ("tcp", "served")])
def test_connections_are_announced_without_a_format(pair: Pair, mode: str, switch: str, talk: str) -> None:
    data, script = TALKS[talk]
    count = int(mode == "tcp" or talk == "served" or switch == "unread")

    def scenario(site: Site) -> list[bytes]:
        return sent(site, f"{mode}_none_{switch}", data, count)

    seen = pair.same(scenario, script)
    assert len(seen) == count


@pytest.mark.parametrize("name", BECOMING)
def test_connections_that_become_http_have_a_line_for_each_request(pair: Pair, name: str) -> None:
    def scenario(site: Site) -> list[str]:
        before = len(site.syslog.datagrams)
        with RawClient(site.port(f"becomes_{name}")) as client:
            client.send(http("GET", "/1", "host: h")).read_reply()
            client.send(http("GET", "/2", "host: h", "connection: close")).read_all()
        wait_until(lambda: len(site.syslog.datagrams) >= before + 2, 5.0, "2 lines")
        return [untimed(line) for line in site.syslog.lines[before:]]

    assert len(pair.same(scenario)) == 2
