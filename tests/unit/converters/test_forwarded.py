"""Converters of the header Forwarded, after RFC 7239 and the manual (they are newer than the HAProxy beside us)."""

from __future__ import annotations

import pytest

from pylb.sample.values import MISS, Typed
from tests.unit.sample.scene import Scene, complaint, stream


def converted(value: Typed | bytes, text: str) -> object:
    typed = value if isinstance(value, Typed) else Typed("str", value)
    return Scene().value(f"var(txn.d),{text}", stream(variables={"txn.d": typed}))


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        (b"for=192.0.2.60;proto=http;by=203.0.113.43", True),
        (b'FOR="[2001:db8::17]:4711"', True),
        (b"for=unknown", True),
        (b"for=_gazonk", True),
        (b'for="_gazonk:_port-1"', True),
        (b'by="192.0.2.1:80";host="example.org:8080"', True),
        (b'host="[::1]:443"', True),
        (b"proto=HTTPS", True),
        (b"", False),
        (b"for", False),
        (b"for=", False),
        (b'for=""', False),
        (b"for=192.0.2.1:80", False),
        (b"for=[::1]", False),
        (b'for="::1"', False),
        (b'for="[::1"', False),
        (b'for="[::g]"', False),
        (b'for="192.0.2.1:"', False),
        (b'for="192.0.2.1:65536"', False),
        (b'for="192.0.2.1:8a"', False),
        (b"for=192.0.2.256", False),
        (b"for=somebody", False),
        (b"proto=ftp", False),
        (b"proto=http;proto=http", False),
        (b"proto=http;", False),
        (b"proto=http; for=unknown", False),
        (b"proto=http,proto=https", False),
        (b'host="a b"', False),
        (b'host="a:99999"', False),
        (b"secret=x", False),
        (b'for="unknown', False),
    ],
)
def test_an_element_is_sound_or_not(value: bytes, sound: bool) -> None:
    assert converted(value, "rfc7239_is_valid") is sound


def test_parameters_are_read_without_their_quotes() -> None:
    value = b'proto=https;host="example.org:80";For="[2001:db8::1]:9999"'
    fields = ("proto", "host", "for", "by")
    assert [converted(value, f"rfc7239_field({name})") for name in fields] == [
        b"https", b"example.org:80", b"[2001:db8::1]:9999", MISS,
    ]  # fmt: skip
    assert converted(b"for=192.0.2.1;x=y", "rfc7239_field(for)") is MISS
    assert "wrong field 'user'" in complaint(Scene().parse, "str(),rfc7239_field(user)")


@pytest.mark.parametrize(
    ("node", "name", "port"),
    [
        (b"127.0.0.1:9999", Typed("ipv4", b"\x7f\0\0\1"), Typed("int", 9999)),
        (b"[::1]", Typed("ipv6", bytes(15) + b"\1"), MISS),
        (b"_name:_port", Typed("str", b"_name"), Typed("str", b"_port")),
        (b"unknown:1", Typed("str", b"unknown"), Typed("int", 1)),
        (b"nobody", MISS, MISS),
    ],
)
def test_nodes_are_taken_apart(node: bytes, name: object, port: object) -> None:
    assert (converted(node, "rfc7239_n2nn"), converted(node, "rfc7239_n2np")) == (name, port)


@pytest.mark.parametrize(
    ("value", "name", "port"),
    [
        (Typed("ipv4", b"\x7f\0\0\1"), b"127.0.0.1", MISS),
        (Typed("ipv6", bytes(15) + b"\1"), b"[::1]", MISS),
        (Typed("str", b"test"), b"_test", b"_test"),
        (Typed("str", b""), b"unknown", MISS),
        (Typed("str", b"a b"), MISS, MISS),
        (Typed("int", 12), MISS, b"12"),
        (Typed("int", 65536), MISS, MISS),
    ],
)
def test_nodes_are_put_together(value: Typed, name: object, port: object) -> None:
    assert (converted(value, "rfc7239_nn"), converted(value, "rfc7239_np")) == (name, port)
