"""Patterns written for PCRE2: what they match here, and what is refused (answers observed)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pylb.sample import regexes


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (rb"[[:alpha:]]+", b"12ab3", b"ab"),
        (rb"[^[:alnum:]]", b"ab-c", b"-"),
        (rb"[[:^digit:]]", b"12a", b"a"),
        (rb"[[:space:]x]", b"a\tb", b"\t"),
        (rb"\Qa.b\E.", b"a.bc", b"a.bc"),
        (rb"\h+", b"a \tb", b" \t"),
        (rb"[\h,]", b"a,", b","),
        (rb"\x61\x{62}", b"ab", b"ab"),
        (rb"b\z", b"b\n", None),
        (rb"b\Z", b"b\n", b"b"),
        (rb"b$", b"b\n", b"b"),
        (rb"(?<n>a)\k<n>", b"aa", b"aa"),
        (rb"(?'n'a)(?P=n)", b"aa", b"aa"),
        (rb"(a)\g1", b"aa", b"aa"),
        (rb"(a)\g{-1}", b"aa", b"aa"),
        (rb"x(?i)AB|Y", b"xab", b"xab"),
        (rb"(x(?i)y)z", b"xYz", b"xYz"),
        (rb"(x(?i)y)z", b"xYZ", None),
        (rb"a{,2}", b"a{,2}", b"a{,2}"),
        (rb"a++b", b"aab", b"aab"),
        (rb"(?>a+)ab", b"aaab", None),
        (rb"foo\Kbar", b"foobar", b"bar"),
        (rb"[]a]+", b"]a", b"]a"),
        (rb"[a[b]+", b"a[b", b"a[b"),
        (rb"[a&&b~~c||d--e]+", b"&~|", b"&~|"),
        (rb"a(?#comment)b", b"ab", b"ab"),
        (rb"\R", b"\r\n", b"\r\n"),
        (rb"^/(?:a|b)/", b"/b/", b"/b/"),
        (rb"\cA\e\a", b"\x01\x1b\x07", b"\x01\x1b\x07"),
    ],
)
def test_patterns_find(pattern: bytes, text: bytes, found: bytes | None) -> None:
    regex = regexes.compile_pattern(pattern)
    match = regex.search(text)
    assert (None if match is None else regex.group(match, 0)) == found


def test_groups_keep_their_numbers_around_a_moved_start() -> None:
    regex = regexes.compile_pattern(rb"(a)\K(b)(c)\2")
    match = regex.search(b"abcb")
    assert match is not None
    assert [regex.group(match, number) for number in range(5)] == [b"bcb", b"a", b"b", b"c", b""]


@pytest.mark.parametrize(
    "pattern", [rb"(?R)", rb"(?1)", rb"(?|a|b)", rb"(*UTF)a", rb"\X", rb"\p{L}", rb"\G", rb"(?&n)"]
)
def test_what_python_cannot_say_is_refused(pattern: bytes) -> None:
    with pytest.raises(ValueError, match=r"^regex '.*' is invalid \(error=.*not supported.*\)$"):
        regexes.compile_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (rb"(", "missing closing parenthesis, erroffset=1"),
        (rb"x(", "missing closing parenthesis, erroffset=2"),
        (rb"[a", "missing terminating ] for character class, erroffset=2"),
    ],
)
def test_complaints_are_those_of_pcre(pattern: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        regexes.compile_pattern(pattern)
    assert str(caught.value) == f"regex '{pattern.decode()}' is invalid (error={reason})"


@pytest.mark.parametrize(
    ("pattern", "replacement", "value", "result"),
    [
        (rb"x*", rb"-", b"abc", b"-a-b-c-"),
        (rb"c?", rb"-", b"abcabc", b"-a-b--a-b--"),
        (rb"(a)|(z)", rb"[\1|\2]", b"az", b"[a|][|z]"),
        (rb"a", rb"\\\x41\n", b"a", b"\\An"),
        (rb"b\K.", rb"k", b"abcb.", b"abkbk"),
        (rb"/+", rb"/", b"/////a///b", b"/a/b"),
    ],
)
def test_replacing_everywhere(pattern: bytes, replacement: bytes, value: bytes, result: bytes) -> None:
    regex = regexes.compile_pattern(pattern)
    assert regexes.replace(regex, regexes.template(replacement), value, True) == result


@given(st.text(alphabet="ab\\[]()?*+{}|^$.<>:=!QEKhpPxkg1,-'#i", max_size=14))
def test_any_text_compiles_or_is_refused(pattern: str) -> None:
    try:
        regex = regexes.compile_pattern(pattern.encode())
    except regexes.BadPattern:
        return
    regex.search(b"ab")
