"""Lines that are written before the end of their stream: at its begin, where the frontend has no format, or when the
response head (mode tcp: the server's connection) is there.

The latter is so with `option logasap`, and for formats without anything that only the end knows (sizes, timers,
counts). What has no such moment, an answer of the proxy's own for instance, has its line at the end. With `option
dontlog-normal` a stream that is in order so far may still fail: then its line comes at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pylb.http.h1_body import ChunkedReader
from pylb.log.levels import INFO, SILENT
from pylb.log.logger import Logger

if TYPE_CHECKING:
    from pylb.records.stream import Stream

_classes: dict[type, type] = {}


class ConnectLogger(Logger):
    """The log of a frontend without any format. Lives as long as the program.

    A stream is announced when it begins, whatever the options and levels say of its end. A request that could not be
    read was no stream: it has its line from `error-log-format` or none.
    """

    __slots__ = ()

    def emit(self, stream: Stream) -> None:
        if not stream.end:
            if stream.request is None or stream.frontend.http or stream.session.streams != 2:
                self._put(INFO, self.format(stream), None)
                self.count += 1
            # else the connection, announced when it was TCP, has become HTTP
        elif self.error_format is not None and stream.request is None and stream.frontend.http:
            Logger.emit(self, stream)


def _unlogged(kind: type) -> type:
    """A class of streams that never count as logged, whatever the data plane notes."""
    found = _classes.get(kind)
    if found is None:
        logged = property(lambda stream: False, lambda stream, value: None)
        found = _classes[kind] = type(f"Unlogged{kind.__name__}", (kind,), {"__slots__": (), "logged": logged})
    return found


class AdvanceLogger(Logger):
    """The log of a frontend whose lines do not wait for the end. Lives as long as the program."""

    __slots__ = ()

    def emit(self, stream: Stream) -> None:
        if stream.end:
            Logger.emit(self, stream)
            return
        if self.failures_only and self._level(stream) == SILENT:
            stream.__class__ = _unlogged(stream.__class__)
            return
        came = arrived(stream.back) if stream.response is not None else 0
        stream.bytes_out += came
        Logger.emit(self, stream)
        stream.bytes_out -= came


def arrived(back: Any) -> int:
    """Bytes of the response's body that have come together with its head: HAProxy counts them here."""
    if back is None or back.body_done:
        return 0
    data: bytes = back.buffer
    if back.chunks is not None:
        chunks = ChunkedReader(back.limits)
        size = len(chunks.feed(data))
        return size + 1 + sum([len(one[2]) - 4 for one in chunks.trailers or ()]) if chunks.done else size
    return len(data) if back.left < 0 else min(len(data), back.left)
