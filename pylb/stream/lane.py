"""One body's way from one HTTP/1 connection to the other, where options let kernel pipes carry it (engine/splice.py).

Bodies with a length and those that end with their connection can be spliced; chunks are framed anew and must be read.
`option splice-request` and `-response` begin as soon as what came with the head is gone and there is enough to come,
`option splice-auto` after full reads in a row. Without these options there are no lanes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pylb.engine.splice import AUTO, UNABLE, WORTHWHILE
from pylb.mux.h1 import BULK_SIZE, UNTIL_CLOSE

if TYPE_CHECKING:
    from pylb.records.stream import Stream
    from pylb.stream.worker import Worker

FULL_READS: Final = 2  # in a row, before a body counts as bulk


class Lane:
    """Lives as long as the transfer of one body in one direction."""

    __slots__ = ("_full", "_pipes", "_source", "_target")

    def __init__(self, source: Any, target: Any, pipes: Any, *, proven: bool) -> None:
        self._source = source
        self._target = target
        self._pipes = pipes
        self._full = FULL_READS if proven else 0  # full reads in a row

    def carry(self) -> int | None:
        """Moves a piece: its size; 0 at the end of the body, None for not yet. Only while the target is not blocked."""
        source = self._source
        left = source.left
        spliced = self._full >= FULL_READS and (left >= WORTHWHILE or left == UNTIL_CLOSE)
        if spliced and not source.buffer and not source.body_done and source.conn.readable:
            conn = source.conn
            size: int | None = self._pipes.move(conn, self._target.conn, left if left > 0 else 1 << 30)
            if size is None:
                return None
            if size > 0:
                if left > 0:
                    source.left = left - size
                    source.body_done = size == left
                return size
            if size != UNABLE:
                source.read_body()  # notes that the connection has ended, in time or not
                return 0
        data = source.read_body()
        if data is None:
            return None
        if data:
            self._target.put_body(data)
            if self._full < FULL_READS:
                self._full = self._full + 1 if len(data) == BULK_SIZE or self._target.blocked else 0
        return len(data)


def lane(stream: Stream, worker: Worker, source: Any, target: Any, asked: int) -> Lane | None:
    """The way of a body if the kernel may carry it, else None. `asked` is REQUEST or RESPONSE."""
    splices = stream.frontend.splices | stream.backend.splices
    if not splices & (asked | AUTO) or source.body_done or source.chunks is not None or target.chunk_out:
        return None
    if not (worker.pipes.limit and source.conn.plain and target.conn.plain):
        return None
    return Lane(source, target, worker.pipes, proven=bool(splices & asked))
