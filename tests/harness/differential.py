"""The same scenario against HAProxy and against pylb, each with origins and a syslog server of its own.

    def scenario(site):
        with RawClient(site.port("fe")) as client:
            reply = client.send(b"GET / HTTP/1.1\\r\\nhost: a\\r\\n\\r\\n").read_reply()
        return reply.status, site.origins[0].requests

    def test_a_plain_request_reaches_the_server_alike(differential):
        differential(CONFIG, scenario)

In the configuration `$(fe)` is a free port, `$(s1)` the port of origin s1, `$(syslog)` the syslog port. What the
scenario returns is compared after `mask` has replaced what legitimately differs: ports, process ids, dates, names of
the two programs. Return plain values: numbers, bytes, strings, lists, dicts, Reply objects.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.harness.origin import Origin, Script, name_server
from tests.harness.peers import need
from tests.harness.programs import Program, running
from tests.harness.syslog import Syslog

Scenario = Callable[["Site"], Any]
Origins = Mapping[str, Script | None] | Sequence[str]


@dataclasses.dataclass(slots=True)
class Site:
    """One program under test with everything around it."""

    program: Program
    servers: dict[str, Origin]
    syslog: Syslog

    @property
    def kind(self) -> str:
        return self.program.kind

    @property
    def origins(self) -> list[Origin]:
        return list(self.servers.values())

    def port(self, name: str) -> int:
        return self.program.port(name)


@contextlib.contextmanager
def run_site(kind: str, config: str, origins: Origins = ("s1",), **details: Any) -> Iterator[Site]:
    """Starts origins, syslog and the program; ends them in reverse order.

    `origins`: names (each answers with its name), or name -> script. `details` go to `programs.start`.
    """
    scripts = origins if isinstance(origins, Mapping) else dict.fromkeys(origins)
    with contextlib.ExitStack() as stack:
        syslog = stack.enter_context(Syslog())
        servers = {
            name: stack.enter_context(Origin(script or name_server(name), name=name))
            for name, script in scripts.items()
        }
        values = {
            **{name: origin.port for name, origin in servers.items()},
            "syslog": syslog.port,
            **(details.pop("values", None) or {}),
        }
        program = stack.enter_context(running(kind, config, values=values, **details))
        yield Site(program, servers, syslog)


def differential(
    config: str,
    scenario: Scenario,
    *,
    origins: Origins = ("s1",),
    mask: Callable[[Any], Any] | None = None,
    **details: Any,
) -> Any:
    """Runs the scenario on both programs and demands equal results; returns HAProxy's (masked)."""
    need("haproxy")
    seen: dict[str, Any] = {}
    for kind in ("haproxy", "pylb"):
        with run_site(kind, config, origins, **dict(details)) as site:
            result = scenario(site)
            names = {str(port): f"<{name}>" for name, port in site.program.ports.items()}
            names |= {str(origin.port): f"<{name}>" for name, origin in site.servers.items()}
            seen[kind] = hide(result, names, kind)
            if mask is not None:
                seen[kind] = mask(seen[kind])
    assert seen["pylb"] == seen["haproxy"], _difference(seen["haproxy"], seen["pylb"])
    return seen["haproxy"]


_DATE = re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(\.\d+)?|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d")
_PID = re.compile(r"(haproxy|pylb)\[\d+\]")
_CLIENT = re.compile(r"\b127\.0\.0\.1:\d{4,5}\b(?!>)")
_TIMERS = re.compile(r"(?<= )-?\+?\d+(?:/-?\+?\d+){2,4}(?= )")


def hide(value: Any, names: Mapping[str, str] | None = None, kind: str = "") -> Any:
    """A copy of `value` without what differs from run to run: dates, process ids, ports, the program's name."""
    names = names or {}
    if isinstance(value, bytes | bytearray):
        return hide(bytes(value).decode("latin-1"), names, kind).encode("latin-1")
    if isinstance(value, str):
        for port, name in names.items():
            value = re.sub(rf"(?<!\d){port}(?!\d)", name, value)
        return _CLIENT.sub("127.0.0.1:<port>", _PID.sub("<program>[<pid>]", _DATE.sub("<date>", value)))
    if isinstance(value, Mapping):
        return {key: hide(item, names, kind) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return type(value)(hide(item, names, kind) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: hide(getattr(value, f.name), names, kind) for f in dataclasses.fields(value)}
    return value


def without_times(line: str) -> str:
    """A log line whose timers are replaced by their sign: `0/0/1/2/3` -> `+/+/+/+/+`, `-1` stays."""

    def sign(match: re.Match[str]) -> str:
        return "/".join("-1" if part == "-1" else "+" for part in match[0].split("/"))

    return _TIMERS.sub(sign, line, count=1)


def _difference(expected: Any, got: Any) -> str:
    return f"pylb differs from haproxy\n  haproxy: {expected!r}\n  pylb:    {got!r}"
