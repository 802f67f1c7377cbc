"""`show events`: the rings, and the lines in them (management manual, section 9.3)."""

from __future__ import annotations

import asyncio
import contextlib

from pylb.background.runtime.call import Call, CommandError
from pylb.log import ring as rings
from pylb.registry import command

PIECE = 1 << 16


@command("show events", usage="[<sink>] [-w] [-n] [-0]")
async def show_events(call: Call) -> None:
    """Lists the rings (with how many lines they have lost), or prints the lines of one.

    `-w` waits for more lines until something is typed or the session ends, `-n` begins behind the lines there are, `-0`
    ends each with a zero byte in place of a line feed. A session that reads slowly misses lines, and holds none up.
    """
    known = rings.of(call.program)
    name = call.arg(0)
    if not name:
        call.write("Supported events sinks are listed below. Add -w(wait), -n(new). Any key to stop\n")
        for number, label in ((1, "stdout"), (2, "stderr")):
            call.write(f"    {label:<10} : type=fd, 0 dropped, standard output (fd#{number})\n")
        for ring in known.values():
            call.write(f"    {ring.name:<10} : type=buffer, {ring.dropped} dropped, {ring.description}\n")
        return
    if name in ("stdout", "stderr"):
        raise CommandError("Nothing to report for this sink", "")
    if name not in known:
        raise CommandError("No such event sink", "")
    options = set()
    for word in call.args[1:]:
        if not word.startswith("-") or set(word[1:]) - set("wn0"):
            raise CommandError("unknown option", "")
        options |= set(word[1:])
    await _dump(call, known[name], options)


async def _dump(call: Call, ring: rings.Ring, options: set[str]) -> None:
    end = b"\0" if "0" in options else b"\n"
    reader = ring.reader(at_end="n" in options)
    typed: asyncio.Task[bytes] | None = None
    try:
        while True:
            lines, reader.position = ring.lines(reader.position, PIECE)
            if lines:
                call.write(b"".join([line + end for line in lines]).decode("utf-8", "surrogateescape"))
                await call.drain()
                continue
            if "w" not in options:
                return
            if typed is None:
                typed = asyncio.create_task(call.session.reader.read(1))
            more = asyncio.get_running_loop().create_future()
            ring.waiting.append(more)
            await asyncio.wait((typed, more), return_when=asyncio.FIRST_COMPLETED)
            if typed.done():
                return
    finally:
        ring.leave(reader)
        if typed is not None:
            typed.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await typed
