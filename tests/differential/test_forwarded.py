"""`option forwarded` over real connections, on pylb alone: HAProxy 2.6 does not know the option. Expected values are
those of the manual of 3.5 (section 4.2) and of RFC 7239."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness import Site
from tests.harness.client import exchange
from tests.harness.differential import run_site
from tests.harness.origin import Conversation, field_lines, response

BACKENDS = {
    "default": ("option forwarded", b"proto=http;for=192.0.2.1"),
    "six": ("option forwarded for", b"for=192.0.2.1"),
    "ports": ("option forwarded by by_port for for_port", b'by="192.0.2.9:81";for="192.0.2.1:1234"'),
    "host": ("option forwarded for host proto", b'proto=http;host="a.example:8080";for=192.0.2.1'),
    "port_alone": ("option forwarded proto for_port by_port", b"proto=http"),
    "text": ("option forwarded for-expr str(hidden) for_port-expr str(id)", b'for="_hidden:_id"'),
    "given": ("option forwarded by-expr str(_me)", b"by=_me"),
    "illegal": (
        "option forwarded for-expr str(a<b) host-expr str(a<b) by-expr req.hdr(none)",
        b"by=unknown;for=unknown",
    ),
    "illegal_port": ("option forwarded for for_port-expr int(70000)", b"for=192.0.2.1"),
    "v6": ("option forwarded for-expr req.hdr(x-six),ipmask(32,128)", b'for="[2001:db8::1]"'),
    "v6_port": (
        "option forwarded for-expr req.hdr(x-six),ipmask(32,128) for_port-expr int(10)",
        b'for="[2001:db8::1]:10"',
    ),
    "hash": ("option forwarded for-expr src,xxh32,hex", None),
    "nothing": ("option forwarded host-expr req.hdr(none)", b""),
    "off": ("no option forwarded", b""),
}

CONFIG = """
defaults base
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 2s
frontend fe from base
    bind 127.0.0.1:$(fe)
    option forwardfor header x-front
    http-request set-src str(192.0.2.1)
    http-request set-src-port int(1234)
    http-request set-dst str(192.0.2.9)
    http-request set-dst-port int(81)
    use_backend %[path,field(2,/)]
defaults asked from base
    option forwarded
""" + "".join(
    f"backend {name} from asked\n    {option}\n    server s1 127.0.0.1:$(s1)\n"
    for name, (option, _) in BACKENDS.items()
)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with run_site("pylb", CONFIG, ("s1",)) as running:
        yield running


def seen(site: Site, name: str, *fields: bytes) -> dict[bytes, bytes]:
    heads: list[bytes] = []

    def script(conversation: Conversation) -> None:
        heads.append(conversation.read_head())
        conversation.send(response(b"ok"))

    site.servers["s1"].perform(script)
    lines = b"".join(
        one + b"\r\n" for one in (b"host: a.example:8080", b"x-six: 2001:db8::1", b"connection: close", *fields)
    )
    exchange(site.program.ports["fe"], b"GET /%b HTTP/1.1\r\n%b\r\n" % (name.encode(), lines))
    return field_lines(heads[0])


@pytest.mark.parametrize("name", BACKENDS)
def test_the_header_says_what_the_option_asks(site: Site, name: str) -> None:
    fields = seen(site, name)
    expected = BACKENDS[name][1]
    if expected is None:
        assert fields[b"forwarded"].startswith(b"for=_") and len(fields[b"forwarded"]) == len("for=_000000007F2F367E")
    else:
        assert fields.get(b"forwarded", b"") == expected
    assert fields[b"x-front"] == b"192.0.2.1"
