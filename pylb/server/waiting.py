"""Queues of streams that wait for a slot: one per server, one per backend.

Order: priority class, then arrival time plus priority offset, then arrival (`http-request set-priority-class`, manual
4.2). Joining and leaving cost O(log n); leaving only marks an entry, and marked ones are swept when they outnumber
the living. Nothing is woken here: server/assign.py grants slots, the stream itself watches `timeout queue`.
"""

from __future__ import annotations

import heapq
from typing import Any

from pylb.clock import clock


class Entry:
    """One stream's place in one queue; `stream.waiting` while it waits."""

    __slots__ = ("joined_at", "key", "queue", "stream")

    def __init__(self, stream: Any, queue: Queue, key: tuple[int, float, int], joined_at: int) -> None:
        self.stream = stream
        self.queue = queue
        self.key = key
        self.joined_at = joined_at  # how many the queue had granted when this one came

    def __lt__(self, other: Entry) -> bool:
        return self.key < other.key


class Queue:
    """Streams in waiting. `length` counts the living, `server` is None for a backend's queue."""

    __slots__ = ("granted", "heap", "length", "peak", "sequence", "server")

    def __init__(self, server: Any = None) -> None:
        self.server = server
        self.heap: list[Entry] = []
        self.length = 0
        self.peak = 0
        self.granted = 0
        self.sequence = 0

    def __len__(self) -> int:
        return self.length

    def join(self, stream: Any) -> Entry:
        self.sequence += 1
        group, offset = stream.priority or (0, 0)
        entry = Entry(stream, self, (group, clock.now * 1000.0 + offset, self.sequence), self.granted)
        heapq.heappush(self.heap, entry)
        self.length += 1
        if self.length > self.peak:
            self.peak = self.length
        stream.waiting = entry
        return entry

    def head(self) -> Entry | None:
        """The next to be served, still in the queue."""
        heap = self.heap
        while heap:
            if heap[0].stream is not None:
                return heap[0]
            heapq.heappop(heap)
        return None

    def grant(self) -> Any:
        """Takes out what `head()` has just found and returns its stream, its position noted for the log."""
        entry = heapq.heappop(self.heap)
        stream = entry.stream
        self.granted += 1
        self._settle(entry, stream)
        return stream

    def remove(self, entry: Entry) -> None:
        """Takes an entry out wherever it stands (timeout, abort, redistribution)."""
        stream = entry.stream
        if stream is None:
            return
        self._settle(entry, stream, 1)  # HAProxy counts its own place
        if len(self.heap) > 64 and len(self.heap) > 2 * self.length:
            self.heap = [kept for kept in self.heap if kept.stream is not None]
            heapq.heapify(self.heap)

    def drain(self) -> list[Any]:
        """Takes everybody out, in order."""
        streams = []
        while self.head() is not None:
            entry = heapq.heappop(self.heap)
            stream = entry.stream
            self._settle(entry, stream, 1)
            streams.append(stream)
        return streams

    def _settle(self, entry: Entry, stream: Any, own: int = 0) -> None:
        entry.stream = None
        stream.waiting = None
        self.length -= 1
        passed = self.granted - entry.joined_at + own
        if self.server is None:
            stream.queue_backend += passed
        else:
            stream.queue_server += passed


def leave(stream: Any) -> None:
    """The stream gives up waiting (timeout queue, client gone). Harmless when it does not wait."""
    entry = stream.waiting
    if entry is not None:
        entry.queue.remove(entry)
