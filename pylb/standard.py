"""The explicit list of modules whose import declares words. Importing this module makes pylb's language complete.

Order matters only for the modules named `later`, which declare what nobody has declared before them.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Final

ROOMS: Final = (
    "pylb.config",
    "pylb.sample",
    "pylb.stick",
    "pylb.fetches",
    "pylb.converters",
    "pylb.rules",
    "pylb.rules.actions",
    "pylb.http",
    "pylb.filters",
    "pylb.log",
    "pylb.tls",
    "pylb.listener",
    "pylb.balance",
    "pylb.server",
    "pylb.services",
    "pylb.background",
    "pylb.background.runtime",
    "pylb.process",
)
LAST: Final = ("pylb.fetches.later", "pylb.converters.later", "pylb.config.later")
"""What nobody else declares: words that are parsed only."""


def load() -> None:
    """Imports every module of the rooms that declare words, those of LAST last."""
    for room in ROOMS:
        if importlib.util.find_spec(room) is None:
            continue
        package = importlib.import_module(room)
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
            name = f"{room}.{module.name}"
            if not module.ispkg and name not in LAST:
                importlib.import_module(name)
    for name in LAST:
        importlib.import_module(name)
