"""Small `show` commands: version, environment, errors, start-up messages, activity, memory; process-wide variables."""

from __future__ import annotations

import gc
import os
import resource
from typing import Any

from pylb.background.runtime.call import Call, CommandError
from pylb.background.runtime.show_info import resident
from pylb.clock import clock
from pylb.config.words import Line, Words
from pylb.errors import ConfigError, Span
from pylb.log import dates
from pylb.registry import Status, command
from pylb.sample import variables
from pylb.sample.scopes import Point
from pylb.sample.site import Site
from pylb.sample.values import Absent, Typed


@command("show version")
async def show_version(call: Call) -> None:
    """Prints the version of the process."""
    call.say(call.process.version)


@command("show env", level="operator", usage="[var]")
async def show_env(call: Call) -> None:
    """Prints the environment, or one variable of it."""
    environment = {**os.environ, **call.program.config.environment}
    name = call.arg(0)
    if name:
        if name not in environment:
            raise CommandError("Variable not found")
        call.write(f"{name}={environment[name]}\n")
        return
    for key, value in environment.items():
        call.write(f"{key}={value}\n")
        await call.drain()


@command("show startup-logs", level="operator")
async def show_startup_logs(call: Call) -> None:
    """Prints what was reported while the process started."""
    call.write(call.process.startup_logs)
    if not call.process.startup_logs:
        call.write("\n")


@command("show activity", status=Status.PARTIAL, note="counters of this event loop, not HAProxy's")
async def show_activity(call: Call) -> None:
    """Prints counters of the event loop, for developers."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    frontends = call.program.frontends
    facts = {
        "thread_id": "1 (1..1)",
        "date_now": f"{clock.wall:.6f}",
        "ctxsw": usage.ru_nvcsw + usage.ru_nivcsw,
        "cpust_ms_tot": int((usage.ru_utime + usage.ru_stime) * 1000),
        "stream_calls": sum(frontend.counters.req_total for frontend in frontends),
        "accepted": sum(frontend.counters.conn_total for frontend in frontends),
        "page_faults": usage.ru_majflt,
        "gc_collections": sum(generation["collections"] for generation in gc.get_stats()),
    }
    for name, value in facts.items():
        call.write(f"{name}: {value}\n")


@command("show pools", status=Status.PARTIAL, note="Python's own memory takes the place of HAProxy's pools")
async def show_pools(call: Call) -> None:
    """Prints how much memory is in use."""
    import sys

    memory = resident()
    call.write("Dumping pools usage.\n")
    call.write(f"  - Resident memory : {memory} bytes\n")
    call.write(f"  - Allocated blocks : {sys.getallocatedblocks()}\n")
    for number, count in enumerate(gc.get_count()):
        call.write(f"  - Collector generation {number} : {count} objects since its last run\n")
    call.write(f"Total: 1 pools, {memory} bytes allocated, {memory} used.\n")


@command("show schema json", status=Status.PARTIAL, note="describes the two JSON outputs in brief")
async def show_schema_json(call: Call) -> None:
    """Prints a JSON schema of the JSON forms of `show info` and `show stat`."""
    call.write(
        '{"$schema":"http://json-schema.org/draft-04/schema#","oneOf":[{"title":"Info","type":"array","items":{"type":'
        '"object","required":["field","processNum","tags","value"]}},{"title":"Stat","type":"array","items":{"type":'
        '"array","items":{"type":"object","required":["objType","proxyId","id","field","processNum","tags","value"]}}}]}\n'
    )


# -- show errors -----------------------------------------------------------------------------------------------------


@command("show errors", level="operator", usage="[<px>] [request|response]")
async def show_errors(call: Call) -> None:
    """Prints the last request and response of each proxy that could not be understood, with their bytes."""
    args = list(call.args)
    sides = {"request", "response"}
    if args and args[-1] in sides:
        sides = {args.pop()}
    captures = []
    proxies = [*call.program.frontends, *call.program.backends.values()]
    if args:
        wanted = args[0]
        proxies = [proxy for proxy in proxies if wanted in (proxy.name, str(proxy.uuid))]
        if not proxies:
            raise CommandError("No such proxy.")
    for proxy in proxies:
        for side, capture in (("request", proxy.last_bad_request), ("response", proxy.last_bad_response)):
            if capture is not None and side in sides:
                captures.append((proxy, side, capture))
    call.write(f"Total events captured on [{dates.local_ms(clock.wall).decode()}] : {len(captures)}\n")
    for number, (proxy, side, capture) in enumerate(captures):
        call.write(_capture_text(proxy, side, capture, number))
        await call.drain()


BUFFER = 16384


def _capture_text(proxy: Any, side: str, capture: Any, number: int) -> str:
    source = capture.src
    address = f"{source[0]}:{source[1]}" if isinstance(source, tuple) else "unix:1"
    backend, server = capture.backend, capture.server
    where = (f"  backend {backend.name} (#{backend.uuid}), " if backend is not None else "  backend <NONE> (#-1), ") + (
        f"server {server.name} (#{server.id}), " if server is not None else "server <NONE> (#-1), "
    )
    frontend = capture.frontend
    head = (
        f" \n[{dates.local_ms(capture.wall).decode()}] {'frontend' if side == 'request' else 'backend'} "
        f"{proxy.name} (#{proxy.uuid}): invalid {side}\n"
        f"{where}event #{number}, src {address}\n"
        f"  buffer starts at 0 (including 0 out), {max(0, BUFFER - len(capture.data))} free,\n"
        f"  len {len(capture.data)}, wraps at {BUFFER}, error at position {capture.offset}\n"
        f"  {capture.reason}, received by frontend {frontend.name} (#{frontend.uuid}) :\n  \n"
    )
    return head + "".join(dump(capture.data))


def dump(data: bytes) -> list[str]:
    """Bytes as HAProxy dumps them: offset, then text with C escapes, a new line behind every line feed or 70 bytes."""
    lines = []
    start = 0
    while start < len(data):
        end = data.find(b"\n", start, start + 70)
        end = min(start + 70, len(data)) if end < 0 else end + 1
        lines.append(f"  {start:05d}  {''.join(_ESCAPED[byte] for byte in data[start:end])}\n")
        start = end
    return lines


def _escape(byte: int) -> str:
    special = {9: "\\t", 10: "\\n", 13: "\\r", 27: "\\e", 92: "\\\\"}
    if byte in special:
        return special[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\x{byte:02X}"


_ESCAPED = [_escape(byte) for byte in range(256)]


# -- process-wide variables ------------------------------------------------------------------------------------------


class _Context:
    """What an expression sees that is evaluated for the runtime socket: neither connection nor stream."""

    session = stream = request = response = frontend = backend = server = None
    final = True
    variables: dict[str, Any] | None = None


@command("get var", level="operator", usage="<name>")
async def get_var(call: Call) -> None:
    """Prints the type and value of a process-wide variable."""
    name = call.arg(0, "Missing process-wide variable identifier.")
    value = variables.process.get(name)
    if value is None:
        raise CommandError("Variable not found.")
    call.write(f"{name}: type={'sint' if value.type == 'int' else value.type} value=<{shown(value)}>")


def shown(value: Typed) -> str:
    data = value.value
    if value.type in ("ipv4", "ipv6", "addr"):
        import socket

        return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)
    if value.type == "bin":
        return bytes(data).hex().upper()
    if isinstance(data, bool):
        return str(int(data))
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)


@command("set var", usage="<name> [fmt|expr] {<fmt>|<expr>}", mode="experimental")
async def set_var(call: Call) -> None:
    """Sets a process-wide variable to an expression, or with `fmt` to a formatted text."""
    name = call.arg(0, "Missing process-wide variable identifier.")
    if not name.startswith("proc."):
        raise CommandError("Only process-wide variables (proc.*) may be set here.")
    kind, text = ("expr", call.arg(1)) if len(call.args) < 3 else (call.arg(1), " ".join(call.args[2:]))
    if kind not in ("expr", "fmt"):
        raise CommandError(f"'set var': arg type must be either 'expr' or 'fmt' but got '{kind}'.", "")
    if not text:
        raise CommandError("'set var': missing expression or format.")
    site = Site(call.program.config, None, "cli", Point.CLI, what="cli")
    try:
        value = _evaluate(call, kind, text, site)
    except ConfigError as error:
        raise CommandError(f"'set var': {error.message}") from None
    if isinstance(value, Absent):
        raise CommandError("'set var': the expression has no value.")
    variables.process[name] = value


def _evaluate(call: Call, kind: str, text: str, site: Site) -> Any:
    if kind == "fmt":
        from pylb.sample import logformat

        return Typed("str", logformat.parse(text, site).compile(call.program)(_Context()))
    from pylb.sample import expression

    line = Line(["set-var", text], [Span("cli", 1)] * 2, call.program.config, call.program.config.globals, "global")
    parsed = expression.parse(Words(line, 1), site)
    value = parsed.compile(call.program)(_Context())
    if isinstance(value, (Absent, Typed)):
        return value
    return Typed(parsed.type, value)
