"""How fetches reach the heads of a stream.

The ordinary way is one attribute: `ctx.request or early(ctx)`. `early` is for a context whose head is not there: WAIT
while it may come, MISS when it cannot, or a head parsed from raw bytes where a TCP proxy looks at HTTP (manual 7.3.6).
"""

from __future__ import annotations

from typing import Any

from pylb.http.message import Refusal
from pylb.sample.values import MISS, WAIT


def octets(value: Any) -> bytes:
    """An argument as bytes, whichever way the expression language bound it."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


def early(ctx: Any) -> Any:
    """The request head of a context that has none."""
    stream = ctx.stream
    if stream is None:
        return MISS
    frontend = stream.frontend
    if frontend is not None and not frontend.http and stream.data:
        return _sniffed(stream)
    return MISS if ctx.final else WAIT


def _sniffed(stream: Any) -> Any:
    """A request read from the raw bytes of a TCP stream; parsed anew at each use, nothing is kept."""
    from pylb.http import codec

    data: bytes = stream.data
    end = codec.find_end(data, 0)
    if end < 0:
        refusal = codec.refuse_early(data)
        return MISS if refusal is not None or stream.final else WAIT
    found = codec.fast.parse_request(data, end, codec.DEFAULT_LIMITS)
    return MISS if isinstance(found, Refusal) else found


def awaited(ctx: Any) -> Any:
    """The response head of a context that has none."""
    return MISS if ctx.final or ctx.stream is None else WAIT
