"""Mistakes in the steps of health checks, beside HAProxy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.mistakes import Case, compare, spoilt
from tests.harness import requires

pytestmark = requires("haproxy")

HTTP = (
    "http-check comment text",
    "http-check disable-on-404",
    "http-check send-state",
    "http-check connect port 80 addr 127.0.0.1 send-proxy via-socks4 ssl sni name alpn h2,http/1.1 linger proto h1",
    "http-check connect default comment text",
    "http-check connect addr localhost:81",
    "http-check connect addr unix@/run/a.sock",
    "http-check connect addr udp@127.0.0.1",
    "http-check connect addr fd@4",
    "http-check connect addr 127.0.0.1:5-6",
    "http-check connect port int(80)",
    "http-check connect port req.len",
    "http-check connect proto none",
    "http-check send meth GET uri / ver HTTP/1.1 hdr host name body text comment text",
    "http-check send uri-lf /%[src]",
    "http-check send body-lf %[date]",
    "http-check send uri-lf %[nothing]",
    "http-check send hdr a %[req.len]",
    "http-check send hdr a %nothing",
    "http-check expect status 200,201-204,300",
    "http-check expect status ,200",
    "http-check expect status 200-",
    "http-check expect status 300-200",
    "http-check expect ! status 200",
    "http-check expect ! ! !status 200",
    "http-check expect rstatus ^2",
    "http-check expect rstatus (",
    "http-check expect string text",
    "http-check expect rstring te.t",
    "http-check expect string-lf %[be_name]",
    "http-check expect string-lf %[req.len]",
    "http-check expect binary 00",
    "http-check expect hdr name a value b",
    "http-check expect hdr name -m beg a value -m reg ^b",
    "http-check expect hdr name-lf a value-lf %[src]",
    "http-check expect hdr name-lf -m reg a value-lf b",
    "http-check expect fhdr name -m end a value -m sub b",
    "http-check expect min-recv 5 comment text string a",
    "http-check expect ! comment text string a",
    "http-check expect ok-status L7OKC error-status L7RSP tout-status L7TOUT status 200",
    "http-check expect on-success %[src] on-error text status-code int(1) status 200",
    "http-check expect status 200 string a",
    "http-check expect custom",
    "http-check set-var(check.a) int(1)",
    "http-check set-var(check.a) res.hdr(a),lower",
    "http-check set-var(check.a,ifexists) int(1)",
    "http-check set-var(other.a) int(1)",
    "http-check set-var() int(1)",
    "http-check set-var( int(1)",
    "http-check set-var int(1)",
    "http-check set-varx(check.a) int(1)",
    "http-check set-var-fmt(check.a) %[int(1)]",
    "http-check set-var-fmt(check.a) %[nothing]",
    "http-check unset-var(check.a)",
    "http-check unset-var(a)",
    "http-check zork",
)
TCP = (
    "tcp-check comment text",
    "tcp-check connect port 80 addr 127.0.0.1 send-proxy ssl sni name alpn h2 linger proto none",
    "tcp-check connect proto h2",
    "tcp-check send text comment text",
    "tcp-check send-lf %[src] comment text",
    "tcp-check send-binary 00ff comment text",
    "tcp-check send-binary 0g",
    "tcp-check send-binary-lf %[src] comment text",
    "tcp-check expect string text",
    "tcp-check expect ! rstring te.t",
    "tcp-check expect binary 00ff",
    "tcp-check expect binary 0",
    "tcp-check expect rbinary 00",
    "tcp-check expect string-lf %[src]",
    "tcp-check expect binary-lf %[nothing]",
    "tcp-check expect status 200",
    "tcp-check expect min-recv 5 comment text on-success a on-error b string a",
    "tcp-check expect ok-status L7OK error-status L7STS tout-status L4TOUT status-code src string a",
    "tcp-check expect status-code req.len string a",
    "tcp-check set-var(check.a) src",
    "tcp-check set-var-fmt(check.a) text",
    "tcp-check unset-var(check.a)",
    "tcp-check zork",
)
_OPTIONS = {"http-check": "option httpchk", "tcp-check": "option tcp-check"}
_REQUEST = "http-check send meth GET"
_ANSWER = "http-check expect status 200"
ORDERS = (
    (_REQUEST, "http-check connect"),
    ("http-check comment a", "http-check connect"),
    ("http-check set-var(txn.a) int(1)", "http-check connect"),
    (_ANSWER, _REQUEST),
    (_ANSWER, _ANSWER),
    (_REQUEST, _REQUEST),
    (_REQUEST, _ANSWER, "http-check connect"),
    ("http-check connect", _REQUEST, "http-check connect"),
    ("http-check connect", _REQUEST, _ANSWER, "http-check connect"),
    ("http-check connect", "http-check connect"),
    ("http-check connect", _REQUEST, "http-check comment a", _REQUEST),
    ("http-check connect", "http-check comment a", _REQUEST),
    (_ANSWER, "http-check comment a", _REQUEST),
    ("http-check disable-on-404", "http-check connect"),
    ("tcp-check send a", "tcp-check connect"),
    ("tcp-check comment a", "tcp-check connect"),
    ("tcp-check expect string a", "tcp-check comment a", "tcp-check connect"),
    ("tcp-check connect", "tcp-check send a", "tcp-check connect"),
    ("tcp-check expect string a", "tcp-check expect string b", "tcp-check send a"),
)


def _mistakes(lines: tuple[str, ...]) -> Iterator[Case]:
    for line in lines:
        before = (_OPTIONS[line.split(" ")[0]],)
        for spoilt_line in spoilt(line, 2):
            yield Case("backend", spoilt_line, before)


@pytest.mark.parametrize("lines", [HTTP, TCP], ids=["http-check", "tcp-check"])
def test_mistakes_in_steps_are_judged_alike(lines: tuple[str, ...]) -> None:
    # HAProxy names the first format of a line where the second one is wrong.
    differences = [
        each for each in compare(_mistakes(lines)) if each.weight == "severity" or "value-lf" not in each.case.line
    ]
    assert not differences, "\n".join(map(str, differences))


def test_the_order_of_steps_is_judged_alike() -> None:
    cases = [Case("backend", order[-1], (_OPTIONS[order[0].split(" ")[0]], *order[:-1])) for order in ORDERS]
    # HAProxy's number of the step follows its own counting of implicit ones.
    differences = [each for each in compare(cases) if each.weight == "severity"]
    assert not differences, "\n".join(map(str, differences))


def test_steps_outside_backends_are_judged_alike() -> None:
    lines = ("http-check connect", _REQUEST, _ANSWER, "http-check zork", "tcp-check send a", "tcp-check zork")
    cases = [Case(section, line) for section in ("frontend", "listen", "defaults") for line in lines]
    differences = list(compare(cases))
    assert not differences, "\n".join(map(str, differences))
