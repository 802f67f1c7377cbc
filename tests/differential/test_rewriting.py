"""What rules do to start lines and bodies, beside the real HAProxy: bytes at the origin and at the client, log lines.

The cases came out of a comparison with random rules; each stands for a kind of difference that was found.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.differential.pairs import Pair, http, log_lines, paired
from tests.harness import RawClient, Site, requires
from tests.harness.origin import Conversation, Script, response

pytestmark = requires("haproxy")

TARGETS = {
    "path": "set-path /p",
    "pathq": "set-pathq /r?1",
    "query": "set-query q=2",
    "query-path": "set-query q=2\n    http-request set-path /p",
    "no-path": r"replace-path (.*) /r\1",
    "authority": "set-uri www.example.org:8080",
    "authority-path": "set-uri b:80/x",
    "authority-user": "set-uri u@b",
    "absolute": "set-uri http://x:80/y",
    "asterisk": "set-uri *",
}
BODIES = {
    "plain": "",
    "buffered": "option http-buffer-request",
    "waiting": "http-request wait-for-body time 2s",
    "denied": "http-request deny",
    "denied-buffered": "option http-buffer-request\n    http-request deny",
}
VALUES = (r"(.*) <\1>", r"(.*) \1", "b x", r"^b$ \0", r"(.+) %[path],\1")
STATUSES = (201, 204, 304, 404)
NUMBERS = (
    "le 3 4:6",
    "lt 3 4:6",
    "gt 5 2:3",
    "le 4:6",
    "ge 3",
    "le :7",
    "ge :4",
    "ge 7 :2",
    "le 3-5",
    "ge -2",
    "lt 5 2-3 gt 8",
)


def configuration() -> str:
    fronts = {f"t_{name}": f"http-request {rule}" for name, rule in TARGETS.items()}
    fronts |= {f"b_{name}": rules for name, rules in BODIES.items()}
    fronts |= {f"r_{status}": f"http-response set-status {status}" for status in STATUSES}
    fronts |= {f"a_{status}": AFTER.format(status) for status in STATUSES}
    fronts["names"] = NAMES
    fronts["facts"] = FACTS
    fronts["methods"] = METHODS
    fronts["values"] = "\n    ".join(f"http-request replace-value v{n} {rule}" for n, rule in enumerate(VALUES))
    fronts["numbers"] = "\n    ".join(
        f"http-request add-header x-{place}-{number} 1 if {{ int({number}) {pattern} }}"
        for place, pattern in enumerate(NUMBERS)
        for number in range(1, 10)
    )
    text = HEAD
    for name, rules in fronts.items():
        text += f"frontend {name}\n    bind 127.0.0.1:$({port(name)})\n    {rules}\n    default_backend b\n"
    return text + "backend b\n    server s1 127.0.0.1:$(s1)\n"


def port(name: str) -> str:
    return name.replace("-", "_")


HEAD = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
    log 127.0.0.1:$(syslog) local0
    log-format "%ST %B %U %tsc [%ci:%cp ["
"""
METHODS = """http-request set-method POST
    http-request auth realm R if { path /auth }
    http-request deny if { path /deny }
    http-request redirect location / if { path /redirect }"""
AFTER = """http-after-response set-status {}
    http-request return status 200 content-type text/plain string hello if {{ path /return }}
    http-request redirect location /x if {{ path /redirect }}
    http-request deny if {{ path /deny }}"""

NAMES = """http-request add-header x-name <%[so_name]>
    http-response return status 200 content-type text/plain lf-string <%bi> if { path /here }"""

FACTS = """log-format "%ST %[status] %[capture.res.ver] %[fe_id] %[be_id] <%[var(txn.query)]> [%ci:%cp ["
    http-request set-var(txn.query) query
    http-request set-var(txn.new) bool(true) if { path /replaced }
    http-request add-header x-body "<%[req.body]|%[req.body_len]|%[req.body_size]|%[req.body_param(a)]>"
    http-request deny if { path /denied }
    http-request del-header xx- -m beg
    http-response set-header y "<%[status]|%[capture.res.ver]|%[res.body]|%[res.body_len]|%[res.body_size]>"
    http-response return status 200 content-type a/b lf-string <%[status]%[res.hdr(x)]%ST> if { var(txn.new) -m bool }
    http-after-response set-header z "<%[status]|%[capture.res.ver]|%[res.body_len]|%[res.body_size]>"
    """

pair = paired(configuration())


def script(*messages: bytes) -> Script:
    def origin(conversation: Conversation) -> None:
        for message in messages:
            if not conversation.read_request():
                return
            conversation.send(message)

    return origin


def talk(site: Site, name: str, data: bytes, lines: int = 1) -> Any:
    seen = len(site.origins[0].requests)
    with RawClient(site.port(port(name))) as client:
        number = client.source_port
        client.send(data)
        got = client.read_all()
    log = [line.partition(" [")[0] for line in log_lines(site, number, lines)]
    return got, log, site.origins[0].requests[seen:]


CLOSE = "connection: close"
OK = response(b"hello")


@pytest.mark.parametrize("target", ["*", "/a?b", "http://h/a?b"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_is_rewritten(pair: Pair, name: str, target: str) -> None:
    """A new authority becomes the Host field; a path takes the place of an asterisk."""
    pair.same(lambda site: talk(site, f"t_{name}", http("OPTIONS", target, "host: h", CLOSE)), script(OK))


CHUNKS = {
    "empty": b"0\r\n\r\n",
    "one": b"3\r\nabc\r\n0\r\n\r\n",
    "two": b"3\r\nabc\r\n11\r\n12345678901234567\r\n0\r\n\r\n",
    "trailers": b"3\r\nabc\r\n0\r\nX-T: 1\r\nYY: 22\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS)
@pytest.mark.parametrize("name", BODIES)
def test_a_chunked_request_arrives_whole_and_is_counted(pair: Pair, name: str, body: str) -> None:
    """Also one without content, which a server waits for as well; an end and trailers count."""
    data = http("POST", "/", "host: h", "transfer-encoding: chunked", CLOSE) + CHUNKS[body]
    pair.same(lambda site: talk(site, f"b_{name}", data), script(OK))


WITHOUT = ("304 Not Modified", "204 No Content")


def message(status: str, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode() + body


ANSWERS = {
    "length": message("200 OK", "content-length: 5", body=b"hello"),
    "empty": message("200 OK", "content-length: 0"),
    "chunked": message("200 OK", "transfer-encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"),
    "none": message("304 Not Modified", "x: z"),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("kind", "ra")
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_with_or_without_a_body_replaces_the_other(pair: Pair, status: int, kind: str, answer: str) -> None:
    """The connection stays in step. What HAProxy sends as no chunk at all has the length 0 here."""
    data = http("GET", "/", "host: h") + http("GET", "/last", "host: h", CLOSE)
    results = pair.run(lambda site: talk(site, f"{kind}_{status}", data, 2), script(ANSWERS[answer], ANSWERS[answer]))
    theirs, ours = (framing_alike(*results[name]) for name in ("haproxy", "pylb"))
    assert ours == theirs


EMPTY = re.compile(rb"((?:connection: close\r\n)?)transfer-encoding: chunked\r\n\r\n0\r\n\r\n")


def framing_alike(got: bytes, log: list[str], requests: list[bytes]) -> Any:
    return EMPTY.sub(rb"content-length: 0\r\n\1\r\n", got), log, requests


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/return", "/redirect", "/deny"])
@pytest.mark.parametrize("status", STATUSES)
def test_the_status_of_an_answer_made_here_is_replaced(pair: Pair, status: int, path: str, method: str) -> None:
    """The new one is in the log line too."""
    data = http(method, path, "host: h", CLOSE)
    pair.same(lambda site: talk(site, f"a_{status}", data), script(OK))


def test_an_operator_says_nothing_about_ranges(pair: Pair) -> None:
    pair.same(lambda site: talk(site, "numbers", http("GET", "/", "host: h", CLOSE)), script(OK))


@pytest.mark.parametrize("path", ["/", "/here"])
def test_a_socket_without_a_name_has_none_and_answers_know_the_connection_they_replace(pair: Pair, path: str) -> None:
    pair.same(lambda site: talk(site, "names", http("GET", path, "host: h", CLOSE)), script(OK))


REQUESTS = {
    "plain": http("GET", "/", "host: h", CLOSE),
    "query": http("GET", "/?", "host: h", CLOSE),
    "form": http("POST", "/?q", "host: h", "content-length: 7", CLOSE, body=b"a=1&b=2"),
    "chunked": http("POST", "/", "host: h", "transfer-encoding: chunked", CLOSE, body=b"3\r\na=1\r\n0\r\n\r\n"),
    "absolute": http("GET", "http://name/a", "host: name", CLOSE),
    "head": http("HEAD", "/", "host: h", CLOSE),
    "denied": http("POST", "/denied", "host: h", "content-length: 3", CLOSE, body=b"abc"),
    "replaced": http("GET", "/replaced", "host: h", CLOSE),
}
RESPONSES = {**ANSWERS, "until-close": message("200 OK", "x: z", body=b"until the end")}


@pytest.mark.parametrize("answer", RESPONSES)
@pytest.mark.parametrize("name", REQUESTS)
def test_what_rules_and_log_lines_know_of_messages(pair: Pair, name: str, answer: str) -> None:
    """Bodies as far as they came along with the head; answers made here have no status in log lines."""

    def origin(conversation: Conversation) -> None:
        conversation.read_request()
        head, end, body = RESPONSES[answer].partition(b"\r\n\r\n")
        conversation.send(head + end + (b"" if name == "head" else body))
        conversation.close()

    pair.same(lambda site: talk(site, "facts", REQUESTS[name]), origin)


@pytest.mark.parametrize("value", ["a, b,c", '"q, b", s', " b ,,b", "b", "", "a,b, b "])
def test_items_of_a_value_are_replaced(pair: Pair, value: str) -> None:
    """One that is replaced loses the blanks around it."""
    fields = [f"v{number}: {value}" for number in range(len(VALUES))]
    pair.same(lambda site: talk(site, "values", http("GET", "/p", "host: h", *fields, CLOSE)), script(OK))


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("path", ["/auth", "/deny", "/redirect", "/"])
def test_a_client_gets_what_it_asked_for_when_a_rule_replaces_its_method(pair: Pair, path: str, method: str) -> None:
    answer = OK if method == "GET" or path != "/" else OK.partition(b"hello")[0]
    pair.same(lambda site: talk(site, "methods", http(method, path, "host: h", CLOSE)), script(answer))
