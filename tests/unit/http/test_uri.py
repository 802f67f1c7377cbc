"""Parts of request targets."""

from __future__ import annotations

import pytest

from pylb.http import uri


@pytest.mark.parametrize(
    ("target", "path", "query", "authority"),
    [
        (b"/", b"/", None, None),
        (b"/a/b?c=d?e", b"/a/b", b"c=d?e", None),
        (b"/a?", b"/a", b"", None),
        (b"/?x=http://a/", b"/", b"x=http://a/", None),
        (b"//a/b", b"//a/b", None, None),
        (b"*", None, None, None),
        (b"a:443", None, None, None),
        (b"http://a", None, None, b"a"),
        (b"http://a/", b"/", None, b"a"),
        (b"http://a?b/c", None, b"b/c", b"a"),
        (b"http://u:p@a:81/x?y", b"/x", b"y", b"a:81"),
        (b"https://[::1]:81/x", b"/x", None, b"[::1]:81"),
    ],
)
def test_parts(target: bytes, path: bytes | None, query: bytes | None, authority: bytes | None) -> None:
    assert uri.path(target) == path
    assert uri.query(target) == query
    assert uri.authority(target) == authority
    if path is not None:
        assert uri.pathq(target) == path + (b"" if query is None else b"?" + query)


def test_replacing_parts() -> None:
    assert uri.with_path(b"/a?b", b"/c") == b"/c?b"
    assert uri.with_path(b"http://h/a?b", b"/c") == b"http://h/c?b"
    assert uri.with_path(b"http://h?b", b"/c") == b"http://h/c?b"
    assert uri.with_path(b"*", b"/c") == b"/c"
    assert uri.with_pathq(b"http://h/a?b", b"/c?d") == b"http://h/c?d"
    assert uri.with_pathq(b"http://h?b", b"/c") == b"http://h/c"
    assert uri.with_query(b"/a?b", b"c") == b"/a?c"
    assert uri.with_query(b"/a", b"?c") == b"/a?c"
    assert uri.with_query(b"/a?b", b"") == b"/a"


def test_hosts_are_split_at_their_port() -> None:
    assert uri.split_host(b"a:80") == (b"a", b"80")
    assert uri.split_host(b"a") == (b"a", b"")
    assert uri.split_host(b"[::1]") == (b"[::1]", b"")
    assert uri.split_host(b"[::1]:80") == (b"[::1]", b"80")
    assert uri.scheme(b"HTTPS://a/") == b"HTTPS"
    assert uri.scheme(b"/x://a/") is None
