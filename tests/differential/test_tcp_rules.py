"""Rules on connections and raw bytes beside the real HAProxy: who is let through, and to which server."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from tests.harness import RawClient, requires
from tests.harness.differential import Site, run_site
from tests.harness.origin import Conversation, Script
from tests.harness.peers import need

pytestmark = requires("haproxy")


def hello(name: str) -> bytes:
    """A ClientHello that asks for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def greet(name: str) -> Script:
    """Says its name at once and takes whatever comes."""

    def script(conversation: Conversation) -> None:
        conversation.send(name.encode())
        while conversation.receive():
            pass

    return script


A, B, C = hello("a.example"), hello("b.example"), hello("other.example")
RDP = b"\x03\x00\x00\x28\x23\xe0\x00\x00\x00\x00\x00Cookie: mstshash=alice\r\n\x01\x00\x08\x00\x00\x00\x00"
RDP = RDP[:2] + len(RDP).to_bytes(2, "big") + bytes((len(RDP) - 5,)) + RDP[5:]

# name -> (lines of the frontend, what the client sends)
CASES: dict[str, tuple[str, bytes]] = {
    "sni-a": ("use_backend two if { req.ssl_sni -i a.example }", A),
    "sni-b": ("use_backend two if { req.ssl_sni a.example }", B),
    "sni-none": ("use_backend two if { req.ssl_sni a.example }", b"hello"),
    "sni-end": ("use_backend two if { req.ssl_sni -m end .example }", C),
    "hello": ("tcp-request content reject if !{ req.ssl_hello_type 1 }", A),
    "no-hello": ("tcp-request content reject if !{ req.ssl_hello_type 1 }", b"GET / HTTP/1.0\r\n\r\n"),
    "version": ("use_backend two if { req.ssl_ver 3.3 }", A),
    "version-misses": ("use_backend two if { req.ssl_ver 3.0 }", A),
    "version-range": ("use_backend two if { req.ssl_ver ge 3.1 }", A),
    "alpn": ("use_backend two if { req.ssl_alpn h2 }", A),
    "curves": ("use_backend two if { req.ssl_ec_ext 1 }", A),
    "length": ("use_backend two if { req.len ge 5 }", b"hello"),
    "payload": ("use_backend two if { req.payload(0,5) -m bin 68656c6c6f }", b"hello"),
    "payload-all": ("use_backend two if { req.payload(0,0) -m sub llo }", b"hello"),
    "payload-lv": ("use_backend two if { req.payload_lv(0,2) -m str abc }", b"\x00\x03abcdef"),
    "http": ("use_backend two if HTTP", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    "not-http": ("use_backend two if HTTP", b"\x16\x03\x01\x00\x00"),
    "path": ("use_backend two if { path /x }", b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
    "host": ("use_backend two if { hdr(host) h }", b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"),
    "rdp": ("use_backend two if { req.rdp_cookie(mstshash) alice }", RDP),
    "rdp-count": ("use_backend two if { req.rdp_cookie_cnt gt 0 }", RDP),
    "accept": ("tcp-request content accept\ntcp-request content reject", b"x"),
    "reject": ("tcp-request content reject", b"x"),
    "reject-source": ("tcp-request connection reject if { src 127.0.0.1 }", b"x"),
    "accept-source": ("tcp-request connection reject if !{ src 127.0.0.0/8 }", b"x"),
    "session": ("tcp-request session reject if { src 127.0.0.1 }", b"x"),
    "port": ("tcp-request connection reject if { dst_port gt 1 }", b"x"),
    "variable": ("tcp-request content set-var(sess.v) src\nuse_backend two if { var(sess.v) -m ip 127.0.0.1 }", b"x"),
    "early-variable": (
        "tcp-request connection set-var(sess.v) str(yes)\nuse_backend two if { var(sess.v) -m str yes }",
        b"x",
    ),
    "source-set": ("tcp-request connection set-src ipv4(192.0.2.1)\nuse_backend two if { src 192.0.2.1 }", b"x"),
    "dynamic": ("tcp-request content set-var(txn.b) str(two)\nuse_backend %[var(txn.b)]", b"x"),
}

HEAD = """
global
    maxconn 200
defaults
    mode tcp
    timeout client 5s
    timeout server 5s
    timeout connect 5s
"""
FRONT = """
frontend fe{name}
    bind 127.0.0.1:$(fe{name})
    tcp-request inspect-delay 300ms
{rules}
    default_backend one
"""
BACK = """
backend one
    server s1 127.0.0.1:$(s1)
backend two
    server s2 127.0.0.1:$(s2)
"""


def port_name(name: str) -> str:
    return "fe" + name.replace("-", "")


def configuration() -> str:
    fronts = []
    for name, (rules, data) in CASES.items():
        # Switching itself never waits for data: a content rule must.
        wait = f"    tcp-request content accept if {{ req.len ge {len(data)} }}" if "content" not in rules else ""
        lines = sorted(rules.splitlines(), key=lambda rule: rule.startswith("use_backend"))
        before = [rule for rule in lines if not rule.startswith("use_backend")]
        after = [rule for rule in lines if rule.startswith("use_backend")]
        text = "\n".join(f"    {rule}" for rule in (*before, *([wait.strip()] if wait else []), *after))
        fronts.append(FRONT.format(name=name.replace("-", ""), rules=text))
    return HEAD + "".join(fronts) + BACK


def ask(site: Site, name: str, *, drip: bool) -> Any:
    data = CASES[name][1]
    try:
        with RawClient(site.port(port_name(name))) as client:
            client.send(data[:3] if drip else data)
            if drip:
                client.send(data[3:])
            return client.read_exactly(2) or "closed"
    except (BrokenPipeError, ConnectionResetError):
        return "closed"  # a rejected connection may be reset before connect() has returned


Seen = dict[str, dict[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def seen() -> Seen:
    need("haproxy")
    found: Seen = {}
    for kind in ("haproxy", "pylb"):
        with run_site(kind, configuration(), {"s1": greet("s1"), "s2": greet("s2")}) as site:
            found[kind] = {
                way: {name: ask(site, name, drip=way == "dripped") for name in CASES} for way in ("whole", "dripped")
            }
    return found


@pytest.mark.parametrize("way", ["whole", "dripped"])
@pytest.mark.parametrize("name", CASES)
def test_a_connection_goes_where_haproxys_goes(seen: Seen, name: str, way: str) -> None:
    assert seen["pylb"][way][name] == seen["haproxy"][way][name]


def test_the_cases_decide_differently(seen: Seen) -> None:
    """The comparison would be worth nothing if nothing were ever rejected or switched."""
    assert set(map(str, seen["haproxy"]["whole"].values())) == {"b's1'", "b's2'", "closed"}
