"""GUIDs: names of proxies, servers and sockets that stay the same across changes of a file (manual 4.2 `guid`).

Statistics files and tools recognise objects by them, so each may stand once in all of a configuration.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pylb.config import section_checks

if TYPE_CHECKING:
    from pylb.config.model import Configuration
    from pylb.errors import Span

LONGEST: Final = 127
_STRAY: Final = re.compile(r"[^A-Za-z0-9:_.\-]")


def mistake(text: str) -> str:
    """What is wrong with a GUID; "" for a good one."""
    stray = _STRAY.search(text)
    if stray is not None:
        return f"character '{stray[0]}' is not permitted in GUID '{text}'"
    if not text or len(text) > LONGEST:
        return f"a GUID has between 1 and {LONGEST} characters"
    return ""


def check(config: Configuration) -> None:
    """Reports GUIDs that stand twice."""
    seen: dict[str, tuple[str, Span]] = {}
    for proxy in config.proxies:
        objects = [(f"proxy '{proxy.name}'", proxy.values.get("guid"), proxy.span)]
        objects += [
            (f"server '{proxy.name}/{server.name}'", server.values.get("guid"), server.span)
            for server in proxy.servers
            if "guid" in server.values
        ]
        objects += [
            (f"bind '{bind.values.get('text', '')}' of proxy '{proxy.name}'", f"{prefix}-{number}", bind.span)
            for bind in proxy.binds
            if isinstance(prefix := bind.values.get("guid-prefix"), str)
            for number in range(sum(max(1, one.end_port - one.port + 1) for one in bind.addresses))
        ]
        for owner, guid, span in objects:
            if not isinstance(guid, str):
                continue
            if guid in seen:
                other, place = seen[guid]
                config.report.alert(
                    f"{owner} : GUID '{guid}' is already used by {other} at {place.file}:{place.line}.", span
                )
            else:
                seen[guid] = (owner, span)


section_checks.CHECKS.append(check)
