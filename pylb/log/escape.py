"""Bytes that must not reach a log as they are: written as # and two hexadecimal digits (HAProxy manual 8.6).

Everything outside 32..126, `"` and `#`; in captured headers also `{`, `|` and `}`, which delimit them.
"""

from __future__ import annotations

import re

_TABLE = [b"#%02X" % code for code in range(256)]
search_line = re.compile(rb"[^ !$-~]").search
_search_header = re.compile(rb"[^ !$-z~]").search
_sub_line = re.compile(rb"[^ !$-~]").sub
_sub_header = re.compile(rb"[^ !$-z~]").sub


def _code(found: re.Match[bytes]) -> bytes:
    return _TABLE[found[0][0]]


def line(text: bytes) -> bytes:
    """A request line, or a part of one."""
    return text if search_line(text) is None else _sub_line(_code, text)


def header(text: bytes) -> bytes:
    """A captured header or cookie."""
    return text if _search_header(text) is None else _sub_header(_code, text)


_sub_text = re.compile(rb"[^ -~]").sub


def cookie(text: bytes) -> bytes:
    """A captured cookie: HAProxy leaves its quotes as they are."""
    return _sub_text(_code, text)


_sd_sub = re.compile(rb'["\\\]]').sub


def structured(text: bytes) -> bytes:
    r"""Flag E: `"`, `\` and `]` behind a backslash, for RFC 5424 parameter values."""
    return _sd_sub(rb"\\\g<0>", text)
