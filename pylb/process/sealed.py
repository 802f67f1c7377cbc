"""After privileges are dropped the file system may be an empty chroot: nothing may be imported or looked up any more.

`prepare` imports and touches what the standard library would otherwise fetch on first use; `seal` then puts a guard in
front of the import system that names every late import on stderr and in `late`. A late import is a bug: it works on
the developer's machine and fails in somebody's chroot.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from typing import Any, Final

from pylb.process import messages

AHEAD: Final = (
    "asyncio",
    "concurrent.futures.thread",  # the event loop's executor
    "encodings.ascii",
    "encodings.idna",  # host names given to the socket module
    "encodings.latin_1",
    "encodings.punycode",
    "encodings.raw_unicode_escape",
    "encodings.unicode_escape",
    "encodings.utf_8",
    "_strptime",
    "calendar",
    "linecache",
    "locale",
    "stringprep",
    "textwrap",
    "traceback",
    "uvloop",
)
"""Modules that the standard library or the loop imports inside functions."""

late: list[str] = []


class Guard:
    """Stands first on sys.meta_path. It finds nothing itself; it only sees who comes by."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        late.append(name)
        messages.alert(
            f"module {name} is imported after the process was sealed: this is a bug in pylb, please report it"
        )
        return None


_guard = Guard()


def prepare() -> None:
    """Imports what would come late, and reads files that the C library reads once."""
    for name in AHEAD:
        importlib.import_module(name)
    time.tzset()
    time.localtime()
    "x".encode("idna")


def seal() -> None:
    if _guard not in sys.meta_path:
        sys.meta_path.insert(0, _guard)


def unseal() -> None:
    """For tests."""
    if _guard in sys.meta_path:
        sys.meta_path.remove(_guard)
    late.clear()
