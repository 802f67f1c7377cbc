"""Indexes over patterns: one class per match method, each answering `find(value)` with what a pattern is mapped to.

An index is made for a use (a method, case-sensitive or not, an output type of a map) and changed in place afterwards,
so that a closure may keep its `find`. The first pattern of the list wins where several match, except that exact
methods (str, bin) have one and that beg without -i and ip find the longest, as HAProxy's trees do.

    str bin      dict                          beg end       dict per length        sub       dict per length, or a scan
    ip           dict per prefix length        dir dom       dict per length, tried between delimiters
    int len      dict and a list of ranges     reg           list
"""

from __future__ import annotations

from typing import Final

from pylb.sample.range_indexes import Addresses, Dotted, Integers, Lengths, Network, Range, parse_network, parse_range
from pylb.sample.text_indexes import (
    Binary,
    Directory,
    Domain,
    Exact,
    Expressions,
    Find,
    Index,
    Prefix,
    Substring,
    Suffix,
)

__all__ = [
    "METHODS",
    "Addresses",
    "Binary",
    "Directory",
    "Domain",
    "Dotted",
    "Exact",
    "Expressions",
    "Find",
    "Index",
    "Integers",
    "Lengths",
    "Network",
    "Prefix",
    "Range",
    "Substring",
    "Suffix",
    "parse_network",
    "parse_range",
]

# Match method -> index. found and bool need none: they take no pattern.
METHODS: Final[dict[str, type[Index]]] = {
    "str": Exact,
    "bin": Binary,
    "beg": Prefix,
    "end": Suffix,
    "sub": Substring,
    "dir": Directory,
    "dom": Domain,
    "reg": Expressions,
    "int": Integers,
    "len": Lengths,
    "ip": Addresses,
}
