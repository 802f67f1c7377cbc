"""The address grammar, as bind lines and as server lines see it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.config.addresses import check_numeric, parse_address
from pylb.config.model import Address

BIND: dict[str, Any] = {"ranges": True}
SERVER: dict[str, Any] = {"port": "optional", "offsets": True, "zero_port": True, "descriptors": False}


@pytest.mark.parametrize(
    ("text", "family", "host", "first", "last"),
    [
        (":80", "ipv4", "", 80, 80),
        ("*:80", "ipv4", "", 80, 80),
        ("127.0.0.1:80", "ipv4", "127.0.0.1", 80, 80),
        ("127.0.0.1:80-90", "ipv4", "127.0.0.1", 80, 90),
        ("::1:80", "ipv6", "::1", 80, 80),
        (":::80", "ipv6", "::", 80, 80),
        ("[::1]:80", "ipv6", "::1", 80, 80),
        ("[::]:80", "ipv6", "::", 80, 80),
        ("ipv4@:80", "ipv4", "", 80, 80),
        ("ipv6@:80", "ipv6", "", 80, 80),
        ("ipv6@::1:80", "ipv6", "::1", 80, 80),
        ("tcp@1.2.3.4:80", "ipv4", "1.2.3.4", 80, 80),
        ("stream+ip@1.2.3.4:80", "ipv4", "1.2.3.4", 80, 80),
        ("localhost:80", "ip", "localhost", 80, 80),
        ("tcp4@localhost:80", "ipv4", "localhost", 80, 80),
        ("1.1.1.1:80a", "ipv4", "1.1.1.1", 80, 80),
        ("/run/x:80", "unix", "/run/x:80", 0, 0),
        ("unix@run/x", "unix", "run/x", 0, 0),
        ("uxst@/x", "unix", "/x", 0, 0),
        ("abns@x", "abns", "x", 0, 0),
    ],
)
def test_addresses_of_bind_lines(text: str, family: str, host: str, first: int, last: int) -> None:
    address = parse_address(text, **BIND)
    assert (address.family, address.host, address.port, address.end_port) == (family, host, first, last)
    assert address.stream
    assert address.text == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' resolves to an empty address (environment variable missing?)"),
        (":", "missing port specification in ':'"),
        ("x", "missing port specification in 'x'"),
        ("*", "missing port specification in '*'"),
        ("[::1]", "missing port specification in '[::1]'"),
        ("127.0.0.1:", "missing port specification in '127.0.0.1:'"),
        (":0", "invalid port '0'"),
        (":99999", "invalid port '99999'"),
        (":1-70000", "invalid port '70000'"),
        ("127.0.0.1:80-", "invalid port ''"),
        (":3-2", "invalid port range '3-2'"),
        (":a", "invalid character 'a' in port number 'a' in ':a'"),
        (":+4", "port offset not permitted here in ':+4'"),
        ("fd@x", "file descriptor 'x' is not a valid integer in 'fd@x'"),
        ("fd@-1", "file descriptor '-1' is not a valid integer in 'fd@-1'"),
        ("udp@:1", "dgram-type address not acceptable in 'udp@:1'"),
        ("uxdg@/x", "dgram-type address not acceptable in 'uxdg@/x'"),
    ],
)
def test_mistakes_of_bind_lines(text: str, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_address(text, **BIND)
    assert str(caught.value) == message


def test_a_descriptor() -> None:
    assert parse_address("fd@5", **BIND).fd == 5
    with pytest.raises(ValueError, match="a file descriptor is not acceptable here in 'fd@5'"):
        parse_address("fd@5", **SERVER)


@pytest.mark.parametrize(
    ("text", "host", "port", "relative"),
    [
        ("127.0.0.1", "127.0.0.1", 0, False),
        ("127.0.0.1:0", "127.0.0.1", 0, False),
        ("127.0.0.1:+80", "127.0.0.1", 80, True),
        ("127.0.0.1:-80", "127.0.0.1", -80, True),
        ("*", "", 0, False),
        (":80", "", 80, False),
        ("[::1]", "::1", 0, False),
        ("web.example:8080", "web.example", 8080, False),
    ],
)
def test_addresses_of_server_lines(text: str, host: str, port: int, relative: bool) -> None:
    address = parse_address(text, **SERVER)
    assert (address.host, address.port, address.port_offset) == (host, port, relative)


def test_servers_have_one_port() -> None:
    with pytest.raises(ValueError, match=r"port range not permitted here in '127\.0\.0\.1:80-90'"):
        parse_address("127.0.0.1:80-90", **SERVER)


def test_defaults_fill_what_is_not_written() -> None:
    address = parse_address(
        ":", port="optional", default_host="127.0.0.1", default_port=514, datagrams=True, stream=False
    )
    assert (address.host, address.port, address.stream) == ("127.0.0.1", 514, False)


@pytest.mark.parametrize("text", ["ipv4@::1:80", "tcp6@1.1.1.1:1", "::1", "[foo]:80", "zz@1.1.1.1:1", ":1:2"])
def test_hosts_that_nothing_resolves_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid address: "):
        check_numeric(parse_address(text, **BIND))


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = parse_address(text, **BIND)
        check_numeric(address)
    except ValueError:
        return
    assert isinstance(address, Address)


def test_variables_of_the_environment_stand_even_outside_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lexer expands them inside double quotes only; addresses have them everywhere."""
    monkeypatch.setenv("PYLB_HOST", "192.0.2.1")
    monkeypatch.setenv("PYLB_PORT", "8080")
    monkeypatch.delenv("PYLB_NONE", raising=False)
    found = [parse_address(text) for text in ("$PYLB_HOST:80", "${PYLB_HOST}:${PYLB_PORT}", "${PYLB_NONE}192.0.2.1:1")]
    assert [(one.host, one.port) for one in found] == [("192.0.2.1", 80), ("192.0.2.1", 8080), ("192.0.2.1", 1)]
    with pytest.raises(ValueError, match=r"'\$PYLB_NONE' resolves to an empty address"):
        parse_address("$PYLB_NONE")


def test_reverse_addresses_name_a_server_where_they_may_stand() -> None:
    assert parse_address("rhttp@be/srv", ranges=True, reverse=True).host == "be/srv"
    assert parse_address("rhttp@", **SERVER, reverse=True).family == "rhttp"
    with pytest.raises(ValueError, match="invalid address: 'rhttp@' in 'rhttp@be/srv'"):
        parse_address("rhttp@be/srv", **BIND)


@pytest.mark.parametrize("text", ["quic4@127.0.0.1:443", "quic6@[::1]:443", "quic+127.0.0.1:443", "quic+fd@3"])
def test_quic_is_refused_as_by_a_haproxy_without_it(text: str) -> None:
    with pytest.raises(ValueError, match="QUIC is not compiled in"):
        parse_address(text, **BIND)
