"""What a stream sees of a connection: an endpoint, never a socket.

An endpoint carries one exchange after another (HTTP/1) or exactly one (a stream of a multiplexed connection). Calls
never block: they return what is there, or None for "not yet", and the stream yields until its runner is woken.

Front (towards the client)                     Back (towards the server)
    next_head() -> Request | Refusal | None        next_head() -> Response | Refusal | None
                   CLOSED when the peer left                      CLOSED when the peer left
    read_body() -> bytes | None, b"" at the end    read_body() -> bytes | None, b"" at the end
    begin(response, request, stream) -> bytes      begin(request, keep) -> bytes: head as bytes, body's framing set up
    put(data), put_body(data), end_body()          the same
    blocked: output is pending                     the same
                                                   reusable() -> bool: ready for another exchange

`body_done` says that the incoming body is over, `broken` that it ended before its announced end.
"""

from __future__ import annotations

from typing import Any, Final, Protocol


class _Closed:
    """The peer left at a message boundary."""

    def __repr__(self) -> str:
        return "CLOSED"


CLOSED: Final = _Closed()


class Endpoint(Protocol):
    """The half of the interface that both sides share; pipes and body pumps need no more."""

    body_done: bool
    broken: bool

    @property
    def blocked(self) -> bool: ...
    @property
    def gone(self) -> bool: ...
    def read_body(self) -> bytes | None: ...
    def put(self, data: Any) -> None: ...
    def put_body(self, data: bytes) -> None: ...
    def end_body(self) -> None: ...
    def flush(self) -> bool: ...
    def reset(self) -> None: ...
