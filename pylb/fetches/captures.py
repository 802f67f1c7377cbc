"""What was captured of a stream, and facts kept until the log line (manual 7.3.6, 8.8)."""

from __future__ import annotations

from typing import Any

from pylb.fetches.head import early
from pylb.http import uri
from pylb.http.message import version_number
from pylb.http.remembered import remembered
from pylb.registry import fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Fetch


def _slot(store: str, index: int) -> Fetch:
    if index < 0:
        return lambda ctx: MISS

    def read(ctx: Any) -> Any:
        slots = getattr(ctx.stream, store, None)
        if not slots or index >= len(slots):
            return MISS
        value: bytes | None = slots[index]
        return MISS if value is None else value

    return read


@fetch("capture.req.hdr", out="str", scope=Scope.REQUEST_INFO, args=("int",))
def capture_req_hdr(slot: int) -> Fetch:
    """Content of request capture slot <slot>, counted from 0 in the order of declaration."""
    return _slot("captures_request", slot)


@fetch("capture.res.hdr", out="str", scope=Scope.RESPONSE_INFO, args=("int",))
def capture_res_hdr(slot: int) -> Fetch:
    """Content of response capture slot <slot>, counted from 0 in the order of declaration."""
    return _slot("captures_response", slot)


def _received(request: Any) -> tuple[bytes, bytes, bytes]:
    """Method, target and version as received, before any rule."""
    method, _, rest = remembered(request.line.rstrip(b"\r")).partition(b" ")
    target, _, version = rest.lstrip(b" ").partition(b" ")
    return method, target, version


@fetch("capture.req.method", out="str", scope=Scope.REQUEST_INFO)
def capture_req_method() -> Fetch:
    """Method of the request as received, also after the request is gone."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        return _received(request)[0] if request.line else request.method

    return read


@fetch("capture.req.uri", out="str", scope=Scope.REQUEST_INFO)
def capture_req_uri() -> Fetch:
    """Path and query of the request as received, before rules changed it."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        if not request:
            return request
        return uri.pathq(_received(request)[1] if request.line else request.target) or MISS

    return read


def _version(number: int) -> bytes:
    return b"HTTP/%b" % (version_number(number) or b"0.9")


@fetch("capture.req.ver", out="str", scope=Scope.REQUEST_INFO)
def capture_req_ver() -> Fetch:
    """HTTP version of the request: `HTTP/1.0` or `HTTP/1.1`."""

    def read(ctx: Any) -> Any:
        request = ctx.request or early(ctx)
        return _version(request.version) if request else request

    return read


@fetch("capture.res.ver", out="str", scope=Scope.REQUEST_INFO)
def capture_res_ver() -> Fetch:
    """HTTP version of a server's response: `HTTP/1.0` or `HTTP/1.1`."""

    def read(ctx: Any) -> Any:
        response = ctx.response
        if response is None:
            return MISS
        replaced = ctx.end_cause == b"H" and ctx.rule is not None  # by a rule for responses
        return _version(response.version) if response.head_size or replaced else MISS

    return read


@fetch("txn.status", out="int", scope=Scope.RESPONSE_INFO)
def txn_status() -> Fetch:
    """Status that goes to the client, of a response made here too; not changed by later `set-status`."""

    def read(ctx: Any) -> Any:
        stream = ctx.stream
        if stream is None:
            return MISS
        if stream.status > 0:
            status: int = stream.status
            return status
        return MISS if ctx.response is None else ctx.response.status

    return read


@fetch("server_status", out="int", scope=Scope.RESPONSE_INFO)
def server_status() -> Fetch:
    """Status that the server sent."""
    return lambda ctx: MISS if ctx.response is None or ctx.server is None else ctx.response.status


@fetch("txn.conn_retries", out="int", scope=Scope.RESPONSE_INFO)
def txn_conn_retries() -> Fetch:
    """How often connecting to a server was retried for this stream."""
    return lambda ctx: MISS if ctx.stream is None else ctx.stream.retries


@fetch("txn.redispatched", out="bool", scope=Scope.RESPONSE_INFO)
def txn_redispatched() -> Fetch:
    """True when the stream went to another server than the one first chosen."""
    return lambda ctx: MISS if ctx.stream is None else ctx.stream.redispatched


@fetch("txn.sess_term_state", out="str", scope=Scope.INTERNAL)
def txn_sess_term_state() -> Fetch:
    """The two letters of the termination state."""
    return lambda ctx: MISS if ctx.stream is None else ctx.stream.end_state + ctx.stream.end_cause


@fetch("bc_reused", out="bool", scope=Scope.RESPONSE_INFO)
def bc_reused() -> Fetch:
    """True when the connection to the server had served a request before."""
    return lambda ctx: MISS if ctx.stream is None else ctx.stream.reused


@fetch("res.comp", out="bool", scope=Scope.RESPONSE_INFO)
def res_comp() -> Fetch:
    """True when the response was compressed here."""
    return lambda ctx: False


@fetch("res.comp_algo", out="str", scope=Scope.RESPONSE_INFO)
def res_comp_algo() -> Fetch:
    """Name of the algorithm with which the response was compressed here."""
    return lambda ctx: MISS
