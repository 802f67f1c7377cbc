"""A program as the runtime socket sees it: real proxies and servers from configuration text, no traffic."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from pylb import standard
from pylb.background.runtime import keywords, service
from pylb.clock import clock
from pylb.config import reader
from pylb.listener import sockets
from pylb.records.proxy import Backend, Frontend
from pylb.server import server as servers
from pylb.server.assign import Assignment

CONFIG = """
global
 stats socket {admin} level admin mode 600
 stats socket {operator} level operator
 stats socket {user} level user
 stats timeout 2s
 setenv FOO bar
defaults
 mode http
 timeout client 2s
 timeout server 2s
 timeout connect 1s
frontend fe
 bind 127.0.0.1:29751 name li1
frontend tcpf
 mode tcp
 bind 127.0.0.1:29754
listen li
 bind 127.0.0.1:29753
 server l1 127.0.0.1:29799
backend tb
 mode tcp
 server t1 127.0.0.1:9
backend be
 balance roundrobin
 server s1 127.0.0.1:29790 cookie c1
 server s2 127.0.0.1:29791 weight 10 backup disabled maxconn 5
"""


def program(text: str) -> Any:
    """Frontends, backends and servers of a configuration, compiled as far as the runtime socket looks."""
    standard.load()
    config = reader.parse_text(text)
    assert not config.report.fatal, [item.message for item in config.report.items]
    clock.resync()
    world = SimpleNamespace(
        config=config, frontends=[], backends={}, sessions=[], worker=None, maxconn=100, process=None
    )
    for number, proxy in enumerate(config.proxies, 2):
        if proxy.is_front:
            frontend = Frontend(proxy.name, number, proxy)
            frontend.http = proxy.http
            world.frontends.append(frontend)
        if proxy.is_back:
            backend = Backend(proxy.name, number, proxy)
            backend.http = proxy.http
            world.backends[proxy.name] = backend
            for place, line in enumerate(proxy.servers):
                server = servers.build(line, backend, place)
                backend.servers.append(server)
                backend.by_name[server.name] = backend.by_label[server.label] = server
            build = proxy.get("balance")
            if build is not None:
                backend.algorithm = build(backend)
            Assignment(backend, lambda stream: None)
    return world


@contextlib.asynccontextmanager
async def runtime(world: Any) -> AsyncIterator[service.Runtime]:
    """The runtime sockets of the configuration, open and served."""
    listeners = keywords.listeners(world)
    problems = sockets.open_sockets(listeners)
    assert not problems, problems
    running = service.Runtime(world, listeners)
    await running.start()
    assert running.failure is None
    try:
        yield running
    finally:
        await close_clients()
        await running.stop()
        for listener in listeners:
            sockets.close(listener)


opened: list[Client] = []


async def close_clients() -> None:
    """Ends whatever connections a test has left open."""
    for client in opened:
        client.close()
        with contextlib.suppress(OSError):
            await client.writer.wait_closed()
    opened.clear()


class Client:
    """One connection to a runtime socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        opened.append(self)

    @classmethod
    async def open(cls, path: str) -> Client:
        return cls(*await asyncio.open_unix_connection(path))

    async def rest(self) -> str:
        return (await asyncio.wait_for(self.reader.read(), 5)).decode("utf-8", "surrogateescape")

    async def until(self, mark: bytes) -> str:
        return (await asyncio.wait_for(self.reader.readuntil(mark), 5)).decode("utf-8", "surrogateescape")

    def send(self, text: str | bytes) -> None:
        self.writer.write(text if isinstance(text, bytes) else text.encode())

    def close(self) -> None:
        self.writer.close()


async def ask(path: str, text: str | bytes) -> str:
    """One-shot: sends, reads to the end."""
    client = await Client.open(path)
    client.send(text if isinstance(text, bytes) else text + "\n")
    try:
        return await client.rest()
    finally:
        client.close()
