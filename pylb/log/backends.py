"""`log backend@<name>`: lines spread over the servers of a backend in mode log (manual, section 4.2, `mode log`).

Each server is a target of its own: datagrams unless its address begins with `tcp@` or `uxst@`, which gets a ring of
`log-bufsize` bytes, emptied with the framing of `log-proto`. The backend's algorithm chooses among the servers that
are usable; what finds none is dropped and counted.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from pylb.log import ring as rings
from pylb.log import targets
from pylb.log.targets import Target, Targets

if TYPE_CHECKING:
    from pylb.config.model import Address

STREAMS: Final = ("tcp", "uxst@")


class LogText:
    """What `balance log-hash` reads of a line: its text, without what precedes it."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text


class BackendTarget(Target):
    """A backend in mode log. Lives as long as the program."""

    def __init__(self, address: Address, backend: Any, targets: Targets) -> None:
        super().__init__(address)
        self.backend = backend
        self.targets = targets
        self._of: dict[Any, Target] = {}
        for server in backend.servers:
            self._target(server)

    def _target(self, server: Any) -> Target:
        found = self._of.get(server)
        if found is None:
            address = server.line.address
            if address.stream and address.text.startswith(STREAMS):
                found = self.targets[("server", server.label)] = self._stream(address, server.line)
            else:
                found = self.targets.take(dataclasses.replace(address, stream=False), server.line.span)
            self._of[server] = found
        return found

    def _stream(self, address: Address, line: Any) -> Target:
        size = line.values.get("log-bufsize") or self.targets.buffer_size
        framed = line.values.get("log-proto") == "octet-count"
        ring = rings.of(self.targets.program).implicit(address, size, line.span, framed=framed)
        return targets.RingTarget(address, ring)

    def parts(self, line: bytes, text: bytes) -> None:
        server = self.backend.algorithm.choose(LogText(text))
        if server is None:
            self.drop()
            return
        server.counters.sess_total += 1
        self._target(server).send(line)

    def send(self, line: bytes) -> None:
        self.parts(line, line)


def _backend(targets: Targets, address: Address) -> Target:
    backend = targets.program.backend(address.host)
    return targets.missing(address) if backend is None else BackendTarget(address, backend, targets)


targets.SPECIAL["backend"] = _backend
