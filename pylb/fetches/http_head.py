"""The start line of the request and of the response (manual 7.3.6).

Method, target, path, query, the `base` family and versions. The `_beg`, `_end` ... variants are ACL keywords and come
from the table of the sample room.
"""

from __future__ import annotations

import socket
from typing import Any

from pylb.fetches.head import awaited, early, octets
from pylb.http import uri
from pylb.http.codec import is_preface
from pylb.http.message import version_number
from pylb.records.addresses import source
from pylb.registry import fetch
from pylb.sample.hashes import avalanche, sdbm
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Absent, Fetch


@fetch("method", out="meth", scope=Scope.REQUEST_INFO)
def method() -> Fetch:
    """Method of the request as received, case included."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return request.method if request else request

    return read


@fetch("path", out="str", scope=Scope.REQUEST_DATA)
def path() -> Fetch:
    """Path of the request, without the query string. Nothing for `*` and for CONNECT."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        target = request.target
        if target.startswith(b"/"):
            return target.partition(b"?")[0] if b"?" in target else target
        return uri.path(target) or MISS

    return read


@fetch("pathq", out="str", scope=Scope.REQUEST_DATA)
def pathq() -> Fetch:
    """Path of the request with its query string."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return (uri.pathq(request.target) or MISS) if request else request

    return read


@fetch("url", "req.uri", out="str", scope=Scope.REQUEST_DATA)
def url() -> Fetch:
    """Target of the request as it stands: a path with its query most of the time, an absolute URI when the client
    takes us for a proxy."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return request.target if request else request

    return read


@fetch("query", out="str", scope=Scope.REQUEST_DATA, args=("str?",))
def query(options: Any = None) -> Fetch:
    """Query string, from the byte behind the first question mark; `with_qm` keeps the question mark.

    Absent when there is no question mark.
    """
    if options is not None and octets(options) not in (b"", b"with_qm"):
        raise ValueError(f"expects 'with_qm', got '{octets(options).decode(errors='replace')}'")
    prefix = b"?" if options is not None and octets(options) else b""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        found = uri.query(request.target)
        return MISS if found is None else prefix + found

    return read


def _base(request: Any, whole: bool) -> bytes:
    """Host and path, the host as the client wrote it, case included."""
    target = request.target
    tail = (uri.pathq(target) if whole else uri.path(target)) or b""
    host: bytes = request.host or b""
    return host + tail


@fetch("base", out="str", scope=Scope.REQUEST_DATA)
def base() -> Fetch:
    """Host header followed by the path, without query string: one word that tells virtual hosts and paths apart."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return _base(request, False) if request else request

    return read


@fetch("baseq", out="str", scope=Scope.REQUEST_DATA)
def baseq() -> Fetch:
    """Host header followed by the path with its query string."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return _base(request, True) if request else request

    return read


def _hashed(whole: bool) -> Fetch:
    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return avalanche(sdbm(_base(request, whole))) if request else request

    return read


@fetch("base32", out="int", scope=Scope.REQUEST_DATA)
def base32() -> Fetch:
    """32-bit hash of `base`: a short key for tables."""
    return _hashed(False)


@fetch("url32", out="int", scope=Scope.REQUEST_DATA)
def url32() -> Fetch:
    """32-bit hash of `baseq`: like `base32` with the query string."""
    return _hashed(True)


def _with_source(whole: bool) -> Fetch:
    hashed = _hashed(whole)

    def read(ctx: Any) -> Any:
        key = hashed(ctx)
        if isinstance(key, Absent):
            return key
        address = source(ctx.session)
        number = int(key).to_bytes(4, "big")
        return number if address is None else number + address

    return read


@fetch("base32+src", out="bin", scope=Scope.REQUEST_DATA)
def base32_src() -> Fetch:
    """`base32` as four bytes, followed by the source address (4 or 16 bytes): counts a client per page."""
    return _with_source(False)


@fetch("url32+src", out="bin", scope=Scope.REQUEST_DATA)
def url32_src() -> Fetch:
    """`url32` as four bytes, followed by the source address (4 or 16 bytes)."""
    return _with_source(True)


def _authority(target: bytes) -> tuple[bytes, int] | None:
    """Packed IPv4 address and port of an absolute target; None when its host is a name."""
    scheme, mark, rest = target.partition(b"://")
    if not mark:
        return None
    host, _, port = rest.partition(b"/")[0].partition(b"?")[0].rpartition(b"@")[2].partition(b":")
    try:
        packed = socket.inet_aton(host.decode("ascii")) if host.count(b".") == 3 else None
    except (OSError, UnicodeDecodeError):
        packed = None
    if packed is None or (port and not port.isdigit()):
        return None
    return packed, int(port) if port else (443 if scheme.lower() == b"https" else 80)


@fetch("url_ip", out="ipv4", scope=Scope.REQUEST_DATA)
def url_ip() -> Fetch:
    """IPv4 address in an absolute target; nothing for a path or a host name."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        found = _authority(request.target)
        return found[0] if found else MISS

    return read


@fetch("url_port", out="int", scope=Scope.REQUEST_DATA)
def url_port() -> Fetch:
    """Port in an absolute target with an address, 80 (or 443 for https) when it has none."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        found = _authority(request.target)
        return found[1] if found else MISS

    return read


@fetch("req.ver", "req_ver", out="str", scope=Scope.REQUEST_INFO)
def req_ver() -> Fetch:
    """HTTP version of the request: `1.0`, `1.1`, `2.0`; what was received where that is something else."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        version = request.version
        return b"1.1" if version.__class__ is int and version == 11 else version_number(version) or MISS

    return read


@fetch("req.proto_http", "req_proto_http", out="bool", scope=Scope.REQUEST_INFO)
def req_proto_http() -> Fetch:
    """True when the request is HTTP; in TCP mode the bytes received so far are looked at, so that it decides."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if request:
            return True
        stream = ctx.stream
        if stream is not None and is_preface(stream.data):
            return True  # HTTP of another kind
        return request

    return read


@fetch("http_first_req", out="bool", scope=Scope.REQUEST_INFO)
def http_first_req() -> Fetch:
    """True for the first request of a client connection."""
    return lambda ctx: ctx.session.streams <= 1


@fetch("status", out="int", scope=Scope.RESPONSE_INFO)
def status() -> Fetch:
    """Status code of the response; in log lines only of a server's one (`txn.status` knows the others)."""

    def read(ctx: Any) -> Any:
        response = ctx.response or awaited(ctx)
        if not response:
            return response
        return response.status if response.head_size or not ctx.end else MISS

    return read


@fetch("res.ver", "resp_ver", out="str", scope=Scope.RESPONSE_INFO)
def res_ver() -> Fetch:
    """HTTP version of the response: `1.0`, `1.1`."""

    def read(ctx: Any) -> Any:
        response = ctx.response or awaited(ctx)
        if not response:
            return response
        return version_number(response.version) or MISS

    return read
