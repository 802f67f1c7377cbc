"""Counters of tracked entries: the families sc_, sc0_ to sc2_, src_ and the sizes of tables (manual 7.3.3, 11).

Stick tables come later; until then the words are understood and find nothing, and a start refuses them: what they
decide is who is let in.
"""

from __future__ import annotations

from typing import Final

from pylb.registry import Status, fetch
from pylb.sample.scopes import Scope
from pylb.sample.values import MISS, Fetch

_NOTE: Final = "stick tables come later"

# What an entry can be asked; the number of an array's element is an argument of its own.
_DATA: Final = (
    *("bytes_in_rate", "bytes_out_rate", "kbytes_in", "kbytes_out"),
    *("clr_gpc0", "clr_gpc1", "get_gpc0", "get_gpc1", "get_gpt0", "gpc0_rate", "gpc1_rate", "inc_gpc0", "inc_gpc1"),
    *("conn_cnt", "conn_cur", "conn_rate", "sess_cnt", "sess_rate", "glitch_cnt", "glitch_rate"),
    *("http_err_cnt", "http_err_rate", "http_fail_cnt", "http_fail_rate", "http_req_cnt", "http_req_rate"),
)
_ARRAYS: Final = ("clr_gpc", "get_gpc", "get_gpt", "gpc_rate", "inc_gpc")


def _nothing(*_: object) -> Fetch:
    return lambda ctx: MISS


def _table(prefix: str) -> str:
    """Counters know the table that they track in; an address is looked up in one that is named, or the proxy's own."""
    return "table" if prefix == "src_" else "table?"


def _family(prefix: str, counter: tuple[str, ...], whose: str) -> None:
    """Declares every datum of one family; `counter` is the argument that names the tracked counter."""
    own: tuple[str, ...] = ("updt_conn_cnt",) if prefix == "src_" else ("tracked", "trackers")
    for name in (*_DATA, *own, *_ARRAYS):
        inside = name.startswith("kbytes") or prefix == "src_"
        fetch(
            f"{prefix}{name}",
            out="bool" if name == "tracked" else "int",
            scope=Scope.CLIENT if inside else Scope.INTERNAL,
            args=(*(("int",) if name in _ARRAYS else ()), *counter, _table(prefix)),
            status=Status.UNSAFE,
            note=_NOTE,
            doc=f"{name} of the entry {whose}, in <table> or the one it is tracked in.",
        )(_nothing)


_family("sc_", ("int",), "that counter <number> tracks")
for _number in "012":
    _family(f"sc{_number}_", (), f"that counter {_number} tracks")
_family("src_", (), "of the source address")
for _name, _what in (("table_cnt", "Entries in"), ("table_avl", "Free entries of")):
    fetch(
        _name,
        out="int",
        scope=Scope.INTERNAL,
        args=("table",),
        status=Status.UNSAFE,
        note=_NOTE,
        doc=f"{_what} <table>, the proxy's own when omitted.",
    )(_nothing)
