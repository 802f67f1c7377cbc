"""Parts of a request target (RFC 9112 3.2, RFC 3986): where path and query begin, what authority stands in it.

Targets have passed the gate. Positions are found by search, nothing is decoded, and a part that is not there is None.
"""

from __future__ import annotations


def path_start(target: bytes) -> int:
    """Where the path begins; -1 when there is none (`*`, CONNECT's authority, `http://host`)."""
    if target[:1] == b"/":
        return 0
    scheme = target.find(b"://")
    if scheme < 0 or not target[:1].isalpha():
        return -1
    slash = target.find(b"/", scheme + 3)
    query = target.find(b"?", scheme + 3)
    return slash if slash >= 0 and (query < 0 or slash < query) else -1


def path(target: bytes) -> bytes | None:
    """The path without query: `/` and what follows."""
    start = path_start(target)
    if start < 0:
        return None
    end = target.find(b"?", start)
    return target[start:] if end < 0 else target[start:end]


def pathq(target: bytes) -> bytes | None:
    """Path and query as they stand in the target."""
    start = path_start(target)
    return target[start:] if start > 0 else target if start == 0 else None


def query(target: bytes) -> bytes | None:
    """What follows the first `?`, None without one."""
    start = target.find(b"?")
    return target[start + 1 :] if start >= 0 else None


def scheme(target: bytes) -> bytes | None:
    """`http` of an absolute target, as written."""
    end = target.find(b"://")
    return target[:end] if end > 0 and target[:1] not in (b"/", b"*") else None


def authority(target: bytes) -> bytes | None:
    """Host and port of an absolute target, without userinfo; None for the other forms."""
    start = target.find(b"://")
    if start <= 0 or target[:1] in (b"/", b"*"):
        return None
    rest = target[start + 3 :]
    for stop in (b"/", b"?"):
        rest = rest.partition(stop)[0]
    return rest.rpartition(b"@")[2]


def with_path(target: bytes, new: bytes) -> bytes:
    """The target with another path; its scheme, authority and query stay."""
    start = path_start(target)
    end = target.find(b"?")
    tail = target[end:] if end >= 0 else b""
    if start < 0:
        if scheme(target) is None:
            return new + tail
        return (target if end < 0 else target[:end]) + new + tail
    return target[:start] + new + tail


def with_pathq(target: bytes, new: bytes) -> bytes:
    """The target with another path and query; its scheme and authority stay."""
    start = path_start(target)
    if start < 0:
        if scheme(target) is None:
            return new
        return target.partition(b"?")[0] + new
    return target[:start] + new


def with_query(target: bytes, new: bytes) -> bytes:
    """The target with another query; a leading `?` of the new one is dropped, an empty one takes the query away."""
    new = new.removeprefix(b"?")
    bare = target.partition(b"?")[0]
    return b"%b?%b" % (bare, new) if new else bare


def split_host(host: bytes) -> tuple[bytes, bytes]:
    """Name and port of a Host value; brackets of an IPv6 address stay."""
    name, colon, port = host.rpartition(b":")
    if not colon or port.endswith(b"]"):
        return host, b""
    return name, port
