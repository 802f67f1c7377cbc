"""Every alias under every set of flags, for every way in which an exchange can end, beside HAProxy."""

from __future__ import annotations

import re

import pytest

from tests.differential.pairs import Pair, http, paired
from tests.harness import RawClient, Site, answer, requires
from tests.harness.origin import Script, response

pytestmark = requires("haproxy")

_ALL = (
    "B CC CS H HM HP HPO HQ HU HV ID ST T TR Ta Tc Td Th Ti Tl Tq Tr Ts Tt Tu Tw U ac b bc bi bp bq ci cp f fc fi fp "
    "ft hr hrl hs hsl lc ms pid r rc rt s sc si sp sq sslc sslv t tr trg trl ts tsc"
)
_HTTP = "CC CS HM HP HPO HQ HU HV ID ST TR Ta Ti Tq Tr Tu hr hrl hs hsl r tr trg trl tsc"
ALIASES = _ALL.split()
HTTP_ONLY = _HTTP.split()
TCP_ONLY = [name for name in ALIASES if name not in HTTP_ONLY]
FLAGS = {"plain": "", "Q": "+Q", "X": "+X", "E": "+E", "QX": "+Q,+X", "QE": "+Q,+E"}


def line(names: list[str], flags: str) -> str:
    """Fields with their names, between bars, because some values hold blanks."""
    mark = "%{" + flags + "}" if flags else "%"
    return "|".join(f"{name}={mark}{name}" for name in names)


def frontend(kind: str, flags: str) -> str:
    names = ALIASES if kind == "http" else TCP_ONLY
    text = line(names, FLAGS[flags])
    if kind == "tcp":
        return f"""
frontend tcp_{flags}
    mode tcp
    bind 127.0.0.1:$(tcp_{flags})
    log-format "{text}|"
    default_backend raw
"""
    return f"""
frontend http_{flags}
    bind 127.0.0.1:$(http_{flags})
    log-format "{text}|"
    unique-id-format id-%ci
    capture request header Host len 20
    capture request header X-Odd len 20
    capture request header X-None len 20
    capture response header Server len 10
    capture cookie sid len 20
    http-request return status 200 content-type text/plain string here if {{ path /return }}
    http-request deny if {{ path /deny }}
    http-request redirect location /there if {{ path /redirect }}
    use_backend away if {{ path /away }}
    use_backend empty if {{ path /empty }}
    default_backend app
"""


pair = paired(
    """
global
    log 127.0.0.1:$(syslog) len 4096 local0
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 150ms
    timeout server 150ms
"""
    + "".join(frontend(kind, flags) for kind in ("http", "tcp") for flags in FLAGS)
    + """
backend app
    http-reuse never
    server s1 127.0.0.1:$(s1)
backend empty
backend away
    retries 1
    timeout connect 50ms
    server gone 127.0.0.1:$(nobody)
backend raw
    mode tcp
    server s1 127.0.0.1:$(s1)
"""
)

OK = response(b"hello", fields=(("Server", "apache/2.4.57"), ("Set-Cookie", "sid=abc; path=/")))
GET = ("GET", "/a%20b?c=d&e", "host: h", 'x-odd: h"]\\x', "cookie: sid=1", "connection: close")


def get(path: str) -> bytes:
    return http("GET", path, "host: h", "connection: close")


ENDINGS: dict[str, tuple[bytes, Script | None]] = {
    "served": (http(*GET), answer(OK)),
    "no query": (get("/x"), answer(OK)),
    "absolute": (get("http://www.example.com/p?q"), answer(OK)),
    "error of the server": (get("/"), answer(response(b"x", "500 No"))),
    "returned": (get("/return"), None),
    "denied": (get("/deny"), None),
    "redirected": (get("/redirect?x"), None),
    "server away": (get("/away"), None),
    "no server": (get("/empty"), None),
    "bad request": (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", None),
    "unfinished request": (b"GET / HTTP/1.1\r\nhost", None),
    "no answer": (get("/"), lambda conversation: conversation.read_head()),
    "broken answer": (get("/"), answer(b"HTTP/1.1 garbage\r\n\r\n")),
    "posted": (http("POST", "/", "host: h", "content-length: 3", "connection: close", body=b"123"), answer(OK)),
}
TIMERS = {"TR", "Ta", "Tc", "Td", "Th", "Ti", "Tq", "Tr", "Tt", "Tu", "Tw"}
DATES = {"T", "Tl", "Ts", "t", "tr", "trg", "trl"}
NUMBERS = {"bp", "cp", "fp", "ms", "sp", "pid"}


def fields(text: str) -> dict[str, str]:
    """The fields of a line, without what differs from run to run."""
    found = dict(re.findall(r"(\w+)=(.*?)\|(?=\w+=|$)", text))
    for name, value in found.items():
        bare = value.strip('"')
        if name in TIMERS:
            found[name] = value if bare in ("-1", "FFFF", "FFFFFFFF", "-") else re.sub(r"[0-9A-F]+", "N", value)
        elif name in DATES:
            found[name] = re.sub(r"\d+|(?<![A-Za-z])[0-9A-F]{8}", "N", value)
        elif name == "rt":
            found[name] = "N"  # pylb has no number for requests that it could not read
        elif name in NUMBERS:
            found[name] = value if bare in ("", "-") else re.sub(r"[0-9A-F]+", "N", value)
    return found


@pytest.mark.parametrize("flags", FLAGS)
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_alias_of_http(pair: Pair, ending: str, flags: str) -> None:
    request, script = ENDINGS[ending]

    def scenario(site: Site) -> dict[str, str]:
        before = len(site.syslog.traffic)
        with RawClient(site.port(f"http_{flags}")) as client:
            client.send(request).read_all()
        seen = fields(site.syslog.wait(before + 1)[-1])
        if ending == "server away":
            del seen["bi"], seen["bp"]  # HAProxy has those of the connection that did not come about
        return seen

    seen = pair.same(scenario, script)
    assert len(seen) >= len(ALIASES) - 2


@pytest.mark.parametrize("flags", FLAGS)
def test_every_alias_of_tcp(pair: Pair, flags: str) -> None:
    def scenario(site: Site) -> dict[str, str]:
        before = len(site.syslog.traffic)
        with RawClient(site.port(f"tcp_{flags}")) as client:
            client.send(get("/")).half_close().read_all()
        return fields(site.syslog.wait(before + 1)[-1])

    seen = pair.same(scenario, answer(OK))
    assert len(seen) == len(TCP_ONLY)
