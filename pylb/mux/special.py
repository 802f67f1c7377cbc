"""HTTP/1 endpoints of proxies that ask for more than the ordinary: what their options do to heads and trailers.

    h1-case-adjust-bogus-client, -server          field names are sent in another case (http/letter_case)
    http-drop-request-trailers, -response-        trailers are read and not sent
    accept-unsafe-violations-in-http-*            another codec reads (http/h1_lax); what only that takes is a glitch
    tune.h1.fe.glitches-threshold, tune.h1.be.    too many of them end the connection

`front_of` and `back_of` make every endpoint; a proxy without such options has no Traits and its connections are plain
H1Front and H1Back, so that nobody else pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.http.codec import Codec, Limits
from pylb.http.h1_lax import Lax
from pylb.http.letter_case import adjusted
from pylb.http.message import Refusal, Request, Response
from pylb.mux.base import CLOSED
from pylb.mux.h1 import H1Back, H1Front

if TYPE_CHECKING:
    from pylb.engine.transport import Transport


ACCEPTED: Final = Refusal(0, "a violation that an option lets through")


class Traits:
    """What is particular about one side of a proxy. Computed once."""

    __slots__ = ("codec", "drops_trailers", "lax", "limits", "names", "threshold")

    def __init__(
        self,
        codec: Codec,
        limits: Limits,
        *,
        names: dict[bytes, bytes] | None = None,
        drops_trailers: bool = False,
        lax: Lax | None = None,
        threshold: int = 0,
    ) -> None:
        self.codec = codec
        self.limits = limits
        self.names = names or None
        self.drops_trailers = drops_trailers
        self.lax = lax  # the lax codec inside of `codec`
        self.threshold = threshold  # glitches that end a connection; 0: never

    @property
    def ordinary(self) -> bool:
        return self.names is None and not self.drops_trailers and self.lax is None

    def outgoing(self, trailers: bytes) -> bytes:
        """Trailer lines as they are sent."""
        if self.drops_trailers:
            return b""
        return adjusted(trailers, self.names) if self.names is not None else trailers


def front_of(conn: Transport, frontend: Any, worker: Any) -> H1Front:
    """The endpoint of a client's connection."""
    traits = frontend.traits
    if traits is None:
        return H1Front(conn, worker.codec, worker.limits)
    return SpecialFront(conn, traits, worker)


def back_of(conn: Transport, backend: Any, worker: Any, server: Any) -> H1Back:
    """The endpoint of a connection to a server."""
    traits = backend.traits
    if traits is None:
        return H1Back(conn, worker.codec, worker.limits, server)
    return SpecialBack(conn, traits, worker, server)


class SpecialFront(H1Front):
    """A client of a frontend with Traits."""

    __slots__ = ("glitches", "traits", "worker")

    def __init__(self, conn: Transport, traits: Traits, worker: Any) -> None:
        super().__init__(conn, traits.codec, traits.limits)
        self.traits = traits
        self.worker = worker
        self.glitches = 0

    def next_head(self) -> Any:
        lax = self.traits.lax
        if lax is None:
            return super().next_head()
        lax.violation = b""
        request = super().next_head()
        if lax.violation and request.__class__ is Request:
            self.glitches += 1
            threshold = self.traits.threshold
            self.worker.capture_violation(self, lax.violation, ACCEPTED)
            if threshold and self.glitches >= threshold:
                self.conn.close()
                return CLOSED
            if threshold and self.glitches * 4 >= threshold * 3:
                request.close = True
        return request

    def begin(self, response: Response, request: Request, stream: Any) -> bytes:
        head = super().begin(response, request, stream)
        names = self.traits.names
        return head if names is None else adjusted(head, names)

    def last_chunk(self, trailers: bytes) -> bytes:
        return super().last_chunk(self.traits.outgoing(trailers))


class SpecialBack(H1Back):
    """A connection to a server of a backend with Traits."""

    __slots__ = ("glitches", "lax", "traits", "worker")

    def __init__(self, conn: Transport, traits: Traits, worker: Any, server: Any) -> None:
        super().__init__(conn, traits.codec, traits.limits, server)
        self.traits = traits
        self.worker = worker
        self.glitches = 0
        self.lax = traits.lax is not None

    def next_head(self) -> Any:
        lax = self.traits.lax
        if lax is None:
            return super().next_head()
        lax.violation = b""
        response = super().next_head()
        if lax.violation and response.__class__ is Response:
            self.glitches += 1
            threshold = self.traits.threshold
            self.worker.capture_violation(self, lax.violation, ACCEPTED)
            if threshold and self.glitches >= threshold:
                return Refusal(502, "too many glitches")
            if threshold and self.glitches * 4 >= threshold * 3:
                response.close = True
        return response

    def begin(self, request: Request, keep: bool) -> bytes:
        head = super().begin(request, keep)
        names = self.traits.names
        return head if names is None else adjusted(head, names)

    def last_chunk(self, trailers: bytes) -> bytes:
        return super().last_chunk(self.traits.outgoing(trailers))
