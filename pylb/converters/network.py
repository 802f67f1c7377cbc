"""Addresses and what Host headers hold (manual 7.3.1, RFC 9110 7.2)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pylb.registry import converter
from pylb.sample.casts import unmap
from pylb.sample.values import MISS

Step = Callable[[bytes, Any], Any]


@converter("ipmask", takes="addr", out="addr", args=("mask4", "mask6?"), usage="(<mask4>[,<mask6>])", pure=True)
def ipmask(mask4: bytes, mask6: bytes | None = None) -> Step:
    """The address with a mask applied; masks are dotted or counts of bits. An IPv6 address needs <mask6>, unless it
    holds an IPv4 one, which is masked as such."""
    low = int.from_bytes(mask4, "big")
    high = None if mask6 is None else int.from_bytes(mask6, "big")

    def mask(value: bytes, ctx: Any) -> Any:
        if len(value) == 16:
            inner = unmap(value) if value.startswith(b"\0" * 10 + b"\xff\xff") else MISS
            if not isinstance(inner, bytes):
                return MISS if high is None else (int.from_bytes(value, "big") & high).to_bytes(16, "big")
            value = inner
        return (int.from_bytes(value, "big") & low).to_bytes(4, "big")

    return mask


_digits = re.compile(rb"[0-9]{1,20}").match


def _port_at(value: bytes) -> int:
    """Index of the colon before the port, -1 without one: the last colon, unless it is inside brackets."""
    colon = value.rfind(b":")
    return colon if colon > value.rfind(b"]") else -1


@converter("host_only", takes="str", out="str", pure=True)
def host_only() -> Step:
    """The host of a Host header, in lower case, without its port; IPv6 addresses keep their brackets."""

    def convert(value: bytes, ctx: Any) -> bytes:
        colon = _port_at(value)
        return (value if colon < 0 else value[:colon]).lower()

    return convert


@converter("port_only", takes="str", out="int", pure=True)
def port_only() -> Callable[[bytes, Any], int]:
    """The port of a Host header, 0 when there is none."""

    def convert(value: bytes, ctx: Any) -> int:
        colon = _port_at(value)
        found = _digits(value, colon + 1) if colon >= 0 else None
        return int(found[0]) & 0xFFFFFFFF if found else 0

    return convert
