"""`option accept-unsafe-violations-in-http-request` and `-response` (in 2.6 accept-invalid-http-*) beside HAProxy.

Every case of tests/codec/malformed.py goes through a frontend and a backend with the options, and the odd ones also
through those without: what the origin gets, what the client gets, what the log says.
"""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import quote, unquote

import pytest

from pylb.http import codec
from pylb.http.h1_lax import Lax
from pylb.http.message import Refusal
from tests.codec.malformed import CASES, OTHERWISE, RESPONSES, SEVERAL, STRICTER, TAKEN, UNSURE
from tests.differential.pairs import Pair, difference, log_lines, paired
from tests.harness import RawClient, Site, requires
from tests.harness.origin import Conversation, Gone, response

pytestmark = requires("haproxy")

CONFIG = """
global
    log 127.0.0.1:$(syslog) local0
defaults
    mode http
    log global
    log-format "%ci:%cp [%r] %HM %HU %HV %{+Q}hr %ST %ts U=%U B=%B %[var(txn.ver)] %[var(txn.path)] %[var(txn.url)]"
    timeout connect 1s
    timeout client 2s
    timeout server 2s
    timeout http-request 2s
    http-reuse never
frontend strict
    bind 127.0.0.1:$(strict)
    http-request set-var(txn.ver) req.ver
    http-request set-var(txn.path) path
    http-request set-var(txn.url) url
    http-request capture req.hdr(host) len 100
    default_backend b-strict
frontend lax
    bind 127.0.0.1:$(lax)
    option accept-invalid-http-request
    http-request set-var(txn.ver) req.ver
    http-request set-var(txn.path) path
    http-request set-var(txn.url) url
    http-request capture req.hdr(host) len 100
    default_backend b-lax
backend b-strict
    server s1 127.0.0.1:$(s1)
backend b-lax
    option accept-invalid-http-response
    server s1 127.0.0.1:$(s1)
"""

pair = paired(CONFIG)

# Taken by HAProxy 2.6 with the option and refused by pylb in spite of it, with the reason.
REFUSED: dict[str, str] = {
    "first field folded": "RFC 9112 2.2: no field may be folded onto the start line",
    "coding with space before the colon": "it frames, for whoever overlooks the space",
    "coding with NUL behind its name": "it frames, for whoever overlooks the NUL",
    "length with NUL behind its name": "it frames, for whoever overlooks the NUL",
    "length with a space in its name": "it frames, for whoever overlooks the space",
    "folded Host": "RFC 9112 5.2; a fold around Host routes differently",
    "folded Content-Length": "RFC 9112 5.2; a fold around a length smuggles",
    "folded Transfer-Encoding": "RFC 9112 5.2; a fold around a coding smuggles",
    "length 2^64+3": "overflow",
    "chunked,": "empty name; refused by later releases",
}
# Bodies are read as strictly with the option as without.
REFUSED |= {name: reason for name, (_, reason) in STRICTER.items() if name in CASES and b"chunked" in CASES[name]}
# Refused by HAProxy 2.6 with the option, taken as by later releases.
ALLOWED = frozenset({"WebSocket without key", "WebSocket with a short key"})
# Fields with such names are dropped as by later releases; 2.6 sends them on.
DROPPED: dict[str, bytes] = {
    "carriage return in a name": rb"x\r: a\r\n",
    "carriage return inside a name": rb"x\ra: b\r\n",
    "space before the colon": rb"x : a\r\n",
    "tab before the colon": rb"x\t: a\r\n",
    "vertical tab before the colon": rb"x\x0b: a\r\n",
    "space before the name": rb"\x0bx: a\r\n",
    "at sign in a name": rb"x@a: 1\r\n",
    "brackets in a name": rb"x\(a\): 1\r\n",
    "eight bits in a name": rb"x\xe9: 1\r\n",
    "control in a name": rb"x\x01: 1\r\n",
    "NUL in a name": rb"x\x00: 1\r\n",
    "blanks in a name": rb"x a: 1\r\n",
    "blanks before the colon": rb"x \t: a\r\n",
    "several odd names": rb"x\(a\): 1\r\nx<b>: 2\r\n",
    "name of Host with NUL": rb"host\x00: a\r\n",
}


def upload(conversation: Conversation) -> None:
    with contextlib.suppress(Gone):
        while True:
            head = conversation.read_head()
            body = b"" if head.startswith(b"CONNECT") else conversation.read_body(head)
            conversation.requests.append(head + body)
            conversation.send(response())
            if head.startswith(b"CONNECT"):
                return


def ask(site: Site, port: str, data: bytes) -> dict[str, Any]:
    """Sends a request and reads until the first answer is complete; the log's line for it."""
    origin = site.servers["s1"]
    before = len(origin.requests)
    with RawClient(site.port(port)) as client:
        client.send(data)
        reply = client.read_reply()
        if data.startswith(b"CONNECT"):
            client.half_close()
        line = log_lines(site, client.source_port)[0]
    return {"status": reply.status, "origin": origin.requests[before:], "log": line.split("[", 1)[1]}


def without_size(facts: dict[str, Any]) -> dict[str, Any]:
    return facts | {"log": re.sub(r" U=\d+", "", facts["log"])}


# HAProxy sends these on and waits for an answer that no server gives.
ENDLESS = frozenset({"length 2^64+3", "coding with space before the colon"})
PLAIN = [name for name in CASES if name not in SEVERAL | UNSURE | ENDLESS]


@pytest.mark.parametrize("name", sorted(ENDLESS))
@pytest.mark.parametrize("chosen", ["fast", "strict"])
def test_what_would_never_end_is_refused(name: str, chosen: str) -> None:
    lax = Lax(codec.choose(chosen), codec.DEFAULT_LIMITS)
    refusal = lax.take_request(CASES[name], 0, codec.DEFAULT_LIMITS)
    assert name in REFUSED and isinstance(refusal, Refusal) and refusal.status == 400


@pytest.mark.parametrize("name", PLAIN)
def test_requests_with_violations_are_taken_as_by_haproxy(pair: Pair, name: str) -> None:
    data = CASES[name]
    seen = pair.run(lambda site: ask(site, "lax", data), upload)
    expected, got = seen["haproxy"], seen["pylb"]
    if name in REFUSED:
        assert expected["status"] != 400, "HAProxy refuses it too: no exception is needed"
        assert (got["status"], got["origin"]) == (400, [])
    elif name in ALLOWED:
        assert expected["status"] == 400, "HAProxy takes it too: no exception is needed"
        assert got["status"] == 200
    elif name in DROPPED:
        sent, count = re.subn(DROPPED[name], b"", expected["origin"][0])
        assert count == 1, "HAProxy drops it too: no exception is needed"
        assert without_size(got) == without_size(expected) | {"origin": [sent]}
    elif name in OTHERWISE:
        (old, new), _ = OTHERWISE[name]
        assert got["origin"] == [one.replace(old, new) for one in expected["origin"]] != expected["origin"]
    elif name in TAKEN:
        assert got["origin"] == [TAKEN[name]]
    else:
        assert got == expected, difference(expected, got)


@pytest.mark.parametrize(
    "name", [name for name in PLAIN if name not in STRICTER and name not in OTHERWISE and name not in TAKEN]
)
def test_what_is_taken_without_the_option_is_logged_as_by_haproxy(pair: Pair, name: str) -> None:
    pair.same(lambda site: ask(site, "strict", CASES[name]), upload)


# The same for responses: refused in spite of the option.
REFUSED_RESPONSES: dict[str, str] = {
    "status of two digits": "RFC 9112 4: three digits",
    "status 099": "RFC 9110 15: 100 to 599",
    "status 65536": "no status of sixteen bits",
    "length with NUL behind its name": "it frames, for whoever overlooks the NUL",
}
# Taken as by later releases; 2.6 refuses them.
ALLOWED_RESPONSES: dict[str, bytes] = {
    "chunked twice": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"3\r\nabc\r\n0\r\n\r\n",
    "chunked, chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"3\r\nabc\r\n0\r\n\r\n",
}
# Sent on otherwise: fields with illegal names are dropped, as by later releases, and so is a coding without a name.
CHANGED_RESPONSES: dict[str, tuple[bytes, bytes]] = {
    "space before the colon": (b"x : a\r\n", b""),
    "brackets in a name": (b"x(a): 1\r\n", b""),
    "blanks in a name": (b"x a: 1\r\n", b""),
    "NUL in a name": (b"x\x00a: 1\r\n", b""),
    "empty coding": (b"transfer-encoding: \r\n", b""),
    "empty coding and length": (b"transfer-encoding: \r\n", b""),
    "chunked,": (b"chunked,", b"chunked"),
    "length 03": (b"length: 02", b"length: 2"),
}


def respond(conversation: Conversation) -> None:
    """Sends the case that the request's path names, and closes."""
    with contextlib.suppress(Gone):
        head = conversation.read_head()
        conversation.send(RESPONSES[unquote(head.split(b" ", 2)[1].decode())[1:]][1])


def ask_for(site: Site, name: str) -> dict[str, Any]:
    head = b"%b /%b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % (RESPONSES[name][0], quote(name).encode())
    with RawClient(site.port("lax")) as client:
        client.send(head)
        raw = client.read_all().replace(b"connection: close\r\n", b"")
        line = log_lines(site, client.source_port)[0]
    if raw.startswith(b"HTTP/1.1 502 Bad Gateway\r\n"):
        raw = b"502"
    return {"client": raw, "log": line.split("] ", 1)[1]}


@pytest.mark.parametrize("name", RESPONSES)
def test_responses_with_violations_are_taken_as_by_haproxy(pair: Pair, name: str) -> None:
    seen = pair.run(lambda site: ask_for(site, name), respond)
    expected, got = seen["haproxy"], seen["pylb"]
    if name in REFUSED_RESPONSES:
        assert expected["client"] != b"502", "HAProxy refuses it too: no exception is needed"
        assert got["client"] == b"502"
    elif name in ALLOWED_RESPONSES:
        assert expected["client"] == b"502", "HAProxy takes it too: no exception is needed"
        assert got["client"] == ALLOWED_RESPONSES[name]
    elif name in CHANGED_RESPONSES:
        assert got["client"] == expected["client"].replace(*CHANGED_RESPONSES[name]) != expected["client"]
    elif name == "status 65535":  # HAProxy's logs know it as -1
        assert got == expected | {"log": expected["log"].replace(" -1 ", " 65535 ")}
    else:
        assert got == expected, difference(expected, got)
