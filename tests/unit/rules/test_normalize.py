"""normalize-uri: what each normalizer makes of a target. Observed on the real program."""

from __future__ import annotations

import pytest

from pylb import standard
from pylb.config import reader
from pylb.rules.actions.normalize import _NORMALIZERS, on_target

ROWS = [
    ("fragment-encode", "/a#b#c?d#", "/a%23b%23c?d%23"),
    ("fragment-strip", "/a#b?c", "/a"),
    ("path-merge-slashes", "///a//b/?c=//", "/a/b/?c=//"),
    ("path-merge-slashes", "http://h//a//", "http://h/a/"),
    ("path-strip-dot", "/.", "/"),
    ("path-strip-dot", "/./a/././b/.?./.", "/a/b/?./."),
    ("path-strip-dot", "/.a/b./...", "/.a/b./..."),
    ("path-strip-dotdot", "/a/..", "/"),
    ("path-strip-dotdot", "/a/b/../c/../d", "/a/d"),
    ("path-strip-dotdot", "/a//../b", "/a/b"),
    ("path-strip-dotdot", "/a/../../b", "/../b"),
    ("path-strip-dotdot", "/a/../..", "/../"),
    ("path-strip-dotdot", "/.../..a/..?x=../..", "/.../?x=../.."),
    ("path-strip-dotdot full", "/a/../../b", "/b"),
    ("path-strip-dotdot full", "http://h/../..", "http://h/"),
    ("percent-decode-unreserved", "/%61%2D%7E%2f%3F?%5f", "/a-~%2f%3F?_"),
    ("percent-decode-unreserved", "/%%36%36/%zz%4", "/%66/%zz%4"),
    ("percent-decode-unreserved strict", "/%%36%36", None),
    ("percent-decode-unreserved strict", "/?%4", None),
    ("percent-to-uppercase", "/%c3%aB?%zz", "/%C3%AB?%zz"),
    ("percent-to-uppercase strict", "/%c3%zz", None),
    ("query-sort-by-name", "/?b=2&a&b=1&a=0&", "/?a&a=0&b=2&b=1"),
    ("query-sort-by-name", "/p", "/p"),
    ("path-strip-dotdot full", "*", "*"),
]


@pytest.mark.parametrize(("normalizer", "target", "normal"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_targets_are_brought_into_normal_form(normalizer: str, target: str, normal: str | None) -> None:
    name, _, option = normalizer.partition(" ")
    found = _NORMALIZERS[name]
    normalize = on_target(found.part, found.make(bool(option)))
    assert normalize(target.encode()) == (None if normal is None else normal.encode())
    if normal is not None and "%66" not in normal:
        assert normalize(normal.encode()) == normal.encode()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("normalize-uri", "missing argument <normalizer>"),
        ("normalize-uri foo", "unknown normalizer 'foo'"),
        ("normalize-uri path-strip-dotdot foo", "unknown argument 'foo' for 'path-strip-dotdot' normalizer"),
        (
            "normalize-uri path-strip-dot full",
            "expects either 'if' or 'unless' followed by a condition but found 'full'",
        ),
    ],
)
def test_complaints_about_normalizers(rule: str, message: str) -> None:
    standard.load()
    text = f"global\n expose-experimental-directives\nbackend b\n mode http\n http-request {rule}\n"
    assert any(message in item.message for item in reader.parse_text(text).report.items)


def test_normalizers_are_experimental() -> None:
    standard.load()
    text = "backend b\n mode http\n http-request normalize-uri path-strip-dot\n"
    (item,) = (one for one in reader.parse_text(text).report.items if "experimental" in one.message)
    assert "'normalize-uri' action is experimental, must be allowed via a global" in item.message
