"""Log formats: dialects, flags, aliases, constants, and the complaints of the real program."""

from __future__ import annotations

import pytest

from pylb.sample import logformat
from pylb.sample.scopes import Point
from tests.unit.sample.scene import Scene, complaint, stream


@pytest.mark.parametrize(
    ("text", "rule", "log"),
    [
        ("%%", b"%", b"%"),
        ("100%%", b"100%", b"100%"),
        ("a%[str(b)]c%[int(5)]d", b"abc5d", b"abc5d"),
        ("%[str(a)]]", b"a]", b"a]"),
        ("%[str('a]b')]", b"a]b", b"a]b"),
        ("%(name)[str(a)]", b"a", b"a"),
        ("a  b   c", b"a  b   c", b"a b c"),
        ("  a %[str(x)]  ", b"  a x  ", b"a x "),
        ("%[hdr(nope)]", b"", None),
        ("%[var(txn.a)]%[var(txn.b)]", b"", b"--"),
        ("%{+Q}[str()]|%[str()]", b"|", b'""|-'),
        ("%{+Q}[str(a)]", b"a", b'"a"'),
        ("%{+Q}[int(1)] %{+Q}[bool(1)]", b"1 1", b'"1" "1"'),
        ("%{+X}[int(255)]", b"255", b"255"),
        ("%{+E}[str('a\"b]c\\')]", b'a\\"b\\]c\\\\', b'a\\"b\\]c\\\\'),
        ("%{+Q,+E}[str('a\"b')]", b'a\\"b', b'"a\\"b"'),
        ("%{+Q}o %[str(a)] %{-Q}[str(b)] %[str(c)]", b" a b c", b'"a" b "c"'),
        ("%{+Q}o%{-Q}o %[str(a)]", b" a", b"a"),
        ("%{+Z,foo}[str(a)]", b"a", b"a"),
        ("%[bin(01410a42)]%[bin(7f09ff)]", b"%01A%0AB%7F\t\xff", b"\x01A\nB\x7f\t\xff"),
        ("%[bin(410042)]", b"A", b"A"),
        ("%[src]:%[method]:%[path]", b"127.0.0.1:GET:/a/b", None),
    ],
)
def test_formats_render(text: str, rule: bytes, log: bytes | None) -> None:
    assert Scene().format(text) == rule
    if log is not None:
        assert Scene(Point.LOG, "log-format").format(text) == log


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("%", "truncated line after '%'"),
        ("a%", "truncated line after '%'"),
        ("%{+Q", "truncated line after '+Q'"),
        ("%{+Q}", "parse argument modifier without variable name near '%{+Q}'"),
        (
            "% a",
            "unexpected variable name near ' ' at position 1 line : '% a'. Maybe you want to write a single '%', use "
            "the syntax '%%'",
        ),
        (
            "%nosuch",
            "no such format variable 'nosuch'. If you wanted to emit the '%' character verbatim, you need to use '%%'",
        ),
        ("%[nosuch]", "failed to parse sample expression <nosuch]> : unknown fetch method 'nosuch'"),
        ("%[]", "failed to parse sample expression <]> : missing fetch method"),
        ("%[ src ]", "failed to parse sample expression < src ]> : missing fetch method"),
        ("%[src", "missing ']' after 'src'"),
        ("%[src] %[dst", "missing ']' after 'dst'"),
        ("%[hdr(a)x]", "expected ']' after 'hdr(a)', but found 'x'"),
        ("%[hdr(a) ,lower]", "expected ']' after 'hdr(a)', but found ' '"),
        ("%[hdr(a]", "failed to parse sample expression <hdr(a]> : fetch method 'hdr' : expected ')'"),
        (
            "%[src,lower(]",
            "failed to parse sample expression <src,lower(]> : invalid arg 1 in converter 'lower' : expected ')' "
            "before ']'",
        ),
        (
            "%[res.hdr(a)]",
            "sample fetch <res.hdr(a)]> may not be reliably used here because it needs 'HTTP response headers' which "
            "is not available here.",
        ),
        (
            "%[srv_name]",
            "sample fetch <srv_name]> may not be reliably used here because it needs 'server' which is not available "
            "here.",
        ),
    ],
)
def test_complaints_are_those_of_the_real_program(text: str, message: str) -> None:
    assert complaint(Scene().format, text) == message


def test_a_request_header_cannot_be_read_when_the_log_is_written() -> None:
    message = complaint(Scene(Point.LOG, "log-format").format, "%[hdr(x)]")
    assert "because it needs 'HTTP request headers,HTTP response headers'" in message


def test_constants_are_folded_and_known() -> None:
    scene = Scene()
    plain = logformat.parse("a%%b", scene.site)
    assert plain.constant == b"a%b"
    assert logformat.parse("%[path]", scene.site).constant is None
    assert logformat.parse("%[str(a)]b", scene.site).compile()(None) == b"ab"


def test_aliases_read_the_stream_and_take_flags() -> None:
    scene = Scene()
    assert scene.format("%ci %{+X}ci %{+Q}ci %cp %{+X}cp %{+Q}cp") == b'127.0.0.1 7F000001 "127.0.0.1" 1234 04D2 1234'


def test_an_alias_in_a_connection_rule_finds_no_stream() -> None:
    session = stream().session
    assert Scene().format("<%HM>", session) == b"<>"
