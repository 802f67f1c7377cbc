"""The poller on a scripted epoll: descriptors that are reused, wake-ups that cross, bounded turns."""

from __future__ import annotations

import os
import select
import socket
from collections import deque

from pylb.clock import Clock
from pylb.engine.poller import BATCH, ROUNDS, Poller
from pylb.engine.step import KILLED, READY, Coroutine, Runner
from pylb.engine.transport import Transport


class ScriptedEpoll:
    """Delivers batches of events that a test prepared; records registrations."""

    def __init__(self) -> None:
        self.batches: deque[list[tuple[int, int]]] = deque()
        self.registered: dict[int, int] = {}
        self.polls = 0

    def register(self, fd: int, events: int) -> None:
        self.registered[fd] = events

    def modify(self, fd: int, events: int) -> None:
        assert fd in self.registered
        self.registered[fd] = events

    def unregister(self, fd: int) -> None:
        del self.registered[fd]

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        assert timeout == 0 and most == BATCH
        self.polls += 1
        return self.batches.popleft() if self.batches else []


class Ears:
    """A sink that notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def on_events(self, mask: int) -> None:
        self.heard.append(mask)


def scripted() -> tuple[Poller, ScriptedEpoll]:
    epoll = ScriptedEpoll()
    return Poller(Clock(lambda: 1.0), epoll), epoll


def test_an_event_for_a_forgotten_descriptor_reaches_nobody() -> None:
    poller, epoll = scripted()
    ears = Ears()
    poller.add(7, ears, select.EPOLLIN)
    poller.forget(7)
    epoll.batches.append([(7, select.EPOLLIN)])
    poller.turn()
    assert ears.heard == []


def test_a_descriptor_closed_and_reused_within_one_batch_serves_its_new_owner() -> None:
    """The first event of the batch closes descriptor 8 and a new connection gets that number: the second event of the
    batch was meant for the old one and is only a hint for the new one, which hears its own events afterwards."""
    poller, epoll = scripted()
    newcomer = Ears()

    class Closer:
        def on_events(self, mask: int) -> None:
            poller.forget(8)
            poller.add(8, newcomer, select.EPOLLIN)

    poller.add(7, Closer(), select.EPOLLIN)
    poller.add(8, Ears(), select.EPOLLIN)
    epoll.batches.append([(7, select.EPOLLIN), (8, select.EPOLLHUP)])
    epoll.batches.append([(8, select.EPOLLIN)])
    poller.turn()
    assert newcomer.heard == [select.EPOLLHUP, select.EPOLLIN]


def test_real_descriptors_are_heard_again_after_the_number_was_reused() -> None:
    poller = Poller()
    left, right = socket.socketpair()
    left.setblocking(False)
    first = Transport(left, poller)  # type: ignore[arg-type]
    first.register()
    number = left.fileno()
    first.close()
    other, peer = socket.socketpair()
    other.setblocking(False)
    if other.fileno() != number:
        os.dup2(other.fileno(), number)
        other = socket.socket(fileno=number)
        other.setblocking(False)
    second = Transport(other, poller)  # type: ignore[arg-type]
    second.register()
    peer.send(b"hello")
    poller.turn()
    assert second.readable
    assert second.read(100) == b"hello"
    for sock in (right, peer):
        sock.close()
    second.close()
    poller.close()


def test_runners_wake_each_other_without_recursion() -> None:
    """10,000 coroutines, each waking the next: no stack grows, all of them run."""
    poller, _ = scripted()
    count = 10_000
    done: list[int] = []
    runners: list[Runner] = [Runner(lambda run, crash: None) for _ in range(count)]

    def coroutine(number: int) -> Coroutine:
        yield
        done.append(number)
        if number + 1 < count:
            poller.wake(runners[number + 1])

    for number, run in enumerate(runners):
        run.start(coroutine(number))
    poller.wake(runners[0])
    turns = 0
    while poller.ready:
        poller.turn()
        turns += 1
    assert done == list(range(count))
    assert turns <= count / ROUNDS + 1


def test_a_turn_is_bounded_even_when_events_never_end() -> None:
    poller, epoll = scripted()
    ears = Ears()
    poller.add(5, ears, select.EPOLLIN)
    epoll.batches.extend([[(5, select.EPOLLIN)]] * 1000)
    poller.turn()
    assert len(ears.heard) == ROUNDS


def test_a_crashing_coroutine_ends_alone() -> None:
    poller, _ = scripted()
    ended: list[BaseException | None] = []

    def crash() -> Coroutine:
        yield
        raise ValueError("a bug")

    def fine() -> Coroutine:
        yield
        yield

    bad = Runner(lambda run, failure: ended.append(failure))
    good = Runner(lambda run, failure: ended.append(failure))
    bad.start(crash())
    good.start(fine())
    poller.wake(bad)
    poller.wake(good)
    poller.turn()
    assert len(ended) == 1 and isinstance(ended[0], ValueError)
    assert not bad.alive and good.alive
    poller.wake(bad, KILLED)  # a wake-up that comes too late finds nothing
    poller.wake(good, READY)
    poller.turn()
    assert ended[1:] == [None]
