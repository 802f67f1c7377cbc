"""`pylb demo`: three small servers and pylb in front of them, to look at and play with.

Runs pylb as a process of its own on conf/quickstart.cfg, exactly as a user would, so nothing here knows how pylb
works inside. With `--port` everything moves to other ports (the quickstart's own may be taken).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

_SERVERS = {"s1": 18081, "s2": 18082, "s3": 18083}  # as conf/quickstart.cfg names them
_PORT = 8080
_SOCKET = "/tmp/pylb-quickstart.sock"


def quickstart() -> Path:
    """The example file: in the checkout, or where the wheel put it."""
    for folder in (Path(__file__).resolve().parents[1] / "conf", Path(sysconfig.get_path("data"), "share/pylb/conf")):
        path = folder / "quickstart.cfg"
        if path.is_file():
            return path
    raise FileNotFoundError("conf/quickstart.cfg is neither in the checkout nor in the installation")


class Origin:
    """A server that answers each request with its name, how often it was asked, and the request as it saw it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await _skip_body(reader, head)
                self.count += 1
                seen = head.decode("latin-1").strip().replace("\r\n", "\n    ")
                body = f"Hello from {self.name}, request {self.count} here. What reached me:\n\n    {seen}\n".encode()
                writer.write(
                    b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\nx-server: %b\r\n"
                    b"content-length: %d\r\n\r\n%b" % (self.name.encode(), len(body), body)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # the client left, or did not speak HTTP
        finally:
            writer.close()


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    length, chunked = 0, False
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = b"chunked" in value
    if not chunked:
        await reader.readexactly(length)
        return
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        await reader.readexactly(size + 2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        # Not SO_REUSEPORT: that would share the port with its owner.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return True
    return False


def _moved(text: str, ports: dict[int, int], folder: str) -> str:
    """The example on other ports, its runtime socket in a folder of its own."""
    for old, new in ports.items():
        text = text.replace(f":{old}", f":{new}")
    return text.replace(_SOCKET, f"{folder}/pylb.sock")


def _greeting(port: int, path: str, config: Path) -> str:
    return f"""\
pylb runs on http://localhost:{port}/ with {config}; three servers stand behind it.

Try, in another terminal:
  curl localhost:{port}                    again and again: s1, s2, s3 take turns
  curl localhost:{port}/one                a rule sends this path to s1 alone
  curl -i localhost:{port}/forbidden       denied by a rule
  curl -i localhost:{port}/old             redirected
  echo "show stat" | socat - {path}
  echo "help" | socat - {path}

Each request prints a log line below. Edit the file, stop with Ctrl-C and start again.
"""


async def _run(port: int | None, quiet: bool) -> int:
    wanted = {_PORT: _PORT, **{number: number for number in _SERVERS.values()}}
    busy = [number for number in (wanted if port is None else (port,)) if _taken(number)]
    if busy:
        names = ", ".join(map(str, busy))
        print(f"pylb demo: port {names} is in use; `pylb demo --port N` moves the demo", file=sys.stderr)
        return 1
    servers = []
    for name, number in _SERVERS.items():
        at = number if port is None else 0
        server = await asyncio.start_server(Origin(name).serve, "127.0.0.1", at, backlog=1024)
        wanted[number] = server.sockets[0].getsockname()[1]
        servers.append(server)
    with tempfile.TemporaryDirectory(prefix="pylb-demo-") as folder:
        config, path = quickstart(), _SOCKET
        if port is not None:
            wanted[_PORT] = port
            moved = Path(folder, config.name)
            moved.write_text(_moved(config.read_text(), wanted, folder))
            config, path = moved, f"{folder}/pylb.sock"
        if not quiet:
            print(_greeting(wanted[_PORT], path, config), flush=True)
        proxy = await asyncio.create_subprocess_exec(sys.executable, "-m", "pylb", "-db", "-f", str(config))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _end, proxy)
        code = await proxy.wait()
    for server in servers:
        server.close()
    return 0 if code in (0, 130, 143, -signal.SIGINT, -signal.SIGTERM) else code


def _end(proxy: asyncio.subprocess.Process) -> None:
    if proxy.returncode is None:
        os.kill(proxy.pid, signal.SIGTERM)


def main(argv: Sequence[str] = ()) -> int:
    """Entry of `pylb demo`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="pylb demo", description="three small servers with pylb in front of them")
    parser.add_argument("--port", type=int, help="listen here instead of 8080, and move everything else too")
    parser.add_argument("--quiet", action="store_true", help="do not print what to try")
    options = parser.parse_args(list(argv))
    return asyncio.run(_run(options.port, options.quiet))
