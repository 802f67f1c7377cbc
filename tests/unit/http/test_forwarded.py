"""option forwardfor and originalto: words, merging of both sides, and the field that is added."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from pylb.config.model import Configuration, ProxyConfig
from pylb.config.words import Line
from pylb.errors import ConfigError, Span
from pylb.http import forwarded
from pylb.http.message import Request, field


def proxy(*lines: str) -> ProxyConfig:
    config = ProxyConfig("listen", "p")
    for text in lines:
        words = text.split()
        spans = [Span("f.cfg", 1, at, at + 1) for at in range(len(words))]
        line = Line(words, spans, Configuration(), config, "listen")
        line.name = " ".join(words[:2])
        {"option forwardfor": forwarded.forwardfor, "option originalto": forwarded.originalto}[line.name](line)
    return config


def stream(
    config: ProxyConfig | None = None, source: Any = ("192.0.2.7", 1234), packed: bytes | None = None, **session: Any
) -> Any:
    facts = {"src": packed, "address": source, "dst": None, "local": None, "proxy_header": None, "connection": None}
    return SimpleNamespace(
        session=SimpleNamespace(**{**facts, **session}),
        request=Request(b"GET", b"/", 11, [field(b"host", b"a")]),
        frontend=SimpleNamespace(config=config),
    )


def added(add: Any, one: Any) -> list[bytes]:
    add(one)
    return [wire for _, _, wire, _ in one.request.fields[1:]]


def test_the_address_of_the_client_is_appended() -> None:
    add = forwarded.compile(proxy("option forwardfor"), None)
    one = stream()
    one.request.fields.append(field(b"X-Forwarded-For", b"1.1.1.1"))
    assert added(add, one) == [b"x-forwarded-for: 1.1.1.1\r\n", b"x-forwarded-for: 192.0.2.7\r\n"]
    assert added(add, stream(source=("2001:db8::1", 1, 0, 0))) == [b"x-forwarded-for: 2001:db8::1\r\n"]
    assert added(add, stream(source=("fe80::1%lo", 1, 0, 1))) == [b"x-forwarded-for: fe80::1\r\n"]
    assert added(add, stream(packed=socket.inet_aton("10.1.2.3"))) == [b"x-forwarded-for: 10.1.2.3\r\n"]
    assert added(add, stream(source="/run/socket")) == []


@pytest.mark.parametrize(
    ("network", "source", "there"),
    [
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.2", True),
        ("10.0.0.1/25", "10.0.0.127", False),
        ("10.0.0.1/25", "10.0.0.128", True),
        ("10.0.0.0/255.0.0.0", "10.9.9.9", False),
        ("0.0.0.0/0", "10.9.9.9", False),
        ("0.0.0.0/0", "::1", True),
        ("2001:db8:1f89::/48", "2001:db8:1f89:1::1", False),
        ("2001:db8:1f89::/48", "2001:db8:1f8a::1", True),
    ],
)
def test_excepted_networks_get_nothing(network: str, source: str, there: bool) -> None:
    add = forwarded.compile(proxy(f"option forwardfor except {network}"), None)
    assert bool(added(add, stream(source=(source, 1)))) is there


def test_the_backends_name_wins_and_both_exceptions_count() -> None:
    front = proxy("option forwardfor header X-Front except 10.0.0.1")
    back = proxy("option forwardfor header X-Back except 10.0.0.2")
    add = forwarded.compile(None, back)
    assert added(add, stream(front)) == [b"x-back: 192.0.2.7\r\n"]
    assert added(add, stream(front, ("10.0.0.1", 1))) == []
    assert added(add, stream(front, ("10.0.0.2", 1))) == []
    assert added(add, stream(proxy(), ("10.0.0.1", 1))) == [b"x-back: 10.0.0.1\r\n"]
    add = forwarded.compile(None, proxy("option forwardfor"))
    assert added(add, stream(front)) == [b"x-front: 192.0.2.7\r\n"]


def test_if_none_needs_both_sides() -> None:
    def with_field(config: ProxyConfig) -> Any:
        one = stream(config)
        one.request.fields.append(field(b"x-forwarded-for", b"1.1.1.1"))
        return one

    only, always = proxy("option forwardfor if-none"), proxy("option forwardfor")
    assert len(added(forwarded.compile(only, None), with_field(only))) == 1
    assert len(added(forwarded.compile(None, only), with_field(only))) == 1
    assert len(added(forwarded.compile(None, only), with_field(always))) == 2
    assert len(added(forwarded.compile(None, always), with_field(only))) == 2
    assert len(added(forwarded.compile(only, None), stream(only))) == 1


def test_the_destination_is_appended() -> None:
    class Socket:
        def getsockname(self) -> tuple[str, int]:
            return ("192.0.2.1", 80)

    add = forwarded.compile(proxy("option originalto", "option forwardfor"), None)
    one = stream(connection=Socket())
    assert added(add, one) == [b"x-forwarded-for: 192.0.2.7\r\n", b"x-original-to: 192.0.2.1\r\n"]
    assert one.session.local == ("192.0.2.1", 80)


def test_nothing_asked_for_is_nothing() -> None:
    assert forwarded.compile(proxy(), None) is None
    assert forwarded.compile(None, proxy()) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "option forwardfor foo",
            "'option forwardfor' only supports optional values: 'except', 'header' and 'if-none'.",
        ),
        ("option forwardfor except", "'option forwardfor except' expects <address>[/mask] as argument."),
        ("option forwardfor except 1.2.3.4/33", "'option forwardfor except' expects <address>[/mask] as argument."),
        ("option forwardfor except ::1/129", "'option forwardfor except' expects <address>[/mask] as argument."),
        ("option forwardfor header", "'option forwardfor header' expects <header_name> as argument."),
        ("option originalto if-none", "'option originalto' only supports optional values: 'except' and 'header'."),
    ],
)
def test_mistakes_are_named_as_haproxy_does(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        proxy(line)
    assert caught.value.message == message


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forwarded, "REMEMBERED", 4)
    add = forwarded.compile(proxy("option forwardfor"), None)
    for number in range(20):
        assert added(add, stream(source=(f"10.0.0.{number}", 1))) == [b"x-forwarded-for: 10.0.0.%d\r\n" % number]
